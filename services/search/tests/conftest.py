"""A real engine, and small real servers that stand in for forum and directory."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.actors import require_actor
from chassis.mongo import Database
from chassis.pagination import decode_page_token, encode_page_token
from chassis.rpc_server import Context
from chassis.testing import *  # noqa: F403
from chassis.testing import Loopback, free_port, prepare, service_actor
from guildhall.directory.v1 import directory_pb2, directory_pb2_grpc
from guildhall.forum.v1 import (
    announcements_pb2,
    announcements_pb2_grpc,
    forum_pb2,
    forum_pb2_grpc,
)
from services.search.repository import SearchRepository
from services.search.repository.index import WRITE_TIMEOUT, SearchIndex, connect
from services.search.repository.schema import index_body, index_name
from services.search.use_cases.projecting import Projector


@pytest.fixture(scope="session")
def search_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """OPENSEARCH_URL, else an engine of our own: GUILDHALL_SEARCH_ENGINE says which."""
    if given := os.environ.get("OPENSEARCH_URL"):
        yield given
        return
    from devstack import engines

    kind = os.environ.get("GUILDHALL_SEARCH_ENGINE", "auto")
    data: Path = tmp_path_factory.mktemp("search_engine")
    engine = engines.search_engine(data, free_port(), kind)
    engine.start()
    try:
        engine.wait_ready()
        yield engine.url
    finally:
        engine.stop()


@pytest_asyncio.fixture
async def index(request: pytest.FixtureRequest, search_engine: str) -> AsyncIterator[SearchIndex]:
    """An empty live index of this test's own, refreshed only when a test says so."""
    client = connect(search_engine, read_timeout=WRITE_TIMEOUT)  # a busy machine, a cold engine
    alias = f"test-{uuid.uuid4().hex}"
    made = SearchIndex(client, alias=alias, refresh_interval="-1")
    try:
        engine = await made.engine()
        if request.node.get_closest_marker("opensearch") and engine.name == "osmem":
            pytest.skip("needs a real OpenSearch")
        body = index_body(alias, 1, shards=1, replicas="0-1")
        body["aliases"][alias] = {}  # as prepare and switch do, in a fifth of the time
        await client.indices.create(
            index=index_name(alias, 1), body=body, request_timeout=WRITE_TIMEOUT
        )
        yield made
        await client.indices.delete(index=f"{alias}-*")
    finally:
        await made.close()


@pytest_asyncio.fixture
async def repository(database: Database) -> SearchRepository:
    """Search's own database."""
    await prepare(database, SearchRepository)
    return SearchRepository(database)


@dataclass(repr=False)
class Forum(forum_pb2_grpc.ForumServiceServicer):
    """What the forum says now, to services only."""

    spaces: dict[str, forum_pb2.Space] = field(default_factory=dict)
    topics: dict[str, forum_pb2.Topic] = field(default_factory=dict)
    replies: dict[str, forum_pb2.Reply] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def BatchGetSpaces(
        self, request: forum_pb2.BatchGetSpacesRequest, context: Context
    ) -> forum_pb2.BatchGetSpacesResponse:
        self._heard("BatchGetSpaces")
        return forum_pb2.BatchGetSpacesResponse(
            spaces=[self.spaces[i] for i in request.space_ids if i in self.spaces]
        )

    async def BatchGetTopics(
        self, request: forum_pb2.BatchGetTopicsRequest, context: Context
    ) -> forum_pb2.BatchGetTopicsResponse:
        self._heard("BatchGetTopics" + " without texts" * request.without_texts)
        answer = forum_pb2.BatchGetTopicsResponse(
            topics=[self.topics[i] for i in request.topic_ids if i in self.topics]
        )
        for topic in answer.topics if request.without_texts else ():
            topic.ClearField("body")
            topic.ClearField("body_html")
        return answer

    async def BatchGetReplies(
        self, request: forum_pb2.BatchGetRepliesRequest, context: Context
    ) -> forum_pb2.BatchGetRepliesResponse:
        self._heard("BatchGetReplies")
        return forum_pb2.BatchGetRepliesResponse(
            replies=[self.replies[i] for i in request.reply_ids if i in self.replies]
        )

    async def ListReplies(
        self, request: forum_pb2.ListRepliesRequest, context: Context
    ) -> forum_pb2.ListRepliesResponse:
        self._heard("ListReplies")
        after = decode_page_token(request.page_token, str)[0] if request.page_token else ""
        mine = sorted(
            (r for r in self.replies.values() if r.topic_id == request.topic_id and r.id > after),
            key=lambda reply: reply.id,
        )
        page = mine[: request.page_size]
        more = len(mine) > len(page)
        return forum_pb2.ListRepliesResponse(
            replies=page, next_page_token=encode_page_token(page[-1].id) if more else ""
        )

    def _heard(self, call: str) -> None:
        require_actor().require_service("search")
        self.calls.append(call)


