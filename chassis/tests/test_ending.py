"""Tasks end, also those that do not hear it the first time."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from chassis import ending


async def _deaf(times: int) -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if not times:
                raise
            times -= 1


async def _breaks() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise ValueError("while it is ended")


async def test_a_deaf_task_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "DEAF", 0.01)
    tasks = [asyncio.create_task(_deaf(times)) for times in (0, 1, 3)]
    tasks.append(asyncio.create_task(_breaks()))
    await asyncio.sleep(0)
    await ending.end(tasks)
    assert [task.cancelled() for task in tasks] == [True, True, True, False]


async def test_what_has_ended_is_left_alone() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    await ending.end([done])
    await ending.end([])
    assert not done.cancelled()


async def test_a_result_that_comes_with_the_cancellation_ends_nothing_by_itself() -> None:
    """What `wait_for` does on Python 3.11; where it no longer does, `end` may go."""
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        await asyncio.wait_for(answered, 60)
        await asyncio.sleep(60)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    answered.set_result(None)
    task.cancel()
    _, pending = await asyncio.wait([task], timeout=0.05)
    assert pending == {task}
    await ending.end([task])
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
