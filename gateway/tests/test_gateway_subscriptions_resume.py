"""Going on where one was: behind an event, at another replica, over an outage of NATS."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.messaging import stream_name
from chassis.testing import free_port
from devstack.engines import nats
from gateway.cursors import encode_id
from gateway.subscriptions.event_ids import EventIds, Place
from gateway.tests.conftest import House
from gateway.tests.socket_client import PATIENCE, TOPIC, Socket, until
from gateway.tests.subscribing import Replica, replica
from guildhall.forum.v1 import domain_events_pb2

OTHER_TOPIC = encode_id("Topic", "c1", "t2")


@pytest_asyncio.fixture
async def told(house: House, nats_url: str) -> AsyncIterator[Replica]:
    async with replica(house, nats_url) as running:
        yield running


async def begun(told: Replica) -> str:
    """The id with which one goes on from now."""
    async with await told.socket() as socket:
        await socket.subscribe()
        _, event_id = await socket.told()
    return event_id


async def replies_said(told: Replica, *ids: str) -> None:
    for id_ in ids:
        await told.say(domain_events_pb2.ReplyPublished(reply_id=id_, topic_id="t1"))


async def reply_ids(socket: Socket, count: int) -> list[str]:
    found = []
    for _ in range(count):
        data, _ = await socket.told()
        found.append(data["topicChanged"]["reply"]["id"])
    return found


def global_ids(*ids: str) -> list[str]:
    """Of the stand-in's replies: it has each in the topic of the same number."""
    return [encode_id("Reply", "c1", f"t{id_[1:]}.{id_}") for id_ in ids]


async def test_what_was_missed_is_told_once_and_in_order(told: Replica) -> None:
    event_id = await begun(told)
    await replies_said(told, "r1", "r2", "r3")
    async with await told.socket() as socket:
        await socket.subscribe(after=event_id)
        assert await reply_ids(socket, 2) == global_ids("r1", "r2")
        data, event_id = await socket.told()
        assert data["topicChanged"]["reply"]["id"] == global_ids("r3")[0]
        await replies_said(told, "r4")
        assert await reply_ids(socket, 1) == global_ids("r4")
    async with await told.socket() as socket:
        await socket.subscribe(after=event_id)
        assert await reply_ids(socket, 1) == global_ids("r4")
        await replies_said(told, "r5")
        assert await reply_ids(socket, 1) == global_ids("r5")


async def test_where_nothing_was_missed_nothing_is_told(told: Replica) -> None:
    event_id = await begun(told)
    async with await told.socket() as socket:
        await socket.subscribe(after=event_id)
        await socket.send("ping")
        assert await socket.next() == {"type": "pong"}
        # An event, but nothing that the person sees has changed since that id was given.
        await told.say(domain_events_pb2.TopicEdited(topic_id="t1"))
        await told.edit("Seen")
        assert await socket.title() == "Seen"


async def test_resuming_while_much_is_said_loses_and_doubles_nothing(told: Replica) -> None:
    event_id = await begun(told)
    ids = [f"r{number}" for number in range(1, 41)]
    saying = asyncio.create_task(replies_said(told, *ids))
    found: list[str] = []
    while len(found) < len(ids):  # every few answers the line breaks
        async with await told.socket() as socket:
            await socket.subscribe(after=event_id)
            for _ in range(min(7, len(ids) - len(found))):
                data, event_id = await socket.told()
                found.append(data["topicChanged"]["reply"]["id"])
    await saying
    assert found == global_ids(*ids)


async def test_another_replica_goes_on(told: Replica, nats_url: str) -> None:
    event_id = await begun(told)
    await replies_said(told, "r1")
    async with (
        replica(told.house, nats_url) as other,
        await other.socket() as socket,
        await told.socket() as here,
    ):
        await socket.subscribe(after=event_id)
        await here.subscribe(after=event_id)
        assert await reply_ids(socket, 1) == await reply_ids(here, 1) == global_ids("r1")
        await replies_said(told, "r2")
        assert await reply_ids(socket, 1) == await reply_ids(here, 1) == global_ids("r2")


