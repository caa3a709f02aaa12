"""Ordered consumers on a real NATS: whatever is lost on the way is heard all the same, and once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest_asyncio
from nats.aio.msg import Msg

from chassis.messaging import Bus, stream_name
from chassis.ordered import Heard, OrderedConsumer

PATIENCE = 20.0


class Lossy(OrderedConsumer):
    """Loses messages with this content, the first time each."""

    lost: set[bytes]

    async def _on_message(self, message: Msg) -> None:
        if message.data and message.data in self.lost:
            self.lost.remove(message.data)
        else:
            await super()._on_message(message)


@pytest_asyncio.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    running = Bus(nats_url, name="test")
    running.start()
    await running.until_connected()
    yield running
    await running.close()


class Service:
    """Says things in a stream of its own."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.name = f"s{uuid4().hex[:8]}"
        self.heard: list[Heard] = []
        self.anew = 0

    @contextlib.asynccontextmanager
    async def followed(self, *lost: bytes) -> AsyncIterator[OrderedConsumer]:
        consumer = Lossy(
            self.bus, self.name, [f"evt.{self.name}.*.topic.>"], self.note, self.begin_anew
        )
        consumer.lost = set(lost)
        running = asyncio.create_task(consumer.run())
        try:
            await until(lambda: consumer.incarnation)
            yield consumer
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def note(self, event: Heard) -> None:
        self.heard.append(event)
        if event.data == b"a bug":
            raise ValueError

    def begin_anew(self) -> None:
        self.anew += 1

    async def say(self, *contents: bytes, kind: str = "topic") -> None:
        for content in contents:
            await self.bus.js.publish(f"evt.{self.name}.c1.{kind}.t1.TopicEdited", content)

    async def until_heard(self, count: int) -> list[bytes]:
        await until(lambda: len(self.heard) >= count)
        return [event.data for event in self.heard]


@pytest_asyncio.fixture
async def service(bus: Bus) -> AsyncIterator[Service]:
    made = Service(bus)
    await bus.ensure_stream(made.name)
    yield made
    await bus.js.delete_stream(stream_name(made.name))


async def until(good: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not good():  # noqa: ASYNC110 - nobody tells when it becomes so
            await asyncio.sleep(0.01)


async def test_what_is_said_from_now_on_is_heard_in_order(service: Service) -> None:
    await service.say(b"before")
    async with service.followed() as consumer:
        await service.say(b"one")
        await service.say(b"of another kind", kind="policy")
        await service.say(b"two")
        assert await service.until_heard(2) == [b"one", b"two"]
        assert [event.seq for event in service.heard] == [2, 4]
        assert consumer.position == 4
        assert service.heard[0].name == "TopicEdited"
        assert service.heard[0].time is None


async def test_when_it_was_said_is_heard_and_read(service: Service) -> None:
    said = {"ce-time": "2026-03-01T12:00:00.250Z"}
    async with service.followed() as consumer:
        subject = f"evt.{service.name}.c1.topic.t1.TopicEdited"
        for headers in (said, {"ce-time": "yesterday"}):
            await service.bus.js.publish(subject, b"one", headers=headers)
        await service.until_heard(2)
        missed = await consumer.missed("evt.*.c1.topic.>", 0, 10)
        assert missed == service.heard
        assert [event.time for event in service.heard] == [
            datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC),
            None,
        ]


async def test_a_lost_message_is_heard_in_its_place(service: Service) -> None:
    async with service.followed(b"two"):
        await service.say(b"one", b"two", b"three", b"four")
        heard = await service.until_heard(4)
        assert heard == [b"one", b"two", b"three", b"four"]
    assert service.anew == 0


async def test_where_nothing_comes_behind_it_a_heartbeat_tells(service: Service) -> None:
    async with service.followed(b"two"):
        await service.say(b"one", b"two")
        assert await service.until_heard(2) == [b"one", b"two"]


async def test_a_bug_of_who_hears_ends_nothing(service: Service) -> None:
    async with service.followed():
        await service.say(b"a bug", b"another")
        assert await service.until_heard(2) == [b"a bug", b"another"]


async def test_a_stream_that_was_made_anew_is_told(service: Service) -> None:
    async with service.followed() as consumer:
        await service.say(b"one")
        await service.until_heard(1)
        before = consumer.incarnation
        await service.bus.js.delete_stream(stream_name(service.name))
        await service.bus.ensure_stream(service.name)
        await until(lambda: service.anew == 1)
        assert consumer.incarnation != before
        await service.say(b"two")
        assert await service.until_heard(2) == [b"one", b"two"]


async def test_what_was_missed_is_read_up_to_what_is_heard(service: Service) -> None:
    async with service.followed() as consumer:
        await service.say(b"one", b"two", b"three")
        await service.until_heard(3)
        subject = f"evt.{service.name}.c1.topic.t1.>"
        found = await consumer.missed(subject, 1, 10)
        assert [(event.seq, event.data) for event in found or ()] == [(2, b"two"), (3, b"three")]
        assert await consumer.missed(f"evt.{service.name}.c2.>", 0, 10) == []
        assert await consumer.missed(subject, 3, 10) == []
        assert await consumer.missed(subject, 0, 2) is None  # more than that
        await service.bus.js.purge_stream(stream_name(service.name))
        assert await consumer.missed(subject, 1, 10) is None
        assert await consumer.missed(subject, 3, 10) == []


async def test_a_consumer_leaves_nothing_on_the_server(service: Service) -> None:
    async with service.followed() as consumer:
        await until(lambda: consumer.incarnation)
        await service.say(b"one")
        await service.until_heard(1)
        assert len(await service.bus.js.consumers_info(stream_name(service.name))) == 1
    assert await service.bus.js.consumers_info(stream_name(service.name)) == []
