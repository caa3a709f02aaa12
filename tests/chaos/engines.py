"""What the parts store in and speak by: one mongod and one nats-server, or clusters of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.engines import Engine, mongod, nats
from devstack.processes import free_port


@dataclass(frozen=True, slots=True)
class Engines:
    """Programs of others; each can be killed and comes back."""

    databases: Sequence[Engine]
    buses: Sequence[Engine]
    mongo_uri: str
    nats_url: str
    stream_replicas: int = 1
    unite: Callable[[], None] = lambda: None  # makes those that were started one

    async def start(self) -> None:
        """All of them, until each answers; in this thread's name."""
        for engine in (*self.databases, *self.buses):
            engine.start()
        await asyncio.to_thread(self.unite)
        for engine in (*self.databases, *self.buses):
            await asyncio.to_thread(engine.wait_ready)

    async def stop(self) -> None:
        """All of them, side by side."""
        for engine in (*self.buses, *self.databases):
            if engine.process is not None and engine.process.started:
                engine.process.ask_to_stop()
        for engine in (*self.buses, *self.databases):
            await asyncio.to_thread(engine.stop)


def one_of_each(folder: Path) -> Engines:
    """As on a laptop."""
    database = mongod(folder / "mongod", free_port(), folder / "logs" / "mongod.log")
    bus = nats(folder / "nats", free_port(), folder / "logs" / "nats.log")
    return Engines([database], [bus], database.url, bus.url)
