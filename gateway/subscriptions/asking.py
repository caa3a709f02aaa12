"""From what a client has sent to an operation that may be subscribed to."""

from __future__ import annotations

from typing import Any

from gateway.endpoint.documents import document_of
from gateway.endpoint.requests import Asked
from gateway.endpoint.visitors import Parts
from gateway.errors import VALIDATION_FAILED, Json, request_error
from gateway.execution.operations import Operation, Refused
from gateway.portals.portal import Portal

_LAST_EVENT_ID = "lastEventId"


class DocumentRefusedError(Exception):
    """The document is none that can be subscribed to, and why."""

    def __init__(self, failures: list[Json]) -> None:
        super().__init__()
        self.failures = failures


async def operation_of(parts: Parts, asked: Asked, portal: Portal | None) -> Operation:
    """What is asked for, by the cache and the limits of all operations.

    Raises DocumentRefusedError, and what `document_of` refuses with.
    """
    found = parts.operations.look_up(await document_of(parts, asked, portal))
    if isinstance(found, Refused):
        raise DocumentRefusedError(found.errors)
    if found.kind != "subscription":
        raise DocumentRefusedError(
            [request_error(f"Send a {found.kind} by POST.", VALIDATION_FAILED)]
        )
    return found


def last_event_id(extensions: dict[str, Any]) -> str:
    """Where to go on, as a client says; empty: at the beginning."""
    given = extensions.get(_LAST_EVENT_ID)
    return given if isinstance(given, str) else ""
