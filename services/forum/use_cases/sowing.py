"""How a post is made through a seeding: decided with the post, so that no item is posted twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from chassis.decisions import Other, Ref, Seen
from guildhall.forum.v1.domain_events_pb2 import SeedingUpdated
from services.forum.domain.members import Member
from services.forum.domain.seeding import (
    Seeding,
    SeedingItemNotFoundError,
    SeedingNotFoundError,
    seeding_of,
)
from services.forum.repository import ForumRepository
from services.forum.use_cases.moderating import Outcome

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Sown:
    """The seeding that a topic is of, and what becomes of it; empty: of none."""

    seeding_id: str = ""
    others: tuple[Other, ...] = ()

    def added(self, outcome: Outcome) -> Outcome:
        """The same outcome, and of the seeding with it."""
        return replace(outcome, along=(*outcome.along, *self.others))


@dataclass(frozen=True, slots=True)
class Sowing:
    """What a member wants to post through a seeding: an item of it, or a reply in its space."""

    member: Member
    refs: tuple[Ref[Seeding], ...]
    item_id: str = ""

    @classmethod
    def of_item(cls, member: Member, community_id: str, item_id: str) -> Sowing:
        """A topic; an empty id: of no seeding."""
        if not item_id:
            return cls(member, ())
        ref = ForumRepository.seeding_ref(community_id, seeding_of(item_id))
        return cls(member, (ref,), item_id)

    @classmethod
    def of_reply(cls, member: Member, community_id: str, seeding_id: str) -> Sowing:
        """A reply; an empty id: of no seeding."""
        if not seeding_id:
            return cls(member, ())
        return cls(member, (ForumRepository.seeding_ref(community_id, seeding_id),))

    def sown(self, seen: Seen[S], space_id: str, topic_id: str) -> Sown:
        """A topic as an item.

        Refuses with SEEDING_ITEM_NOT_FOUND, SEEDING_ENDED, SEEDING_ITEM_POSTED.
        """
        for ref in self.refs:
            seeding = seen.other(ref)
            if seeding is None:
                raise SeedingItemNotFoundError(field="seeding_item_id")
            posted = seeding.post(self.item_id, self.member, space_id, topic_id)
            other = ref.put(posted, [SeedingUpdated(seeding_id=seeding.id)])
            return Sown(seeding.id, (other,))
        return Sown()

    def replied(self, seen: Seen[S], space_id: str) -> str:
        """The seeding that a reply is of. Refuses with SEEDING_NOT_FOUND, SEEDING_ENDED."""
        for ref in self.refs:
            seeding = seen.other(ref)
            if seeding is None or seeding.space_id != space_id:
                raise SeedingNotFoundError(field="seeding_id")
            seeding.check_poster(self.member)
            seeding.check_active()
            return seeding.id
        return ""
