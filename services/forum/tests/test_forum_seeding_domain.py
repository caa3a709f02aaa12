"""Seedings by plain calls: items, owners, targets, weeks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chassis.actors import BASIC
from chassis.errors import FieldInvalidError
from services.forum.domain.kinds import TopicKind
from services.forum.domain.members import Member
from services.forum.domain.seeding import (
    MOST_ITEMS,
    ItemState,
    Seeding,
    SeedingEndedError,
    SeedingItemNotFoundError,
    SeedingItemPostedError,
    SeedingNotFoundError,
    SeedingState,
    TooManySeedingItemsError,
    check_hours,
    check_owner_count,
    seeding_of,
    weeks_of,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
PLAN = Seeding("p1", "c1", "s1", "Plan", ("anna",), 24, NOW)


def member(name: str, *keys: str, moderator: bool = False) -> Member:
    return Member(name, "co1", BASIC, moderator=moderator, keyring=(f"person:{name}", *keys))


ANNA, BERT, CARL = member("anna"), member("bert"), member("carl")
MANAGER = member("mia", "vendor:c1", "moderators:c1", moderator=True)
MODERATOR = member("mo", "moderators:c1", moderator=True)
VENDORS = member("vic", "vendor:c1")


def planned() -> Seeding:
    return PLAN.add("Hello", TopicKind.QUESTION, "bert", NOW)


def test_who_sees_it() -> None:
    plan = planned()
    assert [plan.visible(one) for one in (ANNA, BERT, MANAGER, VENDORS)] == [True] * 4
    assert [plan.visible(one) for one in (CARL, MODERATOR)] == [False] * 2


def test_an_item_is_posted_once_by_who_may() -> None:
    plan = planned()
    (item,) = plan.items
    assert seeding_of(item.id) == plan.id
    for one in (ANNA, BERT, MANAGER):
        posted = plan.post(item.id, one, "s1", "t1")
        assert (posted.items[0].state, posted.items[0].topic_id) == (ItemState.POSTED, "t1")
        with pytest.raises(SeedingItemPostedError):
            posted.post(item.id, one, "s1", "t2")
        with pytest.raises(SeedingItemPostedError):
            posted.revise(item.id, skipped=True)
    for one in (CARL, MODERATOR, VENDORS):
        with pytest.raises(SeedingItemNotFoundError):
            plan.post(item.id, one, "s1", "t1")
    with pytest.raises(SeedingItemNotFoundError):
        plan.post(item.id, ANNA, "s2", "t1")
    with pytest.raises(SeedingItemNotFoundError):
        plan.post("p1.9", ANNA, "s1", "t1")


def test_what_is_skipped_can_be_planned_again() -> None:
    plan = planned()
    (item,) = plan.items
    skipped = plan.revise(item.id, skipped=True, title="Another", owner_id="carl")
    assert skipped.items[0].state is ItemState.SKIPPED
    with pytest.raises(SeedingItemPostedError):
        skipped.post(item.id, ANNA, "s1", "t1")
    again = skipped.revise(item.id, skipped=False)
    assert (again.items[0].title, again.items[0].owner_id) == ("Another", "carl")
    assert again.post(item.id, CARL, "s1", "t1").items[0].state is ItemState.POSTED


def test_nothing_is_done_after_the_end() -> None:
    ended = planned().end(SeedingState.ENDED, NOW)
    assert (ended.active, ended.end_time) == (False, NOW)
    item = ended.items[0]
    calls: list[Callable[[], Seeding]] = [
        lambda: ended.end(SeedingState.ENDED, NOW),
        lambda: ended.change(name="New"),
        lambda: ended.add("More", TopicKind.QUESTION, "anna", None),
        lambda: ended.revise(item.id, skipped=True),
        lambda: ended.post(item.id, ANNA, "s1", "t1"),
    ]
    for call in calls:
        with pytest.raises(SeedingEndedError):
            call()
    assert ended.due_before(NOW) is None


def test_a_seeding_has_at_most_so_many_items_each_with_its_own_number() -> None:
    plan = PLAN
    for number in range(MOST_ITEMS):
        plan = plan.add(f"Number {number}", TopicKind.QUESTION, "anna", None)
    assert len({item.id for item in plan.items}) == MOST_ITEMS
    with pytest.raises(TooManySeedingItemsError):
        plan.add("One more", TopicKind.QUESTION, "anna", None)


def test_owners_and_managers_reply_as_the_seeding() -> None:
    plan = planned()
    plan.check_poster(ANNA)
    plan.check_poster(MANAGER)
    for one in (BERT, CARL, MODERATOR, VENDORS):
        with pytest.raises(SeedingNotFoundError):
            plan.check_poster(one)


def test_bounds() -> None:
    assert [check_hours(hours) for hours in (0, 1, 720)] == [0, 1, 720]
    for hours in (-1, 721):
        with pytest.raises(FieldInvalidError):
            check_hours(hours)
    assert check_owner_count(["a", "b", "a"]) == ("a", "b")
    for owners in ([], [f"p{number}" for number in range(21)]):
        with pytest.raises(FieldInvalidError):
            check_owner_count(owners)


def test_first_replies_are_due_by_the_clock() -> None:
    assert PLAN.due_before(NOW) == NOW - timedelta(hours=24)
    assert PLAN.due_time(NOW) == NOW + timedelta(hours=24)
    assert PLAN.change(first_reply_hours=0).due_before(NOW) is None


def test_weeks_are_counted_from_the_beginning() -> None:
    until = PLAN.until(NOW + 2 * WEEK + timedelta(days=1))
    weeks = weeks_of(PLAN, until, {(0, True): 2, (2, False): 5})
    assert [(one.time, one.seeded_count, one.organic_count) for one in weeks] == [
        (NOW, 2, 0),
        (NOW + WEEK, 0, 0),
        (NOW + 2 * WEEK, 0, 5),
    ]
    assert len(weeks_of(PLAN, PLAN.until(NOW), {})) == 1
    assert len(weeks_of(PLAN, PLAN.until(NOW + 200 * WEEK), {})) == 104
    ended = PLAN.end(SeedingState.ENDED, NOW + WEEK)
    assert ended.until(NOW + 9 * WEEK) == NOW + WEEK
