"""A directory over real gRPC on a real MongoDB, and a small world to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor, Membership
from chassis.commands import Commands
from chassis.mongo import Database
from chassis.testing import *  # noqa: F403 - fixtures
from chassis.testing import Loopback, prepare, service_actor
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1.directory_pb2_grpc import (
    DirectoryServiceStub,
    add_DirectoryServiceServicer_to_server,
)
from services.directory.repository import DirectoryRepository
from services.directory.servicer import DirectoryServicer
from services.directory.use_cases import DirectoryUseCases

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

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


@pytest_asyncio.fixture
async def world(database: Database, commands: Commands, loopback: Loopback) -> AsyncIterator[World]:
    """An empty one."""
    await prepare(database, DirectoryRepository)
    repository = DirectoryRepository(database)
    use_cases = DirectoryUseCases(commands, repository)
    servicer = DirectoryServicer(use_cases, repository)
    await loopback.serve(
        "directory", lambda server: add_DirectoryServiceServicer_to_server(servicer, server)
    )
    yield World(database, loopback, use_cases, repository)
