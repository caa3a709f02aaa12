"""Until when, and for what, a text is known to be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.errors import FieldInvalidError
from chassis.texts import check_line
from chassis.values import value

MAX_VERIFIED_FOR = 60
LONGEST_VERIFIED = timedelta(days=3 * 366)


@value
class Verification:
    """What somebody who may said of a text; another text is not verified."""

    verified_for: str  # a version of a product, or what else it holds for; may be empty
    until: datetime | None  # None: for good
    verifier_id: str
    time: datetime
    expired: bool = False  # its time is over, and that was said


@dataclass(frozen=True, slots=True)
class Recheck:
    """A text that somebody is to look at again."""

    community_id: str
    topic_id: str
    reply_id: str  # empty: the topic
    due_time: datetime

    @property
    def post_id(self) -> str:
        """Topics and replies have ids of one kind."""
        return self.reply_id or self.topic_id


def check_verified_for(text: str) -> str:
    """May be empty. Refuses with TEXT_INVALID."""
    return check_line(text, "verified_for", least=0, most=MAX_VERIFIED_FOR)


def verification(
    verified_for: str, until: datetime | None, verifier_id: str, now: datetime
) -> Verification:
    """For something, or until a time that lies ahead. Refuses with FIELD_INVALID."""
    if not verified_for and until is None:
        raise FieldInvalidError("say for what, or until when", field="verified_for")
    if until is not None and not now < until <= now + LONGEST_VERIFIED:
        raise FieldInvalidError(
            "verified_until_time must lie ahead, within three years", field="verified_until_time"
        )
    return Verification(verified_for, until, verifier_id, now)
