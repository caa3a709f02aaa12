"""Dead letters: domain events that could not be applied, kept until someone decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.errors import DuplicateKeyError

from chassis import telemetry
from chassis.decisions import Document
from chassis.envelopes import from_message, to_message
from chassis.errors import FailedPreconditionError, NotFoundError
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

COLLECTION = "dead_letters"
_OLDEST = [("first_at", 1), ("_id", 1)]
INDEXES = [
    Index(COLLECTION, [("consumer", 1), ("state", 1), ("first_at", 1)], "consumer_state"),
    Index(COLLECTION, [("agg", 1), ("state", 1)], "agg_state"),
    Index(COLLECTION, [("state", 1), *_OLDEST], "oldest"),
]
PARKED, REPLAYED, DISCARDED = "parked", "replayed", "discarded"


class DeadLetterNotFoundError(NotFoundError):
    """There is no such parked letter."""


class DeadLetterNotOldestError(FailedPreconditionError):
    """An older letter of the aggregate must be replayed or discarded first."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that waits for a decision."""

    id: str
    consumer: str
    event: StoredEvent
    reason: str
    deliveries: int
    first_time: datetime


class DeadLetters:
    """The letters of all consumers of one service."""

    def __init__(self, database: Database) -> None:
        self._rows = database[COLLECTION]

    async def add(self, consumer: str, event: StoredEvent, reason: str, deliveries: int) -> None:
        """Keep an event; once, however often it comes."""
        subject, headers, data = to_message(_producer(consumer), event)
        await self._insert(
            consumer,
            f"{consumer}|{event.aggregate_id}|{event.seq}",
            (subject, headers, data),
            {
                "community_id": event.community_id,
                "agg": event.aggregate_id,
                "seq": event.seq,
                "reason": reason,
                "deliveries": deliveries,
            },
        )

    async def add_alien(
        self,
        consumer: str,
        stream_seq: int,
        message: tuple[str, Mapping[str, str], bytes],
        deliveries: int,
    ) -> None:
        """Keep a message that is no domain event of ours; it belongs to no aggregate."""
        key = f"{consumer}||{stream_seq}"
        subject, headers, data = message
        # The one thing that a document cannot hold, and its letter would never be written.
        kept = {name.replace("\0", "\ufffd"): value for name, value in headers.items()}
        extra = {"agg": "", "seq": 0, "reason": "ENVELOPE_INVALID", "deliveries": deliveries}
        await self._insert(consumer, key, (subject, kept, data), {"community_id": "", **extra})

    async def _insert(
        self,
        consumer: str,
        key: str,
        message: tuple[str, Mapping[str, str], bytes],
        extra: Document,
    ) -> None:
        subject, headers, data = message
        try:
            await self._rows.insert_one(
                {
                    "_id": key,
                    "consumer": consumer,
                    "state": PARKED,
                    "subject": subject,
                    "headers": dict(headers),
                    "data": data,
                    "first_at": datetime.now(UTC),
                    **extra,
                }
            )
        except DuplicateKeyError:
            return
        await self.measure(consumer)

    async def page(self, paging: Paging) -> tuple[list[DeadLetter], str]:
        """Parked letters, oldest first, and the next page's token; a place: (first_time, id)."""
        query: Document = {"state": PARKED, **paging.beyond(_OLDEST)}
        cursor = self._rows.find(query).sort(paging.sort(_OLDEST)).limit(paging.limit)
        letters = [_letter(row) async for row in cursor]
        return paging.page(letters, lambda last: (last.first_time, last.id))

    async def get(self, id: str) -> DeadLetter:
        """One parked letter. Refuses with DEAD_LETTER_NOT_FOUND."""
        row = await self._rows.find_one({"_id": id, "state": PARKED})
        if row is None:
            raise DeadLetterNotFoundError(field="dead_letter_id")
        return _letter(row)

    async def of_aggregate(self, consumer: str, aggregate_id: str) -> list[DeadLetter]:
        """An aggregate's parked letters, by seq."""
        query = {"agg": aggregate_id, "state": PARKED, "consumer": consumer}
        return [_letter(row) async for row in self._rows.find(query).sort("seq", 1)]

    async def close(self, letter: DeadLetter, state: str, *, by: str, note: str = "") -> None:
        """Replayed or discarded: it waits no more."""
        await self._rows.update_one(
            {"_id": letter.id, "state": PARKED},
            {"$set": {"state": state, "by": by, "note": note, "closed_at": datetime.now(UTC)}},
        )
        await self.measure(letter.consumer)

    async def measure(self, consumer: str) -> None:
        """Tell the metrics how many are parked."""
        count = await self._rows.count_documents({"consumer": consumer, "state": PARKED})
        telemetry.DEAD_LETTERS.labels(consumer).set(count)


def _producer(consumer: str) -> str:
    return consumer.partition("--")[2]


def _letter(row: Document) -> DeadLetter:
    data = bytes(row["data"])
    if row["seq"]:
        event = from_message(row["subject"], row["headers"], data)
    else:
        event = StoredEvent(data=data)
    return DeadLetter(
        row["_id"], row["consumer"], event, row["reason"], row["deliveries"], row["first_at"]
    )
