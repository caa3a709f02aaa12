"""Inputs and payloads of what is done with groups. A payload's source is the RPC's response."""

from __future__ import annotations

import strawberry

from gateway.schema.forum.inputs.base import Write, optional
from gateway.schema.group_scalars import (
    GroupJoinPolicy,
    GroupMemberVisibility,
    GroupVisibility,
)
from gateway.schema.groups import Group, GroupMember
from gateway.schema.writes import expected_version

MEMBERSHIP = "The version of the membership that one has seen"


@strawberry.input
class OfGroup(Write):
    """A write to a group."""

    group_id: strawberry.ID = strawberry.field(description="The group.")


@strawberry.type
class _GroupPayload:
    group: Group = strawberry.field(description="The group as it is now.")


@strawberry.type
class GroupMemberPayload:
    """With one membership."""

    group_member: GroupMember = strawberry.field(
        description="How the person stands to the group now."
    )


@strawberry.input(
    description="Whom a group takes by itself: of every list that is not empty, one must fit. "
    "Upper and lower case are the same; 20 of each at most."
)
class GroupRuleInput:
    """Of createGroup and updateGroup."""

    partner_types: list[str] | None = optional("What kind of partner the company is.")
    tiers: list[str] | None = optional("The company's tier.")
    verticals: list[str] | None = optional("Industries the company works for.")
    territories: list[str] | None = optional("Where the company works.")
    email_domains: list[str] | None = optional(
        "The whole domain of the person's address, as their issuer gave it."
    )


@strawberry.input(description="A new group.")
class CreateGroupInput(Write):
    """Of createGroup."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    name: str = strawberry.field(description="Its name, unique among the community's.")
    description: str = strawberry.field(default="", description="About it, in plain text.")
    visibility: GroupVisibility | None = optional(
        "Who knows that there is the group; by default COMMUNITY."
    )
    member_visibility: GroupMemberVisibility | None = optional(
        "Who sees who is in it; by default COMMUNITY."
    )
    join_policy: GroupJoinPolicy | None = optional("How one gets in; by default INVITE_ONLY.")
    rule: GroupRuleInput | None = optional(
        "Whom it takes by itself: where joinPolicy is RULE, and there it must say something."
    )


@strawberry.type(description="The new group.")
class CreateGroupPayload(_GroupPayload):
    """Of createGroup."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateGroupInput(OfGroup):
    """Of updateGroup."""

    name: str | None = optional("Its new name.")
    description: str | None = optional("Its new description.")
    visibility: GroupVisibility | None = optional("Who knows of it from now on.")
    member_visibility: GroupMemberVisibility | None = optional("Who sees who is in it.")
    join_policy: GroupJoinPolicy | None = optional(
        "How one gets in from now on; any but RULE takes the rule away."
    )
    rule: GroupRuleInput | None = optional("Replaces the whole rule.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed group.")
class UpdateGroupPayload(_GroupPayload):
    """Of updateGroup."""


@strawberry.input(description="What ends.")
class ArchiveGroupInput(OfGroup):
    """Of archiveGroup."""

    expected_version: int | None = expected_version()


@strawberry.type(description="The group that has ended.")
class ArchiveGroupPayload(_GroupPayload):
    """Of archiveGroup."""


@strawberry.input(description="Where one wants to be.")
class JoinGroupInput(OfGroup):
    """Of joinGroup."""


@strawberry.type(description="One is in, or has asked.")
class JoinGroupPayload(GroupMemberPayload):
    """Of joinGroup."""


@strawberry.input(description="What one leaves.")
class LeaveGroupInput(OfGroup):
    """Of leaveGroup."""

    expected_version: int | None = expected_version(MEMBERSHIP)


@strawberry.type(description="One is not in it any more.")
class LeaveGroupPayload(GroupMemberPayload):
    """Of leaveGroup."""
