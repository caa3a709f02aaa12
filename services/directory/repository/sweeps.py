"""Rules that are to be asked anew of many people: what waits, and what is done."""

from __future__ import annotations

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Document, Write
from services.directory.domain.sweep import Sweep, SweepKind


class SweepQueries:
    """Written with the event that asks for it, taken by the job."""

    _group_sweeps: AsyncCollection[Document]

    @staticmethod
    def new_sweep(sweep: Sweep) -> Write:
        """To be done, in the place of one for the same that waits."""
        key = {"_id": sweep.id, "community_id": sweep.community_id}
        told = {
            "kind": sweep.kind.value,
            "target_id": sweep.target_id,
            "event_id": sweep.event_id,
        }
        return Write("group_sweeps", UpdateOne(key, {"$set": told}, upsert=True))

    async def next_sweep(self) -> Sweep | None:
        """The one that has waited longest: the ids of events rise."""
        found = await self._group_sweeps.find_one({}, sort=[("event_id", 1)])
        if found is None:
            return None
        return Sweep(
            found["community_id"],
            SweepKind(found["kind"]),
            found["target_id"],
            found["event_id"],
        )

    async def end_sweep(self, sweep: Sweep) -> None:
        """Done, unless it was asked for again meanwhile."""
        key = {"_id": sweep.id, "community_id": sweep.community_id}
        await self._group_sweeps.delete_one({**key, "event_id": sweep.event_id})
