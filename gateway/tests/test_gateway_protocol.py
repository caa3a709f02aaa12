"""HTTP on one connection: what is whole is answered, what never ends is closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState

from chassis.testing import free_port
from gateway.protocol import MAX_HEAD, MAX_LEFT_OVER, WHOLE, BoundedProtocol

HOST = b"Host: a.example\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


class Quick(BoundedProtocol):
    """As it is, in a hurry."""

    request_seconds = 0.3
    answer_seconds = 0.3
    gone: asyncio.Event

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set()


@dataclass
class Server:
    """An application that reads the body at /read, and answers at length at /long."""

    port: int = field(default_factory=free_port)
    state: ServerState = field(default_factory=ServerState)
    heads: list[dict[bytes, bytes]] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)  # the request, when it was begun on
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # a connection

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.heads.append(dict(scope["headers"]))
        self.whole.append(scope.get(WHOLE, False))
        size = 0
        while scope["path"] == "/read":
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = b"x" * (8 << 20) if scope["path"] == "/long" else str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, *pieces: bytes) -> bytes:
        """Everything that comes until the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    config = uvicorn.Config(
        made.app,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        timeout_keep_alive=1,
    )
    config.load()
    loop = asyncio.get_running_loop()

    def connected() -> Quick:
        protocol = Quick(config, made.state, {}, loop)
        protocol.gone = made.gone
        return protocol

    listening = await loop.create_server(connected, "127.0.0.1", made.port)
    yield made
    listening.close()
    await listening.wait_closed()


def post(body: bytes, path: bytes = b"/read", *headers: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST %s HTTP/1.1\r\n%s%s%s\r\n%s" % (path, HOST, length, b"".join(headers), body)


async def test_requests_are_answered_however_they_are_cut(server: Server) -> None:
    sent = GET + post(b"x" * 60_000) + b"\r\n" + post(b"y") + GET
    for size in (1_000, 61_000, len(sent)):
        pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
        answers = await server.ask(*pieces)
        assert answers.count(b"HTTP/1.1 200 OK") == 4, size
        assert [answers.count(body) for body in (b"\n0", b"\n60000", b"\n1HTTP")] == [2, 1, 1]


async def test_the_application_is_told_what_has_come_whole(server: Server) -> None:
    whole = post(b"x" * 100)
    assert (await server.ask(whole)).endswith(b"\n100")
    assert server.whole == [True]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(whole + whole[:-1])
    async with asyncio.timeout(5):
        while len(server.whole) < 3:
            assert await reader.read(1_000)
        assert server.whole == [True, True, False]
        writer.write(whole[-1:])
        assert await reader.readuntil(b"\n100")
    writer.close()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ((), b""),
        ((b"\r\n" * 10,), b""),
        ((b"GET /",), b"HTTP/1.1 408 Request Timeout"),
        ((GET[:-2],), b"HTTP/1.1 408 Request Timeout"),
        ((GET, b"GET /"), b"HTTP/1.1 200 OK"),
        ((post(b"xx")[:-1],), b""),
        ((post(b"xx", b"/")[:-1],), b"HTTP/1.1 200 OK"),
    ],
)
async def test_what_does_not_end_is_closed(
    server: Server, sent: tuple[bytes, ...], answer: bytes
) -> None:
    async with asyncio.timeout(10):
        answered = await server.ask(*sent)
    assert answered.startswith(answer)
    assert bool(answered) == bool(answer)


async def test_a_head_has_an_end(server: Server) -> None:
    try:
        answer = await server.ask(b"GET / HTTP/1.1\r\n" + HOST + b"X-A: ", b"a" * 40 * MAX_HEAD)
    except ConnectionError:  # it was closed while we wrote
        return
    assert answer[:12] in (b"", b"HTTP/1.1 431")


async def test_a_body_is_not_taken_for_ever_once_it_was_answered(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    sent = 0
    try:
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000000\r\n\r\n")
        while not reader.at_eof() and sent < 50 * MAX_LEFT_OVER:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert sent < 50 * MAX_LEFT_OVER


async def test_an_answer_nobody_takes_is_dropped(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.sendall(GET.replace(b"/ ", b"/long ", 1) * 3)
        async with asyncio.timeout(10):
            await server.gone.wait()
    assert len(server.heads) < 3


async def test_a_slow_reader_gets_its_answer(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(GET.replace(b"/ ", b"/long ", 1))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert len(await reader.readexactly(8 << 20)) == 8 << 20
    writer.write(GET)
    assert await reader.readuntil(b"\r\n\r\n0")
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        GET.replace(b"1.1", b"2.0"),
        GET.replace(HOST, b""),
        GET.replace(HOST, HOST + HOST),
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        post(b"", b"/", b"Transfer-Encoding: chunked\r\n"),
    ],
)
async def test_what_a_proxy_may_read_otherwise_is_refused(server: Server, request_: bytes) -> None:
    assert (await server.ask(request_)).startswith(b"HTTP/1.1 400 Bad Request")
    assert server.heads == []


async def test_http_1_0_needs_no_host(server: Server) -> None:
    assert (await server.ask(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


async def test_what_comes_behind_a_body_is_no_header(server: Server) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
    answer = await server.ask(b"POST /read HTTP/1.1\r\n" + HOST + chunked)
    assert answer.endswith(b"\n1")
    assert server.heads == [{b"host": b"a.example", b"transfer-encoding": b"chunked"}]


async def test_another_protocol_is_not_begun(server: Server) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    answer = await server.ask(b"GET / HTTP/1.1\r\n" + HOST + upgrade, b"PRI * HTTP/2.0\r\n" * 10)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer
    assert len(server.heads) == 1
