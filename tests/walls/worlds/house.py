"""The house in the test's process: the real servicers on a real MongoDB, with or without sockets.

Without sockets a call is the servicer's method with the caller that a token would say: what a world
costs is then what the services cost. What is said is heard at once by whoever subscribes to it.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from chassis import commands as commands_module
from chassis import outbox
from chassis.actors import Actor, current_actor
from chassis.batch import Batch
from chassis.commands import Commands
from chassis.domain_events import (
    Consequence,
    DomainEvent,
    Effect,
    Handler,
    Projection,
    Subscription,
)
from chassis.mongo import Database, connect, ensure_indexes
from chassis.mongo import database as open_database
from chassis.rpc_client import Channels
from chassis.testing import PATIENCE, Loopback, prepare
from chassis.tokens import TokenSigner
from guildhall.directory.v1 import directory_pb2_grpc, groups_pb2_grpc
from guildhall.forum.v1 import forum_pb2_grpc
from guildhall.moderation.v1 import moderation_pb2_grpc
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseOpened, PostFlagged
from guildhall.notifications.v1 import mailings_pb2_grpc
from guildhall.search.v1 import search_pb2_grpc
from services.directory.repository import DirectoryRepository
from services.directory.servicer import DirectoryServicer, GroupServicer
from services.directory.use_cases import DirectoryUseCases
from services.forum.consumers import ForumConsumers
from services.forum.repository import ForumRepository
from services.forum.servicer.forum import ForumServicer
from services.forum.use_cases import ForumUseCases
from services.moderation.consumers import ModerationConsumers
from services.moderation.repository import ModerationRepository
from services.moderation.servicer import ModerationServicer
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.flags import FlagUseCases
from services.moderation.use_cases.screening import Screener
from services.notifications.repository import NotificationsRepository
from services.notifications.servicer import MailingServicer
from services.search import consumers as search_consumers
from services.search.repository import SearchRepository
from services.search.repository.index import SearchIndex
from services.search.servicer import SearchServicer
from services.search.use_cases.opening import Opening, channels_of, spaces_of
from services.search.use_cases.projecting import Projector
from services.search.use_cases.searching import Searching
from services.search.use_cases.synonyms import SynonymUseCases

GATEWAY = Actor(service="gateway")
ISSUER = "https://id.worlds.test"
OPERATOR = "operator"  # a subject
_STUBS: Mapping[str, Callable[..., Any]] = {
    "directory": directory_pb2_grpc.DirectoryServiceStub,
    "groups": groups_pb2_grpc.GroupServiceStub,
    "forum": forum_pb2_grpc.ForumServiceStub,
    "moderation": moderation_pb2_grpc.ModerationServiceStub,
    "notifications": mailings_pb2_grpc.MailingServiceStub,
    "search": search_pb2_grpc.SearchServiceStub,
}
_ADD: Mapping[str, Callable[..., None]] = {
    "directory": directory_pb2_grpc.add_DirectoryServiceServicer_to_server,
    "groups": groups_pb2_grpc.add_GroupServiceServicer_to_server,
    "forum": forum_pb2_grpc.add_ForumServiceServicer_to_server,
    "moderation": moderation_pb2_grpc.add_ModerationServiceServicer_to_server,
    "notifications": mailings_pb2_grpc.add_MailingServiceServicer_to_server,
    "search": search_pb2_grpc.add_SearchServiceServicer_to_server,
}
_BESIDE = {"groups": "directory"}  # RPC services of a process that has another too


class _Desk:
    """A part as another service calls it, with no socket between them."""

    def __init__(self, house: House, part: str, caller: str) -> None:
        self._house, self._part, self._caller = house, part, Actor(service=caller)

    def __getattr__(self, rpc: str) -> Any:
        async def call(request: Message, timeout: float | None = None) -> Message:
            del timeout
            answer: Message = await self._house.call(self._caller, self._part, rpc, request)
            return answer

        return call


@dataclass
class House:
    """Directory, forum, moderation and notifications; search where there is an index."""

    databases: dict[str, Database]
    servicers: dict[str, Any] = field(default_factory=dict)
    subscriptions: list[tuple[str, Subscription]] = field(default_factory=list)  # hearer, to what
    commands: dict[str, Commands] = field(default_factory=dict)
    repositories: dict[str, Any] = field(default_factory=dict)
    index: SearchIndex | None = None
    loopback: Loopback | None = None
    bell: Callable[[], Awaitable[None]] | None = None  # where a real bus brings what is said
    calls: int = 0
    _hearing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _stubs: dict[str, Any] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def new(self, prefix: str = "r") -> str:
        """A word that was never used: a request id, a slug, a name."""
        return f"{prefix}-{self._run}-{next(self._numbers)}"

    async def call(self, actor: Actor, part: str, rpc: str, request: Message) -> Any:
        """One RPC as this actor; refusals are raised."""
        self.calls += 1
        reset = current_actor.set(actor)
        try:
            if self.loopback is not None and actor.service in ("", "gateway"):
                return await getattr(self._stubs[part], rpc)(request)
            return await getattr(self.servicers[part], rpc)(request, None)
        finally:
            current_actor.reset(reset)

    def desk(self, part: str, caller: str) -> Any:
        """A part's stub for another service of this house."""
        return _Desk(self, part, caller)

    async def connect(self, loopback: Loopback, stack: AsyncExitStack) -> None:
        """From now on people's calls go over gRPC with the gateway's tokens."""
        processes: dict[str, list[Callable[[Any], None]]] = {}
        for part, servicer in self.servicers.items():
            add = functools.partial(_ADD[part], servicer)
            processes.setdefault(_BESIDE.get(part, part), []).append(add)
        for process, adding in processes.items():
            await loopback.serve(process, *adding)
        channels = Channels(
            TokenSigner("gateway", loopback.key("gateway")),
            loopback.addresses.__getitem__,
            for_people=True,
            call_timeout=PATIENCE,
        )
        stack.push_async_callback(channels.close)
        self._stubs = {
            part: channels.client(_STUBS[part], _BESIDE.get(part, part)) for part in self.servicers
        }
        self.loopback = loopback

    async def hear(self) -> None:
        """Until everybody has heard what was said, as the bus brings it, or would."""
        if self.bell is not None:
            await self.bell()
            return
        said = {subscription.producer for _, subscription in self.subscriptions}
        async with self._hearing:  # worlds that live beside each other share it
            while any(await asyncio.gather(*map(self._deliver, sorted(said)))):
                pass

    async def _deliver(self, producer: str) -> bool:
        rows = await self.databases[producer].outbox.find({"st": outbox.PENDING}).to_list()
        if not rows:
            return False
        rows.sort(key=lambda row: row["seq"])
        events = [_event(row) for row in rows]
        for hearer, subscription in self.subscriptions:
            if subscription.producer == producer:
                await self._hear(hearer, subscription, events)
        ids = [row["_id"] for row in rows]
        told = {"$set": {"st": outbox.PUBLISHED}}
        await self.databases[producer].outbox.update_many({"_id": {"$in": ids}}, told)
        return True

    async def _hear(
        self, hearer: str, subscription: Subscription, events: Sequence[DomainEvent[Any]]
    ) -> None:
        consequences: list[Consequence] = []
        for event in events:
            handler: Handler | None = subscription.handlers.get(type(event.message))
            if handler is not None:
                consequences.extend(await handler(event))
        effects = [one for one in consequences if isinstance(one, Effect)]
        for effect in effects:  # each alone: what the last one made is seen
            batch = Batch(self.databases[hearer])
            await batch.load([effect.ref])
            batch.decide(effect.ref, effect.decide, actor=f"service:{hearer}", cause="test")
            await batch.commit(asyncio.get_running_loop().time() + PATIENCE)
        projections = {one for one in consequences if isinstance(one, Projection)}
        if projections and subscription.project is not None:
            await subscription.project(1, list(projections))


