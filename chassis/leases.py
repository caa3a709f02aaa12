"""Leases: one replica at a time does a thing, judged by a counter and never by a wall clock.

The holder counts up; a challenger takes over only after it has seen the same count for the whole
observation time on its own monotonic clock. A lease saves work twice done: what is done under it
must be harmless when a holder that slept too long still does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeAlias

from pymongo.errors import DuplicateKeyError, PyMongoError
from uuid_utils import uuid7

from chassis.decisions import Document
from chassis.ending import end
from chassis.mongo import Database

Name: TypeAlias = str | int

OBSERVATION = 3.0  # seconds; 10 in production
_MARGIN = 0.8  # a holder gives up this much earlier than a challenger may take over


class LeaseLostError(Exception):
    """The work was cancelled: its lease could not be renewed in time."""


class Leases:
    """This process' view of the leases in one collection; keeps what it has observed."""

    def __init__(
        self,
        database: Database,
        collection: str = "leases",
        *,
        observation: float = OBSERVATION,
    ) -> None:
        self._rows = database[collection]
        self.observation = observation
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{uuid7().hex[-8:]}"
        self._seen: dict[Name, tuple[str | None, int, float]] = {}  # owner, count, since when
        self._until: dict[Name, float] = {}  # ours until, monotonic
        self._in_use: set[Name] = set()

    def holds(self, name: Name) -> bool:
        """Whether it is surely still ours."""
        return self._until.get(name, 0.0) > time.monotonic()

    async def keep(self, names: Iterable[Name]) -> None:
        """Renew those that are ours and claim those that nobody keeps; once, without waiting."""
        wanted = list(names)
        ours = [name for name in wanted if name in self._until]
        if ours:
            await self._renew(ours)
        others = [name for name in wanted if name not in self._until]
        if others:
            await self._claim(others)

    async def release(self, *names: Name) -> None:
        """Let others have them at once."""
        ours = [name for name in names if self._until.pop(name, None) is not None]
        if ours:
            await self._rows.update_many(
                {"_id": {"$in": ours}, "owner": self.owner},
                {"$set": {"owner": None}, "$inc": {"n": 1}},
            )

    @contextlib.asynccontextmanager
    async def hold(self, name: Name) -> AsyncIterator[None]:
        """Wait until it is ours. If it is lost, the body is cancelled and LeaseLostError raised."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        while not await self._take(name):
            # The driver may turn a cancellation into an error of its own, which _take forgives.
            if task is not None and task.cancelling() > before:
                raise asyncio.CancelledError
            await asyncio.sleep(self.observation / 8)
        async with self._beating(name):
            yield

    @contextlib.asynccontextmanager
    async def try_hold(self, name: Name) -> AsyncIterator[bool]:
        """As hold, without waiting: says whether it is ours. Ask again and again to take over."""
        if not await self._take(name):
            yield False
            return
        async with self._beating(name):
            yield True

    async def _take(self, name: Name) -> bool:
        if name in self._in_use:
            return False
        self._in_use.add(name)
        try:
            with contextlib.suppress(PyMongoError):
                await self.keep([name])
        except BaseException:
            self._in_use.discard(name)
            raise
        if not self.holds(name):
            self._in_use.discard(name)
            return False
        return True

    @contextlib.asynccontextmanager
    async def _beating(self, name: Name) -> AsyncIterator[None]:
        body = asyncio.current_task()
        assert body is not None  # noqa: S101 - a coroutine runs in a task
        cancelled_before = body.cancelling()
        lost = False

        async def beat() -> None:
            nonlocal lost
            while self.holds(name):
                await asyncio.sleep(self.observation / 4)
                with contextlib.suppress(PyMongoError):
                    await self._renew([name])
            lost = True
            body.cancel()

        heart = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if lost and body.uncancel() <= cancelled_before:
                raise LeaseLostError(str(name)) from None
            raise
        finally:
            await end([heart])
            self._in_use.discard(name)
            with contextlib.suppress(PyMongoError):
                await self.release(name)

    async def _renew(self, names: list[Name]) -> None:
        began = time.monotonic()
        mine = {"_id": {"$in": names}, "owner": self.owner}
        result = await self._rows.update_many(mine, {"$inc": {"n": 1}})
        kept = set(names)
        if result.matched_count < len(names):
            kept = {row["_id"] async for row in self._rows.find(mine, {"_id": 1})}
        for name in names:
            if name in kept:
                self._until[name] = began + self.observation * _MARGIN
            else:
                self._until.pop(name, None)

    async def _claim(self, names: list[Name]) -> None:
        rows = {row["_id"]: row async for row in self._rows.find({"_id": {"$in": names}})}
        for name in names:
            began = time.monotonic()
            row = rows.get(name)
            if row is None:
                await self._create(name, began)
            elif self._may_take(name, row, began):
                change = {"$set": {"owner": self.owner}, "$inc": {"n": 1}}
                result = await self._rows.update_one(row, change)
                if result.matched_count:
                    self._until[name] = began + self.observation * _MARGIN

    async def _create(self, name: Name, began: float) -> None:
        with contextlib.suppress(DuplicateKeyError):
            await self._rows.insert_one({"_id": name, "owner": self.owner, "n": 1})
            self._until[name] = began + self.observation * _MARGIN

    def _may_take(self, name: Name, row: Document, now: float) -> bool:
        if row["owner"] in (None, self.owner):
            return True
        owner, count, since = self._seen.get(name, (None, -1, 0.0))
        if (owner, count) != (row["owner"], row["n"]):
            self._seen[name] = (row["owner"], row["n"], now)
            return False
        return now - since >= self.observation
