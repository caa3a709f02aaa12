"""A topic of 10,000 replies, paged both ways over gRPC while new ones arrive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chassis.commands import Commands
from chassis.decisions import Document
from chassis.errors import DomainError
from chassis.pagination import encode_page_token
from chassis.testing import outbox
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import moves_pb2
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, MODERATING, World
from services.forum.tests.test_forum_consumers import hear, on
from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.carrying import Carrying

MANY, ARRIVING, FOLLOWING = 10_000, 40, 2_000


async def long_topic(world: World, count: int) -> pb.Topic:
    """A topic with so many replies, four of a millisecond, stored as an import would leave them."""
    topic = await world.topic(await world.space())
    first = await world.reply(topic)
    stored: Document = await world.database.replies.find_one({"_id": first.id}) or {}
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    await world.database.replies.insert_many(
        {
            **stored,
            "_id": f"{number * 7919 % count:032x}",  # in another order than the times
            "create_time": begin + timedelta(milliseconds=number // 4),
        }
        for number in range(count - 1)
    )
    await world.database.topics.update_one({"_id": topic.id}, {"$set": {"reply_count": count}})
    return topic


def place(reply: pb.Reply) -> str:
    """Where reading goes on behind or before this reply, as the gateway's cursors say it."""
    return encode_page_token(reply.create_time.ToDatetime(UTC), reply.id)


async def walk(world: World, topic: pb.Topic, *, backward: bool = False) -> list[str]:
    """All that there is until the list ends, page after page."""
    read: list[str] = []
    request = pb.ListRepliesRequest(
        community_id="c1", topic_id=topic.id, page_size=100, backward=backward
    )
    while True:
        page = await world.of(ASKER).ListReplies(request)
        ids = [reply.id for reply in page.replies]
        read = [*ids, *read] if backward else [*read, *ids]
        if not page.next_page_token:
            return read
        request.page_token = page.next_page_token


