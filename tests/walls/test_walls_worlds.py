"""Random worlds: whatever happens in them, everybody sees what a plain model says, and no more.

WORLDS says how many, WORLDS_SEED which, WORLDS_SECONDS after how long no more begin, as on a slow
machine: it is told how many lived. A world that fails is shrunk and told as a story.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from random import Random

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from chassis.testing import Loopback, free_port, mongo_uri, nats_url
from devstack import engines
from services.search.repository.index import SearchIndex
from services.search.repository.index import connect as connect_index
from services.search.repository.schema import index_body, index_name
from tests.walls.worlds.building import Builder
from tests.walls.worlds.finding import Search
from tests.walls.worlds.house import House, open_house
from tests.walls.worlds.looking import look_around
from tests.walls.worlds.mutants import MUTANTS
from tests.walls.worlds.plans import Plan, plans
from tests.walls.worlds.running import Told, run
from tests.walls.worlds.telling import LeakError
from tests.walls.worlds.wiring import Gate, open_gate, wire

__all__ = ["mongo_uri", "nats_url"]

WORLDS = int(os.environ.get("WORLDS", "1000"))
SECONDS = float(os.environ.get("WORLDS_SECONDS") or 0.6 * WORLDS)
SEED = int(os.environ.get("WORLDS_SEED") or time.time_ns() % 1_000_000_007)
EVERY_MOVE = 10  # of so many worlds one is looked at after every move, the others at their end
BESIDE = 4  # worlds live beside each other: what they write shares transactions
ENOUGH = 800  # worlds in which a leak must show

Loop = asyncio.AbstractEventLoop


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """As in the processes."""
    made = uvloop.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def house(mongo_uri: str, loop: Loop) -> Iterator[House]:
    """All worlds of a test live in one."""
    stack = AsyncExitStack()
    yield loop.run_until_complete(stack.enter_async_context(open_house(mongo_uri)))
    loop.run_until_complete(stack.aclose())


def worlds(
    number: int,
    loop: Loop,
    live: Callable[[Plan], Awaitable[object]],
    *,
    beside: int = 1,
    phases: tuple[Phase, ...] = (Phase.generate,),
) -> None:
    """So many worlds of this run's seed, so many of them beside each other."""

    @seed(SEED)
    @settings(
        max_examples=-(-number // beside),
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*[plans()] * beside))
    def each(some: tuple[Plan, ...]) -> None:
        async def together() -> list[object]:
            return await asyncio.gather(*map(live, some), return_exceptions=True)

        for end in loop.run_until_complete(together()):
            if isinstance(end, BaseException):
                raise end

    print(f"WORLDS_SEED={SEED}")
    each()


@pytest.mark.timeout(120 + 3 * WORLDS)  # a machine may be slow
def test_everybody_sees_what_the_model_says(house: House, loop: Loop) -> None:
    told, began = Told(), time.perf_counter()

    begun = count()

    async def live(plan: Plan) -> None:
        if time.perf_counter() - began < SECONDS:
            await run(house, plan, told, every_move=next(begun) % EVERY_MOVE == 0)

    worlds(WORLDS, loop, live, beside=BESIDE, phases=(Phase.generate, Phase.shrink))
    print(told, f"in {time.perf_counter() - began:.0f} s with {house.calls} calls")
    if time.perf_counter() - began < SECONDS:
        assert told.worlds >= WORLDS // 2  # hypothesis gives no world twice
    assert told.revocations or WORLDS < 100


async def _found(gate: Gate, builder: Builder, random: Random) -> None:
    await look_around(builder, random)
    for person in builder.model.people:
        search = Search(builder, person, random)
        await search.everything()
        await search.at_the_gate(gate)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    """osmem, unless another engine is named: here it is asked what is found, not how well."""
    kind = os.environ.get("GUILDHALL_SEARCH_ENGINE") or "osmem"
    running = engines.search_engine(tmp_path, free_port(), kind)
    running.start()
    try:
        running.wait_ready()
        yield running.url
    finally:
        running.stop()


@pytest.mark.parametrize("bus", [False, True], ids=["heard at once", "over the bus"])
def test_everybody_finds_what_the_model_says(
    mongo_uri: str, nats_url: str, engine: str, loop: Loop, *, bus: bool
) -> None:
    """The same over gRPC, with search, and through the gateway's GraphQL."""
    told, began = Told(), time.perf_counter()
    stack = AsyncExitStack()

    async def set_up() -> tuple[House, Gate]:
        client = connect_index(engine)
        client.transport.kwargs["timeout"] = 60  # the machine may be busy with other tests
        stack.push_async_callback(client.close)
        alias = f"worlds-{uuid.uuid4().hex[:10]}"
        body = index_body(alias, 1, shards=1, replicas="0-1")
        body["aliases"][alias] = {}
        await client.indices.create(index=index_name(alias, 1), body=body)
        index = SearchIndex(client, alias=alias, refresh_interval="-1")
        house = await stack.enter_async_context(open_house(mongo_uri, index))
        loopback = Loopback()
        stack.push_async_callback(loopback.close)
        await house.connect(loopback, stack)
        if bus:
            await wire(house, nats_url, stack)
        return house, await stack.enter_async_context(open_gate(house, loopback))

    async def live(house: House, gate: Gate, plan: Plan) -> None:
        async def look(builder: Builder, random: Random) -> None:
            await house.hear()
            assert house.index is not None
            await house.index.refresh()
            await _found(gate, builder, random)

        await run(house, plan, told, every_move=told.worlds % EVERY_MOVE == 0, look=look)

    number = max(1, WORLDS // (100 if bus else 40))
    try:
        house, gate = loop.run_until_complete(set_up())
        phases = (Phase.generate,) if bus else (Phase.generate, Phase.shrink)
        worlds(number, loop, lambda plan: live(house, gate, plan), phases=phases)
    finally:
        loop.run_until_complete(stack.aclose())
    print(told, f"in {time.perf_counter() - began:.0f} s with {house.calls} calls")


@pytest.mark.parametrize("mutant", MUTANTS)
def test_leaks_are_found(house: House, loop: Loop, mutant: str) -> None:
    """Put into the product by the test, each must be found by the same worlds."""
    MUTANTS[mutant](house)
    told = Told()
    with pytest.raises(LeakError) as leak:
        worlds(ENOUGH, loop, lambda plan: run(house, plan, told, every_move=False), beside=BESIDE)
    print(f"{mutant}: found in world {told.worlds}:\n{leak.value}")
