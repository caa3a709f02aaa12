"""Enrolments, the audit trail, companies and persons, in GraphQL; mutations are beside it."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from chassis.decisions import PLATFORM
from gateway import batches, staff_lists
from gateway.context import Info
from gateway.cursors import decode_id, encode_id
from gateway.loaders import Key, Reference, filled
from gateway.schema.directory import Community, Company, Member, Person
from gateway.schema.fields import COMMUNITY, COMPANY, fetched
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import DateTime, unset_is_null
from gateway.schema.staff import community_of
from guildhall.directory.v1 import directory_pb2

_CommunityId = Annotated[strawberry.ID, strawberry.argument(description="Where.")]


@strawberry.type(description="A company in a community: on what terms, and since when.")
class Enrolment:
    """directory.Enrolment."""

    partner_type: str = strawberry.field(description="What kind of partner it is.")
    tier: str = strawberry.field(description="Its tier; spaces can be for some tiers only.")
    verticals: list[str] = strawberry.field(description="The industries it works for.")
    territories: list[str] = strawberry.field(description="Where it works.")
    capabilities: list[str] = strawberry.field(
        description="What it can do, spelled as tags are: its people are asked questions with them."
    )
    auto_join: bool = strawberry.field(
        description="Whether its people become members when they first sign in."
    )
    start_time: DateTime = strawberry.field(description="Since when.")
    end_time: DateTime | None = strawberry.field(description="Until when; null while it is open.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Enrolment", self.community_id, self.id))  # type: ignore[attr-defined]

    company: Company | None = fetched(COMPANY, "The company.")

    community: Community | None = fetched(
        COMMUNITY,
        "The community.",
    )


def _member(row: Any) -> Key | None:
    if row.community_id in ("", PLATFORM) or row.actor.startswith("service:"):
        return None
    return (row.community_id, row.actor)


@strawberry.type(description="What somebody did to a person, company or community.")
class AuditEntry:
    """directory.AuditEntry."""

    time: DateTime = strawberry.field(description="When.")
    actor: str = strawberry.field(description="Who: a person's id, or service:<name>.")
    action: str = strawberry.field(description="What was done, as the RPC is called.")
    target_type: str = strawberry.field(description="What it was done to.")
    target_id: str = strawberry.field(description="To which one; the platform's own id of it.")

    @strawberry.field(description="Why, where a reason was asked for.")
    def reason(self) -> str | None:
        return unset_is_null(self, "reason")

    member: Member | None = fetched(
        Reference(batches.members, _member), "Who, where a member did it in their community."
    )


@strawberry.type
class AdministrationQuery:
    """Root fields of administration."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Every company of the platform, by name. For operators. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )
    async def companies(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Company] | None:
        arguments = {"first": first, "after": after, "last": last, "before": before}
        return await filled(info, await staff_lists.companies(info.context, None, arguments))

    @strawberry.field(
        description="One person, with identities and employers; null where there is none. For "
        "operators; others find only themselves. Codes: BAD_USER_INPUT."
    )
    async def person(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID,
            strawberry.argument(description="The global id of the person, or of a membership."),
        ],
    ) -> Person | None:
        context = info.context
        request = directory_pb2.GetPersonRequest(person_id=person_of(id, "id"))
        response = await context.find(context.services.directory.GetPerson, request)
        return await filled(info, response.person) if response is not None else None

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Which companies take part in a community, newest first, ended ones too. For "
        "its managers and operators. Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )
    async def enrolments(
        self,
        info: Info,
        community_id: _CommunityId,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Enrolment] | None:
        community = community_of(community_id)
        arguments = {"first": first, "after": after, "last": last, "before": before}
        return await filled(info, await staff_lists.enrolments(info.context, community, arguments))

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="What was done to people, companies and communities, newest first. For the "
        "community's managers and operators. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )
    async def audit_entries(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        community_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Where; without it what belongs to no community."),
        ] = None,
    ) -> Connection[AuditEntry] | None:
        place = directory_pb2.Community()
        if community_id is not None:
            place = community_of(community_id)
        arguments = {"first": first, "after": after, "last": last, "before": before}
        return await filled(info, await staff_lists.audit_entries(info.context, place, arguments))


def person_of(id: str, field: str) -> str:
    """The person behind an id of a person or of a membership."""
    return decode_id(id, field, "Person", "Member").id
