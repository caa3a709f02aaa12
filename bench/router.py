"""The list of topics as Strawberry's documentation has one write it: what most people ship.

FastAPI's GraphQLRouter, a DataLoader, and the library's own caches for parsing and validation; the
same tokens and the same RPCs through the same client as the gateway's.
"""

from __future__ import annotations

from typing import Any, cast

import strawberry
from fastapi import FastAPI, Request
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from chassis.actors import current_actor
from chassis.pagination import encode_page_token
from gateway.actors import Actors
from gateway.auth import TokenVerifier
from gateway.context import Caller, Services
from gateway.cursors import CursorKey, decode_id, encode_id
from gateway.lists import moment
from gateway.pages import name_of
from gateway.schema.scalars import SCALARS, DateTime, TopicKind, TopicState
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2


class Context(BaseContext):
    """One request."""

    def __init__(self, services: Services, key: CursorKey, caller: Caller) -> None:
        super().__init__()
        self.services = services
        self.key = key
        self.caller = caller
        self.members: DataLoader[tuple[str, str], Member | None] = DataLoader(self._members)

    async def _members(self, keys: list[tuple[str, str]]) -> list[Member | None]:
        request = directory_pb2.BatchGetMembersRequest(
            community_id=keys[0][0], person_ids=[person_id for _, person_id in keys]
        )
        response = await self.services.directory.BatchGetMembers(request)
        found = {row.person_id: Member(display_name=row.display_name) for row in response.members}
        return [found.get(person_id) for _, person_id in keys]


@strawberry.type
class Member:
    """Whom a post is by."""

    display_name: str


@strawberry.type
class Author:
    """Who wrote something."""

    community_id: strawberry.Private[str]
    person_id: strawberry.Private[str]

    @strawberry.field
    async def member(self, info: Info[Context, None]) -> Member | None:
        """Loaded with all others of the request."""
        if not self.person_id:
            return None
        return await info.context.members.load((self.community_id, self.person_id))


@strawberry.type
class Topic:
    """A row of the list."""

    id: strawberry.ID
    title: str
    slug: str
    kind: TopicKind
    state: TopicState
    tags: list[str]
    score: int
    reply_count: int
    create_time: DateTime
    activity_time: DateTime
    author: Author | None
    last_reply_author: Author | None


@strawberry.type
class Edge:
    """Relay's."""

    node: Topic


@strawberry.type
class PageInfo:
    """Relay's."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Connection:
    """Relay's."""

    edges: list[Edge]
    page_info: PageInfo


@strawberry.type
class Query:
    """The one list."""

    @strawberry.field
    async def topics(
        self,
        info: Info[Context, None],
        community_id: strawberry.ID,
        space_id: strawberry.ID,
        first: int,
    ) -> Connection:
        """One RPC; the authors' names are the loader's."""
        context = info.context
        request = forum_pb2.ListTopicsRequest(
            community_id=decode_id(community_id, "communityId", "Community").id,
            space_id=decode_id(space_id, "spaceId", "Space").id,
        )
        scope = f"{context.caller.actor.person_id} {name_of(request)}"
        request.page_size = first
        page = await context.services.forum.ListTopics(request)
        token = page.next_page_token
        if page.topics and not token:
            token = encode_page_token(moment(page.topics[-1].activity_time), page.topics[-1].id)
        info_ = PageInfo(
            has_next_page=bool(page.next_page_token),
            end_cursor=context.key.sign(scope, token) if token else None,
        )
        return Connection(edges=[Edge(node=_topic(row)) for row in page.topics], page_info=info_)


def _topic(row: Any) -> Topic:
    return Topic(
        id=strawberry.ID(encode_id("Topic", row.community_id, row.id)),
        title=row.title,
        slug=row.slug,
        kind=TopicKind(row.kind),
        state=TopicState(row.state),
        tags=list(row.tags),
        score=row.score,
        reply_count=row.reply_count,
        create_time=cast("DateTime", row.create_time),
        activity_time=cast("DateTime", row.activity_time),
        author=_author(row, "author"),
        last_reply_author=_author(row, "last_reply_author"),
    )


def _author(row: Any, field: str) -> Author | None:
    if not row.HasField(field):
        return None
    return Author(community_id=row.community_id, person_id=getattr(row, field).person_id)


schema = strawberry.Schema(
    query=Query,
    extensions=[ParserCache, ValidationCache],
    config=StrawberryConfig(scalar_map=SCALARS),
)


def application(
    services: Services, verifier: TokenVerifier, actors: Actors, key: CursorKey
) -> FastAPI:
    """POST /graphql."""

    async def context(request: Request) -> Context:
        identity = await verifier.access_token(request.headers["authorization"][7:])
        caller = await actors.caller(identity)
        current_actor.set(caller.actor)
        return Context(services, key, caller)

    app = FastAPI()
    app.include_router(GraphQLRouter(schema, path="/graphql", context_getter=context))
    return app
