"""Polls in topics: who may say what until when, and who sees what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    FieldInvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from chassis.moment import cut
from chassis.texts import check_line
from services.forum.domain.members import Author, keys_of_withheld, opens

MAX_QUESTION = 300
MAX_OPTION = 200
MIN_OPTIONS, MAX_OPTIONS = 2, 20
_LONGEST = timedelta(days=366)


class PollNotFoundError(NotFoundError):
    """The topic has no poll, or the caller cannot see it."""


class PollExistsError(AlreadyExistsError):
    """A topic has one poll."""


class PollNotAllowedError(PermissionDeniedError):
    """Whose posts wait for a review asks nothing in a topic that is out: polls do not wait."""


class PollClosedError(FailedPreconditionError):
    """What was said counts; nobody says more."""


class PollResultsHiddenError(FailedPreconditionError):
    """Nobody sees who said what: not yet, or, where the poll is anonymous, ever."""


class ResultsShown(StrEnum):
    """From when somebody sees the counts."""

    ALWAYS = "ALWAYS"
    AFTER_VOTE = "AFTER_VOTE"
    AFTER_CLOSE = "AFTER_CLOSE"


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one person says, by the places of the options; nothing: it was taken back."""

    topic_id: str
    person_id: str
    options: tuple[int, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class Poll:
    """A question with options, in a topic; its counts are those of its ballots."""

    topic_id: str
    author_id: str
    question: str
    options: tuple[str, ...]
    multiple: bool
    anonymous: bool
    results_shown: ResultsShown
    create_time: datetime
    close_time: datetime | None  # None: until somebody closes it
    counts: tuple[int, ...]
    voter_count: int = 0
    remove_reason: str = ""  # why a moderator took it out of sight, if so

    @property
    def removed(self) -> bool:
        """Whether it is out of sight of all but who asked it and moderators."""
        return bool(self.remove_reason)

    def visible(self, community_id: str, keyring: Collection[str]) -> bool:
        """To somebody who sees its topic."""
        keys = keys_of_withheld(community_id, Author(self.author_id))
        return not self.removed or opens(keys, keyring)

    def closed(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.removed or (self.close_time is not None and now >= self.close_time)

    def shows_results(self, ballot: Ballot | None, now: datetime) -> bool:
        """To somebody with this ballot. Nobody is exempt: who counts early, tells."""
        match self.results_shown:
            case ResultsShown.ALWAYS:
                return True
            case ResultsShown.AFTER_VOTE:
                return self.closed(now) or (ballot is not None and bool(ballot.options))
            case ResultsShown.AFTER_CLOSE:
                return self.closed(now)

    def shows_ballots(self, ballot: Ballot | None, now: datetime) -> bool:
        """Whether somebody with this ballot sees who said what."""
        return not self.anonymous and self.shows_results(ballot, now)

    def check_open(self, now: datetime) -> None:
        """Refuses with POLL_CLOSED."""
        if self.closed(now):
            raise PollClosedError

    def check_choices(self, choices: Sequence[int]) -> tuple[int, ...]:
        """Places of options; none takes a ballot back. Refuses with FIELD_INVALID."""
        chosen = tuple(sorted(set(choices)))
        if any(not 0 <= one < len(self.options) for one in chosen):
            raise FieldInvalidError("choices are places of options, from 0", field="choices")
        if len(chosen) > 1 and not self.multiple:
            raise FieldInvalidError("one option can be chosen", field="choices")
        return chosen

    def count(self, before: Ballot | None, after: Ballot) -> Poll:
        """With one ballot in place of what the same person said before."""
        was = before.options if before is not None else ()
        counts = tuple(
            count + (place in after.options) - (place in was)
            for place, count in enumerate(self.counts)
        )
        voters = self.voter_count + bool(after.options) - bool(was)
        return replace(self, counts=counts, voter_count=voters)

    def close(self, now: datetime) -> Poll:
        """Its time is over now."""
        return replace(self, close_time=now)

    def remove(self, reason: str) -> Poll:
        """Out of sight."""
        return replace(self, remove_reason=reason)


@dataclass(frozen=True, slots=True)
class SeenPoll:
    """A poll as one person sees it, at a moment."""

    poll: Poll
    ballot: Ballot | None
    now: datetime

    @property
    def shows_ballots(self) -> bool:
        """Whether the person sees who said what."""
        return self.poll.shows_ballots(self.ballot, self.now)


def check_question(question: str) -> str:
    """Refuses with TEXT_INVALID."""
    return check_line(question, "question", most=MAX_QUESTION)


def check_poll_options(options: Sequence[str]) -> tuple[str, ...]:
    """Each once. Refuses with FIELD_INVALID, TEXT_INVALID."""
    if not MIN_OPTIONS <= len(options) <= MAX_OPTIONS:
        raise FieldInvalidError(f"{MIN_OPTIONS} to {MAX_OPTIONS} options", field="options")
    checked = tuple(check_line(one, "options", most=MAX_OPTION) for one in options)
    if len({one.casefold() for one in checked}) < len(checked):
        raise FieldInvalidError("an option stands there twice", field="options")
    return checked


def check_close_time(time: datetime | None, now: datetime) -> datetime | None:
    """Refuses with FIELD_INVALID."""
    if time is not None and not now < time <= now + _LONGEST:
        raise FieldInvalidError("within a year from now", field="close_time")
    return time and cut(time)


def check_opens(close_time: datetime | None, publish_time: datetime | None) -> None:
    """Of a poll in a topic that goes out by itself. Refuses with FIELD_INVALID."""
    if close_time is not None and publish_time is not None and close_time <= publish_time:
        raise FieldInvalidError("after its topic goes out", field="close_time")
