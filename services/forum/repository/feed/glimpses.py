"""Glimpses of topics for the feed: by keys or ids, over all communities, in order of activity."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.decisions import Document
from chassis.mongo import Database, Index, Migration
from chassis.values import value
from services.forum.domain.feed.ranking import (
    RECENT,
    Glimpse,
    Source,
    feed_keys,
)
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import OPEN_TO_READERS
from services.forum.repository.documents import KEYS_PER_QUERY, as_read, author
from services.forum.repository.topics.documents import latest_replies
from services.forum.repository.walls import Walls

_NEWEST = [("activity_time", -1), ("_id", -1)]
FEW_LISTED = 40  # topics that are fetched whole sooner than asked about twice
_SHOWN: Document = {
    "community_id": 1,
    "space_id": 1,
    "author": 1,
    "tags": 1,
    "create_time": 1,
    "activity_time": 1,
    "reply_count": 1,
    "latest": 1,
}
_SHOWN_BRIEFLY = {**_SHOWN, "latest": {"$slice": -RECENT}}

INDEXES: Sequence[Index] = (
    # One over all communities, so that a feed costs the same in however many somebody is: the keys
    # name their community. The space tests the wall before anything is fetched.
    Index(
        "topics",
        [("feed_keys", 1), *_NEWEST, ("space_id", 1)],
        "topic_feed",
        partial={"feed_keys": {"$exists": True}},
    ),
    # Hundreds of topics that somebody follows one by one are put in order without being fetched.
    Index(
        "topics",
        [("_id", 1), ("activity_time", -1), ("space_id", 1), ("state", 1)],
        "topic_activity",
    ),
)


@value
class Stretch:
    """Which part of all activity to read: from a place on, back in time or on to a last moment."""

    place: tuple[datetime, str]  # without an id: from this moment on, all of it included
    forward_in_time: bool = False
    until: datetime | None = None

    @property
    def sort(self) -> list[tuple[str, int]]:
        """The way to read."""
        return [(field, -step if self.forward_in_time else step) for field, step in _NEWEST]

    def ordered(self, rows: Iterable[Document]) -> list[Document]:
        """In the way to read."""
        return sorted(
            rows,
            key=lambda row: (row["activity_time"], row["_id"]),
            reverse=not self.forward_in_time,
        )

    def query(self) -> Document:
        """What lies beyond the place, in the way to read."""
        than = "$gt" if self.forward_in_time else "$lt"
        time, id_ = self.place
        bounds: Document = {f"{than}e": time}
        if self.until is not None:
            bounds["$lte"] = self.until
        if not id_:  # what is simpler is planned in a third of the time
            return {"activity_time": bounds}
        return {
            "activity_time": bounds,
            "$or": [{"activity_time": {than: time}}, {"_id": {than: id_}}],
        }


class GlimpseCollection:
    """Reads of glimpses."""

    walls: Walls
    _database: Database

    async def find_glimpses(
        self,
        communities: Collection[str],
        source: Source,
        stretch: Stretch,
        limit: int,
        *,
        whole: bool = False,
    ) -> list[Glimpse]:
        """The first so many of a source in this stretch, of what is published.

        With the last of their replies only, unless `whole`.
        """
        shown = _SHOWN if whole else _SHOWN_BRIEFLY
        if source.ids:
            return await self._find_listed(communities, source, stretch, limit, shown)
        found: dict[str, Document] = {}
        for start in range(0, len(source.keys), KEYS_PER_QUERY):
            query = {
                "feed_keys": {"$in": list(source.keys[start : start + KEYS_PER_QUERY])},
                "community_id": {"$in": list(communities)},
                "space_id": {"$in": list(source.spaces)},
                **stretch.query(),
            }
            rows = self._database.topics.find(query, shown).sort(stretch.sort)
            rows = rows.limit(limit).hint("topic_feed")
            found.update({row["_id"]: row for row in await rows.to_list()})
        return [_glimpse(row) for row in stretch.ordered(found.values())[:limit]]

    async def _find_listed(
        self,
        communities: Collection[str],
        source: Source,
        stretch: Stretch,
        limit: int,
        shown: Document,
    ) -> list[Glimpse]:
        wall: Document = {
            "community_id": {"$in": list(communities)},
            "space_id": {"$in": list(source.spaces)},
            "state": {"$in": sorted(OPEN_TO_READERS)},
        }
        ids: Sequence[str] = source.ids
        if len(ids) > max(limit, FEW_LISTED):  # put in order before they are fetched
            query = {"_id": {"$in": list(ids)}, **wall, **stretch.query()}
            del query["community_id"]  # the index has none
            first = self._database.topics.find(query, {"activity_time": 1}).sort(stretch.sort)
            first = first.limit(limit).hint("topic_activity")
            ids = [row["_id"] for row in await first.to_list()]
        if not ids:
            return []
        # With the wall, and what they are now.
        query = {"_id": {"$in": list(ids)}, **wall, **stretch.query()}
        found = self._database.topics.find(query, shown).hint("_id_")
        return [_glimpse(row) for row in stretch.ordered(await found.to_list())[:limit]]

    async def find_feed_keys(
        self, community_id: str, topic_ids: Collection[str]
    ) -> dict[str, list[str]]:
        """By which these are found, by topic; those that are open to readers, whoever they are.

        With the keys of the groups that their spaces are for.
        """
        query = {
            "_id": {"$in": list(topic_ids)},
            "community_id": community_id,
            "feed_keys": {"$exists": True},
        }
        groups = await self.walls.groups_of(community_id)
        found = self._database.topics.find(query, {"feed_keys": 1, "space_id": 1}).hint("_id_")
        return {
            row["_id"]: [*row["feed_keys"], *groups.get(row["space_id"], ())] async for row in found
        }

    async def find_activity(self, topic: Glimpse, moment: datetime) -> datetime:
        """When the last reply by then was written, for a topic that does not remember it."""
        query = {
            "community_id": topic.community_id,
            "topic_id": topic.id,
            "read_keys": space_key(topic.space_id),
            "create_time": {"$lte": moment},
        }
        newest = [("create_time", -1), ("_id", -1)]
        row = await self._database.replies.find_one(query, {"create_time": 1}, sort=newest)
        return max(topic.create_time, row["create_time"]) if row else topic.create_time

    async def find_mentioned(
        self, spaces: Mapping[str, Collection[str]], mentions: Sequence[tuple[str, str]]
    ) -> list[str]:
        """The topics of these mentions (topic, reply), in order; by replies that can be read only.

        `spaces` are those that the person can read, by community.
        """
        if not mentions:
            return []
        keys = [space_key(space) for some in spaces.values() for space in some]
        written = {
            "_id": {"$in": [reply_id for _, reply_id in mentions if reply_id]},
            "community_id": {"$in": list(spaces)},
            "read_keys": {"$in": keys},
        }
        found = self._database.replies.find(written, {"topic_id": 1}).hint("_id_")
        topics = {row["_id"]: row["topic_id"] async for row in found}  # a reply may have moved
        in_order = [topics.get(reply) if reply else topic for topic, reply in mentions]
        return list(dict.fromkeys(topic for topic in in_order if topic))


def _glimpse(row: Document) -> Glimpse:
    return Glimpse(
        row["_id"],
        row["community_id"],
        row["space_id"],
        author(row["author"]),
        tuple(row["tags"]),
        row["create_time"],
        row["activity_time"],
        row["reply_count"],
        latest_replies(row["latest"]),
    )


async def _add_feed_keys(database: Database) -> None:
    """Topics stored before there was a feed."""
    query: Document = {
        "state": {"$in": ["PUBLISHED", "CLOSED", "ARCHIVED"]},
        "feed_keys": {"$exists": False},
    }
    shown = {"community_id": 1, "space_id": 1, "tags": 1, "author": 1, "seq": 1}
    async for row in database.topics.find(query, shown):
        keys: Any = feed_keys(
            row["community_id"], row["space_id"], row["tags"], author(row["author"])
        )
        await database.topics.update_one(as_read(row), {"$set": {"feed_keys": list(keys)}})


MIGRATIONS: Sequence[Migration] = (Migration("2026-11-feed-keys", _add_feed_keys),)
