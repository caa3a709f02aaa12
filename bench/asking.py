"""A client that costs little: keeps connections, sends bytes, hands back bytes."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

Send = Callable[[bytes], Awaitable[bytes]]


class BadAnswerError(AssertionError):
    """Not 200, or with errors."""


class Line:
    """One connection to a GraphQL endpoint as one person."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.speak_for(token)

    def speak_for(self, token: str) -> None:
        """Ask as somebody else from now on, over the same connection."""
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    async def ask(self, body: bytes) -> bytes:
        """The answer's body; BadAnswerError where it is none."""
        request = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        kept = self._streams is not None
        try:
            head = await self._send(request)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            if not kept:
                raise
            head = await self._send(request)  # it was idle for too long, and was hung up
        assert self._streams is not None
        reader = self._streams[0]
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or b'"errors":[' in answer:
            raise BadAnswerError(answer[:500].decode(errors="replace"))
        return answer

    async def _send(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        reader, writer = self._streams
        writer.write(request)
        return await reader.readuntil(b"\r\n\r\n")

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def body(document: str, /, **variables: Any) -> bytes:
    """An operation as it is sent."""
    return json.dumps({"query": document, "variables": variables}).encode()


async def data(line: Line, document: str, /, **variables: Any) -> Any:
    """The data of one operation."""
    return json.loads(await line.ask(body(document, **variables)))["data"]


async def repeat(lines: list[Line], bodies: Iterator[bytes], times: int) -> None:
    """Ask so often in all, each line again as soon as it was answered."""
    todo = itertools.islice(bodies, times)

    async def keep_asking(line: Line) -> None:
        for one in todo:
            await line.ask(one)

    await asyncio.gather(*(keep_asking(line) for line in lines))
