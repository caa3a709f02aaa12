"""Inputs and payloads of administration. A payload's source is the RPC's response itself."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.schema.administration import Enrolment
from gateway.schema.directory import Community, Company, Member, Person
from gateway.schema.scalars import URL, CompanyKind, DateTime, Locale, Role, TrustLevel
from gateway.schema.writes import expected_version, request_id


def _optional(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.input
class _Write:
    request_id: str = request_id()


@strawberry.input
class _PersonWrite(_Write):
    person_id: strawberry.ID = strawberry.field(
        description="The person, by the global id of the person or of a membership."
    )
    expected_version: int | None = expected_version()


@strawberry.input
class _MemberWrite(_Write):
    member_id: strawberry.ID = strawberry.field(description="The member.")
    expected_version: int | None = expected_version()


@strawberry.type
class _PersonPayload:
    person: Person = strawberry.field(description="The person as it is now.")


@strawberry.type
class _CompanyPayload:
    company: Company = strawberry.field(description="The company as it is now.")


@strawberry.type
class _CommunityPayload:
    community: Community = strawberry.field(description="The community as it is now.")


@strawberry.type
class _EnrolmentPayload:
    enrolment: Enrolment = strawberry.field(description="The enrolment as it is now.")


@strawberry.type
class _MemberPayload:
    member: Member = strawberry.field(description="The member as it is now.")


@strawberry.input(description="Who somebody is to an issuer.")
class IdentityLinkInput:
    """Of createPerson, linkIdentity and unlinkIdentity."""

    issuer: str = strawberry.field(description="The issuer's address.")
    subject: str = strawberry.field(description="The person's id there.")


@strawberry.input(description="A new company.")
class CreateCompanyInput(_Write):
    """Of createCompany."""

    kind: CompanyKind = strawberry.field(description="What it is to the platform.")
    name: str = strawberry.field(description="Its name, unique on the platform.")
    description: str = strawberry.field(default="", description="About it, in plain text.")
    website: URL = strawberry.field(default=URL(""), description="Its website.")
    issuer: str = strawberry.field(
        default="", description="The issuer of its people's identities; one company's only."
    )


@strawberry.type(description="The new company.")
class CreateCompanyPayload(_CompanyPayload):
    """Of createCompany."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateCompanyInput(_Write):
    """Of updateCompany."""

    company_id: strawberry.ID = strawberry.field(description="The company.")
    name: str | None = _optional("Its new name.")
    description: str | None = _optional("Its new description.")
    website: URL | None = _optional("Its new website.")
    issuer: str | None = _optional("The issuer of its people from now on.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed company.")
class UpdateCompanyPayload(_CompanyPayload):
    """Of updateCompany."""


