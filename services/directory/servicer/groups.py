"""GroupService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from chassis.actors import Actor, require_actor, require_person
from chassis.pagination import Paging, check_batch
from chassis.rpc_server import Context
from guildhall.directory.v1 import groups_pb2 as pb
from guildhall.directory.v1 import groups_pb2_grpc
from services.directory.converters import groups as converters
from services.directory.domain.group_member import GroupMemberState
from services.directory.domain.group_rights import GroupReader, group_reader
from services.directory.domain.refusals import GroupNotFoundError
from services.directory.domain.rights import keyring_for
from services.directory.repository import DirectoryRepository
from services.directory.use_cases import DirectoryUseCases


class GroupServicer(groups_pb2_grpc.GroupServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: DirectoryUseCases, repository: DirectoryRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def CreateGroup(
        self, request: pb.CreateGroupRequest, context: Context
    ) -> pb.CreateGroupResponse:
        return await self._use_cases.groups.create_group(require_person(), request)

    async def UpdateGroup(
        self, request: pb.UpdateGroupRequest, context: Context
    ) -> pb.UpdateGroupResponse:
        return await self._use_cases.groups.update_group(require_person(), request)

    async def ArchiveGroup(
        self, request: pb.ArchiveGroupRequest, context: Context
    ) -> pb.ArchiveGroupResponse:
        return await self._use_cases.groups.archive_group(require_person(), request)

    async def GetGroup(self, request: pb.GetGroupRequest, context: Context) -> pb.GetGroupResponse:
        ids = [request.group_id]
        reader = await self._reader(require_actor(), request.community_id, ids)
        found = await self._repository.list_groups_by_id(request.community_id, ids, reader.keys)
        if not found:
            raise GroupNotFoundError(field="group_id")
        return pb.GetGroupResponse(group=converters.group_to_proto(*found[0]))

    async def BatchGetGroups(
        self, request: pb.BatchGetGroupsRequest, context: Context
    ) -> pb.BatchGetGroupsResponse:
        actor = require_actor()
        ids = check_batch(list(request.group_ids), "group_ids")
        reader = await self._reader(actor, request.community_id, ids)
        found = await self._repository.list_groups_by_id(request.community_id, ids, reader.keys)
        return pb.BatchGetGroupsResponse(
            groups=[converters.group_to_proto(*group) for group in found]
        )

    async def ListGroups(
        self, request: pb.ListGroupsRequest, context: Context
    ) -> pb.ListGroupsResponse:
        reader = await self._reader(require_actor(), request.community_id)
        states = converters.viewer_states_of(request.viewer_states)
        own = [one.group_id for one in reader.own.values() if one.state in states]
        page, token = await self._repository.list_groups(
            request.community_id,
            Paging.of(request, str, str),
            reader.keys,
            only=own if states else None,
            archived=request.with_archived,
        )
        return pb.ListGroupsResponse(
            groups=[converters.group_to_proto(*group) for group in page], next_page_token=token
        )

    async def JoinGroup(
        self, request: pb.JoinGroupRequest, context: Context
    ) -> pb.JoinGroupResponse:
        return await self._use_cases.group_members.join_group(require_person(), request)

    async def LeaveGroup(
        self, request: pb.LeaveGroupRequest, context: Context
    ) -> pb.LeaveGroupResponse:
        return await self._use_cases.group_members.leave_group(require_person(), request)

    async def InviteToGroup(
        self, request: pb.InviteToGroupRequest, context: Context
    ) -> pb.InviteToGroupResponse:
        return await self._use_cases.group_moderation.invite_to_group(require_person(), request)

    async def AnswerGroupInvitation(
        self, request: pb.AnswerGroupInvitationRequest, context: Context
    ) -> pb.AnswerGroupInvitationResponse:
        return await self._use_cases.group_members.answer_group_invitation(
            require_person(), request
        )

    async def DecideGroupRequest(
        self, request: pb.DecideGroupRequestRequest, context: Context
    ) -> pb.DecideGroupRequestResponse:
        return await self._use_cases.group_moderation.decide_group_request(
            require_person(), request
        )

    async def ChangeGroupMember(
        self, request: pb.ChangeGroupMemberRequest, context: Context
    ) -> pb.ChangeGroupMemberResponse:
        return await self._use_cases.group_moderation.change_group_member(require_person(), request)

    async def RemoveGroupMember(
        self, request: pb.RemoveGroupMemberRequest, context: Context
    ) -> pb.RemoveGroupMemberResponse:
        return await self._use_cases.group_moderation.remove_group_member(require_person(), request)

    async def ListGroupMembers(
        self, request: pb.ListGroupMembersRequest, context: Context
    ) -> pb.ListGroupMembersResponse:
        actor, ids = require_actor(), [request.group_id]
        reader = await self._reader(actor, request.community_id, ids)
        state = converters.member_state_of(request.state) or GroupMemberState.ACTIVE
        role = converters.group_role_of(request.role)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_groups_by_id(request.community_id, ids, reader.keys)
        if not found:
            raise GroupNotFoundError(field="group_id")
        page, token = await self._repository.list_group_members(
            request.community_id,
            request.group_id,
            paging,
            _now(),
            state=state,
            role=role,
            person_id="" if reader.sees_state(found[0][0], state) else actor.person_id,
        )
        return pb.ListGroupMembersResponse(
            group_members=[converters.group_member_to_proto(*member) for member in page],
            next_page_token=token,
        )

    async def BatchGetGroupMembers(
        self, request: pb.BatchGetGroupMembersRequest, context: Context
    ) -> pb.BatchGetGroupMembersResponse:
        actor, community_id = require_actor(), request.community_id
        ids = check_batch(list(request.group_ids), "group_ids")
        reader = await self._reader(actor, community_id, ids)
        groups = await self._repository.list_groups_by_id(community_id, ids, reader.keys)
        seen = {group.id: group for group, _, _ in groups}
        members = await self._repository.list_group_members_of(
            community_id, request.person_id or actor.person_id, _now(), list(seen)
        )
        return pb.BatchGetGroupMembersResponse(
            group_members=[
                converters.group_member_to_proto(member, version)
                for member, version in members
                if reader.sees_state(seen[member.group_id], member.state)
                or member.person_id == actor.person_id
            ]
        )

    async def _reader(
        self, actor: Actor, community_id: str, group_ids: Sequence[str] | None = None
    ) -> GroupReader:
        """The caller with what they are in these groups now, or in all."""
        keyring_for(actor, community_id)
        own = []
        if actor.person_id:
            own = await self._repository.list_group_members_of(
                community_id, actor.person_id, _now(), group_ids
            )
        return group_reader(actor, community_id, [member for member, _ in own])


def _now() -> datetime:
    return datetime.now(UTC)
