"""The gateway beside hand-written floors, beside what most people ship, and beside Node's servers.

All sides answer in turn within a round, so that a slow minute hits all; before that it is made
sure that they answer the same.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench import excess
from bench.contents import READER, Contents
from bench.measuring import Programs, Spent, ratio
from bench.operations import COMPARED, compared
from bench.profiled import Samples
from bench.running import Running, difference
from bench.sides import (
    FLOOR,
    LINES,
    MEMORY,
    MEMORY_ROUTER,
    PEERS,
    PLAIN,
    ROUTER,
    STOCK,
    Side,
    beside,
    peer,
    version,
    why_no_peers,
)
from devstack.parts import GATEWAY

ROUNDS = 7
REQUESTS = {"list": 200, "topic": 100, "search": 80, "home": 80}  # a round and side
ROUTER_REQUESTS = 50  # it takes so long
WARM = 2_000  # requests until Node's compiler has seen enough
GOALS = {"list": 1.5, "topic": 1.7, "search": 1.7, "home": 1.7}
ROUTER_GOAL, MEMORY_GOAL = 3, 6  # ten times over RPCs nothing could be: docs/adr/0017
MUST_BE_BEHIND = ("apollo", "yoga")
_LIST = "list"
SHIPPED = "shipped"  # the stack's own, which remembers members and companies
_EVERYTHING = (FLOOR, STOCK, SHIPPED)  # asked every operation
_ROUTER = "FastAPI's GraphQLRouter, DataLoader, ParserCache, ValidationCache"


@dataclass
class Found:
    """The figures of one run."""

    sizes: dict[str, int]  # bytes of an answer
    ours: Mapping[str, Spent]  # of all the stack's programs, by operation
    sides: dict[str, Mapping[str, Spent]]  # of the others, by name and operation
    rpcs: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COMPARED})

    samples: dict[str, Samples] = field(default_factory=dict)  # of gateway and floor, at the list

    def gateway(self, operation: str) -> list[float]:
        """Milliseconds of CPU a request, round by round."""
        return [one["gateway"] for one in self.ours[operation].rounds]

    def side(self, name: str, operation: str = _LIST) -> list[float]:
        """The same of another."""
        return self.sides[name][operation].totals


async def measure(running: Running, contents: Contents, rounds: int = ROUNDS) -> Found:
    """All sides in turn; refuses to compare answers that differ."""
    asked = compared(contents)
    with ExitStack() as stack:
        plain = stack.enter_context(beside(running, PLAIN))
        pids = {**running.watched.pids, "gateway": plain.programs.pids[PLAIN]}
        ours = Side(Programs(pids), plain.port, plain.lines, plain.samples)
        port, samples = running.place.port(GATEWAY), running.samples("gateway")
        shipped = Side(running.watched, port, running.lines(READER, LINES), samples)
        stack.callback(shipped.close)
        sides = {
            name: stack.enter_context(beside(running, name))
            for name in (FLOOR, STOCK, ROUTER, MEMORY, MEMORY_ROUTER)
        }
        sides[SHIPPED] = shipped
        answers = {name: await ours.answers(bodies) for name, bodies in asked.items()}
        data = json.loads(answers[_LIST][0])["data"]
        if not why_no_peers():
            for name in PEERS:
                sides[name] = stack.enter_context(peer(running.place.data, name, data))
        await _assert_same(sides, asked, answers)
        sizes = {name: len(all_[0]) for name, all_ in answers.items()}
        found = Found(sizes, ours.spent, {name: side.spent for name, side in sides.items()})
        for name, side in sides.items():  # warm
            await side.ask(asked[_LIST], WARM if name in PEERS else REQUESTS[_LIST])
        for _ in range(rounds):
            await _round(running, ours, sides, asked, found)
        for name, side in (("gateway", ours), (FLOOR, sides[FLOOR])):
            found.samples[name] = await excess.sample(side, name, asked[_LIST])
        return found


async def _round(
    running: Running,
    ours: Side,
    sides: Mapping[str, Side],
    asked: Mapping[str, list[bytes]],
    found: Found,
) -> None:
    for operation, bodies in asked.items():
        times, counted = REQUESTS[operation], running.rpcs()
        await ours.round(operation, bodies, times)
        found.rpcs[operation].append(difference(counted, running.rpcs()) / times)
        for name in _EVERYTHING:
            await sides[name].round(operation, bodies, times)
    for name, side in sides.items():
        if name not in _EVERYTHING:
            times = ROUTER_REQUESTS if name in (ROUTER, MEMORY_ROUTER) else REQUESTS[_LIST]
            await side.round(_LIST, asked[_LIST], times)


async def _assert_same(
    sides: Mapping[str, Side], asked: Mapping[str, list[bytes]], answers: Mapping[str, list[bytes]]
) -> None:
    for operation, bodies in asked.items():
        for name in _EVERYTHING:
            assert await sides[name].answers(bodies) == answers[operation], f"{name}, {operation}"
    for name, side in sides.items():
        (answer,) = await side.answers(asked[_LIST])
        if name in (
            ROUTER,
            MEMORY_ROUTER,
            *PEERS,
        ):  # they write JSON in their own way, and tell no cost
            assert json.loads(answer)["data"] == json.loads(answers[_LIST][0])["data"], name
        else:
            assert answer == answers[_LIST][0], name
    edges = [json.loads(one)["data"]["search"]["edges"] for one in answers["search"]]
    assert all(len(one) == 10 for one in edges), "a search must have its 10 hits"


def report(found: Found) -> list[str]:
    """The section's lines."""
    rounds = len(found.rpcs[_LIST])
    lines = [
        f"{rounds} rounds, all sides in turn within each, {LINES} connections a side, "
        f"{', '.join(f'{REQUESTS[name]} x {title}' for name, title in COMPARED.items())}. "
        "The floor is a hand-written ASGI application that makes the same RPCs; it and "
        "`GATEWAY_EXECUTION=stock` answer the same as the gateway, byte for byte. So that all make "
        "the same RPCs, members and companies are not remembered here "
        "(`GATEWAY_DIRECTORY_SECONDS=0`); the last column is the gateway as it is shipped.",
        "",
        "| CPU a request, ms | floor | gateway | **gateway : floor** | goal | execution `stock` "
        "| services and engines | RPCs | bytes | as shipped: gateway + services and engines |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, title in COMPARED.items():
        ours, floor = found.gateway(name), found.side(FLOOR, name)
        behind = found.ours[name].total - found.ours[name].of("gateway")
        shipped = found.sides[SHIPPED][name]
        own = shipped.of("gateway")
        lines.append(
            f"| {title} | {_middle(floor)} | {_middle(ours)} | **{ratio(ours, floor):.2f}** "
            f"| <= {GOALS[name]:g} | {_middle(found.side(STOCK, name))} | {behind:.2f} "
            f"| {statistics.median(found.rpcs[name]):.2f} | {found.sizes[name]:,} "
            f"| {own:.2f} + {shipped.total - own:.2f} |"
        )
    rest = excess.report(
        found.samples["gateway"],
        found.samples[FLOOR],
        statistics.median(found.gateway(_LIST)),
        statistics.median(found.side(FLOOR)),
    )
    return [*lines, "", *rest, "", *_others(found), "", *_in_memory(found)]


def _others(found: Found) -> list[str]:
    ours, router = found.gateway(_LIST), found.side(ROUTER)
    floor, stock = found.side(FLOOR), found.side(STOCK)
    return [
        "The same list as Strawberry is mostly shipped, over the same services with the same "
        "tokens, and the same data in the answer:",
        "",
        "| list of 20 topics | CPU a request, ms | **times the gateway's** | goal |",
        "| --- | --- | --- | --- |",
        f"| gateway | {_middle(ours)} | 1 | |",
        f"| floor | {_middle(floor)} | {ratio(floor, ours):.1f} | |",
        f"| gateway, `GATEWAY_EXECUTION=stock` | {_middle(stock)} | {ratio(stock, ours):.1f} | |",
        f"| {_ROUTER} | {_middle(router)} | **{ratio(router, ours):.1f}** | >= {ROUTER_GOAL} |",
        "",
        f"Stock takes **{ratio(router, floor):.1f} times the floor's**: a gateway that took "
        "nothing for GraphQL would be so far ahead of it, and no further (`docs/adr/0017`).",
    ]


def _in_memory(found: Found) -> list[str]:
    ours, router = found.side(MEMORY), found.side(MEMORY_ROUTER)
    lines = [
        "The same list from memory, without any RPC. Ours verify the token, encode ids and times "
        "and sign the cursor; Node's servers read plain objects that hold the answer, by default "
        "resolvers, and ask nobody who it is:",
        "",
        "| list of 20 topics | CPU a request, ms | **times the gateway's** | goal |",
        "| --- | --- | --- | --- |",
        f"| gateway | {_middle(ours)} | 1 | |",
        f"| {_ROUTER} | {_middle(router)} | **{ratio(router, ours):.1f}** | >= {MEMORY_GOAL} |",
    ]
    if reason := why_no_peers():
        return [*lines, "", reason]
    for name, (title, _) in PEERS.items():
        theirs = found.side(name)
        goal = "> 1" if name in MUST_BE_BEHIND else "none"
        lines.append(
            f"| {title} {version(name)} | {_middle(theirs)} | **{ratio(theirs, ours):.2f}** "
            f"| {goal} |"
        )
    return lines


def _middle(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}"
