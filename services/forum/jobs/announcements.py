"""What becomes of announcements by the hour."""

from __future__ import annotations

from datetime import UTC, datetime

from services.forum.use_cases.announcements import AnnouncementUseCases


class AnnouncementJobs:
    """Each may run again at any time."""

    def __init__(self, announcements: AnnouncementUseCases) -> None:
        self._announcements = announcements

    async def wake_announcements(self) -> None:
        """Publish, remind, expire and archive what is due; say of what has come to more readers."""
        while await self._announcements.wake_due(datetime.now(UTC)):
            pass
        while await self._announcements.tell_visible(datetime.now(UTC)):
            pass

    async def freeze_audiences(self) -> None:
        """Write the lists of who was told what was published."""
        await self._announcements.freeze_audiences()
