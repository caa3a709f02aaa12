"""A service's life: connect, prepare, serve until told to stop, drain, close, exit code."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop
from grpc import aio
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from chassis import commands, consumers, dead_letters, outbox, telemetry
from chassis.commands import Commands
from chassis.consumers import Consumer, recovery
from chassis.decisions import Document
from chassis.domain_events import ProjectionTarget, Subscription
from chassis.ending import end
from chassis.errors import UnavailableError
from chassis.event_log import EventLogServicer
from chassis.leases import LeaseLostError, Leases
from chassis.messaging import Bus, StreamLimits
from chassis.mongo import Database, Repository, connect, ensure_indexes, migrate
from chassis.mongo import database as open_database
from chassis.operations import OperationsServicer
from chassis.rebuild import Rebuild
from chassis.relay import OutboxRelay
from chassis.rpc_client import Channels
from chassis.rpc_server import Server
from chassis.settings import ServiceSettings
from chassis.tokens import TokenSigner, TokenVerifier
from guildhall.chassis.v1.event_log_pb2_grpc import (
    EventLogServiceStub,
    add_EventLogServiceServicer_to_server,
)
from guildhall.chassis.v1.operations_pb2_grpc import add_OperationsServiceServicer_to_server

if TYPE_CHECKING:
    from guildhall.chassis.v1.event_log_pb2_grpc import EventLogServiceAsyncStub

T = TypeVar("T")
Job = Callable[[], Awaitable[None]]

STORE_PATIENCE = 60.0  # seconds a starting service waits for its store
RPC_GRACE = 25.0  # seconds running RPCs get when the service stops
_RECONCILE = 86_400.0  # seconds between reconciliations; the first is at the start
_AGAIN = 30.0  # seconds until a job that failed is tried again
_READY_CHECK = 1.0  # seconds between looks at the store

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The service cannot start; the message says in one line what to do."""


