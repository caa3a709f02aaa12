"""What one is writing, in GraphQL."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from gateway import batches
from gateway.loaders import Embedded, Reference
from gateway.schema.attachments import Attachment
from gateway.schema.fields import fetched
from gateway.schema.forum import Reply, Space, Topic
from gateway.schema.forum.context_refs import ContextRef
from gateway.schema.participation import Mention, Quote, QuoteRow, mentions_of
from gateway.schema.participation.polls import ResultsShown
from gateway.schema.scalars import DateTime, Markdown, TopicKind, unset_is_null
from guildhall.forum.v1 import drafts_pb2


@strawberry.enum(description="What a draft is going to be.")
class DraftKind(Enum):
    """forum.DraftKind."""

    TOPIC = strawberry.enum_value(
        drafts_pb2.DRAFT_KIND_TOPIC, description="A new topic: spaceId says where."
    )
    REPLY = strawberry.enum_value(
        drafts_pb2.DRAFT_KIND_REPLY, description="A reply to the topic topicId, or to replyId."
    )
    TOPIC_EDIT = strawberry.enum_value(
        drafts_pb2.DRAFT_KIND_TOPIC_EDIT, description="Another text of the topic topicId."
    )
    REPLY_EDIT = strawberry.enum_value(
        drafts_pb2.DRAFT_KIND_REPLY_EDIT, description="Another text of the reply replyId."
    )


def _quotes(row: Any) -> list[QuoteRow]:
    return [QuoteRow(row.community_id, one) for one in row.quotes]


@strawberry.type(
    description="A poll that is to be asked with createPoll: as far as it was written, unchecked."
)
class DraftPoll:
    """forum.DraftPoll."""

    question: str = strawberry.field(description="The question so far.")
    options: list[str] = strawberry.field(description="The options so far.")
    multiple: bool = strawberry.field(description="Whether several may be chosen.")
    anonymous: bool = strawberry.field(description="Whether nobody sees who chose what.")
    close_time: DateTime | None = strawberry.field(
        description="When it is to close, which may be over; null: when somebody closes it."
    )

    @strawberry.field(description="From when somebody sees the results, if it was chosen.")
    def results_shown(self) -> ResultsShown | None:
        return unset_is_null(self, "results_shown")


@strawberry.type(
    description="What one is writing, kept for 180 days or until it is posted; for nobody else."
)
class Draft:
    """forum.Draft."""

    draft_kind: DraftKind = strawberry.field(description="What it is going to be.")
    title: str = strawberry.field(description="Its title so far.")
    body: Markdown = strawberry.field(description="Its text so far.")
    tags: list[str] = strawberry.field(description="Its tags so far.")
    attachments: list[Attachment] = strawberry.field(
        description="The files that it is to have and that are still there."
    )
    mentions: list[Mention] = fetched(Embedded(mentions_of), "Whom it is to speak to.")
    quotes: list[Quote] = fetched(
        Embedded(_quotes),
        "What it is to quote. What is hidden, behind a wall or written there no longer is left "
        "out.",
    )
    as_company: bool = strawberry.field(
        description="Whether a new topic or reply is to speak as one's company."
    )
    poll: DraftPoll | None = strawberry.field(
        description="The poll that a new topic is to have; null: none."
    )
    context_refs: list[ContextRef] = strawberry.field(
        description="The objects of other systems that a topic is to be about."
    )
    save_time: DateTime = strawberry.field(description="When it was last saved.")
    version: int = strawberry.field(description="For expectedVersion: how often it was saved.")

    @strawberry.field(description="The kind of a new topic, as far as it was chosen.")
    def topic_kind(self) -> TopicKind | None:
        return unset_is_null(self, "topic_kind")

    space: Space | None = fetched(
        Reference(batches.spaces, lambda row: batches.key_of(row, row.space_id)),
        "Where a new topic goes; null for others, and where one cannot read it any more.",
    )
    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.topic_id)),
        "The topic that it replies to or changes; null likewise.",
    )
    reply: Reply | None = fetched(
        Reference(batches.replies, lambda row: batches.key_of(row, row.reply_id)),
        "The reply that it replies to or changes; null likewise.",
    )
