"""Commands that share a transaction against a transaction each: the same code, interleaved.

    MONGO_URI=... PYTHONPATH=.:protos/gen .venv/bin/python -m bench.commands [SECONDS]

Without MONGO_URI the laptop's mongod is started. Prints commands/s of each round and the ratio of
the medians, for many aggregates and for one hot one.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from chassis import commands as commands_module
from chassis import outbox
from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Aggregates, Decision, Seen
from chassis.mongo import Database, connect, database, ensure_indexes
from devstack.engines import mongod
from devstack.parts import free_base_port
from guildhall.forum.v1 import domain_events_pb2, forum_pb2

ACTOR = Actor(person_id="bench")
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Counter:
    """The least an aggregate can be."""

    count: int = 0


counters = Aggregates[Counter](
    "counter", "counters", lambda d: Counter(d["count"]), lambda c: {"count": c.count}
)


async def work(commands: Commands, aggregate: str) -> None:
    """One command: count, say one domain event, answer."""
    request = forum_pb2.CloseTopicRequest(request_id=uuid.uuid4().hex, community_id="c1")

    def decide(seen: Seen[Counter]) -> Decision[Counter, forum_pb2.CloseTopicResponse]:
        state = seen.state or Counter()
        return Decision(
            replace(state, count=state.count + 1),
            lambda seq: forum_pb2.CloseTopicResponse(topic=forum_pb2.Topic(version=seq)),
            [domain_events_pb2.TopicClosed(topic_id=aggregate)],
        )

    await commands.run(ACTOR, request, counters.ref("c1", aggregate), decide)


async def rate(store: Database, most: int, writers: int, aggregates: int, seconds: float) -> float:
    """Commands a second of so many writers."""
    commands = Commands(store, most=most)
    done = 0
    end = time.perf_counter() + seconds

    async def write(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work(commands, f"{store.name}-{(number * 7919 + done) % aggregates}")
            done += 1

    await asyncio.gather(*(write(number) for number in range(writers)))
    await commands.close()
    return done / seconds


async def main(uri: str, seconds: float) -> None:
    """Rounds of both ways in turn, so that a slow minute of the machine hits both."""
    client = connect(uri, app="bench")
    store = database(client, f"bench_{uuid.uuid4().hex[:8]}")
    await ensure_indexes(store, [*commands_module.INDEXES, *outbox.INDEXES])
    await store.create_collection("counters")
    for aggregates in (1000, 1):
        shared: list[float] = []
        alone: list[float] = []
        for _ in range(ROUNDS):
            shared.append(await rate(store, 64, 16, aggregates, seconds))
            alone.append(await rate(store, 1, 16, aggregates, seconds))
        ratio = statistics.median(shared) / statistics.median(alone)
        print(
            f"16 writers, {aggregates} aggregates: shared {[round(r) for r in shared]}/s,"
            f" alone {[round(r) for r in alone]}/s, ratio {ratio:.1f}"
        )
    await client.drop_database(store.name)
    await client.close()


def run(seconds: float) -> None:
    """On the engine of MONGO_URI, or one of our own."""
    if given := os.environ.get("MONGO_URI"):
        uvloop.run(main(given, seconds))
        return
    with tempfile.TemporaryDirectory() as folder:
        engine = mongod(Path(folder), free_base_port())
        engine.start()
        try:
            engine.wait_ready()
            uvloop.run(main(engine.url, seconds))
        finally:
            engine.stop()


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)