def _event(row: dict[str, Any]) -> DomainEvent[Any]:
    kind = message_factory.GetMessageClass(
        descriptor_pool.Default().FindMessageTypeByName(row["type"])
    )
    return DomainEvent(
        row["_id"],
        row["community_id"],
        row["agg_type"],
        row["agg"],
        row["seq"],
        row["at"].replace(tzinfo=UTC),
        row["actor"],
        kind.FromString(bytes(row["data"])),
    )


@asynccontextmanager
async def open_house(mongo_uri: str, index: SearchIndex | None = None) -> AsyncIterator[House]:
    """Fresh databases and all services; an index that is live brings search."""
    async with AsyncExitStack() as stack:
        client = connect(mongo_uri, app="worlds")
        stack.push_async_callback(client.close)
        parts = ["directory", "forum", "moderation", "notifications"]
        parts += ["search"] if index else []
        run = uuid.uuid4().hex[:12]
        databases = {part: open_database(client, f"worlds_{run}_{part}") for part in parts}
        for database in databases.values():
            stack.push_async_callback(client.drop_database, database.name)
        house = House(databases, index=index)
        await asyncio.gather(
            *(
                ensure_indexes(database, [*commands_module.INDEXES, *outbox.INDEXES])
                for database in databases.values()
            )
        )
        for part, database in databases.items():
            # One lane: what a world makes at once is one transaction.
            house.commands[part] = Commands(database, lanes=1)
            stack.push_async_callback(house.commands[part].close)
        await _furnish(house)
        if index is not None:
            await _furnish_search(house, index)
        yield house


