"""Subscriptions over real sockets and a real NATS: who is told what, when, and when no more."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import RoleRequiredError, UnavailableError
from chassis.testing import Loopback
from gateway.actors import LIFETIME
from gateway.auth import Identity
from gateway.cursors import encode_id, encode_reply_id
from gateway.rate_limits import Rate
from gateway.subscriptions.connection import UNCONFIRMED, Close
from gateway.tests.conftest import House
from gateway.tests.moderation_standin import ModerationStandIn, add_moderation, case
from gateway.tests.socket_client import QUEUE_CHANGED, TOPIC, TOPIC_CHANGED, Socket, until, within
from gateway.tests.staff_standins import WalledForum
from gateway.tests.standins import TopicNotFoundError
from gateway.tests.subscribing import Replica, replica, served
from guildhall.forum.v1 import domain_events_pb2
from guildhall.moderation.v1 import domain_events_pb2 as cases_said

BOUND = 5.0  # seconds a revocation may take
COMMUNITY = encode_id("Community", "c1", "c1")


@pytest.fixture
def forum() -> WalledForum:
    return WalledForum()  # type: ignore[abstract]


@pytest_asyncio.fixture
async def moderation(loopback: Loopback) -> ModerationStandIn:
    served_one = ModerationStandIn()  # type: ignore[abstract]
    await loopback.serve("moderation", add_moderation(served_one))
    return served_one


@pytest_asyncio.fixture
async def told(house: House, nats_url: str) -> AsyncIterator[Replica]:
    async with replica(house, nats_url) as running:
        yield running


async def test_a_topic_is_told_at_once_and_whenever_it_changes(told: Replica) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        data, _ = await socket.told()
        assert data["topicChanged"] == {
            "topic": {
                "id": TOPIC,
                "title": "Topic 1",
                "replyCount": 1,
                "author": {"company": {"name": "Company co2"}},
            },
            "reply": None,
        }
        await told.edit("Another title")
        assert await socket.title() == "Another title"
        await told.edit("A third")
        assert await socket.title() == "A third"
        await told.say(domain_events_pb2.ReplyPublished(reply_id="r1", topic_id="t1"))
        data, _ = await socket.told()
        assert data["topicChanged"]["reply"] == {
            "id": encode_reply_id("c1", "t1", "r1"),
            "body": "answer",
        }


async def test_every_event_is_read_as_the_person(told: Replica) -> None:
    calls = told.house.forum.calls
    async with await told.socket() as one, await told.socket() as two:
        for socket in (one, two):
            await socket.subscribe()
            await socket.told()
        before = calls["GetTopic"]
        await told.edit("Read by both")
        assert [await one.title(), await two.title()] == ["Read by both"] * 2
        assert calls["GetTopic"] == before + 2
        assert {actor.person_id for actor in told.house.forum.actors if actor} == {"p1"}
        await told.edit("Read again")
        assert [await one.title(), await two.title()] == ["Read again"] * 2
        # Who somebody is the gateway asks for itself.
        assert told.house.directory.calls["ResolveActor"] > 2
        asking = zip(told.house.directory.requests, told.house.directory.actors, strict=True)
        lookups = [actor for request, actor in asking if "Resolve" in type(request).__name__]
        assert {actor.person_id for actor in lookups if actor} <= {""}


async def test_of_others_topics_nothing_is_told(told: Replica) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        await told.say(domain_events_pb2.TopicEdited(topic_id="t2"), "topic/t2")
        await told.edit("Mine")
        assert await socket.title() == "Mine"


async def test_what_one_cannot_read_is_not_told_nor_that_it_changed(told: Replica) -> None:
    """A held reply, and a case about the topic: what the person can read is the same as before."""
    forum = told.house.forum
    assert isinstance(forum, WalledForum)
    forum.hidden.add("r7")
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        await told.say(domain_events_pb2.ReplyHeld(reply_id="r7", topic_id="t1"))
        await until(lambda: forum.calls["BatchGetReplies"])
        await told.edit("Can be read")
        assert await socket.title() == "Can be read"
        # A reply that went away is a change of the topic, where the topic says so.
        forum.topics[-1].reply_count = 0
        await told.say(domain_events_pb2.ReplyRemoved(reply_id="r7", topic_id="t1"))
        data, _ = await socket.told()
        assert data["topicChanged"]["topic"]["replyCount"] == 0
        assert data["topicChanged"]["reply"] is None


async def test_hidden_and_missing_are_refused_alike(told: Replica) -> None:
    """An outsider's topic is not found, as one that does not exist; and nobody listens for it."""
    answers = []
    forum = told.house.forum
    async with await told.socket() as socket:
        for id_ in ("t1", "nothing"):
            if id_ == "t1":
                forum.failures["GetTopic"] = TopicNotFoundError()  # what the forum says of a wall
            await socket.subscribe(of=encode_id("Topic", "c1", id_))
            answers.append(await socket.next())
            forum.failures.clear()
        assert answers[0] == answers[1]
        assert answers[0]["type"] == "error"
        assert answers[0]["payload"][0]["extensions"]["code"] == "TOPIC_NOT_FOUND"
        await told.edit("Nobody is told")
        await socket.send("ping")
        assert await socket.next() == {"type": "pong"}


