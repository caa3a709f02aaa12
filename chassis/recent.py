"""What was read of the store a moment ago, by community, so that not every call reads it again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")
_MOST = 1_000  # communities


class Recent(Generic[V]):
    """Remembers what `read` finds of communities for some seconds from when it was asked.

    `read` answers for each community it is asked for.
    """

    def __init__(
        self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]], *, lifetime: float
    ) -> None:
        self._read = read
        self._lifetime = lifetime
        self._found: dict[str, tuple[float, V]] = {}
        self._changes = 0  # what was asked before one of them is not remembered

    def forget(self, community_id: str) -> None:
        """It has just been changed here."""
        self._found.pop(community_id, None)
        self._changes += 1

    @contextlib.contextmanager
    def changing(self, community_id: str) -> Iterator[None]:
        """It is being changed here: forgotten however that ends, as a command whose answer is lost
        may have been done.
        """
        try:
            yield
        finally:
            self.forget(community_id)

    async def find(self, community_ids: Collection[str]) -> dict[str, V]:
        """Of each of these, one read for all that is not remembered."""
        now = time.monotonic()
        found = {
            one: known[1]
            for one in community_ids
            if (known := self._found.get(one)) is not None and known[0] >= now
        }
        missing = [one for one in community_ids if one not in found]
        if not missing:
            return found
        changes = self._changes
        asked = await self._read(missing)
        if changes == self._changes:
            if len(self._found) + len(asked) > _MOST:
                self._found.clear()
            until = now + self._lifetime
            self._found |= {one: (until, value) for one, value in asked.items()}
        return {**found, **asked}
