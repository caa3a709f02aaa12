"""Consumers: every event heard once and in order, whatever is doubled, lost, poisonous or away."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.js.errors import NotFoundError
from prometheus_client import REGISTRY
from pymongo import InsertOne

from chassis import outbox
from chassis.batch import Conflict
from chassis.consumers import Consumer
from chassis.consumers.hearing import Arrival, Outcome, Result
from chassis.decisions import Decision, Seen, Write
from chassis.domain_events import Consequence, DomainEvent, Effect, Projection, Subscription
from chassis.envelopes import to_message
from chassis.errors import FailedPreconditionError, UnavailableError
from chassis.messaging import Bus, stream_name
from chassis.testing import free_port
from chassis.testing import outbox as said_by
from chassis.testing_events import (
    COMMUNITY,
    Stage,
    Standing,
    eventually,
    note,
    record,
    standings,
)
from guildhall.chassis.v1.event_log_pb2 import StoredEvent
from guildhall.forum.v1 import domain_events_pb2 as said


class StandingFullError(FailedPreconditionError):
    """Nothing more may be noted."""


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def run(stage: Stage, bus: Bus, **options: Any) -> Consumer:
    consumer = stage.consumer(bus, **options)
    stage.beside(consumer.run())
    return consumer


async def publish(
    stage: Stage, bus: Bus, *topic_and_seqs: tuple[str, int], again: str = ""
) -> None:
    """Put stored events onto the stream in just this order, whatever a relay would do."""
    await bus.ensure_stream(stage.says)
    for topic, seq in topic_and_seqs:
        row = await stage.theirs[outbox.COLLECTION].find_one({"agg": topic, "seq": seq})
        assert row is not None
        subject, headers, data = to_message(stage.says, outbox.stored_event(row))
        headers["Nats-Msg-Id"] = f"{row['_id']}{again}"
        await bus.js.publish(subject, data, headers=headers)


async def stored(stage: Stage, topic: str, seq: int) -> StoredEvent:
    row = await stage.theirs[outbox.COLLECTION].find_one({"agg": topic, "seq": seq})
    assert row is not None
    return outbox.stored_event(row)


async def backlog(stage: Stage, bus: Bus) -> int:
    """What the durable has not seen acknowledged."""
    info = await bus.js.consumer_info(stream_name(stage.says), f"{stage.hears}--{stage.says}")
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def letters(stage: Stage) -> list[tuple[str, int, str, str]]:
    rows = stage.ours.dead_letters.find().sort([("agg", 1), ("seq", 1)])
    return [(row["agg"], row["seq"], row["reason"], row["state"]) async for row in rows]


# -- the plain way


async def test_events_are_heard_in_order_and_acknowledged(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus)
    for _ in range(20):
        for topic in ("t1", "t2", "t3"):
            await stage.say(topic)
    for topic in ("t1", "t2", "t3"):
        await eventually(lambda topic=topic: stage.heard(topic), list(range(1, 21)))  # type: ignore[misc]
    await eventually(lambda: backlog(stage, bus), 0)
    row = await stage.ours.inbox.find_one({"agg": "t1"}) or {}
    last = await stored(stage, "t1", 20)
    assert (row["_id"], row["seq"], row["ev"]) == (f"{stage.hears}--{stage.says}|t1", 20, last.id)


async def test_effects_say_domain_events_of_their_own_and_wake_the_relay(stage: Stage) -> None:
    woken = asyncio.Event()
    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus, committed=woken.set)
    (heard,) = await stage.say("t1")
    await asyncio.wait_for(woken.wait(), 10)
    row = await stage.ours.outbox.find_one() or {}
    assert (row["agg_type"], row["agg"], row["seq"]) == ("standing", "t1", 1)
    assert (row["actor"], row["cmd"]) == (f"service:{stage.hears}", heard)


async def test_events_without_a_handler_are_heard_and_have_no_effect(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus)
    await stage.say("t1", said.TopicHidden(topic_id="t1"), said.TopicEdited(topic_id="t1"))
    await eventually(lambda: stage.heard("t1"), [2])


async def test_of_several_aggregate_types_the_rest_is_put_aside(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    asked = replace(stage.subscription(), aggregate_types=("topic", "space"))
    await run(stage, bus, subscription=asked)
    await stage.say("r1", about="reader")
    await stage.say("t1")
    await stage.say("s1", about="space")
    await eventually(lambda: stage.heard("t1"), [1])
    await eventually(lambda: stage.heard("s1"), [1])
    await eventually(lambda: backlog(stage, bus), 0)
    assert await stage.heard("r1") == []
    assert await stage.ours.inbox.count_documents({"agg": "r1"}) == 0
    assert await letters(stage) == []


async def test_what_is_put_aside_keeps_nobody_waiting(stage: Stage) -> None:
    """The pace is of what is heard: a word between others is not slower for them."""
    bus = await stage.bus()
    stage.relay(bus)
    asked = replace(stage.subscription(), aggregate_types=("topic", "space"))
    await bus.ensure_consumer(stage.hears, stage.says, asked.aggregate_types)
    await run(stage, bus, subscription=asked, pace=60.0)
    await stage.say("r1", about="reader")
    durable = f"{stage.hears}--{stage.says}"

    async def delivered() -> int:
        info = await bus.js.consumer_info(stream_name(stage.says), durable)
        return info.ack_floor.stream_seq if info.ack_floor else 0

    await eventually(delivered, 1)
    await stage.say("t1")
    await eventually(lambda: stage.heard("t1"), [1])


async def test_refused_effect_is_dropped_and_the_event_is_heard(stage: Stage) -> None:
    def refuse(seen: Seen[Standing]) -> Decision[Standing, said.TopicEdited]:
        raise StandingFullError

    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        effects = [*await record(event)]
        if event.seq == 2:
            return [Effect(standings.ref(COMMUNITY, event.aggregate_id), refuse)]
        return effects

    bus = await stage.bus()
    stage.relay(bus)
    consumer = await run(stage, bus, subscription=stage.subscription(handler=handler))
    await stage.say("t1", *[said.TopicEdited()] * 3)
    await eventually(lambda: stage.heard("t1"), [1, 3])
    assert await letters(stage) == []
    refused = metric(
        "guildhall_domain_events_heard_total", consumer=consumer.name, result="effect_refused"
    )
    assert refused >= 1


async def test_batch_shares_one_transaction(stage: Stage) -> None:
    await stage.say("t1", *[said.TopicEdited()] * 40)
    await stage.say("t2", *[said.TopicEdited()] * 40)
    consumer = stage.consumer(stage.unconnected_bus())
    events = [await stored(stage, topic, seq) for seq in range(1, 41) for topic in ("t1", "t2")]
    began = (await stage.ours.client.admin.command("serverStatus"))["transactions"]
    outcomes = await consumer.hearing.hear([Arrival(event) for event in events])
    ended = (await stage.ours.client.admin.command("serverStatus"))["transactions"]
    assert [outcome.result for outcome in outcomes] == [Result.APPLIED] * 80
    assert int(ended["totalCommitted"]) - int(began["totalCommitted"]) == 1
    assert await stage.heard("t1") == list(range(1, 41))


# -- duplicates, gaps, disorder


async def test_what_is_said_within_the_pace_is_heard_together(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    consumer = await run(stage, bus, pace=0.5)
    batches: list[int] = []
    hear = consumer.hearing.hear

    async def counted(arrivals: Sequence[Arrival], **options: Any) -> list[Outcome]:
        batches.append(len(arrivals))
        return await hear(arrivals, **options)

    consumer.hearing.hear = counted  # type: ignore[method-assign]
    began = time.monotonic()
    for _ in range(20):
        await stage.say("t1")
    await eventually(lambda: stage.heard("t1"), list(range(1, 21)))
    assert len(batches) <= 2 + (time.monotonic() - began) / 0.5
    assert max(batches) > 1


async def test_duplicates_and_disorder_have_no_effect(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("t1", *[said.TopicEdited()] * 6)
    await publish(stage, bus, ("t1", 2), ("t1", 1), ("t1", 4), ("t1", 6), ("t1", 3), ("t1", 5))
    await publish(stage, bus, *[("t1", seq) for seq in (1, 2, 3, 6, 5, 4)], again=":r1")
    await run(stage, bus)
    await eventually(lambda: stage.heard("t1"), [1, 2, 3, 4, 5, 6])
    await eventually(lambda: backlog(stage, bus), 0)
    assert await stage.heard("t1") == [1, 2, 3, 4, 5, 6]
    assert len(await said_by(stage.ours)) == 6


async def test_gap_is_healed_from_the_stream(stage: Stage) -> None:
    """Another replica has 1 and 2 in hand and sleeps; this one gets 3."""
    bus = await stage.bus()
    await stage.say("t1", *[said.TopicEdited()] * 3)
    await publish(stage, bus, ("t1", 1), ("t1", 2), ("t1", 3))
    sleeper = await bus.ensure_consumer(stage.hears, stage.says, ack_wait=30)
    assert len(await sleeper.fetch(2, timeout=2)) == 2
    consumer = await run(stage, bus, ack_wait=30)
    await eventually(lambda: stage.heard("t1"), [1, 2, 3])
    assert metric("guildhall_heals_total", consumer=consumer.name, source="stream") == 2


async def test_gap_is_healed_from_the_producer(stage: Stage) -> None:
    """The stream has lost the middle of an aggregate."""
    bus = await stage.bus()
    await stage.say("t1", *[said.TopicEdited()] * 5)
    await publish(stage, bus, ("t1", 1), ("t1", 5))
    consumer = await run(stage, bus)
    await eventually(lambda: stage.heard("t1"), [1, 2, 3, 4, 5])
    assert metric("guildhall_heals_total", consumer=consumer.name, source="producer") == 3


async def test_gap_longer_than_one_reading_is_healed_in_steps(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("t1", *[said.TopicEdited()] * 25)
    await publish(stage, bus, ("t1", 1), ("t1", 25))
    consumer = stage.consumer(bus)
    consumer.healer.most = 10
    stage.beside(consumer.run())
    await eventually(lambda: stage.heard("t1"), list(range(1, 26)))


async def test_gap_waits_while_the_producer_is_away_and_others_flow(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("t1", *[said.TopicEdited()] * 3)
    await stage.say("t2", *[said.TopicEdited()] * 2)
    await publish(stage, bus, ("t1", 3), ("t2", 1), ("t2", 2))
    away = True

    class Away:
        async def ReadAggregate(self, request: Any) -> Any:
            if away:
                raise UnavailableError
            return await stage.log.ReadAggregate(request)

    consumer = Consumer(
        stage.ours,
        bus,
        stage.hears,
        stage.subscription(),
        event_log=lambda _: Away(),  # type: ignore[arg-type,return-value]
        ack_wait=2,
        fetch_timeout=0.5,
    )
    stage.beside(consumer.run())
    await eventually(lambda: stage.heard("t2"), [1, 2])
    assert await stage.heard("t1") == []
    away = False
    await eventually(lambda: stage.heard("t1"), [1, 2, 3])
    assert await letters(stage) == []


async def test_fork_raises_an_alarm(stage: Stage) -> None:
    """The producer's database came back from a backup and used a seq again."""
    await stage.say("t1", *[said.TopicEdited()] * 2)
    consumer = stage.consumer(stage.unconnected_bus())
    one, two = await stored(stage, "t1", 1), await stored(stage, "t1", 2)
    await consumer.hearing.hear([Arrival(one), Arrival(two)])
    other = StoredEvent()
    other.CopyFrom(two)
    other.id = "f" * 32
    (outcome,) = await consumer.hearing.hear([Arrival(other)])
    assert outcome.result is Result.DUPLICATE
    assert metric("guildhall_forks_total", consumer=consumer.name) == 1
    (outcome,) = await consumer.hearing.hear([Arrival(two)])
    assert metric("guildhall_forks_total", consumer=consumer.name) == 1


