"""Webhooks on a real MongoDB and a real receiver, beside a forum that says what may be told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest_asyncio
from google.protobuf.message import Message
from standardwebhooks import Webhook as Verifier

from chassis import moment
from chassis.actors import MANAGER, Actor, require_actor
from chassis.batch import Batch
from chassis.commands import Commands
from chassis.decisions import Write
from chassis.domain_events import DomainEvent
from chassis.errors import UnavailableError
from chassis.mongo import Database
from chassis.outgoing import Outgoing
from chassis.rpc_server import Context
from chassis.testing import Loopback, person_actor, prepare, service_actor
from guildhall.forum.v1 import openness_pb2, openness_pb2_grpc
from guildhall.notifications.v1 import webhooks_pb2 as pb
from guildhall.notifications.v1 import webhooks_pb2_grpc
from services.notifications.consumers import NotificationsConsumers
from services.notifications.repository import NotificationsRepository
from services.notifications.servicer import WebhookServicer
from services.notifications.use_cases.delivering import DeliveringUseCases
from services.notifications.use_cases.webhooks import WebhookUseCases

KEY = b"w" * 32
CHIEF = person_actor("chief", "c1", roles=[MANAGER])
IN_SIGHT, GONE = openness_pb2.OPENNESS_IN_SIGHT, openness_pb2.OPENNESS_GONE
UPCOMING = openness_pb2.OPENNESS_UPCOMING
TOPIC_PUBLISHED = pb.WEBHOOK_EVENT_TYPE_TOPIC_PUBLISHED
SECONDS = 1.0  # until an attempt is given up


@dataclass
class Request:
    """What arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """The payload, if it was signed with this secret."""
        return Verifier(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """A server that does what it is told with each request: a status, "silent" or "close"."""

    port: int = 0
    does: list[int | str] = field(default_factory=list)  # then 200
    got: list[Request] = field(default_factory=list)
    at_once: dict[str, int] = field(default_factory=dict)  # by path
    most_at_once: dict[str, int] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)  # paths that wait for it
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/hook") -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def until(self, number: int, path: str = "/hook") -> None:
        """So many requests have arrived there."""
        async with asyncio.timeout(20), self.arrived:
            await self.arrived.wait_for(lambda: sum(one.path == path for one in self.got) >= number)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        raw = dict(line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in raw.items()}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split(" ")[1]
        now = self.at_once[path] = self.at_once.get(path, 0) + 1
        self.most_at_once[path] = max(now, self.most_at_once.get(path, 0))
        async with self.arrived:
            self.got.append(Request(path, headers, body))
            self.arrived.notify_all()
        try:
            if path in self.holds:
                await self.holds[path].wait()
            does = self.does.pop(0) if self.does else 200
            if does == "silent":
                await reader.read()  # until the other side gives up
            elif does != "close":
                location = f"location: {self.url('/elsewhere')}\r\n" if does == 302 else ""
                answer = f"HTTP/1.1 {does} X\r\n{location}content-length: 2\r\n\r\nOK"
                writer.write(answer.encode())
                await writer.drain()
        finally:
            self.at_once[path] -= 1


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Listening on loopback."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    for event in made.holds.values():
        event.set()
    server.close()
    await server.wait_closed()


@dataclass
class Forum(openness_pb2_grpc.OpennessServiceServicer):
    """Says what it is told to, to notifications alone; what it is not told of is for few."""

    topics: dict[str, Any] = field(default_factory=lambda: {"t1": IN_SIGHT, "t2": IN_SIGHT})
    replies: dict[str, Any] = field(default_factory=lambda: {"r1": IN_SIGHT})
    announcements: dict[str, Any] = field(default_factory=lambda: {"a1": IN_SIGHT})
    away: bool = False

    async def BatchGetOpenness(
        self, request: openness_pb2.BatchGetOpennessRequest, context: Context
    ) -> openness_pb2.BatchGetOpennessResponse:
        require_actor().require_service("notifications")
        if self.away:
            raise UnavailableError
        if request.community_id != "c1":
            return openness_pb2.BatchGetOpennessResponse()

        def known(table: dict[str, Any], ids: Iterable[str]) -> dict[str, Any]:
            return {id_: table[id_] for id_ in ids if id_ in table}

        return openness_pb2.BatchGetOpennessResponse(
            topics=known(self.topics, request.topic_ids),
            replies=known(self.replies, request.reply_ids),
            announcements=known(self.announcements, request.announcement_ids),
        )


