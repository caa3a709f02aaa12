"""The collection of read marks, and counts of what is not read."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from chassis.decisions import Aggregates, Document, Ref
from chassis.mongo import Database, Index
from services.forum.domain.feed.reads import LAST_ID, MOST_UNREAD, Place, ReadMark
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import Topic

_NAMESPACE = uuid.UUID("b5a3c7de-8a39-4a43-9d0c-5d2c7f1e9a63")

INDEXES: Sequence[Index] = (
    Index("read_marks", [("person_id", 1), ("topic_id", 1)], "read_mark_person"),
)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person marked in topics: how far they have read, by topic, and what they keep."""

    read: dict[str, ReadMark] = field(default_factory=dict)
    bookmarked: set[str] = field(default_factory=set)

    def add(self, other: Marks) -> None:
        """Those of other topics as well."""
        self.read.update(other.read)
        self.bookmarked.update(other.bookmarked)


class MarkCollection:
    """Reads of how far somebody has read."""

    read_marks: Aggregates[ReadMark]
    _database: Database

    def read_mark_ref(self, community_id: str, person_id: str, topic_id: str) -> Ref[ReadMark]:
        """Where a person's mark in a topic is; it need not exist yet."""
        return self.read_marks.ref(community_id, read_mark_id(community_id, person_id, topic_id))

    async def find_marks(
        self, communities: Collection[str], person_id: str, topic_ids: Collection[str]
    ) -> Marks:
        """How far a person has read these topics, and which of them they keep, in one query."""
        mine = {
            "person_id": person_id,
            "topic_id": {"$in": list(topic_ids)},
            "community_id": {"$in": list(communities)},
        }
        kept = [
            {"$match": {**mine, "kept": True}},
            {"$project": {"_id": 0, "bookmarked": "$topic_id"}},
        ]
        pipeline: list[Document] = [
            {"$match": mine},
            {"$unionWith": {"coll": "bookmarks", "pipeline": kept}},
        ]
        marks = Marks()
        found = await self._database.read_marks.aggregate(pipeline, hint="read_mark_person")
        for row in await found.to_list():
            if (topic_id := row.get("bookmarked")) is not None:
                marks.bookmarked.add(topic_id)
            else:
                marks.read[row["topic_id"]] = load_read_mark(row)
        return marks

    async def count_unread(self, places: Mapping[str, tuple[Topic, Place]]) -> dict[str, int]:
        """Published replies behind a place, in each of these topics: one query for all, which an
        index answers alone.

        Counted up to 100. The topics are such as the person can see; none of the replies is their
        own, as whoever replies has read up to there.
        """
        if not places:
            return {}
        first, *others = (_counted(topic, place) for topic, place in places.values())
        pipeline = [
            *first,
            *({"$unionWith": {"coll": "replies", "pipeline": one}} for one in others),
        ]
        found = await self._database.replies.aggregate(pipeline)
        counts = {row["_id"]: row["count"] for row in await found.to_list()}
        return {topic_id: counts.get(topic_id, 0) for topic_id in places}


def _counted(topic: Topic, place: Place) -> list[Document]:
    behind: Document = {"create_time": {"$gt": place.time}}
    if (
        place.id != LAST_ID
    ):  # imported replies may share a moment; what is simpler is planned faster
        behind = {
            "create_time": {"$gte": place.time},
            "$or": [behind, {"_id": {"$gt": place.id}}],
        }
    query: Document = {
        "community_id": topic.community_id,
        "topic_id": topic.id,
        "read_keys": space_key(topic.space_id),
        **behind,
    }
    return [
        {"$match": query},
        {"$limit": MOST_UNREAD},
        {"$group": {"_id": topic.id, "count": {"$sum": 1}}},
    ]


def read_mark_id(community_id: str, person_id: str, topic_id: str) -> str:
    """One a person and topic."""
    return uuid.uuid5(_NAMESPACE, f"{community_id}:{person_id}:{topic_id}").hex


def load_read_mark(document: Document) -> ReadMark:
    """Back from dump_read_mark."""
    former = document.get("former_time")
    return ReadMark(
        document["_id"],
        document["community_id"],
        document["person_id"],
        document["topic_id"],
        Place(document["time"], document["reply_id"]),
        document["set_time"],
        Place(former, document["former_reply_id"]) if former else None,
    )


def dump_read_mark(mark: ReadMark) -> Document:
    """As it is stored."""
    document: Document = {
        "person_id": mark.person_id,
        "topic_id": mark.topic_id,
        "time": mark.place.time,
        "reply_id": mark.place.id,
        "set_time": mark.set_time,
    }
    if mark.former is not None:
        document |= {"former_time": mark.former.time, "former_reply_id": mark.former.id}
    return document


READ_MARKS: Aggregates[ReadMark] = Aggregates(
    "read_mark", "read_marks", load_read_mark, dump_read_mark
)
