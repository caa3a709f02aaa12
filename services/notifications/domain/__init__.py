"""Mails: whom one is sent, what may become of it, and when it is tried again."""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

TRIED_FOR = timedelta(hours=24)  # from when it could first be sent
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=2)
_IDS = uuid.UUID("6a0d2f6e-4c5a-5b0e-9a37-3d1c0f0a7b11")


class MailKind(StrEnum):
    """Why somebody is written to."""

    ANNOUNCEMENT = "ANNOUNCEMENT"
    REMINDER = "REMINDER"


class MailState(StrEnum):
    """How far a mail is; QUEUED and SENDING go on."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"  # handed to the server, or about to be, until its lease ends
    SENT = "SENT"
    FAILED = "FAILED"
    BOUNCED = "BOUNCED"
    DROPPED = "DROPPED"


class Reason(StrEnum):
    """Why a mail is not sent."""

    ENDED = "ENDED"  # withdrawn or expired
    OVERDUE = "OVERDUE"
    DEADLINE_MOVED = "DEADLINE_MOVED"  # reminded of another one; before this one it is once more
    ACKNOWLEDGED = "ACKNOWLEDGED"
    UNREADABLE = "UNREADABLE"  # has left, or the audience was narrowed
    NO_ADDRESS = "NO_ADDRESS"
    ADDRESS_INVALID = "ADDRESS_INVALID"
    SUPPRESSED = "SUPPRESSED"  # the address had bounced before
    UNDELIVERABLE = "UNDELIVERABLE"  # there is no such address
    REFUSED = "REFUSED"  # the server does not want the mail, or any of ours for them
    TOO_LATE = "TOO_LATE"  # a day of attempts


class Verdict(StrEnum):
    """What a mail server made of a mail."""

    TAKEN = "TAKEN"
    LATER = "LATER"
    NO_SUCH_ADDRESS = "NO_SUCH_ADDRESS"
    NOT_ALLOWED = "NOT_ALLOWED"  # the recipient is refused, but for who we are
    REFUSED = "REFUSED"
    LOST = "LOST"  # the connection: nobody knows whether it was taken


class Step(StrEnum):
    """What is to be done about a whole mailing."""

    LIST = "LIST"  # queue a mail for each person
    DROP = "DROP"  # what was not sent yet


@dataclass(frozen=True, slots=True)
class Mailing:
    """All mails of one kind about one announcement: of reminders, those of one deadline."""

    community_id: str
    announcement_id: str
    kind: MailKind
    deadline: datetime | None = None  # of reminders; None: of before deadlines were told apart
    step: Step = Step.LIST
    page_token: str = ""  # of the list of who is told: how far it was read

    @property
    def id(self) -> str:
        """The same whoever asks for it."""
        return str(uuid.uuid5(_IDS, f"{self.announcement_id}|{self._why}"))

    def mail_id(self, person_id: str) -> str:
        """The same however often the list is read; its Message-ID is made of it."""
        return str(uuid.uuid5(_IDS, f"{self.announcement_id}|{person_id}|{self._why}"))

    @property
    def _why(self) -> str:
        return f"{self.kind}|{self.deadline.isoformat()}" if self.deadline else str(self.kind)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person, that is to be sent."""

    id: str
    community_id: str
    announcement_id: str
    kind: MailKind
    person_id: str
    queue_time: datetime  # from when it could be sent
    deadline: datetime | None = None  # as its mailing's
    attempts: int = 0
    claim: str = ""  # whose it is to send

    @property
    def mailing(self) -> Mailing:
        """What it belongs to."""
        return Mailing(self.community_id, self.announcement_id, self.kind, self.deadline)

    def is_late(self, now: datetime) -> bool:
        """It is tried no more."""
        return now - self.queue_time >= TRIED_FOR

    def pause(self, jitter: float) -> timedelta:
        """Until the next attempt: twice as long each time; `jitter`, 0 to 1, spreads them."""
        longest = min(_FIRST_PAUSE * (1 << min(self.attempts, 16)), _LONGEST_PAUSE)
        return longest * (0.5 + jitter / 2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a mail that was claimed."""

    mail: Mail
    state: MailState
    reason: Reason | None = None
    due_time: datetime | None = None  # where it is QUEUED again
    attempted: bool = False


def judge(mail: Mail, verdict: Verdict, now: datetime, jitter: float) -> Outcome:
    """What becomes of a mail after this answer."""
    match verdict:
        case Verdict.TAKEN:
            return Outcome(mail, MailState.SENT, attempted=True)
        case Verdict.NO_SUCH_ADDRESS:
            return Outcome(mail, MailState.BOUNCED, Reason.UNDELIVERABLE, attempted=True)
        case Verdict.NOT_ALLOWED:
            return Outcome(mail, MailState.BOUNCED, Reason.REFUSED, attempted=True)
        case Verdict.REFUSED:
            return Outcome(mail, MailState.FAILED, Reason.REFUSED, attempted=True)
    if mail.is_late(now):
        return Outcome(mail, MailState.FAILED, Reason.TOO_LATE, attempted=True)
    return Outcome(mail, MailState.QUEUED, due_time=now + mail.pause(jitter), attempted=True)


def address_digest(email: str, key: bytes) -> str:
    """What is kept of an address that bounced: it tells nobody without the key anything."""
    return hmac.digest(key, email.casefold().encode(), sha256).hex()
