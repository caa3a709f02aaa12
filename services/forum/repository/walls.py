"""Which spaces and channels a keyring opens, asked by every read: remembered for a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Document
from chassis.recent import Recent
from services.forum.domain.spaces import group_keys

# Seconds from when the store was asked: as long as search believes it (docs/adr/0008, 0028).
LIFETIME = 1.0
Q = TypeVar("Q")
A = TypeVar("A")
_Q = TypeVar("_Q", contravariant=True)
_A = TypeVar("_A", covariant=True)


@dataclass(frozen=True, slots=True)
class _Doors:
    """What one community has of them by the keys that open it, as it was then."""

    by_key: Mapping[str, frozenset[str]]
    documents: dict[str, Document] = field(default_factory=dict)  # read since, by id

    def opened(self, keyring: Collection[str] | None) -> list[str]:
        """Which of them these keys open; None: all."""
        keys = self.by_key if keyring is None else keyring
        found = [self.by_key[key] for key in keys if key in self.by_key]
        return sorted(found[0].union(*found[1:])) if found else []


class Find(Protocol[_Q, _A]):
    """Of one community, for each who asks what their keys open."""

    async def __call__(
        self, community_id: str, asked: Sequence[_Q], *, fresh: bool
    ) -> Sequence[_A]: ...


async def find_each(
    asked: Sequence[Q],
    community_of: Callable[[Q], str],
    find: Find[Q, A],
    whole: Callable[[Q, A], bool],
) -> list[A]:
    """What each of several gets, in order: one finding a community, and one more with walls that
    are asked for anew for those who got less than they asked for.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        numbers[community_of(one)].append(number)
    found: dict[int, A] = {}

    async def look(community_id: str, some: Sequence[int], *, fresh: bool) -> None:
        answers = await find(community_id, [asked[number] for number in some], fresh=fresh)
        found.update(zip(some, answers, strict=True))
        short = [number for number in some if not whole(asked[number], found[number])]
        if short and not fresh:  # it may have been opened a moment ago
            await look(community_id, short, fresh=True)

    await asyncio.gather(*(look(one, some, fresh=False) for one, some in numbers.items()))
    return [found[number] for number in range(len(asked))]


def union(some: Iterable[Iterable[str]]) -> list[str]:
    """All of them, each once: what the store is asked with for several at once."""
    return list(frozenset[str]().union(*some))


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
        (opened,) = await self.opened_anywhere_by([keyrings])
        return opened

    async def opened_anywhere_by(
        self, asked: Sequence[Mapping[str, Collection[str]]]
    ) -> list[dict[str, list[str]]]:
        """As opened_anywhere, for each of several: at most one query for all."""
        doors = await self._doors.find({one: None for some in asked for one in some})
        return [{one: doors[one].opened(held) for one, held in some.items()} for some in asked]

    async def groups_of(self, community_id: str) -> dict[str, list[str]]:
        """The keys of groups that open them, of those that are for groups."""
        by_key = (await self._doors.find([community_id]))[community_id].by_key
        found: dict[str, list[str]] = defaultdict(list)
        for key in group_keys(by_key):
            for id_ in by_key[key]:
                found[id_].append(key)
        return found

    async def documents(
        self, community_ids: Collection[str], ids: Collection[str]
    ) -> list[Document]:
        """Those of these communities with these ids, whoever may read them, as of a second ago."""
        doors = await self._doors.find(community_ids)
        known = [one.documents for one in doors.values()]
        found = [documents[one] for documents in known for one in ids if one in documents]
        missing = set(ids).difference(one["_id"] for one in found)
        if missing:
            query = {"_id": {"$in": list(missing)}, "community_id": {"$in": list(community_ids)}}
            for document in await self._collection.find(query).to_list():
                doors[document["community_id"]].documents[document["_id"]] = document
                found.append(document)
        return found

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
