"""Trust levels: what a member has done in a community, and which level that is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from chassis.actors import BASIC, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import FieldInvalidError

WINDOW = timedelta(days=100)  # what REGULAR looks back on
GRACE = timedelta(days=14)  # for which REGULAR is kept whatever happens
SLACK = 0.9  # of what REGULAR needs, to keep it
MOST_NEEDED = 1_000_000
LONGEST_PAUSE = 5  # minutes between two signs of reading in which somebody is believed to read on
EARNED = (BASIC, TRUSTED_MEMBER, REGULAR)  # LEADER is given by hand


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
    """What each level needs in one community."""

    community_id: str
    needs: Mapping[int, Counts]
    version: int = 0

    @classmethod
    def default(cls, community_id: str) -> TrustSettings:
        """Where nobody has said anything."""
        return cls(community_id, DEFAULT_NEEDS)

    def changed(self, needs: Mapping[int, Counts]) -> TrustSettings:
        """With these in place of what those levels needed."""
        return replace(self, needs={**self.needs, **needs})


@dataclass(frozen=True, slots=True)
class Day:
    """What a member did, and what happened to the member's posts, on one day."""

    day: date
    visited: bool
    counts: Counts  # what is added up
    replied_topics: frozenset[str] = frozenset()
    likers: frozenset[str] = frozenset()
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
    if not needs:
        raise FieldInvalidError("requirements must be given", field="requirements")
    for index, (level, facts) in enumerate(needs):
        at = f"requirements.{index}"
        if level not in EARNED or level in checked:
            raise FieldInvalidError(
                f"{at}.trust_level must be BASIC, MEMBER or REGULAR, each once",
                field=f"{at}.trust_level",
            )
        counts: dict[Fact, int] = {}
        for place, (fact, count) in enumerate(facts):
            field = f"{at}.needs.{place}"
            if fact in counts:
                raise FieldInvalidError(f"{field}.fact stands twice", field=f"{field}.fact")
            if not 0 <= count <= MOST_NEEDED:
                raise FieldInvalidError(
                    f"{field}.count must be 0 to {MOST_NEEDED}", field=f"{field}.count"
                )
            counts[fact] = count
        checked[level] = counts
    return checked


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
    likers: set[str] = set()
    removed: set[str] = set()
    for day in days:
        if since is not None and day.day < since:
            continue
        for fact, count in day.counts.items():
            counts[fact] += count
        counts[Fact.DAYS_VISITED] += day.visited
        counts[Fact.MINUTES_READ] += minutes_read(day.read_minutes)
        replied |= day.replied_topics
        likers |= day.likers
        removed |= day.removed_posts
    counts[Fact.TOPICS_REPLIED] = len(replied)
    counts[Fact.LIKERS] = len(likers)
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
    """The standing after these days. Only REGULAR is ever lost, and not in the first two weeks.

    What was earned below it stays earned, also where its level needs more by now.
    """
    ever, lately = facts_of(days), facts_of(days, (now - WINDOW).date())
    reached = NEW
    earned = min(standing.level, TRUSTED_MEMBER)
    for level, have in ((BASIC, ever), (TRUSTED_MEMBER, ever), (REGULAR, lately)):
        if level > earned and not meets(have, settings.needs[level]):
            break
        reached = level
    if reached < REGULAR and standing.level == REGULAR:
        since = standing.level_time or now
        young = now - since < GRACE
        if young or meets(lately, settings.needs[REGULAR], SLACK):
            return standing
        reached = TRUSTED_MEMBER
    elif reached <= standing.level:
        return standing
    return replace(standing, level=reached, level_time=now)


def next_level(standing: Standing) -> int:
    """The one to be earned next; 0: there is none."""
    return 0 if standing.level >= REGULAR else standing.level + 1


def facts_for(level: int, days: Sequence[Day], now: datetime) -> Counts:
    """What counts towards a level."""
    return facts_of(days, (now - WINDOW).date() if level == REGULAR else None)
