"""A person's place in a group: what a decision about it wants to see, and how it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import PLATFORM, Decision, Ref, Seen, Write
from chassis.errors import VersionStaleError
from guildhall.directory.v1 import domain_events_pb2 as events
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.converters.groups import MEMBER_STATES, ROLES, group_member_to_proto
from services.directory.domain.enrolment import Enrolment, enrolment_id
from services.directory.domain.group import Facts, Group
from services.directory.domain.group_candidate import Candidate
from services.directory.domain.group_member import (
    MOST_OF_ONE,
    GroupMember,
    group_member_id,
)
from services.directory.domain.group_rights import GroupReader, group_reader
from services.directory.domain.person import Membership, Person
from services.directory.domain.rights import keyring_for
from services.directory.repository import DirectoryRepository

A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Place:
    """Of one person in one group, as the caller would change it."""

    actor: Actor
    community_id: str
    group_id: str
    person_id: str
    company_id: str = ""  # whose enrolment counts, where the group's rule is asked

    @classmethod
    def of(cls, actor: Actor, request: Any, person_id: str | None = None) -> Place:
        """Of this person, or of the caller. Refuses outsiders with COMMUNITY_NOT_FOUND."""
        keyring_for(actor, request.community_id)
        whose = actor.person_id if person_id is None else person_id
        return cls(actor, request.community_id, request.group_id, whose)

    @property
    def group(self) -> Ref[Group]:
        """The group."""
        return DirectoryRepository.groups.ref(self.community_id, self.group_id)

    @property
    def person(self) -> Ref[Person]:
        """The person."""
        return _person(self.person_id)

    @property
    def member(self) -> Ref[GroupMember]:
        """How the person stands to the group."""
        return self._member(self.person_id)

    @property
    def callers(self) -> tuple[Ref[Any], Ref[Any]]:
        """The caller, and how they stand to the group."""
        return _person(self.actor.person_id), self._member(self.actor.person_id)

    @property
    def enrolment(self) -> Ref[Enrolment]:
        """That of the person's company."""
        id_ = enrolment_id(self.community_id, self.company_id)
        return DirectoryRepository.enrolments.ref(self.community_id, id_)

    @property
    def target(self) -> Ref[GroupMember]:
        """How the person stands to the group, with all that it depends on."""
        callers = self.callers if self.actor.person_id else ()
        rests_on = (self.enrolment,) if self.company_id else ()
        return self.member.along(self.group, self.person, *callers, *rests_on)

    def reader(self, seen: Seen[Any]) -> GroupReader:
        """The caller, with what they are in the group now."""
        person, member = (seen.other(ref) for ref in self.callers)
        own = []
        if member is not None:
            own.append(member.as_of(self._membership(person), seen.now.time))
        return group_reader(self.actor, self.community_id, own)

    def rests_on(self, seen: Seen[GroupMember]) -> list[Ref[Any]]:
        """What the group's rule looks at: for what must not be decided on an older answer."""
        looked_at: tuple[Ref[Any], ...] = (self.group, self.person)
        if self.company_id:
            looked_at += (self.enrolment,)
        return [ref for ref in looked_at if seen.other(ref) is not None]

    def candidate(self, seen: Seen[GroupMember], group: Group) -> Candidate:
        """The person, as they stand to the group now. Refuses with VERSION_STALE.

        That is where the person changes employer while the rule is asked.
        """
        person, now = seen.other(self.person), seen.now.time
        membership = self._membership(person)
        before = seen.state.as_of(membership, now) if seen.state else None
        facts = None
        if self.company_id and person is not None and membership is not None:
            if membership.company_id != self.company_id:
                raise VersionStaleError("the person is changing employer")
            enrolment = None if membership.vendor else seen.other(self.enrolment)
            facts = Facts.of(person.email, enrolment)
        return Candidate(group, self.person_id, membership, before, now, facts)

    def _membership(self, person: Person | None) -> Membership | None:
        return person.find_membership(self.community_id) if person else None

    def _member(self, person_id: str) -> Ref[GroupMember]:
        id_ = group_member_id(self.group_id, person_id)
        return DirectoryRepository.group_members.ref(self.community_id, id_)


async def with_company(repository: DirectoryRepository, place: Place) -> Place:
    """With whose enrolment the group's rule asks about."""
    person = await repository.find_person(place.person_id)
    membership = person.find_membership(place.community_id) if person else None
    return replace(place, company_id=membership.company_id if membership else "")


async def is_full(repository: DirectoryRepository, place: Place) -> bool:
    """Whether the person is in all the groups that one may be in, as far as is known before."""
    found = await repository.count_groups_of_each(place.community_id, [place.person_id])
    return found.get(place.person_id, 0) >= MOST_OF_ONE


async def is_last_owner(repository: DirectoryRepository, place: Place) -> bool:
    """Whether nobody else owns the group, as far as is known before."""
    return not await repository.has_other_owner(place.community_id, place.group_id, place.person_id)


def change_group_member(
    seen: Seen[GroupMember],
    group: Group,
    after: GroupMember,
    answer: Callable[[pb.GroupMember], A],
    entries: Sequence[Write] = (),
    stands_on: Sequence[Ref[Any]] = (),
) -> Decision[GroupMember, A]:
    """Somebody who stands otherwise to a group from now on; what is as it was says nothing."""
    before = seen.state
    if after == before:
        entries = ()
    step = int(after.active) - int(before is not None and before.active)
    return Decision(
        after,
        lambda version: answer(group_member_to_proto(after, version)),
        [] if after == before else [changed_member(before, after)],
        writes=[*([DirectoryRepository.group_count(group, step)] if step else ()), *entries],
        stands_on=stands_on,
    )


def changed_member(before: GroupMember | None, after: GroupMember) -> events.GroupMemberChanged:
    """What is said of it."""
    return events.GroupMemberChanged(
        group_id=after.group_id,
        person_id=after.person_id,
        state=MEMBER_STATES[after.state],
        former_state=MEMBER_STATES[before.state] if before else pb.GROUP_MEMBER_STATE_UNSPECIFIED,
        role=ROLES[after.role],
    )


def _person(person_id: str) -> Ref[Person]:
    return DirectoryRepository.persons.ref(PLATFORM, person_id)
