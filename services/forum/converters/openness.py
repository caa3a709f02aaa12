"""What may be told to a whole community, as messages; pure."""

from __future__ import annotations

from collections.abc import Mapping

from guildhall.forum.v1 import openness_pb2 as pb
from services.forum.domain.openness import Openness


def openness_to_proto(
    topics: Mapping[str, Openness],
    replies: Mapping[str, Openness],
    announcements: Mapping[str, Openness],
) -> pb.BatchGetOpennessResponse:
    """By id."""
    return pb.BatchGetOpennessResponse(
        topics=_numbers(topics), replies=_numbers(replies), announcements=_numbers(announcements)
    )


def _numbers(found: Mapping[str, Openness]) -> dict[str, pb.Openness.ValueType]:
    return {id_: pb.Openness.Value(f"OPENNESS_{one}") for id_, one in found.items()}
