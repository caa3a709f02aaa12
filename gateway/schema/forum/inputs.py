"""Inputs and payloads of the forum's mutations. A payload's source is the RPC's response itself."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.schema.forum import Reply, Space, Topic
from gateway.schema.scalars import Audience, CloseReason, Markdown, SpaceMode, TopicKind
from gateway.schema.writes import expected_version, request_id


def _optional(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.input
class _Write:
    request_id: str = request_id()


@strawberry.input
class _TopicWrite(_Write):
    topic_id: strawberry.ID = strawberry.field(description="The topic.")
    expected_version: int | None = expected_version()


@strawberry.input
class _ReplyWrite(_Write):
    reply_id: strawberry.ID = strawberry.field(description="The reply.")
    expected_version: int | None = expected_version()


@strawberry.type
class _SpacePayload:
    space: Space = strawberry.field(description="The space as it is now.")


@strawberry.type
class _TopicPayload:
    topic: Topic = strawberry.field(description="The topic as it is now.")


@strawberry.type
class _ReplyPayload:
    reply: Reply = strawberry.field(description="The reply as it is now.")


@strawberry.input(description="A new space.")
class CreateSpaceInput(_Write):
    """Of createSpace."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    slug: str = strawberry.field(description="Its name in addresses: a-z, 0-9 and -.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(default="", description="About it, in plain text.")
    mode: SpaceMode | None = _optional("Whether posts wait for review; by default AUTO.")
    audience: Audience | None = _optional("Who may read it; by default COMMUNITY.")
    audience_names: list[str] | None = _optional(
        "Names of tiers, or ids of companies, as the audience says."
    )


@strawberry.type(description="The new space.")
class CreateSpacePayload(_SpacePayload):
    """Of createSpace."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateSpaceInput(_Write):
    """Of updateSpace."""

    space_id: strawberry.ID = strawberry.field(description="The space.")
    name: str | None = _optional("Its new name.")
    description: str | None = _optional("Its new description.")
    mode: SpaceMode | None = _optional("Whether posts wait for review.")
    audience: Audience | None = _optional("Who may read it from now on.")
    audience_names: list[str] | None = _optional("Goes with audience, and replaces all names.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed space.")
class UpdateSpacePayload(_SpacePayload):
    """Of updateSpace."""


@strawberry.input(description="A new question or discussion.")
class CreateTopicInput(_Write):
    """Of createTopic."""

    space_id: strawberry.ID = strawberry.field(description="The space it goes to.")
    kind: TopicKind = strawberry.field(description="What it is for.")
    title: str = strawberry.field(description="Its title, plain text on one line.")
    body: Markdown = strawberry.field(description="Its text.")
    tags: list[str] | None = _optional("Its tags.")
    draft: bool = strawberry.field(default=False, description="Keep it to oneself for now.")


@strawberry.type(description="The new topic; its state tells whether it waits for review.")
class CreateTopicPayload(_TopicPayload):
    """Of createTopic."""


@strawberry.input(description="Which draft to submit.")
class PublishTopicInput(_TopicWrite):
    """Of publishTopic."""


@strawberry.type(description="The submitted topic.")
class PublishTopicPayload(_TopicPayload):
    """Of publishTopic."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateTopicInput(_TopicWrite):
    """Of updateTopic."""

    title: str | None = _optional("Its new title.")
    body: Markdown | None = _optional("Its new text.")
    tags: list[str] | None = _optional("Its new tags, in place of all.")


@strawberry.type(description="The edited topic.")
class UpdateTopicPayload(_TopicPayload):
    """Of updateTopic."""


@strawberry.input(description="Which topic to close, and why.")
class CloseTopicInput(_TopicWrite):
    """Of closeTopic."""

    close_reason: CloseReason = strawberry.field(description="Why.")
    reason: str = strawberry.field(default="", description="More about it.")


@strawberry.type(description="The closed topic.")
class CloseTopicPayload(_TopicPayload):
    """Of closeTopic."""


