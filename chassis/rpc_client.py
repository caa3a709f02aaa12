"""gRPC channels to other parts: every call carries a deadline, the trace and an actor token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar, cast

from grpc import StatusCode, aio

from chassis import rpc_status, telemetry
from chassis.actors import current_actor
from chassis.errors import (
    DomainError,
    PeerFailedError,
    TooBusyError,
    UnauthenticatedError,
    UnavailableError,
)
from chassis.rpc_server import ACTOR_TOKEN
from chassis.tokens import TokenSigner

T = TypeVar("T")

_log = logging.getLogger(__name__)

CALL_TIMEOUT = 2.0  # seconds a call may take at most, where the caller does not say
_BUSY = "Concurrent RPC limit"  # what gRPC's server says for us; too long a message is no such case
# The monotonic time by which the request under way must be answered.
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.dns_min_time_between_resolutions_ms", 10_000),
    # A peer that hangs, or a connection whose other end is gone, is left within six seconds: until
    # then every call over it is lost. Servers must allow pings as often.
    ("grpc.keepalive_time_ms", 3_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # What making a connection may take: a busy machine takes long, a closed port is told at once.
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A batch of 100 posts of the greatest length, with their HTML, has 26 MB.
    ("grpc.max_receive_message_length", 32 << 20),
    ("grpc.max_metadata_size", 24 << 10),
)
# Only the edge retries, and only what never began or may be repeated: every write has a request_id.
_RETRIES = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    }
)


class _Calls:
    """What stubs take for a channel: adds metadata and deadline, turns failures into refusals.

    gRPC's own interceptors would make a task more of every call.
    """

    def __init__(
        self,
        channel: aio.Channel,
        part: str,
        signer: TokenSigner,
        *,
        for_people: bool,
        call_timeout: float,
    ) -> None:
        self._channel = channel
        self._part = part
        self._call_timeout = call_timeout
        self._signer = signer
        self._for_people = for_people

    def unary_unary(self, method: str, **more: Any) -> Callable[..., Awaitable[Any]]:
        """As the channel's; the call begins when it is awaited."""
        return partial(self._call, self._channel.unary_unary(method, **more))

    async def _call(
        self, send: Callable[..., Awaitable[Any]], request: Any, *, timeout: float | None = None
    ) -> Any:
        actor = current_actor.get() if self._for_people else None
        metadata = [(ACTOR_TOKEN, self._signer.token(self._part, actor))]
        if trace_parent := telemetry.current_trace_parent():
            metadata.append((telemetry.TRACE_PARENT, trace_parent))
        try:
            return await send(
                request,
                timeout=_timeout(timeout, self._call_timeout),
                metadata=tuple(metadata),
            )
        except aio.AioRpcError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: aio.AioRpcError) -> DomainError:
        details = dict(error.trailing_metadata() or ()).get(rpc_status.DETAILS)
        refusal = rpc_status.unpack(error.code(), details)
        if isinstance(refusal, UnauthenticatedError):
            # What this part has signed is not believed: a clock or a key is wrong. Neither our
            # caller nor the event that is being heard can do anything about it.
            _log.warning("%s does not believe us", self._part)
            return UnavailableError(f"{self._part} does not believe who calls")
        if refusal is not None:
            return refusal
        if error.code() in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED):
            return UnavailableError(f"{self._part} does not answer")
        if error.code() is StatusCode.RESOURCE_EXHAUSTED and _BUSY in (error.details() or ""):
            return TooBusyError(f"{self._part} is too busy", retry_after=1.0)
        return PeerFailedError(f"{self._part} failed: {error.code().name}")


def _timeout(asked: float | None, usual: float) -> float:
    """What the call may take: no more than it asks for, nor than what is left of the request."""
    most = asked if asked is not None else usual
    if (until := deadline.get()) is not None:
        most = min(most, until - time.monotonic() - 0.05)
    return max(most, 0.001)


class Channels:
    """One channel a target. `for_people`: this part may speak for the person calling it."""

    def __init__(
        self,
        signer: TokenSigner,
        address: Callable[[str], str],
        *,
        for_people: bool = False,
        retries: bool = False,
        call_timeout: float = CALL_TIMEOUT,
    ) -> None:
        self._signer = signer
        self._address = address
        self._for_people = for_people
        self._retries = retries
        self._call_timeout = call_timeout
        self._channels: dict[str, aio.Channel] = {}

    def channel(self, part: str) -> aio.Channel:
        """The bare channel to a part, made at first use."""
        if part not in self._channels:
            options = _OPTIONS
            if self._retries:
                options = (*options, ("grpc.service_config", _RETRIES))
            self._channels[part] = aio.insecure_channel(
                f"dns:///{self._address(part)}",
                options=options,
            )
        return self._channels[part]

    def client(self, stub: Callable[[aio.Channel], T], part: str) -> T:
        """A stub for one service of a part; cheap, to be kept."""
        calls = _Calls(
            self.channel(part),
            part,
            self._signer,
            for_people=self._for_people,
            call_timeout=self._call_timeout,
        )
        return stub(cast("aio.Channel", calls))  # all that a stub needs of one

    async def close(self) -> None:
        """Close all channels; calls under way get a second."""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*(channel.close(1) for channel in self._channels.values()))
