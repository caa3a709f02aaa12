"""Spaces in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway import lists
from gateway.context import Info
from gateway.cursors import encode_id
from gateway.loaders import Listing, fetched_by, read
from gateway.schema.audiences import AudienceFields
from gateway.schema.directory import Community
from gateway.schema.fields import COMMUNITY, fetched, paged
from gateway.schema.forum.narrowing import Context, IdeaStatuses, Kinds, Order
from gateway.schema.forum.space_settings import SpaceSettings
from gateway.schema.quality.spaces import SpaceVitalityFields
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import DateTime, SpaceMode, TopicOrder
from guildhall.forum.v1 import forum_pb2

if TYPE_CHECKING:
    from gateway.schema.forum.topics import Topic


@strawberry.type(description="A place for topics, with its own readers.")
class Space(CommunityNode, AudienceFields, SpaceVitalityFields):
    """forum.Space."""

    message = forum_pb2.Space

    slug: str = strawberry.field(description="Its name in addresses, unique in the community.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="About it, in plain text.")
    mode: SpaceMode = strawberry.field(description="Whether posts wait for review.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(description="For expectedVersion.")
    settings: SpaceSettings = strawberry.field(description="How it is run.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Space", self.community_id, self.id))  # type: ignore[attr-defined]

    community: Community | None = fetched(
        COMMUNITY,
        "The community it belongs to.",
    )

    @strawberry.field(
        metadata=fetched_by(Listing(lists.space_topics), guildhall_cost=5),
        description="Its topics, newest activity first, unless said otherwise. One call a space. "
        "Codes: BAD_USER_INPUT, FIELD_INVALID.",
    )
    def topics(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        kinds: Kinds = None,
        idea_statuses: IdeaStatuses = None,
        order: Order = TopicOrder.ACTIVITY,
        context: Context = None,
    ) -> Connection[Annotated[Topic, strawberry.lazy("gateway.schema.forum")]] | None:
        return read(info, self)

    pinned_topics: Connection[Annotated[Topic, strawberry.lazy("gateway.schema.forum")]] | None = (
        paged(
            lists.pinned_topics,
            "Topics to be shown before all others, last pinned first; topics has them too, where "
            "their activity puts them. One call a space. Codes: BAD_USER_INPUT.",
        )
    )
