"""Builds the forum and runs it: the only file that constructs things."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

from chassis import runtime
from chassis.file_passes import FilePassSigner
from chassis.outgoing import Outgoing
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.directory.v1.groups_pb2_grpc import GroupServiceStub
from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceStub
from services.forum.consumers import subscriptions
from services.forum.jobs import jobs
from services.forum.repository import ForumRepository
from services.forum.repository.blobs import DiskBlobs
from services.forum.repository.scanner import Scanner
from services.forum.servicer import add_servicers
from services.forum.settings import ForumSettings
from services.forum.use_cases import AllUseCases
from services.forum.use_cases.attachments import Files
from services.forum.use_cases.inspecting import Inspector

_log = logging.getLogger(__name__)


async def main() -> None:
    """Until SIGTERM."""
    settings = ForumSettings()
    async with (
        runtime.start("forum", settings, ForumRepository) as process,
        open_files(settings) as files,
        contextlib.aclosing(Outgoing(inside=settings.link_cards_inside)) as outgoing,
    ):
        repository = ForumRepository(process.database)
        use_cases = AllUseCases.of(
            process.commands,
            repository,
            process.client(ModerationServiceStub, "moderation"),
            process.client(DirectoryServiceStub, "directory"),
            process.client(GroupServiceStub, "directory"),
            files,
            outgoing,
            posting_limits=settings.posting_limits == "on",
            link_cards_inside=settings.link_cards_inside,
        )
        add_servicers(process.server, use_cases, repository)
        for seconds, name, job in jobs(use_cases, repository):
            process.every(seconds, job, name)
        for subscription in subscriptions(repository):
            process.subscribe(subscription)
        await process.run()


@contextlib.asynccontextmanager
async def open_files(settings: ForumSettings) -> AsyncIterator[Files | None]:
    """The store, and who looks into what is put there."""
    scanner = Scanner(settings.clamd) if settings.clamd else None
    required = settings.scan == "required"
    if settings.files != "none" and scanner is None and required:
        _log.warning("FORUM_CLAMD is empty: files are taken without a scan for viruses")
    if settings.files == "none":
        yield None
    elif settings.files == "disk":
        signer = FilePassSigner.from_file("forum", settings.signing_key_file)
        disk = DiskBlobs(settings.files_folder, settings.files_url, signer)
        yield Files(disk, Inspector(), scanner, scan_required=required)
    else:
        from services.forum.repository.s3_blobs import open_bucket

        async with open_bucket(
            settings.s3_bucket, region=settings.s3_region, endpoint=settings.s3_endpoint
        ) as bucket:
            yield Files(bucket, Inspector(), scanner, scan_required=required)


if __name__ == "__main__":
    runtime.launch(main)
