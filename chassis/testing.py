"""Fixtures and stand-ins for tests: real engines, real gRPC on loopback, real actor tokens.

A service's tests/conftest.py says `from chassis.testing import *`. Engines are those of MONGO_URI
and NATS_URL where given, else the laptop's, started once a session.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pytest
import pytest_asyncio
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message
from grpc import aio
from joserfc.jwk import OKPKey
from pymongo import MongoClient

from chassis import commands as commands_module
from chassis import outbox as outbox_module
from chassis.actors import BASIC, MEMBER, MODERATOR, Actor, Membership
from chassis.commands import Commands
from chassis.decisions import Document
from chassis.mongo import Database, Index, Repository, connect, ensure_indexes, migrate
from chassis.mongo import database as open_database
from chassis.pagination import Paging
from chassis.rpc_client import Channels
from chassis.rpc_server import Server
from chassis.tokens import TokenSigner, TokenVerifier

__all__ = [
    "Loopback",
    "commands",
    "database",
    "free_port",
    "loopback",
    "mirrored",
    "mongo_uri",
    "nats_url",
    "outbox",
    "person_actor",
    "prepare",
    "service_actor",
    "spent_databases",
    "stored",
    "walked",
]

T = TypeVar("T")

PATIENCE = 10.0  # seconds a call may take: tests share their machine with other tests


class _Engine(Protocol):
    url: str

    def start(self) -> None: ...
    def wait_ready(self) -> None: ...
    def stop(self) -> None: ...


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_running: dict[str, str] = {}  # kind -> URL: every conftest has fixtures, one engine serves all


def _engine_url(variable: str, kind: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The engine the environment names, else one of our own until this process ends."""
    if given := os.environ.get(variable):
        return given
    if kind not in _running:
        from devstack import engines  # only where one is started: parts are tested without it

        engine: _Engine = getattr(engines, kind)(tmp_path_factory.mktemp(kind), free_port())
        atexit.register(engine.stop)
        engine.start()
        engine.wait_ready()
        _running[kind] = engine.url
    return _running[kind]


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real MongoDB, a replica set of one."""
    return _engine_url("MONGO_URI", "mongod", tmp_path_factory)


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real nats-server with JetStream on disk."""
    return _engine_url("NATS_URL", "nats", tmp_path_factory)


_RUN = uuid.uuid4().hex
_prepared: dict[str, set[str]] = {}  # database -> the collections whose indexes are as they begin


@pytest.fixture(scope="session")
def spent_databases(mongo_uri: str) -> Iterator[None]:
    """What this run made is dropped at its end."""
    yield
    with MongoClient[Document](mongo_uri) as client:
        for name in _prepared:
            client.drop_database(name)


@pytest_asyncio.fixture
async def database(
    request: pytest.FixtureRequest, mongo_uri: str, spent_databases: None
) -> AsyncIterator[Database]:
    """A database of its own for one test, with the chassis' indexes.

    It is empty, but not new: its folder's tests had it one after another. A service has so many
    indexes that to make them takes longer than most tests.
    """
    client = connect(mongo_uri, app="test")
    name = f"test_{_RUN}_{zlib.crc32(str(request.path.parent).encode()):08x}"
    try:
        own = open_database(client, name)
        kept = _prepared.setdefault(name, set())
        await own.command("profile", 0)
        found = await own.list_collection_names()
        await asyncio.gather(
            *(own[one].delete_many({}) if one in kept else own[one].drop() for one in found)
        )
        await _index(own, [*commands_module.INDEXES, *outbox_module.INDEXES])
        yield own
    finally:
        await client.close()


async def _index(database: Database, indexes: Sequence[Index]) -> None:
    kept, wanted = _prepared.setdefault(database.name, set()), {one.collection for one in indexes}
    if not wanted <= kept:
        await ensure_indexes(database, indexes)
        kept |= wanted


@pytest_asyncio.fixture
async def commands(database: Database) -> AsyncIterator[Commands]:
    """Commands on the test's database."""
    running = Commands(database)
    yield running
    await running.close()


async def prepare(database: Database, repository: type[Repository]) -> None:
    """Give the database a repository's indexes and migrations, as a starting service does."""
    await _index(database, repository.indexes)
    await migrate(database, repository.migrations)


async def outbox(database: Database) -> list[Message]:
    """Every domain event said so far, decoded, in the order they were stored in."""
    rows = database["outbox"].find().sort([("$natural", 1)])  # ids of one millisecond have none
    return [_decode(row["type"], row["data"]) async for row in rows]


def _decode(type_name: str, data: bytes) -> Message:
    descriptor = descriptor_pool.Default().FindMessageTypeByName(type_name)
    message: Message = message_factory.GetMessageClass(descriptor)()
    message.ParseFromString(bytes(data))
    return message


