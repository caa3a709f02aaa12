"""How fast people may post and mention others: by trust level, and what one person did lately."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import FieldInvalidError, ResourceExhaustedError
from services.forum.domain.members import Member

_DAY = timedelta(days=1)
LONGEST_PAUSE = 86_400  # seconds between two posts
MOST_A_DAY = 100  # that can be asked for: as many times are kept with each post
MOST_MENTIONS, MOST_MENTIONS_A_DAY = 10, 200  # likewise


class PostingTooFastError(ResourceExhaustedError):
    """Wait a little, or until tomorrow; `retry_after` says how long."""

    def __init__(self, message: str = "", *, field: str = "", retry_after: float = 5.0) -> None:
        # Raised bare where two posts of one person meet in the store: the shortest wait will do.
        super().__init__(message, field=field, retry_after=retry_after)


class MentionLimitReachedError(ResourceExhaustedError):
    """So many people a day; `retry_after` says when more."""


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
class MentionLimits:
    """How many people one post may mention, and how many are mentioned anew in 24 hours."""

    a_post: int
    a_day: int


# Some posts full of mentions; more for those who are trusted more, as with votes.
MENTION_LIMITS: Mapping[int, MentionLimits] = {
    NEW: MentionLimits(2, 10),
    BASIC: MentionLimits(10, 50),
    TRUSTED_MEMBER: MentionLimits(10, 75),
    REGULAR: MentionLimits(10, 100),
    LEADER: MentionLimits(10, 150),
}


@dataclass(frozen=True, slots=True)
class Poster:
    """What one person posted in one community in the last day, newest last.

    `number` counts their posts: two that are decided at once get the same and only one is stored.
    """

    number: int = 0
    topic_times: tuple[datetime, ...] = ()
    reply_times: tuple[datetime, ...] = ()
    mention_times: tuple[datetime, ...] = ()  # one for each person

    def post_topic(self, limits: Limits, now: datetime) -> Poster:
        """One topic more. Refuses with POSTING_TOO_FAST."""
        times = _next(self.topic_times, limits.topics, now, "topics")
        return replace(self, number=self.number + 1, topic_times=times)

    def post_reply(self, limits: Limits, now: datetime) -> Poster:
        """One reply more. Refuses with POSTING_TOO_FAST."""
        times = _next(self.reply_times, limits.replies, now, "replies")
        return replace(self, number=self.number + 1, reply_times=times)

    def edit(self) -> Poster:
        """What is counted beside it: of two edits at once one is told so."""
        return replace(self, number=self.number + 1)

    def mention(self, people: int, a_day: int, now: datetime) -> Poster:
        """So many more, whoever they are. Refuses with MENTION_LIMIT_REACHED."""
        recent = tuple(time for time in self.mention_times if now - time < _DAY)
        if people and (over := len(recent) + people - a_day) > 0:
            free = recent[over - 1] + _DAY if over <= len(recent) else now + _DAY
            raise MentionLimitReachedError(
                f"{a_day} people mentioned in 24 hours, and this mentions {people} more",
                field="mentioned_ids",
                retry_after=(free - now).total_seconds(),
            )
        return replace(self, mention_times=(*recent, *[now] * people))


@dataclass(frozen=True, slots=True)
class Pace:
    """What one member posted lately, and how much they may."""

    poster: Poster
    limits: Limits
    mentions_a_day: int

    def post(
        self, post: Callable[[Poster, Limits, datetime], Poster], mentions: int, now: datetime
    ) -> Poster:
        """One post more, that mentions so many. Refuses with POSTING_TOO_FAST,
        MENTION_LIMIT_REACHED.
        """
        return post(self.poster, self.limits, now).mention(mentions, self.mentions_a_day, now)

    def edit(self, mentions: int, now: datetime) -> Poster:
        """One post mentions so many more. Refuses with MENTION_LIMIT_REACHED."""
        return self.poster.edit().mention(mentions, self.mentions_a_day, now)


def mention_limits_of(member: Member, limits: Mapping[int, MentionLimits]) -> MentionLimits:
    """What holds for this member; a moderator is bound as a LEADER."""
    return limits[LEADER if member.moderator else member.known_level]


def check_mention_limits(a_post: int, a_day: int, field: str) -> MentionLimits:
    """Refuses with FIELD_INVALID."""
    if not 0 <= a_post <= MOST_MENTIONS:
        at = f"{field}.people_per_post"
        raise FieldInvalidError(f"{at} must be 0 to {MOST_MENTIONS}", field=at)
    if not a_post <= a_day <= MOST_MENTIONS_A_DAY:
        at = f"{field}.people_per_day"
        raise FieldInvalidError(
            f"{at} must be at least those of a post, at most {MOST_MENTIONS_A_DAY}", field=at
        )
    return MentionLimits(a_post, a_day)


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
