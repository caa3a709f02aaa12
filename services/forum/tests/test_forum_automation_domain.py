"""Automations by plain calls: when each trigger comes true, and what each action does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import DomainError, FieldInvalidError, TextInvalidError
from services.forum.domain.automation import (
    LONGEST_PIN,
    MOST,
    MOST_AUTOMATIONS,
    Action,
    Automation,
    AutomationNotFoundError,
    Automations,
    TooManyAutomationsError,
    Trigger,
    run_id,
)
from services.forum.domain.members import Author
from services.forum.domain.moves import AuthorCannotReadError
from services.forum.domain.space_settings import KindNotAllowedError, SpaceSettings, TagRules
from services.forum.domain.spaces import Audience, Space, SpaceMode
from services.forum.domain.tags import TagsInvalidError
from services.forum.domain.texts import Text
from services.forum.domain.topics import (
    CloseReason,
    LatestReply,
    Topic,
    TopicKind,
    TopicState,
    TopicStateInvalidError,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TOPIC = Topic(
    id="t1",
    community_id="c1",
    space_id="s1",
    kind=TopicKind.QUESTION,
    state=TopicState.PUBLISHED,
    title="Title",
    body=Text("source", "<p>source</p>", 1),
    tags=("a",),
    author=Author("anna", "co1"),
    create_time=NOW,
    activity_time=NOW,
)


def automation(**more: Any) -> Automation:
    """Bumps questions that nobody answered for two days, unless said otherwise."""
    fields: dict[str, Any] = {
        "id": "a1",
        "community_id": "c1",
        "name": "Wake up",
        "enabled": True,
        "space_id": "",
        "trigger": Trigger.UNANSWERED,
        "threshold": 48,
        "without_replies": False,
        "action": Action.BUMP,
        "tag": "",
        "close_reason": None,
        "reason": "",
        "create_time": NOW,
        **more,
    }
    return Automation(**fields)


def moving(**more: Any) -> Automation:
    return automation(action=Action.MOVE, **{"target_space_id": "s2", **more})


def pinning(**more: Any) -> Automation:
    return automation(action=Action.PIN, **{"pin_days": 7, **more})


def space(id: str, audience: Audience, *names: str, **settings: Any) -> Space:
    said = SpaceSettings(**settings)
    auto = SpaceMode.AUTO
    return Space(id, "c1", id, id, "", auto, audience, names, NOW, settings=said)


def stale(**more: Any) -> Automation:
    return automation(trigger=Trigger.STALE, threshold=30, **more)


def replied(topic: Topic, time: datetime) -> Topic:
    latest = (*topic.latest, LatestReply(f"r{topic.reply_count}", Author("p2", "co2"), time))
    count = topic.reply_count + 1
    return replace(topic, reply_count=count, latest=latest, activity_time=time)


@pytest.mark.parametrize("trigger", Trigger)
def test_a_threshold_has_its_bounds(trigger: Trigger) -> None:
    for good in (1, MOST[trigger]):
        assert automation(trigger=trigger, threshold=good).checked().threshold == good
    for bad in (0, -1, MOST[trigger] + 1):
        with pytest.raises(FieldInvalidError) as refusal:
            automation(trigger=trigger, threshold=bad).checked()
        assert refusal.value.field == "threshold"


@pytest.mark.parametrize(
    ("wrong", "refusal", "field"),
    [
        ({"name": ""}, TextInvalidError, "name"),
        ({"name": "x" * 81}, TextInvalidError, "name"),
        ({"action": Action.TAG}, TagsInvalidError, "tag"),
        ({"action": Action.TAG, "tag": "no tag"}, TagsInvalidError, "tag"),
        ({"tag": "a"}, FieldInvalidError, "tag"),
        ({"action": Action.CLOSE}, FieldInvalidError, "close_reason"),
        ({"close_reason": CloseReason.OTHER}, FieldInvalidError, "close_reason"),
        ({"reason": "because"}, FieldInvalidError, "reason"),
        ({"target_space_id": "s2"}, FieldInvalidError, "target_space_id"),
        ({"action": Action.MOVE}, FieldInvalidError, "target_space_id"),
        (
            {"action": Action.MOVE, "target_space_id": "s2", "space_id": "s2"},
            FieldInvalidError,
            "target_space_id",
        ),
        (
            {"action": Action.MOVE, "target_space_id": "s2", "reason": "because"},
            FieldInvalidError,
            "reason",
        ),
        ({"pin_days": 1}, FieldInvalidError, "pin_days"),
        ({"pin_days": -1}, FieldInvalidError, "pin_days"),
        ({"action": Action.PIN}, FieldInvalidError, "pin_days"),
        ({"action": Action.PIN, "pin_days": -1}, FieldInvalidError, "pin_days"),
        ({"action": Action.PIN, "pin_days": LONGEST_PIN + 1}, FieldInvalidError, "pin_days"),
        (
            {"action": Action.PIN, "pin_days": 7, "target_space_id": "s2"},
            FieldInvalidError,
            "target_space_id",
        ),
        ({"action": Action.ESCALATE, "reason": "x" * 1001}, TextInvalidError, "reason"),
        (
            {"trigger": Trigger.STALE, "without_replies": True},
            FieldInvalidError,
            "without_replies",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(
    wrong: dict[str, Any], refusal: type[DomainError], field: str
) -> None:
    with pytest.raises(refusal) as raised:
        automation(**wrong).checked()
    assert raised.value.field == field


def test_texts_are_made_clean() -> None:
    made = automation(action=Action.TAG, tag=" Stale ", name=" Tag  it ").checked()
    assert (made.tag, made.name) == ("stale", "Tag it")


def test_unanswered_counts_from_the_question() -> None:
    one = automation()
    later = NOW + timedelta(hours=48)
    assert one.occurrence(TOPIC, later - timedelta(milliseconds=1)) == ""
    assert one.occurrence(TOPIC, later) == "asked"
    talked = replied(TOPIC, later)
    assert one.occurrence(talked, later) == "asked"  # talked about, not answered
    added = replace(talked, own_reply_count=1)
    assert replace(one, without_replies=True).occurrence(added, later) == "asked"
    assert replace(one, without_replies=True).occurrence(talked, later) == ""
    assert replace(one, without_replies=True).occurrence(TOPIC, later) == "asked"
    assert one.occurrence(replace(TOPIC, accepted_reply_id="r1"), later) == ""
    assert one.occurrence(replace(TOPIC, kind=TopicKind.DISCUSSION), later) == ""
    assert one.occurrence(replace(TOPIC, state=TopicState.CLOSED), later) == ""


def test_each_silence_is_one_occurrence_and_a_bump_does_not_end_it() -> None:
    one = stale()
    month = NOW + 30 * DAY
    first = one.occurrence(TOPIC, month)
    assert first == one.occurrence(TOPIC, month + DAY) != ""
    assert one.occurrence(TOPIC, month - timedelta(milliseconds=1)) == ""
    bumped = one.act(TOPIC, month)
    assert bumped.activity_time == month
    assert one.occurrence(bumped, month + DAY) == ""
    assert one.occurrence(bumped, month + 30 * DAY) == first  # still the same silence
    talked = replied(bumped, month + DAY)
    assert one.occurrence(talked, month + 31 * DAY) not in ("", first)


def test_reports_count_in_steps_of_the_threshold() -> None:
    one = automation(trigger=Trigger.REPORTED, threshold=3, action=Action.ESCALATE)
    counts = range(8)
    found = [one.occurrence(replace(TOPIC, case_count=count), NOW) for count in counts]
    assert found == ["", "", "", *["reported 3"] * 3, *["reported 6"] * 2]
    hidden = replace(TOPIC, case_count=3, state=TopicState.HIDDEN)
    assert one.occurrence(hidden, NOW) == "reported 3"
    assert replace(one, action=Action.BUMP).occurrence(hidden, NOW) == ""


def test_a_score_is_reached_once() -> None:
    one = automation(trigger=Trigger.SCORE_REACHED, threshold=10)
    assert one.occurrence(replace(TOPIC, score=9), NOW) == ""
    assert one.occurrence(replace(TOPIC, score=10), NOW) == "reached"
    assert one.occurrence(replace(TOPIC, score=99), NOW) == "reached"


def test_only_its_space() -> None:
    later = NOW + 3 * DAY
    assert automation(space_id="s1").occurrence(TOPIC, later) == "asked"
    assert automation(space_id="s2").occurrence(TOPIC, later) == ""


@pytest.mark.parametrize("state", TopicState)
@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("trigger", Trigger)
def test_what_matches_can_be_acted_on(trigger: Trigger, action: Action, state: TopicState) -> None:
    why = CloseReason.OTHER if action is Action.CLOSE else None
    tag = "b" if action is Action.TAG else ""
    target = "s2" if action is Action.MOVE else ""
    days = 1 if action is Action.PIN else 0
    one = automation(
        trigger=trigger,
        threshold=1,
        action=action,
        close_reason=why,
        tag=tag,
        target_space_id=target,
        pin_days=days,
    ).checked()
    topic = replace(TOPIC, state=state, case_count=1, score=1)
    if one.occurrence(topic, NOW + 2 * DAY):
        assert state in one.states
        same = one.act(topic, NOW + 2 * DAY) == topic
        assert same == (action in (Action.ESCALATE, Action.MOVE))
        if action is Action.MOVE:
            former, target_space = space("s1", Audience.VENDOR), space("s2", Audience.VENDOR)
            assert one.moved(topic, former, target_space).space_id == "s2"
    else:
        assert state not in one.states


def test_actions() -> None:
    closed = automation(
        action=Action.CLOSE, close_reason=CloseReason.RESOLVED, reason="Long ago"
    ).act(TOPIC, NOW)
    assert (closed.state, closed.close_reason, closed.state_reason) == (
        TopicState.CLOSED,
        CloseReason.RESOLVED,
        "Long ago",
    )
    assert automation(action=Action.TAG, tag="b").act(TOPIC, NOW).tags == ("a", "b")
    assert automation(action=Action.ARCHIVE).act(TOPIC, NOW).state is TopicState.ARCHIVED
    with pytest.raises(TopicStateInvalidError):
        automation(action=Action.ARCHIVE).act(closed, NOW)


def test_a_tag_that_is_there_or_has_no_room_is_left_alone() -> None:
    one = automation(action=Action.TAG, tag="b")
    later = NOW + 3 * DAY
    assert one.occurrence(TOPIC, later) == "asked"
    assert one.occurrence(replace(TOPIC, tags=("b",)), later) == ""
    assert one.occurrence(replace(TOPIC, tags=("1", "2", "3", "4", "5")), later) == ""


def test_a_topic_goes_where_all_its_readers_can_follow() -> None:
    members, vendor = space("s1", Audience.COMMUNITY), space("s2", Audience.VENDOR)
    gold = space("s1", Audience.TIER, "gold")
    here = moving(space_id="s1")
    moved = here.moved(TOPIC, gold, replace(members, id="s2"))
    assert (moved.space_id, moved.former_space_ids) == ("s2", ("s1",))
    for former in (members, gold):
        with pytest.raises(AuthorCannotReadError):
            here.moved(TOPIC, former, vendor)
        with pytest.raises(AuthorCannotReadError):
            moving().moved(TOPIC, former, vendor)


def test_in_all_spaces_nobody_is_shown_what_they_could_not_read() -> None:
    gold, members = space("s1", Audience.TIER, "gold"), space("s2", Audience.COMMUNITY)
    with pytest.raises(TopicStateInvalidError):
        moving().moved(TOPIC, gold, members)
    assert moving().moved(TOPIC, gold, replace(gold, id="s2")).space_id == "s2"


def test_a_space_is_given_no_topic_that_it_would_not_take() -> None:
    former = space("s1", Audience.COMMUNITY)
    discussions = space("s2", Audience.COMMUNITY, kinds=(TopicKind.DISCUSSION,))
    with pytest.raises(KindNotAllowedError):
        moving().moved(TOPIC, former, discussions)
    tagged = space("s2", Audience.COMMUNITY, tag_rules=TagRules(("b",)))
    with pytest.raises(TagsInvalidError):
        moving().moved(TOPIC, former, tagged)
    assert moving().moved(replace(TOPIC, tags=("b",)), former, tagged).space_id == "s2"


def test_a_move_and_a_pin_are_done_once_a_topic() -> None:
    month = NOW + 30 * DAY
    later = replied(TOPIC, month)
    for one in (moving(trigger=Trigger.STALE), pinning(trigger=Trigger.STALE)):
        first = one.occurrence(TOPIC, month + 30 * DAY)
        assert first == one.occurrence(later, month + 90 * DAY) != ""
        assert one.occurrence(later, month) == ""
    assert moving().occurrence(TOPIC, month)
    assert moving().occurrence(replace(TOPIC, space_id="s2"), month) == ""


def test_a_pin_ends_and_what_is_pinned_is_left_alone() -> None:
    later = NOW + 3 * DAY
    pinned = pinning().act(TOPIC, later)
    assert (pinned.pin_time, pinned.pin_expire_time) == (later, later + 7 * DAY)
    assert pinning().occurrence(pinned, later) == ""
    assert pinning().occurrence(pinned, later + 7 * DAY) != ""
    assert pinning().occurrence(replace(pinned, pin_expire_time=None), later + 7 * DAY) == ""
    for days in (1, LONGEST_PIN):
        assert pinning(pin_days=days).checked().pin_days == days


def test_a_community_has_at_most_thirty() -> None:
    many = Automations()
    for number in range(MOST_AUTOMATIONS):
        many = many.add(automation(id=f"a{number}"))
    with pytest.raises(TooManyAutomationsError):
        many.add(automation(id="one more"))
    fewer = many.remove(many.automation("a3"))
    assert len(fewer.add(automation(id="one more")).all) == MOST_AUTOMATIONS
    with pytest.raises(AutomationNotFoundError):
        fewer.automation("a3")


def test_a_run_is_of_one_occurrence() -> None:
    ids = {run_id(a, t, o) for a in ("a1", "a2") for t in ("t1", "t2") for o in ("x", "y")}
    assert len(ids) == 8
    assert run_id("a1", "t1", "x") in ids
