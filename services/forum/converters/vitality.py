"""How spaces do as protobuf messages."""

from __future__ import annotations

from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import vitality_pb2 as pb
from services.forum.converters import enums
from services.forum.domain.spaces import Space
from services.forum.domain.vitality import Health, SpaceDay


def health_to_proto(space: Space, health: Health, latest: SpaceDay | None) -> pb.SpaceHealth:
    """As of the moment it was counted."""
    measures = health.measures
    wait = measures.first_reply
    return pb.SpaceHealth(
        space_id=space.id,
        community_id=space.community_id,
        post_count=measures.post_count,
        active_count=measures.active_count,
        question_count=measures.question_count,
        seeded_count=measures.seeded_count,
        answered_share=measures.answered_share,
        non_vendor_share=measures.non_vendor_share,
        first_reply_seconds=round(wait.total_seconds()) if wait is not None else None,
        unanswered_count=health.unanswered_count,
        compute_time=timestamp_of(health.time),
        latest_day=day_to_proto(latest) if latest else None,
    )


def day_to_proto(day: SpaceDay) -> pb.SpaceDay:
    """A day as it was counted."""
    return pb.SpaceDay(
        space_id=day.space_id,
        community_id=day.community_id,
        day_time=timestamp_of(day.day),
        post_count=day.measures.post_count,
        active_count=day.measures.active_count,
        answered_share=day.measures.answered_share,
        non_vendor_share=day.measures.non_vendor_share,
        company_count=day.company_count,
        index=day.index,
        vitality=enums.vitality_number(day.vitality),
        threshold_days=day.threshold_days,
        dormant_days=day.dormant_days,
    )
