"""What members can do in the forum, in GraphQL: one mutation an RPC, named alike."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id, decode_reply_id
from gateway.schema.forum import inputs as f
from gateway.schema.writes import codes, number, version, write
from guildhall.forum.v1 import forum_pb2

_What = strawberry.argument(description="What to do.")
_TOPIC = ("TOPIC_NOT_FOUND", "TOPIC_STATE_INVALID", "VERSION_STALE")
_REPLY = ("REPLY_NOT_FOUND", "REPLY_STATE_INVALID", "TOPIC_STATE_INVALID", "VERSION_STALE")
_SCREENED = ("CONTENT_BLOCKED", "POSTING_TOO_FAST", "TEXT_INVALID")
_MODERATOR = "ROLE_REQUIRED"


def _topic(input: Any) -> dict[str, Any]:
    """The fields that every write to a topic has."""
    topic = decode_id(input.topic_id, "topicId", "Topic")
    return {
        "request_id": input.request_id,
        "community_id": topic.community_id,
        "topic_id": topic.id,
        "expected_version": version(input),
    }


def _reply(input: Any) -> dict[str, Any]:
    """The fields that every write to a reply has."""
    reply = decode_reply_id(input.reply_id, "replyId")
    return {
        "request_id": input.request_id,
        "community_id": reply.community_id,
        "topic_id": reply.topic_id,
        "reply_id": reply.id,
        "expected_version": version(input),
    }


def _audience_names(input: Any) -> list[str] | None:
    if input.audience is None or input.audience.value != forum_pb2.AUDIENCE_COMPANIES:
        return input.audience_names  # type: ignore[no-any-return]
    names = input.audience_names or ()
    return [decode_id(name, "audienceNames", "Company").id for name in names]


@strawberry.type
class SpaceMutation:
    """Spaces."""

    @strawberry.mutation(
        description=codes(
            "Add a space. For managers.", "SPACE_SLUG_TAKEN", _MODERATOR, "TEXT_INVALID",
            "FIELD_INVALID", "COMMUNITY_NOT_FOUND",
        )
    )  # fmt: skip
    async def create_space(
        self, info: Info, input: Annotated[f.CreateSpaceInput, _What]
    ) -> f.CreateSpacePayload:
        request = forum_pb2.CreateSpaceRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            slug=input.slug,
            name=input.name,
            description=input.description,
            mode=number(input.mode),
            audience=number(input.audience),
            audience_names=_audience_names(input),
        )
        return await write(info, info.context.services.forum.CreateSpace, request)

    @strawberry.mutation(
        description=codes(
            "Change a space. For managers. A narrower audience holds at once.", "SPACE_NOT_FOUND",
            _MODERATOR, "TEXT_INVALID", "FIELD_INVALID", "VERSION_STALE",
        )
    )  # fmt: skip
    async def update_space(
        self, info: Info, input: Annotated[f.UpdateSpaceInput, _What]
    ) -> f.UpdateSpacePayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = forum_pb2.UpdateSpaceRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            name=input.name,
            description=input.description,
            mode=number(input.mode),
            audience=number(input.audience),
            audience_names=_audience_names(input),
            expected_version=version(input),
        )
        return await write(info, info.context.services.forum.UpdateSpace, request)


@strawberry.type
class TopicMutation:
    """Topics."""

    @strawberry.mutation(
        description=codes(
            "Ask or start a discussion. The text is screened: it may come back in PENDING_REVIEW, "
            "or with words replaced.", "SPACE_NOT_FOUND", "TAGS_INVALID", *_SCREENED,
        )
    )  # fmt: skip
    async def create_topic(
        self, info: Info, input: Annotated[f.CreateTopicInput, _What]
    ) -> f.CreateTopicPayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = forum_pb2.CreateTopicRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            kind=number(input.kind),
            title=input.title,
            body=input.body,
            tags=input.tags,
            draft=input.draft,
        )
        return await write(info, info.context.services.forum.CreateTopic, request)

    @strawberry.mutation(
        description=codes("Submit one's draft, as createTopic.", *_TOPIC, *_SCREENED)
    )
    async def publish_topic(
        self, info: Info, input: Annotated[f.PublishTopicInput, _What]
    ) -> f.PublishTopicPayload:
        request = forum_pb2.PublishTopicRequest(**_topic(input))
        return await write(info, info.context.services.forum.PublishTopic, request)

    @strawberry.mutation(
        description=codes(
            "Edit title, text or tags; the former text becomes a revision. For the author and "
            "moderators.", *_TOPIC, *_SCREENED, "TAGS_INVALID", _MODERATOR,
        )
    )  # fmt: skip
    async def update_topic(
        self, info: Info, input: Annotated[f.UpdateTopicInput, _What]
    ) -> f.UpdateTopicPayload:
        request = forum_pb2.UpdateTopicRequest(
            **_topic(input),
            title=input.title,
            body=input.body,
            tags=input.tags,
            update_tags=input.tags is not None,
        )
        return await write(info, info.context.services.forum.UpdateTopic, request)

    @strawberry.mutation(
        description=codes(
            "Take no more replies. For the author of a question and moderators.", *_TOPIC,
            _MODERATOR, "TEXT_INVALID",
        )
    )  # fmt: skip
    async def close_topic(
        self, info: Info, input: Annotated[f.CloseTopicInput, _What]
    ) -> f.CloseTopicPayload:
        request = forum_pb2.CloseTopicRequest(
            **_topic(input), close_reason=number(input.close_reason), reason=input.reason
        )
        return await write(info, info.context.services.forum.CloseTopic, request)

    @strawberry.mutation(
        description=codes("Open a closed topic again. For moderators.", *_TOPIC, _MODERATOR)
    )
    async def reopen_topic(
        self, info: Info, input: Annotated[f.ReopenTopicInput, _What]
    ) -> f.ReopenTopicPayload:
        request = forum_pb2.ReopenTopicRequest(**_topic(input))
        return await write(info, info.context.services.forum.ReopenTopic, request)

    @strawberry.mutation(
        description=codes(
            "Put a topic out of sight of all but its author and moderators. For moderators.",
            *_TOPIC, _MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def hide_topic(
        self, info: Info, input: Annotated[f.HideTopicInput, _What]
    ) -> f.HideTopicPayload:
        request = forum_pb2.HideTopicRequest(**_topic(input), reason=input.reason)
        return await write(info, info.context.services.forum.HideTopic, request)

    @strawberry.mutation(
        description=codes(
            "Bring a hidden topic back. For moderators.", *_TOPIC, _MODERATOR, "TEXT_INVALID"
        )
    )
    async def restore_topic(
        self, info: Info, input: Annotated[f.RestoreTopicInput, _What]
    ) -> f.RestoreTopicPayload:
        request = forum_pb2.RestoreTopicRequest(**_topic(input), reason=input.reason)
        return await write(info, info.context.services.forum.RestoreTopic, request)

    @strawberry.mutation(
        description=codes(
            "Remove a topic for good. For moderators, or its author within an hour while there "
            "are no replies.", *_TOPIC, _MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def remove_topic(
        self, info: Info, input: Annotated[f.RemoveTopicInput, _What]
    ) -> f.RemoveTopicPayload:
        request = forum_pb2.RemoveTopicRequest(**_topic(input), reason=input.reason)
        return await write(info, info.context.services.forum.RemoveTopic, request)

    @strawberry.mutation(
        description=codes("Make a topic read-only. For moderators.", *_TOPIC, _MODERATOR)
    )
    async def archive_topic(
        self, info: Info, input: Annotated[f.ArchiveTopicInput, _What]
    ) -> f.ArchiveTopicPayload:
        request = forum_pb2.ArchiveTopicRequest(**_topic(input))
        return await write(info, info.context.services.forum.ArchiveTopic, request)


@strawberry.type
class ReplyMutation:
    """Replies."""

    @strawberry.mutation(
        description=codes(
            "Reply to a topic. The text is screened as in createTopic.", "TOPIC_NOT_FOUND",
            "TOPIC_STATE_INVALID", *_SCREENED,
        )
    )  # fmt: skip
    async def create_reply(
        self, info: Info, input: Annotated[f.CreateReplyInput, _What]
    ) -> f.CreateReplyPayload:
        topic = decode_id(input.topic_id, "topicId", "Topic")
        request = forum_pb2.CreateReplyRequest(
            request_id=input.request_id,
            community_id=topic.community_id,
            topic_id=topic.id,
            body=input.body,
        )
        return await write(info, info.context.services.forum.CreateReply, request)

    @strawberry.mutation(
        description=codes(
            "Edit a reply; the former text becomes a revision. For the author and moderators.",
            *_REPLY, _MODERATOR, *_SCREENED,
        )
    )  # fmt: skip
    async def update_reply(
        self, info: Info, input: Annotated[f.UpdateReplyInput, _What]
    ) -> f.UpdateReplyPayload:
        request = forum_pb2.UpdateReplyRequest(**_reply(input), body=input.body)
        return await write(info, info.context.services.forum.UpdateReply, request)

    @strawberry.mutation(
        description=codes(
            "Put a reply out of sight; it is no answer any more. For moderators.", *_REPLY,
            _MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def hide_reply(
        self, info: Info, input: Annotated[f.HideReplyInput, _What]
    ) -> f.HideReplyPayload:
        request = forum_pb2.HideReplyRequest(**_reply(input), reason=input.reason)
        return await write(info, info.context.services.forum.HideReply, request)

    @strawberry.mutation(
        description=codes(
            "Bring a hidden reply back. For moderators.", *_REPLY, _MODERATOR, "TEXT_INVALID"
        )
    )
    async def restore_reply(
        self, info: Info, input: Annotated[f.RestoreReplyInput, _What]
    ) -> f.RestoreReplyPayload:
        request = forum_pb2.RestoreReplyRequest(**_reply(input), reason=input.reason)
        return await write(info, info.context.services.forum.RestoreReply, request)

    @strawberry.mutation(
        description=codes(
            "Remove a reply for good. For moderators, or its author within an hour.", *_REPLY,
            _MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def remove_reply(
        self, info: Info, input: Annotated[f.RemoveReplyInput, _What]
    ) -> f.RemoveReplyPayload:
        request = forum_pb2.RemoveReplyRequest(**_reply(input), reason=input.reason)
        return await write(info, info.context.services.forum.RemoveReply, request)

    @strawberry.mutation(
        description=codes(
            "Accept a reply as the answer of a question, in place of another. For the author of "
            "the question and moderators.", *_REPLY, "NOT_A_QUESTION", _MODERATOR,
        )
    )  # fmt: skip
    async def accept_reply(
        self, info: Info, input: Annotated[f.AcceptReplyInput, _What]
    ) -> f.AcceptReplyPayload:
        request = forum_pb2.AcceptReplyRequest(**_reply(input))
        return await write(info, info.context.services.forum.AcceptReply, request)

    @strawberry.mutation(
        description=codes(
            "Take an acceptance back. For the author of the question and moderators.",
            *_TOPIC, "NOT_A_QUESTION", "NOTHING_ACCEPTED", _MODERATOR,
        )
    )  # fmt: skip
    async def unaccept_reply(
        self, info: Info, input: Annotated[f.UnacceptReplyInput, _What]
    ) -> f.UnacceptReplyPayload:
        request = forum_pb2.UnacceptReplyRequest(**_topic(input))
        return await write(info, info.context.services.forum.UnacceptReply, request)
