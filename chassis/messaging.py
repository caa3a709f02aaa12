"""The bus: the connection to NATS, streams and durable consumers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BadRequestError, NotFoundError

from chassis.ending import end

ACK_WAIT = 30.0  # seconds a replica may work on a message before another gets it
MAX_ACK_PENDING = 256
MAX_MESSAGE = 262_144
_MAX_WAITING, _MAX_WAITING_BYTES = 8_192, 8 << 20  # of a subscription's messages

# What any call to NATS may raise while the server is away or starting; asyncio's are nats' too.
OUTAGES = (nats.errors.Error, TimeoutError, ConnectionError, OSError)

_log = logging.getLogger(__name__)


class BusDownError(ConnectionError):
    """NATS is not connected right now."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a stream may hold; the defaults are a laptop's."""

    replicas: int = 1
    max_bytes: int = 1 << 30
    max_age: float = 14 * 86_400
    duplicate_window: float = 120


def stream_name(service: str) -> str:
    """The stream of everything one service says."""
    return f"EV_{service.upper()}"


def durable_name(service: str, producer: str) -> str:
    """The consumer that all replicas of a service share for one producer."""
    return f"{service}--{producer}"


@dataclass
class _Message(Msg):
    """A header Status in what the stream holds is the sender's.

    The library would take it for the server's word: the message would be neither seen nor
    acknowledged, and those fetched with it would be lost until they come again.
    """

    def __post_init__(self) -> None:
        status = api.Header.STATUS.value
        if self.headers and status in self.headers and self.reply.startswith("$JS.ACK."):
            self.headers[status.lower()] = self.headers.pop(status)


class _Client(Client):
    msg_class = _Message


