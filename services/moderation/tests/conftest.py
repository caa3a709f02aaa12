"""Moderation on a real MongoDB, called over real gRPC, with a small forum beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message

from chassis.actors import MODERATOR, Actor, require_actor
from chassis.batch import Batch
from chassis.commands import Commands
from chassis.domain_events import DomainEvent, Effect
from chassis.errors import DomainError
from chassis.mongo import Database
from chassis.testing import *  # noqa: F403 - fixtures
from chassis.testing import Loopback, person_actor, prepare, service_actor, stored
from guildhall.forum.v1 import forum_pb2, forum_pb2_grpc
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.moderation_pb2_grpc import (
    ModerationServiceStub,
    add_ModerationServiceServicer_to_server,
)
from services.moderation.consumers import ModerationConsumers
from services.moderation.repository import ModerationRepository
from services.moderation.servicer import ModerationServicer
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.flags import FlagUseCases
from services.moderation.use_cases.screening import Screener

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub

MODERATOR_OF_C1 = person_actor("mod", "c1", roles=[MODERATOR])
MEMBER_OF_C1 = person_actor("p1", "c1")
MODERATOR_OF_C2 = person_actor("other", "c2", roles=[MODERATOR])
TIME = datetime(2026, 11, 25, 12, 0, 0, 250000, tzinfo=UTC)

_request_numbers = count(1)


def request_id() -> str:
    """A fresh one."""
    return f"request-{next(_request_numbers):06}"


def rule_request(
    pattern: str = "bad",
    kind: str = "HOLD",
    pattern_kind: str = "WORD",
    *,
    community_id: str = "c1",
    **fields: Any,
) -> moderation_pb2.CreateRuleRequest:
    """A CreateRule request with a fresh request_id unless one is given."""
    fields.setdefault("request_id", request_id())
    if kind == "REPLACE":
        fields.setdefault("replacement", "***")
    return moderation_pb2.CreateRuleRequest(
        community_id=community_id,
        kind=moderation_pb2.RuleKind.Value(f"RULE_KIND_{kind}"),
        pattern_kind=moderation_pb2.PatternKind.Value(f"PATTERN_KIND_{pattern_kind}"),
        pattern=pattern,
        **fields,
    )


@dataclass
class ForumStandIn(forum_pb2_grpc.ForumServiceServicer):
    """As much of a forum as moderation asks for; answers no one else."""

    spaces: dict[str, forum_pb2.Space] = field(default_factory=dict)
    topics: dict[str, forum_pb2.Topic] = field(default_factory=dict)
    replies: dict[str, forum_pb2.Reply] = field(default_factory=dict)
    calls: int = 0

    async def BatchGetTopics(
        self, request: forum_pb2.BatchGetTopicsRequest, context: object
    ) -> forum_pb2.BatchGetTopicsResponse:
        require_actor().require_service("moderation")
        self.calls += 1
        found = [self.topics[key] for key in request.topic_ids if key in self.topics]
        return forum_pb2.BatchGetTopicsResponse(
            topics=[topic for topic in found if topic.community_id == request.community_id]
        )

    async def BatchGetReplies(
        self, request: forum_pb2.BatchGetRepliesRequest, context: object
    ) -> forum_pb2.BatchGetRepliesResponse:
        require_actor().require_service("moderation")
        self.calls += 1
        found = [self.replies[key] for key in request.reply_ids if key in self.replies]
        return forum_pb2.BatchGetRepliesResponse(
            replies=[reply for reply in found if reply.community_id == request.community_id]
        )

    async def BatchGetPosts(
        self, request: forum_pb2.BatchGetPostsRequest, context: object
    ) -> forum_pb2.BatchGetPostsResponse:
        community_id = request.community_id
        topics = forum_pb2.BatchGetTopicsRequest(
            community_id=community_id, topic_ids=request.topic_ids
        )
        replies = forum_pb2.BatchGetRepliesRequest(
            community_id=community_id, reply_ids=request.reply_ids
        )
        return forum_pb2.BatchGetPostsResponse(
            topics=(await self.BatchGetTopics(topics, context)).topics,
            replies=(await self.BatchGetReplies(replies, context)).replies,
        )

    async def BatchGetSpaces(
        self, request: forum_pb2.BatchGetSpacesRequest, context: object
    ) -> forum_pb2.BatchGetSpacesResponse:
        require_actor().require_service("moderation")
        self.calls += 1
        found = [self.spaces[key] for key in request.space_ids if key in self.spaces]
        return forum_pb2.BatchGetSpacesResponse(
            spaces=[space for space in found if space.community_id == request.community_id]
        )


@pytest_asyncio.fixture
async def repository(database: Database) -> ModerationRepository:
    """On the test's database, indexed."""
    await prepare(database, ModerationRepository)
    return ModerationRepository(database)


