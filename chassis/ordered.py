"""An ordered consumer: what a service says from now on, in the stream's order, nothing left out.

It is ephemeral and nothing is acknowledged: the server pushes over core NATS to this process alone.
Every message has two numbers, the stream's and the consumer's; what was lost on the way leaves a
gap in the second, and the consumer is made anew behind the last message that came.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import NotFoundError

from chassis import telemetry
from chassis.messaging import OUTAGES, Bus, stream_name

HEARTBEAT = 1.0  # seconds between the server's signs of life while nothing is said
SILENCE = 3.0  # seconds without one until the consumer is made anew
_RETRY = 0.5
_LEFT_BEHIND = 30.0  # seconds until the server forgets a consumer whose process is gone
_LAST_OF_CONSUMER = "Nats-Last-Consumer"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A domain event and its place in the stream."""

    subject: str
    seq: int
    data: bytes
    trace_parent: str = ""
    time: datetime | None = None  # when it was said

    @property
    def name(self) -> str:
        """The domain event's."""
        return self.subject.rpartition(".")[2]

    @property
    def community_id(self) -> str:
        """Where it was said."""
        return self.subject.split(".")[2]

    @property
    def aggregate_type(self) -> str:
        """Of what kind of thing it was said."""
        return self.subject.split(".")[3]

    @property
    def aggregate_id(self) -> str:
        """Of what it was said."""
        return self.subject.split(".")[4]


class OrderedConsumer:
    """Hears one service's domain events of some subjects until it is cancelled.

    `heard` is called for each, in order; `begun_anew` where the stream was made anew, has lost its
    end, or what is next was dropped before it was heard: numbers given before mean nothing then.
    """

    def __init__(
        self,
        bus: Bus,
        service: str,
        subjects: Sequence[str],
        heard: Callable[[Heard], None],
        begun_anew: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._stream = stream_name(service)
        self._subjects = list(subjects)
        self._heard = heard
        self._begun_anew = begun_anew
        self.position = 0  # all of our subjects up to this number of the stream was heard
        self.incarnation = ""  # of the stream; empty until it was found
        self._expected = 1
        self._alive = 0.0
        self._gap = asyncio.Event()

    async def run(self) -> None:
        """Hear, over reconnections."""
        await self._bus.until_connected()
        while True:
            try:
                await self._follow()
            except OUTAGES as error:
                _log.info("%s is not followed: %s", self._stream, type(error).__name__)
            await asyncio.sleep(_RETRY)

    async def _follow(self) -> None:
        """Until something is missing."""
        js, epoch = self._bus.js, self._bus.epoch
        self._recognise(await js.stream_info(self._stream))
        self._gap.clear()
        self._expected, self._alive = 1, time.monotonic()
        inbox, name = self._bus.new_inbox(), f"ordered-{uuid4().hex}"
        async with self._bus.subscribed(inbox, self._on_message):
            await js.add_consumer(
                self._stream,
                api.ConsumerConfig(
                    name=name,
                    deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=self.position + 1,
                    ack_policy=api.AckPolicy.NONE,
                    max_deliver=1,
                    filter_subjects=self._subjects,
                    deliver_subject=inbox,
                    idle_heartbeat=HEARTBEAT,
                    inactive_threshold=_LEFT_BEHIND,
                    mem_storage=True,
                    num_replicas=1,
                ),
            )
            try:
                while not self._gap.is_set() and epoch == self._bus.epoch:
                    if time.monotonic() - self._alive > SILENCE:
                        break
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_RETRY):
                            await self._gap.wait()
            finally:
                if self._bus.connected:
                    with contextlib.suppress(*OUTAGES):
                        await self._bus.js.delete_consumer(self._stream, name)

    def _recognise(self, info: api.StreamInfo) -> None:
        incarnation, last = str(info.created), info.state.last_seq
        kept = info.state.first_seq <= self.position + 1  # else some may have gone unheard
        if incarnation == self.incarnation and last >= self.position and kept:
            return
        known, self.incarnation, self.position = self.incarnation, incarnation, last
        if known:
            _log.warning("%s began anew", self._stream)
            self._begun_anew()

    async def _on_message(self, message: Msg) -> None:
        self._alive = time.monotonic()
        if self._gap.is_set():
            return
        headers = message.headers or {}
        if not message.reply.startswith("$JS.ACK."):  # the server's own: a heartbeat
            if int(headers.get(_LAST_OF_CONSUMER, 0)) >= self._expected:
                self._gap.set()
            return
        sequence = message.metadata.sequence
        if sequence.consumer != self._expected:
            self._gap.set()
            return
        self._expected += 1
        self.position = sequence.stream
        try:
            self._heard(_heard(message.subject, sequence.stream, message.data, headers))
        except Exception as error:  # a bug with one must not end what the others hear
            _log.error("%s: %s", self._stream, telemetry.describe(error))

    async def missed(self, subject: str, after: int, most: int) -> list[Heard] | None:
        """What was said of a subject behind this number and is not yet to be heard here.

        None: it is not known any more, or there is more than that. Raises what NATS in trouble
        raises.
        """
        until, js = self.position, self._bus.js
        info = await js.stream_info(self._stream)
        if str(info.created) != self.incarnation or after + 1 < info.state.first_seq:
            return None
        found: list[Heard] = []
        while after < until:
            try:
                # Of the leader: another replica's store may be behind what was heard already.
                message = await js.get_msg(self._stream, after + 1, subject, next=True)
            except NotFoundError:
                break
            if message.seq is None or message.seq > until:
                break
            if len(found) >= most:
                return None
            after = message.seq
            headers = message.headers or {}
            found.append(_heard(message.subject or "", after, message.data or b"", headers))
        return found


def _heard(subject: str, seq: int, data: bytes, headers: Mapping[str, str]) -> Heard:
    said = headers.get("ce-time", "")
    time_ = None
    with contextlib.suppress(ValueError):  # what tells no time is heard all the same
        time_ = datetime.fromisoformat(said)
    return Heard(subject, seq, data, headers.get(telemetry.TRACE_PARENT, ""), time_)