async def test_ten_thousand_replies_both_ways_while_new_ones_arrive(world: World) -> None:
    topic = await long_topic(world, MANY)
    rows = world.database.replies.find({"topic_id": topic.id}, {"_id": 1})
    there = [row["_id"] async for row in rows.sort([("create_time", 1), ("_id", 1)])]
    assert len(there) == MANY
    other = Commands(world.database)  # another replica
    replicas = (world.use_cases, _replica(world, other))

    async def write() -> list[str]:
        new = []
        for number in range(ARRIVING // 2):
            for replica in replicas:
                request = pb.CreateReplyRequest(
                    **world.ids(), topic_id=topic.id, body=f"New {number}."
                )
                new.append((await replica.create_reply(HELPER, request)).reply.id)
        return new

    forward, back, new = await asyncio.gather(
        walk(world, topic), walk(world, topic, backward=True), write()
    )
    await other.close()
    # Forward: all, once, in order, and of the new ones as many as were there at the end.
    assert forward[:MANY] == there
    assert forward[MANY:] == new[: len(forward) - MANY]
    # Backward: all that was there when it began, once, in order; nothing newer slips in.
    assert back == [*there, *new[: len(back) - MANY]]
    # Whoever has read to the end goes on from there: no gap, no repeat.
    request = pb.ListRepliesRequest(community_id="c1", topic_id=topic.id, page_size=100)
    (last,) = await _replies(world, [forward[-1]])
    request.page_token = place(last)
    rest = [reply.id for reply in (await world.of(ASKER).ListReplies(request)).replies]
    assert [*forward, *rest] == [*there, *new]
    assert (await world.see(ASKER, topic)).reply_count == MANY + ARRIVING


async def _replies(world: World, ids: list[str]) -> list[pb.Reply]:
    request = pb.BatchGetRepliesRequest(community_id="c1", reply_ids=ids)
    return list((await world.of(ASKER).BatchGetReplies(request)).replies)


def _replica(world: World, commands: Commands) -> ForumUseCases:
    return ForumUseCases(
        commands, world.repository, world.use_cases._moderation, posting_limits=False
    )


async def test_reply_of_a_replica_whose_clock_is_late_comes_behind_what_was_read(
    world: World,
) -> None:
    """As a replica whose clock is an hour ahead has left it: what is written next is not missed."""
    topic = await world.topic(await world.space())
    ahead = await world.reply(topic, body="From the future.")
    time = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    await world.database.replies.update_one({"_id": ahead.id}, {"$set": {"create_time": time}})
    stored: Document = await world.database.topics.find_one({"_id": topic.id}) or {}
    latest = [{**stored["latest"][0], "time": time}]
    await world.database.topics.update_one(
        {"_id": topic.id}, {"$set": {"latest": latest, "newest_time": time}}
    )
    (read,) = await world.replies(ASKER, topic)
    # Out of sight again: what was read up to it was read nevertheless.
    await world.act("HideReply", MODERATING, read, reason="clock")
    written = [await world.reply(topic, body=f"Number {number}.") for number in range(3)]
    page = await world.replies(ASKER, topic, page_token=place(read))
    assert [reply.id for reply in page] == [reply.id for reply in written]
    times = [reply.create_time.ToDatetime(UTC) for reply in page]
    assert times == [time + timedelta(milliseconds=step) for step in (1, 2, 3)]


async def test_reply_approved_late_appears_behind_what_was_read(world: World) -> None:
    topic = await world.topic(await world.space())
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    held = await world.reply(topic, body="Wait for me.")
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    await world.reply(topic, body="I was faster.")
    read = await world.replies(ASKER, topic)
    await hear(world, CaseDecided(**on(held, approved=True, decider_id="mod2")))
    (late,) = await world.replies(ASKER, topic, page_token=place(read[-1]))
    assert (late.id, late.body) == (held.id, "Wait for me.")
    assert (await world.see(ASKER, topic)).activity_time == late.create_time


@pytest.mark.parametrize("writers", [2, 3])
async def test_replies_of_one_moment_in_several_replicas_are_read_in_the_order_of_their_commit(
    world: World, writers: int
) -> None:
    """A reader who follows the end sees each reply once, whoever wrote it at the same time."""
    topic = await world.topic(await world.space())
    commands = [Commands(world.database) for _ in range(writers)]
    replicas = [_replica(world, one) for one in commands]
    done = asyncio.Event()
    read: list[str] = []

    async def follow() -> None:
        token = ""
        while True:
            last = done.is_set()
            page = await world.replies(ASKER, topic, page_size=100, page_token=token)
            read.extend(reply.id for reply in page)
            token = place(page[-1]) if page else token
            if last and not page:
                return

    async def write(replica: ForumUseCases) -> list[str]:
        requests = [
            pb.CreateReplyRequest(**world.ids(), topic_id=topic.id, body=f"Number {number}.")
            for number in range(12)
        ]
        answers = await asyncio.gather(*(replica.create_reply(HELPER, one) for one in requests))
        return [answer.reply.id for answer in answers]

    following = asyncio.create_task(follow())
    written = await asyncio.gather(*map(write, replicas))
    done.set()
    await following
    await asyncio.gather(*(one.close() for one in commands))
    assert len(read) == len(set(read))
    assert set(read) == {id_ for some in written for id_ in some}


async def test_two_thousand_replies_follow_their_topic_into_another_space(world: World) -> None:
    """In pages: readers of the new space have all of them all the time, others none at any time."""
    topic = await long_topic(world, FOLLOWING)
    secret = await world.space("secret", audience=pb.AUDIENCE_VENDOR)
    moving = moves_pb2.MoveTopicRequest(
        **world.ids(), topic_id=topic.id, space_id=secret.id, even_if_author_cannot_read=True
    )
    carrying = Carrying(world.commands, world.repository, at_once=0.0)
    await world.move_use_cases(carrying).move_topic(MANAGING, moving)
    request = pb.ListRepliesRequest(community_id="c1", topic_id=topic.id, page_size=3)
    expected = [reply.id for reply in (await world.of(MANAGING).ListReplies(request)).replies]
    finishing = asyncio.create_task(carrying.finish())
    while not finishing.done():
        page = await world.of(MANAGING).ListReplies(request)
        assert [reply.id for reply in page.replies] == expected
        with pytest.raises(DomainError):
            await world.of(ASKER).ListReplies(request)
    await finishing
    stored = world.database.replies
    assert await stored.count_documents({"topic_id": topic.id, "space_id": secret.id}) == FOLLOWING
    told = [e for e in await outbox(world.database) if isinstance(e, said.RepliesMoved)]
    assert sum(len(event.reply_ids) for event in told) == FOLLOWING
    assert [event.finished for event in told] == [False] * (len(told) - 1) + [True]
