"""Trust levels: what a member has done in a community, and which level that is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import FieldInvalidError
from services.forum.domain.participation import (
    REACTION_LIMITS,
    VOTE_FACTORS,
    check_reaction_limit,
    check_vote_factor,
)
from services.forum.domain.posting import (
    MENTION_LIMITS,
    POSTING_LIMITS,
    Limits,
    MentionLimits,
    check_limit,
    check_mention_limits,
)

LONGEST_WINDOW = LONGEST_GRACE = 365  # days
MOST_NEEDED = 1_000_000
LONGEST_PAUSE = 5  # minutes between two signs of reading in which somebody is believed to read on
EARNED = (BASIC, TRUSTED_MEMBER, REGULAR)  # LEADER is given by hand
LEVELS = (NEW, *EARNED, LEADER)


class Fact(StrEnum):
    """What is counted."""

    TOPICS_ENTERED = "TOPICS_ENTERED"
    POSTS_READ = "POSTS_READ"
    MINUTES_READ = "MINUTES_READ"
    DAYS_VISITED = "DAYS_VISITED"
    TOPICS_REPLIED = "TOPICS_REPLIED"
    LIKES_GIVEN = "LIKES_GIVEN"
    LIKES_RECEIVED = "LIKES_RECEIVED"
    LIKERS = "LIKERS"
    POSTS_REMOVED = "POSTS_REMOVED"  # at most so many


Counts = Mapping[Fact, int]

# After Discourse's table. Its third level is scaled to communities of some hundred people who come
# on working days: 50 of 100 days, 20 likes and shares of everything there is are for crowds.
DEFAULT_NEEDS: Mapping[int, Counts] = {
    BASIC: {Fact.TOPICS_ENTERED: 5, Fact.POSTS_READ: 30, Fact.MINUTES_READ: 10},
    TRUSTED_MEMBER: {
        Fact.TOPICS_ENTERED: 20,
        Fact.POSTS_READ: 100,
        Fact.MINUTES_READ: 60,
        Fact.DAYS_VISITED: 15,
        Fact.LIKES_RECEIVED: 1,
        Fact.LIKES_GIVEN: 1,
        Fact.TOPICS_REPLIED: 3,
    },
    REGULAR: {
        Fact.DAYS_VISITED: 30,
        Fact.TOPICS_REPLIED: 10,
        Fact.TOPICS_ENTERED: 50,
        Fact.POSTS_READ: 200,
        Fact.LIKES_GIVEN: 10,
        Fact.LIKES_RECEIVED: 10,
        Fact.LIKERS: 5,
        Fact.POSTS_REMOVED: 5,
    },
}


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """What each level needs in one community, and what it allows. As it is made: the defaults."""

    community_id: str
    needs: Mapping[int, Counts] = field(default_factory=lambda: DEFAULT_NEEDS)
    window: timedelta = timedelta(days=100)  # what REGULAR looks back on
    grace: timedelta = timedelta(days=14)  # for which REGULAR is kept whatever happens
    keep_factor: float = 0.9  # of what REGULAR needs, to keep it
    posting_limits: Mapping[int, Limits] = field(default_factory=lambda: POSTING_LIMITS)
    vote_factors: Mapping[int, float] = field(default_factory=lambda: VOTE_FACTORS)
    mention_limits: Mapping[int, MentionLimits] = field(default_factory=lambda: MENTION_LIMITS)
    reaction_limits: Mapping[int, int] = field(default_factory=lambda: REACTION_LIMITS)
    review_below: int = BASIC  # the lowest level whose posts nobody reviews for the level's sake
    link_card_hosts: tuple[str, ...] = ()  # whose pages may be fetched for link cards
    version: int = 0

    def changed(self, change: TrustSettingsChange) -> TrustSettings:
        """With what is given in place of what was."""
        return replace(
            self,
            needs={**self.needs, **change.needs},
            window=self.window if change.window is None else change.window,
            grace=self.grace if change.grace is None else change.grace,
            keep_factor=self.keep_factor if change.keep_factor is None else change.keep_factor,
            posting_limits={**self.posting_limits, **change.posting_limits},
            vote_factors={**self.vote_factors, **change.vote_factors},
            mention_limits={**self.mention_limits, **change.mention_limits},
            reaction_limits={**self.reaction_limits, **change.reaction_limits},
            review_below=change.review_below or self.review_below,
            link_card_hosts=self.link_card_hosts
            if change.link_card_hosts is None
            else change.link_card_hosts,
        )

    def since(self, now: datetime) -> date:
        """The first day that REGULAR looks back on."""
        return (now - self.window).date()


@dataclass(frozen=True, slots=True)
class TrustSettingsChange:
    """What takes the place of what was: by level; None: nothing does."""

    needs: Mapping[int, Counts]
    window: timedelta | None
    grace: timedelta | None
    keep_factor: float | None
    posting_limits: Mapping[int, Limits]
    vote_factors: Mapping[int, float]
    mention_limits: Mapping[int, MentionLimits]
    reaction_limits: Mapping[int, int]
    review_below: int | None
    link_card_hosts: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Day:
    """What a member did, and what happened to the member's posts, on one day."""

    day: date
    visited: bool
    counts: Counts  # what is added up
    replied_topics: frozenset[str] = frozenset()
    likers: Mapping[str, int] = field(default_factory=dict)  # likes given less those taken back
    removed_posts: frozenset[str] = frozenset()
    read_minutes: frozenset[int] = frozenset()  # of the day, in which anything was read further


