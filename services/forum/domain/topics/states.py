"""The way of a topic from one state to another."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from chassis.errors import FailedPreconditionError, NotFoundError


class TopicNotFoundError(NotFoundError):
    """There is no such topic, or the caller cannot see it."""


class TopicStateInvalidError(FailedPreconditionError):
    """In its state this cannot be done with the topic."""


class TopicState(StrEnum):
    """Where a topic is on its way."""

    DRAFT = "DRAFT"
    SCHEDULED = "SCHEDULED"
    PENDING_REVIEW = "PENDING_REVIEW"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"
    HIDDEN = "HIDDEN"
    REMOVED = "REMOVED"
    ARCHIVED = "ARCHIVED"


class CloseReason(StrEnum):
    """Why there are no more replies."""

    DUPLICATE = "DUPLICATE"
    OFF_TOPIC = "OFF_TOPIC"
    NOT_CLEAR = "NOT_CLEAR"
    RESOLVED = "RESOLVED"
    OTHER = "OTHER"
    MERGED = "MERGED"  # never given: MergeTopics does it


class Link(StrEnum):
    """Why a topic names another."""

    DUPLICATE = "DUPLICATE"
    MERGED = "MERGED"
    SPLIT = "SPLIT"


class TopicStep(StrEnum):
    """What moves a topic on."""

    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    PUBLISH = "publish"
    HOLD = "hold"
    APPROVE = "approve"
    REJECT = "reject"
    CLOSE = "close"
    REOPEN = "reopen"
    HIDE = "hide"
    RESTORE = "restore"
    REMOVE = "remove"
    ARCHIVE = "archive"


UNSENT = frozenset({TopicState.DRAFT, TopicState.SCHEDULED})  # never screened, never out
OPEN_TO_READERS = frozenset({TopicState.PUBLISHED, TopicState.CLOSED, TopicState.ARCHIVED})

TOPIC_TRANSITIONS: Mapping[tuple[TopicState, TopicStep], TopicState] = {
    **{
        (state, step): after
        for state in (TopicState.DRAFT, TopicState.SCHEDULED)
        for step, after in (
            (TopicStep.SCHEDULE, TopicState.SCHEDULED),
            (TopicStep.PUBLISH, TopicState.PUBLISHED),
            (TopicStep.HOLD, TopicState.PENDING_REVIEW),
        )
    },
    (TopicState.SCHEDULED, TopicStep.UNSCHEDULE): TopicState.DRAFT,
    (TopicState.PENDING_REVIEW, TopicStep.APPROVE): TopicState.PUBLISHED,
    (TopicState.PENDING_REVIEW, TopicStep.REJECT): TopicState.REJECTED,
    (TopicState.PUBLISHED, TopicStep.CLOSE): TopicState.CLOSED,
    (TopicState.CLOSED, TopicStep.REOPEN): TopicState.PUBLISHED,
    (TopicState.PUBLISHED, TopicStep.HIDE): TopicState.HIDDEN,
    (TopicState.CLOSED, TopicStep.HIDE): TopicState.HIDDEN,
    (TopicState.HIDDEN, TopicStep.RESTORE): TopicState.PUBLISHED,
    (TopicState.PUBLISHED, TopicStep.ARCHIVE): TopicState.ARCHIVED,
    **{
        (state, TopicStep.REMOVE): TopicState.REMOVED
        for state in TopicState
        if state is not TopicState.REMOVED
    },
}
