"""What the gateway is measured beside: processes of the same stack, and Node's servers."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql import print_schema

from bench.asking import Line, repeat
from bench.contents import READER
from bench.measuring import Programs, Spent
from bench.running import PLENTY, Running
from devstack.environment import EngineUrls, gateway_environment
from devstack.parts import CHECKOUT, MONGOD, NATS, OPENID, SEARCH_ENGINE
from devstack.processes import Process, ProcessError, free_port, wait_until
from devstack.token import access_token
from gateway.schema import schema

LINES = 6
FLOOR, STOCK, ROUTER = "floor", "stock", "router"
PLAIN = "plain"  # the gateway without memory of members and companies
MEMORY, MEMORY_ROUTER = "memory", "memory-router"
PEERS = {  # by what server.mjs calls them: title and package
    "apollo": ("Apollo Server", "@apollo/server"),
    "yoga": ("graphql-yoga", "graphql-yoga"),
    "mercurius": ("Mercurius with JIT", "mercurius"),
}
_FOLDER = CHECKOUT / "bench" / "peers"
_MODULES = {
    FLOOR: ["bench.beside", "floor"],
    PLAIN: ["gateway"],
    STOCK: ["gateway"],
    ROUTER: ["bench.beside", "router"],
    MEMORY: ["bench.remembering"],
    MEMORY_ROUTER: ["bench.beside", "router", "memory"],
}


@dataclass
class Side:
    """Who answers: its programs, the connections to it, and what it took."""

    programs: Programs
    port: int
    lines: Sequence[Line]
    samples: Path  # where its program says what it was seen doing
    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))  # by operation

    async def answers(self, bodies: Sequence[bytes]) -> list[bytes]:
        """One of each."""
        return [await self.lines[0].ask(one) for one in bodies]

    async def ask(self, bodies: Sequence[bytes], times: int) -> None:
        """All connections at once."""
        await repeat(list(self.lines), itertools.cycle(bodies), times)

    async def round(self, operation: str, bodies: Sequence[bytes], times: int) -> None:
        """So many requests, and what they took."""
        before = self.programs.cpu()
        await self.ask(bodies, times)
        self.spent[operation].add(before, self.programs.cpu(), times)

    def close(self) -> None:
        """Hang up."""
        for line in self.lines:
            line.close()


@contextmanager
def beside(running: Running, name: str) -> Iterator[Side]:
    """A program that is told what the stack's gateway is told."""
    place, port = running.place, free_port()
    urls = EngineUrls(
        f"mongodb://{place.address(MONGOD)}/?replicaSet=rs0",
        f"nats://{place.address(NATS)}",
        place.url(SEARCH_ENGINE),
    )
    environment = {
        **gateway_environment(place, urls),
        **PLENTY,
        "BESIDE_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_METRICS_LISTEN": "",
        "GATEWAY_DIRECTORY_SECONDS": "0",  # all sides make the same RPCs
        "GATEWAY_EXECUTION": "stock" if name == STOCK else "compiled",
    }
    samples = running.samples(name)  # as the stack's own programs are run
    command = [sys.executable, "-m", "bench.profiled", str(samples), *_MODULES[name]]
    token = access_token(READER, place.url(OPENID))
    process = Process(name, command, place.log(name), environment, place.code)
    with _started(process, port, token, samples) as side:
        yield side


def why_no_peers() -> str:
    """Empty where Node's servers can be run."""
    if shutil.which("node") and (_FOLDER / "node_modules").is_dir():
        return ""
    return "Not measured here: Node's servers need node, and `npm ci` in bench/peers."


def version(name: str) -> str:
    """Of a peer."""
    packages = json.loads((_FOLDER / "package.json").read_text())["dependencies"]
    return str(packages[PEERS[name][1]])


@contextmanager
def peer(folder: Path, name: str, data: Mapping[str, Any]) -> Iterator[Side]:
    """One of Node's servers over the data of the list's answer, kept in the folder."""
    port, file = free_port(), folder / "peers.json"
    file.write_text(json.dumps({"sdl": print_schema(schema._schema), **data}))  # noqa: SLF001
    command = ["node", str(_FOLDER / "server.mjs"), name, str(port), str(file)]
    environment = {"NODE_ENV": "production"}
    process = Process(name, command, folder / f"{name}.log", environment, _FOLDER)
    with _started(process, port, "", file) as side:
        yield side


@contextmanager
def _started(process: Process, port: int, token: str, samples: Path) -> Iterator[Side]:
    process.start()
    lines = [Line(port, token) for _ in range(LINES)]
    try:
        if not wait_until(lambda: _listens(port), 30):
            raise ProcessError(f"{process.name} does not answer: {process.last_words()}")
        assert process.pid is not None
        yield Side(Programs({process.name: process.pid}), port, lines, samples)
    finally:
        for line in lines:
            line.close()
        process.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