@dataclass(frozen=True, slots=True)
class Standing:
    """The level a member has earned in a community."""

    id: str
    community_id: str
    person_id: str
    level: int = NEW
    level_time: datetime | None = None


def check_needs(needs: Sequence[tuple[int, Sequence[tuple[Fact, int]]]]) -> Mapping[int, Counts]:
    """Levels that are earned, each once, with facts, each once. Refuses with FIELD_INVALID."""
    checked: dict[int, Counts] = {}
    for index, (level, facts) in enumerate(needs):
        at = f"requirements.{index}"
        if level not in EARNED or level in checked:
            raise FieldInvalidError(
                f"{at}.trust_level must be BASIC, MEMBER or REGULAR, each once",
                field=f"{at}.trust_level",
            )
        counts: dict[Fact, int] = {}
        for place, (fact, count) in enumerate(facts):
            need = f"{at}.needs.{place}"
            if fact in counts:
                raise FieldInvalidError(f"{need}.fact stands twice", field=f"{need}.fact")
            if not 0 <= count <= MOST_NEEDED:
                raise FieldInvalidError(
                    f"{need}.count must be 0 to {MOST_NEEDED}", field=f"{need}.count"
                )
            counts[fact] = count
        checked[level] = counts
    return checked


def check_window(days: int) -> timedelta:
    """Refuses with FIELD_INVALID."""
    if not 1 <= days <= LONGEST_WINDOW:
        raise FieldInvalidError(f"window_days must be 1 to {LONGEST_WINDOW}", field="window_days")
    return timedelta(days=days)


def check_grace(days: int) -> timedelta:
    """Refuses with FIELD_INVALID."""
    if not 0 <= days <= LONGEST_GRACE:
        raise FieldInvalidError(f"grace_days must be 0 to {LONGEST_GRACE}", field="grace_days")
    return timedelta(days=days)


def check_keep_factor(factor: float) -> float:
    """Refuses with FIELD_INVALID."""
    if not 0 <= factor <= 1:
        raise FieldInvalidError("keep_factor must be 0 to 1", field="keep_factor")
    return factor


def check_posting_limits(
    limits: Sequence[tuple[int, tuple[float, int], tuple[float, int]]],
) -> Mapping[int, Limits]:
    """Seconds and how many a day of topics and of replies, each level once.

    Refuses with FIELD_INVALID.
    """
    _check_levels([level for level, _, _ in limits], "posting_limits")
    return {
        level: Limits(
            check_limit(*topics, f"posting_limits.{index}", "topics"),
            check_limit(*replies, f"posting_limits.{index}", "replies"),
        )
        for index, (level, topics, replies) in enumerate(limits)
    }


def check_vote_factors(factors: Sequence[tuple[int, float]]) -> Mapping[int, float]:
    """Each level once. Refuses with FIELD_INVALID."""
    _check_levels([level for level, _ in factors], "vote_factors")
    return {
        level: check_vote_factor(factor, f"vote_factors.{index}.factor")
        for index, (level, factor) in enumerate(factors)
    }


