"""ListMentions over real gRPC: where one is mentioned, as one can see it now, in full pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chassis.actors import Actor, Membership
from chassis.errors import FieldInvalidError, PageTokenInvalidError, RoleRequiredError
from chassis.pagination import Paging
from chassis.testing import person_actor
from guildhall.forum.v1 import feed_pb2, forum_pb2
from guildhall.forum.v1 import moves_pb2 as mpb
from guildhall.forum.v1.moves_pb2_grpc import MoveServiceStub
from services.forum.domain.references import Mention
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_feed_servicer import wall
from services.forum.tests.test_forum_servicer import refused

ANNA = person_actor("anna")
KEYS = ("community:c1", "person:anna")
SECRET: dict[str, Any] = {"audience": forum_pb2.AUDIENCE_VENDOR}
# A member of two communities.
BOTH = Actor(
    person_id="anna",
    memberships={
        community: Membership("co1", keyring=(f"community:{community}", "person:anna"))
        for community in ("c1", "c2")
    },
)


async def speak(
    world: World, topic: forum_pb2.Topic, actor: Actor = HELPER, **more: Any
) -> forum_pb2.Reply:
    """To Anna, in a reply."""
    world.members.memberships.setdefault("anna", KEYS)
    return await world.reply(topic, actor, mentioned_ids=["anna"], **more)


async def page(world: World, actor: Actor = ANNA, **more: Any) -> feed_pb2.ListMentionsResponse:
    request = feed_pb2.ListMentionsRequest(**more)
    answer: feed_pb2.ListMentionsResponse = await world.feed_of(actor).ListMentions(request)
    return answer


async def posts(world: World, actor: Actor = ANNA, **more: Any) -> list[str]:
    """By their ids."""
    return [one.reply_id or one.topic_id for one in (await page(world, actor, **more)).mentions]


async def walked(world: World, *, backward: bool) -> list[list[str]]:
    """Page after page of two."""
    pages: list[list[str]] = []
    token = ""
    while True:
        found = await page(world, page_size=2, page_token=token, backward=backward)
        end = found.mentions[0 if backward else -1]
        assert found.next_page_token in ("", end.page_token)
        pages.append([one.reply_id for one in found.mentions])
        if not (token := found.next_page_token):
            return pages


async def test_where_one_is_mentioned(world: World) -> None:
    world.members.memberships = {"anna": KEYS}
    topic = await world.topic(await world.space(), mentioned_ids=["anna"])
    reply = await speak(world, topic)
    await world.reply(topic)
    by_reply, by_topic = (await page(world)).mentions
    assert (by_reply.community_id, by_reply.topic_id, by_reply.reply_id) == (
        "c1",
        topic.id,
        reply.id,
    )
    assert (by_topic.topic_id, by_topic.reply_id) == (topic.id, "")
    assert (by_reply.author, by_topic.author) == (reply.author, topic.author)
    assert by_reply.create_time.ToDatetime() >= reply.create_time.ToDatetime()
    assert await posts(world, HELPER) == await posts(world, ASKER) == []  # nobody else's


@pytest.mark.parametrize("backward", [False, True])
async def test_pages_are_full_of_what_one_can_see(world: World, backward: bool) -> None:
    open_, closing = await world.space(), await world.space("closing")
    topic, behind = await world.topic(open_), await world.topic(closing, MANAGING)
    seen = []
    for _ in range(5):
        seen.append(await speak(world, topic))
        for _ in range(3):
            await speak(world, behind, MANAGING)
    await wall(world, closing, forum_pb2.AUDIENCE_VENDOR)
    pages = await walked(world, backward=backward)
    newest = [one.id for one in reversed(seen)]
    if backward:
        assert pages == [newest[3:], newest[1:3], newest[:1]]
    else:
        assert pages == [newest[:2], newest[2:4], newest[4:]]
    await wall(world, closing, forum_pb2.AUDIENCE_COMMUNITY)
    assert len(await posts(world)) == 20


async def test_mention_bomb_that_was_hidden_is_passed_in_few_steps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await world.topic(await world.space())
    first, bomb = await speak(world, topic), await speak(world, topic)
    row = await world.database.mentions.find_one({"reply_id": bomb.id})
    reply = await world.database.replies.find_one({"_id": bomb.id})
    assert row is not None
    assert reply is not None
    ids = [f"bomb-{number:03}" for number in range(500)]
    await world.database.mentions.insert_many(
        [{**row, "_id": f"{one}:anna", "reply_id": one} for one in ids]
    )
    await world.database.replies.insert_many([{**reply, "_id": one} for one in ids])
    assert len(await posts(world, page_size=1000)) == 100  # at most
    hidden = {"$set": {"read_keys": ["moderators:c1"]}}
    await world.database.replies.update_many({"_id": {"$in": [*ids, bomb.id]}}, hidden)
    steps: list[int] = []
    plain = world.repository.list_mentions

    async def counted(communities: Any, person_id: str, paging: Paging) -> Sequence[Mention]:
        steps.append(paging.limit)
        return await plain(communities, person_id, paging)

    monkeypatch.setattr(world.repository, "list_mentions", counted)
    found = await page(world, page_size=1)
    assert ([one.reply_id for one in found.mentions], found.next_page_token) == ([first.id], "")
    assert len(steps) < 12
    assert max(steps) <= 101


async def test_outsiders_and_who_was_shut_out_see_nothing(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await speak(world, topic)
    secret = await world.topic(await world.space("secret", **SECRET), MANAGING)
    world.members.memberships["anna"] = (*KEYS, "vendor:c1")
    inside = await speak(world, secret, MANAGING)
    of_vendor = person_actor("anna", keyring=(*KEYS, "vendor:c1"))
    assert await posts(world, of_vendor) == [inside.id, reply.id]
    assert await posts(world) == [reply.id]
    # As who was never there: one that left the community, and one that asks about another's.
    left = person_actor("anna", "c2")
    nothing = feed_pb2.ListMentionsResponse()
    for actor in (left, STRANGER):
        for named in ([], ["c1"], ["none"]):
            assert await page(world, actor, community_ids=named) == nothing
    # The place of what one cannot see is a place like any other.
    token = (await page(world, of_vendor)).mentions[0].page_token
    assert await posts(world, page_token=token) == [reply.id]
    await world.act("HideTopic", MODERATING, topic, reason="off")
    assert await page(world) == nothing
    await world.act("RestoreTopic", MODERATING, topic)
    assert await posts(world) == [reply.id]


async def test_an_edit_takes_a_mention_back(world: World) -> None:
    topic = await world.topic(await world.space())
    kept, edited = await speak(world, topic), await speak(world, topic)
    more: dict[str, Any] = {"mentioned_ids": [], "update_mentions": True}
    await world.act("UpdateReply", HELPER, edited, body="To nobody.", **more)
    assert await posts(world) == [kept.id]
    more["mentioned_ids"] = ["anna"]
    await world.act("UpdateReply", HELPER, edited, body="To Anna again.", **more)
    assert await posts(world) == [edited.id, kept.id]


async def test_a_reply_that_moved_is_where_it_is_now(world: World) -> None:
    space, vendor = await world.space(), await world.space("secret", **SECRET)
    topic = await world.topic(space)
    moved, gone = await speak(world, topic), await speak(world, topic)
    stub = world.loopback.client(MoveServiceStub, "forum", MANAGING)

    async def split(reply: forum_pb2.Reply, space: forum_pb2.Space) -> str:
        request = mpb.SplitTopicRequest(
            **world.ids(), topic_id=topic.id, reply_ids=[reply.id], space_id=space.id,
            title="Another matter", body="These replies are about something else.",
        )  # fmt: skip
        new_id: str = (await stub.SplitTopic(request)).new_topic.id
        return new_id

    new_id = await split(moved, space)
    found = (await page(world)).mentions
    assert [(one.topic_id, one.reply_id) for one in found] == [
        (topic.id, gone.id),
        (new_id, moved.id),
    ]
    await split(gone, vendor)
    assert await posts(world) == [moved.id]


async def test_who_wrote_as_a_company_is_not_told(world: World) -> None:
    topic = await world.topic(await world.space())
    await speak(world, topic, ASKER, as_company=True)
    company = forum_pb2.Author(company_id="co1", community_id="c1", as_company=True)
    colleague = person_actor("anna")  # who may know, and is told by the reply itself
    for actor in (colleague, person_actor("anna", roles=["MODERATOR"], company_id="co2")):
        assert [one.author for one in (await page(world, actor)).mentions] == [company]


async def test_of_several_communities_those_that_are_named(world: World) -> None:
    reply = await speak(world, await world.topic(await world.space()))
    world.members.memberships["anna"] = (*KEYS, "community:c2")
    manager = world.of(person_actor("boss", "c2", roles=["MANAGER"]))
    ids: dict[str, Any] = {"community_id": "c2"}
    space = forum_pb2.CreateSpaceRequest(
        **ids, request_id=world.request_id(), slug="there", name="There"
    )
    topic = forum_pb2.CreateTopicRequest(
        **ids, request_id=world.request_id(), title="There too", body="To Anna.",
        space_id=(await manager.CreateSpace(space)).space.id,
        kind=forum_pb2.TOPIC_KIND_QUESTION, mentioned_ids=["anna"],
    )  # fmt: skip
    there = (await manager.CreateTopic(topic)).topic.id
    assert await posts(world, BOTH) == [there, reply.id]
    assert await posts(world, BOTH, community_ids=["c1"]) == [reply.id]
    assert await posts(world, BOTH, community_ids=["c2", "c3"]) == [there]
    assert await posts(world) == [reply.id]


async def test_list_mentions_refuses(world: World) -> None:
    await refused(world, page(world, SEARCH), RoleRequiredError)
    await refused(world, page(world, page_size=-1), FieldInvalidError, "page_size")
    await refused(world, page(world, page_token="x"), PageTokenInvalidError, "page_token")
    call = page(world, community_ids=[f"c{number}" for number in range(101)])
    await refused(world, call, FieldInvalidError, "community_ids")
