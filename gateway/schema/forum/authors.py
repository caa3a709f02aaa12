"""Who wrote something, in GraphQL."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import strawberry

from gateway import batches
from gateway.loaders import Reference
from gateway.schema.directory import Company, Member
from gateway.schema.fields import fetched
from guildhall.forum.v1 import forum_pb2


@strawberry.type(description="An author of another system, known only from an import.")
class Persona:
    """forum.Persona."""

    source: str = strawberry.field(description="The other system.")
    external_id: str = strawberry.field(description="The author's id there.")
    display_name: str = strawberry.field(description="The author's name there.")


class AuthorRow(NamedTuple):
    """An author in a community: the source of Author. A page has many."""

    community_id: str
    author: forum_pb2.Author

    @property
    def as_company(self) -> bool:
        """Whether the company speaks."""
        return self.author.as_company

    @property
    def persona(self) -> forum_pb2.Persona | None:
        """Where it was imported."""
        return self.author.persona if self.author.HasField("persona") else None


def author_at(name: str) -> Callable[[Any], AuthorRow | None]:
    """Of a row in a community: the author in its field of this name; None where it is not set."""

    def author(row: Any) -> AuthorRow | None:
        if not row.HasField(name):
            return None
        # A named tuple's own way to be made is one call more.
        return tuple.__new__(AuthorRow, (row.community_id, getattr(row, name)))

    return author


author_of = author_at("author")  # of a topic or reply


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
        Reference(batches.members, attrgetter("community_id", "author.person_id")),
        "The member, who may have left since; null where it was imported, or where one may not "
        "know who wrote it for the company.",
    )

    company: Company | None = fetched(
        Reference(batches.companies, attrgetter("community_id", "author.company_id")),
        "The company it was written for, whoever the member acts for now.",
    )
