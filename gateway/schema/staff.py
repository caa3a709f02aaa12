"""Fields that only some see: what types of the directory show to those who run things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from chassis.decisions import PLATFORM
from gateway import staff_lists
from gateway.context import Info
from gateway.cursors import decode_id, encode_id
from gateway.loaders import Listing, fetched_by, read
from gateway.schema.fields import fetched, paged
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import DateTime, unset_is_null
from gateway.schema.staff_scalars import CaseState
from guildhall.directory.v1 import directory_pb2

if TYPE_CHECKING:
    from gateway.schema.administration import AuditEntry, Enrolment
    from gateway.schema.moderation import Case, Rule
    from gateway.schema.portals import Portal
    from gateway.schema.search import Synonyms
    from gateway.schema.webhooks import Webhook

_LazyCase = Annotated["Case", strawberry.lazy("gateway.schema.moderation")]
_LazyRule = Annotated["Rule", strawberry.lazy("gateway.schema.moderation")]
_LazyEnrolment = Annotated["Enrolment", strawberry.lazy("gateway.schema.administration")]
_LazyAuditEntry = Annotated["AuditEntry", strawberry.lazy("gateway.schema.administration")]
_LazySynonyms = Annotated["Synonyms", strawberry.lazy("gateway.schema.search")]
_LazyWebhook = Annotated["Webhook", strawberry.lazy("gateway.schema.webhooks")]
_LazyPortal = Annotated["Portal", strawberry.lazy("gateway.schema.portals")]
CaseStateArgument = Annotated[
    CaseState | None, strawberry.argument(description="In this state; by default OPEN.")
]


@strawberry.type(description="Who somebody is to an issuer.")
class IdentityLink:
    """directory.IdentityLink."""

    issuer: str = strawberry.field(description="The issuer's address.")
    subject: str = strawberry.field(description="The person's id there.")


@strawberry.type(description="When somebody worked for a company.")
class Affiliation:
    """directory.Affiliation."""

    start_time: DateTime = strawberry.field(description="Since when.")
    end_time: DateTime | None = strawberry.field(description="Until when; null while it counts.")

    @strawberry.field(description="The company's global id.")
    def company_id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Company", PLATFORM, self.company_id))


@strawberry.type
class PersonForStaff:
    """Of Person."""

    identity_links: list[IdentityLink] = strawberry.field(
        description="How the person signs in; for the person and operators, else empty."
    )
    affiliations: list[Affiliation] = strawberry.field(
        description="For whom the person worked when; for the person and operators, else empty."
    )


@strawberry.type
class CompanyForStaff:
    """Of Company."""

    @strawberry.field(description="The issuer of its people's identities; for operators only.")
    def issuer(self) -> str | None:
        return unset_is_null(self, "issuer")


@strawberry.type
class CommunityForStaff:
    """Of Community."""

    @strawberry.field(
        metadata=fetched_by(Listing(staff_lists.moderation_cases), guildhall_cost=5),
        description="Posts that wait for a decision, oldest first; or that were decided, newest "
        "first. For moderators. Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )
    def moderation_cases(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        state: CaseStateArgument = None,
    ) -> Connection[_LazyCase] | None:
        return read(info, self)

    moderation_rules: Connection[_LazyRule] | None = paged(
        staff_lists.moderation_rules,
        "Rules for content, in the order they apply. For moderators. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

    enrolments: Connection[_LazyEnrolment] | None = paged(
        staff_lists.enrolments,
        "Which companies take part, newest first, ended ones too. For managers and "
        "operators. Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

    audit_entries: Connection[_LazyAuditEntry] | None = paged(
        staff_lists.audit_entries,
        "What was done to people and companies, newest first. For managers and "
        "operators. Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

    portals: Connection[_LazyPortal] | None = paged(
        staff_lists.portals,
        "The vendor's websites and scripts that use the API, by name. For managers and "
        "operators. Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

    webhooks: Connection[_LazyWebhook] | None = paged(
        staff_lists.webhooks,
        "Addresses that are told of what happens in the community, by name. For managers. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )

    synonyms: _LazySynonyms | None = fetched(
        Listing(staff_lists.synonyms),
        "Phrases that stand for each other in searches. For managers. Codes: ROLE_REQUIRED.",
        cost=5,
    )


def community_of(id: str) -> directory_pb2.Community:
    """What the lists need of a community whose global id this is."""
    return directory_pb2.Community(id=decode_id(id, "communityId", "Community").id)
