"""When a decision is made, and the ids it may hand out: arguments, so that rules stay pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """Time is UTC, cut to milliseconds as the store keeps it."""

    time: datetime
    new_id: Callable[[], str]


def cut(time: datetime) -> datetime:
    """To the millisecond, as the store keeps it."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def now() -> datetime:
    """UTC, cut."""
    return cut(datetime.now(UTC))
