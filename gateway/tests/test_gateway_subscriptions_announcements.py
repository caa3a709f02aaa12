"""announcementsChanged over real sockets and a real NATS: who is told of what, and who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message

from chassis.errors import UnavailableError
from chassis.messaging import stream_name
from gateway.cursors import encode_id
from gateway.tests.announcements_standin import AnnouncementStandIn
from gateway.tests.conftest import House
from gateway.tests.socket_client import Socket, until, within
from gateway.tests.subscribing import Replica, replica
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said

COMMUNITY = encode_id("Community", "c1", "c1")
CHANGED = "subscription { announcementsChanged { communityId time announcement { id state } } }"
OF_ONE = """subscription ($id: ID!) {
  announcementsChanged(communityIds: [$id]) { communityId time announcement { id } }
}"""
BOUND = 5.0  # seconds until what is revoked has ended
NOTHING = {"communityId": None, "time": None, "announcement": None}
NEWS = (
    said.AnnouncementPublished, said.AnnouncementBecameVisible, said.AnnouncementCorrected,
    said.AnnouncementWithdrawn, said.AnnouncementExpired, said.AnnouncementArchived,
)  # fmt: skip
NO_NEWS = (
    said.AnnouncementDrafted, said.AnnouncementScheduled, said.AnnouncementAudienceFrozen,
    said.AnnouncementReminderDue,
)  # fmt: skip


@pytest_asyncio.fixture
async def told(house: House, nats_url: str) -> AsyncIterator[Replica]:
    async with replica(house, nats_url) as running:
        yield running


async def begun(socket: Socket, query: str = CHANGED, **more: Any) -> str:
    """It is told how things are; where one goes on from there."""
    await socket.subscribe(query, of=COMMUNITY, **more)
    data, event_id = await socket.told()
    assert data == {"announcementsChanged": NOTHING}
    return event_id


async def say(told: Replica, id_: str, event: type[Message] = said.AnnouncementPublished) -> None:
    await told.say(event(announcement_id=id_, channel_id="ch1"), f"announcement/{id_}")


async def announced(socket: Socket) -> str:
    """The announcement that is told next; empty: it cannot be read any more."""
    data, _ = await socket.told()
    change = data["announcementsChanged"]
    assert change["communityId"] == COMMUNITY
    assert change["time"]
    ids = {encode_id("Announcement", "c1", f"a{number}"): f"a{number}" for number in range(9)}
    return ids[change["announcement"]["id"]] if change["announcement"] else ""


def asked(announcements: AnnouncementStandIn) -> list[list[str]]:
    """For which announcements somebody asked, as their reader."""
    found = [r for r in announcements.requests if isinstance(r, pb.BatchGetAnnouncementsRequest)]
    assert all(one.as_reader for one in found)
    return [list(one.announcement_ids) for one in found]


async def is_quiet(told: Replica, *sockets: Socket) -> None:
    """All that was said is looked at, and nobody was told."""
    feed = told.subscriptions.feeds["forum"]
    last = (await told.bus.js.stream_info(stream_name("forum"))).state.last_seq
    await until(lambda: feed.position >= last)
    listeners = {one for some in feed._listeners.values() for one in some}
    await until(lambda: not any(one._pending for one in listeners))  # type: ignore[attr-defined]
    for socket in sockets:
        await socket.send("ping")
        assert await socket.next() == {"type": "pong"}


@pytest.mark.parametrize("event", NEWS, ids=lambda event: event.__name__)
async def test_what_readers_get_have_or_lose_is_told(told: Replica, event: type[Message]) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        await say(told, "a2", event)
        assert await announced(socket) == "a2"


async def test_what_is_no_news_to_readers_is_asked_for_by_nobody(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    async with await told.socket() as socket:
        await begun(socket)
        await told.say(said.AnnouncementAcknowledged(announcement_id="a2"), "acknowledgement/x1")
        for event in NO_NEWS:
            await say(told, "a2", event)
        await is_quiet(told, socket)
        assert not asked(announcements)


async def test_news_are_told_though_something_else_was_said_behind_it(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    announcements.failures["BatchGetAnnouncements"] = UnavailableError()
    async with await told.socket() as socket:
        await begun(socket)
        await say(told, "a2")
        await say(told, "a2", said.AnnouncementAudienceFrozen)
        await until(lambda: asked(announcements))
        announcements.failures.clear()
        assert await announced(socket) == "a2"
        await is_quiet(told, socket)


async def test_an_outsider_to_its_audience_hears_nothing(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    announcements.walled |= {"a1", "a2"}
    async with await told.socket() as socket:
        await begun(socket)
        for event in (*NEWS, *NO_NEWS):
            await say(told, "a2", event)
            await say(told, "a1", event)
        await until(lambda: asked(announcements))
        await is_quiet(told, socket)
        announcements.walled.clear()
        await say(told, "a2")
        assert await announced(socket) == "a2"


async def test_that_its_hour_has_come_is_told_once_and_takes_nothings_place(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    announcements.walled.add("a2")
    async with await told.socket() as socket:
        await begun(socket)
        await say(told, "a2")
        await say(told, "a2", said.AnnouncementBecameVisible)  # elsewhere
        await is_quiet(told, socket)
        announcements.walled.clear()
        await say(told, "a2", said.AnnouncementBecameVisible)
        data, event_id = await socket.told()
        assert data["announcementsChanged"]["announcement"]["state"] == "PUBLISHED"
        before = len(asked(announcements))
        await say(told, "a2", said.AnnouncementBecameVisible)  # further west
        await is_quiet(told, socket)
        assert len(asked(announcements)) == before
        announcements.failures["BatchGetAnnouncements"] = UnavailableError()
        await say(told, "a2", said.AnnouncementCorrected)
        await say(told, "a2", said.AnnouncementBecameVisible)
        await say(told, "a3", said.AnnouncementBecameVisible)
        await until(lambda: len(asked(announcements)) > before)
        announcements.failures.clear()
        assert [await announced(socket) for _ in range(2)] == ["a2", "a3"]
        await is_quiet(told, socket)
    async with await told.socket() as socket:  # and who goes on has been told
        await socket.subscribe(CHANGED, after=event_id)
        assert [await announced(socket) for _ in range(2)] == ["a2", "a3"]
        await is_quiet(told, socket)


async def test_what_was_withdrawn_from_ones_lists_is_told_without_it(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    announcements.former.add("a3")
    async with await told.socket() as socket:
        await begun(socket)
        await say(told, "a3", said.AnnouncementWithdrawn)
        assert await announced(socket) == ""


async def test_everybody_asks_as_themselves(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    token = told.house.issuer.access_token({"sub": "s2"})
    async with await told.socket() as socket, await told.socket(token) as other:
        for one in (socket, other):
            await begun(one)
        await say(told, "a1")
        assert [await announced(one) for one in (socket, other)] == ["a1", "a1"]
        actors = [one.person_id for one in announcements.actors if one]
        assert sorted(actors) == ["p1", "p2"]


@pytest.mark.parametrize("query", [CHANGED, OF_ONE], ids=["of all", "of one named"])
async def test_who_loses_the_last_community_is_told_the_end_in_time(
    told: Replica, announcements: AnnouncementStandIn, query: str
) -> None:
    """And another's goes on."""
    token = told.house.issuer.access_token({"sub": "s2"})
    async with await told.socket(token) as socket, await told.socket() as other:
        for one in (socket, other):
            await begun(one, query)
        told.house.directory.left.add("p2")
        (failure,) = await within(BOUND, socket.refused())
        assert failure["extensions"]["code"] == "COMMUNITY_NOT_FOUND"
        await say(told, "a2")
        assert await announced(other) == "a2"
        assert asked(announcements) == [["a2"]]


