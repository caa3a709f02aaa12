"""Kinds of topics, and what the kind decides: one table of actions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from chassis.errors import FailedPreconditionError


class NotAQuestionError(FailedPreconditionError):
    """Only questions have an accepted answer."""


class NotAnIdeaError(FailedPreconditionError):
    """Only ideas have a status by the vendor."""


class NotAnArticleError(FailedPreconditionError):
    """Only articles have an owner and are reviewed."""


class NothingAcceptedError(FailedPreconditionError):
    """The question has no accepted answer."""


class TooManyAcceptedError(FailedPreconditionError):
    """Another answer to so many is of no help, or there are more than the space takes."""


class TopicKind(StrEnum):
    """What a topic is for."""

    QUESTION = "QUESTION"
    DISCUSSION = "DISCUSSION"
    ARTICLE = "ARTICLE"
    IDEA = "IDEA"


class KindAction(StrEnum):
    """What can be done with topics of some kinds only."""

    ACCEPT_REPLY = "ACCEPT_REPLY"
    CLOSE_AS_AUTHOR = "CLOSE_AS_AUTHOR"
    VOTE = "VOTE"  # for or against the topic itself; its replies take votes anyway
    UPDATE_IDEA_STATUS = "UPDATE_IDEA_STATUS"
    REVIEW = "REVIEW"  # it has an owner, and a date by which somebody looks at it again
    EDIT_AT_ANY_TIME = "EDIT_AT_ANY_TIME"  # no edit window: it is written to be kept up to date


KIND_ACTIONS: Mapping[TopicKind, frozenset[KindAction]] = {
    TopicKind.QUESTION: frozenset(
        {KindAction.ACCEPT_REPLY, KindAction.CLOSE_AS_AUTHOR, KindAction.VOTE}
    ),
    TopicKind.DISCUSSION: frozenset(),
    TopicKind.ARTICLE: frozenset({KindAction.REVIEW, KindAction.EDIT_AT_ANY_TIME}),
    TopicKind.IDEA: frozenset({KindAction.VOTE, KindAction.UPDATE_IDEA_STATUS}),
}


def allows(kind: TopicKind, action: KindAction) -> bool:
    """Whether topics of this kind take this action."""
    return action in KIND_ACTIONS[kind]


class IdeaStatus(StrEnum):
    """What the vendor says of an idea."""

    NEW = "NEW"
    UNDER_REVIEW = "UNDER_REVIEW"
    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    DELIVERED = "DELIVERED"
    DECLINED = "DECLINED"
