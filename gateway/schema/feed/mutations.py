"""What one can do for oneself, in GraphQL."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id, decode_reply_id
from gateway.errors import POST_NOT_FOUND, BadUserInputError
from gateway.schema.feed import inputs as f
from gateway.schema.forum.mutations.base import What
from gateway.schema.writes import codes, number, write
from guildhall.forum.v1 import feed_pb2

_LEVEL = ("FOLLOW_LEVEL_INVALID", "TOO_MANY_FOLLOWS", "COMMUNITY_NOT_FOUND", "SPACE_NOT_FOUND")
_KINDS = {
    "Space": feed_pb2.FOLLOW_KIND_SPACE,
    "Topic": feed_pb2.FOLLOW_KIND_TOPIC,
    "Member": feed_pb2.FOLLOW_KIND_PERSON,
    "Company": feed_pb2.FOLLOW_KIND_COMPANY,
}


def _within(community_id: str, id: str | None, field: str, kind: str) -> str:
    """The id of something in the community; empty where none is given."""
    if id is None:
        return ""
    found = decode_id(id, field, kind)
    if found.community_id != community_id:
        raise BadUserInputError(f"{field} is of another community", field=field)
    return found.id


def _post(input: Any) -> dict[str, Any]:
    found = decode_id(input.post_id, "postId", "Topic", "Reply")
    topic_id, reply_id = found.id, ""
    if found.kind == "Reply":
        reply = decode_reply_id(input.post_id, "postId")
        topic_id, reply_id = reply.topic_id, reply.id
    return {
        "request_id": input.request_id,
        "community_id": found.community_id,
        "topic_id": topic_id,
        "reply_id": reply_id,
    }


@strawberry.type
class FeedMutation:
    """Follows, bookmarks and what is read."""

    @strawberry.mutation(
        description=codes(
            "Follow a space, topic, member or company at a level, or as it is by default. May run "
            "twice.", *_LEVEL, "TOPIC_NOT_FOUND", "MEMBER_NOT_FOUND",
            "COMPANY_NOT_FOUND", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def set_follow(
        self, info: Info, input: Annotated[f.SetFollowInput, What]
    ) -> f.SetFollowPayload:
        community = decode_id(input.community_id, "communityId", "Community").id
        # What is of another community is not found in this one.
        target = decode_id(input.target_id, "targetId", *_KINDS)
        request = feed_pb2.SetFollowRequest(
            request_id=input.request_id,
            community_id=community,
            kind=_KINDS[target.kind],
            target_id=target.id,
            level=number(input.level),
        )
        return await write(info, info.context.services.feed.SetFollow, request)

    @strawberry.mutation(
        description=codes(
            "Follow a tag at a level, in one space or in the whole community. May run twice.",
            *_LEVEL, "TAGS_INVALID",
        )
    )  # fmt: skip
    async def set_tag_follow(
        self, info: Info, input: Annotated[f.SetTagFollowInput, What]
    ) -> f.SetTagFollowPayload:
        community = decode_id(input.community_id, "communityId", "Community").id
        request = feed_pb2.SetTagFollowRequest(
            request_id=input.request_id,
            community_id=community,
            tag=input.tag,
            space_id=_within(community, input.space_id, "spaceId", "Space"),
            level=number(input.level),
        )
        return await write(info, info.context.services.feed.SetTagFollow, request)

    @strawberry.mutation(
        description=codes(
            "Keep a topic or reply, which nobody else is told; a second time note and reminder are "
            "replaced.", POST_NOT_FOUND, "TOO_MANY_BOOKMARKS", "TEXT_INVALID", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def add_bookmark(
        self, info: Info, input: Annotated[f.AddBookmarkInput, What]
    ) -> f.AddBookmarkPayload:
        request = feed_pb2.AddBookmarkRequest(
            **_post(input), note=input.note, remind_time=input.remind_time
        )
        return await write(info, info.context.services.feed.AddBookmark, request)

    @strawberry.mutation(
        description=codes(
            "Keep a post no longer, whether one still sees it or not. May run twice. "
            "POST_NOT_FOUND where one neither keeps nor sees it.", POST_NOT_FOUND,
        )
    )  # fmt: skip
    async def remove_bookmark(
        self, info: Info, input: Annotated[f.RemoveBookmarkInput, What]
    ) -> f.RemoveBookmarkPayload:
        request = feed_pb2.RemoveBookmarkRequest(**_post(input))
        await write(info, info.context.services.feed.RemoveBookmark, request)
        return f.RemoveBookmarkPayload(post_id=input.post_id)

    @strawberry.mutation(
        description=codes(
            "One has read a topic up to a reply, or to its end; never back. May run twice.",
            "TOPIC_NOT_FOUND", "REPLY_NOT_FOUND",
        )
    )  # fmt: skip
    async def mark_topic_read(
        self, info: Info, input: Annotated[f.MarkTopicReadInput, What]
    ) -> f.MarkTopicReadPayload:
        topic = decode_id(input.topic_id, "topicId", "Topic")
        reply_id = ""
        if input.reply_id is not None:
            reply = decode_reply_id(input.reply_id, "replyId")
            if (reply.community_id, reply.topic_id) != (topic.community_id, topic.id):
                raise BadUserInputError("replyId is of another topic", field="replyId")
            reply_id = reply.id
        request = feed_pb2.MarkTopicReadRequest(
            request_id=input.request_id,
            community_id=topic.community_id,
            topic_id=topic.id,
            reply_id=reply_id,
        )
        return await write(info, info.context.services.feed.MarkTopicRead, request)

    @strawberry.mutation(
        description=codes(
            "One has read all of a space, or of the community, up to a moment; never back. "
            "May run twice.", "COMMUNITY_NOT_FOUND", "SPACE_NOT_FOUND", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def mark_all_read(
        self, info: Info, input: Annotated[f.MarkAllReadInput, What]
    ) -> f.MarkAllReadPayload:
        community = decode_id(input.community_id, "communityId", "Community").id
        request = feed_pb2.MarkAllReadRequest(
            request_id=input.request_id,
            community_id=community,
            space_id=_within(community, input.space_id, "spaceId", "Space"),
            until_time=input.until_time,
        )
        return await write(info, info.context.services.feed.MarkAllRead, request)
