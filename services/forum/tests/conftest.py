"""A forum over real gRPC on a real MongoDB, with stand-ins for what it calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest_asyncio

from chassis.actors import LEADER, MANAGER, MODERATOR, NEW, Actor
from chassis.batch import Batch
from chassis.commands import Commands
from chassis.domain_events import Consequence, Effect
from chassis.file_passes import FilePassSigner
from chassis.mongo import Database
from chassis.outgoing import Outgoing
from chassis.testing import *  # noqa: F403 - fixtures
from chassis.testing import Loopback, outbox, person_actor, prepare, service_actor, stored
from guildhall.directory.v1.directory_pb2_grpc import (
    DirectoryServiceStub,
    add_DirectoryServiceServicer_to_server,
)
from guildhall.directory.v1.groups_pb2_grpc import (
    GroupServiceStub,
    add_GroupServiceServicer_to_server,
)
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.feed_pb2_grpc import FeedServiceStub
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub
from guildhall.forum.v1.participation_pb2_grpc import (
    ParticipationServiceStub,
)
from guildhall.moderation.v1.moderation_pb2_grpc import (
    ModerationServiceStub,
    add_ModerationServiceServicer_to_server,
)
from services.forum.repository import ForumRepository
from services.forum.repository.blobs import DiskBlobs
from services.forum.servicer import add_servicers
from services.forum.tests.announcing import town  # noqa: F401 - a fixture
from services.forum.tests.standins import Directory, Groups, Screen
from services.forum.use_cases import AllUseCases, ForumUseCases
from services.forum.use_cases.attachments import Files
from services.forum.use_cases.carrying import Carrying
from services.forum.use_cases.inspecting import Inspector
from services.forum.use_cases.link_cards import LinkCardUseCases
from services.forum.use_cases.moves import MoveUseCases
from services.forum.use_cases.seeding import SeedingUseCases
from services.forum.use_cases.vitality import VitalityUseCases

ASKER = person_actor("asker")
HELPER = person_actor("helper", company_id="co2")
NEWCOMER = person_actor("newcomer", trust_level=NEW)
REGULAR_PERSON = person_actor("regular", trust_level=LEADER)
MODERATING = person_actor("moderator", roles=[MODERATOR])
MANAGING = person_actor("manager", roles=[MANAGER], company_id="vendor")
STRANGER = person_actor("stranger", "c2")  # of another community
SEARCH = service_actor("search")

BODY = "How do I *reset* the frobnicator?"


@dataclass
class World:
    """A forum without posting limits, and what tests need to have in it."""

    database: Database
    loopback: Loopback
    commands: Commands
    repository: ForumRepository
    use_cases: ForumUseCases
    screen: Screen
    members: Directory
    groups: Groups
    move_use_cases: Callable[[Carrying], MoveUseCases]
    files: Files
    folder: Path  # where the files are
    vitality: VitalityUseCases
    seeding: SeedingUseCases
    link_cards: LinkCardUseCases
    numbers: count[int] = field(default_factory=count)
    stubs: dict[tuple[int, type], tuple[Actor, Any]] = field(default_factory=dict)

    def request_id(self) -> str:
        """One that was never used."""
        return f"request-{next(self.numbers)}"

    def of(self, actor: Actor, stub: type = ForumServiceStub) -> Any:
        """One of the forum's RPC services as this actor calls it."""
        key = id(actor), stub
        if key not in self.stubs:
            self.stubs[key] = actor, self.loopback.client(stub, "forum", actor)
        return self.stubs[key][1]

    def feed_of(self, actor: Actor) -> Any:
        """What is one's own, as this actor calls it."""
        return self.loopback.client(FeedServiceStub, "forum", actor)

    def taking_part(self, actor: Actor) -> Any:
        """The forum's ParticipationService as this actor calls it."""
        return self.loopback.client(ParticipationServiceStub, "forum", actor)

    def ids(self) -> dict[str, Any]:
        """What every write starts with."""
        return {"request_id": self.request_id(), "community_id": "c1"}

    async def space(self, slug: str = "general", **more: Any) -> pb.Space:
        """For all members, unless said otherwise."""
        request = pb.CreateSpaceRequest(**self.ids(), slug=slug, name=slug.title(), **more)
        made: pb.Space = (await self.of(MANAGING).CreateSpace(request)).space
        return made

    async def topic(self, space: pb.Space, actor: Actor = ASKER, **more: Any) -> pb.Topic:
        """A question, unless said otherwise."""
        fields = {"kind": pb.TOPIC_KIND_QUESTION, "title": "Frobnicator?", "body": BODY, **more}
        request = pb.CreateTopicRequest(**{**self.ids(), "space_id": space.id, **fields})
        made: pb.Topic = (await self.of(actor).CreateTopic(request)).topic
        return made

    async def reply(
        self,
        topic: pb.Topic,
        actor: Actor = HELPER,
        body: str = "Turn it off and on.",
        **more: Any,
    ) -> pb.Reply:
        """By the helper, unless said otherwise."""
        request = pb.CreateReplyRequest(**self.ids(), topic_id=topic.id, body=body, **more)
        made: pb.Reply = (await self.of(actor).CreateReply(request)).reply
        return made

    async def act(self, rpc: str, actor: Actor, post: pb.Topic | pb.Reply, **more: Any) -> Any:
        """An RPC that changes one topic or reply."""
        on = (
            {"topic_id": post.id}
            if isinstance(post, pb.Topic)
            else {"topic_id": post.topic_id, "reply_id": post.id}
        )
        request = getattr(pb, f"{rpc}Request")(**self.ids(), **on, **more)
        return await getattr(self.of(actor), rpc)(request)

    async def see(self, actor: Actor, topic: pb.Topic) -> pb.Topic:
        """As this actor gets it."""
        request = pb.GetTopicRequest(community_id="c1", topic_id=topic.id)
        seen: pb.Topic = (await self.of(actor).GetTopic(request)).topic
        return seen

    async def replies(self, actor: Actor, topic: pb.Topic, **more: Any) -> list[pb.Reply]:
        """The first page."""
        request = pb.ListRepliesRequest(community_id="c1", topic_id=topic.id, **more)
        return list((await self.of(actor).ListReplies(request)).replies)

    async def topics(self, actor: Actor, **more: Any) -> list[str]:
        """The ids of the first page."""
        request = pb.ListTopicsRequest(community_id="c1", **more)
        return [topic.id for topic in (await self.of(actor).ListTopics(request)).topics]

    async def said(self) -> list[str]:
        """The names of all domain events so far."""
        return [type(event).__name__ for event in await outbox(self.database)]

    async def stored(self) -> dict[str, list[dict[str, Any]]]:
        """All there is."""
        return await stored(self.database)

    async def hear(self, consequences: Sequence[Consequence]) -> None:
        """Store what a consumer decided, as the chassis does it."""
        batch = Batch(self.database)
        effects = [one for one in consequences if isinstance(one, Effect)]
        await batch.load(effect.ref for effect in effects)
        for effect in effects:
            batch.decide(effect.ref, effect.decide, actor="service:forum", cause="test")
        await batch.commit(asyncio.get_running_loop().time() + 60)


