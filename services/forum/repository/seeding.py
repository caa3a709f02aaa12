"""Seedings, the questions they wait to see answered, and what they did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from chassis.decisions import Aggregates, Document, Ref
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.kinds import TopicKind
from services.forum.domain.members import Member
from services.forum.domain.seeding import (
    WEEK,
    ItemState,
    Seeding,
    SeedingAlreadyActiveError,
    SeedingItem,
    SeedingNotFoundError,
    SeedingState,
)
from services.forum.domain.spaces import Space, space_key
from services.forum.domain.topics import OPEN_TO_READERS, Topic
from services.forum.domain.vitality import SpaceDay
from services.forum.repository.documents import read_page
from services.forum.repository.topics.documents import load_topic
from services.forum.repository.vitality import load_day, open_topic_ids

_NEWEST = [("create_time", -1), ("_id", -1)]
_OLDEST = [("create_time", 1), ("_id", 1)]
INDEXES: Sequence[Index] = (
    Index(
        "seedings",
        [("community_id", 1), ("read_keys", 1), *_NEWEST, ("space_id", 1)],
        "seeding_page",
    ),
    # One at a time in a space.
    Index(
        "seedings",
        [("community_id", 1), ("space_id", 1)],
        "seeding_active",
        unique=True,
        partial={"state": "ACTIVE"},
    ),
    Index(
        "topics",
        [("community_id", 1), ("seeding_id", 1)],
        "topic_seeding",
        partial={"seeding_id": {"$exists": True}},
    ),
    Index(
        "replies",
        [("community_id", 1), ("topic_id", 1)],
        "reply_seeding",
        partial={"seeding_id": {"$exists": True}},
    ),
)
_MOST_SEEDED = 1000  # topics of one seeding that a report looks at


class SeedingCollection:
    """Reads of seedings."""

    _database: Database

    @staticmethod
    def seeding_ref(community_id: str, seeding_id: str) -> Ref[Seeding]:
        """One seeding."""
        return SEEDINGS.ref(community_id, seeding_id)

    async def get_seeding(self, community_id: str, seeding_id: str, member: Member) -> Seeding:
        """Refuses with SEEDING_NOT_FOUND."""
        found = await self.find_seedings(community_id, [seeding_id], member)
        if not found:
            raise SeedingNotFoundError(field="seeding_id")
        return found[0]

    async def find_seedings(
        self, community_id: str, ids: Iterable[str], member: Member
    ) -> list[Seeding]:
        """Those of the ids that there are and that the member may see."""
        query: Document = {
            "community_id": community_id,
            "_id": {"$in": list(ids)},
            "read_keys": {"$in": list(member.keyring)},
        }
        cursor = self._database.seedings.find(query).hint("_id_")
        return [_load(document) async for document in cursor]

    async def list_seedings(
        self, community_id: str, space_id: str, member: Member, paging: Paging
    ) -> list[Seeding]:
        """What the page needs, the newest first; a place is (create_time, id)."""
        query: Document = {"community_id": community_id}
        if space_id:
            query["space_id"] = space_id
        keys = [key for key in member.keyring if key.startswith(("vendor:", "person:"))]
        rows = await read_page(
            self._database.seedings, query, ("read_keys", keys), _NEWEST, paging, "seeding_page"
        )
        return [_load(row) for row in rows]

    async def active_seedings(self) -> AsyncIterator[Seeding]:
        """Of every community, for the job: few."""
        cursor = self._database.seedings.find({"state": "ACTIVE"}).hint("seeding_active")
        async for document in cursor:
            yield _load(document)

    async def list_unreplied(
        self, seeding: Seeding, asked_before: datetime, paging: Paging
    ) -> list[Topic]:
        """Open questions of its space to which nobody replied; a place is (create_time, id)."""
        query: Document = {
            "community_id": seeding.community_id,
            "unanswered": True,
            "unreplied": True,
            "$and": [{"create_time": {"$lte": asked_before}}],
        }
        keys = [space_key(seeding.space_id)]
        index = "topic_unanswered_unreplied"
        found = self._database.topics
        rows = await read_page(found, query, ("read_keys", keys), _OLDEST, paging, index)
        return [load_topic(row) for row in rows]

    async def count_weeks(self, seeding: Seeding, until: datetime) -> dict[tuple[int, bool], int]:
        """Posts that readers see, by week since its beginning and whether they were seeded."""
        counts: dict[tuple[int, bool], int] = {}
        begin = seeding.create_time
        for collection, index, states in (
            ("topics", "topic_days", sorted(OPEN_TO_READERS)),
            ("replies", "reply_days", ["PUBLISHED"]),
        ):
            week = {
                "$floor": {
                    "$divide": [
                        {"$subtract": ["$create_time", begin]},
                        WEEK.total_seconds() * 1000,
                    ]
                }
            }
            seeded = {"$gt": [{"$ifNull": ["$seeding_id", ""]}, ""]}
            match = {
                "community_id": seeding.community_id,
                "space_id": seeding.space_id,
                "create_time": {"$gte": begin, "$lte": until},
                "state": {"$in": states},
            }
            topic = "$topic_id" if collection == "replies" else ""
            group = {"_id": {"topic": topic, "week": week, "seeded": seeded}, "count": {"$sum": 1}}
            cursor = await self._database[collection].aggregate(
                [{"$match": match}, {"$group": group}], hint=index
            )
            rows = [(row["_id"], row["count"]) async for row in cursor]
            ids = {key["topic"] for key, _ in rows} - {""}
            seen = {"", *await open_topic_ids(self._database, seeding.community_id, ids)}
            for row, count in rows:
                if row["topic"] in seen:
                    key = int(row["week"]), bool(row["seeded"])
                    counts[key] = counts.get(key, 0) + count
        return counts

    async def count_answers(self, seeding: Seeding) -> int:
        """Organic replies to its topics, as far as they can be read."""
        query: Document = {"community_id": seeding.community_id, "seeding_id": seeding.id}
        cursor = self._database.topics.find(query, {"reply_count": 1, "state": 1})
        cursor = cursor.hint("topic_seeding").limit(_MOST_SEEDED)
        topics: dict[str, int] = {
            row["_id"]: row["reply_count"]
            async for row in cursor
            if row["state"] in OPEN_TO_READERS
        }
        seeded: int = await self._database.replies.count_documents(
            {
                "community_id": seeding.community_id,
                "topic_id": {"$in": list(topics)},
                "seeding_id": {"$exists": True},
                "state": "PUBLISHED",
            },
            hint="reply_seeding",
        )
        return sum(topics.values()) - seeded

    async def day_before(self, space: Space, time: datetime) -> SpaceDay | None:
        """The last day of a space that had ended by then, if it was counted."""
        query = {
            "community_id": space.community_id,
            "space_id": space.id,
            "day": {"$lt": time.replace(hour=0, minute=0, second=0, microsecond=0)},
        }
        row = await self._database.space_days.find_one(
            query, sort=[("day", -1), ("_id", -1)], hint="space_day_page"
        )
        return load_day(row) if row else None


def _load(document: Document) -> Seeding:
    return Seeding(
        id=document["_id"],
        community_id=document["community_id"],
        space_id=document["space_id"],
        name=document["name"],
        owner_ids=tuple(document["owner_ids"]),
        first_reply_hours=document["first_reply_hours"],
        create_time=document["create_time"],
        items=tuple(map(_load_item, document["items"])),
        items_ever=document["items_ever"],
        state=SeedingState(document["state"]),
        end_time=document["end_time"],
        version=document["seq"],
    )


def _load_item(row: Document) -> SeedingItem:
    return SeedingItem(
        row["id"],
        row["title"],
        TopicKind(row["kind"]),
        row["owner_id"],
        row["due_time"],
        ItemState(row["state"]),
        row["topic_id"],
    )


def _dump(seeding: Seeding) -> Document:
    return {
        "space_id": seeding.space_id,
        "name": seeding.name,
        "owner_ids": list(seeding.owner_ids),
        "first_reply_hours": seeding.first_reply_hours,
        "create_time": seeding.create_time,
        "items": [
            {
                "id": item.id,
                "title": item.title,
                "kind": item.kind.value,
                "owner_id": item.owner_id,
                "due_time": item.due_time,
                "state": item.state.value,
                "topic_id": item.topic_id,
            }
            for item in seeding.items
        ],
        "items_ever": seeding.items_ever,
        "state": seeding.state.value,
        "end_time": seeding.end_time,
        "read_keys": list(seeding.read_keys),
    }


SEEDINGS: Aggregates[Seeding] = Aggregates(
    "seeding", "seedings", _load, _dump, {"seeding_active": SeedingAlreadyActiveError}
)
