"""One item after the other, where one that fails holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from chassis import telemetry
from chassis.errors import UnavailableError

T = TypeVar("T")

_log = logging.getLogger(__name__)


async def each(
    items: Iterable[T], do: Callable[[T], Awaitable[object]], name: Callable[[T], str]
) -> None:
    """Do it for all; then raise the first failure, so that whoever runs it tells of it.

    Where something is down that is needed (UnavailableError) it ends at once: the others would wait
    for the same.
    """
    first: Exception | None = None
    for item in items:
        try:
            await do(item)
        except UnavailableError:
            raise
        except Exception as error:  # whatever is wrong with this one
            _log.error("%s: %s", name(item), telemetry.describe(error))
            first = first or error
    if first is not None:
        raise first
