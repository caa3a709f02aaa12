"""How many people one mentions in a day, whatever one writes: posts, drafts, edits, held edits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.actors import Actor
from chassis.errors import DomainError
from chassis.rpc_status import reason_of
from chassis.testing import outbox
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from services.forum.jobs import schedules
from services.forum.tests.conftest import ASKER, HELPER, MODERATING, NEWCOMER, World
from services.forum.tests.test_forum_lifecycle_servicer import fall_due, jobs, scheduled
from services.forum.tests.test_forum_servicer import refused

CROWD = [f"person{n}" for n in range(200)]
LIMIT = ("MENTION_LIMIT_REACHED", "mentioned_ids")


@pytest_asyncio.fixture
async def limited(make_world: Callable[..., Any]) -> World:
    """With posting limits, and a crowd that reads everything."""
    world: World = await make_world(posting_limits=True)
    world.members.memberships = dict.fromkeys(CROWD, ("community:c1",))
    return world


async def edit(world: World, post: Any, people: list[str], actor: Actor = ASKER) -> Any:
    """Who is mentioned becomes this; the text stays."""
    fields: dict[str, Any] = {"update_mentions": True, "mentioned_ids": people}
    if isinstance(post, pb.Topic):
        request = pb.UpdateTopicRequest(**world.ids(), topic_id=post.id, **fields)
        return await world.of(actor).UpdateTopic(request)
    reply = pb.UpdateReplyRequest(
        **world.ids(), topic_id=post.topic_id, reply_id=post.id, body=post.body, **fields
    )
    return await world.of(actor).UpdateReply(reply)


async def told(world: World) -> int:
    """How often anybody was told of a mention."""
    events = await outbox(world.database)
    return sum(len(one.mentioned_ids) for one in events if isinstance(one, said.MentionAdded))


async def a_day_later(world: World) -> None:
    old = datetime.now(UTC) - timedelta(days=1, minutes=1)
    times = {"topic_times": [old], "reply_times": [old], "mention_times": [old] * 50}
    await world.database.postings.update_many({}, {"$set": times})


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_a_bomb_by_edits_stops_at_the_limit(limited: World, kind: str) -> None:
    world = limited
    post: Any = await world.topic(await world.space(), mentioned_ids=CROWD[:10])
    if kind == "reply":
        post = await world.reply(post, ASKER)
    else:
        await edit(world, post, CROWD[:10])  # nobody new
    for n in range(1, 5):
        await edit(world, post, CROWD[10 * n : 10 * n + 10])
    await refused(world, edit(world, post, CROWD[50:51]), *LIMIT)
    assert await told(world) == 50
    await edit(world, post, [])
    await refused(world, edit(world, post, CROWD[40:41]), *LIMIT)  # whoever was told before
    await edit(world, post, CROWD[:2], MODERATING)
    await a_day_later(world)
    await edit(world, post, CROWD[50:60])
    assert await told(world) == 62


async def test_the_refusal_says_how_many_and_when(limited: World) -> None:
    world = limited
    topic = await world.topic(await world.space(), mentioned_ids=CROWD[:10])
    for n in range(1, 5):
        await edit(world, topic, CROWD[10 * n : 10 * n + 10])
    with pytest.raises(DomainError) as refusal:
        await edit(world, topic, CROWD[50:53])
    assert "50 people mentioned in 24 hours, and this mentions 3 more" in str(refusal.value)
    assert 86_000 < refusal.value.retry_after <= 86_400


async def test_new_posts_and_drafts_that_go_out_count(limited: World) -> None:
    world = limited
    space = await world.space()
    topic = await world.topic(space, NEWCOMER, mentioned_ids=CROWD[:2])
    for n in range(1, 5):
        await edit(world, topic, CROWD[2 * n : 2 * n + 2], NEWCOMER)
    await refused(world, edit(world, topic, CROWD[10:11], NEWCOMER), *LIMIT)
    draft = await world.topic(space, NEWCOMER, draft=True, mentioned_ids=CROWD[:2])
    await edit(world, draft, CROWD[2:4], NEWCOMER)  # nobody is told of a draft
    await world.database.postings.update_many({}, {"$set": {"topic_times": []}})
    await refused(world, world.act("PublishTopic", NEWCOMER, draft), *LIMIT)
    other = await world.topic(space)
    await refused(world, world.reply(other, NEWCOMER, mentioned_ids=CROWD[:1]), *LIMIT)
    await world.reply(other, NEWCOMER)
    assert await told(world) == 0  # all of the newcomer's waits


async def test_whose_mentions_are_used_up_holds_up_nobody_elses_schedule(
    limited: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = limited
    monkeypatch.setattr(schedules, "_AT_ONCE", 2)
    space = await world.space()
    topic = await world.topic(space)
    for n in range(5):
        await edit(world, topic, CROWD[10 * n : 10 * n + 10])
    await world.database.postings.update_many({}, {"$set": {"topic_times": []}})
    for _ in range(3):
        await scheduled(world, space, mentioned_ids=CROWD[:1])
    await fall_due(world)
    other = await scheduled(world, space, HELPER)
    last = {"$set": {"publish_time": datetime.now(UTC)}}
    await world.database.topics.update_one({"_id": other.id}, last)
    publishing = jobs(world, posting_limits=True)
    for _ in range(2):
        await publishing.publish_due_topics()
    assert (await world.see(HELPER, other)).state == pb.TOPIC_STATE_PUBLISHED
    states = [pb.TOPIC_STATE_SCHEDULED]
    assert len(await world.topics(ASKER, states=states)) == 3


async def test_edits_that_wait_count_once(limited: World) -> None:
    world = limited
    topic = await world.topic(await world.space())
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    for n in range(5):
        people = CROWD[10 * n : 10 * n + 10]
        for _ in range(2):
            assert (await edit(world, topic, people)).HasField("held_edit")
    await refused(world, edit(world, topic, CROWD[50:51]), *LIMIT)
    assert await told(world) == 0


async def test_of_edits_at_once_none_is_forgotten(limited: World) -> None:
    world = limited
    topic = await world.topic(await world.space(), HELPER)
    reply = await world.reply(topic, HELPER)
    for n in range(1, 5):
        await edit(world, topic, CROWD[10 * n : 10 * n + 10], HELPER)
    results = await asyncio.gather(
        *(edit(world, post, CROWD[:10], HELPER) for post in (topic, reply)),
        return_exceptions=True,
    )
    refusals = [one for one in results if isinstance(one, DomainError)]
    assert [
        reason_of(one) in ("MENTION_LIMIT_REACHED", "POSTING_TOO_FAST") for one in refusals
    ] == [True]
    assert await told(world) == 50