async def test_an_id_counts_for_one_person_and_one_subject(told: Replica) -> None:
    event_id = await begun(told)
    other = told.house.issuer.access_token({"sub": "s2"})
    for token, topic, after in (
        (other, TOPIC, event_id),
        ("", OTHER_TOPIC, event_id),
        ("", TOPIC, event_id[:-2] + "AA"),
        ("", TOPIC, "0"),
        ("", TOPIC, "é"),
        ("", TOPIC, "x" * 5_000),
    ):
        async with await told.socket(token) as socket:
            await socket.subscribe(after=after, of=topic)
            (failure,) = await socket.refused()
            assert failure["extensions"] == {"code": "RESUME_NOT_POSSIBLE"}, (topic, after[:20])


def test_an_id_tells_nothing() -> None:
    """How far the stream went on is how much is said elsewhere."""
    ids = EventIds(b"k" * 32)
    near, far = (ids.seal("p1", "evt", Place("a", seq, "")) for seq in (11, 99))
    assert len(near) == len(far)
    assert ids.seal("p1", "evt", Place("a", 11, "")) != near
    assert ids.open("p1", "evt", near) == Place("a", 11, "")
    assert EventIds(b"l" * 32).open("p1", "evt", near) is None


async def test_what_is_not_known_any_more_is_told(told: Replica) -> None:
    event_id = await begun(told)
    await replies_said(told, "r1", "r2")
    async with await told.socket() as socket:  # nothing of it is told twice afterwards
        await socket.subscribe(after=event_id)
        await reply_ids(socket, 2)
    await told.bus.js.purge_stream(stream_name("forum"))
    async with await told.socket() as socket:
        await socket.subscribe(after=event_id)
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "RESUME_NOT_POSSIBLE"}
        await socket.subscribe()
        _, event_id = await socket.told()
        await replies_said(told, "r3")
        assert await reply_ids(socket, 1) == global_ids("r3")
        await socket.subscribe(id="2", after=event_id)
        assert await reply_ids(socket, 1) == global_ids("r3")


async def test_more_than_can_be_told_one_by_one_is_to_be_read_anew(told: Replica) -> None:
    event_id = await begun(told)
    await replies_said(told, *[f"r{number}" for number in range(1, 67)])
    async with await told.socket() as socket:
        await socket.subscribe(after=event_id)
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "RESUME_NOT_POSSIBLE"}


async def test_a_stream_that_began_anew_is_told(told: Replica) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        _, event_id = await socket.told()
        await told.bus.js.delete_stream(stream_name("forum"))
        await told.bus.ensure_stream("forum")
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "RESUME_NOT_POSSIBLE"}
        await socket.subscribe(after=event_id)
        (failure,) = await socket.refused()
        assert failure["extensions"] == {"code": "RESUME_NOT_POSSIBLE"}
        await socket.subscribe()
        await socket.told()
        await told.edit("In the new stream")
        assert await socket.title() == "In the new stream"


@pytest.mark.timeout(120)
async def test_over_an_outage_of_nats_nothing_is_lost_or_doubled(
    house: House, tmp_path: Path
) -> None:
    """Killed, and back: what is said before this process hears again is told all the same."""
    port = free_port()
    engine = nats(tmp_path / "nats", port)
    engine.start()
    await asyncio.to_thread(engine.wait_ready)
    try:
        async with (
            replica(house, f"nats://127.0.0.1:{port}") as told,
            await told.socket() as socket,
        ):
            await socket.subscribe()
            _, event_id = await socket.told()
            await replies_said(told, "r1")
            assert await reply_ids(socket, 1) == global_ids("r1")
            assert engine.process is not None
            assert engine.process.pid is not None
            os.kill(engine.process.pid, signal.SIGKILL)
            await asyncio.to_thread(engine.process.wait)
            await until(lambda: not told.bus.connected)
            # Not told while it is away, and not closed either: rights are asked elsewhere.
            await socket.send("ping")
            assert await socket.next() == {"type": "pong"}
            async with await told.socket() as other:
                await other.subscribe(after=event_id)
                (failure,) = await other.refused()
                assert failure["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
            engine.start()
            async with asyncio.timeout(PATIENCE):
                await asyncio.to_thread(engine.wait_ready)
            await until(lambda: told.bus.connected)
            await replies_said(told, "r2", "r3")
            assert await reply_ids(socket, 2) == global_ids("r2", "r3")
            await replies_said(told, "r4")
            assert await reply_ids(socket, 1) == global_ids("r4")
    finally:
        engine.stop()
