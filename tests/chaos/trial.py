"""One trial: commands under kills, then quiet, then the figures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pymongo.errors import PyMongoError

from chassis import outbox
from chassis.messaging import Bus
from chassis.mongo import Database, connect
from chassis.mongo import database as open_database
from tests.chaos import figures
from tests.chaos.clients import Clients, Order, orders
from tests.chaos.counters import CONSUMER, LEDGER, PRODUCER
from tests.chaos.engines import one_of_each
from tests.chaos.figures import Figures
from tests.chaos.stage import Stage

KINDS = (PRODUCER, CONSUMER, "nats", "mongod")
LONGEST_AWAY = 0.7  # seconds a killed part is away, at most
MOST_ENDS = 10  # times that parts may end by themselves, beyond one a kill
QUIET_LOOKS = 3  # in a row
SLACK = 6.0  # seconds a round waits for its commands; then the next fault comes all the same


@dataclass(frozen=True, slots=True)
class Plan:
    """What one trial does."""

    name: str
    commands: int
    per_fault: int  # commands between two kills
    quiet: float  # seconds without kills in which the backlog must become 0
    seed: str
    mutant: str = ""
    reconciling: bool = True
    asking: float = 0.005  # seconds a handler takes: the longer, the more kills find one at work


@dataclass(frozen=True, slots=True)
class Report:
    """What came out."""

    figures: Figures
    kills: dict[str, int]
    ended_by_themselves: dict[str, int]
    attempts: int
    refusals: dict[str, int]
    slowest: float
    seconds: float
    quiet_after: float


def faults(number: int, random: Random) -> list[str]:
    """All kinds in turn, each turn shuffled; NATS is wiped at its turn after the first quarter."""
    kinds: list[str] = []
    while len(kinds) < number:
        kinds.extend(random.sample(KINDS, len(KINDS)))
    del kinds[number:]
    late = [place for place, kind in enumerate(kinds) if kind == "nats" and place >= number // 4]
    if late:
        kinds[late[0]] = "wipe"
    return kinds


async def run(plan: Plan, folder: Path, say: Callable[[str], None]) -> Report:
    """The whole of it; the folder keeps stores and logs."""
    logging.getLogger("chassis").setLevel(logging.CRITICAL)  # of our own connection to the bus
    random = Random(f"{plan.seed}:{plan.name}")  # noqa: S311 - to be repeated, not to be secret
    engines = one_of_each(folder)
    stage = Stage(
        folder,
        engines,
        mutant=plan.mutant,
        reconciling=plan.reconciling,
        asking=plan.asking,
    )
    client = connect(engines.mongo_uri, app="trial")
    bus = Bus(engines.nats_url, name="trial")
    clients = Clients(stage.addresses, stage.keys / "gateway.pem", Random(random.random()))  # noqa: S311
    theirs, ours = open_database(client, PRODUCER), open_database(client, CONSUMER)
    try:
        await stage.start()
        bus.start()
        clients.start()
        return await _Trial(plan, random, stage, clients, theirs, ours, bus, say).run()
    finally:
        await clients.close()
        await bus.close()
        await client.close()
        await stage.stop()


@dataclass(slots=True)
class _Trial:
    """A trial under way."""

    plan: Plan
    random: Random
    stage: Stage
    clients: Clients
    theirs: Database
    ours: Database
    bus: Bus
    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)

    async def run(self) -> Report:
        work = orders(self.plan.commands, self.random)
        kinds = faults(max(1, self.plan.commands // self.plan.per_fault), self.random)
        for number, kind in enumerate(kinds):
            if sum(self.stage.ended_by_themselves.values()) > MOST_ENDS + number:
                raise RuntimeError(f"parts do not stay: {dict(self.stage.ended_by_themselves)}")
            start, last = number * self.plan.per_fault, number == len(kinds) - 1
            await self._round(kind, work[start : None if last else start + self.plan.per_fault])
            if number % 5 == 4:
                done = len(self.clients.acknowledged)
                self.say(f"{done} acknowledged, kills {dict(self.stage.kills)}")
        ended = time.monotonic()
        waiting = await self._until_quiet(ended)
        return await self._report(waiting, time.monotonic() - ended)

    async def _round(self, kind: str, some: Sequence[Order]) -> None:
        """Give orders, and strike while they are carried out and their events are heard."""
        acknowledged = len(self.clients.acknowledged)
        part_of_it = acknowledged + int(len(some) * self.random.uniform(0.2, 0.8))
        self.clients.issue(some)
        await _until(lambda: self._answered(part_of_it))
        if kind in (CONSUMER, "mongod"):
            await _until(self._hears)
        away = self.random.uniform(0, LONGEST_AWAY)
        if kind in (PRODUCER, CONSUMER):
            await self.stage.kill_part(kind, away)
        elif kind == "mongod":
            await self.stage.kill_mongod(away)
        else:
            await self.stage.kill_nats(away, wipe=kind == "wipe")
        nearly_all = self.clients.issued - len(some) // 10
        await _until(lambda: self._answered(nearly_all))

    async def _answered(self, number: int) -> bool:
        return len(self.clients.acknowledged) >= number

    async def _hears(self) -> bool:
        """Some of what is on the bus has not been heard yet: a consumer is at work."""
        try:
            on_bus = await self.theirs[outbox.COLLECTION].count_documents({"st": outbox.PUBLISHED})
            return await self.ours[LEDGER].count_documents({}) < on_bus
        except PyMongoError:
            return False

    async def _until_quiet(self, ended: float) -> dict[str, int]:
        """No more kills: within `quiet` seconds nothing may wait any more; says what does."""
        waiting: dict[str, int] = {"not looked at": 1}
        quiet_looks = 0
        while quiet_looks < QUIET_LOOKS and time.monotonic() < ended + self.plan.quiet:
            await asyncio.sleep(0.4)
            try:
                waiting = await figures.backlog(self.theirs, self.ours, self.bus)
            except PyMongoError as error:
                waiting = {f"store away ({type(error).__name__})": 1}
            if unanswered := self.clients.issued - len(self.clients.acknowledged):
                waiting["unanswered"] = unanswered
            quiet_looks = 0 if waiting else quiet_looks + 1
        return waiting

    async def _report(self, waiting: dict[str, int], quiet_after: float) -> Report:
        clients = self.clients
        found = await figures.count(self.theirs, self.ours, clients.acknowledged, waiting)
        for request in clients.contradicted:
            found.note("twice", f"{request} was answered in two ways")
        return Report(
            found,
            dict(self.stage.kills),
            dict(self.stage.ended_by_themselves),
            len(clients.asked),
            dict(Counter(each.refusal for each in clients.asked if each.refusal)),
            clients.slowest,
            time.monotonic() - self.began,
            quiet_after,
        )


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Until it is so, or the trial has waited long enough."""
    until = time.monotonic() + SLACK
    while not await condition() and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
