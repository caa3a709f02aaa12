"""The directory's objects and domain events as protobuf messages, and enum names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FieldInvalidError
from chassis.timestamps import timestamp_of
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.domain import person as persons
from services.directory.domain.audit import AuditEntry
from services.directory.domain.community import Community
from services.directory.domain.company import Company, CompanyKind
from services.directory.domain.enrolment import Capable, Enrolment
from services.directory.domain.member import ActorMembership, Member, Placed, ResolvedActor
from services.directory.domain.person import Person

MOST_CLAUSES = 10
MOST_KEYS = 500  # of one clause


def timestamp(time: datetime | None) -> Timestamp | None:
    """None stays absent."""
    return None if time is None else timestamp_of(time)


def roles_of(roles: Iterable[int], field: str = "roles") -> list[str]:
    """Roles by name. Refuses with FIELD_INVALID."""
    names = []
    for i, role in enumerate(roles):
        if role == pb.ROLE_UNSPECIFIED or role not in pb.Role.values():
            raise FieldInvalidError(f"{field}.{i} is no role", field=f"{field}.{i}")
        names.append(pb.Role.Name(pb.Role.ValueType(role)).removeprefix("ROLE_"))
    return names


def role_of(role: int) -> str:
    """One role to filter by; empty where it is unspecified."""
    if role not in pb.Role.values():
        raise FieldInvalidError("role is no role", field="role")
    return "" if role == pb.ROLE_UNSPECIFIED else roles_of([role])[0]


def trust_level_of(trust_level: int) -> int | None:
    """None where it is unspecified. Refuses with FIELD_INVALID."""
    if trust_level not in pb.TrustLevel.values():
        raise FieldInvalidError("trust_level is no trust level", field="trust_level")
    return trust_level or None


def kind_of(kind: int) -> CompanyKind:
    """Refuses with FIELD_INVALID."""
    if kind == pb.COMPANY_KIND_PARTNER:
        return CompanyKind.PARTNER
    if kind == pb.COMPANY_KIND_VENDOR:
        return CompanyKind.VENDOR
    raise FieldInvalidError("kind must be PARTNER or VENDOR", field="kind")


def _roles_to_proto(roles: Iterable[str]) -> list[pb.Role.ValueType]:
    return sorted(pb.Role.Value(f"ROLE_{role}") for role in roles)


def _link_to_proto(link: persons.IdentityLink) -> pb.IdentityLink:
    return pb.IdentityLink(issuer=link.issuer, subject=link.subject)


def person_to_proto(person: Person, version: int) -> pb.Person:
    """Whole: for the person and OPERATOR only."""
    return pb.Person(
        id=person.id,
        display_name=person.display_name,
        email=person.email,
        state=pb.PersonState.Value(f"PERSON_STATE_{person.state.value}"),
        identity_links=[_link_to_proto(link) for link in person.identity_links],
        affiliations=[
            pb.Affiliation(
                company_id=a.company_id,
                start_time=timestamp(a.start_time),
                end_time=timestamp(a.end_time),
            )
            for a in person.affiliations
        ],
        create_time=timestamp(person.create_time),
        version=version,
        time_zone=person.time_zone,
        locale=person.locale,
    )


def clauses_of(clauses: Sequence[pb.AudienceClause]) -> list[frozenset[str]]:
    """Refuses with FIELD_INVALID."""
    if not 1 <= len(clauses) <= MOST_CLAUSES:
        raise FieldInvalidError(f"clauses must be 1 to {MOST_CLAUSES}", field="clauses")
    for i, clause in enumerate(clauses):
        if not 1 <= len(clause.keys) <= MOST_KEYS:
            field = f"clauses.{i}.keys"
            raise FieldInvalidError(f"{field} must be 1 to {MOST_KEYS}", field=field)
    return [frozenset(clause.keys) for clause in clauses]


def audience_member_to_proto(member: Placed) -> pb.AudienceMember:
    """Ids only, and where the person's day begins."""
    return pb.AudienceMember(
        person_id=member.person_id, company_id=member.company_id, time_zone=member.time_zone
    )


def capable_member_to_proto(member: Capable) -> pb.CapableMember:
    """Ids only, and what speaks for the company."""
    return pb.CapableMember(
        person_id=member.person_id,
        company_id=member.company_id,
        shared_capabilities=member.shared_capabilities,
    )


