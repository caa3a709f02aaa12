"""Inputs and payloads of what is done with topics."""

from __future__ import annotations

import strawberry

from gateway.schema.forum import HeldEdit
from gateway.schema.forum.context_refs import ContextRefInput
from gateway.schema.forum.inputs.base import (
    QuoteInput,
    TopicPayload,
    TopicWrite,
    Write,
    mentioned_ids,
    optional,
    quotes,
    reason_code,
)
from gateway.schema.scalars import CloseReason, DateTime, Markdown, ReasonCode, TopicKind


@strawberry.input(description="A new topic.")
class CreateTopicInput(Write):
    """Of createTopic."""

    space_id: strawberry.ID = strawberry.field(description="The space it goes to.")
    kind: TopicKind = strawberry.field(description="What it is for.")
    title: str = strawberry.field(description="Its title, plain text on one line.")
    body: Markdown = strawberry.field(description="Its text.")
    tags: list[str] | None = optional("Its tags.")
    attachment_ids: list[strawberry.ID] | None = optional("Its files, in this order, 10 at most.")
    draft: bool = strawberry.field(default=False, description="Keep it to oneself for now.")
    as_company: bool = strawberry.field(
        default=False,
        description="Speak as the company one acts for: its people and moderators know who wrote "
        "it. Not for members of the trust level NEW.",
    )
    mentioned_ids: list[strawberry.ID] | None = mentioned_ids()
    quotes: list[QuoteInput] | None = quotes()
    context_refs: list[ContextRefInput] | None = optional(
        "The objects of other systems that it is about, 5 at most."
    )
    seeding_item_id: strawberry.ID | None = optional("What it is of a seeding.")


@strawberry.type(description="The new topic; its state tells whether it waits for review.")
class CreateTopicPayload(TopicPayload):
    """Of createTopic."""


@strawberry.input(description="Which draft to submit.")
class PublishTopicInput(TopicWrite):
    """Of publishTopic."""


@strawberry.type(description="The submitted topic.")
class PublishTopicPayload(TopicPayload):
    """Of publishTopic."""


@strawberry.input(description="Which draft goes out by itself, and when.")
class ScheduleTopicInput(TopicWrite):
    """Of scheduleTopic."""

    publish_time: DateTime = strawberry.field(description="When, within a year.")


@strawberry.type(description="The scheduled topic.")
class ScheduleTopicPayload(TopicPayload):
    """Of scheduleTopic."""


@strawberry.input(description="Which scheduled topic is a draft again.")
class UnscheduleTopicInput(TopicWrite):
    """Of unscheduleTopic."""


@strawberry.type(description="The draft; as it is now, where one may not see it any more.")
class UnscheduleTopicPayload(TopicPayload):
    """Of unscheduleTopic."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateTopicInput(TopicWrite):
    """Of updateTopic."""

    title: str | None = optional("Its new title.")
    body: Markdown | None = optional("Its new text.")
    tags: list[str] | None = optional("Its new tags, in place of all.")
    attachment_ids: list[strawberry.ID] | None = optional(
        "Its files, in place of all; those it has may stay."
    )
    mentioned_ids: list[strawberry.ID] | None = mentioned_ids()
    quotes: list[QuoteInput] | None = quotes()
    context_refs: list[ContextRefInput] | None = optional("What it is about, in place of all.")


@strawberry.type(description="The edited topic.")
class UpdateTopicPayload(TopicPayload):
    """Of updateTopic."""

    held_edit: HeldEdit | None = strawberry.field(
        description="What waits for moderators, who look at it first: the topic is as it was. Null "
        "where the topic is edited."
    )


@strawberry.input(description="Which topic to close, and why.")
class CloseTopicInput(TopicWrite):
    """Of closeTopic."""

    close_reason: CloseReason = strawberry.field(description="Why.")
    own_close_reason: str = strawberry.field(
        default="",
        description="One of the space's own reasons; closeReason is what comes closest to it.",
    )
    reason: str = strawberry.field(default="", description="More about it.")
    duplicate_of_id: strawberry.ID | None = optional(
        "With DUPLICATE: the original, which is shown to who can read it."
    )


@strawberry.type(description="The closed topic.")
class CloseTopicPayload(TopicPayload):
    """Of closeTopic."""


@strawberry.input(description="Which topic to open again.")
class ReopenTopicInput(TopicWrite):
    """Of reopenTopic."""

    reason: str = strawberry.field(default="", description="Why.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The open topic.")
class ReopenTopicPayload(TopicPayload):
    """Of reopenTopic."""


@strawberry.input(description="Which topic to hide, and why.")
class HideTopicInput(TopicWrite):
    """Of hideTopic."""

    reason: str = strawberry.field(description="Why; the author sees it.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The hidden topic.")
class HideTopicPayload(TopicPayload):
    """Of hideTopic."""


@strawberry.input(description="Which topic to bring back.")
class RestoreTopicInput(TopicWrite):
    """Of restoreTopic."""

    reason: str = strawberry.field(default="", description="Why.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The visible topic.")
class RestoreTopicPayload(TopicPayload):
    """Of restoreTopic."""


@strawberry.input(description="Which topic to remove, and why.")
class RemoveTopicInput(TopicWrite):
    """Of removeTopic."""

    reason: str = strawberry.field(default="", description="Why; moderators must say.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The removed topic.")
class RemoveTopicPayload(TopicPayload):
    """Of removeTopic."""


@strawberry.input(description="Which topic becomes read-only.")
class ArchiveTopicInput(TopicWrite):
    """Of archiveTopic."""

    reason: str = strawberry.field(default="", description="Why.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The archived topic.")
class ArchiveTopicPayload(TopicPayload):
    """Of archiveTopic."""
