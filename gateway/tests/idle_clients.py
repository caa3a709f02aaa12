"""Clients that subscribe and then only wait, in a process of their own: `KIND PORT PER_CONNECTION`.

On stdin come the ids of topics in one line, then tokens, one a line, until an empty one: a
connection each, `socket` or `stream`. It says "ready" when all are told how things are, goes on
until stdin ends, and says how many were ended meanwhile, by why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from itertools import cycle, islice
from typing import Any

import orjson

from gateway.subscriptions.open_files import most_connections
from gateway.subscriptions.streams import EVENT_STREAM
from gateway.tests.socket_client import PATIENCE, ClosedError, Socket

QUERY = "subscription ($id: ID!) { topicChanged(id: $id) { topic { title version } } }"
_AT_ONCE = 16


class Waiting:
    """Who waits: its connection is read until the end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        socket: Socket | None = None,
    ) -> None:
        self._reader, self._socket = reader, socket
        self._writer = writer  # its end would be the connection's

    async def wait(self) -> str:
        """Answers pings, of a stream passes over comments; why it was ended."""
        last = b""
        try:
            while self._socket is not None:
                with contextlib.suppress(TimeoutError):  # nothing is said for a while
                    await self._socket.next()
            while more := await self._reader.read(1 << 10):
                last = more
        except (ClosedError, OSError) as error:
            return repr(error)
        return repr(last)


async def in_socket(port: int, token: str, topics: list[str]) -> Waiting:
    """One socket with all these subscriptions."""
    socket = await Socket.open(port)
    await socket.send("connection_init", payload={"authorization": f"Bearer {token}"})
    await socket.next()
    for number, topic in enumerate(topics):
        await socket.subscribe(QUERY, id=str(number), of=topic)
        while (said := await socket.next())["type"] == "error" and _passes(said["payload"][0]):
            await asyncio.sleep(1)
            await socket.subscribe(QUERY, id=str(number), of=topic)
        assert said["type"] == "next", said
    return Waiting(socket.reader, socket.writer, socket)


def _passes(failure: dict[str, Any]) -> bool:
    """A service that is busy with all who come at once."""
    return bool(failure["extensions"]["code"] == "UNAVAILABLE")


async def in_stream(port: int, token: str, topics: list[str]) -> Waiting:
    """One stream, which has one subscription."""
    (topic,) = topics
    body = orjson.dumps({"query": QUERY, "variables": {"id": topic}})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /graphql HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        f"authorization: Bearer {token}",
        f"accept: {EVENT_STREAM}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    )
    writer.write("\r\n".join((*head, "", "")).encode() + body)
    async with asyncio.timeout(PATIENCE):
        await reader.readuntil(b"data: ")
        told = orjson.loads(await reader.readuntil(b"\n\n"))
    if "errors" in told and _passes(told["errors"][0]):
        writer.close()
        await asyncio.sleep(1)
        return await in_stream(port, token, topics)
    assert "errors" not in told, told
    return Waiting(reader, writer)


OPEN = {"socket": in_socket, "stream": in_stream}


async def main(kind: str, port: int, count: int, topics: list[str], tokens: list[str]) -> None:
    """All of them."""
    assert most_connections() >= len(tokens), "too few open files"
    turns, more = asyncio.Semaphore(_AT_ONCE), cycle(topics)

    async def waiting(token: str, some: list[str]) -> asyncio.Task[str]:
        async with turns:
            opened = await OPEN[kind](port, token, some)
        return asyncio.create_task(opened.wait())  # pings come while others are opened

    tasks = await asyncio.gather(*(waiting(token, list(islice(more, count))) for token in tokens))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    sys.stdout.write(json.dumps(Counter(task.result() for task in tasks if task.done())))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    named = sys.stdin.readline().split()
    given = []
    while line := sys.stdin.readline().strip():
        given.append(line)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), named, given))
