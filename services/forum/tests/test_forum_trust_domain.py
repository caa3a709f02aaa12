"""Which level what members did is worth, by plain calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import FieldInvalidError
from services.forum.domain.participation import VOTE_FACTORS
from services.forum.domain.posting import POSTING_LIMITS, Limit, Limits
from services.forum.domain.trust import (
    DEFAULT_NEEDS,
    Day,
    Fact,
    Standing,
    TrustSettings,
    TrustSettingsChange,
    check_grace,
    check_keep_factor,
    check_needs,
    check_posting_limits,
    check_vote_factors,
    check_window,
    facts_for,
    facts_of,
    judged,
    meets,
    minutes_read,
    next_level,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = TrustSettings("c1")
NOTHING = TrustSettingsChange({}, None, None, None, {}, {}, {}, {}, None, None)
NOBODY = Standing("s1", "c1", "p1")


def days(
    count: int, *, ago: int = 0, topics: int = 1, read: int = 5, likes: int = 1, minutes: int = 5
) -> list[Day]:
    """So many days, the last so long ago, each with as much."""
    end = NOW.date() - timedelta(days=ago)
    return [
        Day(
            end - timedelta(days=number),
            True,
            {
                Fact.TOPICS_ENTERED: 3,
                Fact.POSTS_READ: read,
                Fact.LIKES_GIVEN: likes,
                Fact.LIKES_RECEIVED: likes,
            },
            frozenset(f"t{number * topics + more}" for more in range(topics)),
            {f"p{number % 7}": 1},
            read_minutes=frozenset(range(600, 600 + minutes)),
        )
        for number in range(count)
    ]


def level(of: list[Day], standing: Standing = NOBODY, now: datetime = NOW) -> int:
    return judged(standing, SETTINGS, of, now).level


def test_levels_are_reached_one_after_the_other() -> None:
    assert level([]) == NEW
    assert level(days(1, read=30)) == NEW  # three topics are too few
    assert level(days(2, read=15)) == BASIC
    assert level(days(14, read=10)) == BASIC
    assert level(days(15, read=10)) == TRUSTED_MEMBER
    assert level(days(29, read=10)) == TRUSTED_MEMBER
    assert level(days(30, read=10)) == REGULAR
    assert level(days(30, read=10, topics=0)) == BASIC  # read only
    reached = judged(NOBODY, SETTINGS, days(30, read=10), NOW)
    assert reached == replace(NOBODY, level=REGULAR, level_time=NOW)


@pytest.mark.parametrize(
    ("minutes", "read"),
    [
        ([], 0),
        ([600], 1),  # however many topics in it
        ([600, 600, 600], 1),
        ([600, 605], 6),
        ([600, 606], 2),  # a pause: it begins anew
        ([600, 603, 604, 700, 702], 8),
        ([702, 604, 600, 700, 603], 8),  # in whatever order it was heard
        ([0, 1439], 2),
        (range(1440), 1440),  # never more than the day has
        (range(0, 1440, 6), 240),
    ],
)
def test_minutes_are_read_from_one_sign_of_reading_to_the_next(
    minutes: Iterable[int], read: int
) -> None:
    assert minutes_read(minutes) == read


def test_minutes_are_needed_for_basic_and_member() -> None:
    assert level(days(2, read=15, minutes=4)) == NEW
    assert level(days(2, read=15, minutes=5)) == BASIC
    assert level(days(15, read=10, minutes=3)) == BASIC
    assert level(days(15, read=10, minutes=4)) == TRUSTED_MEMBER


@pytest.mark.parametrize("held", [BASIC, TRUSTED_MEMBER, REGULAR])
def test_who_earned_a_level_before_minutes_were_counted_keeps_it(held: int) -> None:
    long_ago = NOW - timedelta(days=500)
    standing = replace(NOBODY, level=held, level_time=long_ago)
    lived = days(30, read=10, minutes=0)
    expected = {BASIC: BASIC, TRUSTED_MEMBER: REGULAR, REGULAR: REGULAR}[held]
    after = judged(standing, SETTINGS, lived, NOW)
    assert (after.level, after.level_time) == (expected, NOW if expected != held else long_ago)
    lapsed = judged(standing, SETTINGS, [], NOW)
    assert lapsed.level == min(held, TRUSTED_MEMBER)  # as ever: only REGULAR is lost
    # A member climbs on, and a REGULAR who lost the level earns it again, without older minutes.
    assert level(lived, replace(NOBODY, level=TRUSTED_MEMBER)) == REGULAR


def test_what_is_long_ago_counts_for_member_and_not_for_regular() -> None:
    assert level(days(60, ago=200, read=10)) == TRUSTED_MEMBER


def test_removed_posts_keep_from_regular() -> None:
    good = days(30, read=10)
    spam = [replace(good[0], removed_posts=frozenset(f"r{n}" for n in range(6))), *good[1:]]
    assert level(spam) == TRUSTED_MEMBER
    five = [replace(good[0], removed_posts=frozenset(f"r{n}" for n in range(5))), *good[1:]]
    assert level(five) == REGULAR


@pytest.mark.parametrize("held", [NEW, BASIC, TRUSTED_MEMBER, LEADER])
def test_only_regular_is_lost(held: int) -> None:
    standing = replace(NOBODY, level=held, level_time=NOW - timedelta(days=500))
    assert judged(standing, SETTINGS, [], NOW) == standing


def test_regular_is_lost_below_nine_tenths_and_after_two_weeks() -> None:
    old = replace(NOBODY, level=REGULAR, level_time=NOW - timedelta(days=14))
    young = replace(old, level_time=NOW - timedelta(days=14) + timedelta(seconds=1))
    lost = judged(old, SETTINGS, days(26, read=10), NOW)
    assert (lost.level, lost.level_time) == (TRUSTED_MEMBER, NOW)
    assert judged(young, SETTINGS, days(26, read=10), NOW) == young
    assert judged(old, SETTINGS, days(27, read=10), NOW) == old
    # What was removed gives no slack.
    bad = [replace(d, removed_posts=frozenset({f"r{d.day}"})) for d in days(30, read=10)]
    assert judged(old, SETTINGS, bad, NOW).level == TRUSTED_MEMBER
    # Lost and earned again.
    assert judged(lost, SETTINGS, days(30, read=10), NOW).level == REGULAR


def test_same_topic_and_same_liker_count_once() -> None:
    one = Day(date(2026, 5, 1), True, {}, frozenset({"t1"}), {"p2": 1})
    two = replace(one, day=date(2026, 5, 2), visited=False, counts={Fact.LIKES_GIVEN: 2})
    two = replace(two, read_minutes=frozenset({0, 4}))
    counts = facts_of([one, two])
    assert counts[Fact.MINUTES_READ] == 5
    assert (counts[Fact.TOPICS_REPLIED], counts[Fact.LIKERS]) == (1, 1)
    assert (counts[Fact.DAYS_VISITED], counts[Fact.LIKES_GIVEN]) == (1, 2)
    assert facts_of([one, two], date(2026, 5, 2))[Fact.DAYS_VISITED] == 0


def test_needs_of_a_community_replace_the_defaults() -> None:
    easy = SETTINGS.changed(
        replace(NOTHING, needs={BASIC: {}, TRUSTED_MEMBER: {Fact.DAYS_VISITED: 1}})
    )
    assert judged(NOBODY, easy, days(1), NOW).level == TRUSTED_MEMBER
    assert easy.needs[REGULAR] == DEFAULT_NEEDS[REGULAR]
    assert meets(facts_of([]), {Fact.POSTS_REMOVED: 0})


def test_a_community_sets_what_regular_looks_back_on_and_how_it_is_kept() -> None:
    assert SETTINGS.changed(NOTHING) == SETTINGS
    lately = SETTINGS.changed(replace(NOTHING, window=timedelta(days=20)))
    assert judged(NOBODY, lately, days(30, read=10), NOW).level == TRUSTED_MEMBER
    assert facts_for(REGULAR, lately, days(30), NOW)[Fact.DAYS_VISITED] == 21  # with today
    assert facts_for(BASIC, lately, days(30), NOW)[Fact.DAYS_VISITED] == 30
    old = replace(NOBODY, level=REGULAR, level_time=NOW - timedelta(days=20))
    kept = SETTINGS.changed(replace(NOTHING, grace=timedelta(days=21)))
    assert judged(old, kept, [], NOW) == old
    half = SETTINGS.changed(replace(NOTHING, keep_factor=0.5))
    assert judged(old, half, days(15, read=10), NOW).level == REGULAR
    assert judged(old, half, days(14, read=10), NOW).level == TRUSTED_MEMBER


def test_limits_and_factors_of_some_levels_replace_theirs_only() -> None:
    limits = check_posting_limits([(NEW, (60, 5), (10, 0))])
    factors = check_vote_factors([(LEADER, 10)])
    after = SETTINGS.changed(replace(NOTHING, posting_limits=limits, vote_factors=factors))
    assert after.posting_limits == {**POSTING_LIMITS, NEW: Limits(Limit(60, 5), Limit(10, None))}
    assert after.vote_factors == {**VOTE_FACTORS, LEADER: 10}


@pytest.mark.parametrize(
    ("check", "field"),
    [
        (lambda: check_window(0), "window_days"),
        (lambda: check_window(366), "window_days"),
        (lambda: check_grace(-1), "grace_days"),
        (lambda: check_grace(366), "grace_days"),
        (lambda: check_keep_factor(1.1), "keep_factor"),
        (lambda: check_keep_factor(float("nan")), "keep_factor"),
        (lambda: check_vote_factors([(0, 1)]), "vote_factors.0.trust_level"),
        (lambda: check_vote_factors([(6, 1)]), "vote_factors.0.trust_level"),
        (lambda: check_vote_factors([(NEW, 1), (NEW, 1)]), "vote_factors.1.trust_level"),
        (lambda: check_vote_factors([(NEW, 0.4)]), "vote_factors.0.factor"),
        (lambda: check_vote_factors([(NEW, 1), (BASIC, 10.5)]), "vote_factors.1.factor"),
        (lambda: check_posting_limits([(0, (1, 1), (1, 1))]), "posting_limits.0.trust_level"),
        (
            lambda: check_posting_limits([(NEW, (-1, 1), (1, 1))]),
            "posting_limits.0.seconds_between_topics",
        ),
        (
            lambda: check_posting_limits([(NEW, (1, 1), (1, 101))]),
            "posting_limits.0.replies_per_day",
        ),
    ],
)
def test_bad_settings_are_refused(check: Callable[[], object], field: str) -> None:
    with pytest.raises(FieldInvalidError) as refusal:
        check()
    assert refusal.value.field == field


def test_next_level() -> None:
    assert [next_level(replace(NOBODY, level=one)) for one in (NEW, BASIC, TRUSTED_MEMBER)] == [
        BASIC,
        TRUSTED_MEMBER,
        REGULAR,
    ]
    assert next_level(replace(NOBODY, level=REGULAR)) == 0


@pytest.mark.parametrize(
    ("needs", "field"),
    [
        ([(LEADER, [])], "requirements.0.trust_level"),
        ([(NEW, [])], "requirements.0.trust_level"),
        ([(BASIC, []), (BASIC, [])], "requirements.1.trust_level"),
        ([(BASIC, [(Fact.LIKERS, 1), (Fact.LIKERS, 2)])], "requirements.0.needs.1.fact"),
        ([(BASIC, [(Fact.LIKERS, -1)])], "requirements.0.needs.0.count"),
        ([(BASIC, [(Fact.LIKERS, 1_000_001)])], "requirements.0.needs.0.count"),
    ],
)
def test_bad_needs_are_refused(needs: list[tuple[int, list[tuple[Fact, int]]]], field: str) -> None:
    with pytest.raises(FieldInvalidError) as refusal:
        check_needs(needs)
    assert refusal.value.field == field
