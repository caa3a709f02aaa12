"""Replies to replies: one level deep, counted, listed by thread, behind the same walls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import CommunityNotFoundError, DomainError, FieldInvalidError
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


async def pages(world: World, actor: Any, topic: pb.Topic, **more: Any) -> list[pb.Reply]:
    """All replies, page by page of two."""
    found: list[pb.Reply] = []
    token = ""
    while True:
        request = pb.ListRepliesRequest(
            community_id="c1", topic_id=topic.id, page_size=2, page_token=token, **more
        )
        page = await world.of(actor).ListReplies(request)
        replies = list(page.replies)
        found = [*replies, *found] if more.get("backward") else [*found, *replies]
        if not (token := page.next_page_token):
            return found


@pytest.mark.parametrize("backward", [False, True])
async def test_what_replies_to_a_hidden_or_removed_reply_is_found(
    world: World, backward: bool
) -> None:
    topic = await world.topic(await world.space())
    roots = [await world.reply(topic, body=f"Secret {n}.") for n in range(7)]
    for number in (1, 3, 5, 6):
        await child_of(world, roots[number])
    gone = await child_of(world, roots[4])
    await world.act("RemoveReply", MODERATING, gone, reason="rude")
    for number in (1, 2):
        await world.act("HideReply", MODERATING, roots[number], reason="most rude")
    for number in (4, 5):  # one has no child that can be read
        await world.act("RemoveReply", MODERATING, roots[number], reason="most rude")
    await world.act("RemoveReply", HELPER, roots[6])

    async def threads(actor: Any) -> list[tuple[int, bool]]:
        found = await pages(world, actor, topic, threads=True, backward=backward)
        ids = [root.id for root in roots]
        return [(ids.index(one.id), one.withheld) for one in found]

    shown = [(0, False), (1, True), (3, False), (5, True), (6, True)]
    assert await threads(ASKER) == shown
    own = [(0, False), (1, False), (2, False), (3, False), (5, True), (6, True)]
    assert await threads(HELPER) == own
    assert await threads(MODERATING) == [(number, False) for number in range(7)]
    with pytest.raises(DomainError):
        await threads(STRANGER)
    _, stub, *_ = await world.replies(ASKER, topic, threads=True)
    assert stub == pb.Reply(
        id=roots[1].id,
        community_id="c1",
        topic_id=topic.id,
        space_id=topic.space_id,
        state=pb.REPLY_STATE_HIDDEN,
        create_time=roots[1].create_time,
        child_count=1,
        edition=1,
        withheld=True,
    )
    for root in roots:
        children = await world.replies(ASKER, topic, parent_reply_id=root.id)
        assert len(children) == (root in (roots[1], roots[3], roots[5], roots[6]))
    batch = pb.BatchGetRepliesRequest(community_id="c1", reply_ids=[one.id for one in roots])
    found = (await world.of(ASKER).BatchGetReplies(batch)).replies
    assert [one.id for one in found] == [roots[0].id, roots[3].id]
    assert not any(one.withheld for one in await world.replies(ASKER, topic))


async def test_of_one_who_waits_for_review_nothing_is_told(world: World) -> None:
    topic = await world.topic(await world.space())
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    held = await world.reply(topic)
    await world.database.replies.update_one({"_id": held.id}, {"$set": {"child_count": 1}})
    assert await world.replies(ASKER, topic, threads=True) == []
    assert [one.id for one in await world.replies(HELPER, topic, threads=True)] == [held.id]


async def test_withheld_threads_are_read_along_the_index(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await child_of(world, reply)
    (row,) = await world.database.replies.find({"_id": reply.id}).to_list()
    await world.act("RemoveReply", MODERATING, reply, reason="rude")
    (gone,) = await world.database.replies.find({"_id": reply.id}).to_list()
    rows = [
        {**(gone if n % 2 else row), "_id": f"r{n:03}", "create_time": row["create_time"]}
        for n in range(200)
    ]
    await world.database.replies.insert_many(rows)
    await world.database.command("profile", 2)
    page = await world.replies(ASKER, topic, threads=True, page_size=5)
    await world.database.command("profile", 0)
    assert len(page) == 5
    assert {one.withheld for one in page} == {True, False}
    (told,) = await world.database["system.profile"].find({"command.find": "replies"}).to_list()
    assert "parent_reply_id: 1, read_keys: 1, create_time: 1" in told["planSummary"]
    assert "hasSortStage" not in told
    assert told["docsExamined"] <= 12


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
        found = await pages(world, ASKER, topic, backward=backward, **more)
        assert [reply.id for reply in found] == [reply.id for reply in wanted]
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