async def stored(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All documents of all collections: equal before and after, nothing was stored or said."""
    names = await database.list_collection_names()
    return {name: await database[name].find().sort("_id", 1).to_list() for name in sorted(names)}


def person_actor(
    person_id: str = "p1",
    community_id: str = "c1",
    *,
    roles: Sequence[str] = (),
    company_id: str = "co1",
    trust_level: int = BASIC,
    keyring: Sequence[str] | None = None,
    operator: bool = False,
) -> Actor:
    """A member of one community with the keyring the directory would give, unless one is given."""
    if keyring is None:
        keyring = [
            f"community:{community_id}",
            f"company:{company_id}@{community_id}",
            f"person:{person_id}",
        ]
        if MODERATOR in roles or "MANAGER" in roles:
            keyring.append(f"moderators:{community_id}")
        if "MANAGER" in roles:
            keyring.append(f"vendor:{community_id}")
        keyring += [f"role:{role}@{community_id}" for role in sorted(set(roles) - {MEMBER})]
    membership = Membership(company_id, frozenset({MEMBER, *roles}), trust_level, tuple(keyring))
    return Actor(person_id=person_id, operator=operator, memberships={community_id: membership})


def service_actor(name: str) -> Actor:
    """A service acting for itself."""
    return Actor(service=name)


@dataclass
class Loopback:
    """Real gRPC on loopback between parts that trust each other's test keys."""

    keys: dict[str, OKPKey] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    _servers: list[Server] = field(default_factory=list)
    _channels: list[Channels] = field(default_factory=list)

    def key(self, part: str) -> OKPKey:
        """A part's signing key, made at first use."""
        if part not in self.keys:
            self.keys[part] = OKPKey.generate_key("Ed25519")
        return self.keys[part]

    async def serve(self, part: str, *add: Callable[[aio.Server], None]) -> str:
        """Serve servicers as this part: `lambda s: add_XServicer_to_server(X(...), s)`."""
        parts = ("gateway", "directory", "forum", "moderation", "notifications", "search")
        for other in parts:
            self.key(other)
        server = Server(TokenVerifier(part, self.keys))
        for add_servicer in add:
            add_servicer(server.grpc)
        port = await server.listen("127.0.0.1:0")
        await server.set_ready(True)
        self._servers.append(server)
        self.addresses[part] = f"127.0.0.1:{port}"
        return self.addresses[part]

    def client(self, stub: Callable[[aio.Channel], T], part: str, actor: Actor) -> T:
        """A stub that calls a part as this actor, with the token the gateway or service would send.

        Every call of the stub speaks for this actor, whatever the context.
        """
        signer = self._signer(actor.service) if actor.service else None
        channels = Channels(
            signer or _Fixed(self._signer("gateway"), actor),
            self.addresses.__getitem__,
            call_timeout=PATIENCE,
        )
        self._channels.append(channels)
        return channels.client(stub, part)

    def _signer(self, part: str) -> TokenSigner:
        return TokenSigner(part, self.key(part))

    async def close(self) -> None:
        """Stop everything."""
        for channels in self._channels:
            await channels.close()
        for server in self._servers:
            await server.stop(0)


class _Fixed(TokenSigner):
    """The gateway's signer, speaking for one person always."""

    def __init__(self, signer: TokenSigner, actor: Actor) -> None:
        self._signer = signer
        self._actor = actor

    def token(self, audience: str, actor: Actor | None = None) -> str:
        return self._signer.token(audience, self._actor)


@pytest_asyncio.fixture
async def loopback() -> AsyncIterator[Loopback]:
    """Servers and clients of this test."""
    running = Loopback()
    yield running
    await running.close()


@dataclass(frozen=True)
class PageAsked:
    """A list request without its filters."""

    page_size: int
    page_token: str = ""
    backward: bool = False


async def walked(
    listing: Callable[[Paging], Awaitable[tuple[Sequence[T], str]]],
    types: tuple[type, ...],
    size: int,
    *,
    backward: bool = False,
) -> list[T]:
    """All rows of a list in its order, read page by page; all pages but the last are full."""
    rows: list[T] = []
    token = ""
    while True:
        page, token = await listing(Paging.of(PageAsked(size, token, backward), *types))
        rows = [*page, *rows] if backward else [*rows, *page]
        if not token:
            return rows
        _same(len(page), size)


async def mirrored(
    listing: Callable[[Paging], Awaitable[tuple[Sequence[T], str]]], *types: type
) -> list[T]:
    """All rows of a list; asserts that they are the same in every page size, both ways."""
    whole, token = await listing(Paging(100))
    _same(token, "")
    for size in (1, 2, 3, 7):
        _same(await walked(listing, types, size), whole)
        _same(await walked(listing, types, size, backward=True), whole)
    return list(whole)


def _same(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{found} is not {expected}")


_STEPS, _USUAL = 200_000, 0.005  # of a plain loop, and its seconds of CPU where bounds were set


def slowness() -> float:
    """How many times slower this machine is just now than where bounds and figures come from.

    Machines that others share are so by the minute.
    """
    return min(_loop() for _ in range(3)) / _USUAL


def bound(seconds: float) -> float:
    """So much CPU there, as much as it may be here and now; never less."""
    return seconds * max(1.0, slowness())


def _loop() -> float:
    began, total = time.thread_time(), 0
    for number in range(_STEPS):
        total += number
    return time.thread_time() - began
