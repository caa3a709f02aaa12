"""What looks after the quality of a community by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.seeding import SeedingUseCases
from services.forum.use_cases.vitality import VitalityUseCases


class QualityJobs:
    """One job is one use case."""

    def __init__(
        self, use_cases: ForumUseCases, vitality: VitalityUseCases, seeding: SeedingUseCases
    ) -> None:
        self._use_cases = use_cases
        self._seeding = seeding
        self._vitality = vitality

    async def run_automation(self) -> None:
        """Automations rules act on what matches them."""
        await self._use_cases.run_automation(datetime.now(UTC))

    async def count_days(self) -> None:
        """Spaces' days are counted when they have ended; what they say ends seedings."""
        await self._vitality.count_days(datetime.now(UTC))
        await self._seeding.end_fulfilled()
