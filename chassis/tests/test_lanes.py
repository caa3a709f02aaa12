"""Lanes: together what waits at once, a culprit alone, and nobody for another."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from chassis import lanes
from chassis.errors import NotFoundError, TooBusyError
from chassis.lanes import Lane


class Desk:
    """Answers numbers with their doubles, one batch after the other, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.wrong: Callable[[Sequence[int]], Exception | None] = lambda _: None
        self.lane = Lane(self.work)

    async def work(self, questions: Sequence[int]) -> list[int]:
        self.batches.append(list(questions))
        await self.open.wait()
        if (error := self.wrong(questions)) is not None:
            raise error
        return [2 * question for question in questions]

    async def busy(self) -> asyncio.Task[int]:
        """It has one, and is let no further."""
        self.open.clear()
        first = asyncio.create_task(self.lane.ask(0))
        await self.until(lambda: self.batches == [[0]])
        return first

    @staticmethod
    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - nobody tells when it becomes so
                await asyncio.sleep(0)

    def asked(self, *questions: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.lane.ask(one)) for one in questions]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def answers(tasks: Sequence[Awaitable[Any]]) -> list[Any]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_alone_is_done_at_once_and_the_lane_ends(desk: Desk) -> None:
    assert await desk.lane.ask(3) == 6
    assert await desk.lane.ask(4) == 8
    assert desk.batches == [[3], [4]]
    assert len(asyncio.all_tasks()) == 1


async def test_what_waits_is_done_together_each_with_its_own_answer(desk: Desk) -> None:
    assert await answers(desk.asked(1, 2, 3)) == [2, 4, 6]  # asked in one turn of the loop
    assert desk.batches == [[1, 2, 3]]
    desk.batches.clear()
    first = await desk.busy()
    rest = desk.asked(5, 6, 5)
    await asyncio.sleep(0)
    desk.open.set()
    assert await answers([first, *rest]) == [0, 10, 12, 10]
    assert desk.batches == [[0], [5, 6, 5]]


async def test_so_much_is_done_at_once(desk: Desk) -> None:
    first = await desk.busy()
    rest = [asyncio.create_task(desk.lane.ask(one, 8)) for one in range(1, 11)]
    await asyncio.sleep(0)
    heavy = asyncio.create_task(desk.lane.ask(99, 9))  # waits for nobody, and nobody for it
    await desk.until(lambda: len(desk.batches) == 2)
    desk.open.set()
    assert len(await answers([first, heavy, *rest])) == 12
    assert desk.batches == [[0], [99], [1, 2, 3, 4, 5, 6, 7, 8], [9, 10]]


async def test_culprit_fails_alone(desk: Desk) -> None:
    desk.wrong = lambda batch: NotFoundError(str(batch)) if 2 in batch else None
    first, refusal, last = await answers(desk.asked(1, 2, 3))
    assert (first, last) == (2, 6)
    assert isinstance(refusal, NotFoundError)
    assert desk.batches == [[1, 2, 3], [1], [2], [3]]
    (alone,) = await answers(desk.asked(2))
    assert isinstance(alone, NotFoundError)
    assert len(desk.batches) == 5  # and is not tried again


async def test_outage_is_told_to_all_at_once(desk: Desk) -> None:
    outage = ServerSelectionTimeoutError("away")
    desk.wrong = lambda _: outage
    assert await answers(desk.asked(1, 2, 3)) == [outage] * 3
    assert desk.batches == [[1, 2, 3]]
    # Also to those that are done one by one when it begins.
    desk.batches.clear()
    desk.wrong = lambda batch: ValueError() if len(batch) > 1 else outage if 2 in batch else None
    assert await answers(desk.asked(1, 2, 3, 4)) == [2, outage, outage, outage]
    assert desk.batches == [[1, 2, 3, 4], [1], [2]]
    desk.wrong = lambda _: None
    assert await desk.lane.ask(1) == 2


async def test_who_goes_away_takes_nobody_along(desk: Desk) -> None:
    first = await desk.busy()
    gone, stays = desk.asked(1, 2)
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()  # whose call began what the lane does
    await asyncio.wait([gone, first])
    desk.open.set()
    assert await answers([stays]) == [4]
    assert desk.batches == [[0], [2]]
    # Those that are done one by one as well.
    desk.wrong = lambda batch: ValueError() if len(batch) > 1 or 7 in batch else None
    desk.open.clear()
    desk.batches.clear()
    seven, eight, nine = desk.asked(7, 8, 9)
    await desk.until(lambda: desk.batches == [[7, 8, 9]])
    eight.cancel()
    await asyncio.wait([eight])
    desk.open.set()
    error, answer = await answers([seven, nine])
    assert isinstance(error, ValueError)
    assert answer == 18
    assert desk.batches == [[7, 8, 9], [7], [9]]


async def test_it_is_done_in_nobodys_name() -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def work(questions: Sequence[int]) -> list[str]:
        return [who.get() for _ in questions]

    lane = Lane(work)
    who.set("somebody")
    assert await lane.ask(1) == "nobody"


async def test_too_many_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_ROOM", 2)
    first = await desk.busy()
    waiting = desk.asked(1, 2)
    await asyncio.sleep(0)
    with pytest.raises(TooBusyError):
        await desk.lane.ask(3)
    desk.open.set()
    assert await answers([first, *waiting]) == [0, 2, 4]


async def test_ended_task_leaves_nobody_waiting(desk: Desk) -> None:
    first = await desk.busy()
    assert desk.lane._task is not None
    desk.lane._task.cancel()
    await asyncio.wait([first], timeout=5)
    assert first.cancelled()
    desk.open.set()
    assert await desk.lane.ask(1) == 2
