"""graphql-transport-ws: many subscriptions of one person over one WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import orjson
from starlette.requests import HTTPConnection

from chassis.errors import DomainError, PeerFailedError
from chassis.rpc_status import reason_of
from gateway import errors
from gateway.context import Caller
from gateway.endpoint.replies import Send, encoded
from gateway.endpoint.requests import HttpError, Receive, Scope, asked_of
from gateway.endpoint.visitors import Visitor
from gateway.errors import Json
from gateway.subscriptions.asking import DocumentRefusedError, last_event_id, subscription_of
from gateway.subscriptions.connection import Close, Connection
from gateway.subscriptions.credentials import Credential, credential_of
from gateway.subscriptions.subscriber import ConnectionEndedError, Subscriber
from gateway.subscriptions.subscriptions import Subscriptions

SUBPROTOCOL = "graphql-transport-ws"
IDLE = 120.0  # seconds a socket may be without a subscription
MESSAGES_PER_SECOND, MESSAGES_AT_ONCE = 10.0, 60
_MAX_ID = 128
_MAX_REASON = 120  # bytes of a close frame


class _EndedError(Exception):
    """We close the socket."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__()
        self.code, self.reason = code, reason


async def serve_socket(shared: Subscriptions, scope: Scope, receive: Receive, send: Send) -> None:
    """One WebSocket, to its end."""
    connection = HTTPConnection(scope)
    await receive()  # websocket.connect
    with shared.place() as free:
        status = _refusal(scope, free=free)
        if status is not None:
            await _refuse(send, status)
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        try:
            await _served(shared, connection, receive, send)
        except _EndedError as ended:
            await _close(send, ended.code, ended.reason)


def _refusal(scope: Scope, *, free: bool) -> int | None:
    if scope["path"] != "/graphql":
        return 404
    if SUBPROTOCOL not in scope["subprotocols"]:
        return 400
    return None if free else 503


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})


async def _close(send: Send, code: int, reason: str) -> None:
    reason = reason.encode()[:_MAX_REASON].decode(errors="ignore")
    await send({"type": "websocket.close", "code": int(code), "reason": reason})


async def _served(
    shared: Subscriptions, connection: HTTPConnection, receive: Receive, send: Send
) -> None:
    messages = _Messages(receive)
    try:
        async with asyncio.timeout(shared.init_timeout):
            payload = await _init(messages, send)
    except TimeoutError:
        raise _EndedError(Close.INIT_TIMEOUT, "connection_init was not sent") from None
    if payload is None:
        return
    try:
        credential = credential_of(shared.parts, connection, _authorization(payload))
        caller, visitor = await credential.visit(shared.parts, connection)
        socket = _Socket(shared, credential, caller, visitor, send)
        with shared.opened(socket):
            await socket.serve(messages)
    except DomainError as error:
        temporary = error.status in ("UNAVAILABLE", "INTERNAL")
        busy = error.status == "RESOURCE_EXHAUSTED"
        code = Close.UNCONFIRMED if temporary else Close.TOO_MANY if busy else Close.FORBIDDEN
        raise _EndedError(code, reason_of(error)) from None


async def _init(messages: _Messages, send: Send) -> Json | None:
    """What connection_init says; None: the client is gone."""
    while (message := await messages.next()) is not None:
        kind = message["type"]
        if kind == "connection_init":
            return _payload(message)
        if kind == "ping":
            await send(_message("pong"))
        elif kind == "subscribe":
            raise _EndedError(Close.UNAUTHENTICATED, "UNAUTHENTICATED")
        elif kind != "pong":
            raise _EndedError(Close.BAD_MESSAGE, "no message of a client")
    return None


def _authorization(payload: Json) -> str:
    given = payload.get("authorization") or payload.get("Authorization") or ""
    if not isinstance(given, str):
        raise _EndedError(Close.BAD_MESSAGE, "authorization must be a text")
    return given


def _id(message: Json) -> str:
    given = message.get("id")
    if type(given) is not str or not 0 < len(given) <= _MAX_ID:
        raise _EndedError(Close.BAD_MESSAGE, "id must be a text")
    return given


def _payload(message: Json) -> Json:
    payload = message.get("payload")
    if payload is not None and type(payload) is not dict:
        raise _EndedError(Close.BAD_MESSAGE, "payload must be an object")
    return payload or {}


def _message(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "websocket.send", "text": orjson.dumps({"type": kind, **more}).decode()}


