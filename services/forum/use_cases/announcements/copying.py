"""An announcement as people get it who do not call, but are written to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementNotFoundError,
)
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.copies import Copy
from services.forum.use_cases.announcements.base import AnnouncementsBase
from services.forum.use_cases.memberships import memberships_of


class CopyingUseCases(AnnouncementsBase):
    """Nobody gets more than if they had called: managers neither."""

    async def copies_for(
        self, community_id: str, announcement_id: str, person_ids: Sequence[str], now: datetime
    ) -> tuple[Announcement, dict[str, Copy]]:
        """By person id, of those who can read it now. Refuses with ANNOUNCEMENT_NOT_FOUND.

        What is asked of the store and the directory does not grow with the people.
        """
        announcement = await self._repository.find_announcement(community_id, announcement_id)
        if announcement is None:
            raise AnnouncementNotFoundError
        if not person_ids:
            return announcement, {}
        readers = [
            Reader(community_id, one.person_id, tuple(one.membership.keyring))
            for one in await memberships_of(self._directory, community_id, person_ids)
        ]
        return announcement, await self._repository.copies_for(readers, announcement_id, now)
