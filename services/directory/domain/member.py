"""A member as a community sees it, and who may be one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chassis.actors import MANAGER, MEMBER, MODERATOR
from chassis.keys import territory_key
from chassis.locales import shortened
from services.directory.domain.enrolment import Enrolment, enrolment_id
from services.directory.domain.group import group_key
from services.directory.domain.group_member import GroupMember
from services.directory.domain.person import Membership, Person
from services.directory.domain.refusals import (
    CompanyNotEnrolledError,
    PersonDeactivatedError,
    PersonNotFoundError,
)

MOST_GROUP_KEYS = 100  # of one actor in all communities: a call carries them


class MemberState(StrEnum):
    """FORMER: left, removed, moved to another company, deactivated, or the enrolment ended."""

    ACTIVE = "ACTIVE"
    FORMER = "FORMER"


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a community, on behalf of a company."""

    community_id: str
    person_id: str
    company_id: str
    display_name: str
    roles: frozenset[str]
    trust_level: int
    state: MemberState
    join_time: datetime
    end_time: datetime | None
    version: int
    trust_level_fixed: bool = False


def member_of(person: Person, membership: Membership) -> Member:
    """By the person's own state; the company's enrolment is not looked at."""
    active = person.active and membership.end_time is None
    return Member(
        membership.community_id,
        person.id,
        membership.company_id,
        person.display_name,
        membership.roles,
        membership.trust_level,
        MemberState.ACTIVE if active else MemberState.FORMER,
        membership.join_time,
        membership.end_time,
        membership.version,
        membership.trust_level_fixed,
    )


def check_joins(
    person: Person | None,
    *,
    vendor_company_id: str,
    enrolment: Enrolment | None,
    at: datetime,
    operator: bool,
) -> Person:
    """Who may be made a member: somebody of the vendor, or of a company enrolled now.

    Only OPERATOR learns more than PERSON_NOT_FOUND of others: COMPANY_NOT_ENROLLED,
    PERSON_DEACTIVATED.
    """
    if person is None:
        raise PersonNotFoundError(field="person_id")
    company_id = person.company_at(at)
    enrolled = company_id != "" and (
        company_id == vendor_company_id
        or (enrolment is not None and enrolment.company_id == company_id and enrolment.open(at))
    )
    if not enrolled or not person.active:
        if not operator:
            raise PersonNotFoundError(field="person_id")
        if not person.active:
            raise PersonDeactivatedError(field="person_id")
        raise CompanyNotEnrolledError(field="person_id")
    return person


@dataclass(frozen=True, slots=True)
class ActorMembership:
    """A membership that holds now, with the keys that count in its community."""

    community_id: str
    company_id: str
    roles: frozenset[str]
    trust_level: int
    keyring: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolvedActor:
    """Who makes a call, as of now; `expire_time` is when a date next changes it."""

    person_id: str
    display_name: str
    operator: bool
    memberships: tuple[ActorMembership, ...]
    expire_time: datetime | None


def needed_enrolments(person: Person) -> dict[str, str]:
    """Enrolment id -> community, of what the person's memberships rest on."""
    return {
        enrolment_id(m.community_id, m.company_id): m.community_id
        for m in person.memberships
        if m.end_time is None and not m.vendor
    }


def resolve(
    person: Person,
    enrolments: Mapping[str, Enrolment],
    at: datetime,
    seats: Iterable[GroupMember] = (),
) -> ResolvedActor:
    """Memberships and keyrings of an active person, who has these seats in groups.

    Of more than MOST_GROUP_KEYS groups the latest count for nothing. Refuses with
    PERSON_DEACTIVATED.
    """
    if not person.active:
        raise PersonDeactivatedError
    holding: list[ActorMembership] = []
    dates: list[datetime | None] = []
    seats = sorted(
        (seat for seat in seats if seat.of(person.find_membership(seat.community_id))),
        key=lambda seat: (seat.update_time, seat.group_id),
    )[:MOST_GROUP_KEYS]
    for membership in person.memberships:
        if membership.end_time is not None:
            continue
        for affiliation in person.affiliations:
            if affiliation.company_id == membership.company_id:
                dates += (affiliation.start_time, affiliation.end_time)
        enrolment = enrolments.get(enrolment_id(membership.community_id, membership.company_id))
        if enrolment is not None and not membership.vendor:
            dates += (enrolment.start_time, enrolment.end_time)
        placed = membership.vendor or (enrolment is not None and enrolment.open(at))
        if placed and person.works_for(membership.company_id, at):
            holding.append(
                ActorMembership(
                    membership.community_id,
                    membership.company_id,
                    membership.roles,
                    membership.trust_level,
                    keyring(person.id, person.locale, membership, enrolment, seats),
                )
            )
    return ResolvedActor(
        person.id, person.display_name, person.operator, tuple(holding), _next(dates, at)
    )


def keyring(
    person_id: str,
    locale: str,
    membership: Membership,
    enrolment: Enrolment | None,
    seats: Iterable[GroupMember] = (),
) -> tuple[str, ...]:
    """What a member holds in one community: by the company's enrolment, and in groups.

    The vendor's people hold nothing by an enrolment. The seats are those of groups that have not
    ended.
    """
    community = membership.community_id
    keys = [f"community:{community}", f"company:{membership.company_id}@{community}"]
    if membership.vendor:
        keys.append(f"vendor:{community}")
    elif enrolment is not None:
        keys += [f"tier:{enrolment.tier}@{community}"] if enrolment.tier else []
        keys += [territory_key(name, community) for name in enrolment.territories]
    keys.append(f"person:{person_id}")
    if membership.roles & {MODERATOR, MANAGER}:
        keys.append(f"moderators:{community}")
    keys += [f"role:{role}@{community}" for role in sorted(membership.roles - {MEMBER})]
    keys += [f"locale:{tag}@{community}" for tag in shortened(locale)]
    keys += [
        group_key(seat.group_id)
        for seat in seats
        if seat.community_id == community and seat.of(membership)
    ]
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class Placed:
    """A member with what audiences ask: the keys held, and where the day begins."""

    person_id: str
    company_id: str
    time_zone: str
    keys: frozenset[str]

    def holds_each(self, clauses: Iterable[Collection[str]]) -> bool:
        """Whether a key of every clause is held."""
        return all(not self.keys.isdisjoint(clause) for clause in clauses)


def _next(dates: Iterable[datetime | None], at: datetime) -> datetime | None:
    return min((date for date in dates if date is not None and date > at), default=None)
