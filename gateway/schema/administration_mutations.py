"""What operators and managers can do, in GraphQL: one mutation an RPC, named alike."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from chassis.errors import DomainError
from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema import administration_inputs as a
from gateway.schema.administration import person_of
from gateway.schema.writes import codes, number, version, write
from guildhall.directory.v1 import directory_pb2 as pb

_What = strawberry.argument(description="What to do.")
_OPERATOR = ("ROLE_REQUIRED", "TEXT_INVALID", "FIELD_INVALID")
_MANAGER = ("COMMUNITY_NOT_FOUND", *_OPERATOR)


def _person(input: Any) -> dict[str, Any]:
    """The fields that every write to a person has."""
    return {
        "request_id": input.request_id,
        "person_id": person_of(input.person_id, "personId"),
        "expected_version": version(input),
    }


def _member(input: Any) -> dict[str, Any]:
    """The fields that every write to a member has."""
    member = decode_id(input.member_id, "memberId", "Member")
    return {
        "request_id": input.request_id,
        "community_id": member.community_id,
        "person_id": member.id,
        "expected_version": version(input),
    }


async def _write_member(info: Info, method: Any, request: Any) -> Any:
    """As write; what the service calls person_id is memberId here."""
    try:
        return await write(info, method, request)
    except DomainError as error:
        if error.field == "person_id":
            error.field = "member_id"
        raise


def _company(id: str, field: str) -> str:
    return decode_id(id, field, "Company").id


def _community(id: str) -> str:
    return decode_id(id, "communityId", "Community").id


def _link(link: a.IdentityLinkInput) -> pb.IdentityLink:
    return pb.IdentityLink(issuer=link.issuer, subject=link.subject)


def _roles(roles: list[Any] | None) -> list[Any]:
    return [role.value for role in roles or ()]


@strawberry.type
class CompanyMutation:
    """Companies, communities, enrolments."""

    @strawberry.mutation(
        description=codes(
            "Add a company. For operators.", "COMPANY_NAME_TAKEN", "ISSUER_TAKEN", *_OPERATOR
        )
    )
    async def create_company(
        self, info: Info, input: Annotated[a.CreateCompanyInput, _What]
    ) -> a.CreateCompanyPayload:
        request = pb.CreateCompanyRequest(
            request_id=input.request_id,
            kind=number(input.kind),
            name=input.name,
            description=input.description,
            website=input.website,
            issuer=input.issuer,
        )
        return await write(info, info.context.services.directory.CreateCompany, request)

    @strawberry.mutation(
        description=codes(
            "Change a company. For operators.", "COMPANY_NOT_FOUND", "COMPANY_NAME_TAKEN",
            "ISSUER_TAKEN", "VERSION_STALE", *_OPERATOR,
        )
    )  # fmt: skip
    async def update_company(
        self, info: Info, input: Annotated[a.UpdateCompanyInput, _What]
    ) -> a.UpdateCompanyPayload:
        request = pb.UpdateCompanyRequest(
            request_id=input.request_id,
            company_id=_company(input.company_id, "companyId"),
            name=input.name,
            description=input.description,
            website=input.website,
            issuer=input.issuer,
            expected_version=version(input),
        )
        return await write(info, info.context.services.directory.UpdateCompany, request)

    @strawberry.mutation(
        description=codes(
            "Add a community of a vendor. For operators.", "COMMUNITY_SLUG_TAKEN",
            "COMPANY_NOT_FOUND", "NOT_A_VENDOR", *_OPERATOR,
        )
    )  # fmt: skip
    async def create_community(
        self, info: Info, input: Annotated[a.CreateCommunityInput, _What]
    ) -> a.CreateCommunityPayload:
        request = pb.CreateCommunityRequest(
            request_id=input.request_id,
            slug=input.slug,
            name=input.name,
            description=input.description,
            vendor_company_id=_company(input.vendor_company_id, "vendorCompanyId"),
        )
        return await write(info, info.context.services.directory.CreateCommunity, request)

    @strawberry.mutation(
        description=codes(
            "Change a community's name or description. For its managers and operators.",
            "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def update_community(
        self, info: Info, input: Annotated[a.UpdateCommunityInput, _What]
    ) -> a.UpdateCommunityPayload:
        request = pb.UpdateCommunityRequest(
            request_id=input.request_id,
            community_id=_community(input.community_id),
            name=input.name,
            description=input.description,
            expected_version=version(input),
        )
        return await write(info, info.context.services.directory.UpdateCommunity, request)

    @strawberry.mutation(
        description=codes(
            "Let a company take part, or take part again: it stays one enrolment. For managers "
            "and operators.", "COMPANY_NOT_FOUND", "ALREADY_ENROLLED", "CAPABILITIES_INVALID",
            *_MANAGER,
        )
    )  # fmt: skip
    async def create_enrolment(
        self, info: Info, input: Annotated[a.CreateEnrolmentInput, _What]
    ) -> a.CreateEnrolmentPayload:
        request = pb.CreateEnrolmentRequest(
            request_id=input.request_id,
            community_id=_community(input.community_id),
            company_id=_company(input.company_id, "companyId"),
            partner_type=input.partner_type,
            tier=input.tier,
            verticals=input.verticals,
            territories=input.territories,
            capabilities=input.capabilities,
            auto_join=input.auto_join,
            start_time=input.start_time,
            end_time=input.end_time,
        )
        return await write(info, info.context.services.directory.CreateEnrolment, request)

    @strawberry.mutation(
        description=codes(
            "Change the terms of an enrolment, or end it: its people's walls follow within the "
            "second. For managers and operators.", "ENROLMENT_NOT_FOUND", "VERSION_STALE",
            "CAPABILITIES_INVALID", *_MANAGER,
        )
    )  # fmt: skip
    async def update_enrolment(
        self, info: Info, input: Annotated[a.UpdateEnrolmentInput, _What]
    ) -> a.UpdateEnrolmentPayload:
        enrolment = decode_id(input.enrolment_id, "enrolmentId", "Enrolment")
        request = pb.UpdateEnrolmentRequest(
            request_id=input.request_id,
            community_id=enrolment.community_id,
            enrolment_id=enrolment.id,
            partner_type=input.partner_type,
            tier=input.tier,
            verticals=input.verticals,
            update_verticals=input.verticals is not None,
            territories=input.territories,
            update_territories=input.territories is not None,
            capabilities=input.capabilities,
            update_capabilities=input.capabilities is not None,
            auto_join=input.auto_join,
            end_time=input.end_time,
            expected_version=version(input),
        )
        return await write(info, info.context.services.directory.UpdateEnrolment, request)


@strawberry.type
class PersonMutation:
    """People and how they sign in."""

    @strawberry.mutation(
        description=codes(
            "Add a person by hand. For operators.", "COMPANY_NOT_FOUND", "IDENTITY_TAKEN",
            *_OPERATOR,
        )
    )  # fmt: skip
    async def create_person(
        self, info: Info, input: Annotated[a.CreatePersonInput, _What]
    ) -> a.CreatePersonPayload:
        request = pb.CreatePersonRequest(
            request_id=input.request_id,
            display_name=input.display_name,
            email=input.email,
            company_id=_company(input.company_id, "companyId"),
            identity_links=[_link(link) for link in input.identity_links or ()],
        )
        return await write(info, info.context.services.directory.CreatePerson, request)

    @strawberry.mutation(
        description=codes(
            "Change a person's name, address, time zone or language. For operators; the person can "
            "change all but the address.",
            "PERSON_NOT_FOUND", "VERSION_STALE", *_OPERATOR,
        )
    )  # fmt: skip
    async def update_person(
        self, info: Info, input: Annotated[a.UpdatePersonInput, _What]
    ) -> a.UpdatePersonPayload:
        request = pb.UpdatePersonRequest(
            **_person(input),
            display_name=input.display_name,
            email=input.email,
            time_zone=input.time_zone,
            locale=input.locale,
        )
        return await write(info, info.context.services.directory.UpdatePerson, request)

    @strawberry.mutation(
        description=codes(
            "Let a person sign in by one more identity. For operators.", "PERSON_NOT_FOUND",
            "IDENTITY_TAKEN", "VERSION_STALE", *_OPERATOR,
        )
    )  # fmt: skip
    async def link_identity(
        self, info: Info, input: Annotated[a.LinkIdentityInput, _What]
    ) -> a.LinkIdentityPayload:
        request = pb.LinkIdentityRequest(**_person(input), identity_link=_link(input.identity_link))
        return await write(info, info.context.services.directory.LinkIdentity, request)

    @strawberry.mutation(
        description=codes(
            "Take an identity from a person for good. For operators.", "PERSON_NOT_FOUND",
            "IDENTITY_NOT_FOUND", "VERSION_STALE", *_OPERATOR,
        )
    )  # fmt: skip
    async def unlink_identity(
        self, info: Info, input: Annotated[a.UnlinkIdentityInput, _What]
    ) -> a.UnlinkIdentityPayload:
        request = pb.UnlinkIdentityRequest(
            **_person(input), identity_link=_link(input.identity_link)
        )
        return await write(info, info.context.services.directory.UnlinkIdentity, request)

    @strawberry.mutation(
        description=codes(
            "A person changes employer now: rights move at once, what was written stays with the "
            "company it was written for. For operators.", "PERSON_NOT_FOUND", "COMPANY_NOT_FOUND",
            "ALREADY_AFFILIATED", "PERSON_DEACTIVATED", "VERSION_STALE", *_OPERATOR,
        )
    )  # fmt: skip
    async def move_person(
        self, info: Info, input: Annotated[a.MovePersonInput, _What]
    ) -> a.MovePersonPayload:
        request = pb.MovePersonRequest(
            **_person(input),
            company_id=_company(input.company_id, "companyId"),
        )
        return await write(info, info.context.services.directory.MovePerson, request)

    @strawberry.mutation(
        description=codes(
            "Let a person neither sign in nor act; what they wrote stays. For operators.",
            "PERSON_NOT_FOUND", "PERSON_DEACTIVATED", "REASON_REQUIRED", "VERSION_STALE",
            *_OPERATOR,
        )
    )  # fmt: skip
    async def deactivate_person(
        self, info: Info, input: Annotated[a.DeactivatePersonInput, _What]
    ) -> a.DeactivatePersonPayload:
        request = pb.DeactivatePersonRequest(**_person(input), reason=input.reason)
        return await write(info, info.context.services.directory.DeactivatePerson, request)

    @strawberry.mutation(
        description=codes(
            "Let a deactivated person act again, with the memberships of before. For operators.",
            "PERSON_NOT_FOUND", "PERSON_ACTIVE", "VERSION_STALE", *_OPERATOR,
        )
    )  # fmt: skip
    async def reactivate_person(
        self, info: Info, input: Annotated[a.ReactivatePersonInput, _What]
    ) -> a.ReactivatePersonPayload:
        request = pb.ReactivatePersonRequest(**_person(input))
        return await write(info, info.context.services.directory.ReactivatePerson, request)


@strawberry.type
class MemberMutation:
    """Members of one community."""

    @strawberry.mutation(
        description=codes(
            "Make a person a member, for the company they work for. For managers and operators.",
            "PERSON_NOT_FOUND", "PERSON_DEACTIVATED", "COMPANY_NOT_ENROLLED", "ALREADY_MEMBER",
            "ROLE_NOT_GRANTABLE", *_MANAGER,
        )
    )  # fmt: skip
    async def create_member(
        self, info: Info, input: Annotated[a.CreateMemberInput, _What]
    ) -> a.CreateMemberPayload:
        request = pb.CreateMemberRequest(
            request_id=input.request_id,
            person_id=person_of(input.person_id, "personId"),
            community_id=_community(input.community_id),
            roles=_roles(input.roles),
            trust_level=number(input.trust_level),
        )
        return await write(info, info.context.services.directory.CreateMember, request)

    @strawberry.mutation(
        description=codes(
            "Change a member's roles or trust level; only people of the vendor can be MANAGER. "
            "For managers and operators.", "MEMBER_NOT_FOUND", "MEMBER_FORMER",
            "ROLE_NOT_GRANTABLE", "LAST_MANAGER", "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def update_member(
        self, info: Info, input: Annotated[a.UpdateMemberInput, _What]
    ) -> a.UpdateMemberPayload:
        request = pb.UpdateMemberRequest(
            **_member(input),
            roles=_roles(input.roles),
            update_roles=input.roles is not None,
            trust_level=number(input.trust_level),
            trust_level_fixed=input.trust_level_fixed,
        )
        method = info.context.services.directory.UpdateMember
        return await _write_member(info, method, request)  # type: ignore[no-any-return]

    @strawberry.mutation(
        description=codes(
            "End a membership. For managers and operators, and for the member.",
            "MEMBER_NOT_FOUND", "MEMBER_FORMER", "LAST_MANAGER", "REASON_REQUIRED", "VERSION_STALE",
            *_MANAGER,
        )
    )  # fmt: skip
    async def remove_member(
        self, info: Info, input: Annotated[a.RemoveMemberInput, _What]
    ) -> a.RemoveMemberPayload:
        request = pb.RemoveMemberRequest(**_member(input), reason=input.reason)
        method = info.context.services.directory.RemoveMember
        return await _write_member(info, method, request)  # type: ignore[no-any-return]
