"""What search keeps in MongoDB: walls, synonyms, memberships, the clock of its writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pymongo import ReturnDocument, UpdateOne

from chassis.decisions import PLATFORM, Aggregates, Document
from chassis.mongo import Database, Index, Migration
from chassis.recent import Recent
from services.search.domain.synonyms import Synonyms, Thesaurus
from services.search.repository.walls import LIFETIME, WallCollection

PREPARED, LIVE = "prepared", "live"  # marks of generations
_CLOCK = "index"


def _load_synonyms(document: Document) -> Synonyms:
    return Synonyms(tuple(tuple(phrases) for phrases in document["sets"]))


def _dump_synonyms(synonyms: Synonyms) -> Document:
    return {"sets": [list(phrases) for phrases in synonyms.sets]}


class SearchRepository:
    """Search's own documents; the index is SearchIndex."""

    indexes: Sequence[Index] = (
        Index("spaces", [("community_id", 1), ("read_keys", 1), ("_id", 1)], "readable"),
        Index("channels", [("community_id", 1), ("_id", 1)], "community"),
        Index("memberships", [("community_id", 1), ("company_id", 1), ("_id", 1)], "company"),
        Index("synonyms", [("community_id", 1)], "community"),
    )
    migrations: Sequence[Migration] = ()
    synonyms = Aggregates("synonyms", "synonyms", _load_synonyms, _dump_synonyms)

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made: dict[str, tuple[int, Thesaurus]] = {}  # by community, with its seq
        self.spaces = WallCollection(database.spaces)
        self.channels = WallCollection(database.channels)
        self.thesauri = Recent(self._read_thesauri, lifetime=LIFETIME)

    async def next_tick(self) -> int:
        """A number greater than all before, in all replicas: taken before what is to be indexed is
        fetched, it is the version it is written with.

        Of two writes of one document the later tick wins. That is never the staler: whatever
        changes after a tick is heard as a domain event, and heard later it gets a later tick and is
        fetched after the change. So the last tick of all was fetched when nothing was to come,
        however many aggregates went into the document. It follows the server's clock in
        microseconds, so that a restored database does not fall behind what the index has.
        """
        now = {"$multiply": [{"$toLong": "$$NOW"}, 1000]}
        clock = await self._database.clocks.find_one_and_update(
            {"_id": _CLOCK, "community_id": PLATFORM},
            [{"$set": {"tick": {"$max": [now, {"$add": [{"$ifNull": ["$tick", 0]}, 1]}]}}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        if clock is None:
            raise AssertionError("an upsert finds what it made")
        return int(clock["tick"])

    async def mark(self, generation: int, state: str) -> None:
        """Remember that this generation's index was made, or is searched."""
        await self._database.generations.update_one(
            {"_id": generation, "community_id": PLATFORM}, {"$set": {"state": state}}, upsert=True
        )

    async def find_mark(self, generation: int) -> str:
        """PREPARED, LIVE, or nothing."""
        row = await self._database.generations.find_one({"_id": generation})
        return row["state"] if row else ""

    async def forget(self, generation: int) -> None:
        """This generation's index was deleted."""
        await self._database.generations.delete_one({"_id": generation})

    async def put_memberships(self, rows: Collection[tuple[str, str, str]]) -> None:
        """Remember (community, company, person), for when the company's enrolment changes."""
        if not rows:
            return
        operations = [
            UpdateOne(
                {"_id": f"{community}|{company}|{person}", "community_id": community},
                {"$set": {"company_id": company, "person_id": person}},
                upsert=True,
            )
            for community, company, person in sorted(rows)
        ]
        await self._database.memberships.bulk_write(operations, ordered=False)

    async def find_people(self, community_id: str, company_id: str) -> list[str]:
        """Everyone who was ever a member for this company."""
        query = {"community_id": community_id, "company_id": company_id}
        return [row["person_id"] async for row in self._database.memberships.find(query)]

    async def find_workforces(self) -> dict[str, list[str]]:
        """For each community the companies that people were ever members for."""
        grouped = await self._database.memberships.aggregate(
            [{"$group": {"_id": "$community_id", "companies": {"$addToSet": "$company_id"}}}]
        )
        return {row["_id"]: sorted(row["companies"]) async for row in grouped}

    async def get_synonyms(self, community_id: str) -> tuple[Synonyms | None, int]:
        """A community's synonyms and their version; None and 0 where it never had any."""
        document = await self._database.synonyms.find_one(
            {"_id": community_id, "community_id": community_id}
        )
        return (_load_synonyms(document), document["seq"]) if document else (None, 0)

    async def _read_thesauri(self, communities: Sequence[str]) -> dict[str, Thesaurus]:
        """What did not change is not made again."""
        among = {"community_id": {"$in": list(communities)}}
        rows = self._database.synonyms.find(among, {"community_id": 1, "seq": 1})
        found = {one: Thesaurus(Synonyms()) for one in communities}
        for row in await rows.to_list():
            community = row["community_id"]
            seq, thesaurus = self._made.get(community, (0, None))
            if thesaurus is None or seq != row["seq"]:
                synonyms, seq = await self.get_synonyms(community)
                thesaurus = Thesaurus(synonyms or Synonyms())
                self._made[community] = seq, thesaurus
            found[community] = thesaurus
        return found
