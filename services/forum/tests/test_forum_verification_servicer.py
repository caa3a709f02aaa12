"""Verified articles and answers, and what is to be looked at again, over real gRPC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from chassis.errors import (
    CommunityNotFoundError,
    FieldInvalidError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.testing import outbox
from guildhall.forum.v1 import curation_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from services.forum.jobs.verification import VerificationJobs
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_curation_servicer import article, curate, time_in, wide
from services.forum.tests.test_forum_servicer import refused


async def verify(
    world: World, actor: Actor, post: pb.Topic | pb.Reply, **more: Any
) -> curation_pb2.VerifyPostResponse:
    on = (
        {"topic_id": post.id}
        if isinstance(post, pb.Topic)
        else {"topic_id": post.topic_id, "reply_id": post.id}
    )
    fields: dict[str, Any] = {**world.ids(), **on, "verified_for": "Release 4", **more}
    request = curation_pb2.VerifyPostRequest(**fields)
    answer: curation_pb2.VerifyPostResponse = await world.of(actor, CurationServiceStub).VerifyPost(
        request
    )
    return answer


async def rechecks(world: World, actor: Actor, **more: Any) -> tuple[list[str], str]:
    request = curation_pb2.ListRechecksRequest(community_id="c1", **more)
    page = await world.of(actor, CurationServiceStub).ListRechecks(request)
    return [one.reply_id or one.topic_id for one in page.rechecks], page.next_page_token


async def fall_due(world: World, post_id: str, days: int = 1) -> None:
    """As if its time had been over for so many days."""
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    for name in ("topics", "replies"):
        for field in ("recheck_time", "verified_until", "verification.until", "review_due_time"):
            await world.database[name].update_one(
                {"_id": post_id, field: {"$exists": True, "$ne": None}}, {"$set": {field: past}}
            )


async def test_verify_article_and_answer(world: World) -> None:
    topic = await article(world)
    until = time_in(30)
    done = await verify(world, ASKER, topic, verified_until_time=until)
    told = done.topic.verification
    assert (told.verified_for, told.verifier_id, told.expired) == ("Release 4", "asker", False)
    assert told.verified_until_time.ToMilliseconds() == until.ToMilliseconds()
    assert not done.HasField("reply")
    assert (await outbox(world.database))[-1] == said.PostVerified(topic_id=topic.id)
    assert (await world.see(HELPER, topic)).verification == told
    question = await world.topic(await world.space())
    reply = await world.reply(question)
    done = await verify(world, MODERATING, reply)
    assert not done.reply.verification.HasField("verified_until_time")
    assert (await outbox(world.database))[-1] == said.PostVerified(
        topic_id=question.id, reply_id=reply.id
    )
    assert (await world.replies(ASKER, question))[0].verification == done.reply.verification
    # It was said of this text: another is not verified.
    await world.act("UpdateTopic", ASKER, topic, body="Another edition of it.")
    await world.act("UpdateReply", HELPER, reply, body="Another answer.")
    assert not (await world.see(HELPER, topic)).HasField("verification")
    assert not (await world.replies(ASKER, question))[0].HasField("verification")


async def test_verify_refuses(world: World) -> None:
    topic, question = await article(world), await world.topic(await world.space())
    comment, reply = await world.reply(topic), await world.reply(question)
    hidden = await world.topic(
        await wide(world, "vendors", audience=pb.AUDIENCE_VENDOR),
        MANAGING,
        kind=pb.TOPIC_KIND_ARTICLE,
    )
    await refused(world, verify(world, HELPER, topic), RoleRequiredError)
    await refused(world, verify(world, ASKER, reply), RoleRequiredError)
    outside = verify(world, STRANGER, topic)
    await refused(world, outside, CommunityNotFoundError, "community_id")
    await refused(world, verify(world, MODERATING, question), "NOT_AN_ARTICLE")
    await refused(world, verify(world, MODERATING, comment), "NOT_A_QUESTION")
    await refused(world, verify(world, MODERATING, hidden), "TOPIC_NOT_FOUND", "topic_id")
    missing = verify(world, MODERATING, pb.Reply(id="none", topic_id=topic.id))
    await refused(world, missing, "REPLY_NOT_FOUND", "reply_id")
    wrong: list[tuple[dict[str, Any], Any, str]] = [
        ({"verified_for": ""}, FieldInvalidError, "verified_for"),
        ({"verified_for": "x" * 61}, TextInvalidError, "verified_for"),
        ({"verified_until_time": time_in(-1)}, FieldInvalidError, "verified_until_time"),
        ({"verified_until_time": time_in(1100)}, FieldInvalidError, "verified_until_time"),
        (
            {"verified_until_time": Timestamp(seconds=10**12)},
            FieldInvalidError,
            "verified_until_time",
        ),
        ({"expected_version": 9}, VersionStaleError, "expected_version"),
    ]
    for change, reason, field in wrong:
        await refused(world, verify(world, MODERATING, topic, **change), reason, field)
        await refused(world, verify(world, MODERATING, reply, **change), reason, field)
    await world.act("HideReply", MODERATING, reply, reason="wrong")
    await refused(world, verify(world, MODERATING, reply), "REPLY_STATE_INVALID")


async def test_a_verification_expires_once(world: World) -> None:
    settings = pb.SpaceSettingsChange(
        kinds=[pb.TOPIC_KIND_ARTICLE], update_kinds=True, article_review_days=0
    )
    articles = await world.space("articles", settings=settings)
    topic = await world.topic(articles, kind=pb.TOPIC_KIND_ARTICLE)
    question = await world.topic(await world.space())
    reply = await world.reply(question)
    for post in (topic, reply):
        await verify(world, MODERATING, post, verified_until_time=time_in(1))
    job = VerificationJobs(world.repository, world.use_cases)
    before = await world.stored()
    await job.expire_verifications()
    assert await world.stored() == before
    for post in (topic, reply):
        await fall_due(world, post.id)
    again = VerificationJobs(world.repository, world.use_cases)
    await asyncio.gather(job.expire_verifications(), again.expire_verifications())
    expired = [one for one in await outbox(world.database) if "Expired" in type(one).__name__]
    assert sorted(one.reply_id for one in expired) == ["", reply.id]  # type: ignore[attr-defined]
    assert (await world.see(HELPER, topic)).verification.expired
    assert (await world.replies(ASKER, question))[0].verification.expired
    before = await world.stored()
    await job.expire_verifications()
    assert await world.stored() == before
    # Looked at and verified anew it is no recheck any more.
    assert (await rechecks(world, MODERATING))[0]
    for post in (topic, reply):
        await verify(world, MODERATING, post)
    assert await rechecks(world, MODERATING) == ([], "")


async def test_what_was_carried_to_another_topic_expires_there(world: World) -> None:
    space = await world.space()
    question, other = await world.topic(space), await world.topic(space)
    reply = await world.reply(question)
    await verify(world, MODERATING, reply, verified_until_time=time_in(1))
    await fall_due(world, reply.id)
    (found,) = await world.repository.find_expired(datetime.now(UTC), 10)
    moved = {"$set": {"topic_id": other.id}}  # between the job's look and its command
    await world.database.replies.update_one({"_id": reply.id}, moved)
    before = await world.database.replies.find_one({"_id": reply.id})
    await world.use_cases.expire_verification(found)
    assert await world.database.replies.find_one({"_id": reply.id}) == before
    assert "PostVerificationExpired" not in await world.said()
    await VerificationJobs(world.repository, world.use_cases).expire_verifications()
    (expired,) = [one for one in await outbox(world.database) if "Expired" in type(one).__name__]
    assert expired == said.PostVerificationExpired(topic_id=other.id, reply_id=reply.id)


async def test_one_that_cannot_expire_holds_up_no_other(world: World) -> None:
    question = await world.topic(await world.space())
    replies = [await world.reply(question) for _ in range(2)]
    topics = [await article(world)]
    topics.append(await world.topic(await wide(world, "more"), kind=pb.TOPIC_KIND_ARTICLE))
    posts: list[pb.Topic | pb.Reply] = [*replies, *topics]
    for days, post in enumerate(posts, 1):
        await verify(world, MODERATING, post, verified_until_time=time_in(1))
        if isinstance(post, pb.Topic):
            await curate(world, "ReviewArticle", ASKER, post, review_due_time=time_in(1))
        await fall_due(world, post.id, days)
    for id_, name in ((replies[1].id, "replies"), (topics[1].id, "topics")):
        await world.database[name].update_one({"_id": id_}, {"$unset": {"author": ""}})
    job = VerificationJobs(world.repository, world.use_cases)
    for _ in range(2):
        with pytest.raises(KeyError):
            await job.expire_verifications()
        with pytest.raises(KeyError):
            await job.expire_reviews()
    said_so = await world.said()
    assert said_so.count("PostVerificationExpired") == 2
    assert said_so.count("ArticleReviewExpired") == 1


async def test_a_review_date_passes_once(world: World) -> None:
    topic, other = await article(world), await world.topic(await world.space())
    await curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(1))
    job = VerificationJobs(world.repository, world.use_cases)
    before = await world.stored()
    await job.expire_reviews()
    assert await world.stored() == before
    for days in (1, 2):  # each date anew
        seen = await world.see(HELPER, topic)
        assert not seen.review_expired
        await fall_due(world, topic.id, days)
        again = VerificationJobs(world.repository, world.use_cases)
        await asyncio.gather(job.expire_reviews(), again.expire_reviews())
        assert (await outbox(world.database))[-1] == said.ArticleReviewExpired(topic_id=topic.id)
        after = await world.see(HELPER, topic)
        assert (after.review_expired, after.version) == (True, seen.version + 1)
        before = await world.stored()
        await job.expire_reviews()
        assert await world.stored() == before
        # A new text is not looked at for that.
        await world.act("UpdateTopic", ASKER, topic, body="Another edition of it.")
        assert (await world.see(HELPER, topic)).review_expired
        review = await curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(2))
        assert not review.topic.review_expired
    assert (await world.said()).count("ArticleReviewExpired") == 2
    assert not (await world.see(HELPER, other)).review_expired


async def test_what_was_reviewed_meanwhile_is_not_over(world: World) -> None:
    topic = await article(world)
    await curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(1))
    await fall_due(world, topic.id)
    (due,) = await world.repository.find_expired_reviews(datetime.now(UTC), 9)
    await curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(1))
    before = await world.said(), await world.see(ASKER, topic)
    await world.use_cases.expire_review(due)
    assert (await world.said(), await world.see(ASKER, topic)) == before
    assert await world.repository.find_expired_reviews(datetime.now(UTC), 9) == []


async def test_looking_for_reviews_that_are_over_reads_only_those(world: World) -> None:
    for number in range(5):
        topic = await world.topic(await wide(world, f"w{number}"), kind=pb.TOPIC_KIND_ARTICLE)
        await curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(1))
        if number < 2:
            await fall_due(world, topic.id)
    await VerificationJobs(world.repository, world.use_cases).expire_reviews()
    await fall_due(world, topic.id)
    query = {"review_expired": None, "review_due_time": {"$lte": datetime.now(UTC)}}
    plan = await world.database.topics.find(query).hint("topics_review_due").explain()
    stats = plan["executionStats"]
    assert (stats["nReturned"], stats["totalDocsExamined"]) == (1, 1)


async def test_list_rechecks(world: World) -> None:
    mine = await article(world)
    theirs = await world.topic(await wide(world, "more"), HELPER, kind=pb.TOPIC_KIND_ARTICLE)
    vendors = await wide(world, "vendors", audience=pb.AUDIENCE_VENDOR)
    hidden = await world.topic(vendors, MANAGING, kind=pb.TOPIC_KIND_ARTICLE)
    question = await world.topic(await world.space())
    reply = await world.reply(question)
    await verify(world, MODERATING, mine, verified_until_time=time_in(1))
    await curate(world, "ReviewArticle", HELPER, theirs, review_due_time=time_in(1))
    await verify(world, MANAGING, hidden, verified_until_time=time_in(1))
    await verify(world, MODERATING, reply, verified_until_time=time_in(1))
    for actor in (ASKER, HELPER, MODERATING, MANAGING):
        assert await rechecks(world, actor) == ([], "")
    posts: list[Any] = [mine, theirs, hidden, reply]
    for days, post in enumerate(posts, 1):
        await fall_due(world, post.id, days)
    assert await rechecks(world, MANAGING) == ([reply.id, hidden.id, theirs.id, mine.id], "")
    expected = [reply.id, theirs.id, mine.id]
    assert await rechecks(world, MODERATING) == (expected, "")
    first, token = await rechecks(world, MODERATING, page_size=2)
    rest, end = await rechecks(world, MODERATING, page_size=2, page_token=token)
    assert (first + rest, end) == (expected, "")
    last, token = await rechecks(world, MODERATING, page_size=2, backward=True)
    before, end = await rechecks(world, MODERATING, page_size=2, page_token=token, backward=True)
    assert (before + last, end) == (expected, "")
    assert await rechecks(world, ASKER) == ([mine.id], "")
    assert await rechecks(world, HELPER) == ([reply.id, theirs.id], "")
    await refused(world, rechecks(world, STRANGER), CommunityNotFoundError, "community_id")
    await world.act("HideTopic", MODERATING, theirs, reason="wrong")
    assert await rechecks(world, HELPER) == ([reply.id], "")


async def test_ones_own_answers_are_ones_rechecks(world: World) -> None:
    mine = await article(world)
    question = await world.topic(await world.space())
    theirs, own = await world.reply(question), await world.reply(question, MODERATING)
    posts: list[pb.Topic | pb.Reply] = [mine, theirs, own]
    for days, post in enumerate(posts, 1):
        await verify(world, MODERATING, post, verified_until_time=time_in(1))
        await fall_due(world, post.id, days)
    assert await rechecks(world, HELPER) == ([theirs.id], "")
    assert await rechecks(world, HELPER, mine=True) == ([theirs.id], "")
    assert await rechecks(world, ASKER) == ([mine.id], "")
    assert await rechecks(world, MODERATING) == ([own.id, theirs.id, mine.id], "")
    assert await rechecks(world, MODERATING, mine=True) == ([own.id], "")
    outside = rechecks(world, STRANGER, mine=True)
    await refused(world, outside, CommunityNotFoundError, "community_id")
    first, token = await rechecks(world, MODERATING, page_size=1)
    assert (first, bool(token)) == ([own.id], True)
    await world.act("HideTopic", MODERATING, question, reason="wrong")
    assert await rechecks(world, HELPER) == ([], "")  # behind the topic's wall
    for actor in (HELPER, MODERATING):
        assert await rechecks(world, actor, mine=True, page_size=1, backward=True) == (
            ([], "") if actor is HELPER else ([own.id], "")
        )


async def test_answers_behind_a_topics_wall_end_no_page(world: World) -> None:
    topics = [await world.topic(await world.space(f"s{number}")) for number in range(4)]
    replies = [await world.reply(topic) for topic in topics]
    for days, reply in enumerate(reversed(replies), 1):
        await verify(world, MODERATING, reply, verified_until_time=time_in(1))
        await fall_due(world, reply.id, days)
    for topic in topics[1:3]:
        await world.act("HideTopic", MODERATING, topic, reason="wrong")
    first, token = await rechecks(world, HELPER, page_size=1)
    rest, end = await rechecks(world, HELPER, page_size=1, page_token=token)
    assert (first + rest, end) == ([replies[0].id, replies[3].id], "")


async def test_of_a_company_nobody_learns_who_verified_its_text(world: World) -> None:
    topic = await world.topic(
        await wide(world, "wide"), ASKER, kind=pb.TOPIC_KIND_ARTICLE, as_company=True
    )
    await verify(world, ASKER, topic)
    for actor, told in ((HELPER, ""), (ASKER, "asker"), (MODERATING, "asker")):
        seen = (await world.see(actor, topic)).verification
        assert (seen.verifier_id, seen.verified_for) == (told, "Release 4")
    await verify(world, MODERATING, topic)
    assert (await world.see(HELPER, topic)).verification.verifier_id == "moderator"
