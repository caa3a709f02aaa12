"""Trust over real gRPC, and what the forum counts of its own domain events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message

from chassis.actors import BASIC, REGULAR, TRUSTED_MEMBER, Actor
from chassis.decisions import Write
from chassis.domain_events import DomainEvent
from chassis.errors import DomainError
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2, participation_pb2
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import trust_pb2 as tpb
from guildhall.forum.v1.feed_pb2_grpc import FeedServiceStub
from guildhall.forum.v1.trust_pb2_grpc import TrustServiceStub, add_TrustServiceServicer_to_server
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseOpened
from services.forum.consumers import ForumConsumers, TrustConsumers
from services.forum.domain.trust import Day, Fact, facts_of
from services.forum.repository.trust import MOST_DAYS
from services.forum.servicer.trust import TrustServicer
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_lifecycle_servicer import fall_due, jobs, scheduled
from services.forum.use_cases.trust import TrustUseCases

C1: dict[str, Any] = {"community_id": "c1"}


@pytest_asyncio.fixture
async def trust(world: World) -> TrustUseCases:
    """Served beside the forum, as another part: tokens say for whom they are."""
    return await serve(world)


async def serve(world: World) -> TrustUseCases:
    use_cases = TrustUseCases(world.commands, world.repository)
    servicer = TrustServicer(use_cases)
    await world.loopback.serve(
        "search", lambda server: add_TrustServiceServicer_to_server(servicer, server)
    )
    return use_cases


async def call(world: World, actor: Actor, rpc: str, **fields: Any) -> Any:
    stub = world.loopback.client(TrustServiceStub, "search", actor)
    return await getattr(stub, rpc)(getattr(tpb, f"{rpc}Request")(**fields))


async def refused(world: World, call_: Any, reason: str, field: str = "") -> None:
    before = await world.stored()
    with pytest.raises(DomainError) as refusal:
        await call_
    assert (reason_of(refusal.value), refusal.value.field) == (reason, field)
    assert await world.stored() == before


async def heard(world: World, so_far: int = 0) -> int:
    """All that was said but for the first so many, each event once, as the chassis applies it."""
    consumers = TrustConsumers(world.repository)
    handlers = consumers.of_forum().handlers
    messages = await outbox(world.database)
    rows = await world.database["outbox"].find().sort("_id", 1).to_list()
    for row, message in list(zip(rows, messages, strict=True))[so_far:]:
        if (handler := handlers.get(type(message))) is None:
            continue
        event = _event(message, row["actor"], row["seq"], row["at"])
        writes = list(await handler(event))
        assert writes == list(await handler(event))  # it may run twice
        await _apply(world, writes)
    return len(rows)


def _event(message: Message, actor: str, seq: int, time: datetime) -> DomainEvent[Any]:
    return DomainEvent("e1", "c1", "topic", "x", seq, time, actor, message)


async def _apply(world: World, writes: Sequence[Any]) -> None:
    for write in writes:
        assert isinstance(write, Write)
        await world.database[write.collection].bulk_write([write.operation])


async def today(world: World, person_id: str) -> Day:
    (day,) = await world.repository.list_standing_days("c1", person_id)
    return day


async def test_writing_is_a_visit(world: World) -> None:
    topic = await world.topic(await world.space())
    for number in range(2):
        await world.reply(topic, body=f"Number {number}.")
    await heard(world)
    asker, helper = await today(world, "asker"), await today(world, "helper")
    assert (asker.visited, asker.replied_topics) == (True, frozenset())
    assert (helper.visited, helper.replied_topics) == (True, frozenset({topic.id}))


async def heard_reads(world: World) -> None:
    """The latest mark alone."""
    messages = [e for e in await outbox(world.database) if isinstance(e, said.TopicRead)]
    handler = TrustConsumers(world.repository).on_topic_read
    event = _event(messages[-1], "asker", len(messages), datetime.now(UTC))
    await _apply(world, list(await handler(event)))


async def test_posts_are_read_once(world: World) -> None:
    topic = await world.topic(await world.space())
    replies = [await world.reply(topic, body=f"Number {number}.") for number in range(5)]
    feed = world.loopback.client(FeedServiceStub, "forum", ASKER)
    for reply in (replies[1], replies[4]):
        await feed.MarkTopicRead(
            feed_pb2.MarkTopicReadRequest(**world.ids(), topic_id=topic.id, reply_id=reply.id)
        )
        await heard_reads(world)
    day = await today(world, "asker")
    assert day.counts == {Fact.POSTS_READ: 6, Fact.TOPICS_ENTERED: 1}
    assert len(day.read_minutes) in (1, 2)  # the clock's


async def test_of_marks_heard_late_only_the_last_counts(world: World) -> None:
    topic = await world.topic(await world.space())
    replies = [await world.reply(topic, body=f"Number {number}.") for number in range(6)]
    feed = world.loopback.client(FeedServiceStub, "forum", ASKER)
    for reply in replies:
        await feed.MarkTopicRead(
            feed_pb2.MarkTopicReadRequest(**world.ids(), topic_id=topic.id, reply_id=reply.id)
        )
    handler = TrustConsumers(world.repository).on_topic_read
    messages = [e for e in await outbox(world.database) if isinstance(e, said.TopicRead)]
    for seq, message in enumerate(messages, 1):
        await _apply(world, list(await handler(_event(message, "asker", seq, datetime.now(UTC)))))
    counts = (await today(world, "asker")).counts
    assert (len(messages), counts[Fact.POSTS_READ], counts[Fact.TOPICS_ENTERED]) == (6, 1, 1)


async def test_minutes_of_reading_count_once(world: World) -> None:
    handler = TrustConsumers(world.repository).on_topic_read
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    # Out of order, twice, many in one minute; after a pause one minute more.
    for minute, topics in ((3, 40), (0, 1), (3, 1), (7, 1), (30, 1), (0, 1)):
        for number in range(topics):
            message = said.TopicRead(person_id="asker", topic_id=f"t{number}")
            event = _event(message, "asker", 2, noon + timedelta(minutes=minute, seconds=number))
            await _apply(world, list(await handler(event)))
    day = await today(world, "asker")
    assert (day.day, day.visited) == (noon.date(), True)
    assert day.read_minutes == {720, 723, 727, 750}
    assert facts_of([day])[Fact.MINUTES_READ] == 1 + 3 + 4 + 1


async def test_likes_are_counted_on_both_sides_and_taken_back(world: World) -> None:
    handlers = TrustConsumers(world.repository).of_forum().handlers
    now = datetime.now(UTC)
    up, down = participation_pb2.VOTE_VALUE_UP, participation_pb2.VOTE_VALUE_DOWN

    async def hear(message: Message, actor: str = "helper") -> None:
        await _apply(world, list(await handlers[type(message)](_event(message, actor, 1, now))))

    post: dict[str, Any] = {"topic_id": "t1", "author_id": "asker"}
    await hear(said.VoteCast(**post, value=up))
    await hear(said.VoteCast(**post, value=up), "other")
    await hear(said.ReactionAdded(**post))
    await hear(said.VoteCast(**post, value=down, replaced_value=up))
    assert (await today(world, "helper")).counts[Fact.LIKES_GIVEN] == 1
    asker = await today(world, "asker")
    assert (asker.counts[Fact.LIKES_RECEIVED], asker.visited) == (2, False)
    assert asker.likers == {"helper": 1, "other": 1}
    assert facts_of([asker])[Fact.LIKERS] == 2
    await hear(said.ReactionRemoved(**post))
    await hear(said.VoteRetracted(**post, value=up), "other")
    await hear(said.VoteRetracted(**post, value=down))
    asker = await today(world, "asker")
    assert asker.counts[Fact.LIKES_RECEIVED] == facts_of([asker])[Fact.LIKERS] == 0
    await hear(said.VoteCast(topic_id="t1", value=up))  # of an imported persona
    assert (await today(world, "helper")).counts[Fact.LIKES_GIVEN] == 1


async def test_who_liked_two_posts_and_takes_one_like_back_still_likes(world: World) -> None:
    handlers = TrustConsumers(world.repository).of_forum().handlers
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    up = participation_pb2.VOTE_VALUE_UP

    async def likers(message: Message, day: int) -> int:
        event = _event(message, "helper", 1, noon + timedelta(days=day))
        await _apply(world, list(await handlers[type(message)](event)))
        days = await world.repository.list_standing_days("c1", "asker")
        return facts_of(days)[Fact.LIKERS]

    for day in (0, 1):
        assert await likers(said.VoteCast(topic_id=f"t{day}", author_id="asker", value=up), day)
    back = said.VoteRetracted(topic_id="t0", author_id="asker", value=up)
    assert await likers(back, 2) == 1
    await world.database.standing_days.update_one(  # as it was stored before likes were counted
        {"person_id": "asker", "day": "2026-06-02"},
        {"$unset": {"likes_of": ""}, "$set": {"likers": ["helper"]}},
    )
    assert await likers(said.ReactionAdded(topic_id="t2", author_id="asker"), 3) == 1
    assert await likers(said.ReactionRemoved(topic_id="t2", author_id="asker"), 3) == 1
    assert await likers(said.VoteRetracted(topic_id="t1", author_id="asker", value=up), 4) == 0


async def test_posts_that_others_removed_count_against_their_author(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    own, spam = await world.reply(topic), await world.reply(topic)
    other = await world.topic(space, HELPER)
    await world.act("RemoveReply", HELPER, own)
    await world.act("RemoveReply", MODERATING, spam, reason="spam")
    await world.act("RemoveTopic", MODERATING, other, reason="spam")
    await heard(world)
    assert (await today(world, "helper")).removed_posts == {spam.id, other.id}


async def test_what_is_restored_counts_against_nobody(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space, HELPER)
    out, hidden, gone = [await world.reply(topic) for _ in range(3)]
    held = await world.topic(space, NEWCOMER)
    await world.act("HideReply", MODERATING, hidden, reason="spam")
    posts: list[pb.Topic | pb.Reply] = [topic, out, hidden, gone, held]
    for post in (out, hidden, gone, held, topic):
        what = "Topic" if isinstance(post, pb.Topic) else "Reply"
        await world.act(f"Remove{what}", MODERATING, post, reason="spam")
    so_far = await heard(world)
    assert (await today(world, "helper")).removed_posts == {post.id for post in posts[:4]}
    assert (await today(world, "newcomer")).removed_posts == {held.id}
    old = datetime.now(UTC) - timedelta(days=1)
    await world.database.standing_days.update_many({}, {"$set": {"update_time": old}})
    for post in (topic, out, hidden, held):
        what = "Topic" if isinstance(post, pb.Topic) else "Reply"
        await world.act(f"Restore{what}", MODERATING, post)
    so_far = await heard(world, so_far)
    assert (await today(world, "helper")).removed_posts == {gone.id}
    assert (await today(world, "newcomer")).removed_posts == frozenset()
    # They are judged anew.
    found = await active(world, old + timedelta(seconds=1))
    assert set(found) == {("c1", "helper"), ("c1", "newcomer")}
    await world.act("RemoveReply", MODERATING, out, reason="spam")
    await heard(world, so_far)
    assert (await today(world, "helper")).removed_posts == {gone.id, out.id}


async def test_what_a_moderator_hid_counts_while_it_is_hidden(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    hidden, flagged, waiting, agreed = [await world.reply(topic) for _ in range(4)]
    own = await world.reply(topic, MODERATING)
    flagged_topic = await world.topic(space, HELPER)
    await world.act("HideReply", MODERATING, hidden, reason="rude")
    await world.act("HideReply", MODERATING, own, reason="too early")
    for post in (flagged, flagged_topic):  # nobody hid it before: it was flagged
        await decide(world, CaseDecided, post, approved=False, reason="spam")
    for reply in (waiting, agreed):
        await decide(world, CaseOpened, reply, hide_post=True)
    so_far = await heard(world)
    counted = {hidden.id, flagged.id, flagged_topic.id}
    assert (await today(world, "helper")).removed_posts == counted
    assert await world.repository.list_standing_days("c1", "moderator") == [
        await today(world, "moderator")
    ]
    assert (await today(world, "moderator")).removed_posts == frozenset()
    await decide(world, CaseDecided, waiting, approved=True)
    await decide(world, CaseDecided, agreed, approved=False, reason="spam")  # removes it
    so_far = await heard(world, so_far)
    assert (await today(world, "helper")).removed_posts == {*counted, agreed.id}
    await world.act("RestoreReply", MODERATING, hidden)
    await world.act("RestoreReply", MODERATING, flagged)
    await world.act("RestoreTopic", MODERATING, flagged_topic)
    await world.act("RemoveReply", HELPER, hidden)
    await heard(world, so_far)
    assert (await today(world, "helper")).removed_posts == {agreed.id}


async def test_a_hiding_that_is_heard_after_the_restoring_does_not_count(world: World) -> None:
    topic = await world.topic(await world.space(), HELPER)
    await world.act("HideTopic", MODERATING, topic, reason="rude")
    await world.act("RestoreTopic", MODERATING, topic)
    await heard(world)
    assert (await today(world, "helper")).removed_posts == frozenset()


async def test_posts_that_wait_for_the_first_time_are_not_looked_up(world: World) -> None:
    space = await world.space()
    await world.topic(space, NEWCOMER)
    await world.reply(await world.topic(space), NEWCOMER)
    await world.topic(space, draft=True)
    messages = await outbox(world.database)
    handlers = TrustConsumers(world.repository).of_forum().handlers
    await world.database.topics.delete_many({})  # a look-up would not find them
    waiting = (said.TopicHeld, said.ReplyHeld, said.TopicDrafted)
    found = [one for one in messages if isinstance(one, waiting)]
    assert len(found) == 3
    for message in found:
        assert not list(await handlers[type(message)](_event(message, "x", 1, datetime.now(UTC))))


async def decide(world: World, kind: Any, post: pb.Topic | pb.Reply, **more: Any) -> None:
    """What moderation says of a case, as the forum hears it."""
    on = {"topic_id": post.id}
    if isinstance(post, pb.Reply):
        on = {"topic_id": post.topic_id, "reply_id": post.id}
    case = kind(case_id=f"case-{post.id}", submission_number=1, **on, **more)
    consumers = ForumConsumers(world.repository)
    hear = consumers.on_case_opened if kind is CaseOpened else consumers.on_case_decided
    await world.hear(list(await hear(_event(case, "service:moderation", 1, datetime.now(UTC)))))


async def test_a_removal_that_is_heard_after_the_restoring_does_not_count(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("RemoveReply", MODERATING, reply, reason="spam")
    await world.act("RestoreReply", MODERATING, reply)
    await heard(world)
    assert (await today(world, "helper")).removed_posts == frozenset()


async def active(world: World, since: datetime, size: int = 2) -> list[tuple[str, str]]:
    pages = world.repository.active_people(since, datetime.now(UTC) + timedelta(days=1), size)
    found = [page async for page in pages]
    assert all(len(page) <= size for page in found)
    return [one for page in found for one in page]


async def test_people_are_walked_page_by_page(world: World) -> None:
    since = datetime(2026, 6, 1, tzinfo=UTC)
    people = [f"person{n}" for n in range(7)]
    for number, person_id in enumerate(people):
        # Three share each instant: a page ends between them.
        time = since + timedelta(minutes=number // 3)
        write = world.repository.count_day("c1", person_id, time, {Fact.LIKES_GIVEN: 1})
        await _apply(world, [write])
    old = world.repository.count_day("c2", "person1", since - timedelta(1), {}, visited=True)
    await _apply(world, [old])
    assert sorted(await active(world, since)) == [("c1", one) for one in people]
    assert [one async for one in world.repository.active_people(since, since)] == []
    for size in (1, 7, 8):
        assert len(await active(world, since, size)) == 7
    rows = [
        {"_id": f"s{n}", "community_id": f"c{n % 2}", "person_id": f"p{n}", "level": 3 + (n > 4)}
        for n in range(7)
    ]
    await world.database.standings.insert_many(rows)
    pages = [one async for one in world.repository.people_at(3, 2)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == [(f"c{n % 2}", f"p{n}") for n in range(5)]


async def test_who_is_a_member_is_judged_by_the_window_alone(
    world: World, trust: TrustUseCases
) -> None:
    await _lived(world, "asker", 20)
    await trust.judge_active()
    assert (await outbox(world.database))[-1] == _reached(3, 1)
    long_ago = "2020-01-01"
    await world.database.standing_days.insert_one(
        {"_id": "old", "community_id": "c1", "person_id": "asker", "day": long_ago,
         "update_time": datetime.now(UTC), "counts": {"NO_SUCH_FACT": 1}}
    )  # fmt: skip  # reading it would break
    await trust.judge_active()
    asked = {**C1, "person_ids": ["asker"]}
    (own,) = (await call(world, MODERATING, "BatchGetTrustProgress", **asked)).trust_progress
    visits = next(one for one in own.standings if one.fact == tpb.TRUST_FACT_DAYS_VISITED)
    assert (visits.count, visits.needed) == (20, 30)
    await world.database.standing_days.delete_many({})  # all is long ago: still a member
    (own,) = (await call(world, MODERATING, "BatchGetTrustProgress", **asked)).trust_progress
    assert own.level == TRUSTED_MEMBER


async def test_the_last_days_are_read(world: World) -> None:
    rows = [
        {"_id": f"d{n}", "community_id": "c1", "person_id": "asker",
         "day": (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n)).date().isoformat()}
        for n in range(MOST_DAYS + 5)
    ]  # fmt: skip
    await world.database.standing_days.insert_many(rows)
    found = [one.day for one in await world.repository.list_standing_days("c1", "asker")]
    assert (len(found), found[-1].isoformat(), found) == (
        MOST_DAYS, rows[-1]["day"], sorted(found)
    )  # fmt: skip


async def test_reached_levels_are_said_once(world: World, trust: TrustUseCases) -> None:
    await _lived(world, "asker", 15)
    before = await world.said()
    await trust.judge_active()
    reached = _reached(3, 1)
    assert (await outbox(world.database))[-1] == reached
    assert len(await world.said()) == len(before) + 1
    await trust.judge_active()
    await trust.judge_regulars()
    assert len(await world.said()) == len(before) + 1


async def test_regular_is_lost_by_doing_nothing(world: World, trust: TrustUseCases) -> None:
    await _lived(world, "asker", 30)
    await trust.judge_active()
    (standing,) = (await world.repository.find_standings("c1", ["asker"])).values()
    assert standing.level == REGULAR
    long_ago = datetime.now(UTC) - timedelta(days=200)
    await world.database.standings.update_one({}, {"$set": {"level_time": long_ago}})
    await world.database.standing_days.delete_many({})
    await trust.judge_active()  # nobody was active
    assert (await outbox(world.database))[-1].level == REGULAR  # type: ignore[attr-defined]
    await trust.judge_regulars()
    lost = _reached(3, 4)
    assert (await outbox(world.database))[-1] == lost


def _reached(level: int, former: int) -> said.TrustLevelReached:
    numbers: dict[str, Any] = {"level": level, "former_level": former}
    return said.TrustLevelReached(person_id="asker", **numbers)


async def _lived(world: World, person_id: str, days: int) -> None:
    """So many days of a good member."""
    now = datetime.now(UTC)
    counts = {
        Fact.TOPICS_ENTERED: 3,
        Fact.POSTS_READ: 10,
        Fact.LIKES_GIVEN: 1,
        Fact.LIKES_RECEIVED: 1,
    }
    for number in range(days):
        for minute in range(4):
            write = world.repository.count_day(
                "c1",
                person_id,
                (now - timedelta(days=number)).replace(hour=12, minute=minute),
                {},
                read=True,
            )
            await _apply(world, [write])
        for more in (
            {"counts": {}, "once": {"replied_topics": f"t{number}"}},
            {"counts": counts, "liker_id": f"p{number}"},
        ):
            time = now - timedelta(days=number)
            write = world.repository.count_day("c1", person_id, time, visited=True, **more)
            await _apply(world, [write])


async def test_progress_is_told_to_oneself_and_moderators(
    world: World, trust: TrustUseCases
) -> None:
    await _lived(world, "asker", 2)
    await trust.judge_active()
    asked = {**C1, "person_ids": ["asker", "helper", "nobody"]}
    (own,) = (await call(world, ASKER, "BatchGetTrustProgress", **asked)).trust_progress
    level = directory_pb2.TrustLevel
    assert (own.person_id, own.level, own.next_level) == ("asker", level.TRUST_LEVEL_NEW, BASIC)
    assert {(one.fact, one.count, one.needed) for one in own.standings} == {
        (tpb.TRUST_FACT_TOPICS_ENTERED, 6, 5),
        (tpb.TRUST_FACT_POSTS_READ, 20, 30),
        (tpb.TRUST_FACT_MINUTES_READ, 8, 10),
    }
    (mine,) = (await call(world, HELPER, "BatchGetTrustProgress", **asked)).trust_progress
    assert (mine.person_id, mine.level) == ("helper", level.TRUST_LEVEL_NEW)
    for actor in (MODERATING, MANAGING):
        told = (await call(world, actor, "BatchGetTrustProgress", **asked)).trust_progress
        assert [one.person_id for one in told] == ["asker"]
    many = {**C1, "person_ids": ["x"] * 21}
    await refused(
        world, call(world, ASKER, "BatchGetTrustProgress", **many), "FIELD_INVALID", "person_ids"
    )
    outside = call(world, STRANGER, "BatchGetTrustProgress", **asked)
    await refused(world, outside, "COMMUNITY_NOT_FOUND", "community_id")
    await refused(world, call(world, SEARCH, "BatchGetTrustProgress", **asked), "ROLE_REQUIRED")


async def test_limits_are_settings_and_hold_at_once(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(posting_limits=True)
    await serve(world)
    space = await world.space()
    topic = await world.topic(space, HELPER)
    await world.topic(space)
    await refused(world, world.topic(space), "POSTING_TOO_FAST")
    basic = directory_pb2.TRUST_LEVEL_BASIC
    limits = tpb.PostingLimits(trust_level=basic, topics_per_day=3, replies_per_day=1)
    factor = tpb.VoteFactor(trust_level=basic, factor=0.5)
    mentions = tpb.MentionLimits(trust_level=basic, people_per_post=1, people_per_day=1)
    fields = {**world.ids(), "posting_limits": [limits], "vote_factors": [factor]}
    fields["mention_limits"] = [mentions]
    reactions = tpb.ReactionLimit(trust_level=basic, reactions_per_day=1)
    fields["reaction_limits"] = [reactions]
    after = (await call(world, MANAGING, "UpdateTrustSettings", **fields)).trust_settings
    assert (after.posting_limits[1], after.vote_factors[1]) == (limits, factor)
    assert [(one.people_per_post, one.people_per_day) for one in after.mention_limits] == [
        (2, 10),
        (1, 1),
        (10, 75),
        (10, 100),
        (10, 150),
    ]
    default = tpb.PostingLimits(
        trust_level=directory_pb2.TRUST_LEVEL_NEW,
        seconds_between_topics=120,
        seconds_between_replies=30,
        topics_per_day=3,
        replies_per_day=10,
    )
    assert after.posting_limits[0] == default
    assert [one.factor for one in after.vote_factors] == [1, 0.5, 1.5, 2, 3]
    assert [one.reactions_per_day for one in after.reaction_limits] == [50, 1, 75, 100, 150]
    for _ in range(2):
        await world.topic(space)
    await refused(world, world.topic(space), "POSTING_TOO_FAST")
    world.members.memberships = dict.fromkeys(("anna", "bert"), ("community:c1",))
    two = world.reply(topic, ASKER, mentioned_ids=["anna", "bert"])
    await refused(world, two, "MENTIONS_TOO_MANY", "mentioned_ids")
    reply = await world.reply(topic, ASKER, mentioned_ids=["anna"])
    edit = pb.UpdateReplyRequest(
        **world.ids(), topic_id=topic.id, reply_id=reply.id, body=reply.body,
        update_mentions=True, mentioned_ids=["bert"],
    )  # fmt: skip
    call_ = world.of(ASKER).UpdateReply(edit)
    await refused(world, call_, "MENTION_LIMIT_REACHED", "mentioned_ids")
    await refused(world, world.reply(topic, ASKER), "POSTING_TOO_FAST")


async def review_below(world: World, level: Any) -> None:
    fields = {**world.ids(), "review_below": level}
    after = (await call(world, MANAGING, "UpdateTrustSettings", **fields)).trust_settings
    assert after.review_below == level
    assert (await call(world, MANAGING, "GetTrustSettings", **C1)).trust_settings == after


async def test_whose_posts_are_reviewed_is_a_setting(world: World, trust: TrustUseCases) -> None:
    space = await world.space()
    required = await world.space("required", mode=pb.SPACE_MODE_REQUIRED)
    member = person_actor("member", trust_level=TRUSTED_MEMBER)
    out, draft = await world.topic(space), await world.topic(space, draft=True)
    told = await world.reply(out)
    coming = await scheduled(world, space)
    before = await world.said()
    await review_below(world, directory_pb2.TRUST_LEVEL_MEMBER)
    held = await world.topic(space)
    assert held.state == pb.TOPIC_STATE_PENDING_REVIEW
    for actor, reason in (
        (HELPER, "TOPIC_NOT_FOUND"),
        (STRANGER, "COMMUNITY_NOT_FOUND"),
    ):
        with pytest.raises(DomainError) as hidden:
            await world.see(actor, held)
        assert reason_of(hidden.value) == reason
    changed = await world.act("PublishTopic", ASKER, draft)
    assert changed.topic.state == pb.TOPIC_STATE_PENDING_REVIEW
    assert (await world.reply(out, ASKER)).state == pb.REPLY_STATE_PENDING_REVIEW
    edited = await world.act("UpdateTopic", ASKER, out, title="Which?")
    assert (edited.topic.title, edited.HasField("held_edit")) == (out.title, True)
    edited = await world.act("UpdateReply", HELPER, told, body="On.")
    assert (edited.reply.body, edited.HasField("held_edit")) == (told.body, True)
    await fall_due(world)
    await jobs(world).publish_due_topics()
    assert (await world.see(ASKER, coming)).state == pb.TOPIC_STATE_PENDING_REVIEW
    poll = participation_pb2.CreatePollRequest(
        **world.ids(), topic_id=out.id, question="Shall we?", options=["Yes", "No"]
    )
    stored = await world.stored()
    await refused(world, world.taking_part(ASKER).CreatePoll(poll), "POLL_NOT_ALLOWED")
    assert await world.stored() == stored
    new = set(await world.said()) - set(before)
    assert new == {"TrustSettingsUpdated", "TopicHeld", "ReplyHeld", "EditHeld"}
    for actor in (member, MODERATING):
        assert (await world.topic(space, actor)).state == pb.TOPIC_STATE_PUBLISHED
    assert (await world.topic(required, member)).state == pb.TOPIC_STATE_PENDING_REVIEW


async def test_nobody_is_reviewed_for_their_level(world: World, trust: TrustUseCases) -> None:
    space = await world.space()
    required = await world.space("required", mode=pb.SPACE_MODE_REQUIRED)
    await review_below(world, directory_pb2.TRUST_LEVEL_NEW)
    topic = await world.topic(space, NEWCOMER)
    assert topic.state == pb.TOPIC_STATE_PUBLISHED
    assert (await world.reply(topic, NEWCOMER)).state == pb.REPLY_STATE_PUBLISHED
    assert (await world.topic(required, NEWCOMER)).state == pb.TOPIC_STATE_PENDING_REVIEW
    assert "TopicPublished" in await world.said()


async def test_settings_of_before_limits_could_be_set_are_loaded(
    world: World, trust: TrustUseCases
) -> None:
    stored = {"_id": "trust-c1", "community_id": "c1", "seq": 4, "needs": {"2": {"LIKERS": 1}}}
    await world.database.trust_settings.insert_one(stored)
    settings = (await call(world, MANAGING, "GetTrustSettings", **C1)).trust_settings
    assert settings.requirements[0].needs == [tpb.TrustNeed(fact=tpb.TRUST_FACT_LIKERS, count=1)]
    assert (settings.version, settings.window_days, settings.grace_days) == (4, 100, 14)
    assert (settings.keep_factor, len(settings.posting_limits)) == (0.9, 5)
    assert [one.people_per_post for one in settings.mention_limits] == [2, 10, 10, 10, 10]
    assert [one.reactions_per_day for one in settings.reaction_limits] == [50, 50, 75, 100, 150]
    assert settings.review_below == directory_pb2.TRUST_LEVEL_BASIC
    assert list(settings.link_card_hosts) == []
    fields = {**world.ids(), "window_days": 30, "grace_days": 0, "keep_factor": 0.0}
    fields["expected_version"] = 4
    after = (await call(world, MANAGING, "UpdateTrustSettings", **fields)).trust_settings
    assert (after.version, after.window_days, after.grace_days) == (5, 30, 0)
    assert (after.keep_factor, after.requirements) == (0, settings.requirements)
    assert after.posting_limits == settings.posting_limits
    assert (await call(world, MANAGING, "GetTrustSettings", **C1)).trust_settings == after


async def test_settings_are_the_managers(world: World, trust: TrustUseCases) -> None:
    before = (await call(world, MANAGING, "GetTrustSettings", **C1)).trust_settings
    assert [one.trust_level for one in before.requirements] == [BASIC, TRUSTED_MEMBER, REGULAR]
    assert before.version == 0
    easy = tpb.TrustRequirement(
        trust_level=directory_pb2.TRUST_LEVEL_MEMBER,
        needs=[tpb.TrustNeed(fact=tpb.TRUST_FACT_DAYS_VISITED, count=1)],
    )
    fields = {**world.ids(), "requirements": [easy]}
    after = (await call(world, MANAGING, "UpdateTrustSettings", **fields)).trust_settings
    assert (after.requirements[1], after.version) == (easy, 1)
    assert (after.requirements[0], after.requirements[2]) == (
        before.requirements[0],
        before.requirements[2],
    )
    assert (await call(world, MANAGING, "GetTrustSettings", **C1)).trust_settings == after
    assert await world.said() == ["TrustSettingsUpdated"]
    repeated = (await call(world, MANAGING, "UpdateTrustSettings", **fields)).trust_settings
    assert repeated == after
    await _lived(world, "asker", 3)
    await trust.judge_active()
    assert (await outbox(world.database))[-1].level == TRUSTED_MEMBER  # type: ignore[attr-defined]

    def update(actor: Actor = MANAGING, **change: Any) -> Any:
        return call(world, actor, "UpdateTrustSettings", **{**fields, **world.ids(), **change})

    for actor in (ASKER, MODERATING, SEARCH):
        await refused(world, update(actor), "ROLE_REQUIRED")
        await refused(world, call(world, actor, "GetTrustSettings", **C1), "ROLE_REQUIRED")
    hidden = ("COMMUNITY_NOT_FOUND", "community_id")
    await refused(world, update(STRANGER), *hidden)
    await refused(world, call(world, STRANGER, "GetTrustSettings", **C1), *hidden)
    await refused(world, update(expected_version=9), "VERSION_STALE", "expected_version")
    await refused(world, update(requirements=[]), "FIELD_INVALID", "requirements")
    level = directory_pb2.TRUST_LEVEL_NEW
    for field, value, at in (
        ("window_days", 0, "window_days"),
        ("grace_days", 366, "grace_days"),
        ("keep_factor", 1.5, "keep_factor"),
        ("posting_limits", [tpb.PostingLimits()], "posting_limits.0.trust_level"),
        (
            "posting_limits",
            [tpb.PostingLimits(trust_level=level, replies_per_day=101)],
            "posting_limits.0.replies_per_day",
        ),
        ("vote_factors", [tpb.VoteFactor(trust_level=level)], "vote_factors.0.factor"),
        ("mention_limits", [tpb.MentionLimits()], "mention_limits.0.trust_level"),
        (
            "mention_limits",
            [tpb.MentionLimits(trust_level=level, people_per_post=11, people_per_day=11)],
            "mention_limits.0.people_per_post",
        ),
        (
            "mention_limits",
            [tpb.MentionLimits(trust_level=level, people_per_post=3, people_per_day=2)],
            "mention_limits.0.people_per_day",
        ),
        ("review_below", 0, "review_below"),
        ("review_below", 6, "review_below"),
        ("reaction_limits", [tpb.ReactionLimit()], "reaction_limits.0.trust_level"),
        (
            "reaction_limits",
            [tpb.ReactionLimit(trust_level=level)],
            "reaction_limits.0.reactions_per_day",
        ),
        (
            "reaction_limits",
            [tpb.ReactionLimit(trust_level=level, reactions_per_day=1001)],
            "reaction_limits.0.reactions_per_day",
        ),
    ):
        change: dict[str, Any] = {"requirements": [], field: value}
        await refused(world, update(**change), "FIELD_INVALID", at)
    nothing: Any = 99
    wrong = tpb.TrustRequirement(
        trust_level=directory_pb2.TRUST_LEVEL_BASIC, needs=[tpb.TrustNeed(fact=nothing)]
    )
    field = "requirements.0.needs.0.fact"
    await refused(world, update(requirements=[wrong]), "FIELD_INVALID", field)
    leader = tpb.TrustRequirement(trust_level=directory_pb2.TRUST_LEVEL_LEADER)
    await refused(
        world, update(requirements=[leader]), "FIELD_INVALID", "requirements.0.trust_level"
    )
