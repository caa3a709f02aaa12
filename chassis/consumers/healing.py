"""Finding missing events: in the stream, else in the producer's log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.js.errors import NotFoundError

from chassis import telemetry
from chassis.envelopes import EnvelopeInvalidError, from_message
from chassis.errors import UnavailableError
from chassis.messaging import OUTAGES, Bus, stream_name
from guildhall.chassis.v1 import event_log_pb2
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

if TYPE_CHECKING:
    from guildhall.chassis.v1.event_log_pb2_grpc import EventLogServiceAsyncStub

    EventLog = Callable[[str], EventLogServiceAsyncStub]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A missing event and its place in the stream; 0: it came from the producer."""

    event: StoredEvent
    stream_seq: int


class Healer:
    """Finds what one consumer misses of one producer."""

    most = 500  # events of one aggregate found at once

    def __init__(self, bus: Bus, event_log: EventLog, producer: str, consumer: str) -> None:
        self._bus = bus
        self._event_log = event_log
        self._producer = producer
        self._consumer = consumer

    async def find(self, hint: StoredEvent, first: int, last: int, after: int) -> list[Found]:
        """The events `first`..`last` of the aggregate of `hint`, as far as they are contiguous.

        `after`: where in the stream its last heard event was. At most `most`; raises
        UnavailableError where the stream misses them and the producer does not answer.
        """
        last = min(last, first + self.most - 1)
        found = await self._in_stream(hint, first, last, after)
        telemetry.HEALS.labels(self._consumer, "stream").inc(len(found))
        if first + len(found) <= last:
            rest = await self.in_log(hint.aggregate_id, first + len(found), last)
            telemetry.HEALS.labels(self._consumer, "producer").inc(len(rest))
            found += rest
        _log.warning(
            "%s missed %d to %d of %s, found %d",
            self._consumer,
            first,
            last,
            hint.aggregate_id,
            len(found),
        )
        return found

    async def _in_stream(self, hint: StoredEvent, first: int, last: int, after: int) -> list[Found]:
        subject = f"evt.{self._producer}.*.{hint.aggregate_type}.{hint.aggregate_id}.*"
        stream = stream_name(self._producer)
        found: list[Found] = []
        while first + len(found) <= last:
            try:
                message = await self._bus.js.get_msg(
                    stream, seq=after + 1, subject=subject, next=True, direct=True
                )
                after = message.seq or 0
                event = from_message(message.subject or "", message.headers, message.data or b"")
            except EnvelopeInvalidError:
                continue
            except (NotFoundError, *OUTAGES):
                break
            wanted = first + len(found)
            if event.seq > wanted:
                break
            if event.seq == wanted:
                found.append(Found(event, after))
        return found

    async def in_log(self, aggregate_id: str, first: int, last: int) -> list[Found]:
        """The same from the producer; raises UnavailableError where it does not answer."""
        request = event_log_pb2.ReadAggregateRequest(
            aggregate_id=aggregate_id, from_seq=first, to_seq=last
        )
        try:
            response = await self._event_log(self._producer).ReadAggregate(request)
        except OSError as error:
            raise UnavailableError(f"{self._producer} cannot be reached") from error
        found: list[Found] = []
        for event in response.events:
            if event.seq == first + len(found):
                found.append(Found(event, 0))
        return found
