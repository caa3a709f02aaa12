"""What is remembered of communities, for how long, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from chassis.recent import Recent
from chassis.testing_events import eventually


class Store:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.value = 1
        self.answers = asyncio.Event()
        self.answers.set()

    async def read(self, communities: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(tuple(communities))
        found = dict.fromkeys(communities, self.value)
        await self.answers.wait()
        return found


async def test_only_what_is_not_remembered_is_asked_for() -> None:
    store = Store()
    recent = Recent(store.read, lifetime=60)
    assert await recent.find(["c1"]) == {"c1": 1}
    store.value = 2
    assert await recent.find(["c1", "c2"]) == {"c1": 1, "c2": 2}
    assert await recent.find([]) == {}
    assert store.asked == [("c1",), ("c2",)]


async def test_it_is_asked_again_when_its_time_is_over() -> None:
    store = Store()
    recent = Recent(store.read, lifetime=0.05)
    assert await recent.find(["c1"]) == {"c1": 1}
    store.value = 2
    await eventually(lambda: recent.find(["c1"]), {"c1": 2})


async def test_what_was_changed_here_is_asked_again_even_if_changing_failed() -> None:
    store = Store()
    recent = Recent(store.read, lifetime=60)
    await recent.find(["c1", "c2"])
    store.value = 2
    with pytest.raises(ValueError, match="lost"), recent.changing("c1"):
        raise ValueError("lost")
    assert await recent.find(["c1", "c2"]) == {"c1": 2, "c2": 1}


async def test_what_was_asked_before_a_change_is_not_remembered() -> None:
    store = Store()
    recent = Recent(store.read, lifetime=60)
    store.answers.clear()
    asking = asyncio.create_task(recent.find(["c1"]))
    await asyncio.sleep(0)
    recent.forget("c1")
    store.value = 2
    store.answers.set()
    assert await asking == {"c1": 1}
    assert await recent.find(["c1"]) == {"c1": 2}


async def test_a_reader_that_fails_is_asked_again() -> None:
    async def read(communities: Sequence[str]) -> Mapping[str, int]:
        asked.append(communities)
        if len(asked) == 1:
            raise ConnectionError
        return dict.fromkeys(communities, 1)

    asked: list[Sequence[str]] = []
    recent = Recent(read, lifetime=60)
    with pytest.raises(ConnectionError):
        await recent.find(["c1"])
    assert await recent.find(["c1"]) == {"c1": 1}
