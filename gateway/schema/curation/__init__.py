"""How knowledge stays right, in GraphQL: what is to be looked at again."""

from __future__ import annotations

import strawberry

from gateway import batches
from gateway.loaders import Reference
from gateway.schema.fields import fetched
from gateway.schema.forum import Reply, Topic
from gateway.schema.scalars import DateTime


@strawberry.type(description="An article whose owner is a member no more.")
class OwnerlessArticle:
    """forum.OwnerlessArticle."""

    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.topic_id)),
        "The article; its owner tells who it was.",
    )


@strawberry.type(description="A text that somebody is to look at again.")
class Recheck:
    """forum.Recheck."""

    due_time: DateTime = strawberry.field(description="Since when.")

    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.topic_id)),
        "The article, or the question of the answer.",
    )
    reply: Reply | None = fetched(
        Reference(batches.replies, lambda row: batches.key_of(row, row.reply_id)),
        "The answer; null where it is an article.",
    )
