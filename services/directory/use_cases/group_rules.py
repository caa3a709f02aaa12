"""Whom the rules of groups take in and let go: asked of one person at once, of many by and by.

All of it may run twice, or be cut off and begin anew: what is decided is decided on the group, the
person and the enrolment as they are, and whoever changes one of those has it asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

from google.protobuf.empty_pb2 import Empty

from chassis.commands import Commands
from chassis.decisions import Decide, Decision, Seen
from chassis.errors import VersionStaleError
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.domain.enrolment import enrolment_id
from services.directory.domain.group import Facts, Group
from services.directory.domain.group_candidate import Candidate
from services.directory.domain.group_member import MOST_OF_ONE, PENDING, GroupMember
from services.directory.domain.person import Person
from services.directory.domain.refusals import (
    GroupMemberNotFoundError,
    GroupNotFoundError,
    MemberNotFoundError,
)
from services.directory.domain.sweep import Sweep, SweepKind
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import DIRECTORY, utc_now
from services.directory.use_cases.group_places import Place, change_group_member

PAGE = 200  # people looked at together, and decisions made together


class GroupRules:
    """Reads what rules would change, before it is decided."""

    def __init__(self, repository: DirectoryRepository) -> None:
        self._repository = repository

    async def list_changes(
        self, community_id: str, groups: Sequence[Group], person_ids: Sequence[str]
    ) -> list[Place]:
        """Where one of these people does not stand to one of these groups as its rule has it."""
        if not groups or not person_ids:
            return []
        people = [person for person, _ in await self._repository.list_persons_by_id(person_ids)]
        needed = {
            enrolment_id(community_id, m.company_id): community_id
            for person in people
            if (m := person.find_membership(community_id)) is not None and not m.vendor
        }
        group_ids = [group.id for group in groups]
        enrolments, rows = await asyncio.gather(
            self._repository.get_enrolments(needed),
            self._repository.list_stored_group_members(community_id, person_ids, group_ids),
        )
        stored = {(row.group_id, row.person_id): row for row in rows}
        places: list[tuple[Place, bool]] = []
        for person in people:
            membership = person.find_membership(community_id)
            if membership is None:
                continue
            enrolment = enrolments.get(enrolment_id(community_id, membership.company_id))
            facts = Facts.of(person.email, None if membership.vendor else enrolment)
            for group in groups:
                before = stored.get((group.id, person.id))
                after = _by_rule(group, person, before, facts)
                if after is not None and after != before:
                    place = Place(
                        DIRECTORY, community_id, group.id, person.id, membership.company_id
                    )
                    more = before is None or before.state not in PENDING
                    places.append((place, after.active and more))
        return await self._with_room(community_id, places)

    async def _with_room(
        self, community_id: str, places: Sequence[tuple[Place, bool]]
    ) -> list[Place]:
        """All but what would bring somebody into more groups than one may be in."""
        comers = {place.person_id for place, comes in places if comes}
        taken = await self._repository.count_groups_of_each(community_id, comers)
        kept: list[Place] = []
        for place, comes in places:
            if comes:
                taken[place.person_id] = taken.get(place.person_id, 0) + 1
            if not comes or taken[place.person_id] <= MOST_OF_ONE:
                kept.append(place)
        return kept


def apply_rule(place: Place) -> Decide[GroupMember, Empty]:
    """As the group's rule has it now. It stands on all that the rule looks at."""

    def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, Empty]:
        group = seen.other(place.group)
        if group is None:
            raise GroupNotFoundError(field="group_id")
        after = place.candidate(seen, group).by_rule()
        if after is None:
            raise GroupMemberNotFoundError(field="person_id")
        return change_group_member(
            seen, group, after, lambda _: Empty(), stands_on=place.rests_on(seen)
        )

    return decide


def follow_community(place: Place) -> Decide[GroupMember, Empty]:
    """Ended with the membership of the community that it was for."""

    def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, Empty]:
        group = seen.other(place.group)
        if group is None:
            raise GroupNotFoundError(field="group_id")
        after = place.candidate(seen, group).existing()
        return change_group_member(seen, group, after, lambda _: Empty())

    return decide


class GroupRuleUseCases:
    """Sweeps: rules asked of many people, after a change that may concern all of them."""

    def __init__(
        self, commands: Commands, repository: DirectoryRepository, *, page: int = PAGE
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._page = page
        self._rules = GroupRules(repository)

    async def sweep_groups(self) -> None:
        """All that waits."""
        while (sweep := await self._repository.next_sweep()) is not None:
            await self._sweep(sweep)
            await self._repository.end_sweep(sweep)

    async def _sweep(self, sweep: Sweep) -> None:
        community_id = sweep.community_id
        if sweep.kind is SweepKind.GROUP:
            group = await self._repository.find_group(community_id, sweep.target_id)
            if group is None or group.archived:
                return
            groups, pages = [group], self._who_may_be_in(group)
        else:
            groups = await self._repository.list_rule_groups(community_id)
            pages = self._people_of(community_id, sweep.target_id)
        if not groups:
            return
        async for page in pages:
            places = await self._rules.list_changes(community_id, groups, page)
            for start in range(0, len(places), self._page):
                await asyncio.gather(*map(self._apply, places[start : start + self._page]))

    async def _who_may_be_in(self, group: Group) -> AsyncIterator[list[str]]:
        """Those whom the group's rule has taken in, and then all members of the community."""
        last = ""
        while page := await self._repository.list_taken_in(group, last, self._page):
            yield page
            last = page[-1]
        if group.by_rule:
            async for page in self._people_of(group.community_id):
                yield page

    async def _people_of(self, community_id: str, company_id: str = "") -> AsyncIterator[list[str]]:
        """The members of a community; of one company also the former ones."""
        last = ""
        while page := await self._repository.list_person_ids(
            community_id, last, self._page, company_id=company_id
        ):
            yield page
            last = page[-1]

    async def _apply(self, place: Place) -> None:
        request = pb.JoinGroupRequest(  # only its ids count
            request_id=f"rule-{uuid.uuid4()}",
            community_id=place.community_id,
            group_id=place.group_id,
        )
        # Whoever changes what the rule looks at meanwhile has it asked again.
        with contextlib.suppress(VersionStaleError, GroupMemberNotFoundError, MemberNotFoundError):
            await self._commands.run(DIRECTORY, request, place.target, apply_rule(place))


def _by_rule(
    group: Group, person: Person, before: GroupMember | None, facts: Facts
) -> GroupMember | None:
    at = utc_now()
    membership = person.find_membership(group.community_id)
    settled = before.as_of(membership, at) if before else None
    return Candidate(group, person.id, membership, settled, at, facts).by_rule()
