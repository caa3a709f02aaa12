"""The collection of bookmarks, of one person over all communities."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from chassis.decisions import Aggregates, Document, Ref
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.feed.bookmarks import (
    MOST_BOOKMARKS,
    Bookmark,
    TooManyBookmarksError,
)
from services.forum.repository.documents import read_free

_NAMESPACE = uuid.UUID("4f9f3a0e-3c3b-4a8e-8a5c-0f6a8d1b7e42")
_NEWEST = [("create_time", -1), ("_id", -1)]

INDEXES: Sequence[Index] = (
    Index("bookmarks", [("person_id", 1), *_NEWEST], "bookmark_page", partial={"kept": True}),
    Index(
        "bookmarks",
        [("person_id", 1), ("topic_id", 1)],
        "bookmark_topic",
        partial={"kept": True},
    ),
    # Two that one person keeps at once may want the same place.
    Index(
        "bookmarks",
        [("community_id", 1), ("person_id", 1), ("number", 1)],
        "bookmark_number",
        unique=True,
        partial={"number": {"$gte": 0}},
    ),
    # Who keeps a topic, to be asked when it is merged.
    Index(
        "bookmarks",
        [("community_id", 1), ("topic_id", 1), ("reply_id", 1), ("person_id", 1)],
        "bookmark_keepers",
        partial={"kept": True},
    ),
)


class BookmarkCollection:
    """Reads of bookmarks; whether their posts can be seen is asked of topics and replies."""

    bookmarks: Aggregates[Bookmark]
    _database: Database

    def bookmark_ref(
        self, community_id: str, person_id: str, topic_id: str, reply_id: str
    ) -> Ref[Bookmark]:
        """Where a person's bookmark of a post is; it need not exist yet."""
        name = f"{community_id}:{person_id}:{topic_id}:{reply_id}"
        return self.bookmarks.ref(community_id, uuid.uuid5(_NAMESPACE, name).hex)

    async def list_bookmarks(
        self,
        communities: Collection[str],
        person_id: str,
        paging: Paging,
        due: datetime | None = None,
    ) -> list[Bookmark]:
        """What the page needs, newest first; a place: (create_time, id). Posts may be hidden."""
        query: Document = {
            "person_id": person_id,
            "kept": True,
            "community_id": {"$in": list(communities)},
            **paging.beyond(_NEWEST),
        }
        if due is not None:
            query["remind_time"] = {"$lte": due}
        found = self._database.bookmarks.find(query).hint("bookmark_page")
        found = found.sort(paging.sort(_NEWEST)).limit(paging.limit)
        return [load_bookmark(document) async for document in found]

    async def is_kept(self, community_id: str, bookmark_id: str) -> bool:
        """Whether there is this bookmark."""
        query = {"_id": bookmark_id, "community_id": community_id, "kept": True}
        return await self._database.bookmarks.find_one(query, {"_id": 1}) is not None

    async def find_keepers(
        self, community_id: str, topic_id: str, other_topic_id: str, most: int
    ) -> list[str]:
        """People who keep the one topic and not the other."""
        kept = {"community_id": community_id, "reply_id": "", "kept": True}
        both: Document = {
            "from": "bookmarks",
            "localField": "person_id",
            "foreignField": "person_id",
            "pipeline": [
                {"$match": {**kept, "topic_id": other_topic_id}},
                {"$project": {"_id": 1}},
            ],
            "as": "other",
        }
        pipeline: list[Document] = [
            {"$match": {**kept, "topic_id": topic_id}},
            {"$lookup": both},
            {"$match": {"other": []}},
            {"$limit": most},
            {"$project": {"person_id": 1}},
        ]
        found = await self._database.bookmarks.aggregate(pipeline, hint="bookmark_keepers")
        return [row["person_id"] async for row in found]

    async def find_free_bookmark_numbers(self, community_id: str, person_id: str) -> list[int]:
        """Where one more post can be kept; empty: nowhere."""
        query = {"person_id": person_id, "kept": True, "community_id": community_id}
        return await read_free(
            self._database.bookmarks, query, "number", "bookmark_page", MOST_BOOKMARKS
        )


def load_bookmark(document: Document) -> Bookmark:
    """Back from dump_bookmark."""
    return Bookmark(
        document["_id"],
        document["community_id"],
        document["person_id"],
        document["topic_id"],
        document["reply_id"],
        document["create_time"],
        document["note"],
        document.get("remind_time"),
        not document.get("kept", False),
        document.get("number"),
    )


def dump_bookmark(bookmark: Bookmark) -> Document:
    """As it is stored."""
    document: Document = {
        "person_id": bookmark.person_id,
        "topic_id": bookmark.topic_id,
        "reply_id": bookmark.reply_id,
        "create_time": bookmark.create_time,
        "note": bookmark.note,
    }
    if bookmark.remind_time is not None:
        document["remind_time"] = bookmark.remind_time
    if not bookmark.removed:
        document["kept"] = True
    if bookmark.number is not None:
        document["number"] = bookmark.number
    return document


BOOKMARKS: Aggregates[Bookmark] = Aggregates(
    "bookmark",
    "bookmarks",
    load_bookmark,
    dump_bookmark,
    {"bookmark_number": TooManyBookmarksError},
)
