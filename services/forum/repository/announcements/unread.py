"""What is current for a person in many communities, and what of it is unread: newest first.

Whoever came after a publication has no receipt of it, so that no index can tell what is unread:
of what is out each page's ids are read along its index, and what the person is done with along the
receipts' ids. It ends with as many as are wanted; whoever has read all walks all that is current.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.announcements.announcement import (
    BANNER_FOR,
    NEWS_FOR,
    Announcement,
    AnnouncementState,
    Severity,
)
from services.forum.domain.announcements.channels import channel_key
from services.forum.domain.announcements.copies import is_shown
from services.forum.domain.announcements.receipts import (
    MOST_COUNTED,
    Receipt,
    ReceiptState,
    is_done,
    receipt_id,
)
from services.forum.repository.announcements.documents import load_announcement
from services.forum.repository.announcements.finding import FindingCollection, rule
from services.forum.repository.announcements.receipts import SEEN, ReceiptCollection
from services.forum.repository.documents import KEYS_PER_QUERY, read_page
from services.forum.repository.feed.anywhere import shown_page
from services.forum.repository.topics import TEXTLESS

NEWEST = [("list_time", -1), ("_id", -1)]
_FIRST, _NEXT = 100, 500  # announcements in a page: most people have not read the newest only
_LEAN: Document = {"community_id": 1, "list_time": 1, "terms.deadline": 1}
_PAGES = {
    None: "announcement_page",
    Severity.MUST_READ: "announcement_must_read_page",
    Severity.IMPORTANT: "announcement_important_page",
}

INDEXES: Sequence[Index] = tuple(
    Index(
        "announcements",
        [("community_id", 1), ("read_keys", 1), *NEWEST],
        name,
        partial={"state": "PUBLISHED", "severity": severity.value},
    )
    for severity, name in _PAGES.items()
    if severity is not None
)


@dataclass(frozen=True, slots=True)
class Current:
    """What is out and has not expired, behind the walls of a plain reader; by community."""

    keyrings: Mapping[str, Sequence[str]]
    channels: Mapping[str, Sequence[str]]  # that are open to the reader
    now: datetime
    severity: Severity | None = None
    since: datetime | None = None  # when it was published

    def queries(self) -> Iterator[tuple[Document, list[str]]]:
        """One, where the index can merge all that it asks for; and the keys of channels."""
        for communities in self._together():
            held = [key for one in communities for key in self.keyrings[one]]
            query: Document = {
                "community_id": {"$in": communities},
                "state": AnnouncementState.PUBLISHED.value,
                "$and": [
                    {"$or": [{"terms.expire_time": None}, {"terms.expire_time": {"$gt": self.now}}]}
                ],
                **rule(held),
            }
            if self.since is not None:
                query["$and"].append({"list_time": {"$gte": self.since}})
            if self.severity is not None:
                query["severity"] = self.severity.value
            yield query, [channel_key(id_) for one in communities for id_ in self.channels[one]]

    def _together(self) -> Iterator[list[str]]:
        """A query walks each key in each community it names."""
        some: list[str] = []
        keys = 0
        for community_id, channels in self.channels.items():
            if some and (len(some) + 1) * (keys + len(channels)) > KEYS_PER_QUERY:
                yield some
                some, keys = [], 0
            if channels:
                some, keys = [*some, community_id], keys + len(channels)
        if some:
            yield some


class UnreadCollection(FindingCollection, ReceiptCollection):
    """Reads of what is current and asks something of a person."""

    async def list_open_must_reads(
        self,
        keyrings_by_community: Mapping[str, Sequence[str]],
        person_id: str,
        now: datetime,
        limit: int,
    ) -> list[Announcement]:
        """Must-reads that the person has neither seen nor, where asked for, acknowledged.

        Newest first, without their texts.
        """
        severity = Severity.MUST_READ
        return await self._open(keyrings_by_community, person_id, now, limit, severity=severity)

    async def list_banners(
        self, keyrings: Mapping[str, Sequence[str]], person_id: str, now: datetime, limit: int
    ) -> list[Announcement]:
        """Open must-reads, then what is IMPORTANT and not seen; newest first, without texts."""
        must_reads, important = await asyncio.gather(
            self.list_open_must_reads(keyrings, person_id, now, limit),
            self._open(
                keyrings, person_id, now, limit, severity=Severity.IMPORTANT, since=now - BANNER_FOR
            ),
        )
        return [*must_reads, *important][:limit]

    async def count_unread_announcements(
        self, keyrings: Mapping[str, Sequence[str]], person_id: str, now: datetime
    ) -> tuple[int, int]:
        """What is news and not seen, and open must-reads; each counted to MOST_COUNTED."""
        since = now - NEWS_FOR
        unread, must_reads = await asyncio.gather(
            self._open(keyrings, person_id, now, MOST_COUNTED, since=since, seen=False),
            self.list_open_must_reads(keyrings, person_id, now, MOST_COUNTED),
        )
        return len(unread), len(must_reads)

    async def _open(
        self,
        keyrings: Mapping[str, Sequence[str]],
        person_id: str,
        now: datetime,
        limit: int,
        *,
        severity: Severity | None = None,
        since: datetime | None = None,
        seen: bool = True,
    ) -> list[Announcement]:
        """What is current and not done; `seen`: with what was seen, but not acknowledged."""
        channels = await self.channel_walls.opened_anywhere(keyrings)
        current = Current(keyrings, channels, now, severity, since)
        found: list[Announcement] = []
        paging = Paging(_FIRST)
        while True:
            rows = await self._current_page(current, paging)
            if not rows:
                return found
            open_ = await self._not_done(rows, person_id, now, TEXTLESS)
            found += [one for one, receipt in open_ if seen or not (receipt and receipt.see_time)]
            if len(found) >= limit or len(rows) < paging.limit:
                return found[:limit]
            paging = Paging(_NEXT, (rows[-1]["list_time"], rows[-1]["_id"]))

    async def list_current(
        self,
        keyrings: Mapping[str, Sequence[str]],
        person_id: str,
        paging: Paging,
        now: datetime,
        *,
        severity: Severity | None = None,
        followed: bool = False,
        unread: bool = False,
    ) -> list[Announcement]:
        """What the page needs of what is current and shown to the person, newest first, with texts.

        A place is (list_time, id).
        """
        channels = await self.channel_walls.opened_anywhere(keyrings)
        if followed:
            own = await self.find_followed_ids(list(keyrings), person_id)
            channels = {one: [id_ for id_ in ids if id_ in own] for one, ids in channels.items()}
        current = Current(keyrings, channels, now, severity, now - NEWS_FOR if unread else None)

        async def show(rows: Sequence[Document]) -> list[Announcement]:
            if not unread:
                return [one for one, _ in await self._shown(rows, person_id, now)]
            open_ = await self._not_done(rows, person_id, now)
            return [one for one, receipt in open_ if not (receipt and receipt.see_time)]

        return await shown_page(
            paging,
            lambda step: self._current_page(current, step),
            show,
            lambda last: (last["list_time"], last["_id"]),
        )

    async def _current_page(self, current: Current, paging: Paging) -> list[Document]:
        """What the page needs of ids, newest first; a place is (list_time, id)."""
        found: list[Document] = []
        for query, keys in current.queries():
            found += await read_page(
                self._database.announcements,
                query,
                ("read_keys", keys),
                NEWEST,
                paging,
                _PAGES.get(current.severity, "announcement_page"),
                _LEAN,
            )
        found.sort(key=lambda row: (row["list_time"], row["_id"]), reverse=not paging.backward)
        return found[: paging.limit]

    async def _not_done(
        self,
        rows: Sequence[Document],
        person_id: str,
        now: datetime,
        fields: Document | None = None,
    ) -> list[tuple[Announcement, Receipt | None]]:
        """Of a page those that are shown to this person by now and ask something of them.

        Only these are loaded: most people are done with all but a few.
        """
        communities = {"$in": sorted({row["community_id"] for row in rows})}
        of = {receipt_id(row["_id"], person_id): row for row in rows}
        query = {"community_id": communities, "_id": {"$in": list(of)}, "state": {"$in": SEEN}}
        read = self._database.receipts.find(query, {"state": 1}).hint("_id_")
        for receipt in await read.batch_size(len(of) + 1).to_list():
            if is_done(ReceiptState(receipt["state"]), of[receipt["_id"]]["terms"]["deadline"]):
                del of[receipt["_id"]]
        open_ = await self._shown(list(of.values()), person_id, now, fields)
        return [(one, receipt) for one, receipt in open_ if not (receipt and receipt.done)]

    async def _shown(
        self,
        rows: Sequence[Document],
        person_id: str,
        now: datetime,
        fields: Document | None = None,
    ) -> list[tuple[Announcement, Receipt | None]]:
        """Of a page those that are shown to this person by now, with their receipts."""
        ids = [row["_id"] for row in rows]
        if not ids:
            return []
        communities = {"$in": sorted({row["community_id"] for row in rows})}
        query: Document = {"community_id": communities, "_id": {"$in": ids}}
        loaded = self._database.announcements.find(query, fields).hint("_id_")
        found = {row["_id"]: load_announcement(row) for row in await loaded.to_list()}
        receipts = await self.find_receipts(person_id, found.values())
        shown = [(found[id_], receipts.get(id_)) for id_ in ids]
        return [
            (one, receipt)
            for one, receipt in shown
            if one.published and is_shown(one, receipt, now)
        ]
