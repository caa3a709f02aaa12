"""Topics: questions, discussions and what else they are; one module a concern."""

from __future__ import annotations

from services.forum.domain.kinds import (
    IdeaStatus,
    NotAnArticleError,
    NotAnIdeaError,
    NotAQuestionError,
    NothingAcceptedError,
    TopicKind,
)
from services.forum.domain.topics.lists import TopicOrder, check_list
from services.forum.domain.topics.states import (
    OPEN_TO_READERS,
    TOPIC_TRANSITIONS,
    UNSENT,
    CloseReason,
    Link,
    TopicNotFoundError,
    TopicState,
    TopicStateInvalidError,
    TopicStep,
)
from services.forum.domain.topics.topic import LatestReply, Topic

__all__ = [
    "OPEN_TO_READERS",
    "TOPIC_TRANSITIONS",
    "UNSENT",
    "CloseReason",
    "IdeaStatus",
    "LatestReply",
    "Link",
    "NotAQuestionError",
    "NotAnArticleError",
    "NotAnIdeaError",
    "NothingAcceptedError",
    "Topic",
    "TopicKind",
    "TopicNotFoundError",
    "TopicOrder",
    "TopicState",
    "TopicStateInvalidError",
    "TopicStep",
    "check_list",
]
