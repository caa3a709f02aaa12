"""What people do about groups for themselves. Each method is one atomic command."""

from __future__ import annotations

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.domain.group_member import GroupMember
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.group_places import (
    Place,
    change_group_member,
    is_full,
    is_last_owner,
    with_company,
)


class GroupMemberUseCases:
    """Into groups and out of them."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def join_group(self, actor: Actor, request: pb.JoinGroupRequest) -> pb.JoinGroupResponse:
        """At once, or by asking for it."""
        place = Place.of(actor, request)
        full = await is_full(self._repository, place)

        def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, pb.JoinGroupResponse]:
            group = place.reader(seen).visible(seen.other(place.group))
            candidate = place.candidate(seen, group)
            after = candidate.join()
            candidate.check_room(after, full=full)
            return change_group_member(
                seen, group, after, lambda member: pb.JoinGroupResponse(group_member=member)
            )

        return await self._commands.run(actor, request, place.target, decide)

    async def leave_group(
        self, actor: Actor, request: pb.LeaveGroupRequest
    ) -> pb.LeaveGroupResponse:
        """Also what one has asked for."""
        place = await with_company(self._repository, Place.of(actor, request))
        last = await is_last_owner(self._repository, place)

        def decide(seen: Seen[GroupMember]) -> Decision[GroupMember, pb.LeaveGroupResponse]:
            reader = place.reader(seen)
            group = reader.visible(seen.other(place.group))
            candidate = place.candidate(seen, group)
            candidate.existing("group_id")
            check_version(seen.seq, request.expected_version)
            after = candidate.leave()
            reader.check_dispensable(candidate.before, after, last=last)
            return change_group_member(
                seen,
                group,
                after,
                lambda member: pb.LeaveGroupResponse(group_member=member),
                stands_on=place.rests_on(seen),
            )

        return await self._commands.run(actor, request, place.target, decide)

    async def answer_group_invitation(
        self, actor: Actor, request: pb.AnswerGroupInvitationRequest
    ) -> pb.AnswerGroupInvitationResponse:
        """Accepted or declined."""
        place = Place.of(actor, request)
        full = await is_full(self._repository, place)

        def decide(
            seen: Seen[GroupMember],
        ) -> Decision[GroupMember, pb.AnswerGroupInvitationResponse]:
            group = place.reader(seen).visible(seen.other(place.group))
            candidate = place.candidate(seen, group)
            check_version(seen.seq, request.expected_version)
            after = candidate.answer(accept=request.accept)
            candidate.check_room(after, full=full)
            return change_group_member(
                seen,
                group,
                after,
                lambda member: pb.AnswerGroupInvitationResponse(group_member=member),
            )

        return await self._commands.run(actor, request, place.target, decide)
