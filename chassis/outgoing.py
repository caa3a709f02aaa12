"""Requests to addresses that strangers named: what reaches our own network is never asked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

MAX_URL = 2_048
MAX_ANSWER = 1_048_576  # bytes; the rest is not read
SECONDS = 5.0  # for all of it: name, connection, answer
_HTTPS_PORT = 443
# Global by `ipaddress`, and yet another way to write an IPv4 address, or routed by nobody.
_NOT_OUTSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # of protocols
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)


class OutgoingRefusedError(Exception):
    """An address that is not asked; says why, never what stands there."""


class OutgoingFailedError(Exception):
    """No answer: no such name, no connection, no certificate, too slow."""


@dataclass(frozen=True, slots=True)
class OutgoingAnswer:
    """What came back. `body` is cut off at the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """Asks the world, never our own network.

    A name is resolved once, all its addresses are looked at, and one of those is connected to: a
    second look could say something else. Redirects are answers like any other: who follows one asks
    for it anew. No cookies, no proxies of the environment, no users in addresses. `inside` allows
    http, all ports and addresses of this network too: for laptops and tests alone.
    """

    def __init__(self, *, inside: bool = False, seconds: float = SECONDS) -> None:
        self._inside = inside
        self._seconds = seconds
        self._http = httpx2.AsyncClient(
            trust_env=False,
            # To the library a host is its address here, and many share one.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            timeout=seconds,
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def aclose(self) -> None:
        """No more requests."""
        await self._http.aclose()

    def check(self, url: str) -> None:
        """Refuses what no name could make right: for an address as somebody gives it to us."""
        self._parts(url)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        most: int = MAX_ANSWER,
    ) -> OutgoingAnswer:
        """The answer, whatever its status; of its body at most `most` bytes.

        Raises OutgoingRefusedError or OutgoingFailedError, within the seconds it was made with.
        """
        host, port = self._parts(url)
        try:
            async with asyncio.timeout(self._seconds):
                address = await self._address(host, port)
                request = self._http.build_request(
                    method,
                    httpx2.URL(url).copy_with(host=str(address)),
                    headers={**headers, "Host": _host_header(host, port, url)},
                    content=content,
                    extensions={"sni_hostname": host},
                )
                response = await self._http.send(request, stream=True)
                try:
                    return OutgoingAnswer(
                        response.status_code, response.headers, await _body(response, most)
                    )
                finally:
                    await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, TimeoutError) as error:
            raise OutgoingFailedError(type(error).__name__) from None

    def _parts(self, url: str) -> tuple[str, int]:
        """Host and port. Refuses an address that is not asked, whatever its name leads to."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise OutgoingRefusedError("no address") from None
        if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise OutgoingRefusedError("no address")
        if parts.scheme != "https" and not (self._inside and parts.scheme == "http"):
            raise OutgoingRefusedError("must begin with https://")
        if not host or parts.username is not None or parts.password is not None:
            raise OutgoingRefusedError("must name a host and no user")
        if port not in {None, _HTTPS_PORT} and not self._inside:
            raise OutgoingRefusedError("must be at port 443")
        if not self._inside and _numeric(host):
            raise OutgoingRefusedError("must name a host, not a number")
        return host, port or (_HTTPS_PORT if parts.scheme == "https" else 80)

    async def _address(self, host: str, port: int) -> IPv4Address | IPv6Address:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in found]
        if not self._inside and not all(map(outside, addresses)):
            raise OutgoingRefusedError("leads into a network that is not asked")
        return addresses[0]


def outside(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the world's, and no other way to write one of ours."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return outside(address.ipv4_mapped)
    if any(address in network for network in _NOT_OUTSIDE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _numeric(host: str) -> bool:
    """Whether a resolver takes it for a number: 127.1, 0x7f000001, 2130706433, [::1]."""
    if ":" in host:
        return True
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def _host_header(host: str, port: int, url: str) -> str:
    name = f"[{host}]" if ":" in host else host
    usual = _HTTPS_PORT if url.startswith("https:") else 80
    return name if port == usual else f"{name}:{port}"


async def _body(response: httpx2.Response, most: int) -> bytes:
    """What arrives, as it is sent: a small answer that unpacks into a large one stays small."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= most:
            break
    return bytes(body[:most])
