"""What people can do with replies, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import GlobalId, decode_id, decode_reply_id
from gateway.errors import BadUserInputError
from gateway.schema.forum.inputs import replies as f
from gateway.schema.forum.mutations.base import (
    MODERATOR,
    REPLY,
    SCREENED,
    TOPIC,
    What,
    of_reply,
    of_topic,
)
from gateway.schema.writes import codes, write
from guildhall.forum.v1 import forum_pb2


@strawberry.type
class ReplyMutation:
    """Replies."""

    @strawberry.mutation(
        description=codes(
            "Reply to a topic. The text is screened as in createTopic.", "TOPIC_NOT_FOUND",
            "TOPIC_STATE_INVALID", "PARENT_INVALID", "POSTING_NOT_ALLOWED", *SCREENED,
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
            parent_reply_id=_parent(input, topic),
        )
        return await write(info, info.context.services.forum.CreateReply, request)

    @strawberry.mutation(
        description=codes(
            "Edit a reply; the former text becomes a revision. For the author and moderators.",
            *REPLY, MODERATOR, "EDIT_WINDOW_OVER", *SCREENED,
        )
    )  # fmt: skip
    async def update_reply(
        self, info: Info, input: Annotated[f.UpdateReplyInput, What]
    ) -> f.UpdateReplyPayload:
        request = forum_pb2.UpdateReplyRequest(**of_reply(input), body=input.body)
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
        request = forum_pb2.HideReplyRequest(**of_reply(input), reason=input.reason)
        return await write(info, info.context.services.forum.HideReply, request)

    @strawberry.mutation(
        description=codes(
            "Bring a hidden reply back. For moderators.", *REPLY, MODERATOR, "TEXT_INVALID"
        )
    )
    async def restore_reply(
        self, info: Info, input: Annotated[f.RestoreReplyInput, What]
    ) -> f.RestoreReplyPayload:
        request = forum_pb2.RestoreReplyRequest(**of_reply(input), reason=input.reason)
        return await write(info, info.context.services.forum.RestoreReply, request)

    @strawberry.mutation(
        description=codes(
            "Remove a reply for good. For moderators, or its author within an hour.", *REPLY,
            MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def remove_reply(
        self, info: Info, input: Annotated[f.RemoveReplyInput, What]
    ) -> f.RemoveReplyPayload:
        request = forum_pb2.RemoveReplyRequest(**of_reply(input), reason=input.reason)
        return await write(info, info.context.services.forum.RemoveReply, request)

    @strawberry.mutation(
        description=codes(
            "Accept a reply as the answer of a question, in place of another. For the author of "
            "the question and moderators.", *REPLY, "NOT_A_QUESTION", MODERATOR,
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
            *TOPIC, "NOT_A_QUESTION", "NOTHING_ACCEPTED", MODERATOR,
        )
    )  # fmt: skip
    async def unaccept_reply(
        self, info: Info, input: Annotated[f.UnacceptReplyInput, What]
    ) -> f.UnacceptReplyPayload:
        request = forum_pb2.UnacceptReplyRequest(**of_topic(input))
        return await write(info, info.context.services.forum.UnacceptReply, request)


def _parent(input: f.CreateReplyInput, topic: GlobalId) -> str:
    """The id of the reply that is replied to; one of another topic is none of this one's."""
    if input.parent_reply_id is None:
        return ""
    parent = decode_reply_id(input.parent_reply_id, "parentReplyId")
    if (parent.community_id, parent.topic_id) != (topic.community_id, topic.id):
        raise BadUserInputError("parentReplyId is of another topic", field="parentReplyId")
    return parent.id
