"""Stand-ins for what staff calls: search, operations, and the directory's writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from chassis.errors import DomainError, NotFoundError
from gateway.tests.directory_standin import DirectoryStandIn, company, member
from gateway.tests.standins import ForumStandIn, _StandIn, space, time
from guildhall.chassis.v1 import operations_pb2
from guildhall.chassis.v1.operations_pb2_grpc import (
    OperationsServiceServicer,
    add_OperationsServiceServicer_to_server,
)
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2
from guildhall.search.v1.search_pb2_grpc import (
    SearchServiceServicer,
    add_SearchServiceServicer_to_server,
)


class MemberNotFoundError(NotFoundError):
    """As the directory's."""


class DeadLetterNotFoundError(NotFoundError):
    """As the chassis'."""


class SearchUnavailableError(DomainError):
    """As search's."""

    status = "UNAVAILABLE"


class WalledForum(ForumStandIn):
    """Shows nothing of what is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[str] = set()

    def _topics(self, request: Any) -> list[Any]:
        return self._shown(super()._topics(request))

    def _replies(self, request: Any) -> list[Any]:
        return self._shown(super()._replies(request))

    async def BatchGetSpaces(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetSpaces", request)
        found = self._shown([space(one) for one in request.space_ids])
        return forum_pb2.BatchGetSpacesResponse(spaces=found)

    def _shown(self, rows: Any) -> list[Any]:
        return [row for row in rows if row.id not in self.hidden]


class StaffDirectory(DirectoryStandIn):
    """Edda is in c1 and c2; every write answers with what was asked for."""

    def actor(self, person_id: str) -> pb.Actor:
        actor = super().actor(person_id)
        actor.memberships.add(
            community_id="c2",
            company_id="co1",
            roles=[pb.ROLE_MEMBER],
            trust_level=pb.TRUST_LEVEL_BASIC,
            keyring=["community:c2"],
        )
        return actor

    async def ListAllCompanies(self, request: Any, _context: Any) -> Any:
        self.called("ListAllCompanies", request)
        made = company("co1")
        made.issuer = "https://id.kestrel.test"
        return pb.ListAllCompaniesResponse(companies=[made, company("co2")])

    async def ListEnrolments(self, request: Any, _context: Any) -> Any:
        self.called("ListEnrolments", request)
        rows = [enrolment("e1", "co1"), enrolment("e2", "gone")]
        return pb.ListEnrolmentsResponse(enrolments=rows)

    async def ListAuditEntries(self, request: Any, _context: Any) -> Any:
        self.called("ListAuditEntries", request)
        row = pb.AuditEntry(
            id="a1",
            community_id=request.community_id or "platform",
            time=time(1),
            actor="p2",
            action="RemoveMember",
            target_type="person",
            target_id="p3",
            reason="left",
        )
        other = pb.AuditEntry(
            id="a2",
            community_id=request.community_id or "platform",
            time=time(0),
            actor="service:gateway",
            action="SignIn",
            target_type="person",
            target_id="p3",
        )
        return pb.ListAuditEntriesResponse(audit_entries=[row, other])


def _company(request: Any) -> pb.Company:
    made = company(getattr(request, "company_id", "co7") or "co7")
    made.name = request.name or made.name
    return made


def _community(request: Any) -> pb.Community:
    return pb.Community(
        id=getattr(request, "community_id", "c7") or "c7",
        slug="aurora",
        name=request.name,
        create_time=time(0),
        version=1,
    )


def _person(request: Any) -> pb.Person:
    return pb.Person(
        id=getattr(request, "person_id", "p7") or "p7",
        display_name="Edda Engineer",
        state=pb.PERSON_STATE_ACTIVE,
        identity_links=[pb.IdentityLink(issuer="https://id.kestrel.test", subject="s1")],
        affiliations=[pb.Affiliation(company_id="co1", start_time=time(0))],
        create_time=time(0),
        version=2,
    )


def enrolment(id: str, company_id: str) -> pb.Enrolment:
    return pb.Enrolment(
        id=id,
        community_id="c1",
        company_id=company_id,
        partner_type="SI",
        tier="GOLD",
        verticals=["ports"],
        capabilities=["sap", "c++"],
        auto_join=True,
        start_time=time(0),
        version=4,
    )


_WRITES: dict[str, Callable[[Any], Any]] = {
    "CreateCompany": lambda r: pb.CreateCompanyResponse(company=_company(r)),
    "UpdateCompany": lambda r: pb.UpdateCompanyResponse(company=_company(r)),
    "CreateCommunity": lambda r: pb.CreateCommunityResponse(community=_community(r)),
    "UpdateCommunity": lambda r: pb.UpdateCommunityResponse(community=_community(r)),
    "CreateEnrolment": lambda r: pb.CreateEnrolmentResponse(
        enrolment=enrolment("e7", r.company_id)
    ),
    "UpdateEnrolment": lambda r: pb.UpdateEnrolmentResponse(
        enrolment=enrolment(r.enrolment_id, "co1")
    ),
    "CreatePerson": lambda r: pb.CreatePersonResponse(person=_person(r)),
    "UpdatePerson": lambda r: pb.UpdatePersonResponse(person=_person(r)),
    "LinkIdentity": lambda r: pb.LinkIdentityResponse(person=_person(r)),
    "UnlinkIdentity": lambda r: pb.UnlinkIdentityResponse(person=_person(r)),
    "MovePerson": lambda r: pb.MovePersonResponse(person=_person(r)),
    "DeactivatePerson": lambda r: pb.DeactivatePersonResponse(person=_person(r)),
    "ReactivatePerson": lambda r: pb.ReactivatePersonResponse(person=_person(r)),
    "CreateMember": lambda r: pb.CreateMemberResponse(member=member(r.person_id)),
    "UpdateMember": lambda r: pb.UpdateMemberResponse(member=member(r.person_id)),
    "RemoveMember": lambda r: pb.RemoveMemberResponse(member=member(r.person_id)),
}


def _write(name: str, answer: Callable[[Any], Any]) -> Any:
    async def rpc(self: StaffDirectory, request: Any, _context: Any) -> Any:
        self.called(name, request)
        return answer(request)

    return rpc


for _name, _answer in _WRITES.items():
    setattr(StaffDirectory, _name, _write(_name, _answer))


class SearchStandIn(_StandIn, SearchServiceServicer):
    """Finds what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.found = search_pb2.SearchResponse()
        self.suggested: list[search_pb2.Suggestion] = []
        self.similar: list[str] = []

    async def Search(self, request: Any, _context: Any) -> Any:
        self.called("Search", request)
        return self.found

    async def Suggest(self, request: Any, _context: Any) -> Any:
        self.called("Suggest", request)
        return search_pb2.SuggestResponse(suggestions=self.suggested)

    async def FindSimilar(self, request: Any, _context: Any) -> Any:
        self.called("FindSimilar", request)
        return search_pb2.FindSimilarResponse(topic_ids=self.similar)

    async def GetSynonyms(self, request: Any, _context: Any) -> Any:
        self.called("GetSynonyms", request)
        return search_pb2.GetSynonymsResponse(
            synonyms=search_pb2.Synonyms(
                community_id=request.community_id,
                sets=[search_pb2.SynonymSet(phrases=["mttr", "time to repair"])],
                version=3,
            )
        )

    async def UpdateSynonyms(self, request: Any, _context: Any) -> Any:
        self.called("UpdateSynonyms", request)
        return search_pb2.UpdateSynonymsResponse(
            synonyms=search_pb2.Synonyms(
                community_id=request.community_id, sets=request.sets, version=4
            )
        )


