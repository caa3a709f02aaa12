"""Objects as the compared operations show them."""

from __future__ import annotations

from typing import Any

from bench.floor.batches import Found
from gateway.cursors import encode_id, encode_reply_id
from gateway.schema.scalars import ReplyState, TopicKind, TopicState, TrustLevel, write_time
from guildhall.search.v1 import search_pb2

TRUST_LEVELS: dict[int, str] = {level.value: level.name for level in TrustLevel}
_KINDS = {kind.value: kind.name for kind in TopicKind}
_STATES = {state.value: state.name for state in TopicState}
_REPLY_STATES = {state.value: state.name for state in ReplyState}


def listed(row: Any, names: Found) -> dict[str, Any]:
    """A topic in the list."""
    last = None
    if row.HasField("last_reply_author"):
        last = {"member": names.get(row.last_reply_author.person_id)}
    return {
        "id": encode_id("Topic", row.community_id, row.id),
        "title": row.title,
        "slug": row.slug,
        "kind": _KINDS[row.kind],
        "state": _STATES[row.state],
        "tags": list(row.tags),
        "score": row.score,
        "replyCount": row.reply_count,
        "createTime": write_time(row.create_time),
        "activityTime": write_time(row.activity_time),
        "author": {"member": names.get(row.author.person_id)},
        "lastReplyAuthor": last,
    }


def topic_page(
    row: Any, members: Found, companies: Found, space: Any, accepted: Any, replies: dict[str, Any]
) -> dict[str, Any]:
    """A topic on its own page."""
    return {
        "id": encode_id("Topic", row.community_id, row.id),
        "title": row.title,
        "kind": _KINDS[row.kind],
        "state": _STATES[row.state],
        "tags": list(row.tags),
        "score": row.score,
        "bodyHtml": row.body_html,
        "createTime": write_time(row.create_time),
        "editTime": write_time(row.edit_time) if row.HasField("edit_time") else None,
        "acceptedReply": None if accepted is None else {"id": _reply_id(accepted)},
        "author": _author(row.author, members, companies),
        "space": space,
        "replies": replies,
    }


def reply(row: Any, members: Found, companies: Found) -> dict[str, Any]:
    """A reply on its topic's page."""
    return {
        "id": _reply_id(row),
        "state": _REPLY_STATES[row.state],
        "bodyHtml": row.body_html,
        "score": row.score,
        "accepted": row.accepted,
        "createTime": write_time(row.create_time),
        "editTime": write_time(row.edit_time) if row.HasField("edit_time") else None,
        "author": _author(row.author, members, companies),
    }


def found(hit: Any, posts: Found) -> dict[str, Any] | None:
    """What a hit stands for; None where its owner does not show it."""
    row = posts[hit.id]
    if hit.kind == search_pb2.KIND_TOPIC:
        return row and {
            "__typename": "Topic",
            "id": encode_id("Topic", row.community_id, row.id),
            "title": row.title,
            "createTime": write_time(row.create_time),
            "author": {"persona": _persona(row.author)},
        }
    if row is None:
        return None
    topic = posts[row.topic_id]
    return {
        "__typename": "Reply",
        "id": _reply_id(row),
        "createTime": write_time(row.create_time),
        "topic": topic
        and {"id": encode_id("Topic", topic.community_id, topic.id), "title": topic.title},
        "author": {"persona": _persona(row.author)},
    }


def community(row: Any) -> dict[str, Any]:
    """A community of a list."""
    return {"id": encode_id("Community", row.id, row.id), "slug": row.slug, "name": row.name}


def latest(row: Any, names: Found) -> dict[str, Any]:
    """A topic of the first page."""
    return {
        "id": encode_id("Topic", row.community_id, row.id),
        "title": row.title,
        "kind": _KINDS[row.kind],
        "tags": list(row.tags),
        "replyCount": row.reply_count,
        "activityTime": write_time(row.activity_time),
        "author": {
            "member": names.get(row.author.person_id),
            "persona": _persona(row.author),
        },
    }


def waiting(row: Any) -> dict[str, Any]:
    """A topic that waits for an answer."""
    return {
        "id": encode_id("Topic", row.community_id, row.id),
        "title": row.title,
        "createTime": write_time(row.create_time),
        "replyCount": row.reply_count,
    }


def _reply_id(row: Any) -> str:
    return encode_reply_id(row.community_id, row.topic_id, row.id)


def _author(author: Any, members: Found, companies: Found) -> dict[str, Any]:
    return {
        "member": members.get(author.person_id),
        "company": companies.get(author.company_id),
        "persona": _persona(author),
    }


def _persona(author: Any) -> dict[str, str] | None:
    return {"displayName": author.persona.display_name} if author.HasField("persona") else None
