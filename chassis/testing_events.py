"""A stage for tests of eventing: one service that says, one that hears, on a real bus and store."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from google.protobuf.message import Message
from pymongo import InsertOne

from chassis import commands, consumers, dead_letters, outbox
from chassis.consumers import Consumer
from chassis.decisions import Aggregates, Decision, Document, Ref, Seen, Write
from chassis.domain_events import (
    Consequence,
    DomainEvent,
    Effect,
    Handler,
    Project,
    Subscription,
)
from chassis.ending import end
from chassis.event_log import EventLogServicer
from chassis.messaging import Bus, StreamLimits, stream_name
from chassis.mongo import Database, connect, ensure_indexes
from chassis.mongo import database as open_database
from chassis.relay import OutboxRelay
from chassis.testing import Loopback, service_actor
from guildhall.chassis.v1 import event_log_pb2_grpc
from guildhall.forum.v1 import domain_events_pb2 as said

if TYPE_CHECKING:
    from guildhall.chassis.v1.event_log_pb2_grpc import EventLogServiceAsyncStub

COMMUNITY = "c1"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the hearing service makes of a topic's events: which it heard, in order."""

    heard: tuple[int, ...] = ()


standings = Aggregates[Standing](
    "standing",
    "standings",
    lambda document: Standing(tuple(document["heard"])),
    lambda standing: {"heard": list(standing.heard)},
)


def note(event: DomainEvent[Any]) -> Effect:
    """An effect that shows whether it happened twice or out of order."""

    def decide(seen: Seen[Standing]) -> Decision[Standing, said.TopicEdited]:
        state = seen.state or Standing()
        return Decision(
            replace(state, heard=(*state.heard, event.seq)),
            lambda version: said.TopicEdited(),
            [said.TopicEdited(topic_id=event.aggregate_id)],
        )

    ref: Ref[Standing] = standings.ref(COMMUNITY, event.aggregate_id)
    return Effect(ref, decide)


async def record(event: DomainEvent[Any]) -> Iterable[Consequence]:
    """The stage's usual handler: an effect, and a row that nothing keeps from being doubled."""
    row: Document = {"community_id": COMMUNITY, "agg": event.aggregate_id, "seq": event.seq}
    return [note(event), Write("ledger", InsertOne(row))]


@dataclass(repr=False)
class Stage:
    """Two services with random names; whatever is started here ends with the test."""

    says: str
    hears: str
    theirs: Database
    ours: Database
    nats_url: str
    log: EventLogServiceAsyncStub
    _next: dict[str, int] = field(default_factory=dict)
    _buses: list[Bus] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def bus(self, *, duplicate_window: float = 120) -> Bus:
        """A connection of its own, made."""
        bus = self.unconnected_bus(duplicate_window=duplicate_window)
        bus.start()
        await bus.until_connected()
        return bus

    def unconnected_bus(self, url: str = "", *, duplicate_window: float = 120) -> Bus:
        """One that is not started."""
        limits = StreamLimits(max_bytes=64 << 20, duplicate_window=duplicate_window)
        bus = Bus(url or self.nats_url, name="test", limits=limits)
        self._buses.append(bus)
        return bus

    async def say(
        self, topic_id: str, *messages: Message, trace_parent: str = "", about: str = "topic"
    ) -> list[str]:
        """Store domain events as a command would; the ids."""
        rows = []
        for message in messages or (said.TopicEdited(topic_id=topic_id),):
            seq = self._next[topic_id] = self._next.get(topic_id, 0) + 1
            rows.append(
                outbox.row(
                    event=message,
                    community_id=COMMUNITY,
                    aggregate_type=about,
                    aggregate_id=topic_id,
                    seq=seq,
                    actor="p1",
                    cause="test",
                    trace_parent=trace_parent,
                    time=datetime.now(UTC),
                )
            )
        await self.theirs[outbox.COLLECTION].insert_many(rows)
        return [row["_id"] for row in rows]

    def relay(self, bus: Bus, **options: float) -> OutboxRelay:
        """A running relay of the service that says."""
        options = {"observation": 0.4, "poll": 0.05, "check_every": 0.3, **options}
        relay = OutboxRelay(self.theirs, bus, self.says, **options)
        self.beside(relay.run())
        return relay

    def subscription(
        self, *kinds: type[Message], handler: Handler = record, project: Project | None = None
    ) -> Subscription:
        """All the stage's events, or these, to one handler."""
        heard = kinds or (said.TopicEdited, said.TopicPublished, said.TopicClosed)
        return Subscription(self.says, dict.fromkeys(heard, handler), project=project)

    def consumer(
        self,
        bus: Bus,
        subscription: Subscription | None = None,
        *,
        ack_wait: float = 2.0,
        committed: Callable[[], None] = lambda: None,
        pace: float = 0.0,
    ) -> Consumer:
        """A consumer that does not run yet."""
        return Consumer(
            self.ours,
            bus,
            self.hears,
            subscription or self.subscription(),
            event_log=lambda _: self.log,
            committed=committed,
            ack_wait=ack_wait,
            fetch_timeout=0.5,
            pace=pace,
        )

    def beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it until the test ends."""
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def heard(self, topic_id: str) -> list[int]:
        """The seqs whose effects were stored, in order, by both the aggregate and the ledger."""
        while True:
            row = await self.ours.standings.find_one({"_id": topic_id})
            entries = self.ours.ledger.find({"agg": topic_id}).sort("_id", 1)
            ledger = [entry["seq"] async for entry in entries]
            if row == await self.ours.standings.find_one({"_id": topic_id}):
                break
        heard: list[int] = row["heard"] if row else []
        assert ledger == heard  # noqa: S101
        return heard

    async def wipe_stream(self, bus: Bus) -> None:
        """As if NATS had lost its disk."""
        await bus.js.delete_stream(stream_name(self.says))

    async def close(self) -> None:
        """End everything that was started."""
        await end(self._tasks)
        for bus in self._buses:
            with contextlib.suppress(Exception):
                await self.wipe_stream(bus)
            await bus.close()


async def eventually(
    look: Callable[[], Awaitable[Any]], wanted: Any = True, *, within: float = 15.0
) -> None:
    """Look until it is what is wanted; fail with what it is."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        there = await look()
        if there == wanted:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"still {there!r}, not {wanted!r}")
        await asyncio.sleep(0.03)


@pytest_asyncio.fixture
async def stage(mongo_uri: str, nats_url: str, loopback: Loopback) -> AsyncIterator[Stage]:
    """A fresh stage: databases, streams and names of its own."""
    token = uuid.uuid4().hex[:10]
    says, hears = f"says{token}", f"hears{token}"
    client = connect(mongo_uri, app="test")
    theirs, ours = (open_database(client, f"test_{name}") for name in (says, hears))
    indexes: Sequence[Any] = [
        *commands.INDEXES,
        *outbox.INDEXES,
        *consumers.INDEXES,
        *dead_letters.INDEXES,
    ]
    await asyncio.gather(*(ensure_indexes(database, indexes) for database in (theirs, ours)))
    for name in ("standings", "ledger"):
        await ours.create_collection(name)
    for name in (says, hears):
        loopback.key(name)
    await loopback.serve(
        says,
        lambda server: event_log_pb2_grpc.add_EventLogServiceServicer_to_server(
            EventLogServicer(theirs), server
        ),
    )
    log = loopback.client(event_log_pb2_grpc.EventLogServiceStub, says, service_actor(hears))
    running = Stage(says, hears, theirs, ours, nats_url, log)
    yield running
    await running.close()
    for database in (theirs, ours):
        await client.drop_database(database.name)
    await client.close()
