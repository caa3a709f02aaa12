"""Everything that was written, kind by kind, in an order that writing does not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chassis.decisions import Document
from chassis.pagination import Paging
from services.forum.domain.exports import Exported, Taker
from services.forum.repository.exports.kinds import FOLLOWS, INDEXES, KINDS, Kind
from services.forum.repository.exports.shown import ShownCollection, follow_key

__all__ = ["INDEXES", "ExportCollection"]

_MOST_READ = 900  # ids at once, where many are not shown
_BEHIND_ALL = "\uffff"  # what sorts behind every id


class ExportCollection(ShownCollection):
    """Reads of whole collections."""

    async def list_export_records(
        self, taker: Taker, paging: Paging, now: datetime
    ) -> list[Exported]:
        """What the page needs of what the taker sees; a place is (kind, owner, id)."""
        found: list[Exported] = []
        for number, place in _kinds(taker, paging):
            kind, limit = KINDS[number], paging.limit
            while len(found) < paging.limit:
                ids = await self._ids(taker, kind, place, limit, backward=paging.backward)
                if not ids:
                    break
                shown = await self.find_shown(kind, [id_ for _, id_ in ids], taker, now)
                found += [
                    Exported((number, owner, id_), shown[id_]) for owner, id_ in ids if id_ in shown
                ]
                if len(ids) < limit:
                    break
                place = ids[-1]
                if not shown:  # many steps would read little each
                    limit = min(limit * 3, _MOST_READ)
                hidden = kind.name == "poll_ballot" and place[1] not in shown
                if hidden and not await self.find_telling_polls([place[0]], taker, now):
                    place = place[0], "" if paging.backward else _BEHIND_ALL
        return await self._quoting(found[: paging.limit], taker)

    async def _quoting(self, found: list[Exported], taker: Taker) -> list[Exported]:
        """With what they quote, as the taker sees it."""
        quotes = {quote for one in found for quote in one.quoted}
        if not quotes:
            return found
        shown = await self.find_shown_quotes(taker.community_id, quotes, taker.keyring)
        return [
            replace(one, quotes=tuple(shown[quote] for quote in one.quoted if quote in shown))
            for one in found
        ]

    async def _ids(
        self,
        taker: Taker,
        kind: Kind,
        place: tuple[str, str] | None,
        limit: int,
        *,
        backward: bool,
    ) -> list[tuple[str, str]]:
        """Owners and ids behind the place, from the index alone."""
        if kind is FOLLOWS:
            return await self._follows(taker, place, limit, backward=backward)
        step = -1 if backward else 1
        sort = [(kind.owner, step), ("_id", step)] if kind.owner else [("_id", step)]
        found: list[tuple[str, str]] = []
        for part in _beyond(kind.owner, place, backward=backward):
            query = {"community_id": taker.community_id, **kind.only, **part}
            if kind.owner and taker.person_id:
                query.setdefault(kind.owner, taker.person_id)
                if query[kind.owner] != taker.person_id:
                    continue
            fields = {kind.owner: 1} if kind.owner else {"_id": 1}
            rows = self._database[kind.collection].find(query, fields).sort(sort)
            rows = rows.limit(limit - len(found)).hint(kind.index)
            found += [(_owner(row, kind), row["_id"]) async for row in rows]
            if len(found) == limit:
                break
        return found

    async def _follows(
        self, taker: Taker, place: tuple[str, str] | None, limit: int, *, backward: bool
    ) -> list[tuple[str, str]]:
        own = await self.find_readers([taker.community_id], taker.person_id)
        follows = [one for reader in own.values() for one in reader.follows]
        keys = sorted(((taker.person_id, follow_key(one)) for one in follows), reverse=backward)
        if place is not None:
            keys = [key for key in keys if (key < place if backward else key > place)]
        return keys[:limit]


def _kinds(taker: Taker, paging: Paging) -> list[tuple[int, tuple[str, str] | None]]:
    """Which kinds to read on, in the way to read, and the place to go on from in the first."""
    numbers = [number for number, kind in enumerate(KINDS) if kind.is_for(taker)]
    if paging.backward:
        numbers.reverse()
    if not paging.place:
        return [(number, None) for number in numbers]
    begun, owner, id_ = paging.place
    left = [n for n in numbers if (n <= begun if paging.backward else n >= begun)]
    return [(n, (owner, id_) if n == begun else None) for n in left]


def _beyond(field: str, place: tuple[str, str] | None, *, backward: bool) -> Sequence[Document]:
    """What lies behind the place, one range of the index after the other.

    Whoever is no person has no author id, and null sorts before all that have.
    """
    if place is None:
        return [{}]
    than = "$lt" if backward else "$gt"
    owner, id_ = place
    if not field:
        return [{"_id": {than: id_}}]
    same: Document = {field: owner or None, "_id": {than: id_}}
    if not backward:
        return [same, {field: {than: owner}}]
    return [same, {field: {than: owner}}, {field: None}] if owner else [same]


def _owner(row: Document, kind: Kind) -> str:
    value: object = row
    for name in kind.owner.split(".") if kind.owner else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value if kind.owner and isinstance(value, str) else ""
