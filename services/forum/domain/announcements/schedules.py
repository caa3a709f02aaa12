"""When an announcement is due: at one moment, or at a time of the day where each reader is.

A local time that the clocks skip, or show twice, counts by the clock before the change: 02:30 of
the night when clocks go forward from 02:00 is the moment they show 03:30; of the night when they go
back, it is the first 02:30.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import FieldInvalidError

_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
# No clock is further from UTC than these; the tz database has had no other since 1995.
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
# Minutes that any clock has differed from UTC since then, the first to show a time first.
_OFFSETS = tuple(sorted(
    [
        *range(-720, 841, 60), -570, -270, -210, -150, 210, 270, 330, 345, 390, 510, 525, 570, 630,
        690, 765, 825,
    ],
    reverse=True,
))  # fmt: skip
_LAST_YEAR = 9000  # beyond, no clock can be computed with


@dataclass(frozen=True, slots=True)
class Schedule:
    """`time`: when the first reader may see it. `local_time`: at which time of the reader's day."""

    time: datetime
    local_time: str = ""

    def visible_time(self, time_zone: str) -> datetime:
        """When a reader of this zone may see it; a zone that is none counts as UTC."""
        if not self.local_time:
            return self.time
        return local_moment(self.local_time, time_zone)

    def next_visible_time(self, after: datetime) -> datetime | None:
        """When it is that time of the day somewhere else, behind that moment; None: nowhere."""
        if not self.local_time:
            return None
        wall_clock = _wall_clock(self.local_time).replace(tzinfo=UTC)
        moments = (wall_clock - timedelta(minutes=offset) for offset in _OFFSETS)
        return next((moment for moment in moments if moment > after), None)

    @property
    def everywhere_time(self) -> datetime:
        """When every reader may see it."""
        if not self.local_time:
            return self.time
        return _wall_clock(self.local_time).replace(tzinfo=UTC) + _WEST


def local_moment(local_time: str, time_zone: str) -> datetime:
    """When clocks of this zone show that time."""
    try:
        zone = ZoneInfo(time_zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    # fold=0 is the clock before the change, in a gap as well (PEP 495).
    return _wall_clock(local_time).replace(tzinfo=zone, fold=0).astimezone(UTC)


def check_schedule(publish_time: datetime | None, wall_clock: str, now: datetime) -> Schedule:
    """Exactly one of both, and not yet past for all readers. Refuses with FIELD_INVALID."""
    field = "publish_time" if publish_time is not None and not wall_clock else "wall_clock"
    if (publish_time is None) == (not wall_clock):
        raise FieldInvalidError(
            "exactly one of publish_time and wall_clock must be given", field=field
        )
    if publish_time is not None:
        schedule = Schedule(publish_time)
    else:
        schedule = Schedule(
            check_local_time(wall_clock, field).replace(tzinfo=UTC) - _EAST,
            wall_clock,
        )
    if schedule.everywhere_time <= now:
        raise FieldInvalidError(f"{field} must lie ahead", field=field)
    return schedule


def check_local_time(text: str, field: str) -> datetime:
    """As 2026-03-29T09:00. Refuses with FIELD_INVALID."""
    try:
        if not _LOCAL.fullmatch(text):
            raise ValueError
        time = _wall_clock(text)
    except ValueError:
        raise FieldInvalidError(f"{field} must be as 2026-03-29T09:00", field=field) from None
    if not 2000 <= time.year <= _LAST_YEAR:
        raise FieldInvalidError(f"{field} must be of a year that clocks know", field=field)
    return time


def _wall_clock(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - on purpose: nobody's clock yet
