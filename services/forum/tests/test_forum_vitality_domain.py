"""How spaces do, by plain calls: what counts, the index, runs of days, and what is folded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.forum.domain.spaces import Audience, Space, SpaceMode, Vitality
from services.forum.domain.vitality import (
    DAY,
    Measures,
    ReplyFact,
    SpaceDay,
    TopicFact,
    counted_day,
    day_of,
    days_to_count,
    index_of,
    measured,
    rated,
    scale_of,
)

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
TODAY = datetime(2026, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPACE = Space(
    "s1",
    "c1",
    "s",
    "S",
    "",
    SpaceMode.AUTO,
    Audience.COMMUNITY,
    (),
    datetime(2025, 1, 1, tzinfo=UTC),
)
FULL = Measures(300, 100, 50, 0, 0.8, 0.5, HOUR)  # an index of exactly 1 for a hundred companies


def question(id: str, ago: timedelta, person: str = "anna", company: str = "co1") -> TopicFact:
    return TopicFact(id, True, person, company, NOW - ago)


def reply(topic: str, ago: timedelta, person: str = "bert", company: str = "vendor") -> ReplyFact:
    return ReplyFact(topic, person, company, NOW - ago, 1)


def test_posts_people_and_shares() -> None:
    topics = [
        question("t1", 48 * HOUR),
        question("t2", 47 * HOUR, "carl", "co2"),
        TopicFact("t3", False, "anna", "co1", NOW - 3 * HOUR),
    ]
    replies = [
        reply("t1", 47 * HOUR),  # an hour later
        reply("t2", 17 * HOUR),  # thirty hours later
        ReplyFact("t3", "bert", "vendor", NOW, 3),
    ]
    found = measured(topics, replies, "vendor", NOW)
    assert found == Measures(8, 3, 2, 0, 0.5, 3 / 8, 15.5 * HOUR)


def test_seeded_and_imported_posts_do_not_count() -> None:
    topics = [
        question("t1", 48 * HOUR),
        replace(question("t2", 48 * HOUR), seeded=True),
        question("t3", 48 * HOUR, "", ""),
    ]
    replies = [
        replace(reply("t1", 47 * HOUR), seeded=True, count=2),
        reply("t1", 46 * HOUR, "", ""),
        reply("t2", 47 * HOUR),
    ]
    found = measured(topics, replies, "vendor", NOW)
    assert found == Measures(2, 2, 1, 3, 0.0, 0.5, None)


def test_who_asks_does_not_answer() -> None:
    own = reply("t1", 47 * HOUR, "anna", "co1")
    found = measured([question("t1", 48 * HOUR)], [own], "vendor", NOW)
    assert (found.answered_share, found.first_reply) == (0.0, None)


def test_a_question_is_late_after_a_day_only() -> None:
    young = question("t1", 24 * HOUR - timedelta(milliseconds=1))
    assert measured([young], [], "vendor", NOW).answered_share is None
    assert measured([young], [reply("t1", HOUR)], "vendor", NOW).answered_share == 1.0
    assert measured([question("t1", 24 * HOUR)], [], "vendor", NOW).answered_share == 0.0
    exactly = reply("t1", 24 * HOUR)
    assert measured([question("t1", 48 * HOUR)], [exactly], "vendor", NOW).answered_share == 1.0


def test_nothing_was_written() -> None:
    nothing = measured([], [], "vendor", NOW)
    assert nothing == Measures(0, 0, 0, 0, None, None, None)
    assert index_of(nothing, 10) == 0.0


@pytest.mark.parametrize(
    ("companies", "scale"),
    [(1, 0.05), (5, 0.05), (6, 0.06), (50, 0.5), (100, 1.0), (900, 1.0)],
)
def test_the_scale_has_a_floor_and_a_ceiling(companies: int, scale: float) -> None:
    assert scale_of(companies) == scale


@pytest.mark.parametrize(
    ("changed", "companies", "index"),
    [
        ({}, 100, 1.0),
        ({"post_count": 150}, 100, 0.5),
        ({"post_count": 150, "active_count": 50}, 50, 1.0),
        ({"active_count": 20}, 100, 0.2),
        ({"answered_share": 0.4}, 100, 0.5),
        ({"answered_share": None}, 100, 1.0),
        ({"non_vendor_share": 0.1}, 100, 0.2),
        ({"post_count": 900, "active_count": 900, "answered_share": 1.0}, 100, 1.0),
    ],
)
def test_the_index_is_its_smallest_term(
    changed: dict[str, Any], companies: int, index: float
) -> None:
    assert index_of(replace(FULL, **changed), companies) == pytest.approx(index)


def test_where_only_the_vendor_reads_there_is_no_index() -> None:
    day = counted_day(SPACE, TODAY, FULL, 0, None)
    assert (day.index, day.vitality, day.threshold_days, day.dormant_days) == (None, None, 0, 0)


def walk(*measures: Measures, start: SpaceDay | None = None) -> SpaceDay:
    """One day after the other."""
    day = start
    for one in measures:
        beginning = day.day + DAY if day else TODAY - 100 * DAY
        day = counted_day(SPACE, beginning, one, 100, day)
    assert day is not None
    return day


QUIET = replace(FULL, post_count=89)  # 0.297
HALF = replace(FULL, post_count=90)  # 0.3


def test_twenty_eight_days_in_a_row_sustain() -> None:
    assert walk(*[FULL] * 27).vitality is Vitality.WARMING
    sustained = walk(*[FULL] * 28)
    assert (sustained.vitality, sustained.threshold_days) == (Vitality.SELF_SUSTAINING, 28)
    assert walk(HALF, start=sustained).vitality is Vitality.WARMING
    assert walk(HALF, *[FULL] * 27, start=sustained).vitality is Vitality.WARMING
    assert walk(HALF, *[FULL] * 28, start=sustained).vitality is Vitality.SELF_SUSTAINING


def test_a_day_that_nobody_counted_begins_the_run_anew() -> None:
    sustained = walk(*[FULL] * 28)
    after = counted_day(SPACE, sustained.day + 2 * DAY, FULL, 100, sustained)
    assert (after.threshold_days, after.vitality) == (1, Vitality.WARMING)


def test_dormant_for_twenty_eight_days_is_folded_unless_kept_open() -> None:
    assert walk(HALF).vitality is Vitality.WARMING
    day = walk(*[QUIET] * 27)
    space = rated(SPACE, day)
    assert (space.vitality, space.vitality_time, space.folded) == (
        Vitality.DORMANT,
        day.day,
        False,
    )
    later = walk(QUIET, start=day)
    folded = rated(space, later)
    assert (folded.folded, folded.vitality_time) == (True, day.day)
    assert not folded.keep_open(True).folded
    assert folded.keep_open(True).keep_open(False).folded
    awake = rated(folded, walk(HALF, start=later))
    assert (awake.folded, awake.vitality) == (False, Vitality.WARMING)
    assert awake.read_keys == SPACE.read_keys


def test_which_days_are_counted() -> None:
    yesterday = TODAY - DAY
    assert days_to_count(SPACE, None, NOW) == [
        yesterday - number * DAY for number in range(27, -1, -1)
    ]
    assert days_to_count(SPACE, walk(FULL), NOW) == days_to_count(SPACE, None, NOW)
    latest = replace(walk(FULL), day=yesterday - DAY)
    assert days_to_count(SPACE, latest, NOW) == [yesterday]
    assert days_to_count(SPACE, replace(latest, day=yesterday), NOW) == []
    young = replace(SPACE, create_time=yesterday + 5 * HOUR)
    assert days_to_count(young, None, NOW) == [yesterday]
    assert days_to_count(replace(SPACE, create_time=NOW), None, NOW) == []
    assert day_of(NOW) == TODAY
