"""Spaces in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway import lists
from gateway.cursors import encode_id
from gateway.schema.audiences import AudienceFields
from gateway.schema.directory import Community
from gateway.schema.fields import COMMUNITY, fetched, paged
from gateway.schema.forum.space_settings import SpaceSettings
from gateway.schema.quality.spaces import SpaceVitalityFields
from gateway.schema.relay import CommunityNode, Connection
from gateway.schema.scalars import DateTime, SpaceMode
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

    topics: Connection[Annotated[Topic, strawberry.lazy("gateway.schema.forum")]] | None = paged(
        lists.space_topics,
        "Its topics, newest activity first. One call a space. Codes: BAD_USER_INPUT.",
    )

    pinned_topics: Connection[Annotated[Topic, strawberry.lazy("gateway.schema.forum")]] | None = (
        paged(
            lists.pinned_topics,
            "Topics to be shown before all others, last pinned first; topics has them too, where "
            "their activity puts them. One call a space. Codes: BAD_USER_INPUT.",
        )
    )
