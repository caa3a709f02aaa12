"""Clients that subscribe and then only wait, in a process of their own: `PORT PER_SOCKET`.

Tokens come on stdin, one a line: a socket each. It says "ready" when all are told how things are,
and goes on until stdin ends.
"""

from __future__ import annotations

import asyncio
import sys

from gateway.cursors import encode_id
from gateway.tests.socket_client import Socket

QUERY = "subscription ($id: ID!) { topicChanged(id: $id) { topic { title version } } }"
_TOPICS = 45  # of the forum's stand-in
_AT_ONCE = 16


async def waiting(port: int, token: str, count: int, turns: asyncio.Semaphore) -> Socket:
    """One socket with so many subscriptions."""
    async with turns:
        socket = await Socket.open(port)
        await socket.send("connection_init", payload={"authorization": f"Bearer {token}"})
        await socket.next()
        for number in range(count):
            topic = encode_id("Topic", "c1", f"t{number % _TOPICS + 1}")
            await socket.subscribe(QUERY, id=str(number), of=topic)
            await socket.told()
    return socket


async def answer_pings(socket: Socket) -> None:
    """Until the end."""
    while True:
        await socket.next()


async def main(port: int, count: int, tokens: list[str]) -> None:
    """All of them."""
    turns = asyncio.Semaphore(_AT_ONCE)
    sockets = await asyncio.gather(*(waiting(port, token, count, turns) for token in tokens))
    answering = [asyncio.create_task(answer_pings(socket)) for socket in sockets]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    for task in answering:
        task.cancel()
    await asyncio.gather(
        *answering, *(socket.aclose() for socket in sockets), return_exceptions=True
    )


if __name__ == "__main__":
    given = []
    while line := sys.stdin.readline().strip():
        given.append(line)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), given))
