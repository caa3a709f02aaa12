"""The bus: envelopes, stream and durable as they must be, and a connection that never gives up."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nats.js import api

from chassis import messaging
from chassis.envelopes import EnvelopeInvalidError, from_message, to_message
from chassis.messaging import Bus, BusDownError
from chassis.testing import free_port
from chassis.testing_events import Stage, eventually
from guildhall.chassis.v1.event_log_pb2 import StoredEvent


def event() -> StoredEvent:
    stored = StoredEvent(
        id="01a2141fab2874ba8dd273f64411f6e4",
        type="guildhall.forum.v1.TopicClosed",
        schema_version=1,
        community_id="c1",
        aggregate_type="topic",
        aggregate_id="t1",
        seq=7,
        data=b"\n\x02t1",
        actor="service:moderation",
        trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    stored.time.FromDatetime(datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC))
    return stored


def test_message_carries_cloud_events_attributes() -> None:
    subject, headers, data = to_message("forum", event())
    assert subject == "evt.forum.c1.topic.t1.TopicClosed"
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "01a2141fab2874ba8dd273f64411f6e4",
        "ce-source": "guildhall/forum",
        "ce-type": "guildhall.forum.v1.TopicClosed",
        "ce-time": "2026-11-25T12:00:00.123Z",
        "ce-subject": "topic/t1",
        "ce-seq": "7",
        "ce-schemaversion": "1",
        "ce-community": "c1",
        "ce-actor": "service:moderation",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    assert data == b"\n\x02t1"


def test_message_comes_back_as_the_event_it_was() -> None:
    assert from_message(*to_message("forum", event())) == event()


@pytest.mark.parametrize(
    "change",
    [
        {"ce-seq": "seven"},
        {"ce-seq": "0"},
        {"ce-seq": "99999999999999999999999"},
        {"ce-time": "yesterday"},
        {"ce-community": "c2"},
        {"ce-schemaversion": ""},
        {"ce-id": None},
    ],
)
def test_envelope_of_another_make_is_refused(change: dict[str, str | None]) -> None:
    subject, headers, data = to_message("forum", event())
    bent = {k: v for k, v in {**headers, **change}.items() if v is not None}
    with pytest.raises(EnvelopeInvalidError):
        from_message(subject, bent, data)


@pytest.mark.parametrize("subject", ["evt.forum.c1", "x", "evt.forum.c1.topic.t1.TopicClosed.more"])
def test_subject_of_another_make_is_refused(subject: str) -> None:
    with pytest.raises(EnvelopeInvalidError):
        from_message(subject, to_message("forum", event())[1], b"")


async def test_stream_and_durable_are_made_as_the_contract_says(stage: Stage) -> None:
    bus = await stage.bus()
    await bus.ensure_consumer(stage.hears, stage.says, ["topic", "space"])
    stream = (await bus.js.stream_info(f"EV_{stage.says.upper()}")).config
    assert stream.subjects == [f"evt.{stage.says}.>"]
    assert stream.discard == api.DiscardPolicy.NEW
    assert stream.max_msg_size == 262_144
    assert stream.storage == api.StorageType.FILE
    assert stream.allow_direct
    assert stream.deny_delete
    assert not stream.deny_purge
    assert stream.compression == api.StoreCompression.S2
    durable = f"{stage.hears}--{stage.says}"
    consumer = (await bus.js.consumer_info(stream.name or "", durable)).config
    assert consumer.filter_subject == f"evt.{stage.says}.>"
    assert not consumer.filter_subjects
    assert consumer.ack_policy == api.AckPolicy.EXPLICIT
    assert consumer.ack_wait == 30
    assert consumer.max_deliver == -1
    assert consumer.max_ack_pending == 256
    assert not consumer.backoff


async def test_one_aggregate_type_is_sifted_by_the_server(stage: Stage) -> None:
    bus = await stage.bus()
    await bus.ensure_consumer(stage.hears, stage.says, ["topic"])
    durable = f"{stage.hears}--{stage.says}"
    there = (await bus.js.consumer_info(f"EV_{stage.says.upper()}", durable)).config
    assert there.filter_subject == f"evt.{stage.says}.*.topic.>"


async def test_durable_of_an_earlier_release_with_several_filters_is_given_one(
    stage: Stage,
) -> None:
    bus = await stage.bus()
    await bus.ensure_stream(stage.says)
    name, durable = f"EV_{stage.says.upper()}", f"{stage.hears}--{stage.says}"
    filters = [f"evt.{stage.says}.*.topic.>", f"evt.{stage.says}.*.space.>"]
    earlier = api.ConsumerConfig(
        durable_name=durable,
        name=durable,
        filter_subjects=filters,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=30,
    )
    await bus.js.add_consumer(name, earlier)
    await bus.ensure_consumer(stage.hears, stage.says, ["topic", "space"])
    there = (await bus.js.consumer_info(name, durable)).config
    assert (there.filter_subject, there.filter_subjects) == (f"evt.{stage.says}.>", None)


async def test_drifted_config_is_put_right_at_start(stage: Stage) -> None:
    bus = await stage.bus()
    name = f"EV_{stage.says.upper()}"
    await bus.js.add_stream(api.StreamConfig(name=name, subjects=[f"evt.{stage.says}.>"]))
    durable = f"{stage.hears}--{stage.says}"
    wrong = api.ConsumerConfig(durable_name=durable, name=durable, max_deliver=3, ack_wait=1)
    await bus.js.add_consumer(name, wrong)
    await bus.ensure_stream(stage.says)
    await bus.ensure_consumer(stage.hears, stage.says)
    assert (await bus.js.stream_info(name)).config.discard == api.DiscardPolicy.NEW
    there = (await bus.js.consumer_info(name, durable)).config
    assert (there.max_deliver, there.ack_wait) == (-1, 30)
    await bus.ensure_stream(stage.says)  # and again, which changes nothing
    await bus.ensure_consumer(stage.hears, stage.says)


async def test_bus_can_be_closed_whatever_became_of_it() -> None:
    never_started = Bus(f"nats://127.0.0.1:{free_port()}", name="test")
    await never_started.close()
    never_connected = Bus(f"nats://127.0.0.1:{free_port()}", name="test")
    never_connected.start()
    await asyncio.sleep(0.5)
    await never_connected.close()


async def test_bus_that_is_away_is_said_at_once_and_found_later(tmp_path: Path) -> None:
    from devstack.engines import nats

    port = free_port()
    bus = Bus(f"nats://127.0.0.1:{port}", name="test")
    bus.start()
    try:
        await asyncio.sleep(0.5)
        assert not bus.connected
        assert not bus.closed
        with pytest.raises(BusDownError):
            _ = bus.js
        await bus.nudge("x")  # nothing, and no error
        engine = nats(tmp_path, port)
        engine.start()
        try:
            await asyncio.to_thread(engine.wait_ready)
            await asyncio.wait_for(bus.until_connected(), 5)
            assert bus.connected
            assert bus.epoch == 1
            engine.stop()

            async def connected() -> bool:
                return bus.connected

            await eventually(connected, False)
            engine.start()
            await eventually(connected)

            async def epoch() -> int:
                return bus.epoch

            await eventually(epoch, 2)  # told a moment after it is connected
        finally:
            engine.stop()
    finally:
        await bus.close()


async def test_lazy_sync_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from devstack.engines import bus as engines

    monkeypatch.setattr(engines, "CONFIG", engines.CONFIG.replace("sync_interval: always", ""))
    port, monitor = free_port(), free_port()
    engine = engines.nats(tmp_path, port, monitor_port=monitor)
    engine.start()
    bus = Bus(f"nats://127.0.0.1:{port}", name="test", monitor_url=f"http://127.0.0.1:{monitor}")
    try:
        await asyncio.to_thread(engine.wait_ready)
        bus.start()

        async def warned() -> bool:
            return "sync_interval: always" in caplog.text

        with caplog.at_level(logging.WARNING, messaging.__name__):
            await eventually(warned, within=5)
    finally:
        await bus.close()
        engine.stop()