# -- crashes


async def test_crash_between_commit_and_ack_has_no_second_effect(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await stage.say("t1", *[said.TopicEdited()] * 3)
    crashed = stage.consumer(bus, ack_wait=1)

    async def settled_and_dead(*_: Any) -> None:
        """Committed, but the process died before it said so."""

    crashed._conclude = settled_and_dead  # type: ignore[assignment,method-assign]
    task = stage.beside(crashed.run())
    await eventually(lambda: stage.heard("t1"), [1, 2, 3])
    assert await backlog(stage, bus) == 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await run(stage, bus, ack_wait=1)
    await eventually(lambda: backlog(stage, bus), 0)
    assert await stage.heard("t1") == [1, 2, 3]
    assert len(await said_by(stage.ours)) == 3


async def test_crash_before_commit_is_heard_again(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await bus.ensure_stream(stage.says)
    dead = await bus.ensure_consumer(stage.hears, stage.says, ack_wait=1)
    await stage.say("t1", *[said.TopicEdited()] * 3)
    taken: list[Any] = []
    while len(taken) < 3:
        taken += await dead.fetch(10, timeout=5)
    await run(stage, bus, ack_wait=1)
    await eventually(lambda: stage.heard("t1"), [1, 2, 3])


async def test_batch_that_takes_long_says_so_before_another_replica_is_given_it(
    stage: Stage,
) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    word = asyncio.Event()

    async def slow(event: DomainEvent[Any]) -> Iterable[Consequence]:
        await word.wait()
        return await record(event)

    consumer = stage.consumer(bus, stage.subscription(handler=slow), ack_wait=1.5)
    take = consumer._take

    async def watched(messages: Sequence[Any]) -> None:
        async def in_progress() -> None:
            word.set()

        for message in messages:
            message.in_progress = in_progress
        await take(messages)

    consumer._take = watched  # type: ignore[method-assign]
    stage.beside(consumer.run())
    await stage.say("t1")
    await eventually(lambda: stage.heard("t1"), [1], within=9)


async def test_failing_batch_is_halved_until_the_culprit_is_alone(stage: Stage) -> None:
    consumer = stage.consumer(stage.unconnected_bus())
    sizes: list[int] = []
    hear = consumer.hearing.hear

    async def fails_with_t5(arrivals: Sequence[Arrival], **options: Any) -> list[Outcome]:
        sizes.append(len(arrivals))
        if any(arrival.event.aggregate_id == "t5" for arrival in arrivals):
            raise Conflict
        return await hear(arrivals, **options)

    consumer.hearing.hear = fails_with_t5  # type: ignore[method-assign]
    concluded: dict[str, Result] = {}

    async def conclude(delivery: Any, outcome: Outcome) -> None:
        concluded[delivery.event.aggregate_id] = outcome.result

    consumer._conclude = conclude  # type: ignore[method-assign]
    topics = [f"t{number}" for number in range(8)]
    for topic in topics:
        await stage.say(topic)
    arrivals = [Arrival(await stored(stage, topic, 1)) for topic in topics]
    deliveries = [SimpleNamespace(arrival=each, event=each.event) for each in arrivals]
    await consumer._settle(cast(Any, deliveries))
    assert sizes == [8, 4, 4, 2, 1, 1, 1, 2]
    failed = {topic for topic, result in concluded.items() if result is Result.FAILED}
    assert (failed, len(concluded)) == ({"t5"}, 8)


async def test_replicas_with_the_same_message_apply_it_once(stage: Stage) -> None:
    await stage.say("t1", *[said.TopicEdited()] * 20)
    events = [await stored(stage, "t1", seq) for seq in range(1, 21)]
    replicas = [stage.consumer(stage.unconnected_bus()) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(replica.hear_singly([Arrival(event) for event in events]) for replica in replicas)
    )
    assert await stage.heard("t1") == list(range(1, 21))
    applied = sum(o.result is Result.APPLIED for replica in outcomes for o in replica)
    assert applied == 20


async def test_replicas_share_the_durable(stage: Stage) -> None:
    said_here, one, two = await stage.bus(), await stage.bus(), await stage.bus()
    stage.relay(said_here)
    await run(stage, one)
    await run(stage, two)

    async def talk(topic: str) -> None:
        for _ in range(25):
            await stage.say(topic)

    topics = [f"t{n}" for n in range(8)]
    await asyncio.gather(*map(talk, topics))
    for topic in topics:
        await eventually(lambda topic=topic: stage.heard(topic), list(range(1, 26)))  # type: ignore[misc]


async def test_service_that_stops_finishes_its_batch_and_gives_the_rest_back(stage: Stage) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(event: DomainEvent[Any]) -> Iterable[Consequence]:
        begun.set()
        await go_on.wait()
        return await record(event)

    bus = await stage.bus()
    stage.relay(bus)
    stopping = stage.consumer(bus, stage.subscription(handler=slow), ack_wait=30)
    task = stage.beside(stopping.run())
    await stage.say("t1")
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0.1)
    go_on.set()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert await stage.heard("t1") == [1]
    await eventually(lambda: backlog(stage, bus), 0)
    await stage.say("t1")
    await run(stage, bus, ack_wait=30)
    await eventually(lambda: stage.heard("t1"), [1, 2])


# -- what cannot be applied


async def test_unreadable_event_parks_its_aggregate_and_no_other(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus)
    await stage.say("bad", *[said.TopicEdited()] * 3)
    await stage.theirs[outbox.COLLECTION].update_one(
        {"agg": "bad", "seq": 2}, {"$set": {"data": b"\xff\xff"}}
    )
    await stage.say("good", *[said.TopicEdited()] * 3)
    await eventually(lambda: stage.heard("good"), [1, 2, 3])
    wanted = [
        ("bad", 2, "DECODE", "parked"),
        ("bad", 3, "PREDECESSOR_PARKED", "parked"),
    ]
    await eventually(lambda: letters(stage), wanted)
    assert await stage.heard("bad") == [1]
    await eventually(lambda: backlog(stage, bus), 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "guildhall.forum.v2.TopicEdited", "v": 2}, "SCHEMA_VERSION_UNKNOWN"),
        ({"type": "guildhall.forum.v1.TopicEdited", "data": b"\x08"}, "DECODE"),
    ],
)
async def test_event_of_an_unknown_version_is_parked(
    stage: Stage, change: dict[str, Any], reason: str
) -> None:
    bus = await stage.bus()
    await stage.say("t1")
    await stage.theirs[outbox.COLLECTION].update_one({}, {"$set": change})
    stage.relay(bus)
    await run(stage, bus)
    await eventually(lambda: letters(stage), [("t1", 1, reason, "parked")])


