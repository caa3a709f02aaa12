"""Inputs and payloads of what keeps knowledge right."""

from __future__ import annotations

import strawberry

from gateway.schema.forum import Reply, Topic
from gateway.schema.forum.ideas import IdeaStatus
from gateway.schema.forum.inputs.base import TopicPayload, TopicWrite, Write, optional, reason_code
from gateway.schema.scalars import DateTime, ReasonCode
from gateway.schema.writes import expected_version


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
    reason: str = strawberry.field(default="", description="Why.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type(description="The pinned topic.")
class PinTopicPayload(TopicPayload):
    """Of pinTopic."""


@strawberry.input(description="Which topic is one among the others again.")
class UnpinTopicInput(TopicWrite):
    """Of unpinTopic."""

    reason: str = strawberry.field(default="", description="Why.")
    reason_code: ReasonCode | None = reason_code()


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


@strawberry.input(description="Who keeps an article right from now on.")
class SetArticleOwnerInput(TopicWrite):
    """Of setArticleOwner."""

    owner_id: strawberry.ID = strawberry.field(
        description="The member or person; one who can read the space."
    )


@strawberry.type(description="The article.")
class SetArticleOwnerPayload(TopicPayload):
    """Of setArticleOwner."""


@strawberry.input(description="For what, or until when, an article or an answer is right.")
class VerifyPostInput(Write):
    """Of verifyPost."""

    post_id: strawberry.ID = strawberry.field(description="The article, or the reply.")
    verified_for: str | None = optional(
        "A version of a product, or what else it holds for, at most 60 characters."
    )
    verified_until_time: DateTime | None = optional(
        "Until when, within three years; left out: for good."
    )
    expected_version: int | None = expected_version()


@strawberry.type(description="What was verified.")
class VerifyPostPayload:
    """Of verifyPost."""

    topic: Topic = strawberry.field(description="The topic as it is now.")
    reply: Reply | None = strawberry.field(
        description="The reply as it is now; null where the article was meant."
    )
