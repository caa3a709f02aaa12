"""When a person last replied in a topic of a space in slow mode: a part of the topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.decisions import Document, PartRef, Parts
from chassis.mongo import Index
from services.forum.domain.space_settings import LONGEST_SLOW_MODE

INDEXES: Sequence[Index] = (
    Index(
        "reply_paces",
        [("time", 1)],
        "expire",
        expire_after=2 * int(LONGEST_SLOW_MODE.total_seconds()),
    ),
)


@dataclass(frozen=True, slots=True)
class ReplyPace:
    """Decided upon with the topic: of two replies at once, the second sees the first."""

    time: datetime


def pace_ref(community_id: str, topic_id: str, person_id: str) -> PartRef[ReplyPace]:
    """One person's in one topic."""
    return _PACES.ref(community_id, f"{topic_id}:{person_id}")


def _load(document: Document) -> ReplyPace:
    return ReplyPace(document["time"])


def _dump(pace: ReplyPace) -> Document:
    return {"time": pace.time}


_PACES: Parts[ReplyPace] = Parts("reply_paces", _load, _dump)
