"""Lanes: what waits in this process at once is done together, and each gets its own of it.

For what needs no transaction and may be done twice; what does is a command (`commands.py`).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import pymongo

from chassis.errors import TooBusyError
from chassis.mongo import OUTAGES

Q = TypeVar("Q")
A = TypeVar("A")

BUDGET = 5.0  # seconds for what is done together, whatever the callers' deadlines
_MOST = 64  # weight of what is done at once
_HEAVY = 8  # weight of what gains nothing by it and would hold up others: it goes by itself
_ROOM = 2000  # that may wait


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Q, A]):
    """One caller's."""

    question: Q
    weight: int
    done: asyncio.Future[A]


class Lane(Generic[Q, A]):
    """Takes all that waits, no timer, as soon as what it took before is done.

    `work` gets questions and gives their answers, in their order. When the store is away, all of
    them learn it; what fails otherwise is done one by one, so that a culprit fails alone.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._work = work
        self._waiting: deque[_Waiting[Q, A]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q, weight: int = 1) -> A:
        """Its answer, or what it failed with. Refuses with TOO_BUSY.

        Who goes away while it waits is left out; later, it may be done and nobody is told.
        """
        if weight > _HEAVY:
            (answer,) = await self._work([question])
            return answer
        if len(self._waiting) >= _ROOM:
            raise TooBusyError("too many are waiting", retry_after=1.0)
        done: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(question, weight, done))
        if self._task is None or self._task.done():
            # In nobody's name: no caller's deadline, actor or trace.
            nobodys = contextvars.Context()
            self._task = asyncio.create_task(self._drain(), context=nobodys)
        return await done

    async def _drain(self) -> None:
        while batch := self._next():
            try:
                await self._settle(batch)
            finally:
                for one in batch:
                    one.done.cancel()  # only where this task is ended: they are done else
        self._task = None

    def _next(self) -> list[_Waiting[Q, A]]:
        batch: list[_Waiting[Q, A]] = []
        weight = 0
        while self._waiting:
            one = self._waiting[0]
            if not one.done.done():
                weight += one.weight
                if batch and weight > _MOST:
                    break
                batch.append(one)
            self._waiting.popleft()
        return batch

    async def _settle(self, batch: Sequence[_Waiting[Q, A]]) -> None:
        try:
            await self._answer(batch)
        except OUTAGES as outage:
            _fail(batch, outage)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch, error)
            else:
                await self._settle_singly(batch)

    async def _settle_singly(self, batch: Sequence[_Waiting[Q, A]]) -> None:
        for number, one in enumerate(batch):
            if one.done.done():
                continue
            try:
                await self._answer([one])
            except OUTAGES as outage:
                _fail(batch[number:], outage)
                return
            except Exception as error:
                _fail([one], error)

    async def _answer(self, batch: Sequence[_Waiting[Q, A]]) -> None:
        with pymongo.timeout(BUDGET):
            answers = await self._work([one.question for one in batch])
        for one, answer in zip(batch, answers, strict=True):
            if not one.done.done():
                one.done.set_result(answer)


def _fail(batch: Sequence[_Waiting[Q, A]], error: Exception) -> None:
    for one in batch:
        if not one.done.done():
            one.done.set_exception(error)
