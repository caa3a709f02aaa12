"""What owners of portals can do, in GraphQL: one command each, named alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar, cast

import strawberry
from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.errors import CommunityNotFoundError
from gateway.context import Info
from gateway.cursors import GlobalId, decode_id
from gateway.loaders import fill
from gateway.schema.portals import Document, DocumentsMode, Portal
from gateway.schema.writes import codes, expected_version, number, request_id, version
from guildhall.directory.v1 import directory_pb2
from guildhall.gateway.v1 import gateway_pb2

R = TypeVar("R", bound=Message)
P = TypeVar("P")

_What = strawberry.argument(description="What to do.")
_OWNER = ("PORTAL_NOT_FOUND", "VERSION_STALE", "FIELD_INVALID")
_TAKEN = ("PORTAL_CLIENT_TAKEN", "PORTAL_ORIGIN_TAKEN", "ROLE_REQUIRED", "TEXT_INVALID")
_ORIGINS = "Where its pages are, exactly as browsers send it: https://host or https://host:port."


@strawberry.input(description="An OAuth client of an issuer.")
class PortalClientInput:
    """Of createPortal and updatePortal."""

    issuer: str = strawberry.field(description="The issuer's address.")
    client_id: str = strawberry.field(description="The client's id there.")


@strawberry.input(description="A new portal.")
class CreatePortalInput:
    """Of createPortal."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Whose vendor's it is.")
    name: str = strawberry.field(description="Its name, at most 80 characters.")
    clients: list[PortalClientInput] = strawberry.field(
        default_factory=list, description="Whose access tokens it sends, at most 20."
    )
    origins: list[str] = strawberry.field(default_factory=list, description=_ORIGINS)
    documents_mode: DocumentsMode = strawberry.field(
        default=DocumentsMode.OPEN, description="What it may have executed."
    )
    introspection: bool = strawberry.field(
        default=True, description="Whether the schema is told to people signed in through it."
    )
    points_per_minute: int = strawberry.field(
        default=60_000, description="What its requests together may cost in a minute."
    )


@strawberry.input(description="What becomes of a portal; what is left out stays.")
class UpdatePortalInput:
    """Of updatePortal."""

    request_id: str = request_id()
    portal_id: strawberry.ID = strawberry.field(description="The portal.")
    name: str | None = strawberry.field(default=None, description="The new name.")
    clients: list[PortalClientInput] | None = strawberry.field(
        default=None, description="The new clients, in place of all. For operators."
    )
    origins: list[str] | None = strawberry.field(
        default=None, description="The new origins, in place of all. For operators."
    )
    documents_mode: DocumentsMode | None = strawberry.field(
        default=None, description="What it may have executed."
    )
    introspection: bool | None = strawberry.field(
        default=None, description="Whether the schema is told to people signed in through it."
    )
    points_per_minute: int | None = strawberry.field(
        default=None, description="What its requests may cost in a minute. For operators."
    )
    expected_version: int | None = expected_version()


@strawberry.input(description="Documents that a portal may have executed from now on.")
class RegisterDocumentsInput:
    """Of registerDocuments."""

    request_id: str = request_id()
    portal_id: strawberry.ID = strawberry.field(description="The portal.")
    documents: list[str] = strawberry.field(
        description="Their texts, at most 100: all are registered, or none. Each has one operation."
    )
    expected_version: int | None = expected_version()


@strawberry.input(description="Documents that a portal may not have executed any more.")
class RemoveDocumentsInput:
    """Of removeDocuments."""

    request_id: str = request_id()
    portal_id: strawberry.ID = strawberry.field(description="The portal.")
    document_ids: list[str] = strawberry.field(description="Their ids, at most 100.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The new portal.")
class CreatePortalPayload:
    """Of createPortal."""

    portal: Portal = strawberry.field(description="The portal as it is now.")


@strawberry.type(description="The changed portal.")
class UpdatePortalPayload:
    """Of updatePortal."""

    portal: Portal = strawberry.field(description="The portal as it is now.")


@strawberry.type(description="What is registered.")
class RegisterDocumentsPayload:
    """Of registerDocuments."""

    portal: Portal = strawberry.field(description="The portal as it is now.")
    documents: list[Document] = strawberry.field(
        description="In the order of the texts; those too that were registered before."
    )


