"""A forum whose managers announce things, and a stand-in for the directory that it really calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from chassis import moment
from chassis.actors import MANAGER, Actor
from chassis.keys import territory_key
from chassis.rpc_server import Context
from chassis.testing import person_actor, service_actor
from guildhall.directory.v1 import directory_pb2
from guildhall.directory.v1.directory_pb2_grpc import (
    DirectoryServiceServicer,
    DirectoryServiceStub,
    add_DirectoryServiceServicer_to_server,
)
from guildhall.directory.v1.groups_pb2_grpc import (
    GroupServiceStub,
    add_GroupServiceServicer_to_server,
)
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1.announcements_pb2_grpc import (
    AnnouncementServiceStub,
    add_AnnouncementServiceServicer_to_server,
)
from guildhall.forum.v1.feed_pb2_grpc import add_FeedServiceServicer_to_server
from guildhall.forum.v1.forum_pb2_grpc import add_ForumServiceServicer_to_server
from services.forum.servicer.announcements import AnnouncementServicer
from services.forum.servicer.feed import FeedServicer
from services.forum.servicer.forum import ForumServicer
from services.forum.use_cases.announcements import AnnouncementUseCases
from services.forum.use_cases.feed import FeedUseCases

if TYPE_CHECKING:
    from services.forum.tests.conftest import World


def partner(
    person_id: str,
    company_id: str = "co1",
    *,
    tier: str = "",
    territories: Sequence[str] = (),
    locale: str = "",
) -> Actor:
    """A member with the keys the directory would give."""
    keys = ["community:c1", f"company:{company_id}@c1", f"person:{person_id}"]
    keys += [f"tier:{tier}@c1"] if tier else []
    keys += [territory_key(name, "c1") for name in territories]
    keys += [f"locale:{locale}@c1"] if locale else []
    return person_actor(person_id, company_id=company_id, keyring=keys)


GOLD = partner("gold", "co1", tier="gold", territories=["UK & Ireland", "DACH"])
SILVER = partner("silver", "co2", tier="silver")
GERMAN = partner("german", "co2", tier="silver", territories=["DACH"], locale="de")
CHIEF = person_actor("chief", roles=[MANAGER], company_id="vendor")
OUTSIDER = person_actor("outsider", "c2")
GATEWAY = service_actor("gateway")


@dataclass
class Directory(DirectoryServiceServicer):
    """Knows who is in c1, and where."""

    people: dict[str, tuple[str, str, frozenset[str]]] = field(default_factory=dict)
    page: int = 2  # people in a page, whatever was asked for: several are always needed
    calls: int = 0

    def add(self, *actors: Actor, time_zone: str = "") -> None:
        """As the directory would tell of them."""
        for actor in actors:
            member = actor.memberships["c1"]
            keys = frozenset(member.keyring)
            self.people[actor.person_id] = member.company_id, time_zone, keys

    async def BatchGetCompanies(
        self, request: directory_pb2.BatchGetCompaniesRequest, context: Context
    ) -> directory_pb2.BatchGetCompaniesResponse:
        known = {company_id for company_id, _, _ in self.people.values()}
        return directory_pb2.BatchGetCompaniesResponse(
            companies=[directory_pb2.Company(id=id_) for id_ in request.company_ids if id_ in known]
        )

    async def BatchGetMemberships(
        self, request: directory_pb2.BatchGetMembershipsRequest, context: Context
    ) -> directory_pb2.BatchGetMembershipsResponse:
        self.calls += 1
        return directory_pb2.BatchGetMembershipsResponse(
            memberships=[
                directory_pb2.PersonMembership(
                    person_id=id_,
                    membership=directory_pb2.Membership(
                        community_id=request.community_id,
                        company_id=self.people[id_][0],
                        keyring=sorted(self.people[id_][2]),
                    ),
                )
                for id_ in request.person_ids
                if id_ in self.people
            ]
        )

    async def ListAudience(
        self, request: directory_pb2.ListAudienceRequest, context: Context
    ) -> directory_pb2.ListAudienceResponse:
        self.calls += 1
        clauses = [set(clause.keys) for clause in request.clauses]
        order = [one for one in sorted(self.people) if one > request.page_token]
        page = order[: self.page]
        return directory_pb2.ListAudienceResponse(
            audience_members=[
                directory_pb2.AudienceMember(
                    person_id=id_, company_id=company_id, time_zone=time_zone
                )
                for id_ in page
                for company_id, time_zone, keys in [self.people[id_]]
                if all(keys & clause for clause in clauses)
            ],
            next_page_token=page[-1] if len(order) > len(page) else "",
        )


@dataclass
class Town:
    """A community with a few people, who all work for partners, and its chief."""

    world: World
    directory: Directory
    use_cases: AnnouncementUseCases
    stubs: dict[int, Any] = field(default_factory=dict)

    def of(self, actor: Actor) -> Any:
        """Announcements as this actor calls for them."""
        if id(actor) not in self.stubs:
            self.stubs[id(actor)] = self.world.loopback.client(
                AnnouncementServiceStub, "forum", actor
            )
        return self.stubs[id(actor)]

    async def call(self, actor: Actor, rpc: str, **fields: Any) -> Any:
        """An RPC in c1, with a request id of its own unless one is given."""
        message = getattr(pb, f"{rpc}Request")
        names = message.DESCRIPTOR.fields_by_name
        if "request_id" in names:
            fields.setdefault("request_id", self.world.request_id())
        if "community_id" in names:
            fields.setdefault("community_id", "c1")
        return await getattr(self.of(actor), rpc)(message(**fields))

    async def channel(self, slug: str = "news", **more: Any) -> pb.Channel:
        """For all members, unless said otherwise."""
        fields = {"theme": pb.CHANNEL_THEME_PROGRAMME_CHANGE, "name": slug.title(), **more}
        made: pb.Channel = (await self.call(CHIEF, "CreateChannel", slug=slug, **fields)).channel
        return made

    async def draft(self, channel: pb.Channel, **more: Any) -> pb.Announcement:
        """Of a few words."""
        fields = {"title": "New margins", "body": "They are *better*.", **more}
        answer = await self.call(CHIEF, "CreateAnnouncement", channel_id=channel.id, **fields)
        made: pb.Announcement = answer.announcement
        return made

    async def act(
        self, rpc: str, announcement: pb.Announcement, actor: Actor = CHIEF, **more: Any
    ) -> Any:
        """An RPC about one announcement."""
        return await self.call(actor, rpc, announcement_id=announcement.id, **more)

    async def published(self, channel: pb.Channel, **more: Any) -> pb.Announcement:
        """Out, and its audience written down."""
        draft = await self.draft(channel, **more)
        answer = await self.act("PublishAnnouncement", draft)
        await self.use_cases.freeze_audiences()
        made: pb.Announcement = answer.announcement
        return made

    async def must_read(self, channel: pb.Channel, **more: Any) -> pb.Announcement:
        """With an acknowledgement asked for within ten days."""
        fields = {
            "severity": pb.ANNOUNCEMENT_SEVERITY_MUST_READ,
            "requires_acknowledgement": True,
            "deadline": ahead(days=10),
            **more,
        }
        return await self.published(channel, **fields)

    async def ids(self, actor: Actor, **more: Any) -> list[str]:
        """Of the announcements on the actor's first page."""
        answer = await self.call(actor, "ListAnnouncements", **more)
        return [one.id for one in answer.announcements]

    async def get(
        self, announcement: pb.Announcement, actor: Actor = CHIEF, **more: Any
    ) -> pb.Announcement:
        """As this actor gets it."""
        got: pb.Announcement = (
            await self.act("GetAnnouncement", announcement, actor, **more)
        ).announcement
        return got

    async def pass_deadline(self, announcement: pb.Announcement) -> None:
        """As if it had been yesterday."""
        await self.world.database.announcements.update_one(
            {"_id": announcement.id}, {"$set": {"terms.deadline": ahead(days=-1)}}
        )

    async def wake(self, now: datetime) -> None:
        """As the job does it at this hour."""
        while await self.use_cases.wake_due(now):
            pass


