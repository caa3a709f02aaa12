"""Rules of announcements, by plain calls: states, schedules across clock changes, audiences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import available_timezones

import pytest

from chassis.errors import DomainError
from chassis.keys import territory_key
from services.forum.domain.announcements.announcement import (
    ARCHIVE_AFTER,
    MOST_LOCALES,
    TRANSITIONS,
    Announcement,
    AnnouncementState,
    AnnouncementStep,
    AudienceState,
    Severity,
    Terms,
)
from services.forum.domain.announcements.audiences import AudienceMember as Member
from services.forum.domain.announcements.audiences import AudienceRule, Preview, Reader, check_rule
from services.forum.domain.announcements.channels import Channel, ChannelTheme
from services.forum.domain.announcements.copies import Copy, is_shown
from services.forum.domain.announcements.receipts import (
    Receipt,
    ReceiptState,
    stored_states,
)
from services.forum.domain.announcements.schedules import Schedule, check_schedule, local_moment
from services.forum.domain.members import Author
from services.forum.domain.spaces import Audience
from services.forum.domain.texts import Text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MUST = Terms(Severity.MUST_READ, requires_acknowledgement=True, deadline=NOW + 10 * DAY)


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused:
        call()
    return refused.value.reason(), refused.value.field


def draft(**changes: object) -> Announcement:
    made = Announcement(
        "a", "c1", "ch", "News", Text("Text", "<p>Text</p>", 1), "en", Author("m", "v"), NOW
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# -- states


def test_every_state_takes_its_steps_and_refuses_the_others() -> None:
    for state in AnnouncementState:
        for step in AnnouncementStep:
            one = draft(state=state)
            if (state, step) in TRANSITIONS:
                assert one.step(step).state is TRANSITIONS[state, step]
            else:
                assert refusal(lambda one=one, step=step: one.step(step)) == (  # type: ignore[misc]
                    "ANNOUNCEMENT_STATE_INVALID",
                    "announcement_id",
                )


def test_its_life_is_as_it_was_agreed() -> None:
    """Draft, scheduled, published, expired, archived; withdrawn before it has ended."""
    ways = {
        "DRAFT": {"SCHEDULED", "PUBLISHED"},
        "SCHEDULED": {"SCHEDULED", "PUBLISHED", "WITHDRAWN"},
        "PUBLISHED": {"EXPIRED", "WITHDRAWN"},
        "EXPIRED": {"ARCHIVED"},
        "ARCHIVED": set(),
        "WITHDRAWN": set(),
    }
    for state in AnnouncementState:
        assert {to for (was, _), to in TRANSITIONS.items() if was is state} == ways[state], state


def test_only_a_draft_is_deleted_or_goes_elsewhere_and_nobody_reads_what_was() -> None:
    gone = draft(terms=MUST, translated=("de",)).delete()
    assert (gone.title, gone.body.source, gone.body.html, gone.terms) == ("", "", "", Terms())
    assert (gone.translated, gone.read_keys, gone.wake_time, gone.version) == ((), (), None, 2)
    draft(channel_id="other").check_same_channel(draft())
    for state in set(AnnouncementState) - {AnnouncementState.DRAFT}:
        one = draft(state=state)
        assert refusal(one.delete) == ("ANNOUNCEMENT_STATE_INVALID", "announcement_id")
        there = replace(one, channel_id="other")
        got = refusal(lambda one=one, there=there: there.check_same_channel(one))  # type: ignore[misc]
        assert got == ("ANNOUNCEMENT_STATE_INVALID", "channel_id")
        one.check_same_channel(one)


def test_its_life_goes_on_by_itself() -> None:
    terms = replace(MUST, expire_time=NOW + 20 * DAY)
    planned = draft(terms=terms).plan(Schedule(NOW + DAY))
    assert planned.wake_time == NOW + DAY
    out = planned.publish(NOW + DAY, due=True)
    assert (out.audience_state, out.wake_time) == (AudienceState.FREEZING, NOW + 20 * DAY)
    frozen = out.frozen(3)
    assert (frozen.remind_time, frozen.wake_time) == (NOW + 8 * DAY, NOW + 8 * DAY)
    reminded = replace(frozen, reminded=True)
    assert [one.stands_as(out) for one in (frozen, reminded, out.next())] == [True, False, False]
    assert reminded.wake_time == NOW + 20 * DAY
    over = reminded.expire(NOW + 20 * DAY)
    assert over.wake_time == NOW + 20 * DAY + ARCHIVE_AFTER
    assert over.step(AnnouncementStep.ARCHIVE).wake_time is None
    assert out.withdraw("wrong", NOW + 2 * DAY).wake_time is None


def test_what_is_out_for_less_than_two_days_before_its_deadline_reminds_nobody() -> None:
    late, timely = (
        draft(terms=MUST).publish(NOW + days * DAY, due=False).frozen(1) for days in (9, 8)
    )
    assert (late.remind_time, late.wake_time) == (None, None)
    assert timely.remind_time == NOW + 8 * DAY


def test_drafts_are_the_managers_and_what_was_never_out_stays_so() -> None:
    assert draft().read_keys == ("managers:c1",)
    planned = draft().plan(Schedule(NOW + DAY))
    assert planned.withdraw("wrong", NOW).read_keys == ("managers:c1",)
    out = planned.publish(NOW + DAY, due=True)
    for one in (out, out.expire(NOW), out.withdraw("wrong", NOW)):
        assert one.read_keys == ("channel:ch", "managers:c1")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (replace(MUST, severity=Severity.IMPORTANT), "requires_acknowledgement"),
        (replace(MUST, deadline=None), "deadline"),
        (replace(MUST, requires_acknowledgement=False), "deadline"),
        (replace(MUST, deadline=NOW), "deadline"),
        (Terms(expire_time=NOW), "expire_time"),
        (replace(MUST, expire_time=NOW + 9 * DAY), "expire_time"),
    ],
)
def test_terms_that_do_not_go_together_are_refused(terms: Terms, field: str) -> None:
    assert refusal(lambda: terms.checked(NOW)) == ("FIELD_INVALID", field)


def test_terms_are_checked_against_when_it_is_out_everywhere() -> None:
    one = draft(terms=Terms(expire_time=NOW + DAY))
    assert refusal(lambda: one.plan(Schedule(NOW + 2 * DAY))) == ("FIELD_INVALID", "expire_time")


def test_dates_that_stay_may_have_passed() -> None:
    later = NOW + 11 * DAY  # MUST's deadline has passed
    kept = replace(MUST, expire_time=NOW + 12 * DAY)
    assert kept.checked(later, MUST) is kept
    for terms, field in (
        (replace(MUST, deadline=NOW + 9 * DAY), "deadline"),
        (replace(MUST, expire_time=later), "expire_time"),
        (replace(kept, deadline=NOW + 13 * DAY), "expire_time"),
    ):
        assert refusal(partial(terms.checked, later, kept)) == ("FIELD_INVALID", field)


def test_languages_are_twenty_at_most_and_the_source_is_one() -> None:
    one = draft(translated=tuple(f"l{n}" for n in range(MOST_LOCALES - 1)))
    assert one.translate("l3") is one
    assert refusal(lambda: one.translate("de")) == ("FIELD_INVALID", "locale")
    assert refusal(lambda: draft().translate("en")) == ("FIELD_INVALID", "locale")
    assert draft().translate("de").locales == ("en", "de")


# -- schedules: the clocks of Berlin go forward on 2026-03-29 at 02:00, back on 2026-10-25 at 03:00


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2026-03-28T09:00", "Europe/Berlin", "2026-03-28T08:00"),
        ("2026-03-29T09:00", "Europe/Berlin", "2026-03-29T07:00"),
        ("2026-03-29T01:59", "Europe/Berlin", "2026-03-29T00:59"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30"),  # skipped: clocks show 03:30
        ("2026-03-29T03:30", "Europe/Berlin", "2026-03-29T01:30"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),  # the first of two
        ("2026-10-25T03:00", "Europe/Berlin", "2026-10-25T02:00"),
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45"),  # half an hour is skipped
        ("2026-03-29T09:00", "Asia/Kolkata", "2026-03-29T03:30"),
        ("2026-03-29T09:00", "Pacific/Kiritimati", "2026-03-28T19:00"),
        ("2026-03-29T09:00", "", "2026-03-29T09:00"),
        ("2026-03-29T09:00", "Nowhere/Land", "2026-03-29T09:00"),
    ],
)
def test_local_time_is_a_moment_by_the_clock_before_a_change(
    local: str, zone: str, utc: str
) -> None:
    assert local_moment(local, zone) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_first_and_last_reader_are_at_the_ends_of_the_world() -> None:
    schedule = check_schedule(None, "2026-03-29T09:00", NOW)
    first, last = schedule.time, schedule.everywhere_time
    assert first == schedule.visible_time("Pacific/Kiritimati")
    assert last == schedule.visible_time("Etc/GMT+12")
    for zone in ("Pacific/Apia", "Asia/Tokyo", "Europe/Berlin", "UTC", "Pacific/Honolulu"):
        assert first <= schedule.visible_time(zone) <= last


@pytest.mark.parametrize(
    "local",
    ["2026-01-15T09:00", "2026-03-29T02:30", "2026-07-15T23:45", "2026-10-04T02:15"],
)
def test_every_clock_is_among_the_hours_that_are_told(local: str) -> None:
    schedule = check_schedule(None, local, NOW - 365 * DAY)
    hours = [schedule.time]
    while (hour := schedule.next_visible_time(hours[-1])) is not None:
        hours.append(hour)
    assert hours == sorted(set(hours))
    assert hours[-1] == schedule.everywhere_time
    assert len(hours) < 45
    assert {schedule.visible_time(zone) for zone in available_timezones()} <= set(hours)
    assert Schedule(NOW).next_visible_time(NOW - DAY) is None


def test_hours_are_told_of_what_is_out_and_whose_list_is_whole() -> None:
    schedule = check_schedule(None, "2026-03-29T09:00", NOW)
    first, second = schedule.time, schedule.time + timedelta(minutes=15)
    planned = draft(state=AnnouncementState.SCHEDULED, schedule=schedule)
    assert planned.visible_wake_time is None
    out = planned.publish(first, due=True)
    assert out.visible_wake_time is None
    frozen = out.frozen(3)
    assert frozen.visible_wake_time == first
    assert replace(frozen, visible_time=first).visible_wake_time == second
    assert replace(frozen, visible_time=schedule.everywhere_time).visible_wake_time is None
    assert frozen.withdraw("wrong", first).visible_wake_time is None
    assert planned.publish(NOW, due=False).frozen(3).visible_wake_time is None


@pytest.mark.parametrize(
    ("time", "local", "field"),
    [
        (None, "", "wall_clock"),
        (NOW + DAY, "2026-03-29T09:00", "wall_clock"),
        (NOW, "", "publish_time"),
        (None, "2026-03-01T00:00", "wall_clock"),
        (None, "2026-02-30T09:00", "wall_clock"),
        (None, "2026-03-29 09:00", "wall_clock"),
        (None, "2026-03-29T09:00:00", "wall_clock"),
        (None, "2026-03-29T25:00", "wall_clock"),
        (None, "9999-12-31T23:59", "wall_clock"),
        (None, "0001-01-01T00:00", "wall_clock"),
        (None, "2026-03-2\u0669T09:00", "wall_clock"),
    ],
)
def test_schedules_that_are_none_are_refused(time: datetime | None, local: str, field: str) -> None:
    assert refusal(lambda: check_schedule(time, local, NOW)) == ("FIELD_INVALID", field)


def test_reader_sees_it_when_their_day_has_come_to_it() -> None:
    schedule = Schedule(NOW, "2026-03-02T02:00")  # the first reader's clock shows it now
    out = draft(schedule=schedule, state=AnnouncementState.PUBLISHED)
    tokyo = Receipt("c1", "a", "p", "co", schedule.visible_time("Asia/Tokyo"))
    due = datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert [is_shown(out, tokyo, due + offset) for offset in (-HOUR, HOUR * 0, HOUR)] == [
        False,
        True,
        True,
    ]
    utc = datetime(2026, 3, 2, 2, tzinfo=UTC)  # of whom nothing is known
    assert [is_shown(out, None, utc + offset) for offset in (-HOUR, HOUR * 0)] == [False, True]


# -- audiences


def channel(audience: Audience = Audience.COMMUNITY, *names: str) -> Channel:
    return Channel(
        "ch",
        "c1",
        "news",
        "News",
        "",
        ChannelTheme.OTHER,
        audience,
        names,
        NOW,
    )


def test_rule_is_keys_of_which_one_of_each_list_is_held() -> None:
    places = ["DACH", " UK &  Ireland", "DACH"]
    rule = check_rule(["gold"], ["co1", "co1"], ["MANAGER", "MEMBER"], ["DE-at"], places)
    assert rule.keys("c1") == (
        ("tier:gold@c1",),
        ("company:co1@c1",),
        ("role:MANAGER@c1", "community:c1"),
        ("locale:de-AT@c1",),
        (territory_key("dach", "c1"), territory_key("UK & Ireland", "c1")),
    )
    assert rule.clauses(channel())[-1] == rule.keys("c1")[-1]
    elsewhere = AudienceRule(territories=("DACH",)).keys("c2")
    assert elsewhere == (*[("community:c2",)] * 4, (territory_key("DACH", "c2"),))
    assert rule.clauses(channel())[0] == ("tier:gold@c1",)
    assert AudienceRule().clauses(channel()) == [("community:c1",)]
    tiered = channel(Audience.TIER, "silver")
    assert AudienceRule(locales=("de",)).clauses(tiered) == [
        ("tier:silver@c1", "vendor:c1"),
        ("locale:de@c1",),
    ]


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ((["x"] * 101, [], [], [], []), "tiers"),
        (([" gold"], [], [], [], []), "tiers"),
        (([], ["a@c2"], [], [], []), "company_ids"),
        (([], [], [], ["german"], []), "locales"),
        (([], [], [], ["de"] * 21, []), "locales"),
        (([], [], [], [], ["DACH"] * 101), "territories"),
        (([], [], [], [], ["DACH", " "]), "territories"),
        (([], [], [], [], ["x" * 65]), "territories"),
        (([], [], [], [], ["a\x00b"]), "territories"),
    ],
)
def test_rules_that_are_none_are_refused(rule: tuple[list[str], ...], field: str) -> None:
    assert refusal(lambda: check_rule(*rule)) == ("FIELD_INVALID", f"audience_rule.{field}")


@pytest.mark.parametrize("name", ["x" * 64, "(EMEA)", "Côte d'Ivoire", "R/x, @c2", "中国"])
def test_territory_is_any_line_as_in_an_enrolment(name: str) -> None:
    assert check_rule([], [], [], [], [name] * 100).territories == (name,)


def test_preview_counts_and_shows_the_first() -> None:
    preview = Preview.empty()
    for page in range(3):
        preview.add([Member(f"p{page}{n}", "b" if n else "a", "") for n in range(10)])
    assert (preview.count, preview.shares) == (30, [("b", 27), ("a", 3)])
    assert len(preview.sample) == 20


def test_reader_s_languages_are_those_of_this_community() -> None:
    keys = ("community:c1", "locale:de-AT@c1", "locale:de@c1", "locale:fr@c2")
    assert Reader("c1", "p", keys).locales == ["de-AT", "de"]
    assert Reader("c1", "p", keys).keys == keys
    assert Reader("c1", "p", keys, manager=True).keys == (*keys, "managers:c1")


# -- receipts and copies


def test_receipt_is_overdue_by_its_deadline_only() -> None:
    told = Receipt("c1", "a", "p", "co", NOW, deadline=NOW + DAY)
    seen = told.seen(NOW + HOUR)
    assert seen.seen(NOW + DAY) == seen
    done = replace(seen, acknowledge_time=NOW + 2 * DAY)
    assert [one.state(NOW + HOUR) for one in (told, seen)] == ["DELIVERED", "SEEN"]
    assert [one.state(NOW + DAY) for one in (told, seen, done)] == [
        "OVERDUE",
        "OVERDUE",
        "ACKNOWLEDGED",
    ]
    assert [told.done, seen.done, done.done] == [False, False, True]
    assert replace(seen, deadline=None).done


@pytest.mark.parametrize(
    ("wanted", "late", "stored"),
    [
        ({"DELIVERED"}, False, {"DELIVERED"}),
        ({"OVERDUE"}, False, set()),
        ({"OVERDUE"}, True, {"DELIVERED", "SEEN"}),
        ({"DELIVERED", "ACKNOWLEDGED"}, True, {"ACKNOWLEDGED"}),
        ({"SEEN", "OVERDUE", "ACKNOWLEDGED"}, False, {"SEEN", "ACKNOWLEDGED"}),
    ],
)
def test_states_asked_for_are_those_stored_then(
    wanted: set[str], late: bool, stored: set[str]
) -> None:
    deadline = NOW if late else NOW + DAY
    assert stored_states({ReceiptState(one) for one in wanted}, deadline, NOW) == stored


def test_what_was_withdrawn_is_shown_to_whom_it_was_told_without_its_text() -> None:
    gone = draft().plan(Schedule(NOW)).publish(NOW, due=True).withdraw("wrong", NOW + HOUR)
    assert not is_shown(gone, None, NOW + DAY)
    assert is_shown(gone, Receipt("c1", "a", "p", "co", NOW), NOW + DAY)
    assert not is_shown(
        gone, Receipt("c1", "a", "p", "co", NOW + 2 * HOUR), NOW + DAY
    )  # never saw it
    assert Copy(gone).body is None
    assert Copy(gone, for_manager=True).body == gone.body


def test_what_is_settled_by_publication_stays() -> None:
    out = draft(terms=MUST).publish(NOW, due=False)
    for changed, field in (
        (replace(MUST, rule=AudienceRule(tiers=("gold",))), "audience_rule"),
        (replace(MUST, severity=Severity.INFO), "severity"),
        (replace(MUST, requires_acknowledgement=False), "requires_acknowledgement"),
    ):
        after = replace(out, terms=changed)
        refused = refusal(lambda after=after: after.check_same_audience(out))  # type: ignore[misc]
        assert refused == ("ANNOUNCEMENT_STATE_INVALID", field)
    replace(out, terms=replace(MUST, deadline=NOW + 30 * DAY)).check_same_audience(out)
    assert refusal(out.expire(NOW).check_changeable)[0] == "ANNOUNCEMENT_STATE_INVALID"
    assert refusal(out.expire(NOW).check_acknowledgeable)[0] == "ANNOUNCEMENT_STATE_INVALID"
    plain = draft().publish(NOW, due=False)
    assert refusal(plain.check_acknowledgeable)[0] == "ACKNOWLEDGEMENT_NOT_REQUIRED"
