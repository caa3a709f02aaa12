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

    def keep(self, note: str, remind_time: datetime | None, now: datetime) -> Bookmark:
        """With this note and reminder; one that was removed begins anew."""
        create_time = now if self.removed else self.create_time
        return replace(
            self, note=note, remind_time=remind_time, create_time=create_time, removed=False
        )

    def carry(self, id: str, topic_id: str) -> Bookmark:
        """The same of another topic."""
        return replace(self, id=id, topic_id=topic_id)

    def remove(self) -> Bookmark:
        """What was written for oneself is gone with it."""
        return replace(self, note="", remind_time=None, removed=True)


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
