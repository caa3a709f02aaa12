"""Random worlds: whatever happens in them, everybody sees what a plain model says, and no more."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from chassis.testing import mongo_uri  # noqa: F401
from tests.walls.worlds.house import House, open_house
from tests.walls.worlds.plans import Plan, plans
from tests.walls.worlds.running import Told, run

WORLDS = int(os.environ.get("WORLDS", "1000"))
SEED = int(os.environ.get("WORLDS_SEED") or time.time_ns() % 1_000_000_007)

pytestmark = [pytest.mark.timeout(60 + WORLDS)]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(mongo_uri: str, loop: asyncio.AbstractEventLoop) -> Iterator[House]:  # noqa: F811
    stack = AsyncExitStack()
    yield loop.run_until_complete(stack.enter_async_context(open_house(mongo_uri)))
    loop.run_until_complete(stack.aclose())


def test_everybody_sees_what_the_model_says(house: House, loop: asyncio.AbstractEventLoop) -> None:
    told = Told()

    @seed(SEED)
    @settings(
        max_examples=WORLDS,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans())
    def worlds(plan: Plan) -> None:
        loop.run_until_complete(run(house, plan, told, every_move=told.worlds % 10 == 0))

    began, cpu = time.perf_counter(), time.process_time()
    print(f"WORLDS_SEED={SEED}")
    worlds()
    spent = time.perf_counter() - began
    print(told, f"{spent:.1f} s, {house.calls} calls, {time.process_time() - cpu:.1f} s of CPU")
