"""What a group's moderators do about who is in it. Each method is one atomic command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen, Write
from chassis.errors import FieldInvalidError, check_version
from chassis.texts import check_body, check_reason
from chassis.timestamps import time_of
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.converters.groups import group_role_of, member_state_of
from services.directory.domain.group_candidate import Candidate
from services.directory.domain.group_member import (
    INVITATION,
    LONGEST_INVITATION,
    GroupMember,
    GroupMemberState,
    group_member_id,
)
from services.directory.domain.member import MemberState
from services.directory.domain.refusals import MemberNotFoundError
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import Trail, action_of, utc_now
from services.directory.use_cases.group_places import (
    Place,
    change_group_member,
    is_full,
    is_last_owner,
    with_company,
)

_GIVEN = (GroupMemberState.ACTIVE, GroupMemberState.SUSPENDED, GroupMemberState.EXCLUDED)


class GroupModerationUseCases:
    """Invitations, requests, roles, suspensions, exclusions, removals."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def invite_to_group(
        self, actor: Actor, request: pb.InviteToGroupRequest
    ) -> pb.InviteToGroupResponse:
        """A member of the community; again, where an invitation is open."""
        until = None
        if request.HasField("expire_time"):
            until = time_of(request.expire_time, "expire_time")
        place = Place.of(actor, request, request.person_id)
        members = await self._repository.list_members_by_id(
            place.community_id, [place.person_id], None, utc_now()
        )
        here = any(member.state is MemberState.ACTIVE for member in members)
        full = await is_full(self._repository, place)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, pb.InviteToGroupResponse]:
            group = place.reader(seen).moderated(seen.other(place.group))
            candidate = place.candidate(seen, group)
            if not here:
                raise MemberNotFoundError(field="person_id")
            after = candidate.invite(_until(until, seen.now.time))
            candidate.check_room(after, full=full)
            return change_group_member(
                seen,
                group,
                after,
                lambda member: pb.InviteToGroupResponse(group_member=member),
                _entries(trail, seen, place),
            )

        return await self._commands.run(actor, request, place.target, decide)

    async def decide_group_request(
        self, actor: Actor, request: pb.DecideGroupRequestRequest
    ) -> pb.DecideGroupRequestResponse:
        """Let in or not."""
        reason = check_body(request.reason, "reason", least=0, most=1000)
        place = Place.of(actor, request, request.person_id)
        trail = Trail(actor, action_of(request), reason)

        def decide(
            seen: Seen[GroupMember],
        ) -> Decision[GroupMember, pb.DecideGroupRequestResponse]:
            group = place.reader(seen).moderated(seen.other(place.group))
            candidate = place.candidate(seen, group)
            check_version(seen.seq, request.expected_version)
            return change_group_member(
                seen,
                group,
                candidate.decide(approve=request.approve),
                lambda member: pb.DecideGroupRequestResponse(group_member=member),
                _entries(trail, seen, place),
            )

        return await self._commands.run(actor, request, place.target, decide)

    async def change_group_member(
        self, actor: Actor, request: pb.ChangeGroupMemberRequest
    ) -> pb.ChangeGroupMemberResponse:
        """The state first, then the role."""
        role, state = group_role_of(request.role), member_state_of(request.state)
        if state is not None and state not in _GIVEN:
            raise FieldInvalidError(f"state must be one of {', '.join(_GIVEN)}", field="state")
        reason = check_body(request.reason, "reason", least=0, most=1000)
        if state in (GroupMemberState.SUSPENDED, GroupMemberState.EXCLUDED):
            reason = check_reason(request.reason)
        place = Place.of(actor, request, request.person_id)
        place = await with_company(self._repository, place)
        last = await is_last_owner(self._repository, place)
        trail = Trail(actor, action_of(request), reason)

        def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, pb.ChangeGroupMemberResponse]:
            reader = place.reader(seen)
            group = reader.moderated(seen.other(place.group))
            candidate = place.candidate(seen, group)
            check_version(seen.seq, request.expected_version)
            group.open()
            reader.check_above(group, candidate.before)
            after = _changed(candidate, state)
            if role is not None:
                reader.owned(group)
                after = after.with_role(role)
            reader.check_dispensable(candidate.before, after, last=last)
            return change_group_member(
                seen,
                group,
                after,
                lambda member: pb.ChangeGroupMemberResponse(group_member=member),
                _entries(trail, seen, place),
                place.rests_on(seen),
            )

        return await self._commands.run(actor, request, place.target, decide)

    async def remove_group_member(
        self, actor: Actor, request: pb.RemoveGroupMemberRequest
    ) -> pb.RemoveGroupMemberResponse:
        """With a reason; whom the rule takes in can only be excluded."""
        reason = check_reason(request.reason)
        place = Place.of(actor, request, request.person_id)
        place = await with_company(self._repository, place)
        last = await is_last_owner(self._repository, place)
        trail = Trail(actor, action_of(request), reason)

        def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, pb.RemoveGroupMemberResponse]:
            reader = place.reader(seen)
            group = reader.moderated(seen.other(place.group))
            candidate = place.candidate(seen, group)
            check_version(seen.seq, request.expected_version)
            group.open()
            reader.check_above(group, candidate.before)
            after = candidate.remove()
            reader.check_dispensable(candidate.before, after, last=last)
            return change_group_member(
                seen,
                group,
                after,
                lambda member: pb.RemoveGroupMemberResponse(group_member=member),
                _entries(trail, seen, place),
                place.rests_on(seen),
            )

        return await self._commands.run(actor, request, place.target, decide)


def _changed(candidate: Candidate, state: GroupMemberState | None) -> GroupMember:
    if state is GroupMemberState.EXCLUDED:
        return candidate.exclude()
    if state is GroupMemberState.ACTIVE:
        return candidate.lift()
    before = candidate.existing()
    return before if state is None else before.suspend(candidate.at)


def _until(asked: datetime | None, at: datetime) -> datetime:
    """Refuses with FIELD_INVALID what is over, or too far away."""
    until = asked or at + INVITATION
    if not at < until <= at + LONGEST_INVITATION:
        raise FieldInvalidError(
            f"expire_time must be within {LONGEST_INVITATION.days} days", field="expire_time"
        )
    return until


def _entries(trail: Trail, seen: Seen[GroupMember], place: Place) -> Sequence[Write]:
    id_ = group_member_id(place.group_id, place.person_id)
    return [trail.entry(seen.now, place.community_id, "group_member", id_)]
