"""Collections `portals` and `documents`. Only this file knows their stored fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.decisions import Aggregates, Parts
from chassis.decisions import Document as Row
from chassis.mongo import Database, Index, Migration
from chassis.pagination import Paging
from gateway.portals.portal import (
    Client,
    Document,
    DocumentsMode,
    Portal,
    PortalClientTakenError,
    PortalNotFoundError,
    PortalOriginTakenError,
)
from gateway.sessions import patient

_PORTALS, _DOCUMENTS = "portals", "documents"
_CLIENT, _ORIGIN = "client", "origin"
_BY_NAME = (("name_folded", 1), ("_id", 1))


class PortalRepository:
    """Reads of portals; writes are decisions on them, which documents are parts of."""

    indexes: Sequence[Index] = (
        Index(_PORTALS, [("community_id", 1), *_BY_NAME], "name"),
        # Partial: an array without an entry would count as one.
        Index(_PORTALS, [("client_keys", 1)], _CLIENT, unique=True,
              partial={"client_keys": {"$gt": ""}}),
        Index(_PORTALS, [("origins", 1)], _ORIGIN, unique=True, partial={"origins": {"$gt": ""}}),
        Index(_DOCUMENTS, [("community_id", 1), ("portal_id", 1), ("_id", 1)], "portal"),
    )  # fmt: skip
    migrations: Sequence[Migration] = ()

    def __init__(self, database: Database) -> None:
        self._portals = database[_PORTALS]
        self._documents = database[_DOCUMENTS]
        self.portals: Aggregates[Portal] = Aggregates(
            "portal",
            _PORTALS,
            _portal,
            _portal_row,
            unique={_CLIENT: PortalClientTakenError, _ORIGIN: PortalOriginTakenError},
        )
        self.documents: Parts[Document] = Parts(_DOCUMENTS, _document, _document_row)

    async def all_portals(self) -> list[Portal]:
        """Of every community: what each replica knows by heart. There are few."""
        with patient("portals"):
            return [_portal(row) async for row in self._portals.find()]

    async def get_portal(self, community_id: str, portal_id: str) -> Portal:
        """Refuses with PORTAL_NOT_FOUND, UNAVAILABLE."""
        with patient("portals"):
            row = await self._portals.find_one({"community_id": community_id, "_id": portal_id})
        if row is None:
            raise PortalNotFoundError(field="portal_id")
        return _portal(row)

    async def list_portals_by_id(
        self, community_id: str, portal_ids: Sequence[str]
    ) -> list[Portal]:
        """Those that there are: one query."""
        query = {"community_id": community_id, "_id": {"$in": list(portal_ids)}}
        with patient("portals"):
            return [_portal(row) async for row in self._portals.find(query)]

    async def list_portals(self, community_id: str, paging: Paging) -> tuple[list[Portal], str]:
        """A community's by name, and the next page's token."""
        query = {"community_id": community_id, **paging.beyond(_BY_NAME)}
        with patient("portals"):
            rows = self._portals.find(query).sort(paging.sort(_BY_NAME)).limit(paging.limit)
            read = await rows.to_list()
        page, token = paging.page(read, lambda row: (row["name_folded"], row["_id"]))
        return [_portal(row) for row in page], token

    async def list_documents(
        self, community_id: str, portal_id: str, paging: Paging
    ) -> tuple[list[Document], str]:
        """A portal's by id, and the next page's token."""
        order = [("_id", 1)]
        query: Row = {"community_id": community_id, "portal_id": portal_id, "removed": False}
        with patient("documents"):
            rows = self._documents.find({**query, **paging.beyond(order)}).sort(paging.sort(order))
            read = await rows.limit(paging.limit).to_list()
        page, token = paging.page(read, lambda row: (row["_id"],))
        return [_document(row) for row in page], token

    async def find_document(self, portal: Portal, document_id: str) -> Document | None:
        """One of a portal's; None where it is not registered, or was removed."""
        key = {"community_id": portal.community_id, "_id": row_id(portal.id, document_id)}
        with patient("documents"):
            row = await self._documents.find_one(key)
        return None if row is None or row["removed"] else _document(row)

    async def all_documents(self, portal: Portal) -> list[Document]:
        """Everything a portal may have executed."""
        query: Row = {"community_id": portal.community_id, "portal_id": portal.id, "removed": False}
        with patient("documents"):
            rows = await self._documents.find(query).sort("_id", 1).to_list()
        return [_document(row) for row in rows]


def row_id(portal_id: str, document_id: str) -> str:
    """Where a portal's document is stored: two portals have each their own of one text."""
    return f"{portal_id}.{document_id}"


def _portal(row: Row) -> Portal:
    return Portal(
        id=row["_id"],
        community_id=row["community_id"],
        name=row["name"],
        clients=tuple(Client(one["issuer"], one["client_id"]) for one in row["clients"]),
        origins=tuple(row["origins"]),
        documents_mode=DocumentsMode[row["documents_mode"]],
        introspection=row["introspection"],
        points_per_minute=row["points_per_minute"],
        create_time=row["create_time"],
        document_count=row["document_count"],
        version=row["seq"],
    )


def _portal_row(portal: Portal) -> dict[str, Any]:
    return {
        "name": portal.name,
        "name_folded": portal.name.casefold(),
        "clients": [
            {"issuer": client.issuer, "client_id": client.client_id} for client in portal.clients
        ],
        "client_keys": [f"{client.issuer} {client.client_id}" for client in portal.clients],
        "origins": list(portal.origins),
        "documents_mode": portal.documents_mode.name,
        "introspection": portal.introspection,
        "points_per_minute": portal.points_per_minute,
        "create_time": portal.create_time,
        "document_count": portal.document_count,
    }


def _document(row: Row) -> Document:
    return Document(
        id=row["_id"].partition(".")[2],
        community_id=row["community_id"],
        portal_id=row["portal_id"],
        name=row["name"],
        text=row["text"],
        cost=row["cost"],
        register_time=row["register_time"],
        removed=row["removed"],
    )


def _document_row(document: Document) -> dict[str, Any]:
    return {
        "portal_id": document.portal_id,
        "name": document.name,
        "text": document.text,
        "cost": document.cost,
        "register_time": document.register_time,
        "removed": document.removed,
    }
