"""What a gateway takes for thousands of subscriptions that only wait, by how they are connected."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.contents import Contents, Filling
from bench.operations import compared
from bench.running import Running
from bench.sides import PLAIN, Side, beside
from devstack.parts import CHECKOUT
from gateway.cursors import encode_id

COUNT = 5_000
PEOPLE = 250  # as many subscriptions of each as there may be
GOAL = 200  # MB more, where one connection has 20 of them
SHAPES = {  # title: kind and subscriptions of a connection
    "20 a WebSocket": ("socket", 20),
    "1 a WebSocket": ("socket", 1),
    "1 an event stream": ("stream", 1),
}
ASKING = ("directory", "mongod")  # whom the gateway asks whose connections are
_WAITING = 30.0  # seconds that are measured
_WARM = 200
_PATIENCE = 900.0  # seconds until all are connected


@dataclass(frozen=True)
class Waited:
    """Of one shape."""

    connections: int
    began: float  # bytes resident before
    grown: float
    seconds: float  # until all were told how things are
    cpu: Mapping[str, float]  # shares of a core while all wait
    ended: Mapping[str, int]  # connections that were ended meanwhile, by why


async def measure(running: Running, contents: Contents) -> dict[str, Waited]:
    """Each shape on a gateway that was just started."""
    filling = Filling(running)
    await filling.people(PEOPLE)
    await filling.close()
    found = {}
    for title, (kind, each) in SHAPES.items():
        print(f"  {title}", flush=True)
        with beside(running, PLAIN) as side:
            await side.ask(compared(contents)["list"], _WARM)
            await running.at_rest()
            found[title] = await _waited(running, side, contents, kind, each)
    return found


async def _waited(running: Running, side: Side, contents: Contents, kind: str, each: int) -> Waited:
    topics = [encode_id("Topic", contents.community_id, one) for one in contents.topic_ids]
    tokens = running.tokens(PEOPLE) * (COUNT // each // PEOPLE)
    before, began = side.programs.memory()[PLAIN], time.monotonic()
    async with _clients(side.port, kind, each, topics, tokens) as ended:
        seconds = time.monotonic() - began
        await running.at_rest()
        spent, since = _cpu(running, side), time.monotonic()
        await asyncio.sleep(_WAITING)
        took = time.monotonic() - since
        cpu = {name: (now - spent[name]) / took for name, now in _cpu(running, side).items()}
        grown = side.programs.memory()[PLAIN] - before
    return Waited(len(tokens), before, grown, seconds, cpu, ended)


def _cpu(running: Running, side: Side) -> dict[str, float]:
    watched = running.watched.cpu()
    return {"gateway": side.programs.cpu()[PLAIN], **{name: watched[name] for name in ASKING}}


@asynccontextmanager
async def _clients(
    port: int, kind: str, each: int, topics: list[str], tokens: list[str]
) -> AsyncIterator[dict[str, int]]:
    """In a process of their own; in the end there is which of them were ended, by why."""
    clients = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.tests.idle_clients", kind, str(port), str(each),
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'protos/gen'}"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert clients.stdin is not None
    assert clients.stdout is not None
    try:
        clients.stdin.write("\n".join([" ".join(topics), *tokens, "", ""]).encode())
        async with asyncio.timeout(_PATIENCE):
            assert await clients.stdout.readline() == b"ready\n", "not all were connected"
        ended: dict[str, int] = {}
        yield ended
        clients.stdin.close()
        ended |= json.loads(await clients.stdout.read())
    finally:
        if clients.returncode is None:
            clients.kill()
            await clients.wait()


def report(found: Mapping[str, Waited]) -> list[str]:
    """The section's lines."""
    lines = [
        f"{COUNT:,} subscriptions of a topic (`topicChanged`) of {PEOPLE} people, on a gateway "
        "that has just been started and has answered "
        f"{_WARM} lists; who waits is a process of its own. Memory is what is resident then, less "
        f"what was before; CPU is that of {_WAITING:.0f} s in which nothing happens but that every "
        "two seconds it is asked of all whose they are. Ended are connections that did not stay.",
        "",
        f"| {COUNT:,} subscriptions | connections | **MB more** | goal | KiB each | MB before "
        "| connected in, s | CPU of the gateway, % of a core | of the directory | of mongod "
        "| ended |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for title, one in found.items():
        goal = f"< {GOAL}" if SHAPES[title][1] > 1 else ""
        shares = " | ".join(f"{100 * one.cpu[name]:.1f}" for name in ("gateway", *ASKING))
        lines.append(
            f"| {title} | {one.connections:,} | **{one.grown / 1e6:.0f}** | {goal} "
            f"| {one.grown / COUNT / 1024:.1f} | {one.began / 1e6:.0f} | {one.seconds:.0f} "
            f"| {shares} | {sum(one.ended.values()):,} |"
        )
    reasons = {why: count for one in found.values() for why, count in one.ended.items()}
    return [*lines, *(["", f"They were ended by: {reasons}."] if reasons else [])]
