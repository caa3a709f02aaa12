"""The relay: all that is said gets onto the bus, in order, whoever dies, whatever NATS forgets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import NotFoundError

from chassis import outbox, relay
from chassis.envelopes import from_message
from chassis.messaging import Bus, stream_name
from chassis.publishing import Publishing
from chassis.relay import OutboxRelay
from chassis.testing import free_port
from chassis.testing_events import COMMUNITY, Stage, eventually
from guildhall.forum.v1 import domain_events_pb2 as said


async def on_stream(stage: Stage, bus: Bus) -> list[tuple[str, int]]:
    """Aggregate and seq of every message, in the stream's order."""
    found: list[tuple[str, int]] = []
    try:
        info = await bus.js.stream_info(stream_name(stage.says))
    except NotFoundError:
        return found
    for sequence in range(max(info.state.first_seq, 1), info.state.last_seq + 1):  # 0: empty
        message = await bus.js.get_msg(stream_name(stage.says), sequence, direct=True)
        event = from_message(message.subject or "", message.headers, message.data or b"")
        found.append((event.aggregate_id, event.seq))
    return found


async def pending(stage: Stage) -> int:
    return await stage.theirs[outbox.COLLECTION].count_documents({"st": outbox.PENDING})


async def published(stage: Stage) -> None:
    await eventually(lambda: pending(stage), 0)


async def test_events_are_published_in_order_of_each_aggregate(stage: Stage) -> None:
    bus = await stage.bus()
    for _ in range(5):
        for topic in ("t1", "t2", "t3"):
            await stage.say(topic, said.TopicEdited(topic_id=topic), said.TopicClosed())
    stage.relay(bus)
    await published(stage)
    messages = await on_stream(stage, bus)
    for topic in ("t1", "t2", "t3"):
        assert [seq for id_, seq in messages if id_ == topic] == list(range(1, 11))
    rows = await stage.theirs[outbox.COLLECTION].find().to_list()
    assert sorted(row["sseq"] for row in rows) == list(range(1, 31))


async def test_wake_publishes_at_once(stage: Stage) -> None:
    bus = await stage.bus()
    running = stage.relay(bus, poll=30)
    await asyncio.sleep(1)
    await stage.say("t1")
    assert await pending(stage) == 1
    running.wake()
    await eventually(lambda: pending(stage), 0, within=2)


async def test_wake_of_a_replica_without_leases_nudges_the_holder(stage: Stage) -> None:
    holder, other = await stage.bus(), await stage.bus()
    stage.relay(holder, poll=30)
    await asyncio.sleep(1)
    idle = stage.relay(other, poll=30)
    await asyncio.sleep(0.3)
    await stage.say("t1")
    idle.wake()
    await eventually(lambda: pending(stage), 0, within=2)