async def test_who_leaves_one_of_their_communities_hears_of_it_no_more(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    token = told.house.issuer.access_token({"sub": "s2"})
    directory, feed = told.house.directory, told.subscriptions.feeds["forum"]
    directory.others["p2"] = ["c2"]
    async with await told.socket(token) as socket:
        await begun(socket)
        assert len(feed._listeners) == 2
        directory.left.add("p2")
        await until(lambda: list(feed._listeners) == ["evt.forum.c2.announcement"])
        await say(told, "a2")
        await is_quiet(told, socket)
        assert not asked(announcements)
        directory.left.clear()  # and is back
        await until(lambda: len(feed._listeners) == 2)
        await say(told, "a4")
        assert await announced(socket) == "a4"


async def test_who_is_of_no_such_community_hears_what_nobody_does(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    """Of another community the same as of one that is not there."""
    token = told.house.issuer.access_token({"sub": "s2"})
    told.house.directory.left.add("p2")
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
        await say(told, "a1")
        await is_quiet(told, socket)
        assert not told.subscriptions.feeds["forum"]._listeners
    assert not asked(announcements)


async def test_of_the_communities_named_only(told: Replica) -> None:
    async with await told.socket() as socket:
        await begun(socket, OF_ONE)
        await say(told, "a2")
        assert await announced(socket) == "a2"
        await socket.subscribe(OF_ONE, id="2", of=encode_id("Topic", "c1", "t1"))
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_was_missed_is_told_once_and_in_order(
    told: Replica, announcements: AnnouncementStandIn
) -> None:
    announcements.walled.add("a1")
    async with await told.socket() as socket:
        event_id = await begun(socket)
    for id_ in ("a2", "a1", "a3"):
        await say(told, id_)
    await say(told, "a2", said.AnnouncementCorrected)
    await say(told, "a3", said.AnnouncementReminderDue)
    async with await told.socket() as socket:
        await socket.subscribe(CHANGED, after=event_id)
        assert [await announced(socket) for _ in range(2)] == ["a3", "a2"]
        await say(told, "a4")
        data, last = await socket.told()
        told_of = data["announcementsChanged"]["announcement"]
        assert told_of == {"id": encode_id("Announcement", "c1", "a4"), "state": "PUBLISHED"}
        await is_quiet(told, socket)
        # Of another's, and of other communities, it is no event.
        await socket.subscribe(OF_ONE, id="2", after=last, of=COMMUNITY)
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "RESUME_NOT_POSSIBLE"
    async with await told.socket(told.house.issuer.access_token({"sub": "s2"})) as socket:
        await socket.subscribe(CHANGED, after=last)
        (failure,) = await socket.refused()
        assert failure["extensions"]["code"] == "RESUME_NOT_POSSIBLE"


async def test_who_names_many_communities_goes_on_too(told: Replica) -> None:
    many = [COMMUNITY, *(encode_id("Community", f"{n:032}", f"{n:032}") for n in range(99))]
    named = ", ".join(f'"{one}"' for one in many)
    query = OF_ONE.replace("$id", named).replace(f"({named}: ID!)", "")
    async with await told.socket() as socket:
        event_id = await begun(socket, query)
    await say(told, "a2")
    async with await told.socket() as socket:
        await socket.subscribe(query, after=event_id)
        assert await announced(socket) == "a2"


async def test_ended_subscriptions_leave_nothing_behind(told: Replica) -> None:
    feed = told.subscriptions.feeds["forum"]
    async with await told.socket() as socket:
        await begun(socket)
        await begun(socket, id="2")
        await socket.send("complete", id="1")
        await until(lambda: [len(one) for one in feed._listeners.values()] == [1])
    await until(lambda: not feed._listeners)
