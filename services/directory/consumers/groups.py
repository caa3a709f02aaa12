"""What groups make of changes of people, memberships, enrolments and their own rules.

What concerns one person is done with the event; what may concern many is left to a job, page by
page. Harmless twice: who is in by rule already is, and a sweep that is done again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chassis.domain_events import Consequence, DomainEvent, Effect, Subscription
from guildhall.directory.v1.domain_events_pb2 import (
    CompanyEnrolled,
    EnrolmentUpdated,
    GroupCreated,
    GroupUpdated,
    MemberJoined,
    MemberLeft,
    PersonReactivated,
    PersonUpdated,
)
from services.directory.domain.group_member import PENDING
from services.directory.domain.sweep import Sweep, SweepKind
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import DIRECTORY
from services.directory.use_cases.group_places import Place
from services.directory.use_cases.group_rules import GroupRules, apply_rule, follow_community


class GroupConsumers:
    """Domain events of the directory itself."""

    def __init__(self, repository: DirectoryRepository) -> None:
        self._repository = repository
        self._rules = GroupRules(repository)

    def of_directory(self) -> Subscription:
        """What is heard of the directory itself."""
        return Subscription(
            "directory",
            {
                MemberJoined: self.on_member_joined,
                MemberLeft: self.on_member_left,
                PersonUpdated: self.on_person_changed,
                PersonReactivated: self.on_person_changed,
                CompanyEnrolled: self.on_enrolment_changed,
                EnrolmentUpdated: self.on_enrolment_changed,
                GroupCreated: self.on_group_created,
                GroupUpdated: self.on_group_updated,
            },
            aggregate_types=("person", "enrolment", "group"),
        )

    async def on_member_joined(self, event: DomainEvent[MemberJoined]) -> Iterable[Consequence]:
        """The rules of the community's groups are asked of the new member."""
        return await self._by_rules(event.message.person_id, [event.message.community_id])

    async def on_member_left(self, event: DomainEvent[MemberLeft]) -> Iterable[Consequence]:
        """What the former member was in the community's groups has ended."""
        community_id, person_id = event.message.community_id, event.message.person_id
        rows = await self._repository.list_stored_group_members(community_id, [person_id])
        places = [
            Place(DIRECTORY, community_id, row.group_id, person_id)
            for row in rows
            if row.state in PENDING
        ]
        return [Effect(place.target, follow_community(place)) for place in places]

    async def on_person_changed(
        self, event: DomainEvent[PersonUpdated] | DomainEvent[PersonReactivated]
    ) -> Iterable[Consequence]:
        """The e-mail address may be another; and rules pass over whoever cannot act."""
        return await self._by_rules(event.message.person_id, event.message.community_ids)

    async def on_enrolment_changed(
        self, event: DomainEvent[CompanyEnrolled] | DomainEvent[EnrolmentUpdated]
    ) -> Iterable[Consequence]:
        """The rules are to be asked of all its people, where there are any."""
        message = event.message
        if not await self._repository.list_rule_groups(message.community_id):
            return ()
        return [self._sweep(event, message.community_id, SweepKind.ENROLMENT, message.company_id)]

    async def on_group_created(self, event: DomainEvent[GroupCreated]) -> Iterable[Consequence]:
        """Its rule is to be asked of all members, if it has one."""
        group = await self._repository.find_group(event.community_id, event.message.group_id)
        if group is None or not group.by_rule:
            return ()
        return [self._sweep(event, event.community_id, SweepKind.GROUP, group.id)]

    async def on_group_updated(self, event: DomainEvent[GroupUpdated]) -> Iterable[Consequence]:
        """Another rule is to be asked of all members."""
        if not event.message.rule_changed:
            return ()
        return [self._sweep(event, event.community_id, SweepKind.GROUP, event.message.group_id)]

    async def _by_rules(
        self, person_id: str, community_ids: Sequence[str]
    ) -> Iterable[Consequence]:
        effects: list[Effect] = []
        for community_id in community_ids:
            groups = await self._repository.list_rule_groups(community_id)
            places = await self._rules.list_changes(community_id, groups, [person_id])
            effects += [Effect(place.target, apply_rule(place)) for place in places]
        return effects

    def _sweep(
        self, event: DomainEvent[Any], community_id: str, kind: SweepKind, target_id: str
    ) -> Consequence:
        return self._repository.new_sweep(Sweep(community_id, kind, target_id, event.id))
