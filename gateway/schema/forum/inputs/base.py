"""What inputs and payloads of the forum have in common."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.schema.forum import Reply, Space, Topic
from gateway.schema.writes import expected_version, request_id


def optional(description: str) -> Any:
    """A field that may be left out."""
    return strawberry.field(default=None, description=description)


@strawberry.input
class Write:
    """Every write."""

    request_id: str = request_id()


@strawberry.input
class TopicWrite(Write):
    """A write to a topic."""

    topic_id: strawberry.ID = strawberry.field(description="The topic.")
    expected_version: int | None = expected_version()


@strawberry.input
class ReplyWrite(Write):
    """A write to a reply."""

    reply_id: strawberry.ID = strawberry.field(description="The reply.")
    expected_version: int | None = expected_version()


@strawberry.type
class SpacePayload:
    """The space."""

    space: Space = strawberry.field(description="The space as it is now.")


@strawberry.type
class TopicPayload:
    """The topic."""

    topic: Topic = strawberry.field(description="The topic as it is now.")


@strawberry.type
class ReplyPayload:
    """The reply."""

    reply: Reply = strawberry.field(description="The reply as it is now.")


@strawberry.input(description="Words of another post of the community.")
class QuoteInput:
    """forum.Quote."""

    post_id: strawberry.ID = strawberry.field(description="The topic or reply they are from.")
    text: str = strawberry.field(
        description="The very words as they stand in its text, at most 2,000 characters."
    )


def reason_code() -> Any:
    """Of whatever moderators do to a post."""
    return optional(
        "Why, of a list; it is kept beside the reason. Who wrote what goes out of sight is told it."
    )


def mentioned_ids() -> Any:
    """Of whatever writes a post."""
    return optional(
        "The people it speaks to, members or persons: so many at most, by trust level. Who cannot "
        "read it is left out. In an edit they replace those of before; left out, these stay."
    )


def quotes() -> Any:
    """Likewise."""
    return optional(
        "What it quotes, at most 10: of posts that everybody in its space can read. In an edit "
        "they replace those of before; left out, these stay."
    )
