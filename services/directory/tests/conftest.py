"""A directory over real gRPC on a real MongoDB, and a small world to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor, Membership
from chassis.commands import Commands
from chassis.errors import DomainError
from chassis.mongo import Database
from chassis.rpc_status import reason_of
from chassis.testing import *  # noqa: F403 - fixtures
from chassis.testing import Loopback, outbox, prepare, service_actor, stored
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import groups_pb2
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.directory.v1.groups_pb2_grpc import GroupServiceStub
from services.directory.repository import DirectoryRepository
from services.directory.servicer import add_servicers
from services.directory.use_cases import DirectoryUseCases

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.directory.v1.groups_pb2_grpc import GroupServiceAsyncStub

OPERATOR = Actor(person_id="operator", operator=True)
GATEWAY = service_actor("gateway")


def stamp(**ago: float) -> Timestamp:
    """A time as far ago as timedelta's words say; ahead where negative."""
    made = Timestamp()
    made.FromDatetime(datetime.now(UTC) - timedelta(**ago))
    return made


@dataclass
class World:
    """Makes what a test needs, as OPERATOR, through the service's own RPCs."""

    database: Database
    loopback: Loopback
    use_cases: DirectoryUseCases
    repository: DirectoryRepository
    _numbers: count[int] = field(default_factory=count)

    def request_id(self) -> str:
        """One that was never used."""
        return f"request-{next(self._numbers)}"

    def stub(self, actor: Actor = OPERATOR) -> DirectoryServiceAsyncStub:
        """The service as this actor calls it."""
        return self.loopback.client(DirectoryServiceStub, "directory", actor)

    def groups(self, actor: Actor = OPERATOR) -> GroupServiceAsyncStub:
        """The groups as this actor calls them."""
        return self.loopback.client(GroupServiceStub, "directory", actor)

    @property
    def gateway(self) -> DirectoryServiceAsyncStub:
        """The service as the gateway calls it for itself."""
        return self.stub(GATEWAY)

    async def company(
        self,
        name: str,
        *,
        kind: pb.CompanyKind.ValueType = pb.COMPANY_KIND_PARTNER,
        issuer: bool = True,
    ) -> pb.Company:
        """A company with an issuer of its own."""
        made = await self.stub().CreateCompany(
            pb.CreateCompanyRequest(
                request_id=self.request_id(),
                kind=kind,
                name=name,
                issuer=issuer_of(name) if issuer else "",
            )
        )
        return made.company

    async def community(self, slug: str) -> pb.Community:
        """A community with a vendor of its own, "<Slug> Inc"."""
        vendor = await self.company(f"{slug.title()} Inc", kind=pb.COMPANY_KIND_VENDOR)
        made = await self.stub().CreateCommunity(
            pb.CreateCommunityRequest(
                request_id=self.request_id(),
                slug=slug,
                name=slug.title(),
                vendor_company_id=vendor.id,
            )
        )
        return made.community

    async def enrol(
        self,
        community_id: str,
        company_id: str,
        *,
        tier: str = "gold",
        auto_join: bool = False,
        capabilities: Sequence[str] = (),
    ) -> pb.Enrolment:
        """Enrolled since a day."""
        made = await self.stub().CreateEnrolment(
            pb.CreateEnrolmentRequest(
                request_id=self.request_id(),
                community_id=community_id,
                company_id=company_id,
                tier=tier,
                auto_join=auto_join,
                capabilities=capabilities,
                start_time=stamp(days=1),
            )
        )
        return made.enrolment

    async def end_enrolment(self, enrolment: pb.Enrolment) -> None:
        """Ended a second ago."""
        await self.stub().UpdateEnrolment(
            pb.UpdateEnrolmentRequest(
                request_id=self.request_id(),
                community_id=enrolment.community_id,
                enrolment_id=enrolment.id,
                end_time=stamp(seconds=1),
            )
        )

    async def person(self, company: pb.Company, name: str) -> str:
        """Signed in for the first time; the person's id."""
        signed_in = await self.sign_in(company.name, name)
        return signed_in.person_id

    async def sign_in(self, company: str, name: str) -> pb.Actor:
        """Of the company's issuer, with the name as subject."""
        response = await self.gateway.SignIn(
            pb.SignInRequest(
                request_id=self.request_id(),
                issuer=issuer_of(company),
                subject=name,
                email=f"{name.lower()}@mail.example",
                display_name=name,
            )
        )
        return response.actor

    async def member(
        self,
        community_id: str,
        person_id: str,
        *,
        roles: Sequence[pb.Role.ValueType] = (),
        trust_level: pb.TrustLevel.ValueType = pb.TRUST_LEVEL_UNSPECIFIED,
    ) -> pb.Member:
        """A member from now on."""
        made = await self.stub().CreateMember(
            pb.CreateMemberRequest(
                request_id=self.request_id(),
                community_id=community_id,
                person_id=person_id,
                roles=roles,
                trust_level=trust_level,
            )
        )
        return made.member

    async def resolve(self, company: str, name: str) -> pb.Actor:
        """The actor as the gateway gets it."""
        response = await self.gateway.ResolveActor(
            pb.ResolveActorRequest(issuer=issuer_of(company), subject=name)
        )
        return response.actor

    async def actor(self, company: str, name: str) -> Actor:
        """The actor as the gateway would put it into a token."""
        return actor_of(await self.resolve(company, name))


