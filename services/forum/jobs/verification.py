"""What was verified, or was to be reviewed, until now: that time is over."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.each import each
from services.forum.domain.verification import Recheck
from services.forum.repository import ForumRepository
from services.forum.use_cases import ForumUseCases

_AT_ONCE = 100


class VerificationJobs:
    """May run again at any time."""

    def __init__(self, repository: ForumRepository, use_cases: ForumUseCases) -> None:
        self._repository = repository
        self._use_cases = use_cases

    async def expire_verifications(self) -> None:
        """Say of each post that its time is over."""
        found = await self._repository.find_expired(datetime.now(UTC), _AT_ONCE)
        await each(found, self._use_cases.expire_verification, _name)

    async def expire_reviews(self) -> None:
        """Say of each article that nobody reviewed it in time."""
        found = await self._repository.find_expired_reviews(datetime.now(UTC), _AT_ONCE)
        await each(found, self._use_cases.expire_review, _name)


def _name(recheck: Recheck) -> str:
    return f"expiry of {recheck.post_id}"
