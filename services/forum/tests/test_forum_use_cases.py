"""Screening, posting limits, concurrency and imports, on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.actors import LEADER, MODERATOR, NEW, REGULAR
from chassis.commands import Commands
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    RequestIdReusedError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import curation_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from guildhall.moderation.v1 import moderation_pb2
from services.forum.domain.imports import QuestionNotFoundError, imported_id
from services.forum.domain.posting import PostingTooFastError
from services.forum.domain.screening import ContentBlockedError
from services.forum.domain.tags import TagsInvalidError
from services.forum.tests.conftest import (
    ASKER,
    BODY,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    REGULAR_PERSON,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases import ForumUseCases

PENDING = pb.TOPIC_STATE_PENDING_REVIEW
PUBLISHED = pb.TOPIC_STATE_PUBLISHED


def question(world: World, space: pb.Space, **more: Any) -> pb.CreateTopicRequest:
    fields = {"kind": pb.TOPIC_KIND_QUESTION, "title": "Frobnicator?", "body": BODY, **more}
    return pb.CreateTopicRequest(**world.ids(), space_id=space.id, **fields)


# -- screening


async def test_blocked_text_is_refused_and_nothing_is_left(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    reply = await world.reply(topic)
    draft = await world.topic(space, draft=True)
    world.screen.verdict = moderation_pb2.VERDICT_BLOCK
    world.screen.message = "No prices here."
    before = await world.stored()
    for call in (
        world.topic(space),
        world.reply(topic),
        world.act("PublishTopic", ASKER, draft),
        world.act("UpdateTopic", ASKER, topic, title="Cheap"),
        world.act("UpdateReply", HELPER, reply, body="Cheap"),
    ):
        with pytest.raises(DomainError, match="No prices here") as refusal:
            await call
        assert (reason_of(refusal.value), refusal.value.field) == ("CONTENT_BLOCKED", "body")
    assert await world.stored() == before


async def test_rule_holds_a_post(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    world.screen.rule_ids = ["rule1"]
    held = await world.topic(space, MODERATING)
    reply = await world.reply(topic)
    assert (held.state, reply.state) == (PENDING, pb.REPLY_STATE_PENDING_REVIEW)
    submission = said.Submission(screened=True, policy_version="7", rule_ids=["rule1"], number=1)
    assert (await outbox(world.database))[-2:] == [
        said.TopicHeld(topic_id=held.id, space_id=space.id, submission=submission),
        said.ReplyHeld(reply_id=reply.id, topic_id=topic.id, submission=submission),
    ]
    assert (await world.see(ASKER, topic)).reply_count == 0
    assert await world.replies(ASKER, topic) == []
    assert await world.replies(HELPER, topic) == [reply]
    assert await world.topics(HELPER) == [topic.id]
    answer = await world.act("UpdateTopic", ASKER, topic, title="Worse title")
    assert (answer.topic.title, answer.held_edit.title) == (topic.title, "Worse title")
    edited = (await world.act("UpdateTopic", MODERATING, held, title="Another")).topic
    assert edited.state == PENDING
    await world.act("UpdateReply", HELPER, reply, body="Another one")
    assert (await world.said())[-4:] == ["TopicEdited", "TopicHeld", "ReplyEdited", "ReplyHeld"]
    assert (await outbox(world.database))[-1].submission.number == 2  # type: ignore[attr-defined]


async def test_rule_replaces_and_flags(world: World) -> None:
    space = await world.space()
    world.screen.verdict = moderation_pb2.VERDICT_FLAG
    world.screen.rule_ids = ["rule2"]
    world.screen.replace = ("frob", "****")
    topic = await world.topic(space, title="The frob", tags=["frob", "ok"])
    assert (topic.title, topic.body, list(topic.tags), topic.state) == (
        "The ****",
        "How do I *reset* the ****nicator?",
        ["ok"],
        PUBLISHED,
    )
    assert topic.body_html == '<p dir="auto">How do I <em>reset</em> the ****nicator?</p>\n'
    assert list((await outbox(world.database))[-1].submission.rule_ids) == ["rule2"]  # type: ignore[attr-defined]
    reply = await world.reply(topic, body="No frob here")
    assert reply.body == "No **** here"


@pytest.mark.parametrize("down", ["late", "gone"])
async def test_without_moderation_auto_publishes_and_required_holds(
    world: World, down: str
) -> None:
    auto = await world.space("auto")
    required = await world.space("required", mode=pb.SPACE_MODE_REQUIRED)
    done = question(world, auto)
    topic = (await world.of(ASKER).CreateTopic(done)).topic
    published = await world.topic(required, REGULAR_PERSON)
    if down == "late":
        world.screen.delay = 60
    else:
        await world.loopback._servers[0].stop(0)
    began = asyncio.get_running_loop().time()
    unscreened = await world.topic(auto)
    assert asyncio.get_running_loop().time() - began < 5
    assert unscreened.state == PUBLISHED
    assert (await outbox(world.database))[-1].submission == said.Submission(number=1)  # type: ignore[attr-defined]
    assert (await world.topic(required, REGULAR_PERSON)).state == PENDING
    assert (await world.reply(topic)).state == pb.REPLY_STATE_PUBLISHED
    await world.act("UpdateTopic", ASKER, topic, title="Edited unseen")
    answer = await world.act("UpdateTopic", REGULAR_PERSON, published, title="Edited")
    assert (answer.topic, answer.held_edit.title) == (published, "Edited")
    # What was done is answered as it was, whoever is down.
    asked = len(world.screen.asked)
    assert (await world.of(ASKER).CreateTopic(done)).topic == topic
    assert len(world.screen.asked) == asked


async def test_who_is_reviewed(world: World) -> None:
    auto = await world.space("auto")
    required = await world.space("required", mode=pb.SPACE_MODE_REQUIRED)
    people = [
        (NEWCOMER, (PENDING, PENDING)),
        (ASKER, (PUBLISHED, PENDING)),
        (person_actor("reg", trust_level=REGULAR), (PUBLISHED, PUBLISHED)),
        (person_actor("lead", trust_level=LEADER), (PUBLISHED, PUBLISHED)),
        (person_actor("newmod", trust_level=NEW, roles=[MODERATOR]), (PUBLISHED, PUBLISHED)),
        (MANAGING, (PUBLISHED, PUBLISHED)),
    ]
    for person, states in people:
        topics = [await world.topic(space, person) for space in (auto, required)]
        assert tuple(topic.state for topic in topics) == states
    topic = await world.topic(required, MODERATING)
    assert (await world.reply(topic)).state == pb.REPLY_STATE_PENDING_REVIEW
    assert (await world.reply(topic, REGULAR_PERSON)).state == pb.REPLY_STATE_PUBLISHED


# -- posting limits


async def test_posting_limits_hold(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(posting_limits=True)
    space = await world.space()
    first = question(world, space)
    topic = (await world.of(ASKER).CreateTopic(first)).topic
    before = await world.stored()
    with pytest.raises(PostingTooFastError) as refusal:
        await world.use_cases.create_topic(ASKER, question(world, space))
    assert 14 < refusal.value.retry_after <= 15
    with pytest.raises(DomainError) as remote:
        await world.topic(space)
    assert reason_of(remote.value) == "POSTING_TOO_FAST"
    assert 13 < remote.value.retry_after <= 15
    assert await world.stored() == before
    assert (await world.of(ASKER).CreateTopic(first)).topic == topic
    await world.reply(topic, ASKER)
    with pytest.raises(DomainError) as remote:
        await world.reply(topic, ASKER)
    assert reason_of(remote.value) == "POSTING_TOO_FAST"
    await world.reply(topic, HELPER)
    draft = await world.topic(space, draft=True)
    with pytest.raises(DomainError) as remote:
        await world.act("PublishTopic", ASKER, draft)
    assert reason_of(remote.value) == "POSTING_TOO_FAST"
    for _ in range(3):
        await world.topic(space, MODERATING)
    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    await world.database.postings.update_many({}, {"$set": {"topic_times": [minute_ago]}})
    await world.act("PublishTopic", ASKER, draft)


async def test_posting_limits_hold_for_many_at_once_on_two_replicas(
    make_world: Callable[..., Any],
) -> None:
    world: World = await make_world(posting_limits=True)
    space = await world.space()
    other = Commands(world.database)
    try:
        replicas = [
            world.use_cases,
            ForumUseCases(other, world.repository, world.use_cases._moderation),
        ]
        results = await asyncio.gather(
            *(
                replicas[n % 2].create_topic(ASKER, question(world, space, title=f"Topic {n}"))
                for n in range(12)
            ),
            return_exceptions=True,
        )
    finally:
        await other.close()
    made = [one for one in results if isinstance(one, pb.CreateTopicResponse)]
    refused = [one for one in results if isinstance(one, PostingTooFastError)]
    assert (len(made), len(refused)) == (1, 11)
    assert all(0 < one.retry_after <= 15 for one in refused)
    assert await world.topics(ASKER) == [made[0].topic.id]
    assert await world.database.postings.count_documents({}) == 1
    assert await world.said() == ["SpaceCreated", "TopicPublished"]


# -- concurrency


async def test_fifty_replies_at_once_from_three_replicas_are_all_counted(world: World) -> None:
    topic = await world.topic(await world.space())
    others = [Commands(world.database) for _ in range(2)]
    replicas = [
        ForumUseCases(commands, world.repository, world.use_cases._moderation, posting_limits=False)
        for commands in (world.commands, *others)
    ]
    try:
        answers = await asyncio.gather(
            *(
                replicas[n % 3].create_reply(
                    HELPER,
                    pb.CreateReplyRequest(**world.ids(), topic_id=topic.id, body=f"Reply {n}"),
                )
                for n in range(50)
            )
        )
    finally:
        for commands in others:
            await commands.close()
    seen = await world.see(ASKER, topic)
    assert (seen.reply_count, seen.version) == (50, 51)
    assert {answer.reply.version for answer in answers} == {1}
    listed = await world.replies(ASKER, topic, page_size=100)
    assert {reply.id for reply in listed} == {answer.reply.id for answer in answers}
    assert [reply.create_time.ToMilliseconds() for reply in listed] == sorted(
        reply.create_time.ToMilliseconds() for reply in listed
    )
    assert (await world.said()).count("ReplyPublished") == 50


async def test_same_request_at_once_makes_one_topic(world: World) -> None:
    space = await world.space()
    request = question(world, space)
    answers = await asyncio.gather(
        *(world.use_cases.create_topic(ASKER, request) for _ in range(10))
    )
    assert {answer.topic.id for answer in answers} == {answers[0].topic.id}
    assert await world.said() == ["SpaceCreated", "TopicPublished"]


async def test_repeated_create_after_its_record_expired_finds_the_same(world: World) -> None:
    space = await world.space()
    request = question(world, space)
    made = await world.use_cases.create_topic(ASKER, request)
    reply_request = pb.CreateReplyRequest(**world.ids(), topic_id=made.topic.id, body="A reply")
    reply = await world.use_cases.create_reply(HELPER, reply_request)
    await world.database.commands.delete_many({})
    again = await world.use_cases.create_topic(ASKER, request)
    assert (again.topic.id, again.topic.version) == (made.topic.id, 2)
    assert await world.use_cases.create_reply(HELPER, reply_request) == reply
    assert len(await world.said()) == 3


async def test_edits_at_once_on_the_same_version_leave_one(world: World) -> None:
    topic = await world.topic(await world.space())
    results = await asyncio.gather(
        *(
            world.act("UpdateTopic", ASKER, topic, title=f"Title {n}", expected_version=1)
            for n in range(6)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, VersionStaleError) for one in results) == 5
    reply = await world.reply(topic)
    results = await asyncio.gather(
        *(
            world.act("UpdateReply", HELPER, reply, body=f"Text {n}", expected_version=1)
            for n in range(6)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, VersionStaleError) for one in results) == 5


async def test_acceptances_at_once_leave_one_answer(world: World) -> None:
    topic = await world.topic(await world.space())
    replies = [await world.reply(topic, body=f"Reply {n}") for n in range(5)]
    results = await asyncio.gather(
        *(world.act("AcceptReply", ASKER, reply) for reply in replies), return_exceptions=True
    )
    assert not [
        one
        for one in results
        if isinstance(one, Exception) and not isinstance(one, VersionStaleError)
    ]
    seen = await world.see(ASKER, topic)
    accepted = [reply.id for reply in await world.replies(ASKER, topic) if reply.accepted]
    assert accepted == [seen.accepted_reply_id]


# -- imports


def post(kind: str, id: str, **more: Any) -> pb.ImportedPost:
    made = pb.ImportedPost(
        external_id=id,
        kind=pb.ImportedPostKind.Value(f"IMPORTED_POST_KIND_{kind}"),
        body="An *old* text",
        persona_external_id="7",
        persona_display_name="Jo",
    )
    if kind != "ANSWER":
        made.title = f"{kind.capitalize()} {id}"
        made.tags.extend(["Beer"])
    made.create_time.FromJsonString(f"2014-01-{10 + len(id):02}T20:26:05.383Z")
    for name, value in more.items():
        if name.endswith("_time"):
            getattr(made, name).FromJsonString(value)
        else:
            setattr(made, name, value)
    return made


def taking(kind: Any) -> pb.SpaceSettingsChange:
    return pb.SpaceSettingsChange(kinds=[kind], update_kinds=True)


def answer_to(question_id: str, id: str, **more: Any) -> pb.ImportedPost:
    return post("ANSWER", id, question_external_id=question_id, **more)


@pytest_asyncio.fixture
async def space(world: World) -> pb.Space:
    return await world.space(mode=pb.SPACE_MODE_REQUIRED)


async def bring(world: World, space: pb.Space, *posts: pb.ImportedPost) -> tuple[int, int]:
    request = pb.ImportPostsRequest(**world.ids(), space_id=space.id, source="se", posts=posts)
    answer = await world.of(MANAGING).ImportPosts(request)
    return answer.created, answer.already_there


async def test_import_keeps_what_it_gets(world: World, space: pb.Space) -> None:
    closed = "2015-02-01T00:00:00Z"
    created = await bring(
        world,
        space,
        post(
            "QUESTION",
            "q",
            score=18,
            close_time=closed,
            edit_time="2014-03-01T00:00:00Z",
            accepted_answer_external_id="a1",
        ),
        answer_to("q", "a1", score=-3),
        answer_to("q", "a22", persona_external_id="", persona_display_name=""),
    )
    assert created == (3, 0)
    assert world.screen.asked == []
    topic_id, reply_id = (imported_id(space.id, "se", one) for one in ("q", "a1"))
    topic = await world.see(HELPER, pb.Topic(id=topic_id))
    assert (topic.state, topic.close_reason, topic.score, topic.title, list(topic.tags)) == (
        pb.TOPIC_STATE_CLOSED,
        pb.CLOSE_REASON_OTHER,
        18,
        "Question q",
        ["beer"],
    )
    persona = pb.Author(
        persona=pb.Persona(source="se", external_id="7", display_name="Jo"), community_id="c1"
    )
    assert topic.author == persona
    assert topic.create_time.ToJsonString() == "2014-01-11T20:26:05.383Z"
    assert topic.edit_time.ToJsonString() == "2014-03-01T00:00:00Z"
    assert topic.activity_time.ToJsonString() == "2014-01-13T20:26:05.383Z"
    assert (topic.reply_count, topic.accepted_reply_id, topic.version) == (2, reply_id, 3)
    first, second = await world.replies(HELPER, topic)
    assert (first.id, first.accepted, first.score, first.author) == (reply_id, True, -3, persona)
    assert (second.accepted, second.author.persona.display_name) == (False, "")
    assert (await world.said())[1:] == [
        "TopicPublished",
        "TopicClosed",
        "ReplyPublished",
        "ReplyAccepted",
        "ReplyPublished",
    ]
    event = (await outbox(world.database))[1]
    assert event == said.TopicPublished(
        topic_id=topic_id, space_id=space.id, submission=said.Submission(imported=True, number=1)
    )
    assert await world.topics(HELPER, author_id="7") == []


async def test_import_of_a_discussion(world: World, space: pb.Space) -> None:
    created = await bring(world, space, post("DISCUSSION", "d"), answer_to("d", "r1"))
    assert created == (2, 0)
    topic = await world.see(HELPER, pb.Topic(id=imported_id(space.id, "se", "d")))
    assert (topic.kind, topic.title) == (pb.TOPIC_KIND_DISCUSSION, "Discussion d")
    assert (topic.reply_count, topic.accepted_reply_id) == (1, "")


@pytest.mark.parametrize("kind", ["ARTICLE", "IDEA"])
async def test_import_of_other_kinds(world: World, kind: str) -> None:
    wanted = pb.TopicKind.Value(f"TOPIC_KIND_{kind}")
    space = await world.space(settings=taking(wanted))
    assert await bring(world, space, post(kind, "k"), answer_to("k", "r1")) == (2, 0)
    topic = await world.see(HELPER, pb.Topic(id=imported_id(space.id, "se", "k")))
    assert (topic.kind, topic.owner_id, topic.reply_count) == (wanted, "", 1)
    assert topic.idea_status == (
        pb.IDEA_STATUS_NEW if kind == "IDEA" else pb.IDEA_STATUS_UNSPECIFIED
    )


async def test_an_imported_article_is_found_as_nobodys(world: World) -> None:
    space = await world.space(settings=taking(pb.TOPIC_KIND_ARTICLE))
    await bring(world, space, post("ARTICLE", "k"))
    topic = await world.see(MODERATING, pb.Topic(id=imported_id(space.id, "se", "k")))
    curation = world.of(MANAGING, CurationServiceStub)
    request = curation_pb2.ListOwnerlessArticlesRequest(community_id="c1")
    (found,) = (await curation.ListOwnerlessArticles(request)).articles
    assert found.topic_id == topic.id
    world.members.memberships["helper"] = HELPER.memberships["c1"].keyring
    await curation.SetArticleOwner(
        curation_pb2.SetArticleOwnerRequest(**world.ids(), topic_id=topic.id, owner_id="helper")
    )
    assert (await world.see(HELPER, topic)).owner_id == "helper"
    assert (await curation.ListOwnerlessArticles(request)).articles == []


async def test_a_space_takes_imports_of_its_kinds_only(world: World, space: pb.Space) -> None:
    await bring(world, space, post("QUESTION", "q"))
    call = bring(world, space, post("QUESTION", "q2"), post("IDEA", "i"))
    await refused(world, call, "KIND_NOT_ALLOWED", "posts.1.kind")
    request = pb.UpdateSpaceRequest(
        **world.ids(), space_id=space.id, settings=taking(pb.TOPIC_KIND_IDEA)
    )
    await world.of(MANAGING).UpdateSpace(request)
    assert await bring(world, space, post("QUESTION", "q"), answer_to("q", "a")) == (1, 1)


async def test_import_of_replies_to_answers(world: World, space: pb.Space) -> None:
    posts = [
        answer_to("q", "c1", parent_answer_external_id="a1"),  # in whatever order they come
        answer_to("q", "c22", parent_answer_external_id="a1"),
        answer_to("q", "a1"),
        post("QUESTION", "q", accepted_answer_external_id="c22"),
    ]
    assert await bring(world, space, *posts) == (4, 0)
    topic = await world.see(HELPER, pb.Topic(id=imported_id(space.id, "se", "q")))
    answer_id, accepted_id = (imported_id(space.id, "se", one) for one in ("a1", "c22"))
    assert (topic.reply_count, topic.accepted_reply_id) == (3, accepted_id)
    (answer,) = await world.replies(HELPER, topic, threads=True)
    assert (answer.id, answer.child_count) == (answer_id, 2)
    thread = await world.replies(HELPER, topic, parent_reply_id=answer_id)
    assert [one.id for one in thread] == [imported_id(space.id, "se", "c1"), accepted_id]
    before = await world.stored()
    assert await bring(world, space, *posts) == (0, 4)
    assert await world.stored() == before
    late = answer_to("q", "c333", parent_answer_external_id="a1")
    assert await bring(world, space, late) == (1, 0)
    (answer,) = await world.replies(HELPER, topic, threads=True)
    assert answer.child_count == 3


async def test_nothing_comes_back_to_a_removed_answer(world: World, space: pb.Space) -> None:
    await bring(world, space, post("QUESTION", "q"), answer_to("q", "a1"))
    (answer,) = await world.replies(HELPER, pb.Topic(id=imported_id(space.id, "se", "q")))
    await world.act("RemoveReply", MODERATING, answer, reason="spam")
    comment = answer_to("q", "c1", parent_answer_external_id="a1")
    assert await bring(world, space, comment) == (0, 1)
    await bring(world, space, post("QUESTION", "q2"))
    topic = pb.Topic(id=imported_id(space.id, "se", "q2"))
    await world.act("RemoveTopic", MODERATING, topic, reason="spam")
    assert await bring(world, space, answer_to("q2", "a2")) == (0, 1)
    comment = answer_to("q2", "c2", parent_answer_external_id="a2")
    assert await bring(world, space, comment) == (0, 1)


async def test_a_reply_to_an_answer_needs_one_of_its_topic(world: World, space: pb.Space) -> None:
    stored = [
        post("QUESTION", "q"), answer_to("q", "a1"), post("QUESTION", "q2"), answer_to("q2", "a2"),
        answer_to("q", "c1", parent_answer_external_id="a1"),
    ]  # fmt: skip
    await bring(world, space, *stored)
    new = [answer_to("q", "a3"), answer_to("q2", "a4")]
    nested = answer_to("q", "c3", parent_answer_external_id="a3")
    for parent in ("none", "q", "a2", "a4", "c1", "c3", "x"):
        call = bring(
            world, space, *new, nested, answer_to("q", "x", parent_answer_external_id=parent)
        )
        await refused(world, call, "PARENT_INVALID", "posts.3.parent_answer_external_id")
    other = await world.space("other")
    await bring(world, other, post("QUESTION", "q"))
    call = bring(world, other, answer_to("q", "x", parent_answer_external_id="a1"))
    await refused(world, call, "PARENT_INVALID", "posts.0.parent_answer_external_id")
    call = bring(world, space, post("QUESTION", "x", parent_answer_external_id="a1"))
    await refused(world, call, "FIELD_INVALID", "posts.0.parent_answer_external_id")


async def test_import_of_a_discussion_with_an_answer_is_refused(
    world: World, space: pb.Space
) -> None:
    before = await world.stored()
    with pytest.raises(FieldInvalidError) as refusal:
        await bring(world, space, post("DISCUSSION", "d", accepted_answer_external_id="r1"))
    assert refusal.value.field == "posts.0.accepted_answer_external_id"
    assert await world.stored() == before


async def test_import_twice_is_once(world: World, space: pb.Space) -> None:
    posts = [post("QUESTION", "q"), answer_to("q", "a1"), post("QUESTION", "q2")]
    assert await bring(world, space, *posts) == (3, 0)
    before = await world.stored()
    posts[0].title = "Changed elsewhere"
    assert await bring(world, space, *posts) == (0, 3)
    assert await world.stored() == before
    assert await bring(world, space, *posts, post("QUESTION", "q3")) == (1, 3)
    other = await world.space("other")
    assert await bring(world, other, *posts) == (3, 0)


async def test_imports_at_once_are_once(world: World, space: pb.Space) -> None:
    posts = [post("QUESTION", f"q{n}") for n in range(20)]
    posts += [answer_to(f"q{n}", f"a{n}") for n in range(20)]
    counts = await asyncio.gather(*(bring(world, space, *posts) for _ in range(3)))
    assert (sum(made for made, _ in counts), sum(there for _, there in counts)) == (40, 80)
    assert await world.database.topics.count_documents({}) == 20
    assert await world.database.replies.count_documents({}) == 20
    assert (await world.said()).count("ReplyPublished") == 20


async def test_accepted_answer_may_come_much_later(world: World, space: pb.Space) -> None:
    asked = post("QUESTION", "q", accepted_answer_external_id="a1")
    await bring(world, space, asked)
    await bring(world, space, answer_to("q", "a2"))
    topic = pb.Topic(id=imported_id(space.id, "se", "q"))
    assert (await world.see(ASKER, topic)).accepted_reply_id == ""
    assert await bring(world, space, asked, answer_to("q", "a1")) == (1, 1)
    assert (await world.see(ASKER, topic)).accepted_reply_id == imported_id(space.id, "se", "a1")


async def test_answer_accepted_here_stays(world: World, space: pb.Space) -> None:
    await bring(world, space, post("QUESTION", "q", accepted_answer_external_id="a1"))
    topic = pb.Topic(id=imported_id(space.id, "se", "q"))
    reply = await world.reply(topic, REGULAR_PERSON)
    await world.act("AcceptReply", MODERATING, reply)
    await bring(world, space, answer_to("q", "a1"))
    seen = await world.see(ASKER, topic)
    assert (seen.accepted_reply_id, seen.reply_count) == (reply.id, 2)


async def test_nothing_comes_back_to_a_removed_question(world: World, space: pb.Space) -> None:
    await bring(world, space, post("QUESTION", "q"))
    topic = pb.Topic(id=imported_id(space.id, "se", "q"))
    await world.act("RemoveTopic", MODERATING, topic, reason="spam")
    assert await bring(world, space, post("QUESTION", "q"), answer_to("q", "a1")) == (0, 2)
    assert await world.database.replies.count_documents({}) == 0


async def test_import_refuses_the_whole_call(world: World, space: pb.Space) -> None:
    good = post("QUESTION", "q")
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    no_date = post("QUESTION", "x")
    no_date.ClearField("create_time")
    bad_date = post("QUESTION", "x")
    bad_date.create_time.seconds = 2**60
    six_tags = post("QUESTION", "x")
    six_tags.tags.extend(list("abcdef"))
    wrong: list[tuple[pb.ImportedPost, type[DomainError], str]] = [
        (post("QUESTION", "x", body=""), TextInvalidError, "posts.1.body"),
        (post("QUESTION", "x", body="x" * 32768), TextInvalidError, "posts.1.body"),
        (post("QUESTION", "x", body="a\x00b"), TextInvalidError, "posts.1.body"),
        (post("QUESTION", "x", title=""), TextInvalidError, "posts.1.title"),
        (post("QUESTION", "x", title="x" * 256), TextInvalidError, "posts.1.title"),
        (post("QUESTION", ""), TextInvalidError, "posts.1.external_id"),
        (post("QUESTION", "q"), FieldInvalidError, "posts.1.external_id"),
        (post("UNSPECIFIED", "x"), FieldInvalidError, "posts.1.kind"),
        (post("QUESTION", "x", create_time=tomorrow), FieldInvalidError, "posts.1.create_time"),
        (no_date, FieldInvalidError, "posts.1.create_time"),
        (bad_date, FieldInvalidError, "posts.1.create_time"),
        (post("QUESTION", "x", edit_time=tomorrow), FieldInvalidError, "posts.1.edit_time"),
        (post("QUESTION", "x", close_time=tomorrow), FieldInvalidError, "posts.1.close_time"),
        (six_tags, TagsInvalidError, "posts.1.tags"),
        (
            post("QUESTION", "x", persona_display_name="x" * 101),
            TextInvalidError,
            "posts.1.persona_display_name",
        ),
        (answer_to("", "x"), TextInvalidError, "posts.1.question_external_id"),
        (answer_to("none", "x"), QuestionNotFoundError, "posts.1.question_external_id"),
    ]
    before = await world.stored()
    for bad, refusal, field in wrong:
        request = pb.ImportPostsRequest(
            **world.ids(), space_id=space.id, source="se", posts=[good, bad]
        )
        with pytest.raises(refusal) as found:
            await world.use_cases.import_posts(MANAGING, request)
        assert found.value.field == field
    calls: list[tuple[dict[str, Any], Any, type[DomainError] | str, str]] = [
        ({"source": ""}, MANAGING, TextInvalidError, "source"),
        ({"posts": []}, MANAGING, FieldInvalidError, "posts"),
        ({"posts": [good] * 101}, MANAGING, FieldInvalidError, "posts"),
        ({"space_id": "none"}, MANAGING, "SPACE_NOT_FOUND", "space_id"),
        ({"request_id": "x"}, MANAGING, "REQUEST_ID_INVALID", "request_id"),
        ({}, ASKER, "ROLE_REQUIRED", ""),
        ({}, STRANGER, CommunityNotFoundError, "community_id"),
    ]
    for change, actor, reason, field in calls:
        fields = {**world.ids(), "space_id": space.id, "source": "se", "posts": [good], **change}
        with pytest.raises(DomainError) as found:
            await world.use_cases.import_posts(actor, pb.ImportPostsRequest(**fields))
        wanted = reason if isinstance(reason, str) else reason.reason()
        assert (reason_of(found.value), found.value.field) == (wanted, field)
    assert await world.stored() == before


async def test_reused_request_id_is_refused_even_for_drafts(world: World, space: pb.Space) -> None:
    request = question(world, space, draft=True)
    await world.use_cases.create_topic(ASKER, request)
    request.draft = False
    with pytest.raises(RequestIdReusedError):
        await world.use_cases.create_topic(ASKER, request)
    assert world.screen.asked == []


async def test_block_is_raised_as_a_refusal_of_ours(world: World, space: pb.Space) -> None:
    world.screen.verdict = moderation_pb2.VERDICT_BLOCK
    with pytest.raises(ContentBlockedError):
        await world.use_cases.create_topic(ASKER, question(world, space))
