"""What a subscription to the feed asks, over real gRPC: items and keys, and the walls of both."""

from __future__ import annotations

from typing import Any

from chassis.actors import Actor
from chassis.errors import FieldInvalidError, RoleRequiredError
from chassis.testing import person_actor, service_actor
from guildhall.forum.v1 import feed_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, SEARCH, STRANGER, World
from services.forum.tests.test_forum_feed_list_servicer import feed, reason
from services.forum.tests.test_forum_feed_servicer import follow, wall
from services.forum.tests.test_forum_servicer import refused

GATEWAY = service_actor("gateway")
MUTED = pb.FOLLOW_LEVEL_MUTED


async def items(
    world: World, actor: Actor, *topics: forum_pb2.Topic, **more: Any
) -> list[pb.FeedItem]:
    request = pb.BatchGetFeedItemsRequest(topic_ids=[one.id for one in topics], **more)
    return list((await world.feed_of(actor).BatchGetFeedItems(request)).items)


async def keys(world: World, actor: Actor, *community_ids: str) -> set[str]:
    request = pb.GetFeedKeysRequest(community_ids=community_ids)
    return set((await world.feed_of(actor).GetFeedKeys(request)).keys)


async def keys_of(world: World, *topics: forum_pb2.Topic) -> dict[str, set[str]]:
    request = pb.BatchGetTopicFeedKeysRequest(
        community_id="c1", topic_ids=[one.id for one in topics]
    )
    found = (await world.feed_of(GATEWAY).BatchGetTopicFeedKeys(request)).topics
    return {one.topic_id: set(one.keys) for one in found}


async def test_items_are_those_of_the_feed_with_its_reasons(world: World) -> None:
    watched, other = await world.space("watched"), await world.space("other")
    in_space = await world.topic(watched, MANAGING, title="in the space")
    tagged = await world.topic(other, MANAGING, title="tagged", tags=["k8s"])
    replied = await world.topic(other, MANAGING, title="replied")
    muted = await world.topic(watched, MANAGING, title="muted")
    none_of_it = await world.topic(other, MANAGING, title="none of it")
    reply = await world.reply(replied, HELPER)
    await follow(world, HELPER, space_id=watched.id)
    await follow(world, HELPER, tag="k8s")
    await follow(world, HELPER, MUTED, topic_id=muted.id)
    asked = (replied, muted, in_space, none_of_it, tagged)
    found = await items(world, HELPER, *asked)
    assert [(item.topic.title, reason(item)) for item in found] == [
        ("replied", "REPLIED_TOPIC"),
        ("in the space", "FOLLOWED_SPACE"),
        ("tagged", "FOLLOWED_TAG"),
    ]
    assert {item.topic.title for item in found} == set(await feed(world, HELPER))
    assert not found[0].HasField("newest_reply")
    (first, *_) = await items(world, HELPER, *asked, with_newest_replies=True)
    assert first.newest_reply.id == reply.id


async def test_items_stop_at_walls_and_are_ones_own(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    await follow(world, HELPER, space_id=space.id)
    assert len(await items(world, HELPER, topic)) == 1
    assert await items(world, HELPER, topic, community_ids=["c2"]) == []
    nothing = await items(world, HELPER, forum_pb2.Topic(id="nothing"))
    for outsider in (STRANGER, person_actor("nobody")):
        assert await items(world, outsider, topic) == nothing == []
    await wall(world, space, forum_pb2.AUDIENCE_VENDOR)
    assert await items(world, HELPER, topic) == []
    await wall(world, space, forum_pb2.AUDIENCE_COMMUNITY)
    assert len(await items(world, HELPER, topic)) == 1
    await world.act("HideTopic", MANAGING, topic, reason="spam")
    assert await items(world, HELPER, topic) == []
    many = pb.BatchGetFeedItemsRequest(topic_ids=[str(n) for n in range(101)])
    await refused(
        world, world.feed_of(HELPER).BatchGetFeedItems(many), FieldInvalidError, "topic_ids"
    )
    none = pb.BatchGetFeedItemsRequest()
    await refused(world, world.feed_of(SEARCH).BatchGetFeedItems(none), RoleRequiredError)


async def test_what_is_in_the_feed_has_one_of_its_keys_and_all_else_has_none(world: World) -> None:
    watched, other = await world.space("watched"), await world.space("other")
    kind = person_actor("kind", company_id="co9")
    made = {
        "space": await world.topic(watched, MANAGING),
        "tag": await world.topic(other, MANAGING, tags=["k8s"]),
        "person": await world.topic(other, ASKER),
        "company": await world.topic(other, kind),
        "followed": await world.topic(other, MANAGING),
        "replied": await world.topic(other, MANAGING),
        "own": await world.topic(other, HELPER),
        "none": await world.topic(other, MANAGING),
    }
    await world.reply(made["replied"], HELPER)
    await follow(world, HELPER, space_id=watched.id)
    await follow(world, HELPER, tag="k8s", space_id=other.id)
    await follow(world, HELPER, person_id="asker")
    await follow(world, HELPER, company_id="co9")
    await follow(world, HELPER, topic_id=made["followed"].id)
    await follow(world, HELPER, MUTED, tag="none-of-it")
    own, of = await keys(world, HELPER), await keys_of(world, *made.values())
    met = {name for name, one in made.items() if own & {*of[one.id], f"topic:{one.id}"}}
    assert met == made.keys() - {"none"}
    assert len(await items(world, HELPER, *made.values())) == len(met)
    # A wall takes nothing from it: it may move, and who reads is asked for each item.
    await wall(world, watched, forum_pb2.AUDIENCE_VENDOR)
    assert await keys(world, HELPER) == own


async def test_keys_name_their_communities(world: World) -> None:
    assert await keys(world, HELPER) == {"person:helper@c1"}
    assert await keys(world, HELPER, "c2") == set()
    assert await keys(world, STRANGER, "c1") == set()
    await refused(
        world, world.feed_of(SEARCH).GetFeedKeys(pb.GetFeedKeysRequest()), RoleRequiredError
    )


async def test_keys_of_topics_are_for_the_gateway_and_of_what_is_open(world: World) -> None:
    space = await world.space()
    topic, hidden = await world.topic(space), await world.topic(space)
    await world.act("HideTopic", MANAGING, hidden, reason="spam")
    found = await keys_of(world, topic, hidden, forum_pb2.Topic(id="nothing"))
    assert found.keys() == {topic.id}
    assert {f"space:{space.id}", "person:asker@c1"} <= found[topic.id]
    request = pb.BatchGetTopicFeedKeysRequest(community_id="c2", topic_ids=[topic.id])
    assert not (await world.feed_of(GATEWAY).BatchGetTopicFeedKeys(request)).topics
    for actor in (HELPER, MANAGING, STRANGER, SEARCH):
        call = world.feed_of(actor).BatchGetTopicFeedKeys(request)
        await refused(world, call, RoleRequiredError)
