"""How a decision is recorded: the audit trail, and a changed person with their members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import PLATFORM, Decision, Seen, Write
from chassis.moment import Moment
from services.directory.domain.audit import AuditEntry
from services.directory.domain.person import Person
from services.directory.repository import DirectoryRepository

A = TypeVar("A", bound=Message)
DIRECTORY = Actor(service="directory")  # who does what nobody asked for


def utc_now() -> datetime:
    """For what is read before and after a decision; the decision has its own moment."""
    return datetime.now(UTC)


def action_of(request: Message) -> str:
    """The RPC's name."""
    return type(request).__name__.removesuffix("Request")


class Trail:
    """Who asked for what, to be written into the audit trail."""

    def __init__(self, actor: Actor, action: str, reason: str = "") -> None:
        self._actor = actor.name
        self._action = action
        self._reason = reason

    def entry(self, now: Moment, community_id: str, target_type: str, target_id: str) -> Write:
        """One entry of one community's trail, or the platform's."""
        return DirectoryRepository.new_audit_entry(
            AuditEntry(
                now.new_id(),
                community_id,
                now.time,
                self._actor,
                self._action,
                target_type,
                target_id,
                self._reason,
            )
        )


def change_person(
    seen: Seen[Person],
    after: Person,
    said: Sequence[Message],
    answer: Callable[[Person, int], A],
    trail: Trail,
    *,
    platform: bool = True,
) -> Decision[Person, A]:
    """A person who became another, with the members that show it and entries where it shows.

    What is as it was says and stores nothing.
    """
    if after == seen.state:
        return Decision(after, lambda version: answer(after, version))
    version = seen.seq + len(said)
    stamped = after.stamped(seen.state, version)
    writes = DirectoryRepository.member_writes(stamped, version)
    if platform:
        writes.append(trail.entry(seen.now, PLATFORM, "person", after.id))
    writes += [
        trail.entry(seen.now, membership.community_id, "member", after.id)
        for membership in stamped.memberships
        if membership.version == version
    ]
    return Decision(stamped, lambda version: answer(stamped, version), said, writes=writes)
