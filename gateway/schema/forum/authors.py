"""Who wrote something, in GraphQL."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import strawberry

from gateway import batches
from gateway.loaders import Key, Reference
from gateway.schema.directory import Company, Member
from gateway.schema.fields import fetched
from guildhall.forum.v1 import forum_pb2


@strawberry.type(description="An author of another system, known only from an import.")
class Persona:
    """forum.Persona."""

    source: str = strawberry.field(description="The other system.")
    external_id: str = strawberry.field(description="The author's id there.")
    display_name: str = strawberry.field(description="The author's name there.")


class AuthorRow:
    """An author in a community: the source of Author. A page has many."""

    __slots__ = ("_author", "_community_id", "member_key")

    def __init__(self, community_id: str, author: forum_pb2.Author) -> None:
        self._community_id = community_id
        self._author = author
        person_id = author.person_id
        # Where the member is found; None where it was imported. Asked for twice, so made once.
        self.member_key: Key | None = (community_id, person_id) if person_id else None

    @property
    def company_key(self) -> Key | None:
        """Where the company is found; None likewise."""
        company_id = self._author.company_id
        return (self._community_id, company_id) if company_id else None

    @property
    def as_company(self) -> bool:
        """Whether the company speaks."""
        return self._author.as_company

    @property
    def persona(self) -> forum_pb2.Persona | None:
        """Where it was imported."""
        return self._author.persona if self._author.HasField("persona") else None


def author_of(row: Any) -> AuthorRow | None:
    """Of a topic or reply."""
    return AuthorRow(row.community_id, row.author) if row.HasField("author") else None


@strawberry.type(description="Who wrote something: a member for a company, or a persona.")
class Author:
    """forum.Author."""

    persona: Persona | None = strawberry.field(
        description="The imported author; null where a member wrote it."
    )

    as_company: bool = strawberry.field(
        description="Whether the company speaks: then only its people and moderators see a member."
    )

    member: Member | None = fetched(
        Reference(batches.members, attrgetter("member_key")),
        "The member, who may have left since; null where it was imported, or where one may not "
        "know who wrote it for the company.",
    )

    company: Company | None = fetched(
        Reference(batches.companies, attrgetter("company_key")),
        "The company it was written for, whoever the member acts for now.",
    )
