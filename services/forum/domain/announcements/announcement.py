"""An announcement: its states, and what may be changed in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import FailedPreconditionError, FieldInvalidError, NotFoundError
from services.forum.domain.announcements.audiences import EVERYONE, AudienceRule, managers_key
from services.forum.domain.announcements.channels import channel_key
from services.forum.domain.announcements.receipts import AcknowledgementNotRequiredError
from services.forum.domain.announcements.schedules import Schedule
from services.forum.domain.members import Author
from services.forum.domain.texts import NO_TEXT, Text

MOST_LOCALES = 20  # the source's included
REMIND_BEFORE = timedelta(days=2)
ARCHIVE_AFTER = timedelta(days=90)  # of having expired
NEWS_FOR = timedelta(days=90)  # of having been published it counts as unread
BANNER_FOR = timedelta(days=30)  # of having been published, if IMPORTANT: MUST_READ until done
DEFAULT_LOCALE = "en"


class AnnouncementNotFoundError(NotFoundError):
    """There is no such announcement, or the caller cannot see it."""

    def __init__(
        self, message: str = "", *, field: str = "announcement_id", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class AnnouncementStateInvalidError(FailedPreconditionError):
    """The announcement's state does not allow it."""

    def __init__(
        self, message: str = "", *, field: str = "announcement_id", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class AnnouncementState(StrEnum):
    """Where an announcement is in its life."""

    DRAFT = "DRAFT"
    SCHEDULED = "SCHEDULED"
    PUBLISHED = "PUBLISHED"
    EXPIRED = "EXPIRED"
    ARCHIVED = "ARCHIVED"
    WITHDRAWN = "WITHDRAWN"


class AnnouncementStep(StrEnum):
    """What moves it on."""

    SCHEDULE = "SCHEDULE"
    PUBLISH = "PUBLISH"
    EXPIRE = "EXPIRE"
    ARCHIVE = "ARCHIVE"
    WITHDRAW = "WITHDRAW"


TRANSITIONS: Mapping[tuple[AnnouncementState, AnnouncementStep], AnnouncementState] = {
    (AnnouncementState.DRAFT, AnnouncementStep.SCHEDULE): AnnouncementState.SCHEDULED,
    (AnnouncementState.DRAFT, AnnouncementStep.PUBLISH): AnnouncementState.PUBLISHED,
    (AnnouncementState.SCHEDULED, AnnouncementStep.SCHEDULE): AnnouncementState.SCHEDULED,
    (AnnouncementState.SCHEDULED, AnnouncementStep.PUBLISH): AnnouncementState.PUBLISHED,
    (AnnouncementState.SCHEDULED, AnnouncementStep.WITHDRAW): AnnouncementState.WITHDRAWN,
    (AnnouncementState.PUBLISHED, AnnouncementStep.WITHDRAW): AnnouncementState.WITHDRAWN,
    (AnnouncementState.PUBLISHED, AnnouncementStep.EXPIRE): AnnouncementState.EXPIRED,
    (AnnouncementState.EXPIRED, AnnouncementStep.ARCHIVE): AnnouncementState.ARCHIVED,
}
_UNPUBLISHED = frozenset({AnnouncementState.DRAFT, AnnouncementState.SCHEDULED})


class Severity(StrEnum):
    """How much it matters that it is read."""

    INFO = "INFO"
    IMPORTANT = "IMPORTANT"
    MUST_READ = "MUST_READ"


class AudienceState(StrEnum):
    """How far the list of who is told is."""

    OPEN = "OPEN"
    FREEZING = "FREEZING"
    FROZEN = "FROZEN"


@dataclass(frozen=True, slots=True)
class Terms:
    """How it is to be read: checked together, as they depend on each other."""

    severity: Severity = Severity.INFO
    rule: AudienceRule = EVERYONE
    requires_acknowledgement: bool = False
    deadline: datetime | None = None
    expire_time: datetime | None = None
    discussion_topic_id: str = ""  # empty: it is discussed nowhere

    def checked(self, now: datetime, before: Terms | None = None) -> Terms:
        """Dates lie ahead, but for those of `before` that stay; what asks for an acknowledgement is
        a must-read with a deadline.

        Refuses with FIELD_INVALID.
        """
        if self.requires_acknowledgement and self.severity is not Severity.MUST_READ:
            field = "requires_acknowledgement"
            raise FieldInvalidError("only a MUST_READ can ask for acknowledgements", field=field)
        if self.requires_acknowledgement != (self.deadline is not None):
            raise FieldInvalidError(
                "a deadline goes with requires_acknowledgement, and only with it", field="deadline"
            )
        for time, field in ((self.deadline, "deadline"), (self.expire_time, "expire_time")):
            stays = before is not None and time == getattr(before, field)
            if time is not None and time <= now and not stays:
                raise FieldInvalidError(f"{field} must lie ahead", field=field)
        if self.deadline and self.expire_time and self.expire_time < self.deadline:
            raise FieldInvalidError("it must not expire before the deadline", field="expire_time")
        return self


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something a community's managers tell its members, in the language it was written in."""

    id: str
    community_id: str
    channel_id: str
    title: str
    body: Text
    source_locale: str
    author: Author
    create_time: datetime
    terms: Terms = Terms()
    state: AnnouncementState = AnnouncementState.DRAFT
    state_reason: str = ""
    schedule: Schedule | None = None
    end_time: datetime | None = None  # when it expired or was withdrawn
    audience_state: AudienceState = AudienceState.OPEN
    audience_count: int = 0
    reminded: bool = False
    correct_time: datetime | None = None
    correction_count: int = 0
    translated: tuple[str, ...] = ()  # further languages
    visible_time: datetime | None = None  # of the last hour that was told to have come somewhere
    version: int = 1  # of all that changes but the list and reminders, which leave it
    deleted: bool = False  # a draft that was discarded: only its ids are left

    @property
    def read_keys(self) -> tuple[str, ...]:
        """Managers see every state, the channel's readers what is out, if the rule fits them;
        nobody what was discarded.
        """
        if self.deleted:
            return ()
        managers = managers_key(self.community_id)
        if self.state in _UNPUBLISHED or self.withdrawn_before_publication:
            return (managers,)
        return (channel_key(self.channel_id), managers)

    @property
    def withdrawn_before_publication(self) -> bool:
        """Nobody has received it."""
        return (
            self.state is AnnouncementState.WITHDRAWN and self.audience_state is AudienceState.OPEN
        )

    @property
    def list_time(self) -> datetime:
        """What lists are ordered by: newest first."""
        return self.schedule.time if self.schedule else self.create_time

    @property
    def locales(self) -> tuple[str, ...]:
        """In which there is a text, the source first."""
        return (self.source_locale, *self.translated)

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.body.source) + len(self.body.html)

    @property
    def published(self) -> bool:
        """It is out and has not ended."""
        return self.state is AnnouncementState.PUBLISHED

    @property
    def remind_time(self) -> datetime | None:
        """When who has not acknowledged is reminded; never what is out for less than two days.

        Not before the list is whole: whoever is written down later would not be.
        """
        if not (self.published and self.terms.deadline and self.schedule) or self.reminded:
            return None
        if self.audience_state is not AudienceState.FROZEN:
            return None
        time = self.terms.deadline - REMIND_BEFORE
        return time if self.schedule.time <= time else None

    @property
    def wake_time(self) -> datetime | None:
        """When its state is to change by itself; None: only by somebody."""
        if self.state is AnnouncementState.SCHEDULED and self.schedule:
            return self.schedule.time
        if self.state is AnnouncementState.EXPIRED and self.end_time:
            return self.end_time + ARCHIVE_AFTER
        if not self.published:
            return None
        times = (self.remind_time, self.terms.expire_time)
        return min((time for time in times if time is not None), default=None)

    @property
    def visible_wake_time(self) -> datetime | None:
        """When it is to be told that its hour has come where some readers are; None: no more.

        Not before the list is whole: until then nobody has an hour of their own.
        """
        if not (self.published and self.schedule):
            return None
        if self.audience_state is not AudienceState.FROZEN:
            return None
        before = self.schedule.time - timedelta(minutes=1)
        return self.schedule.next_visible_time(self.visible_time or before)

    def stands_as(self, found: Announcement) -> bool:
        """What it was found to be due for still is: the list may have gone on meanwhile."""
        return (self.version, self.reminded) == (found.version, found.reminded)

    def step(self, step: AnnouncementStep, reason: str = "") -> Announcement:
        """The announcement after this step. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        state = TRANSITIONS.get((self.state, step))
        if state is None:
            raise AnnouncementStateInvalidError(
                f"an announcement that is {self.state} cannot {step}"
            )
        return replace(self, state=state, state_reason=reason)

    def plan(self, schedule: Schedule) -> Announcement:
        """To be published by itself. Refuses with ANNOUNCEMENT_STATE_INVALID, FIELD_INVALID."""
        planned = self.step(AnnouncementStep.SCHEDULE)
        planned.terms.checked(schedule.everywhere_time)
        return replace(planned, schedule=schedule)

    def publish(self, now: datetime, *, due: bool) -> Announcement:
        """Out: `due` as it was planned, else everywhere at once.

        Refuses with ANNOUNCEMENT_STATE_INVALID, FIELD_INVALID.
        """
        out = self.step(AnnouncementStep.PUBLISH)
        if not due:
            out.terms.checked(now)
        planned = self.schedule if due and self.schedule and self.schedule.local_time else None
        return replace(
            out, schedule=planned or Schedule(now), audience_state=AudienceState.FREEZING
        )

    def withdraw(self, reason: str, now: datetime) -> Announcement:
        """Taken back. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        return replace(self.step(AnnouncementStep.WITHDRAW, reason), end_time=now)

    def expire(self, now: datetime) -> Announcement:
        """Over. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        return replace(self.step(AnnouncementStep.EXPIRE), end_time=now)

    def delete(self) -> Announcement:
        """Without all it says. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        if self.state is not AnnouncementState.DRAFT:
            raise AnnouncementStateInvalidError(
                f"an announcement that is {self.state} cannot be deleted"
            )
        return replace(
            self, title="", body=NO_TEXT, terms=Terms(), translated=(), deleted=True
        ).next()

    def frozen(self, people: int) -> Announcement:
        """All that are told are on the list."""
        return replace(self, audience_state=AudienceState.FROZEN, audience_count=people)

    def check_changeable(self) -> None:
        """What has ended stays as it is. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        if self.state not in _UNPUBLISHED and not self.published:
            raise AnnouncementStateInvalidError(
                f"an announcement that is {self.state} cannot be changed"
            )

    def check_same_channel(self, before: Announcement) -> None:
        """What was planned or published stays where it is.

        Refuses with ANNOUNCEMENT_STATE_INVALID and the field's name.
        """
        if before.state is not AnnouncementState.DRAFT and self.channel_id != before.channel_id:
            raise AnnouncementStateInvalidError(
                f"an announcement that is {before.state} stays in its channel", field="channel_id"
            )

    def check_same_audience(self, before: Announcement) -> None:
        """Of what is out, whom it is for and what it asks of them is settled.

        Refuses with ANNOUNCEMENT_STATE_INVALID and the field's name.
        """
        for name, field in (
            ("rule", "audience_rule"),
            ("severity", "severity"),
            ("requires_acknowledgement", "requires_acknowledgement"),
        ):
            if getattr(self.terms, name) != getattr(before.terms, name):
                raise AnnouncementStateInvalidError(
                    f"{field} of what was published stays as it is", field=field
                )

    def check_acknowledgeable(self) -> None:
        """Refuses with ANNOUNCEMENT_STATE_INVALID, ACKNOWLEDGEMENT_NOT_REQUIRED."""
        if not self.published:
            raise AnnouncementStateInvalidError(
                f"an announcement that is {self.state} takes no acknowledgements"
            )
        if not self.terms.requires_acknowledgement:
            raise AcknowledgementNotRequiredError(field="announcement_id")

    def corrected(self, now: datetime) -> Announcement:
        """One correction more."""
        return replace(self, correct_time=now, correction_count=self.correction_count + 1)

    def translate(self, locale: str) -> Announcement:
        """One language more, unless there is a text in it. Refuses with FIELD_INVALID."""
        if locale == self.source_locale:
            raise FieldInvalidError(
                "the text in the source's language is the announcement's own", field="locale"
            )
        if locale in self.translated:
            return self
        if len(self.locales) >= MOST_LOCALES:
            raise FieldInvalidError(
                f"an announcement has at most {MOST_LOCALES} languages", field="locale"
            )
        return replace(self, translated=tuple(sorted((*self.translated, locale))))

    def next(self) -> Announcement:
        """The same with its next version."""
        return replace(self, version=self.version + 1)


class TranslationNotFoundError(NotFoundError):
    """There is no text in this language beside the source's."""


@dataclass(frozen=True, slots=True)
class Translation:
    """The text in another language."""

    announcement_id: str
    locale: str
    title: str
    body: Text

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.body.source)


@dataclass(frozen=True, slots=True)
class Correction:
    """A change after publication, as its readers see it."""

    id: str
    community_id: str
    announcement_id: str
    editor_id: str
    time: datetime
    fields: tuple[str, ...]
    locale: str
    note: str
    former_title: str = ""
    former_body: str = ""

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.former_body)


def translation_id(announcement_id: str, locale: str) -> str:
    """One an announcement and language."""
    return f"{announcement_id}-{locale}"