class OperationsStandIn(_StandIn, OperationsServiceServicer):
    """One service's: two letters, a rebuild under way."""

    async def ListDeadLetters(self, request: Any, _context: Any) -> Any:
        self.called("ListDeadLetters", request)
        letters = [
            operations_pb2.DeadLetter(
                id=f"search|t{seq}|{seq}",
                consumer="search",
                community_id="c1",
                aggregate_type="topic",
                aggregate_id=f"t{seq}",
                seq=seq,
                type="guildhall.forum.v1.TopicCreated",
                reason="TopicNotFoundError",
                deliveries=5,
                first_time=time(seq),
            )
            for seq in (1, 2)
        ]
        return operations_pb2.ListDeadLettersResponse(dead_letters=letters)

    async def ReplayDeadLetters(self, request: Any, _context: Any) -> Any:
        self.called("ReplayDeadLetters", request)
        return operations_pb2.ReplayDeadLettersResponse(applied=2, remaining=1)

    async def DiscardDeadLetter(self, request: Any, _context: Any) -> Any:
        self.called("DiscardDeadLetter", request)
        return operations_pb2.DiscardDeadLetterResponse(applied=0, remaining=0)

    async def Rebuild(self, request: Any, _context: Any) -> Any:
        self.called("Rebuild", request)
        return operations_pb2.RebuildResponse(rebuild=self._status())

    async def GetRebuild(self, request: Any, _context: Any) -> Any:
        self.called("GetRebuild", request)
        return operations_pb2.GetRebuildResponse(rebuild=self._status())

    def _status(self) -> operations_pb2.RebuildStatus:
        return operations_pb2.RebuildStatus(
            state=operations_pb2.REBUILD_STATE_RUNNING,
            generation=2,
            events_applied=70,
            start_time=time(0),
        )


def add_search(servicer: SearchStandIn) -> Callable[[aio.Server], None]:
    return lambda server: add_SearchServiceServicer_to_server(servicer, server)


def add_operations(servicer: OperationsStandIn) -> Callable[[aio.Server], None]:
    return lambda server: add_OperationsServiceServicer_to_server(servicer, server)
