"""Portals and their documents in GraphQL; mutations are beside it."""

from __future__ import annotations

from enum import Enum

import strawberry

from gateway import batches, staff_lists
from gateway.cursors import encode_id
from gateway.loaders import Listing
from gateway.schema.directory import Community
from gateway.schema.fields import COMMUNITY, fetched, paged
from gateway.schema.relay import CommunityNode, Connection
from gateway.schema.scalars import DateTime, unset_is_null
from gateway.schema.viewer import NODES, found_within
from guildhall.gateway.v1 import gateway_pb2


@strawberry.enum(description="Which documents a portal may have executed.")
class DocumentsMode(Enum):
    """gateway.DocumentsMode."""

    OPEN = strawberry.enum_value(
        gateway_pb2.DOCUMENTS_MODE_OPEN, description="Any, and registered ones by their ids."
    )
    TRUSTED = strawberry.enum_value(
        gateway_pb2.DOCUMENTS_MODE_TRUSTED,
        description="Registered ones only, by their ids; all else is DOCUMENT_NOT_TRUSTED.",
    )


@strawberry.type(description="An OAuth client, whose access tokens a portal sends.")
class PortalClient:
    """gateway.Client."""

    issuer: str = strawberry.field(description="The issuer's address: an id is one of its own.")
    client_id: str = strawberry.field(description="The client's id there.")


@strawberry.type(description="A document that a portal may have executed by its id.")
class Document:
    """gateway.Document."""

    text: str = strawberry.field(description="The document, as it was registered.")
    cost: int = strawberry.field(
        description="What it costs with the defaults of its variables, as extensions.cost tells."
    )
    register_time: DateTime = strawberry.field(description="When it was registered.")

    @strawberry.field(description="What is sent as documentId: sha256:, and the text's hash.")
    def document_id(self) -> str:
        return self.id  # type: ignore[attr-defined,no-any-return]

    @strawberry.field(description="Its operation's name; null where it has none.")
    def name(self) -> str | None:
        return unset_is_null(self, "name")


@strawberry.type(description="A registered document that this version of the schema refuses.")
class BrokenDocument:
    """gateway.portals.breaking.BrokenDocument."""

    problems: list[str] = strawberry.field(description="Why, in a sentence each.")

    @strawberry.field(description="Its id.")
    def document_id(self) -> str:
        return self.document.id  # type: ignore[attr-defined,no-any-return]

    @strawberry.field(description="Its operation's name; null where it has none.")
    def name(self) -> str | None:
        return self.document.name or None  # type: ignore[attr-defined]


@strawberry.type(
    description="A vendor's website or script that uses the API. Only managers of its community "
    "and operators know of it."
)
class Portal(CommunityNode):
    """gateway.Portal."""

    message = gateway_pb2.Portal

    name: str = strawberry.field(description="Its name.")
    clients: list[PortalClient] = strawberry.field(
        description="Whose access tokens it sends: by these a request with a token is its own."
    )
    origins: list[str] = strawberry.field(
        description="Where its pages are: browsers let these read answers, and requests from them "
        "with a session or without a token of one of its clients are its own."
    )
    documents_mode: DocumentsMode = strawberry.field(description="What it may have executed.")
    introspection: bool = strawberry.field(
        description="Whether the schema is told to people who are signed in through it."
    )
    points_per_minute: int = strawberry.field(
        description="What all its requests together may cost in a minute."
    )
    document_count: int = strawberry.field(description="How many documents are registered.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(
        description="For expectedVersion; grows with every change of its documents too."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Portal", self.community_id, self.id))  # type: ignore[attr-defined]

    community: Community | None = fetched(COMMUNITY, "The community it belongs to.")

    documents: Connection[Document] | None = paged(
        staff_lists.documents, "What is registered, by id. Codes: BAD_USER_INPUT."
    )

    broken_documents: list[BrokenDocument] | None = fetched(
        Listing(staff_lists.broken_documents),
        "What is registered and not valid any more in this version of the schema, all of it.",
        cost=50,
    )


NODES["Portal"] = found_within(batches.portals)
