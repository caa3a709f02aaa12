"""HTTP as an attacker writes it, over sockets: a 4xx or a closed door, at little cost."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator

import pytest

from chassis.testing import bound
from tests.attacks.wire import (
    MAX_CPU,
    QUERY,
    Attack,
    assert_refused,
    assert_serves,
    gateway_of,
    head,
    leaks,
    least_cpu,
    request,
    send,
)
from tests.system import System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CHUNK = 1 << 16
MIB = 1 << 20


def lied(length: str, *lines: str) -> bytes:
    return head("Content-Type: application/json", f"Content-Length: {length}", *lines) + QUERY


def chunked(*lines: str) -> bytes:
    """A request in chunks with another behind it, for whom the lengths mean something else."""
    hidden = head("Content-Length: 0", path="/hidden")
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(QUERY), QUERY)
    return head("Content-Type: application/json", *lines) + body + hidden


def pieces(first: bytes, piece: bytes, count: int) -> Iterator[bytes]:
    yield first
    for _ in range(count):
        yield piece


def bomb(make: Callable[[bytes], bytes]) -> bytes:
    return make(b'{"query":"' + b" " * (20 * MIB) + b'"}')


CHUNKED = "Transfer-Encoding: chunked"
GET = head(method="GET", path="/healthz")

# name -> what is sent; each must be refused or, as CLOSED says, may be cut off without an answer
REFUSED: dict[str, Callable[[], Attack]] = {
    # Bodies
    "20 MB": lambda: Attack(
        pieces(head("Content-Type: application/json", f"Content-Length: {20 * MIB}"),
               b" " * CHUNK, 320)),
    "20 MB in chunks": lambda: Attack(
        pieces(head("Content-Type: application/json", CHUNKED),
               b"10000\r\n" + b" " * CHUNK + b"\r\n", 320)),
    "20 MB in chunks of a byte": lambda: Attack(
        pieces(head("Content-Type: application/json", CHUNKED), b"1\r\n \r\n" * 10_000, 350)),
    "a chunk of 2^64 bytes": lambda: Attack(
        [head("Content-Type: application/json", CHUNKED), b"10000000000000000\r\n"]),
    "a chunk of -1 bytes": lambda: Attack(
        [head("Content-Type: application/json", CHUNKED), b"-1\r\n" + QUERY]),
    "a gzip bomb": lambda: Attack([request(bomb(gzip.compress), "Content-Encoding: gzip")]),
    "a deflate bomb": lambda: Attack([request(bomb(zlib.compress), "Content-Encoding: deflate")]),
    "brotli": lambda: Attack([request(QUERY, "Content-Encoding: br")]),
    "gzip as a transfer": lambda: Attack([chunked("Transfer-Encoding: gzip, chunked")]),
    "gzip twice": lambda: Attack([request(QUERY, "Content-Encoding: gzip, gzip")]),
    "multipart": lambda: Attack([
        head("Content-Type: multipart/form-data; boundary=x", "Content-Length: 5") + b"--x--"]),
    "a form": lambda: Attack([
        head("Content-Type: application/x-www-form-urlencoded", "Content-Length: 7") + b"query=1"]),
    "no type": lambda: Attack([head(f"Content-Length: {len(QUERY)}") + QUERY]),
    "a body as utf-16": lambda: Attack([request(QUERY.decode().encode("utf-16"))]),
    "a body with a mark of its order": lambda: Attack([request(b"\xef\xbb\xbf" + QUERY)]),
    "invalid utf-8": lambda: Attack([request(b'{"query":"{ \xff\xc0\xaf }"}')]),
    "an escaped lone surrogate": lambda: Attack([request(b'{"query":"{ \\ud800 }"}')]),
    "a raw lone surrogate": lambda: Attack([request(b'{"query":"{ \xed\xa0\x80 }"}')]),
    "NUL": lambda: Attack([request(b"\0" * 1000)]),
    "no body": lambda: Attack([request(b"")]),
    "null": lambda: Attack([request(b"null")]),
    "a number": lambda: Attack([request(b"1e400")]),
    "a list": lambda: Attack([request(b"[" + QUERY + b"]")]),
    "a text": lambda: Attack([request(b'"{ viewer { isOperator } }"')]),
    "NaN": lambda: Attack([request(b'{"query":"{ __typename }","variables":{"a":NaN}}')]),
    "JSON 100,000 deep": lambda: Attack([request(b"[" * 100_000)]),
    "JSON 30,000 deep": lambda: Attack([request(b'{"variables":' + b"[" * 30_000 + b"]" * 30_000
                                             + b',"query":"{ viewer { isOperator } }"}')]),
    # Lengths: smuggling
    "a length that is shorter": lambda: Attack([lied(f"{len(QUERY) - 7}")]),
    "a negative length": lambda: Attack([lied("-1")]),
    "a signed length": lambda: Attack([lied(f"+{len(QUERY)}")]),
    "a length in hexadecimal": lambda: Attack([lied("0x25")]),
    "a length with a blank": lambda: Attack([lied("3 7")]),
    "a length of 2^64": lambda: Attack([lied("18446744073709551616")]),
    "a length of 5,000 digits": lambda: Attack([lied("9" * 5_000)]),
    "an empty length": lambda: Attack([lied("")]),
    "two lengths": lambda: Attack([lied(f"{len(QUERY)}", "Content-Length: 4")]),
    "two lengths in one": lambda: Attack([lied(f"{len(QUERY)}, 4")]),
    "length, then chunks": lambda: Attack([chunked("Content-Length: 4", CHUNKED)]),
    "chunks, then length": lambda: Attack([chunked(CHUNKED, "Content-Length: 4")]),
    "chunks and a length of nothing": lambda: Attack([chunked("Content-Length: 0", CHUNKED)]),
    "chunks by another name": lambda: Attack([chunked("Transfer-Encoding: xchunked")]),
    "chunks, then identity": lambda: Attack([chunked(CHUNKED, "Transfer-Encoding: identity")]),
    "chunks twice": lambda: Attack([chunked("Transfer-Encoding: chunked, chunked")]),
    "chunks before something": lambda: Attack([chunked("Transfer-Encoding: chunked, x")]),
    "chunks with a blank before it": lambda: Attack([chunked("Transfer-Encoding : chunked")]),
    "chunks with a tab": lambda: Attack([chunked("Transfer-Encoding:\x0bchunked")]),
    "chunks on a line of their own": lambda: Attack([chunked("Transfer-Encoding:", " chunked")]),
    "a folded header": lambda: Attack([request(QUERY, "X-A: b", " c")]),
    "lines without CR": lambda: Attack([request().replace(b"\r\n", b"\n")]),
    "a header ended by CR": lambda: Attack([request(QUERY, "X-A: b\rContent-Length: 4")]),
    "a header without a colon": lambda: Attack([request(QUERY, "nothing")]),
    "a header without a name": lambda: Attack([request(QUERY, ": nothing")]),
    "NUL in a header": lambda: Attack([request(QUERY, "X-A: a\0b")]),
    "chunks in HTTP/1.0": lambda: Attack([
        chunked(CHUNKED, "Content-Length: 4").replace(b"HTTP/1.1", b"HTTP/1.0", 1)]),
    # Heads
    "no host": lambda: Attack([GET.replace(b"Host: guildhall.example\r\n", b"")]),
    "two hosts": lambda: Attack([head("Host: e.example", method="GET", path="/healthz")]),
    "a header of 1 MB": lambda: Attack([head("X-A: " + "a" * MIB, method="GET")]),
    "a header of 1 MB, bit by bit": lambda: Attack(
        pieces(b"GET /graphql HTTP/1.1\r\nX-A: ", b"a" * 4096, 256)),
    "10,000 headers": lambda: Attack([request(QUERY, *(f"X-{n}: {n}" for n in range(10_000)))]),
    "10,000 cookies": lambda: Attack([request(QUERY, *["Cookie: session=a"] * 900)]),
    "a URL of 1 MB": lambda: Attack([head(method="GET", path="/" + "a" * MIB)]),
    "a URL of 5,000 characters": lambda: Attack([head(method="GET", path="/" + "a" * 5_000)]),
    "a URL with NUL": lambda: Attack([head(method="GET", path="/graphql\0")]),
    "a URL beyond ASCII": lambda: Attack([head(method="GET", path="/gr\xfcn")]),
    "a URL with broken escapes": lambda: Attack([head(method="GET", path="/%zz%ff%00")]),
    "a path upwards": lambda: Attack([head(method="GET", path="/assets/..%2f..%2fsettings.py")]),
    "a path from the root": lambda: Attack([head(method="GET", path="//etc/passwd")]),
    "another host's address": lambda: Attack([head(method="GET", path="http://e.example/x")]),
    "an address without a path": lambda: Attack([head(method="GET", path="http://e.example")]),
    "a port for an address": lambda: Attack([head(method="GET", path="http://e.example:99999/x")]),
    "a method of 100 kB": lambda: Attack([head(method="A" * 100_000)]),
    "an unknown method": lambda: Attack([head(method="FETCH")]),
    "TRACE": lambda: Attack([head("X-Secret: s3cr3t", method="TRACE")]),
    "CONNECT": lambda: Attack([head(method="CONNECT", path="e.example:443")]),
    "CONNECT to a path": lambda: Attack([head(method="CONNECT")]),
    "OPTIONS of everything": lambda: Attack([head(method="OPTIONS", path="*")]),
    "OPTIONS": lambda: Attack([head("Origin: https://e.example",
                                    "Access-Control-Request-Method: POST", method="OPTIONS")]),
    "PUT": lambda: Attack([head("Content-Length: 0", method="PUT")]),
    "a web socket": lambda: Attack([
        head("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", method="GET")]),
    "a web socket by POST": lambda: Attack([
        head("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2") + b"{}"]),
    "HTTP/2": lambda: Attack([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"]),
    "HTTP/2 by version": lambda: Attack([GET.replace(b"HTTP/1.1", b"HTTP/2.0")]),
    "HTTP/9.9": lambda: Attack([GET.replace(b"HTTP/1.1", b"HTTP/9.9")]),
    "HTTP/1.10": lambda: Attack([GET.replace(b"HTTP/1.1", b"HTTP/1.10")]),
    "another protocol": lambda: Attack([b"SSH-2.0-attacker\r\n"]),
    "TLS": lambda: Attack([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 500]),
    "noise": lambda: Attack([bytes(range(256)) * 100]),
    "mutations in a GET": lambda: Attack([
        head(method="GET", path="/graphql?query=mutation%7B__typename%7D")]),
    "a GET that asks nothing": lambda: Attack([head(method="GET", path="/graphql?query=")]),
    "a GET with broken escapes": lambda: Attack([head(method="GET", path="/graphql?query=%ff")]),
    "two bearers": lambda: Attack([request(QUERY, *["Authorization: Bearer a"] * 2)]),
    "a token of 10 kB": lambda: Attack([request(QUERY, "Authorization: Bearer " + "a." * 5_000)]),
    "a token of dots": lambda: Attack([request(QUERY, "Authorization: Bearer " + "." * 5_000)]),
    "another scheme": lambda: Attack([request(QUERY, "Authorization: Basic OmE=")]),
}  # fmt: skip


# Longer than what is still taken once it was refused: the answer may be lost with the connection.
CUT_OFF = {
    "20 MB", "20 MB in chunks", "20 MB in chunks of a byte", "a header of 1 MB",
    "a header of 1 MB, bit by bit", "10,000 headers", "a URL of 1 MB", "a method of 100 kB",
    "noise",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_attack_is_refused_at_little_cost(system: System, name: str) -> None:
    gateway = gateway_of(system.place)
    exchanges, cost = await least_cpu(system.place, gateway, REFUSED[name])
    for exchange in exchanges:
        assert_refused(system.place, exchange, none=name in CUT_OFF)
    assert cost < MAX_CPU
    await assert_serves(system.place)


# What a client begins and never finishes, and whether it has an answer coming.
TYPED = head("Content-Type: application/json", "Content-Length: 37")
SLOW: dict[str, tuple[Callable[[], Attack], bool]] = {
    "nothing": (lambda: Attack([]), False),
    "blank lines": (lambda: Attack(pieces(b"", b"\r\n", 40), 0.5), False),
    "blank lines between requests": (lambda: Attack(pieces(GET, b"\r\n", 40), 0.5, count=2), True),
    "half a line": (lambda: Attack([b"GET /gra"]), True),
    "HTTP/0.9": (lambda: Attack([b"GET /\r\n"]), True),
    "a head byte by byte": (lambda: Attack(slowly(GET), 0.5), True),
    "headers for ever": (lambda: Attack(pieces(GET[:-2], b"X-A: b\r\n", 40), 0.5), True),
    "a body byte by byte": (lambda: Attack([TYPED, *slowly(QUERY)], 0.5), True),
    "a body in chunks of a byte": (
        lambda: Attack(pieces(head("Content-Type: application/json", CHUNKED), b"1\r\n \r\n", 40),
                       0.5), True),
    "a longer length": (lambda: Attack([lied("38")]), True),
    "a length of 65,536 and nothing": (lambda: Attack([lied("65536")[:-37]]), True),
    "a body for a page, byte by byte": (
        lambda: Attack([head("Content-Length: 40", path="/signin"), *slowly(b"x" * 40)], 0.5,
                       count=2), True),
    "a second request byte by byte": (lambda: Attack([GET, *slowly(GET)], 0.5, count=2), True),
    "a chunk extension of 1 MB": (
        lambda: Attack(pieces(head("Content-Type: application/json", CHUNKED) + b"5;",
                              b"a" * CHUNK, 16)), True),
    "trailers of 1 MB": (
        lambda: Attack(pieces(head("Content-Type: application/json", CHUNKED) + b"2\r\n{}\r\n0\r\n",
                              b"a: " + b"b" * 1000 + b"\r\n", 1000)), True),
    "a web socket that goes on": (
        lambda: Attack(pieces(head("Connection: Upgrade", "Upgrade: websocket", method="GET"),
                              b"\x81\x05hello", 40), 0.5, count=2), True),
    "a request that waits to be told to go on": (
        lambda: Attack([head("Content-Type: application/json", "Content-Length: 37",
                             "Expect: 100-continue")]), True),
}  # fmt: skip


def slowly(sent: bytes) -> Iterator[bytes]:
    for number in range(len(sent)):
        yield sent[number : number + 1]


async def test_who_is_slow_is_answered_or_closed_and_holds_up_nobody(system: System) -> None:
    """All at once, and 300 slow bodies beside them: as many as may be answered, and more."""
    place, gateway = system.place, gateway_of(system.place)
    asking = {name: asyncio.create_task(send(place, make())) for name, (make, _) in SLOW.items()}
    crowd = [asyncio.create_task(send(place, Attack([TYPED]))) for _ in range(300)]
    before = gateway.cpu()
    for _ in range(5):
        await assert_serves(system.place)
    exchanges = await asyncio.gather(*asking.values())
    for name, exchange in zip(SLOW, exchanges, strict=True):
        assert exchange.answers or exchange.closed, f"{name}: neither answered nor closed"
        assert exchange.closed or exchange.answers[-1].headers.get("connection") == "close", name
        assert bool(exchange.answers) == SLOW[name][1], name
        assert all(answer.status < 500 for answer in exchange.answers), name
        assert leaks(place, exchange.raw) == [], name
    for exchange in await asyncio.gather(*crowd):
        assert exchange.statuses == [408]
    assert gateway.cpu() - before < bound(MAX_CPU) * (len(SLOW) + len(crowd))
    await assert_serves(system.place)


async def test_a_hidden_request_is_none(system: System) -> None:
    """What stands in a body is never read as a request, nor what stands behind it as a header."""
    hidden = GET.replace(b"/healthz", b"/hidden")
    for sent, statuses in (
        (request(hidden), [400]),
        (head(CHUNKED, "Content-Type: application/json") + b"%x\r\n%s\r\n0\r\n\r\n"
         % (len(hidden), hidden), [400]),
        (head(CHUNKED, "Content-Type: application/json") + b"%x\r\n%s\r\n0\r\n%s\r\n"
         % (len(QUERY), QUERY, b"Authorization: Basic x\r\nCookie: session=x\r\n"), [200]),
    ):  # fmt: skip
        # Another request behind it shows where the first one ended.
        exchange = await send(system.place, Attack([sent + GET], count=2))
        assert exchange.statuses == [*statuses, 200]
        assert exchange.answers[1].body == b"ok"


async def test_requests_in_a_row_are_answered_in_their_order(system: System) -> None:
    count = 50
    bodies = [b'{"query":"{ n%d: __typename }"}' % number for number in range(count)]
    exchange = await send(system.place, Attack([b"".join(map(request, bodies))], count=count))
    answers = [answer.body.partition(b',"extensions"')[0] for answer in exchange.answers]
    assert answers == [b'{"data":{"n%d":"Query"}' % number for number in range(count)]


async def test_a_broken_request_in_a_row_ends_it(system: System) -> None:
    sent = [request() + lied("-1") + request()]
    exchange = await send(system.place, Attack(sent, count=3))
    assert exchange.closed
    assert exchange.statuses in ([400], [200, 400])
    assert leaks(system.place, exchange.raw) == []
    await assert_serves(system.place)


@pytest.mark.parametrize("sent", [b"", GET[:10], GET, request()[:-5], request(), request() + GET])
async def test_who_hangs_up_halfway_is_let_go(system: System, sent: bytes) -> None:
    exchange = await send(system.place, Attack([sent], ends=True, count=3))
    assert exchange.closed
    assert set(exchange.statuses) <= {200}
    await assert_serves(system.place)


@pytest.mark.parametrize("path", ["/", "/signin", "/signin/kestrel", "/graphql", "/nowhere"])
async def test_another_host_is_never_believed(system: System, path: str) -> None:
    evil = "evil.example:4242"
    lines = (f"X-Forwarded-Host: {evil}", f"Forwarded: host={evil}", "X-Forwarded-Proto: https",
             f"X-Original-URL: http://{evil}/", "Accept: text/html")  # fmt: skip
    sent = head(*lines, method="GET", path=path).replace(b"guildhall.example", evil.encode())
    exchange = await send(system.place, Attack([sent]))
    assert exchange.answers[0].status < 500
    assert b"evil" not in exchange.raw
    sent = head(*lines, method="GET", path=f"http://{evil}{path}")
    exchange = await send(system.place, Attack([sent]))
    assert exchange.answers[0].status < 500
    assert b"evil" not in exchange.raw


async def test_thousands_of_open_doors_keep_nobody_out(system: System) -> None:
    """More connections than are served at once; what is said on them is little and late."""
    host, _, port = system.place.address(0).rpartition(":")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(600)]
    try:
        for _, writer in opened[::2]:
            writer.write(b"POST /graphql HTTP/1.1\r\n")
        for _ in range(3):
            await assert_serves(system.place)
    finally:
        for _, writer in opened:
            writer.close()