@strawberry.input(description="A new community.")
class CreateCommunityInput(_Write):
    """Of createCommunity."""

    slug: str = strawberry.field(description="Its name in addresses: a-z, 0-9 and -.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(default="", description="About it, in plain text.")
    vendor_company_id: strawberry.ID = strawberry.field(description="Whose community it is.")


@strawberry.type(description="The new community.")
class CreateCommunityPayload(_CommunityPayload):
    """Of createCommunity."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateCommunityInput(_Write):
    """Of updateCommunity."""

    community_id: strawberry.ID = strawberry.field(description="The community.")
    name: str | None = _optional("Its new name.")
    description: str | None = _optional("Its new description.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed community.")
class UpdateCommunityPayload(_CommunityPayload):
    """Of updateCommunity."""


@strawberry.input(description="A company that takes part from now on, or again.")
class CreateEnrolmentInput(_Write):
    """Of createEnrolment."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    company_id: strawberry.ID = strawberry.field(description="The company.")
    partner_type: str = strawberry.field(default="", description="What kind of partner it is.")
    tier: str = strawberry.field(default="", description="Its tier.")
    verticals: list[str] | None = _optional("The industries it works for.")
    territories: list[str] | None = _optional("Where it works.")
    capabilities: list[str] | None = _optional("What it can do, as tags; at most 20.")
    auto_join: bool = strawberry.field(
        default=False, description="Whether its people become members when they first sign in."
    )
    start_time: DateTime | None = _optional("Since when; by default now.")
    end_time: DateTime | None = _optional("Until when; by default open.")


@strawberry.type(description="The enrolment.")
class CreateEnrolmentPayload(_EnrolmentPayload):
    """Of createEnrolment."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateEnrolmentInput(_Write):
    """Of updateEnrolment."""

    enrolment_id: strawberry.ID = strawberry.field(description="The enrolment.")
    partner_type: str | None = _optional("What kind of partner it is now.")
    tier: str | None = _optional("Its new tier; walls follow at once.")
    verticals: list[str] | None = _optional("Its industries, in place of all.")
    territories: list[str] | None = _optional("Its territories, in place of all.")
    capabilities: list[str] | None = _optional("What it can do, as tags, in place of all.")
    auto_join: bool | None = _optional("Whether its people become members by themselves.")
    end_time: DateTime | None = _optional("When it ends; past or now: at once.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed enrolment.")
class UpdateEnrolmentPayload(_EnrolmentPayload):
    """Of updateEnrolment."""


@strawberry.input(description="A new person, by hand.")
class CreatePersonInput(_Write):
    """Of createPerson."""

    display_name: str = strawberry.field(description="How others see the person.")
    email: str = strawberry.field(default="", description="An address; never a key.")
    company_id: strawberry.ID = strawberry.field(description="The employer from now on.")
    identity_links: list[IdentityLinkInput] | None = _optional("How the person signs in.")


@strawberry.type(description="The new person.")
class CreatePersonPayload(_PersonPayload):
    """Of createPerson."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdatePersonInput(_PersonWrite):
    """Of updatePerson."""

    display_name: str | None = _optional("The new name.")
    email: str | None = _optional("The new address; for operators.")
    time_zone: str | None = _optional('The IANA zone the person lives in; "" for UTC.')
    locale: Locale | None = _optional('The person\'s language; "" where it is not known.')


@strawberry.type(description="The changed person.")
class UpdatePersonPayload(_PersonPayload):
    """Of updatePerson."""


@strawberry.input(description="How a person can sign in from now on, too.")
class LinkIdentityInput(_PersonWrite):
    """Of linkIdentity."""

    identity_link: IdentityLinkInput = strawberry.field(description="The identity.")


@strawberry.type(description="The person with the identity.")
class LinkIdentityPayload(_PersonPayload):
    """Of linkIdentity."""


@strawberry.input(description="How a person cannot sign in any more.")
class UnlinkIdentityInput(_PersonWrite):
    """Of unlinkIdentity."""

    identity_link: IdentityLinkInput = strawberry.field(description="The identity.")


@strawberry.type(description="The person without the identity.")
class UnlinkIdentityPayload(_PersonPayload):
    """Of unlinkIdentity."""


@strawberry.input(description="Whom a person works for from now on.")
class MovePersonInput(_PersonWrite):
    """Of movePerson."""

    company_id: strawberry.ID = strawberry.field(description="The new employer.")


@strawberry.type(description="The person with the new employer.")
class MovePersonPayload(_PersonPayload):
    """Of movePerson."""


@strawberry.input(description="Who cannot act any more, and why.")
class DeactivatePersonInput(_PersonWrite):
    """Of deactivatePerson."""

    reason: str = strawberry.field(description="Why; kept in the audit trail.")


@strawberry.type(description="The deactivated person.")
class DeactivatePersonPayload(_PersonPayload):
    """Of deactivatePerson."""


@strawberry.input(description="Who can act again.")
class ReactivatePersonInput(_PersonWrite):
    """Of reactivatePerson."""


@strawberry.type(description="The active person.")
class ReactivatePersonPayload(_PersonPayload):
    """Of reactivatePerson."""


@strawberry.input(description="A new member.")
class CreateMemberInput(_Write):
    """Of createMember."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    person_id: strawberry.ID = strawberry.field(
        description="The person, by the global id of the person or of another membership."
    )
    roles: list[Role] = strawberry.field(
        default_factory=list, description="What the member may do; MEMBER goes without saying."
    )
    trust_level: TrustLevel | None = _optional(
        "By default what was earned there before, else BASIC."
    )


@strawberry.type(description="The new member.")
class CreateMemberPayload(_MemberPayload):
    """Of createMember."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateMemberInput(_MemberWrite):
    """Of updateMember."""

    roles: list[Role] | None = _optional("The new roles, in place of all.")
    trust_level: TrustLevel | None = _optional(
        "The new trust level, which stays whatever the member earns, unless trustLevelFixed is "
        "false."
    )
    trust_level_fixed: bool | None = _optional(
        "False: the trust level is earned from now on; what was earned while it was fixed counts."
    )


@strawberry.type(description="The changed member.")
class UpdateMemberPayload(_MemberPayload):
    """Of updateMember."""


@strawberry.input(description="Whose membership ends, and why.")
class RemoveMemberInput(_MemberWrite):
    """Of removeMember."""

    reason: str = strawberry.field(
        default="", description="Why; managers and operators must say, who leaves need not."
    )


@strawberry.type(description="The former member.")
class RemoveMemberPayload(_MemberPayload):
    """Of removeMember."""