class _Messages:
    """What a client sends, not faster than it may."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._allowed = float(MESSAGES_AT_ONCE)
        self._at = time.monotonic()

    async def next(self) -> Json | None:
        """The next message; None: the socket is closed."""
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            return None
        now = time.monotonic()
        more = (now - self._at) * MESSAGES_PER_SECOND
        self._allowed, self._at = min(self._allowed + more, float(MESSAGES_AT_ONCE)) - 1, now
        if self._allowed < 0:
            raise _EndedError(Close.TOO_MANY, "messages come too fast")
        try:
            message = orjson.loads(received.get("text") or b"")
        except orjson.JSONDecodeError:
            message = None
        if type(message) is not dict or type(message.get("type")) is not str:
            raise _EndedError(Close.BAD_MESSAGE, "a message is a JSON object with a type")
        return message


class _Socket(Connection):
    """A socket whose person is known."""

    def __init__(
        self,
        shared: Subscriptions,
        credential: Credential,
        caller: Caller,
        visitor: Visitor,
        send: Send,
    ) -> None:
        super().__init__(shared, credential, caller, visitor)
        self._send = send
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()  # one writes, so that what waits for the reader is one message

    async def serve(self, messages: _Messages) -> None:
        """Until either side closes it."""
        try:
            await self.say("connection_ack")
            while (message := await self._next(messages)) is not None:
                await self._on_message(message)
        except _EndedError as ended:
            self.end(ended.code, ended.reason)
        except ConnectionEndedError:
            pass
        finally:
            await self.finish()

    async def _next(self, messages: _Messages) -> Json | None:
        while True:
            if self._tasks:
                return await messages.next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE):
                    return await messages.next()
            if not self._tasks:
                raise _EndedError(Close.NORMAL, "nothing is subscribed to")

    async def _on_message(self, message: Json) -> None:
        kind = message["type"]
        if kind == "subscribe":
            await self._subscribe(_id(message), _payload(message))
        elif kind == "complete":
            if (task := self._tasks.get(_id(message))) is not None:
                task.cancel()
        elif kind == "ping":
            await self.say("pong")
        elif kind == "connection_init":
            raise _EndedError(Close.TOO_MANY, "Too many initialisation requests")
        elif kind != "pong":
            raise _EndedError(Close.BAD_MESSAGE, "no message of a client")

    async def _subscribe(self, id: str, payload: Json) -> None:
        if id in self._tasks:
            raise _EndedError(Close.SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        sink = _Sink(self, id)
        try:
            asked = asked_of(payload)
            operation = await subscription_of(self.shared.parts, asked, self.visitor)
            subscriber = Subscriber(self, operation, asked.variables, asked.operation_name, sink)
            task = self.begin(subscriber, last_event_id(asked.extensions))
        except DocumentRefusedError as refused:
            await sink.failed(refused.failures)
        except HttpError as error:
            await sink.failed([error.error])
        except PeerFailedError as error:
            await sink.failed([errors.masked(error, errors.trace_id_of())])
        except DomainError as error:
            told = {"message": errors.told(error), "extensions": errors.refusal(error)}
            await sink.failed([told])
        else:
            self._tasks[id] = task
            task.add_done_callback(lambda _: self._tasks.pop(id, None))

    async def say(self, kind: str, **more: Any) -> None:
        """One message, when the reader has taken those before.

        Raises ConnectionEndedError.
        """
        await self._say(_message(kind, **more))

    async def say_next(self, id: str, body: Json) -> None:
        """An answer, within bounds; likewise."""
        text = b'{"type":"next","id":%b,"payload":%b}' % (orjson.dumps(id), encoded(body))
        await self._say({"type": "websocket.send", "text": text.decode()})

    async def _say(self, message: dict[str, Any]) -> None:
        async with self._turn:
            if self.ended:
                raise ConnectionEndedError
            try:
                await self._send(message)
            except OSError:  # uvicorn's: the client is gone
                raise ConnectionEndedError from None

    async def _close(self, code: Close, reason: str) -> None:
        with contextlib.suppress(OSError):
            await _close(self._send, code, reason)


class _Sink:
    """One subscription's place in a socket."""

    def __init__(self, socket: _Socket, id: str) -> None:
        self._socket = socket
        self._id = id

    async def next(self, body: Json, event_id: str) -> None:
        await self._socket.say_next(self._id, body)

    async def failed(self, failures: list[Json]) -> None:
        await self._socket.say("error", id=self._id, payload=failures)