async def test_a_lost_wall_ends_the_subscription_and_says_no_more(told: Replica) -> None:
    forum = told.house.forum
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        forum.failures["GetTopic"] = TopicNotFoundError()
        await told.edit("Hidden from now on")
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "TOPIC_NOT_FOUND"}
        forum.failures.clear()
        await told.edit("And told to nobody")
        await socket.send("ping")
        assert await socket.next() == {"type": "pong"}


async def test_a_space_with_other_readers_ends_the_subscription_at_once(told: Replica) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        told.house.forum.failures["GetTopic"] = TopicNotFoundError()
        await told.say(domain_events_pb2.SpaceUpdated(space_id="sp1"), "space/sp1")
        (failure,) = await within(BOUND, socket.refused())
        assert failure["extensions"] == {"code": "TOPIC_NOT_FOUND"}


async def test_a_lost_right_ends_the_subscription_though_nothing_is_said(told: Replica) -> None:
    """The person is a member no more: the directory says so when it is asked, within a second."""
    directory, forum = told.house.directory, told.house.forum
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        actor = directory.actor

        def outside(person_id: str) -> Any:
            left = actor(person_id)
            del left.memberships[:]
            return left

        directory.actor = outside  # type: ignore[method-assign]
        forum.failures["GetTopic"] = TopicNotFoundError()
        (failure,) = await within(BOUND, socket.refused())
        assert failure["extensions"] == {"code": "TOPIC_NOT_FOUND"}


async def test_who_is_nobody_any_more_is_closed(told: Replica) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        provisioned = told.house.directory.calls["SignIn"]
        told.house.directory.failures["ResolveActor"] = RoleRequiredError("deactivated")
        assert await within(BOUND, socket.closed()) == (Close.FORBIDDEN, "ROLE_REQUIRED")
        assert told.house.directory.calls["SignIn"] == provisioned


async def test_without_a_directory_nobody_is_believed_for_long(told: Replica) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        told.house.directory.failures["ResolveActor"] = UnavailableError()
        code, reason = await within(UNCONFIRMED + BOUND, socket.closed())
        assert (code, reason) == (Close.UNCONFIRMED, "UNAVAILABLE")


async def test_all_who_are_connected_are_asked_for_in_one_question(told: Replica) -> None:
    """Every two seconds; who is nobody any more is closed all the same, and the others stay."""
    directory = told.house.directory
    directory.known |= {f"x{n}": f"px{n}" for n in range(4)}
    async with contextlib.AsyncExitStack() as open_ones:
        sockets = []
        for n in range(4):
            token = told.house.issuer.access_token({"sub": f"x{n}"})
            sockets.append(await open_ones.enter_async_context(await told.socket(token)))
        await until(lambda: directory.calls["BatchResolveActors"] > 1)
        alone = directory.calls["ResolveActor"]
        asked = len(directory.requests)
        await until(lambda: directory.calls["BatchResolveActors"] > 3)
        assert directory.calls["ResolveActor"] == alone
        assert [len(r.identity_links) for r in directory.requests[asked:]] == [4, 4]  # type: ignore[attr-defined]
        del directory.known["x3"]
        directory.failures["SignIn"] = RoleRequiredError("nobody's any more")
        assert await within(BOUND, sockets[3].closed()) == (Close.FORBIDDEN, "ROLE_REQUIRED")
        await sockets[0].send("ping")
        assert await sockets[0].next() == {"type": "pong"}


async def test_what_is_not_answered_is_asked_again_for_all_at_once(told: Replica) -> None:
    """A moment in which the directory is away costs no question for each, and closes nobody."""
    directory = told.house.directory
    directory.known |= {f"x{n}": f"px{n}" for n in range(3)}
    asked = directory.calls
    async with contextlib.AsyncExitStack() as open_ones:
        sockets = []
        for n in range(3):
            token = told.house.issuer.access_token({"sub": f"x{n}"})
            sockets.append(await open_ones.enter_async_context(await told.socket(token)))
        await until(lambda: asked["BatchResolveActors"])
        directory.failures["BatchResolveActors"] = UnavailableError()
        alone, before = asked["ResolveActor"], asked["BatchResolveActors"]
        await until(lambda: asked["BatchResolveActors"] > before)
        directory.failures.clear()
        before = asked["BatchResolveActors"]
        await until(lambda: asked["BatchResolveActors"] > before + 1)
        assert asked["ResolveActor"] == alone
        for socket in sockets:
            await socket.send("ping")
            assert await socket.next() == {"type": "pong"}


