"""Revisions, moderation entries, and what people posted lately: written once, beside a topic."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pymongo import InsertOne, UpdateMany

from chassis.decisions import Document, Write
from chassis.mongo import Database, Index, Migration
from chassis.pagination import Paging
from services.forum.domain.members import Member, keys_of_withheld
from services.forum.domain.posting import Poster
from services.forum.domain.records import (
    REMOVING,
    ModerationEntry,
    ReasonCode,
    Revision,
    RevisionNotFoundError,
)
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic
from services.forum.repository.documents import read_page
from services.forum.repository.replies import ReplyCollection, space_keys
from services.forum.repository.topics.documents import TEXTLESS

_TWO_DAYS = 172800
_LAST_REPLACED = [("replace_time", -1), ("_id", -1)]
_NEWEST = [("time", -1), ("_id", -1)]
_OUT_OF_SIGHT = ["HIDDEN", "REJECTED", "REMOVED"]
_WHY: Document = {"state_reason": 1}
INDEXES: Sequence[Index] = (
    Index(
        "revisions",
        [
            ("community_id", 1),
            ("post_id", 1),
            ("read_keys", 1),
            *_LAST_REPLACED,
        ],
        "revision_page",
    ),
    Index(
        "moderation_entries",
        [("community_id", 1), ("topic_id", 1), *_NEWEST],
        "moderation_entry_page",
    ),
    # Two posts of one person that are decided at once want the same number: one is too fast.
    Index(
        "postings",
        [("community_id", 1), ("person_id", 1), ("number", -1)],
        "posting_number",
        unique=True,
    ),
    Index("postings", [("time", 1)], "expire", expire_after=_TWO_DAYS),
)


class RecordCollection(ReplyCollection):
    """Reads and writes of records."""

    @staticmethod
    def new_revision(revision: Revision) -> Write:
        """To be stored with the edit."""
        document = {
            "_id": revision.id,
            "community_id": revision.community_id,
            "post_id": revision.post_id,
            "title": revision.title,
            "body": revision.body,
            "tags": list(revision.tags),
            "editor_id": revision.editor_id,
            "replace_time": revision.replace_time,
            "read_keys": list(revision.read_keys),
            "edition": revision.edition,
            "by_moderator": revision.by_moderator,
        }
        if revision.author_id:
            document["author_id"] = revision.author_id
        return Write("revisions", InsertOne(document))

    @staticmethod
    def withhold_revisions(post: Topic | Reply) -> Write:
        """What the post was before is for its author and moderators only."""
        former = {"community_id": post.community_id, "post_id": post.id}
        keys = keys_of_withheld(post.community_id, post.author)
        change = {"$set": {"read_keys": list(keys)}}
        return Write("revisions", UpdateMany(former, change, hint="revision_page"))

    async def list_revisions(
        self,
        topic: Topic,
        post: Topic | Reply,
        keyring: Sequence[str],
        paging: Paging,
    ) -> list[Revision]:
        """What the page needs of a post one can see, newest first; a place: (replace_time, id)."""
        keys = (*space_keys(topic), *keyring)
        query: Document = {"community_id": post.community_id, "post_id": post.id}
        rows = await read_page(
            self._database.revisions,
            query,
            ("read_keys", keys),
            _LAST_REPLACED,
            paging,
            "revision_page",
        )
        return [load_revision(row) for row in rows]

    async def find_editions(
        self, topic: Topic, post: Topic | Reply, edition: int, keyring: Sequence[str]
    ) -> tuple[Revision, Revision | None]:
        """A former text of a post one can see, and the next one that the keyring shows; None: the
        post's own is the next. Refuses with REVISION_NOT_FOUND.
        """
        query = {
            "community_id": post.community_id,
            "post_id": post.id,
            "read_keys": {"$in": [*space_keys(topic), *keyring]},
            "edition": {"$gte": max(edition, 1)},  # what was not counted has 0, or nothing
        }
        cursor = self._database.revisions.find(query).sort("edition", 1).limit(2)
        found = [load_revision(row) async for row in cursor.hint("revision_page")]
        if not found or found[0].edition != edition:
            raise RevisionNotFoundError(field="edition")
        return found[0], found[1] if len(found) > 1 else None

    @staticmethod
    def new_moderation_entry(entry: ModerationEntry) -> Write:
        """To be stored with what was done."""
        document = {
            "_id": entry.id,
            "community_id": entry.community_id,
            "topic_id": entry.topic_id,
            "reply_id": entry.reply_id,
            "action": entry.action,
            "reason": entry.reason,
            "actor": entry.actor,
            "time": entry.time,
            **({"reason_code": entry.reason_code.value} if entry.reason_code else {}),
        }
        return Write("moderation_entries", InsertOne(document))

    async def list_moderation_entries(self, topic: Topic, paging: Paging) -> list[ModerationEntry]:
        """What the page needs of one topic and its replies, newest first; for moderators."""
        query: Document = {"community_id": topic.community_id, "topic_id": topic.id}
        cursor = self._database.moderation_entries.find({**query, **paging.beyond(_NEWEST)})
        cursor = cursor.sort(paging.sort(_NEWEST)).limit(paging.limit)
        return [load_moderation_entry(row) async for row in cursor]

    async def find_removals(
        self,
        community_id: str,
        topic_ids: Collection[str],
        reply_ids: Collection[str],
        member: Member,
    ) -> list[ModerationEntry]:
        """What took these posts out of sight, of those that are the member's or that their keyring
        shows, in a space that it opens.
        """
        spaces = await self.walls.opened(community_id, member.keyring)
        query: Document = {
            "community_id": community_id,
            "space_id": {"$in": spaces},
            "state": {"$in": _OUT_OF_SIGHT},
            "$or": [
                {"author.person_id": member.person_id},
                {"read_keys": {"$in": list(member.keyring)}},
            ],
        }
        topics = self._database.topics.find({**query, "_id": {"$in": list(topic_ids)}}, _WHY)
        wall = await self._wall(community_id, member.keyring)
        replies = {**query, "_id": {"$in": list(reply_ids)}}
        rows = {(row["_id"], ""): row for row in await topics.hint("_id_").to_list()}
        if reply_ids:
            for row in await self._find_replies(replies, wall, "_id_", TEXTLESS):
                rows[row["topic_id"], row["_id"]] = row
        if not rows:
            return []
        done: Document = {
            "community_id": community_id,
            "topic_id": {"$in": sorted({topic_id for topic_id, _ in rows})},
            "reply_id": {"$in": sorted({reply_id for _, reply_id in rows})},
            "action": {"$in": sorted(REMOVING)},
        }
        entries = self._database.moderation_entries.find(done).sort(_NEWEST)
        found: dict[tuple[str, str], ModerationEntry] = {}
        async for entry in entries.hint("moderation_entry_page"):
            post = rows.get(place := (entry["topic_id"], entry["reply_id"]))
            # An edit that was rejected has an entry of its own, and is no reason of the post's.
            if post is not None and post["state_reason"] == entry["reason"]:
                found.setdefault(place, load_moderation_entry(entry))
        return list(found.values())

    async def get_poster(self, community_id: str, person_id: str) -> Poster:
        """What a person posted in the last day."""
        query = {"community_id": community_id, "person_id": person_id}
        row = await self._database.postings.find_one(query, sort=[("number", -1)])
        if row is None:
            return Poster()
        return Poster(
            row["number"],
            tuple(row["topic_times"]),
            tuple(row["reply_times"]),
            tuple(row.get("mention_times", ())),  # formerly not counted
        )

    @staticmethod
    def new_posting(
        community_id: str, person_id: str, id_: str, poster: Poster, now: datetime
    ) -> Write:
        """To be stored with the post or edit, after which the person stands like this."""
        document = {
            "_id": id_,
            "community_id": community_id,
            "person_id": person_id,
            "number": poster.number,
            "topic_times": list(poster.topic_times),
            "reply_times": list(poster.reply_times),
            "mention_times": list(poster.mention_times),
            "time": now,
        }
        return Write("postings", InsertOne(document))


def load_revision(row: Document) -> Revision:
    """Back from new_revision."""
    return Revision(
        row["_id"],
        row["community_id"],
        row["post_id"],
        row["title"],
        row["body"],
        tuple(row["tags"]),
        row["editor_id"],
        row["replace_time"],
        tuple(row["read_keys"]),
        row.get("author_id", ""),
        row.get("edition", 0),
        row.get("by_moderator", _withheld_from_others(row)),
    )


def _withheld_from_others(row: Document) -> bool:
    """Formerly that was not remembered, but only moderators withheld another's text."""
    shown = any(key.startswith("space:") for key in row["read_keys"])
    return not shown and row["editor_id"] != row.get("author_id", "")


def load_moderation_entry(row: Document) -> ModerationEntry:
    """Back from new_moderation_entry."""
    return ModerationEntry(
        row["_id"],
        row["community_id"],
        row["topic_id"],
        row["reply_id"],
        row["action"],
        row["reason"],
        row["actor"],
        row["time"],
        ReasonCode(row["reason_code"]) if "reason_code" in row else None,
    )


async def _withhold_what_moderators_edited(database: Database) -> None:
    """What was before a moderator's edit, but for its last edition, was still for readers."""
    withheld = database.revisions.find({"read_keys": {"$not": {"$regex": "^space:"}}}, {"body": 0})
    async for row in withheld:
        if load_revision({**row, "body": ""}).by_moderator:
            before = {
                "community_id": row["community_id"],
                "post_id": row["post_id"],
                "replace_time": {"$lt": row["replace_time"]},
            }
            change = {"$set": {"read_keys": row["read_keys"]}}
            await database.revisions.update_many(before, change, hint="revision_page")


MIGRATIONS: Sequence[Migration] = (
    Migration("2026-11-withheld-revisions", _withhold_what_moderators_edited),
)
