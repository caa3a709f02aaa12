"""What fails for one item holds up no other, and is told."""

from __future__ import annotations

import logging

import pytest

from chassis.each import each
from chassis.errors import UnavailableError


async def test_all_are_done_and_the_first_failure_is_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[int] = []

    async def do(item: int) -> None:
        done.append(item)
        if item in (2, 4):
            raise KeyError(item)

    with caplog.at_level(logging.ERROR), pytest.raises(KeyError, match="2"):
        await each([1, 2, 3, 4, 5], do, "count of {}".format)
    assert done == [1, 2, 3, 4, 5]
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(": ")[0] for line in told] == ["count of 2", "count of 4"]


async def test_nothing_is_raised_where_nothing_fails() -> None:
    done: list[int] = []

    async def do(item: int) -> None:
        done.append(item)

    await each([1, 2], do, str)
    assert done == [1, 2]


async def test_what_is_down_ends_it_at_once() -> None:
    done: list[int] = []

    async def do(item: int) -> None:
        done.append(item)
        raise UnavailableError

    with pytest.raises(UnavailableError):
        await each([1, 2], do, str)
    assert done == [1]
