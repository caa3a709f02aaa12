"""Posts that somebody keeps, with a note and a reminder for their own eyes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.errors import FieldInvalidError, ResourceExhaustedError
from chassis.texts import check_body
from chassis.values import value

MOST_BOOKMARKS = 1000  # of a person in a community
_MOST_NOTE = 500
_LATEST_REMINDER = timedelta(days=3660)


class TooManyBookmarksError(ResourceExhaustedError):
    """A person keeps at most 1000 posts of a community."""


@value
class Bookmark:
    """A topic, or a reply of it, that somebody keeps; removed ones are kept without note."""

    id: str
    community_id: str
    person_id: str
    topic_id: str
    reply_id: str
    create_time: datetime
    note: str = ""
    remind_time: datetime | None = None
    removed: bool = False
    number: int | None = None  # its place among those one keeps; not all have one

    def keep(
        self, note: str, remind_time: datetime | None, now: datetime, number: int | None
    ) -> Bookmark:
        """With this note and reminder; one that was removed begins anew, at the place `number`.

        Refuses with TOO_MANY_BOOKMARKS.
        """
        kept = replace(self, note=note, remind_time=remind_time, removed=False)
        if not self.removed:
            return kept
        if number is None:
            raise TooManyBookmarksError
        return replace(kept, create_time=now, number=number)

    def carry(self, id: str, topic_id: str) -> Bookmark:
        """The same of another topic, without a place: this one has it until both are stored."""
        return replace(self, id=id, topic_id=topic_id, number=None)

    def remove(self) -> Bookmark:
        """What was written for oneself is gone with it."""
        return replace(self, note="", remind_time=None, removed=True, number=None)


def check_note(note: str) -> str:
    """May be empty. Refuses with TEXT_INVALID."""
    return check_body(note, "note", least=0, most=_MOST_NOTE)


def check_remind_time(time: datetime | None, now: datetime) -> datetime | None:
    """To come, within ten years. Refuses with FIELD_INVALID."""
    if time is not None and not now < time <= now + _LATEST_REMINDER:
        raise FieldInvalidError(
            "remind_time must be to come, within ten years", field="remind_time"
        )
    return time
