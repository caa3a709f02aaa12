"""Hearing: from events that arrived to effects stored, each once and in order of its aggregate."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from opentelemetry.trace import Link, SpanKind, get_current_span

from chassis import telemetry
from chassis.batch import Batch, Conflict
from chassis.consumers.decoding import Decoder, EventMissingError, is_outage, reason_of
from chassis.consumers.healing import Found, Healer
from chassis.consumers.inbox import NOWHERE, Inbox, Position
from chassis.decisions import Write
from chassis.domain_events import Consequence, Effect, Projection, Subscription
from chassis.errors import DomainError
from chassis.generations import Generation, Generations
from chassis.mongo import Database
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

HARD_TIMEOUT = 20.0  # seconds a handler or a projection may take; less than ack_wait
_BUDGET = 5.0  # seconds a transaction may take
_PATIENCE = 0.05  # another replica may be applying what seems to be missing
_ATTEMPTS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An event to be heard; stream_seq 0: it did not come over the stream."""

    event: StoredEvent
    stream_seq: int = 0


class Result(Enum):
    """What became of an arrival; also the label of its metric."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    PARKED = "parked"  # its aggregate is: it must become a letter
    BEHIND = "behind"  # one before it in its aggregate failed or is missing
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """For a failure also what failed: it need not be the event that arrived."""

    result: Result
    error: Exception | None = None
    culprit: StoredEvent | None = None


@dataclass(slots=True, eq=False)
class _Step:
    """An event to be applied next, on behalf of an arrival."""

    event: StoredEvent
    stream_seq: int
    arrival: Arrival
    trace_parent: str = ""
    link: Link | None = None
    consequences: Sequence[Consequence] = ()


@dataclass(slots=True)
class _Plan:
    """What is to be done with a batch, and what is known already of its arrivals."""

    before: dict[str, Position]
    steps: list[_Step] = field(default_factory=list)
    outcomes: dict[Arrival, Outcome] = field(default_factory=dict)


class Hearing:
    """Applies the events of one subscription."""

    def __init__(
        self,
        database: Database,
        service: str,
        subscription: Subscription,
        inbox: Inbox,
        healer: Healer,
        *,
        consumer: str,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._actor = f"service:{service}"
        self._project = subscription.project
        self._decoder = Decoder(subscription)
        self._inbox = inbox
        self._healer = healer
        self._consumer = consumer
        self._committed = committed
        self._generations = Generations(database)

    async def hear(self, arrivals: Sequence[Arrival], *, replay: bool = False) -> list[Outcome]:
        """Apply what is next, in one transaction; one outcome for each arrival, in order.

        `replay` applies events of a parked aggregate. Raises where nothing was stored: an outage,
        Conflict, or a failure that only hearing one at a time can pin down.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._once(arrivals, replay)
            except Conflict:
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0.002, 0.03))  # noqa: S311 - jitter
        raise AssertionError

    async def _once(self, arrivals: Sequence[Arrival], replay: bool) -> list[Outcome]:
        plan = await self._plan(arrivals, replay)
        done: list[_Step] = []
        failed: dict[str, Outcome] = {}
        for step in plan.steps:
            if step.event.aggregate_id in failed:
                continue
            try:
                await self._handle(step)
            except Exception as error:
                if is_outage(error):
                    raise
                failed[step.event.aggregate_id] = Outcome(Result.FAILED, error, step.event)
                plan.outcomes[step.arrival] = failed[step.event.aggregate_id]
            else:
                done.append(step)
        if done:
            await self._store(done, plan.before)
        for step in done:
            if step.event is step.arrival.event:
                plan.outcomes[step.arrival] = Outcome(Result.APPLIED)
        behind = Outcome(Result.BEHIND)
        return [plan.outcomes.get(arrival, behind) for arrival in arrivals]

    # -- the gate

    async def _plan(self, arrivals: Sequence[Arrival], replay: bool) -> _Plan:
        chains: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            chains.setdefault(arrival.event.aggregate_id, []).append(arrival)
        for chain in chains.values():
            chain.sort(key=lambda arrival: arrival.event.seq)
        before = await self._inbox.positions(chains)
        gaps = [id_ for id_, chain in chains.items() if _has_gap(chain, before.get(id_, NOWHERE))]
        if gaps:
            await asyncio.sleep(_PATIENCE)
            before |= await self._inbox.positions(gaps)
        plan = _Plan(before)
        for id_, chain in chains.items():
            await self._gate(chain, before.get(id_, NOWHERE), plan, replay)
        place = {arrival: number for number, arrival in enumerate(arrivals)}
        # In order of arrival, but never one aggregate's later event before its earlier one.
        order: dict[_Step, int] = {}
        latest: dict[str, int] = {}
        for step in plan.steps:
            latest[step.event.aggregate_id] = max(
                latest.get(step.event.aggregate_id, 0), place[step.arrival]
            )
            order[step] = latest[step.event.aggregate_id]
        plan.steps.sort(key=order.__getitem__)
        return plan

    async def _gate(
        self, chain: list[Arrival], before: Position, plan: _Plan, replay: bool
    ) -> None:
        last, last_id = before.seq, before.event_id
        for arrival in chain:
            event = arrival.event
            if event.seq <= last:
                if event.seq == last and event.id != last_id:
                    self._alarm(event, last_id)
                plan.outcomes[arrival] = Outcome(Result.DUPLICATE)
                continue
            if before.parked and not replay:
                plan.outcomes[arrival] = Outcome(Result.PARKED)
                continue
            if event.seq > last + 1:
                for found in await self._heal(arrival, last, before, plan):
                    plan.steps.append(_Step(found.event, found.stream_seq, arrival))
                    last, last_id = found.event.seq, found.event.id
            if event.seq == last + 1:
                plan.steps.append(_Step(event, arrival.stream_seq, arrival))
                last, last_id = event.seq, event.id
            # else: what is missing was not found; the outcome says so

    async def _heal(
        self, arrival: Arrival, last: int, before: Position, plan: _Plan
    ) -> list[Found]:
        event = arrival.event
        try:
            found = await self._healer.find(event, last + 1, event.seq - 1, before.stream_seq)
        except Exception as error:
            plan.outcomes[arrival] = Outcome(Result.FAILED, error, event)
            return []
        if len(found) < event.seq - 1 - last:
            full = len(found) >= self._healer.most
            plan.outcomes[arrival] = (
                Outcome(Result.BEHIND)
                if full
                else Outcome(Result.FAILED, EventMissingError(), event)
            )
        return found

    def _alarm(self, event: StoredEvent, known: str) -> None:
        """Two events with one seq: the producer's database came back from a backup."""
        telemetry.FORKS.labels(self._consumer).inc()
        _log.error(
            "FORK: %s has heard %s as %d of %s, now comes %s",
            self._consumer,
            known,
            event.seq,
            event.aggregate_id,
            event.id,
        )

    # -- consequences

    async def _handle(self, step: _Step) -> None:
        event = step.event
        attributes = {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.name": event.type,
            "messaging.message.id": event.id,
            "guildhall.consumer": self._consumer,
        }
        name = f"process {event.type.rpartition('.')[2]}"
        with telemetry.span(
            name, kind=SpanKind.CONSUMER, trace_parent=event.trace_parent, attributes=attributes
        ) as span:
            step.trace_parent = telemetry.current_trace_parent()
            step.link = Link(span.get_span_context())
            async with asyncio.timeout(HARD_TIMEOUT):
                step.consequences = await self._decoder.consequences(event)

    async def _store(self, steps: list[_Step], before: dict[str, Position]) -> None:
        links = [step.link for step in steps[1:] if step.link is not None]
        with telemetry.tracer.start_as_current_span(
            "apply", context=telemetry.context_of(steps[0].trace_parent), links=links
        ):
            get_current_span().set_attribute("guildhall.consumer.events", len(steps))
            generation = await self._apply_projections(steps)
            batch = Batch(self._database)
            await self._decide(batch, steps)
            last = {step.event.aggregate_id: step for step in steps}
            self._inbox.advance(
                batch,
                ((before.get(id_, NOWHERE), s.event, s.stream_seq) for id_, s in last.items()),
                generation.current,
            )
            await batch.commit(time.monotonic() + _BUDGET)
        if batch.event_count:
            self._committed()

    async def _apply_projections(self, steps: list[_Step]) -> Generation:
        """To the live generation, and to one being made: so a rebuild misses nothing said since."""
        wanted = list(
            dict.fromkeys(
                consequence
                for step in steps
                for consequence in step.consequences
                if isinstance(consequence, Projection)
            )
        )
        generation = Generation()
        if not wanted:
            return generation
        if self._project is None:
            raise AssertionError("a subscription without `project` got a projection")
        generation = await self._generations.get()
        async with asyncio.timeout(HARD_TIMEOUT):
            await self._project(generation.current, wanted)
        if generation.building:
            try:
                async with asyncio.timeout(HARD_TIMEOUT):
                    await self._project(generation.building, wanted)
            except Exception as error:
                if is_outage(error):
                    raise
                # What is being made must not stop what is read.
                _log.error("rebuild failed: %s", telemetry.describe(error))
                await self._generations.fail(generation.building, reason_of(error))
        return generation

    async def _decide(self, batch: Batch, steps: list[_Step]) -> None:
        await batch.load(
            consequence.ref
            for step in steps
            for consequence in step.consequences
            if isinstance(consequence, Effect)
        )
        for step in steps:
            for consequence in step.consequences:
                if isinstance(consequence, Write):
                    batch.write(consequence)
                elif isinstance(consequence, Effect):
                    self._decide_one(batch, step, consequence)

    def _decide_one(self, batch: Batch, step: _Step, effect: Effect) -> None:
        try:
            batch.decide(
                effect.ref,
                effect.decide,
                actor=self._actor,
                cause=step.event.id,
                trace_parent=step.trace_parent,
            )
        except DomainError as refusal:
            telemetry.EVENTS_HEARD.labels(self._consumer, "effect_refused").inc()
            _log.info("effect of %s refused: %s", step.event.type, refusal.reason())


def _has_gap(chain: list[Arrival], before: Position) -> bool:
    last = before.seq
    for arrival in chain:
        if arrival.event.seq > last + 1:
            return not before.parked
        last = max(last, arrival.event.seq)
    return False
