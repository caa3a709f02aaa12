"""Scheduled topics go out."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from chassis.errors import DomainError
from services.forum.repository import ForumRepository
from services.forum.use_cases.schedules import DueTopics

_AT_ONCE = 100

_log = logging.getLogger(__name__)


class ScheduleJobs:
    """Each may run again at any time."""

    def __init__(self, repository: ForumRepository, due: DueTopics) -> None:
        self._repository = repository
        self._due = due

    async def publish_due_topics(self) -> None:
        """Scheduled topics whose time has come; one that has to wait holds up no other."""
        for topic in await self._repository.find_due_topics(datetime.now(UTC), _AT_ONCE):
            try:
                await self._due.publish_topic(topic)
            except DomainError as refusal:  # posted too fast, or somebody is down: the next time
                _log.info("topic %s waits: %s", topic.id, refusal)
