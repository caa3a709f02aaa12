"""The collections of receipts and acknowledgements: documents of their own, one a person.

A receipt is a measure, written straight and safe to repeat; it says nothing on the bus. What is
proof, an acknowledgement, is an aggregate that a command makes once; its receipt changes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from chassis.decisions import Aggregates, Document, Write
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.announcements.announcement import Announcement
from services.forum.domain.announcements.receipts import (
    Acknowledgement,
    CompanyReceipts,
    Counts,
    Receipt,
    ReceiptState,
    receipt_id,
)

_BY_COMPANY = [("company_id", 1), ("person_id", 1)]
_DUPLICATE_KEY = 11000
_SEEN = [ReceiptState.SEEN.value, ReceiptState.ACKNOWLEDGED.value]

INDEXES: Sequence[Index] = (
    # The last fields answer counts by company from the index itself.
    Index(
        "receipts",
        [
            ("community_id", 1),
            ("announcement_id", 1),
            *_BY_COMPANY,
            ("in_audience", 1),
            ("state", 1),
            ("deliver_time", 1),
        ],
        "receipt_page",
    ),
    Index(
        "receipts",
        [("community_id", 1), ("announcement_id", 1), ("in_audience", 1), ("state", 1)],
        "receipt_count",
    ),
)


class ReceiptCollection:
    """Reads and writes of receipts."""

    _database: Database

    async def find_receipts(
        self, person_id: str, announcements: Iterable[Announcement]
    ) -> dict[str, Receipt]:
        """A person's, by announcement: one query."""
        wanted = {receipt_id(one.id, person_id): one for one in announcements}
        if not wanted:
            return {}
        query = {
            "community_id": {"$in": sorted({one.community_id for one in wanted.values()})},
            "_id": {"$in": list(wanted)},
        }
        rows = self._database.receipts.find(query).hint("_id_")
        return {row["announcement_id"]: _receipt(row, wanted[row["_id"]]) async for row in rows}

    async def mark_seen(
        self,
        announcements: Sequence[Announcement],
        person_id: str,
        company_id: str,
        now: datetime,
    ) -> None:
        """These are seen; what is seen stays as it is. Harmless when repeated, or at once."""
        operations = [
            operation
            for announcement in announcements
            for operation in _seen(announcement, person_id, company_id, now)
        ]
        if operations:
            await write_upserts(self._database.receipts, operations, ordered=True)

    @staticmethod
    def acknowledging(announcement: Announcement, made: Acknowledgement) -> list[Write]:
        """To be stored with the acknowledgement: its receipt says so, and that it was seen."""
        person_id, company_id, now = made.person_id, made.company_id, made.time
        operations = _seen(announcement, person_id, company_id, now)
        state = ReceiptState.ACKNOWLEDGED.value
        operations.append(
            UpdateOne(
                _place(announcement, person_id),
                {"$set": {"acknowledge_time": now, "state": state}},
            )
        )
        return [Write("receipts", operation) for operation in operations]

    async def list_receipts(
        self,
        announcement: Announcement,
        paging: Paging,
        *,
        company_id: str,
        states: set[ReceiptState] | None,
    ) -> list[Receipt]:
        """What the page needs, by company; a place is (company_id, person_id)."""
        query: Document = {
            "community_id": announcement.community_id,
            "announcement_id": announcement.id,
            **({"state": {"$in": sorted(states)}} if states is not None else {}),
        }
        clauses = [query, paging.beyond(_BY_COMPANY)]
        if company_id:
            clauses.append({"company_id": company_id})
        cursor = self._database.receipts.find({"$and": [one for one in clauses if one]})
        cursor = cursor.sort(paging.sort(_BY_COMPANY)).limit(paging.limit).hint("receipt_page")
        return [_receipt(row, announcement) async for row in cursor]

    async def count_receipts(self, announcement: Announcement, now: datetime) -> Counts:
        """Of the people on the frozen list, as far as it is written; from the index alone."""
        cursor = await self._database.receipts.aggregate(
            [
                {
                    "$match": {
                        "community_id": announcement.community_id,
                        "announcement_id": announcement.id,
                        "in_audience": True,
                    }
                },
                {"$group": {"_id": "$state", "people": {"$sum": 1}}},
            ],
            hint="receipt_count",
        )
        people = {row["_id"]: row["people"] async for row in cursor}
        seen = sum(people.get(state, 0) for state in _SEEN)
        acknowledged = people.get(ReceiptState.ACKNOWLEDGED.value, 0)
        return _counts(announcement, now, sum(people.values()), seen, acknowledged)

    async def count_by_company(
        self, announcement: Announcement, company_ids: Sequence[str], now: datetime
    ) -> list[CompanyReceipts]:
        """Of these companies' people on the frozen list, by company id; from the index alone."""
        is_seen, is_acknowledged = (
            {"$sum": {"$cond": [{"$in": ["$state", states]}, 1, 0]}}
            for states in (_SEEN, _SEEN[1:])
        )
        cursor = await self._database.receipts.aggregate(
            [
                {
                    "$match": {
                        "community_id": announcement.community_id,
                        "announcement_id": announcement.id,
                        "company_id": {"$in": list(company_ids)},
                        "in_audience": True,
                    }
                },
                {
                    "$group": {
                        "_id": "$company_id",
                        "people": {"$sum": 1},
                        "seen": is_seen,
                        "acknowledged": is_acknowledged,
                        "deliver_time": {"$min": "$deliver_time"},
                    }
                },
                {"$sort": {"_id": 1}},
            ],
            hint="receipt_page",
        )
        return [
            CompanyReceipts(
                row["_id"],
                row["deliver_time"],
                _counts(announcement, now, row["people"], row["seen"], row["acknowledged"]),
            )
            async for row in cursor
        ]


