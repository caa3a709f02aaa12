"""What looks after the quality of a community by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from services.forum.use_cases import ForumUseCases


class QualityJobs:
    """One job is one use case."""

    def __init__(self, use_cases: ForumUseCases) -> None:
        self._use_cases = use_cases

    async def run_automation(self) -> None:
        """Automations rules act on what matches them."""
        await self._use_cases.run_automation(datetime.now(UTC))