async def test_older_version_is_read_by_an_upcaster(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("t1")
    await stage.theirs[outbox.COLLECTION].update_one(
        {}, {"$set": {"type": "guildhall.forum.v0.TopicChanged", "v": 0}}
    )
    stage.relay(bus)
    subscription = Subscription(
        stage.says,
        {said.TopicEdited: record},
        upcasters={"guildhall.forum.v0.TopicChanged": said.TopicEdited.FromString},
    )
    await run(stage, bus, subscription=subscription)
    await eventually(lambda: stage.heard("t1"), [1])


async def test_handler_that_refuses_parks(stage: Stage) -> None:
    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        if event.seq == 2:
            raise StandingFullError
        return await record(event)

    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus, subscription=stage.subscription(handler=handler))
    await stage.say("t1", *[said.TopicEdited()] * 2)
    await eventually(lambda: letters(stage), [("t1", 2, "STANDING_FULL", "parked")])
    assert await stage.heard("t1") == [1]


async def test_bug_in_a_handler_is_tried_again_with_patience(stage: Stage) -> None:
    tries = 0

    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        nonlocal tries
        if event.aggregate_id == "bad" and event.seq == 2:
            tries += 1
            if tries < 4:
                raise KeyError(event.id)
        return await record(event)

    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus, subscription=stage.subscription(handler=handler))
    await stage.say("bad", *[said.TopicEdited()] * 3)
    await stage.say("good", *[said.TopicEdited()] * 3)
    await eventually(lambda: stage.heard("good"), [1, 2, 3], within=5)
    await eventually(lambda: stage.heard("bad"), [1, 2, 3])
    assert await letters(stage) == []


