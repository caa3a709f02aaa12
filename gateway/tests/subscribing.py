"""A gateway on a real port that hears a real NATS, in the test's process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from copy import copy
from dataclasses import dataclass, field
from uuid import uuid4

import uvicorn
from google.protobuf.message import Message
from uvicorn.server import ServerState

from chassis.envelopes import to_message
from chassis.messaging import Bus
from gateway.app import Gateway
from gateway.endpoint.requests import MAX_BODY
from gateway.protocol import BoundedProtocol
from gateway.subscriptions.feeds import SUBJECTS
from gateway.subscriptions.protocol import BoundedSocket
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.tests.conftest import House
from gateway.tests.socket_client import PATIENCE, Socket, until
from guildhall.chassis.v1.event_log_pb2 import StoredEvent
from guildhall.forum.v1 import domain_events_pb2


class QuickSocket(BoundedSocket):
    """As in the process, and sooner done with who takes nothing."""

    unread_seconds = 0.5
    closed_seconds = 20.0  # while it is looked at what stands behind what was not taken


class QuickProtocol(BoundedProtocol):
    """Likewise."""

    answer_seconds = 1.5


@dataclass
class Replica:
    """One gateway that serves subscriptions; the House's own in all else."""

    house: House
    bus: Bus
    subscriptions: Subscriptions
    port: int = 0
    _seqs: dict[str, int] = field(default_factory=dict)

    async def say(
        self, message: Message, aggregate: str = "topic/t1", service: str = "forum"
    ) -> None:
        """A domain event, as the service's relay publishes it."""
        kind, _, id_ = aggregate.partition("/")
        self._seqs[aggregate] = seq = self._seqs.get(aggregate, 0) + 1
        event = StoredEvent(
            id=uuid4().hex,
            type=message.DESCRIPTOR.full_name,
            schema_version=1,
            community_id="c1",
            aggregate_type=kind,
            aggregate_id=id_,
            seq=seq,
            data=message.SerializeToString(),
        )
        event.time.GetCurrentTime()
        subject, headers, data = to_message(service, event)
        await self.bus.js.publish(subject, data, headers=headers)

    async def edit(self, title: str) -> None:
        """The topic has another title, and the forum says so."""
        row = next(row for row in self.house.forum.topics if row.id == "t1")
        row.title = title
        row.version += 1
        await self.say(domain_events_pb2.TopicEdited(topic_id="t1"))

    async def socket(self, token: str | None = "", **headers: str) -> Socket:
        """A socket that said whose it is: Edda's, with another token, or as its headers say."""
        opened = await Socket.open(self.port, headers)
        payload = {}
        if token is not None:
            payload["authorization"] = f"Bearer {token or self.house.issuer.access_token()}"
        await opened.send("connection_init", payload=payload)
        try:
            assert await opened.next() == {"type": "connection_ack"}
        except BaseException:
            await opened.aclose()
            raise
        return opened


@contextlib.asynccontextmanager
async def replica(house: House, nats_url: str) -> AsyncIterator[Replica]:
    """A gateway of this house that hears NATS, on a port of its own."""
    bus = Bus(nats_url, name="test")
    bus.start()
    subscriptions = Subscriptions(house.parts, bus)
    running = asyncio.create_task(subscriptions.run())
    gateway = copy(house.gateway)
    gateway.subscriptions = subscriptions
    try:
        async with asyncio.timeout(PATIENCE):
            await bus.until_connected()
        for service in SUBJECTS:
            await bus.ensure_stream(service)
        await until(lambda: all(subscriptions.feeds[one].incarnation for one in SUBJECTS))
        async with served(gateway) as port:
            yield Replica(house, bus, subscriptions, port)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bus.close()


@contextlib.asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[int]:
    """A gateway over uvicorn's protocols, as the process has them; its port."""
    state = ServerState()
    config = uvicorn.Config(
        gateway,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        ws=QuickSocket,
        ws_max_size=MAX_BODY,
        ws_per_message_deflate=False,
    )
    config.load()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: QuickProtocol(config, state, {}, loop), "127.0.0.1", 0
    )
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for connection in tuple(state.connections):
            connection.transport.abort()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=PATIENCE)
        await listening.wait_closed()
