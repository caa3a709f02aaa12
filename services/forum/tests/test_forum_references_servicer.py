"""Mentions and quotes over real gRPC: of whom and what readers may know, no longer than that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.actors import NEW, Actor
from chassis.domain_events import DomainEvent
from chassis.errors import CommunityNotFoundError, RoleRequiredError, TextInvalidError
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2, participation_pb2
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided
from services.forum.consumers import ForumConsumers
from services.forum.domain.references import PostRef, Quote
from services.forum.domain.spaces import Audience, Space, SpaceMode
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused

MEMBER_KEYS = ("community:c1",)
VENDOR_KEYS = ("community:c1", "vendor:c1")
READER = person_actor("reader")  # who wrote nothing
VENDOR: dict[str, Any] = {"audience": pb.AUDIENCE_VENDOR}


async def write(world: World, topic: pb.Topic, actor: Actor = HELPER, **more: Any) -> pb.Reply:
    request = pb.CreateReplyRequest(**world.ids(), topic_id=topic.id, **{"body": "So.", **more})
    made: pb.Reply = (await world.of(actor).CreateReply(request)).reply
    return made


async def mentions(world: World, person_id: str, keys: Any = MEMBER_KEYS) -> list[PostRef]:
    """Where the person is mentioned, as they may see it, newest first."""
    actor = person_actor(person_id, keyring=(*keys, f"person:{person_id}"))
    found = await world.feed_of(actor).ListMentions(feed_pb2.ListMentionsRequest())
    return [PostRef(one.topic_id, one.reply_id) for one in found.mentions]


async def told(world: World) -> list[said.MentionAdded]:
    return [one for one in await outbox(world.database) if isinstance(one, said.MentionAdded)]


# -- mentions


async def test_who_can_read_the_space_is_mentioned(world: World) -> None:
    world.members.memberships = {"anna": MEMBER_KEYS, "bert": VENDOR_KEYS, "carl": ("public",)}
    topic = await world.topic(await world.space())
    reply = await write(world, topic, mentioned_ids=["bert", "anna", "bert", "carl", "x", "helper"])
    assert list(reply.mentioned_ids) == ["bert", "anna"]
    assert await told(world) == [
        said.MentionAdded(
            topic_id=topic.id, reply_id=reply.id, author_id="helper", mentioned_ids=["bert", "anna"]
        )
    ]
    post = PostRef(topic.id, reply.id)
    assert await mentions(world, "anna") == await mentions(world, "bert") == [post]
    assert await mentions(world, "carl") == await mentions(world, "x") == []
    assert await mentions(world, "anna", ()) == []  # who has lost the key does not see it any more


async def test_who_cannot_read_a_narrow_space_is_as_nobody(world: World) -> None:
    world.members.memberships = {"anna": MEMBER_KEYS, "bert": VENDOR_KEYS}
    topic = await world.topic(await world.space("vendor", **VENDOR), MANAGING)
    with_anna = await write(world, topic, MANAGING, mentioned_ids=["anna"])
    with_nobody = await write(world, topic, MANAGING, mentioned_ids=["nobody"])
    assert list(with_anna.mentioned_ids) == list(with_nobody.mentioned_ids) == []
    assert await told(world) == []
    assert list((await write(world, topic, MANAGING, mentioned_ids=["bert"])).mentioned_ids)
    assert await mentions(world, "bert", MEMBER_KEYS) == []
    assert len(await mentions(world, "bert", VENDOR_KEYS)) == 1


@pytest.mark.parametrize(("actor", "most"), [(HELPER, 10), (person_actor("n", trust_level=NEW), 2)])
async def test_mention_bombs_are_refused(world: World, actor: Actor, most: int) -> None:
    topic = await world.topic(await world.space())
    crowd = [f"person{n}" for n in range(most + 1)]
    call = write(world, topic, actor, mentioned_ids=crowd)
    await refused(world, call, "MENTIONS_TOO_MANY", "mentioned_ids")
    assert world.members.asked == []  # nor is anybody asked about them
    await write(world, topic, actor, mentioned_ids=[*crowd[:most], *crowd[:most]])
    request = pb.CreateTopicRequest(
        **world.ids(), space_id=topic.space_id, kind=pb.TOPIC_KIND_QUESTION, title="All",
        body="Look here", draft=True, mentioned_ids=crowd,
    )  # fmt: skip
    await refused(world, world.of(actor).CreateTopic(request), "MENTIONS_TOO_MANY", "mentioned_ids")


async def test_nobody_is_mentioned_while_the_directory_is_away(world: World) -> None:
    topic = await world.topic(await world.space())
    world.members.away = True
    await refused(world, write(world, topic, mentioned_ids=["anna"]), "UNAVAILABLE")
    await write(world, topic)


async def test_a_held_post_speaks_to_people_once_it_is_out(world: World) -> None:
    world.members.memberships = {"anna": MEMBER_KEYS}
    topic = await world.topic(await world.space())
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    held = await write(world, topic, mentioned_ids=["anna"])
    assert held.state == pb.REPLY_STATE_PENDING_REVIEW
    assert await told(world) == await mentions(world, "anna") == []
    case = CaseDecided(
        case_id="case1", topic_id=topic.id, reply_id=held.id, approved=True,
        submission_number=1, decider_id="moderator",
    )  # fmt: skip
    event = DomainEvent(
        id="e1", message=case, community_id="c1", aggregate_type="case", aggregate_id="case1",
        seq=1, actor="moderator", time=datetime.now(UTC),
    )  # fmt: skip
    for _ in range(2):
        consequences = await ForumConsumers(world.repository).on_case_decided(event)
        await world.hear(list(consequences))
    assert [list(one.mentioned_ids) for one in await told(world)] == [["anna"]]
    assert await mentions(world, "anna") == [PostRef(topic.id, held.id)]
    await world.act("HideReply", MODERATING, held, reason="rude")
    assert await mentions(world, "anna") == []
    await world.act("RestoreReply", MODERATING, held)
    assert await mentions(world, "anna") == [PostRef(topic.id, held.id)]
    assert len(await told(world)) == 1


async def test_an_edit_adds_and_takes_mentions_back(world: World) -> None:
    world.members.memberships = dict.fromkeys(("anna", "bert"), MEMBER_KEYS)
    topic = await world.topic(await world.space())
    reply = await write(world, topic, mentioned_ids=["anna"])
    same = await world.act("UpdateReply", HELPER, reply, body="Otherwise.")
    assert list(same.reply.mentioned_ids) == ["anna"]
    more = {"mentioned_ids": ["bert"], "update_mentions": True}
    edited = (await world.act("UpdateReply", HELPER, reply, body="Otherwise.", **more)).reply
    assert (list(edited.mentioned_ids), edited.version) == (["bert"], 3)
    assert [list(one.mentioned_ids) for one in await told(world)] == [["anna"], ["bert"]]
    assert await mentions(world, "anna") == []
    assert await mentions(world, "bert") == [PostRef(topic.id, reply.id)]


async def test_a_draft_speaks_to_people_once_it_is_published(world: World) -> None:
    world.members.memberships = dict.fromkeys(("anna", "bert"), MEMBER_KEYS)
    space = await world.space()
    topic = await world.topic(space, draft=True, mentioned_ids=["anna"])
    more = {"mentioned_ids": ["bert", "anna"], "update_mentions": True}
    await world.act("UpdateTopic", ASKER, topic, **more)
    assert await told(world) == await mentions(world, "anna") == []
    await world.act("PublishTopic", ASKER, topic)
    assert [list(one.mentioned_ids) for one in await told(world)] == [["bert", "anna"]]
    assert await mentions(world, "anna") == [PostRef(topic.id)]


# -- quotes


def quote(post: Any, text: str) -> list[pb.Quote]:
    if isinstance(post, pb.Topic):
        return [pb.Quote(topic_id=post.id, text=text)]
    return [pb.Quote(topic_id=post.topic_id, reply_id=post.id, text=text)]


async def quoted(world: World, actor: Actor, *posts: Any) -> list[list[str]]:
    """What they quote, as the actor gets it."""
    refs = [
        participation_pb2.PostRef(topic_id=one.id)
        if isinstance(one, pb.Topic)
        else participation_pb2.PostRef(topic_id=one.topic_id, reply_id=one.id)
        for one in posts
    ]
    request = participation_pb2.BatchGetQuotesRequest(community_id="c1", posts=refs)
    answer = await world.taking_part(actor).BatchGetQuotes(request)
    return [[one.text for one in post.quotes] for post in answer.posts]


async def test_quote_a_reply_and_a_topic(world: World) -> None:
    space = await world.space()
    topic, other = await world.topic(space), await world.topic(space)
    source = await world.reply(topic, body="Turn it *off*\nand on again.")
    both = [*quote(source, "off*  and on"), *quote(topic, "*reset* the")]
    reply = await write(world, other, ASKER, quotes=both)
    assert reply.quotes_posts
    assert await quoted(world, HELPER, reply, other) == [["off*  and on", "*reset* the"], []]
    request = participation_pb2.BatchGetQuotesRequest(
        community_id="c1",
        posts=[participation_pb2.PostRef(topic_id=other.id, reply_id=reply.id)],
    )
    (post,) = (await world.taking_part(HELPER).BatchGetQuotes(request)).posts
    assert post.quotes[0].author.person_id == "helper"
    assert post.quotes[0].source.reply_id == source.id


async def test_quotes_that_are_none_are_refused(world: World) -> None:
    space = await world.space()
    topic, other = await world.topic(space), await world.topic(space)
    source, hidden = await world.reply(topic), await world.reply(topic)
    await world.act("HideReply", MODERATING, hidden, reason="rude")
    elsewhere = pb.Reply(id=source.id, topic_id=other.id)
    for wrong, field in (
        (quote(source, "never said"), "text"),
        (quote(hidden, "Turn it"), "reply_id"),
        (quote(elsewhere, "Turn it"), "reply_id"),
        (quote(pb.Topic(id="nobody"), "Turn it"), "topic_id"),
    ):
        for actor in (ASKER, HELPER, MODERATING):  # its author and moderators see what is hidden
            call = write(world, other, actor, quotes=wrong)
            await refused(world, call, "QUOTE_INVALID", f"quotes.0.{field}")
    call = write(world, other, quotes=[*quote(source, "Turn it"), *quote(source, "x" * 2001)])
    await refused(world, call, TextInvalidError, "quotes.1.text")
    call = write(world, other, quotes=quote(source, "Turn it") * 11)
    await refused(world, call, "QUOTE_INVALID", "quotes")


async def test_quote_of_a_need_to_know_post_into_a_wider_space(world: World) -> None:
    few = {"audience": pb.AUDIENCE_COMPANIES, "audience_names": ["co2"]}
    narrow, wide = await world.space("need-to-know", **few), await world.space()
    secret = await world.topic(narrow, HELPER, body="The launch is on Tuesday")
    topic = await world.topic(wide)
    inside = await write(world, secret, quotes=quote(secret, "on Tuesday"))
    assert await quoted(world, HELPER, inside) == [["on Tuesday"]]
    call = write(world, topic, quotes=quote(secret, "on Tuesday"))
    await refused(world, call, "QUOTE_TOO_NARROW", "quotes.0.topic_id")
    # Whoever cannot see it is not told that it is there.
    call = write(world, topic, ASKER, quotes=quote(secret, "on Tuesday"))
    await refused(world, call, "QUOTE_INVALID", "quotes.0.topic_id")
    begun = world.topic(wide, HELPER, quotes=quote(secret, "on Tuesday"))
    await refused(world, begun, "QUOTE_TOO_NARROW", "quotes.0.topic_id")
    reply = await write(world, topic)
    more = {"quotes": quote(secret, "on Tuesday"), "update_quotes": True}
    call = world.act("UpdateReply", HELPER, reply, body="So.", **more)
    await refused(world, call, "QUOTE_TOO_NARROW", "quotes.0.topic_id")
    # The other way round everybody who reads it there can read it here.
    await write(world, secret, quotes=quote(topic, "frobnicator"))
    assert await quoted(world, ASKER, inside) == []


@pytest.mark.parametrize("what", ["hidden", "removed", "its topic hidden", "narrower", "edited"])
async def test_a_quote_is_shown_as_long_as_its_source_stands(world: World, what: str) -> None:
    sources, space = await world.space("sources"), await world.space()
    topic, other = await world.topic(sources), await world.topic(space)
    source = await world.reply(topic, body="It opens on Tuesday.")
    reply = await write(world, other, quotes=quote(source, "on Tuesday"))
    assert await quoted(world, READER, reply) == [["on Tuesday"]]
    match what:
        case "hidden":
            await world.act("HideReply", MODERATING, source, reason="wrong")
        case "removed":
            await world.act("RemoveReply", MODERATING, source, reason="wrong")
        case "its topic hidden":
            await world.act("HideTopic", MODERATING, topic, reason="wrong")
        case "narrower":
            request = pb.UpdateSpaceRequest(**world.ids(), space_id=sources.id, **VENDOR)
            await world.of(MANAGING).UpdateSpace(request)
        case "edited":
            await world.act("UpdateReply", MODERATING, source, body="It opens some day.")
    assert await quoted(world, READER, reply) == [[]]
    # It may stay where it is through an edit, though it is not shown.
    more = {"quotes": quote(source, "on Tuesday"), "update_quotes": True}
    await world.act("UpdateReply", HELPER, reply, body="Otherwise.", **more)
    for said_of in (await world.replies(ASKER, other), await world.replies(SEARCH, other)):
        assert "Tuesday" not in str(said_of)
    if what == "narrower":
        assert await quoted(world, person_actor("seller", company_id="vendor"), reply) == [[]]


async def test_batch_get_quotes_is_behind_the_wall(world: World) -> None:
    vendor = await world.space("vendor", **VENDOR)
    secret = await world.topic(vendor, MANAGING)
    reply = await write(world, secret, MANAGING, quotes=quote(secret, "frobnicator"))
    assert await quoted(world, MANAGING, reply) == [["frobnicator"]]
    assert await quoted(world, ASKER, reply, secret) == []
    stranger = (CommunityNotFoundError, "community_id")
    await refused(world, quoted(world, STRANGER, reply), *stranger)
    await refused(world, quoted(world, SEARCH, reply), RoleRequiredError)


def space(audience: Audience, *names: str) -> Space:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return Space("s", "c1", "s", "S", "", SpaceMode.AUTO, audience, names, time)


def test_who_can_read_one_space_can_read_another() -> None:
    everybody, vendor = space(Audience.COMMUNITY), space(Audience.VENDOR)
    gold, both = space(Audience.TIER, "gold"), space(Audience.TIER, "gold", "silver")
    for one in (everybody, vendor, gold, both):
        assert everybody.open_to_all_of(one)
        assert one.open_to_all_of(one)
        assert one.open_to_all_of(vendor)
    assert both.open_to_all_of(gold)
    assert not gold.open_to_all_of(both)
    assert not vendor.open_to_all_of(gold)
    assert not gold.open_to_all_of(everybody)
    assert not space(Audience.COMPANIES, "gold").open_to_all_of(gold)
    one, several = space(Audience.GROUPS, "gold"), space(Audience.GROUPS, "gold", "silver")
    assert several.open_to_all_of(one)
    assert everybody.open_to_all_of(several)
    assert not one.open_to_all_of(several)
    assert not one.open_to_all_of(gold)
    assert not vendor.open_to_all_of(one)


def test_words_stand_in_a_text_however_lines_break() -> None:
    one = Quote(PostRef("t"), "two\n words")
    assert one.stands_in("of two  words here")
    assert not one.stands_in("of two other words")
