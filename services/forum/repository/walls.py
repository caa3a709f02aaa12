"""Which spaces and channels a keyring opens, asked by every read: remembered for a second."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Document
from chassis.recent import Recent

# Seconds from when the store was asked: as long as search believes it (docs/adr/0008, 0028).
LIFETIME = 1.0


@dataclass(frozen=True, slots=True)
class _Doors:
    """What one community has of them by the keys that open it, as it was then."""

    by_key: Mapping[str, frozenset[str]]

    def opened(self, keyring: Collection[str] | None) -> list[str]:
        """Which of them these keys open; None: all."""
        keys = self.by_key if keyring is None else keyring
        found = [self.by_key[key] for key in keys if key in self.by_key]
        return sorted(found[0].union(*found[1:])) if found else []


class Walls:
    """What this replica remembers of its communities' spaces, or of their channels."""

    def __init__(self, collection: AsyncCollection[Document]) -> None:
        self._collection = collection
        self._doors = Recent(self._ask, lifetime=LIFETIME)

    def forget(self, community_id: str) -> None:
        """One of this community has just been changed here."""
        self._doors.forget(community_id)

    def changing(self, community_id: str) -> contextlib.AbstractContextManager[None]:
        """One of this community's is being changed here: forgotten however that ends."""
        return self._doors.changing(community_id)

    async def opens(self, community_id: str, id: str, keyring: Collection[str]) -> bool:
        """Whether a keyring opens this one; never not because it was opened a moment ago."""
        return id in await self.opened(community_id, keyring) or id in await self.opened(
            community_id, keyring, fresh=True
        )

    async def opened(
        self, community_id: str, keyring: Collection[str] | None, *, fresh: bool = False
    ) -> list[str]:
        """The ids of what a keyring opens, in order; None: of all there are."""
        (opened,) = await self.opened_by(community_id, [keyring], fresh=fresh)
        return opened

    async def opened_by(
        self, community_id: str, keyrings: Iterable[Collection[str] | None], *, fresh: bool = False
    ) -> list[list[str]]:
        """As opened, for each of several keyrings: at most one query for all."""
        if fresh:
            self._doors.forget(community_id)
        doors = (await self._doors.find([community_id]))[community_id]
        return [doors.opened(keyring) for keyring in keyrings]

    async def opened_anywhere(
        self, keyrings: Mapping[str, Collection[str]]
    ) -> dict[str, list[str]]:
        """As opened, each keyring in its own community: at most one query for all."""
        doors = await self._doors.find(keyrings)
        return {one: doors[one].opened(keyring) for one, keyring in keyrings.items()}

    async def _ask(self, community_ids: Sequence[str]) -> dict[str, _Doors]:
        by_key: dict[str, dict[str, set[str]]] = {one: defaultdict(set) for one in community_ids}
        query = {"community_id": {"$in": community_ids}}
        shown = {"community_id": 1, "read_keys": 1}
        for row in await self._collection.find(query, shown).to_list():
            for key in row["read_keys"]:
                by_key[row["community_id"]][key].add(row["_id"])
        return {
            one: _Doors({key: frozenset(ids) for key, ids in keys.items()})
            for one, keys in by_key.items()
        }
