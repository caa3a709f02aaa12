"""Who wrote something, in GraphQL."""

from __future__ import annotations

from operator import attrgetter

import strawberry

from gateway import batches
from gateway.loaders import Reference
from gateway.schema.directory import Company, Member
from gateway.schema.fields import fetched
from guildhall.forum.v1 import forum_pb2


@strawberry.type(description="An author of another system, known only from an import.")
class Persona:
    """forum.Persona."""

    message = forum_pb2.Persona

    source: str = strawberry.field(description="The other system.")
    external_id: str = strawberry.field(description="The author's id there.")
    display_name: str = strawberry.field(description="The author's name there.")


@strawberry.type(description="Who wrote something: a member for a company, or a persona.")
class Author:
    """forum.Author."""

    message = forum_pb2.Author

    persona: Persona | None = strawberry.field(
        description="The imported author; null where a member wrote it."
    )

    as_company: bool = strawberry.field(
        description="Whether the company speaks: then only its people and moderators see a member."
    )

    member: Member | None = fetched(
        Reference(batches.members, attrgetter("community_id", "person_id")),
        "The member, who may have left since; null where it was imported, or where one may not "
        "know who wrote it for the company.",
    )

    company: Company | None = fetched(
        Reference(batches.companies, attrgetter("community_id", "company_id")),
        "The company it was written for, whoever the member acts for now.",
    )