@dataclass(repr=False)
class Announcements(announcements_pb2_grpc.AnnouncementServiceServicer):
    """What the forum announces now, to services only."""

    channels: dict[str, announcements_pb2.Channel] = field(default_factory=dict)
    findable: dict[str, announcements_pb2.FindableAnnouncement] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def BatchGetChannels(
        self, request: announcements_pb2.BatchGetChannelsRequest, context: Context
    ) -> announcements_pb2.BatchGetChannelsResponse:
        require_actor().require_service("search")
        self.calls.append("BatchGetChannels")
        return announcements_pb2.BatchGetChannelsResponse(
            channels=[self.channels[i] for i in request.channel_ids if i in self.channels]
        )

    async def BatchGetFindableAnnouncements(
        self, request: announcements_pb2.BatchGetFindableAnnouncementsRequest, context: Context
    ) -> announcements_pb2.BatchGetFindableAnnouncementsResponse:
        require_actor().require_service("search")
        self.calls.append("BatchGetFindableAnnouncements")
        return announcements_pb2.BatchGetFindableAnnouncementsResponse(
            announcements=[self.findable[i] for i in request.announcement_ids if i in self.findable]
        )


async def serve_forum(loopback: Loopback, forum: Forum, announcements: Announcements) -> None:
    """Both at the forum's address."""
    await loopback.serve(
        "forum",
        lambda server: forum_pb2_grpc.add_ForumServiceServicer_to_server(forum, server),
        lambda server: announcements_pb2_grpc.add_AnnouncementServiceServicer_to_server(
            announcements, server
        ),
    )


@dataclass(repr=False)
class Directory(directory_pb2_grpc.DirectoryServiceServicer):
    """What the directory says now, to services only."""

    members: dict[tuple[str, str], directory_pb2.Member] = field(default_factory=dict)
    companies: dict[tuple[str, str], directory_pb2.Company] = field(default_factory=dict)

    async def BatchGetMembers(
        self, request: directory_pb2.BatchGetMembersRequest, context: Context
    ) -> directory_pb2.BatchGetMembersResponse:
        require_actor().require_service("search")
        keys = [(request.community_id, person) for person in request.person_ids]
        return directory_pb2.BatchGetMembersResponse(
            members=[self.members[key] for key in keys if key in self.members]
        )

    async def ListCompanies(
        self, request: directory_pb2.ListCompaniesRequest, context: Context
    ) -> directory_pb2.ListCompaniesResponse:
        """Two a page, so that there are pages."""
        require_actor().require_service("search")
        after = decode_page_token(request.page_token, str)[0] if request.page_token else ""
        mine = sorted(
            id_
            for community, id_ in self.companies
            if community == request.community_id and id_ > after
        )
        more = len(mine) > 2
        return directory_pb2.ListCompaniesResponse(
            companies=[self.companies[request.community_id, id_] for id_ in mine[:2]],
            next_page_token=encode_page_token(mine[1]) if more else "",
        )


@dataclass(repr=False)
class World:
    """Owners with state, and the projector between them and the index."""

    forum: Forum
    announcements: Announcements
    directory: Directory
    projector: Projector
    index: SearchIndex
    repository: SearchRepository
    forum_stub: Any
    announcements_stub: Any


@pytest_asyncio.fixture
async def world(loopback: Loopback, repository: SearchRepository, index: SearchIndex) -> World:
    """Search among a forum and a directory that stand in for the real ones."""
    forum = Forum()  # type: ignore[abstract]  # only what search calls
    announcements = Announcements()  # type: ignore[abstract]
    directory = Directory()  # type: ignore[abstract]
    await serve_forum(loopback, forum, announcements)
    await loopback.serve(
        "directory",
        lambda server: directory_pb2_grpc.add_DirectoryServiceServicer_to_server(directory, server),
    )
    me = service_actor("search")
    forum_stub = loopback.client(forum_pb2_grpc.ForumServiceStub, "forum", me)
    announcements_stub = loopback.client(
        announcements_pb2_grpc.AnnouncementServiceStub, "forum", me
    )
    projector = Projector(
        repository,
        index,
        forum_stub,
        announcements_stub,
        loopback.client(directory_pb2_grpc.DirectoryServiceStub, "directory", me),
    )
    await repository.mark(1, "live")
    return World(
        forum,
        announcements,
        directory,
        projector,
        index,
        repository,
        forum_stub,
        announcements_stub,
    )
