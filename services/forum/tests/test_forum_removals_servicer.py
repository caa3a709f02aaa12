"""Why a post went out of sight: for its author and moderators, and for nobody else."""

from __future__ import annotations

from typing import Any

from chassis.actors import MANAGER, MODERATOR, Actor
from chassis.errors import CommunityNotFoundError, FieldInvalidError, RoleRequiredError
from chassis.testing import person_actor
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseOpened
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_consumers import REASON, hear, held, on
from services.forum.tests.test_forum_servicer import refused

SPAM: dict[str, Any] = {"reason": "Again *him*.", "reason_code": pb.REASON_CODE_SPAM}


def asking(*posts: pb.Topic | pb.Reply) -> pb.BatchGetRemovalsRequest:
    return pb.BatchGetRemovalsRequest(
        community_id="c1",
        topic_ids=[post.id for post in posts if isinstance(post, pb.Topic)],
        reply_ids=[post.id for post in posts if isinstance(post, pb.Reply)],
    )


async def removals(
    world: World, actor: Actor, *posts: pb.Topic | pb.Reply
) -> dict[str, tuple[str, str]]:
    """By the post: the code and the words."""
    found = (await world.of(actor).BatchGetRemovals(asking(*posts))).removals
    assert all(one.HasField("time") for one in found)
    return {
        one.reply_id or one.topic_id: (
            pb.ReasonCode.Name(one.reason_code).removeprefix("REASON_CODE_"),
            one.reason,
        )
        for one in found
    }


async def test_author_of_what_a_moderator_removed_is_told_the_code_alone(world: World) -> None:
    space = await world.space()
    gone, stays = await world.topic(space), await world.topic(space)
    reply = await world.reply(stays)
    await world.act("RemoveTopic", MODERATING, gone, **SPAM)
    await world.act("RemoveReply", MODERATING, reply, **SPAM)
    posts = (gone, stays, reply)
    assert await removals(world, ASKER, *posts) == {gone.id: ("SPAM", "")}
    assert await removals(world, HELPER, *posts) == {reply.id: ("SPAM", "")}
    told = {gone.id: ("SPAM", "Again *him*."), reply.id: ("SPAM", "Again *him*.")}
    assert await removals(world, MODERATING, *posts) == told
    assert await removals(world, person_actor("other"), *posts) == {}
    answer = await world.of(ASKER).BatchGetRemovals(asking(gone))
    assert "moderator" not in str(answer)
    for actor, reason, field in (
        (STRANGER, CommunityNotFoundError, "community_id"),
        (SEARCH, RoleRequiredError, ""),
    ):
        await refused(world, world.of(actor).BatchGetRemovals(asking(gone)), reason, field)
    many = pb.BatchGetRemovalsRequest(community_id="c1", topic_ids=["t"] * 101)
    await refused(world, world.of(ASKER).BatchGetRemovals(many), FieldInvalidError, "topic_ids")
    # The post itself stays out of sight.
    topic = pb.BatchGetTopicsRequest(community_id="c1", topic_ids=[gone.id])
    assert not (await world.of(ASKER).BatchGetTopics(topic)).topics
    await world.act("RestoreTopic", MODERATING, gone)
    await world.act("RestoreReply", MODERATING, reply)
    for actor in (ASKER, HELPER, MODERATING):
        assert await removals(world, actor, *posts) == {}


async def test_what_is_hidden_or_rejected_tells_its_words_too(world: World) -> None:
    topic, reply, published = await held(world)
    for post in (topic, reply):
        await hear(world, CaseDecided(**on(post, approved=False, reason="No ads", decider_id="m")))
    hidden = await world.topic(await world.space("more"))
    await world.act("HideTopic", MODERATING, hidden, **SPAM)
    await hear(world, CaseOpened(**on(published, hide_post=True)))
    assert await removals(world, ASKER, topic, hidden, published) == {
        topic.id: ("UNSPECIFIED", "No ads"),
        hidden.id: ("SPAM", "Again *him*."),
        published.id: ("UNSPECIFIED", REASON),
    }
    assert await removals(world, HELPER, topic, hidden, published) == {}
    assert await removals(world, HELPER, reply) == {}  # its topic is hidden
    await hear(world, CaseDecided(**on(published, approved=True, decider_id="m")))
    assert await removals(world, HELPER, reply) == {reply.id: ("UNSPECIFIED", "No ads")}


async def test_author_is_told_the_code_of_the_decision_on_their_post(world: World) -> None:
    topic, reply, published = await held(world)
    said = {"approved": False, "decider_id": "m"}
    spam = CaseDecided(**on(topic, reason="No ads", reason_code=pb.REASON_CODE_SPAM, **said))
    for _ in range(2):
        await hear(world, spam)
    await hear(world, CaseDecided(**on(published, reason="Not here", reason_code=99, **said)))
    found = {topic.id: ("SPAM", "No ads"), published.id: ("UNSPECIFIED", "Not here")}
    assert await removals(world, ASKER, topic, published) == found
    assert await removals(world, person_actor("other"), topic, published) == {}
    request = pb.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    (entry,) = (await world.of(MODERATING).ListModerationEntries(request)).moderation_entries
    assert (entry.action, entry.reason_code) == ("Reject", pb.REASON_CODE_SPAM)
    assert entry.reply_id == ""
    assert reply.id not in found


async def test_what_the_author_removed_has_none(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.act("HideTopic", MODERATING, topic, **SPAM)
    await world.act("RestoreTopic", MODERATING, topic)
    await world.act("RemoveTopic", ASKER, topic)
    for actor in (ASKER, MODERATING):
        assert await removals(world, actor, topic) == {}


async def test_who_cannot_read_the_space_any_more_is_told_nothing(world: World) -> None:
    space = await world.space("gold", audience=pb.AUDIENCE_TIER, audience_names=["gold"])
    golden = person_actor("golden", keyring=["community:c1", "tier:gold@c1", "person:golden"])
    topic = await world.topic(space, golden)
    everywhere = ["community:c1", "tier:gold@c1", "moderators:c1", "person:chief"]
    chief = person_actor("chief", roles=[MANAGER], keyring=everywhere)
    await world.act("RemoveTopic", chief, topic, **SPAM)
    assert await removals(world, golden, topic) == {topic.id: ("SPAM", "")}
    lowered = person_actor("golden", keyring=["community:c1", "person:golden"])
    assert await removals(world, lowered, topic) == {}
    keys = ["community:c1", "moderators:c1", "person:mod"]
    elsewhere = person_actor("mod", roles=[MODERATOR], keyring=keys)
    assert await removals(world, elsewhere, topic) == {}
