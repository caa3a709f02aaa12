"""Context refs as protobuf messages, and back."""

from __future__ import annotations

from collections.abc import Iterable

from guildhall.forum.v1 import forum_pb2
from services.forum.domain.context_refs import ContextRef, check_context_ref


def context_refs_of(messages: Iterable[forum_pb2.ContextRef]) -> list[ContextRef]:
    """As they are given."""
    return [ContextRef(one.system, one.type, one.external_id) for one in messages]


def context_of(request: forum_pb2.ListTopicsRequest) -> ContextRef | None:
    """What topics are to be about; None: whatever. Refuses with FIELD_INVALID."""
    if not request.HasField("context"):
        return None
    (context,) = context_refs_of([request.context])
    return check_context_ref(context, "context")


def context_refs_to_proto(refs: Iterable[ContextRef]) -> list[forum_pb2.ContextRef]:
    """In their order."""
    return [
        forum_pb2.ContextRef(system=one.system, type=one.type, external_id=one.external_id)
        for one in refs
    ]
