"""What is counted of a space, from the indexes alone, and its days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING

from chassis.decisions import Document
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.kinds import TopicKind
from services.forum.domain.spaces import Space, Vitality, space_key
from services.forum.domain.topics import OPEN_TO_READERS
from services.forum.domain.vitality import (
    WINDOW,
    Measures,
    ReplyFact,
    SpaceDay,
    TopicFact,
    day_id,
)
from services.forum.repository.spaces import load_space

_NEWEST_DAY = [("day", -1), ("_id", -1)]
_AUTHOR = [("author.person_id", 1), ("author.company_id", 1)]
# Both answer by themselves: nothing is fetched but the older topics of replies.
INDEXES: Sequence[Index] = (
    Index(
        "topics",
        [
            ("community_id", 1),
            ("space_id", 1),
            ("create_time", 1),
            ("state", 1),
            ("kind", 1),
            *_AUTHOR,
            ("seeding_id", 1),
            ("_id", 1),
        ],
        "topic_days",
    ),
    Index(
        "replies",
        [
            ("community_id", 1),
            ("space_id", 1),
            ("create_time", 1),
            ("state", 1),
            ("topic_id", 1),
            *_AUTHOR,
            ("seeding_id", 1),
        ],
        "reply_days",
    ),
    Index("space_days", [("community_id", 1), ("space_id", 1), *_NEWEST_DAY], "space_day_page"),
)
MOST_UNANSWERED = 10_000
_PATIENCE = 2500  # milliseconds
_PAGE = 100


class VitalityCollection:
    """Reads and writes of how spaces do."""

    _database: Database

    async def read_facts(
        self, space: Space, until: datetime
    ) -> tuple[list[TopicFact], list[ReplyFact]]:
        """What was written in a space in the 28 days until then."""
        window = {
            "community_id": space.community_id,
            "space_id": space.id,
            "create_time": {"$gt": until - WINDOW, "$lte": until},
        }
        cursor = self._database.topics.find(
            {**window, "state": {"$in": sorted(OPEN_TO_READERS)}},
            {"kind": 1, "create_time": 1, "author.person_id": 1, "author.company_id": 1}
            | {"seeding_id": 1},
            hint="topic_days",
            max_time_ms=_PATIENCE,
        )
        topics = [_topic_fact(row) async for row in cursor]
        known = {topic.id for topic in topics}
        grouped = await self._database.replies.aggregate(
            [
                {"$match": {**window, "state": "PUBLISHED"}},
                {
                    "$group": {
                        "_id": {
                            "topic": "$topic_id",
                            "person": "$author.person_id",
                            "company": "$author.company_id",
                            "seeding": "$seeding_id",
                        },
                        "first": {"$min": "$create_time"},
                        "count": {"$sum": 1},
                    }
                },
            ],
            hint="reply_days",
            maxTimeMS=_PATIENCE,
        )
        replies = [_reply_fact(row) async for row in grouped]
        others = {reply.topic_id for reply in replies} - known
        known |= await open_topic_ids(self._database, space.community_id, others)
        return topics, [reply for reply in replies if reply.topic_id in known]

    async def count_unanswered(self, space: Space) -> int:
        """Open questions of a space without an accepted reply, as far as 10,000."""
        return await self._database.topics.count_documents(
            {
                "community_id": space.community_id,
                "read_keys": space_key(space.id),
                "unanswered": True,
            },
            hint="topic_unanswered_unreplied",
            limit=MOST_UNANSWERED,
        )

    async def all_spaces(self) -> AsyncIterator[list[Space]]:
        """Of every community, page by page, for the job."""
        last = ""
        while True:
            cursor = self._database.spaces.find({"_id": {"$gt": last}})
            cursor = cursor.sort("_id", ASCENDING).limit(_PAGE)
            page = [load_space(row) async for row in cursor]
            if page:
                yield page
            if len(page) < _PAGE:
                return
            last = page[-1].id

    async def find_counted(self, spaces: Iterable[Space], day: datetime) -> set[str]:
        """The ids of those spaces whose day was counted already."""
        ids = [day_id(space.id, day) for space in spaces]
        cursor = self._database.space_days.find({"_id": {"$in": ids}}, {"space_id": 1})
        return {row["space_id"] async for row in cursor}

    async def latest_days(
        self, community_id: str, space_ids: Collection[str]
    ) -> dict[str, SpaceDay]:
        """The latest day of each space that has one."""
        found = await self._database.space_days.aggregate(
            [
                {"$match": {"community_id": community_id, "space_id": {"$in": list(space_ids)}}},
                {"$sort": {"community_id": 1, "space_id": 1, "day": -1, "_id": -1}},
                {"$group": {"_id": "$space_id", "day": {"$first": "$$ROOT"}}},
            ],
            hint="space_day_page",
        )
        return {row["_id"]: load_day(row["day"]) async for row in found}

    async def list_space_days(self, space: Space, paging: Paging) -> list[SpaceDay]:
        """What the page needs, the newest first; a place is (day, id)."""
        query: Document = {"community_id": space.community_id, "space_id": space.id}
        cursor = self._database.space_days.find({**query, **paging.beyond(_NEWEST_DAY)})
        cursor = cursor.sort(paging.sort(_NEWEST_DAY)).limit(paging.limit)
        return [load_day(row) async for row in cursor.hint("space_day_page")]

    async def put_day(self, day: SpaceDay) -> None:
        """Counted again it takes its own place."""
        document = {"_id": day.id, **_dump_day(day)}
        key = {"_id": day.id, "community_id": day.community_id}
        await self._database.space_days.replace_one(key, document, upsert=True)


async def open_topic_ids(database: Database, community_id: str, ids: Collection[str]) -> set[str]:
    """Those of the topics that readers see: of others no reply is seen either."""
    query = {
        "community_id": community_id,
        "_id": {"$in": list(ids)},
        "state": {"$in": sorted(OPEN_TO_READERS)},
    }
    cursor = database.topics.find(query, {"_id": 1}, hint="_id_", max_time_ms=_PATIENCE)
    return {row["_id"] async for row in cursor}


def _topic_fact(row: Document) -> TopicFact:
    author = row.get("author", {})
    return TopicFact(
        row["_id"],
        row["kind"] == TopicKind.QUESTION.value,
        author.get("person_id") or "",
        author.get("company_id") or "",
        row["create_time"],
        bool(row.get("seeding_id")),
    )


def _reply_fact(row: Document) -> ReplyFact:
    key = row["_id"]
    return ReplyFact(
        key["topic"],
        key.get("person") or "",
        key.get("company") or "",
        row["first"],
        row["count"],
        bool(key.get("seeding")),
    )


def _dump_day(day: SpaceDay) -> Document:
    measures = day.measures
    wait = measures.first_reply
    return {
        "community_id": day.community_id,
        "space_id": day.space_id,
        "day": day.day,
        "post_count": measures.post_count,
        "active_count": measures.active_count,
        "question_count": measures.question_count,
        "seeded_count": measures.seeded_count,
        "answered_share": measures.answered_share,
        "non_vendor_share": measures.non_vendor_share,
        "first_reply_seconds": wait.total_seconds() if wait is not None else None,
        "company_count": day.company_count,
        "index": day.index,
        "vitality": day.vitality.value if day.vitality else "",
        "threshold_days": day.threshold_days,
        "dormant_days": day.dormant_days,
    }


def load_day(row: Document) -> SpaceDay:
    """Back from put_day."""
    wait = row["first_reply_seconds"]
    return SpaceDay(
        row["community_id"],
        row["space_id"],
        row["day"],
        Measures(
            row["post_count"],
            row["active_count"],
            row["question_count"],
            row["seeded_count"],
            row["answered_share"],
            row["non_vendor_share"],
            timedelta(seconds=wait) if wait is not None else None,
        ),
        row["company_count"],
        row["index"],
        Vitality(row["vitality"]) if row["vitality"] else None,
        row["threshold_days"],
        row["dormant_days"],
    )
