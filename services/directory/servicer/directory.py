"""DirectoryService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import require_actor, require_person
from chassis.decisions import PLATFORM
from chassis.pagination import Paging, check_batch
from chassis.rpc_server import Context
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import directory_pb2_grpc
from services.directory import converters
from services.directory.domain.enrolment import check_capabilities
from services.directory.domain.person import IdentityLink
from services.directory.domain.refusals import PersonNotFoundError
from services.directory.domain.rights import keyring_anywhere, keyring_for, require_manager
from services.directory.repository import DirectoryRepository
from services.directory.use_cases import DirectoryUseCases

MOST_LOOKED_AT = 5000  # members in a page of an audience: 400 KB, if all of them are in it
MOST_CAPABLE = 500


class DirectoryServicer(directory_pb2_grpc.DirectoryServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: DirectoryUseCases, repository: DirectoryRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def ResolveActor(
        self, request: pb.ResolveActorRequest, context: Context
    ) -> pb.ResolveActorResponse:
        require_actor().require_service("gateway")
        link = IdentityLink(request.issuer, request.subject)
        actor, version = await self._repository.resolve_actor(link, _now())
        return pb.ResolveActorResponse(actor=converters.actor_to_proto(actor, version))

    async def BatchResolveActors(
        self, request: pb.BatchResolveActorsRequest, context: Context
    ) -> pb.BatchResolveActorsResponse:
        require_actor().require_service("gateway")
        links = check_batch(
            [IdentityLink(link.issuer, link.subject) for link in request.identity_links],
            "identity_links",
        )
        resolved = await self._repository.resolve_actors(links, _now())
        return pb.BatchResolveActorsResponse(
            identities=[
                converters.resolved_identity_to_proto(link, *actor)
                for link, actor in resolved.items()
            ]
        )

    async def ResolvePerson(
        self, request: pb.ResolvePersonRequest, context: Context
    ) -> pb.ResolvePersonResponse:
        require_actor().require_service("gateway")
        actor, version = await self._repository.resolve_person(request.person_id, _now())
        return pb.ResolvePersonResponse(actor=converters.actor_to_proto(actor, version))

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        return await self._use_cases.persons.sign_in(require_actor(), request)

    async def GetPerson(
        self, request: pb.GetPersonRequest, context: Context
    ) -> pb.GetPersonResponse:
        actor = require_person()
        if request.person_id != actor.person_id and not actor.operator:
            raise PersonNotFoundError(field="person_id")
        person, version = await self._repository.get_person(request.person_id)
        return pb.GetPersonResponse(person=converters.person_to_proto(person, version))

    async def BatchGetPersons(
        self, request: pb.BatchGetPersonsRequest, context: Context
    ) -> pb.BatchGetPersonsResponse:
        actor = require_person()
        ids = check_batch(list(request.person_ids), "person_ids")
        if not actor.operator:
            ids = [person_id for person_id in ids if person_id == actor.person_id]
        found = await self._repository.list_persons_by_id(ids)
        return pb.BatchGetPersonsResponse(
            persons=[converters.person_to_proto(*person) for person in found]
        )

    async def CreatePerson(
        self, request: pb.CreatePersonRequest, context: Context
    ) -> pb.CreatePersonResponse:
        return await self._use_cases.persons.create_person(require_person(), request)

    async def UpdatePerson(
        self, request: pb.UpdatePersonRequest, context: Context
    ) -> pb.UpdatePersonResponse:
        return await self._use_cases.persons.update_person(require_person(), request)

    async def LinkIdentity(
        self, request: pb.LinkIdentityRequest, context: Context
    ) -> pb.LinkIdentityResponse:
        return await self._use_cases.persons.link_identity(require_person(), request)

    async def UnlinkIdentity(
        self, request: pb.UnlinkIdentityRequest, context: Context
    ) -> pb.UnlinkIdentityResponse:
        return await self._use_cases.persons.unlink_identity(require_person(), request)

    async def MovePerson(
        self, request: pb.MovePersonRequest, context: Context
    ) -> pb.MovePersonResponse:
        return await self._use_cases.persons.move_person(require_person(), request)

    async def DeactivatePerson(
        self, request: pb.DeactivatePersonRequest, context: Context
    ) -> pb.DeactivatePersonResponse:
        return await self._use_cases.persons.deactivate_person(require_person(), request)

    async def ReactivatePerson(
        self, request: pb.ReactivatePersonRequest, context: Context
    ) -> pb.ReactivatePersonResponse:
        return await self._use_cases.persons.reactivate_person(require_person(), request)

    async def CreateCompany(
        self, request: pb.CreateCompanyRequest, context: Context
    ) -> pb.CreateCompanyResponse:
        return await self._use_cases.companies.create_company(require_person(), request)

    async def UpdateCompany(
        self, request: pb.UpdateCompanyRequest, context: Context
    ) -> pb.UpdateCompanyResponse:
        return await self._use_cases.companies.update_company(require_person(), request)

    async def GetCompany(
        self, request: pb.GetCompanyRequest, context: Context
    ) -> pb.GetCompanyResponse:
        actor = require_actor()
        company, version = await self._repository.get_company(
            request.community_id, request.company_id, keyring_for(actor, request.community_id)
        )
        proto = converters.company_to_proto(company, version, operator=actor.operator)
        return pb.GetCompanyResponse(company=proto)

    async def BatchGetCompanies(
        self, request: pb.BatchGetCompaniesRequest, context: Context
    ) -> pb.BatchGetCompaniesResponse:
        actor = require_actor()
        keyring = keyring_for(actor, request.community_id)
        ids = check_batch(list(request.company_ids), "company_ids")
        found = await self._repository.list_companies_by_id(request.community_id, ids, keyring)
        return pb.BatchGetCompaniesResponse(
            companies=[
                converters.company_to_proto(company, version, operator=actor.operator)
                for company, version in found
            ]
        )

    async def ListCompanies(
        self, request: pb.ListCompaniesRequest, context: Context
    ) -> pb.ListCompaniesResponse:
        actor = require_actor()
        keyring = keyring_for(actor, request.community_id)
        page, token = await self._repository.list_companies(
            request.community_id, Paging.of(request, str), keyring, _now()
        )
        return pb.ListCompaniesResponse(
            companies=[
                converters.company_to_proto(company, version, operator=actor.operator)
                for company, version in page
            ],
            next_page_token=token,
        )

    async def ListAllCompanies(
        self, request: pb.ListAllCompaniesRequest, context: Context
    ) -> pb.ListAllCompaniesResponse:
        require_person().require_operator()
        page, token = await self._repository.list_all_companies(Paging.of(request, str))
        return pb.ListAllCompaniesResponse(
            companies=[
                converters.company_to_proto(company, version, operator=True)
                for company, version in page
            ],
            next_page_token=token,
        )

    async def CreateCommunity(
        self, request: pb.CreateCommunityRequest, context: Context
    ) -> pb.CreateCommunityResponse:
        return await self._use_cases.communities.create_community(require_person(), request)

    async def UpdateCommunity(
        self, request: pb.UpdateCommunityRequest, context: Context
    ) -> pb.UpdateCommunityResponse:
        return await self._use_cases.communities.update_community(require_person(), request)

    async def GetCommunity(
        self, request: pb.GetCommunityRequest, context: Context
    ) -> pb.GetCommunityResponse:
        community, version = await self._repository.get_community(
            request.community_id, request.slug, keyring_anywhere(require_actor())
        )
        proto = converters.community_to_proto(community, version)
        return pb.GetCommunityResponse(community=proto)

    async def BatchGetCommunities(
        self, request: pb.BatchGetCommunitiesRequest, context: Context
    ) -> pb.BatchGetCommunitiesResponse:
        keyring = keyring_anywhere(require_actor())
        ids = check_batch(list(request.community_ids), "community_ids")
        found = await self._repository.list_communities_by_id(ids, keyring)
        return pb.BatchGetCommunitiesResponse(
            communities=[converters.community_to_proto(*community) for community in found]
        )

    async def ListCommunities(
        self, request: pb.ListCommunitiesRequest, context: Context
    ) -> pb.ListCommunitiesResponse:
        keyring = keyring_anywhere(require_actor())
        page, token = await self._repository.list_communities(Paging.of(request, str, str), keyring)
        return pb.ListCommunitiesResponse(
            communities=[converters.community_to_proto(*community) for community in page],
            next_page_token=token,
        )

    async def CreateEnrolment(
        self, request: pb.CreateEnrolmentRequest, context: Context
    ) -> pb.CreateEnrolmentResponse:
        return await self._use_cases.communities.create_enrolment(require_person(), request)

    async def UpdateEnrolment(
        self, request: pb.UpdateEnrolmentRequest, context: Context
    ) -> pb.UpdateEnrolmentResponse:
        return await self._use_cases.communities.update_enrolment(require_person(), request)

    async def ListEnrolments(
        self, request: pb.ListEnrolmentsRequest, context: Context
    ) -> pb.ListEnrolmentsResponse:
        require_manager(require_person(), request.community_id)
        page, token = await self._repository.list_enrolments(
            request.community_id, Paging.of(request, datetime, str)
        )
        return pb.ListEnrolmentsResponse(
            enrolments=[converters.enrolment_to_proto(*enrolment) for enrolment in page],
            next_page_token=token,
        )

    async def CreateMember(
        self, request: pb.CreateMemberRequest, context: Context
    ) -> pb.CreateMemberResponse:
        return await self._use_cases.members.create_member(require_person(), request)

    async def UpdateMember(
        self, request: pb.UpdateMemberRequest, context: Context
    ) -> pb.UpdateMemberResponse:
        return await self._use_cases.members.update_member(require_person(), request)

    async def RemoveMember(
        self, request: pb.RemoveMemberRequest, context: Context
    ) -> pb.RemoveMemberResponse:
        return await self._use_cases.members.remove_member(require_person(), request)

    async def GetMember(
        self, request: pb.GetMemberRequest, context: Context
    ) -> pb.GetMemberResponse:
        keyring = keyring_for(require_actor(), request.community_id)
        member = await self._repository.get_member(
            request.community_id, request.person_id, keyring, _now()
        )
        return pb.GetMemberResponse(member=converters.member_to_proto(member))

    async def BatchGetMembers(
        self, request: pb.BatchGetMembersRequest, context: Context
    ) -> pb.BatchGetMembersResponse:
        keyring = keyring_for(require_actor(), request.community_id)
        ids = check_batch(list(request.person_ids), "person_ids")
        found = await self._repository.list_members_by_id(
            request.community_id, ids, keyring, _now()
        )
        return pb.BatchGetMembersResponse(
            members=[converters.member_to_proto(member) for member in found]
        )

    async def BatchGetMemberships(
        self, request: pb.BatchGetMembershipsRequest, context: Context
    ) -> pb.BatchGetMembershipsResponse:
        require_actor().require_service()
        ids = check_batch(list(request.person_ids), "person_ids")
        found = await self._repository.find_memberships(request.community_id, ids, _now())
        return pb.BatchGetMembershipsResponse(
            memberships=[
                pb.PersonMembership(
                    person_id=person_id, membership=converters.membership_to_proto(membership)
                )
                for person_id, membership in found.items()
            ]
        )

    async def BatchGetAddresses(
        self, request: pb.BatchGetAddressesRequest, context: Context
    ) -> pb.BatchGetAddressesResponse:
        require_actor().require_service("notifications")
        ids = check_batch(list(request.person_ids), "person_ids")
        found = await self._repository.find_emails(request.community_id, ids, _now())
        return pb.BatchGetAddressesResponse(
            addresses=[
                pb.PersonAddress(person_id=person_id, email=email)
                for person_id, email in found.items()
            ]
        )

    async def ListMembers(
        self, request: pb.ListMembersRequest, context: Context
    ) -> pb.ListMembersResponse:
        keyring = keyring_for(require_actor(), request.community_id)
        page, token = await self._repository.list_members(
            request.community_id,
            Paging.of(request, str, str),
            keyring,
            _now(),
            company_id=request.company_id,
            role=converters.role_of(request.role),
        )
        return pb.ListMembersResponse(
            members=[converters.member_to_proto(member) for member in page],
            next_page_token=token,
        )

    async def ListAudience(
        self, request: pb.ListAudienceRequest, context: Context
    ) -> pb.ListAudienceResponse:
        require_actor().require_service()
        page, token = await self._repository.list_audience(
            request.community_id,
            converters.clauses_of(request.clauses),
            Paging.of(request, str, most=MOST_LOOKED_AT),
            _now(),
        )
        return pb.ListAudienceResponse(
            audience_members=[converters.audience_member_to_proto(member) for member in page],
            next_page_token=token,
        )

    async def ListCapableMembers(
        self, request: pb.ListCapableMembersRequest, context: Context
    ) -> pb.ListCapableMembersResponse:
        require_actor().require_service()
        page, token = await self._repository.list_capable_members(
            request.community_id,
            check_capabilities(request.capabilities, least=1),
            Paging.of(request, str, str, most=MOST_CAPABLE),
            _now(),
        )
        return pb.ListCapableMembersResponse(
            capable_members=[converters.capable_member_to_proto(member) for member in page],
            next_page_token=token,
        )

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        actor = require_person()
        if request.community_id:
            require_manager(actor, request.community_id)
        else:
            actor.require_operator()
        page, token = await self._repository.list_audit_entries(
            request.community_id or PLATFORM, Paging.of(request, datetime, str)
        )
        return pb.ListAuditEntriesResponse(
            audit_entries=[converters.audit_entry_to_proto(entry) for entry in page],
            next_page_token=token,
        )


def _now() -> datetime:
    return datetime.now(UTC)
