"""Accepted answers, one or several: whatever is done at once, one state comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from chassis.commands import Commands
from chassis.errors import FieldInvalidError, VersionStaleError
from chassis.rpc_status import reason_of
from chassis.testing import outbox
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.repository import ForumRepository
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, MODERATING, World
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases import ForumUseCases


async def question(world: World, replies: int, *, several: bool = True) -> tuple[pb.Topic, Any]:
    """With so many replies."""
    many = pb.ACCEPTED_ANSWERS_SEVERAL if several else pb.ACCEPTED_ANSWERS_SINGLE
    space = await world.space(settings=pb.SpaceSettingsChange(accepted_answers=many))
    topic = await world.topic(space)
    return topic, [await world.reply(topic, body=f"Reply {n}") for n in range(replies)]


async def accepted(world: World, topic: pb.Topic) -> list[str]:
    """The answers, which topic and replies say alike."""
    seen = await world.see(ASKER, topic)
    marked = {reply.id for reply in await world.replies(ASKER, topic) if reply.accepted}
    assert set(seen.accepted_reply_ids) == marked
    assert len(seen.accepted_reply_ids) == len(marked)
    assert seen.accepted_reply_id == (seen.accepted_reply_ids or [""])[0]
    unanswered = await world.topics(ASKER, unanswered=True)
    assert (topic.id in unanswered) == (not marked)
    return list(seen.accepted_reply_ids)


async def heard(world: World) -> list[str]:
    """What somebody who counts answers by the domain events has counted."""
    counted: list[str] = []
    for event in await outbox(world.database):
        if isinstance(event, said.ReplyAccepted):
            if event.replaced_reply_id:
                counted.remove(event.replaced_reply_id)
            counted.append(event.reply_id)
        elif isinstance(event, said.ReplyUnaccepted):
            counted.remove(event.reply_id)
    return counted


async def test_several_replies_answer_where_the_space_says_so(world: World) -> None:
    topic, (one, two, three) = await question(world, 3)
    await world.act("AcceptReply", ASKER, two)
    answer = await world.act("AcceptReply", ASKER, one)
    assert list(answer.topic.accepted_reply_ids) == [two.id, one.id]
    again = await world.act("AcceptReply", ASKER, two)
    assert again.topic == answer.topic
    await refused(world, world.act("UnacceptReply", ASKER, topic), FieldInvalidError, "reply_id")
    call = world.act("UnacceptReply", ASKER, topic, reply_id=three.id)
    await refused(world, call, "NOTHING_ACCEPTED", "reply_id")
    left = (await world.act("UnacceptReply", ASKER, topic, reply_id=two.id)).topic
    assert list(left.accepted_reply_ids) == await accepted(world, topic) == [one.id]
    await world.act("UnacceptReply", ASKER, topic)
    assert await accepted(world, topic) == await heard(world) == []
    await refused(world, world.act("UnacceptReply", ASKER, topic), "NOTHING_ACCEPTED")


async def test_ten_answers_are_enough(world: World) -> None:
    topic, replies = await question(world, 11)
    for reply in replies[:10]:
        await world.act("AcceptReply", ASKER, reply)
    await refused(world, world.act("AcceptReply", ASKER, replies[10]), "TOO_MANY_ACCEPTED")
    assert len(await accepted(world, topic)) == 10


async def test_single_again_leaves_one(world: World) -> None:
    topic, replies = await question(world, 4)
    for reply in replies[:3]:
        await world.act("AcceptReply", ASKER, reply)
    request = pb.UpdateSpaceRequest(**world.ids(), space_id=topic.space_id)
    request.settings.accepted_answers = pb.ACCEPTED_ANSWERS_SINGLE
    await world.of(MANAGING).UpdateSpace(request)
    assert len(await accepted(world, topic)) == 3
    await world.act("AcceptReply", ASKER, replies[3])
    assert await accepted(world, topic) == await heard(world) == [replies[3].id]
    await world.act("HideReply", MODERATING, replies[3], reason="wrong")
    assert await accepted(world, topic) == await heard(world) == []


async def test_one_of_several_out_of_sight_leaves_the_others(world: World) -> None:
    topic, (one, two) = await question(world, 2)
    for reply in (one, two):
        await world.act("AcceptReply", ASKER, reply)
    await world.act("RemoveReply", MODERATING, one, reason="wrong")
    assert await accepted(world, topic) == await heard(world) == [two.id]


@dataclass
class Places:
    """Two replicas of the forum, and who clicks in which."""

    world: World
    replicas: list[ForumUseCases]

    async def accept(self, replica: int, reply: pb.Reply, actor: Any = ASKER) -> Any:
        request = pb.AcceptReplyRequest(
            **self.world.ids(), topic_id=reply.topic_id, reply_id=reply.id
        )
        return await self.replicas[replica].accept_reply(actor, request)

    async def unaccept(self, replica: int, topic: pb.Topic, reply_id: str = "") -> Any:
        request = pb.UnacceptReplyRequest(**self.world.ids(), topic_id=topic.id, reply_id=reply_id)
        return await self.replicas[replica].unaccept_reply(MODERATING, request)


@pytest_asyncio.fixture
async def places(world: World) -> AsyncIterator[Places]:
    other = Commands(world.database)
    repository = ForumRepository(world.database)
    there = ForumUseCases(other, repository, world.use_cases._moderation, posting_limits=False)
    yield Places(world, [world.use_cases, there])
    await other.close()


def told(results: Sequence[Any]) -> list[str]:
    """Why some were refused; anything but a refusal fails."""
    failed = [one for one in results if isinstance(one, BaseException)]
    return [reason_of(one) for one in failed]  # type: ignore[arg-type]


@pytest.mark.parametrize("several", [False, True])
async def test_accept_and_unaccept_from_two_places_at_once(places: Places, several: bool) -> None:
    world = places.world
    topic, (one, two) = await question(world, 2, several=several)
    for turn in range(6):
        await places.accept(0, one)
        results = await asyncio.gather(
            places.accept(turn % 2, two),
            places.unaccept(1 - turn % 2, topic, one.id),
            places.accept(1 - turn % 2, one, MODERATING),
            return_exceptions=True,
        )
        stale = {VersionStaleError.reason(), "NOTHING_ACCEPTED"}
        assert set(told(results)) <= stale
        state = await accepted(world, topic)
        assert sorted(state) == sorted(await heard(world))
        assert len(state) <= (2 if several else 1)
        for reply_id in state:
            await places.unaccept(turn % 2, topic, reply_id)
        assert await accepted(world, topic) == await heard(world) == []


async def test_one_answer_accepted_and_taken_back_many_times_at_once(places: Places) -> None:
    world = places.world
    topic, (one,) = await question(world, 1, several=False)
    calls = [places.accept(n % 2, one) for n in range(8)]
    calls += [places.unaccept(n % 2, topic) for n in range(8)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert set(told(results)) <= {VersionStaleError.reason(), "NOTHING_ACCEPTED"}
    assert await accepted(world, topic) == await heard(world)
    seqs = [row["seq"] async for row in world.database.outbox.find({"agg": topic.id})]
    assert sorted(seqs) == list(range(1, len(seqs) + 1))


async def test_an_answer_of_before_there_could_be_several(world: World) -> None:
    topic, (one, _) = await question(world, 2)
    await world.act("AcceptReply", ASKER, one)
    await world.database.topics.update_one(
        {"_id": topic.id}, {"$unset": {"further_accepted_ids": ""}}
    )
    seen = await world.see(HELPER, topic)
    assert (seen.accepted_reply_id, list(seen.accepted_reply_ids)) == (one.id, [one.id])
