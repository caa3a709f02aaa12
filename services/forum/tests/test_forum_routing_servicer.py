"""Who is asked about questions that nobody replies to, and what they can say to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.actors import MODERATOR, TRUSTED_MEMBER, Actor
from chassis.errors import CommunityNotFoundError, DomainError, RoleRequiredError
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor, service_actor
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import routing_pb2 as pb
from guildhall.forum.v1.routing_pb2_grpc import RoutingServiceStub
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided
from guildhall.moderation.v1.moderation_pb2 import VERDICT_ALLOW, VERDICT_HOLD
from services.forum.domain.routing import (
    Ask,
    Capable,
    Expert,
    GivenAnswer,
    InviteLimitReachedError,
    places,
    ranked,
)
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, STRANGER, World
from services.forum.tests.test_forum_consumers import hear, on
from services.forum.use_cases.routing import RoutingUseCases

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OFF_TOPIC = forum_pb2.CLOSE_REASON_OFF_TOPIC
LATER = timedelta(hours=5)  # when a question has waited long enough


@pytest.fixture
def routing(world: World) -> RoutingUseCases:
    directory = world.loopback.client(DirectoryServiceStub, "directory", service_actor("forum"))
    return RoutingUseCases(world.commands, world.repository, directory)


@pytest_asyncio.fixture
async def space(world: World) -> forum_pb2.Space:
    experts = [f"expert{number}" for number in range(5)]
    for name in ("asker", "helper", "manager", *experts):
        world.members.memberships[name] = ["community:c1", f"person:{name}"]
    return await world.space()


async def answered(world: World, space: forum_pb2.Space, helper: Actor, *tags: str) -> None:
    """A question whose accepted answer is the helper's."""
    topic = await world.topic(space, ASKER, tags=tags)
    reply = await world.reply(topic, helper)
    await world.act("AcceptReply", ASKER, reply)


async def asks(world: World, actor: Actor, **more: Any) -> list[str]:
    response = await world.of(actor, RoutingServiceStub).ListAsks(pb.ListAsksRequest(**more))
    return [ask.topic_id for ask in response.asks]


async def route(routing: RoutingUseCases) -> int:
    return await routing.route_questions(datetime.now(UTC) + LATER)


# -- rules


def test_who_answered_more_and_later_is_likelier_to_know() -> None:
    day = timedelta(days=1)
    answers = [
        GivenAnswer("once", NOW - day, 1),
        GivenAnswer("twice", NOW - day, 1),
        GivenAnswer("twice", NOW - day, 1),
        GivenAnswer("long ago", NOW - 720 * day, 3),
        GivenAnswer("both tags", NOW - day, 3),
        GivenAnswer("tomorrow", NOW + day, 1),
    ]
    expected = ["both tags", "twice", "tomorrow", "once", "long ago"]
    assert ranked(answers, [], {}, NOW) == expected


def test_who_has_answered_lately_comes_before_whoever_is_only_capable() -> None:
    day = timedelta(days=1)
    answers = [
        GivenAnswer("once", NOW - 179 * day, 1),
        GivenAnswer("once, and capable", NOW - 179 * day, 1),
        GivenAnswer("long ago", NOW - 720 * day, 1),
    ]
    capable = [Capable("able", 5), Capable("partly", 1), Capable("once, and capable", 1)]
    assert ranked(answers, capable, {}, NOW) == [
        "once, and capable", "once", "able", "partly", "long ago",
    ]  # fmt: skip


def test_of_equals_who_was_asked_least_recently_comes_first() -> None:
    capable = [Capable(name, 1) for name in "abcd"] + [Capable("e", 2)]
    experts = {
        name: Expert(name, "c1", name).ask("t0", NOW - timedelta(days=days))
        for name, days in (("a", 1), ("b", 9), ("e", 0))
    }
    assert ranked([], capable, experts, NOW) == ["e", "c", "d", "b", "a"]


def test_nobody_is_asked_more_than_twice_in_seven_days() -> None:
    expert = Expert("e", "c1", "p1")
    for number in range(3):
        expert = expert.ask(f"t{number}", NOW)
    assert [ask.topic_id for ask in expert.asks] == ["t0", "t1"]
    assert not expert.may_be_asked("t3", NOW + timedelta(days=6, hours=23))
    assert expert.may_be_asked("t3", NOW + timedelta(days=7))
    assert not expert.may_be_asked("t1", NOW + timedelta(days=7))


def test_whoever_opted_out_is_not_asked_and_keeps_what_they_were() -> None:
    expert = Expert("e", "c1", "p1").ask("t1", NOW).prefer(opted_out=True)
    assert expert.ask("t2", NOW) == expert
    assert [ask.topic_id for ask in expert.asks] == ["t1"]


