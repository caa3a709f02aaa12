"""A service that hears: each event stores a row, in one transaction with the inbox.

python -m bench.consumer MONGO_URI DATABASE NATS_URL
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Iterable
from typing import Any

import uvloop
from nats.js import api
from pymongo import InsertOne

from bench.producer import SERVICE
from bench.replica import obey
from chassis import telemetry
from chassis.consumers import Consumer
from chassis.decisions import Write
from chassis.domain_events import Consequence, DomainEvent, Subscription
from chassis.messaging import Bus
from chassis.mongo import Database, connect, database
from guildhall.forum.v1 import domain_events_pb2

NAME = "hearing"
BARE = "BARE"
_FETCH = 100


async def record(event: DomainEvent[Any]) -> Iterable[Consequence]:
    """The durable effect."""
    row = {"community_id": event.community_id, "agg": event.aggregate_id, "seq": event.seq}
    return [Write("ledger", InsertOne(row))]


class Hearer:
    """One process' part of the chassis."""

    def __init__(self, store: Database, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        subscription = Subscription(SERVICE, {domain_events_pb2.TopicClosed: record})
        self._consumer = Consumer(store, bus, NAME, subscription, event_log=_no_log)
        self._hearing: asyncio.Task[None] | None = None
        self._applied = 0

    async def act(self, do: str, events: int) -> dict[str, float]:
        """`hear` until so many more were applied, or the `floor`'s fetching."""
        cpu = time.process_time()
        if do == "hear":
            if self._hearing is None:
                self._hearing = asyncio.create_task(self._consumer.run())
            self._applied += events
            while self._heard() < self._applied:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.01)
        else:
            await self._fetch_bare(events)
        return {"ended": time.time(), "cpu": time.process_time() - cpu}

    def _heard(self) -> float:
        labels = telemetry.EVENTS_HEARD.labels(self._consumer.name, "applied")
        value: float = labels._value.get()  # noqa: SLF001 - the library has no other way
        return value

    async def _fetch_bare(self, events: int) -> None:
        """Stored and acknowledged without gate, order, or transaction."""
        js = self._bus.js
        config = api.StreamConfig(name=BARE, subjects=["bare.>"], storage=api.StorageType.FILE)
        await js.add_stream(config)
        pull = await js.pull_subscribe("bare.>", durable="bare", stream=BARE)
        heard = 0
        while heard < events:
            messages = await pull.fetch(_FETCH, timeout=10)
            rows = [{"data": message.data} for message in messages]
            await self._store.bare.bulk_write([InsertOne(row) for row in rows], ordered=False)
            for message in messages:
                await message.ack()
            heard += len(messages)
        await js.delete_stream(BARE)
        await self._store.bare.drop()


def _no_log(producer: str) -> Any:
    raise AssertionError(f"nothing of {producer} is missing")


async def main(uri: str, name: str, nats_url: str) -> None:
    """Connected once."""
    client = connect(uri, app="bench")
    bus = Bus(nats_url, name="consumer")
    bus.start()
    await bus.until_connected()
    gc.freeze()  # as a service does
    await obey(Hearer(database(client, name), bus).act)
    await bus.close()
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
