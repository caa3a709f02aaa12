"""What is done to communities and enrolments. Each method is one atomic command."""

from __future__ import annotations

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import PLATFORM, Decision, Seen
from chassis.errors import CommunityNotFoundError, RequestIdReusedError, check_version
from chassis.texts import check_body, check_slug
from chassis.timestamps import time_of
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.converters import community_to_proto, enrolment_to_proto
from services.directory.domain import fields
from services.directory.domain.community import Community, check_vendor
from services.directory.domain.enrolment import (
    Enrolment,
    check_capabilities,
    enrol,
    enrolment_id,
)
from services.directory.domain.refusals import (
    AlreadyEnrolledError,
    CompanyNotFoundError,
    EnrolmentNotFoundError,
)
from services.directory.domain.rights import require_manager
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import Trail, action_of


class CommunityUseCases:
    """Communities, and which companies are in them until when."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def create_community(
        self, actor: Actor, request: pb.CreateCommunityRequest
    ) -> pb.CreateCommunityResponse:
        """Slugs are told apart by a unique index."""
        actor.require_operator()
        slug = check_slug(request.slug)
        name = fields.check_name(request.name, "name")
        description = _description(request.description)
        vendor = await self._repository.find_company(request.vendor_company_id)
        community_id = self._commands.new_id(actor, request)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Community]) -> Decision[Community, pb.CreateCommunityResponse]:
            if seen.state is not None:
                raise RequestIdReusedError(field="request_id")
            community = Community(
                community_id, slug, name, check_vendor(vendor).id, seen.now.time, description
            )
            event = events.CommunityCreated(
                community_id=community_id, vendor_company_id=community.vendor_company_id
            )
            return Decision(
                community,
                lambda version: pb.CreateCommunityResponse(
                    community=community_to_proto(community, version)
                ),
                [event],
                writes=[
                    trail.entry(seen.now, place, "community", community_id)
                    for place in (PLATFORM, community_id)
                ],
            )

        target = self._repository.communities.ref(PLATFORM, community_id)
        return await self._commands.run(actor, request, target, decide)

    async def update_community(
        self, actor: Actor, request: pb.UpdateCommunityRequest
    ) -> pb.UpdateCommunityResponse:
        """Name and description; slug and vendor stay."""
        require_manager(actor, request.community_id)
        name = fields.check_name(request.name, "name") if request.HasField("name") else None
        description = _description(request.description) if request.HasField("description") else None
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Community]) -> Decision[Community, pb.UpdateCommunityResponse]:
            if seen.state is None:
                raise CommunityNotFoundError(field="community_id")
            check_version(seen.seq, request.expected_version)
            community = seen.state.changed(name=name, description=description)
            changed = community != seen.state
            entry = trail.entry(seen.now, community.id, "community", community.id)
            return Decision(
                community,
                lambda version: pb.UpdateCommunityResponse(
                    community=community_to_proto(community, version)
                ),
                [events.CommunityUpdated(community_id=community.id)] if changed else [],
                writes=[entry] if changed else [],
            )

        target = self._repository.communities.ref(PLATFORM, request.community_id)
        return await self._commands.run(actor, request, target, decide)

    async def create_enrolment(
        self, actor: Actor, request: pb.CreateEnrolmentRequest
    ) -> pb.CreateEnrolmentResponse:
        """One a company: once it has ended, the same is reopened."""
        require_manager(actor, request.community_id)
        partner_type = fields.check_label(request.partner_type, "partner_type")
        tier = fields.check_label(request.tier, "tier")
        verticals = fields.check_labels(request.verticals, "verticals")
        territories = fields.check_labels(request.territories, "territories")
        capabilities = check_capabilities(request.capabilities)
        start = end = None
        if request.HasField("start_time"):
            start = time_of(request.start_time, "start_time")
        if request.HasField("end_time"):
            end = time_of(request.end_time, "end_time")
        community, _ = await self._repository.get_community(request.community_id, "", None)
        company = await self._repository.find_company(request.company_id)
        place = enrolment_id(community.id, request.company_id)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Enrolment]) -> Decision[Enrolment, pb.CreateEnrolmentResponse]:
            if company is None:
                raise CompanyNotFoundError(field="company_id")
            if company.id == community.vendor_company_id:
                raise AlreadyEnrolledError(field="company_id")
            now = seen.now.time
            wanted = Enrolment(
                place,
                community.id,
                company.id,
                start or now,
                end,
                partner_type,
                tier,
                verticals,
                territories,
                request.auto_join,
                capabilities,
            )
            enrolment = enrol(seen.state, wanted, now)
            event = events.CompanyEnrolled(
                enrolment_id=place, community_id=community.id, company_id=company.id
            )
            return Decision(
                enrolment,
                lambda version: pb.CreateEnrolmentResponse(
                    enrolment=enrolment_to_proto(enrolment, version)
                ),
                [event],
                writes=[trail.entry(seen.now, community.id, "enrolment", place)],
            )

        target = self._repository.enrolments.ref(community.id, place)
        return await self._commands.run(actor, request, target, decide)

    async def update_enrolment(
        self, actor: Actor, request: pb.UpdateEnrolmentRequest
    ) -> pb.UpdateEnrolmentResponse:
        """What is not given stays; people's keys follow at once."""
        require_manager(actor, request.community_id)
        given = request.HasField
        partner_type = tier = verticals = territories = capabilities = None
        if given("partner_type"):
            partner_type = fields.check_label(request.partner_type, "partner_type")
        if given("tier"):
            tier = fields.check_label(request.tier, "tier")
        if request.update_verticals:
            verticals = fields.check_labels(request.verticals, "verticals")
        if request.update_territories:
            territories = fields.check_labels(request.territories, "territories")
        if request.update_capabilities:
            capabilities = check_capabilities(request.capabilities)
        auto_join = request.auto_join if given("auto_join") else None
        end = time_of(request.end_time, "end_time") if given("end_time") else None
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Enrolment]) -> Decision[Enrolment, pb.UpdateEnrolmentResponse]:
            if seen.state is None:
                raise EnrolmentNotFoundError(field="enrolment_id")
            check_version(seen.seq, request.expected_version)
            enrolment = seen.state.changed(
                partner_type=partner_type,
                tier=tier,
                verticals=verticals,
                territories=territories,
                auto_join=auto_join,
                capabilities=capabilities,
                end_time=end,
            )
            changed = enrolment != seen.state
            event = events.EnrolmentUpdated(
                enrolment_id=enrolment.id,
                community_id=enrolment.community_id,
                company_id=enrolment.company_id,
            )
            entry = trail.entry(seen.now, enrolment.community_id, "enrolment", enrolment.id)
            return Decision(
                enrolment,
                lambda version: pb.UpdateEnrolmentResponse(
                    enrolment=enrolment_to_proto(enrolment, version)
                ),
                [event] if changed else [],
                writes=[entry] if changed else [],
            )

        target = self._repository.enrolments.ref(request.community_id, request.enrolment_id)
        return await self._commands.run(actor, request, target, decide)


def _description(text: str) -> str:
    return check_body(text, "description", least=0, most=fields.MOST_DESCRIPTION)