def check_all_mention_limits(
    limits: Sequence[tuple[int, int, int]],
) -> Mapping[int, MentionLimits]:
    """People a post and a day, each level once. Refuses with FIELD_INVALID."""
    _check_levels([level for level, _, _ in limits], "mention_limits")
    return {
        level: check_mention_limits(a_post, a_day, f"mention_limits.{index}")
        for index, (level, a_post, a_day) in enumerate(limits)
    }


def check_reaction_limits(limits: Sequence[tuple[int, int]]) -> Mapping[int, int]:
    """How many a day, each level once. Refuses with FIELD_INVALID."""
    _check_levels([level for level, _ in limits], "reaction_limits")
    return {
        level: check_reaction_limit(a_day, f"reaction_limits.{index}")
        for index, (level, a_day) in enumerate(limits)
    }


def check_review_below(level: int) -> int:
    """NEW: there is nobody below it. Refuses with FIELD_INVALID."""
    if level not in LEVELS:
        raise FieldInvalidError("review_below must be a trust level", field="review_below")
    return level


def _check_levels(levels: Sequence[int], field: str) -> None:
    for index, level in enumerate(levels):
        if level not in LEVELS or level in levels[:index]:
            at = f"{field}.{index}.trust_level"
            raise FieldInvalidError(f"{at} must be a trust level, each once", field=at)


def minutes_read(minutes: Iterable[int]) -> int:
    """How long somebody read who was seen to read in these minutes.

    From one to the next while no pause is long; one minute where it begins anew. So hundreds of
    topics read within a second are one minute, a page that is left open tells of nothing, and
    nobody comes to more than the time that passed. A set: told twice, or late, it is the same.
    """
    signs = sorted(set(minutes))
    pauses = [later - earlier for earlier, later in pairwise(signs)]
    return bool(signs) + sum(pause if pause <= LONGEST_PAUSE else 1 for pause in pauses)


def facts_of(days: Iterable[Day], since: date | None = None) -> Counts:
    """What the days come to, those from a day on."""
    counts = dict.fromkeys(Fact, 0)
    replied: set[str] = set()
    likers: Counter[str] = Counter()
    removed: set[str] = set()
    for day in days:
        if since is not None and day.day < since:
            continue
        for fact, count in day.counts.items():
            counts[fact] += count
        counts[Fact.DAYS_VISITED] += day.visited
        counts[Fact.MINUTES_READ] += minutes_read(day.read_minutes)
        replied |= day.replied_topics
        likers.update(day.likers)
        removed |= day.removed_posts
    counts[Fact.TOPICS_REPLIED] = len(replied)
    counts[Fact.LIKERS] = sum(likes > 0 for likes in likers.values())
    counts[Fact.POSTS_REMOVED] = len(removed)
    return counts


def meets(have: Counts, needs: Counts, slack: float = 1.0) -> bool:
    """Whether it is enough; where little more is asked for, what was removed gives no slack."""
    return all(
        have[fact] <= count if fact is Fact.POSTS_REMOVED else have[fact] >= count * slack
        for fact, count in needs.items()
    )


def judged(
    standing: Standing, settings: TrustSettings, days: Sequence[Day], now: datetime
) -> Standing:
    """The standing after these days. Only REGULAR is ever lost, and not in the days of grace.

    What was earned below it stays earned, also where its level needs more by now.
    """
    ever, lately = facts_of(days), facts_of(days, settings.since(now))
    reached = NEW
    earned = min(standing.level, TRUSTED_MEMBER)
    for level, have in ((BASIC, ever), (TRUSTED_MEMBER, ever), (REGULAR, lately)):
        if level > earned and not meets(have, settings.needs[level]):
            break
        reached = level
    if reached < REGULAR and standing.level == REGULAR:
        since = standing.level_time or now
        young = now - since < settings.grace
        if young or meets(lately, settings.needs[REGULAR], settings.keep_factor):
            return standing
        reached = TRUSTED_MEMBER
    elif reached <= standing.level:
        return standing
    return replace(standing, level=reached, level_time=now)


def next_level(standing: Standing) -> int:
    """The one to be earned next; 0: there is none."""
    return 0 if standing.level >= REGULAR else standing.level + 1


def facts_for(level: int, settings: TrustSettings, days: Sequence[Day], now: datetime) -> Counts:
    """What counts towards a level."""
    return facts_of(days, settings.since(now) if level == REGULAR else None)
