"""The collection of feed addresses: found by the hash of their secret, or by owner."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decisions import Aggregates, Document
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.announcements.feed_addresses import (
    AddressNotFoundError,
    FeedAddress,
    FeedAddressesFullError,
)

_NEWEST = [("create_time", -1), ("_id", -1)]
INDEXES: Sequence[Index] = (
    # Who asks by the secret does not know the community.
    Index(
        "feed_addresses",
        [("secret_hash", 1)],
        "feed_address_secret",
        unique=True,
    ),
    Index(
        "feed_addresses",
        [("community_id", 1), ("person_id", 1), *_NEWEST],
        "feed_address_page",
        partial={"revoked": False},
    ),
    # Two that one person makes at once may want the same place.
    Index(
        "feed_addresses",
        [("community_id", 1), ("person_id", 1), ("number", 1)],
        "feed_address_number",
        unique=True,
        partial={"revoked": False, "number": {"$exists": True}},
    ),
)


class FeedAddressCollection:
    """Reads of addresses."""

    _database: Database

    async def find_feed_address_by_hash(self, secret_hash: str) -> FeedAddress:
        """One that works. Refuses with ADDRESS_NOT_FOUND."""
        query = {"secret_hash": secret_hash, "revoked": False}
        row = await self._database.feed_addresses.find_one(query)
        if row is None:
            raise AddressNotFoundError(field="secret_hash")
        return _load(row)

    async def list_feed_addresses(
        self, community_id: str, person_id: str, paging: Paging
    ) -> list[FeedAddress]:
        """What the page needs of those that work, newest first; a place is (create_time, id)."""
        query: Document = {
            "community_id": community_id,
            "person_id": person_id,
            "revoked": False,
            **paging.beyond(_NEWEST),
        }
        cursor = self._database.feed_addresses.find(query).sort(paging.sort(_NEWEST))
        return [_load(row) async for row in cursor.limit(paging.limit)]

    async def find_feed_address_numbers(
        self, community_id: str, person_id: str
    ) -> list[int | None]:
        """Of those that work."""
        query = {"community_id": community_id, "person_id": person_id, "revoked": False}
        rows = self._database.feed_addresses.find(query, {"number": 1}).hint("feed_address_page")
        return [row.get("number") async for row in rows]


def _load(document: Document) -> FeedAddress:
    return FeedAddress(
        document["_id"],
        document["community_id"],
        document["channel_id"],
        document["person_id"],
        document["secret_hash"],
        document["create_time"],
        document.get("number"),
        document["revoked"],
    )


def _dump(address: FeedAddress) -> Document:
    document: Document = {
        "channel_id": address.channel_id,
        "person_id": address.person_id,
        "secret_hash": address.secret_hash,
        "create_time": address.create_time,
        "revoked": address.revoked,
    }
    return document if address.number is None else {**document, "number": address.number}


FEED_ADDRESSES: Aggregates[FeedAddress] = Aggregates(
    "feed_address",
    "feed_addresses",
    _load,
    _dump,
    {"feed_address_number": FeedAddressesFullError},
)
