"""What it costs nats-server to deliver a backlog, by what it sifts for the durable."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

from nats.js import JetStreamContext, api

from bench.measuring import Programs, Spent, ratio
from chassis.envelopes import to_message
from chassis.messaging import OUTAGES, Bus, stream_name
from devstack.engines import Engine
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

ROUNDS = 3
TOPICS, REPLIES = 2_500, 10
BATCH = 100
KINDS = ("space", "topic")
WAYS = {
    "shipped": "of several aggregate types, as shipped: everything is delivered",
    "one": "of one aggregate type, as shipped: one filter",
    "several": "of several, a filter each",
}


async def measure(nats: Engine) -> dict[str, Spent]:
    """All ways in turn, each with a durable of its own that begins at the stream's begin."""
    bus = Bus(nats.url, name="bench")
    bus.start()
    await bus.until_connected()
    says = f"bench{uuid.uuid4().hex[:8]}"
    await bus.ensure_stream(says)
    messages = await _say(bus, says)
    assert nats.process is not None
    assert nats.process.pid is not None
    programs = Programs({"nats-server": nats.process.pid})
    found = {way: Spent() for way in WAYS}
    for _ in range(ROUNDS):
        for way, spent in found.items():
            durable = await _durable(bus, says, way)
            before = programs.cpu()
            await _read(durable, messages)
            spent.add(before, programs.cpu(), messages)
    await bus.close()
    return found


async def _say(bus: Bus, says: str) -> int:
    """Threads of replies, as an import says them; how many messages."""
    waiting = []
    for _ in range(TOPICS):
        topic = uuid.uuid4().hex
        names = ["TopicPublished", *["ReplyPublished"] * REPLIES]
        for seq, name in enumerate(names, 1):
            event = StoredEvent(
                id=uuid.uuid4().hex,
                type=f"guildhall.forum.v1.{name}",
                schema_version=1,
                community_id="c1",
                aggregate_type="topic",
                aggregate_id=topic,
                seq=seq,
                data=b"x" * 150,
                actor="p1",
            )
            event.time.FromDatetime(datetime.now(UTC))
            subject, headers, data = to_message(says, event)
            waiting.append(bus.js.publish(subject, data, headers=headers))
        if len(waiting) > 1_000:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)
    return TOPICS * (1 + REPLIES)


async def _durable(bus: Bus, says: str, way: str) -> JetStreamContext.PullSubscription:
    hears = f"{way}{uuid.uuid4().hex[:8]}"
    if way != "several":
        return await bus.ensure_consumer(hears, says, KINDS if way == "shipped" else KINDS[1:])
    config = api.ConsumerConfig(
        durable_name=hears,
        filter_subjects=[f"evt.{says}.*.{kind}.>" for kind in KINDS],
        ack_policy=api.AckPolicy.EXPLICIT,
        max_ack_pending=256,
    )
    await bus.js.add_consumer(stream_name(says), config)
    return await bus.js.pull_subscribe_bind(durable=hears, stream=stream_name(says))


async def _read(durable: JetStreamContext.PullSubscription, messages: int) -> None:
    left = messages
    while left:
        try:
            batch = await durable.fetch(BATCH, timeout=5)
        except OUTAGES:
            continue
        for message in batch:
            await message.ack()
        left -= len(batch)
    await durable.unsubscribe()


def report(found: dict[str, Spent]) -> list[str]:
    """The section's lines."""
    lines = [
        f"{ROUNDS} rounds, each way in turn: a new durable reads {TOPICS * (1 + REPLIES):,} "
        f"messages of {TOPICS:,} topics, in batches of {BATCH}, and acknowledges each.",
        "",
        "| a durable | ms of nats-server's CPU a message | **times as shipped** |",
        "| --- | --- | --- |",
    ]
    for way, title in WAYS.items():
        times = ratio(found[way].totals, found["shipped"].totals)
        lines.append(f"| {title} | {found[way].total:.3f} | **{times:.1f}** |")
    return lines
