"""Votes and reactions over real gRPC: counted once, limited, behind the posts' walls."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    RoleRequiredError,
)
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2, trust_pb2
from guildhall.forum.v1 import participation_pb2 as pb
from services.forum.repository import ForumRepository
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
from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.trust import TrustUseCases

UP, DOWN = pb.VOTE_VALUE_UP, pb.VOTE_VALUE_DOWN
THANKS, AGREE = pb.REACTION_KIND_THANKS, pb.REACTION_KIND_AGREE
Post = forum_pb2.Topic | forum_pb2.Reply


def of(post: Post) -> dict[str, str]:
    if isinstance(post, forum_pb2.Topic):
        return {"topic_id": post.id}
    return {"topic_id": post.topic_id, "reply_id": post.id}


async def vote(world: World, actor: Actor, post: Post, value: Any = UP, **more: Any) -> Any:
    request = pb.CastVoteRequest(**{**world.ids(), **of(post), **more}, value=value)
    return await world.taking_part(actor).CastVote(request)


async def retract(world: World, actor: Actor, post: Post) -> Any:
    request = pb.RetractVoteRequest(**world.ids(), **of(post))
    return await world.taking_part(actor).RetractVote(request)


async def react(world: World, actor: Actor, post: Post, kind: Any = THANKS, **more: Any) -> Any:
    request = pb.AddReactionRequest(**{**world.ids(), **of(post), **more}, kind=kind)
    return await world.taking_part(actor).AddReaction(request)


async def unreact(world: World, actor: Actor, post: Post, kind: Any = THANKS) -> Any:
    request = pb.RemoveReactionRequest(**world.ids(), **of(post), kind=kind)
    return await world.taking_part(actor).RemoveReaction(request)


async def participations(world: World, actor: Actor, *posts: Post) -> list[pb.Participation]:
    request = pb.BatchGetParticipationsRequest(
        community_id="c1", posts=[pb.PostRef(**of(post)) for post in posts]
    )
    answer = await world.taking_part(actor).BatchGetParticipations(request)
    return list(answer.participations)


async def scores(world: World, topic: forum_pb2.Topic) -> tuple[int, list[int]]:
    replies = await world.replies(ASKER, topic)
    return (await world.see(ASKER, topic)).score, [reply.score for reply in replies]


async def voted(world: World, topics: list[forum_pb2.Topic]) -> dict[str, int]:
    """Their scores."""
    return {topic.id: (await world.see(ASKER, topic)).score for topic in topics}


# -- votes


async def test_vote_counts_once_and_is_taken_back(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    answer = await vote(world, HELPER, topic)
    assert (answer.topic.score, answer.HasField("reply")) == (1, False)
    assert (await vote(world, HELPER, topic)).topic.score == 1
    answer = await vote(world, ASKER, reply)
    assert (answer.topic.score, answer.reply.score) == (1, 1)
    assert answer.reply.version == reply.version  # who edits it has not missed anything
    assert await scores(world, topic) == (1, [1])
    (seen,) = await participations(world, HELPER, topic)
    assert seen.viewer_vote == UP
    assert (await retract(world, HELPER, topic)).topic.score == 0
    assert (await retract(world, HELPER, topic)).topic.score == 0
    await retract(world, ASKER, reply)
    assert await scores(world, topic) == (0, [0])
    (seen,) = await participations(world, HELPER, topic)
    assert seen == pb.Participation(post=pb.PostRef(topic_id=topic.id))
    assert [event for event in await outbox(world.database) if "Vote" in type(event).__name__] == [
        said.VoteCast(topic_id=topic.id, author_id="asker", value=UP),
        said.VoteCast(topic_id=topic.id, reply_id=reply.id, author_id="helper", value=UP),
        said.VoteRetracted(topic_id=topic.id, author_id="asker", value=UP),
        said.VoteRetracted(topic_id=topic.id, reply_id=reply.id, author_id="helper", value=UP),
    ]


async def test_repeated_vote_gets_the_first_answer(world: World) -> None:
    topic = await world.topic(await world.space())
    first = await vote(world, HELPER, topic, request_id="request-again")
    await retract(world, HELPER, topic)
    assert await vote(world, HELPER, topic, request_id="request-again") == first
    assert (await world.see(ASKER, topic)).score == 0


async def test_vote_refuses(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    talk = await world.topic(space, kind=forum_pb2.TOPIC_KIND_DISCUSSION)
    reply, other = await world.reply(topic), await world.reply(talk)
    await refused(world, vote(world, ASKER, topic), "OWN_POST")
    await refused(world, vote(world, HELPER, reply), "OWN_POST")
    await refused(world, vote(world, HELPER, talk), "VOTE_NOT_ALLOWED")
    await refused(world, vote(world, HELPER, topic, DOWN), "VOTE_NOT_ALLOWED", "value")
    await refused(world, vote(world, HELPER, topic, 0), FieldInvalidError, "value")
    other.topic_id = topic.id
    await refused(world, vote(world, ASKER, other), "REPLY_NOT_FOUND", "reply_id")
    await world.act("HideReply", MODERATING, reply, reason="rude")
    await refused(world, vote(world, ASKER, reply), "REPLY_NOT_FOUND", "reply_id")
    await refused(world, vote(world, MODERATING, reply), "REPLY_STATE_INVALID")
    await world.act("ArchiveTopic", MODERATING, topic)
    await refused(world, vote(world, HELPER, topic), "TOPIC_STATE_INVALID")
    await refused(world, retract(world, HELPER, topic), "TOPIC_STATE_INVALID")
    await refused(world, vote(world, SEARCH, topic), RoleRequiredError)


async def test_outsiders_do_not_vote_or_react(world: World) -> None:
    secret = await world.topic(
        await world.space("vendor", audience=forum_pb2.AUDIENCE_VENDOR), MANAGING
    )
    reply = await world.reply(secret, MANAGING)
    for post in (secret, reply):
        for call in (vote, retract, react, unreact):
            await refused(world, call(world, HELPER, post), "TOPIC_NOT_FOUND", "topic_id")
            stranger = (CommunityNotFoundError, "community_id")
            await refused(world, call(world, STRANGER, post), *stranger)


@pytest.mark.parametrize("by_whom", ["everybody", "one"])
async def test_votes_at_once_all_count_once(world: World, by_whom: str) -> None:
    topic = await world.topic(await world.space())
    people = [person_actor(f"voter{n}") for n in range(9)] if by_whom == "everybody" else [HELPER]
    await asyncio.gather(*(vote(world, who, topic) for who in people for _ in range(3)))
    assert (await world.see(ASKER, topic)).score == len(people)
    assert (await world.said()).count("VoteCast") == len(people)


async def test_no_limit_is_passed_by_voting_in_two_replicas_at_once(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(10)]
    other = Commands(world.database)
    replica = ForumUseCases(other, ForumRepository(world.database), None, posting_limits=False)  # type: ignore[arg-type]

    async def there(topic: forum_pb2.Topic) -> Any:
        request = pb.CastVoteRequest(**world.ids(), topic_id=topic.id, value=UP)
        return await replica.cast_vote(HELPER, request)

    votes = [
        there(topic) if n % 2 else vote(world, HELPER, topic) for n, topic in enumerate(topics)
    ]
    results = await asyncio.gather(*votes, return_exceptions=True)
    cast = [one for one in results if not isinstance(one, BaseException)]
    total = sum((await voted(world, topics)).values())
    assert len(cast) == total <= 6  # a day, for what one author wrote
    for topic in topics:  # what met others too often can be cast again, up to the limit
        if total < 6 and not (await voted(world, topics))[topic.id]:
            await vote(world, HELPER, topic)
            total += 1
    before = await voted(world, topics)
    left = next(topic for topic in topics if not before[topic.id])
    await refused(world, vote(world, HELPER, left), "VOTE_LIMIT_REACHED")
    await retract(world, HELPER, next(topic for topic in topics if before[topic.id]))
    assert (await vote(world, HELPER, left)).topic.score == 1
    await other.close()


async def test_how_many_votes_a_level_has_is_a_setting(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(4)]
    half = trust_pb2.VoteFactor(trust_level=directory_pb2.TRUST_LEVEL_BASIC, factor=0.5)
    change = trust_pb2.UpdateTrustSettingsRequest(**world.ids(), vote_factors=[half])
    await TrustUseCases(world.commands, world.repository).update_trust_settings(MANAGING, change)
    for topic in topics[:3]:
        await vote(world, HELPER, topic)
    await refused(world, vote(world, HELPER, topics[3]), "VOTE_LIMIT_REACHED")


# -- reactions


async def test_reactions_count_once_and_are_taken_back(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    for actor, kind in ((ASKER, THANKS), (ASKER, AGREE), (MODERATING, AGREE), (ASKER, AGREE)):
        answer = await react(world, actor, reply, kind)
        assert answer.reply.id == reply.id
    (seen,) = await participations(world, ASKER, reply)
    assert seen == pb.Participation(
        post=pb.PostRef(topic_id=topic.id, reply_id=reply.id),
        reactions=[pb.ReactionCount(kind=THANKS, count=1), pb.ReactionCount(kind=AGREE, count=2)],
        viewer_reactions=[THANKS, AGREE],
    )
    for _ in range(2):
        await unreact(world, ASKER, reply, AGREE)
    await unreact(world, HELPER, topic)
    (seen,) = await participations(world, MODERATING, reply)
    assert [(one.kind, one.count) for one in seen.reactions] == [(THANKS, 1), (AGREE, 1)]
    assert list(seen.viewer_reactions) == [AGREE]
    on = {"topic_id": topic.id, "reply_id": reply.id, "author_id": "helper"}
    assert [event for event in await outbox(world.database) if "Reaction" in str(type(event))] == [
        said.ReactionAdded(**on, kind=THANKS),
        said.ReactionAdded(**on, kind=AGREE),
        said.ReactionAdded(**on, kind=AGREE),
        said.ReactionRemoved(**on, kind=AGREE),
    ]


async def test_react_refuses(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await refused(world, react(world, ASKER, topic), "OWN_POST")
    await refused(world, react(world, ASKER, reply, 0), FieldInvalidError, "kind")
    await refused(world, unreact(world, ASKER, reply, 99), FieldInvalidError, "kind")
    await world.act("HideReply", MODERATING, reply, reason="rude")
    await refused(world, react(world, ASKER, reply), "REPLY_NOT_FOUND", "reply_id")
    await refused(world, react(world, MODERATING, reply), "REPLY_STATE_INVALID")
    await refused(world, unreact(world, MODERATING, reply), "REPLY_STATE_INVALID")


async def test_reactions_at_once_all_count_once(world: World) -> None:
    topic = await world.topic(await world.space())
    people = [person_actor(f"reader{n}") for n in range(9)]
    await asyncio.gather(*(react(world, who, topic) for who in people for _ in range(2)))
    (seen,) = await participations(world, ASKER, topic)
    assert [(one.kind, one.count) for one in seen.reactions] == [(THANKS, 9)]


async def limit_reactions(world: World, level: Any, most: int) -> None:
    limit = trust_pb2.ReactionLimit(trust_level=level, reactions_per_day=most)
    change = trust_pb2.UpdateTrustSettingsRequest(**world.ids(), reaction_limits=[limit])
    await TrustUseCases(world.commands, world.repository).update_trust_settings(MANAGING, change)


async def reacted(world: World, *topics: forum_pb2.Topic) -> int:
    """How many reactions to these are counted."""
    seen = await participations(world, ASKER, *topics)
    return sum(count.count for one in seen for count in one.reactions)


async def test_so_many_reactions_a_day_whatever_is_taken_back(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(2)]
    await limit_reactions(world, directory_pb2.TRUST_LEVEL_BASIC, 3)
    await react(world, HELPER, topics[0], THANKS)
    await react(world, HELPER, topics[0], AGREE)
    await react(world, HELPER, topics[0], AGREE)  # which it has: nothing to count
    await unreact(world, HELPER, topics[0], AGREE)
    again = {"request_id": "request-again"}
    await react(world, HELPER, topics[0], AGREE, **again)
    said_before = await outbox(world.database)
    with pytest.raises(DomainError) as refusal:
        await react(world, HELPER, topics[1])
    assert reason_of(refusal.value) == "REACTION_LIMIT_REACHED"
    assert 86_000 < refusal.value.retry_after <= 86_400
    assert await outbox(world.database) == said_before
    assert await reacted(world, *topics) == 2
    assert await world.database.reactings.count_documents({}) == 3
    await react(world, HELPER, topics[0], AGREE)
    await react(world, HELPER, topics[0], AGREE, **again)
    await react(world, MODERATING, topics[1])  # each has their own
    await unreact(world, HELPER, topics[0], THANKS)  # at any time
    await refused(world, react(world, HELPER, topics[0], THANKS), "REACTION_LIMIT_REACHED")
    await limit_reactions(world, directory_pb2.TRUST_LEVEL_BASIC, 4)
    await react(world, HELPER, topics[1])
    await refused(world, react(world, HELPER, topics[0], THANKS), "REACTION_LIMIT_REACHED")
    old = {"$set": {"time": datetime.now(UTC) - timedelta(hours=25)}}
    await world.database.reactings.update_one({"person_id": HELPER.person_id, "number": 1}, old)
    await react(world, HELPER, topics[0], THANKS)
    await refused(world, react(world, HELPER, topics[1], AGREE), "REACTION_LIMIT_REACHED")
    assert await reacted(world, *topics) == 4


async def test_no_limit_is_passed_by_reacting_in_two_replicas_at_once(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(10)]
    await limit_reactions(world, directory_pb2.TRUST_LEVEL_BASIC, 5)
    other = Commands(world.database)
    replica = ForumUseCases(other, ForumRepository(world.database), None, posting_limits=False)  # type: ignore[arg-type]

    async def there(topic: forum_pb2.Topic) -> Any:
        request = pb.AddReactionRequest(**world.ids(), topic_id=topic.id, kind=THANKS)
        return await replica.add_reaction(HELPER, request)

    calls = [
        there(topic) if n % 2 else react(world, HELPER, topic) for n, topic in enumerate(topics)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    total = sum(not isinstance(one, BaseException) for one in results)
    assert total == await reacted(world, *topics) <= 5
    refusals = {reason_of(one) for one in results if isinstance(one, DomainError)}
    assert refusals <= {"REACTED_AT_ONCE", "REACTION_LIMIT_REACHED"}
    for topic, result in zip(topics, results, strict=True):
        if total < 5 and isinstance(result, DomainError):  # it met others too often
            await react(world, HELPER, topic)
            total += 1
    assert await reacted(world, *topics) == 5
    await refused(world, react(world, HELPER, topics[0], AGREE), "REACTION_LIMIT_REACHED")
    await other.close()


# -- reads


async def test_batch_get_participations_is_behind_the_wall(world: World) -> None:
    topic = await world.topic(await world.space())
    reply, hidden = await world.reply(topic), await world.reply(topic)
    vendor = await world.space("vendor", audience=forum_pb2.AUDIENCE_VENDOR)
    secret = await world.topic(vendor, MANAGING)
    below = await world.reply(secret, MANAGING)
    for post in (topic, reply, hidden):
        await react(world, MODERATING, post)
    await world.act("HideReply", MODERATING, hidden, reason="rude")
    elsewhere = forum_pb2.Reply(id=below.id, topic_id=topic.id)
    nobody = forum_pb2.Topic(id="nobody")
    seen = await participations(
        world, ASKER, secret, below, elsewhere, nobody, hidden, reply, topic, topic
    )
    assert [one.post for one in seen] == [
        pb.PostRef(topic_id=topic.id, reply_id=reply.id),
        pb.PostRef(topic_id=topic.id),
    ]
    assert len(await participations(world, MANAGING, secret, below)) == 2
    stranger = (CommunityNotFoundError, "community_id")
    await refused(world, participations(world, STRANGER, topic), *stranger)
    await refused(world, participations(world, SEARCH, topic), RoleRequiredError)
    call = participations(world, ASKER, *[forum_pb2.Topic(id=str(n)) for n in range(101)])
    await refused(world, call, FieldInvalidError, "posts")


async def test_votes_against_where_the_space_allows_them(world: World) -> None:
    space = await world.space(settings=forum_pb2.SpaceSettingsChange(down_votes=True))
    topic = await world.topic(space)
    assert (await vote(world, HELPER, topic, DOWN)).topic.score == -1
    assert (await vote(world, MODERATING, topic, DOWN)).topic.score == -2
    assert (await vote(world, HELPER, topic, UP)).topic.score == 0
    (event,) = (await outbox(world.database))[-1:]
    assert event == said.VoteCast(
        topic_id=topic.id, author_id="asker", value=UP, replaced_value=DOWN
    )
    await retract(world, HELPER, topic)
    await retract(world, MODERATING, topic)
    assert (await world.see(ASKER, topic)).score == 0