async def test_a_directory_that_is_away_closes_all_in_time(told: Replica) -> None:
    """However soon after a round a connection was opened."""
    directory = told.house.directory
    directory.known["x1"] = "px1"
    token = told.house.issuer.access_token({"sub": "x1"})
    async with await told.socket() as one, await told.socket(token) as two:
        await until(lambda: directory.calls["BatchResolveActors"])
        async with await told.socket() as late:
            for name in ("ResolveActor", "BatchResolveActors"):
                directory.failures[name] = UnavailableError()
            since = time.monotonic()
            for socket in (one, two, late):
                closed = await within(BOUND, socket.closed())
                assert closed == (Close.UNCONFIRMED, "UNAVAILABLE")
            assert time.monotonic() - since < BOUND - LIFETIME


async def test_opening_a_socket_verifies_its_token_once(told: Replica) -> None:
    verifier = told.house.parts.verifier
    verified, counted = verifier.access_token, []

    async def counting(token: str) -> Identity:
        counted.append(token)
        return await verified(token)

    verifier.access_token = counting  # type: ignore[method-assign]
    async with await told.socket():
        assert len(counted) == 1


async def test_an_expired_token_closes_the_socket(told: Replica) -> None:
    now = int(time.time())
    ended = {"iat": now - 60, "exp": now - 28}  # the verifier gives 30 seconds
    token = told.house.issuer.access_token(ended)
    async with await told.socket(token) as socket:
        await socket.subscribe()
        await socket.told()
        code, reason = await within(BOUND + 2, socket.closed())
        assert (code, reason) == (Close.FORBIDDEN, "UNAUTHENTICATED")


async def test_a_forum_that_is_away_for_a_moment_loses_nothing(told: Replica) -> None:
    forum = told.house.forum
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        forum.failures["GetTopic"] = UnavailableError()
        before = forum.calls["GetTopic"]
        await told.edit("Told later")
        await until(lambda: forum.calls["GetTopic"] > before)
        forum.failures.clear()
        assert await socket.title() == "Told later"


async def test_of_many_changes_the_last_is_told(told: Replica) -> None:
    forum = told.house.forum
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        forum.failures["GetTopic"] = UnavailableError()
        for number in range(20):
            await told.edit(f"Title {number}")
        forum.failures.clear()
        assert await socket.title() == "Title 19"
        await told.edit("Alone")
        assert await socket.title() == "Alone"


async def test_the_queue_is_told_to_moderators(
    moderation: ModerationStandIn, house: House, nats_url: str
) -> None:
    async with replica(house, nats_url) as told, await told.socket() as socket:
        await socket.subscribe(QUEUE_CHANGED, of=COMMUNITY)
        data, _ = await socket.told()
        assert data == {"moderationQueueChanged": {"case": None}}
        moderation.cases.append(case("k3"))
        await told.say(cases_said.CaseOpened(case_id="k3"), "case/k3", "moderation")
        data, event_id = await socket.told()
        found = {"id": encode_id("Case", "c1", "k3"), "state": "OPEN"}
        assert data == {"moderationQueueChanged": {"case": found}}
        await told.say(cases_said.PostFlagged(case_id="k3"), "case/k3", "moderation")
        data, event_id = await socket.told()
        assert data == {"moderationQueueChanged": {"case": found}}
        # A case one cannot see is not told.
        await told.say(cases_said.CaseOpened(case_id="k9"), "case/k9", "moderation")
        await told.say(cases_said.CaseDecided(case_id="k1"), "case/k1", "moderation")
        data, _ = await socket.told()
        assert data["moderationQueueChanged"]["case"]["id"] == encode_id("Case", "c1", "k1")
        async with await told.socket() as other:
            await other.subscribe(QUEUE_CHANGED, after=event_id, of=COMMUNITY)
            data, _ = await other.told()
            assert data["moderationQueueChanged"]["case"]["id"] == encode_id("Case", "c1", "k1")
        moderation.failures["ListCases"] = RoleRequiredError()
        async with await told.socket() as other:
            await other.subscribe(QUEUE_CHANGED, of=COMMUNITY)
            (failure,) = await other.refused()
            assert failure["extensions"] == {"code": "ROLE_REQUIRED"}


async def test_a_directory_that_fails_when_a_document_is_paid_for_is_masked(told: Replica) -> None:
    async with await told.socket() as socket:
        told.house.directory.failures["ResolveActor"] = RuntimeError("m4rk3r")
        await socket.subscribe()
        (failure,) = await socket.refused()
        assert failure["message"] == "Internal error"
        assert set(failure["extensions"]) == {"code", "traceId"}