class Bus:
    """One connection to NATS, made in the background and retried for ever.

    `epoch` counts connections: whoever must look at the stream anew after each compares it.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        limits: StreamLimits | None = None,
        monitor_url: str = "",
    ) -> None:
        self._url = url
        self._name = name
        self._monitor_url = monitor_url
        self.limits = limits or StreamLimits()
        self.epoch = 0
        self._client = _Client()
        self._js = self._client.jetstream(timeout=3)
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether NATS answers right now."""
        return self.epoch > 0 and self._client.is_connected

    @property
    def closed(self) -> bool:
        """Closed for ever: liveness fails."""
        return self._client.is_closed

    @property
    def js(self) -> JetStreamContext:
        """JetStream. Raises BusDownError: publishing while away would wait for nothing."""
        self._up()
        return self._js

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._connect())

    async def until_connected(self) -> None:
        """Wait for the first connection."""
        await self._ready.wait()

    async def close(self) -> None:
        """Disconnect, now."""
        if self._task is None:
            return
        await end([self._task])
        with contextlib.suppress(*OUTAGES):
            await self._client.close()

    async def _connect(self) -> None:
        while True:
            try:
                # The library gives up for ever after 60 attempts where it is not told otherwise.
                await self._client.connect(
                    self._url.split(","),
                    name=self._name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.3,  # type: ignore[arg-type]
                    ping_interval=3,  # a link whose other end is gone is left after nine seconds
                    max_outstanding_pings=2,
                    connect_timeout=2,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_connect,
                )
            except OUTAGES as error:
                _log.warning("NATS: %s", type(error).__name__)
                await asyncio.sleep(0.5)
            else:
                break
        await self._on_connect()
        if self._monitor_url:
            await self._warn_of_lazy_sync()

    async def _on_connect(self) -> None:
        self.epoch += 1
        self._ready.set()
        _log.info("NATS connected")

    async def _on_disconnect(self) -> None:
        _log.warning("NATS disconnected")

    async def _on_error(self, error: Exception) -> None:
        _log.debug("NATS: %s", type(error).__name__)

    async def _warn_of_lazy_sync(self) -> None:
        url = f"{self._monitor_url}/varz"
        try:
            answer = await asyncio.to_thread(urllib.request.urlopen, url, None, 2)
            with answer:
                config = json.load(answer).get("jetstream", {}).get("config", {})
        except (OSError, ValueError) as error:
            _log.warning("sync_interval not known: %s", type(error).__name__)
            return
        if not config.get("sync_always"):
            _log.warning("NATS acknowledges before it writes to disk: set sync_interval: always")

    async def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        """A message that asks for no answer, behind those published before it."""
        await self._up().publish(subject, data, headers=dict(headers))

    async def request(
        self, subject: str, data: bytes, headers: Mapping[str, str], timeout: float
    ) -> bytes:
        """The same with the answer to it. Raises NoRespondersError where nobody hears it."""
        answer = await self._up().request(subject, data, timeout=timeout, headers=dict(headers))
        return answer.data

    def _up(self) -> Client:
        if not self.connected:
            raise BusDownError("NATS is not connected")
        return self._client

    async def nudge(self, subject: str, data: bytes = b"") -> None:
        """A core message that nobody needs to get; nothing where NATS is away."""
        if self.connected:
            with contextlib.suppress(*OUTAGES):
                await self._client.publish(subject, data)

    async def on_nudge(self, subject: str, wake: Callable[[], None]) -> None:
        """Call `wake` at every nudge, over reconnections."""

        async def heard(_: Msg) -> None:
            wake()

        await self._client.subscribe(subject, cb=heard)

    def new_inbox(self) -> str:
        """A subject that only this process hears."""
        return self._client.new_inbox()

    @contextlib.asynccontextmanager
    async def subscribed(
        self, subject: str, heard: Callable[[Msg], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Hear core messages one by one; of those that wait, the latest are dropped when full."""
        subscription = await self._client.subscribe(
            subject,
            cb=heard,
            pending_msgs_limit=_MAX_WAITING,
            pending_bytes_limit=_MAX_WAITING_BYTES,
        )
        try:
            yield
        finally:
            with contextlib.suppress(*OUTAGES):
                await subscription.unsubscribe()

    async def ensure_stream(self, service: str) -> api.StreamInfo:
        """The service's stream, made or changed to what it should be; says what cannot be."""
        wanted = self._stream(service)
        try:
            info = await self.js.stream_info(stream_name(service))
        except NotFoundError:
            with contextlib.suppress(BadRequestError):  # another replica was faster
                await self.js.add_stream(wanted)
            info = await self.js.stream_info(stream_name(service))
        if differing := _differences(wanted, info.config):
            try:
                info = await self.js.update_stream(wanted)
                _log.warning("stream %s changed: %s", wanted.name, ", ".join(differing))
            except APIError as error:
                _log.error("stream %s has other %s: %s", wanted.name, differing, error.description)
        return info

    def _stream(self, service: str) -> api.StreamConfig:
        version = self._client.connected_server_version
        return api.StreamConfig(
            name=stream_name(service),
            subjects=[f"evt.{service}.>"],
            storage=api.StorageType.FILE,
            num_replicas=self.limits.replicas,
            retention=api.RetentionPolicy.LIMITS,
            discard=api.DiscardPolicy.NEW,  # full: refuse, never drop what is unread
            max_age=self.limits.max_age,
            max_bytes=self.limits.max_bytes,
            max_msg_size=MAX_MESSAGE,
            duplicate_window=self.limits.duplicate_window,
            allow_direct=True,
            allow_atomic=(version.major, version.minor) >= (2, 12) or None,
            deny_delete=True,
            deny_purge=False,
            compression=api.StoreCompression.S2,
        )

    async def ensure_consumer(
        self,
        service: str,
        producer: str,
        aggregate_types: Sequence[str] = (),
        *,
        ack_wait: float = ACK_WAIT,
        start_time: datetime | None = None,
    ) -> JetStreamContext.PullSubscription:
        """The durable made or changed to what it should be, and a subscription bound to it.

        One aggregate type alone is sifted by the server. Of several it would look through the
        subjects of a whole block for each message of a durable that lags (0.9 ms instead of 0.02),
        so everything comes, and whoever listens puts aside what they did not ask for.
        `start_time` makes it anew, from there: for a database that came back from a backup.
        """
        stream, durable = stream_name(producer), durable_name(service, producer)
        try:
            await self.js.stream_info(stream)
        except NotFoundError:
            await self.ensure_stream(producer)
        sifted = f"*.{aggregate_types[0]}.>" if len(aggregate_types) == 1 else ">"
        wanted = api.ConsumerConfig(
            name=durable,
            durable_name=durable,
            filter_subject=f"evt.{producer}.{sifted}",
            deliver_policy=api.DeliverPolicy.ALL,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_deliver=-1,  # a finite one drops messages in silence
            max_ack_pending=MAX_ACK_PENDING,
            max_waiting=64,
            replay_policy=api.ReplayPolicy.INSTANT,
        )
        if start_time is not None:
            with contextlib.suppress(NotFoundError):
                await self.js.delete_consumer(stream, durable)
            wanted = replace(
                wanted,
                deliver_policy=api.DeliverPolicy.BY_START_TIME,
                opt_start_time=start_time,
            )
        await self._apply_consumer(stream, durable, wanted)
        return await self.js.pull_subscribe_bind(durable=durable, stream=stream)

    async def _apply_consumer(self, stream: str, durable: str, wanted: api.ConsumerConfig) -> None:
        try:
            there = (await self.js.consumer_info(stream, durable)).config
        except NotFoundError:
            await self.js.add_consumer(stream, wanted)
            return
        # Where it began, and how many may wait, cannot be changed afterwards.
        wanted = replace(
            wanted,
            deliver_policy=there.deliver_policy,
            opt_start_time=there.opt_start_time,
            max_waiting=there.max_waiting,
        )
        if differing := _differences(wanted, there):
            try:
                await self.js.add_consumer(stream, wanted)
                _log.warning("consumer %s changed: %s", durable, ", ".join(differing))
            except APIError as error:
                _log.error("consumer %s has other %s: %s", durable, differing, error.description)


def _differences(wanted: Any, there: Any) -> list[str]:
    """The settings we give that are others there."""
    return [
        name
        for name, value in vars(wanted).items()
        if value is not None and _plain(getattr(there, name)) != _plain(value)
    ]


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
