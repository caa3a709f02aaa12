"""The consumer: fetches what one producer says, has it heard, and says so to the bus."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nats.aio.msg import Msg

from chassis import telemetry
from chassis.batch import Conflict
from chassis.consumers.decoding import is_outage, is_permanent, reason_of
from chassis.consumers.fetching import BATCH, FETCH_TIMEOUT, Fetching, give_back, nak
from chassis.consumers.healing import Healer
from chassis.consumers.hearing import Arrival, Hearing, Outcome, Result
from chassis.consumers.inbox import NOWHERE, Inbox, Suspects
from chassis.dead_letters import DeadLetters
from chassis.domain_events import Subscription
from chassis.ending import end
from chassis.envelopes import EnvelopeInvalidError, aggregate_type_of, from_message
from chassis.messaging import ACK_WAIT, OUTAGES, Bus, durable_name, stream_name
from chassis.mongo import Database
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

if TYPE_CHECKING:
    from chassis.consumers.healing import EventLog

GIVE_UP = 12  # deliveries, about eight minutes
# Of what another replica was faster at, or so it seems: an hour. It says nothing of the event, but
# a handler may write what can never be stored.
GIVE_UP_CONFLICT = 60
SUSPECT = 3  # deliveries without a word from us
_MEASURE_EVERY = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message and the event in it."""

    message: Msg
    arrival: Arrival

    @property
    def event(self) -> StoredEvent:
        return self.arrival.event

    @property
    def count(self) -> int:
        return self.message.metadata.num_delivered


