"""Topics: questions, discussions and what else they are; one module a concern."""

from __future__ import annotations

from services.forum.domain.topics.kinds import NotAQuestionError, NothingAcceptedError, TopicKind
from services.forum.domain.topics.states import (
    OPEN_TO_READERS,
    TOPIC_TRANSITIONS,
    CloseReason,
    TopicNotFoundError,
    TopicState,
    TopicStateInvalidError,
    TopicStep,
)
from services.forum.domain.topics.topic import LatestReply, Topic

__all__ = [
    "OPEN_TO_READERS",
    "TOPIC_TRANSITIONS",
    "CloseReason",
    "LatestReply",
    "NotAQuestionError",
    "NothingAcceptedError",
    "Topic",
    "TopicKind",
    "TopicNotFoundError",
    "TopicState",
    "TopicStateInvalidError",
    "TopicStep",
]
