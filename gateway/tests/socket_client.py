"""A client of WebSocket for tests: one message at a time, right or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import orjson
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError

from gateway.cursors import encode_id
from gateway.subscriptions.sockets import SUBPROTOCOL

T = TypeVar("T")
PATIENCE = 20.0
TOPIC = encode_id("Topic", "c1", "t1")
TOPIC_CHANGED = """subscription Changed($id: ID!) {
  topicChanged(id: $id) {
    topic { id title replyCount author { company { name } } }
    reply { id body }
  }
}"""
QUEUE_CHANGED = """subscription Queue($id: ID!) {
  moderationQueueChanged(communityId: $id) { case { id state } }
}"""


class ClosedError(Exception):
    """The server has closed the socket, or refused it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Socket:
    """A client of WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connection = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []
        self._text = ""

    @classmethod
    async def open(
        cls,
        port: int,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/graphql",
        subprotocols: tuple[str, ...] = (SUBPROTOCOL,),
        buffer: int = 0,
    ) -> Socket:
        """A socket after the handshake."""
        raw = socket.socket()
        if buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=buffer or 1 << 16)
        opened = cls(reader, writer)
        extra = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        opened._write(
            Request(
                host=f"127.0.0.1:{port}",
                target=path,
                subprotocols=list(subprotocols),
                extra_headers=extra,
            )
        )
        try:
            assert isinstance(await opened._event(), AcceptConnection)
        except BaseException:
            await opened.aclose()
            raise
        return opened

    async def send(self, kind: str, **more: Any) -> None:
        """One message."""
        await self.send_text(orjson.dumps({"type": kind, **more}).decode())

    async def send_text(self, text: str) -> None:
        """Whatever it is."""
        self._write(TextMessage(data=text))
        await self.writer.drain()

    async def subscribe(
        self,
        query: str = TOPIC_CHANGED,
        id: str = "1",
        after: str = "",
        *,
        of: str = TOPIC,
    ) -> None:
        """Begin, or go on behind an event."""
        extensions = {"lastEventId": after} if after else None
        payload = {"query": query, "variables": {"id": of}, "extensions": extensions}
        await self.send("subscribe", id=id, payload=payload)

    async def next(self) -> dict[str, Any]:
        """The next message. Raises ClosedError."""
        while True:
            event = await self._event()
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    message: dict[str, Any] = orjson.loads(self._text)
                    self._text = ""
                    return message
            elif isinstance(event, Ping):
                with contextlib.suppress(LocalProtocolError):  # it was closed right behind it
                    self._write(event.response())

    async def told(self) -> tuple[dict[str, Any], str]:
        """The data of the next answer, and its event's id."""
        message = await self.next()
        assert message["type"] == "next", message
        payload = message["payload"]
        assert "errors" not in payload, payload
        return payload["data"], payload["extensions"]["eventId"]

    async def title(self) -> str:
        """The topic's in the next answer."""
        data, _ = await self.told()
        title: str = data["topicChanged"]["topic"]["title"]
        return title

    async def refused(self) -> list[dict[str, Any]]:
        """The errors with which a subscription has ended."""
        message = await self.next()
        assert message["type"] == "error", message
        failures: list[dict[str, Any]] = message["payload"]
        return failures

    async def closed(self) -> tuple[int, str]:
        """Code and reason, whatever comes before."""
        try:
            while True:
                await self.next()
        except ClosedError as closed:
            return closed.code, closed.reason

    async def _event(self) -> Event:
        while not self._events:
            async with asyncio.timeout(PATIENCE):
                data = await self.reader.read(1 << 16)
            self.connection.receive_data(data or None)
            self._events += self.connection.events()
        event = self._events.pop(0)
        if isinstance(event, CloseConnection):
            with contextlib.suppress(Exception):
                self._write(event.response())
            raise ClosedError(event.code, event.reason or "")
        if isinstance(event, RejectConnection):
            raise ClosedError(event.status_code, "")
        return event

    def _write(self, event: Event) -> None:
        self.writer.write(self.connection.send(event))

    async def aclose(self) -> None:
        """Gone, without a word."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Socket:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def until(good: Callable[[], object]) -> None:
    """Waits for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not good():  # noqa: ASYNC110 - whatever it is, nobody tells when it becomes so
            await asyncio.sleep(0.01)


async def within(seconds: float, waiting: Awaitable[T]) -> T:
    """What is awaited, in time."""
    async with asyncio.timeout(seconds):
        return await waiting
