"""What moderators can do with what is in the wrong place, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_reply_id
from gateway.schema.forum.mutations.base import (
    MODERATOR,
    TOPIC,
    What,
    id_of,
    of_topic,
)
from gateway.schema.moves import inputs as m
from gateway.schema.writes import codes, number, write
from guildhall.forum.v1 import moves_pb2


@strawberry.type
class MoveMutation:
    """Moves."""

    @strawberry.mutation(
        description=codes(
            "Put a topic and its replies into another space, whose readers see it from now on; its "
            "id stays. An author who cannot read that space does not see it any more either. For "
            "moderators who can read both.", *TOPIC, "SPACE_NOT_FOUND", "AUTHOR_CANNOT_READ",
            "OTHERS_COULD_READ", "KIND_NOT_ALLOWED", "TAGS_INVALID", "TOO_MANY_ACCEPTED",
            "TEXT_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def move_topic(
        self, info: Info, input: Annotated[m.MoveTopicInput, What]
    ) -> m.MoveTopicPayload:
        request = moves_pb2.MoveTopicRequest(
            **of_topic(input),
            space_id=id_of(input.space_id, "spaceId", "Space"),
            reason=input.reason,
            even_if_author_cannot_read=input.even_if_author_cannot_read,
            even_if_others_could_read=input.even_if_others_could_read,
        )
        return await write(info, info.context.services.moves.MoveTopic, request)

    @strawberry.mutation(
        description=codes(
            "Close a topic and give its replies to another, in the order of their dates; its own "
            "text stays, with a link. For moderators who can read both.", *TOPIC,
            "AUTHOR_CANNOT_READ", "OTHERS_COULD_READ", "FIELD_INVALID", "TEXT_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def merge_topics(
        self, info: Info, input: Annotated[m.MergeTopicsInput, What]
    ) -> m.MergeTopicsPayload:
        request = moves_pb2.MergeTopicsRequest(
            **of_topic(input),
            target_topic_id=id_of(input.target_topic_id, "targetTopicId", "Topic"),
            reason=input.reason,
            even_if_author_cannot_read=input.even_if_author_cannot_read,
            even_if_others_could_read=input.even_if_others_could_read,
        )
        return await write(info, info.context.services.moves.MergeTopics, request)

    @strawberry.mutation(
        description=codes(
            "Take replies out of a topic into a new one with a text of one's own. They stay "
            "replies, and those to them come along. For moderators.", *TOPIC, "REPLY_NOT_FOUND",
            "SPACE_NOT_FOUND", "AUTHOR_CANNOT_READ", "OTHERS_COULD_READ", "CONTENT_BLOCKED",
            "TEXT_INVALID", "TAGS_INVALID", "KIND_NOT_ALLOWED", "FIELD_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def split_topic(
        self, info: Info, input: Annotated[m.SplitTopicInput, What]
    ) -> m.SplitTopicPayload:
        request = moves_pb2.SplitTopicRequest(
            **of_topic(input),
            reply_ids=[decode_reply_id(id_, "replyIds").id for id_ in input.reply_ids],
            space_id=id_of(input.space_id, "spaceId", "Space"),
            kind=number(input.kind),
            title=input.title,
            body=input.body,
            tags=input.tags,
            reason=input.reason,
            even_if_author_cannot_read=input.even_if_author_cannot_read,
            even_if_others_could_read=input.even_if_others_could_read,
        )
        return await write(info, info.context.services.moves.SplitTopic, request)
