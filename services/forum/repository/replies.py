"""The collection of replies: parts of their topics, behind the topic's wall and their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from chassis.decisions import Document, PartRef, Parts, Write
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.replies import Reply, ReplyNotFoundError, ReplyState
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import Topic
from services.forum.repository.documents import (
    attached,
    attached_documents,
    author,
    author_document,
    body,
    read_page,
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
from services.forum.repository.topics import TEXTLESS, TopicCollection

_OLDEST = [("create_time", 1), ("_id", 1)]
_GONE_WITH_CHILDREN: Document = {
    "state": {"$in": [ReplyState.HIDDEN.value, ReplyState.REMOVED.value]},
    "child_count": {"$gt": 0},
}
_STATES = {one.value: one for one in ReplyState}
# What few replies have, and the documents of others do not, or those of former times.
_SELDOM: Mapping[str, Callable[[Any], Any]] = {
    "edit_time": same,
    "verification": verification,
    "attachments": attached,
    "parent_reply_id": same,
    "seeding_id": same,
    "removed_state": ReplyState,
}

INDEXES: Sequence[Index] = (
    Index(
        "replies",
        [
            ("community_id", 1),
            ("topic_id", 1),
            ("read_keys", 1),
            *_OLDEST,
        ],
        "reply_page",
    ),
    # A thread, or (no parent) the beginnings of all of a topic's threads.
    Index(
        "replies",
        [
            ("community_id", 1),
            ("topic_id", 1),
            ("parent_reply_id", 1),
            ("read_keys", 1),
            *_OLDEST,
        ],
        "reply_thread_page",
    ),
)


def space_keys(topic: Topic) -> tuple[str, ...]:
    """What opens a topic's published replies to who can read the topic.

    After a move some are stored under the former space for a while.
    """
    return (space_key(topic.space_id), *map(space_key, topic.former_space_ids))


class ReplyCollection(TopicCollection):
    """Reads of replies. A keyring of None: a service reads, no wall, all states."""

    async def get_reply(
        self, topic: Topic, reply_id: str, keyring: Collection[str] | None
    ) -> Reply:
        """A reply of a topic that one can see. Refuses with REPLY_NOT_FOUND."""
        query: Document = {
            "community_id": topic.community_id,
            "_id": reply_id,
            "topic_id": topic.id,
        }
        if keyring is not None:
            query["read_keys"] = {"$in": [*space_keys(topic), *keyring]}
        document = await self._database.replies.find_one(query, hint="_id_")
        if document is None:
            raise ReplyNotFoundError(field="reply_id")
        return load_reply(document)

    async def find_replies(
        self,
        community_id: str,
        ids: Collection[str],
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
    ) -> list[Reply]:
        """Those of the ids that there are and that the keyring shows, as it does their topics."""
        if not ids:
            return []
        query: Document = {"community_id": community_id, "_id": {"$in": list(ids)}}
        fields = TEXTLESS if without_texts else None
        if keyring is None:
            rows = self._database.replies.find(query, fields)
            return [load_reply(document) for document in await rows.to_list()]
        wall = await self._wall(community_id, keyring)
        found = await self._find_replies({**query, **wall}, wall, "_id_", fields)
        return [load_reply(document) for document in found]

    async def find_posts(
        self,
        community_id: str,
        topic_ids: Collection[str],
        reply_ids: Collection[str],
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
    ) -> tuple[list[Topic], list[Reply]]:
        """As find_topics, listed, and find_replies; topics at hand are not asked for once more."""
        topics = self.find_topics(
            community_id, topic_ids, keyring, without_texts=without_texts, listed=True
        )
        if keyring is None or not topic_ids or not reply_ids:
            replies = self.find_replies(
                community_id, reply_ids, keyring, without_texts=without_texts
            )
            return await asyncio.gather(topics, replies)
        wall = await self._wall(community_id, keyring)
        query: Document = {"community_id": community_id, "_id": {"$in": list(reply_ids)}, **wall}
        fields = TEXTLESS if without_texts else None
        rows = self._database.replies.find(query, fields).hint("_id_")
        found, documents = await asyncio.gather(topics, rows.to_list())
        shown = {topic.id for topic in found}
        below = [one for one in documents if one["topic_id"] in shown]
        # Replies to a topic that was looked for and not found are hidden.
        apart = [one["_id"] for one in documents if one["topic_id"] not in topic_ids]
        if apart:
            below += await self._find_replies(
                {**query, "_id": {"$in": apart}}, wall, "_id_", fields
            )
        return found, [load_reply(document) for document in below]

    async def _find_replies(
        self, query: Document, wall: Document, index: str, fields: Document | None = None
    ) -> list[Document]:
        """Those whose topics are behind the wall as well."""
        open_ = {"$match": {"community_id": query["community_id"], **wall}}
        found = await self._database.replies.aggregate(
            [
                {"$match": query},
                {
                    "$lookup": {
                        "from": "topics",
                        "localField": "topic_id",
                        "foreignField": "_id",
                        "pipeline": [open_, {"$project": {"_id": 1}}],
                        "as": "topics",
                    }
                },
                {"$match": {"topics": {"$ne": []}}},
                {"$project": {"topics": 0, **(fields or {})}},
            ],
            hint=index,
        )
        return await found.to_list()

    async def list_replies(
        self,
        topic: Topic,
        keyring: Sequence[str] | None,
        paging: Paging,
        thread: str | None = None,
    ) -> list[Reply]:
        """What the page needs of a topic one can see, oldest first; a place: (create_time, id).

        `thread`: only replies to this reply; empty: only those to the topic itself. Of these also
        those that went out of sight while there are replies to them, withheld.
        """
        spaces, moderators = space_keys(topic), f"moderators:{topic.community_id}"
        if keyring is None:
            keys = [*spaces, moderators]  # every reply has one of these
        else:
            keys = [
                *spaces,
                *(key for key in keyring if key.startswith(("person:", "moderators:"))),
            ]
        query: Document = {"community_id": topic.community_id, "topic_id": topic.id}
        index, shown = "reply_page", frozenset(keys)
        if thread is not None:
            query["parent_reply_id"] = thread or None
            index = "reply_thread_page"
        if withholding := thread == "" and moderators not in shown:
            query["$and"] = [{"$or": [{"read_keys": {"$in": keys}}, _GONE_WITH_CHILDREN]}]
            keys = [*keys, moderators]  # which all that is not published has
        rows = await read_page(
            self._database.replies, query, ("read_keys", keys), _OLDEST, paging, index
        )
        replies = [load_reply(row) for row in rows]
        if not withholding:
            return replies
        return [one if shown & set(one.read_keys) else one.withhold() for one in replies]

    async def find_stored_reply_ids(self, community_id: str, ids: Iterable[str]) -> set[str]:
        """Which of the ids are taken, whatever their state: for imports."""
        query = {"community_id": community_id, "_id": {"$in": list(ids)}}
        return {row["_id"] async for row in self._database.replies.find(query, {"_id": 1})}

    @staticmethod
    def count_child(child: Reply, step: int) -> Write:
        """To be stored with a change of the child: its parent has one more or one less to show.

        The topic's seq guards all its replies, so nobody can store the parent as it was before.
        """
        parent = {"_id": child.parent_reply_id, "community_id": child.community_id}
        return Write("replies", UpdateOne(parent, {"$inc": {"child_count": step}}))

    @staticmethod
    def reply_ref(community_id: str, reply_id: str) -> PartRef[Reply]:
        """Where a reply is, for a decision on its topic."""
        return REPLIES.ref(community_id, reply_id)


def load_reply(document: Document) -> Reply:
    """Back from dump_reply."""
    reply = Reply(
        id=document["_id"],
        community_id=document["community_id"],
        topic_id=document["topic_id"],
        space_id=document["space_id"],
        state=_STATES[document["state"]],
        body=body(document),
        author=author(document["author"]),
        create_time=document["create_time"],
        score=document["score"],
        accepted=document["accepted"],
        state_reason=document["state_reason"],
        edited_by_moderator=document.get("edited_by_moderator", False),
        edition=document.get("edition", 1),
        submission=submission(document["submission"]),
        case_id=document["case_id"],
        version=document["version"]
        if "version" in document
        else document["seq"],  # formerly the topic's
        child_count=document.get("child_count", 0),
        references=references(document),
    )
    return with_seldom(reply, _SELDOM, document)


def dump_reply(reply: Reply) -> Document:
    """As it is stored."""
    document: Document = {
        "topic_id": reply.topic_id,
        "space_id": reply.space_id,
        "state": reply.state.value,
        "body": text_document(reply.body),
        "author": author_document(reply.author),
        "create_time": reply.create_time,
        "score": reply.score,
        "accepted": reply.accepted,
        "state_reason": reply.state_reason,
        "edited_by_moderator": reply.edited_by_moderator,
        "edition": reply.edition,
        "submission": submission_document(reply.submission),
        "case_id": reply.case_id,
        "version": reply.version,
        "read_keys": list(reply.read_keys),
        "child_count": reply.child_count,
        **references_document(reply.references),
    }
    if reply.seeding_id:
        document["seeding_id"] = reply.seeding_id
    if reply.attachments:
        document["attachments"] = attached_documents(reply.attachments)
    if reply.parent_reply_id:
        document["parent_reply_id"] = reply.parent_reply_id
    if reply.removed_state is not None:
        document["removed_state"] = reply.removed_state.value
    if reply.edit_time is not None:
        document["edit_time"] = reply.edit_time
    document |= verification_document(reply.verification)
    if reply.recheck_time is not None:
        document["recheck_time"] = reply.recheck_time
    return document


REPLIES: Parts[Reply] = Parts("replies", load_reply, dump_reply)
