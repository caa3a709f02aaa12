"""Replies, and their way from one state to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import FailedPreconditionError, NotFoundError
from chassis.values import value
from services.forum.domain.attachments import Attached
from services.forum.domain.members import Author, Member, keys_of_withheld
from services.forum.domain.references import NO_REFERENCES, References
from services.forum.domain.spaces import space_key
from services.forum.domain.texts import FIRST_SUBMISSION, NO_TEXT, Submission, Text
from services.forum.domain.verification import Verification

AUTHOR_MAY_REMOVE = timedelta(hours=1)


class ReplyNotFoundError(NotFoundError):
    """The topic has no such reply, or the caller cannot see it."""


class ReplyStateInvalidError(FailedPreconditionError):
    """In its state this cannot be done with the reply."""


class ParentInvalidError(FailedPreconditionError):
    """One replies to the topic, or to a reply in it that one can read and that has no parent."""


class ReplyState(StrEnum):
    """Where a reply is on its way."""

    PENDING_REVIEW = "PENDING_REVIEW"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    HIDDEN = "HIDDEN"
    REMOVED = "REMOVED"


class ReplyStep(StrEnum):
    """What moves a reply on."""

    APPROVE = "approve"
    REJECT = "reject"
    HIDE = "hide"
    RESTORE = "restore"
    REMOVE = "remove"


REPLY_TRANSITIONS: Mapping[tuple[ReplyState, ReplyStep], ReplyState] = {
    (ReplyState.PENDING_REVIEW, ReplyStep.APPROVE): ReplyState.PUBLISHED,
    (ReplyState.PENDING_REVIEW, ReplyStep.REJECT): ReplyState.REJECTED,
    (ReplyState.PUBLISHED, ReplyStep.HIDE): ReplyState.HIDDEN,
    (ReplyState.HIDDEN, ReplyStep.RESTORE): ReplyState.PUBLISHED,
    (ReplyState.PENDING_REVIEW, ReplyStep.REMOVE): ReplyState.REMOVED,
    (ReplyState.PUBLISHED, ReplyStep.REMOVE): ReplyState.REMOVED,
    (ReplyState.REJECTED, ReplyStep.REMOVE): ReplyState.REMOVED,
    (ReplyState.HIDDEN, ReplyStep.REMOVE): ReplyState.REMOVED,
}
_EDITABLE = (ReplyState.PENDING_REVIEW, ReplyState.PUBLISHED)


@value
class Reply:
    """One answer to a topic; `version` counts its own changes."""

    id: str
    community_id: str
    topic_id: str
    space_id: str
    state: ReplyState
    body: Text
    author: Author
    create_time: datetime
    score: int = 0
    accepted: bool = False
    edit_time: datetime | None = None
    state_reason: str = ""
    submission: Submission = FIRST_SUBMISSION
    case_id: str = ""  # the moderation case that hid it
    edition: int = 1  # counts its texts
    verification: Verification | None = None
    edited_by_moderator: bool = False  # its text is not the author's last one
    attachments: tuple[Attached, ...] = ()
    seeding_id: str = ""  # it was posted through this seeding
    version: int = 0
    parent_reply_id: str = ""  # empty: it replies to the topic
    child_count: int = 0  # published replies to it
    references: References = NO_REFERENCES
    removed_state: ReplyState | None = None  # what it was when it was removed
    withheld: bool = False  # only that it was there is told

    def next(self) -> Reply:
        """The same one version later."""
        return replace(self, version=self.version + 1)

    def withhold(self) -> Reply:
        """That there was something, for whoever may read the replies to it but not itself: neither
        what, nor whose, nor what became of it.
        """
        return Reply(
            id=self.id,
            community_id=self.community_id,
            topic_id=self.topic_id,
            space_id=self.space_id,
            state=ReplyState.HIDDEN,
            body=NO_TEXT,
            author=Author(),
            create_time=self.create_time,
            child_count=self.child_count,
            withheld=True,
        )

    @property
    def recheck_time(self) -> datetime | None:
        """As a topic's."""
        return self.verification.until if self.verification and self.published else None

    @property
    def published(self) -> bool:
        """It can be read by whoever can read its topic."""
        return self.state is ReplyState.PUBLISHED

    @property
    def has_been_out(self) -> bool:
        """Others have read it, or could."""
        return self.state in (ReplyState.PUBLISHED, ReplyState.HIDDEN, ReplyState.REMOVED)

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.body.source) + len(self.body.html)

    @property
    def read_keys(self) -> tuple[str, ...]:
        """Who sees it, if they see its topic."""
        if self.published:
            return (space_key(self.space_id),)
        if self.state is ReplyState.REMOVED:
            return (f"moderators:{self.community_id}",)
        return keys_of_withheld(self.community_id, self.author)

    def step(self, step: ReplyStep, reason: str = "", case_id: str = "") -> Reply:
        """The reply after this step. Refuses with REPLY_STATE_INVALID."""
        if self.state is ReplyState.REMOVED and step is ReplyStep.RESTORE:
            return self._restored()
        state = REPLY_TRANSITIONS.get((self.state, step))
        if state is None:
            raise ReplyStateInvalidError(f"a reply that is {self.state} cannot {step}")
        removed_state = self.state if step is ReplyStep.REMOVE else None
        return replace(
            self, state=state, state_reason=reason, case_id=case_id, removed_state=removed_state
        )

    def _restored(self) -> Reply:
        """As a topic's."""
        state = self.removed_state or ReplyState.HIDDEN
        submission = self.submission.restored(waits=state is ReplyState.PENDING_REVIEW)
        return replace(
            self, state=state, state_reason="", removed_state=None, submission=submission
        )

    def check_editable(self, member: Member) -> None:
        """Refuses with ROLE_REQUIRED, REPLY_STATE_INVALID."""
        member.require_author_or_moderator(self.author)
        if self.state not in _EDITABLE:
            raise ReplyStateInvalidError(f"a reply that is {self.state} cannot be edited")

    def edit(
        self,
        body: Text,
        references: References,
        submission: Submission,
        now: datetime,
        *,
        by_moderator: bool = False,
    ) -> Reply:
        """With another text."""
        return replace(
            self,
            body=body,
            references=references,
            submission=submission,
            edit_time=now,
            edition=self.edition + 1,
            edited_by_moderator=by_moderator,
            verification=None,
        )

    def check_removable(self, member: Member, now: datetime) -> None:
        """Moderators always, its author for an hour.

        Refuses with ROLE_REQUIRED, REPLY_STATE_INVALID.
        """
        member.require_author_or_moderator(self.author)
        if not member.moderator and now - self.create_time > AUTHOR_MAY_REMOVE:
            raise ReplyStateInvalidError("its author may remove a reply for an hour only")


def check_parent(parent: Reply | None, topic_id: str) -> None:
    """Threads are one level deep. Refuses with PARENT_INVALID."""
    there = parent is not None and parent.topic_id == topic_id and parent.published
    if not there or (parent is not None and parent.parent_reply_id):
        raise ParentInvalidError(field="parent_reply_id")
