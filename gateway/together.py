"""Questions that many have in one moment, asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Together(Generic[K, V]):
    """Whoever asks in one turn of the event loop is answered by one question, of at most `most`."""

    def __init__(
        self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], *, most: int
    ) -> None:
        self._ask = ask
        self._most = most
        self._keys: dict[K, None] = {}  # of the next question
        self._next: asyncio.Task[Mapping[K, V]] | None = None

    async def find(self, key: K) -> V | None:
        """What the question answers for this key; None where it answers nothing. Raises as it."""
        if self._next is None or (len(self._keys) >= self._most and key not in self._keys):
            self._keys = {}
            # For nobody: neither who is first nor what is left of their time counts for all.
            self._next = asyncio.create_task(self._answer(self._keys), context=Context())
        self._keys[key] = None
        found = await asyncio.shield(self._next)  # whoever goes away leaves the others
        return found.get(key)

    async def _answer(self, keys: dict[K, None]) -> Mapping[K, V]:
        if keys is self._keys:
            self._next = None
        return await self._ask(list(keys))
