"""Stands for the directory: real gRPC, canned rows, every call counted."""

from __future__ import annotations

from typing import Any

from chassis.errors import CommunityNotFoundError, NotFoundError
from gateway.tests.standins import Add, _StandIn, served, time
from guildhall.directory.v1 import directory_pb2
from guildhall.directory.v1.directory_pb2_grpc import (
    DirectoryServiceServicer,
    add_DirectoryServiceServicer_to_server,
)


class PersonNotFoundError(NotFoundError):
    """As the directory's."""


class DirectoryStandIn(_StandIn, DirectoryServiceServicer):
    """Edda (p1) is a moderator of c1 for co1; whoever else has an even number works for co2."""

    def __init__(self) -> None:
        super().__init__()
        self.known = {"s1": "p1", "s2": "p2"}
        self.operators: set[str] = set()
        self.left: set[str] = set()  # who is in c1 no more
        self.others: dict[str, list[str]] = {}  # what somebody is in beside c1
        self.groups: dict[str, list[str]] = {}  # whose keys somebody holds in c1

    def actor(self, person_id: str) -> directory_pb2.Actor:
        return directory_pb2.Actor(
            person_id=person_id,
            display_name="Edda Engineer",
            operator=person_id in self.operators,
            memberships=[self._membership(person_id)] * (person_id not in self.left)
            + [
                directory_pb2.Membership(community_id=one, company_id="co1")
                for one in self.others.get(person_id, ())
            ],
        )

    def _membership(self, person_id: str) -> directory_pb2.Membership:
        return directory_pb2.Membership(
            community_id="c1",
            company_id="co1",
            roles=[directory_pb2.ROLE_MEMBER, directory_pb2.ROLE_MODERATOR],
            trust_level=directory_pb2.TRUST_LEVEL_BASIC,
            keyring=[
                "community:c1",
                "company:co1@c1",
                f"person:{person_id}",
                *(f"group:{one}" for one in self.groups.get(person_id, ())),
            ],
        )

    async def ResolvePerson(self, request: Any, _context: Any) -> Any:
        self.called("ResolvePerson", request)
        return directory_pb2.ResolvePersonResponse(actor=self.actor(request.person_id))

    async def ResolveActor(self, request: Any, _context: Any) -> Any:
        self.called("ResolveActor", request)
        if request.subject not in self.known:
            raise PersonNotFoundError
        return directory_pb2.ResolveActorResponse(actor=self.actor(self.known[request.subject]))

    async def BatchResolveActors(self, request: Any, _context: Any) -> Any:
        self.called("BatchResolveActors", request)
        return directory_pb2.BatchResolveActorsResponse(
            identities=[
                directory_pb2.ResolvedIdentity(
                    identity_link=link, actor=self.actor(self.known[link.subject])
                )
                for link in request.identity_links
                if link.subject in self.known
            ]
        )

    async def SignIn(self, request: Any, _context: Any) -> Any:
        self.called("SignIn", request)
        person_id = self.known.setdefault(request.subject, f"p-{request.subject}")
        return directory_pb2.SignInResponse(actor=self.actor(person_id))

    async def GetPerson(self, request: Any, _context: Any) -> Any:
        self.called("GetPerson", request)
        return directory_pb2.GetPersonResponse(person=person(request.person_id))

    async def BatchGetPersons(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetPersons", request)
        return directory_pb2.BatchGetPersonsResponse(
            persons=[person(key) for key in request.person_ids if key == "p1"]
        )

    async def GetCommunity(self, request: Any, _context: Any) -> Any:
        self.called("GetCommunity", request)
        if request.community_id not in ("", "c1") or request.slug not in ("", "aurora"):
            raise CommunityNotFoundError
        return directory_pb2.GetCommunityResponse(community=community())

    async def BatchGetCommunities(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetCommunities", request)
        found = [community()] if "c1" in request.community_ids else []
        return directory_pb2.BatchGetCommunitiesResponse(communities=found)

    async def ListCommunities(self, request: Any, _context: Any) -> Any:
        self.called("ListCommunities", request)
        return directory_pb2.ListCommunitiesResponse(communities=[community()])

    async def BatchGetMembers(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetMembers", request)
        return directory_pb2.BatchGetMembersResponse(
            members=[member(key) for key in request.person_ids if key != "gone"]
        )

    async def ListMembers(self, request: Any, _context: Any) -> Any:
        self.called("ListMembers", request)
        return directory_pb2.ListMembersResponse(members=[member(f"p{n}") for n in range(1, 4)])

    async def UpdateCompany(self, request: Any, _context: Any) -> Any:
        self.called("UpdateCompany", request)
        return directory_pb2.UpdateCompanyResponse(company=company(request.company_id))

    async def BatchGetCompanies(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetCompanies", request)
        return directory_pb2.BatchGetCompaniesResponse(
            companies=[company(key) for key in request.company_ids if key.startswith("co")]
        )


def person(id: str) -> directory_pb2.Person:
    return directory_pb2.Person(
        id=id,
        display_name="Edda Engineer",
        email="engineer@kestrel.example",
        state=directory_pb2.PERSON_STATE_ACTIVE,
        create_time=time(0),
        version=3,
    )


def community() -> directory_pb2.Community:
    return directory_pb2.Community(
        id="c1",
        slug="aurora",
        name="Aurora",
        vendor_company_id="co9",
        create_time=time(0),
        version=1,
    )


def company(id: str) -> directory_pb2.Company:
    return directory_pb2.Company(
        id=id,
        kind=directory_pb2.COMPANY_KIND_PARTNER,
        name=f"Company {id}",
        create_time=time(0),
        version=1,
    )


def member(person_id: str) -> directory_pb2.Member:
    return directory_pb2.Member(
        community_id="c1",
        person_id=person_id,
        company_id="co1",
        display_name=f"Person {person_id}",
        roles=[directory_pb2.ROLE_MEMBER],
        trust_level=directory_pb2.TRUST_LEVEL_BASIC,
        state=directory_pb2.MEMBER_STATE_ACTIVE,
        join_time=time(0),
        version=1,
    )


def add_directory(servicer: DirectoryServiceServicer, *more: Add) -> Add:
    """With what else the directory offers."""
    return served(lambda server: add_DirectoryServiceServicer_to_server(servicer, server), *more)
