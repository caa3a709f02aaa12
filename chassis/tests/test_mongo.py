"""MongoDB's driver: what waits for it, and leaves it usable whatever became of the wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo._asyncio_lock import Condition, Lock
from pymongo.asynchronous import pool, topology
from pymongo.errors import AutoReconnect, NetworkTimeout

from chassis.decisions import Document
from chassis.mongo import Database

_LONG = {"$where": "sleep(4000) || true"}  # some seconds until mongod answers


@pytest_asyncio.fixture
async def impatient(mongo_uri: str, database: Database) -> AsyncIterator[Database]:
    """The same database by a client that asks once and waits a second; it holds a document."""
    await database.rows.insert_one({"_id": 1})
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        mongo_uri, retryReads=False, socketTimeoutMS=1000
    )
    yield client[database.name]
    await client.close()


async def test_an_answer_needs_no_task_of_its_own(database: Database) -> None:
    await database.rows.insert_one({"_id": 1})
    loop = asyncio.get_running_loop()
    made: list[object] = []

    def counting(loop: Any, coroutine: Any, **more: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **more)

    loop.set_task_factory(counting)
    try:
        assert await database.rows.find_one({}) == {"_id": 1}
    finally:
        loop.set_task_factory(None)
    assert made == []


async def test_an_answer_that_takes_too_long_is_a_timeout(impatient: Database) -> None:
    with pytest.raises(NetworkTimeout):
        await impatient.rows.find_one(_LONG)
    assert await impatient.rows.find_one({}) == {"_id": 1}


async def test_who_stops_waiting_leaves_the_client_usable(impatient: Database) -> None:
    waiting = asyncio.create_task(impatient.rows.find_one(_LONG))
    await _under_way(impatient)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await impatient.rows.find_one({}) == {"_id": 1}


async def test_a_connection_that_the_driver_gives_up_ends_the_wait(
    mongo_uri: str, database: Database
) -> None:
    """As it does where the primary is lost: nobody waits for as long as an answer may take."""
    await database.rows.insert_one({"_id": 1})
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongo_uri, retryReads=False)
    patient = client[database.name]
    waiting = asyncio.create_task(patient.rows.find_one(_LONG))
    await _under_way(patient)
    began = time.monotonic()
    for server in client._topology._servers.values():
        for context in server.pool.active_contexts:
            context.cancel()
    with pytest.raises(AutoReconnect):
        await waiting
    assert time.monotonic() - began < 3
    assert await patient.rows.find_one({}) == {"_id": 1}
    await client.close()


async def _under_way(database: Database) -> None:
    """Until mongod is at the long question."""
    asked: list[Document] = [{"$currentOp": {}}, {"$match": {"ns": f"{database.name}.rows"}}]
    while not await (await database.client.admin.aggregate(asked)).to_list():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


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
