"""What the forum makes of moderation's domain events, each heard twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.domain_events import DomainEvent
from chassis.errors import DomainError
from guildhall.forum.v1 import feed_pb2, moves_pb2
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import (
    CaseDecided,
    CaseMooted,
    CaseOpened,
    PostFlagged,
)
from services.forum.consumers import ForumConsumers
from services.forum.tests.conftest import ASKER, HELPER, MODERATING, STRANGER, World
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases.carrying import Carrying

REASON = "a rule of the community asks for a review of this post"


async def hear(
    world: World,
    message: CaseOpened | PostFlagged | CaseDecided | CaseMooted,
    community_id: str = "c1",
) -> None:
    """Twice; the second time nothing more happens."""
    consumers = ForumConsumers(world.repository)
    handlers: dict[type, Any] = {
        CaseOpened: consumers.on_case_opened,
        PostFlagged: consumers.on_post_flagged,
        CaseDecided: consumers.on_case_decided,
        CaseMooted: consumers.on_case_mooted,
    }
    handler = handlers[type(message)]
    event: DomainEvent[Any] = DomainEvent(
        "e1",
        community_id,
        "case",
        message.case_id,
        1,
        datetime.now(UTC),
        "service:moderation",
        message,
    )
    await world.hear(list(await handler(event)))
    after = await world.stored()
    await world.hear(list(await handler(event)))
    assert await world.stored() == after


def on(post: pb.Topic | pb.Reply, **more: Any) -> dict[str, Any]:
    ids = (
        {"topic_id": post.topic_id, "reply_id": post.id}
        if isinstance(post, pb.Reply)
        else {"topic_id": post.id}
    )
    return {"case_id": "case1", **ids, "submission_number": 1, **more}


async def trail(world: World, topic: pb.Topic) -> list[tuple[str, str, str, str]]:
    request = pb.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    answer = await world.of(MODERATING).ListModerationEntries(request)
    return [(e.action, e.reason, e.actor, e.reply_id) for e in answer.moderation_entries]


async def held(world: World) -> tuple[pb.Topic, pb.Reply, pb.Topic]:
    """A held topic, and a held reply with its published topic."""
    space = await world.space()
    published = await world.topic(space)
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    topic, reply = await world.topic(space), await world.reply(published)
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    return topic, reply, published


async def test_versions_tell_nothing_of_what_is_withheld(world: World) -> None:
    topic = await world.topic(await world.space())
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    reply = await world.reply(topic)
    assert reply.state == pb.REPLY_STATE_PENDING_REVIEW
    await hear(world, CaseDecided(**on(reply, approved=False, decider_id="mod2")))
    assert await world.see(ASKER, topic) == topic
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    shown = await world.reply(topic)
    assert (shown.version, (await world.see(ASKER, topic)).version) == (1, topic.version + 1)


async def test_approved_posts_are_published(world: World) -> None:
    topic, reply, published = await held(world)
    for post in (topic, reply):
        await hear(world, CaseDecided(**on(post, approved=True, decider_id="mod2")))
    assert (await world.see(HELPER, topic)).state == pb.TOPIC_STATE_PUBLISHED
    (out,) = await world.replies(ASKER, published)
    assert (out.id, out.state, out.version) == (reply.id, pb.REPLY_STATE_PUBLISHED, 2)
    assert (await world.see(ASKER, published)).reply_count == 1
    assert (await world.said())[-2:] == ["TopicPublished", "ReplyPublished"]
    assert await trail(world, topic) == [("Approve", "", "mod2", "")]
    assert await trail(world, published) == [("Approve", "", "mod2", reply.id)]


async def test_rejected_posts_are_seen_by_their_author_with_the_reason(world: World) -> None:
    topic, reply, published = await held(world)
    for post in (topic, reply):
        await hear(
            world, CaseDecided(**on(post, approved=False, reason="No ads", decider_id="mod2"))
        )
    seen = await world.see(ASKER, topic)
    assert (seen.state, seen.state_reason) == (pb.TOPIC_STATE_REJECTED, "No ads")
    (mine,) = await world.replies(HELPER, published)
    assert (mine.state, mine.state_reason) == (pb.REPLY_STATE_REJECTED, "No ads")
    assert await world.replies(ASKER, published) == []
    rejected = [pb.TOPIC_STATE_REJECTED]
    assert await world.topics(ASKER, author_id="asker", states=rejected) == [topic.id]
    assert await world.topics(HELPER, states=rejected) == []
    with pytest.raises(DomainError):
        await world.see(HELPER, topic)
    assert (await world.said())[-2:] == ["TopicRejected", "ReplyRejected"]
    assert await trail(world, topic) == [("Reject", "No ads", "mod2", "")]


@pytest.mark.parametrize("approved", [True, False])
async def test_case_hides_until_it_is_decided(world: World, approved: bool) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("AcceptReply", ASKER, reply)
    await hear(world, CaseOpened(**on(reply, hide_post=True)))
    seen = await world.see(ASKER, topic)
    assert (seen.accepted_reply_id, seen.reply_count) == ("", 0)
    assert (await world.replies(HELPER, topic))[0].state_reason == REASON
    await hear(world, CaseOpened(**on(topic, case_id="case2", hide_post=True)))
    assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_HIDDEN
    decided = {"approved": approved, "reason": "so", "decider_id": "mod2"}
    await hear(world, CaseDecided(**on(reply, **decided)))
    await hear(world, CaseDecided(**on(topic, **{**decided, "case_id": "case2"})))
    seen = await world.see(MODERATING, topic)
    (one,) = await world.replies(MODERATING, topic)
    if approved:
        assert (seen.state, one.state, seen.reply_count) == (3, 2, 1)
        last = ["ReplyRestored", "TopicRestored"]
    else:
        assert (seen.state, one.state, seen.reply_count) == (7, 5, 0)
        last = ["ReplyRemoved", "TopicRemoved"]
    opened = ["TopicReported", "ReplyUnaccepted", "ReplyHidden", "TopicReported", "TopicHidden"]
    assert (await world.said())[-7:] == [*opened, *last]
    assert (await trail(world, topic))[2:] == [
        ("HideByRule", REASON, "service:moderation", ""),
        ("HideByRule", REASON, "service:moderation", reply.id),
    ]


async def test_rejected_post_that_stayed_out_is_hidden(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    for post in (topic, reply):
        await hear(world, CaseOpened(**on(post)))
    assert (await world.said())[-2:] == ["ReplyPublished", "TopicReported"]  # one case, once
    for post in (reply, topic):
        await hear(world, CaseDecided(**on(post, approved=False, reason="No")))
    assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_HIDDEN
    assert (await world.said())[-2:] == ["ReplyHidden", "TopicHidden"]


async def test_flags_leave_a_post_as_it_is_until_it_is_rejected(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    seen = await world.see(ASKER, topic)
    for post in (topic, reply):
        await hear(world, CaseOpened(**on(post, of_flag=True)))
        for flag_id in ("f1", "f2"):
            await hear(world, PostFlagged(**on(post, flag_id=f"{flag_id}{post.id}")))
    assert (await world.said())[-5:] == ["ReplyPublished", *["TopicReported"] * 4]
    assert await world.see(ASKER, topic) == seen  # no reader is told
    await hear(world, CaseDecided(**on(topic, approved=True, decider_id="mod2")))
    assert await world.see(ASKER, topic) == seen
    await hear(world, CaseDecided(**on(reply, approved=False, reason="No", decider_id="mod2")))
    assert (await world.said())[-1] == "ReplyHidden"


@pytest.mark.parametrize("approved", [True, False])
async def test_an_escalated_topic_stays_until_it_is_rejected(world: World, approved: bool) -> None:
    """It is no report: an automation that hears of reports would hear of itself."""
    topic = await world.topic(await world.space())
    before = await world.stored()
    await hear(world, CaseOpened(**on(topic, of_escalation=True)))
    assert await world.stored() == before
    decided = {"approved": approved, "reason": "No", "decider_id": "mod2"}
    await hear(world, CaseDecided(**on(topic, **decided)))
    if approved:
        assert await world.stored() == before
    else:
        assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_HIDDEN


async def test_flags_count_that_are_heard_after_the_decision(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    await hear(world, CaseDecided(**on(topic, approved=False, reason="No", decider_id="mod2")))
    await hear(world, PostFlagged(**on(topic, flag_id="f1")))
    assert (await world.said())[-2:] == ["TopicHidden", "TopicReported"]
    before = await world.said()
    await hear(world, PostFlagged(**on(topic, flag_id="f2", submission_number=2)))
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    waiting = await world.topic(space)
    await hear(world, PostFlagged(**on(waiting, flag_id="f3")))  # nobody could see it
    assert (await world.said()).count("TopicReported") == before.count("TopicReported")


async def test_what_speaks_of_another_state_or_text_is_ignored(world: World) -> None:
    topic, reply, published = await held(world)
    before = await world.stored()
    for message in (
        CaseDecided(**on(topic, approved=True, submission_number=2)),
        CaseDecided(**on(reply, approved=True, submission_number=2)),
        CaseDecided(**on(published, approved=True)),
        CaseOpened(**on(published, submission_number=2, hide_post=True)),
        CaseOpened(**on(topic, hide_post=True)),
        CaseOpened(**on(reply, hide_post=True)),
    ):
        await hear(world, message)
    assert await world.stored() == before


async def test_moderators_own_hiding_is_not_undone_by_a_case(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.act("HideTopic", MODERATING, topic, reason="mine")
    await hear(world, CaseDecided(**on(topic, approved=True)))
    await hear(world, CaseDecided(**on(topic, approved=False)))
    assert (await world.see(ASKER, topic)).state_reason == "mine"


async def test_unknown_posts_are_refused_and_nothing_happens(world: World) -> None:
    topic, _, published = await held(world)
    before = await world.stored()
    for message, community_id in (
        (CaseDecided(**on(pb.Topic(id="none"), approved=True)), "c1"),
        (CaseDecided(**on(pb.Reply(id="none", topic_id=topic.id), approved=True)), "c1"),
        (CaseDecided(**on(topic, approved=True)), "c2"),
    ):
        with pytest.raises(DomainError):
            await hear(world, message, community_id)
    assert await world.stored() == before
    assert (await world.see(ASKER, published)).state == pb.TOPIC_STATE_PUBLISHED


async def test_decision_finds_a_reply_that_went_to_another_topic(world: World) -> None:
    _, reply, published = await held(world)
    target = await world.topic(await world.space("other"))
    merging = moves_pb2.MergeTopicsRequest(
        **world.ids(), topic_id=published.id, target_topic_id=target.id
    )
    moves = world.move_use_cases(Carrying(world.commands, world.repository))
    await moves.merge_topics(MODERATING, merging)
    await hear(world, CaseDecided(**on(reply, approved=True, decider_id="mod2")))
    (out,) = await world.replies(ASKER, target)
    assert (out.id, out.topic_id, out.state) == (reply.id, target.id, pb.REPLY_STATE_PUBLISHED)
    assert (await world.see(ASKER, target)).reply_count == 1
    assert (await world.see(ASKER, published)).reply_count == 0
    assert ("Approve", "", "mod2", reply.id) in await trail(world, target)


async def test_an_approved_topic_appears_now(world: World) -> None:
    """Whoever read everything before finds it on top and unread, and experts are asked."""
    space = await world.space()
    reader = world.feed_of(HELPER)
    follow = feed_pb2.SetFollowRequest(
        **world.ids(),
        kind=feed_pb2.FOLLOW_KIND_SPACE,
        target_id=space.id,
        level=feed_pb2.FOLLOW_LEVEL_TRACKING,
    )
    await reader.SetFollow(follow)
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    topic = await world.topic(space)
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    later = await world.topic(space)
    read = await reader.MarkAllRead(feed_pb2.MarkAllReadRequest(**world.ids()))
    place = (later.create_time.ToDatetime(UTC), later.id)  # how far questions were routed

    await hear(world, CaseDecided(**on(topic, approved=True, decider_id="mod2")))

    seen = await world.see(HELPER, topic)
    assert seen.create_time == seen.activity_time
    assert seen.create_time.ToDatetime(UTC) > place[0] > topic.create_time.ToDatetime(UTC)
    assert await world.topics(HELPER) == [topic.id, later.id]
    for order in (feed_pb2.FEED_ORDER_LATEST, feed_pb2.FEED_ORDER_RANKED):
        page = await reader.ListFeed(feed_pb2.ListFeedRequest(order=order))
        assert [item.topic.id for item in page.items] == [topic.id, later.id]
    states = feed_pb2.BatchGetViewerStatesRequest(community_id="c1", topic_ids=[topic.id, later.id])
    opened = (await reader.BatchGetViewerStates(states)).viewer_states
    assert [one.unopened for one in opened] == [True, False]
    assert seen.create_time.ToDatetime() > read.read_time.ToDatetime()
    until = datetime.now(UTC) + timedelta(seconds=1)
    found = await world.repository.find_unrouted(place, until, 10)
    assert [one.id for one in found] == [topic.id]


@pytest.mark.parametrize("hide_post", [True, False])
async def test_a_rejected_archived_topic_is_removed(world: World, hide_post: bool) -> None:
    """Nothing hides what is archived: it stays out until it is decided, whatever found it."""
    topic = await world.topic(await world.space())
    await world.act("ArchiveTopic", MODERATING, topic)
    await hear(world, CaseOpened(**on(topic, hide_post=hide_post, of_flag=not hide_post)))
    assert (await world.see(HELPER, topic)).state == pb.TOPIC_STATE_ARCHIVED
    decided = {"approved": False, "reason": "No ads", "decider_id": "mod2"}
    await hear(world, CaseDecided(**on(topic, **decided)))
    await refused(world, world.see(HELPER, topic), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, world.see(STRANGER, topic), "COMMUNITY_NOT_FOUND", "community_id")
    removed = await world.see(MODERATING, topic)
    assert (removed.state, removed.state_reason) == (pb.TOPIC_STATE_REMOVED, "No ads")
    assert (await world.said())[-1] == "TopicRemoved"
    assert (await trail(world, topic))[0] == ("Reject", "No ads", "mod2", "")
    await world.act("RestoreTopic", MODERATING, topic)
    assert (await world.see(HELPER, topic)).state == pb.TOPIC_STATE_ARCHIVED


async def test_an_approved_archived_topic_stays_as_it_is(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.act("ArchiveTopic", MODERATING, topic)
    await hear(world, CaseOpened(**on(topic, hide_post=True)))
    before = await world.stored()
    await hear(world, CaseDecided(**on(topic, approved=True, decider_id="mod2")))
    assert await world.stored() == before
