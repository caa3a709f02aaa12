"""Builds moderation and runs it: the only file that constructs things."""

from __future__ import annotations

from chassis import runtime
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub
from guildhall.moderation.v1.moderation_pb2_grpc import add_ModerationServiceServicer_to_server
from services.moderation.consumers import ModerationConsumers
from services.moderation.repository import ModerationRepository
from services.moderation.servicer import ModerationServicer
from services.moderation.settings import ModerationSettings
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.flags import FlagUseCases
from services.moderation.use_cases.screening import Screener


async def main() -> None:
    """Serve until told to stop."""
    settings = ModerationSettings()
    async with runtime.start("moderation", settings, ModerationRepository) as process:
        repository = ModerationRepository(process.database)
        screener = Screener(repository)
        use_cases = ModerationUseCases(process.commands, repository)
        forum = process.client(ForumServiceStub, "forum")
        flags = FlagUseCases(process.commands, repository, forum)
        servicer = ModerationServicer(use_cases, flags, screener, repository)
        add_ModerationServiceServicer_to_server(servicer, process.server)
        process.subscribe(ModerationConsumers(repository, screener, forum).of_forum())
        await process.run()


if __name__ == "__main__":
    runtime.launch(main)
