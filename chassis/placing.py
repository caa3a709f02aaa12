"""What is done in several places at once, where only one of them can be next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from chassis.errors import DomainError

TRIES = 8
P = TypeVar("P")
R = TypeVar("R")


async def placed(
    find: Callable[[], Awaitable[P]],
    do: Callable[[P], Awaitable[R]],
    taken: type[DomainError],
    *,
    tries: int = TRIES,
) -> R:
    """Do it at the place that is found; where another one took that meanwhile, look again.

    `taken`: what `do` refuses with then, and at last; with None for a place there is no other to
    look for. What `find` refuses is refused at once.
    """
    for left in reversed(range(tries)):
        place = await find()
        try:
            return await do(place)
        except taken:
            if place is None or not left:
                raise
    raise AssertionError("the last try answers or raises")
