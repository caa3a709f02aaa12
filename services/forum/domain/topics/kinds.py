"""Kinds of topics, and what the kind decides."""

from __future__ import annotations

from enum import StrEnum

from chassis.errors import FailedPreconditionError


class NotAQuestionError(FailedPreconditionError):
    """Only questions have an accepted answer."""


class NothingAcceptedError(FailedPreconditionError):
    """The question has no accepted answer."""


class TopicKind(StrEnum):
    """What is asked of the readers."""

    QUESTION = "QUESTION"
    DISCUSSION = "DISCUSSION"
