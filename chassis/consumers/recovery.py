"""What an operator decides about dead letters, and how a lost tail is found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chassis.consumers.consumer import Consumer
from chassis.consumers.decoding import is_permanent, reason_of
from chassis.consumers.hearing import Arrival, Outcome, Result
from chassis.consumers.inbox import NOWHERE
from chassis.dead_letters import (
    DISCARDED,
    REPLAYED,
    DeadLetter,
    DeadLetterNotFoundError,
    DeadLetterNotOldestError,
)
from chassis.outbox import PARTITIONS
from guildhall.chassis.v1 import event_log_pb2
from guildhall.chassis.v1.event_log_pb2 import AggregateHead

if TYPE_CHECKING:
    from guildhall.chassis.v1.event_log_pb2_grpc import EventLogServiceAsyncStub

_log = logging.getLogger(__name__)


async def replay(consumer: Consumer, aggregate_id: str, *, by: str) -> tuple[int, int]:
    """Apply an aggregate's letters in order, then let it flow; stops at the first that fails.

    Says how many were applied and how many remain. Refuses with DEAD_LETTER_NOT_FOUND.
    """
    if not await consumer.letters.of_aggregate(consumer.name, aggregate_id):
        raise DeadLetterNotFoundError(field="aggregate_id")
    return await _replay(consumer, aggregate_id, by)


async def discard(
    consumer: Consumer, letter: DeadLetter, *, by: str, reason: str
) -> tuple[int, int]:
    """Skip the oldest letter of an aggregate for ever, then replay those behind it.

    Refuses with DEAD_LETTER_NOT_OLDEST.
    """
    aggregate_id = letter.event.aggregate_id
    if aggregate_id:
        oldest = (await consumer.letters.of_aggregate(consumer.name, aggregate_id))[:1]
        if [other.id for other in oldest] != [letter.id]:
            raise DeadLetterNotOldestError(field="dead_letter_id")
        await consumer.inbox.skip(letter.event)
    _log.warning("%s: %s discarded by %s", consumer.name, letter.id, by)
    await consumer.letters.close(letter, DISCARDED, by=by, note=reason)
    return await _replay(consumer, aggregate_id, by) if aggregate_id else (0, 0)


async def _replay(consumer: Consumer, aggregate_id: str, by: str) -> tuple[int, int]:
    applied = 0
    while letters := await consumer.letters.of_aggregate(consumer.name, aggregate_id):
        for place, letter in enumerate(letters):
            (outcome,) = await consumer.hear_singly([Arrival(letter.event)], replay=True)
            if outcome.result not in (Result.APPLIED, Result.DUPLICATE):
                return applied, len(letters) - place
            await consumer.letters.close(letter, REPLAYED, by=by)
            applied += 1
        # Letters that came meanwhile are seen by the next turn; the last look is after unparking.
        await consumer.inbox.unpark(aggregate_id)
    await consumer.inbox.unpark(aggregate_id)
    return applied, 0


async def reconcile(consumer: Consumer, event_log: EventLogServiceAsyncStub) -> int:
    """Hear what was lost without a trace, as the tail of an aggregate; says how many events.

    Compares the producer's heads with the inbox, partition by partition, and looks closer only
    where they differ. Nightly, and when an operator asks.
    """
    heard = 0
    ours = await consumer.inbox.heads()
    for partition in range(PARTITIONS):
        theirs = await event_log.ReadHeads(
            event_log_pb2.ReadHeadsRequest(
                partition=partition, aggregate_types=consumer.aggregate_types
            )
        )
        if (theirs.aggregates, theirs.sum_of_seqs) != ours.get(partition, (0, 0)):
            heard += await _reconcile_partition(consumer, event_log, partition)
    return heard


async def _reconcile_partition(
    consumer: Consumer, event_log: EventLogServiceAsyncStub, partition: int
) -> int:
    heard, token = 0, ""
    while True:
        page = await event_log.ListHeads(
            event_log_pb2.ListHeadsRequest(
                partition=partition,
                aggregate_types=consumer.aggregate_types,
                page_size=500,
                page_token=token,
            )
        )
        positions = await consumer.inbox.positions(head.aggregate_id for head in page.heads)
        for head in page.heads:
            here = positions.get(head.aggregate_id, NOWHERE)
            if here.seq > head.seq:
                _log.error("FORK: %s is ahead of its producer at %s", consumer.name, head)
            elif here.seq < head.seq and not here.parked:
                heard += await _catch_up(consumer, head, here.seq)
        token = page.next_page_token
        if not token:
            return heard


async def _catch_up(consumer: Consumer, head: AggregateHead, last: int) -> int:
    heard = 0
    while last < head.seq:
        found = await consumer.healer.in_log(head.aggregate_id, last + 1, head.seq)
        if not found:
            break
        outcomes = await consumer.hear_singly([Arrival(one.event) for one in found])
        applied = [outcome for outcome in outcomes if outcome.result is Result.APPLIED]
        heard += len(applied)
        if len(applied) < len(outcomes):
            await _park_hopeless(consumer, outcomes)
            break
        last = found[-1].event.seq
    return heard


async def _park_hopeless(consumer: Consumer, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if (
            outcome.culprit is not None
            and outcome.error is not None
            and is_permanent(outcome.error)
        ):
            await consumer.park(outcome.culprit, reason_of(outcome.error), 0)
            return