async def write_upserts(
    collection: AsyncCollection[Document], operations: Sequence[UpdateOne], *, ordered: bool
) -> None:
    """Operations that may be done twice. Where somebody else inserts the same at this moment, they
    are: it is there then, and only updated.
    """
    try:
        await collection.bulk_write(operations, ordered=ordered)
    except BulkWriteError as error:
        if any(fault["code"] != _DUPLICATE_KEY for fault in error.details["writeErrors"]):
            raise
        await collection.bulk_write(operations, ordered=ordered)


def _counts(
    announcement: Announcement, now: datetime, people: int, seen: int, acknowledged: int
) -> Counts:
    deadline = announcement.terms.deadline
    late = deadline is not None and deadline <= now
    return Counts(people, seen, acknowledged, people - acknowledged if late else 0)


def _place(announcement: Announcement, person_id: str) -> Document:
    return {
        "_id": receipt_id(announcement.id, person_id),
        "community_id": announcement.community_id,
    }


def _seen(
    announcement: Announcement, person_id: str, company_id: str, now: datetime
) -> list[UpdateOne]:
    """There is a receipt, and it says seen: who came later is on no list and gets one now."""
    place = _place(announcement, person_id)
    return [
        UpdateOne(
            place,
            {"$setOnInsert": new_receipt(announcement, person_id, company_id, now, listed=False)},
            upsert=True,
        ),
        UpdateOne(
            {**place, "see_time": None},
            {"$set": {"see_time": now, "state": ReceiptState.SEEN.value}},
        ),
    ]


def new_receipt(
    announcement: Announcement,
    person_id: str,
    company_id: str,
    deliver_time: datetime,
    *,
    listed: bool,
) -> Document:
    """As it is stored first, but for its place."""
    return {
        "announcement_id": announcement.id,
        "person_id": person_id,
        "company_id": company_id,
        "state": ReceiptState.DELIVERED.value,
        "deliver_time": deliver_time,
        "see_time": None,
        "acknowledge_time": None,
        "in_audience": listed,
    }


def _receipt(row: Document, announcement: Announcement) -> Receipt:
    return Receipt(
        row["community_id"],
        row["announcement_id"],
        row["person_id"],
        row["company_id"],
        row["deliver_time"],
        row["see_time"],
        row["acknowledge_time"],
        row["in_audience"],
        announcement.terms.deadline,
    )


def _load_acknowledgement(document: Document) -> Acknowledgement:
    return Acknowledgement(
        document["announcement_id"],
        document["person_id"],
        document["company_id"],
        document["time"],
    )


def _dump_acknowledgement(made: Acknowledgement) -> dict[str, Any]:
    return {
        "announcement_id": made.announcement_id,
        "person_id": made.person_id,
        "company_id": made.company_id,
        "time": made.time,
    }


ACKNOWLEDGEMENTS: Aggregates[Acknowledgement] = Aggregates(
    "acknowledgement", "acknowledgements", _load_acknowledgement, _dump_acknowledgement
)
