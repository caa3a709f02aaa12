"""/graphql as a raw ASGI application: read, verify, look up, admit, execute, answer."""

from __future__ import annotations

import time
from functools import lru_cache

from opentelemetry.trace import Span, SpanKind
from prometheus_client import Histogram
from starlette.requests import HTTPConnection

from chassis import telemetry
from chassis.actors import current_actor
from chassis.errors import DomainError, PeerFailedError
from chassis.values import value
from gateway import errors
from gateway.context import Caller, Context
from gateway.endpoint.documents import operation_of
from gateway.endpoint.head import Head
from gateway.endpoint.introspection import check_introspection
from gateway.endpoint.replies import GRAPHQL_JSON, Reply, Send, send_reply, wanted
from gateway.endpoint.requests import (
    Asked,
    HttpError,
    Receive,
    Scope,
    asked_by_address,
    asked_by_body,
)
from gateway.endpoint.visitors import (
    Parts,
    Visitor,
    caller_of,
    preflight,
    session_caller,
    shared_with,
    visitor_of,
)
from gateway.execution.operations import Operation, Refused
from gateway.protocol import GONE
from gateway.rate_limits import RateLimitedError, Standing
from gateway.rate_limits import headers as told

__all__ = ["GraphQLEndpoint", "Parts", "Receive", "Scope", "Send", "session_caller"]

_METHODS = ("GET", "HEAD", "POST")
_STATUS = {
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "FAILED_PRECONDITION": 403,
    "NOT_FOUND": 403,
    "UNAVAILABLE": 503,
    "RESOURCE_EXHAUSTED": 429,
}


@value
class _Work:
    """What is to be executed, for whom or not at all."""

    asked: Asked
    found: Operation | Refused
    visitor: Visitor


class GraphQLEndpoint:
    """Answers GET and POST of /graphql, whatever is sent; and whether a page may ask."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        begun = time.perf_counter()
        connection = Head(scope)
        name = f"{scope['method'] if scope['method'] in _METHODS else '_OTHER'} /graphql"
        trace_parent = connection.headers.get(telemetry.TRACE_PARENT, "")
        with telemetry.span(name, kind=SpanKind.SERVER, trace_parent=trace_parent) as span:
            trace_id = errors.trace_id_of(span)
            reply = await self._reply(connection, receive, span, trace_id)
            span.set_attribute("http.response.status_code", reply.status)
            kind = wanted(connection.headers.get("accept", ""))
            shared = shared_with(self._parts, connection)
            await send_reply(send, reply, kind, trace_id, shared)
        seconds = time.perf_counter() - begun
        _seconds(reply.status).observe(seconds)

    async def preflight(self, scope: Scope, _: Receive, send: Send) -> None:
        """Whether a page of another origin may ask."""
        headers = preflight(self._parts, HTTPConnection(scope))
        status = 204 if headers else 405
        headers = headers or ((b"allow", b"GET, POST"), (b"content-length", b"0"))
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b""})

    async def _reply(
        self, connection: HTTPConnection, receive: Receive, span: Span, trace_id: str
    ) -> Reply:
        try:
            asked = await self._asked(connection, receive)
            # Not before: who sends a body slowly takes nobody's place.
            with self._parts.admission.place():
                visitor = await visitor_of(self._parts, connection)
                found, caller = await operation_of(self._parts, asked, visitor)
                if isinstance(found, Operation):
                    _check_method(connection, found)
                work = _Work(asked, found, visitor)
                if caller is None:
                    caller = await caller_of(self._parts, visitor)
                if caller is None:
                    return await self._answer(connection, work, None, span, trace_id)
                with self._parts.admission.place(caller.actor.person_id):
                    return await self._answer(connection, work, caller, span, trace_id)
        except HttpError as error:
            return Reply(error.status, {"errors": [error.error]}, error.allow)
        except PeerFailedError as error:
            return Reply(500, {"errors": [errors.masked(error, trace_id)]})
        except DomainError as error:
            refused = {"message": str(error), "extensions": errors.refusal(error)}
            status = _STATUS.get(error.status, 400)
            headers = told(error.standings) if isinstance(error, RateLimitedError) else ()
            return Reply(status, {"errors": [refused]}, b"", error.retry_after, headers)
        except Exception as error:
            return Reply(500, {"errors": [errors.masked(error, trace_id)]})

    async def _asked(self, connection: HTTPConnection, receive: Receive) -> Asked:
        method = connection.scope["method"]
        if method == "GET":
            return asked_by_address(connection)
        if method == "POST":
            return await asked_by_body(connection, receive)
        raise HttpError(405, "METHOD_NOT_ALLOWED", "send operations by POST, queries by GET too")

    async def _answer(
        self,
        connection: HTTPConnection,
        work: _Work,
        caller: Caller | None,
        span: Span,
        trace_id: str,
    ) -> Reply:
        parts, found = self._parts, work.found
        standings: list[Standing] = []
        if isinstance(found, Operation):
            if span.is_recording():
                span.set_attribute("graphql.operation.type", found.kind)
                span.set_attribute("graphql.operation.name", found.name[:100])
            standings = self._admit(found, work, caller)
        context = Context(
            services=parts.services,
            cursor_key=parts.cursor_key,
            portals=parts.portals,
            directory_cache=parts.directory_cache,
            caller=caller,
            sessions=parts.sessions,
            public_url=parts.site.public_url,
            rpc_budget=parts.operations.limits.rpcs,
        )
        if caller is not None:
            current_actor.set(caller.actor)
        if isinstance(found, Operation) and found.kind == "query":  # a write is done all the same
            connection.scope[GONE] = context.give_up
        answer = await parts.operations.answer(
            found, work.asked.variables, work.asked.operation_name, context, trace_id
        )
        strict = wanted(connection.headers.get("accept", "")) == GRAPHQL_JSON
        status = 400 if strict and not answer.executed else 200
        return Reply(status, answer.body, headers=told(standings))

    def _admit(self, operation: Operation, work: _Work, caller: Caller | None) -> list[Standing]:
        """The last word before execution: who asks for what, at what price, by which portal."""
        parts, visitor = self._parts, work.visitor
        check_introspection(parts.introspection, operation, caller, visitor.portal)
        cost, most = operation.price(work.asked.variables).cost, parts.operations.limits.cost
        if cost > most:
            return []  # it is refused without a point
        person_id = caller.actor.person_id if caller is not None else ""
        by_client = visitor.by_client
        return parts.admission.admit(cost, most, person_id, visitor.portal, by_client=by_client)


@lru_cache(maxsize=64)
def _seconds(status: int) -> Histogram:
    return telemetry.HTTP_SECONDS.labels("/graphql", str(status))


def _check_method(connection: HTTPConnection, operation: Operation) -> None:
    if connection.scope["method"] == "GET" and operation.kind != "query":
        problem = f"a {operation.kind} is sent by POST"
        raise HttpError(405, "METHOD_NOT_ALLOWED", problem, allow=b"POST")
