"""The virus scanner: clamd's INSTREAM, over TCP or a socket of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct

from services.forum.domain.attachments import Scan

TIMEOUT = 2.0
_CHUNK = 1 << 16

_log = logging.getLogger(__name__)


class Scanner:
    """Asks clamd at `host:port` or `/path/of/a/socket`, a connection a file."""

    def __init__(self, address: str, *, timeout: float = TIMEOUT) -> None:
        self._address = address
        self._timeout = timeout

    async def scan(self, data: bytes) -> Scan:
        """What it says; UNKNOWN where it does not answer, or did not look at all of it."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(data)
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            _log.warning("the virus scanner is away: %s", type(error).__name__)
            return Scan.UNKNOWN
        if answer.endswith(b" FOUND"):
            _log.warning("the virus scanner found %s", answer[:200].decode(errors="replace"))
            return Scan.INFECTED
        if answer == b"stream: OK":
            return Scan.CLEAN
        _log.error("the virus scanner says %s", answer[:200].decode(errors="replace"))
        return Scan.UNKNOWN

    async def _ask(self, data: bytes) -> bytes:
        reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(data), _CHUNK):
                chunk = data[start : start + _CHUNK]
                writer.write(struct.pack("!L", len(chunk)) + chunk)
                await writer.drain()
            writer.write(struct.pack("!L", 0))
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host, int(port))
