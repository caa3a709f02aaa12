"""ListFeed over real gRPC: what is in it and why, its order, its pages, and the walls within."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.actors import Actor, Membership
from chassis.errors import FieldInvalidError, PageTokenInvalidError, RoleRequiredError
from chassis.pagination import encode_page_token
from chassis.testing import person_actor
from guildhall.forum.v1 import feed_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from services.forum.repository.feed import glimpses
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, SEARCH, STRANGER, World
from services.forum.tests.test_forum_feed_servicer import follow, read, wall
from services.forum.tests.test_forum_servicer import refused

NOW = datetime.now(UTC).replace(microsecond=0)
LATEST: dict[str, Any] = {"order": pb.FEED_ORDER_LATEST}


def reason(item: pb.FeedItem) -> str:
    return pb.FeedReason.Name(item.reason).removeprefix("FEED_REASON_")


async def page(world: World, actor: Actor, **more: Any) -> pb.ListFeedResponse:
    response: pb.ListFeedResponse = await world.feed_of(actor).ListFeed(pb.ListFeedRequest(**more))
    return response


async def feed(world: World, actor: Actor, **more: Any) -> list[str]:
    """The titles of the first page."""
    return [item.topic.title for item in (await page(world, actor, **more)).items]


async def walk(
    world: World, actor: Actor, size: int, *, backward: bool = False, **more: Any
) -> list[str]:
    """The titles of all pages, in the list's order."""
    found: list[str] = []
    token = ""
    while True:
        response = await page(
            world, actor, page_size=size, page_token=token, backward=backward, **more
        )
        rows = [item.topic.title for item in response.items]
        found = rows + found if backward else found + rows
        token = response.next_page_token
        if not token:
            return found
        end = response.items[0] if backward else response.items[-1]
        assert (len(rows), end.page_token) == (size, token)


async def aged(world: World, topic: forum_pb2.Topic, hours: float) -> None:
    """As if it had been written so many hours ago, without replies."""
    time = NOW - timedelta(hours=hours)
    change = {"create_time": time, "activity_time": time}
    await world.database.topics.update_one({"_id": topic.id}, {"$set": change})


async def many(world: World, space: forum_pb2.Space, count: int, step: float = 1.0) -> list[str]:
    """Topics by the manager, the newest first; their titles."""
    for number in range(count):
        topic = await world.topic(space, MANAGING, title=f"{space.slug}-{number:02}")
        await aged(world, topic, step * number + 1)
    return [f"{space.slug}-{number:02}" for number in range(count)]


async def test_what_is_in_it_and_why(world: World) -> None:
    watched, other = await world.space("watched"), await world.space("other")
    kind = person_actor("kind", company_id="co9")

    async def topic(title: str, actor: Actor = MANAGING, **more: Any) -> forum_pb2.Topic:
        return await world.topic(more.pop("space", other), actor, title=title, **more)

    await topic("in the space", space=watched)
    await topic("tagged", tags=["k8s"])
    await topic("by the person", ASKER)
    await topic("by the company", kind)
    followed, replied = await topic("followed"), await topic("replied")
    await topic("own", HELPER)
    await topic("none of it")
    await world.reply(replied, HELPER)
    await follow(world, HELPER, space_id=watched.id)
    await follow(world, HELPER, tag="k8s")
    await follow(world, HELPER, person_id="asker")
    await follow(world, HELPER, company_id="co9")
    await follow(world, HELPER, topic_id=followed.id)
    for order in (pb.FEED_ORDER_LATEST, pb.FEED_ORDER_RANKED):
        items = (await page(world, HELPER, order=order)).items
        assert {item.topic.title: reason(item) for item in items} == {
            "in the space": "FOLLOWED_SPACE",
            "tagged": "FOLLOWED_TAG",
            "by the person": "FOLLOWED_PERSON",
            "by the company": "FOLLOWED_COMPANY",
            "followed": "FOLLOWED_TOPIC",
            "replied": "REPLIED_TOPIC",
            "own": "OWN_TOPIC",
        }
    assert await feed(world, person_actor("nobody")) == []
    assert await feed(world, STRANGER) == []