@dataclass
class Desk:
    """Notifications as far as webhooks go, and all that it speaks to."""

    database: Database
    repository: NotificationsRepository
    forum: Forum
    receiver: Receiver
    webhooks: WebhookUseCases
    delivering: DeliveringUseCases
    loopback: Loopback
    commands: Commands
    outgoing: Outgoing
    numbers: count[int] = field(default_factory=lambda: count(1))

    def call_as(self, actor: Actor) -> Any:
        """WebhookService as this actor calls it."""
        return self.loopback.client(webhooks_pb2_grpc.WebhookServiceStub, "notifications", actor)

    async def call(self, rpc: str, actor: Actor = CHIEF, **fields: Any) -> Any:
        """An RPC in c1, with a request id of its own unless one is given."""
        message = getattr(pb, f"{rpc}Request")
        if "request_id" in message.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", f"request-{next(self.numbers)}")
        fields.setdefault("community_id", "c1")
        return await getattr(self.call_as(actor), rpc)(message(**fields))

    async def create(self, path: str = "/hook", **more: Any) -> pb.CreateWebhookResponse:
        """A webhook that wants to be told of topics, unless said otherwise."""
        fields = {
            "name": "Portal",
            "url": self.receiver.url(path),
            "event_types": [TOPIC_PUBLISHED, pb.WEBHOOK_EVENT_TYPE_TOPIC_HIDDEN],
            **more,
        }
        made: pb.CreateWebhookResponse = await self.call("CreateWebhook", **fields)
        return made

    async def hear(self, message: Message, event_id: str = "e1", **more: Any) -> None:
        """As the chassis does with what a consumer returns."""
        consumers = NotificationsConsumers(self.repository, mails=False, webhooks=True)
        handler = consumers.of_forum().handlers[type(message)]
        writes = await handler(said(message, event_id, **more))
        batch = Batch(self.database)
        for write in writes:
            assert isinstance(write, Write)
            batch.write(write)
        if not batch.empty:
            await batch.commit(asyncio.get_running_loop().time() + 5)

    async def deliveries(self) -> list[tuple[str, str, int]]:
        """State, reason and attempts, the oldest first."""
        rows = self.database.deliveries.find().sort([("queue_time", 1), ("_id", 1)])
        return [(row["state"], row["reason"], row["attempts"]) async for row in rows]

    async def only(self) -> dict[str, Any]:
        """The one row of the ledger."""
        (row,) = await self.database.deliveries.find().to_list()
        return row

    async def make_due(self) -> None:
        """As if pauses and leases were over."""
        past = moment.now()
        await self.database.deliveries.update_many(
            {"due_time": {"$exists": True}}, {"$set": {"due_time": past}}
        )


def said(message: Message, event_id: str = "e1", **more: Any) -> DomainEvent[Any]:
    """A domain event of the forum."""
    fields: dict[str, Any] = {"community_id": "c1", "time": moment.now(), **more}
    return DomainEvent(
        id=event_id,
        aggregate_type="topic",
        aggregate_id="t1",
        seq=1,
        actor="asker",
        message=message,
        **fields,
    )


@pytest_asyncio.fixture
async def desk(
    database: Database, commands: Commands, loopback: Loopback, receiver: Receiver
) -> AsyncIterator[Desk]:
    """With no webhook yet."""
    await prepare(database, NotificationsRepository)
    repository, forum = NotificationsRepository(database), Forum()
    await loopback.serve(
        "forum", lambda s: openness_pb2_grpc.add_OpennessServiceServicer_to_server(forum, s)
    )
    openness = loopback.client(
        openness_pb2_grpc.OpennessServiceStub, "forum", service_actor("notifications")
    )
    async with contextlib.aclosing(Outgoing(inside=True, seconds=SECONDS)) as outgoing:
        webhooks = WebhookUseCases(commands, repository, outgoing, KEY)
        delivering = DeliveringUseCases(repository, webhooks, openness, outgoing, KEY)
        servicer = WebhookServicer(webhooks)
        await loopback.serve(
            "notifications",
            lambda s: webhooks_pb2_grpc.add_WebhookServiceServicer_to_server(servicer, s),
        )
        yield Desk(
            database,
            repository,
            forum,
            receiver,
            webhooks,
            delivering,
            loopback,
            commands,
            outgoing,
        )
