"""Who acts in the forum, and in whose name something was written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from chassis.actors import (
    MANAGER,
    MODERATOR,
    NEW,
    REGULAR,
    TRUSTED_MEMBER,
    Actor,
    known_level,
)
from chassis.errors import NotFoundError, PermissionDeniedError, RoleRequiredError
from chassis.values import value


class MemberNotFoundError(NotFoundError):
    """The community has no such member."""


class AsCompanyNotAllowedError(PermissionDeniedError):
    """Newcomers speak for themselves only, as does who acts for no company."""


@value
class Persona:
    """An author of another system, known only from an import."""

    source: str
    external_id: str
    display_name: str


@value
class Author:
    """A person on behalf of a company, or a persona."""

    person_id: str = ""
    company_id: str = ""
    persona: Persona | None = None
    as_company: bool = False  # others are told the company only

    def known_to(self, community_id: str, keyring: Collection[str]) -> bool:
        """Whether they may know the person: themselves, who is of the company, and moderators."""
        if not self.as_company:
            return True
        keys = (
            f"person:{self.person_id}",
            f"company:{self.company_id}@{community_id}",
            f"moderators:{community_id}",
        )
        return opens(keys, keyring)

    def same(self, other: Author) -> bool:
        """Whether both are one person, or one persona."""
        if self.persona is None:
            return bool(self.person_id) and self.person_id == other.person_id
        return bool(self.persona.external_id) and self.persona == other.persona

    @property
    def public_person_id(self) -> str:
        """What everybody may know; empty: nobody's name stands there."""
        return "" if self.as_company else self.person_id


@dataclass(frozen=True, slots=True)
class Member:
    """The person who acts, in one community."""

    person_id: str
    company_id: str
    trust_level: int
    moderator: bool
    keyring: tuple[str, ...]

    @classmethod
    def of(cls, actor: Actor, community_id: str) -> Member:
        """The actor as a member. Refuses with COMMUNITY_NOT_FOUND."""
        membership = actor.member_of(community_id)
        return cls(
            actor.person_id,
            membership.company_id,
            membership.trust_level,
            actor.has_role(community_id, MODERATOR) or actor.has_role(community_id, MANAGER),
            membership.keyring,
        )

    @property
    def author(self) -> Author:
        """In whose name this member writes."""
        return Author(self.person_id, self.company_id)

    def writes_as(self, *, as_company: bool) -> Author:
        """In whose name, where the member may choose. Refuses with AS_COMPANY_NOT_ALLOWED."""
        if as_company and (self.newcomer or not self.company_id):
            raise AsCompanyNotAllowedError(field="as_company")
        return Author(self.person_id, self.company_id, as_company=as_company)

    @property
    def of_vendor(self) -> bool:
        """One of the vendor's people; the keyring is that of one community."""
        return any(key.startswith("vendor:") for key in self.keyring)

    @property
    def known_level(self) -> int:
        """The trust level, or the nearest that limits are set for."""
        return known_level(self.trust_level)

    @property
    def newcomer(self) -> bool:
        """Nobody has seen enough of them yet; moderators are never newcomers."""
        return self.trust_level <= NEW and not self.moderator

    @property
    def trusted(self) -> bool:
        """Has taken part for a while."""
        return self.trust_level >= TRUSTED_MEMBER or self.moderator

    @property
    def regular(self) -> bool:
        """May post without review where a space requires it."""
        return self.trust_level >= REGULAR or self.moderator

    def wrote(self, author: Author) -> bool:
        """Whether this is their own; nobody is an imported persona."""
        return bool(author.person_id) and author.person_id == self.person_id

    def require_moderator(self) -> None:
        """Refuses with ROLE_REQUIRED."""
        if not self.moderator:
            raise RoleRequiredError("this needs the role MODERATOR")

    def require_vendors_moderator(self) -> None:
        """Refuses with ROLE_REQUIRED."""
        self.require_moderator()
        if not self.of_vendor:
            raise RoleRequiredError("this needs the role MODERATOR, and to be of the vendor")

    def require_author(self, author: Author) -> None:
        """Refuses with ROLE_REQUIRED."""
        if not self.wrote(author):
            raise RoleRequiredError("only its author may do this")

    def require_author_or_moderator(self, author: Author) -> None:
        """Refuses with ROLE_REQUIRED."""
        if not (self.moderator or self.wrote(author)):
            raise RoleRequiredError("only its author and moderators may do this")


def keys_of_withheld(community_id: str, author: Author) -> tuple[str, ...]:
    """Who sees what is out of sight: its author, if a person, and the moderators."""
    own = (f"person:{author.person_id}",) if author.person_id else ()
    return (*own, f"moderators:{community_id}")


def opens(read_keys: Collection[str], keyring: Collection[str]) -> bool:
    """The wall: one key in both."""
    return any(key in keyring for key in read_keys)
