"""What is done to members, which changes the person. Each method is one atomic command."""

from __future__ import annotations

from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import PLATFORM, Decision, Ref, Seen
from chassis.errors import CommunityNotFoundError, VersionStaleError, check_version
from chassis.texts import check_body, check_reason
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.converters import (
    member_to_proto,
    membership_events,
    roles_of,
    trust_level_of,
)
from services.directory.domain.member import check_joins, member_of
from services.directory.domain.person import Person
from services.directory.domain.refusals import LastManagerError, MemberNotFoundError
from services.directory.domain.rights import require_manager
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import Trail, action_of, change_person, utc_now


class MemberUseCases:
    """Members: made, changed, removed."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def create_member(
        self, actor: Actor, request: pb.CreateMemberRequest
    ) -> pb.CreateMemberResponse:
        """On behalf of the company the person works for now."""
        require_manager(actor, request.community_id)
        roles = roles_of(request.roles)
        trust_level = trust_level_of(request.trust_level)
        community, _ = await self._repository.get_community(request.community_id, "", None)
        known = await self._repository.find_person(request.person_id)
        company_id = known.company_at(utc_now()) if known else ""
        enrolment = await self._repository.find_enrolment(community.id, company_id)

        def decide(seen: Seen[Person]) -> Decision[Person, pb.CreateMemberResponse]:
            now = seen.now.time
            if seen.state is not None and seen.state.company_at(now) != company_id:
                raise VersionStaleError("the person is changing employer")
            person = check_joins(
                seen.state,
                vendor_company_id=community.vendor_company_id,
                enrolment=enrolment,
                at=now,
                operator=actor.operator,
            )
            vendor = company_id == community.vendor_company_id
            after = person.join(
                community.id,
                company_id,
                now,
                vendor=vendor,
                roles=roles,
                trust_level=trust_level,
            )
            return change_person(
                seen,
                after,
                membership_events(person, after),
                lambda after, _: pb.CreateMemberResponse(member=_member(after, community.id)),
                Trail(actor, action_of(request)),
                platform=False,
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def update_member(
        self, actor: Actor, request: pb.UpdateMemberRequest
    ) -> pb.UpdateMemberResponse:
        """Other roles or trust."""
        community_id = request.community_id
        require_manager(actor, community_id)
        roles = roles_of(request.roles) if request.update_roles else None
        trust_level = trust_level_of(request.trust_level)
        fixed = request.trust_level_fixed if request.HasField("trust_level_fixed") else None
        dispensable = await self._dispensable(actor, community_id, request.person_id)

        def decide(seen: Seen[Person]) -> Decision[Person, pb.UpdateMemberResponse]:
            person = _existing(seen.state)
            membership = person.get_membership(community_id)
            check_version(membership.version, request.expected_version)
            after = person.change_member(community_id, roles, trust_level, fixed)
            if roles is not None and MANAGER in membership.roles and MANAGER not in roles:
                _check_dispensable(dispensable)
            return change_person(
                seen,
                after,
                [events.MemberUpdated(person_id=person.id, community_id=community_id)],
                lambda after, _: pb.UpdateMemberResponse(member=_member(after, community_id)),
                Trail(actor, action_of(request)),
                platform=False,
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def remove_member(
        self, actor: Actor, request: pb.RemoveMemberRequest
    ) -> pb.RemoveMemberResponse:
        """By a manager or OPERATOR, with a reason; or by the person, who needs none."""
        community_id = request.community_id
        leaving = request.person_id == actor.person_id
        if leaving:
            reason = check_body(request.reason, "reason", least=0, most=1000)
        else:
            require_manager(actor, community_id)
            reason = check_reason(request.reason)
        dispensable = await self._dispensable(actor, community_id, request.person_id)

        def decide(seen: Seen[Person]) -> Decision[Person, pb.RemoveMemberResponse]:
            if leaving and not _belongs(seen.state, community_id):
                raise CommunityNotFoundError(field="community_id")
            person = _existing(seen.state)
            membership = person.get_membership(community_id)
            check_version(membership.version, request.expected_version)
            after = person.leave(community_id, seen.now.time)
            if MANAGER in membership.roles:
                _check_dispensable(dispensable)
            return change_person(
                seen,
                after,
                membership_events(person, after),
                lambda after, _: pb.RemoveMemberResponse(member=_member(after, community_id)),
                Trail(actor, action_of(request), reason),
                platform=False,
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def _dispensable(self, actor: Actor, community_id: str, person_id: str) -> bool:
        """Whether the community can do without this manager, as far as is known before deciding.

        Two managers who remove each other at once may leave none: OPERATOR makes a new one.
        """
        return actor.operator or await self._repository.has_other_manager(community_id, person_id)

    def _ref(self, person_id: str) -> Ref[Person]:
        return self._repository.persons.ref(PLATFORM, person_id)


def _existing(person: Person | None) -> Person:
    if person is None:
        raise MemberNotFoundError(field="person_id")
    return person


def _belongs(person: Person | None, community_id: str) -> bool:
    membership = person.find_membership(community_id) if person else None
    return membership is not None and membership.end_time is None


def _check_dispensable(dispensable: bool) -> None:
    if not dispensable:
        raise LastManagerError(field="person_id")


def _member(person: Person, community_id: str) -> pb.Member:
    return member_to_proto(member_of(person, person.get_membership(community_id)))