@strawberry.type(description="The portal without them.")
class RemoveDocumentsPayload:
    """Of removeDocuments."""

    portal: Portal = strawberry.field(description="The portal as it is now.")


async def _command(info: Info, method: Callable[[Actor, R], Awaitable[Any]], request: R) -> P:
    """As write, but by no RPC: portals are the gateway's own."""
    context = info.context
    response = await context.call(partial(method, context.actor), request)
    await fill(info, [response])
    return cast("P", response)


def _portal(input: Any) -> GlobalId:
    return decode_id(input.portal_id, "portalId", "Portal")


def _clients(clients: list[PortalClientInput]) -> list[gateway_pb2.Client]:
    return [gateway_pb2.Client(issuer=one.issuer, client_id=one.client_id) for one in clients]


@strawberry.type
class PortalMutation:
    """Portals and their documents."""

    @strawberry.mutation(
        description=codes(
            "Make a portal. For operators.", "COMMUNITY_NOT_FOUND", "FIELD_INVALID", *_TAKEN
        )
    )
    async def create_portal(
        self, info: Info, input: Annotated[CreatePortalInput, _What]
    ) -> CreatePortalPayload:
        context = info.context
        context.actor.require_operator()
        community_id = decode_id(input.community_id, "communityId", "Community").id
        asked = directory_pb2.GetCommunityRequest(community_id=community_id)
        if await context.find(context.services.directory.GetCommunity, asked) is None:
            raise CommunityNotFoundError(field="community_id")
        request = gateway_pb2.CreatePortalRequest(
            request_id=input.request_id,
            community_id=community_id,
            name=input.name,
            clients=_clients(input.clients),
            origins=input.origins,
            documents_mode=number(input.documents_mode),
            introspection=input.introspection,
            points_per_minute=input.points_per_minute,
        )
        return await _command(info, context.portals.create_portal, request)

    @strawberry.mutation(
        description=codes(
            "Change a portal; it holds everywhere within a few seconds. For managers, and in part "
            "for operators only: by its clients and origins it is known.", *_OWNER, *_TAKEN,
        )
    )  # fmt: skip
    async def update_portal(
        self, info: Info, input: Annotated[UpdatePortalInput, _What]
    ) -> UpdatePortalPayload:
        portal = _portal(input)
        request = gateway_pb2.UpdatePortalRequest(
            request_id=input.request_id,
            community_id=portal.community_id,
            portal_id=portal.id,
            name=input.name,
            documents_mode=number(input.documents_mode),
            introspection=input.introspection,
            points_per_minute=input.points_per_minute,
            expected_version=version(input),
        )
        if input.clients is not None:
            clients = gateway_pb2.Clients(clients=_clients(input.clients))
            request.clients.CopyFrom(clients)
        if input.origins is not None:
            request.origins.CopyFrom(gateway_pb2.Origins(origins=input.origins))
        return await _command(info, info.context.portals.update_portal, request)

    @strawberry.mutation(
        description=codes(
            "Register documents, checked, measured and priced as for their execution; the message "
            "tells of all that are refused. For managers and operators.",
            "DOCUMENT_REFUSED", "TOO_MANY_DOCUMENTS", *_OWNER,
        )
    )  # fmt: skip
    async def register_documents(
        self, info: Info, input: Annotated[RegisterDocumentsInput, _What]
    ) -> RegisterDocumentsPayload:
        portal = _portal(input)
        request = gateway_pb2.RegisterDocumentsRequest(
            request_id=input.request_id,
            community_id=portal.community_id,
            portal_id=portal.id,
            texts=input.documents,
            expected_version=version(input),
        )
        return await _command(info, info.context.portals.register_documents, request)

    @strawberry.mutation(
        description=codes(
            "Remove documents: within a few seconds they are executed nowhere. For managers and "
            "operators.", "DOCUMENT_NOT_FOUND", *_OWNER,
        )
    )  # fmt: skip
    async def remove_documents(
        self, info: Info, input: Annotated[RemoveDocumentsInput, _What]
    ) -> RemoveDocumentsPayload:
        portal = _portal(input)
        request = gateway_pb2.RemoveDocumentsRequest(
            request_id=input.request_id,
            community_id=portal.community_id,
            portal_id=portal.id,
            document_ids=input.document_ids,
            expected_version=version(input),
        )
        return await _command(info, info.context.portals.remove_documents, request)
