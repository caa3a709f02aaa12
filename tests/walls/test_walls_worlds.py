"""Random worlds: whatever happens in them, everybody sees what a plain model says, and no more.

WORLDS says how many, WORLDS_SEED which; a world that fails is shrunk and told as a story.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, given, seed, settings

from chassis.testing import mongo_uri
from tests.walls.worlds.house import House, open_house
from tests.walls.worlds.looking import LeakError
from tests.walls.worlds.mutants import MUTANTS
from tests.walls.worlds.plans import Plan, plans
from tests.walls.worlds.running import Told, run

__all__ = ["mongo_uri"]

WORLDS = int(os.environ.get("WORLDS", "1000"))
SEED = int(os.environ.get("WORLDS_SEED") or time.time_ns() % 1_000_000_007)
EVERY_MOVE = 10  # of so many worlds one is looked at after every move, the others at their end
ENOUGH = 300  # worlds in which a leak must show

Loop = asyncio.AbstractEventLoop
pytestmark = [pytest.mark.timeout(120 + 2 * WORLDS)]


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
    number: int, live: Callable[[Plan], object], *, phases: tuple[Phase, ...] = (Phase.generate,)
) -> None:
    """So many worlds of this run's seed."""

    @seed(SEED)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(plans())
    def each(plan: Plan) -> None:
        live(plan)

    print(f"WORLDS_SEED={SEED}")
    each()


def test_everybody_sees_what_the_model_says(house: House, loop: Loop) -> None:
    told, began = Told(), time.perf_counter()

    def live(plan: Plan) -> None:
        every_move = told.worlds % EVERY_MOVE == 0
        loop.run_until_complete(run(house, plan, told, every_move=every_move))

    worlds(WORLDS, live, phases=(Phase.generate, Phase.shrink))
    print(told, f"in {time.perf_counter() - began:.0f} s with {house.calls} calls")
    assert told.worlds >= WORLDS // 2  # hypothesis gives no world twice
    assert told.revocations


@pytest.mark.parametrize("mutant", MUTANTS)
def test_leaks_are_found(house: House, loop: Loop, mutant: str) -> None:
    """Put into the product by the test, each must be found by the same worlds."""
    MUTANTS[mutant](house)
    told = Told()
    with pytest.raises(LeakError) as leak:
        worlds(ENOUGH, lambda p: loop.run_until_complete(run(house, p, told, every_move=True)))
    print(f"{mutant}: found in world {told.worlds}:\n{leak.value}")
