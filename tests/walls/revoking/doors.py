"""Where the loser looks: gateways, and the services themselves with tokens of before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from grpc import aio
from joserfc.jwk import OKPKey

from chassis.actors import Actor
from chassis.errors import DomainError
from chassis.rpc_client import Channels
from chassis.tokens import TokenSigner
from devstack.parts import SERVICES, Place
from gateway.actors import to_actor
from guildhall.directory.v1 import directory_pb2 as dpb
from guildhall.directory.v1 import directory_pb2_grpc as dgrpc
from guildhall.forum.v1 import forum_pb2 as fpb
from guildhall.forum.v1 import forum_pb2_grpc as fgrpc
from guildhall.moderation.v1 import moderation_pb2 as mpb
from guildhall.moderation.v1 import moderation_pb2_grpc as mgrpc
from guildhall.search.v1 import search_pb2 as spb
from guildhall.search.v1 import search_pb2_grpc as sgrpc
from tests.system import Asker
from tests.walls.revoking.people import Someone, bare
from tests.walls.revoking.queries import CASES, STAFF
from tests.walls.revoking.scenes import Scene

PAUSE = 0.15  # seconds between two looks through one door

Door = Callable[[], Awaitable[set[str]]]  # the ways that are open behind it


def graphql_door(scene: Scene, asker: Asker) -> Door:
    """A gateway, as the person."""

    async def look() -> set[str]:
        return scene.open_in(await asker.raw(scene.query, **scene.variables()))

    return look


@dataclass
class Inside:
    """Somebody in the network who got hold of actor tokens before the loss."""

    place: Place
    _channels: dict[str, aio.Channel] = field(default_factory=dict)

    async def tokens(self, person: Someone) -> dict[str, str]:
        """One for every service, as the gateway would sign it this moment."""
        key = OKPKey.import_key((self.place.keys / "gateway.pem").read_text())
        signer = TokenSigner("gateway", key)
        address = {one.name: self.place.address(one.port) for one in SERVICES}
        channels = Channels(signer, address.__getitem__, call_timeout=10)
        try:
            stub = channels.client(dgrpc.DirectoryServiceStub, "directory")
            request = dpb.ResolveActorRequest(issuer=person.issuer, subject=person.subject)
            actor: Actor = to_actor((await stub.ResolveActor(request)).actor)
        except DomainError:
            return {}
        finally:
            await channels.close()
        return {one.name: signer.token(one.name, actor) for one in SERVICES}

    def channel(self, part: str) -> aio.Channel:
        """Without any interceptor: tokens are sent as they are."""
        if part not in self._channels:
            port = next(one.port for one in SERVICES if one.name == part)
            self._channels[part] = aio.insecure_channel(self.place.address(port))
        return self._channels[part]

    def door(self, scene: Scene, tokens: Mapping[str, str]) -> Door:
        """The services themselves, with the tokens of before."""
        community = bare(scene.community)
        forum: Any = fgrpc.ForumServiceStub(self.channel("forum"))
        directory: Any = dgrpc.DirectoryServiceStub(self.channel("directory"))
        moderation: Any = mgrpc.ModerationServiceStub(self.channel("moderation"))
        search: Any = sgrpc.SearchServiceStub(self.channel("search"))
        topic = bare(scene.topic) if scene.topic else ""
        rpcs: dict[str, tuple[str, Any, Any]] = {}
        if scene.query == STAFF:
            request = dpb.ListEnrolmentsRequest(community_id=community)
            rpcs["ListEnrolments"] = "directory", directory.ListEnrolments, request
        elif scene.query == CASES:
            rules = mpb.ListRulesRequest(community_id=community)
            rpcs["ListRules"] = "moderation", moderation.ListRules, rules
        else:
            found = spb.SearchRequest(query=scene.word, with_total=True, with_facets=True)
            rpcs["Search"] = "search", search.Search, found
        if topic:
            get = fpb.GetTopicRequest(community_id=community, topic_id=topic)
            rpcs["GetTopic"] = "forum", forum.GetTopic, get

        async def look() -> set[str]:
            opened = set()
            for name, (part, rpc, request) in rpcs.items():
                try:
                    answer = await rpc(
                        request, timeout=10, metadata=(("actor-token", tokens[part]),)
                    )
                except aio.AioRpcError:
                    continue
                if _tells(answer):
                    opened.add(name)
            return opened

        return look

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))


def _tells(answer: Any) -> bool:
    """Whether it shows anything; facets are named though they count nothing."""
    if isinstance(answer, spb.SearchResponse):
        counted = any(facet.values for facet in answer.facets)
        return bool(answer.hits) or bool(answer.total) or counted
    return bool(answer.ByteSize())


async def watch(
    scene: Scene, doors: Mapping[str, Door], until: float, late: Collection[str] = ()
) -> None:
    """Look through each door until then; a look counts from when it was begun.

    `late` are ways that need the bus, which is away.
    """

    async def one(name: str, door: Door) -> None:
        while (began := time.monotonic()) < scene.acknowledged + until:
            for way in (await door()).difference(late):
                at = f"{name} {way}"
                scene.last_open[at] = max(scene.last_open.get(at, 0.0), began - scene.acknowledged)
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*(one(name, door) for name, door in doors.items()))
