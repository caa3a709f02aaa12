"""What is a person's own, in GraphQL: how topics stand to them; what they follow is in items.py."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway import batches
from gateway.loaders import Reference
from gateway.schema.fields import fetched
from gateway.schema.scalars import DateTime
from guildhall.forum.v1 import feed_pb2

if TYPE_CHECKING:
    from gateway.schema.forum import Reply

CommunityIds = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(description="In these only; by default in all of one's communities."),
]


@strawberry.enum(description="How much one wants to hear of something.")
class FollowLevel(Enum):
    """forum.FollowLevel."""

    MUTED = strawberry.enum_value(
        feed_pb2.FOLLOW_LEVEL_MUTED,
        description="Nothing; out of the feed, unless something nearer to it says otherwise.",
    )
    NORMAL = strawberry.enum_value(
        feed_pb2.FOLLOW_LEVEL_NORMAL, description="Where one is mentioned. What spaces begin with."
    )
    TRACKING = strawberry.enum_value(
        feed_pb2.FOLLOW_LEVEL_TRACKING,
        description="In the feed, with a count of what is unread. Of topics one replied to.",
    )
    WATCHING = strawberry.enum_value(
        feed_pb2.FOLLOW_LEVEL_WATCHING,
        description="In the feed, as TRACKING: nobody is notified of replies. Of one's own topics.",
    )
    WATCHING_FIRST = strawberry.enum_value(
        feed_pb2.FOLLOW_LEVEL_WATCHING_FIRST,
        description="In the feed, as TRACKING: nobody is notified of new topics. Not of a topic.",
    )


@strawberry.enum(description="What can be followed.")
class FollowKind(Enum):
    """forum.FollowKind."""

    SPACE = feed_pb2.FOLLOW_KIND_SPACE
    TOPIC = feed_pb2.FOLLOW_KIND_TOPIC
    TAG = feed_pb2.FOLLOW_KIND_TAG
    PERSON = feed_pb2.FOLLOW_KIND_PERSON
    COMPANY = feed_pb2.FOLLOW_KIND_COMPANY


@strawberry.enum(description="How a feed is ordered.")
class FeedOrder(Enum):
    """forum.FeedOrder."""

    RANKED = strawberry.enum_value(
        feed_pb2.FEED_ORDER_RANKED,
        description="By weight * (2 while something is unread) * 2 ^ (-hours since the last "
        "activity / 24). The weight is 8 for MENTION, 1 for FOLLOWED_SPACE and "
        "GROUP, 4 for all else.",
    )
    LATEST = strawberry.enum_value(
        feed_pb2.FEED_ORDER_LATEST,
        description="By last activity alone.",
    )


@strawberry.enum(description="Why something is in the feed; of several reasons the first.")
class FeedReason(Enum):
    """forum.FeedReason."""

    MENTION = strawberry.enum_value(
        feed_pb2.FEED_REASON_MENTION, description="One was mentioned in it."
    )
    OWN_TOPIC = strawberry.enum_value(
        feed_pb2.FEED_REASON_OWN_TOPIC, description="One has started it."
    )
    FOLLOWED_TOPIC = strawberry.enum_value(
        feed_pb2.FEED_REASON_FOLLOWED_TOPIC, description="One follows the topic."
    )
    REPLIED_TOPIC = strawberry.enum_value(
        feed_pb2.FEED_REASON_REPLIED_TOPIC, description="One has replied to it."
    )
    FOLLOWED_TAG = strawberry.enum_value(
        feed_pb2.FEED_REASON_FOLLOWED_TAG, description="One follows a tag of it."
    )
    FOLLOWED_PERSON = strawberry.enum_value(
        feed_pb2.FEED_REASON_FOLLOWED_PERSON, description="One follows who started it."
    )
    FOLLOWED_COMPANY = strawberry.enum_value(
        feed_pb2.FEED_REASON_FOLLOWED_COMPANY,
        description="One follows the company it was started for.",
    )
    FOLLOWED_SPACE = strawberry.enum_value(
        feed_pb2.FEED_REASON_FOLLOWED_SPACE, description="One follows its space."
    )
    GROUP = strawberry.enum_value(
        feed_pb2.FEED_REASON_GROUP, description="Its space is for a group that one is in."
    )


@strawberry.type(description="How a topic stands to the one who asks.")
class ViewerState:
    """forum.ViewerState."""

    level: FollowLevel = strawberry.field(
        description="What holds: chosen for it, else by default, else of tags, author, space."
    )
    bookmarked: bool = strawberry.field(description="Whether one keeps it, or a reply of it.")
    unread_count: int = strawberry.field(
        description="Replies of others behind where one has read to, or replied; 100 is 99+."
    )
    unopened: bool = strawberry.field(
        description="Never read, and neither one's own nor replied to."
    )
    read_time: DateTime | None = strawberry.field(
        description="What is older is read; null where nothing is."
    )

    last_read_reply: Annotated[Reply, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(
            batches.replies,
            lambda row: batches.key_of(row, row.last_read_reply_id),
        ),
        "Up to which reply one has read; null where it is the text itself, or a moment.",
    )