async def test_bug_that_stays_parks_after_a_dozen_deliveries(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chassis.consumers import consumer as module

    async def at_once(message: Any, delay: float) -> None:
        await message.nak(delay=0.01)

    monkeypatch.setattr(module, "nak", at_once)

    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        raise KeyError(event.id)

    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus, subscription=stage.subscription(handler=handler))
    await stage.say("t1")
    await eventually(lambda: letters(stage), [("t1", 1, "KEY", "parked")])
    row = await stage.ours.dead_letters.find_one() or {}
    assert row["deliveries"] == 12
    assert await stage.ours.suspects.count_documents({}) == 0


async def test_whoever_is_always_faster_parks_no_event(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chassis.consumers import consumer as module

    async def at_once(message: Any, delay: float) -> None:
        await message.nak(delay=0.01)

    monkeypatch.setattr(module, "nak", at_once)
    bus = await stage.bus()
    stage.relay(bus)
    consumer = await run(stage, bus)
    tries, hear = 0, consumer.hearing.hear

    async def too_late(arrivals: Sequence[Arrival], **options: Any) -> list[Outcome]:
        nonlocal tries
        tries += 1
        if tries <= 4 * module.GIVE_UP:
            raise Conflict
        return await hear(arrivals, **options)

    consumer.hearing.hear = too_late  # type: ignore[method-assign]
    await stage.say("t1")
    await eventually(lambda: stage.heard("t1"), [1], within=30)
    assert await letters(stage) == []


async def test_effect_that_fails_only_when_stored_is_pinned_down(stage: Stage) -> None:
    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        if event.aggregate_id == "bad":  # twice the same _id
            twice = {"_id": "x", "community_id": COMMUNITY}
            return [Write("odd", InsertOne(dict(twice))), Write("odd", InsertOne(dict(twice)))]
        return await record(event)

    await stage.ours.create_collection("odd")
    for topic in ("a", "bad", "c"):
        await stage.say(topic)
    consumer = stage.consumer(stage.unconnected_bus(), stage.subscription(handler=handler))
    events = [Arrival(await stored(stage, topic, 1)) for topic in ("a", "bad", "c")]
    outcomes = await consumer.hear_singly(events)
    assert [o.result for o in outcomes] == [Result.APPLIED, Result.FAILED, Result.APPLIED]
    assert await stage.ours.odd.count_documents({}) == 0


LIFE = """
import asyncio, os, sys
from chassis.consumers import Consumer
from chassis.domain_events import Subscription
from chassis.messaging import Bus
from chassis.mongo import connect, database
from chassis.testing_events import record
from guildhall.forum.v1.domain_events_pb2 import TopicEdited

mongo, nats, ours, hears, says = sys.argv[1:]

async def handler(event):
    print(event.aggregate_id, flush=True)
    if event.aggregate_id == "bad":
        os._exit(9)
    return await record(event)

async def main():
    bus = Bus(nats, name="life")
    bus.start()
    store = database(connect(mongo, app="life"), ours)
    subscription = Subscription(says, {TopicEdited: handler})
    await Consumer(
        store, bus, hears, subscription, event_log=None, ack_wait=1, fetch_timeout=0.5
    ).run()

asyncio.run(main())
"""


async def test_message_that_kills_the_process_is_parked_untouched(
    stage: Stage, mongo_uri: str
) -> None:
    """Each life of the process takes the message and dies of it; nothing is said to the bus."""
    bus = await stage.bus()
    stage.relay(bus)
    await stage.say("bad")
    await stage.say("good")
    handled: list[str] = []
    place = (mongo_uri, stage.nats_url, stage.ours.name, stage.hears, stage.says)
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    async with asyncio.timeout(180):
        while not await letters(stage):
            life = await asyncio.create_subprocess_exec(
                sys.executable, "-c", LIFE, *place, env=path, stdout=asyncio.subprocess.PIPE
            )
            dying = asyncio.create_task(life.wait())
            while not dying.done() and not await letters(stage):
                await asyncio.wait([dying], timeout=0.2)
            if not dying.done():
                life.kill()
            printed, _ = await life.communicate()
            await dying
            handled += printed.decode().split()
    assert await letters(stage) == [("bad", 1, "KILLS_THE_PROCESS", "parked")]
    assert 3 <= handled.count("bad") <= 5  # twice in company, three times alone
    await run(stage, bus, ack_wait=1)
    await eventually(lambda: stage.heard("good"), [1])
    await eventually(lambda: backlog(stage, bus), 0)
    assert await stage.heard("bad") == []


async def test_message_that_is_no_event_becomes_a_letter(stage: Stage) -> None:
    bus = await stage.bus()
    await bus.ensure_stream(stage.says)
    await bus.js.publish(f"evt.{stage.says}.c1.topic.t1.Odd", b"\x00", headers={"x": "y"})
    await bus.js.publish(f"evt.{stage.says}.odd", b"\x00")
    await stage.say("t1")
    stage.relay(bus)
    await run(stage, bus)
    await eventually(lambda: stage.heard("t1"), [1])
    alien = ("", 0, "ENVELOPE_INVALID", "parked")
    assert await letters(stage) == [alien, alien]
    await eventually(lambda: backlog(stage, bus), 0)


# -- dependencies and the bus


async def test_dependency_that_is_down_burns_no_deliveries(stage: Stage) -> None:
    down = True
    asked = 0

    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        nonlocal asked
        asked += 1
        if down:
            raise UnavailableError
        return await record(event)

    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus, subscription=stage.subscription(handler=handler))
    for number in range(30):
        await stage.say(f"t{number}")
    await asyncio.sleep(4)
    assert 1 <= asked <= 6  # the breaker is open
    down = False
    for number in range(30):
        await eventually(lambda n=number: stage.heard(f"t{n}"), [1])  # type: ignore[misc]
    assert await letters(stage) == []