class Consumer:
    """One subscription of one service; replicas share its durable."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        service: str,
        subscription: Subscription,
        *,
        event_log: EventLog,
        committed: Callable[[], None] = lambda: None,
        ack_wait: float = ACK_WAIT,
        fetch_timeout: float = FETCH_TIMEOUT,
        pace: float = 0.0,
    ) -> None:
        """`pace`: seconds from one batch's beginning to the next one's. What is said meanwhile is
        heard together, which costs little more than one event; who is alone does not wait.
        """
        self.name = durable_name(service, subscription.producer)
        self._subscription = subscription
        self._bus = bus
        self._ping: Callable[[], Awaitable[object]] = lambda: database.command("ping")
        self._ack_wait = ack_wait
        self._pace = pace
        self._fetching = Fetching(
            bus, service, subscription, ack_wait=ack_wait, timeout=fetch_timeout
        )
        self.inbox = Inbox(database, self.name)
        self.letters = DeadLetters(database)
        self._suspects = Suspects(database, self.name)
        self.healer = Healer(bus, event_log, subscription.producer, self.name)
        self.hearing = Hearing(
            database,
            service,
            subscription,
            self.inbox,
            self.healer,
            consumer=self.name,
            committed=committed,
        )
        self._heard = {
            result: telemetry.EVENTS_HEARD.labels(self.name, result.value) for result in Result
        }
        self._busy = asyncio.Lock()
        self._failures = 0  # outages in a row; the breaker is open while it is not 0

    @property
    def aggregate_types(self) -> Sequence[str]:
        """What it hears of; empty: all."""
        return self._subscription.aggregate_types

    @property
    def producer(self) -> str:
        """Whom it hears."""
        return self._subscription.producer

    # -- life

    async def run(self) -> None:
        """Hear until cancelled; then finish the batch under way and give the rest back.

        A crash at any point loses and repeats nothing.
        """
        await self._bus.until_connected()
        measuring = asyncio.create_task(self._measure())
        try:
            while True:
                try:
                    await self._turn()
                except Exception as error:  # a bug must not end it: what is unacked comes again
                    _log.error("%s: %s", self.name, telemetry.describe(error))
                    await asyncio.sleep(1)
        finally:
            await end([measuring])
            await self._fetching.leave()

    async def _turn(self) -> None:
        """Fetch once and deal with it. Errors of the bus are waited out."""
        if self._failures:
            await self._wait_for_dependencies()
        # One alone while something is doubtful: a batch would only be delivered in vain.
        messages = await self._fetching.batch(one=bool(self._failures))
        if asked := await self._put_aside(messages):
            began = time.monotonic()
            await self._take_whole(asked)
            if len(messages) < BATCH:  # a backlog is not waited for
                await asyncio.sleep(max(began + self._pace - time.monotonic(), 0))

    async def _put_aside(self, messages: Sequence[Msg]) -> Sequence[Msg]:
        """Those of the aggregates it hears of, and what is no domain event; the rest is done."""
        if not self.aggregate_types:
            return messages
        asked: list[Msg] = []
        for message in messages:
            kind = aggregate_type_of(message.subject)
            if kind is None or kind in self.aggregate_types:
                asked.append(message)
            else:
                await _ack(message)
        return asked

    async def _take_whole(self, messages: Sequence[Msg]) -> None:
        """A batch begun is finished, even when the service is told to stop."""
        async with self._busy:
            work = asyncio.create_task(self._take(messages))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                await work
                raise

    async def rewind(self, start_time: datetime) -> None:
        """Hear again from a time on: after this service's database came back from a backup.

        The durable is made anew; what was heard already is a duplicate to the gate.
        """
        async with self._busy:
            await self._fetching.begin_again(start_time)

    async def _wait_for_dependencies(self) -> None:
        """The open breaker: nothing is fetched, so no delivery is counted in vain."""
        await asyncio.sleep(min(0.25 * 2 ** min(self._failures, 6), 15.0))
        while True:
            try:
                await self._ping()
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(1.0)
            else:
                return

    # -- a batch

    async def _take(self, messages: Sequence[Msg]) -> None:
        working = asyncio.create_task(_say_in_progress(messages, self._ack_wait / 3))
        try:
            deliveries = await self._open(messages)
            doubtful = {d.event.aggregate_id for d in deliveries if d.count >= SUSPECT}
            await self._settle([d for d in deliveries if d.event.aggregate_id not in doubtful])
            for delivery in deliveries:
                if delivery.event.aggregate_id in doubtful:
                    await self._settle_alone(delivery)
        except Exception as error:
            if not is_outage(error):
                _log.error("%s: batch given back: %s", self.name, telemetry.describe(error))
            else:
                _log.warning("%s: waiting: %s", self.name, reason_of(error))
            self._failures += 1
            await give_back(messages, 0.2)
        else:
            self._failures = 0
        finally:
            await end([working])

    async def _open(self, messages: Iterable[Msg]) -> list[_Delivery]:
        """Envelopes only; payloads are not touched yet."""
        deliveries: list[_Delivery] = []
        for message in messages:
            place = message.metadata.sequence.stream
            try:
                event = from_message(message.subject, message.headers, message.data)
            except EnvelopeInvalidError as error:
                _log.error("%s: not ours: %s", self.name, error)
                envelope = (message.subject, message.headers or {}, message.data)
                await self.letters.add_alien(
                    self.name, place, envelope, message.metadata.num_delivered
                )
                await _ack(message)
            else:
                deliveries.append(_Delivery(message, Arrival(event, place)))
        return deliveries

    async def _settle(self, deliveries: Sequence[_Delivery]) -> None:
        """All in one transaction; where that fails, by halves, until a culprit is alone."""
        if not deliveries:
            return
        arrivals = [delivery.arrival for delivery in deliveries]
        try:
            outcomes = await self.hearing.hear(arrivals)
        except Exception as error:
            if is_outage(error):
                raise
            ids = list(dict.fromkeys(arrival.event.aggregate_id for arrival in arrivals))
            if half := set(ids[: len(ids) // 2]):
                await self._settle([d for d in deliveries if d.event.aggregate_id in half])
                await self._settle([d for d in deliveries if d.event.aggregate_id not in half])
                return
            outcomes = await self.hear_singly(arrivals)
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            await self._conclude(delivery, outcome)

    async def hear_singly(
        self, arrivals: Sequence[Arrival], *, replay: bool = False
    ) -> list[Outcome]:
        """A transaction an event; an aggregate stops at its first failure. Raises outages only."""
        outcomes: dict[Arrival, Outcome] = {}
        stuck: set[str] = set()
        for arrival in sorted(arrivals, key=lambda arrival: arrival.event.seq):
            id_ = arrival.event.aggregate_id
            if id_ in stuck:
                outcomes[arrival] = Outcome(Result.BEHIND)
                continue
            try:
                (outcome,) = await self.hearing.hear([arrival], replay=replay)
            except Exception as error:
                if is_outage(error):
                    raise
                cause = error.refusal if isinstance(error, Conflict) else None
                outcome = Outcome(Result.FAILED, cause or error, arrival.event)
            if outcome.result in (Result.FAILED, Result.BEHIND):
                stuck.add(id_)
            outcomes[arrival] = outcome
        return [outcomes[arrival] for arrival in arrivals]

    async def _settle_alone(self, delivery: _Delivery) -> None:
        """One that came often: if the process dies of it again and again, it is not touched."""
        if not await self._suspects.begin(delivery.event):
            await self.park(delivery.event, "KILLS_THE_PROCESS", delivery.count)
            await _ack(delivery.message)
            return
        try:
            (outcome,) = await self.hear_singly([delivery.arrival])
        finally:  # an error is no death
            await self._suspects.clear(delivery.event)
        await self._conclude(delivery, outcome)

    async def _conclude(self, delivery: _Delivery, outcome: Outcome) -> None:
        self._heard[outcome.result].inc()
        error, count = outcome.error, delivery.count
        if outcome.result in (Result.APPLIED, Result.DUPLICATE):
            await _ack(delivery.message)
        elif outcome.result is Result.PARKED:
            await self.letters.add(self.name, delivery.event, "PREDECESSOR_PARKED", count)
            await _ack(delivery.message)
        elif outcome.result is Result.BEHIND:
            await nak(delivery.message, min(0.2 * 2 ** min(count, 9), 10.0))
        else:
            if error is None or outcome.culprit is None:
                raise AssertionError("a failure has both")
            most = GIVE_UP_CONFLICT if isinstance(error, Conflict) else GIVE_UP
            hopeless = is_permanent(error) or (count >= most and not is_outage(error))
            _log.warning(
                "%s: %s failed, delivery %d: %s",
                self.name,
                outcome.culprit.type,
                count,
                telemetry.describe(error),
            )
            if hopeless:
                await self.park(outcome.culprit, reason_of(error), count)
            if hopeless and outcome.culprit is delivery.event:
                await _ack(delivery.message)
            else:
                await nak(delivery.message, min(0.2 * 2 ** min(count, 9), 60.0))

    async def park(self, event: StoredEvent, reason: str, deliveries: int) -> None:
        """Put an event aside and stop its aggregate; everything else flows on."""
        before = (await self.inbox.positions([event.aggregate_id])).get(event.aggregate_id, NOWHERE)
        if event.seq <= before.seq:
            return  # another replica has heard it after all
        _log.error("%s: %s of %s parked: %s", self.name, event.type, event.aggregate_id, reason)
        await self.letters.add(self.name, event, reason, deliveries)
        if not before.parked and not await self.inbox.park(event, before):
            raise Conflict  # it moves: the batch comes again

    # -- figures

    async def _measure(self) -> None:
        stream = stream_name(self._subscription.producer)
        while True:
            with contextlib.suppress(*OUTAGES):
                info = await self._bus.js.consumer_info(stream, self.name)
                pending = info.num_ack_pending or 0
                telemetry.CONSUMER_LAG.labels(self.name).set((info.num_pending or 0) + pending)
                if pending > 0.8 * (info.config.max_ack_pending or 1):
                    _log.warning("%s: %d messages are being worked on", self.name, pending)
            await asyncio.sleep(_MEASURE_EVERY)


async def _say_in_progress(messages: Sequence[Msg], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        for message in messages:
            if not message.is_acked:
                with contextlib.suppress(*OUTAGES):
                    await message.in_progress()


async def _ack(message: Msg) -> None:
    """Fire and forget: a lost one makes a duplicate, which the gate knows."""
    with contextlib.suppress(*OUTAGES):
        await message.ack()
