"""Topics as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis.decisions import Aggregates, Document
from chassis.mongo import Database, Migration
from services.forum.domain.context_refs import ContextRef
from services.forum.domain.drafts import TooManyDraftsError
from services.forum.domain.feed.ranking import feed_keys
from services.forum.domain.participation import VotedAtOnceError
from services.forum.domain.posting import PostingTooFastError
from services.forum.domain.topics import (
    OPEN_TO_READERS,
    UNSENT,
    CloseReason,
    IdeaStatus,
    LatestReply,
    Link,
    Topic,
    TopicKind,
    TopicState,
)
from services.forum.repository.documents import (
    as_read,
    attached,
    attached_documents,
    author,
    author_document,
    body,
    context_ref_documents,
    context_refs,
    references,
    references_document,
    same,
    submission,
    submission_document,
    text_document,
    verification,
    verification_document,
    with_seldom,
)

NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # when a pin without an end ends


# What is read to be shown: nothing that only the indexes need. Of the latest replies lists read
# the last.
READ: Document = {"read_keys": 0, "tag_keys": 0, "context_keys": 0, "feed_keys": 0}
LISTED: Document = {"latest": {"$slice": -1}, **READ}
# A post without its text.
TEXTLESS: Document = {"body": 0}
_KINDS = {one.value: one for one in TopicKind}
_STATES = {one.value: one for one in TopicState}


# What few topics have, and the documents of others do not.
_SELDOM: Mapping[str, Callable[[Any], Any]] = {
    "further_accepted_ids": tuple,
    "edit_time": same,
    "close_reason": CloseReason,
    "own_close_reason": same,
    "idea_status": IdeaStatus,
    "idea_note": same,
    "idea_status_time": same,
    "owner_id": same,
    "review_time": same,
    "review_due_time": same,
    "review_expired": same,
    "duplicate_of_id": same,
    "moved_to_id": same,
    "split_from_id": same,
    "carry_to_id": same,
    "former_space_ids": tuple,
    "seeding_id": same,
    "case_count": same,  # formerly nobody counted
    "publish_time": same,
    "pin_time": same,
    "pin_expire_time": same,
    "removed_state": TopicState,
    "draft_number": same,
    "verification": verification,
    "attachments": attached,
    "context_refs": context_refs,
}


def tag_key(tag: str, key: str) -> str:
    """Tags hold no blank. Tags and keys in one field, as an index takes one array only."""
    return f"{tag} {key}"


def context_key(ref: ContextRef, key: str) -> str:
    """Likewise; of all that is in it only the external id may hold blanks."""
    return f"{ref.system} {ref.type} {key} {ref.external_id}"


def link_key(link: Link, topic_id: str) -> str:
    """What a topic that names another is found by."""
    return f"{link.value} {topic_id}"


def load_topic(document: Document) -> Topic:
    """Back from dump_topic."""
    topic = Topic(
        id=document["_id"],
        community_id=document["community_id"],
        space_id=document["space_id"],
        kind=_KINDS[document["kind"]],
        state=_STATES[document["state"]],
        title=document["title"],
        body=body(document),
        tags=tuple(document["tags"]),
        author=author(document["author"]),
        create_time=document["create_time"],
        activity_time=document["activity_time"],
        score=document["score"],
        reply_count=document["reply_count"],
        own_reply_count=document["own_reply_count"]
        if "own_reply_count" in document
        else _own_replies(document),
        latest=latest_replies(document["latest"]),
        accepted_reply_id=document["accepted_reply_id"],
        references=references(document),
        awaited_reply_id=document["awaited_reply_id"],
        state_reason=document["state_reason"],
        submission=submission(document["submission"]),
        case_id=document["case_id"],
        edition=document.get("edition", 1),
        newest_time=document.get("newest_time", _latest_time(document)),
        edited_by_moderator=document.get("edited_by_moderator", False),
        version=document["version"]
        if "version" in document
        else document["seq"],  # formerly they were the same
    )
    return with_seldom(topic, _SELDOM, document)


def latest_replies(documents: Iterable[Document]) -> tuple[LatestReply, ...]:
    """Those that a topic remembers."""
    return tuple([LatestReply(one["id"], author(one["author"]), one["time"]) for one in documents])


def _latest_time(document: Document) -> datetime | None:
    """What topics remembered that were stored before they remembered their newest reply."""
    return document["latest"][-1]["time"] if document["latest"] else None


def _own_replies(document: Document) -> int:
    """Of topics that were stored before they counted them, as far as they remember all replies."""
    if len(document["latest"]) < document["reply_count"]:
        return 0
    own = author(document["author"])
    return sum(own.same(author(one["author"])) for one in document["latest"])


async def _add_unreplied(database: Database) -> None:
    """Open questions stored before an author's own replies were counted apart."""
    query: Document = {"unanswered": True, "own_reply_count": {"$exists": False}}
    shown = {"community_id": 1, "author": 1, "reply_count": 1, "latest": 1, "seq": 1}
    async for row in database.topics.find(query, shown):
        own = _own_replies(row)
        change: Document = {"own_reply_count": own}
        if row["reply_count"] <= own:
            change["unreplied"] = True
        await database.topics.update_one(as_read(row), {"$set": change})


