"""What is executed: the text that was sent, or the registered one that an id stands for."""

from __future__ import annotations

from gateway.context import Caller
from gateway.endpoint.requests import Asked, HttpError
from gateway.endpoint.visitors import Parts, Visitor, caller_of
from gateway.execution.operations import Operation, Refused
from gateway.portals.portal import DocumentsMode, Portal


async def operation_of(
    parts: Parts, asked: Asked, visitor: Visitor
) -> tuple[Operation | Refused, Caller | None]:
    """By the cache and the limits of all operations; and who paid, where that was asked.

    What is to be parsed costs points before, what is refused each time.
    Refuses with DOCUMENT_NOT_TRUSTED, DOCUMENT_NOT_FOUND, RATE_LIMITED, OVERLOADED, UNAVAILABLE,
    and as `caller_of` does.
    """
    operations, text = parts.operations, asked.query
    if asked.document_id:
        text = await _registered(parts, asked.document_id, visitor.portal)
        return operations.look_up(text, registered=True), None
    if visitor.portal is not None and visitor.portal.documents_mode is DocumentsMode.TRUSTED:
        problem = "this portal executes registered documents only: send documentId"
        raise HttpError(403, "DOCUMENT_NOT_TRUSTED", problem)
    found = operations.known(text)
    if isinstance(found, Operation):
        return found, None
    points = 1 if found is not None else operations.points_of(text)
    caller = await caller_of(parts, visitor)
    person_id = caller.actor.person_id if caller is not None else ""
    parts.admission.admit_document(points, operations.limits.cost, person_id)
    return found or operations.look_up(text), caller


async def _registered(parts: Parts, document_id: str, portal: Portal | None) -> str:
    """The text, not parsed yet. An id counts in the portal where its document is registered."""
    text = None
    if portal is not None:
        text = await parts.known_portals.document(portal, document_id)
    if text is None:
        problem = "no such document is registered for the portal that asks"
        raise HttpError(404, "DOCUMENT_NOT_FOUND", problem)
    return text
