"""Domain events as messages: CloudEvents in binary mode, and what the gate needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import telemetry
from guildhall.chassis.v1.event_log_pb2 import StoredEvent


class EnvelopeInvalidError(Exception):
    """A message in the stream that no relay of ours has sent."""


def to_message(service: str, event: StoredEvent) -> tuple[str, dict[str, str], bytes]:
    """Subject, headers and data: CloudEvents in binary mode, and what the gate needs."""
    name = event.type.rpartition(".")[2]
    subject = (
        f"evt.{service}.{event.community_id}.{event.aggregate_type}.{event.aggregate_id}.{name}"
    )
    headers = {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-source": f"guildhall/{service}",
        "ce-type": event.type,
        "ce-time": event.time.ToJsonString(),
        "ce-subject": f"{event.aggregate_type}/{event.aggregate_id}",
        "ce-seq": str(event.seq),
        "ce-schemaversion": str(event.schema_version),
        "ce-community": event.community_id,
        "ce-actor": event.actor,
    }
    if event.trace_parent:
        headers[telemetry.TRACE_PARENT] = event.trace_parent
    return subject, headers, event.data


def aggregate_type_of(subject: str) -> str | None:
    """What a domain event of this subject is about; None where it is none's."""
    parts = subject.split(".")
    return parts[3] if len(parts) == 6 else None


def from_message(subject: str, headers: Mapping[str, str] | None, data: bytes) -> StoredEvent:
    """The domain event a message carries, its payload untouched."""
    try:
        given = headers or {}
        _, _, community_id, aggregate_type, aggregate_id, _ = subject.split(".")
        time = Timestamp()
        time.FromDatetime(datetime.fromisoformat(given["ce-time"]))  # its own way takes longer
        event = StoredEvent(
            id=given["ce-id"],
            type=given["ce-type"],
            schema_version=int(given["ce-schemaversion"]),
            community_id=community_id,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            seq=int(given["ce-seq"]),
            data=data,
            time=time,
            actor=given.get("ce-actor", ""),
            trace_parent=given.get(telemetry.TRACE_PARENT, ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeInvalidError(f"{subject}: {type(error).__name__}") from None
    if event.seq < 1 or given.get("ce-community") != community_id:
        raise EnvelopeInvalidError(subject)
    return event