@pytest_asyncio.fixture
async def outgoing() -> AsyncIterator[Outgoing]:
    """Asks this machine, too."""
    async with contextlib.aclosing(Outgoing(inside=True)) as made:
        yield made


@pytest_asyncio.fixture
async def make_world(
    database: Database, commands: Commands, loopback: Loopback, tmp_path: Path, outgoing: Outgoing
) -> Callable[..., Any]:
    """Makes the world, with or without posting limits."""

    async def make(*, posting_limits: bool) -> World:
        await prepare(database, ForumRepository)
        screen = Screen()  # type: ignore[abstract]  # Screen is all that the forum calls
        await loopback.serve(
            "moderation", lambda server: add_ModerationServiceServicer_to_server(screen, server)
        )
        repository = ForumRepository(database)
        moderation = loopback.client(ModerationServiceStub, "moderation", service_actor("forum"))
        members = Directory()  # type: ignore[abstract]  # as Screen
        groups = Groups()  # type: ignore[abstract]  # as Screen
        await loopback.serve(
            "directory",
            lambda server: add_DirectoryServiceServicer_to_server(members, server),
            lambda server: add_GroupServiceServicer_to_server(groups, server),
        )
        directory = loopback.client(DirectoryServiceStub, "directory", service_actor("forum"))
        files = Files(
            DiskBlobs(
                tmp_path / "files",
                "http://gateway.test",
                FilePassSigner("forum", loopback.key("forum")),
            ),
            Inspector(),
        )
        use_cases = AllUseCases.of(
            commands,
            repository,
            moderation,
            directory,
            loopback.client(GroupServiceStub, "directory", service_actor("forum")),
            files,
            outgoing,
            posting_limits=posting_limits,
            link_cards_inside=True,
        )

        def move_use_cases(carrying: Carrying) -> MoveUseCases:
            return MoveUseCases(commands, repository, moderation, directory, carrying)

        await loopback.serve("forum", lambda server: add_servicers(server, use_cases, repository))
        return World(
            database,
            loopback,
            commands,
            repository,
            use_cases.forum,
            screen,
            members,
            groups,
            move_use_cases,
            files,
            tmp_path / "files",
            use_cases.vitality,
            use_cases.seeding,
            use_cases.link_cards,
        )

    return make


@pytest_asyncio.fixture
async def world(make_world: Callable[..., Any]) -> AsyncIterator[World]:
    """Without posting limits."""
    yield await make_world(posting_limits=False)
