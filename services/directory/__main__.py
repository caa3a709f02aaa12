"""Builds the directory and runs it: the only file that constructs things."""

from __future__ import annotations

from chassis import runtime
from services.directory.consumers import subscriptions
from services.directory.jobs import DirectoryJobs
from services.directory.repository import DirectoryRepository
from services.directory.servicer import add_servicers
from services.directory.settings import DirectorySettings
from services.directory.use_cases import DirectoryUseCases


async def main() -> None:
    """Until SIGTERM."""
    settings = DirectorySettings()
    async with runtime.start("directory", settings, DirectoryRepository) as process:
        repository = DirectoryRepository(process.database)
        use_cases = DirectoryUseCases(process.commands, repository)
        await use_cases.persons.bootstrap_operator(settings.bootstrap_operator)
        add_servicers(process.server, use_cases, repository)
        process.every(1, DirectoryJobs(use_cases).sweep_groups, "sweep_groups")
        for subscription in subscriptions(repository):
            process.subscribe(subscription)
        await process.run()


if __name__ == "__main__":
    runtime.launch(main)
