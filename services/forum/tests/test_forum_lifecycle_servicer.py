"""Pins, scheduled topics, restored ones, and edits by moderators, over real gRPC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from chassis.errors import (
    CommunityNotFoundError,
    FieldInvalidError,
    RoleRequiredError,
    VersionStaleError,
)
from chassis.testing import outbox, person_actor, service_actor
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1 import curation_pb2, participation_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided
from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceStub
from services.forum.jobs import schedules
from services.forum.jobs.schedules import ScheduleJobs
from services.forum.repository import topics
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_consumers import hear, on
from services.forum.tests.test_forum_curation_servicer import curate, time_in
from services.forum.tests.test_forum_exports_servicer import Exports
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases.schedules import DueTopics


def jobs(world: World, *, posting_limits: bool = False) -> ScheduleJobs:
    """As __main__ makes them."""
    forum = service_actor("forum")
    world.members.actors = [ASKER, HELPER, NEWCOMER]
    due = DueTopics(
        world.commands,
        world.repository,
        world.loopback.client(ModerationServiceStub, "moderation", forum),
        world.loopback.client(DirectoryServiceStub, "directory", forum),
        posting_limits=posting_limits,
    )
    return ScheduleJobs(world.repository, due)


async def scheduled(world: World, space: pb.Space, actor: Actor = ASKER, **more: Any) -> pb.Topic:
    draft = await world.topic(space, actor, draft=True, **more)
    changed = await world.act("ScheduleTopic", actor, draft, publish_time=time_in(1))
    topic: pb.Topic = changed.topic
    return topic


async def fall_due(world: World) -> None:
    """As if the days had gone by."""
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    await world.database.topics.update_many(
        {"publish_time": {"$exists": True}}, {"$set": {"publish_time": past}}
    )


async def pinned(world: World, actor: Actor, space: pb.Space, **more: Any) -> tuple[list[str], str]:
    request = curation_pb2.ListPinnedTopicsRequest(community_id="c1", space_id=space.id, **more)
    page = await world.of(actor, CurationServiceStub).ListPinnedTopics(request)
    return [topic.id for topic in page.topics], page.next_page_token


# -- pins


async def test_pin_topic(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    topics = [await world.topic(space) for _ in range(3)]
    elsewhere = await world.topic(other)
    for topic in (*topics, elsewhere):
        changed = (await curate(world, "PinTopic", MODERATING, topic)).topic
        assert changed.HasField("pin_time")
        assert not changed.HasField("pin_expire_time")
        assert (await outbox(world.database))[-1] == said.TopicPinned(topic_id=topic.id)
    ids = [topic.id for topic in reversed(topics)]
    assert await pinned(world, ASKER, space) == (ids, "")
    assert await pinned(world, ASKER, other) == ([elsewhere.id], "")
    # Both ways, page by page.
    first, token = await pinned(world, ASKER, space, page_size=2)
    rest, end = await pinned(world, ASKER, space, page_size=2, page_token=token)
    assert (first, rest, end) == (ids[:2], ids[2:], "")
    last, token = await pinned(world, ASKER, space, page_size=2, backward=True)
    before, end = await pinned(world, ASKER, space, page_size=2, page_token=token, backward=True)
    assert (last, before, end) == (ids[1:], ids[:1], "")
    # The list that people page through stays as it is.
    assert await world.topics(ASKER, space_id=space.id) == ids
    await world.act("HideTopic", MODERATING, topics[0], reason="wrong")
    await curate(world, "UnpinTopic", MODERATING, topics[1])
    assert (await outbox(world.database))[-1] == said.TopicUnpinned(topic_id=topics[1].id)
    assert await pinned(world, ASKER, space) == ([topics[2].id], "")
    before_ = await world.said()
    await curate(world, "UnpinTopic", MODERATING, topics[1])
    assert await world.said() == before_


async def test_a_pin_expires(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    expire = time_in(2)
    changed = (await curate(world, "PinTopic", MODERATING, topic, pin_expire_time=expire)).topic
    assert changed.pin_expire_time.ToMilliseconds() == expire.ToMilliseconds()
    assert await pinned(world, ASKER, space) == ([topic.id], "")
    over = datetime.now(UTC) - timedelta(seconds=1)
    await world.database.topics.update_one({"_id": topic.id}, {"$set": {"pin_end": over}})
    assert await pinned(world, ASKER, space) == ([], "")


async def test_pins_refuse(world: World) -> None:
    space = await world.space()
    vendors = await world.space("vendors", audience=pb.AUDIENCE_VENDOR)
    topic, hidden = await world.topic(space), await world.topic(vendors, MANAGING)
    draft = await world.topic(space, MANAGING, draft=True)
    for rpc in ("PinTopic", "UnpinTopic"):
        await refused(world, curate(world, rpc, ASKER, topic), RoleRequiredError)
        outside = curate(world, rpc, STRANGER, topic)
        await refused(world, outside, CommunityNotFoundError, "community_id")
        invisible = curate(world, rpc, MODERATING, hidden)
        await refused(world, invisible, "TOPIC_NOT_FOUND", "topic_id")
        stale = curate(world, rpc, MODERATING, topic, expected_version=9)
        await refused(world, stale, VersionStaleError, "expected_version")
    await refused(world, curate(world, "PinTopic", MANAGING, draft), "TOPIC_STATE_INVALID")
    for when in (time_in(-1), Timestamp(seconds=10**12)):
        wrong = curate(world, "PinTopic", MODERATING, topic, pin_expire_time=when)
        await refused(world, wrong, FieldInvalidError, "pin_expire_time")
    await refused(world, pinned(world, ASKER, vendors), "SPACE_NOT_FOUND", "space_id")
    await refused(world, pinned(world, STRANGER, space), CommunityNotFoundError, "community_id")


# -- schedules


async def test_a_scheduled_topic_goes_out(world: World) -> None:
    space = await world.space()
    topic = await scheduled(world, space, title="Soon")
    assert topic.state == pb.TOPIC_STATE_SCHEDULED
    assert (await outbox(world.database))[-1] == said.TopicScheduled(topic_id=topic.id)
    for actor in (ASKER, MODERATING):
        assert await world.see(actor, topic) == topic
        states = [pb.TOPIC_STATE_SCHEDULED]
        assert await world.topics(actor, states=states) == [topic.id]
    await refused(world, world.see(HELPER, topic), "TOPIC_NOT_FOUND", "topic_id")
    assert await world.topics(ASKER) == []
    edited = (await world.act("UpdateTopic", ASKER, topic, title="Sooner")).topic
    assert (edited.state, edited.edition) == (pb.TOPIC_STATE_SCHEDULED, 1)
    assert world.screen.asked == []
    await jobs(world).publish_due_topics()
    assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_SCHEDULED
    await fall_due(world)
    await asyncio.gather(*(jobs(world).publish_due_topics() for _ in range(3)))
    out = await world.see(HELPER, topic)
    assert (out.state, out.title, out.HasField("publish_time")) == (
        pb.TOPIC_STATE_PUBLISHED,
        "Sooner",
        False,
    )
    assert (await world.said()).count("TopicPublished") == 1
    before = await world.stored()
    await jobs(world).publish_due_topics()
    assert await world.stored() == before


async def test_what_is_due_is_screened_then(world: World) -> None:
    space = await world.space()
    topic = await scheduled(world, space)
    held = await scheduled(world, space, NEWCOMER)
    await fall_due(world)
    world.screen.replace = ("frobnicator", "thing")
    await jobs(world).publish_due_topics()
    assert (await world.see(HELPER, topic)).body == "How do I *reset* the thing?"
    assert (await world.see(NEWCOMER, held)).state == pb.TOPIC_STATE_PENDING_REVIEW


async def test_what_cannot_go_out_is_a_draft_again(world: World) -> None:
    space = await world.space()
    blocked = await scheduled(world, space)
    world.screen.verdict, world.screen.message = moderation_pb2.VERDICT_BLOCK, "No prices."
    await fall_due(world)
    await jobs(world).publish_due_topics()
    draft = await world.see(ASKER, blocked)
    assert (draft.state, draft.state_reason) == (pb.TOPIC_STATE_DRAFT, "No prices.")
    assert (await world.said())[-1] == "TopicUnscheduled"
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    gone = await scheduled(world, space, person_actor("gone"))
    await fall_due(world)
    await jobs(world).publish_due_topics()
    assert (await world.said())[-1] == "TopicUnscheduled"
    late = await scheduled(world, space)
    await world.of(MANAGING).UpdateSpace(
        pb.UpdateSpaceRequest(
            **world.ids(),
            space_id=space.id,
            settings=pb.SpaceSettingsChange(may_post=pb.POSTING_RIGHT_MODERATORS),
        )
    )
    await fall_due(world)
    await jobs(world).publish_due_topics()
    assert (await world.see(ASKER, late)).state == pb.TOPIC_STATE_DRAFT
    assert "TopicPublished" not in await world.said()
    assert gone.id


async def test_what_is_due_waits_for_the_posting_limits(world: World) -> None:
    space = await world.space()
    topics = [await scheduled(world, space) for _ in range(2)]
    await fall_due(world)
    await jobs(world, posting_limits=True).publish_due_topics()
    states = sorted([(await world.see(ASKER, one)).state for one in topics])
    assert states == [pb.TOPIC_STATE_PUBLISHED, pb.TOPIC_STATE_SCHEDULED]


async def test_one_author_who_waits_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "_AT_ONCE", 2)
    space = await world.space()
    for _ in range(5):
        await scheduled(world, space)
    await fall_due(world)
    other = await scheduled(world, space, HELPER)
    last = {"$set": {"publish_time": datetime.now(UTC)}}
    await world.database.topics.update_one({"_id": other.id}, last)
    publishing = jobs(world, posting_limits=True)
    for _ in range(2):  # the one of the first round is out, the next is not asked about again
        await publishing.publish_due_topics()
    assert (await world.see(HELPER, other)).state == pb.TOPIC_STATE_PUBLISHED
    states = [pb.TOPIC_STATE_SCHEDULED]
    assert len(await world.topics(ASKER, states=states)) == 4
    publishing._waiting.clear()  # later
    await publishing.publish_due_topics()
    assert len(publishing._waiting) == 1


async def test_what_is_removed_falls_due_no_more(world: World) -> None:
    space = await world.space()
    topic = await scheduled(world, space)
    await world.act("RemoveTopic", ASKER, topic, reason="No longer so.")
    await fall_due(world)
    assert await world.database.topics.count_documents({"publish_time": {"$exists": True}}) == 0
    before = await world.stored()
    await jobs(world).publish_due_topics()
    assert await world.stored() == before


async def test_unschedule_and_reschedule(world: World) -> None:
    space = await world.space()
    topic = await scheduled(world, space)
    later = (await world.act("ScheduleTopic", ASKER, topic, publish_time=time_in(9))).topic
    assert later.publish_time.ToMilliseconds() > topic.publish_time.ToMilliseconds()
    draft = (await world.act("UnscheduleTopic", ASKER, topic)).topic
    assert (draft.state, draft.HasField("publish_time")) == (pb.TOPIC_STATE_DRAFT, False)
    assert (await outbox(world.database))[-1] == said.TopicUnscheduled(topic_id=topic.id)
    await world.act("ScheduleTopic", ASKER, topic, publish_time=time_in(9))
    await world.act("UnscheduleTopic", MODERATING, topic)
    await refused(world, world.see(MODERATING, topic), "TOPIC_NOT_FOUND", "topic_id")
    await world.act("ScheduleTopic", ASKER, topic, publish_time=time_in(9))
    out = (await world.act("PublishTopic", ASKER, topic)).topic
    assert (out.state, out.HasField("publish_time")) == (pb.TOPIC_STATE_PUBLISHED, False)


async def test_schedules_refuse(world: World) -> None:
    space = await world.space()
    draft, topic = await world.topic(space, draft=True), await world.topic(space)
    waiting = await scheduled(world, space)

    def schedule(actor: Actor, on: pb.Topic = draft, **more: Any) -> Any:
        return world.act("ScheduleTopic", actor, on, **{"publish_time": time_in(1), **more})

    await refused(world, schedule(HELPER), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, schedule(STRANGER), CommunityNotFoundError, "community_id")
    await refused(world, schedule(ASKER, topic), "TOPIC_STATE_INVALID")
    await refused(world, schedule(MODERATING, waiting), RoleRequiredError)
    for when in (time_in(-1), time_in(367), Timestamp(), Timestamp(seconds=10**12)):
        wrong = schedule(ASKER, publish_time=when)
        await refused(world, wrong, FieldInvalidError, "publish_time")
    stale = schedule(ASKER, expected_version=9)
    await refused(world, stale, VersionStaleError, "expected_version")
    # What only its author may do, though moderators see it.
    await refused(world, world.act("PublishTopic", MODERATING, waiting), RoleRequiredError)
    edit = world.act("UpdateTopic", MODERATING, waiting, title="Theirs")
    await refused(world, edit, RoleRequiredError)
    await refused(world, world.act("UnscheduleTopic", ASKER, draft), "TOPIC_STATE_INVALID")
    unschedule = world.act("UnscheduleTopic", HELPER, waiting)
    await refused(world, unschedule, "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, world.reply(waiting, ASKER), "TOPIC_STATE_INVALID")


# -- restored


@pytest.mark.parametrize("state", ["PUBLISHED", "CLOSED", "HIDDEN", "ARCHIVED", "PENDING_REVIEW"])
async def test_a_removed_topic_is_restored_to_what_it_was(world: World, state: str) -> None:
    space = await world.space()
    topic = await world.topic(space, NEWCOMER if state == "PENDING_REVIEW" else ASKER)
    if state != "PENDING_REVIEW":
        await world.reply(topic)
    steps: dict[str, dict[str, Any]] = {
        "CLOSED": {"rpc": "CloseTopic", "close_reason": pb.CLOSE_REASON_RESOLVED},
        "HIDDEN": {"rpc": "HideTopic", "reason": "wrong"},
        "ARCHIVED": {"rpc": "ArchiveTopic"},
    }
    if state in steps:
        step = steps[state]
        await world.act(step.pop("rpc"), MODERATING, topic, **step)
    before = await world.see(MODERATING, topic)
    await world.act("RemoveTopic", MODERATING, topic, reason="wrong")
    request_id = world.request_id()
    request = pb.RestoreTopicRequest(request_id=request_id, community_id="c1", topic_id=topic.id)
    restored = (await world.of(MODERATING).RestoreTopic(request)).topic
    assert pb.TopicState.Name(restored.state) == f"TOPIC_STATE_{state}"
    assert restored.close_reason == before.close_reason
    assert restored.reply_count == before.reply_count
    event = {"HIDDEN": "TopicHidden", "PENDING_REVIEW": "TopicHeld"}.get(state, "TopicRestored")
    assert (await world.said())[-1] == event
    assert (await world.of(MODERATING).RestoreTopic(request)).topic == restored
    if state in ("PUBLISHED", "CLOSED", "ARCHIVED"):
        assert len(await world.replies(HELPER, topic)) == 1
    else:
        await refused(world, world.see(HELPER, topic), "TOPIC_NOT_FOUND", "topic_id")


async def test_restore_refuses_and_what_is_not_remembered_is_hidden(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.act("RemoveTopic", MODERATING, topic, reason="wrong")
    await refused(world, world.act("RestoreTopic", ASKER, topic), RoleRequiredError)
    await world.database.topics.update_one({"_id": topic.id}, {"$unset": {"removed_state": 1}})
    restored = (await world.act("RestoreTopic", MODERATING, topic)).topic
    assert restored.state == pb.TOPIC_STATE_HIDDEN
    restored = (await world.act("RestoreTopic", MODERATING, topic)).topic
    assert restored.state == pb.TOPIC_STATE_PUBLISHED
    await refused(world, world.act("RestoreTopic", MODERATING, topic), "TOPIC_STATE_INVALID")


async def test_a_hidden_topic_that_was_closed_is_closed_again(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.reply(topic)
    close = {"close_reason": pb.CLOSE_REASON_RESOLVED}
    before = (await world.act("CloseTopic", MODERATING, topic, **close)).topic
    await world.act("HideTopic", MODERATING, topic, reason="wrong")
    await refused(world, world.act("ReopenTopic", MODERATING, topic), "TOPIC_STATE_INVALID")
    restored = (await world.act("RestoreTopic", MODERATING, topic)).topic
    restored.version = before.version
    assert restored == before
    assert (await world.said())[-1] == "TopicRestored"
    await refused(world, world.reply(topic), "TOPIC_STATE_INVALID")
    reopened = (await world.act("ReopenTopic", MODERATING, topic)).topic
    assert reopened.close_reason == pb.CLOSE_REASON_UNSPECIFIED


def as_it_was(reply: pb.Reply, before: pb.Reply) -> pb.Reply:
    """The reply, but for its version."""
    same = pb.Reply()
    same.CopyFrom(reply)
    same.version = before.version
    return same


async def in_state(world: World, topic: pb.Topic, state: str, **more: Any) -> pb.Reply:
    """A reply that came to be this."""
    if state in ("PENDING_REVIEW", "REJECTED"):
        world.screen.verdict = moderation_pb2.VERDICT_HOLD
    reply = await world.reply(topic, **more)
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    if state == "HIDDEN":
        await world.act("HideReply", MODERATING, reply, reason="wrong")
    if state == "REJECTED":
        await hear(world, CaseDecided(**on(reply, approved=False, decider_id="mod2")))
    return reply


@pytest.mark.parametrize("state", ["PUBLISHED", "HIDDEN", "REJECTED", "PENDING_REVIEW"])
@pytest.mark.parametrize("remover", [HELPER, MODERATING])
async def test_a_removed_reply_is_restored_to_what_it_was(
    world: World, state: str, remover: Actor
) -> None:
    topic = await world.topic(await world.space())
    parent = await world.reply(topic)
    reply = await in_state(world, topic, state, parent_reply_id=parent.id)
    await world.reply(topic)
    seen = await world.see(ASKER, topic)
    before = {one.id: one for one in await world.replies(MODERATING, topic)}
    await world.act("RemoveReply", remover, reply, reason="wrong" * (remover is MODERATING))
    await refused(world, world.act("RestoreReply", HELPER, reply), RoleRequiredError)
    outsider = world.act("RestoreReply", STRANGER, reply)
    await refused(world, outsider, CommunityNotFoundError, "community_id")
    stale = world.act("RestoreReply", MODERATING, reply, expected_version=9)
    await refused(world, stale, VersionStaleError, "expected_version")
    request = pb.RestoreReplyRequest(**world.ids(), topic_id=topic.id, reply_id=reply.id)
    restored = (await world.of(MODERATING).RestoreReply(request)).reply
    wanted = before[reply.id]
    if state != "PUBLISHED":
        wanted.state_reason = ""
    assert as_it_was(restored, wanted) == wanted
    event = {"HIDDEN": "Hidden", "PENDING_REVIEW": "Held", "REJECTED": "Rejected"}
    assert (await world.said())[-1] == f"Reply{event.get(state, 'Restored')}"
    stored = await world.stored()
    assert (await world.of(MODERATING).RestoreReply(request)).reply == restored
    assert await world.stored() == stored
    after = {one.id: one for one in await world.replies(MODERATING, topic)}
    assert {id_: as_it_was(one, before[id_]) for id_, one in after.items()} == before
    now = await world.see(ASKER, topic)
    assert (now.reply_count, now.activity_time) == (seen.reply_count, seen.activity_time)
    assert now.last_reply_author == seen.last_reply_author
    ids = [one.id for one in await world.replies(ASKER, topic)]
    assert (reply.id in ids) == (state == "PUBLISHED")
    assert reply.id in [one.id for one in await world.replies(HELPER, topic)]
    (document,) = await world.database.replies.find({"_id": reply.id}).to_list()
    assert "removed_state" not in document


async def test_a_reply_that_waited_is_held_anew(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await in_state(world, topic, "PENDING_REVIEW")
    await world.act("RemoveReply", MODERATING, reply, reason="wrong")
    await world.act("RestoreReply", MODERATING, reply)
    (event,) = (await outbox(world.database))[-1:]
    assert isinstance(event, said.ReplyHeld)
    assert event.submission.number == 2
    before = await world.stored()
    await hear(world, CaseDecided(**on(reply, approved=True)))  # of the moot case
    assert await world.stored() == before
    await hear(world, CaseDecided(**on(reply, approved=True, submission_number=2)))
    assert (await world.see(ASKER, topic)).reply_count == 1


async def test_an_answer_that_was_removed_is_none_until_accepted_again(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("AcceptReply", ASKER, reply)
    await world.act("RemoveReply", MODERATING, reply, reason="wrong")
    restored = (await world.act("RestoreReply", MODERATING, reply)).reply
    seen = await world.see(ASKER, topic)
    assert (restored.accepted, seen.accepted_reply_id, seen.reply_count) == (False, "", 1)
    last = ["ReplyAccepted", "ReplyUnaccepted", "ReplyRemoved", "ReplyRestored"]
    assert (await world.said())[-4:] == last
    again = await world.act("AcceptReply", ASKER, reply)
    assert again.topic.accepted_reply_id == reply.id


async def test_restored_replies_are_the_latest_again(world: World) -> None:
    topic = await world.topic(await world.space())
    replies = [await world.reply(topic) for _ in range(7)]
    (before,) = await world.database.topics.find({"_id": topic.id}).to_list()
    for reply in (replies[0], replies[6]):
        await world.act("RemoveReply", MODERATING, reply, reason="wrong")
        await world.act("RestoreReply", MODERATING, reply)
        (after,) = await world.database.topics.find({"_id": topic.id}).to_list()
        for name in ("latest", "reply_count", "activity_time", "newest_time"):
            assert after[name] == before[name]


async def test_restored_reply_keeps_votes_and_mentions(world: World) -> None:
    topic = await world.topic(await world.space())
    world.members.actors = [ASKER]
    reply = await world.reply(topic, mentioned_ids=["asker"])
    up = participation_pb2.VOTE_VALUE_UP
    cast = participation_pb2.CastVoteRequest(
        **world.ids(), topic_id=topic.id, reply_id=reply.id, value=up
    )
    await world.taking_part(ASKER).CastVote(cast)
    (before,) = await world.replies(ASKER, topic)
    assert before.score == 1
    told = (await world.said()).count("MentionAdded")
    await world.act("RemoveReply", MODERATING, reply, reason="wrong")
    await world.act("RestoreReply", MODERATING, reply)
    (after,) = await world.replies(ASKER, topic)
    assert as_it_was(after, before) == before
    assert (await world.said()).count("MentionAdded") == told == 1


async def test_restore_of_replies_refuses_and_what_is_not_remembered_is_hidden(
    world: World,
) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("RemoveReply", MODERATING, reply, reason="wrong")
    await world.act("RemoveTopic", MODERATING, topic, reason="wrong")
    await refused(world, world.act("RestoreReply", MODERATING, reply), "TOPIC_STATE_INVALID")
    await world.act("RestoreTopic", MODERATING, topic)
    await world.database.replies.update_one({"_id": reply.id}, {"$unset": {"removed_state": 1}})
    restored = (await world.act("RestoreReply", MODERATING, reply)).reply
    assert restored.state == pb.REPLY_STATE_HIDDEN
    assert (await world.see(ASKER, topic)).reply_count == 0
    restored = (await world.act("RestoreReply", MODERATING, reply)).reply
    assert restored.state == pb.REPLY_STATE_PUBLISHED
    assert (await world.see(ASKER, topic)).reply_count == 1
    await refused(world, world.act("RestoreReply", MODERATING, reply), "REPLY_STATE_INVALID")


# -- edited by moderators


async def test_edits_by_moderators_are_marked(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    assert not topic.edited_by_moderator
    await world.act("UpdateTopic", MODERATING, topic, title="Better")
    await world.act("UpdateReply", MODERATING, reply, body="Better said.")
    assert (await world.see(HELPER, topic)).edited_by_moderator
    assert (await world.replies(ASKER, topic))[0].edited_by_moderator
    await world.act("UpdateTopic", ASKER, topic, title="Best")
    await world.act("UpdateReply", HELPER, reply, body="Best said.")
    assert not (await world.see(HELPER, topic)).edited_by_moderator
    assert not (await world.replies(ASKER, topic))[0].edited_by_moderator


async def test_a_removed_draft_is_nobody_elses(world: World) -> None:
    topic = await world.topic(await world.space(), draft=True, tags=["secret"])
    await world.act("RemoveTopic", ASKER, topic)
    assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_REMOVED
    removed: dict[str, Any] = {"states": [pb.TOPIC_STATE_REMOVED]}
    for more in (removed, {**removed, "author_id": "asker"}, {**removed, "tag": "secret"}):
        assert await world.topics(ASKER, **more) == [topic.id]
        for actor in (MODERATING, MANAGING, HELPER):
            assert await world.topics(actor, **more) == []
    for actor in (MODERATING, MANAGING, HELPER):
        await refused(world, world.see(actor, topic), "TOPIC_NOT_FOUND", "topic_id")
        if actor is not HELPER:
            restore = world.act("RestoreTopic", actor, topic)
            await refused(world, restore, "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, world.see(STRANGER, topic), "COMMUNITY_NOT_FOUND", "community_id")
    assert await Exports(world, ASKER, "asker").all() == [("topic", topic.id)]
    assert await Exports(world, MANAGING, "asker").all() == []
    assert [kind for kind, _ in await Exports(world, MANAGING).all()] == ["space"]
    request = pb.BatchGetTopicsRequest(community_id="c1", topic_ids=[topic.id])
    (told,) = (await world.of(SEARCH).BatchGetTopics(request)).topics
    assert (told.state, told.title, told.body) == (pb.TOPIC_STATE_REMOVED, "", "")


async def test_drafts_that_were_removed_before_are_closed(world: World) -> None:
    topic = await world.topic(await world.space(), draft=True, tags=["secret"])
    await world.act("RemoveTopic", ASKER, topic)
    gone = await world.topic(await world.space("other"))
    await world.act("RemoveTopic", MODERATING, gone, reason="wrong")
    former = {"read_keys": ["moderators:c1"], "tag_keys": ["secret moderators:c1"]}
    await world.database.topics.update_one({"_id": topic.id}, {"$set": former})
    assert (await world.see(MODERATING, topic)).id == topic.id
    for _ in range(2):
        for migration in topics.MIGRATIONS:
            await migration.run(world.database)
    await refused(world, world.see(MODERATING, topic), "TOPIC_NOT_FOUND", "topic_id")
    assert (await world.see(ASKER, topic)).id == topic.id
    assert (await world.see(MODERATING, gone)).id == gone.id
