"""A service that says domain events: commands and relay, as a process told what to do.

python -m bench.producer MONGO_URI DATABASE NATS_URL
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import time

import uvloop
from pymongo import InsertOne

from bench.replica import obey, work
from chassis.commands import Commands
from chassis.ending import end
from chassis.messaging import Bus
from chassis.mongo import Database, connect, database
from chassis.relay import OutboxRelay
from guildhall.forum.v1 import domain_events_pb2

SERVICE = "saying"
_AGGREGATES = 1000
_WRITERS = 64
_IN_FLIGHT = 256  # of the floor


class Producer:
    """One process' part of the chassis."""

    def __init__(self, store: Database, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._relay: OutboxRelay | None = None
        self._relaying: asyncio.Task[None] | None = None

    async def act(self, do: str, events: int = 0) -> dict[str, float]:
        """`commit` so many, or `relay` from now on, or `pause`, or the `floor`'s publishing."""
        cpu, began = time.process_time(), time.time()
        if do == "commit":
            await self._commit(events)
        elif do == "relay":
            self._relay = OutboxRelay(self._store, self._bus, SERVICE)
            self._relaying = asyncio.create_task(self._relay.run())
        elif do == "pause":
            await self._pause()
        else:
            await self._publish_bare(events)
        return {"began": began, "ended": time.time(), "cpu": time.process_time() - cpu}

    async def _commit(self, events: int) -> None:
        wake = self._relay.wake if self._relay else lambda: None
        commands = Commands(self._store, committed=wake)
        turns = iter(range(events))

        async def write() -> None:
            for turn in turns:
                await work(commands, f"{self._store.name}-{turn % _AGGREGATES}")

        await asyncio.gather(*(write() for _ in range(_WRITERS)))
        await commands.close()

    async def _pause(self) -> None:
        if self._relaying is not None:
            await end([self._relaying])
            self._relay = self._relaying = None

    async def _publish_bare(self, events: int) -> None:
        """Stored and published without outbox, order, or memory of what was published."""
        payload = domain_events_pb2.TopicClosed(topic_id="t" * 32).SerializeToString()
        numbers = itertools.count()
        for _ in range(0, events, _IN_FLIGHT):
            rows = [{"_id": next(numbers), "data": payload} for _ in range(_IN_FLIGHT)]
            await self._store.bare.bulk_write([InsertOne(row) for row in rows], ordered=False)
            await asyncio.gather(
                *(self._bus.js.publish(f"bare.{row['_id']}", payload) for row in rows)
            )
        await self._store.bare.drop()


async def main(uri: str, name: str, nats_url: str) -> None:
    """Connected once."""
    client = connect(uri, app="bench")
    store = database(client, name)
    bus = Bus(nats_url, name="producer")
    bus.start()
    await bus.until_connected()
    await bus.ensure_stream(SERVICE)
    producer = Producer(store, bus)
    gc.freeze()  # as a service does
    await obey(producer.act)
    await producer.act("pause")
    await bus.close()
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
