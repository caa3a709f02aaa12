"""The gRPC server every service listens with: who calls, how long it may take, how it may fail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import grpc
import pymongo
from google.protobuf.message import DecodeError
from grpc import StatusCode, aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.trace import SpanKind

from chassis import rpc_status, telemetry
from chassis.actors import current_actor
from chassis.errors import (
    DomainError,
    RequestUnreadableError,
    UnauthenticatedError,
    UnavailableError,
)
from chassis.mongo import OUTAGES
from chassis.tokens import TokenVerifier

Context: TypeAlias = aio.ServicerContext[Any, Any]
_Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

DEFAULT_DEADLINE = 10.0  # seconds, where a caller sets none
LEAST_REMAINING = 0.02  # with less than this left, work is not begun
ACTOR_TOKEN = "actor-token"  # noqa: S105 - the metadata key
_UNREADABLE = object()
_OPEN = ("/grpc.health.v1.", "/grpc.reflection.")

_log = logging.getLogger(__name__)

OPTIONS = (
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.max_connection_idle_ms", 900_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # without it a hung peer is never noticed
    ("grpc.http2.min_ping_interval_without_data_ms", 2_000),  # clients ping every 3 s
    ("grpc.max_receive_message_length", 1 << 20),
    ("grpc.max_metadata_size", 24 << 10),  # actor tokens carry keyrings
    ("grpc.max_concurrent_streams", 128),
    ("grpc.so_reuseport", 0),
)


class Interceptor(aio.ServerInterceptor):
    """Verifies the actor token, keeps the deadline, maps refusals, hides everything else."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self._wrapped: dict[str, _Handler | None] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler | None:
        method = str(handler_call_details.method)
        if method.startswith(_OPEN):
            return await continuation(handler_call_details)
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._wrapped[method] = grpc.unary_unary_rpc_method_handler(
                self._wrap(method, cast(Any, handler).unary_unary),
                request_deserializer=_forgiving(cast(Any, handler).request_deserializer),
                response_serializer=cast(Any, handler).response_serializer,
            )
        return self._wrapped[method]

    def _wrap(self, method: str, behaviour: _Behaviour) -> _Behaviour:
        short = method.removeprefix("/guildhall.")
        service, _, name = method[1:].rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

        async def serve(request: Any, context: Context) -> Any:
            metadata = dict(context.invocation_metadata() or ())
            began = time.perf_counter()
            code = StatusCode.OK
            with telemetry.span(
                short,
                kind=SpanKind.SERVER,
                trace_parent=_text(metadata.get(telemetry.TRACE_PARENT)),
                attributes=attributes,
            ) as span:
                try:
                    return await self._call(behaviour, request, context, metadata)
                except DomainError as refusal:
                    code = rpc_status.code_of(refusal)
                    span.set_attribute("guildhall.refusal", rpc_status.reason_of(refusal))
                    await _refuse(context, refusal)
                except (asyncio.CancelledError, TimeoutError):
                    code = StatusCode.DEADLINE_EXCEEDED
                    await context.abort(code, "out of time")
                except aio.AbortError:
                    code = StatusCode.UNKNOWN
                    raise
                except OUTAGES as outage:
                    _log.warning("store: %s", type(outage).__name__)
                    code = StatusCode.UNAVAILABLE
                    await _refuse(context, UnavailableError("the store cannot be reached"))
                except Exception as error:
                    _log.error("%s: %s", name, telemetry.describe(error))
                    code = StatusCode.INTERNAL
                    await context.abort(code, "internal error")
                finally:
                    telemetry.RPC_SECONDS.labels(short, code.name).observe(
                        time.perf_counter() - began
                    )

        return serve

    async def _call(
        self, behaviour: _Behaviour, request: Any, context: Context, metadata: dict[str, Any]
    ) -> Any:
        token = _text(metadata.get(ACTOR_TOKEN))
        if not token or _count(context, ACTOR_TOKEN) != 1:
            raise UnauthenticatedError
        remaining: float | None = context.time_remaining()
        budget = DEFAULT_DEADLINE if remaining is None else min(remaining, DEFAULT_DEADLINE)
        if budget < LEAST_REMAINING:
            raise TimeoutError
        reset = current_actor.set(self._verifier.actor(token))
        try:
            async with asyncio.timeout(budget):
                with pymongo.timeout(budget):
                    if request is _UNREADABLE:
                        raise RequestUnreadableError
                    return await behaviour(request, context)
        finally:
            current_actor.reset(reset)


async def _refuse(context: Context, refusal: DomainError) -> None:
    details = rpc_status.pack(refusal)
    await context.abort(
        rpc_status.code_of(refusal),
        str(refusal),
        trailing_metadata=((rpc_status.DETAILS, details),),
    )


def _forgiving(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """What cannot be read is refused like any other bad request, not a failure of ours."""

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNREADABLE

    return read


def _count(context: Context, name: str) -> int:
    """How often metadata has a key: of two tokens it would be chance who is believed."""
    return sum(key == name for key, _ in context.invocation_metadata() or ())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _not_one_by_one(service: str, handlers: Mapping[str, _Handler]) -> None:
    del service, handlers


class Server:
    """A gRPC server with health, reflection and the interceptor; servicers are added to `grpc`."""

    def __init__(self, verifier: TokenVerifier, *, concurrent_rpcs: int = 128) -> None:
        self.grpc = aio.server(
            interceptors=[Interceptor(verifier)],
            options=OPTIONS,
            maximum_concurrent_rpcs=concurrent_rpcs,
        )
        # Generated code adds its handlers twice. Registered ones are waited for one by one, so that
        # each RPC would pay for all methods that there are; for generic ones there is one wait.
        self.grpc.add_registered_method_handlers = _not_one_by_one  # type: ignore[assignment,method-assign]
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)

    def reflect(self, services: Sequence[str]) -> None:
        """Let tools list these services."""
        names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self.grpc)

    async def listen(self, address: str) -> int:
        """Start listening, not yet ready; gives the port. OSError where the address is taken."""
        try:
            port = self.grpc.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if not port:
            raise OSError(f"cannot listen on {address}: is it in use?")
        await self.set_ready(False)
        await self.grpc.start()
        return port

    async def set_ready(self, ready: bool) -> None:
        """What the health check answers from now on."""
        status = health_pb2.HealthCheckResponse
        await self._health.set("", status.SERVING if ready else status.NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Not ready at once; running RPCs get `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await self.grpc.stop(grace)
