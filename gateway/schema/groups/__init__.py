"""Groups of a community, and how people stand to them, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import batches, group_lists
from gateway.context import Info
from gateway.cursors import encode_id
from gateway.loaders import Listing, Reference, fetched_by, read
from gateway.schema.directory import Community, Company, Member
from gateway.schema.fields import COMMUNITY, COMPANY, PERSON, fetched
from gateway.schema.group_scalars import (
    GroupJoinPolicy,
    GroupMemberSource,
    GroupMemberState,
    GroupMemberVisibility,
    GroupRole,
    GroupState,
    GroupVisibility,
)
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import DateTime
from gateway.schema.viewer import NODES, found_within
from guildhall.directory.v1 import groups_pb2


@strawberry.type(
    description="Whom a group takes by itself: of every list that is not empty, one must fit."
)
class GroupRule:
    """directory.GroupRule."""

    partner_types: list[str] = strawberry.field(description="What kind of partner the company is.")
    tiers: list[str] = strawberry.field(description="The company's tier.")
    verticals: list[str] = strawberry.field(description="Industries the company works for.")
    territories: list[str] = strawberry.field(description="Where the company works.")
    email_domains: list[str] = strawberry.field(
        description="The whole domain of the person's address."
    )


@strawberry.type(
    description="Some members of a community, for whom spaces and channels can be: see Audience."
)
class Group(CommunityNode):
    """directory.Group."""

    message = groups_pb2.Group

    name: str = strawberry.field(description="Its name, unique among the community's.")
    description: str = strawberry.field(description="About it, in plain text.")
    visibility: GroupVisibility = strawberry.field(description="Who knows that there is the group.")
    member_visibility: GroupMemberVisibility = strawberry.field(
        description="Who sees who is in it, of those who see the group."
    )
    join_policy: GroupJoinPolicy = strawberry.field(description="How one gets in.")
    rule: GroupRule | None = strawberry.field(
        description="Whom it takes by itself; null where joinPolicy is not RULE."
    )
    member_count: int = strawberry.field(description="How many are in it.")
    state: GroupState = strawberry.field(description="Where it is in its life.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Group", self.community_id, self.id))  # type: ignore[attr-defined]

    community: Community | None = fetched(COMMUNITY, "The community it belongs to.")

    viewer_membership: Annotated[GroupMember, strawberry.lazy("gateway.schema.groups")] | None = (
        fetched(
            Reference(batches.own_group_members, lambda row: (row.community_id, row.id)),
            "How one stands to it oneself; null where one never had to do with it.",
        )
    )

    @strawberry.field(
        metadata=fetched_by(Listing(group_lists.members), guildhall_cost=5),
        description="Who is in it, longest first, as far as memberVisibility lets one see; its "
        "moderators see who stands to it otherwise as well, others only themselves. One call a "
        "group. Codes: BAD_USER_INPUT.",
    )
    def members(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        state: Annotated[
            GroupMemberState | None,
            strawberry.argument(description="Who stands to it so; by default ACTIVE."),
        ] = None,
        role: Annotated[
            GroupRole | None, strawberry.argument(description="With this role only.")
        ] = None,
    ) -> Connection[Annotated[GroupMember, strawberry.lazy("gateway.schema.groups")]] | None:
        return read(info, self)


@strawberry.type(description="How a person stands to a group.")
class GroupMember:
    """directory.GroupMember."""

    role: GroupRole = strawberry.field(description="What the person may do in it.")
    state: GroupMemberState = strawberry.field(description="How the person stands to it.")
    source: GroupMemberSource = strawberry.field(description="What brought the person to it.")
    create_time: DateTime = strawberry.field(description="When the person came near it.")
    update_time: DateTime = strawberry.field(description="Since when the state is this.")
    expire_time: DateTime | None = strawberry.field(
        description="Until when an invitation can be accepted; else null."
    )
    version: int = strawberry.field(description="For expectedVersion.")

    group: Group | None = fetched(
        Reference(batches.groups, lambda row: (row.community_id, row.group_id)),
        "The group; null where one cannot see it, or not any more.",
    )
    member: Member | None = fetched(PERSON, "The person, who may have left the community since.")
    company: Company | None = fetched(COMPANY, "For whom the person is in it.")


NODES["Group"] = found_within(batches.groups)
