"""From what a client has sent to an operation that may be subscribed to."""

from __future__ import annotations

from typing import Any

from gateway.endpoint.documents import operation_of
from gateway.endpoint.requests import Asked
from gateway.endpoint.visitors import Parts, Visitor
from gateway.errors import VALIDATION_FAILED, Json, request_error
from gateway.execution.operations import Operation, Refused

_LAST_EVENT_ID = "lastEventId"


class DocumentRefusedError(Exception):
    """The document is none that can be subscribed to, and why."""

    def __init__(self, failures: list[Json]) -> None:
        super().__init__()
        self.failures = failures


async def subscription_of(parts: Parts, asked: Asked, visitor: Visitor) -> Operation:
    """What is asked for, as of all operations.

    Raises DocumentRefusedError, and what `operation_of` refuses with.
    """
    found, _ = await operation_of(parts, asked, visitor)
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
