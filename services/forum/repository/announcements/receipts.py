"""The collections of receipts and acknowledgements: documents of their own, one a person.

A receipt is a measure, written straight and safe to repeat; it says nothing on the bus. What is
proof, an acknowledgement, is an aggregate that a command makes once; its receipt changes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from chassis.decisions import Aggregates, Document, Write
from chassis.lanes import Lane
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.announcements.announcement import Announcement
from services.forum.domain.announcements.copies import is_due_everywhere, is_shown
from services.forum.domain.announcements.receipts import (
    Acknowledgement,
    CompanyReceipts,
    Counts,
    Receipt,
    ReceiptState,
    receipt_id,
)
from services.forum.repository.documents import write_upserts

_BY_COMPANY = [("company_id", 1), ("person_id", 1)]
SEEN = [ReceiptState.SEEN.value, ReceiptState.ACKNOWLEDGED.value]

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

    reading: Lane[tuple[str, Sequence[Announcement]], dict[str, Receipt]]
    marking: Lane[Seer, dict[str, Receipt]]
    _database: Database

    async def find_receipts(
        self, person_id: str, announcements: Iterable[Announcement]
    ) -> dict[str, Receipt]:
        """A person's, by announcement: one query, which those share that wait at once."""
        wanted = tuple(announcements)
        return await self.reading.ask((person_id, wanted), len(wanted)) if wanted else {}

    async def receipts_for(
        self, asked: Sequence[tuple[str, Sequence[Announcement]]]
    ) -> list[dict[str, Receipt]]:
        """The same for each of several persons."""
        ids = {receipt_id(one.id, person_id) for person_id, some in asked for one in some}
        query = {
            "community_id": {
                "$in": sorted({one.community_id for _, some in asked for one in some})
            },
            "_id": {"$in": list(ids)},
        }
        cursor = self._database.receipts.find(query).hint("_id_").batch_size(len(ids) + 1)
        rows = await cursor.to_list()
        return _by_announcement(asked, {row["_id"]: row for row in rows})

    async def mark_seen(
        self,
        announcements: Sequence[Announcement],
        person_id: str,
        company_id: str,
        now: datetime,
    ) -> dict[str, Receipt]:
        """What is shown to this person by now is seen, and its receipts are as they are then.

        What is seen stays as it is. Harmless when repeated, or at once. The store tests whether it
        is shown as it marks: nothing is read before. None of these may be WITHDRAWN.
        """
        seer = Seer(tuple(announcements), person_id, company_id, now)
        return await self.marking.ask(seer, len(announcements)) if announcements else {}

    async def mark_for(self, seers: Sequence[Seer]) -> list[dict[str, Receipt]]:
        """The same for each of several persons, of whom one may come more than once.

        Alone, the store marks and answers in one operation.
        """
        marks = [_seeing(one, seer) for seer in seers for one in seer.announcements]
        asked = [(seer.person_id, seer.announcements) for seer in seers]
        if len(marks) == 1:
            row = await self._mark(marks[0])
            found = _by_announcement(asked, {row["_id"]: row} if row else {})
        else:
            operations = [mark.operation for mark in marks]
            await write_upserts(self._database.receipts, operations, ordered=False)
            found = await self.receipts_for(asked)
        return [
            {id_: receipt for id_, receipt in some.items() if receipt.see_time is not None}
            for some in found
        ]

    async def _mark(self, mark: _Mark) -> Document | None:
        try:
            return await self._mark_once(mark)
        except DuplicateKeyError:  # somebody else inserted it at this moment: it is there now
            return await self._mark_once(mark)

    async def _mark_once(self, mark: _Mark) -> Document | None:
        row: Document | None = await self._database.receipts.find_one_and_update(
            mark.place,
            mark.change,
            upsert=mark.new,
            hint="_id_",
            return_document=ReturnDocument.AFTER,
        )
        return row

    @staticmethod
    def acknowledging(announcement: Announcement, made: Acknowledgement) -> list[Write]:
        """To be stored with the acknowledgement: its receipt says so, and that it was seen."""
        said = {"acknowledge_time": made.time, "state": ReceiptState.ACKNOWLEDGED.value}
        seen = {"see_time": {"$ifNull": ["$see_time", made.time]}}
        first = _first(announcement, made.person_id, made.company_id, made.time)
        change = _changing({**first, **said}, [(True, {**seen, **said})])
        mark = _Mark(_place(announcement, made.person_id), change, new=True)
        return [Write("receipts", mark.operation)]

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
        return [load_receipt(row, announcement) async for row in cursor]

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
        seen = sum(people.get(state, 0) for state in SEEN)
        acknowledged = people.get(ReceiptState.ACKNOWLEDGED.value, 0)
        return _counts(announcement, now, sum(people.values()), seen, acknowledged)

    async def count_by_company(
        self, announcement: Announcement, company_ids: Sequence[str], now: datetime
    ) -> list[CompanyReceipts]:
        """Of these companies' people on the frozen list, by company id; from the index alone."""
        is_seen, is_acknowledged = (
            {"$sum": {"$cond": [{"$in": ["$state", states]}, 1, 0]}} for states in (SEEN, SEEN[1:])
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


@dataclass(frozen=True, slots=True)
class _Mark:
    """One change of one receipt, by what is stored of it."""

    place: Document
    change: Sequence[Document]
    new: bool  # made where there is none

    @property
    def operation(self) -> UpdateOne:
        return UpdateOne(self.place, self.change, upsert=self.new, hint="_id_")


@dataclass(frozen=True, slots=True)
class Seer:
    """Who sees what, and when."""

    announcements: tuple[Announcement, ...]
    person_id: str
    company_id: str
    now: datetime


def _seeing(announcement: Announcement, seer: Seer) -> _Mark:
    """There is a receipt, and it says seen: who came later is on no list and gets one now."""
    now = seer.now
    seen = {"see_time": now, "state": ReceiptState.SEEN.value}
    unseen: list[Any] = [{"$not": ["$see_time"]}]
    if not is_due_everywhere(announcement, now):
        unseen.append({"$lte": ["$deliver_time", now]})
    first = _first(announcement, seer.person_id, seer.company_id, now)
    return _Mark(
        _place(announcement, seer.person_id),
        _changing(first, [({"$and": unseen}, seen)]),
        new=is_shown(announcement, None, now),
    )


def _first(announcement: Announcement, person_id: str, company_id: str, now: datetime) -> Document:
    """Of somebody who is on no list, and sees it now."""
    made = new_receipt(announcement, person_id, company_id, now, listed=False)
    return {**made, "see_time": now, "state": ReceiptState.SEEN.value}


def _changing(new: Document, known: Sequence[tuple[Any, Document]]) -> list[Document]:
    """As a pipeline: these fields of a document that is just made, else those of the first case
    that holds, else none: it stays as it is, and nothing is written.
    """
    branches = [
        {"case": {"$not": ["$state"]}, "then": {"$literal": new}},
        *({"case": case, "then": fields} for case, fields in known),
    ]
    changed = {"$switch": {"branches": branches, "default": {}}}
    return [{"$replaceWith": {"$mergeObjects": ["$$ROOT", changed]}}]


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


def load_receipt(row: Document, announcement: Announcement) -> Receipt:
    """Back from new_receipt; the deadline is the announcement's."""
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


def _by_announcement(
    asked: Sequence[tuple[str, Sequence[Announcement]]], rows: Mapping[str, Document]
) -> list[dict[str, Receipt]]:
    """For each person, theirs of what was found."""
    return [
        {
            one.id: load_receipt(row, one)
            for one in announcements
            if (row := rows.get(receipt_id(one.id, person_id))) is not None
        }
        for person_id, announcements in asked
    ]


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
