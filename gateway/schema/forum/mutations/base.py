"""What the forum's mutations have in common: the fields of every write, and what it may refuse."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.cursors import decode_id, decode_reply_id
from gateway.schema.writes import version

What = strawberry.argument(description="What to do.")
TOPIC = ("TOPIC_NOT_FOUND", "TOPIC_STATE_INVALID", "VERSION_STALE")
REPLY = ("REPLY_NOT_FOUND", "REPLY_STATE_INVALID", "TOPIC_STATE_INVALID", "VERSION_STALE")
SCREENED = ("CONTENT_BLOCKED", "POSTING_TOO_FAST", "TEXT_INVALID")
MODERATOR = "ROLE_REQUIRED"
ATTACHING = ("ATTACHMENT_NOT_FOUND", "ATTACHMENT_STATE_INVALID", "ATTACHMENTS_TOO_MANY")


def of_topic(input: Any) -> dict[str, Any]:
    """The fields that every write to a topic has."""
    topic = decode_id(input.topic_id, "topicId", "Topic")
    return {
        "request_id": input.request_id,
        "community_id": topic.community_id,
        "topic_id": topic.id,
        "expected_version": version(input),
    }


def of_reply(input: Any) -> dict[str, Any]:
    """The fields that every write to a reply has."""
    reply = decode_reply_id(input.reply_id, "replyId")
    return {
        "request_id": input.request_id,
        "community_id": reply.community_id,
        "topic_id": reply.topic_id,
        "reply_id": reply.id,
        "expected_version": version(input),
    }


def id_of(id: str | None, field: str, kind: str) -> str:
    """The id behind a global one; empty where there is none.

    Its community is the service's to compare: what is of another one is not there.
    """
    return "" if id is None else decode_id(id, field, kind).id


def attachment_ids(ids: list[Any] | None) -> list[str]:
    """Of the files that a post is to have; as id_of for each."""
    return [id_of(one, f"attachmentIds.{n}", "Attachment") for n, one in enumerate(ids or ())]
