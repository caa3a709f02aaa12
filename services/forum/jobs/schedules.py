"""Scheduled topics go out."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from chassis.errors import DomainError
from services.forum.domain.posting import MentionLimitReachedError, PostingTooFastError
from services.forum.repository import ForumRepository
from services.forum.use_cases.schedules import DueTopics

_AT_ONCE = 100
_LONGEST_WAIT = 60.0  # seconds; settings may allow more by then
_MOST_WAITING = 1_000  # authors; past that the longest known are asked again

_log = logging.getLogger(__name__)


class ScheduleJobs:
    """Each may run again at any time."""

    def __init__(self, repository: ForumRepository, due: DueTopics) -> None:
        self._repository = repository
        self._due = due
        # Who posted or mentioned too much, (community id, person id), and until when they are not
        # asked again.
        self._waiting: dict[tuple[str, str], float] = {}

    async def publish_due_topics(self) -> None:
        """Scheduled topics whose time has come; one that has to wait holds up no other, and an
        author who reached a limit no other author, however many of theirs are due.
        """
        now = time.monotonic()
        self._waiting = {author: until for author, until in self._waiting.items() if until > now}
        for topic in await self._repository.find_due_topics(
            datetime.now(UTC), list(self._waiting), _AT_ONCE
        ):
            author = (topic.community_id, topic.author.person_id)
            if author in self._waiting:  # found to be so in this round
                continue
            try:
                await self._due.publish_topic(topic)
            except (PostingTooFastError, MentionLimitReachedError) as refusal:
                self._wait(author, now + min(refusal.retry_after, _LONGEST_WAIT))
            except DomainError as refusal:  # somebody is down: the next time
                _log.info("topic %s waits: %s", topic.id, refusal)

    def _wait(self, author: tuple[str, str], until: float) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[author] = until
