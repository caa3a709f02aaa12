"""Leases: one holder, judged by a counter; nobody waits for a clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from chassis.leases import LeaseLostError, Leases
from chassis.mongo import Database


def leases(database: Database, observation: float = 0.4) -> Leases:
    return Leases(database, observation=observation)


async def test_second_holder_waits_until_the_first_lets_go(database: Database) -> None:
    one, two = leases(database), leases(database)
    order: list[str] = []

    async def second() -> None:
        async with two.hold("x"):
            order.append("second")

    async with one.hold("x"):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(1.0)  # far beyond the observation: the heart beats
        order.append("first")
    await asyncio.wait_for(waiting, 30)
    assert order == ["first", "second"]


async def test_dead_holder_is_followed_after_the_observation(database: Database) -> None:
    dead, heir = leases(database), leases(database)
    await dead.keep(["x"])
    began = time.monotonic()
    async with heir.hold("x"):
        assert 0.4 <= time.monotonic() - began < 2.0
    assert (await database.leases.find_one({"_id": "x"}) or {})["owner"] is None


async def test_holder_gives_up_before_a_challenger_may_take_over(database: Database) -> None:
    sleeper = leases(database)
    await sleeper.keep(["x"])
    assert sleeper.holds("x")
    await asyncio.sleep(0.35)  # less than the observation
    assert not sleeper.holds("x")


async def test_zombie_finds_its_lease_gone(database: Database) -> None:
    zombie, heir = leases(database), leases(database)
    await zombie.keep(["x"])
    async with heir.hold("x"):
        assert not zombie.holds("x")
        await zombie.keep(["x"])
        assert not zombie.holds("x")
        assert heir.holds("x")


async def test_body_is_cancelled_when_the_lease_is_lost(database: Database) -> None:
    robbed = leases(database)

    async def work() -> None:
        async with robbed.hold("x"):
            await database.leases.update_one({"_id": "x"}, {"$set": {"owner": "thief"}})
            await asyncio.sleep(5)

    with pytest.raises(LeaseLostError):
        await work()


async def test_cancelling_the_body_stays_a_cancellation(database: Database) -> None:
    one = leases(database)
    inside = asyncio.Event()

    async def work() -> None:
        async with one.hold("x"):
            inside.set()
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with leases(database).try_hold("x") as ours:
        assert ours  # it was released


async def test_try_hold_says_no_and_takes_over_later(database: Database) -> None:
    dead, heir = leases(database), leases(database)
    await dead.keep(["x"])
    async with heir.try_hold("x") as ours:
        assert not ours
    await asyncio.sleep(0.5)
    async with heir.try_hold("x") as ours:
        assert ours
        async with heir.try_hold("x") as again:
            assert not again  # nor twice in one process


async def test_racing_replicas_get_one_holder(database: Database) -> None:
    rivals = [leases(database) for _ in range(8)]
    holders: list[int] = [0]
    async with asyncio.timeout(30):  # a rival that stood still for an observation has given up
        while min(holders) == 0:
            await asyncio.gather(*(rival.keep(range(16)) for rival in rivals))
            holders = [sum(rival.holds(name) for rival in rivals) for name in range(16)]
            assert max(holders) == 1
