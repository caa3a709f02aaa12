"""Edits that wait for moderators while readers see the text before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.forum.domain.attachments import Attached
from services.forum.domain.context_refs import ContextRef
from services.forum.domain.members import Author, keys_of_withheld
from services.forum.domain.references import References
from services.forum.domain.replies import Reply
from services.forum.domain.texts import Submission, Text
from services.forum.domain.topics import Topic


class HeldEditState(StrEnum):
    """Where a held edit is; all but PENDING_REVIEW are final."""

    PENDING_REVIEW = "PENDING_REVIEW"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    DROPPED = "DROPPED"  # withdrawn, or its post changed or went away


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEdit:
    """The last edit of a post that had to wait: it has one at most, the next takes its place."""

    community_id: str
    post_id: str  # the topic's or the reply's: replies go to other topics
    title: str  # of topics
    body: Text
    tags: tuple[str, ...]
    references: References
    attachments: tuple[Attached, ...]
    submission: Submission  # its number is beyond those of all texts that the post had
    author: Author  # of the post
    editor_id: str
    create_time: datetime
    context_refs: tuple[ContextRef, ...] = ()  # of topics
    by_moderator: bool = False  # of another's post
    state: HeldEditState = HeldEditState.PENDING_REVIEW
    decide_time: datetime | None = None
    reason: str = ""

    @classmethod
    def of(
        cls,
        post: Topic | Reply,
        text: tuple[str, Text, tuple[str, ...]],
        references: References,
        attachments: tuple[Attached, ...],
        submission: Submission,
        editor_id: str,
        now: datetime,
        *,
        by_moderator: bool,
        context_refs: tuple[ContextRef, ...] = (),
    ) -> HeldEdit:
        """Of this post; `text` is title, body and tags."""
        title, body, tags = text
        return cls(
            community_id=post.community_id,
            post_id=post.id,
            title=title,
            body=body,
            tags=tags,
            references=references,
            attachments=attachments,
            submission=submission,
            author=post.author,
            editor_id=editor_id,
            create_time=now,
            context_refs=context_refs,
            by_moderator=by_moderator,
        )

    @property
    def pending(self) -> bool:
        """It waits."""
        return self.state is HeldEditState.PENDING_REVIEW

    @property
    def read_keys(self) -> tuple[str, ...]:
        """Who sees it, if they see the post."""
        own = (f"person:{self.editor_id}", *keys_of_withheld(self.community_id, self.author))
        return tuple(dict.fromkeys(own))

    def decide(self, state: HeldEditState, time: datetime, reason: str = "") -> HeldEdit:
        """It waits no longer."""
        return replace(self, state=state, decide_time=time, reason=reason)


@dataclass(frozen=True, slots=True)
class PlacedEdit:
    """A held edit, and its post as it is now."""

    edit: HeldEdit
    post: Topic | Reply

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.edit.body.source) + len(self.edit.body.html)


def next_number(submission: Submission, edit: HeldEdit | None) -> int:
    """Of a post's next text: no two that were before moderators ever had the same."""
    return max(submission.number, edit.submission.number if edit else 0) + 1
