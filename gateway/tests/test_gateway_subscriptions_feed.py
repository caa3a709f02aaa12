"""feedChanged over real sockets and a real NATS: who is told of which activity, and who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import PeerFailedError, UnavailableError
from chassis.messaging import stream_name
from chassis.ordered import Heard
from gateway.cursors import encode_id
from gateway.subscriptions import followers as followers_module
from gateway.subscriptions.connection import Close
from gateway.subscriptions.followers import Followers
from gateway.tests.conftest import House
from gateway.tests.feed_standin import FeedStandIn
from gateway.tests.socket_client import Socket, until, within
from gateway.tests.subscribing import Replica, replica
from guildhall.forum.v1 import domain_events_pb2 as said

COMMUNITY = encode_id("Community", "c1", "c1")
FEED_CHANGED = "subscription { feedChanged { item { reason topic { id } } } }"
WITH_REPLY = "subscription { feedChanged { item { topic { id } newestReply { body } } } }"
OF_ONE = """subscription ($id: ID!) {
  feedChanged(communityIds: [$id]) { item { reason topic { id } } }
}"""
BOUND = 5.0  # seconds until what is revoked has ended
NOTHING = {"feedChanged": {"item": None}}


@pytest_asyncio.fixture
async def told(house: House, nats_url: str, feed: FeedStandIn) -> AsyncIterator[Replica]:
    """Edda (p1) follows a space; the topics with even numbers are in it."""
    feed.keys["p1"] = ["space:sp1"]
    async with replica(house, nats_url) as running:
        yield running


async def begun(socket: Socket, query: str = FEED_CHANGED, **more: Any) -> str:
    """It is told how things are; where one goes on from there."""
    await socket.subscribe(query, of=COMMUNITY, **more)
    data, event_id = await socket.told()
    assert data == NOTHING
    return event_id


async def topic_told(socket: Socket) -> str:
    data, _ = await socket.told()
    return raw(data)


def raw(data: dict[str, Any]) -> str:
    ids = {encode_id("Topic", "c1", f"t{number}"): f"t{number}" for number in range(1, 80)}
    return ids[data["feedChanged"]["item"]["topic"]["id"]]


async def publish(told: Replica, *topics: str, by: str = "p5") -> None:
    for id_ in topics:
        await told.say(said.TopicPublished(topic_id=id_, author_id=by), f"topic/{id_}")


async def reply(told: Replica, topic: str, *, by: str = "p5") -> None:
    event = said.ReplyPublished(reply_id="r1", topic_id=topic, author_id=by)
    await told.say(event, f"topic/{topic}")


async def mention(told: Replica, topic: str, *persons: str) -> None:
    event = said.MentionAdded(topic_id=topic, author_id="p5", mentioned_ids=persons)
    await told.say(event, f"topic/{topic}")


async def is_quiet(told: Replica, *sockets: Socket) -> None:
    """All that was said is looked at, and nobody was told."""
    await publish(told, "t0")  # is open to nobody, and looked at
    followers = told.subscriptions.followers
    feed = told.subscriptions.feeds["forum"]
    last = (await told.bus.js.stream_info(stream_name("forum"))).state.last_seq
    await until(lambda: feed.position >= last and not followers._waiting)
    await until(lambda: not any(one._pending for one in followers._followers))  # type: ignore[attr-defined]
    for socket in sockets:
        await socket.send("ping")
        assert await socket.next() == {"type": "pong"}


async def test_activity_in_the_feed_is_told_with_its_reason(
    told: Replica, feed: FeedStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        await publish(told, "t2")
        data, _ = await socket.told()
        topic = {"id": encode_id("Topic", "c1", "t2")}
        assert data == {"feedChanged": {"item": {"reason": "FOLLOWED_SPACE", "topic": topic}}}
        await reply(told, "t4")
        assert await topic_told(socket) == "t4"
        await begun(socket, WITH_REPLY, id="2")
        await reply(told, "t6")
        both = [(await socket.next())["payload"]["data"]["feedChanged"]["item"] for _ in range(2)]
        assert {
            "topic": {"id": encode_id("Topic", "c1", "t6")},
            "newestReply": {"body": "answer"},
        } in both
        assert "ListFeed" not in feed.calls


async def test_what_is_no_activity_or_in_no_feed_is_asked_for_by_nobody(
    told: Replica, feed: FeedStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        await publish(told, "t1", "t3")  # of another space
        await told.say(said.TopicEdited(topic_id="t2"), "topic/t2")
        await told.say(said.ReplyHeld(reply_id="r1", topic_id="t2"), "topic/t2")
        await told.say(said.VoteCast(topic_id="t2"), "topic/t2")
        await is_quiet(told, socket)
        assert not feed.calls["BatchGetFeedItems"]
        asked = [
            one for one in feed.requests if type(one).__name__ == "BatchGetTopicFeedKeysRequest"
        ]
        assert {id_ for one in asked for id_ in one.topic_ids} == {"t0", "t1", "t3"}  # type: ignore[attr-defined]


async def test_one_look_at_a_topic_serves_all_and_only_they_ask_who_follow(
    told: Replica, feed: FeedStandIn
) -> None:
    token = told.house.issuer.access_token({"sub": "s2"})
    async with (
        await told.socket() as one,
        await told.socket() as two,
        await told.socket(token) as other,
    ):
        for socket in (one, two, other):
            await begun(socket)
        await reply(told, "t2")
        assert [await topic_told(one), await topic_told(two)] == ["t2", "t2"]
        assert feed.calls["BatchGetTopicFeedKeys"] == 1
        assert feed.calls["BatchGetFeedItems"] == 2
        looks = zip(feed.requests, feed.actors, strict=True)
        whose = {type(r).__name__: actor.person_id for r, actor in looks if actor}
        assert whose == {
            "GetFeedKeysRequest": "p2", "BatchGetTopicFeedKeysRequest": "",
            "BatchGetFeedItemsRequest": "p1",
        }  # fmt: skip
        await is_quiet(told, other)


async def test_what_one_wrote_oneself_is_not_told_and_its_replies_are(
    told: Replica, feed: FeedStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        await publish(told, "t2", by="p1")
        await reply(told, "t1", by="p1")  # elsewhere; from now on it is in one's feed
        await is_quiet(told, socket)
        assert not feed.calls["BatchGetFeedItems"]
        await reply(told, "t1")
        assert await topic_told(socket) == "t1"


async def test_who_is_mentioned_is_told_then_and_later(told: Replica) -> None:
    token = told.house.issuer.access_token({"sub": "s2"})
    async with await told.socket() as socket, await told.socket(token) as other:
        for one in (socket, other):
            await begun(one)
        await mention(told, "t1", "p1")
        assert await topic_told(socket) == "t1"
        await reply(told, "t1")
        assert await topic_told(socket) == "t1"
        await is_quiet(told, other)


async def test_muted_and_walled_topics_are_not_told_nor_that_something_was(
    told: Replica, feed: FeedStandIn
) -> None:
    """The forum says for each what is in the person's feed now."""
    feed.walled.add("t2")
    async with await told.socket() as socket:
        await begun(socket)
        await reply(told, "t2")
        await until(lambda: feed.calls["BatchGetFeedItems"])
        await is_quiet(told, socket)
        feed.walled.clear()
        await reply(told, "t2")
        assert await topic_told(socket) == "t2"


