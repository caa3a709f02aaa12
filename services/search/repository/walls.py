"""Who can read which space, or which channel, as was heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Document
from chassis.recent import Recent
from services.search.domain.entries import Wall

LIFETIME = 1.0  # seconds that what every search asks of a community is remembered


class WallCollection:
    """Of all communities: the spaces, or the channels."""

    def __init__(self, collection: AsyncCollection[Document]) -> None:
        self._collection = collection
        self._walls = Recent(self._read, lifetime=LIFETIME)

    async def put(self, tick: int, walls: Sequence[Wall]) -> None:
        """Store who can read these, unless a later tick has said it."""
        if not walls:
            return
        operations = []
        for wall in walls:
            key = {"_id": wall.id, "community_id": wall.community_id}
            document = {**key, "read_keys": list(wall.read_keys), "tick": tick}
            newest = {"$cond": [{"$gt": ["$tick", tick]}, "$$ROOT", {"$literal": document}]}
            operations.append(UpdateOne(key, [{"$replaceWith": newest}], upsert=True))
        try:
            await self._collection.bulk_write(operations, ordered=False)
        finally:
            for wall in walls:
                self._walls.forget(wall.community_id)

    async def find_readable(self, keyrings: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """For each community the ids of those that its keys open, as of a second ago."""
        walls = await self._walls.find(keyrings)
        return {
            community: [id_ for id_, open_by in walls[community].items() if open_by & set(keys)]
            for community, keys in keyrings.items()
        }

    async def _read(self, communities: Sequence[str]) -> dict[str, dict[str, frozenset[str]]]:
        found: dict[str, dict[str, frozenset[str]]] = {one: {} for one in communities}
        shown = {"community_id": 1, "read_keys": 1}
        query = {"community_id": {"$in": list(communities)}}
        for row in await self._collection.find(query, shown).to_list():
            found[row["community_id"]][row["_id"]] = frozenset(row["read_keys"])
        return found
