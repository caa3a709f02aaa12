"""Domain objects as stored documents and back: the field names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chassis.actors import BASIC, REGULAR
from chassis.decisions import Document
from services.directory.domain.audit import AuditEntry
from services.directory.domain.community import Community
from services.directory.domain.company import Company, CompanyKind
from services.directory.domain.enrolment import Enrolment, enrolment_id
from services.directory.domain.fields import fold, is_open
from services.directory.domain.group_member import GroupMember
from services.directory.domain.member import (
    Member,
    MemberState,
    Placed,
    keyring,
    member_of,
)
from services.directory.domain.person import (
    Affiliation,
    IdentityLink,
    Membership,
    Person,
    PersonState,
)


def member_id(community_id: str, person_id: str) -> str:
    """A member's document."""
    return f"{person_id}:{community_id}"


def load_person(document: Document) -> Person:
    """From collection persons."""
    return Person(
        document["_id"],
        document["display_name"],
        document["email"],
        document["create_time"],
        PersonState(document["state"]),
        document["operator"],
        tuple(IdentityLink(d["issuer"], d["subject"]) for d in document["identity_links"]),
        tuple(
            Affiliation(d["company_id"], d["start_time"], d["end_time"])
            for d in document["affiliations"]
        ),
        tuple(load_membership(d) for d in document["memberships"]),
        document.get("time_zone", ""),  # added later: what is older knows neither
        document.get("locale", ""),
    )


def dump_person(person: Person) -> Document:
    """For collection persons."""
    return {
        "display_name": person.display_name,
        "email": person.email,
        "create_time": person.create_time,
        "state": person.state.value,
        "operator": person.operator,
        "identity_links": [
            {"issuer": link.issuer, "subject": link.subject} for link in person.identity_links
        ],
        "affiliations": [
            {"company_id": a.company_id, "start_time": a.start_time, "end_time": a.end_time}
            for a in person.affiliations
        ],
        "memberships": [_dump_membership(m) for m in person.memberships],
        "time_zone": person.time_zone,
        "locale": person.locale,
        "read_keys": [f"person:{person.id}"],
    }


def load_membership(document: Document) -> Membership:
    """From what persons and members have of it."""
    return Membership(
        document["community_id"],
        document["company_id"],
        document["vendor"],
        document["join_time"],
        frozenset(document["roles"]),
        document["trust_level"],
        document["end_time"],
        document["version"],
        document.get("trust_level_fixed", False),  # formerly nothing was earned
        document.get("earned_level", _formerly_earned(document)),
    )


def _formerly_earned(document: Document) -> int:
    """Of what was stored before it was kept: the level itself, where no hand has fixed it."""
    fixed = document.get("trust_level_fixed", False)
    return BASIC if fixed else max(BASIC, min(document["trust_level"], REGULAR))


def _dump_membership(membership: Membership) -> Document:
    return {
        "community_id": membership.community_id,
        "company_id": membership.company_id,
        "vendor": membership.vendor,
        "join_time": membership.join_time,
        "roles": sorted(membership.roles),
        "trust_level": membership.trust_level,
        "trust_level_fixed": membership.trust_level_fixed,
        "earned_level": membership.earned_level,
        "end_time": membership.end_time,
        "version": membership.version,
    }


def dump_member(person: Person, membership: Membership) -> Document:
    """For collection members: what a community may know of a person."""
    member = member_of(person, membership)
    return {
        "_id": member_id(membership.community_id, person.id),
        **_dump_membership(membership),
        "person_id": person.id,
        "display_name": person.display_name,
        "folded_name": fold(person.display_name),
        "time_zone": person.time_zone,
        "locale": person.locale,
        "state": member.state.value,
        "enrolment_id": enrolment_id(membership.community_id, membership.company_id),
        "read_keys": [f"community:{membership.community_id}"],
    }


