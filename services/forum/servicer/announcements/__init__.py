"""AnnouncementService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from services.forum.repository import ForumRepository
from services.forum.servicer.announcements.reads import AnnouncementReads
from services.forum.servicer.announcements.writes import AnnouncementWrites
from services.forum.use_cases.announcements import AnnouncementUseCases

__all__ = ["AnnouncementServicer"]


class AnnouncementServicer(AnnouncementWrites, AnnouncementReads):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: AnnouncementUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository
