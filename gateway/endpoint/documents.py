"""What is executed: the text that was sent, or the registered one that an id stands for."""

from __future__ import annotations

from gateway.endpoint.requests import Asked, HttpError
from gateway.endpoint.visitors import Parts
from gateway.portals.portal import DocumentsMode, Portal


async def document_of(parts: Parts, asked: Asked, portal: Portal | None) -> str:
    """The text, not parsed yet. An id counts in the portal where its document is registered.

    Refuses with DOCUMENT_NOT_TRUSTED, DOCUMENT_NOT_FOUND, UNAVAILABLE.
    """
    if not asked.document_id:
        if portal is not None and portal.documents_mode is DocumentsMode.TRUSTED:
            problem = "this portal executes registered documents only: send documentId"
            raise HttpError(403, "DOCUMENT_NOT_TRUSTED", problem)
        return asked.query
    text = None
    if portal is not None:
        text = await parts.known_portals.document(portal, asked.document_id)
    if text is None:
        problem = "no such document is registered for the portal that asks"
        raise HttpError(404, "DOCUMENT_NOT_FOUND", problem)
    return text
