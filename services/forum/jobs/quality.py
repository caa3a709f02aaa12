"""What looks after the quality of a community by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.vitality import VitalityUseCases


class QualityJobs:
    """One job is one use case."""

    def __init__(self, use_cases: ForumUseCases, vitality: VitalityUseCases) -> None:
        self._use_cases = use_cases
        self._vitality = vitality

    async def run_automation(self) -> None:
        """Automations rules act on what matches them."""
        await self._use_cases.run_automation(datetime.now(UTC))

    async def count_days(self) -> None:
        """Spaces' days are counted when they have ended."""
        await self._vitality.count_days(datetime.now(UTC))
