"""A person: identities, dated affiliations, and memberships on behalf of companies."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.actors import BASIC, MANAGER, MEMBER, REGULAR
from chassis.errors import FieldInvalidError, TextInvalidError
from services.directory.domain.fields import check_issuer, is_open
from services.directory.domain.refusals import (
    AlreadyAffiliatedError,
    AlreadyMemberError,
    IdentityNotFoundError,
    IdentityTakenError,
    MemberFormerError,
    MemberNotFoundError,
    PersonActiveError,
    PersonDeactivatedError,
    RoleNotGrantableError,
)

MOST_IDENTITIES = 20
MOST_SUBJECT = 255
_PROVISIONED = uuid.UUID("5d0c2c0e-52a5-4e53-9a8e-2f6f7a8f1c61")


class PersonState(StrEnum):
    """Whether a person can act."""

    ACTIVE = "ACTIVE"
    DEACTIVATED = "DEACTIVATED"


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """Who a token is of: compared to the letter."""

    issuer: str
    subject: str


def check_link(issuer: str, subject: str, field: str) -> IdentityLink:
    """An identity that a token can have."""
    return IdentityLink(
        check_issuer(issuer, f"{field}.issuer"), check_subject(subject, f"{field}.subject")
    )


def check_subject(subject: str, field: str) -> str:
    """A token's subject, which may be anything printable and is never changed."""
    if not 1 <= len(subject) <= MOST_SUBJECT:
        raise TextInvalidError(f"{field} must have 1 to {MOST_SUBJECT} characters", field=field)
    if not subject.isprintable() or subject != subject.strip():
        raise TextInvalidError(f"{field} must be printable, without outer blanks", field=field)
    return subject


def provisioned_id(link: IdentityLink) -> str:
    """The id of whom this identity provisions: concurrent sign-ins meet on it."""
    return uuid.uuid5(_PROVISIONED, f"{link.issuer}\n{link.subject}").hex


