"""Replies to replies: one level deep, counted, listed by thread, behind the same walls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import CommunityNotFoundError, FieldInvalidError
from chassis.testing import outbox
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, MODERATING, STRANGER, World
from services.forum.tests.test_forum_servicer import refused


async def child_of(world: World, parent: pb.Reply, actor: Any = ASKER, **more: Any) -> pb.Reply:
    """A reply to a reply."""
    fields = {"topic_id": parent.topic_id, "parent_reply_id": parent.id, "body": "Why?", **more}
    request = pb.CreateReplyRequest(**world.ids(), **fields)
    made: pb.Reply = (await world.of(actor).CreateReply(request)).reply
    return made


async def counts(world: World, topic: pb.Topic) -> dict[str, int]:
    return {reply.id: reply.child_count for reply in await world.replies(MODERATING, topic)}


async def test_reply_to_a_reply(world: World) -> None:
    topic = await world.topic(await world.space())
    parent, alone = await world.reply(topic), await world.reply(topic)
    child = await child_of(world, parent)
    assert (child.parent_reply_id, child.child_count) == (parent.id, 0)
    (event,) = (await outbox(world.database))[-1:]
    assert isinstance(event, said.ReplyPublished)
    assert (event.reply_id, event.parent_reply_id) == (child.id, parent.id)
    assert await counts(world, topic) == {parent.id: 1, alone.id: 0, child.id: 0}
    (first, *_) = await world.replies(ASKER, topic)
    assert first.version == parent.version  # its author may still edit what they saw
    assert (await world.see(ASKER, topic)).reply_count == 3


async def test_reply_to_what_is_no_parent_is_refused(world: World) -> None:
    space = await world.space()
    topic, other = await world.topic(space), await world.topic(space)
    parent, foreign = await world.reply(topic), await world.reply(other)
    child, hidden = await child_of(world, parent), await world.reply(topic)
    await world.act("HideReply", MODERATING, hidden, reason="rude")
    invalid = ("PARENT_INVALID", "parent_reply_id")
    for wrong in (child.id, foreign.id, hidden.id, "nobody"):
        call = child_of(world, parent, parent_reply_id=wrong)
        await refused(world, call, *invalid)
    await refused(world, child_of(world, hidden, MODERATING), *invalid)
    call = child_of(world, parent, STRANGER)
    await refused(world, call, CommunityNotFoundError, "community_id")


async def test_children_count_while_they_can_be_read(world: World) -> None:
    topic = await world.topic(await world.space())
    parent = await world.reply(topic)
    child, other = await child_of(world, parent), await child_of(world, parent)
    await world.act("HideReply", MODERATING, child, reason="rude")
    assert (await counts(world, topic))[parent.id] == 1
    await world.act("RestoreReply", MODERATING, child)
    assert (await counts(world, topic))[parent.id] == 2
    await world.act("RemoveReply", MODERATING, other, reason="rude")
    assert (await counts(world, topic))[parent.id] == 1
    await world.act("UpdateReply", HELPER, parent, body="Turn it on and off.")
    assert (await counts(world, topic))[parent.id] == 1


async def test_held_child_counts_once_approved(world: World) -> None:
    topic = await world.topic(await world.space())
    parent = await world.reply(topic)
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    held = await child_of(world, parent)
    assert held.state == pb.REPLY_STATE_PENDING_REVIEW
    assert (await counts(world, topic))[parent.id] == 0


async def test_removed_parent_keeps_its_children(world: World) -> None:
    topic = await world.topic(await world.space())
    parent = await world.reply(topic)
    child = await child_of(world, parent)
    await world.act("RemoveReply", MODERATING, parent, reason="rude")
    assert [reply.id for reply in await world.replies(ASKER, topic)] == [child.id]
    thread = await world.replies(ASKER, topic, parent_reply_id=parent.id)
    assert [(reply.id, reply.parent_reply_id) for reply in thread] == [(child.id, parent.id)]
    await refused(world, child_of(world, parent), "PARENT_INVALID", "parent_reply_id")


@pytest.mark.parametrize("backward", [False, True])
async def test_list_threads_and_children(world: World, backward: bool) -> None:
    topic = await world.topic(await world.space())
    roots = [await world.reply(topic, body=f"Reply {n}") for n in range(4)]
    children = [await child_of(world, roots[1], body=f"Child {n}") for n in range(5)]
    await child_of(world, roots[2])
    for more, wanted in (
        ({"threads": True}, roots),
        ({"parent_reply_id": roots[1].id}, children),
    ):
        found: list[str] = []
        token = ""
        while True:
            request = pb.ListRepliesRequest(
                community_id="c1", topic_id=topic.id, page_size=2, page_token=token,
                backward=backward, **more,
            )  # fmt: skip
            page = await world.of(ASKER).ListReplies(request)
            ids = [reply.id for reply in page.replies]
            found = [*ids, *found] if backward else [*found, *ids]
            if not (token := page.next_page_token):
                break
        assert found == [reply.id for reply in wanted]
    assert await world.replies(ASKER, topic, parent_reply_id="nobody") == []
    call = world.replies(ASKER, topic, threads=True, parent_reply_id=roots[1].id)
    await refused(world, call, FieldInvalidError, "parent_reply_id")


async def test_children_of_what_one_cannot_read(world: World) -> None:
    vendor = await world.space("vendor", audience=pb.AUDIENCE_VENDOR)
    secret = await world.topic(vendor, MANAGING)
    parent = await world.reply(secret, MANAGING)
    await child_of(world, parent, MANAGING)
    for more in ({"parent_reply_id": parent.id}, {"threads": True}):
        call = world.replies(ASKER, secret, **more)
        await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")
    open_topic = await world.topic(await world.space())
    assert await world.replies(ASKER, open_topic, parent_reply_id=parent.id) == []
    hidden = await child_of(world, await world.reply(open_topic))
    await world.act("HideReply", MODERATING, hidden, reason="rude")
    assert await world.replies(HELPER, open_topic, parent_reply_id=hidden.parent_reply_id) == []


async def test_children_at_once_are_all_counted(world: World) -> None:
    topic = await world.topic(await world.space())
    parent = await world.reply(topic)
    await asyncio.gather(*(child_of(world, parent, body=f"Child {n}") for n in range(12)))
    assert (await counts(world, topic))[parent.id] == 12