async def test_what_one_follows_from_now_on_is_heard_at_once(
    told: Replica, feed: FeedStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        feed.keys["p1"] = ["space:sp2"]
        await told.say(said.FollowChanged(person_id="p1"), "reader/x1")
        await publish(told, "t1")
        assert await topic_told(socket) == "t1"
        await until(lambda: feed.calls["GetFeedKeys"] == 2)
        before = feed.calls["BatchGetFeedItems"]
        await told.say(said.FollowChanged(person_id="p9"), "reader/x9")
        await publish(told, "t2")  # is followed no more
        await is_quiet(told, socket)
        assert feed.calls["GetFeedKeys"] == 2
        assert feed.calls["BatchGetFeedItems"] == before


async def test_who_comes_into_a_group_hears_of_its_spaces_until_they_go(
    told: Replica, feed: FeedStandIn
) -> None:
    """Nobody says that they follow something else: the keys that they hold do."""
    directory = told.house.directory
    async with await told.socket() as socket:
        await begun(socket)
        feed.keys["p1"] = ["space:sp1", "space:sp2"]
        directory.groups["p1"] = ["g1"]
        await until(lambda: feed.calls["GetFeedKeys"] == 2)
        await publish(told, "t1")
        assert await topic_told(socket) == "t1"
        feed.keys["p1"] = ["space:sp1"]
        directory.groups.clear()
        await until(lambda: feed.calls["GetFeedKeys"] == 3)
        before = feed.calls["BatchGetFeedItems"]
        await publish(told, "t3")
        await is_quiet(told, socket)
        assert feed.calls["BatchGetFeedItems"] == before


async def test_until_it_is_known_what_one_follows_nothing_is_lost(
    told: Replica, feed: FeedStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        feed.failures["GetFeedKeys"] = UnavailableError()
        await told.say(said.FollowChanged(person_id="p1"), "reader/x1")
        await publish(told, "t1")
        await until(lambda: feed.calls["GetFeedKeys"] > 2)
        feed.keys["p1"] = ["space:sp2"]
        feed.failures.clear()
        assert await topic_told(socket) == "t1"


async def test_a_forum_that_is_away_or_fails_loses_nothing(
    told: Replica, feed: FeedStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        feed.failures["BatchGetTopicFeedKeys"] = UnavailableError()
        await publish(told, "t2")
        await until(lambda: feed.calls["BatchGetTopicFeedKeys"])
        feed.failures.clear()
        assert await topic_told(socket) == "t2"
        feed.failures["BatchGetTopicFeedKeys"] = PeerFailedError()
        await publish(told, "t4")
        assert await topic_told(socket) == "t4"


async def test_who_leaves_a_community_hears_of_it_no_more(told: Replica, feed: FeedStandIn) -> None:
    token = told.house.issuer.access_token({"sub": "s2"})
    feed.keys["p2"] = ["space:sp1"]
    followers = told.subscriptions.followers
    async with await told.socket(token) as socket, await told.socket() as other:
        for one in (socket, other):
            await begun(one)
        directory = told.house.directory
        directory.others["p2"] = ["c2"]
        await until(lambda: [f.communities for f in followers._by_person["p2"]] == [{"c1", "c2"}])
        directory.left.add("p2")
        await until(lambda: [f.communities for f in followers._by_person["p2"]] == [{"c2"}])
        before = feed.calls["BatchGetFeedItems"]
        await publish(told, "t2")
        assert await topic_told(other) == "t2"
        await is_quiet(told, socket)
        assert feed.calls["BatchGetFeedItems"] == before + 1
        directory.left.clear()  # and is back
        await until(lambda: [f.communities for f in followers._by_person["p2"]] == [{"c1", "c2"}])
        await publish(told, "t4")
        assert await topic_told(socket) == "t4"


@pytest.mark.parametrize("query", [FEED_CHANGED, OF_ONE], ids=["of all", "of one named"])
async def test_who_loses_the_last_community_is_told_the_end_in_time(
    told: Replica, feed: FeedStandIn, query: str
) -> None:
    """And another's goes on."""
    token = told.house.issuer.access_token({"sub": "s2"})
    feed.keys["p2"] = ["space:sp1"]
    async with await told.socket(token) as socket, await told.socket() as other:
        for one in (socket, other):
            await begun(one, query)
        told.house.directory.left.add("p2")
        (failure,) = await within(BOUND, socket.refused())
        assert failure["extensions"]["code"] == "COMMUNITY_NOT_FOUND"
        before = feed.calls["BatchGetFeedItems"]
        await publish(told, "t2")
        assert await topic_told(other) == "t2"
        await is_quiet(told, socket)
        assert feed.calls["BatchGetFeedItems"] == before + 1
        followers = told.subscriptions.followers
        assert {one.person_id for one in followers._followers.values()} == {"p1"}


async def test_whoever_is_in_no_community_yet_hears_of_the_first(
    told: Replica, feed: FeedStandIn
) -> None:
    token = told.house.issuer.access_token({"sub": "s2"})
    directory = told.house.directory
    directory.left.add("p2")
    feed.keys["p2"] = ["space:sp1"]
    async with await told.socket(token) as socket:
        await begun(socket)
        directory.operators.add("p2")  # other rights, and none more in any community
        await until(lambda: feed.calls["GetFeedKeys"] == 2)
        directory.left.clear()
        await until(lambda: feed.calls["GetFeedKeys"] == 3)
        await publish(told, "t2")
        assert await topic_told(socket) == "t2"


async def test_who_is_of_no_such_community_hears_what_nobody_does(
    told: Replica, feed: FeedStandIn
) -> None:
    """Of another community the same as of one that is not there."""
    token = told.house.issuer.access_token({"sub": "s2"})
    told.house.directory.left.add("p2")
    feed.keys["p2"] = ["space:sp1"]
    failures: list[list[dict[str, Any]]] = []
    async with await told.socket(token) as socket:
        for number, id_ in enumerate((COMMUNITY, encode_id("Community", "nothing", "nothing"))):
            await socket.subscribe(OF_ONE, id=str(number), of=id_)
            failures.append(await socket.refused())
        assert failures[0] == failures[1]
        assert failures[0][0]["extensions"] == {
            "code": "COMMUNITY_NOT_FOUND",
            "field": "communityIds",
        }
        await mention(told, "t1", "p2")
        await publish(told, "t2")
        await is_quiet(told, socket)
        assert not told.subscriptions.feeds["forum"]._listeners
    assert not feed.calls["BatchGetFeedItems"]


async def test_of_the_communities_named_only(told: Replica, feed: FeedStandIn) -> None:
    async with await told.socket() as socket:
        await begun(socket, OF_ONE)
        await publish(told, "t2")
        assert await topic_told(socket) == "t2"
        named = [list(r.community_ids) for r in feed.requests if hasattr(r, "community_ids")]
        assert named == [["c1"], ["c1"]]
        await socket.subscribe(OF_ONE, id="2", of=encode_id("Topic", "c1", "t1"))
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_was_missed_is_told_once_and_in_order(told: Replica, feed: FeedStandIn) -> None:
    async with await told.socket() as socket:
        event_id = await begun(socket)
    await publish(told, "t2", "t1")
    await publish(told, "t8", by="p1")
    await reply(told, "t4")
    await mention(told, "t3", "p1")
    await reply(told, "t2")
    async with await told.socket() as socket:
        await socket.subscribe(FEED_CHANGED, after=event_id)
        assert [await topic_told(socket) for _ in range(3)] == ["t4", "t3", "t2"]
        await publish(told, "t6")
        data, last = await socket.told()
        assert raw(data) == "t6"
        await is_quiet(told, socket)
        # Of another's feed, and of other communities, it is no event.
        await socket.subscribe(OF_ONE, id="2", after=last, of=COMMUNITY)
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "RESUME_NOT_POSSIBLE"
    async with await told.socket(told.house.issuer.access_token({"sub": "s2"})) as socket:
        await socket.subscribe(FEED_CHANGED, after=last)
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "RESUME_NOT_POSSIBLE"


async def test_who_names_many_communities_goes_on_too(told: Replica) -> None:
    many = [COMMUNITY, *(encode_id("Community", f"{n:032}", f"{n:032}") for n in range(99))]
    named = ", ".join(f'"{one}"' for one in many)
    query = (
        f"subscription {{ feedChanged(communityIds: [{named}]) {{ item {{ topic {{ id }} }} }} }}"
    )
    async with await told.socket() as socket:
        event_id = await begun(socket, query)
    await publish(told, "t2")
    async with await told.socket() as socket:
        await socket.subscribe(query, after=event_id)
        assert await topic_told(socket) == "t2"


async def test_more_than_can_be_told_is_to_be_read_anew(told: Replica) -> None:
    async with await told.socket() as socket:
        event_id = await begun(socket)
    await publish(told, *(f"t{number * 2}" for number in range(1, 67)))
    async with await told.socket() as socket:
        await socket.subscribe(FEED_CHANGED, after=event_id)
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "RESUME_NOT_POSSIBLE"


async def test_who_is_nobody_any_more_is_closed(told: Replica) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        told.house.directory.known.clear()
        told.house.directory.failures["SignIn"] = PeerFailedError()
        code, _ = await socket.closed()
        assert code in (Close.FORBIDDEN, Close.UNCONFIRMED)


async def test_ended_subscriptions_leave_nothing_behind(told: Replica) -> None:
    followers, feed = told.subscriptions.followers, told.subscriptions.feeds["forum"]
    async with await told.socket() as socket:
        await begun(socket)
        await begun(socket, id="2")
        assert feed._listeners
        await socket.send("complete", id="1")
        await until(lambda: len(followers._followers) == 1)
        assert feed._listeners
    await until(lambda: not followers._followers)
    left = followers._by_key, followers._by_person, followers._communities
    assert not any(left)
    assert not feed._listeners


class _Ear:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def heard(self, event: Heard) -> None:
        self.said.append(event.subject.split(".")[4])

    def begun_anew(self) -> None:
        self.said.append("anew")

    def doubt(self) -> None:
        self.said.append("doubt")


@pytest.fixture
def followers(house: House) -> Followers:
    return house.gateway.subscriptions.followers


def activity(seq: int, topic: str = "t2") -> Heard:
    data = said.TopicPublished(topic_id=topic, author_id="p5").SerializeToString()
    return Heard(f"evt.forum.c1.topic.{topic}.TopicPublished", seq, data)


def test_an_answer_to_a_question_that_was_asked_again_is_none(followers: Followers) -> None:
    ear, by_space = _Ear(), {"t2": ["space:sp1"]}
    followers.listen(ear, "p1", ["c1"])
    first = followers.ask(ear, ["c1"])
    second = followers.ask(ear, ["c1"])
    followers.know(ear, first, [])
    followers._tell(activity(1), by_space)
    assert ear.said == ["t2"]  # it is not known yet, so all is told
    followers.know(ear, second, [])
    followers._tell(activity(2), by_space)
    assert ear.said == ["t2"]
    followers.leave(ear)
    followers.know(ear, second, ["space:sp1"])
    followers._tell(activity(3), by_space)
    assert ear.said == ["t2"]


def test_what_is_heard_while_it_is_asked_stays(followers: Followers) -> None:
    ear = _Ear()
    followers.listen(ear, "p1", ["c1"])
    asked = followers.ask(ear, ["c1"])
    data = said.ReplyPublished(topic_id="t1", author_id="p1").SerializeToString()
    followers._tell(Heard("evt.forum.c1.topic.t1.ReplyPublished", 1, data), {"t1": []})
    followers.know(ear, asked, [])
    followers._tell(activity(2, "t1"), {"t1": []})
    assert ear.said == ["t1"]


def test_more_than_may_wait_begins_anew(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers_module, "MOST_WAITING", 3)
    ear = _Ear()
    followers.listen(ear, "p1", ["c1"])
    for number in range(4):
        followers.heard(activity(number + 1))
    assert ear.said == ["anew"]
    assert [event.seq for event in followers._waiting] == [4]
