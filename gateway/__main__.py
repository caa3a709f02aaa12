"""Builds the gateway and serves it: the only file that constructs things."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

import httpx2
import uvicorn
import uvloop

from chassis import commands, mongo, outbox, telemetry
from chassis.commands import Commands
from chassis.ending import end
from chassis.file_passes import FilePassVerifier
from chassis.messaging import Bus
from chassis.rpc_client import Channels
from chassis.tokens import TokenSigner
from gateway.actors import Actors
from gateway.admission import Admission
from gateway.app import Gateway
from gateway.auth import TokenVerifier
from gateway.context import Services
from gateway.cursors import CursorKey
from gateway.directory_cache import DirectoryCache
from gateway.endpoint import Parts
from gateway.endpoint.requests import MAX_BODY
from gateway.execution.operations import COMPILE_AT, Operations
from gateway.files import Files
from gateway.issuers import Issuers, read_issuers
from gateway.logins import Logins
from gateway.portals.known import KnownPortals
from gateway.portals.repository import PortalRepository
from gateway.portals.use_cases import PortalUseCases
from gateway.protocol import BoundedProtocol
from gateway.rate_limits import Rate, RateLimits
from gateway.schema import schema
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings
from gateway.signin import SignIn
from gateway.subscriptions.open_files import most_connections
from gateway.subscriptions.protocol import BoundedSocket
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.web import Site

LEAVE = 2.0  # seconds until subscriptions are left to uvicorn, which closes their connections
GRACE = 25  # seconds requests under way get when the gateway stops


async def build(settings: GatewaySettings, stack: AsyncExitStack) -> Gateway:
    """Everything, connected; closed when the stack is left."""
    client = mongo.connect(settings.mongo_uri, app="gateway")
    stack.push_async_callback(client.close)
    database = mongo.database(client, settings.database_name)
    sessions = Sessions(database)
    signer = TokenSigner.from_file("gateway", settings.signing_key_file)
    channels = Channels(signer, settings.address, for_people=True, retries=True)
    stack.push_async_callback(channels.close)
    http = httpx2.AsyncClient(timeout=3.0, follow_redirects=False, trust_env=False)
    stack.push_async_callback(http.aclose)
    bus = Bus(settings.nats_url, name="gateway")
    stack.push_async_callback(bus.close)
    services = Services(channels)
    issuers = Issuers(read_issuers(settings.issuers_file), http)
    verifier = TokenVerifier(issuers)
    actors = Actors(services.directory, bus)
    site = Site(settings.public_url)
    operations = Operations(
        schema,
        compile_at=None if settings.execution == "stock" else COMPILE_AT,
        suggestions=settings.suggestions,
    )
    await sessions.prepare((*PortalRepository.indexes, *commands.INDEXES, *outbox.INDEXES))
    running = Commands(database)
    stack.push_async_callback(running.close)
    repository = PortalRepository(database)
    known_portals = KnownPortals(repository)
    rates = RateLimits(bus)
    member, anonymous = (
        Rate.a_minute(points) if points else None
        for points in (settings.member_points, settings.anonymous_points)
    )
    parts = Parts(
        site=site,
        services=services,
        operations=operations,
        verifier=verifier,
        actors=actors,
        directory_cache=DirectoryCache(actors, settings.directory_seconds),
        sessions=sessions,
        cursor_key=CursorKey.from_file(settings.cursor_key_file),
        known_portals=known_portals,
        portals=PortalUseCases(running, repository, known_portals, operations),
        admission=Admission(rates, member, anonymous),
        introspection=settings.introspection,
        announcement_url=settings.announcement_url,
    )
    bus.start()
    subscriptions = Subscriptions(parts, bus, most_connections=most_connections())
    for task in (actors.run(), known_portals.run(), rates.run(), subscriptions.run()):
        stack.push_async_callback(end, [asyncio.create_task(task)])
    logins = Logins(parts.cursor_key.derived("logins"))
    signin = SignIn(site, issuers, verifier, actors, sessions, logins)
    files = None
    if settings.files_folder is not None and settings.trusted_keys_file is not None:
        passes = FilePassVerifier.from_file("forum", settings.trusted_keys_file)
        files = Files(settings.files_folder, passes)
    return Gateway(parts, signin, channels.channel("directory"), subscriptions, files)


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn's own way ends the process before anything is closed."""

    def __init__(self, config: uvicorn.Config, subscriptions: Subscriptions) -> None:
        super().__init__(config)
        self._subscriptions = subscriptions

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        """Requests under way go on; subscriptions would for ever, and are to go elsewhere first."""
        self._subscriptions.spawn(self._drain())

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE):
                await self._subscriptions.close()
        self.should_exit = True


async def main() -> None:
    """Serve until SIGTERM, then drain."""
    settings = GatewaySettings()
    telemetry.start(
        "gateway",
        otlp_endpoint=settings.otlp_endpoint,
        sample_ratio=settings.trace_ratio,
        metrics_listen=settings.metrics_listen,
    )
    host, _, port = settings.listen.rpartition(":")
    async with AsyncExitStack() as stack:
        gateway = await build(settings, stack)
        config = uvicorn.Config(
            gateway,
            host=host,
            port=int(port),
            http=BoundedProtocol,
            ws=BoundedSocket,
            ws_max_size=MAX_BODY,
            ws_per_message_deflate=False,  # a compressor for every socket is most of its memory
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        gc.collect()
        gc.freeze()
        await _Server(config, gateway.subscriptions).serve()
    telemetry.stop()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