async def test_of_several_reasons_the_first_and_each_topic_once(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space, HELPER, tags=["k8s"])
    await follow(world, ASKER, space_id=space.id)
    await follow(world, ASKER, tag="k8s")
    await follow(world, ASKER, person_id="helper")
    assert [reason(item) for item in (await page(world, ASKER)).items] == ["FOLLOWED_TAG"]
    await world.reply(topic, ASKER)
    assert [reason(item) for item in (await page(world, ASKER)).items] == ["REPLIED_TOPIC"]
    await follow(world, ASKER, topic_id=topic.id)
    assert [reason(item) for item in (await page(world, ASKER)).items] == ["FOLLOWED_TOPIC"]


async def test_muted_is_out_unless_something_closer_says_otherwise(world: World) -> None:
    space = await world.space()
    await follow(world, ASKER, space_id=space.id)
    plain = await world.topic(space, MANAGING, title="plain")
    await world.topic(space, MANAGING, title="tagged", tags=["noise"])
    await world.topic(space, HELPER, title="by helper")
    await world.topic(space, ASKER, title="own", tags=["noise"])
    assert len(await feed(world, ASKER)) == 4
    await follow(world, ASKER, pb.FOLLOW_LEVEL_MUTED, tag="noise")
    await follow(world, ASKER, pb.FOLLOW_LEVEL_MUTED, person_id="helper")
    assert set(await feed(world, ASKER)) == {"plain", "own"}
    await follow(world, ASKER, pb.FOLLOW_LEVEL_MUTED, topic_id=plain.id)
    assert set(await feed(world, ASKER)) == {"own"}
    await follow(world, ASKER, pb.FOLLOW_LEVEL_NORMAL, topic_id=plain.id)
    assert set(await feed(world, ASKER, **LATEST)) == {"own"}


async def test_a_tag_in_one_space_only(world: World) -> None:
    here, there = await world.space("here"), await world.space("there")
    await world.topic(here, MANAGING, title="here", tags=["k8s"])
    await world.topic(there, MANAGING, title="there", tags=["k8s"])
    await follow(world, ASKER, tag="k8s", space_id=here.id)
    assert await feed(world, ASKER) == ["here"]
    assert await feed(world, ASKER, **LATEST) == ["here"]


