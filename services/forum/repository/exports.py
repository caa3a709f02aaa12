"""Everything that was written, kind by kind, in an order that writing does not change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.records import Revision
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic
from services.forum.repository.records import RecordCollection, load_revision

Record: TypeAlias = Space | Topic | Reply | Revision


@dataclass(frozen=True, slots=True)
class Kind:
    """Records of one kind: where they are, and the stored field that holds who wrote them."""

    collection: str
    author: str  # empty: they are of the community, not of a person
    index: str


# In the order of an export; a page token begins with the kind's place here.
KINDS: Sequence[Kind] = (
    Kind("spaces", "", "space_export"),
    Kind("topics", "author.person_id", "topic_export"),
    Kind("replies", "author.person_id", "reply_export"),
    Kind("revisions", "author_id", "revision_export"),
)
INDEXES: Sequence[Index] = [
    Index(
        kind.collection,
        [("community_id", 1), *([(kind.author, 1)] if kind.author else []), ("_id", 1)],
        kind.index,
    )
    for kind in KINDS
]


def place_of(record: Record) -> tuple[int, str, str]:
    """Kind, author and id: what an export is sorted by."""
    match record:
        case Space():
            return 0, "", record.id
        case Topic():
            return 1, record.author.person_id, record.id
        case Reply():
            return 2, record.author.person_id, record.id
        case Revision():
            return 3, record.author_id, record.id


class ExportCollection(RecordCollection):
    """Reads of whole collections."""

    async def list_export_records(
        self, community_id: str, person_id: str, keyring: Collection[str], paging: Paging
    ) -> list[Record]:
        """What the page needs of what the keyring shows; a place is that of place_of."""
        found: list[Record] = []
        for kind, place in _kinds(paging, of_person=bool(person_id)):
            while len(found) < paging.limit:
                ids = await self._ids(community_id, person_id, kind, place, paging)
                if not ids:
                    break
                shown = await self._shown(community_id, kind, [id_ for _, id_ in ids], keyring)
                found += [shown[id_] for _, id_ in ids if id_ in shown]
                if len(ids) < paging.limit:
                    break
                place = ids[-1]
        return found[: paging.limit]

    async def _ids(
        self,
        community_id: str,
        person_id: str,
        kind: Kind,
        place: tuple[str, str] | None,
        paging: Paging,
    ) -> list[tuple[str, str]]:
        """Authors and ids behind the place, from the index alone."""
        step = -1 if paging.backward else 1
        sort = [(kind.author, step), ("_id", step)] if kind.author else [("_id", step)]
        found: list[tuple[str, str]] = []
        for part in _beyond(kind.author, place, backward=paging.backward):
            query = {"community_id": community_id, **part}
            if kind.author and person_id:
                query.setdefault(kind.author, person_id)
                if query[kind.author] != person_id:
                    continue
            fields = {kind.author: 1} if kind.author else {"_id": 1}
            rows = self._database[kind.collection].find(query, fields).sort(sort)
            rows = rows.limit(paging.limit - len(found)).hint(kind.index)
            found += [(_author(row, kind), row["_id"]) async for row in rows]
            if len(found) == paging.limit:
                break
        return found

    async def _shown(
        self, community_id: str, kind: Kind, ids: Sequence[str], keyring: Collection[str]
    ) -> dict[str, Record]:
        found: Sequence[Record]
        match kind.collection:
            case "spaces":
                found = await self.find_spaces(community_id, ids, keyring)
            case "topics":
                found = await self.find_topics(community_id, ids, keyring)
            case "replies":
                found = await self.find_replies(community_id, ids, keyring)
            case _:
                found = await self._find_revisions(community_id, ids, keyring)
        return {record.id: record for record in found}

    async def _find_revisions(
        self, community_id: str, ids: Sequence[str], keyring: Collection[str]
    ) -> list[Revision]:
        """Former texts of posts that can be seen."""
        wall = await self._wall(community_id, keyring)
        query = {"community_id": community_id, "_id": {"$in": ids}, "read_keys": wall["read_keys"]}
        revisions = [load_revision(row) async for row in self._database.revisions.find(query)]
        of = {
            "community_id": community_id,
            "_id": {"$in": list({one.post_id for one in revisions})},
            **wall,
        }
        topics = self._database.topics.find(of, {"_id": 1}).hint("_id_")
        seen = {row["_id"] async for row in topics}
        seen |= {row["_id"] for row in await self._find_replies(of, wall, "_id_")}
        return [one for one in revisions if one.post_id in seen]


def _kinds(paging: Paging, *, of_person: bool) -> list[tuple[Kind, tuple[str, str] | None]]:
    """Which kinds to read on, in the way to read, and the place to go on from in the first."""
    numbers = [number for number, kind in enumerate(KINDS) if kind.author or not of_person]
    if paging.backward:
        numbers.reverse()
    if not paging.place:
        return [(KINDS[number], None) for number in numbers]
    begun, author, id_ = paging.place
    left = [n for n in numbers if (n <= begun if paging.backward else n >= begun)]
    return [(KINDS[n], (author, id_) if n == begun else None) for n in left]


def _beyond(field: str, place: tuple[str, str] | None, *, backward: bool) -> Sequence[Document]:
    """What lies behind the place, one range of the index after the other.

    Whoever is no person has no author id, and null sorts before all that have.
    """
    if place is None:
        return [{}]
    than = "$lt" if backward else "$gt"
    author, id_ = place
    if not field:
        return [{"_id": {than: id_}}]
    same: Document = {field: author or None, "_id": {than: id_}}
    if not backward:
        return [same, {field: {than: author}}]
    return [same, {field: {than: author}}, {field: None}] if author else [same]


def _author(row: Document, kind: Kind) -> str:
    value: object = row
    for name in kind.author.split(".") if kind.author else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value if kind.author and isinstance(value, str) else ""
