"""Flags and what they make of cases, by plain calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.actors import BASIC, LEADER, NEW
from chassis.errors import DomainError, FieldInvalidError
from chassis.rpc_status import reason_of
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseState,
    Flag,
    FlaggedPost,
    Flagger,
    FlagLimitReachedError,
    FlagReason,
    FlagState,
    OwnPostError,
    case_for_flags,
    check_reasons,
    flagged_case_id,
)
from services.moderation.tests.conftest import TIME

POST = FlaggedPost("c1", "t1", "a1", "p1", 2)
SPAM, ABUSE, MISLEADING = FlagReason.SPAM, FlagReason.ABUSE, FlagReason.MISLEADING
HOUR = timedelta(hours=1)


def flag(state: FlagState = FlagState.OPEN, settled: timedelta | None = None) -> Flag:
    time = None if settled is None else TIME - settled
    return Flag("f1", "c1", "k1", "a1", "p2", (SPAM,), "", TIME - HOUR, 1, state, time)


def rule_case(**fields: object) -> Case:
    case = Case("k1", "c1", CaseCause.FLAG_RULE, "t1", "a1", "p1", 2, TIME, ("r1",))
    return replace(case, **fields)  # type: ignore[arg-type]


def test_reasons_are_told_once_and_in_order() -> None:
    assert check_reasons([MISLEADING, SPAM, MISLEADING]) == (SPAM, MISLEADING)
    with pytest.raises(FieldInvalidError) as caught:
        check_reasons([])
    assert caught.value.field == "reasons"


@pytest.mark.parametrize(
    ("latest", "refusal", "wait"),
    [
        (None, "", 0),
        (flag(), "POST_FLAGGED", 0),
        (flag(FlagState.AGREED, HOUR), "POST_FLAGGED_LATELY", 23 * 3600),
        (flag(FlagState.DISMISSED, timedelta(hours=23)), "POST_FLAGGED_LATELY", 3600),
        (flag(FlagState.DISMISSED, timedelta(hours=24)), "", 0),
        (flag(FlagState.MOOT, HOUR), "", 0),
    ],
)
def test_one_open_flag_a_post_and_a_day_until_the_next(
    latest: Flag | None, refusal: str, wait: float
) -> None:
    flagger = Flagger(1, (TIME - HOUR,), latest)
    if not refusal:
        flagger.check(BASIC, TIME)
        return
    with pytest.raises(DomainError) as caught:
        flagger.check(BASIC, TIME)
    assert (reason_of(caught.value), caught.value.retry_after) == (refusal, wait)


@pytest.mark.parametrize(
    ("level", "most"), [(0, 5), (NEW, 5), (BASIC, 20), (3, 30), (4, 40), (LEADER, 60), (9, 60)]
)
def test_so_many_a_day_by_level(level: int, most: int) -> None:
    oldest = TIME - timedelta(hours=20)
    times = (*[TIME - HOUR] * (most - 2), oldest)
    Flagger(most - 1, times).check(level, TIME)
    with pytest.raises(FlagLimitReachedError, match=f"^{most} flags in 24 hours") as caught:
        Flagger(most, (TIME, *times)).check(level, TIME)
    assert caught.value.retry_after == 4 * 3600
    Flagger(most, (TIME, *times)).check(level, oldest + timedelta(days=1))


def test_who_fell_to_a_lower_level_waits_until_there_is_room() -> None:
    times = tuple(TIME - timedelta(hours=number) for number in range(1, 11))
    with pytest.raises(FlagLimitReachedError) as caught:
        Flagger(10, times).check(NEW, TIME)
    assert caught.value.retry_after == timedelta(hours=24 - 5).total_seconds()


def test_flags_are_counted_by_reason() -> None:
    case = case_for_flags("k1", POST, TIME)
    assert (case.cause, case.submission_number, case.flag_count) == (CaseCause.FLAG, 2, 0)
    assert not case.keeps_from_view
    case = case.flag(POST, (MISLEADING, SPAM)).flag(POST, (SPAM, ABUSE))
    assert case.flag_count == 2
    assert list(case.flag_reasons.items()) == [(SPAM, 2), (ABUSE, 1), (MISLEADING, 1)]


def test_a_flag_joins_a_rules_case_and_leaves_it_as_it_is() -> None:
    case = rule_case().flag(POST, (SPAM,))
    assert case == rule_case(flag_count=1, flag_reasons={SPAM: 1})
    # What rules found in a former text is not what is flagged.
    later = replace(POST, submission_number=3)
    renewed = rule_case(cause=CaseCause.RULE, hide_post=True).flag(later, (SPAM,))
    assert (renewed.cause, renewed.rule_ids, renewed.hide_post) == (CaseCause.FLAG, (), False)
    assert renewed.submission_number == 3


def test_an_edit_renews_an_open_case_once() -> None:
    case = rule_case().flag(POST, (SPAM,))
    renewed = case.renew(4)
    assert (renewed.submission_number, renewed.cause, renewed.flag_count) == (4, CaseCause.FLAG, 1)
    assert renewed.renew(4) is renewed
    assert renewed.renew(3) is renewed
    decided = case.decide("mod", True, "", TIME)
    assert decided.renew(4) is decided


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        (CaseState.OPEN, FlagState.OPEN),
        (CaseState.APPROVED, FlagState.DISMISSED),
        (CaseState.REJECTED, FlagState.AGREED),
        (CaseState.MOOT, FlagState.MOOT),
    ],
)
def test_flags_end_with_their_case(state: CaseState, becomes: FlagState) -> None:
    assert rule_case(state=state).flag_state is becomes


def test_an_open_case_is_joined_that_with_flags_first() -> None:
    rule = rule_case()
    flagged = rule_case(id="k2", open_time=TIME + HOUR, flag_count=1)
    assert flagged_case_id(POST, [rule]) == "k1"
    assert flagged_case_id(POST, [rule, flagged]) == "k2"
    assert flagged_case_id(POST, [rule_case(submission_number=1)]) == "k1"


def test_what_nobody_sees_yet_is_another_case_and_so_is_what_was_decided() -> None:
    first = flagged_case_id(POST, [])
    assert flagged_case_id(POST, [rule_case(submission_number=3)]) == first
    assert flagged_case_id(POST, [rule_case(cause=CaseCause.EDIT)]) == first  # it waits
    decided = replace(case_for_flags(first, POST, TIME), state=CaseState.APPROVED)
    second = flagged_case_id(POST, [rule_case(state=CaseState.REJECTED), decided])
    assert second not in {first, "k1"}
    both = [decided, replace(decided, id=second, state=CaseState.MOOT)]
    assert flagged_case_id(POST, both) not in {first, second}
    assert flagged_case_id(replace(POST, reply_id="a2"), []) != first


def test_who_wrote_the_post_neither_decides_nor_is_told() -> None:
    with pytest.raises(OwnPostError):
        rule_case().check_not_own("p1")
    rule_case().check_not_own("p2")
    rule_case(author_id="").check_not_own("p2")
