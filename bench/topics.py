"""A list of 20 topics: the gateway beside a hand-written application that answers the same."""

from __future__ import annotations

import asyncio
import itertools
import socket
import statistics
import sys
from dataclasses import dataclass

from bench.asking import Line, body, repeat
from bench.contents import READER, Contents
from bench.measuring import Programs, Spent, ratio
from bench.operations import LIST, list_variables
from bench.running import Running, difference
from devstack.environment import EngineUrls, gateway_environment
from devstack.parts import MONGOD, NATS, OPENID, SEARCH_ENGINE
from devstack.processes import Process, free_port, wait_until
from devstack.token import access_token

ROUNDS = 7
REQUESTS = 300  # a round and side
LINES = 6
GOAL, MOST_RPCS = 4.0, 2


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one run."""

    gateway: list[float]  # ms of CPU a request, round by round
    floor: list[float]
    services: float  # ms of CPU a request of everything behind, the gateway asking
    rpcs: float
    size: int

    @property
    def ratio(self) -> float:
        """Gateway against floor."""
        return ratio(self.gateway, self.floor)


def floor_process(running: Running, port: int) -> Process:
    """The floor beside a running stack, told what its gateway is told."""
    place = running.place
    urls = EngineUrls(
        f"mongodb://{place.address(MONGOD)}/?replicaSet=rs0",
        f"nats://{place.address(NATS)}",
        place.url(SEARCH_ENGINE),
    )
    environment = gateway_environment(place, urls)
    environment["FLOOR_LISTEN"] = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "bench.floor"]
    return Process("floor", command, place.log("floor"), environment, place.code)


async def measure(running: Running, contents: Contents, rounds: int = ROUNDS) -> Found:
    """Both sides in turn; refuses to compare answers that differ."""
    port = free_port()
    process = floor_process(running, port)
    process.start()
    try:
        assert await asyncio.to_thread(wait_until, lambda: _listens(port), 30), process.output()
        return await _measure(running, contents, process, port, rounds)
    finally:
        process.stop()


async def _measure(
    running: Running, contents: Contents, process: Process, port: int, rounds: int
) -> Found:
    asked = body(LIST, **list_variables(contents))
    token = access_token(READER, running.place.url(OPENID))
    ours, floors = running.lines(READER, LINES), [Line(port, token) for _ in range(LINES)]
    answer, same = await ours[0].ask(asked), await floors[0].ask(asked)
    differing = [place for place, (a, b) in enumerate(zip(answer, same, strict=False)) if a != b]
    assert answer == same, f"they differ from byte {differing[:1]} on"
    for lines in (ours, floors):  # warm
        await repeat(lines, itertools.repeat(asked), REQUESTS)
    assert process.pid is not None
    floor_program = Programs({"floor": process.pid})
    gateway, floor = Spent(), Spent()
    rpcs = []
    for _ in range(rounds):
        before, counted = running.watched.cpu(), running.rpcs()
        await repeat(ours, itertools.repeat(asked), REQUESTS)
        gateway.add(before, running.watched.cpu(), REQUESTS)
        rpcs.append(difference(counted, running.rpcs()) / REQUESTS)
        before = floor_program.cpu()
        await repeat(floors, itertools.repeat(asked), REQUESTS)
        floor.add(before, floor_program.cpu(), REQUESTS)
    for line in (*ours, *floors):
        line.close()
    return Found(
        [one["gateway"] for one in gateway.rounds],
        floor.totals,
        gateway.total - gateway.of("gateway"),
        statistics.median(rpcs),
        len(answer),
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def report(found: Found) -> list[str]:
    """The section's lines."""
    gateway, floor = statistics.median(found.gateway), statistics.median(found.floor)
    return [
        f"{len(found.gateway)} rounds of {REQUESTS} requests a side, {LINES} connections, "
        f"{found.size:,} bytes an answer, equal byte for byte.",
        "",
        "| | CPU a request | goal |",
        "| --- | --- | --- |",
        f"| floor: hand-written ASGI, same RPCs | {floor:.2f} ms | |",
        f"| gateway | {gateway:.2f} ms | |",
        f"| **gateway : floor** | **{found.ratio:.2f}** | <= {GOAL:g} |",
        f"| services and engines behind it | {found.services:.2f} ms | |",
        f"| RPCs a request | {found.rpcs:.2f} | <= {MOST_RPCS} |",
    ]
