"""What can be done with groups, in GraphQL: one mutation an RPC, named alike."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.forum.mutations.base import MODERATOR, What
from gateway.schema.groups import inputs as g
from gateway.schema.writes import codes, number, version, write
from guildhall.directory.v1 import groups_pb2 as pb

_TEXTS = ("GROUP_NAME_TAKEN", "GROUP_RULE_INVALID", MODERATOR, "TEXT_INVALID", "FIELD_INVALID")
GROUP = ("GROUP_NOT_FOUND", "GROUP_ARCHIVED")


def of_group(input: Any) -> dict[str, Any]:
    """The fields that every write to a group has."""
    group = decode_id(input.group_id, "groupId", "Group")
    return {
        "request_id": input.request_id,
        "community_id": group.community_id,
        "group_id": group.id,
    }


def _described(input: Any) -> dict[str, Any]:
    """What a group is said to be."""
    return {
        "name": input.name,
        "description": input.description,
        "visibility": number(input.visibility),
        "member_visibility": number(input.member_visibility),
        "join_policy": number(input.join_policy),
        "rule": input.rule
        and pb.GroupRule(
            partner_types=input.rule.partner_types,
            tiers=input.rule.tiers,
            verticals=input.rule.verticals,
            territories=input.rule.territories,
            email_domains=input.rule.email_domains,
        ),
    }


@strawberry.type
class GroupMutation:
    """Groups, and how one comes into them and goes."""

    @strawberry.mutation(
        description=codes(
            "Add a group; who adds it is its first OWNER. For managers and group moderators.",
            "COMMUNITY_NOT_FOUND", "TOO_MANY_GROUPS", *_TEXTS,
        )
    )  # fmt: skip
    async def create_group(
        self, info: Info, input: Annotated[g.CreateGroupInput, What]
    ) -> g.CreateGroupPayload:
        request = pb.CreateGroupRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            **_described(input),
        )
        return await write(info, info.context.services.groups.CreateGroup, request)

    @strawberry.mutation(
        description=codes(
            "Change a group; another rule holds for everybody within the minute. For its owners "
            "and the community's managers.", *GROUP, *_TEXTS, "VERSION_STALE",
        )
    )  # fmt: skip
    async def update_group(
        self, info: Info, input: Annotated[g.UpdateGroupInput, What]
    ) -> g.UpdateGroupPayload:
        request = pb.UpdateGroupRequest(
            **of_group(input), **_described(input), expected_version=version(input)
        )
        return await write(info, info.context.services.groups.UpdateGroup, request)

    @strawberry.mutation(
        description=codes(
            "End a group for good: what it opened is closed at once, its name is free, who was in "
            "it can still be read. For its owners and the community's managers.",
            *GROUP, MODERATOR, "VERSION_STALE",
        )
    )  # fmt: skip
    async def archive_group(
        self, info: Info, input: Annotated[g.ArchiveGroupInput, What]
    ) -> g.ArchiveGroupPayload:
        request = pb.ArchiveGroupRequest(**of_group(input), expected_version=version(input))
        return await write(info, info.context.services.groups.ArchiveGroup, request)

    @strawberry.mutation(
        description=codes(
            "Come in where the group is open or one is invited; ask to, where it takes requests. "
            "A second time changes nothing.", *GROUP, "GROUP_NOT_OPEN", "GROUP_MEMBER_EXCLUDED",
            "GROUP_MEMBER_SUSPENDED", "TOO_MANY_GROUPS",
        )
    )  # fmt: skip
    async def join_group(
        self, info: Info, input: Annotated[g.JoinGroupInput, What]
    ) -> g.JoinGroupPayload:
        request = pb.JoinGroupRequest(**of_group(input))
        return await write(info, info.context.services.groups.JoinGroup, request)

    @strawberry.mutation(
        description=codes(
            "Go, or take back what one has asked for.", "GROUP_NOT_FOUND",
            "GROUP_MEMBER_NOT_FOUND", "GROUP_MEMBER_BY_RULE", "GROUP_MEMBER_SUSPENDED",
            "LAST_OWNER", "VERSION_STALE",
        )
    )  # fmt: skip
    async def leave_group(
        self, info: Info, input: Annotated[g.LeaveGroupInput, What]
    ) -> g.LeaveGroupPayload:
        request = pb.LeaveGroupRequest(**of_group(input), expected_version=version(input))
        return await write(info, info.context.services.groups.LeaveGroup, request)