async def test_wiped_stream_is_filled_and_heard_again_without_a_second_effect(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await run(stage, bus)
    for topic in ("t1", "t2"):
        await stage.say(topic, *[said.TopicEdited()] * 10)
        await eventually(lambda topic=topic: stage.heard(topic), list(range(1, 11)))  # type: ignore[misc]
    await stage.wipe_stream(bus)
    await stage.say("t1")
    await eventually(lambda: stage.heard("t1"), list(range(1, 12)))

    async def acknowledged() -> int:
        try:
            return await backlog(stage, bus)
        except NotFoundError:
            return -1

    await eventually(acknowledged, 0)
    assert await stage.heard("t1") == list(range(1, 12))
    assert await stage.heard("t2") == list(range(1, 11))


async def test_nats_that_restarts_under_a_fetch_delays_and_loses_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    from devstack.engines import nats

    engine = nats(tmp_path, free_port())
    engine.start()
    bus = stage.unconnected_bus(engine.url)
    try:
        await asyncio.to_thread(engine.wait_ready)
        bus.start()
        stage.relay(bus)
        await run(stage, bus)
        await stage.say("t1")
        await eventually(lambda: stage.heard("t1"), [1])
        await asyncio.to_thread(engine.stop)
        await stage.say("t1")
        engine.start()
        await eventually(lambda: stage.heard("t1"), [1, 2])
        await stage.say("t1")
        await eventually(lambda: stage.heard("t1"), [1, 2, 3])
    finally:
        await stage.close()
        await asyncio.to_thread(engine.stop)


async def test_rewound_consumer_hears_again_what_its_database_forgot(stage: Stage) -> None:
    """Crash point 18: inbox and effects came back, old together, from one backup."""
    from datetime import UTC, datetime, timedelta

    bus = await stage.bus()
    stage.relay(bus)
    consumer = await run(stage, bus)
    await stage.say("t1", *[said.TopicEdited()] * 4)
    await eventually(lambda: stage.heard("t1"), [1, 2, 3, 4])
    await eventually(lambda: backlog(stage, bus), 0)
    await stage.ours.inbox.update_one({"agg": "t1"}, {"$set": {"seq": 2}})
    await stage.ours.standings.update_one({"_id": "t1"}, {"$set": {"heard": [1, 2], "seq": 2}})
    await stage.ours.ledger.delete_many({"seq": {"$gt": 2}})
    await stage.ours.outbox.delete_many({"seq": {"$gt": 2}})
    await consumer.rewind(datetime.now(UTC) - timedelta(hours=1))
    await eventually(lambda: stage.heard("t1"), [1, 2, 3, 4])
    # The changed durable is accepted as it is by the next start.
    await bus.ensure_consumer(stage.hears, stage.says)


# -- projections and traces


async def test_projections_are_made_once_a_batch_before_the_inbox_moves(stage: Stage) -> None:
    made: list[tuple[int, list[Projection], int]] = []

    async def project(generation: int, projections: Sequence[Projection]) -> None:
        rows = await stage.ours.inbox.count_documents({})
        made.append((generation, list(projections), rows))

    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        return [Projection("topic", event.community_id, event.aggregate_id), note(event)]

    await stage.say("t1", *[said.TopicEdited()] * 3)
    await stage.say("t2")
    subscription = stage.subscription(handler=handler, project=project)
    consumer = stage.consumer(stage.unconnected_bus(), subscription)
    events = [await stored(stage, "t1", seq) for seq in (1, 2, 3)] + [await stored(stage, "t2", 1)]
    await consumer.hearing.hear([Arrival(event) for event in events])
    both = [Projection("topic", "c1", "t1"), Projection("topic", "c1", "t2")]
    assert made == [(1, both, 0)]


async def test_failing_projection_stores_nothing(stage: Stage) -> None:
    async def project(generation: int, projections: Sequence[Projection]) -> None:
        raise UnavailableError

    async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
        return [Projection("topic", event.community_id, event.aggregate_id), note(event)]

    await stage.say("t1")
    subscription = stage.subscription(handler=handler, project=project)
    consumer = stage.consumer(stage.unconnected_bus(), subscription)
    with pytest.raises(UnavailableError):
        await consumer.hearing.hear([Arrival(await stored(stage, "t1", 1))])
    assert await stage.ours.inbox.count_documents({}) == 0
    assert await said_by(stage.ours) == []


async def test_trace_goes_on_from_the_producers_span(stage: Stage) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await stage.say("t1", trace_parent=parent)
    consumer = stage.consumer(stage.unconnected_bus())
    await consumer.hearing.hear([Arrival(await stored(stage, "t1", 1))])
    row = await stage.ours.outbox.find_one() or {}
    assert row["trace"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