@strawberry.input(description="Which topic to open again.")
class ReopenTopicInput(_TopicWrite):
    """Of reopenTopic."""


@strawberry.type(description="The open topic.")
class ReopenTopicPayload(_TopicPayload):
    """Of reopenTopic."""


@strawberry.input(description="Which topic to hide, and why.")
class HideTopicInput(_TopicWrite):
    """Of hideTopic."""

    reason: str = strawberry.field(description="Why; the author sees it.")


@strawberry.type(description="The hidden topic.")
class HideTopicPayload(_TopicPayload):
    """Of hideTopic."""


@strawberry.input(description="Which topic to bring back.")
class RestoreTopicInput(_TopicWrite):
    """Of restoreTopic."""

    reason: str = strawberry.field(default="", description="Why.")


@strawberry.type(description="The visible topic.")
class RestoreTopicPayload(_TopicPayload):
    """Of restoreTopic."""


@strawberry.input(description="Which topic to remove, and why.")
class RemoveTopicInput(_TopicWrite):
    """Of removeTopic."""

    reason: str = strawberry.field(default="", description="Why; moderators must say.")


@strawberry.type(description="The removed topic.")
class RemoveTopicPayload(_TopicPayload):
    """Of removeTopic."""


@strawberry.input(description="Which topic becomes read-only.")
class ArchiveTopicInput(_TopicWrite):
    """Of archiveTopic."""


@strawberry.type(description="The archived topic.")
class ArchiveTopicPayload(_TopicPayload):
    """Of archiveTopic."""


@strawberry.input(description="A new reply.")
class CreateReplyInput(_Write):
    """Of createReply."""

    topic_id: strawberry.ID = strawberry.field(description="The topic it replies to.")
    body: Markdown = strawberry.field(description="Its text.")


@strawberry.type(description="The new reply; its state tells whether it waits for review.")
class CreateReplyPayload(_ReplyPayload):
    """Of createReply."""


@strawberry.input(description="The new text of a reply.")
class UpdateReplyInput(_ReplyWrite):
    """Of updateReply."""

    body: Markdown = strawberry.field(description="Its new text.")


@strawberry.type(description="The edited reply.")
class UpdateReplyPayload(_ReplyPayload):
    """Of updateReply."""


@strawberry.input(description="Which reply to hide, and why.")
class HideReplyInput(_ReplyWrite):
    """Of hideReply."""

    reason: str = strawberry.field(description="Why; the author sees it.")


@strawberry.type(description="The hidden reply.")
class HideReplyPayload(_ReplyPayload):
    """Of hideReply."""


@strawberry.input(description="Which reply to bring back.")
class RestoreReplyInput(_ReplyWrite):
    """Of restoreReply."""

    reason: str = strawberry.field(default="", description="Why.")


@strawberry.type(description="The visible reply.")
class RestoreReplyPayload(_ReplyPayload):
    """Of restoreReply."""


@strawberry.input(description="Which reply to remove, and why.")
class RemoveReplyInput(_ReplyWrite):
    """Of removeReply."""

    reason: str = strawberry.field(default="", description="Why; moderators must say.")


@strawberry.type(description="The removed reply.")
class RemoveReplyPayload(_ReplyPayload):
    """Of removeReply."""


@strawberry.input(description="Which reply answers its question.")
class AcceptReplyInput(_ReplyWrite):
    """Of acceptReply."""


@strawberry.type(description="The answer and its question.")
class AcceptReplyPayload:
    """Of acceptReply."""

    topic: Topic = strawberry.field(description="The question as it is now.")
    reply: Reply = strawberry.field(description="The answer as it is now.")


@strawberry.input(description="Which question has no answer after all.")
class UnacceptReplyInput(_TopicWrite):
    """Of unacceptReply."""


@strawberry.type(description="The question without an accepted reply.")
class UnacceptReplyPayload(_TopicPayload):
    """Of unacceptReply."""
