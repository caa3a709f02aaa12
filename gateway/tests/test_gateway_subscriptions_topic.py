"""What topicChanged tells beside texts: votes, reactions, verifications and polls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message

from gateway.cursors import encode_id, encode_reply_id
from gateway.subscriptions import feeds
from gateway.tests.conftest import House
from gateway.tests.participation_standin import ParticipationStandIn
from gateway.tests.socket_client import TOPIC, Socket, until
from gateway.tests.staff_standins import WalledForum
from gateway.tests.subscribing import Replica, replica
from guildhall.forum.v1 import domain_events_pb2 as said

SELECTED = """subscription Changed($id: ID!) { topicChanged(id: $id) {
  topic { id title score reactions { count } poll { voterCount } } reply { id score }
} }"""
REPLY = encode_reply_id("c1", "t1", "r1")
OTHER_TOPIC = encode_id("Topic", "c1", "t2")


@pytest.fixture
def forum() -> WalledForum:
    return WalledForum()  # type: ignore[abstract]


@pytest_asyncio.fixture
async def told(house: House, nats_url: str) -> AsyncIterator[Replica]:
    async with replica(house, nats_url) as running:
        yield running


def hide(told: Replica, reply_id: str) -> None:
    forum = told.house.forum
    assert isinstance(forum, WalledForum)
    forum.hidden.add(reply_id)


async def begun(socket: Socket, of: str = TOPIC) -> str:
    await socket.subscribe(SELECTED, of=of)
    _, event_id = await socket.told()
    return event_id


async def next_of(socket: Socket) -> tuple[dict[str, Any], str | None]:
    """The topic of the next answer, and the id of the reply."""
    data, _ = await socket.told()
    changed = data["topicChanged"]
    return changed["topic"], changed["reply"] and changed["reply"]["id"]


async def score(told: Replica, points: int) -> None:
    """Somebody votes for the topic, which has no other version then."""
    row = next(row for row in told.house.forum.topics if row.id == "t1")
    row.score = points
    await told.say(said.VoteCast(topic_id="t1", author_id="p2"))


def of_reply(reply_id: str, topic_id: str = "t1") -> list[tuple[Message, str]]:
    """All that is said of a reply without words, and the aggregate that says it."""
    post: dict[str, Any] = {"topic_id": topic_id, "reply_id": reply_id}
    topic, reactions = f"topic/{topic_id}", f"reactions/reactions-{reply_id}"
    return [
        (said.VoteCast(**post, author_id="p2"), topic),
        (said.VoteRetracted(**post, author_id="p2"), topic),
        (said.PostVerified(**post), topic),
        (said.PostVerificationExpired(**post), topic),
        (said.ReactionAdded(**post, author_id="p2"), reactions),
        (said.ReactionRemoved(**post, author_id="p2"), reactions),
    ]


async def test_what_is_said_of_a_reply_without_words_is_told_with_the_reply(told: Replica) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        for event, aggregate in of_reply("r1"):
            await told.say(event, aggregate)
            topic, reply = await next_of(socket)
            assert (topic["id"], reply) == (TOPIC, REPLY), event


async def test_of_a_reply_that_one_cannot_read_nothing_is_told(told: Replica) -> None:
    hide(told, "r7")
    calls = told.house.forum.calls
    async with await told.socket() as socket:
        await begun(socket)
        for number, (event, aggregate) in enumerate(of_reply("r7")):
            await told.say(event, aggregate)  # each is looked at
            await until(lambda: calls["BatchGetReplies"] > number)  # noqa: B023
        await told.edit("Can be read")
        topic, reply = await next_of(socket)
        assert (topic["title"], reply) == ("Can be read", None)


async def test_reactions_and_votes_for_the_topic_are_told(told: Replica) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        for event in (
            said.ReactionAdded(topic_id="t1", author_id="p2"),
            said.ReactionRemoved(topic_id="t1", author_id="p2"),
        ):
            await told.say(event, "reactions/reactions-t1")
            topic, reply = await next_of(socket)
            assert (topic["reactions"], reply) == ([{"count": 7}], None)
        await score(told, 3)
        topic, reply = await next_of(socket)
        assert (topic["score"], reply) == (3, None)


async def test_of_another_topic_only_its_own_listeners_hear(told: Replica) -> None:
    async with await told.socket() as socket, await told.socket() as other:
        await begun(socket)
        await begun(other, OTHER_TOPIC)
        for event, aggregate in (
            *of_reply("r2", "t2"),
            (said.ReactionAdded(topic_id="t2"), "reactions/reactions-t2"),
            (said.PollClosed(topic_id="t2"), "poll/poll-t2"),
        ):
            await told.say(event, aggregate)
        replies = [(await next_of(other))[1]]
        while replies[-1] is not None:  # several of one reply are told once
            replies.append((await next_of(other))[1])
        assert set(replies[:-1]) == {encode_reply_id("c1", "t2", "r2")}
        await told.edit("Mine")
        assert (await next_of(socket))[0]["title"] == "Mine"


async def test_a_ballot_is_told_to_whom_the_results_are_shown(
    told: Replica, participation: ParticipationStandIn
) -> None:
    ballot = said.BallotCast(topic_id="t1")
    asked = participation.calls
    async with await told.socket() as socket:
        await begun(socket)
        at_once = asked["BatchGetPolls"]
        assert at_once == 1  # what is compared later is what is shown now
        await told.say(ballot, "poll/poll-t1")  # the person sees no results
        await until(lambda: asked["BatchGetPolls"] > at_once)
        await told.edit("Can be read")
        topic, _ = await next_of(socket)
        assert (topic["title"], topic["poll"]) == ("Can be read", {"voterCount": None})
        for voters in (4, 5):
            participation.voters["t1"] = voters
            await told.say(ballot, "poll/poll-t1")
            topic, reply = await next_of(socket)
            assert (topic["poll"], reply) == ({"voterCount": voters}, None)


async def test_resuming_tells_what_was_said_without_words(
    told: Replica, participation: ParticipationStandIn
) -> None:
    hide(told, "r7")
    async with await told.socket() as socket:
        event_id = await begun(socket)
    told_to_nobody = [
        *of_reply("r7"),
        *of_reply("r2", "t2"),
        (said.ReactionAdded(topic_id="t2"), "reactions/reactions-t2"),
        (said.BallotCast(topic_id="t2"), "poll/poll-t2"),
    ]
    reacted = said.ReactionAdded(topic_id="t1", reply_id="r1"), "reactions/reactions-r1"
    voted = said.VoteCast(topic_id="t1", reply_id="r3"), "topic/t1"
    liked = said.ReactionAdded(topic_id="t1"), "reactions/reactions-t1"
    for event, aggregate in (*told_to_nobody, reacted, voted, liked):
        await told.say(event, aggregate)
    participation.voters["t1"] = 9
    await told.say(said.BallotCast(topic_id="t1"), "poll/poll-t1")
    found = []
    for _ in range(4):  # after each answer the line breaks
        async with await told.socket() as socket:
            await socket.subscribe(SELECTED, after=event_id)
            data, event_id = await socket.told()
            changed = data["topicChanged"]
            assert changed["topic"]["poll"] == {"voterCount": 9}
            found.append(changed["reply"] and changed["reply"]["id"])
    third = encode_reply_id("c1", "t3", "r3")  # the stand-in has each in the topic of its number
    assert found == [None, REPLY, third, None]  # at first the poll, with what it now shows
    async with await told.socket() as socket:
        await socket.subscribe(SELECTED, after=event_id)
        await told.edit("The next thing")
        assert (await next_of(socket))[0]["title"] == "The next thing"


async def test_where_too_many_have_reacted_one_is_to_read_anew(
    told: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To whatever posts of the community: there is no telling which were of the topic."""
    monkeypatch.setattr(feeds, "MOST_MISSED", 3)
    async with await told.socket() as socket:
        event_id = await begun(socket)
    for number in range(4):
        event = said.ReactionAdded(topic_id="t2", reply_id=f"r{number}")
        await told.say(event, f"reactions/reactions-r{number}")
    async with await told.socket() as socket:
        await socket.subscribe(SELECTED, after=event_id)
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "RESUME_NOT_POSSIBLE"}
