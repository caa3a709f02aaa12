"""Inputs and payloads of moves."""

from __future__ import annotations

import strawberry

from gateway.schema.forum import Topic
from gateway.schema.forum.inputs.base import TopicPayload, TopicWrite, optional
from gateway.schema.scalars import Markdown, TopicKind

_EVEN = "Do it even if an author can read it now and could not any more."
_OTHERS = "Do it even if some could read it there who cannot read it now."


@strawberry.input(description="Which topic goes to which space.")
class MoveTopicInput(TopicWrite):
    """Of moveTopic."""

    space_id: strawberry.ID = strawberry.field(description="Where to.")
    reason: str = strawberry.field(default="", description="Why, for the audit trail.")
    even_if_author_cannot_read: bool = strawberry.field(default=False, description=_EVEN)
    even_if_others_could_read: bool = strawberry.field(default=False, description=_OTHERS)


@strawberry.type(description="The topic in its new space.")
class MoveTopicPayload(TopicPayload):
    """Of moveTopic."""


@strawberry.input(description="Whose replies go to which topic.")
class MergeTopicsInput(TopicWrite):
    """Of mergeTopics."""

    target_topic_id: strawberry.ID = strawberry.field(description="The topic that gets them.")
    reason: str = strawberry.field(default="", description="Why; readers see it.")
    even_if_author_cannot_read: bool = strawberry.field(default=False, description=_EVEN)
    even_if_others_could_read: bool = strawberry.field(default=False, description=_OTHERS)


@strawberry.type(description="Both topics; of many replies some may still be on their way.")
class MergeTopicsPayload(TopicPayload):
    """Of mergeTopics."""

    target_topic: Topic = strawberry.field(description="The topic that gets the replies.")


@strawberry.input(description="Which replies become those of a new topic.")
class SplitTopicInput(TopicWrite):
    """Of splitTopic."""

    reply_ids: list[strawberry.ID] = strawberry.field(
        description="The replies: 1 to 100 with those to them, which come along."
    )
    title: str = strawberry.field(description="The new topic's title, plain text on one line.")
    body: Markdown = strawberry.field(description="The new topic's text: what it is about.")
    space_id: strawberry.ID | None = optional("The new topic's space; by default the same.")
    kind: TopicKind | None = optional("What the new topic is for; by default DISCUSSION.")
    tags: list[str] | None = optional("The new topic's tags.")
    reason: str = strawberry.field(default="", description="Why, for the audit trail.")
    even_if_author_cannot_read: bool = strawberry.field(default=False, description=_EVEN)
    even_if_others_could_read: bool = strawberry.field(default=False, description=_OTHERS)


@strawberry.type(description="What is left, and the new topic.")
class SplitTopicPayload(TopicPayload):
    """Of splitTopic."""

    new_topic: Topic = strawberry.field(description="The topic with the replies.")
