"""The inbox: how far this service has heard each aggregate; stored with the effects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pymongo import InsertOne, ReturnDocument
from pymongo.errors import DuplicateKeyError

from chassis.batch import Batch
from chassis.changes import Change
from chassis.decisions import Document
from chassis.mongo import Database, Index
from chassis.outbox import partition_of
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

COLLECTION = "inbox"
INDEXES = [
    # without seq, which every event moves: heads are read once a night
    Index(COLLECTION, [("consumer", 1), ("p", 1)], "consumer_partition"),
    Index("suspects", [("at", 1)], "expire", expire_after=7 * 86_400),
]


@dataclass(frozen=True, slots=True)
class Position:
    """The last event heard of one aggregate; seq 0: none yet."""

    seq: int = 0
    event_id: str = ""
    stream_seq: int = 0
    parked: bool = False
    stored: bool = False


NOWHERE = Position()


class Inbox:
    """The rows of one consumer."""

    def __init__(self, database: Database, consumer: str) -> None:
        self._rows = database[COLLECTION]
        self._consumer = consumer

    def key(self, aggregate_id: str) -> str:
        """The row of one aggregate."""
        return f"{self._consumer}|{aggregate_id}"

    async def positions(self, aggregate_ids: Iterable[str]) -> dict[str, Position]:
        """Where these aggregates are; those never heard of are missing."""
        keys = [self.key(id_) for id_ in aggregate_ids]
        rows = self._rows.find({"_id": {"$in": keys}})
        return {
            row["agg"]: Position(row["seq"], row["ev"], row["ss"], row.get("parked", False), True)
            async for row in rows
        }

    def advance(
        self, batch: Batch, last: Iterable[tuple[Position, StoredEvent, int]], generation: int
    ) -> None:
        """The rows after these events, of which each has where its aggregate was and its place in
        the stream. Guarded: whoever else has moved or parked one makes a Conflict.
        """
        moved: dict[bool, list[Change]] = {False: [], True: []}
        for before, event, stream_seq in last:
            changed: Document = {
                "seq": event.seq,
                "ev": event.id,
                "ss": stream_seq or before.stream_seq,
                "gen": generation,
            }
            if before.stored:
                change = Change(self.key(event.aggregate_id), before.seq, changed)
                moved[before.parked].append(change)
            else:
                batch.guard(COLLECTION, InsertOne({**self._identity(event), **changed}))
        batch.change(COLLECTION, {"parked": {"$exists": False}}, moved[False])
        batch.change(COLLECTION, {"parked": True}, moved[True])

    async def park(self, event: StoredEvent, before: Position) -> bool:
        """Stop an aggregate where it is; False where it has moved meanwhile."""
        if before.stored:
            here = {"_id": self.key(event.aggregate_id), "seq": before.seq}
            result = await self._rows.update_one(here, {"$set": {"parked": True}})
            return result.matched_count == 1
        try:
            await self._rows.insert_one(
                {**self._identity(event), "seq": 0, "ev": "", "ss": 0, "gen": 0, "parked": True}
            )
        except DuplicateKeyError:
            return False
        return True

    async def unpark(self, aggregate_id: str) -> None:
        """Let it flow again."""
        await self._rows.update_one({"_id": self.key(aggregate_id)}, {"$unset": {"parked": 1}})

    async def skip(self, event: StoredEvent) -> None:
        """Move a parked aggregate beyond an event that will never be applied."""
        await self._rows.update_one(
            {"_id": self.key(event.aggregate_id), "seq": {"$lt": event.seq}, "parked": True},
            {"$set": {"seq": event.seq, "ev": event.id}},
        )

    async def heads(self) -> dict[int, tuple[int, int]]:
        """For each partition: how many aggregates were heard, and the sum of their seqs."""
        cursor = await self._rows.aggregate(
            [
                {"$match": {"consumer": self._consumer, "seq": {"$gt": 0}}},
                {"$group": {"_id": "$p", "count": {"$sum": 1}, "sum": {"$sum": "$seq"}}},
            ]
        )
        return {row["_id"]: (row["count"], row["sum"]) async for row in cursor}

    def _identity(self, event: StoredEvent) -> Document:
        return {
            "_id": self.key(event.aggregate_id),
            "consumer": self._consumer,
            "community_id": event.community_id,
            "agg": event.aggregate_id,
            "p": partition_of(event.aggregate_id),
        }


class Suspects:
    """Messages that come again and again without a word: they may be what kills the process.

    A mark is stored before such a message is touched and removed after; a mark that stays says
    that the process died of it.
    """

    MOST = 3  # deaths

    def __init__(self, database: Database, consumer: str) -> None:
        self._rows = database.suspects
        self._consumer = consumer

    def _key(self, event: StoredEvent) -> str:
        return f"{self._consumer}|{event.aggregate_id}|{event.seq}"

    async def begin(self, event: StoredEvent) -> bool:
        """Mark it; False where the process has died of it too often."""
        row = await self._rows.find_one_and_update(
            {"_id": self._key(event)},
            {"$inc": {"n": 1}, "$currentDate": {"at": True}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return row is not None and row["n"] <= self.MOST

    async def clear(self, event: StoredEvent) -> None:
        """It did no harm."""
        await self._rows.delete_one({"_id": self._key(event)})
