"""The one table of what runs where: names, modules and ports counted from the gateway's."""

from __future__ import annotations

import itertools
import os
import socket
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
DEFAULT_PORT = 8080

GATEWAY = 0
OPENID = 1
MONGOD = 2
NATS = 3
SEARCH_ENGINE = 4
MAIL = 10
NATS_MONITOR = 13
GATEWAY_METRICS = 14


@dataclass(frozen=True, slots=True)
class Service:
    """A folder under services/ and where it listens."""

    name: str
    port: int
    metrics_port: int

    @property
    def prefix(self) -> str:
        """What its environment variables begin with."""
        return f"{self.name.upper()}_"


SERVICES = (
    Service("directory", 5, 15),
    Service("forum", 6, 16),
    Service("moderation", 7, 17),
    Service("search", 8, 18),
    Service("notifications", 9, 19),
)
_BLOCK, _BLOCKS = 20, 600
OFFSETS = (
    *(GATEWAY, OPENID, MONGOD, NATS, SEARCH_ENGINE, MAIL, NATS_MONITOR, GATEWAY_METRICS),
    *(service.port for service in SERVICES),
    *(service.metrics_port for service in SERVICES),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stack lives: its first port, its data folder, the checkout it runs."""

    base_port: int
    data: Path
    code: Path = CHECKOUT

    def port(self, offset: int) -> int:
        """A port by its row in the table."""
        return self.base_port + offset

    def address(self, offset: int) -> str:
        """Host and port, as gRPC and `listen` settings want it."""
        return f"127.0.0.1:{self.port(offset)}"

    def url(self, offset: int) -> str:
        """The same for a browser."""
        return f"http://{self.address(offset)}"

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self.data / "logs" / f"{name}.log"

    @property
    def keys(self) -> Path:
        """The folder of everything secret."""
        return self.data / "keys"

    @property
    def mail(self) -> Path:
        """The folder of what was mailed."""
        return self.data / "mail"

    @property
    def issuers_file(self) -> Path:
        """What the gateway knows of the OpenID providers."""
        return self.data / "issuers.json"


def free_base_port() -> int:
    """A first port from which on all of the table is free right now.

    Every process looks in a row of its own: two that look at once do not find the same.
    """
    for step in itertools.count(os.getpid()):
        base = 20_000 + step * 7 % _BLOCKS * _BLOCK  # below what systems hand out
        if all(_is_free(base + offset) for offset in OFFSETS):
            return base
    raise AssertionError


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