def actor_to_proto(actor: ResolvedActor, version: int) -> pb.Actor:
    """With the keyring of every membership."""
    return pb.Actor(
        person_id=actor.person_id,
        display_name=actor.display_name,
        operator=actor.operator,
        memberships=[membership_to_proto(m) for m in actor.memberships],
        version=version,
        expire_time=timestamp(actor.expire_time),
    )


def resolved_identity_to_proto(
    link: persons.IdentityLink, actor: ResolvedActor, version: int
) -> pb.ResolvedIdentity:
    """With whose it is."""
    return pb.ResolvedIdentity(
        identity_link=_link_to_proto(link), actor=actor_to_proto(actor, version)
    )


def membership_to_proto(membership: ActorMembership) -> pb.Membership:
    """With its keyring."""
    return pb.Membership(
        community_id=membership.community_id,
        company_id=membership.company_id,
        roles=_roles_to_proto(membership.roles),
        trust_level=pb.TrustLevel.ValueType(membership.trust_level),
        keyring=membership.keyring,
    )


def company_to_proto(company: Company, version: int, *, operator: bool = False) -> pb.Company:
    """The issuer is for OPERATOR only."""
    return pb.Company(
        id=company.id,
        kind=pb.CompanyKind.Value(f"COMPANY_KIND_{company.kind.value}"),
        name=company.name,
        description=company.description,
        website=company.website,
        issuer=company.issuer if operator else "",
        create_time=timestamp(company.create_time),
        version=version,
    )


def community_to_proto(community: Community, version: int) -> pb.Community:
    """As members see it."""
    return pb.Community(
        id=community.id,
        slug=community.slug,
        name=community.name,
        description=community.description,
        vendor_company_id=community.vendor_company_id,
        create_time=timestamp(community.create_time),
        version=version,
    )


def enrolment_to_proto(enrolment: Enrolment, version: int) -> pb.Enrolment:
    """As managers see it."""
    return pb.Enrolment(
        id=enrolment.id,
        community_id=enrolment.community_id,
        company_id=enrolment.company_id,
        partner_type=enrolment.partner_type,
        tier=enrolment.tier,
        verticals=enrolment.verticals,
        territories=enrolment.territories,
        auto_join=enrolment.auto_join,
        start_time=timestamp(enrolment.start_time),
        end_time=timestamp(enrolment.end_time),
        version=version,
        capabilities=enrolment.capabilities,
    )


def member_to_proto(member: Member) -> pb.Member:
    """As members see each other."""
    return pb.Member(
        community_id=member.community_id,
        person_id=member.person_id,
        company_id=member.company_id,
        display_name=member.display_name,
        roles=_roles_to_proto(member.roles),
        trust_level=pb.TrustLevel.ValueType(member.trust_level),
        state=pb.MemberState.Value(f"MEMBER_STATE_{member.state.value}"),
        join_time=timestamp(member.join_time),
        end_time=timestamp(member.end_time),
        version=member.version,
        trust_level_fixed=member.trust_level_fixed,
    )


def audit_entry_to_proto(entry: AuditEntry) -> pb.AuditEntry:
    """As managers see it."""
    return pb.AuditEntry(
        id=entry.id,
        community_id=entry.community_id,
        time=timestamp(entry.time),
        actor=entry.actor,
        action=entry.action,
        target_type=entry.target_type,
        target_id=entry.target_id,
        reason=entry.reason,
    )


def membership_events(before: Person | None, after: Person) -> list[Message]:
    """MemberLeft for each membership that ended, then MemberJoined for each that began."""
    said: list[Message] = [
        events.MemberLeft(person_id=after.id, community_id=m.community_id, company_id=m.company_id)
        for m in persons.left(before, after)
    ]
    said += [
        events.MemberJoined(
            person_id=after.id, community_id=m.community_id, company_id=m.company_id
        )
        for m in persons.joined(before, after)
    ]
    return said


def links_of(links: Sequence[pb.IdentityLink]) -> list[persons.IdentityLink]:
    """Refuses with the place of the one that no token can have."""
    return [
        persons.check_link(link.issuer, link.subject, f"identity_links.{i}")
        for i, link in enumerate(links)
    ]
