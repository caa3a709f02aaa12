"""Asking the world: what is never asked, what is cut off, what an answer is."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.outgoing import Outgoing, OutgoingFailedError, OutgoingRefusedError, outside

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.1.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1"),  # noqa: S104
        *("192.88.99.1", "203.0.113.1"),
        *("::1", "::", "fe80::1", "fd00::1", "ff02::1", "fec0::1", "5f00::1", "3fff::1"),
        *("::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378::1", "2001:db8::1"),
    ],
)
def test_addresses_of_our_own_network_are_not_outside(address: str) -> None:
    assert not outside(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_world_are_outside(address: str) -> None:
    assert outside(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example/",
        "ftp://portal.example/",
        "file:///etc/passwd",
        "portal.example",
        "",
        "https://",
        "https:///path",
        "https://portal.example:8443/",
        "https://portal.example:99999/",
        "https://somebody@portal.example/",
        "https://somebody:secret@portal.example/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://10.0.0.1./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://①②⑦.⓪.⓪.①/",
        "https://portal.example/\r\nX-Injected: 1",
        "https://portal.example/a b",
        "https://portal.example/" + "a" * 2_048,
    ],
)
async def test_what_no_name_could_make_right_is_refused(url: str) -> None:
    outgoing = Outgoing()
    with pytest.raises(OutgoingRefusedError):
        outgoing.check(url)
    with pytest.raises(OutgoingRefusedError):
        await outgoing.send("GET", url, headers={})
    await outgoing.aclose()


async def test_a_name_that_leads_to_this_machine_is_refused_and_nobody_is_connected_to() -> None:
    async with _server(ANSWER) as server:
        outgoing = Outgoing()
        outgoing.check("https://localhost/")
        # Port 443 is not ours to open: the name alone must be enough.
        with pytest.raises(OutgoingRefusedError, match="network"):
            await outgoing.send("GET", "https://localhost/", headers={})
        with pytest.raises(OutgoingRefusedError):
            await outgoing.send("GET", f"http://localhost:{server.port}/", headers={})
        await outgoing.aclose()
        assert server.connections == []


async def test_an_answer_has_its_status_headers_and_body_and_the_host_is_named() -> None:
    async with _server(ANSWER) as server:
        outgoing = Outgoing(inside=True)
        answer = await outgoing.send(
            "POST", f"http://localhost:{server.port}/in?a=1", headers={"X-One": "1"}, content=b"{}"
        )
        await outgoing.aclose()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert answer.body == b"hello"
    assert server.heard.startswith(b"POST /in?a=1 HTTP/1.1\r\n")
    assert f"host: localhost:{server.port}\r\n".encode() in server.heard.lower()
    assert b"x-one: 1\r\n" in server.heard.lower()


async def test_a_redirect_is_an_answer_that_is_not_followed() -> None:
    says = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    async with _server(says) as server:
        outgoing = Outgoing(inside=True)
        answer = await outgoing.send("GET", f"http://127.0.0.1:{server.port}/", headers={})
        await outgoing.aclose()
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1/")
    assert len(server.connections) == 1


async def test_nobody_is_given_a_cookie_back() -> None:
    says = b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b; Path=/\r\n\r\n"
    async with _server(says) as first, _server(says) as second:
        outgoing = Outgoing(inside=True)
        for server in (first, second):  # one host, as cookies know no ports
            await outgoing.send("GET", f"http://127.0.0.1:{server.port}/", headers={})
        await outgoing.aclose()
    assert second.heard
    assert b"cookie" not in second.heard.lower()


async def test_a_body_is_cut_off_and_never_unpacked() -> None:
    body = b"x" * 500_000
    says = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 500000\r\n\r\n" + body
    async with _server(says) as server:
        outgoing = Outgoing(inside=True)
        answer = await outgoing.send(
            "GET", f"http://127.0.0.1:{server.port}/", headers={}, most=1_000
        )
        await outgoing.aclose()
    assert answer.body == body[:1_000]


async def test_who_never_comes_to_an_end_has_not_answered() -> None:
    async with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello") as server:
        outgoing = Outgoing(inside=True, seconds=0.3)
        with pytest.raises(OutgoingFailedError, match="Timeout"):
            await outgoing.send("GET", f"http://127.0.0.1:{server.port}/", headers={})
        await outgoing.aclose()
    assert server.heard


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://no-such-name.invalid/"])
async def test_who_is_not_there_has_not_answered(url: str) -> None:
    outgoing = Outgoing(inside=True)
    with pytest.raises(OutgoingFailedError):
        await outgoing.send("GET", url, headers={})
    await outgoing.aclose()


async def test_the_name_is_asked_for_and_a_certificate_of_nobody_we_trust_is_refused(
    tmp_path: Path,
) -> None:
    names: list[str | None] = []
    context = _self_signed(tmp_path)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with _server(ANSWER, context) as server:
        outgoing = Outgoing(inside=True)
        with pytest.raises(OutgoingFailedError):
            await outgoing.send("GET", f"https://localhost:{server.port}/", headers={})
        await outgoing.aclose()
    assert names == ["localhost"]
    assert server.heard == b""


@dataclass
class _Server:
    port: int = 0
    heard: bytes = b""
    connections: list[asyncio.Transport] = field(default_factory=list)


@contextlib.asynccontextmanager
async def _server(says: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[_Server]:
    """Says the same to everybody who has spoken, and stays on the line."""
    known = _Server()

    class Says(asyncio.Protocol):
        transport: asyncio.Transport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            known.connections.append(transport)

        def data_received(self, data: bytes) -> None:
            if not known.heard:
                self.transport.write(says)
            known.heard += data

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Says, "127.0.0.1", 0, ssl=context)
    known.port = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()
        for connection in known.connections:
            connection.abort()


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
