"""Which generation of a service's projections is read, and which is being made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from chassis.decisions import Document
from chassis.mongo import Database

COLLECTION = "projections"
RUNNING, DONE, FAILED = "running", "done", "failed"
_ID = "current"


@dataclass(frozen=True, slots=True)
class Generation:
    """The pointer: `current` is read, `building` (0: none) is written beside it."""

    current: int = 1
    building: int = 0
    state: str = ""  # of the last rebuild
    events: int = 0
    error: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    retired: tuple[tuple[int, datetime], ...] = ()
    request_id: str = ""  # that began the last rebuild; "" where none was given


class Generations:
    """The pointer document in the service's own database."""

    def __init__(self, database: Database) -> None:
        self._rows = database[COLLECTION]

    async def get(self) -> Generation:
        """Where the pointer is now; asked for before every batch, so that none misses a change."""
        row = await self._rows.find_one({"_id": _ID})
        return Generation() if row is None else _generation(row)

    async def begin(self, request_id: str = "") -> Generation | None:
        """Start a new generation; None where one is being made. From now on consumers fill both.

        What this request has begun already is told, and nothing is started.
        """
        seen = await self.get()
        if request_id and seen.request_id == request_id:
            return seen
        if seen.building:
            return None
        building = max([seen.current, *(number for number, _ in seen.retired)]) + 1
        change = {
            "current": seen.current,
            "building": building,
            "state": RUNNING,
            "events": 0,
            "error": "",
            "progress": {},
            "start_time": datetime.now(UTC),
            "end_time": None,
            "request_id": request_id,
        }
        try:
            row = await self._rows.find_one_and_update(
                {"_id": _ID, "building": 0},
                {"$set": change},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # somebody was faster: perhaps the same request
            seen = await self.get()
            return seen if request_id and seen.request_id == request_id else None
        return _generation(row or {})

    async def progress(self, building: int) -> dict[str, str]:
        """How far each part of the rebuild has come."""
        row = await self._rows.find_one({"_id": _ID, "building": building}) or {}
        found: dict[str, str] = row.get("progress", {})
        return found

    async def advance(self, building: int, part: str, token: str, events: int) -> bool:
        """Note how far a part is; False where this rebuild is not wanted any more."""
        return await self._change(
            building, {"$set": {f"progress.{part}": token}, "$inc": {"events": events}}
        )

    async def flip(self, building: int) -> bool:
        """The new generation is the current one; the old one is kept for a while."""
        seen = await self.get()
        now = datetime.now(UTC)
        return await self._change(
            building,
            {
                "$set": {"current": building, "building": 0, "state": DONE, "end_time": now},
                "$push": {"retired": {"number": seen.current, "at": now}},
            },
        )

    async def fail(self, building: int, error: str) -> bool:
        """Give the new generation up; it is dropped like an old one."""
        now = datetime.now(UTC)
        return await self._change(
            building,
            {
                "$set": {"building": 0, "state": FAILED, "error": error, "end_time": now},
                "$push": {"retired": {"number": building, "at": now}},
            },
        )

    async def forget(self, number: int) -> None:
        """It was dropped."""
        await self._rows.update_one({"_id": _ID}, {"$pull": {"retired": {"number": number}}})

    async def _change(self, building: int, change: Document) -> bool:
        result = await self._rows.update_one({"_id": _ID, "building": building}, change)
        return result.matched_count == 1


def _generation(row: dict[str, Any]) -> Generation:
    return Generation(
        current=row["current"],
        building=row["building"],
        state=row["state"],
        events=row["events"],
        error=row["error"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        retired=tuple((old["number"], old["at"]) for old in row.get("retired", ())),
        request_id=row.get("request_id", ""),
    )