async def test_cases_that_changed_meanwhile_are_read_at_once(
    moderation: ModerationStandIn, house: House, nats_url: str
) -> None:
    async with replica(house, nats_url) as told, await told.socket() as socket:
        await socket.subscribe(QUEUE_CHANGED, of=COMMUNITY)
        await socket.told()
        moderation.cases += [case(f"k{number}") for number in range(3, 9)]
        moderation.failures["BatchGetCases"] = UnavailableError()
        for number in range(3, 10):  # the last is none of hers
            said = cases_said.CaseOpened(case_id=f"k{number}")
            await told.say(said, f"case/k{number}", "moderation")
        ids = [f"k{number}" for number in range(3, 10)]
        await until(lambda: any(ids == getattr(one, "case_ids", ()) for one in moderation.requests))
        moderation.failures.clear()
        for number in range(3, 9):
            data, _ = await socket.told()
            found = data["moderationQueueChanged"]["case"]
            assert found["id"] == encode_id("Case", "c1", f"k{number}")
        assert moderation.calls["GetCase"] == 0
        # Who is no moderator any more is told so, and nothing of the case.
        moderation.failures["BatchGetCases"] = RoleRequiredError()
        await told.say(cases_said.CaseDecided(case_id="k3"), "case/k3", "moderation")
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "ROLE_REQUIRED"}


async def test_over_post_a_subscription_is_refused(house: House) -> None:
    answer = await house.ask(TOPIC_CHANGED, {"id": TOPIC})
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in answer
    assert house.rpcs() == {}


async def test_before_nats_was_found_a_subscription_is_refused(house: House) -> None:
    async with served(house.gateway) as port:
        socket = await Socket.open(port)
        async with socket:
            token = house.issuer.access_token()
            await socket.send("connection_init", payload={"authorization": f"Bearer {token}"})
            assert await socket.next() == {"type": "connection_ack"}
            await socket.subscribe()
            (failure,) = await socket.refused()
            assert failure["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}


OPENING = "subscription ($id: ID!) { topicChanged(id: $id)"


_REFUSED = (
    (f"{OPENING} {{ topic {{ title }} }}", "GRAPHQL_PARSE_FAILED"),
    (f"{OPENING} {{ topic {{ nothing }} }} }}", "GRAPHQL_VALIDATION_FAILED"),
    (f"{OPENING} {{ reply {{ id }} }} b: topicChanged(id: $id) {{ reply {{ id }} }} }}",
     "GRAPHQL_VALIDATION_FAILED"),
    ("query { viewer { isOperator } }", "GRAPHQL_VALIDATION_FAILED"),
    (f"{OPENING} @skip(if: true) {{ topic {{ title }} }} }}", "GRAPHQL_VALIDATION_FAILED"),
    (OPENING.replace("$id:", "$x:").replace(": $id", ": $x") + " { topic { title } } }",
     "BAD_USER_INPUT"),
    ('subscription { topicChanged(id: "x") { topic { title } } }', "BAD_USER_INPUT"),
    (f"{OPENING} {{ topic {{ space {{ topics(first: 100) {{ edges {{ node {{ space {{ topics"
     "(first: 100) { edges { node { id } } } } } } } } } } }", "LIMIT_EXCEEDED"),
)  # fmt: skip


async def test_limits_of_operations_are_those_of_subscriptions(told: Replica) -> None:
    async with await told.socket() as socket:
        for text, code in _REFUSED:
            await socket.subscribe(text)
            failures = await socket.refused()
            assert failures[0]["extensions"]["code"] == code, (text, failures)
    assert told.house.rpcs() == {}
    assert not told.subscriptions.feeds["forum"]._listeners


async def test_each_answer_costs_points(told: Replica) -> None:
    """Without points a beginning is refused, and a change waits."""
    admission = told.house.parts.admission
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
        admission.member = Rate(points=1, burst=1)  # an answer costs more than comes back here
        await socket.subscribe(id="2")
        await socket.told()
        await socket.send("complete", id="2")
        await socket.subscribe(id="3")
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "RATE_LIMITED"
        before = told.house.forum.calls["GetTopic"]
        await told.edit("Not yet")
        await until(lambda: told.house.forum.calls["GetTopic"] > before)
        await told.edit("Now")
        admission.member = None
        assert await socket.title() == "Now"


async def test_each_ended_subscription_leaves_nothing_behind(told: Replica) -> None:
    listeners = told.subscriptions.feeds["forum"]._listeners
    async with await told.socket() as socket:
        for _ in range(3):
            await socket.subscribe()
            await socket.told()
            assert listeners
            await socket.send("complete", id="1")
            await until(lambda: not listeners)
        await socket.subscribe()
        await socket.told()
    await until(lambda: not listeners)
    assert not told.subscriptions._connections
    assert not told.subscriptions._subscriptions
