"""Who makes a call: a person with memberships and keys, or a service."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from chassis.errors import CommunityNotFoundError, RoleRequiredError, UnauthenticatedError

MEMBER, GROUP_MODERATOR, MODERATOR, MANAGER = "MEMBER", "GROUP_MODERATOR", "MODERATOR", "MANAGER"
NEW, BASIC, TRUSTED_MEMBER, REGULAR, LEADER = 1, 2, 3, 4, 5  # trust levels


def known_level(trust_level: int) -> int:
    """The nearest that limits are set for: who calls may know of other levels."""
    return min(max(trust_level, NEW), LEADER)


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in one community, on behalf of one company."""

    company_id: str
    roles: frozenset[str] = frozenset({MEMBER})
    trust_level: int = BASIC
    keyring: tuple[str, ...] = ()  # keys of this community: community:<id>, company:<id>@<c>, ...


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (person_id) or a service (service), never both."""

    person_id: str = ""
    service: str = ""
    operator: bool = False
    memberships: Mapping[str, Membership] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What stands in records of who did something: the person's id or service:<name>."""
        return f"service:{self.service}" if self.service else self.person_id

    def member_of(self, community_id: str) -> Membership:
        """The membership; a community one is not in is answered as one that does not exist."""
        membership = self.memberships.get(community_id)
        if membership is None:
            raise CommunityNotFoundError(field="community_id")
        return membership

    def keys(self, community_id: str) -> tuple[str, ...]:
        """The keys that count in one community: none for outsiders and services."""
        membership = self.memberships.get(community_id)
        return membership.keyring if membership else ()

    def has_role(self, community_id: str, role: str) -> bool:
        """Whether the person holds this role there; MANAGER is also MODERATOR."""
        membership = self.memberships.get(community_id)
        if membership is None:
            return False
        return role in membership.roles or (role == MODERATOR and MANAGER in membership.roles)

    def require_role(self, community_id: str, role: str) -> Membership:
        """The membership with this role; outsiders learn nothing, members that it is missing."""
        membership = self.member_of(community_id)
        if not self.has_role(community_id, role):
            raise RoleRequiredError(f"this needs the role {role}")
        return membership

    def require_operator(self) -> None:
        """Only people who run the platform."""
        if not self.operator:
            raise RoleRequiredError("this needs the role OPERATOR")

    def require_service(self, *names: str) -> None:
        """Only these services (none named: any) may call this."""
        if not self.service or (names and self.service not in names):
            raise RoleRequiredError("only services may call this")


current_actor: ContextVar[Actor | None] = ContextVar("current_actor", default=None)


def require_actor() -> Actor:
    """The verified caller of the RPC under way."""
    actor = current_actor.get()
    if actor is None:
        raise UnauthenticatedError("no actor token")
    return actor


def require_person() -> Actor:
    """The verified caller, who must be a person."""
    actor = require_actor()
    if not actor.person_id:
        raise RoleRequiredError("only people may call this")
    return actor