async def test_backlog_of_one_partition_does_not_hold_up_the_others(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("busy", *[said.TopicEdited()] * 450)
    here = outbox.partition_of("busy")
    others = [f"t{n}" for n in range(40) if outbox.partition_of(f"t{n}") != here]
    for topic in others:
        await stage.say(topic)
    running = OutboxRelay(stage.theirs, bus, stage.says)
    await running._leases.keep(range(outbox.PARTITIONS))  # all, before it begins with any
    stage.beside(running.run())
    await published(stage)
    messages = await on_stream(stage, bus)
    assert len(messages) == 450 + len(others)
    assert [seq for id_, seq in messages if id_ == "busy"] == list(range(1, 451))
    assert max(place for place, (id_, _) in enumerate(messages) if id_ != "busy") < 100


async def test_pending_rows_are_found_by_the_partial_index(stage: Stage) -> None:
    query = {"p": {"$in": [1, 2]}, "st": outbox.PENDING}
    cursor = stage.theirs[outbox.COLLECTION].find(query)
    plan = await cursor.sort([("p", 1), ("agg", 1), ("seq", 1)]).limit(200).explain()
    text = str(plan["queryPlanner"]["winningPlan"])
    assert "'indexName': 'pending'" in text
    assert "'SORT'" not in text


async def test_crash_between_ack_and_mark_publishes_again_under_the_same_id(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("t1")
    first = stage.beside(OutboxRelay(stage.theirs, bus, stage.says, observation=0.4).run())
    await published(stage)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await stage.theirs[outbox.COLLECTION].update_many(
        {}, {"$set": {"st": outbox.PENDING}, "$unset": {"sseq": 1}}
    )
    stage.relay(bus)
    await published(stage)
    assert await on_stream(stage, bus) == [("t1", 1)]
    row = await stage.theirs[outbox.COLLECTION].find_one() or {}
    assert row["sseq"] == 1


async def test_many_rows_are_taken_together_and_know_their_places(stage: Stage) -> None:
    bus = await stage.bus()
    for number in range(40):
        await stage.say(f"t{number}", *[said.TopicEdited()] * 2)
    running = OutboxRelay(stage.theirs, bus, stage.says)
    await running._leases.keep(range(outbox.PARTITIONS))  # all, before it begins with any
    stage.beside(running.run())
    await published(stage)
    messages = await on_stream(stage, bus)
    rows = await stage.theirs[outbox.COLLECTION].find().sort("sseq", 1).to_list()
    assert [(row["agg"], row["seq"]) for row in rows] == messages
    assert [row["sseq"] for row in rows] == list(range(1, 81))
    last = await bus.js.get_msg(stream_name(stage.says), 80, direct=True)
    assert (last.headers or {})["Nats-Batch-Sequence"] == "80"  # not one by one


async def test_crash_before_many_are_marked_leaves_each_once_on_the_bus(stage: Stage) -> None:
    bus = await stage.bus()
    await stage.say("t1", *[said.TopicEdited()] * 40)
    first = stage.beside(OutboxRelay(stage.theirs, bus, stage.says, observation=0.4).run())
    await published(stage)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await stage.theirs[outbox.COLLECTION].update_many(
        {"seq": {"$gt": 5}}, {"$set": {"st": outbox.PENDING}, "$unset": {"sseq": 1}}
    )
    await stage.say("t1", *[said.TopicEdited()] * 10)  # the stream refuses these with the others
    stage.relay(bus)
    await published(stage)
    assert await on_stream(stage, bus) == [("t1", seq) for seq in range(1, 51)]
    rows = await stage.theirs[outbox.COLLECTION].find().sort("seq", 1).to_list()
    assert [row["sseq"] for row in rows] == list(range(1, 51))


async def test_bus_that_takes_no_batches_gets_rows_one_by_one(stage: Stage) -> None:
    """A server before 2.12 has no such setting."""
    bus = await stage.bus()
    await bus.ensure_stream(stage.says)
    config = (await bus.js.stream_info(stream_name(stage.says))).config
    config.allow_atomic = False
    await bus.js.update_stream(config)
    for number in range(40):
        await stage.say(f"t{number}")
    rows = await stage.theirs[outbox.COLLECTION].find().to_list()
    assert await Publishing(bus, stage.says).together(rows) is None
    assert await on_stream(stage, bus) == []
    assert [await Publishing(bus, stage.says).one(row) for row in rows] == list(range(1, 41))


async def test_replica_that_dies_is_followed_by_another(stage: Stage) -> None:
    dead, heir = await stage.bus(), await stage.bus()
    running = OutboxRelay(stage.theirs, dead, stage.says, observation=0.4, poll=0.05)
    task = stage.beside(running.run())
    await stage.say("t1")
    await published(stage)
    # kill -9: its leases stay in its name
    leases = await stage.theirs.relay_leases.find().to_list()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for lease in leases:
        await stage.theirs.relay_leases.replace_one({"_id": lease["_id"]}, lease)
    stage.relay(heir)
    await stage.say("t1")
    await published(stage)
    assert await on_stream(stage, heir) == [("t1", 1), ("t1", 2)]


async def test_two_relays_leave_every_aggregate_in_order(stage: Stage) -> None:
    buses = [await stage.bus(), await stage.bus()]
    for bus in buses:
        stage.relay(bus)

    async def talk(topic: str) -> None:
        for _ in range(30):
            await stage.say(topic)

    await asyncio.gather(*(talk(f"t{n}") for n in range(10)))
    await published(stage)
    messages = await on_stream(stage, buses[0])
    for number in range(10):
        firsts = list(dict.fromkeys(seq for id_, seq in messages if id_ == f"t{number}"))
        assert firsts == list(range(1, 31))


async def test_deleted_stream_is_made_anew_and_filled(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    for topic in ("t1", "t2"):
        await stage.say(topic, *[said.TopicEdited()] * 3)
    await published(stage)
    await stage.wipe_stream(bus)
    await stage.say("t1")

    async def there() -> list[tuple[str, int]]:
        return sorted(await on_stream(stage, bus))

    wanted = [("t1", 1), ("t1", 2), ("t1", 3), ("t1", 4), ("t2", 1), ("t2", 2), ("t2", 3)]
    await eventually(there, wanted)
    await published(stage)
    meta = await stage.theirs.relay_meta.find_one({"_id": "stream"}) or {}
    assert (meta["gen"], "redo_above" in meta) == (1, False)


async def test_stream_that_lost_its_tail_gets_it_back(stage: Stage) -> None:
    """Restored from a backup: the same stream, shorter than the outbox says."""
    bus = await stage.bus()
    stage.relay(bus)
    await stage.say("t1", *[said.TopicEdited()] * 5)
    await published(stage)
    # As if the outbox knew of two acknowledged messages more than the stream has.
    rows = await stage.theirs[outbox.COLLECTION].find().sort("seq", 1).to_list()
    await stage.say("t1", said.TopicClosed(), said.TopicReopened())
    await published(stage)
    for row in await stage.theirs[outbox.COLLECTION].find({"seq": {"$gt": 5}}).to_list():
        await stage.theirs[outbox.COLLECTION].update_one(
            {"_id": row["_id"]}, {"$set": {"sseq": row["sseq"] + 1000}}
        )

    async def again() -> list[tuple[str, int]]:
        return await on_stream(stage, bus)

    await eventually(again, [("t1", n) for n in range(1, 8)] + [("t1", 6), ("t1", 7)])
    assert len(rows) == 5


async def test_stream_with_another_history_is_noticed_by_its_tail(stage: Stage) -> None:
    bus = await stage.bus()
    running = stage.beside(
        OutboxRelay(stage.theirs, bus, stage.says, observation=0.4, poll=0.05).run()
    )
    await stage.say("t1", *[said.TopicEdited()] * 3)
    await published(stage)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    # The place of the tail holds something else, as after a restore and new messages.
    subject = f"evt.{stage.says}.{COMMUNITY}.topic.other.TopicEdited"
    await bus.js.publish(subject, b"", headers={"Nats-Msg-Id": "other"})
    await stage.theirs[outbox.COLLECTION].update_one({"seq": 3}, {"$set": {"sseq": 4}})
    stage.relay(bus)

    async def republished() -> int:
        return (await bus.js.stream_info(stream_name(stage.says))).state.last_seq

    await eventually(republished, 7)


async def test_republishing_that_was_cut_off_is_finished(stage: Stage) -> None:
    bus = await stage.bus()
    running = stage.beside(
        OutboxRelay(stage.theirs, bus, stage.says, observation=0.4, poll=0.05).run()
    )
    await stage.say("t1", *[said.TopicEdited()] * 4)
    await published(stage)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    # Killed after it had noted what to do and done half of it.
    await stage.theirs.relay_meta.update_one(
        {"_id": "stream"}, {"$set": {"gen": 1, "redo_above": 0}}
    )
    await stage.theirs[outbox.COLLECTION].update_many(
        {"seq": {"$gt": 2}}, {"$set": {"st": outbox.PENDING, "gen": 1}, "$unset": {"sseq": 1}}
    )
    stage.relay(bus)

    async def republished() -> int:
        return (await bus.js.stream_info(stream_name(stage.says))).state.last_seq

    await eventually(republished, 8)
    meta: dict[str, Any] = await stage.theirs.relay_meta.find_one({"_id": "stream"}) or {}
    assert (meta["gen"], "redo_above" in meta) == (1, False)


async def test_full_stream_makes_the_outbox_wait(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    await stage.say("t1")
    await published(stage)
    config = (await bus.js.stream_info(stream_name(stage.says))).config
    config.max_msgs = 1
    await bus.js.update_stream(config)
    await stage.say("t1")
    await asyncio.sleep(0.5)
    assert await on_stream(stage, bus) == [("t1", 1)]  # nothing was dropped for it
    assert await pending(stage) == 1
    config.max_msgs = -1
    await bus.js.update_stream(config)
    await published(stage)


@pytest.mark.parametrize("size", [300_000, 10 << 20])  # more than the stream, than the server takes
async def test_event_too_large_for_the_bus_holds_up_nothing(stage: Stage, size: int) -> None:
    bus = await stage.bus()
    await stage.say("huge", *[said.TopicEdited(topic_id="huge")] * 250)  # more than one page
    behind = next(
        f"t{n}" for n in range(1000) if outbox.partition_of(f"t{n}") == outbox.partition_of("huge")
    )
    await stage.say(behind)
    first = {"agg": "huge", "seq": 1}
    await stage.theirs[outbox.COLLECTION].update_one(first, {"$set": {"data": b"x" * size}})
    stage.relay(bus)
    await published(stage)
    row = await stage.theirs[outbox.COLLECTION].find_one(first)
    assert row is not None
    assert row["st"] == outbox.ASIDE
    messages = await on_stream(stage, bus)
    assert (behind, 1) in messages
    assert [seq for id_, seq in messages if id_ == "huge"] == [*range(2, 251)]


async def test_nats_being_away_loses_nothing(stage: Stage, tmp_path: Path) -> None:
    from devstack.engines import nats

    engine = nats(tmp_path, free_port())
    engine.start()
    try:
        await asyncio.to_thread(engine.wait_ready)
        bus = stage.unconnected_bus(engine.url)
        bus.start()
        stage.relay(bus)
        await stage.say("t1")
        await published(stage)
        engine.stop()
        await stage.say("t1")
        await asyncio.sleep(0.5)
        assert await pending(stage) == 1
        engine.start()
        await published(stage)
        assert await on_stream(stage, bus) == [("t1", 1), ("t1", 2)]
        await stage.wipe_stream(bus)
        await bus.close()
    finally:
        engine.stop()


def test_relay_polls_twice_a_second_and_checks_every_ten() -> None:
    assert (relay.POLL, relay.CHECK_EVERY) == (0.5, 10.0)


@pytest.mark.parametrize("token", ["a.b", "a b", "*", ">", "", "é"])
def test_row_that_could_never_be_published_is_refused(token: str) -> None:
    from datetime import UTC, datetime

    with pytest.raises(ValueError, match="subject"):
        outbox.row(
            event=said.TopicClosed(),
            community_id="c1",
            aggregate_type="topic",
            aggregate_id=token,
            seq=1,
            actor="p1",
            cause="",
            trace_parent="",
            time=datetime.now(UTC),
        )
