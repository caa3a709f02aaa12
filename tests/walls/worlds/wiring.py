"""A house with wires: relays and consumers on a real bus, a gateway before it, all of it real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey
from nats.js.errors import NotFoundError

from chassis import consumers, dead_letters, outbox
from chassis.commands import Commands
from chassis.consumers import Consumer
from chassis.ending import end
from chassis.event_log import EventLogServicer
from chassis.messaging import Bus, StreamLimits, stream_name
from chassis.mongo import ensure_indexes
from chassis.relay import OutboxRelay
from chassis.rpc_client import Channels
from chassis.testing import PATIENCE, Loopback
from chassis.tokens import TokenSigner
from gateway.actors import Actors
from gateway.admission import Admission
from gateway.auth import TokenVerifier
from gateway.context import Services
from gateway.cursors import CursorKey
from gateway.directory_cache import DirectoryCache
from gateway.endpoint import GraphQLEndpoint, Parts
from gateway.execution.operations import Operations
from gateway.issuers import Issuer, Issuers
from gateway.portals.known import KnownPortals
from gateway.portals.repository import PortalRepository
from gateway.portals.use_cases import PortalUseCases
from gateway.rate_limits import RateLimits
from gateway.schema import schema
from gateway.sessions import Sessions
from gateway.tests.executing import COMPILE_AT
from gateway.web import Site
from tests.walls.worlds.house import ISSUER, House
from tests.walls.worlds.model import Person

_AUDIENCE = "https://worlds.test"
_KEY = RSAKey.generate_key(2048, {"kid": "worlds-1", "use": "sig"})


@dataclass
class Bell:
    """The bus as the tests need it: everything said has been heard."""

    house: House
    bus: Bus
    consumers: list[tuple[str, Consumer]]

    async def quiet(self) -> None:
        """Until nothing waits, in a store or on the bus."""
        end = time.monotonic() + 60
        while await self._waits():
            assert time.monotonic() < end, "what was said is not heard"
            await asyncio.sleep(0.01)

    async def _waits(self) -> bool:
        for database in self.house.databases.values():
            if await database.outbox.find_one({"st": outbox.PENDING}, {"_id": 1}) is not None:
                return True
        for producer, consumer in self.consumers:
            try:
                info = await self.bus.js.consumer_info(stream_name(producer), consumer.name)
            except NotFoundError:  # not made yet
                return True
            if info.num_pending or info.num_ack_pending:
                return True
        return False


async def wire(house: House, nats_url: str, stack: AsyncExitStack) -> None:
    """From now on what is said goes over the bus; `hear` waits for it."""
    bus = Bus(nats_url, name="worlds", limits=StreamLimits(max_bytes=64 << 20))
    bus.start()
    stack.push_async_callback(bus.close)
    await bus.until_connected()
    for part in house.databases:
        with suppress(NotFoundError):  # of a run before
            await bus.js.delete_stream(stream_name(part))
    tasks: list[asyncio.Task[None]] = []
    hearing: list[tuple[str, Consumer]] = []
    for part, database in house.databases.items():
        await ensure_indexes(database, [*consumers.INDEXES, *dead_letters.INDEXES])
        house.servicers[f"{part}.log"] = EventLogServicer(database)
        relay = OutboxRelay(database, bus, part, observation=0.4, poll=0.02)
        tasks.append(asyncio.create_task(relay.run()))
    for hearer, subscription in house.subscriptions:
        consumer = Consumer(
            house.databases[hearer],
            bus,
            hearer,
            subscription,
            event_log=lambda producer: house.desk(f"{producer}.log", "search"),
            fetch_timeout=0.3,
        )
        hearing.append((subscription.producer, consumer))
        tasks.append(asyncio.create_task(consumer.run()))

    async def leave() -> None:
        await end(tasks)
        for part in house.databases:
            with suppress(NotFoundError):
                await bus.js.delete_stream(stream_name(part))

    stack.push_async_callback(leave)
    house.bell = Bell(house, bus, hearing).quiet


class _SilentBus:
    """No heartbeat: this gateway asks the directory about everybody each time."""

    async def until_connected(self) -> None:
        return

    async def nudge(self, subject: str) -> None:
        return

    async def on_nudge(self, subject: str, wake: Any) -> None:
        return


class Gate:
    """The gateway's endpoint, asked by bearer token."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def ask(self, person: Person, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": _AUDIENCE, "sub": person.subject}
        claims |= {"iat": now, "exp": now + 300}
        header = {"alg": "RS256", "typ": "at+jwt", "kid": _KEY.kid}
        token = jwt.encode(header, claims, _KEY)
        asking = self._http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {token}"},
        )
        response = await asyncio.create_task(asking)  # a context of its own, as in the process
        answer: dict[str, Any] = response.json()
        return answer


@asynccontextmanager
async def open_gate(house: House, loopback: Loopback) -> AsyncIterator[Gate]:
    """Before a house whose services are served."""

    def provider(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("openid-configuration"):
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token"}
            urls = {name: f"{ISSUER}/{path}" for name, path in paths.items()}
            told = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks.json", **urls}
            return httpx2.Response(200, json=told)
        return httpx2.Response(200, json={"keys": [_KEY.as_dict(private=False)]})

    channels = Channels(
        TokenSigner("gateway", loopback.key("gateway")),
        loopback.addresses.__getitem__,
        for_people=True,
        call_timeout=PATIENCE,
    )
    services = Services(channels)
    actors = Actors(services.directory, _SilentBus())
    database = house.databases["directory"]
    operations = Operations(schema, compile_at=COMPILE_AT)
    commands, repository = Commands(database), PortalRepository(database)
    known_portals = KnownPortals(repository)
    await known_portals.refresh()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(provider)) as providers:
        trusted = Issuer("worlds", "Worlds", ISSUER, "guildhall", "secret", _AUDIENCE)
        endpoint = GraphQLEndpoint(
            Parts(
                site=Site("http://127.0.0.1:8080"),
                services=services,
                operations=operations,
                verifier=TokenVerifier(Issuers([trusted], providers)),
                actors=actors,
                directory_cache=DirectoryCache(actors),
                sessions=Sessions(database),
                cursor_key=CursorKey(b"w" * 32),
                known_portals=known_portals,
                portals=PortalUseCases(commands, repository, known_portals, operations),
                admission=Admission(RateLimits(Bus("nats://127.0.0.1:1", name="never begun"))),
            )
        )
        transport = httpx2.ASGITransport(app=endpoint)
        async with httpx2.AsyncClient(transport=transport, base_url="http://gate") as http:
            yield Gate(http)
    await commands.close()
    await channels.close()
