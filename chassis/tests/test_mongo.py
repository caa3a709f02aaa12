"""MongoDB's driver: what is cancelled while the store is away leaves the client usable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo._asyncio_lock import Condition, Lock
from pymongo.asynchronous import pool, topology

import chassis.mongo  # noqa: F401 - puts its own wait into the driver


@pytest.mark.parametrize("module", [pool, topology])
async def test_cancelled_wait_keeps_its_lock_until_it_leaves(module: Any) -> None:
    lock = Lock()
    condition = Condition(lock)
    holds, leave = asyncio.Event(), asyncio.Event()

    async def waiter() -> None:
        async with condition:
            await module._async_cond_wait(condition, 0.05)

    async def holder() -> None:
        async with condition:
            holds.set()
            await leave.wait()

    waiting = asyncio.create_task(waiter())
    while not condition._waiters:  # noqa: ASYNC110
        await asyncio.sleep(0)
    holding = asyncio.create_task(holder())
    await holds.wait()
    while not lock._waiters:  # noqa: ASYNC110 - its time is over, it wants the lock back
        await asyncio.sleep(0.001)
    for _ in range(2):  # out of time, and told to stop
        waiting.cancel()
        await asyncio.sleep(0)
    assert not waiting.done()
    leave.set()
    await holding
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not lock.locked()