async def _furnish(house: House) -> None:
    await asyncio.gather(
        prepare(house.databases["directory"], DirectoryRepository),
        prepare(house.databases["forum"], ForumRepository),
        prepare(house.databases["moderation"], ModerationRepository),
        prepare(house.databases["notifications"], NotificationsRepository),
    )
    directory = DirectoryRepository(house.databases["directory"])
    forum = ForumRepository(house.databases["forum"])
    moderation = ModerationRepository(house.databases["moderation"])
    house.repositories = {"directory": directory, "forum": forum, "moderation": moderation}
    use_cases = DirectoryUseCases(house.commands["directory"], directory)
    await use_cases.persons.bootstrap_operator(f"{ISSUER} {OPERATOR}")
    house.servicers["directory"] = DirectoryServicer(use_cases, directory)
    house.servicers["groups"] = GroupServicer(use_cases, directory)
    screener = Screener(moderation)
    asked = house.desk("forum", "moderation")
    house.servicers["moderation"] = ModerationServicer(
        ModerationUseCases(house.commands["moderation"], moderation),
        FlagUseCases(house.commands["moderation"], moderation, asked),
        screener,
        moderation,
    )
    house.servicers["forum"] = ForumServicer(
        ForumUseCases(
            house.commands["forum"],
            forum,
            house.desk("moderation", "forum"),
            directory=house.desk("directory", "forum"),
            groups=house.desk("groups", "forum"),
            posting_limits=False,
        ),
        forum,
    )
    # Worlds announce nothing: nobody is mailed, and nothing need be heard for it.
    mailings = NotificationsRepository(house.databases["notifications"])
    house.servicers["notifications"] = MailingServicer(mailings)
    hearing = ForumConsumers(forum)
    heard: dict[type[Message], Handler] = {
        CaseOpened: hearing.on_case_opened,
        PostFlagged: hearing.on_post_flagged,
        CaseDecided: hearing.on_case_decided,
    }
    house.subscriptions += [
        ("forum", Subscription("moderation", heard)),
        (
            "moderation",
            ModerationConsumers(moderation, screener, asked).of_forum(),
        ),
    ]


async def _furnish_search(house: House, index: SearchIndex) -> None:
    database = house.databases["search"]
    await prepare(database, SearchRepository)
    repository = SearchRepository(database)
    house.repositories["search"] = repository
    projector = Projector(
        repository,
        index,
        house.desk("forum", "search"),
        house.desk("announcements", "search"),
        house.desk("directory", "search"),
    )
    await repository.mark(1, "live")
    # What the forum said is not taken twice: worlds move faster than a second.
    spaces = Opening(repository.spaces, spaces_of(house.desk("forum", "search")), age=0)
    asked = channels_of(house.desk("announcements", "search"))
    channels = Opening(repository.channels, asked, age=0)
    house.servicers["search"] = SearchServicer(
        Searching(repository, index, spaces, channels),
        SynonymUseCases(house.commands["search"], repository),
    )
    for producer, handlers in (
        ("forum", search_consumers.FORUM),
        ("directory", search_consumers.DIRECTORY),
    ):
        house.subscriptions.append(
            ("search", Subscription(producer, handlers, project=projector.project))
        )