@dataclass(frozen=True, slots=True)
class Affiliation:
    """A person works for a company."""

    company_id: str
    start_time: datetime
    end_time: datetime | None = None

    def current(self, at: datetime) -> bool:
        """Whether it holds now."""
        return is_open(self.start_time, self.end_time, at)


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in one community, on behalf of one company; kept when it ends."""

    community_id: str
    company_id: str
    vendor: bool  # the company is the community's vendor: needs no enrolment
    join_time: datetime
    roles: frozenset[str] = frozenset({MEMBER})
    trust_level: int = BASIC
    end_time: datetime | None = None
    version: int = 0  # the person's, at the last change that shows in the member
    trust_level_fixed: bool = False  # given by hand: what is earned does not change it
    earned_level: int = BASIC  # the last that was earned, whatever the level is; all begin there

    def shows_as(self, other: Membership | None) -> bool:
        """Whether members see the same in both."""
        return other is not None and replace(other, earned_level=self.earned_level) == self


@dataclass(frozen=True, slots=True)
class Person:
    """A human, once on the platform."""

    id: str
    display_name: str
    email: str
    create_time: datetime
    state: PersonState = PersonState.ACTIVE
    operator: bool = False
    identity_links: tuple[IdentityLink, ...] = ()
    affiliations: tuple[Affiliation, ...] = ()
    memberships: tuple[Membership, ...] = ()
    time_zone: str = ""  # IANA; empty: UTC
    locale: str = ""  # BCP 47; empty: not known

    @property
    def active(self) -> bool:
        """Whether the person can act."""
        return self.state is PersonState.ACTIVE

    @property
    def community_ids(self) -> tuple[str, ...]:
        """Where the person is or was a member."""
        return tuple(membership.community_id for membership in self.memberships)

    def company_at(self, at: datetime) -> str:
        """The company the person works for; empty where there is none."""
        return next((a.company_id for a in self.affiliations if a.current(at)), "")

    def works_for(self, company_id: str, at: datetime) -> bool:
        """Whether an affiliation with this company holds."""
        return any(a.company_id == company_id and a.current(at) for a in self.affiliations)

    def find_membership(self, community_id: str) -> Membership | None:
        """The membership there, ended or not."""
        return next((m for m in self.memberships if m.community_id == community_id), None)

    def get_membership(self, community_id: str) -> Membership:
        """The membership there, ended or not. Refuses with MEMBER_NOT_FOUND."""
        membership = self.find_membership(community_id)
        if membership is None:
            raise MemberNotFoundError(field="person_id")
        return membership

    def link(self, link: IdentityLink) -> Person:
        """One identity more. Refuses with IDENTITY_TAKEN where the person has it."""
        if link in self.identity_links:
            raise IdentityTakenError
        if len(self.identity_links) >= MOST_IDENTITIES:
            raise FieldInvalidError(
                f"a person has at most {MOST_IDENTITIES} identities", field="identity_link"
            )
        return replace(self, identity_links=(*self.identity_links, link))

    def unlink(self, link: IdentityLink) -> Person:
        """One identity less. Refuses with IDENTITY_NOT_FOUND."""
        if link not in self.identity_links:
            raise IdentityNotFoundError(field="identity_link")
        return replace(
            self, identity_links=tuple(old for old in self.identity_links if old != link)
        )

    def deactivate(self) -> Person:
        """No longer able to act; nothing else changes."""
        if not self.active:
            raise PersonDeactivatedError(field="person_id")
        return replace(self, state=PersonState.DEACTIVATED)

    def reactivate(self) -> Person:
        """Able to act again, with all of before."""
        if self.active:
            raise PersonActiveError(field="person_id")
        return replace(self, state=PersonState.ACTIVE)

    def affiliate(self, company_id: str, at: datetime) -> Person:
        """Works for this company from now on."""
        return replace(self, affiliations=(*self.affiliations, Affiliation(company_id, at)))

    def move(self, company_id: str, communities: Iterable[str], at: datetime) -> Person:
        """Another employer: what the old one gave ends, the new one's auto_join communities begin.

        Refuses with PERSON_DEACTIVATED, ALREADY_AFFILIATED.
        """
        if not self.active:
            raise PersonDeactivatedError(field="person_id")
        if self.works_for(company_id, at):
            raise AlreadyAffiliatedError(field="company_id")
        moved = replace(
            self,
            affiliations=tuple(
                replace(a, end_time=at) if a.current(at) else a for a in self.affiliations
            ),
            memberships=tuple(
                replace(m, end_time=at) if m.end_time is None else m for m in self.memberships
            ),
        ).affiliate(company_id, at)
        for community_id in communities:
            moved = moved.join(community_id, company_id, at)
        return moved

    def join(
        self,
        community_id: str,
        company_id: str,
        at: datetime,
        *,
        vendor: bool = False,
        roles: Iterable[str] = (),
        trust_level: int | None = None,
    ) -> Person:
        """A member from now on; None: at the level that was earned here before.

        Refuses with ALREADY_MEMBER, ROLE_NOT_GRANTABLE.
        """
        old = self.find_membership(community_id)
        if old is not None and old.end_time is None:
            raise AlreadyMemberError(field="person_id")
        earned = old.earned_level if old is not None else BASIC
        new = Membership(
            community_id,
            company_id,
            vendor,
            at,
            grantable(roles, vendor=vendor),
            trust_level or earned,
            earned_level=earned,
        )
        kept = tuple(m for m in self.memberships if m.community_id != community_id)
        return replace(self, memberships=(*kept, new))

    def change_member(
        self,
        community_id: str,
        roles: Iterable[str] | None,
        trust_level: int | None,
        trust_level_fixed: bool | None = None,
    ) -> Person:
        """Other roles or trust; None leaves them. Trust that is given stays, unless said otherwise.

        What was earned while another level was fixed counts once that is fixed no more. Refuses as
        get_membership and grantable do.
        """
        old = self._current_membership(community_id)
        fixed = old.trust_level_fixed or trust_level is not None
        if trust_level is None and old.trust_level_fixed and trust_level_fixed is False:
            trust_level = max(old.trust_level, old.earned_level)
        return self._with(
            replace(
                old,
                roles=old.roles if roles is None else grantable(roles, vendor=old.vendor),
                trust_level=trust_level or old.trust_level,
                trust_level_fixed=fixed if trust_level_fixed is None else trust_level_fixed,
            )
        )

    def earn(self, community_id: str, trust_level: int, former_level: int) -> Person:
        """What was earned, where no hand has fixed another.

        More is never taken away, but for REGULAR, which was earned and is lost again. Who is no
        member any more has it on coming back.
        """
        old = self.find_membership(community_id)
        if old is None:
            return self
        new = replace(old, earned_level=trust_level)
        if old.end_time is None and not old.trust_level_fixed:
            lost = trust_level < former_level == old.trust_level == REGULAR
            if trust_level > old.trust_level or lost:
                new = replace(new, trust_level=trust_level)
        return self._with(new)

    def leave(self, community_id: str, at: datetime) -> Person:
        """No longer a member. Refuses with MEMBER_NOT_FOUND, MEMBER_FORMER."""
        return self._with(replace(self._current_membership(community_id), end_time=at))

    def stamped(self, before: Person | None, version: int) -> Person:
        """With the version put on every membership that no longer shows as it did before."""
        old = {m.community_id: m for m in before.memberships} if before else {}
        shows_anew = before is None or before.look != self.look
        return replace(
            self,
            memberships=tuple(
                m
                if not shows_anew and m.shows_as(old.get(m.community_id))
                else replace(m, version=version)
                for m in self.memberships
            ),
        )

    @property
    def look(self) -> tuple[str, ...]:
        """What members show of the person, and what audiences ask of them."""
        return self.display_name, self.state, self.time_zone, self.locale

    def _current_membership(self, community_id: str) -> Membership:
        membership = self.get_membership(community_id)
        if membership.end_time is not None or not self.active:
            raise MemberFormerError(field="person_id")
        return membership

    def _with(self, membership: Membership) -> Person:
        return replace(
            self,
            memberships=tuple(
                membership if m.community_id == membership.community_id else m
                for m in self.memberships
            ),
        )


def provision(
    link: IdentityLink,
    display_name: str,
    email: str,
    company_id: str,
    communities: Sequence[str],
    at: datetime,
) -> Person:
    """Who stands behind a first sign-in: of the issuer's company, in its auto_join communities."""
    person = Person(provisioned_id(link), display_name, email, at, identity_links=(link,))
    person = person.affiliate(company_id, at)
    for community_id in communities:
        person = person.join(community_id, company_id, at)
    return person


def grantable(roles: Iterable[str], *, vendor: bool) -> frozenset[str]:
    """These roles and MEMBER. Refuses with ROLE_NOT_GRANTABLE."""
    if MANAGER in (wanted := frozenset({MEMBER, *roles})) and not vendor:
        raise RoleNotGrantableError(field="roles")
    return wanted


def joined(before: Person | None, after: Person) -> list[Membership]:
    """Memberships that began."""
    old = {m.community_id: m for m in before.memberships} if before else {}
    return [
        m
        for m in after.memberships
        if m.end_time is None
        and (
            (was := old.get(m.community_id)) is None
            or was.end_time is not None
            or was.company_id != m.company_id
        )
    ]


def left(before: Person | None, after: Person) -> list[Membership]:
    """Memberships that ended, as they were."""
    new = {m.community_id: m for m in after.memberships}
    return [
        m
        for m in (before.memberships if before else ())
        if m.end_time is None
        and (
            new[m.community_id].end_time is not None
            or new[m.community_id].company_id != m.company_id
        )
    ]