class Process:
    """One running service: what its rooms are built from, and what runs beside the RPCs."""

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        client: AsyncMongoClient[Document],
        database: Database,
    ) -> None:
        self.name = name
        self.settings = settings
        self.database = database
        self.leases = Leases(database, observation=settings.lease_observation)
        self.bus = Bus(
            settings.nats_url,
            name=name,
            limits=StreamLimits(
                replicas=settings.stream_replicas,
                max_bytes=settings.stream_max_bytes,
                max_age=settings.stream_max_age,
            ),
            monitor_url=settings.nats_monitor_url,
        )
        self._relay = OutboxRelay(
            database,
            self.bus,
            name,
            observation=settings.lease_observation,
            pace=settings.event_pace / 4,  # whoever subscribed waits for it, whatever they hear
        )
        self.commands = Commands(database, committed=self._relay.wake)
        self.channels = Channels(
            TokenSigner.from_file(name, settings.signing_key_file), settings.address
        )
        verifier = TokenVerifier.from_file(name, settings.trusted_keys_file)
        self._rpc = Server(verifier, concurrent_rpcs=settings.concurrent_rpcs)
        self.server: aio.Server = self._rpc.grpc
        self._client = client
        self._subscriptions: list[Subscription] = []
        self._consumers: list[Consumer] = []
        self._rebuild: Rebuild | None = None
        self._background: list[Callable[[], Coroutine[Any, Any, None]]] = [self._relay.run]

    def client(self, stub: Callable[[aio.Channel], T], part: str) -> T:
        """A stub of another part, called as this service."""
        return self.channels.client(stub, part)

    def subscribe(self, subscription: Subscription) -> None:
        """Hear what a producer says, from when the service runs."""
        consumer = Consumer(
            self.database,
            self.bus,
            self.name,
            subscription,
            event_log=self._event_log,
            committed=self._relay.wake,
            pace=self.settings.event_pace,
        )
        self._subscriptions.append(subscription)
        self._consumers.append(consumer)
        self.beside(consumer.run)

    def projections(self, target: ProjectionTarget) -> Rebuild:
        """Where what was subscribed so far is projected to; gives what builds it anew."""
        self._rebuild = Rebuild(
            self.database,
            target,
            self._subscriptions,
            event_log=self._event_log,
            leases=self.leases,
        )
        self.beside(self._rebuild.run)
        return self._rebuild

    def _event_log(self, producer: str) -> EventLogServiceAsyncStub:
        return self.client(EventLogServiceStub, producer)

    def beside(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this beside the RPCs; if it ends before the service does, the service stops."""
        self._background.append(run)

    def every(self, seconds: float, job: Job, name: str) -> None:
        """Run a job again and again, in one replica of all; sooner after a failure."""

        async def repeat() -> None:
            while True:
                with contextlib.suppress(LeaseLostError):
                    async with self.leases.hold(f"job:{name}"):
                        while True:
                            done = await attempt()
                            await asyncio.sleep(seconds if done else min(seconds, _AGAIN))

        async def attempt() -> bool:
            try:
                await job()
            except UnavailableError as outage:
                _log.warning("job %s: %s", name, outage)
                return False
            except Exception as error:
                _log.error("job %s: %s", name, telemetry.describe(error))
                return False
            return True

        self.beside(repeat)

    async def _reconcile(self) -> None:
        """Hear what was lost without a trace; the last of the nets below the bus."""
        for consumer in self._consumers:
            found = await recovery.reconcile(consumer, self._event_log(consumer.producer))
            if found:
                _log.warning("reconciled %d domain events of %s", found, consumer.producer)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain. Raises what a background task died of."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        add_EventLogServiceServicer_to_server(EventLogServicer(self.database), self.server)
        if self._consumers:
            self.every(_RECONCILE, self._reconcile, "reconcile")
        operations = OperationsServicer(
            self.database, self._consumers, event_log=self._event_log, rebuild=self._rebuild
        )
        add_OperationsServiceServicer_to_server(operations, self.server)
        try:
            await self._rpc.listen(self.settings.listen)
        except OSError as error:
            raise StartError(str(error)) from None
        self.bus.start()
        tasks = [asyncio.create_task(run()) for run in (*self._background, self._watch_store)]
        gc.collect()
        gc.freeze()
        _log.info("%s serves on %s", self.name, self.settings.listen)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        _log.info("%s stops", self.name)
        died = [task for task in tasks if task.done()]
        await self._drain([stopping, *tasks])
        for task in died:
            task.result()
            raise RuntimeError("a background task ended")

    async def _watch_store(self) -> None:
        """Ready while the store answers; NATS being away is no reason not to serve."""
        while True:
            try:
                async with asyncio.timeout(_READY_CHECK):
                    await self._client.admin.command("ping")
                await self._rpc.set_ready(True)
            except (PyMongoError, TimeoutError):
                await self._rpc.set_ready(False)
            await asyncio.sleep(_READY_CHECK)

    async def _drain(self, tasks: list[asyncio.Task[Any]]) -> None:
        """RPCs first, then the commands they began, then what publishes those."""
        stopping, relay, *others = tasks
        await end([stopping, *others])
        await self._rpc.stop(RPC_GRACE)
        await self.commands.close()
        await end([relay])

    async def close(self) -> None:
        """Let go of everything; after run, or instead of it."""
        await self.commands.close()
        await self.channels.close()
        await self.bus.close()
        await self._client.close()
        telemetry.stop()


@contextlib.asynccontextmanager
async def start(
    name: str, settings: ServiceSettings, repository: type[Repository]
) -> AsyncIterator[Process]:
    """A connected process with its indexes and migrations done; closed when the body ends."""
    telemetry.start(
        name,
        otlp_endpoint=settings.otlp_endpoint,
        sample_ratio=settings.trace_ratio,
        metrics_listen=settings.metrics_listen,
    )
    client = connect(settings.mongo_uri, app=name)
    database = open_database(client, name)
    await _until_reachable(client)
    process = Process(name, settings, client, database)
    try:
        await _prepare(process, repository)
        yield process
    finally:
        await process.close()


async def _prepare(process: Process, repository: type[Repository]) -> None:
    """One replica at a time; one that was too slow to keep the lease begins again."""
    indexes = [
        *commands.INDEXES,
        *outbox.INDEXES,
        *consumers.INDEXES,
        *dead_letters.INDEXES,
        *repository.indexes,
    ]
    while True:
        try:
            async with process.leases.hold("prepare"):
                await ensure_indexes(process.database, indexes)
                await migrate(process.database, repository.migrations)
        except LeaseLostError:
            _log.warning("preparing the store again: it took too long")
        else:
            return


async def _until_reachable(client: AsyncMongoClient[Document]) -> None:
    began = time.monotonic()
    while True:
        try:
            await client.admin.command("ping")
        except PyMongoError:
            if time.monotonic() - began > STORE_PATIENCE:
                raise StartError(
                    f"the store has not answered for {STORE_PATIENCE:.0f} s: check MONGO_URI"
                ) from None
            _log.warning("waiting for the store")
        else:
            return


def launch(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a part's main; exit code 0 after a clean stop, 1 with one line where it cannot start."""
    try:
        uvloop.run(main())
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for whoever started it
        sys.exit(1)