async def test_the_formula_ranks(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    await follow(world, ASKER, space_id=space.id)

    async def topic(title: str, hours: float, **more: Any) -> forum_pb2.Topic:
        made = await world.topic(more.pop("where", space), more.pop("by", MANAGING), title=title)
        await aged(world, made, hours)
        return made

    await topic("space, new", 1)  # 1 * 2, an hour old
    seen = await topic("space, read", 2)  # 1, two hours old
    await topic("own, older", 30, by=ASKER)  # 4, read as it is one's own: 30 - 48 hours
    followed = await topic("followed, read", 50, where=other)  # 4: 50 - 48 hours
    fresh = await topic("followed, unread", 71, where=other)  # 4 * 2: 71 - 72 hours
    for one in (followed, fresh):
        await follow(world, ASKER, topic_id=one.id)
    await read(world, ASKER, seen)
    await read(world, ASKER, followed)
    ranked = ["space, new", "own, older", "followed, unread", "space, read", "followed, read"]
    # In hours: 1 - 24 = -23, 30 - 48 = -18, 71 - 72 = -1, 2, 50 - 48 = 2.
    assert sorted(await feed(world, ASKER)) == sorted(ranked)
    assert (await feed(world, ASKER))[:3] == ranked[:3]
    assert await feed(world, ASKER, **LATEST) == [
        "space, new",
        "space, read",
        "own, older",
        "followed, read",
        "followed, unread",
    ]


async def test_pages_are_the_same_in_every_size_both_ways(world: World) -> None:
    first, second = await world.space("first"), await world.space("second")
    await follow(world, ASKER, space_id=first.id)
    await follow(world, ASKER, pb.FOLLOW_LEVEL_WATCHING, tag="k8s")
    await many(world, first, 12, 5)
    for number in range(8):
        topic = await world.topic(second, MANAGING, title=f"t{number}", tags=["k8s"])
        await aged(world, topic, 7 * number)
        if number % 2:
            await read(world, ASKER, topic)
    for number in range(4):
        await aged(world, await world.topic(second, ASKER, title=f"own{number}"), 20 * number)

    async def check(count: int) -> None:
        for more in (LATEST, {}):
            whole = await feed(world, ASKER, page_size=100, **more)
            assert (len(whole), len(set(whole))) == (count, count)
            for size in (1, 2, 5, 7):
                assert await walk(world, ASKER, size, **more) == whole
                assert await walk(world, ASKER, size, backward=True, **more) == whole

    await check(24)
    await world.feed_of(ASKER).MarkAllRead(pb.MarkAllReadRequest(**world.ids()))
    await check(24)
    await world.topic(first, MANAGING, title="unread")
    await check(25)


async def test_no_gap_and_no_repeat_while_all_goes_on(world: World) -> None:
    space = await world.space()
    await follow(world, ASKER, space_id=space.id)
    topics = {}
    for number in range(12):
        topic = await world.topic(space, MANAGING, title=f"t{number:02}")
        await aged(world, topic, 3 * number + 1)
        topics[f"t{number:02}"] = topic
    for more in (LATEST, {}):
        whole = await feed(world, ASKER, page_size=100, **more)
        token, found = "", []
        for step in range(6):
            response = await page(world, ASKER, page_size=2, page_token=token, **more)
            found += [item.topic.title for item in response.items]
            token = response.next_page_token
            # Meanwhile: a new topic, a reply to one that was shown and one that will be, all of
            # these read, and at last more replies than the topic remembers.
            await world.topic(space, MANAGING, title=f"later {step} {more}")
            shown, coming = topics[found[0]], topics[whole[-1]]
            await world.reply(shown, HELPER)
            await world.reply(coming, HELPER)
            await read(world, ASKER, shown)
            await read(world, ASKER, topics[whole[-2]])
            if step == 3:
                await world.feed_of(ASKER).MarkAllRead(pb.MarkAllReadRequest(**world.ids()))
        assert found == whole
        await world.database.topics.delete_many({"title": {"$regex": "^later"}})


async def test_a_wall_takes_out_at_once_and_in_the_middle_of_pages(world: World) -> None:
    open_, closing = await world.space("open"), await world.space("closing")
    await follow(world, ASKER, space_id=open_.id)
    await follow(world, ASKER, space_id=closing.id)
    await many(world, open_, 4)
    await many(world, closing, 4)
    own = await world.topic(closing, ASKER, title="own")
    await world.reply(await world.topic(closing, MANAGING, title="replied"), ASKER)
    for more in (LATEST, {}):
        assert len(await feed(world, ASKER, **more)) == 10
        first = await page(world, ASKER, page_size=3, **more)
        await wall(world, closing, forum_pb2.AUDIENCE_VENDOR)
        rest = await page(world, ASKER, page_size=50, page_token=first.next_page_token, **more)
        assert {item.topic.space_id for item in rest.items} == {open_.id}
        assert set(await feed(world, ASKER, **more)) == {f"open-{n:02}" for n in range(4)}
        assert own.title not in await feed(world, ASKER, **more)
        await wall(world, closing, forum_pb2.AUDIENCE_COMMUNITY)
        assert len(await feed(world, ASKER, **more)) == 10
    # A key that the person has lost: the next call comes with another keyring.
    without = Actor(person_id="asker", memberships={"c1": Membership("co1", keyring=())})
    assert await feed(world, without) == []


async def test_what_is_hidden_is_out(world: World) -> None:
    space = await world.space()
    await follow(world, ASKER, space_id=space.id)
    topic = await world.topic(space, MANAGING)
    draft = await world.topic(space, ASKER, title="draft", draft=True)
    assert await feed(world, ASKER) == [topic.title]
    await follow(world, ASKER, topic_id=draft.id)
    assert await feed(world, ASKER) == [topic.title]
    await world.act("HideTopic", MANAGING, topic, reason="off")
    assert await feed(world, ASKER) == []
    assert await feed(world, MANAGING) == []
    await world.act("RestoreTopic", MANAGING, topic)
    assert await feed(world, ASKER) == [topic.title]


async def test_one_feed_over_communities_and_each_wall_its_own(world: World) -> None:
    """Two communities, and a person with a key of one that another's space asks for."""
    both = {c: Membership("co1", keyring=(f"community:{c}", "person:x")) for c in ("c1", "c2")}
    person = Actor(person_id="x", memberships=both)
    boss = person_actor("boss", "c2", roles=["MANAGER"], company_id="vendor")
    first, second = await world.space("one"), None
    request = forum_pb2.CreateSpaceRequest(
        request_id=world.request_id(), community_id="c2", slug="two", name="Two"
    )
    second = (await world.of(boss).CreateSpace(request)).space
    await world.topic(first, MANAGING, title="in c1")
    await world.of(boss).CreateTopic(
        forum_pb2.CreateTopicRequest(
            request_id=world.request_id(),
            community_id="c2",
            space_id=second.id,
            kind=forum_pb2.TOPIC_KIND_QUESTION,
            title="in c2",
            body="What is it about?",
        )
    )
    await follow(world, person, space_id=first.id)
    await world.feed_of(person).SetFollow(
        pb.SetFollowRequest(
            request_id=world.request_id(),
            community_id="c2",
            kind=pb.FOLLOW_KIND_SPACE,
            target_id=second.id,
            level=pb.FOLLOW_LEVEL_TRACKING,
        )
    )
    assert set(await feed(world, person)) == {"in c1", "in c2"}
    assert await feed(world, person, community_ids=["c2"]) == ["in c2"]
    assert await feed(world, person, community_ids=["c3"]) == []
    # c1's space is for holders of a key of c2 now, by mistake or malice: it opens to nobody.
    await world.database.spaces.update_one(
        {"_id": first.id}, {"$set": {"audience": "TIER", "audience_names": ["x"]}}
    )
    await world.database.spaces.update_one(
        {"_id": first.id}, {"$set": {"read_keys": ["community:c2"]}}
    )
    world.repository.walls.forget("c1")
    assert await feed(world, person) == ["in c2"]
    del both["c2"]
    assert await feed(world, Actor(person_id="x", memberships=both)) == []


async def test_mentions_while_one_can_read_them(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    asked = await world.topic(space, MANAGING, title="asked")
    told = await world.topic(other, MANAGING, title="told")
    reply = await world.reply(told, MANAGING)
    await world.database.mentions.insert_many(
        {
            "_id": f"m{number}",
            "community_id": "c1",
            "person_id": "helper",
            "topic_id": topic.id,
            "reply_id": reply_id,
            "author_id": "manager",
            "time": NOW + timedelta(seconds=number),
        }
        for number, (topic, reply_id) in enumerate([(asked, ""), (told, reply.id)])
    )
    for more in (LATEST, {}):
        items = (await page(world, HELPER, **more)).items
        assert {item.topic.title: reason(item) for item in items} == {
            "asked": "MENTION",
            "told": "MENTION",
        }
    assert await feed(world, ASKER) == []
    await world.act("HideReply", MANAGING, reply, reason="off")
    assert await feed(world, HELPER) == ["asked"]
    await world.act("RestoreReply", MANAGING, reply)
    await wall(world, other, forum_pb2.AUDIENCE_VENDOR)
    assert await feed(world, HELPER) == ["asked"]
    await follow(world, HELPER, pb.FOLLOW_LEVEL_MUTED, topic_id=asked.id)
    assert await feed(world, HELPER) == []


async def test_what_is_embedded_on_demand(world: World) -> None:
    space = await world.space()
    await follow(world, ASKER, space_id=space.id)
    topic = await world.topic(space, MANAGING)
    await world.topic(space, MANAGING, title="without replies")
    await world.reply(topic, MANAGING, "first")
    last = await world.reply(topic, HELPER, "last")
    plain = await page(world, ASKER)
    assert not any(item.HasField("newest_reply") for item in plain.items)
    assert not any(item.HasField("viewer_state") for item in plain.items)
    assert len(plain.spaces) == 0
    textless = await page(world, ASKER, without_texts=True)
    for one, whole in zip(textless.items, plain.items, strict=True):
        assert (one.topic.body, one.topic.body_html) == ("", "")
        assert whole.topic.body
        one.topic.body, one.topic.body_html = whole.topic.body, whole.topic.body_html
        one.page_token = whole.page_token
    assert textless == plain
    full = await page(
        world, ASKER, with_newest_replies=True, with_viewer_states=True, with_spaces=True
    )
    by_title = {item.topic.title: item for item in full.items}
    item = by_title[topic.title]
    assert (item.newest_reply.id, item.newest_reply.body) == (last.id, "last")
    assert (item.viewer_state.unread_count, item.viewer_state.level) == (2, 3)
    assert not by_title["without replies"].HasField("newest_reply")
    assert [one.id for one in full.spaces] == [space.id]
    await world.act("HideReply", MANAGING, last, reason="off")
    full = await page(world, ASKER, with_newest_replies=True)
    assert {item.newest_reply.body for item in full.items} == {"first", ""}
    brief = await page(world, ASKER, newest_replies_briefly=True)
    for known, whole in zip(brief.items, full.items, strict=True):
        assert known.HasField("newest_reply") == whole.HasField("newest_reply")
        for field in ("id", "community_id", "topic_id", "space_id", "author", "create_time"):
            assert getattr(known.newest_reply, field) == getattr(whole.newest_reply, field)
        assert known.newest_reply.body == ""


async def test_list_feed_refuses(world: World) -> None:
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (HELPER, {"order": 9}, FieldInvalidError, "order"),
        (HELPER, {"page_size": -1}, FieldInvalidError, "page_size"),
        (HELPER, {"page_token": "no"}, PageTokenInvalidError, "page_token"),
        (HELPER, {"page_token": encode_page_token(NOW, "x")}, PageTokenInvalidError, "page_token"),
        (
            HELPER,
            {"community_ids": [str(n) for n in range(101)]},
            FieldInvalidError,
            "community_ids",
        ),
        (SEARCH, {}, RoleRequiredError, ""),
    ]
    for actor, change, refusal, field in wrong:
        await refused(world, page(world, actor, **change), refusal, field)
    # Places out of all bounds are places all the same.
    await world.topic(await world.space(), HELPER, title="own")
    for rank, backward, found in (
        ((1 << 63) - 1, False, ["own"]),
        (-(1 << 63), False, []),
        ((1 << 63) - 1, True, []),
        (-(1 << 63), True, ["own"]),
    ):
        token = encode_page_token(rank, "x", datetime.now(UTC) + timedelta(seconds=1))
        assert await feed(world, HELPER, page_token=token, backward=backward) == found


async def test_more_keys_than_one_query_takes(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space, MANAGING, title="tagged", tags=["t7"])
    await follow(world, ASKER, tag="t7")
    document = await world.database.readers.find_one({})
    assert document is not None
    one = document["follows"][0]
    follows = [{**one, "id": f"t{number}"} for number in range(450)]
    await world.database.readers.update_one({}, {"$set": {"follows": follows}})
    await world.topic(space, MANAGING, title="another", tags=["t449"])
    assert set(await feed(world, ASKER)) == {topic.title, "another"}
    assert await walk(world, ASKER, 1, **LATEST) == ["another", topic.title]


async def test_topics_stored_before_there_was_a_feed_get_their_keys(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space, MANAGING, title="before", tags=["k8s"])
    hidden = await world.topic(space, MANAGING)
    await world.act("HideTopic", MANAGING, hidden, reason="off")
    await follow(world, ASKER, tag="k8s")
    before = await world.stored()
    await world.database.topics.update_many({}, {"$unset": {"feed_keys": 1}})
    assert await feed(world, ASKER) == []
    for _ in range(2):
        await glimpses.MIGRATIONS[0].run(world.database)
        assert (await world.stored())["topics"] == before["topics"]
    assert await feed(world, ASKER) == [topic.title]


async def test_two_replies_of_one_person_at_once(world: World) -> None:
    topic = await world.topic(await world.space(), MANAGING)
    await asyncio.gather(*(world.reply(topic, HELPER, f"reply {number}") for number in range(6)))
    items = (await page(world, HELPER)).items
    assert [(reason(item), item.topic.reply_count) for item in items] == [("REPLIED_TOPIC", 6)]
