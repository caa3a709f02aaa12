"""What moderation says of a text, and what becomes of the post."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from chassis.errors import FailedPreconditionError, UnavailableError
from services.forum.domain.members import Member
from services.forum.domain.spaces import Space
from services.forum.domain.texts import Submission


class ContentBlockedError(FailedPreconditionError):
    """A rule of the community forbids this text; the message is the rule's. Nothing was stored."""


class Verdict(Enum):
    """What the rules say."""

    ALLOW = auto()
    FLAG = auto()
    HOLD = auto()
    BLOCK = auto()


@dataclass(frozen=True, slots=True)
class Screening:
    """One answer of the screen, or (screened=False) that there was none in time."""

    verdict: Verdict
    texts: tuple[str, ...]  # as they are to be stored
    screened: bool = True
    rule_ids: tuple[str, ...] = ()
    message: str = ""
    policy_version: str = ""

    @classmethod
    def missing(cls, texts: Sequence[str]) -> Screening:
        """Moderation did not answer: it screens from the bus."""
        return cls(Verdict.ALLOW, tuple(texts), screened=False)

    def check_not_blocked(self) -> None:
        """Refuses with CONTENT_BLOCKED and tells the author why."""
        if self.verdict is Verdict.BLOCK:
            raise ContentBlockedError(
                self.message or "a rule of this community forbids this text", field="body"
            )

    def holds(self, space: Space, *, reviewed: bool) -> bool:
        """Whether a new post waits for review, or an edit of one that is out. `reviewed`: whatever
        its author writes there does.
        """
        if self.verdict is Verdict.HOLD or reviewed:
            return True
        return space.requires_review and not self.screened

    def check_not_held(self, space: Space) -> None:
        """For what cannot wait: it is refused where a post would be held.

        Refuses with CONTENT_BLOCKED, or UNAVAILABLE where review is required and moderation down.
        """
        if self.verdict is Verdict.HOLD:
            raise ContentBlockedError(
                self.message or "this change would need a review", field="body"
            )
        if space.requires_review and not self.screened:
            raise UnavailableError("moderation does not answer", retry_after=2.0)

    def submission(self, number: int) -> Submission:
        """The record of it that goes with the text."""
        return Submission(number, self.screened, self.policy_version, self.rule_ids)


def needs_review(member: Member, space: Space, review_below: int) -> bool:
    """Whether moderators look at whatever they write there before it is out; `review_below`: the
    lowest level of those whose posts the community publishes at once.
    """
    if member.moderator:
        return False
    return member.known_level < review_below or (space.requires_review and not member.regular)
