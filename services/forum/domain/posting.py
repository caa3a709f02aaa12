"""How fast people may post: a table by trust level, and what one person posted lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import FieldInvalidError, ResourceExhaustedError
from services.forum.domain.members import Member

_DAY = timedelta(days=1)
LONGEST_PAUSE = 86_400  # seconds between two posts
MOST_A_DAY = 100  # that can be asked for: as many times are kept with each post


class PostingTooFastError(ResourceExhaustedError):
    """Wait a little, or until tomorrow; `retry_after` says how long."""

    def __init__(self, message: str = "", *, field: str = "", retry_after: float = 5.0) -> None:
        # Raised bare where two posts of one person meet in the store: the shortest wait will do.
        super().__init__(message, field=field, retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class Limit:
    """Seconds between two, and how many in 24 hours (None: any number)."""

    seconds: float
    a_day: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one trust level may do."""

    topics: Limit
    replies: Limit


# After Discourse's defaults: what it allows on the first day, NEW may on each day. Moderators are
# exempt.
POSTING_LIMITS: Mapping[int, Limits] = {
    NEW: Limits(Limit(120, 3), Limit(30, 10)),
    BASIC: Limits(Limit(15, 20), Limit(5, None)),
    TRUSTED_MEMBER: Limits(Limit(15, 20), Limit(5, None)),
    REGULAR: Limits(Limit(7.5, 40), Limit(2.5, None)),
    LEADER: Limits(Limit(7.5, 40), Limit(2.5, None)),
}


@dataclass(frozen=True, slots=True)
class Poster:
    """What one person posted in one community in the last day, newest last.

    `number` counts their posts: two that are decided at once get the same and only one is stored.
    """

    number: int = 0
    topic_times: tuple[datetime, ...] = ()
    reply_times: tuple[datetime, ...] = ()

    def post_topic(self, limits: Limits, now: datetime) -> Poster:
        """One topic more. Refuses with POSTING_TOO_FAST."""
        times = _next(self.topic_times, limits.topics, now, "topics")
        return replace(self, number=self.number + 1, topic_times=times)

    def post_reply(self, limits: Limits, now: datetime) -> Poster:
        """One reply more. Refuses with POSTING_TOO_FAST."""
        times = _next(self.reply_times, limits.replies, now, "replies")
        return replace(self, number=self.number + 1, reply_times=times)


def limits_of(member: Member, limits: Mapping[int, Limits]) -> Limits:
    """What holds for this member, who is no moderator."""
    return limits[member.known_level]


def check_limit(seconds: float, a_day: int, field: str, what: str) -> Limit:
    """0 a day: any number. Refuses with FIELD_INVALID."""
    if not 0 <= seconds <= LONGEST_PAUSE:
        at = f"{field}.seconds_between_{what}"
        raise FieldInvalidError(f"{at} must be 0 to {LONGEST_PAUSE}", field=at)
    if not 0 <= a_day <= MOST_A_DAY:
        at = f"{field}.{what}_per_day"
        raise FieldInvalidError(f"{at} must be 0 to {MOST_A_DAY}", field=at)
    return Limit(seconds, a_day or None)


def _next(
    times: tuple[datetime, ...], limit: Limit, now: datetime, what: str
) -> tuple[datetime, ...]:
    recent = tuple(time for time in times if now - time < _DAY)
    if recent and (wait := limit.seconds - (now - recent[-1]).total_seconds()) > 0:
        raise PostingTooFastError(f"{limit.seconds:g} s between {what}", retry_after=wait)
    if limit.a_day is not None and len(recent) >= limit.a_day:
        free = recent[-limit.a_day] + _DAY
        raise PostingTooFastError(
            f"{limit.a_day} {what} in 24 hours", retry_after=(free - now).total_seconds()
        )
    return (*recent, now)[-MOST_A_DAY:]
