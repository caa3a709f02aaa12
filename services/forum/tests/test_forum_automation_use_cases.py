"""What automations do by themselves: each once, audited, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.batch import Batch
from chassis.commands import Commands
from chassis.domain_events import DomainEvent
from chassis.errors import DomainError
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import curation_pb2, forum_pb2, moves_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from guildhall.forum.v1.moves_pb2_grpc import MoveServiceStub
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseOpened, PostFlagged
from services.forum.consumers import ForumConsumers
from services.forum.domain.automation import Automation, Round
from services.forum.domain.moves import AuthorCannotReadError
from services.forum.domain.topics import TopicStateInvalidError
from services.forum.repository import ForumRepository
from services.forum.repository.automation import Walk
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_automation_servicer import (
    CLOSE,
    GOLD,
    MOVE,
    PIN,
    VENDORS,
    create,
    of,
)
from services.forum.use_cases import ForumUseCases
from services.forum.use_cases import automation as use_cases
from services.forum.use_cases.carrying import Carrying

STALE: dict[str, Any] = {"trigger": pb.AUTOMATION_TRIGGER_STALE, "threshold": 30, "enabled": True}
MONTH = timedelta(days=31)
GOLDEN = person_actor("golden", keyring=["community:c1", "person:golden", "tier:gold@c1"])


def now() -> datetime:
    return datetime.now(UTC)


async def entries(world: World, topic: forum_pb2.Topic) -> list[tuple[str, str, str]]:
    """What was done to it, the first first."""
    request = forum_pb2.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    answer = await world.of(MODERATING).ListModerationEntries(request)
    return [(one.action, one.reason, one.actor) for one in reversed(answer.moderation_entries)]


async def stored_automation(world: World, id: str) -> Automation:
    return (await world.repository.get_automations("c1")).automation(id)


async def report(world: World, topic: forum_pb2.Topic, case_id: str, **more: Any) -> None:
    """Moderation opens a case; heard twice."""
    case = CaseOpened(case_id=case_id, topic_id=topic.id, submission_number=1, **more)
    event = DomainEvent(case_id, "c1", "case", case_id, 1, now(), "service:moderation", case)
    for _ in range(2):
        await world.hear(list(await ForumConsumers(world.repository).on_case_opened(event)))


async def flag(world: World, topic: forum_pb2.Topic, flag_id: str) -> None:
    """A member flags it; heard twice."""
    flagged = PostFlagged(flag_id=flag_id, case_id="flags", topic_id=topic.id, submission_number=1)
    event = DomainEvent(flag_id, "c1", "case", "flags", 1, now(), "p1", flagged)
    for _ in range(2):
        await world.hear(list(await ForumConsumers(world.repository).on_post_flagged(event)))


@pytest.mark.parametrize(
    ("action", "event", "line"),
    [
        ({"action": pb.AUTOMATION_ACTION_BUMP}, "TopicBumped", "BumpByAutomation"),
        ({"action": pb.AUTOMATION_ACTION_TAG, "tag": "old"}, "TopicTagged", "TagByAutomation"),
        ({**CLOSE, "reason": "Quiet"}, "TopicClosed", "CloseByAutomation"),
        ({"action": pb.AUTOMATION_ACTION_ARCHIVE}, "TopicArchived", "ArchiveByAutomation"),
        (
            {"action": pb.AUTOMATION_ACTION_ESCALATE, "reason": "Quiet"},
            "TopicEscalated",
            "EscalateByAutomation",
        ),
    ],
)
async def test_each_action_once_with_its_event_and_entry(
    world: World, action: dict[str, Any], event: str, line: str
) -> None:
    topic = await world.topic(await world.space())
    made = await create(world, **STALE, **action)
    before = await world.said()
    await world.use_cases.run_automation(now())
    assert await world.said() == before  # not stale yet
    await world.use_cases.run_automation(now() + MONTH)
    assert sorted(await world.said()) == sorted([*before, event])
    reason = "Wake up: Quiet" if "reason" in action else "Wake up"
    assert await entries(world, topic) == [(line, reason, "service:automation")]
    after = await world.see(ASKER, topic)
    changed = event != "TopicEscalated"
    assert after.version == topic.version + changed
    match event:
        case "TopicBumped":
            assert after.activity_time.ToDatetime() > topic.activity_time.ToDatetime()
        case "TopicTagged":
            assert list(after.tags) == ["old"]
        case "TopicClosed":
            assert after.state == forum_pb2.TOPIC_STATE_CLOSED
            assert (after.close_reason, after.state_reason) == (
                forum_pb2.CLOSE_REASON_RESOLVED,
                "Quiet",
            )
        case "TopicArchived":
            assert after.state == forum_pb2.TOPIC_STATE_ARCHIVED
        case "TopicEscalated":
            (told,) = [
                one for one in await outbox(world.database) if isinstance(one, said.TopicEscalated)
            ]
            assert told.run_id
            assert told == said.TopicEscalated(
                topic_id=topic.id,
                automation_id=made.id,
                run_id=told.run_id,
                automation_name="Wake up",
                reason="Quiet",
                author_id="asker",
                submission_number=1,
            )
    whole = await world.stored()
    for _ in range(2):
        await world.use_cases.run_automation(now() + MONTH)
    again = await world.stored()
    assert again["outbox"] == whole["outbox"]
    assert again["topics"] == whole["topics"]
    assert (await stored_automation(world, made.id)).enabled


async def said_by(world: World, name: str) -> list[str]:
    """Who said the domain events of this name."""
    rows = (await world.stored())["outbox"]
    return [row["actor"] for row in rows if row["type"].endswith(f".{name}")]


async def test_a_pin_is_put_once_with_its_event_and_entry(world: World) -> None:
    topic = await world.topic(await world.space())
    await create(world, **STALE, **PIN)
    before = await world.said()
    assert await world.use_cases.run_automation(now()) == Round()
    assert await world.said() == before
    assert await world.use_cases.run_automation(now() + MONTH) == Round(1)
    assert sorted(await world.said()) == sorted([*before, "TopicPinned"])
    assert await said_by(world, "TopicPinned") == ["service:forum"]
    assert await entries(world, topic) == [("PinByAutomation", "Wake up", "service:automation")]
    pinned = await world.see(ASKER, topic)
    days = pinned.pin_expire_time.ToDatetime(UTC) - pinned.pin_time.ToDatetime(UTC)
    assert (days, pinned.version) == (timedelta(days=7), topic.version + 1)
    whole = await world.stored()
    for _ in range(2):
        assert await world.use_cases.run_automation(now() + MONTH) == Round()
    again = await world.stored()
    assert (again["outbox"], again["topics"]) == (whole["outbox"], whole["topics"])
    # What a moderator undoes stays undone, in the next silence too.
    request = curation_pb2.UnpinTopicRequest(**world.ids(), topic_id=topic.id)
    await world.of(MODERATING, CurationServiceStub).UnpinTopic(request)
    await world.reply(topic)
    assert await world.use_cases.run_automation(now() + 2 * MONTH) == Round()
    assert not (await world.see(ASKER, topic)).HasField("pin_time")


async def test_a_pin_of_a_person_is_left_as_it_is(world: World) -> None:
    topic = await world.topic(await world.space())
    request = curation_pb2.PinTopicRequest(**world.ids(), topic_id=topic.id)
    await world.of(MODERATING, CurationServiceStub).PinTopic(request)
    await create(world, **STALE, **PIN)
    before = await world.said()
    assert await world.use_cases.run_automation(now() + MONTH) == Round()
    assert await world.said() == before
    assert not (await world.see(ASKER, topic)).HasField("pin_expire_time")


async def test_a_move_is_made_once_and_replies_follow_by_the_job(world: World) -> None:
    gold, members = await world.space("gold", **GOLD), await world.space("members")
    topic = await world.topic(gold, GOLDEN)
    reply = await world.reply(topic, GOLDEN)
    await world.act("UpdateTopic", GOLDEN, topic, title="Better")
    seen = await world.see(GOLDEN, topic)
    with pytest.raises(DomainError):
        await world.see(HELPER, topic)
    await create(world, **STALE, **MOVE, space_id=gold.id, target_space_id=members.id)
    before = await world.said()
    assert await world.use_cases.run_automation(now()) == Round()
    assert await world.said() == before
    assert await world.use_cases.run_automation(now() + MONTH) == Round(1)
    assert sorted(await world.said()) == sorted([*before, "TopicMoved"])
    moved = said.TopicMoved(topic_id=topic.id, space_id=members.id, from_space_id=gold.id)
    assert moved in await outbox(world.database)
    assert await said_by(world, "TopicMoved") == ["service:forum"]
    assert await entries(world, topic) == [("MoveByAutomation", "Wake up", "service:automation")]
    for actor in (GOLDEN, HELPER):
        found = await world.see(actor, topic)
        assert (found.space_id, found.version) == (members.id, seen.version + 1)
        assert [one.id for one in await world.replies(actor, topic)] == [reply.id]
        texts = forum_pb2.ListRevisionsRequest(community_id="c1", topic_id=topic.id)
        assert len((await world.of(actor).ListRevisions(texts)).revisions) == 1
    with pytest.raises(DomainError):
        await world.see(STRANGER, topic)
    by_id = forum_pb2.BatchGetRepliesRequest(community_id="c1", reply_ids=[reply.id])
    assert not (await world.of(HELPER).BatchGetReplies(by_id)).replies  # not arrived yet
    carrying = Carrying(world.commands, world.repository)
    await carrying.finish()
    assert await said_by(world, "RepliesMoved") == ["service:forum"]
    assert len((await world.of(HELPER).BatchGetReplies(by_id)).replies) == 1
    whole = await world.stored()
    for _ in range(2):
        assert await world.use_cases.run_automation(now() + MONTH) == Round()
        await carrying.finish()
    again = await world.stored()
    assert (again["outbox"], again["topics"]) == (whole["outbox"], whole["topics"])
    # Moved back by a person it stays there, in the next silence too.
    back = moves_pb2.MoveTopicRequest(**world.ids(), topic_id=topic.id, space_id=gold.id)
    back.even_if_author_cannot_read = True
    await world.of(MANAGING, MoveServiceStub).MoveTopic(back)
    await world.reply(topic, GOLDEN)
    assert await world.use_cases.run_automation(now() + 2 * MONTH) == Round()
    assert (await world.see(GOLDEN, topic)).space_id == gold.id


async def test_a_move_skips_what_not_all_its_readers_could_follow(world: World) -> None:
    gold, members = await world.space("gold", **GOLD), await world.space("members")
    vendors = await world.space("vendors", **VENDORS)
    other_vendors = await world.space("inner", **VENDORS)
    topics = [await world.topic(members), await world.topic(gold, GOLDEN)]
    goes = await world.topic(other_vendors, MANAGING)
    await create(world, **STALE, **MOVE, target_space_id=vendors.id)
    before = await world.said()
    for number in range(2):
        done = await world.use_cases.run_automation(now() + MONTH + timedelta(days=2 * number))
        assert done == Round(acted=1 - number, skipped=2)
        # A walk in the order of time begins anew within a day.
        await world.database.automation_walks.delete_many({})
    assert sorted(await world.said()) == sorted([*before, "TopicMoved"])
    assert (await world.see(MANAGING, goes)).space_id == vendors.id
    assert len((await world.stored())["moderation_entries"]) == 1
    for topic in topics:
        assert await world.see(GOLDEN, topic) == topic


async def test_a_move_looks_at_the_walls_as_they_are_when_it_is_made(world: World) -> None:
    here, there = await world.space("here"), await world.space("there")
    topic = await world.topic(here)
    more = {"space_id": here.id, "target_space_id": there.id}
    made = await create(world, **STALE, **MOVE, **more)
    one, later = await stored_automation(world, made.id), now() + MONTH
    occurrence = one.occurrence(await world.repository.get_topic("c1", topic.id, None), later)
    narrowed = forum_pb2.UpdateSpaceRequest(**world.ids(), space_id=there.id, **VENDORS)
    await world.of(MANAGING).UpdateSpace(narrowed)
    before = await world.stored()
    with pytest.raises(AuthorCannotReadError):
        await world.use_cases.act(one, topic.id, occurrence, later)
    assert await world.stored() == before
    assert await world.use_cases.run_automation(later) == Round(skipped=1)
    assert (await world.stored())["outbox"] == before["outbox"]
    assert (await world.see(ASKER, topic)).space_id == here.id
    wide = forum_pb2.UpdateSpaceRequest(
        **world.ids(), space_id=there.id, audience=forum_pb2.AUDIENCE_COMMUNITY
    )
    await world.of(MANAGING).UpdateSpace(wide)
    await asyncio.gather(*(world.use_cases.act(one, topic.id, occurrence, later) for _ in range(3)))
    assert await said_by(world, "TopicMoved") == ["service:forum"]
    assert (await world.see(ASKER, topic)).space_id == there.id


@pytest.mark.parametrize("moves", ["the target's wall", "the former space's wall"])
async def test_a_wall_that_moves_before_a_move_is_stored_stops_it(
    world: World, monkeypatch: pytest.MonkeyPatch, moves: str
) -> None:
    here, there = await world.space("here", **GOLD), await world.space("there", **GOLD)
    topic = await world.topic(here, GOLDEN)
    await create(world, **STALE, **MOVE, space_id=here.id, target_space_id=there.id)
    elsewhere = Commands(world.database)
    other = ForumUseCases(elsewhere, ForumRepository(world.database), world.use_cases._moderation)
    commit = Batch.commit
    space, to = (
        (there, VENDORS)
        if moves == "the target's wall"
        else (here, {"audience": forum_pb2.AUDIENCE_COMMUNITY})
    )

    async def set_audience(**audience: Any) -> None:
        request = forum_pb2.UpdateSpaceRequest(**world.ids(), space_id=space.id, **audience)
        await other.update_space(MANAGING, request)

    async def first_the_wall(batch: Batch, deadline: float) -> None:
        monkeypatch.setattr(Batch, "commit", commit)
        await set_audience(**to)
        await commit(batch, deadline)

    before = await world.stored()
    monkeypatch.setattr(Batch, "commit", first_the_wall)
    try:
        assert await world.use_cases.run_automation(now() + MONTH) == Round(skipped=1)
        after = await world.stored()
        assert (await world.said())[len(before["outbox"]) :] == ["SpaceUpdated"]
        for name in ("topics", "automation_runs", "moderation_entries"):
            assert after.get(name) == before.get(name)
        await set_audience(**GOLD)
    finally:
        await elsewhere.close()
    # A walk in the order of time begins anew within a day.
    for number, done in enumerate((Round(), Round(1), Round())):
        later = now() + MONTH + timedelta(days=2 + number)
        assert await world.use_cases.run_automation(later) == done
    assert (await world.see(GOLDEN, topic)).space_id == there.id


async def test_a_killed_round_goes_on_and_two_rounds_at_once_do_nothing_twice(
    world: World,
) -> None:
    space = await world.space()
    topics = [await world.topic(space, title=f"Question {number}") for number in range(6)]
    made = await create(world, **STALE, action=pb.AUTOMATION_ACTION_TAG, tag="old")
    one = await stored_automation(world, made.id)
    later = now() + MONTH
    # Killed after the first two, before it could write down how far it came.
    for topic in topics[:2]:
        found = (await world.repository.find_topics("c1", [topic.id], None))[0]
        await world.use_cases.act(one, topic.id, one.occurrence(found, later), later)
    assert (await world.said()).count("TopicTagged") == 2
    other_commands = Commands(world.database)  # another replica
    other = ForumUseCases(
        other_commands, ForumRepository(world.database), world.use_cases._moderation
    )
    try:
        await asyncio.gather(
            world.use_cases.run_automation(later),
            other.run_automation(later),
            world.use_cases.run_automation(later),
        )
    finally:
        await other_commands.close()
    assert (await world.said()).count("TopicTagged") == len(topics)
    for topic in topics:
        assert len(await entries(world, topic)) == 1
        assert list((await world.see(ASKER, topic)).tags) == ["old"]
    assert len((await world.stored())["automation_runs"]) == len(topics)


async def test_what_is_told_again_after_its_record_expired_is_not_done_again(world: World) -> None:
    topic = await world.topic(await world.space())
    made = await create(world, **STALE, action=pb.AUTOMATION_ACTION_BUMP)
    one = await stored_automation(world, made.id)
    later = now() + MONTH
    found = (await world.repository.find_topics("c1", [topic.id], None))[0]
    occurrence = one.occurrence(found, later)
    await world.use_cases.act(one, topic.id, occurrence, later)
    await world.database.commands.delete_many({})
    before = await world.said()
    await world.use_cases.act(one, topic.id, occurrence, later)
    assert await world.said() == before


async def test_what_does_not_match_any_more_is_refused_and_may_match_later(world: World) -> None:
    topic = await world.topic(await world.space())
    made = await create(world, **STALE, action=pb.AUTOMATION_ACTION_BUMP)
    one = await stored_automation(world, made.id)
    later = now() + MONTH
    found = (await world.repository.find_topics("c1", [topic.id], None))[0]
    occurrence = one.occurrence(found, later)
    await world.act("HideTopic", MODERATING, topic, reason="Wait")
    before = await world.stored()
    with pytest.raises(TopicStateInvalidError):
        await world.use_cases.act(one, topic.id, occurrence, later)
    assert await world.stored() == before
    await world.act("RestoreTopic", MODERATING, topic)
    await world.use_cases.act(one, topic.id, occurrence, later)
    assert (await world.said())[-1] != "TopicHidden"
    assert "TopicBumped" in await world.said()


async def test_a_new_silence_is_a_new_occurrence(world: World) -> None:
    topic = await world.topic(await world.space())
    await create(world, **STALE, action=pb.AUTOMATION_ACTION_ESCALATE)
    await world.use_cases.run_automation(now() + MONTH)
    await world.reply(topic)
    await world.use_cases.run_automation(now() + MONTH)
    await world.use_cases.run_automation(now() + 2 * MONTH)
    assert (await world.said()).count("TopicEscalated") == 2


async def test_unanswered_only_in_its_space_and_only_while_enabled(world: World) -> None:
    here, there = await world.space("here"), await world.space("there")
    topic, other = await world.topic(here), await world.topic(there)
    await world.reply(topic, HELPER)
    await world.reply(other, ASKER, body="I forgot: it blinks.")
    both = {"threshold": 24, "action": pb.AUTOMATION_ACTION_TAG}
    await create(world, enabled=True, space_id=here.id, tag="here", **both)
    await create(world, enabled=False, tag="off", **both)
    await create(world, enabled=True, without_replies=True, tag="silent", **both)
    await world.use_cases.run_automation(now() + timedelta(hours=25))
    assert list((await world.see(ASKER, topic)).tags) == ["here"]
    assert list((await world.see(ASKER, other)).tags) == ["silent"]


async def test_reports_are_counted_once_and_only_of_what_readers_saw(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    reply = await world.reply(topic)
    await create(
        world,
        trigger=pb.AUTOMATION_TRIGGER_REPORTED,
        threshold=2,
        action=pb.AUTOMATION_ACTION_ESCALATE,
        enabled=True,
    )
    version = (await world.see(ASKER, topic)).version
    await report(world, topic, "case1")
    await world.use_cases.run_automation(now())
    assert "TopicEscalated" not in await world.said()
    await report(world, topic, "case2", reply_id=reply.id)
    assert (await world.said()).count("TopicReported") == 2
    assert (await world.see(ASKER, topic)).version == version  # no reader is told
    await world.use_cases.run_automation(now())
    await world.use_cases.run_automation(now())
    assert (await world.said()).count("TopicEscalated") == 1
    # The next two are another time; the second of them hides the topic.
    await report(world, topic, "case3")
    await report(world, topic, "case4", hide_post=True)
    await world.use_cases.run_automation(now())
    assert (await world.said()).count("TopicEscalated") == 2
    # What waits for review was never seen.
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    held = await world.topic(space)
    await report(world, held, "case5")
    assert (await world.said()).count("TopicReported") == 4


async def test_each_members_flag_counts_as_a_rules_case_does(world: World) -> None:
    topic = await world.topic(await world.space())
    await create(
        world,
        trigger=pb.AUTOMATION_TRIGGER_REPORTED,
        threshold=3,
        action=pb.AUTOMATION_ACTION_TAG,
        tag="flagged",
        enabled=True,
    )
    await report(world, topic, "flags", of_flag=True)  # members' flags count, not their case
    await flag(world, topic, "f1")
    await flag(world, topic, "f2")
    await world.use_cases.run_automation(now())
    assert list((await world.see(ASKER, topic)).tags) == []
    await report(world, topic, "rule")
    await world.use_cases.run_automation(now())
    assert list((await world.see(ASKER, topic)).tags) == ["flagged"]


async def test_a_score_is_reached_once(world: World) -> None:
    topic = await world.topic(await world.space())
    await create(
        world,
        trigger=pb.AUTOMATION_TRIGGER_SCORE_REACHED,
        threshold=10,
        action=pb.AUTOMATION_ACTION_TAG,
        tag="loved",
        enabled=True,
    )
    await world.use_cases.run_automation(now())
    for score in (10, 30):
        await world.database.topics.update_one({"_id": topic.id}, {"$set": {"score": score}})
        await world.use_cases.run_automation(now())
    assert (await world.said()).count("TopicTagged") == 1


async def test_a_round_stops_somewhere_and_the_next_goes_on_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_cases, "_PAGE", 2)
    monkeypatch.setattr(use_cases, "_ACTS", 3)
    space = await world.space()
    for number in range(9):
        await world.topic(space, title=f"Question {number}")
    await create(world, **STALE, action=pb.AUTOMATION_ACTION_TAG, tag="old")
    later = now() + MONTH
    counts = []
    for _ in range(4):
        await world.use_cases.run_automation(later)
        counts.append((await world.said()).count("TopicTagged"))
    assert counts == [4, 8, 9, 9]


async def test_what_comes_true_out_of_order_is_found_within_a_day(world: World) -> None:
    space = await world.space()
    hidden, shown = await world.topic(space), await world.topic(space, title="Another")
    await world.act("HideTopic", MODERATING, hidden, reason="Wait")
    await create(world, **STALE, action=pb.AUTOMATION_ACTION_TAG, tag="old")
    later = now() + MONTH
    await world.use_cases.run_automation(later)
    await world.act("RestoreTopic", MODERATING, hidden)
    await world.use_cases.run_automation(later + timedelta(hours=1))
    assert list((await world.see(ASKER, shown)).tags) == ["old"]
    assert list((await world.see(ASKER, hidden)).tags) == []
    await world.use_cases.run_automation(later + timedelta(days=1))
    await world.use_cases.run_automation(later + timedelta(days=1))
    assert list((await world.see(ASKER, hidden)).tags) == ["old"]


async def test_a_changed_automation_looks_from_the_beginning(world: World) -> None:
    topic = await world.topic(await world.space())
    made = await create(world, **STALE, action=pb.AUTOMATION_ACTION_TAG, tag="old")
    await world.use_cases.run_automation(now() + MONTH)
    change = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, tag="older")
    await of(world, MANAGING).UpdateAutomation(change)
    before = await world.said()
    await world.use_cases.run_automation(now() + MONTH)
    assert await world.said() == before  # for this silence it has acted
    await world.reply(topic)
    await world.use_cases.run_automation(now() + 2 * MONTH)
    assert list((await world.see(ASKER, topic)).tags) == ["old", "older"]


async def test_others_communities_are_left_alone(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.database.topics.update_one({"_id": topic.id}, {"$set": {"community_id": "c2"}})
    await create(world, **STALE, action=pb.AUTOMATION_ACTION_BUMP)
    before = await world.said()
    await world.use_cases.run_automation(now() + MONTH)
    assert await world.said() == before
    assert said.TopicBumped.DESCRIPTOR.name not in before


async def test_how_far_rounds_came_is_stored_at_once_by_several(world: World) -> None:
    made = await create(world, **STALE, action=pb.AUTOMATION_ACTION_TAG, tag="old")
    one = await stored_automation(world, made.id)
    for number in range(10):
        await world.database.automation_walks.delete_many({})
        walks = [Walk(number, (now(), f"t{step}"), now()) for step in range(16)]
        await asyncio.gather(*(world.repository.put_walk(one, walk) for walk in walks))
        found = await world.repository.get_walk(one)
        assert found is not None
        assert found.version == number
