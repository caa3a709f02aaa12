"""An announcement as one person gets it: in their language, with their receipt, where it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementState,
    Translation,
)
from services.forum.domain.announcements.receipts import Receipt
from services.forum.domain.texts import Text

# Whoever the wall lets through can open it, once it is due where they are.
FINDABLE = frozenset(
    {AnnouncementState.PUBLISHED, AnnouncementState.EXPIRED, AnnouncementState.ARCHIVED}
)


@dataclass(frozen=True, slots=True)
class Copy:
    """What one reader is given."""

    announcement: Announcement
    receipt: Receipt | None = None
    translation: Translation | None = None
    for_manager: bool = False

    @property
    def title(self) -> str:
        """In the reader's language."""
        return self.translation.title if self.translation else self.announcement.title

    @property
    def body(self) -> Text | None:
        """In the reader's language; None: of what was withdrawn readers see the reason only."""
        if self.announcement.state is AnnouncementState.WITHDRAWN and not self.for_manager:
            return None
        return self.translation.body if self.translation else self.announcement.body

    @property
    def locale(self) -> str:
        """Of title and body."""
        return self.translation.locale if self.translation else self.announcement.source_locale

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.body.source) + len(self.body.html) if self.body else 0


def is_shown(announcement: Announcement, receipt: Receipt | None, now: datetime) -> bool:
    """Whether somebody the wall lets through is given it now.

    What was withdrawn is for those who had received it; what is due at a time of the reader's day
    comes then, and by UTC to whom is not on the list.
    """
    if announcement.state is AnnouncementState.WITHDRAWN:
        end = announcement.end_time
        return receipt is not None and (end is None or receipt.deliver_time <= end)
    schedule = announcement.schedule
    if schedule is None or is_due_everywhere(announcement, now):
        return True
    due = receipt.deliver_time if receipt is not None else schedule.visible_time("")
    return due <= now


def was_shown(announcement: Announcement, receipt: Receipt | None) -> bool:
    """Whether somebody the wall lets through was given it until it was withdrawn, and is no more:
    who had received it is told why it was.
    """
    if announcement.state is not AnnouncementState.WITHDRAWN or receipt is not None:
        return False
    schedule, end = announcement.schedule, announcement.end_time
    return schedule is None or end is None or schedule.visible_time("") <= end


def is_due_everywhere(announcement: Announcement, now: datetime) -> bool:
    """Whether it is out on all clocks, whatever a receipt says."""
    return everywhere_time(announcement) <= now


def everywhere_time(announcement: Announcement) -> datetime:
    """From when it is out on all clocks."""
    schedule = announcement.schedule
    return announcement.create_time if schedule is None else schedule.everywhere_time