def load_member(document: Document, at: datetime) -> Member:
    """From collection members, joined with the enrolment it rests on: former with it."""
    state, end_time = MemberState(document["state"]), document["end_time"]
    if state is MemberState.ACTIVE and not stands(document, at):
        dates = document["enrolment"]
        state, end_time = MemberState.FORMER, dates[0]["end_time"] if dates else None
    return Member(
        document["community_id"],
        document["person_id"],
        document["company_id"],
        document["display_name"],
        frozenset(document["roles"]),
        document["trust_level"],
        state,
        document["join_time"],
        end_time,
        document["version"],
        document.get("trust_level_fixed", False),
    )


def stands(document: Document, at: datetime) -> bool:
    """Whether a member, joined with the enrolment it rests on, is one now."""
    if document["state"] != MemberState.ACTIVE.value:
        return False
    return document["vendor"] or any(
        is_open(dates["start_time"], dates["end_time"], at) for dates in document["enrolment"]
    )


def load_placed(
    document: Document, enrolment: Enrolment | None, seats: Sequence[GroupMember]
) -> Placed:
    """From collection members, with the enrolment it rests on, and seats in groups."""
    membership = load_membership(document)
    person_id, locale = document["person_id"], document.get("locale", "")
    keys = frozenset(keyring(person_id, locale, membership, enrolment, seats))
    return Placed(person_id, membership.company_id, document.get("time_zone", ""), keys)


def load_company(document: Document) -> Company:
    """From collection companies."""
    return Company(
        document["_id"],
        CompanyKind(document["kind"]),
        document["name"],
        document["create_time"],
        document["description"],
        document["website"],
        document.get("issuer", ""),
    )


def dump_company(company: Company) -> Document:
    """For collection companies; no issuer is no field, as the unique index wants it."""
    document: dict[str, Any] = {
        "kind": company.kind.value,
        "name": company.name,
        "folded_name": fold(company.name),
        "create_time": company.create_time,
        "description": company.description,
        "website": company.website,
    }
    return document | ({"issuer": company.issuer} if company.issuer else {})


def load_community(document: Document) -> Community:
    """From collection communities."""
    return Community(
        document["_id"],
        document["slug"],
        document["name"],
        document["vendor_company_id"],
        document["create_time"],
        document["description"],
    )


def dump_community(community: Community) -> Document:
    """For collection communities."""
    return {
        "slug": community.slug,
        "name": community.name,
        "folded_name": fold(community.name),
        "vendor_company_id": community.vendor_company_id,
        "create_time": community.create_time,
        "description": community.description,
        "read_keys": [f"community:{community.id}"],
    }


def load_enrolment(document: Document) -> Enrolment:
    """From collection enrolments."""
    return Enrolment(
        document["_id"],
        document["community_id"],
        document["company_id"],
        document["start_time"],
        document["end_time"],
        document["partner_type"],
        document["tier"],
        tuple(document["verticals"]),
        tuple(document["territories"]),
        document["auto_join"],
        tuple(document.get("capabilities", ())),  # added later: what is older has none
    )


def dump_enrolment(enrolment: Enrolment) -> Document:
    """For collection enrolments."""
    return {
        "company_id": enrolment.company_id,
        "start_time": enrolment.start_time,
        "end_time": enrolment.end_time,
        "partner_type": enrolment.partner_type,
        "tier": enrolment.tier,
        "verticals": list(enrolment.verticals),
        "territories": list(enrolment.territories),
        "auto_join": enrolment.auto_join,
        "capabilities": list(enrolment.capabilities),
        "read_keys": [f"community:{enrolment.community_id}"],
    }


def load_audit_entry(document: Document) -> AuditEntry:
    """From collection audit_entries."""
    return AuditEntry(
        document["_id"],
        document["community_id"],
        document["time"],
        document["actor"],
        document["action"],
        document["target_type"],
        document["target_id"],
        document["reason"],
    )


def dump_audit_entry(entry: AuditEntry) -> Document:
    """For collection audit_entries."""
    return {
        "_id": entry.id,
        "community_id": entry.community_id,
        "time": entry.time,
        "actor": entry.actor,
        "action": entry.action,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "reason": entry.reason,
    }
