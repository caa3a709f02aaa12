"""Cases: posts that wait for a moderator, and what was decided of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from chassis.errors import FailedPreconditionError, NotFoundError, PermissionDeniedError
from chassis.texts import check_body, check_reason
from services.moderation.domain.flags import FlaggedPost, FlagReason, FlagState

_NAMESPACE = uuid.UUID("c7a4b9b1-3a8e-4f43-8f60-2f6a1f9d4c55")


class CaseNotFoundError(NotFoundError):
    """The community has no such case."""


class CaseDecidedError(FailedPreconditionError):
    """There is nothing left to decide."""


class OwnPostError(PermissionDeniedError):
    """Nobody flags or decides on their own post, or is told who flagged it."""


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
    ESCALATED = 5
    FLAG = 30


class ReasonCode(Enum):
    """Why it was decided so, of the list that the forum has for all that is done to posts."""

    SPAM = 1
    OFF_TOPIC = 2
    DUPLICATE = 3
    OUTDATED = 4
    ABUSE = 5
    RULE_BREAKING = 6
    NOT_CLEAR = 7
    RESOLVED = 8
    OTHER = 9


# Until a case of these causes is decided the post is public.
_PUBLIC = frozenset({CaseCause.FLAG_RULE, CaseCause.EDIT, CaseCause.ESCALATED, CaseCause.FLAG})
_MOST_ESCALATIONS = 30


@dataclass(frozen=True, slots=True)
class Escalation:
    """An automation of the forum asks moderators to look at a topic, once a run."""

    run_id: str
    automation_id: str
    automation_name: str  # as it was then
    reason: str
    time: datetime


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
    reason_code: ReasonCode | None = None
    flag_count: int = 0
    flag_reasons: Mapping[FlagReason, int] = field(default_factory=dict)
    escalations: tuple[Escalation, ...] = ()  # oldest first

    @property
    def keeps_from_view(self) -> bool:
        """Whether the post is out of sight until this is decided."""
        return self.cause not in _PUBLIC

    @property
    def flag_state(self) -> FlagState:
        """What has become of its flags."""
        match self.state:
            case CaseState.OPEN:
                return FlagState.OPEN
            case CaseState.APPROVED:
                return FlagState.DISMISSED
            case CaseState.REJECTED:
                return FlagState.AGREED
            case CaseState.MOOT:
                return FlagState.MOOT

    @property
    def outlasts_edits(self) -> bool:
        """Members or automations asked for it: another text is no answer to them."""
        return bool(self.flag_count or self.escalations)

    def escalated_by(self, run_id: str) -> bool:
        """Whether this run of an automation has asked already."""
        return any(one.run_id == run_id for one in self.escalations)

    def move(self, topic_id: str) -> Case:
        """The reply is in another topic now."""
        return replace(self, topic_id=topic_id)

    def check_not_own(self, person_id: str) -> None:
        """Refuses with OWN_POST."""
        if person_id == self.author_id:
            raise OwnPostError

    def decide(
        self,
        decider_id: str,
        approve: bool,
        reason: str,
        time: datetime,
        code: ReasonCode | None = None,
    ) -> Case:
        """Decided. Refuses with OWN_POST, CASE_DECIDED, REASON_REQUIRED."""
        reason = (
            check_body(reason, "reason", least=0, most=1000) if approve else check_reason(reason)
        )
        self.check_not_own(decider_id)
        if self.state is not CaseState.OPEN:
            raise CaseDecidedError(f"the case is {self.state.name}")
        return replace(
            self,
            state=CaseState.APPROVED if approve else CaseState.REJECTED,
            decide_time=time,
            decider_id=decider_id,
            reason=reason,
            reason_code=code,
        )

    def flag(self, post: FlaggedPost, reasons: Collection[FlagReason]) -> Case:
        """One flag more, of the post as it is now."""
        counts = {
            reason: count
            for reason in FlagReason
            if (count := self.flag_reasons.get(reason, 0) + (reason in reasons))
        }
        flagged = replace(self, flag_count=self.flag_count + 1, flag_reasons=counts)
        return flagged.renew(post.submission_number)

    def escalate(self, escalation: Escalation, submission_number: int) -> Case:
        """An automation asks to look at the post as it is now; again: it has asked."""
        if self.escalated_by(escalation.run_id):
            return self
        asked = (*self.escalations, escalation)[-_MOST_ESCALATIONS:]
        return replace(self, escalations=asked).renew(submission_number)

    def renew(self, submission_number: int) -> Case:
        """Members flagged it or an automation asked, and the post was edited: that takes no flag
        away. What rules found was in the former text.
        """
        if self.state is not CaseState.OPEN or self.submission_number >= submission_number:
            return self
        return replace(
            self,
            cause=CaseCause.FLAG if self.flag_count else CaseCause.ESCALATED,
            rule_ids=(),
            hide_post=False,
            submission_number=submission_number,
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


def joined_case(cases: Sequence[Case], submission_number: int) -> Case | None:
    """The open case that a further complaint about a post with this text joins; `cases` are all of
    it. A text that nobody sees yet is another case, as is an edit that waits.
    """
    waiting = [
        case
        for case in cases
        if case.state is CaseState.OPEN
        and case.cause is not CaseCause.EDIT
        and (case.outlasts_edits or case.submission_number <= submission_number)
    ]
    return min(
        waiting, key=lambda case: (not case.flag_count, case.open_time, case.id), default=None
    )


def flagged_case_id(post: FlaggedPost, cases: Sequence[Case]) -> str:
    """Of the open case that a flag of the post joins, or of the next one; `cases` are all of it.

    The next one's id is of its own kind: a rule that finds something later opens its own case, as
    that may hide the post.
    """
    if (joined := joined_case(cases, post.submission_number)) is not None:
        return joined.id
    known = {case.id for case in cases}
    numbers = range(len(cases) + 1)
    ids = (uuid.uuid5(_NAMESPACE, f"{post.id}:flags:{number}").hex for number in numbers)
    return next(id_ for id_ in ids if id_ not in known)


def case_for_escalation(
    community_id: str,
    topic_id: str,
    author_id: str,
    submission_number: int,
    escalation: Escalation,
) -> Case:
    """A new one: of its run there is one however often it is heard of. Its id is of its own kind,
    as a flag's.
    """
    return Case(
        id=uuid.uuid5(_NAMESPACE, f"{topic_id}:escalated:{escalation.run_id}").hex,
        community_id=community_id,
        cause=CaseCause.ESCALATED,
        topic_id=topic_id,
        reply_id="",
        author_id=author_id,
        submission_number=submission_number,
        open_time=escalation.time,
        escalations=(escalation,),
    )


def case_for_flags(case_id: str, post: FlaggedPost, time: datetime) -> Case:
    """A new one, without a flag yet."""
    return Case(
        id=case_id,
        community_id=post.community_id,
        cause=CaseCause.FLAG,
        topic_id=post.topic_id,
        reply_id=post.reply_id,
        author_id=post.author_id,
        submission_number=post.submission_number,
        open_time=time,
    )
