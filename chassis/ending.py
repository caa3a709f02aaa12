"""Ending tasks for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

DEAF = 8.0  # seconds a task gets to end before it is told once more


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel and wait, whatever they end with; once more where a task is deaf.

    `asyncio.wait_for` of Python 3.11, which NATS' client and the store's driver wait with, takes a
    cancellation that comes together with a result for the result: the task would go on for ever.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        ended, pending = await asyncio.wait(pending, timeout=DEAF)
        for task in ended:
            if not task.cancelled():
                task.exception()  # seen: nobody else asks
