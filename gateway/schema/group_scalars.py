"""Enums of groups: as scalars.py, protobuf's values as they are."""

from __future__ import annotations

from enum import Enum

import strawberry

from guildhall.directory.v1 import groups_pb2 as pb


@strawberry.enum(description="Who knows that there is a group.")
class GroupVisibility(Enum):
    """directory.GroupVisibility."""

    COMMUNITY = strawberry.enum_value(
        pb.GROUP_VISIBILITY_COMMUNITY, description="All members of the community."
    )
    MEMBERS = strawberry.enum_value(
        pb.GROUP_VISIBILITY_MEMBERS,
        description="Those who are in it or invited, and the community's managers.",
    )


@strawberry.enum(description="Who sees who is in a group, of those who see the group.")
class GroupMemberVisibility(Enum):
    """directory.GroupMemberVisibility."""

    COMMUNITY = strawberry.enum_value(
        pb.GROUP_MEMBER_VISIBILITY_COMMUNITY, description="Whoever sees the group."
    )
    MEMBERS = strawberry.enum_value(
        pb.GROUP_MEMBER_VISIBILITY_MEMBERS, description="Those who are in it."
    )
    MODERATORS = strawberry.enum_value(
        pb.GROUP_MEMBER_VISIBILITY_MODERATORS, description="Its moderators."
    )


@strawberry.enum(description="How one gets into a group. Invitations are taken with any.")
class GroupJoinPolicy(Enum):
    """directory.GroupJoinPolicy."""

    OPEN = strawberry.enum_value(pb.GROUP_JOIN_POLICY_OPEN, description="By joinGroup.")
    REQUEST = strawberry.enum_value(
        pb.GROUP_JOIN_POLICY_REQUEST,
        description="By joinGroup, which asks: its moderators decide.",
    )
    INVITE_ONLY = strawberry.enum_value(
        pb.GROUP_JOIN_POLICY_INVITE_ONLY, description="By an invitation only."
    )
    RULE = strawberry.enum_value(
        pb.GROUP_JOIN_POLICY_RULE,
        description="Whom the rule matches is in, and out again when it does not.",
    )


@strawberry.enum(description="Where a group is in its life.")
class GroupState(Enum):
    """directory.GroupState."""

    ACTIVE = pb.GROUP_STATE_ACTIVE
    ARCHIVED = strawberry.enum_value(
        pb.GROUP_STATE_ARCHIVED, description="It has ended: it opens nothing to anybody."
    )


@strawberry.enum(description="What a member may do in a group.")
class GroupRole(Enum):
    """directory.GroupRole."""

    MEMBER = pb.GROUP_ROLE_MEMBER
    MODERATOR = strawberry.enum_value(
        pb.GROUP_ROLE_MODERATOR, description="Invites, decides on requests, removes."
    )
    OWNER = strawberry.enum_value(
        pb.GROUP_ROLE_OWNER, description="Changes the group and gives roles, too."
    )


@strawberry.enum(description="How a person stands to a group. What it opens only ACTIVE ones see.")
class GroupMemberState(Enum):
    """directory.GroupMemberState."""

    INVITED = pb.GROUP_MEMBER_STATE_INVITED
    REQUESTED = strawberry.enum_value(
        pb.GROUP_MEMBER_STATE_REQUESTED, description="Has asked to come in."
    )
    ACTIVE = pb.GROUP_MEMBER_STATE_ACTIVE
    DECLINED = strawberry.enum_value(
        pb.GROUP_MEMBER_STATE_DECLINED, description="Did not want to be in it."
    )
    EXPIRED = strawberry.enum_value(
        pb.GROUP_MEMBER_STATE_EXPIRED, description="Did not answer the invitation."
    )
    REJECTED = strawberry.enum_value(pb.GROUP_MEMBER_STATE_REJECTED, description="Was not let in.")
    LEFT = strawberry.enum_value(
        pb.GROUP_MEMBER_STATE_LEFT,
        description="Went, or left the community, or the rule matches no longer.",
    )
    REMOVED = pb.GROUP_MEMBER_STATE_REMOVED
    SUSPENDED = pb.GROUP_MEMBER_STATE_SUSPENDED
    EXCLUDED = strawberry.enum_value(
        pb.GROUP_MEMBER_STATE_EXCLUDED, description="Stays out, whatever the rule says."
    )


@strawberry.enum(description="What brought a person to a group.")
class GroupMemberSource(Enum):
    """directory.GroupMemberSource."""

    SELF = pb.GROUP_MEMBER_SOURCE_SELF
    REQUEST = pb.GROUP_MEMBER_SOURCE_REQUEST
    INVITATION = pb.GROUP_MEMBER_SOURCE_INVITATION
    RULE = pb.GROUP_MEMBER_SOURCE_RULE
    MANAGER = strawberry.enum_value(
        pb.GROUP_MEMBER_SOURCE_MANAGER,
        description="Of who made the group, and who was excluded before they ever came.",
    )
