"""How much fits into one message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.forum.domain.spaces import Space

_MOST_CHARACTERS = 800_000  # of texts in a page: below what a gRPC message may hold, in any script


class Post(Protocol):
    """What has a text."""

    @property
    def characters(self) -> int: ...


def fitting(found: Sequence[Post | Space | None], size: int) -> int:
    """How many of them fit into one message, at least one; a space takes no place."""
    characters = 0
    for count, post in enumerate(found[:size]):
        characters += 0 if post is None or isinstance(post, Space) else post.characters
        if count and characters > _MOST_CHARACTERS:
            return count
    return size
