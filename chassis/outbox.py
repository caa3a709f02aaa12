"""The outbox: every domain event a service has said, stored with the change and never deleted."""

from __future__ import annotations

import re
import zlib
from datetime import datetime

from google.protobuf.message import Message
from uuid_utils import uuid7

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.timestamps import timestamp_of
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

COLLECTION = "outbox"
PARTITIONS = 16
MAX_DATA = 200_000  # bytes; the stream takes messages of 256 KiB, headers included
PENDING, PUBLISHED = 0, 1
ASIDE = 2  # the bus takes no message as large: consumers get it from the event log

INDEXES = [
    # the relay's work queue
    Index(COLLECTION, [("p", 1), ("agg", 1), ("seq", 1)], "pending", partial={"st": PENDING}),
    # second guard of each aggregate's order; aggregate ids are unique in a service, whatever kind
    Index(COLLECTION, [("agg", 1), ("seq", 1)], "agg_seq", unique=True),
    Index(COLLECTION, [("sseq", 1)], "sseq", sparse=True),  # is the stream behind?
    Index(COLLECTION, [("p", 1), ("_id", 1)], "partition"),  # ReadEvents and heads
]

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_VERSION = re.compile(r"\.v(\d+)\.")


def partition_of(aggregate_id: str) -> int:
    """Which of the relay's queues an aggregate's events go through."""
    return zlib.crc32(aggregate_id.encode()) % PARTITIONS


def schema_version(type_name: str) -> int:
    """The major version in a proto's full name; guildhall.forum.v1.TopicClosed has 1."""
    found = _VERSION.search(type_name)
    return int(found[1]) if found else 0


def row(
    *,
    event: Message,
    community_id: str,
    aggregate_type: str,
    aggregate_id: str,
    seq: int,
    actor: str,
    cause: str,
    trace_parent: str,
    time: datetime,
) -> Document:
    """One domain event as a row of the outbox; `cause` is the command's id or the event heard.

    Ids are random: after a restored backup a seq is used again, and its event must not look like
    the first one. Refuses (ValueError) what could never be published and would block the rest.
    """
    for token in (community_id, aggregate_type, aggregate_id):
        if not _TOKEN.fullmatch(token):
            raise ValueError(f"{token!r} cannot stand in a subject")
    name = event.DESCRIPTOR.full_name
    data = event.SerializeToString(deterministic=True)
    if len(data) > MAX_DATA:
        raise ValueError(f"{name} has {len(data)} bytes: domain events carry ids, not texts")
    return {
        "_id": uuid7().hex,
        "p": partition_of(aggregate_id),
        "st": PENDING,
        "agg_type": aggregate_type,
        "agg": aggregate_id,
        "seq": seq,
        "community_id": community_id,
        "type": name,
        "v": schema_version(name),
        "data": data,
        "actor": actor,
        "cmd": cause,
        "trace": trace_parent,
        "at": time,
    }


def stored_event(row: Document) -> StoredEvent:
    """A row as others get it, over the bus or the event log."""
    return StoredEvent(
        id=row["_id"],
        type=row["type"],
        schema_version=row["v"],
        community_id=row["community_id"],
        aggregate_type=row["agg_type"],
        aggregate_id=row["agg"],
        seq=row["seq"],
        data=bytes(row["data"]),
        actor=row["actor"],
        trace_parent=row["trace"],
        time=timestamp_of(row["at"]),
    )
