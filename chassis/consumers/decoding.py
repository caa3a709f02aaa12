"""From stored bytes to the message a handler takes; what may go wrong, and what that means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC

from google.protobuf.message import DecodeError

from chassis.domain_events import Consequence, DomainEvent, Subscription
from chassis.errors import DomainError, UnavailableError
from chassis.mongo import OUTAGES
from chassis.outbox import schema_version
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

_TRANSIENT = {"ABORTED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}
_OUTAGES = (*OUTAGES, ConnectionError)


class SchemaVersionUnknownError(Exception):
    """An event of a major version that nothing here can read: this consumer is too old."""


class EventMissingError(Exception):
    """Neither the stream nor the producer has an event that must have been."""


def is_outage(error: BaseException) -> bool:
    """Something we need is not there: waiting helps, counting deliveries would be unjust."""
    if isinstance(error, DomainError):
        return error.status == UnavailableError.status
    return isinstance(error, _OUTAGES)


def is_permanent(error: BaseException) -> bool:
    """It will fail for ever: a refusal, an unreadable event, a broken invariant."""
    if isinstance(error, DomainError):
        return error.status not in _TRANSIENT
    return isinstance(error, DecodeError | SchemaVersionUnknownError | AssertionError)


class Decoder:
    """Knows the messages of one subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self._upcasters = subscription.upcasters
        self._handlers = {
            kind.DESCRIPTOR.full_name: (kind, handler)
            for kind, handler in subscription.handlers.items()
        }
        self._versions = {schema_version(name) for name in self._handlers} or {1}

    async def consequences(self, event: StoredEvent) -> Sequence[Consequence]:
        """What the service makes of it. Raises what the handler raises, and for unreadable ones."""
        if event.type in self._handlers:
            kind, handler = self._handlers[event.type]
            message = kind.FromString(event.data)
        elif event.type in self._upcasters:
            message = self._upcasters[event.type](event.data)
            _, handler = self._handlers[message.DESCRIPTOR.full_name]
        elif event.schema_version in self._versions:
            return ()  # heard, of no interest
        else:
            raise SchemaVersionUnknownError(event.type)
        return list(
            await handler(
                DomainEvent(
                    id=event.id,
                    community_id=event.community_id,
                    aggregate_type=event.aggregate_type,
                    aggregate_id=event.aggregate_id,
                    seq=event.seq,
                    time=event.time.ToDatetime(UTC),
                    actor=event.actor,
                    message=message,
                )
            )
        )


def reason_of(error: Exception) -> str:
    """Why, as an operator reads it: a name, as messages may hold what people wrote."""
    if isinstance(error, DomainError):
        return error.reason()
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
