"""Dead letters: put aside, listed, replayed in order or discarded; the rest flows on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from chassis.consumers import Consumer, recovery
from chassis.consumers.hearing import Arrival
from chassis.dead_letters import (
    DeadLetterNotFoundError,
    DeadLetterNotOldestError,
    DeadLetters,
)
from chassis.domain_events import Consequence, DomainEvent
from chassis.errors import FailedPreconditionError
from chassis.outbox import COLLECTION, stored_event
from chassis.testing import mirrored
from chassis.testing_events import Stage, eventually, record
from guildhall.forum.v1 import domain_events_pb2 as said


class FaultyError(FailedPreconditionError):
    """What a handler refuses until it is put right."""


class Handler:
    """Refuses some seqs of topic `bad`."""

    def __init__(self, *faulty: int) -> None:
        self.faulty = set(faulty)

    async def __call__(self, event: DomainEvent[Any]) -> Iterable[Consequence]:
        if event.aggregate_id == "bad" and event.seq in self.faulty:
            raise FaultyError
        return await record(event)


async def parked(stage: Stage, handler: Handler, events: int = 5) -> Consumer:
    """A consumer that has met the faulty event, and those behind it."""
    await stage.say("bad", *[said.TopicEdited()] * events)
    consumer = stage.consumer(stage.unconnected_bus(), stage.subscription(handler=handler))
    for row in await stage.theirs[COLLECTION].find({"agg": "bad"}).sort("seq", 1).to_list():
        await deliver(stage, consumer, row["seq"])
    return consumer


async def deliver(stage: Stage, consumer: Consumer, seq: int) -> None:
    """What the consumer does with one message, without the bus."""
    row = await stage.theirs[COLLECTION].find_one({"agg": "bad", "seq": seq}) or {}
    event = stored_event(row)
    (outcome,) = await consumer.hear_singly([Arrival(event)])
    if outcome.result.value == "parked":
        await consumer.letters.add(consumer.name, event, "PREDECESSOR_PARKED", 1)
    elif outcome.culprit is not None:
        await consumer.park(outcome.culprit, "FAULTY", 1)


async def states(stage: Stage) -> list[tuple[int, str]]:
    rows = stage.ours.dead_letters.find({"agg": "bad"}).sort("seq", 1)
    return [(row["seq"], row["state"]) async for row in rows]


async def is_parked(stage: Stage) -> bool:
    row = await stage.ours.inbox.find_one({"agg": "bad"}) or {}
    return bool(row.get("parked"))


async def test_replay_applies_in_order_and_lets_the_aggregate_flow(stage: Stage) -> None:
    handler = Handler(2)
    consumer = await parked(stage, handler)
    assert await states(stage) == [(n, "parked") for n in (2, 3, 4, 5)]
    assert await stage.heard("bad") == [1]
    handler.faulty.clear()
    assert await recovery.replay(consumer, "bad", by="op1") == (4, 0)
    assert await stage.heard("bad") == [1, 2, 3, 4, 5]
    assert await states(stage) == [(n, "replayed") for n in (2, 3, 4, 5)]
    assert not await is_parked(stage)
    row = await stage.ours.dead_letters.find_one({"seq": 2}) or {}
    assert row["by"] == "op1"
    await stage.say("bad")
    await deliver(stage, consumer, 6)
    assert await stage.heard("bad") == [1, 2, 3, 4, 5, 6]


async def test_replay_stops_at_the_first_that_fails_again(stage: Stage) -> None:
    handler = Handler(2, 4)
    consumer = await parked(stage, handler)
    handler.faulty.remove(2)
    assert await recovery.replay(consumer, "bad", by="op1") == (2, 2)
    assert await stage.heard("bad") == [1, 2, 3]
    assert await states(stage) == [(2, "replayed"), (3, "replayed"), (4, "parked"), (5, "parked")]
    assert await is_parked(stage)


async def test_replay_run_twice_applies_once(stage: Stage) -> None:
    handler = Handler(2)
    consumer = await parked(stage, handler)
    handler.faulty.clear()
    results = await asyncio.gather(
        *(recovery.replay(consumer, "bad", by="op1") for _ in range(3)), return_exceptions=True
    )
    assert all(
        isinstance(r, DeadLetterNotFoundError) or (isinstance(r, tuple) and r[1] == 0)
        for r in results
    )
    assert await stage.heard("bad") == [1, 2, 3, 4, 5]
    with pytest.raises(DeadLetterNotFoundError):
        await recovery.replay(consumer, "bad", by="op1")


async def test_replay_finds_what_never_became_a_letter(stage: Stage) -> None:
    handler = Handler(2)
    consumer = await parked(stage, handler)
    await stage.ours.dead_letters.delete_many({"seq": {"$in": [2, 3, 4]}})
    handler.faulty.clear()
    assert await recovery.replay(consumer, "bad", by="op1") == (1, 0)
    assert await stage.heard("bad") == [1, 2, 3, 4, 5]


async def test_discard_skips_one_and_replays_the_rest(stage: Stage) -> None:
    consumer = await parked(stage, Handler(2))
    letter = await consumer.letters.get(f"{consumer.name}|bad|2")
    assert await recovery.discard(consumer, letter, by="op1", reason="broken") == (3, 0)
    assert await stage.heard("bad") == [1, 3, 4, 5]
    assert await states(stage) == [
        (2, "discarded"),
        (3, "replayed"),
        (4, "replayed"),
        (5, "replayed"),
    ]
    row = await stage.ours.dead_letters.find_one({"seq": 2}) or {}
    assert (row["by"], row["note"]) == ("op1", "broken")
    assert not await is_parked(stage)


async def test_discard_of_the_only_letter_unparks(stage: Stage) -> None:
    consumer = await parked(stage, Handler(2), events=2)
    letter = await consumer.letters.get(f"{consumer.name}|bad|2")
    assert await recovery.discard(consumer, letter, by="op1", reason="broken") == (0, 0)
    await stage.say("bad")
    await deliver(stage, consumer, 3)
    assert await stage.heard("bad") == [1, 3]


async def test_discard_refuses_any_but_the_oldest(stage: Stage) -> None:
    consumer = await parked(stage, Handler(2))
    letter = await consumer.letters.get(f"{consumer.name}|bad|4")
    with pytest.raises(DeadLetterNotOldestError):
        await recovery.discard(consumer, letter, by="op1", reason="broken")
    assert await states(stage) == [(n, "parked") for n in (2, 3, 4, 5)]


async def test_parking_twice_keeps_one_letter(stage: Stage) -> None:
    consumer = await parked(stage, Handler(2), events=2)
    await deliver(stage, consumer, 2)
    assert await states(stage) == [(2, "parked")]


async def test_first_event_of_an_aggregate_can_be_parked(stage: Stage) -> None:
    handler = Handler(1)
    consumer = await parked(stage, handler, events=3)
    assert await stage.heard("bad") == []
    assert await states(stage) == [(1, "parked"), (2, "parked"), (3, "parked")]
    handler.faulty.clear()
    assert await recovery.replay(consumer, "bad", by="op1") == (3, 0)
    assert await stage.heard("bad") == [1, 2, 3]


async def test_event_that_another_replica_heard_is_not_parked(stage: Stage) -> None:
    consumer = await parked(stage, Handler(), events=3)
    row = await stage.theirs[COLLECTION].find_one({"seq": 2}) or {}
    await consumer.park(stored_event(row), "LATE", 12)
    assert await states(stage) == []
    assert not await is_parked(stage)


async def test_letters_are_listed_oldest_first_in_pages(stage: Stage) -> None:
    await parked(stage, Handler(2), events=6)
    letters = DeadLetters(stage.ours)
    listed = await mirrored(letters.page, datetime, str)
    assert [letter.event.seq for letter in listed] == [2, 3, 4, 5, 6]
    assert listed[0].reason == "FAULTY"
    assert listed[0].event.type == "guildhall.forum.v1.TopicEdited"


async def test_letters_that_come_during_a_replay_are_applied_too(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    handler = Handler(1)
    consumer = stage.consumer(bus, stage.subscription(handler=handler))
    stage.beside(consumer.run())
    await stage.say("bad", *[said.TopicEdited()] * 20)
    await eventually(lambda: is_parked(stage))
    handler.faulty.clear()

    async def talk() -> None:
        for _ in range(30):
            await stage.say("bad")
            await asyncio.sleep(0.005)

    talking = asyncio.create_task(talk())
    while not talking.done():
        try:
            await recovery.replay(consumer, "bad", by="op1")
        except DeadLetterNotFoundError:
            await asyncio.sleep(0.01)
    await talking
    await eventually(lambda: stage.heard("bad"), list(range(1, 51)))


async def test_lost_tail_is_found_by_reconciling(stage: Stage) -> None:
    await stage.say("whole", *[said.TopicEdited()] * 3)
    await stage.say("bad", *[said.TopicEdited()] * 4)
    await stage.say("new")
    consumer = stage.consumer(stage.unconnected_bus())
    for topic, seqs in (("whole", (1, 2, 3)), ("bad", (1, 2))):
        for seq in seqs:
            row = await stage.theirs[COLLECTION].find_one({"agg": topic, "seq": seq}) or {}
            await consumer.hear_singly([Arrival(stored_event(row))])
    assert await recovery.reconcile(consumer, stage.log) == 3
    assert await stage.heard("bad") == [1, 2, 3, 4]
    assert await stage.heard("new") == [1]
    assert await recovery.reconcile(consumer, stage.log) == 0


async def test_reconciling_leaves_parked_aggregates_alone_and_parks_new_faults(
    stage: Stage,
) -> None:
    consumer = await parked(stage, Handler(2), events=3)
    await stage.say("bad")
    assert await recovery.reconcile(consumer, stage.log) == 0
    assert await stage.heard("bad") == [1]
    await stage.ours.dead_letters.delete_many({})
    await consumer.inbox.unpark("bad")
    assert await recovery.reconcile(consumer, stage.log) == 0
    assert await states(stage) == [(2, "parked")]
