"""The tags of a topic: how many, each in its one spelling."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.errors import InvalidArgumentError
from chassis.tags import tag_of

MAX_TAGS = 5


class TagsInvalidError(InvalidArgumentError):
    """At most 5 tags, each 1 to 35 letters, digits, +, #, . and -, none that looks like another."""


def check_tags(tags: Sequence[str], field: str = "tags") -> tuple[str, ...]:
    """In their one spelling, each once. Refuses with TAGS_INVALID."""
    wanted: dict[str, None] = {}
    for written in tags:
        tag = tag_of(written)
        if tag is None:
            raise TagsInvalidError(field=field)
        wanted[tag] = None
    if len(wanted) > MAX_TAGS:
        raise TagsInvalidError(f"at most {MAX_TAGS} tags, not {len(wanted)}", field=field)
    return tuple(wanted)
