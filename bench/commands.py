"""Commands that share a transaction beside a transaction each: the same code, interleaved.

Replicas are processes of their own (bench.replica), as they are in production.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measuring import cpu_seconds, ratio
from chassis import commands, outbox
from chassis.mongo import connect, database, ensure_indexes
from devstack.engines import Engine

ROUNDS = 5
SECONDS = 3.0  # a round and side
SHARED, ALONE = 64, 1  # commands a transaction, at most


@dataclass(frozen=True, slots=True)
class Case:
    """How many write to how many aggregates."""

    name: str
    replicas: int
    writers: int  # a replica
    aggregates: int
    goal: float


CASES = (
    Case("1 writer, 1,000 aggregates", 1, 1, 1000, 1),
    Case("16 writers, 1,000 aggregates", 1, 16, 1000, 4),
    Case("64 writers, 1,000 aggregates", 1, 64, 1000, 4),
    Case("16 writers in each of 3 replicas, one aggregate", 3, 16, 1, 8),
)


@dataclass
class Side:
    """One way of storing: commands a second and milliseconds of CPU a command, by round."""

    rate: list[float] = field(default_factory=list)
    replica_cpu: list[float] = field(default_factory=list)
    mongod_cpu: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def cpu(self) -> list[float]:
        """Of replicas and mongod together."""
        return [a + b for a, b in zip(self.replica_cpu, self.mongod_cpu, strict=True)]


@dataclass(frozen=True, slots=True)
class Found:
    """Both sides of a case."""

    case: Case
    shared: Side
    alone: Side


@contextlib.asynccontextmanager
async def replicas(
    uri: str, store: str, count: int
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Processes that are connected and wait to be told what to do."""
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bench.replica", uri, store),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        for one in started:
            await told(one)  # that it is ready
        yield started
    finally:
        for one in started:
            assert one.stdin is not None
            one.stdin.close()
        await asyncio.gather(*(one.wait() for one in started))


async def told(replica: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next thing it says."""
    assert replica.stdout is not None
    line = await replica.stdout.readline()
    assert line, "a replica ended"
    said: dict[str, Any] = json.loads(line)
    return said


async def tell(replica: asyncio.subprocess.Process, **order: Any) -> dict[str, Any]:
    """Have it do something; what came of it."""
    assert replica.stdin is not None
    replica.stdin.write(json.dumps(order).encode() + b"\n")
    await replica.stdin.drain()
    return await told(replica)


async def measure(engine: Engine, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Found]:
    """All cases; within each, both sides in turn."""
    assert engine.process is not None
    assert engine.process.pid is not None
    client = connect(engine.url, app="bench")
    store = database(client, f"bench_{uuid.uuid4().hex[:8]}")
    await ensure_indexes(store, [*commands.INDEXES, *outbox.INDEXES])
    await store.create_collection("counters")
    most_replicas = max(case.replicas for case in CASES)
    found = []
    async with replicas(engine.url, store.name, most_replicas) as started:
        for case in CASES:
            sides = {SHARED: Side(), ALONE: Side()}
            for number in range(rounds + 1):
                for most, side in sides.items():
                    target = Side() if number == 0 else side  # the first only warms up
                    await _round(
                        started[: case.replicas], case, most, seconds, engine.process.pid, target
                    )
            found.append(Found(case, sides[SHARED], sides[ALONE]))
            print(f"  {case.name}: {_ratio(found[-1]):.1f}", flush=True)
    await client.drop_database(store.name)
    await client.close()
    return found


async def _round(
    started: list[asyncio.subprocess.Process],
    case: Case,
    most: int,
    seconds: float,
    mongod: int,
    side: Side,
) -> None:
    before = cpu_seconds(mongod)
    said = await asyncio.gather(
        *(
            tell(
                one,
                most=most,
                writers=case.writers,
                aggregates=case.aggregates,
                seconds=seconds,
            )
            for one in started
        )
    )
    done = sum(one["done"] for one in said)
    side.rate.append(sum(one["done"] / one["seconds"] for one in said))
    side.replica_cpu.append(1000 * sum(one["cpu"] for one in said) / done)
    side.mongod_cpu.append(1000 * (cpu_seconds(mongod) - before) / done)
    side.refused += sum(one["refused"] for one in said)


def _ratio(found: Found) -> float:
    return ratio(found.shared.rate, found.alone.rate)


def report(found: list[Found]) -> list[str]:
    """The section's lines."""
    lines = [
        f"{ROUNDS} rounds of {SECONDS:g} s a side. Each command counts, says one domain event and "
        "answers; shared: up to 64 in a transaction; alone: the same code, one in each.",
        "",
        "| | shared, commands/s | alone, commands/s | **ratio** | goal | CPU a command, shared "
        "(replicas + mongod) | alone | ratio of CPU | refused, shared / alone |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        shared, alone = one.shared, one.alone
        goal = "the same" if one.case.goal == 1 else f">= {one.case.goal:g}"
        lines.append(
            f"| {one.case.name} | {statistics.median(shared.rate):,.0f} "
            f"| {statistics.median(alone.rate):,.0f} | **{_ratio(one):.2f}** | {goal} "
            f"| {_cpu(shared)} | {_cpu(alone)} | {ratio(alone.cpu, shared.cpu):.2f} "
            f"| {shared.refused} / {alone.refused} |"
        )
    return lines


def _cpu(side: Side) -> str:
    replica, mongod = statistics.median(side.replica_cpu), statistics.median(side.mongod_cpu)
    return f"{replica:.2f} + {mongod:.2f} ms"


async def _alone(folder: Path) -> None:
    """The section by itself: `python -m bench.commands FOLDER`."""
    from bench.engines import own_mongod

    with own_mongod(folder) as engine:
        print(*report(await measure(engine)), sep="\n")


if __name__ == "__main__":
    asyncio.run(_alone(Path(sys.argv[1])))
