"""What is done to companies. Each method is one atomic command."""

from __future__ import annotations

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import PLATFORM, Decision, Seen
from chassis.errors import RequestIdReusedError, check_version
from chassis.texts import check_body
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.converters import company_to_proto, kind_of
from services.directory.domain import fields
from services.directory.domain.company import Company
from services.directory.domain.refusals import CompanyNotFoundError
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import Trail, action_of


class CompanyUseCases:
    """Companies: added and changed by OPERATOR."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def create_company(
        self, actor: Actor, request: pb.CreateCompanyRequest
    ) -> pb.CreateCompanyResponse:
        """Name and issuer are told apart by unique indexes."""
        actor.require_operator()
        kind = kind_of(request.kind)
        name = fields.check_name(request.name, "name")
        description = _description(request.description)
        website = fields.check_website(request.website, "website")
        issuer = fields.check_own_issuer(request.issuer, "issuer")
        company_id = self._commands.new_id(actor, request)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Company]) -> Decision[Company, pb.CreateCompanyResponse]:
            if seen.state is not None:
                raise RequestIdReusedError(field="request_id")
            company = Company(company_id, kind, name, seen.now.time, description, website, issuer)
            return Decision(
                company,
                lambda version: pb.CreateCompanyResponse(
                    company=company_to_proto(company, version, operator=True)
                ),
                [events.CompanyCreated(company_id=company_id)],
                writes=[trail.entry(seen.now, PLATFORM, "company", company_id)],
            )

        target = self._repository.companies.ref(PLATFORM, company_id)
        return await self._commands.run(actor, request, target, decide)

    async def update_company(
        self, actor: Actor, request: pb.UpdateCompanyRequest
    ) -> pb.UpdateCompanyResponse:
        """Another issuer moves nobody: identities stay with their persons."""
        actor.require_operator()
        given = request.HasField
        name = fields.check_name(request.name, "name") if given("name") else None
        description = _description(request.description) if given("description") else None
        website = fields.check_website(request.website, "website") if given("website") else None
        issuer = fields.check_own_issuer(request.issuer, "issuer") if given("issuer") else None
        communities = await self._repository.list_community_ids_of(request.company_id)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Company]) -> Decision[Company, pb.UpdateCompanyResponse]:
            if seen.state is None:
                raise CompanyNotFoundError(field="company_id")
            check_version(seen.seq, request.expected_version)
            company = seen.state.changed(
                name=name, description=description, website=website, issuer=issuer
            )
            changed = company != seen.state
            event = events.CompanyUpdated(company_id=company.id, community_ids=communities)
            return Decision(
                company,
                lambda version: pb.UpdateCompanyResponse(
                    company=company_to_proto(company, version, operator=True)
                ),
                [event] if changed else [],
                writes=(
                    [trail.entry(seen.now, PLATFORM, "company", company.id)] if changed else []
                ),
            )

        target = self._repository.companies.ref(PLATFORM, request.company_id)
        return await self._commands.run(actor, request, target, decide)


def _description(text: str) -> str:
    return check_body(text, "description", least=0, most=fields.MOST_DESCRIPTION)
