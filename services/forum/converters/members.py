"""What the directory says of a member, as the forum knows one."""

from __future__ import annotations

from chassis.actors import MANAGER, MODERATOR
from guildhall.directory.v1 import directory_pb2
from services.forum.domain.members import Member

_MODERATORS = {directory_pb2.Role.Value(f"ROLE_{role}") for role in (MODERATOR, MANAGER)}


def member_of(found: directory_pb2.PersonMembership) -> Member:
    """Somebody who is not calling just now."""
    membership = found.membership
    return Member(
        found.person_id,
        membership.company_id,
        membership.trust_level,
        not _MODERATORS.isdisjoint(membership.roles),
        tuple(membership.keyring),
    )
