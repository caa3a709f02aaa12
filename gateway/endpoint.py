"""POST /graphql as a raw ASGI application: read, verify, look up, execute, answer."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from opentelemetry.trace import Span, SpanKind
from starlette.requests import HTTPConnection

from chassis import telemetry
from chassis.actors import current_actor
from chassis.errors import DomainError, PeerFailedError
from gateway import errors
from gateway.actors import Actors
from gateway.auth import TokenVerifier
from gateway.context import Caller, Context, Services
from gateway.cursors import CursorKey
from gateway.errors import Json
from gateway.execution.operations import Operation, Operations
from gateway.limits import exceeded
from gateway.sessions import Sessions
from gateway.web import API_POLICY, Site, cookie

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 65_536
READ_TIMEOUT = 7.0
MAX_RESPONSE = 1 << 20
MAX_IN_FLIGHT = 200
MAX_IN_FLIGHT_OF_ONE = 8
CSRF_HEADER, CSRF_VALUE = "x-requested-with", "guildhall"
_NOBODY = ""
_GRAPHQL_JSON = "application/graphql-response+json"
_STATUS = {
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "FAILED_PRECONDITION": 403,
    "NOT_FOUND": 403,
    "UNAVAILABLE": 503,
    "RESOURCE_EXHAUSTED": 429,
}
_log = logging.getLogger(__name__)


class _HttpError(Exception):
    """An answer without execution."""

    def __init__(self, status: int, code: str, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = errors.request_error(message, code, **extensions)


@dataclass(frozen=True, slots=True)
class _Asked:
    query: str
    variables: dict[str, Any]
    operation_name: str


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: Json


@dataclass(frozen=True, slots=True)
class Parts:
    """What requests are answered with."""

    site: Site
    services: Services
    operations: Operations
    verifier: TokenVerifier
    actors: Actors
    sessions: Sessions
    cursor_key: CursorKey


class GraphQLEndpoint:
    """Answers POST /graphql, whatever is sent."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._in_flight: Counter[str] = Counter()  # by person; by nobody as well

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        begun = time.perf_counter()
        connection = HTTPConnection(scope)
        trace_parent = connection.headers.get(telemetry.TRACE_PARENT, "")
        with telemetry.span(
            "POST /graphql", kind=SpanKind.SERVER, trace_parent=trace_parent
        ) as span:
            trace_id = _trace_id(span)
            reply = await self._reply(connection, receive, span, trace_id)
            span.set_attribute("http.response.status_code", reply.status)
            await _send(connection, send, reply, trace_id)
        seconds = time.perf_counter() - begun
        telemetry.HTTP_SECONDS.labels("/graphql", str(reply.status)).observe(seconds)

    async def _reply(
        self, connection: HTTPConnection, receive: Receive, span: Span, trace_id: str
    ) -> _Reply:
        try:
            _check_headers(connection)
            asked = _parse(await _body(connection, receive))
            # Not before: who sends a body slowly takes nobody's place.
            with self._one_of(_NOBODY, MAX_IN_FLIGHT, 503, "too many requests at once"):
                caller = await self._caller(connection)
                if caller is None:
                    return await self._answer(connection, asked, None, span, trace_id)
                too_many = "too many requests of one person at once"
                with self._one_of(caller.actor.person_id, MAX_IN_FLIGHT_OF_ONE, 429, too_many):
                    return await self._answer(connection, asked, caller, span, trace_id)
        except _HttpError as error:
            return _Reply(error.status, {"errors": [error.error]})
        except PeerFailedError as error:
            return _Reply(500, {"errors": [errors.masked(error, trace_id)]})
        except DomainError as error:
            refused = {"message": str(error), "extensions": errors.refusal(error)}
            return _Reply(_STATUS.get(error.status, 400), {"errors": [refused]})
        except Exception as error:
            return _Reply(500, {"errors": [errors.masked(error, trace_id)]})

    @contextmanager
    def _one_of(self, key: str, most: int, status: int, message: str) -> Iterator[None]:
        if self._in_flight[key] >= most:
            raise _HttpError(status, "TOO_BUSY", message, retryAfter=1)
        self._in_flight[key] += 1
        try:
            yield
        finally:
            self._in_flight[key] -= 1
            if not self._in_flight[key]:
                del self._in_flight[key]

    async def _answer(
        self,
        connection: HTTPConnection,
        asked: _Asked,
        caller: Caller | None,
        span: Span,
        trace_id: str,
    ) -> _Reply:
        parts = self._parts
        found = parts.operations.look_up(asked.query)
        if isinstance(found, Operation) and span.is_recording():
            span.set_attribute("graphql.operation.type", found.kind)
            span.set_attribute("graphql.operation.name", found.name[:100])
        context = Context(
            services=parts.services,
            cursor_key=parts.cursor_key,
            caller=caller,
            sessions=parts.sessions,
            rpc_budget=parts.operations.limits.rpcs,
        )
        if caller is not None:
            current_actor.set(caller.actor)
        answer = await parts.operations.answer(
            found, asked.variables, asked.operation_name, context, trace_id
        )
        refused = not answer.executed and _wants_graphql_json(connection)
        return _Reply(400 if refused else 200, answer.body)

    async def _caller(self, connection: HTTPConnection) -> Caller | None:
        """By bearer token or session; None where neither is sent."""
        parts = self._parts
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or len(connection.headers.getlist("authorization")) > 1:
                raise _HttpError(401, errors.UNAUTHENTICATED, "only bearer tokens are accepted")
            identity = await parts.verifier.access_token(token.strip())
            return await parts.actors.caller(identity)
        secret = cookie(connection, parts.site.session_cookie)
        if not secret:
            return None
        self._check_forgery(connection)
        return await session_caller(parts, secret)

    def _check_forgery(self, connection: HTTPConnection) -> None:
        """A session counts only in requests of our own pages."""
        if connection.headers.get(CSRF_HEADER) != CSRF_VALUE:
            problem = "with a session, send the header X-Requested-With: guildhall"
            raise _HttpError(403, "CSRF_REFUSED", problem)
        if not self._parts.site.from_our_pages(connection):
            raise _HttpError(403, "CSRF_REFUSED", "the request comes from another site")


