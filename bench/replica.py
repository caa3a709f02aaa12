"""One replica of a measured service: does as it is told on stdin, a line of JSON each.

python -m bench.replica MONGO_URI DATABASE
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import uvloop

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Aggregates, Decision, Seen
from chassis.errors import DomainError
from chassis.mongo import Database, connect, database
from guildhall.forum.v1 import domain_events_pb2, forum_pb2

ACTOR = Actor(person_id="bench")


@dataclass(frozen=True, slots=True)
class Counter:
    """The least an aggregate can be."""

    count: int = 0


counters = Aggregates[Counter](
    "counter", "counters", lambda d: Counter(d["count"]), lambda c: {"count": c.count}
)


async def work(commands: Commands, aggregate: str, events: int = 1) -> None:
    """One command: count, say so many domain events, answer."""
    request = forum_pb2.CloseTopicRequest(request_id=uuid.uuid4().hex, community_id="c1")

    def decide(seen: Seen[Counter]) -> Decision[Counter, forum_pb2.CloseTopicResponse]:
        state = seen.state or Counter()
        return Decision(
            replace(state, count=state.count + 1),
            lambda seq: forum_pb2.CloseTopicResponse(topic=forum_pb2.Topic(version=seq)),
            [domain_events_pb2.TopicClosed(topic_id=aggregate) for _ in range(events)],
        )

    await commands.run(ACTOR, request, counters.ref("c1", aggregate), decide)


async def write_for(
    store: Database, most: int, writers: int, aggregates: int, seconds: float
) -> dict[str, float]:
    """So many write for so long."""
    # Alone, several at a time as callers come: one after the other would be a floor too low.
    commands = Commands(store, most=most, lanes=8 if most == 1 else 1)
    done = refused = 0
    began, cpu = time.perf_counter(), time.process_time()
    end = began + seconds

    async def write(number: int) -> None:
        nonlocal done, refused
        turn = number * 7919
        while time.perf_counter() < end:
            turn += 1
            try:
                await work(commands, f"{store.name}-{turn % aggregates}")
                done += 1
            except DomainError:
                refused += 1

    await asyncio.gather(*(write(number) for number in range(writers)))
    took = time.perf_counter() - began
    await commands.close()
    return {
        "done": done,
        "refused": refused,
        "seconds": took,
        "cpu": time.process_time() - cpu,
    }


async def obey(act: Callable[..., Awaitable[object]]) -> None:
    """Say that it is ready, then do and tell, until there is nobody to tell."""
    _say({})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await act(**json.loads(line)))


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


async def main(uri: str, name: str) -> None:
    """Connected once, for all rounds."""
    client = connect(uri, app="bench")
    store = database(client, name)
    await client.admin.command("ping")
    await obey(lambda **order: write_for(store, **order))
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:3]))
