"""What was used last, by key: no more entries and no more characters than it may hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LatestUsed(Generic[K, V]):
    """Bounded by number and by size, which is in characters of the key, the value, or both."""

    def __init__(self, most: int, most_characters: int, size: Callable[[K, V], int]) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._sizes: dict[K, int] = {}  # as they were when they were put
        self._most = most
        self._most_characters = most_characters
        self._size = size
        self._characters = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def characters(self) -> int:
        """Of all that is in it."""
        return self._characters

    def get(self, key: K) -> V | None:
        """None: not there, or not any more."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, entry: V) -> None:
        """In place of what the key had; what was used longest ago makes room.

        What has grown since is put again.
        """
        size = self._size(key, entry)
        self._characters += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._most or self._characters > self._most_characters:
            oldest, _ = self._entries.popitem(last=False)
            self._characters -= self._sizes.pop(oldest)
