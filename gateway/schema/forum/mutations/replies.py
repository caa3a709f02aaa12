"""What people can do with replies, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import GlobalId, decode_id, decode_reply_id
from gateway.errors import BadUserInputError
from gateway.schema.forum.inputs import replies as f
from gateway.schema.forum.mutations.base import (
    ATTACHING,
    MODERATOR,
    REFERRING,
    REPLY,
    SCREENED,
    TOPIC,
    What,
    attachment_ids,
    of_reply,
    of_topic,
    references,
    why,
)
from gateway.schema.writes import codes, write
from guildhall.forum.v1 import forum_pb2


@strawberry.type
class ReplyMutation:
    """Replies."""

    @strawberry.mutation(
        description=codes(
            "Reply to a topic. The text is screened as in createTopic.", "TOPIC_NOT_FOUND",
            "TOPIC_STATE_INVALID", "PARENT_INVALID", "POSTING_NOT_ALLOWED",
            "AS_COMPANY_NOT_ALLOWED", "SEEDING_NOT_FOUND", "SEEDING_ENDED", *SCREENED, *ATTACHING,
            *REFERRING,
        )
    )  # fmt: skip
    async def create_reply(
        self, info: Info, input: Annotated[f.CreateReplyInput, What]
    ) -> f.CreateReplyPayload:
        topic = decode_id(input.topic_id, "topicId", "Topic")
        request = forum_pb2.CreateReplyRequest(
            request_id=input.request_id,
            community_id=topic.community_id,
            topic_id=topic.id,
            body=input.body,
            as_company=input.as_company,
            parent_reply_id=_within(topic, input.parent_reply_id, "parentReplyId"),
            attachment_ids=attachment_ids(input.attachment_ids),
            seeding_id=_seeding(topic, input.seeding_id),
            **references(input, topic.community_id),
        )
        return await write(info, info.context.services.forum.CreateReply, request)

    @strawberry.mutation(
        description=codes(
            "Edit a reply; the former text becomes a revision. Where a new reply would wait for "
            "moderators the edit does, as heldEdit. For the author and moderators.",
            *REPLY, MODERATOR, "EDIT_WINDOW_OVER", *SCREENED, *ATTACHING, *REFERRING,
        )
    )  # fmt: skip
    async def update_reply(
        self, info: Info, input: Annotated[f.UpdateReplyInput, What]
    ) -> f.UpdateReplyPayload:
        given = of_reply(input)
        request = forum_pb2.UpdateReplyRequest(
            **given,
            body=input.body,
            attachment_ids=attachment_ids(input.attachment_ids),
            update_attachments=input.attachment_ids is not None,
            **references(input, given["community_id"], edit=True),
        )
        return await write(info, info.context.services.forum.UpdateReply, request)

    @strawberry.mutation(
        description=codes(
            "Put a reply out of sight; it is no answer any more. For moderators.", *REPLY,
            MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def hide_reply(
        self, info: Info, input: Annotated[f.HideReplyInput, What]
    ) -> f.HideReplyPayload:
        request = forum_pb2.HideReplyRequest(**of_reply(input), **why(input))
        return await write(info, info.context.services.forum.HideReply, request)

    @strawberry.mutation(
        description=codes(
            "Bring a hidden reply back, or a removed one as it was; it is no answer any more. For "
            "moderators.", *REPLY, MODERATOR, "TEXT_INVALID",
        )
    )  # fmt: skip
    async def restore_reply(
        self, info: Info, input: Annotated[f.RestoreReplyInput, What]
    ) -> f.RestoreReplyPayload:
        request = forum_pb2.RestoreReplyRequest(**of_reply(input), **why(input))
        return await write(info, info.context.services.forum.RestoreReply, request)

    @strawberry.mutation(
        description=codes(
            "Remove a reply; moderators may restore it. For them, or its author within an hour.",
            *REPLY, MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def remove_reply(
        self, info: Info, input: Annotated[f.RemoveReplyInput, What]
    ) -> f.RemoveReplyPayload:
        request = forum_pb2.RemoveReplyRequest(**of_reply(input), **why(input))
        return await write(info, info.context.services.forum.RemoveReply, request)

    @strawberry.mutation(
        description=codes(
            "Accept a reply as the answer of a question, in place of another, or beside it where "
            "the space takes several. For the author of the question and moderators.", *REPLY,
            "NOT_A_QUESTION", "TOO_MANY_ACCEPTED", MODERATOR,
        )
    )  # fmt: skip
    async def accept_reply(
        self, info: Info, input: Annotated[f.AcceptReplyInput, What]
    ) -> f.AcceptReplyPayload:
        request = forum_pb2.AcceptReplyRequest(**of_reply(input))
        return await write(info, info.context.services.forum.AcceptReply, request)

    @strawberry.mutation(
        description=codes(
            "Take an acceptance back. For the author of the question and moderators.",
            *TOPIC, "NOT_A_QUESTION", "NOTHING_ACCEPTED", "FIELD_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def unaccept_reply(
        self, info: Info, input: Annotated[f.UnacceptReplyInput, What]
    ) -> f.UnacceptReplyPayload:
        topic = decode_id(input.topic_id, "topicId", "Topic")
        request = forum_pb2.UnacceptReplyRequest(
            **of_topic(input), reply_id=_within(topic, input.reply_id, "replyId")
        )
        return await write(info, info.context.services.forum.UnacceptReply, request)


def _within(topic: GlobalId, id: str | None, field: str) -> str:
    """The id of a reply of this topic; one of another topic is none of this one's."""
    if id is None:
        return ""
    reply = decode_reply_id(id, field)
    if (reply.community_id, reply.topic_id) != (topic.community_id, topic.id):
        raise BadUserInputError(f"{field} is of another topic", field=field)
    return reply.id


def _seeding(topic: GlobalId, id: strawberry.ID | None) -> str:
    if id is None:
        return ""
    seeding = decode_id(id, "seedingId", "Seeding")
    if seeding.community_id != topic.community_id:
        raise BadUserInputError("seedingId is of another community", field="seedingId")
    return seeding.id
