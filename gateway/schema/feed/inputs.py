"""Inputs and payloads of what one follows, keeps and has read."""

from __future__ import annotations

import strawberry

from gateway.schema.feed import FollowLevel
from gateway.schema.feed.items import Bookmark, Follow
from gateway.schema.forum import Topic
from gateway.schema.scalars import DateTime
from gateway.schema.writes import request_id


def _level() -> FollowLevel | None:
    return strawberry.field(  # type: ignore[no-any-return]
        default=None, description="From now on; by default what holds where one chose nothing."
    )


@strawberry.input(description="What to follow, and at which level.")
class SetFollowInput:
    """Of setFollow."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    target_id: strawberry.ID = strawberry.field(
        description="A space, topic, member or company of that community."
    )
    level: FollowLevel | None = _level()


@strawberry.type(description="What one follows now.")
class SetFollowPayload:
    """Of setFollow."""

    follow: Follow = strawberry.field(description="As it is now.")


@strawberry.input(description="Which tag to follow, and at which level.")
class SetTagFollowInput:
    """Of setTagFollow."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    tag: str = strawberry.field(description="Which.")
    space_id: strawberry.ID | None = strawberry.field(
        default=None, description="In this space only; by default in the whole community."
    )
    level: FollowLevel | None = _level()


@strawberry.type(description="Which tag one follows now.")
class SetTagFollowPayload:
    """Of setTagFollow."""

    follow: Follow = strawberry.field(description="As it is now.")


@strawberry.input(description="What to keep.")
class AddBookmarkInput:
    """Of addBookmark."""

    request_id: str = request_id()
    post_id: strawberry.ID = strawberry.field(description="The topic or reply.")
    note: str = strawberry.field(default="", description="For oneself, at most 500 characters.")
    remind_time: DateTime | None = strawberry.field(
        default=None, description="When one wants to be reminded, within ten years."
    )


@strawberry.type(description="What one keeps now.")
class AddBookmarkPayload:
    """Of addBookmark."""

    bookmark: Bookmark = strawberry.field(description="As it is now.")


@strawberry.input(description="What to keep no longer.")
class RemoveBookmarkInput:
    """Of removeBookmark."""

    request_id: str = request_id()
    post_id: strawberry.ID = strawberry.field(description="The topic or reply.")


@strawberry.type(description="What one keeps no longer.")
class RemoveBookmarkPayload:
    """Of removeBookmark."""

    post_id: strawberry.ID = strawberry.field(description="The topic or reply.")


@strawberry.input(description="How far one has read.")
class MarkTopicReadInput:
    """Of markTopicRead."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="Which topic.")
    reply_id: strawberry.ID | None = strawberry.field(
        default=None, description="Up to this reply of it; by default to its end."
    )


@strawberry.type(description="The topic, with what is still unread.")
class MarkTopicReadPayload:
    """Of markTopicRead."""

    topic: Topic = strawberry.field(description="The topic, viewerState as it is now.")


@strawberry.input(description="What one has read as a whole.")
class MarkAllReadInput:
    """Of markAllRead."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    space_id: strawberry.ID | None = strawberry.field(
        default=None, description="This space only; by default the whole community."
    )
    until_time: DateTime | None = strawberry.field(
        default=None, description="What is older is read; by default what there is now."
    )


@strawberry.type(description="Up to when all is read.")
class MarkAllReadPayload:
    """Of markAllRead."""

    read_time: DateTime = strawberry.field(description="What is older is read.")
