"""What can be done with members of groups, and by who is to be one, in GraphQL."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.schema.administration import person_of
from gateway.schema.forum.mutations.base import MODERATOR, What
from gateway.schema.groups import member_inputs as g
from gateway.schema.groups.mutations import GROUP, of_group
from gateway.schema.writes import codes, number, version, write
from guildhall.directory.v1 import groups_pb2 as pb


def _of_member(input: Any) -> dict[str, Any]:
    """The fields that every write to another's membership has."""
    return {**of_group(input), "person_id": person_of(input.person_id, "personId")}


@strawberry.type
class GroupMemberMutation:
    """Invitations, requests, and what its moderators do with members."""

    @strawberry.mutation(
        description=codes(
            "Ask a member of the community into a group; again, where the invitation has expired. "
            "Who has asked to come in is in. For its moderators and the community's managers.",
            *GROUP, "MEMBER_NOT_FOUND", "ALREADY_GROUP_MEMBER", "GROUP_MEMBER_EXCLUDED",
            "GROUP_MEMBER_SUSPENDED", "TOO_MANY_GROUPS", MODERATOR, "FIELD_INVALID",
        )
    )  # fmt: skip
    async def invite_to_group(
        self, info: Info, input: Annotated[g.InviteToGroupInput, What]
    ) -> g.InviteToGroupPayload:
        request = pb.InviteToGroupRequest(**_of_member(input), expire_time=input.expire_time)
        return await write(info, info.context.services.groups.InviteToGroup, request)

    @strawberry.mutation(
        description=codes(
            "Accept or decline an invitation.", *GROUP, "GROUP_INVITATION_NOT_FOUND",
            "TOO_MANY_GROUPS", "VERSION_STALE",
        )
    )  # fmt: skip
    async def answer_group_invitation(
        self, info: Info, input: Annotated[g.AnswerGroupInvitationInput, What]
    ) -> g.AnswerGroupInvitationPayload:
        request = pb.AnswerGroupInvitationRequest(
            **of_group(input), accept=input.accept, expected_version=version(input)
        )
        return await write(info, info.context.services.groups.AnswerGroupInvitation, request)

    @strawberry.mutation(
        description=codes(
            "Let somebody in who has asked, or not. For its moderators and the community's "
            "managers.", *GROUP, "GROUP_REQUEST_NOT_FOUND", "TOO_MANY_GROUPS", MODERATOR,
            "TEXT_INVALID", "VERSION_STALE",
        )
    )  # fmt: skip
    async def decide_group_request(
        self, info: Info, input: Annotated[g.DecideGroupRequestInput, What]
    ) -> g.DecideGroupRequestPayload:
        request = pb.DecideGroupRequestRequest(
            **_of_member(input),
            approve=input.approve,
            reason=input.reason,
            expected_version=version(input),
        )
        return await write(info, info.context.services.groups.DecideGroupRequest, request)

    @strawberry.mutation(
        description=codes(
            "Give another role, suspend, exclude, or take that back. Who is excluded stays out, "
            "whatever the rule says; one who never was in it can be excluded too. For its "
            "moderators, roles for its owners, and all for the community's managers.",
            *GROUP, "GROUP_MEMBER_NOT_FOUND", "MEMBER_NOT_FOUND", "GROUP_MEMBER_STATE_INVALID",
            "REASON_REQUIRED", "LAST_OWNER", MODERATOR, "TEXT_INVALID", "FIELD_INVALID",
            "VERSION_STALE",
        )
    )  # fmt: skip
    async def change_group_member(
        self, info: Info, input: Annotated[g.ChangeGroupMemberInput, What]
    ) -> g.ChangeGroupMemberPayload:
        request = pb.ChangeGroupMemberRequest(
            **_of_member(input),
            role=number(input.role),
            state=number(input.state),
            reason=input.reason,
            expected_version=version(input),
        )
        return await write(info, info.context.services.groups.ChangeGroupMember, request)

    @strawberry.mutation(
        description=codes(
            "End a membership, an invitation or a request. For its moderators and the community's "
            "managers; of moderators and owners for owners and managers.",
            *GROUP, "GROUP_MEMBER_NOT_FOUND", "GROUP_MEMBER_BY_RULE",
            "GROUP_MEMBER_STATE_INVALID", "REASON_REQUIRED", "LAST_OWNER", MODERATOR,
            "TEXT_INVALID", "VERSION_STALE",
        )
    )  # fmt: skip
    async def remove_group_member(
        self, info: Info, input: Annotated[g.RemoveGroupMemberInput, What]
    ) -> g.RemoveGroupMemberPayload:
        request = pb.RemoveGroupMemberRequest(
            **_of_member(input), reason=input.reason, expected_version=version(input)
        )
        return await write(info, info.context.services.groups.RemoveGroupMember, request)
