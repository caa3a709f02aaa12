"""A TCP proxy in user space: the link between two parts, which can be slow, swallow or cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK = 65_536


class Loop:
    """One event loop in a thread of its own, for all proxies of a stage."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it there and wait until it is done."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def stop(self) -> None:
        """With whatever runs in it."""

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Link:
    """From `port` to another port of this machine; faults are set from any thread.

    A connection that has begun to swallow swallows for ever, as one whose other end is gone: only
    connections made after `heal` work, unless whoever holds the old one finds out by itself.
    """

    def __init__(self, loop: Loop, port: int, target: int) -> None:
        self.port = port
        self.accepted = 0  # connections
        self._loop = loop
        self._target = target
        self._delay = 0.0
        self._swallowing = False
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        loop.run(self._listen())

    def slow(self, seconds: float) -> None:
        """What the caller sends arrives so much later; how much may be under way is not limited."""
        self._delay = seconds

    def swallow(self) -> None:
        """Half open: connections stay and new ones are made, but nothing arrives any more."""
        self._loop.run(self._swallow())

    def cut(self) -> None:
        """Every connection is reset, and new ones are refused."""
        self._loop.run(self._cut())

    def heal(self) -> None:
        """As at first, for connections made from now on."""
        self._loop.run(self._heal())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _swallow(self) -> None:
        self._swallowing = True
        for connection in self._open:
            connection.swallowing = True

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for connection in list(self._open):
            connection.reset()

    async def _heal(self) -> None:
        self._delay, self._swallowing = 0.0, False
        if self._server is None:
            await self._listen()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(reader, writer, swallowing=self._swallowing)
        self._open.add(connection)
        try:
            await connection.carry(self._target, self)
        finally:
            connection.reset()
            self._open.discard(connection)

    @property
    def delay(self) -> float:
        """How much later what the caller sends arrives just now."""
        return self._delay


class _Connection:
    """One of the caller's, and ours to the target."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, swallowing: bool
    ) -> None:
        self.swallowing = swallowing
        self._reader = reader
        self._writer = writer
        self._onward: asyncio.StreamWriter | None = None

    async def carry(self, target: int, link: Link) -> None:
        """Both ways until one end is closed."""
        try:
            back, self._onward = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            return
        ways = [
            asyncio.create_task(self._there(self._onward, link)),
            asyncio.create_task(self._back(back)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _there(self, onward: asyncio.StreamWriter, link: Link) -> None:
        """What the caller sends, each piece as much later as was said when it came."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await self._send(onward, data)

        delivering = asyncio.create_task(deliver())
        due = 0.0
        try:
            while data := await self._reader.read(CHUNK):
                due = max(due, loop.time() + link.delay)  # never overtaking what went before
                under_way.put_nowait((due, data))
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    async def _back(self, back: asyncio.StreamReader) -> None:
        while data := await back.read(CHUNK):
            await self._send(self._writer, data)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not self.swallowing:
            writer.write(data)
            await writer.drain()

    def reset(self) -> None:
        """Both ends at once, saying nothing first."""
        for writer in (self._writer, self._onward):
            if writer is not None:
                writer.transport.abort()
