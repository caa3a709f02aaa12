"""Inputs and payloads of what keeps knowledge right."""

from __future__ import annotations

import strawberry

from gateway.schema.forum.ideas import IdeaStatus
from gateway.schema.forum.inputs.base import TopicPayload, TopicWrite
from gateway.schema.scalars import DateTime


@strawberry.input(description="What becomes of an idea.")
class UpdateIdeaStatusInput(TopicWrite):
    """Of updateIdeaStatus."""

    idea_status: IdeaStatus = strawberry.field(description="What becomes of it.")
    note: str = strawberry.field(
        default="", description="More about it, for all readers; needed where it is declined."
    )


@strawberry.type(description="The idea.")
class UpdateIdeaStatusPayload(TopicPayload):
    """Of updateIdeaStatus."""


@strawberry.input(description="Which topic to show before all others of its space.")
class PinTopicInput(TopicWrite):
    """Of pinTopic."""

    pin_expire_time: DateTime | None = strawberry.field(
        default=None, description="Until when; by default for good."
    )


@strawberry.type(description="The pinned topic.")
class PinTopicPayload(TopicPayload):
    """Of pinTopic."""


@strawberry.input(description="Which topic is one among the others again.")
class UnpinTopicInput(TopicWrite):
    """Of unpinTopic."""


@strawberry.type(description="The topic.")
class UnpinTopicPayload(TopicPayload):
    """Of unpinTopic."""


@strawberry.input(description="Which article is right, and until when nobody needs to look again.")
class ReviewArticleInput(TopicWrite):
    """Of reviewArticle."""

    review_due_time: DateTime = strawberry.field(
        description="When it is looked at again, within three years."
    )


@strawberry.type(description="The article.")
class ReviewArticlePayload(TopicPayload):
    """Of reviewArticle."""
