"""What keeps knowledge right, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id, decode_reply_id
from gateway.schema.curation import inputs as f
from gateway.schema.forum.mutations.base import MODERATOR, TOPIC, What, of_topic, why
from gateway.schema.writes import codes, number, version, write
from guildhall.forum.v1 import curation_pb2


@strawberry.type
class CurationMutation:
    """Of topics that are out."""

    @strawberry.mutation(
        description=codes(
            "Say what becomes of an idea. For moderators who are of the vendor.", *TOPIC,
            MODERATOR, "NOT_AN_IDEA", "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def update_idea_status(
        self, info: Info, input: Annotated[f.UpdateIdeaStatusInput, What]
    ) -> f.UpdateIdeaStatusPayload:
        request = curation_pb2.UpdateIdeaStatusRequest(
            **of_topic(input), idea_status=number(input.idea_status), note=input.note
        )
        return await write(info, info.context.services.curation.UpdateIdeaStatus, request)

    @strawberry.mutation(
        description=codes(
            "Say that an article is right, and when it is looked at again. For its owner and "
            "moderators.", *TOPIC, MODERATOR, "NOT_AN_ARTICLE", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def review_article(
        self, info: Info, input: Annotated[f.ReviewArticleInput, What]
    ) -> f.ReviewArticlePayload:
        request = curation_pb2.ReviewArticleRequest(
            **of_topic(input), review_due_time=input.review_due_time
        )
        return await write(info, info.context.services.curation.ReviewArticle, request)

    @strawberry.mutation(
        description=codes(
            "Say who keeps an article right from now on. For its owner and moderators.", *TOPIC,
            MODERATOR, "NOT_AN_ARTICLE", "OWNER_INVALID",
        )
    )  # fmt: skip
    async def set_article_owner(
        self, info: Info, input: Annotated[f.SetArticleOwnerInput, What]
    ) -> f.SetArticleOwnerPayload:
        owner = decode_id(input.owner_id, "ownerId", "Member", "Person")
        request = curation_pb2.SetArticleOwnerRequest(**of_topic(input), owner_id=owner.id)
        return await write(info, info.context.services.curation.SetArticleOwner, request)

    @strawberry.mutation(
        description=codes(
            "Show a topic before all others of its space. For moderators.", *TOPIC, MODERATOR,
            "FIELD_INVALID", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def pin_topic(
        self, info: Info, input: Annotated[f.PinTopicInput, What]
    ) -> f.PinTopicPayload:
        request = curation_pb2.PinTopicRequest(
            **of_topic(input), **why(input), pin_expire_time=input.pin_expire_time
        )
        return await write(info, info.context.services.curation.PinTopic, request)

    @strawberry.mutation(
        description=codes(
            "Show a topic among the others again. For moderators.",
            *TOPIC,
            MODERATOR,
            "TEXT_INVALID",
        )
    )
    async def unpin_topic(
        self, info: Info, input: Annotated[f.UnpinTopicInput, What]
    ) -> f.UnpinTopicPayload:
        request = curation_pb2.UnpinTopicRequest(**of_topic(input), **why(input))
        return await write(info, info.context.services.curation.UnpinTopic, request)

    @strawberry.mutation(
        description=codes(
            "Say for what, or until when, an article is right (for its owner and moderators), or a "
            "reply to a question (for moderators).", "POST_NOT_FOUND", *TOPIC, "REPLY_NOT_FOUND",
            "REPLY_STATE_INVALID", MODERATOR, "NOT_AN_ARTICLE", "NOT_A_QUESTION", "FIELD_INVALID",
            "TEXT_INVALID",
        )
    )  # fmt: skip
    async def verify_post(
        self, info: Info, input: Annotated[f.VerifyPostInput, What]
    ) -> f.VerifyPostPayload:
        found = decode_id(input.post_id, "postId", "Topic", "Reply")
        request = curation_pb2.VerifyPostRequest(
            request_id=input.request_id,
            community_id=found.community_id,
            topic_id=found.id,
            verified_for=input.verified_for or "",
            verified_until_time=input.verified_until_time,
            expected_version=version(input),
        )
        if found.kind == "Reply":
            reply = decode_reply_id(input.post_id, "postId")
            request.topic_id, request.reply_id = reply.topic_id, reply.id
        return await write(info, info.context.services.curation.VerifyPost, request)
