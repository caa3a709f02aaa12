"""Flags: members' complaints about posts, and how often one may complain."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER, known_level
from chassis.errors import (
    AbortedError,
    AlreadyExistsError,
    FieldInvalidError,
    NotFoundError,
    ResourceExhaustedError,
)

# After Discourse's max_flags_per_day, its factors for those who are trusted more, and its
# cooldown_hours_until_reflag. There a newcomer flags nothing; here whoever reads may complain.
FLAGS_A_DAY: Mapping[int, int] = {NEW: 5, BASIC: 20, TRUSTED_MEMBER: 30, REGULAR: 40, LEADER: 60}
MOST_A_DAY = FLAGS_A_DAY[LEADER]
_DAY = timedelta(days=1)
_COOLDOWN = timedelta(hours=24)
_NAMESPACE = uuid.UUID("5d0c6a0e-5a5f-4c0b-9a55-0d7d2a6f3b18")


class TopicNotFoundError(NotFoundError):
    """There is no such topic, or this person cannot see it."""


class ReplyNotFoundError(NotFoundError):
    """There is no such reply, or this person cannot see it."""


class PostFlaggedError(AlreadyExistsError):
    """The person has flagged the post, and nobody has decided yet."""


class PostFlaggedLatelyError(ResourceExhaustedError):
    """It was decided on the person's flag within 24 hours; `retry_after` says when they may."""


class FlagLimitReachedError(ResourceExhaustedError):
    """So many flags a day; `retry_after` says when more."""


class FlaggedAtOnceError(AbortedError):
    """What was known of the person's flags, or of the post's cases, is no more so."""


class FlagReason(Enum):
    """Why a member flags a post."""

    SPAM = 1
    ABUSE = 2
    INAPPROPRIATE = 3
    MISLEADING = 4
    RULE_BREAKING = 5


class FlagState(Enum):
    """What became of a flag; all but OPEN are final."""

    OPEN = 1
    AGREED = 2
    DISMISSED = 3
    MOOT = 4


@dataclass(frozen=True, slots=True)
class FlaggedPost:
    """A post that the readers of its space see, as the forum has it now."""

    community_id: str
    topic_id: str
    reply_id: str  # empty: the topic itself
    author_id: str  # empty: an imported persona's
    submission_number: int

    @property
    def id(self) -> str:
        """The reply's, else the topic's."""
        return self.reply_id or self.topic_id


@dataclass(frozen=True, slots=True)
class Flag:
    """One complaint of one member about one post.

    `number` counts the flags of a person in a community: of two that are decided at once, in
    whatever replica, only one is stored.
    """

    id: str
    community_id: str
    case_id: str
    post_id: str
    person_id: str
    reasons: tuple[FlagReason, ...]
    text: str
    create_time: datetime
    number: int
    state: FlagState = FlagState.OPEN
    settle_time: datetime | None = None

    def check_another(self, now: datetime) -> None:
        """Whether the person may flag the post once more; at once where nobody decided on this.

        Refuses with POST_FLAGGED, POST_FLAGGED_LATELY.
        """
        if self.state is FlagState.OPEN:
            raise PostFlaggedError
        if self.settle_time is None or self.state is FlagState.MOOT:
            return
        wait = self.settle_time + _COOLDOWN - now
        if wait > timedelta():
            raise PostFlaggedLatelyError(retry_after=wait.total_seconds())


@dataclass(frozen=True, slots=True)
class Flagger:
    """How a person has flagged in one community, and a post of it."""

    number: int = 0  # of their last flag
    times: tuple[datetime, ...] = ()  # of their last flags, at most MOST_A_DAY; newest first
    latest: Flag | None = None  # of the post

    def check(self, trust_level: int, now: datetime) -> None:
        """Refuses with POST_FLAGGED, POST_FLAGGED_LATELY, FLAG_LIMIT_REACHED."""
        if self.latest is not None:
            self.latest.check_another(now)
        most = FLAGS_A_DAY[known_level(trust_level)]
        lately = [time for time in self.times if now - time < _DAY]
        if len(lately) >= most:
            wait = lately[most - 1] + _DAY - now
            raise FlagLimitReachedError(
                f"{most} flags in 24 hours", retry_after=wait.total_seconds()
            )


def check_reasons(reasons: Iterable[FlagReason]) -> tuple[FlagReason, ...]:
    """Each once, in their order. Refuses with FIELD_INVALID where there is none."""
    given = set(reasons)
    if not given:
        raise FieldInvalidError("reasons must name one at least", field="reasons")
    return tuple(reason for reason in FlagReason if reason in given)


def flag_id(case_id: str, person_id: str) -> str:
    """The one flag of a person in a case."""
    return uuid.uuid5(_NAMESPACE, f"{case_id}:{person_id}").hex