async def session_caller(parts: Parts, secret: str) -> Caller | None:
    """The person of a session; None where it ended, or its identity is another person's now.

    Refuses with UNAUTHENTICATED where the identity is nobody's any more.
    """
    session = await parts.sessions.find(secret)
    if session is None:
        return None
    caller = await parts.actors.caller(session.identity, provision=False)
    return caller if caller.actor.person_id == session.person_id else None


def _trace_id(span: Span) -> str:
    context = span.get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else f"{random.getrandbits(128):032x}"


def _check_headers(connection: HTTPConnection) -> None:
    headers = connection.headers
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise _HttpError(415, "UNSUPPORTED_MEDIA_TYPE", "send application/json in UTF-8")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _HttpError(415, "UNSUPPORTED_MEDIA_TYPE", "send the body without compression")
    length = headers.get("content-length", "")
    if length and (not length.isascii() or not length.isdigit() or int(length[:12]) > MAX_BODY):
        raise _too_large()


def _too_large() -> _HttpError:
    return _HttpError(
        413,
        "REQUEST_TOO_LARGE",
        f"the body exceeds the limit of {MAX_BODY} bytes",
        maximum=MAX_BODY,
    )


async def _body(connection: HTTPConnection, receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _HttpError(400, "BAD_REQUEST", "the body broke off")
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > MAX_BODY:
                    raise _too_large()
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise _HttpError(408, "BAD_REQUEST", "the body came too slowly") from None


def _parse(body: bytes) -> _Asked:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _HttpError(400, "BAD_REQUEST", "the body is not JSON in UTF-8") from None
    if type(asked) is not dict:
        raise _HttpError(400, "BAD_REQUEST", "the body must be one JSON object")
    query = asked.get("query")
    if type(query) is not str or not query.strip():
        raise _HttpError(400, "BAD_REQUEST", "query must be a GraphQL document")
    variables = _optional(asked, "variables", dict)
    _optional(asked, "extensions", dict)
    name = _optional(asked, "operationName", str)
    return _Asked(query, variables or {}, name or "")


def _optional(asked: dict[str, Any], name: str, kind: type) -> Any:
    value = asked.get(name)
    if value is not None and type(value) is not kind:
        noun = "an object" if kind is dict else "a text"
        raise _HttpError(400, "BAD_REQUEST", f"{name} must be {noun}")
    return value


def _wants_graphql_json(connection: HTTPConnection) -> bool:
    return _GRAPHQL_JSON in connection.headers.get("accept", "").lower()


def _too_long(body: Json, size: int) -> Json:
    """Instead of an answer; what was asked for has been done."""
    error = errors.before_execution([exceeded("bytes of the answer", size, MAX_RESPONSE)], "")
    return {"data": None, "errors": error, "extensions": body.get("extensions", {})}


async def _send(connection: HTTPConnection, send: Send, reply: _Reply, trace_id: str) -> None:
    body = orjson.dumps(reply.body)
    if len(body) > MAX_RESPONSE:
        body = orjson.dumps(_too_long(reply.body, len(body)))
    kind = _GRAPHQL_JSON if _wants_graphql_json(connection) else "application/json"
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", API_POLICY.encode()),
        (b"vary", b"Accept, Authorization, Cookie, Origin"),
        (b"x-trace-id", trace_id.encode()),
    ]
    if reply.status == 401:
        headers.append((b"www-authenticate", b'Bearer error="invalid_token"'))
    if reply.status == 408:
        headers.append((b"connection", b"close"))
    if reply.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
