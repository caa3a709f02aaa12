"""Server-sent events: one subscription over one HTTP answer, as graphql-sse's distinct mode.

A plain EventSource is enough: it comes back by itself with the id of the last event it got.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import MutableMapping, Sequence
from typing import Any

import orjson
from starlette.requests import HTTPConnection

from chassis.errors import DomainError, PeerFailedError
from gateway import errors
from gateway.context import Caller
from gateway.endpoint.replies import JSON, Headers, Reply, Send, encoded, send_reply
from gateway.endpoint.requests import (
    HttpError,
    Receive,
    Scope,
    asked_by_address,
    asked_by_body,
)
from gateway.endpoint.visitors import Visitor, shared_with
from gateway.errors import Json
from gateway.rate_limits import RateLimitedError
from gateway.rate_limits import headers as points_left
from gateway.subscriptions.asking import (
    DocumentRefusedError,
    last_event_id,
    subscription_of,
)
from gateway.subscriptions.connection import Close, Connection
from gateway.subscriptions.credentials import Credential, credential_of
from gateway.subscriptions.subscriber import ConnectionEndedError, Subscriber
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.web import API_POLICY

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE = 15.0  # seconds of silence until a comment says that we are there
_COMMENT = b":\n\n"
_BUSY = HttpError(503, "TOO_BUSY", "too many subscriptions at once", retryAfter=1)
_STATUS = {"UNAUTHENTICATED": 401, "UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 429}


def wants_stream(accept: str) -> bool:
    """Whether it is asked for before all else: clients of queries name it among others."""
    return accept.partition(",")[0].partition(";")[0].strip().lower() == EVENT_STREAM


async def serve_stream(shared: Subscriptions, scope: Scope, receive: Receive, send: Send) -> None:
    """One request for a stream, to its end."""
    connection = HTTPConnection(scope)
    trace_id = errors.trace_id_of()
    begun = False

    async def sending(message: MutableMapping[str, Any]) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        with shared.place() as free:
            if not free:
                raise _BUSY
            await _served(shared, connection, receive, sending)
            return
    except HttpError as error:
        reply = Reply(error.status, {"errors": [error.error]})
    except PeerFailedError as error:
        reply = Reply(500, {"errors": [errors.masked(error, trace_id)]})
    except DomainError as error:
        told = {"message": errors.told(error), "extensions": errors.refusal(error)}
        headers = points_left(error.standings) if isinstance(error, RateLimitedError) else ()
        status = _STATUS.get(error.status, 403)
        reply = Reply(status, {"errors": [told]}, b"", error.retry_after, headers)
    except Exception as error:
        if begun:  # there is no other answer any more
            raise
        reply = Reply(500, {"errors": [errors.masked(error, trace_id)]})
    await send_reply(send, reply, JSON, trace_id, shared_with(shared.parts, connection))


async def _served(
    shared: Subscriptions, connection: HTTPConnection, receive: Receive, send: Send
) -> None:
    if connection.scope["method"] == "GET":
        asked = asked_by_address(connection)
    else:
        asked = await asked_by_body(connection, receive)
    credential = credential_of(shared.parts, connection)
    caller, visitor = await credential.visit(shared.parts, connection)
    after = connection.headers.get("last-event-id") or last_event_id(asked.extensions)
    stream = _Stream(shared, credential, caller, visitor, receive, send)
    with shared.opened(stream):
        subscriber: Subscriber | None = None
        failures: Sequence[Json] = ()
        try:
            operation = await subscription_of(shared.parts, asked, visitor)
        except DocumentRefusedError as refused:
            failures = refused.failures
        else:
            name = asked.operation_name
            subscriber = Subscriber(stream, operation, asked.variables, name, stream)
        await stream.serve(subscriber, failures, after, shared_with(shared.parts, connection))


class _Stream(Connection):
    """A stream with its one subscription."""

    def __init__(
        self,
        shared: Subscriptions,
        credential: Credential,
        caller: Caller,
        visitor: Visitor,
        receive: Receive,
        send: Send,
    ) -> None:
        super().__init__(shared, credential, caller, visitor)
        self._receive = receive
        self._send = send
        self._turn = asyncio.Lock()
        self._why = b""

    async def serve(
        self, subscriber: Subscriber | None, failures: Sequence[Json], after: str, more: Headers
    ) -> None:
        """Until either side ends it."""
        # Not before: a refusal is an answer of another kind.
        task = self.begin(subscriber, after) if subscriber is not None else None
        await self._send({"type": "http.response.start", "status": 200, "headers": _head(more)})
        await self._write(b"retry: %d\n\n" % (1_000 + random.getrandbits(11)))
        if task is None:
            await self.failed(list(failures))
        else:
            await self._last(task)
        await self._send({"type": "http.response.body", "body": self._why})

    async def _last(self, task: asyncio.Task[None]) -> None:
        gone = asyncio.create_task(self._gone())
        try:
            while not (task.done() or gone.done()):
                await asyncio.wait(
                    {task, gone}, timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED
                )
                if not (task.done() or gone.done()):
                    await self._write(_COMMENT)
        finally:
            gone.cancel()
            await asyncio.gather(gone, self.finish(), return_exceptions=True)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def next(self, body: Json, event_id: str) -> None:
        """A change, or how things are at the beginning."""
        if self.ended:
            raise ConnectionEndedError
        text = b"id: %b\nevent: next\ndata: %b\n\n" % (event_id.encode(), encoded(body))
        try:
            async with asyncio.timeout(self.shared.unread_seconds):
                await self._write(text)
        except TimeoutError:
            self.cut()
            raise ConnectionEndedError from None

    async def failed(self, failures: list[Json]) -> None:
        """The last word: it ended, and there is nothing to come back for."""
        body = orjson.dumps({"errors": failures})
        await self._write(b"event: next\ndata: %b\n\nevent: complete\ndata:\n\n" % body)

    async def _write(self, text: bytes) -> None:
        async with self._turn:
            await self._send({"type": "http.response.body", "body": text, "more_body": True})

    async def _close(self, code: Close, reason: str) -> None:
        """Who is to come back gets no event: an EventSource does come, and resumes.

        Why it ended is a comment in the last piece, which waits for the reader no longer than the
        stream's end does; an event of another name is an error to clients of graphql-sse.
        """
        if code is Close.FORBIDDEN:
            await self.failed([errors.request_error("The stream was ended.", reason)])
        else:
            self._why = b": %b\n\n" % reason.encode()


def _head(more: Headers) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", API_POLICY.encode()),
        (b"vary", b"Accept, Authorization, Cookie, Origin"),
        (b"x-accel-buffering", b"no"),  # proxies hand on what comes
        *more,
    ]
