"""Deliveries to webhooks: what one says, what may become of it, and when it is tried again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.notifications.domain.webhooks import EventType

KEPT = timedelta(days=14)  # from when it was queued
FAILING_FOR = timedelta(days=3)  # without one success: then its webhook is disabled
RETRIES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
_SPREAD = 0.2  # of a pause, to both sides, by chance
_LOOK_AGAIN = timedelta(minutes=15)  # whether an hour has come everywhere
_IDS = uuid.UUID("b1d0a0cc-2d4b-5c55-8f0a-5c3d5f6c1e02")
_GONE = 410


class DeliveryState(StrEnum):
    """How far a delivery is; QUEUED and SENDING go on."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"  # on its way, until its lease ends
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    DROPPED = "DROPPED"


SETTLED = (DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.DROPPED)


class DeliveryReason(StrEnum):
    """Why a delivery has FAILED or is DROPPED."""

    EXHAUSTED = "EXHAUSTED"
    GONE = "GONE"
    UNREADABLE = "UNREADABLE"
    DISABLED = "DISABLED"
    DELETED = "DELETED"


class DeliveryError(StrEnum):
    """What was wrong with an attempt."""

    STATUS = "STATUS"
    REDIRECT = "REDIRECT"
    NO_ANSWER = "NO_ANSWER"
    TOO_SLOW = "TOO_SLOW"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"


class Openness(StrEnum):
    """What the forum says of what every member may read; nothing of all else."""

    IN_SIGHT = "IN_SIGHT"
    GONE = "GONE"
    UPCOMING = "UPCOMING"


# Of these it is the point that what they name may be out of sight.
_OF_WHAT_IS_GONE = frozenset(
    {
        EventType.TOPIC_HIDDEN,
        EventType.TOPIC_REMOVED,
        EventType.TOPIC_MERGED,
        EventType.REPLY_UNACCEPTED,
        EventType.REPLY_HIDDEN,
        EventType.REPLY_REMOVED,
        EventType.ANNOUNCEMENT_WITHDRAWN,
        EventType.ANNOUNCEMENT_EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about, by id."""

    topic_id: str = ""
    into_topic_id: str = ""
    reply_id: str = ""
    announcement_id: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """All that it names."""
        named = (self.topic_id, self.into_topic_id, self.reply_id, self.announcement_id)
        return tuple(id_ for id_ in named if id_)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that one webhook is told of."""

    id: str
    community_id: str
    webhook_id: str
    type: EventType
    subject: Subject
    event_time: datetime
    queue_time: datetime
    state: DeliveryState = DeliveryState.QUEUED
    reason: DeliveryReason | None = None
    attempts: int = 0
    last_status: int = 0
    last_error: DeliveryError | None = None
    due_time: datetime | None = None
    claim: str = ""  # whose it is to send


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came back: a status, or why there is none."""

    status: int = 0
    error: DeliveryError | None = None

    @classmethod
    def answered(cls, status: int) -> Attempt:
        """Only 2xx is a success; what leads elsewhere is not followed."""
        if 200 <= status < 300:
            return cls(status)
        redirected = 300 <= status < 400
        return cls(status, DeliveryError.REDIRECT if redirected else DeliveryError.STATUS)

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more."""
        return self.status == _GONE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a delivery that was claimed."""

    delivery: Delivery
    state: DeliveryState
    reason: DeliveryReason | None = None
    due_time: datetime | None = None  # where it is QUEUED again
    attempt: Attempt | None = None  # None: nothing was sent


def delivery_id(webhook_id: str, event_id: str) -> str:
    """The same however often an event is heard."""
    return str(uuid.uuid5(_IDS, f"{webhook_id}|{event_id}"))


def pause(attempts: int, jitter: float) -> timedelta:
    """After so many attempts; `jitter`, 0 to 1, spreads them."""
    return RETRIES[attempts - 1] * (1 - _SPREAD + 2 * _SPREAD * jitter)


def judge(delivery: Delivery, attempt: Attempt, now: datetime, jitter: float) -> Outcome:
    """What becomes of a delivery after this attempt."""
    if attempt.error is None:
        return Outcome(delivery, DeliveryState.DELIVERED, attempt=attempt)
    if attempt.gone:
        return Outcome(delivery, DeliveryState.FAILED, DeliveryReason.GONE, attempt=attempt)
    attempts = delivery.attempts + 1
    if attempts > len(RETRIES):
        return Outcome(delivery, DeliveryState.FAILED, DeliveryReason.EXHAUSTED, attempt=attempt)
    due_time = now + pause(attempts, jitter)
    return Outcome(delivery, DeliveryState.QUEUED, due_time=due_time, attempt=attempt)


def withheld(delivery: Delivery, openness: Mapping[str, Openness], now: datetime) -> Outcome | None:
    """What becomes of a delivery that may not be told, now or at all; None: it may be.

    `openness` is the forum's word, by id: all that is named must be everybody's.
    """
    found = [openness.get(id_) for id_ in delivery.subject.ids]
    if None in found:
        return Outcome(delivery, DeliveryState.DROPPED, DeliveryReason.UNREADABLE)
    if Openness.UPCOMING in found:
        return Outcome(delivery, DeliveryState.QUEUED, due_time=now + _LOOK_AGAIN)
    if Openness.GONE in found and delivery.type not in _OF_WHAT_IS_GONE:
        return Outcome(delivery, DeliveryState.DROPPED, DeliveryReason.UNREADABLE)
    return None
