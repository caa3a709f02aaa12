"""The collection of readers: one document a person and community, so that a feed reads few."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import UpdateOne

from chassis.decisions import Aggregates, Document, Ref, Write
from chassis.mongo import Database, Index
from services.forum.domain.feed.follows import Follow, FollowKind, FollowLevel, Reader, Target
from services.forum.domain.feed.ranking import MOST_MENTIONED, MOST_REPLIED
from services.forum.domain.feed.reads import ReadUntil, Replied

_NAMESPACE = uuid.UUID("0d7b8a52-5f1e-4f0e-9c55-6a1f2f6f3c21")

INDEXES: Sequence[Index] = (
    Index("readers", [("person_id", 1), ("community_id", 1)], "reader_person"),
    # Who follows a topic, to be asked when it is merged.
    Index("readers", [("community_id", 1), ("follows.id", 1)], "reader_followed"),
    # The topics somebody replied to, the last first, as a feed reads a hundred of them.
    Index(
        "participations",
        [("person_id", 1), ("time", -1), ("topic_id", 1), ("community_id", 1), ("former", 1)],
        "participation_feed",
    ),
)


@dataclass(frozen=True, slots=True)
class Own:
    """What a person follows by community, where they replied and were mentioned, the last first.

    Mentions are (topic, reply), whether or not they can be read; an empty reply is the topic's own.
    """

    readers: dict[str, Reader] = field(default_factory=dict)
    replied: dict[str, Replied] = field(default_factory=dict)
    mentions: list[tuple[str, str]] = field(default_factory=list)


class ReaderCollection:
    """Reads of what people follow; keyrings say which spaces they see, by community."""

    readers: Aggregates[Reader]
    _database: Database

    def reader_ref(self, community_id: str, person_id: str) -> Ref[Reader]:
        """Where a person's own is; it need not exist yet."""
        return self.readers.ref(community_id, reader_id(community_id, person_id))

    async def find_readers(self, communities: Collection[str], person_id: str) -> dict[str, Reader]:
        """A person's own by community; who never chose anything has none."""
        query = {"person_id": person_id, "community_id": {"$in": list(communities)}}
        found = self._database.readers.find(query).hint("reader_person")
        return {one["community_id"]: load_reader(one) for one in await found.to_list()}

    async def find_followers(self, community_id: str, topic_id: str, most: int) -> list[str]:
        """People who chose to hear more of a topic."""
        follow = {
            "kind": FollowKind.TOPIC.value,
            "id": topic_id,
            "level": {"$in": [one.value for one in FollowLevel if one.follows]},
        }
        query = {"community_id": community_id, "follows": {"$elemMatch": follow}}
        rows = self._database.readers.find(query, {"person_id": 1})
        return [row["person_id"] async for row in rows.hint("reader_followed").limit(most)]

    async def find_replied(
        self, communities: Collection[str], person_id: str, topic_ids: Collection[str]
    ) -> dict[str, Replied]:
        """Those of the topics that the person replied to."""
        ids = [participation_id(person_id, topic_id) for topic_id in topic_ids]
        query = {"community_id": {"$in": list(communities)}, "_id": {"$in": ids}}
        found = self._database.participations.find(query).hint("_id_")
        return {row["topic_id"]: _replied(row) for row in await found.to_list()}

    async def find_own(self, communities: Collection[str], person_id: str) -> Own:
        """What a feed is made of, in one query."""
        mine = {"$match": {"person_id": person_id, "community_id": {"$in": list(communities)}}}
        pipeline: list[Document] = [
            mine,
            {"$project": {"_id": 0, "reader": "$$ROOT"}},
            _with(
                "participations",
                "replied",
                mine,
                {"time": -1},
                MOST_REPLIED,
                ("topic_id", "time", "former"),
            ),
            _with(
                "mentions",
                "mention",
                mine,
                {"time": -1, "_id": -1},
                MOST_MENTIONED,
                ("topic_id", "reply_id"),
            ),
        ]
        own = Own()
        for row in await (
            await self._database.readers.aggregate(pipeline, hint="reader_person")
        ).to_list():
            if (reader := row.get("reader")) is not None:
                own.readers[reader["community_id"]] = load_reader(reader)
            elif (replied := row.get("replied")) is not None:
                own.replied[replied["topic_id"]] = _replied(replied)
            else:
                own.mentions.append((row["mention"]["topic_id"], row["mention"]["reply_id"]))
        return own

    @staticmethod
    def new_participation(community_id: str, person_id: str, topic_id: str, now: datetime) -> Write:
        """To be stored with a reply: whoever replies tracks the topic, and has read it by then."""
        id_ = participation_id(person_id, topic_id)
        later = {"$gt": [now, "$time"]}  # than none, too
        change = {
            "person_id": {"$literal": person_id},
            "topic_id": {"$literal": topic_id},
            "time": {"$cond": [later, now, "$time"]},
            "former": {"$cond": [later, {"$ifNull": ["$time", None]}, "$former"]},
        }
        query = {"_id": id_, "community_id": community_id}
        return Write("participations", UpdateOne(query, [{"$set": change}], upsert=True))


def _with(
    collection: str,
    name: str,
    mine: Document,
    sort: Mapping[str, int],
    most: int,
    fields: Collection[str],
) -> Document:
    """The last few of another collection, these fields of each under this name."""
    shown = {"$project": {"_id": 0, name: {field: f"${field}" for field in fields}}}
    pipeline = [mine, {"$sort": sort}, {"$limit": most}, shown]
    return {"$unionWith": {"coll": collection, "pipeline": pipeline}}


def _replied(row: Document) -> Replied:
    return Replied(row["time"], row.get("former"))


def reader_id(community_id: str, person_id: str) -> str:
    """One a person and community."""
    return uuid.uuid5(_NAMESPACE, f"{community_id}:{person_id}").hex


def participation_id(person_id: str, topic_id: str) -> str:
    """One a person and topic."""
    return f"{person_id}:{topic_id}"


def load_reader(document: Document) -> Reader:
    """Back from dump_reader."""
    return Reader(
        document["_id"],
        document["community_id"],
        document["person_id"],
        tuple(
            Follow(
                Target(FollowKind(one["kind"]), one["id"], one["space_id"]),
                FollowLevel(one["level"]),
                one["time"],
            )
            for one in document["follows"]
        ),
        tuple(
            ReadUntil(one["space_id"], one["until"], one["time"], one["former"])
            for one in document["reads"]
        ),
    )


def dump_reader(reader: Reader) -> Document:
    """As it is stored."""
    return {
        "person_id": reader.person_id,
        "follows": [
            {
                "kind": one.target.kind.value,
                "id": one.target.id,
                "space_id": one.target.space_id,
                "level": one.level.value,
                "time": one.set_time,
            }
            for one in reader.follows
        ],
        "reads": [
            {
                "space_id": one.space_id,
                "until": one.until,
                "time": one.set_time,
                "former": one.former,
            }
            for one in reader.reads
        ],
    }


READERS: Aggregates[Reader] = Aggregates("reader", "readers", load_reader, dump_reader)