def ahead(**delta: float) -> datetime:
    """So much later than now, to the millisecond."""
    return moment.now() + timedelta(**delta)


@pytest_asyncio.fixture
async def town(make_world: Callable[..., Any]) -> AsyncIterator[Town]:
    """Gold, silver and german, and the chief."""
    world: World = await make_world(posting_limits=False)
    directory = Directory()  # type: ignore[abstract]  # all that the forum calls
    directory.add(GOLD, SILVER, GERMAN, CHIEF)
    await world.loopback.serve(
        "directory",
        lambda server: add_DirectoryServiceServicer_to_server(directory, server),
        lambda server: add_GroupServiceServicer_to_server(world.groups, server),
    )
    asked = world.loopback.client(DirectoryServiceStub, "directory", service_actor("forum"))
    use_cases = AnnouncementUseCases(
        world.commands,
        world.repository,
        world.use_cases._moderation,
        asked,
        world.loopback.client(GroupServiceStub, "directory", service_actor("forum")),
    )
    feed = FeedServicer(FeedUseCases(world.commands, world.repository, asked), world.repository)
    servicer = AnnouncementServicer(use_cases, world.repository)
    await world.loopback.serve(
        "forum",
        lambda server: add_AnnouncementServiceServicer_to_server(servicer, server),
        lambda server: add_ForumServiceServicer_to_server(
            ForumServicer(world.use_cases, world.repository), server
        ),
        lambda server: add_FeedServiceServicer_to_server(feed, server),
    )
    yield Town(world, directory, use_cases)
