"""What pages that posts link to say of themselves: one row a community and address.

Rows are written straight: they are made from elsewhere and can be lost at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from pymongo import UpdateOne

from chassis.decisions import Document
from chassis.mongo import Database, Index
from services.forum.domain.link_cards import (
    MOST_WANTED,
    NOTED_EVERY,
    SHOWN_FOR,
    DuePage,
    Link,
    LinkCardState,
    PageText,
    next_try,
)
from services.forum.repository.documents import write_upserts

INDEXES: Sequence[Index] = (
    # The work of the job, whatever the community.
    Index("link_cards", [("due_time", 1), ("host", 1)], "link_card_due"),
    Index(
        "link_cards",
        [("community_id", 1)],
        "link_card_wanted",
        partial={"state": LinkCardState.WANTED.value},
    ),
    Index("link_cards", [("asked_time", 1)], "expire", expire_after=90 * 86_400),
)


class LinkCardCollection:
    """Reads and writes of link cards."""

    _database: Database

    async def find_page_texts(
        self, community_id: str, links: Collection[Link], now: datetime
    ) -> dict[str, PageText]:
        """What is known of these pages, by address. It is noted which are still asked for, and
        which are not known.
        """
        if not links:
            return {}
        by_id = {_id(community_id, link.address): link for link in links}
        query = {"community_id": community_id, "_id": {"$in": list(by_id)}}
        rows = await self._database.link_cards.find(query).hint("_id_").to_list()
        seldom = now - NOTED_EVERY
        if noted := [row["_id"] for row in rows if row["asked_time"] < seldom]:
            await self._database.link_cards.update_many(
                {"community_id": community_id, "_id": {"$in": noted}},
                {"$set": {"asked_time": now}},
                hint="_id_",
            )
        known = {row["_id"] for row in rows}
        await self._want(
            community_id, [link for id_, link in by_id.items() if id_ not in known], now
        )
        return {
            row["address"]: _text(row)
            for row in rows
            if row["state"] == LinkCardState.MADE and row["made_time"] > now - SHOWN_FOR
        }

    async def _want(self, community_id: str, links: Sequence[Link], now: datetime) -> None:
        if not links:
            return
        wanted = await self._database.link_cards.count_documents(
            {"community_id": community_id, "state": LinkCardState.WANTED.value},
            hint="link_card_wanted",
            limit=MOST_WANTED,
        )
        operations = [
            UpdateOne(
                {"_id": _id(community_id, link.address), "community_id": community_id},
                {
                    "$setOnInsert": {
                        "address": link.address,
                        "host": link.host,
                        "state": LinkCardState.WANTED.value,
                        "failures": 0,
                        "due_time": now,
                        "asked_time": now,
                    }
                },
                upsert=True,
            )
            for link in links[: MOST_WANTED - wanted]
        ]
        if operations:
            await write_upserts(self._database.link_cards, operations, ordered=False)

    async def find_due_pages(
        self, now: datetime, without: Iterable[str], most: int
    ) -> list[DuePage]:
        """What is to be asked, of all communities, longest due first, but for these hosts."""
        query = {"due_time": {"$lte": now}, "host": {"$nin": list(without)}}
        rows = self._database.link_cards.find(query).hint("link_card_due")
        return [
            DuePage(
                row["_id"],
                row["community_id"],
                row["host"],
                row["address"],
                row["due_time"],
                row["failures"],
            )
            async for row in rows.sort([("due_time", 1), ("host", 1)]).limit(most)
        ]

    async def claim_page(self, page: DuePage, now: datetime, lease: timedelta) -> DuePage | None:
        """It is due again after the lease, unless something is stored before. None: somebody else
        has claimed it.
        """
        until = now + lease
        found = await self._database.link_cards.update_one(
            {**_key(page), "due_time": page.due_time}, {"$set": {"due_time": until}}, hint="_id_"
        )
        if not found.modified_count:
            return None
        return DuePage(page.id, page.community_id, page.host, page.address, until, page.failures)

    async def store_page(self, page: DuePage, text: PageText | None, now: datetime) -> None:
        """What it said; None: nothing that could be shown. Whoever claimed it since does it
        themselves.
        """
        failures = page.failures + 1 if text is None else 0
        change: Document = {
            "failures": failures,
            "due_time": next_try(failures, now),
            "state": (LinkCardState.FAILED if text is None else LinkCardState.MADE).value,
        }
        if text is not None:
            change |= {
                "made_time": now,
                "title": text.title,
                "description": text.description,
                "site_name": text.site_name,
            }
        await self._database.link_cards.update_one(
            {**_key(page), "due_time": page.due_time}, {"$set": change}, hint="_id_"
        )

    async def drop_page(self, page: DuePage) -> None:
        """Its host is on the list no more: it is not asked."""
        await self._database.link_cards.delete_one(_key(page), hint="_id_")


def _id(community_id: str, address: str) -> str:
    return hashlib.sha256(f"{community_id}:{address}".encode()).hexdigest()


def _key(page: DuePage) -> Document:
    return {"_id": page.id, "community_id": page.community_id}


def _text(row: Document) -> PageText:
    return PageText(row["title"], row["description"], row["site_name"])
