"""Stands for the directory's GroupService: real gRPC, canned rows, every call counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from grpc import aio

from chassis.errors import NotFoundError
from chassis.pagination import encode_page_token
from gateway.lists import folded
from gateway.tests.standins import _StandIn, paged, time
from guildhall.directory.v1 import groups_pb2 as pb
from guildhall.directory.v1.groups_pb2_grpc import (
    GroupServiceServicer,
    add_GroupServiceServicer_to_server,
)


class GroupNotFoundError(NotFoundError):
    """As the directory's."""


class GroupStandIn(_StandIn, GroupServiceServicer):
    """Groups g1 to g5 of c1; whoever calls is in those with an odd number, and in none else."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = [group(number) for number in range(1, 6)]

    async def GetGroup(self, request: Any, _context: Any) -> Any:
        self.called("GetGroup", request)
        for row in self.groups:
            if (row.community_id, row.id) == (request.community_id, request.group_id):
                return pb.GetGroupResponse(group=row)
        raise GroupNotFoundError(field="group_id")

    async def BatchGetGroups(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetGroups", request)
        found = [
            row
            for row in self.groups
            if row.community_id == request.community_id and row.id in request.group_ids
        ]
        return pb.BatchGetGroupsResponse(groups=found)

    async def ListGroups(self, request: Any, _context: Any) -> Any:
        self.called("ListGroups", request)
        page, token = paged(
            request, self.groups, lambda row: encode_page_token(folded(row.name), row.id)
        )
        return pb.ListGroupsResponse(groups=page, next_page_token=token)

    async def BatchGetGroupMembers(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetGroupMembers", request)
        known = [row.id for row in self.groups if row.id in request.group_ids]
        return pb.BatchGetGroupMembersResponse(
            group_members=[member(id_, "p1") for id_ in known if int(id_[1:]) % 2]
        )

    async def ListGroupMembers(self, request: Any, _context: Any) -> Any:
        self.called("ListGroupMembers", request)
        rows = [member(request.group_id, f"p{number}", number) for number in range(1, 6)]
        page, token = paged(
            request,
            rows,
            lambda row: encode_page_token(row.update_time.ToDatetime(UTC), row.person_id),
        )
        return pb.ListGroupMembersResponse(group_members=page, next_page_token=token)

    async def CreateGroup(self, request: Any, _context: Any) -> Any:
        self.called("CreateGroup", request)
        return pb.CreateGroupResponse(group=self.groups[0])

    async def UpdateGroup(self, request: Any, _context: Any) -> Any:
        self.called("UpdateGroup", request)
        return pb.UpdateGroupResponse(group=self.groups[0])

    async def ArchiveGroup(self, request: Any, _context: Any) -> Any:
        self.called("ArchiveGroup", request)
        return pb.ArchiveGroupResponse(group=self.groups[0])

    async def JoinGroup(self, request: Any, _context: Any) -> Any:
        self.called("JoinGroup", request)
        return pb.JoinGroupResponse(group_member=member(request.group_id, "p1"))

    async def LeaveGroup(self, request: Any, _context: Any) -> Any:
        self.called("LeaveGroup", request)
        self.groups = [row for row in self.groups if row.id != request.group_id]
        left = member(request.group_id, "p1")
        left.state = pb.GROUP_MEMBER_STATE_LEFT
        return pb.LeaveGroupResponse(group_member=left)

    async def InviteToGroup(self, request: Any, _context: Any) -> Any:
        self.called("InviteToGroup", request)
        invited = member(request.group_id, request.person_id)
        invited.expire_time.CopyFrom(request.expire_time)
        return pb.InviteToGroupResponse(group_member=invited)

    async def AnswerGroupInvitation(self, request: Any, _context: Any) -> Any:
        self.called("AnswerGroupInvitation", request)
        return pb.AnswerGroupInvitationResponse(group_member=member(request.group_id, "p1"))

    async def DecideGroupRequest(self, request: Any, _context: Any) -> Any:
        self.called("DecideGroupRequest", request)
        decided = member(request.group_id, request.person_id)
        return pb.DecideGroupRequestResponse(group_member=decided)

    async def ChangeGroupMember(self, request: Any, _context: Any) -> Any:
        self.called("ChangeGroupMember", request)
        changed = member(request.group_id, request.person_id)
        return pb.ChangeGroupMemberResponse(group_member=changed)

    async def RemoveGroupMember(self, request: Any, _context: Any) -> Any:
        self.called("RemoveGroupMember", request)
        removed = member(request.group_id, request.person_id)
        return pb.RemoveGroupMemberResponse(group_member=removed)


def group(number: int) -> pb.Group:
    """Those with an even number take whom their rule matches."""
    made = pb.Group(
        id=f"g{number}",
        community_id="c1",
        name=f"Group {number}",
        visibility=pb.GROUP_VISIBILITY_COMMUNITY,
        member_visibility=pb.GROUP_MEMBER_VISIBILITY_MEMBERS,
        join_policy=pb.GROUP_JOIN_POLICY_RULE if number % 2 == 0 else pb.GROUP_JOIN_POLICY_OPEN,
        member_count=number,
        state=pb.GROUP_STATE_ACTIVE,
        create_time=time(number),
        version=number,
    )
    if number % 2 == 0:
        made.rule.tiers.append("gold")
    return made


def member(group_id: str, person_id: str, number: int = 0) -> pb.GroupMember:
    """Somebody who has come in by themselves."""
    return pb.GroupMember(
        group_id=group_id,
        community_id="c1",
        person_id=person_id,
        company_id="co1",
        role=pb.GROUP_ROLE_MEMBER,
        state=pb.GROUP_MEMBER_STATE_ACTIVE,
        source=pb.GROUP_MEMBER_SOURCE_SELF,
        create_time=time(number),
        update_time=time(number),
        version=1,
    )


def add_groups(servicer: GroupServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_GroupServiceServicer_to_server(servicer, server)
