"""A case: commands at a steady rate while something happens to a cluster; then what was seen."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import nats
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from chassis.decisions import Document
from chassis.messaging import Bus, stream_name
from chassis.mongo import Database, connect
from chassis.mongo import database as open_database
from devstack.engines import Engine
from tests.chaos import figures
from tests.chaos.clients import Asked, Clients, Order, orders
from tests.chaos.counters import CONSUMER, PRODUCER
from tests.chaos.engines import Engines
from tests.chaos.figures import Figures
from tests.chaos.stage import Stage
from tests.faults.clusters import clusters
from tests.system import until

RATE = 25.0  # commands a second, over all clients
PATIENCE = 8.0  # seconds a client waits: longer than a command's budget, so that it hears the part
QUIET = 60.0  # seconds after the healing in which nothing may wait any more


@dataclass(frozen=True, slots=True)
class Seen:
    """What callers saw of one case, and what was left of it in the stores."""

    name: str
    commands: int
    refusals: Counter[str]
    longest: float  # seconds until a refusal was there
    errors: float  # seconds from the fault to the last refusal
    afterwards: float  # the same from when what was killed was back; 0: it need not be
    silence: float  # seconds without any answer, at most
    quiet: float  # seconds from the last command's answer until nothing waited any more
    figures: Figures

    def __str__(self) -> str:
        refusals = ", ".join(f"{name} {n}" for name, n in sorted(self.refusals.items())) or "none"
        return (
            f"{self.name}: {self.commands} commands, refusals {refusals}, the longest after"
            f" {self.longest:.1f} s, the last {self.errors:.1f} s after the fault and"
            f" {self.afterwards:.1f} s after the mending, no answer for {self.silence:.1f} s,"
            f" quiet {self.quiet:.1f} s after the last command; {self.figures}"
        )


@dataclass
class House:
    """The parts and their clients on clusters; cases follow each other on it."""

    stage: Stage
    clients: Clients
    client: AsyncMongoClient[Document]
    bus: Bus
    raw: nats.NATS  # type: ignore[name-defined]  # asks JetStream what the product never asks
    random: Random
    issued: dict[str, float] = field(default_factory=dict)  # request id -> when

    @property
    def engines(self) -> Engines:
        """The clusters."""
        return self.stage.engines

    @property
    def theirs(self) -> Database:
        """The producing part's."""
        return open_database(self.client, PRODUCER)

    @property
    def ours(self) -> Database:
        """The consuming part's."""
        return open_database(self.client, CONSUMER)

    async def stream_leader(self) -> Engine | None:
        """The nats-server that leads the stream; None while there is none, or nobody says."""
        with contextlib.suppress(Exception):
            info = await self.bus.js.stream_info(stream_name(PRODUCER))
            if info.cluster is not None and info.cluster.leader:
                return self.engines.buses[int(info.cluster.leader.rpartition("-")[2]) - 1]
        return None

    async def backlog(self) -> dict[str, int]:
        """What waits; an outage is a reason to look again."""
        try:
            return await figures.backlog(self.theirs, self.ours, self.bus)
        except PyMongoError as error:
            return {type(error).__name__: 1}


@contextlib.asynccontextmanager
async def house(folder: Path, seed: str, election: float) -> AsyncIterator[House]:
    """All of it, warm: commands are answered."""
    engines = clusters(folder, election)
    stage = Stage(folder, engines, reconciling=False)
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    clients = Clients(stage.addresses, stage.keys / "gateway.pem", random, timeout=PATIENCE)
    client = connect(engines.mongo_uri, app="faults")
    bus = Bus(engines.nats_url, name="faults")
    try:
        await stage.start()
        bus.start()
        await bus.until_connected()
        raw = await nats.connect(engines.nats_url.split(","), max_reconnect_attempts=-1)
        clients.start()
        there = House(stage, clients, client, bus, raw, random)
        try:
            async with Case("warm", there) as case:
                await case.goes_on()
            yield there
        finally:
            await raw.close()
    finally:
        await clients.close()
        await bus.close()
        await client.close()
        await stage.stop()


class Case:
    """`async with` it: commands are given until it is concluded."""

    def __init__(self, name: str, there: House) -> None:
        self.name = name
        self.there = there
        self._struck = self._mended = 0.0
        self._first = len(there.clients.asked)
        self._orders = iter(orders(20_000, there.random, name=f"{name}-"))
        self._giving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Case:
        self._giving = asyncio.create_task(self._give())
        await self.goes_on()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._giving is not None:
            self._giving.cancel()
            await asyncio.gather(self._giving, return_exceptions=True)

    async def _give(self) -> None:
        clients, issued = self.there.clients, self.there.issued
        began, given = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * RATE) - given
            some: list[Order] = [next(self._orders) for _ in range(due)]
            given += due
            issued.update({order.request_id: time.monotonic() for order in some})
            clients.issue(some)
            await asyncio.sleep(1 / RATE)

    def strike(self) -> None:
        """The fault comes now."""
        self._struck = time.monotonic()

    def mend(self) -> None:
        """What was killed comes back now."""
        self._mended = time.monotonic()

    @property
    def refused(self) -> list[Asked]:
        """Since the fault."""
        return [each for each in self._asked() if each.refusal and each.until > self._struck]

    def answered_since(self, when: float) -> int:
        """Commands given since then that have been answered."""
        issued, acknowledged = self.there.issued, self.there.clients.acknowledged
        return sum(at > when and request in acknowledged for request, at in issued.items())

    async def goes_on(self, number: int = 40, *, seconds: float = 60.0) -> None:
        """Until so many commands that are given from now on have been answered."""
        now = time.monotonic()

        async def answered() -> int:
            return self.answered_since(now)

        await until(answered, lambda count: count >= number, seconds=seconds)

    async def refuses(self, number: int) -> None:
        """Until so many have been refused since the fault."""

        async def refused() -> int:
            return len(self.refused)

        await until(refused, lambda count: count >= number, seconds=30)

    async def conclude(self) -> Seen:
        """No more commands: all are answered, all is published and heard, and counted."""
        await self.__aexit__()
        clients = self.there.clients

        async def unanswered() -> int:
            return clients.issued - len(clients.acknowledged)

        await until(unanswered, lambda count: not count, seconds=30)
        ended = time.monotonic()
        try:
            waiting = await until(self.there.backlog, lambda waiting: not waiting, seconds=QUIET)
        except AssertionError:
            waiting = await self.there.backlog()
        quiet = time.monotonic() - ended
        found = await figures.count(
            self.there.theirs, self.there.ours, clients.acknowledged, waiting
        )
        for request in clients.contradicted:
            found.note("twice", f"{request} was answered in two ways")
        refused, answers = self.refused, sorted(self._answers())
        last = max((each.until for each in refused), default=0.0)
        seen = Seen(
            self.name,
            sum(request.startswith(f"{self.name}-") for request in self.there.issued),
            Counter(each.refusal for each in refused),
            max((each.seconds for each in refused), default=0.0),
            max(last - self._struck, 0.0),
            max(last - self._mended, 0.0) if self._mended else 0.0,
            max((after - before for before, after in _pairs(answers)), default=0.0),
            quiet,
            found,
        )
        print(seen)
        return seen

    def _asked(self) -> list[Asked]:
        return self.there.clients.asked[self._first :]

    def _answers(self) -> list[float]:
        return [each.until for each in self._asked() if not each.refusal]


def _pairs(times: list[float]) -> Iterator[tuple[float, float]]:
    return itertools.pairwise(times)
