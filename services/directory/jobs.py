"""What the directory does by itself, again and again; it may run again at any time."""

from __future__ import annotations

from services.directory.use_cases import DirectoryUseCases


class DirectoryJobs:
    """Each may run again at any time."""

    def __init__(self, use_cases: DirectoryUseCases) -> None:
        self._use_cases = use_cases

    async def sweep_groups(self) -> None:
        """Ask the rules of groups anew, where a change may concern many people."""
        await self._use_cases.group_rules.sweep_groups()
