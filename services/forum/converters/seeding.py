"""Seedings as protobuf messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FieldInvalidError
from chassis.moment import cut
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import seeding_pb2 as pb
from services.forum.converters import enums
from services.forum.converters.vitality import day_to_proto
from services.forum.domain.seeding import ItemState, Seeding, SeedingState, SeedingWeek
from services.forum.domain.vitality import SpaceDay

_STATES = {one: pb.SeedingState.Value(f"SEEDING_STATE_{one}") for one in SeedingState}
_ITEM_STATES = {one: pb.SeedingItemState.Value(f"SEEDING_ITEM_STATE_{one}") for one in ItemState}
_YEARS = range(2000, 2200)


def due_time(given: Timestamp) -> datetime:
    """Refuses with FIELD_INVALID."""
    try:
        time = given.ToDatetime(UTC)
    except (ValueError, OverflowError):
        time = None
    if time is None or time.year not in _YEARS or not 0 <= given.nanos < 1_000_000_000:
        raise FieldInvalidError("due_time must be a time of this century", field="due_time")
    return cut(time)


def seeding_to_proto(seeding: Seeding, version: int) -> pb.Seeding:
    """At this version."""
    return pb.Seeding(
        id=seeding.id,
        community_id=seeding.community_id,
        space_id=seeding.space_id,
        name=seeding.name,
        state=_STATES[seeding.state],
        owner_ids=seeding.owner_ids,
        first_reply_hours=seeding.first_reply_hours,
        items=[
            pb.SeedingItem(
                id=item.id,
                community_id=seeding.community_id,
                title=item.title,
                kind=enums.TOPIC_KINDS[item.kind],
                owner_id=item.owner_id,
                due_time=timestamp_of(item.due_time) if item.due_time else None,
                state=_ITEM_STATES[item.state],
                topic_id=item.topic_id,
            )
            for item in seeding.items
        ],
        create_time=timestamp_of(seeding.create_time),
        end_time=timestamp_of(seeding.end_time) if seeding.end_time else None,
        version=version,
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What a seeding did."""

    weeks: Iterable[SeedingWeek]
    answer_count: int
    start_day: SpaceDay | None
    end_day: SpaceDay | None


def report_to_proto(seeding: Seeding, report: Report) -> pb.SeedingReport:
    """Of the seeding."""
    return pb.SeedingReport(
        seeding_id=seeding.id,
        community_id=seeding.community_id,
        weeks=[
            pb.SeedingWeek(
                week_time=timestamp_of(week.time),
                seeded_count=week.seeded_count,
                organic_count=week.organic_count,
            )
            for week in report.weeks
        ],
        answer_count=report.answer_count,
        start_day=day_to_proto(report.start_day) if report.start_day else None,
        end_day=day_to_proto(report.end_day) if report.end_day else None,
    )