@pytest.fixture
def use_cases(commands: Commands, repository: ModerationRepository) -> ModerationUseCases:
    """On the test's database."""
    return ModerationUseCases(commands, repository)


@pytest.fixture
def screener(repository: ModerationRepository) -> Screener:
    """With nothing made ready."""
    return Screener(repository)


@pytest.fixture
def forum() -> ForumStandIn:
    """An empty forum."""
    return ForumStandIn()  # type: ignore[abstract] # it need not answer the rest


@pytest_asyncio.fixture
async def forum_stub(loopback: Loopback, forum: ForumStandIn) -> ForumServiceAsyncStub:
    """The stand-in over gRPC, as moderation asks it."""
    await loopback.serve(
        "forum", lambda server: forum_pb2_grpc.add_ForumServiceServicer_to_server(forum, server)
    )
    return loopback.client(forum_pb2_grpc.ForumServiceStub, "forum", service_actor("moderation"))


@pytest.fixture
def consumers(
    repository: ModerationRepository, screener: Screener, forum_stub: ForumServiceAsyncStub
) -> ModerationConsumers:
    """Consumers that read the stand-in."""
    return ModerationConsumers(repository, screener, forum_stub)


@pytest.fixture
def flags(
    commands: Commands, repository: ModerationRepository, forum_stub: ForumServiceAsyncStub
) -> FlagUseCases:
    """On the test's database and the stand-in."""
    return FlagUseCases(commands, repository, forum_stub)


CallAs = Callable[[Actor], "ModerationServiceAsyncStub"]


@pytest_asyncio.fixture
async def call_as(
    loopback: Loopback,
    use_cases: ModerationUseCases,
    flags: FlagUseCases,
    screener: Screener,
    repository: ModerationRepository,
) -> CallAs:
    """A stub of the real servicer, for the actor given."""
    servicer = ModerationServicer(use_cases, flags, screener, repository)
    await loopback.serve(
        "moderation", lambda server: add_ModerationServiceServicer_to_server(servicer, server)
    )
    return lambda actor: loopback.client(ModerationServiceStub, "moderation", actor)


def said(
    message: Message, *, community_id: str = "c1", actor: str = "p1", seq: int = 1
) -> DomainEvent[Any]:
    """A domain event of the forum, about a topic."""
    topic_id = getattr(message, "topic_id", "t1")
    return DomainEvent("e1", community_id, "topic", topic_id, seq, TIME, actor, message)


Hear = Callable[[Awaitable[Iterable[Effect]]], Awaitable[None]]


@pytest.fixture
def hear(database: Database) -> Hear:
    """Store what a handler makes of an event, as the chassis does: in one transaction."""

    async def apply(handling: Awaitable[Iterable[Effect]]) -> None:
        effects = list(await handling)
        batch = Batch(database)
        await batch.load(effect.ref for effect in effects)
        for effect in effects:
            try:
                batch.decide(effect.ref, effect.decide, actor="service:moderation", cause="e1")
            except DomainError:
                continue
        await batch.commit(asyncio.get_running_loop().time() + 5)

    return apply


@pytest.fixture
def heard_twice(database: Database, consumers: ModerationConsumers, hear: Hear) -> Any:
    """Hear an event whose effects are lost, and twice more: the last time nothing is stored or
    said.
    """

    async def apply(message: Message, *, actor: str = "p1", community_id: str = "c1") -> None:
        event: DomainEvent[Any] = said(message, actor=actor, community_id=community_id)
        handler = consumers.of_forum().handlers[type(message)]
        list(await handler(event))  # the batch met a conflict, or its store was away
        await hear(handler(event))  # type: ignore[arg-type]
        after = await stored(database)
        await hear(handler(event))  # type: ignore[arg-type]
        assert await stored(database) == after

    return apply
