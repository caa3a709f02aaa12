"""Places among the few that somebody has of something: of two that are taken at once one is left.

A count alone is of before: whoever counts at the same time counts the same.
"""

from __future__ import annotations

from collections.abc import Collection


def free_places(taken: Collection[int | None], most: int) -> list[int]:
    """As many as there is room for, beside those that are kept, some perhaps without a place.

    Those without are as if they had the last places, so of several free ones the first are given.
    """
    without = sum(number is None for number in taken)
    numbers = set(taken)
    free = [number for number in range(most - without) if number not in numbers]
    return free[: max(0, most - len(taken))]
