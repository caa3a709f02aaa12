"""Trust as protobuf messages, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chassis.timestamps import timestamp_of
from guildhall.directory.v1.directory_pb2 import TrustLevel
from guildhall.forum.v1 import trust_pb2
from services.forum.converters.enums import one_of
from services.forum.domain.trust import (
    EARNED,
    Counts,
    Fact,
    Standing,
    TrustSettings,
    check_needs,
    next_level,
)

FACTS = {one: trust_pb2.TrustFact.Value(f"TRUST_FACT_{one}") for one in Fact}


def needs_of(requirements: Iterable[trust_pb2.TrustRequirement]) -> Mapping[int, Counts]:
    """Refuses with FIELD_INVALID."""
    return check_needs(
        [
            (
                one.trust_level,
                [
                    (
                        one_of(FACTS, need.fact, f"requirements.{index}.needs.{place}.fact"),
                        need.count,
                    )
                    for place, need in enumerate(one.needs)
                ],
            )
            for index, one in enumerate(requirements)
        ]
    )


def trust_settings_to_proto(settings: TrustSettings, version: int) -> trust_pb2.TrustSettings:
    """At this version; every level with all that it needs."""
    return trust_pb2.TrustSettings(
        community_id=settings.community_id,
        requirements=[
            trust_pb2.TrustRequirement(
                trust_level=TrustLevel.ValueType(level),
                needs=[
                    trust_pb2.TrustNeed(fact=FACTS[fact], count=count)
                    for fact, count in settings.needs[level].items()
                ],
            )
            for level in EARNED
        ],
        version=version,
    )


def trust_progress_to_proto(
    standing: Standing, have: Counts, needs: Counts
) -> trust_pb2.TrustProgress:
    """How far one is from what is needed."""
    return trust_pb2.TrustProgress(
        community_id=standing.community_id,
        person_id=standing.person_id,
        level=TrustLevel.ValueType(standing.level),
        next_level=TrustLevel.ValueType(next_level(standing)),
        standings=[
            trust_pb2.TrustStanding(fact=FACTS[fact], count=max(have[fact], 0), needed=count)
            for fact, count in needs.items()
        ],
        level_time=timestamp_of(standing.level_time) if standing.level_time else None,
    )
