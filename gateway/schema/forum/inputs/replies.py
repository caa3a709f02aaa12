"""Inputs and payloads of what is done with replies."""

from __future__ import annotations

import strawberry

from gateway.schema.forum import HeldEdit, Reply, Topic
from gateway.schema.forum.inputs.base import (
    QuoteInput,
    ReplyPayload,
    ReplyWrite,
    TopicPayload,
    TopicWrite,
    Write,
    mentioned_ids,
    optional,
    quotes,
    reason_code,
)
from gateway.schema.scalars import Markdown, ReasonCode


@strawberry.input(description="A new reply.")
class CreateReplyInput(Write):
    """Of createReply."""

    topic_id: strawberry.ID = strawberry.field(description="The topic it replies to.")
    body: Markdown = strawberry.field(description="Its text.")
    attachment_ids: list[strawberry.ID] | None = optional("Its files, in this order, 10 at most.")
    parent_reply_id: strawberry.ID | None = optional(
        "The reply of this topic that it replies to, which must have no parent itself."
    )
    as_company: bool = strawberry.field(
        default=False, description="Speak as the company one acts for, as in createTopic."
    )
    mentioned_ids: list[strawberry.ID] | None = mentioned_ids()
    quotes: list[QuoteInput] | None = quotes()
    seeding_id: strawberry.ID | None = optional("The seeding it is of, in its space.")


@strawberry.type(description="The new reply; its state tells whether it waits for review.")
class CreateReplyPayload(ReplyPayload):
    """Of createReply."""


@strawberry.input(description="The new text of a reply.")
class UpdateReplyInput(ReplyWrite):
    """Of updateReply."""

    body: Markdown = strawberry.field(description="Its new text.")
    attachment_ids: list[strawberry.ID] | None = optional(
        "Its files, in place of all; those it has may stay."
    )
    mentioned_ids: list[strawberry.ID] | None = mentioned_ids()
    quotes: list[QuoteInput] | None = quotes()


@strawberry.type(description="The edited reply.")
class UpdateReplyPayload(ReplyPayload):
    """Of updateReply."""

    held_edit: HeldEdit | None = strawberry.field(
        description="What waits for moderators, who look at it first: the reply is as it was. Null "
        "where the reply is edited."
    )


@strawberry.input(description="Which reply to hide, and why.")
class HideReplyInput(ReplyWrite):
    """Of hideReply."""

    reason: str = strawberry.field(description="Why; the author sees it.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The hidden reply.")
class HideReplyPayload(ReplyPayload):
    """Of hideReply."""


@strawberry.input(description="Which reply to bring back.")
class RestoreReplyInput(ReplyWrite):
    """Of restoreReply."""

    reason: str = strawberry.field(default="", description="Why.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The visible reply.")
class RestoreReplyPayload(ReplyPayload):
    """Of restoreReply."""


@strawberry.input(description="Which reply to remove, and why.")
class RemoveReplyInput(ReplyWrite):
    """Of removeReply."""

    reason: str = strawberry.field(default="", description="Why; moderators must say.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The removed reply.")
class RemoveReplyPayload(ReplyPayload):
    """Of removeReply."""


@strawberry.input(description="Which reply answers its question.")
class AcceptReplyInput(ReplyWrite):
    """Of acceptReply."""


@strawberry.type(description="The answer and its question.")
class AcceptReplyPayload:
    """Of acceptReply."""

    topic: Topic = strawberry.field(description="The question as it is now.")
    reply: Reply = strawberry.field(description="The answer as it is now.")


@strawberry.input(description="Which question has no answer after all.")
class UnacceptReplyInput(TopicWrite):
    """Of unacceptReply."""

    reply_id: strawberry.ID | None = optional(
        "Which of several answers; may be left out where there is one."
    )


@strawberry.type(description="The question without an accepted reply.")
class UnacceptReplyPayload(TopicPayload):
    """Of unacceptReply."""