def dump_topic(topic: Topic) -> Document:
    """As it is stored, with what only the indexes need."""
    document: Document = {
        "space_id": topic.space_id,
        "kind": topic.kind.value,
        "state": topic.state.value,
        "title": topic.title,
        "body": text_document(topic.body),
        "tags": list(topic.tags),
        "author": author_document(topic.author),
        "create_time": topic.create_time,
        "activity_time": topic.activity_time,
        "score": topic.score,
        "reply_count": topic.reply_count,
        "own_reply_count": topic.own_reply_count,
        "latest": [
            {"id": one.id, "author": author_document(one.author), "time": one.time}
            for one in topic.latest
        ],
        "accepted_reply_id": topic.accepted_reply_id,
        "awaited_reply_id": topic.awaited_reply_id,
        "state_reason": topic.state_reason,
        "submission": submission_document(topic.submission),
        "case_id": topic.case_id,
        "edition": topic.edition,
        "edited_by_moderator": topic.edited_by_moderator,
        "version": topic.version,
        "read_keys": list(topic.read_keys),
        "tag_keys": [tag_key(tag, key) for tag in topic.tags for key in topic.read_keys],
    }
    if topic.author.person_id:
        document["author_id"] = topic.author.person_id
    if topic.state in OPEN_TO_READERS:
        document["feed_keys"] = list(
            feed_keys(topic.community_id, topic.space_id, topic.tags, topic.author)
        )
    document |= references_document(topic.references)
    if topic.further_accepted_ids:
        document["further_accepted_ids"] = list(topic.further_accepted_ids)
    if topic.edit_time is not None:
        document["edit_time"] = topic.edit_time
    if topic.close_reason is not None:
        document["close_reason"] = topic.close_reason.value
    if topic.attachments:
        document["attachments"] = attached_documents(topic.attachments)
    if topic.context_refs:
        document["context_refs"] = context_ref_documents(topic.context_refs)
        document["context_keys"] = [
            context_key(ref, key) for ref in topic.context_refs for key in topic.read_keys
        ]
    if topic.unanswered:
        document["unanswered"] = True
    if topic.unreplied:
        document["unreplied"] = True
    if topic.seeding_id:
        document["seeding_id"] = topic.seeding_id
    if topic.case_count:
        document["case_count"] = topic.case_count
    return document | _move_document(topic) | _curation_document(topic)


def _curation_document(topic: Topic) -> Document:
    """What few topics have; what one has not is left out."""
    idea = topic.kind is TopicKind.IDEA
    found: Document = {
        "own_close_reason": topic.own_close_reason or None,
        "idea_status": topic.idea_status.value if idea else None,
        "idea_note": topic.idea_note or None,
        "idea_status_time": topic.idea_status_time,
        # An imported article is nobody's, and is found as that.
        "owner_id": topic.owner_id if topic.kind is TopicKind.ARTICLE else None,
        "review_time": topic.review_time,
        "review_due_time": topic.review_due_time,
        "review_expired": topic.review_expired or None,
        "publish_time": topic.publish_time,
        "pin_time": topic.pin_time,
        "pin_expire_time": topic.pin_expire_time,
        "pin_end": (topic.pin_expire_time or NEVER) if topic.pin_time else None,
        "removed_state": topic.removed_state.value if topic.removed_state else None,
        "draft_number": topic.draft_number if topic.state in UNSENT else None,
        "recheck_time": topic.recheck_time,
        **verification_document(topic.verification),
    }
    return {name: value for name, value in found.items() if value is not None}


def _move_document(topic: Topic) -> Document:
    """What names other topics, and what replies are still on their way: few topics have any."""
    document: Document = {
        name: value
        for name, value in (
            ("duplicate_of_id", topic.duplicate_of_id),
            ("moved_to_id", topic.moved_to_id),
            ("split_from_id", topic.split_from_id),
            ("carry_to_id", topic.carry_to_id),
            ("former_space_ids", list(topic.former_space_ids)),
            ("newest_time", topic.newest_time),
        )
        if value
    }
    if topic.links:
        document["links"] = [
            link_key(link, id_)
            for link, id_ in (
                (Link.DUPLICATE, topic.duplicate_of_id),
                (Link.MERGED, topic.moved_to_id),
                (Link.SPLIT, topic.split_from_id),
            )
            if id_
        ]
    if topic.carry_to_id or topic.former_space_ids:
        document["carrying"] = True
    return document


TOPICS: Aggregates[Topic] = Aggregates(
    "topic",
    "topics",
    load_topic,
    dump_topic,
    # Two posts of one person, two votes, or two drafts, decided at once.
    {
        "posting_number": PostingTooFastError,
        "vote_number": VotedAtOnceError,
        "topic_draft_number": TooManyDraftsError,
    },
)


async def _close_removed_drafts(database: Database) -> None:
    """Removed drafts were for moderators; they are their authors'."""
    query: Document = {
        "state": TopicState.REMOVED.value,
        "removed_state": TopicState.DRAFT.value,
        "read_keys": {"$regex": "^moderators:"},
    }
    async for row in database.topics.find(query):
        dumped = dump_topic(load_topic(row))
        keys = {name: dumped[name] for name in ("read_keys", "tag_keys")}
        await database.topics.update_one(as_read(row), {"$set": keys})


MIGRATIONS: Sequence[Migration] = (
    Migration("2026-11-removed-drafts", _close_removed_drafts),
    Migration("2026-11-unreplied", _add_unreplied),
)
