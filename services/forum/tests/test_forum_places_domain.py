"""Places among few by plain calls: whoever takes one of those given, there are never too many."""

from __future__ import annotations

import random

import pytest

from services.forum.domain.places import free_places


def test_what_is_free_is_as_much_as_there_is_room_for() -> None:
    assert free_places([], 3) == [0, 1, 2]
    assert free_places([1], 3) == [0, 2]
    assert free_places([0, 1, 2], 3) == []
    # Of some without a place the last ones are theirs.
    assert free_places([0, None], 3) == [1]
    assert free_places([None, 2], 3) == [0]
    assert free_places([None] * 3, 3) == []
    assert free_places([None] * 5, 3) == []


@pytest.mark.parametrize("without", range(5))
def test_whoever_decides_on_what_was_before_never_exceeds(without: int) -> None:
    """Views are taken, kept for a while, and acted on; a place is taken once."""
    chance = random.Random(without)  # noqa: S311 - the same each time
    taken = set(chance.sample(range(8), 3))
    views: list[int] = []
    full = 0
    for _ in range(3000):
        kept = [*taken, *[None] * without]
        assert len(kept) <= 8
        full += len(kept) == 8
        what = chance.random()
        if what < 0.4 and (free := free_places(kept, 8)):
            views.append(chance.choice(free))
        elif what < 0.7 and views:
            taken.add(views.pop(chance.randrange(len(views))))
        elif taken and what > 0.8:
            taken.discard(chance.choice(sorted(taken)))
    assert full
