"""People, companies and communities in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from chassis.decisions import PLATFORM
from gateway import announcement_lists, batches, group_lists, lists
from gateway.context import Info
from gateway.cursors import decode_id, encode_id
from gateway.loaders import Listing, Reference, fetched_by, filled, read
from gateway.schema.fields import COMMUNITY, COMPANY, fetched, paged
from gateway.schema.group_scalars import GroupMemberState
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import (
    URL,
    CompanyKind,
    DateTime,
    Locale,
    MemberState,
    PersonState,
    Role,
    TrustLevel,
    unset_is_null,
)
from gateway.schema.staff import CommunityForStaff, CompanyForStaff, PersonForStaff
from gateway.schema.trust import TrustProgress
from guildhall.directory.v1 import directory_pb2

if TYPE_CHECKING:
    from gateway.schema.announcements import Channel
    from gateway.schema.forum import Space, Topic
    from gateway.schema.groups import Group

_LazyChannel = Annotated["Channel", strawberry.lazy("gateway.schema.announcements")]
_LazyGroup = Annotated["Group", strawberry.lazy("gateway.schema.groups")]
_LazySpace = Annotated["Space", strawberry.lazy("gateway.schema.forum")]
_LazyTopic = Annotated["Topic", strawberry.lazy("gateway.schema.forum")]


@strawberry.type(description="A human, once on the platform. People see only themselves so.")
class Person(PersonForStaff, CommunityNode):
    """directory.Person."""

    message = directory_pb2.Person

    display_name: str = strawberry.field(description="How others see the person.")
    state: PersonState = strawberry.field(description="Whether the person can act.")
    create_time: DateTime = strawberry.field(description="When the person was first known.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Person", PLATFORM, self.id))

    @strawberry.field(description="For the person and operators only, else null.")
    def email(self) -> str | None:
        return unset_is_null(self, "email")

    @strawberry.field(
        description="The IANA zone the person lives in; for the person and operators, else null. "
        "Null counts as UTC."
    )
    def time_zone(self) -> str | None:
        return unset_is_null(self, "time_zone")

    @strawberry.field(description="The person's language; for the person and operators, else null.")
    def locale(self) -> Locale | None:
        return unset_is_null(self, "locale")


@strawberry.type(description="A partner firm or a vendor.")
class Company(CompanyForStaff, CommunityNode):
    """directory.Company."""

    message = directory_pb2.Company

    name: str = strawberry.field(description="Its name.")
    kind: CompanyKind = strawberry.field(description="What it is to the platform.")
    description: str = strawberry.field(description="About it, in plain text.")
    create_time: DateTime = strawberry.field(description="When it was first known.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque; the same in every community.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Company", PLATFORM, self.id))

    @strawberry.field(description="Its website.")
    def website(self) -> URL | None:
        return unset_is_null(self, "website")


@strawberry.type(description="A person in one community, on behalf of one company.")
class Member(CommunityNode):
    """directory.Member."""

    message = directory_pb2.Member

    display_name: str = strawberry.field(description="The person's name.")
    roles: list[Role] = strawberry.field(description="What the member may do here.")
    trust_level: TrustLevel = strawberry.field(description="Earned by taking part.")
    state: MemberState = strawberry.field(description="Whether the membership counts.")
    join_time: DateTime = strawberry.field(description="Since when.")
    end_time: DateTime | None = strawberry.field(description="Until when; null while it counts.")
    version: int = strawberry.field(description="For expectedVersion; the person's.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Member", self.community_id, self.person_id))  # type: ignore[attr-defined]

    trust_level_fixed: bool = strawberry.field(
        description="Whether the trust level was given by hand: what is earned does not change it."
    )

    trust_progress: TrustProgress | None = fetched(
        Reference(batches.trust_progress, lambda row: (row.community_id, row.person_id)),
        "How far the member is from the next trust level: one's own, and for moderators whoever "
        "has done anything; else null.",
    )

    company: Company | None = fetched(
        COMPANY,
        "The company the member acts for.",
    )

    community: Annotated[Community, strawberry.lazy("gateway.schema.directory")] | None = fetched(
        COMMUNITY,
        "The community.",
    )


@strawberry.type(description="One vendor's programme community; nothing passes its wall.")
class Community(CommunityForStaff, CommunityNode):
    """directory.Community."""

    message = directory_pb2.Community

    slug: str = strawberry.field(description="Its name in addresses.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="About it, in plain text.")
    create_time: DateTime = strawberry.field(description="When it began.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Community", self.id, self.id))

    vendor: Company | None = fetched(
        Reference(batches.companies, lambda row: (row.id, row.vendor_company_id)),
        "The company whose community it is.",
    )

    @strawberry.field(
        metadata=fetched_by(Listing(lists.members), guildhall_cost=5),
        description="Active members, by name. Codes: BAD_USER_INPUT.",
    )
    def members(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        company_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Of one company only.")
        ] = None,
        role: Annotated[
            Role | None, strawberry.argument(description="With this role only.")
        ] = None,
    ) -> Connection[Member] | None:
        return read(info, self)

    companies: Connection[Company] | None = paged(
        lists.companies, "Companies that are enrolled now, by name. Codes: BAD_USER_INPUT."
    )

    @strawberry.field(
        metadata=fetched_by(Listing(group_lists.groups), guildhall_cost=5),
        description="The groups one can see, by name. Codes: BAD_USER_INPUT.",
    )
    def groups(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        viewer_states: Annotated[
            list[GroupMemberState] | None,
            strawberry.argument(description="Those only that one stands to so oneself."),
        ] = None,
        with_archived: Annotated[
            bool, strawberry.argument(description="Those that have ended as well.")
        ] = False,
    ) -> Connection[_LazyGroup] | None:
        return read(info, self)

    spaces: Connection[_LazySpace] | None = paged(
        lists.spaces, "The spaces one can read, by name. Codes: BAD_USER_INPUT."
    )

    @strawberry.field(
        metadata=fetched_by(Listing(lists.space)),
        description="One space; null where there is none that one can read.",
    )
    def space(
        self,
        info: Info,
        slug: Annotated[str, strawberry.argument(description="The space's slug.")],
    ) -> _LazySpace | None:
        return read(info, self)

    @strawberry.field(
        metadata=fetched_by(Listing(announcement_lists.channels), guildhall_cost=5),
        description="The channels one can read, by name. Codes: BAD_USER_INPUT.",
    )
    def channels(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        followed: Annotated[
            bool, strawberry.argument(description="Those one follows only.")
        ] = False,
    ) -> Connection[_LazyChannel] | None:
        return read(info, self)

    @strawberry.field(
        metadata=fetched_by(Listing(announcement_lists.channel)),
        description="One channel; null where there is none that one can read.",
    )
    def channel(
        self,
        info: Info,
        slug: Annotated[str, strawberry.argument(description="The channel's slug.")],
    ) -> _LazyChannel | None:
        return read(info, self)

    topics: Connection[_LazyTopic] | None = paged(
        lists.community_topics,
        "Topics of all spaces one can read, newest activity first. Codes: BAD_USER_INPUT.",
    )


@strawberry.type
class DirectoryQuery:
    """Root fields of the directory."""

    @strawberry.field(
        description="One community by id or slug; null where there is none that one is in. "
        "Codes: BAD_USER_INPUT."
    )
    async def community(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Its global id.")
        ] = None,
        slug: Annotated[
            str | None, strawberry.argument(description="Its slug, where no id is given.")
        ] = None,
    ) -> Community | None:
        community_id = decode_id(id, "id", "Community").id if id is not None else ""
        context = info.context
        request = directory_pb2.GetCommunityRequest(community_id=community_id, slug=slug or "")
        response = await context.find(context.services.directory.GetCommunity, request)
        if response is None:
            return None
        return await filled(info, response.community)

    @strawberry.field(
        description="The communities one is a member of, by name; for operators all. "
        "Codes: BAD_USER_INPUT.",
        metadata={"guildhall_cost": 5},
    )
    async def communities(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Community] | None:
        page = await lists.communities(
            info.context, None, {"first": first, "after": after, "last": last, "before": before}
        )
        return await filled(info, page)
