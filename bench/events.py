"""Domain events a second: from commit through relay, NATS and consumer to a durable effect."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from bench.measuring import Programs, Spent, ratio
from chassis import commands, consumers, dead_letters, outbox
from chassis.mongo import connect, database, ensure_indexes
from devstack.engines import Engine

ROUNDS = 5
EVENTS = 5_120  # a round and way
GOAL = 3_000
WAYS = {
    "backlog": "committed before; relay, NATS, consumer and effect",
    "all": "one event a command, 64 writers; commit, relay, NATS, consumer and effect",
    "floor": "floor: bare inserts and messages, no outbox, no order, no gate, no transaction",
}


@dataclass
class Found:
    """Events a second, and milliseconds of CPU an event, by way and round."""

    rate: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    spent: dict[str, Spent] = field(default_factory=lambda: {way: Spent() for way in WAYS})


class Part:
    """A process that is told what to do."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ready(self) -> None:
        """It has said so."""
        await self._said()

    async def __call__(self, **order: Any) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()
        return await self._said()

    async def _said(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, "a part ended"
        said: dict[str, float] = json.loads(line)
        return said


@contextlib.asynccontextmanager
async def part(module: str, *arguments: str) -> AsyncIterator[Part]:
    """Started and ready; ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        running = Part(process)
        await running.ready()
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def measure(mongod: Engine, nats: Engine, rounds: int = ROUNDS) -> Found:
    """All ways in turn."""
    client = connect(mongod.url, app="bench")
    says, hears = (f"bench_{name}_{uuid.uuid4().hex[:8]}" for name in ("says", "hears"))
    indexes = [
        *commands.INDEXES,
        *outbox.INDEXES,
        *consumers.INDEXES,
        *dead_letters.INDEXES,
    ]
    for name in (says, hears):
        await ensure_indexes(database(client, name), indexes)
    await database(client, says).create_collection("counters")
    await database(client, hears).create_collection("ledger")
    async with (
        part("bench.producer", mongod.url, says, nats.url) as producer,
        part("bench.consumer", mongod.url, hears, nats.url) as consumer,
    ):
        assert mongod.process is not None
        assert nats.process is not None
        assert mongod.process.pid is not None
        assert nats.process.pid is not None
        programs = Programs(
            {
                "producer": producer.process.pid,
                "nats-server": nats.process.pid,
                "consumer": consumer.process.pid,
                "mongod": mongod.process.pid,
            }
        )
        found = Found()
        for number in range(rounds + 1):
            target = Found() if number == 0 else found  # the first only warms up
            for way in WAYS:
                await _round(way, producer, consumer, programs, target)
    for name in (says, hears):
        await client.drop_database(name)
    await client.close()
    return found


async def _round(
    way: str, producer: Part, consumer: Part, programs: Programs, found: Found
) -> None:
    if way == "backlog":
        await producer(do="pause")
        await producer(do="commit", events=EVENTS)
    elif way == "all":
        await producer(do="relay")
    before = programs.cpu()
    if way == "backlog":
        hearing = asyncio.create_task(consumer(do="hear", events=EVENTS))
        said = await producer(do="relay")
    elif way == "all":
        hearing = asyncio.create_task(consumer(do="hear", events=EVENTS))
        said = await producer(do="commit", events=EVENTS)
    else:
        hearing = asyncio.create_task(consumer(do="floor", events=EVENTS))
        await asyncio.sleep(0.5)  # its stream must be there
        said = await producer(do="floor", events=EVENTS)
    heard = await hearing
    found.spent[way].add(before, programs.cpu(), EVENTS)
    found.rate[way].append(EVENTS / (heard["ended"] - said["began"]))
    if way != "floor":
        await producer(do="pause")


def report(found: Found) -> list[str]:
    """The section's lines."""
    lines = [
        f"{ROUNDS} rounds of {EVENTS:,} events a way. Producer, nats-server, consumer and mongod "
        "are a process each; the effect is a row stored in the inbox's transaction.",
        "",
        "| | events/s | goal | CPU an event | producer | nats-server | consumer | mongod |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for way, title in WAYS.items():
        spent = found.spent[way]
        goal = f">= {GOAL:,}" if way != "floor" else ""
        each = " | ".join(f"{spent.of(name):.3f}" for name in spent.names)
        rate = statistics.median(found.rate[way])
        lines.append(f"| {title} | {rate:,.0f} | {goal} | {spent.total:.3f} ms | {each} |")
    cpu = ratio(found.spent["backlog"].totals, found.spent["floor"].totals)
    lines += ["", f"From commit to effect costs {cpu:.2f} times the floor's CPU."]
    capacity = 2_000 / found.spent["backlog"].total
    lines.append(f"Two cores with nothing else to do have CPU for {capacity:,.0f} events/s.")
    return lines
