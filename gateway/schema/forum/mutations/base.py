"""What the forum's mutations have in common: the fields of every write, and what it may refuse."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.cursors import decode_id, decode_reply_id
from gateway.schema.writes import number, version
from guildhall.forum.v1 import forum_pb2

What = strawberry.argument(description="What to do.")
TOPIC = ("TOPIC_NOT_FOUND", "TOPIC_STATE_INVALID", "VERSION_STALE")
REPLY = ("REPLY_NOT_FOUND", "REPLY_STATE_INVALID", "TOPIC_STATE_INVALID", "VERSION_STALE")
SCREENED = ("CONTENT_BLOCKED", "POSTING_TOO_FAST", "TEXT_INVALID")
MODERATOR = "ROLE_REQUIRED"
ATTACHING = ("ATTACHMENT_NOT_FOUND", "ATTACHMENT_STATE_INVALID", "ATTACHMENTS_TOO_MANY")
REFERRING = ("MENTIONS_TOO_MANY", "MENTION_LIMIT_REACHED", "QUOTE_INVALID", "QUOTE_TOO_NARROW")


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


def why(input: Any) -> dict[str, Any]:
    """The fields by which moderators say why."""
    return {"reason": input.reason, "reason_code": number(input.reason_code)}


def id_of(id: str | None, field: str, kind: str) -> str:
    """The id behind a global one; empty where there is none.

    Its community is the service's to compare: what is of another one is not there.
    """
    return "" if id is None else decode_id(id, field, kind).id


def attachment_ids(ids: list[Any] | None, field: str = "attachmentIds") -> list[str]:
    """Of the files that a post is to have; as id_of for each."""
    return [id_of(one, f"{field}.{n}", "Attachment") for n, one in enumerate(ids or ())]


def references(input: Any, community_id: str, *, edit: bool = False) -> dict[str, Any]:
    """The fields of whatever writes a post that say whom and what it refers to."""
    mentioned = input.mentioned_ids
    given: dict[str, Any] = {
        "mentioned_ids": [
            decode_id(one, f"mentionedIds.{index}", "Member", "Person").id
            for index, one in enumerate(mentioned or ())
        ],
        "quotes": [
            _quote(one, community_id, f"quotes.{index}")
            for index, one in enumerate(input.quotes or ())
        ],
    }
    if edit:
        given["update_mentions"] = mentioned is not None
        given["update_quotes"] = input.quotes is not None
    return given


def _quote(quote: Any, community_id: str, at: str) -> forum_pb2.Quote:
    topic_id, reply_id = of_post(quote.post_id, f"{at}.postId", community_id)
    return forum_pb2.Quote(topic_id=topic_id, reply_id=reply_id, text=quote.text)


def of_post(post_id: str, field: str, community_id: str = "") -> tuple[str, str]:
    """The ids of a topic, and of its reply where that is meant; of this community if one is named.

    What is of another community is no post of this one, as far as anybody here can tell.
    """
    found = decode_id(post_id, field, "Topic", "Reply")
    if community_id and found.community_id != community_id:
        return found.id, ""
    if found.kind == "Topic":
        return found.id, ""
    reply = decode_reply_id(post_id, field)
    return reply.topic_id, reply.id
