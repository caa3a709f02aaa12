"""Builds the search service and runs it: the only file that constructs things."""

from __future__ import annotations

from chassis import runtime
from chassis.domain_events import Subscription
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceStub
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub
from guildhall.search.v1.search_pb2_grpc import add_SearchServiceServicer_to_server
from services.search import consumers
from services.search.jobs import SearchJobs
from services.search.repository import SearchRepository
from services.search.repository.index import SearchIndex, connect
from services.search.servicer import SearchServicer
from services.search.settings import SearchSettings
from services.search.use_cases.opening import Opening, channels_of, spaces_of
from services.search.use_cases.projecting import Projector
from services.search.use_cases.searching import Searching
from services.search.use_cases.synonyms import SynonymUseCases


async def main() -> None:
    """Serve until told to stop."""
    settings = SearchSettings()
    client = connect(settings.opensearch_url)
    index = SearchIndex(
        client,
        shards=settings.shards,
        replicas=settings.replicas,
        refresh_interval=settings.refresh_interval,
    )
    try:
        async with runtime.start("search", settings, SearchRepository) as process:
            repository = SearchRepository(process.database)
            forum = process.client(ForumServiceStub, "forum")
            announcements = process.client(AnnouncementServiceStub, "forum")
            projector = Projector(
                repository,
                index,
                forum,
                announcements,
                process.client(DirectoryServiceStub, "directory"),
            )
            for producer, handlers, aggregate_types in (
                # Not what people follow, keep and read: much, and none of it is to be found.
                ("forum", consumers.FORUM, ("space", "topic", "channel", "announcement")),
                ("directory", consumers.DIRECTORY, ()),
            ):
                subscription = Subscription(
                    producer,
                    handlers,
                    project=projector.project,
                    aggregate_types=aggregate_types,
                )
                process.subscribe(subscription)
            jobs = SearchJobs(index, projector, process.projections(projector))
            process.every(1, jobs.ensure_index, "ensure_index")
            process.every(600, jobs.refresh_workforces, "refresh_workforces")
            process.every(3600, jobs.purge_tombstones, "purge_tombstones")
            servicer = SearchServicer(
                Searching(
                    repository,
                    index,
                    Opening(repository.spaces, spaces_of(forum)),
                    Opening(repository.channels, channels_of(announcements)),
                ),
                SynonymUseCases(process.commands, repository),
            )
            add_SearchServiceServicer_to_server(servicer, process.server)
            await process.run()
    finally:
        await index.close()


if __name__ == "__main__":
    runtime.launch(main)
