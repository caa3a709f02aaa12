"""Who may administer and read a community."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.actors import MANAGER, Actor


def require_manager(actor: Actor, community_id: str) -> None:
    """MANAGER of the community, or OPERATOR. Refuses with COMMUNITY_NOT_FOUND, ROLE_REQUIRED."""
    if not actor.operator:
        actor.require_role(community_id, MANAGER)


def unwalled(actor: Actor) -> bool:
    """Services and OPERATOR read the directory whatever the community."""
    return actor.operator or bool(actor.service)


def keyring_for(actor: Actor, community_id: str) -> Sequence[str] | None:
    """What queries must match; None: all. Refuses outsiders with COMMUNITY_NOT_FOUND."""
    return None if unwalled(actor) else actor.member_of(community_id).keyring


def keyring_anywhere(actor: Actor) -> Sequence[str] | None:
    """The keys of all the reader's communities; None: all."""
    if unwalled(actor):
        return None
    return [key for membership in actor.memberships.values() for key in membership.keyring]