def issuer_of(company: str) -> str:
    """The issuer of a company of this world."""
    return f"https://login.{company.lower().replace(' ', '-')}.example"


def actor_of(actor: pb.Actor) -> Actor:
    """As the gateway hands it on."""
    return Actor(
        person_id=actor.person_id,
        operator=actor.operator,
        memberships={
            m.community_id: Membership(
                m.company_id,
                frozenset(pb.Role.Name(role).removeprefix("ROLE_") for role in m.roles),
                m.trust_level,
                tuple(m.keyring),
            )
            for m in actor.memberships
        },
    )


@dataclass
class Town:
    """Two communities: aurora with Kestrel (Ann, Ben) and its vendor's Max; borealis with Lumen."""

    world: World
    aurora: pb.Community
    borealis: pb.Community
    kestrel: pb.Company
    lumen: pb.Company
    enrolment: pb.Enrolment
    ann: Actor
    ben: Actor
    max: Actor  # MANAGER of aurora
    lea: Actor  # of borealis only
    ids: dict[str, str] = field(default_factory=dict)  # of what a test makes, by word

    @property
    def places(self) -> dict[str, str]:
        """What requests speak of, by word."""
        return {
            "aurora": self.aurora.id,
            "borealis": self.borealis.id,
            "kestrel": self.kestrel.id,
            "lumen": self.lumen.id,
            "vendor": self.aurora.vendor_company_id,
            "ann": self.ann.person_id,
            "ben": self.ben.person_id,
            "max": self.max.person_id,
            "lea": self.lea.person_id,
            "enrolment": self.enrolment.id,
            "nobody": "0" * 32,
            **self.ids,
        }

    async def call(self, actor: Actor, rpc: str, **fields: Any) -> Any:
        """An RPC; an id that is a word of `places` means that one."""
        of_groups = hasattr(groups_pb2, f"{rpc}Request")
        request = getattr(groups_pb2 if of_groups else pb, f"{rpc}Request")()
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", self.world.request_id())
        for name, value in fields.items():
            if isinstance(value, Message):
                getattr(request, name).CopyFrom(value)
            elif isinstance(value, list):
                getattr(request, name).extend(self._meant(name, one) for one in value)
            else:
                setattr(request, name, self._meant(name, value))
        stub = self.world.groups(actor) if of_groups else self.world.stub(actor)
        return await getattr(stub, rpc)(request)

    def _meant(self, name: str, value: Any) -> Any:
        is_id = name.endswith(("_id", "_ids")) and name != "request_id"
        return self.places.get(value, value) if is_id else value

    async def refused(self, actor: Actor, rpc: str, **fields: Any) -> tuple[str, str]:
        """Reason and field; and that nothing was stored or said."""
        before = await stored(self.world.database)
        with pytest.raises(DomainError) as refusal:
            await self.call(actor, rpc, **fields)
        assert await stored(self.world.database) == before
        return reason_of(refusal.value), refusal.value.field

    async def said(self) -> list[Message]:
        """All domain events in the order they were said."""
        return list(await outbox(self.world.database))

    async def trail(self, community_id: str) -> list[tuple[str, str, str, str]]:
        """The newest entry first: who did what to whom."""
        request = pb.ListAuditEntriesRequest(community_id=community_id)
        response = await self.world.stub(OPERATOR).ListAuditEntries(request)
        return [(e.actor, e.action, e.target_id, e.reason) for e in response.audit_entries]


@pytest_asyncio.fixture
async def world(database: Database, commands: Commands, loopback: Loopback) -> AsyncIterator[World]:
    """An empty one."""
    await prepare(database, DirectoryRepository)
    repository = DirectoryRepository(database)
    use_cases = DirectoryUseCases(commands, repository)
    await loopback.serve("directory", lambda server: add_servicers(server, use_cases, repository))
    yield World(database, loopback, use_cases, repository)


@pytest_asyncio.fixture
async def town(world: World) -> Town:
    aurora, borealis = await world.community("aurora"), await world.community("borealis")
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    enrolment = await world.enrol(aurora.id, kestrel.id, auto_join=True)
    await world.enrol(borealis.id, lumen.id, auto_join=True)
    for company, name in (("Kestrel", "Ann"), ("Kestrel", "Ben"), ("Lumen", "Lea")):
        await world.sign_in(company, name)
    manager = await world.sign_in("Aurora Inc", "Max")
    await world.member(aurora.id, manager.person_id, roles=[pb.ROLE_MANAGER])
    return Town(
        world,
        aurora,
        borealis,
        kestrel,
        lumen,
        enrolment,
        await world.actor("Kestrel", "Ann"),
        await world.actor("Kestrel", "Ben"),
        await world.actor("Aurora Inc", "Max"),
        await world.actor("Lumen", "Lea"),
    )