def test_only_so_many_asks_are_kept() -> None:
    expert = Expert("e", "c1", "p1")
    for number in range(60):
        expert = expert.ask(f"t{number}", NOW + number * timedelta(days=7))
    assert (len(expert.asks), expert.asks[-1].topic_id) == (50, "t59")


def test_ten_invitations_a_day() -> None:
    expert = Expert("e", "c1", "p1")
    for number in range(10):
        expert = expert.invite(NOW + number * timedelta(hours=1))
    with pytest.raises(InviteLimitReachedError) as refusal:
        expert.invite(NOW + timedelta(hours=23))
    assert refusal.value.retry_after == 3600
    later = expert.invite(NOW + timedelta(hours=24))
    assert len(later.invitations) == 10


# -- the job


async def test_a_question_is_brought_before_whoever_answered_such(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    question = await world.topic(space, ASKER, tags=["radio", "beta"])
    other = await world.topic(space, ASKER, tags=["invoices"])
    plain = await world.topic(await world.space("other"), ASKER)
    assert await routing.route_questions(datetime.now(UTC) + timedelta(hours=3)) == 0
    assert await route(routing) == 1
    assert (await outbox(world.database))[-1] == said.ExpertAsked(
        person_id="helper", topic_id=question.id
    )
    assert await asks(world, HELPER) == [question.id]
    assert {other.id, plain.id}.isdisjoint(await asks(world, HELPER))
    assert await asks(world, ASKER) == []


async def test_the_job_twice_asks_once(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 1
    before = await outbox(world.database)
    assert await route(routing) == 0
    await world.database.routing_places.delete_many({})  # killed before it said how far it was
    assert await route(routing) == 0
    assert await outbox(world.database) == before


async def test_at_most_three_are_asked(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    for number in range(5):
        await answered(world, space, person_actor(f"expert{number}"), "radio")
    await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 3


async def test_nobody_is_asked_about_their_own(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    topic = await world.topic(space, HELPER, tags=["radio"])
    await world.act("AcceptReply", HELPER, await world.reply(topic, HELPER))
    await world.topic(space, HELPER, tags=["radio"])
    assert await route(routing) == 0


async def test_whoever_cannot_read_the_space_is_not_asked(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    staff = await world.space("staff", audience=forum_pb2.AUDIENCE_VENDOR)
    await world.topic(staff, MANAGING, tags=["radio"])
    before = await outbox(world.database)
    assert await route(routing) == 0
    assert await outbox(world.database) == before


async def test_whoever_has_left_is_not_asked(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, person_actor("nobody"), "radio")
    await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 0


async def test_questions_with_a_reply_old_ones_and_drafts_are_left(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    replied = await world.topic(space, ASKER, tags=["radio"])
    await world.reply(replied, MANAGING)
    await world.topic(space, ASKER, tags=["radio"], draft=True)
    assert await route(routing) == 0
    await world.topic(space, ASKER, tags=["radio"])
    assert await routing.route_questions(datetime.now(UTC) + timedelta(days=8)) == 0


async def test_what_the_author_adds_is_no_reply(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    question = await world.topic(space, ASKER, tags=["radio"])
    await world.reply(question, ASKER, body="It also blinks.")
    assert await route(routing) == 1
    assert await asks(world, HELPER) == [question.id]


@pytest.mark.parametrize("way", ["reopened", "restored", "unaccepted", "lost its reply"])
async def test_what_opens_behind_the_walk_is_found_within_an_hour(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space, way: str
) -> None:
    await answered(world, space, HELPER, "radio")
    question = await world.topic(space, ASKER, tags=["radio"])
    reply = await world.reply(question, MANAGING) if way == "lost its reply" else None
    own = await world.reply(question, ASKER) if way == "unaccepted" else None
    if way == "reopened":
        await world.act("CloseTopic", MANAGING, question, close_reason=OFF_TOPIC)
    elif way == "restored":
        await world.act("HideTopic", MANAGING, question, reason="perhaps")
    elif own is not None:
        await world.act("AcceptReply", ASKER, own)
    later = await world.topic(space, ASKER, tags=["invoices"])  # what the walk goes on behind
    assert await route(routing) == 0
    walk = await world.repository.get_routing_walk()
    assert walk is not None
    assert walk.place[1] == later.id

    if way == "reopened":
        await world.act("ReopenTopic", MANAGING, question)
    elif way == "restored":
        await world.act("RestoreTopic", MANAGING, question)
    elif own is not None:
        await world.act("UnacceptReply", ASKER, own)
    elif reply is not None:
        await world.act("RemoveReply", MANAGING, reply, reason="no answer")
    start = datetime.now(UTC) + LATER
    assert await routing.route_questions(start + timedelta(minutes=50)) == 0
    assert await routing.route_questions(start + timedelta(hours=1)) == 1
    assert await asks(world, HELPER) == [question.id]
    before = await outbox(world.database)
    assert await routing.route_questions(start + timedelta(hours=3)) == 0
    assert await outbox(world.database) == before


async def test_what_is_approved_late_is_found(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    world.screen.verdict = VERDICT_HOLD
    question = await world.topic(space, ASKER, tags=["radio"])
    world.screen.verdict = VERDICT_ALLOW
    later = await world.topic(space, ASKER, tags=["invoices"])
    assert await route(routing) == 0
    walk = await world.repository.get_routing_walk()
    assert walk is not None
    assert walk.place[1] == later.id
    await hear(world, CaseDecided(**on(question, approved=True, decider_id="moderator")))
    assert await routing.route_questions(datetime.now(UTC) + LATER + timedelta(hours=1)) == 1
    assert await asks(world, HELPER) == [question.id]


async def test_a_hidden_answer_tells_nothing_of_its_author(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    topic = await world.topic(space, ASKER, tags=["radio"])
    reply = await world.reply(topic, HELPER)
    await world.act("AcceptReply", ASKER, reply)
    await world.act("HideReply", MANAGING, reply, reason="wrong")
    await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 0


async def copies(world: World, topic_id: str, count: int) -> None:
    """The question so many times more, with their answers, each with later activity."""
    topic = await world.database.topics.find_one({"_id": topic_id})
    replies = await world.database.replies.find({"topic_id": topic_id}).to_list()
    assert topic is not None
    for number in range(count):
        time = topic["activity_time"] + timedelta(seconds=number + 1)
        own = {"_id": f"{topic_id}-{number}", "activity_time": time}
        if replies:
            own["accepted_reply_id"] = f"{replies[0]['_id']}-{number}"
        await world.database.topics.insert_one({**topic, **own})
        for reply in replies:
            its = {"_id": f"{reply['_id']}-{number}", "topic_id": own["_id"]}
            await world.database.replies.insert_one({**reply, **its})


async def test_questions_without_an_answer_hide_no_expert(
    world: World, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    open_ = await world.topic(space, ASKER, tags=["radio"])
    await copies(world, open_.id, 320)
    found = await world.repository.find_given_answers("c1", [space.id], ["radio"])
    assert [(one.person_id, one.shared_tags) for one in found] == [("helper", 1)]


async def test_a_common_tag_leaves_room_for_others(world: World, space: forum_pb2.Space) -> None:
    await answered(world, space, person_actor("expert0"), "beta")
    await answered(world, space, HELPER, "radio")
    (common,) = await world.database.topics.find({"tags": "radio"}).to_list()
    await copies(world, common["_id"], 310)
    await world.database.command("profile", 2)
    found = await world.repository.find_given_answers("c1", [space.id], ["radio", "beta"])
    await world.database.command("profile", 0)
    people = [one.person_id for one in found]
    assert (len(people), people.count("expert0")) == (101, 1)
    reads = await world.database["system.profile"].find({"command.find": "topics"}).to_list()
    assert sorted(read["docsExamined"] for read in reads) == [1, 100]


async def test_people_of_a_capable_company_are_asked_behind_whoever_answered(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    world.members.capable = {"expert0": 1, "expert1": 2, "expert2": 1, "asker": 2, "expert3": 1}
    question = await world.topic(space, ASKER, tags=["radio", "beta"])
    plain = await world.topic(await world.space("other"), ASKER)
    assert await route(routing) == 3
    assert (await outbox(world.database))[-3:] == [
        said.ExpertAsked(person_id=one, topic_id=question.id)
        for one in ("helper", "expert1", "expert0")
    ]
    assert await asks(world, person_actor("expert0")) == [question.id]
    # Three pages of the one question with tags; of the other nobody is asked anything.
    assert world.members.capable_asked == [("radio", "beta")] * 3
    assert plain.id not in await asks(world, person_actor("expert0"))


async def test_people_of_a_company_take_turns(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    names = [f"expert{number}" for number in range(5)]
    world.members.capable = dict.fromkeys(names, 1)
    asked = []
    for number in range(4):
        topic = await world.topic(space, ASKER, tags=["radio"])
        await routing.route_questions(datetime.now(UTC) + LATER + timedelta(minutes=number))
        asked += [
            event.person_id
            for event in await outbox(world.database)
            if isinstance(event, said.ExpertAsked) and event.topic_id == topic.id
        ]
    # Twice a week each, and first whoever was asked longest ago.
    assert sorted(asked) == sorted([*names, *names])
    assert sorted(asked[:5]) == names


async def test_whoever_cannot_read_or_does_not_want_to_gives_way_to_others(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    readers = {f"reader{number}": ["community:c1"] for number in range(2)}
    world.members.memberships |= readers
    world.members.capable = {f"away{number:02}": 2 for number in range(40)}
    world.members.capable |= dict.fromkeys([*readers, "expert0", "expert1"], 1)
    out = pb.SetRoutingPreferenceRequest(**world.ids(), opted_out=True)
    await world.of(person_actor("expert0"), RoutingServiceStub).SetRoutingPreference(out)
    question = await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 3
    assert set(await world.repository.find_asked("c1", question.id)) == {*readers, "expert1"}


async def test_while_nobody_says_who_is_capable_those_who_answered_are_asked(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    world.members.capable = {"expert0": 1}
    world.members.capable_away = True
    questions = [await world.topic(space, ASKER, tags=["radio"]) for _ in range(2)]
    assert await route(routing) == 2
    assert len(world.members.capable_asked) == 1
    before = await outbox(world.database)
    assert await route(routing) == 0
    assert await outbox(world.database) == before
    world.members.capable_away = False
    assert await route(routing) == 2
    for question in questions:
        assert set(await world.repository.find_asked("c1", question.id)) == {"helper", "expert0"}
    assert await route(routing) == 0


async def test_without_tags_those_are_asked_who_answered_in_the_space(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    other = await world.space("other")
    await answered(world, space, person_actor("expert0"), "radio")
    await answered(world, space, HELPER)
    await answered(world, space, HELPER)
    await answered(world, other, person_actor("expert1"))
    world.members.capable = {"expert2": 1}
    hidden = await world.topic(space, ASKER)
    await world.act("AcceptReply", ASKER, await world.reply(hidden, person_actor("expert3")))
    await world.act("HideTopic", MANAGING, hidden, reason="spam")
    wrong = await world.topic(space, ASKER)
    reply = await world.reply(wrong, person_actor("expert4"))
    await world.act("AcceptReply", ASKER, reply)
    await world.act("HideReply", MANAGING, reply, reason="wrong")
    question = await world.topic(space, ASKER)
    await world.reply(wrong, MANAGING)
    assert await route(routing) == 2
    assert (await outbox(world.database))[-2:] == [
        said.ExpertAsked(person_id=one, topic_id=question.id) for one in ("helper", "expert0")
    ]
    assert world.members.capable_asked == []


async def test_without_tags_nobody_hears_of_what_they_cannot_read(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER)
    change = forum_pb2.UpdateSpaceRequest(
        **world.ids(), space_id=space.id, audience=forum_pb2.AUDIENCE_VENDOR
    )
    await world.of(MANAGING).UpdateSpace(change)
    await world.topic(space, MANAGING)
    before = await outbox(world.database)
    assert await route(routing) == 0
    assert await outbox(world.database) == before


# -- the next ones


@pytest_asyncio.fixture
async def waiting(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> forum_pb2.Topic:
    """A question that three of twelve people are asked about, all of them alike."""
    crowd = [f"crowd{number:02}" for number in range(12)]
    for name in crowd:
        world.members.memberships[name] = ["community:c1", f"person:{name}"]
    world.members.capable = dict.fromkeys(crowd, 1)
    topic = await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 3
    return topic


async def decline(world: World, topic: forum_pb2.Topic, person_id: str) -> None:
    request = pb.DeclineAskRequest(**world.ids(), topic_id=topic.id)
    await world.of(person_actor(person_id), RoutingServiceStub).DeclineAsk(request)


async def who(world: World, topic: forum_pb2.Topic) -> list[str]:
    return sorted(await world.repository.find_asked("c1", topic.id))


async def test_in_the_place_of_who_declines_another_one_is_asked(
    world: World, routing: RoutingUseCases, waiting: forum_pb2.Topic
) -> None:
    assert await who(world, waiting) == ["crowd00", "crowd01", "crowd02"]
    assert await route(routing) == 0
    await decline(world, waiting, "crowd01")
    assert await route(routing) == 1
    assert (await who(world, waiting))[3:] == ["crowd03"]
    assert await route(routing) == 0
    await decline(world, waiting, "crowd01")  # a second time changes nothing
    assert await route(routing) == 0


async def test_in_the_place_of_who_says_nothing_others_are_asked(
    world: World, routing: RoutingUseCases, waiting: forum_pb2.Topic
) -> None:
    start = datetime.now(UTC) + LATER
    assert await routing.route_questions(start + timedelta(days=2) - timedelta(minutes=1)) == 0
    for at_once in (True, False):
        assert await routing.route_questions(start + timedelta(days=2)) == (3 if at_once else 0)
    assert len(await who(world, waiting)) == 6
    # Who was asked first may answer all the same.
    assert await asks(world, person_actor("crowd00")) == [waiting.id]


async def test_nobody_is_asked_once_somebody_has_replied(
    world: World, routing: RoutingUseCases, waiting: forum_pb2.Topic
) -> None:
    await world.reply(waiting, MANAGING)
    await decline(world, waiting, "crowd00")
    before = await outbox(world.database)
    for days in (0, 2, 4):
        later = datetime.now(UTC) + timedelta(days=days) + LATER
        assert await routing.route_questions(later) == 0
    assert await outbox(world.database) == before
    assert await world.database.routing_rounds.count_documents({}) == 0


async def test_nine_are_asked_of_one_question(
    world: World, routing: RoutingUseCases, waiting: forum_pb2.Topic
) -> None:
    for most in (6, 9, 9):
        for person_id in await who(world, waiting):
            await decline(world, waiting, person_id)
        await route(routing)
        assert len(await who(world, waiting)) == most
    assert await world.database.routing_rounds.count_documents({}) == 0


async def test_after_a_week_nobody_more_is_asked(
    world: World, routing: RoutingUseCases, waiting: forum_pb2.Topic
) -> None:
    await decline(world, waiting, "crowd00")
    assert await routing.route_questions(datetime.now(UTC) + timedelta(days=7, hours=1)) == 0
    assert await world.database.routing_rounds.count_documents({}) == 0


async def test_while_nobody_says_who_is_capable_the_next_round_waits(
    world: World, routing: RoutingUseCases, waiting: forum_pb2.Topic
) -> None:
    await decline(world, waiting, "crowd00")
    world.members.capable_away = True
    assert await route(routing) == 0
    world.members.capable_away = False
    assert await route(routing) == 1


async def test_who_declines_while_others_are_asked_is_not_overlooked(
    world: World, waiting: forum_pb2.Topic
) -> None:
    repository = world.repository
    await decline(world, waiting, "crowd00")
    now = datetime.now(UTC) + LATER
    (due,) = await repository.find_due_rounds(now, 9)
    (topic,) = await repository.find_topics("c1", [waiting.id], None)
    await decline(world, waiting, "crowd01")
    (declined,) = await repository.find_due_rounds(now, 9)
    assert declined.time > due.time
    await repository.keep_round(topic, now + timedelta(days=2), due)
    assert await repository.find_due_rounds(now, 9) == [declined]
    await repository.keep_round(topic, now + timedelta(days=2), None)
    assert await repository.find_due_rounds(now, 9) == [declined]


async def test_a_declined_invitation_routes_nothing_early(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    world.members.capable = {"expert0": 1}
    topic = await world.topic(space, ASKER, tags=["radio"])
    await invite(world, topic, "helper")
    await decline(world, topic, "helper")
    assert await routing.route_questions(datetime.now(UTC) + timedelta(hours=3)) == 0
    assert await route(routing) == 1


def test_places() -> None:
    hour = timedelta(hours=1)
    ask = Ask("t1", NOW)
    assert places([], NOW) == 3
    assert places([ask, replace(ask, declined=True)], NOW + 47 * hour) == 2
    assert places([ask] * 3, NOW + 47 * hour) == 0
    assert places([ask] * 3, NOW + 48 * hour) == 3
    assert places([ask] * 8, NOW + 48 * hour) == 1
    assert places([ask] * 12, NOW + 48 * hour) == 0


# -- what those say who are asked


@pytest_asyncio.fixture
async def asked(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> list[forum_pb2.Topic]:
    """Two questions that HELPER is asked about, the older first."""
    await answered(world, space, HELPER, "radio")
    topics = [await world.topic(space, ASKER, tags=["radio"]) for _ in range(2)]
    assert await route(routing) == 2
    return topics


async def test_asks_are_pages_both_ways(world: World, asked: list[forum_pb2.Topic]) -> None:
    stub = world.of(HELPER, RoutingServiceStub)
    whole = await asks(world, HELPER)
    assert set(whole) == {topic.id for topic in asked}
    for backward in (False, True):
        first = await stub.ListAsks(pb.ListAsksRequest(page_size=1, backward=backward))
        second = await stub.ListAsks(
            pb.ListAsksRequest(page_size=1, backward=backward, page_token=first.next_page_token)
        )
        found = [first.asks[0].topic_id, second.asks[0].topic_id]
        assert found == (whole[::-1] if backward else whole)
        assert second.next_page_token == ""


async def test_what_one_replied_to_is_asked_no_more(
    world: World, asked: list[forum_pb2.Topic]
) -> None:
    await world.reply(asked[0], HELPER)
    assert await asks(world, HELPER) == [asked[1].id]


async def test_what_was_answered_or_hidden_is_asked_no_more(
    world: World, asked: list[forum_pb2.Topic]
) -> None:
    await world.act("AcceptReply", ASKER, await world.reply(asked[0], MANAGING))
    await world.act("HideTopic", MANAGING, asked[1], reason="spam")
    assert await asks(world, HELPER) == []


async def test_a_wall_that_moved_takes_asks_away(
    world: World, asked: list[forum_pb2.Topic], space: forum_pb2.Space
) -> None:
    await world.of(MANAGING).UpdateSpace(
        forum_pb2.UpdateSpaceRequest(
            **world.ids(), space_id=space.id, audience=forum_pb2.AUDIENCE_VENDOR
        )
    )
    assert await asks(world, HELPER) == []


async def test_one_can_decline(world: World, asked: list[forum_pb2.Topic]) -> None:
    stub = world.of(HELPER, RoutingServiceStub)
    for _ in range(2):
        await stub.DeclineAsk(pb.DeclineAskRequest(**world.ids(), topic_id=asked[0].id))
    assert await asks(world, HELPER) == [asked[1].id]
    assert (await world.said()).count("AskDeclined") == 1


@pytest.mark.parametrize("actor", [ASKER, MANAGING], ids=["author", "manager"])
async def test_who_is_not_asked_has_nothing_to_decline(
    world: World, asked: list[forum_pb2.Topic], actor: Actor
) -> None:
    before = await world.stored()
    request = pb.DeclineAskRequest(**world.ids(), topic_id=asked[0].id)
    with pytest.raises(DomainError) as refusal:
        await world.of(actor, RoutingServiceStub).DeclineAsk(request)
    assert (reason_of(refusal.value), refusal.value.field) == ("ASK_NOT_FOUND", "topic_id")
    assert await world.stored() == before


async def test_one_can_opt_out_and_in(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    await answered(world, space, HELPER, "radio")
    stub = world.of(HELPER, RoutingServiceStub)
    get = pb.GetRoutingPreferenceRequest(community_id="c1")
    assert not (await stub.GetRoutingPreference(get)).routing_preference.opted_out
    for _ in range(2):
        out = pb.SetRoutingPreferenceRequest(**world.ids(), opted_out=True)
        assert (await stub.SetRoutingPreference(out)).routing_preference.opted_out
    assert (await stub.GetRoutingPreference(get)).routing_preference.opted_out
    await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 0
    assert (await world.said()).count("RoutingPreferenceSet") == 1
    back = pb.SetRoutingPreferenceRequest(**world.ids(), opted_out=False)
    await stub.SetRoutingPreference(back)
    await world.topic(space, ASKER, tags=["radio"])
    assert await routing.route_questions(datetime.now(UTC) + LATER + timedelta(minutes=1)) == 1


# -- whom others invite

TRUSTED = person_actor("trusted", trust_level=TRUSTED_MEMBER)


async def invite(
    world: World, topic: forum_pb2.Topic, person_id: str, actor: Actor = TRUSTED, **more: Any
) -> pb.InviteToAnswerResponse:
    ids = {**world.ids(), "topic_id": topic.id, "person_id": person_id, **more}
    stub = world.of(actor, RoutingServiceStub)
    answer: pb.InviteToAnswerResponse = await stub.InviteToAnswer(pb.InviteToAnswerRequest(**ids))
    return answer


async def not_invited(
    world: World, topic: forum_pb2.Topic, person_id: str, actor: Actor = TRUSTED
) -> tuple[str, str]:
    """Reason and field; and that nothing was stored or said."""
    before = await world.stored()
    with pytest.raises(DomainError) as refusal:
        await invite(world, topic, person_id, actor)
    assert await world.stored() == before
    return reason_of(refusal.value), refusal.value.field


async def test_whoever_is_invited_is_asked(world: World, space: forum_pb2.Space) -> None:
    topic = await world.topic(space, ASKER)
    ids = {"person_id": "helper", "topic_id": topic.id}
    said_before = await outbox(world.database)
    answer = await invite(world, topic, "helper", request_id="invite-helper")
    assert answer == pb.InviteToAnswerResponse(community_id="c1", **ids)
    # The same again, by the same request or another one, or by somebody else.
    assert await invite(world, topic, "helper", request_id="invite-helper") == answer
    assert await invite(world, topic, "helper") == answer
    assert await invite(world, topic, "helper", MANAGING) == answer
    assert (await outbox(world.database))[len(said_before) :] == [
        said.ExpertAsked(inviter_id="trusted", **ids),
        said.InvitedToAnswer(inviter_id="trusted", **ids),
    ]
    (ask,) = (await world.of(HELPER, RoutingServiceStub).ListAsks(pb.ListAsksRequest())).asks
    assert (ask.topic_id, ask.inviter_id) == (topic.id, "trusted")
    assert await asks(world, TRUSTED) == []
    await world.of(HELPER, RoutingServiceStub).DeclineAsk(
        pb.DeclineAskRequest(**world.ids(), topic_id=topic.id)
    )
    await invite(world, topic, "helper")
    assert await asks(world, HELPER) == []


async def test_whom_the_job_asked_nobody_invited(
    world: World, asked: list[forum_pb2.Topic]
) -> None:
    listed = await world.of(HELPER, RoutingServiceStub).ListAsks(pb.ListAsksRequest())
    assert [ask.inviter_id for ask in listed.asks] == ["", ""]


async def test_those_invited_count_among_the_three(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    world.members.capable = {f"expert{number}": 1 for number in range(5)}
    topic = await world.topic(space, ASKER, tags=["radio"])
    await invite(world, topic, "helper")
    await invite(world, topic, "expert4")
    assert await route(routing) == 1
    asked = await world.repository.find_asked("c1", topic.id)
    assert set(asked) == {"helper", "expert4", "expert0"}


async def test_invitations_hold_the_limits_of_whoever_is_asked(
    world: World, routing: RoutingUseCases, space: forum_pb2.Space
) -> None:
    world.members.capable = {"expert0": 1}
    await world.topic(space, ASKER, tags=["radio"])
    assert await route(routing) == 1
    second, third = [await world.topic(space, ASKER) for _ in range(2)]
    await invite(world, second, "expert0")
    assert await not_invited(world, third, "expert0") == ("ASK_NOT_POSSIBLE", "person_id")
    await invite(world, second, "expert0")  # asked already
    out = pb.SetRoutingPreferenceRequest(**world.ids(), opted_out=True)
    await world.of(HELPER, RoutingServiceStub).SetRoutingPreference(out)
    assert await not_invited(world, third, "helper") == ("ASK_NOT_POSSIBLE", "person_id")


async def test_nobody_invites_without_end(world: World, space: forum_pb2.Space) -> None:
    topic = await world.topic(space, ASKER)
    world.members.memberships |= {f"reader{n}": ["community:c1"] for n in range(11)}
    for number in range(10):
        await invite(world, topic, f"reader{number}")
    assert await not_invited(world, topic, "reader10") == ("INVITE_LIMIT_REACHED", "")
    await invite(world, topic, "reader0")
    await invite(world, topic, "reader10", MANAGING)


@pytest.mark.parametrize("actor", [ASKER, HELPER], ids=["author", "member"])
async def test_members_of_whom_little_is_known_invite_nobody(
    world: World, space: forum_pb2.Space, actor: Actor
) -> None:
    topic = await world.topic(space, ASKER)
    assert await not_invited(world, topic, "expert0", actor) == ("INVITING_NOT_ALLOWED", "")
    moderator = person_actor("moderator", roles=[MODERATOR])
    await invite(world, topic, "expert0", moderator)


async def test_only_whoever_can_read_it_is_invited_to_an_open_question(
    world: World, space: forum_pb2.Space
) -> None:
    topic = await world.topic(space, ASKER)
    missing = ("MEMBER_NOT_FOUND", "person_id")
    assert await not_invited(world, topic, "nobody") == missing
    staff = await world.space("staff", audience=forum_pb2.AUDIENCE_VENDOR)
    hidden = await world.topic(staff, MANAGING)
    assert await not_invited(world, hidden, "helper", MANAGING) == missing
    world.members.memberships["trusted"] = ["community:c1"]
    for person_id in ("trusted", "asker"):
        assert await not_invited(world, topic, person_id) == ("ASK_NOT_POSSIBLE", "person_id")
    talk = await world.topic(space, ASKER, kind=forum_pb2.TOPIC_KIND_DISCUSSION)
    assert await not_invited(world, talk, "helper") == ("NOT_A_QUESTION", "topic_id")
    solved, closed = [await world.topic(space, ASKER) for _ in range(2)]
    await world.act("AcceptReply", ASKER, await world.reply(solved, MANAGING))
    await world.act("CloseTopic", MANAGING, closed, close_reason=forum_pb2.CLOSE_REASON_RESOLVED)
    for one in (solved, closed):
        assert await not_invited(world, one, "helper") == ("TOPIC_STATE_INVALID", "topic_id")
    draft = await world.topic(space, TRUSTED, draft=True)
    assert await not_invited(world, draft, "helper") == ("TOPIC_STATE_INVALID", "topic_id")


async def test_whoever_cannot_see_a_question_invites_nobody_to_it(
    world: World, space: forum_pb2.Space
) -> None:
    staff = await world.space("staff", audience=forum_pb2.AUDIENCE_VENDOR)
    hidden = await world.topic(staff, MANAGING)
    world.members.memberships["vendors"] = ["community:c1", "vendor:c1"]
    unseen = ("TOPIC_NOT_FOUND", "topic_id")
    for topic in (hidden, forum_pb2.Topic(id="nobodys")):
        for person_id in ("helper", "vendors", "nobody"):
            assert await not_invited(world, topic, person_id) == unseen
    topic = await world.topic(space, ASKER)
    for one in (topic, hidden, forum_pb2.Topic(id="nobodys")):
        refused = await not_invited(world, one, "helper", STRANGER)
        assert refused == ("COMMUNITY_NOT_FOUND", "community_id")
    await invite(world, hidden, "vendors", MANAGING)


async def test_an_invitation_does_not_tell_who_asks_for_a_company(
    world: World, space: forum_pb2.Space
) -> None:
    """Its author is invited as anybody is, and asked nothing."""
    topic = await world.topic(space, HELPER, as_company=True)
    stranger = person_actor("trusted", company_id="co9", trust_level=TRUSTED_MEMBER)
    await invite(world, topic, "helper", stranger)
    assert await asks(world, HELPER) == []
    colleague = person_actor("colleague", company_id="co2", trust_level=TRUSTED_MEMBER)
    assert await not_invited(world, topic, "helper", colleague) == ("ASK_NOT_POSSIBLE", "person_id")


async def test_while_nobody_says_who_can_read_it_nobody_is_invited(
    world: World, space: forum_pb2.Space
) -> None:
    topic = await world.topic(space, ASKER)
    world.members.away = True
    assert (await not_invited(world, topic, "helper"))[0] == "UNAVAILABLE"


async def test_an_outsider_finds_no_community_and_no_asks(
    world: World, asked: list[forum_pb2.Topic]
) -> None:
    stub = world.of(STRANGER, RoutingServiceStub)
    assert await asks(world, STRANGER) == []
    assert await asks(world, STRANGER, community_ids=["c1"]) == []
    before = await world.stored()
    for call in (
        stub.DeclineAsk(pb.DeclineAskRequest(**world.ids(), topic_id=asked[0].id)),
        stub.SetRoutingPreference(pb.SetRoutingPreferenceRequest(**world.ids(), opted_out=True)),
        stub.GetRoutingPreference(pb.GetRoutingPreferenceRequest(community_id="c1")),
    ):
        with pytest.raises(CommunityNotFoundError):
            await call
    assert await world.stored() == before


async def test_services_have_nothing_of_their_own(world: World) -> None:
    with pytest.raises(RoleRequiredError):
        await world.of(service_actor("search"), RoutingServiceStub).ListAsks(pb.ListAsksRequest())


async def test_of_many_people_only_what_limits_them_is_read(world: World) -> None:
    """By their ids, with as many asks as a week may have."""
    ref = world.repository.expert_ref("c1", "helper")
    asks_ = [{"topic_id": f"t{n}", "time": NOW + timedelta(n), "declined": False} for n in range(9)]
    row = {"person_id": "helper", "opted_out": False, "asks": asks_, "community_id": "c1"}
    await world.database.experts.insert_one({"_id": ref.id, "seq": 1, **row})
    found = await world.repository.find_experts("c1", ["helper", "nobody"])
    assert [ask.topic_id for ask in found.pop("helper").asks] == ["t7", "t8"]
    assert found == {}
    assert await world.repository.find_experts("c2", ["helper"]) == {}


async def test_the_job_reads_from_indexes(world: World, space: forum_pb2.Space) -> None:
    """However many topics wait for nothing, or are not questions."""
    for _ in range(20):
        await world.topic(space, ASKER, kind=forum_pb2.TOPIC_KIND_DISCUSSION)
    await world.topic(space, ASKER, tags=["radio"])
    now = datetime.now(UTC)
    await world.database.command("profile", 2)
    try:
        found = await world.repository.find_unrouted((now - timedelta(days=7), ""), now, 50)
    finally:
        await world.database.command("profile", 0)
    assert len(found) == 1
    reads = world.database["system.profile"].find({"ns": {"$regex": "topics$"}, "op": "query"})
    assert max([read["docsExamined"] async for read in reads]) == 1
