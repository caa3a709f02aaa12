"""Replies in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import batches, lists
from gateway.cursors import encode_reply_id
from gateway.loaders import Reference
from gateway.schema.attachments import Attachment
from gateway.schema.fields import fetched, paged
from gateway.schema.forum.authors import Author
from gateway.schema.forum.records import Revision, Verification
from gateway.schema.forum.topics import Topic
from gateway.schema.participation import Post
from gateway.schema.relay import CommunityNode, Connection
from gateway.schema.scalars import DateTime, Html, Markdown, ReplyState, unset_is_null
from guildhall.forum.v1 import forum_pb2


@strawberry.type(description="A reply to a topic.")
class Reply(Post, CommunityNode):
    """forum.Reply."""

    message = forum_pb2.Reply

    state: ReplyState = strawberry.field(description="Where it is in its life.")
    body: Markdown = strawberry.field(description="Its text as written.")
    body_html: Html = strawberry.field(description="Its text to be shown.")
    score: int = strawberry.field(description="Its score.")
    accepted: bool = strawberry.field(description="Whether it is the answer of its question.")
    child_count: int = strawberry.field(description="How many published replies it has itself.")
    create_time: DateTime = strawberry.field(description="When it was written.")
    edit_time: DateTime | None = strawberry.field(description="When it was last edited.")
    attachments: list[Attachment] = strawberry.field(
        description="Its files, in its author's order."
    )
    seeded: bool = strawberry.field(
        description="Whether it was posted through a seeding: to be shown as seeded by the vendor."
    )
    version: int = strawberry.field(description="For expectedVersion.")
    withheld: bool = strawberry.field(
        description="Whether it was hidden or removed and one may not read it: it stands among the "
        "threads of its topic for its children, without text and author."
    )

    edition: int = strawberry.field(
        description="The number of its text: 1, and one more with every edit."
    )
    verification: Verification | None = strawberry.field(
        description="What is known of the answer's text; an edit takes it back."
    )
    edited_by_moderator: bool = strawberry.field(
        description="Whether a moderator edited it after its author last did."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_reply_id(self.community_id, self.topic_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="What was said when it was hidden, rejected or removed.")
    def state_reason(self) -> str | None:
        return unset_is_null(self, "state_reason")

    author: Author | None = strawberry.field(description="Who wrote it.")

    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.topic_id)),
        "The topic it replies to.",
    )

    parent: Annotated[Reply, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.replies, lambda row: batches.key_of(row, row.parent_reply_id)),
        "The reply it replies to; null where it replies to the topic itself, or one cannot see it.",
    )

    children: Connection[Annotated[Reply, strawberry.lazy("gateway.schema.forum")]] | None = paged(
        lists.children,
        "The replies to it, oldest first: those have none. One call a reply: within a page of "
        "replies ask for few, or get RPC_BUDGET_EXCEEDED. Codes: BAD_USER_INPUT.",
    )

    revisions: Connection[Revision] | None = paged(
        lists.reply_revisions, "Its former texts, newest first. Codes: BAD_USER_INPUT."
    )
