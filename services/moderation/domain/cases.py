"""Cases: posts that wait for a moderator, and what was decided of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from chassis.errors import FailedPreconditionError, NotFoundError, PermissionDeniedError
from chassis.texts import check_body, check_reason

_NAMESPACE = uuid.UUID("c7a4b9b1-3a8e-4f43-8f60-2f6a1f9d4c55")


class CaseNotFoundError(NotFoundError):
    """The community has no such case."""


class CaseDecidedError(FailedPreconditionError):
    """There is nothing left to decide."""


class OwnPostError(PermissionDeniedError):
    """Nobody decides on their own post."""


class CaseState(Enum):
    """Where a case is; all but OPEN are final."""

    OPEN = 1
    APPROVED = 2
    REJECTED = 3
    MOOT = 4


class CaseCause(Enum):
    """Why a case was opened."""

    RULE = 1
    REVIEW = 2
    FLAG_RULE = 3
    EDIT = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One submission of one post before a moderator; ids only, the text stays with the forum."""

    id: str
    community_id: str
    cause: CaseCause
    topic_id: str
    reply_id: str  # empty: the topic itself
    author_id: str
    submission_number: int
    open_time: datetime
    rule_ids: tuple[str, ...] = ()
    hide_post: bool = False
    state: CaseState = CaseState.OPEN
    decide_time: datetime | None = None
    decider_id: str = ""
    reason: str = ""

    @property
    def keeps_from_view(self) -> bool:
        """Whether the post is out of sight until this is decided."""
        return self.cause not in (CaseCause.FLAG_RULE, CaseCause.EDIT)

    def move(self, topic_id: str) -> Case:
        """The reply is in another topic now."""
        return replace(self, topic_id=topic_id)

    def decide(self, decider_id: str, approve: bool, reason: str, time: datetime) -> Case:
        """Decided. Refuses with OWN_POST, CASE_DECIDED, REASON_REQUIRED."""
        reason = (
            check_body(reason, "reason", least=0, most=1000) if approve else check_reason(reason)
        )
        if decider_id == self.author_id:
            raise OwnPostError
        if self.state is not CaseState.OPEN:
            raise CaseDecidedError(f"the case is {self.state.name}")
        return replace(
            self,
            state=CaseState.APPROVED if approve else CaseState.REJECTED,
            decide_time=time,
            decider_id=decider_id,
            reason=reason,
        )

    def moot(self, time: datetime) -> Case:
        """The post went away or changed; a case that was decided stays so."""
        if self.state is not CaseState.OPEN:
            return self
        return replace(self, state=CaseState.MOOT, decide_time=time)


def existing(case: Case | None) -> Case:
    """The case. Refuses with CASE_NOT_FOUND."""
    if case is None:
        raise CaseNotFoundError(field="case_id")
    return case


def case_id(topic_id: str, reply_id: str, submission_number: int) -> str:
    """The one case of a submission, however often it is heard of."""
    return uuid.uuid5(_NAMESPACE, f"{reply_id or topic_id}:{submission_number}").hex
