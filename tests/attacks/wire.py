"""Bytes to the gateway as no client library would send them, what came back, and what it cost."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

from chassis.testing import bound
from devstack.parts import CHECKOUT, OFFSETS, Place

PATIENCE = 10.0  # seconds: by then everything is answered, or its connection closed
ROUNDS = 3  # a cost is the least of so many: the machine is shared
MAX_CPU = 0.05  # seconds of the gateway's, for whatever is sent
QUERY = b'{"query":"{ viewer { isOperator } }"}'
_INSIDE = re.compile(
    r"traceback|file \"|line \d+, in|\.py\b|site-packages|python|uvicorn|uvloop|starlette|asyncio|"
    r"httptools|llhttp|\bh11\b|graphql-core|strawberry|orjson|pymongo|mongod|\bnats\b|grpc|protobuf|"
    r"opensearch|comrak|\bnh3\b|set_int_max|object at 0x|\b\d+\.\d+\.\d+\b|/usr/|/tmp/|"
    r"^server:|^x-powered-by:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Exchange:
    """What came back on one connection."""

    raw: bytes = b""
    closed: bool = False  # by the gateway
    answers: list[Answer] = field(default_factory=list)

    @property
    def statuses(self) -> list[int]:
        """Of the answers in turn."""
        return [answer.status for answer in self.answers]


@dataclass(frozen=True)
class Attack:
    """What is sent: pieces one after the other, then perhaps an end."""

    pieces: Iterable[bytes]
    pause: float = 0  # seconds between the pieces
    ends: bool = False  # the sending half is closed after them
    count: int = 1  # of the answers there may be


def head(*lines: str, method: str = "POST", path: str = "/graphql") -> bytes:
    """A request line and headers."""
    first = f"{method} {path} HTTP/1.1"
    return "\r\n".join((first, "Host: guildhall.example", *lines, "", "")).encode("latin-1")


def request(body: bytes = QUERY, *lines: str) -> bytes:
    """An operation as it should be sent."""
    return head("Content-Type: application/json", f"Content-Length: {len(body)}", *lines) + body


async def send(place: Place, attack: Attack) -> Exchange:
    """Until so many answers came, the gateway closes, or PATIENCE ends."""
    host, _, port = place.address(0).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    exchange = Exchange()
    try:
        async with asyncio.timeout(PATIENCE):
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(_write(writer, attack))
                group.create_task(_read(reader, exchange, attack.count, sending))
    except TimeoutError:
        pass
    finally:
        writer.close()
    return exchange


async def _write(writer: asyncio.StreamWriter, attack: Attack) -> None:
    try:
        for piece in attack.pieces:
            writer.write(piece)
            await writer.drain()
            if attack.pause:
                await asyncio.sleep(attack.pause)  # what a slow sender is
        if attack.ends and writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, OSError):
        pass  # the gateway has closed


async def _read(
    reader: asyncio.StreamReader, exchange: Exchange, count: int, sending: asyncio.Task[None]
) -> None:
    while len(exchange.answers) < count:
        try:
            piece = await reader.read(1 << 16)
        except ConnectionError:
            piece = b""
        exchange.raw += piece
        exchange.answers = parse(exchange.raw)
        if not piece:
            exchange.closed = True
            break
    sending.cancel()


def parse(raw: bytes) -> list[Answer]:
    """The whole answers in it."""
    answers = []
    while raw:
        head, found, rest = raw.partition(b"\r\n\r\n")
        if not found:
            break
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        pairs = [line.partition(":") for line in lines]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if status == 100:
            raw = rest
            continue
        size = int(headers.get("content-length", "0"))
        if len(rest) < size:
            break
        answers.append(Answer(status, headers, rest[:size]))
        raw = rest[size:]
    return answers


def leaks(place: Place, raw: bytes) -> list[str]:
    """What an answer tells of the inside: stacks, paths, hosts, ports, libraries, versions."""
    text = raw.decode("latin-1")
    found = [match[0] for match in _INSIDE.finditer(text)]
    ports = [str(place.port(offset)) for offset in OFFSETS if offset != 0]
    inside = [*(f":{port}" for port in ports), str(CHECKOUT), str(place.data), str(Path.home())]
    if len(name := socket.gethostname()) > 8 and name != "localhost":
        inside.append(name)
    return found + [one for one in inside if one in text]


def assert_refused(place: Place, exchange: Exchange, *, none: bool = False) -> None:
    """Every answer is a 4xx and tells nothing; there is one, unless none is fine too."""
    assert exchange.answers or exchange.closed, "neither answered nor closed"
    assert exchange.answers or none, "closed without an answer"
    for answer in exchange.answers:
        assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
    assert leaks(place, exchange.raw) == []


async def assert_serves(place: Place) -> None:
    """The next request, on a connection of its own, is answered."""
    exchange = await send(place, Attack([request()]))
    assert exchange.statuses == [200]
    assert exchange.answers[0].body.startswith(b'{"data":{"viewer":null}')
    assert leaks(place, exchange.raw) == []


class Gateway:
    """The gateway's process."""

    def __init__(self, place: Place) -> None:
        port = place.port(0)
        listening = (
            connection
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
            and getattr(connection.laddr, "port", 0) == port
        )
        self._process = psutil.Process(next(listening).pid)

    def cpu(self) -> float:
        """Seconds of CPU since its start: to the nanosecond where the system counts so."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        try:
            spent = [int(one.read_text().split()[0]) for one in tasks.glob("*/schedstat")]
        except OSError:
            spent = []
        if sum(spent):
            return sum(spent) / 1e9
        times = self._process.cpu_times()
        return float(times.user + times.system)


@cache
def gateway_of(place: Place) -> Gateway:
    """Looked for once."""
    return Gateway(place)


async def least_cpu(
    place: Place, gateway: Gateway, make: Callable[[], Attack], rounds: int = ROUNDS
) -> tuple[Sequence[Exchange], float]:
    """The exchanges, and the least that one of them cost the gateway, at the usual pace."""
    exchanges, costs = [], []
    for _ in range(rounds):
        before = gateway.cpu()
        exchanges.append(await send(place, make()))
        costs.append((gateway.cpu() - before) / bound(1))
        if costs[-1] < MAX_CPU:
            break
    return exchanges, min(costs)
