"""Builds the forum and runs it: the only file that constructs things."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from chassis import runtime
from chassis.domain_events import Subscription
from chassis.file_passes import FilePassSigner
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1.announcements_pb2_grpc import add_AnnouncementServiceServicer_to_server
from guildhall.forum.v1.attachments_pb2_grpc import add_AttachmentServiceServicer_to_server
from guildhall.forum.v1.automation_pb2_grpc import add_AutomationServiceServicer_to_server
from guildhall.forum.v1.curation_pb2_grpc import add_CurationServiceServicer_to_server
from guildhall.forum.v1.drafts_pb2_grpc import add_DraftServiceServicer_to_server
from guildhall.forum.v1.exports_pb2_grpc import add_ExportServiceServicer_to_server
from guildhall.forum.v1.feed_pb2_grpc import add_FeedServiceServicer_to_server
from guildhall.forum.v1.forum_pb2_grpc import add_ForumServiceServicer_to_server
from guildhall.forum.v1.moves_pb2_grpc import add_MoveServiceServicer_to_server
from guildhall.forum.v1.participation_pb2_grpc import add_ParticipationServiceServicer_to_server
from guildhall.forum.v1.routing_pb2_grpc import add_RoutingServiceServicer_to_server
from guildhall.forum.v1.seeding_pb2_grpc import add_SeedingServiceServicer_to_server
from guildhall.forum.v1.trust_pb2_grpc import add_TrustServiceServicer_to_server
from guildhall.forum.v1.vitality_pb2_grpc import add_VitalityServiceServicer_to_server
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseOpened
from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceStub
from services.forum.consumers import ForumConsumers, TrustConsumers
from services.forum.jobs import (
    AnnouncementJobs,
    QualityJobs,
    RoutingJobs,
    ScheduleJobs,
    VerificationJobs,
)
from services.forum.repository import ForumRepository
from services.forum.repository.blobs import DiskBlobs
from services.forum.repository.scanner import Scanner
from services.forum.servicer import (
    AnnouncementServicer,
    AttachmentServicer,
    AutomationServicer,
    CurationServicer,
    DraftServicer,
    ExportServicer,
    FeedServicer,
    ForumServicer,
    MoveServicer,
    ParticipationServicer,
    RoutingServicer,
    SeedingServicer,
    TrustServicer,
    VitalityServicer,
)
from services.forum.settings import ForumSettings
from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.announcements import AnnouncementUseCases
from services.forum.use_cases.attachment_reviews import AttachmentReviews
from services.forum.use_cases.attachments import AttachmentUseCases, Files
from services.forum.use_cases.carrying import Carrying
from services.forum.use_cases.feed import FeedUseCases
from services.forum.use_cases.inspecting import Inspector
from services.forum.use_cases.moves import MoveUseCases
from services.forum.use_cases.routing import RoutingUseCases
from services.forum.use_cases.schedules import DueTopics
from services.forum.use_cases.seeding import SeedingUseCases
from services.forum.use_cases.trust import TrustUseCases
from services.forum.use_cases.vitality import VitalityUseCases


async def main() -> None:
    """Until SIGTERM."""
    settings = ForumSettings()
    async with (
        runtime.start("forum", settings, ForumRepository) as process,
        open_files(settings) as files,
    ):
        repository = ForumRepository(process.database)
        moderation = process.client(ModerationServiceStub, "moderation")
        directory = process.client(DirectoryServiceStub, "directory")
        use_cases = ForumUseCases(
            process.commands,
            repository,
            moderation,
            directory=directory,
            posting_limits=settings.posting_limits == "on",
        )
        add_ForumServiceServicer_to_server(ForumServicer(use_cases, repository), process.server)
        add_ExportServiceServicer_to_server(ExportServicer(repository), process.server)
        feed = FeedUseCases(process.commands, repository, directory)
        add_FeedServiceServicer_to_server(FeedServicer(feed), process.server)
        add_ParticipationServiceServicer_to_server(
            ParticipationServicer(use_cases, repository), process.server
        )
        add_CurationServiceServicer_to_server(
            CurationServicer(use_cases, repository), process.server
        )
        add_DraftServiceServicer_to_server(DraftServicer(use_cases, repository), process.server)
        due = DueTopics(
            process.commands,
            repository,
            moderation,
            directory,
            posting_limits=settings.posting_limits == "on",
        )
        verifications = VerificationJobs(repository, use_cases)
        process.every(60, verifications.expire_verifications, "expire_verifications")
        process.every(5, ScheduleJobs(repository, due).publish_due_topics, "publish_due_topics")
        carrying = Carrying(process.commands, repository)
        moves = MoveUseCases(process.commands, repository, moderation, directory, carrying)
        add_MoveServiceServicer_to_server(MoveServicer(moves, repository), process.server)
        process.every(5, carrying.finish, "finish_moves")
        automation = AutomationServicer(use_cases, repository)
        add_AutomationServiceServicer_to_server(automation, process.server)
        vitality = VitalityUseCases(process.commands, repository, directory)
        add_VitalityServiceServicer_to_server(
            VitalityServicer(vitality, repository), process.server
        )
        seeding = SeedingUseCases(process.commands, repository, directory)
        add_SeedingServiceServicer_to_server(SeedingServicer(seeding, repository), process.server)
        quality = QualityJobs(use_cases, vitality, seeding)
        process.every(60, quality.run_automation, "run_automation")
        attachments = AttachmentUseCases(process.commands, repository, files)
        add_AttachmentServiceServicer_to_server(AttachmentServicer(attachments), process.server)
        if files is not None:
            reviews = AttachmentReviews(process.commands, repository, files)
            process.every(15, reviews.review_attachments, "review_attachments")
        process.every(600, quality.count_days, "count_days")
        routing = RoutingUseCases(process.commands, repository, directory)
        add_RoutingServiceServicer_to_server(RoutingServicer(routing), process.server)
        routing_jobs = RoutingJobs(routing)
        process.every(300, routing_jobs.route_questions, "route_questions")
        trust = TrustUseCases(process.commands, repository)
        add_TrustServiceServicer_to_server(TrustServicer(trust), process.server)
        process.every(300, trust.judge_active, "judge_active")
        process.every(21600, trust.judge_regulars, "judge_regulars")
        process.subscribe(TrustConsumers(repository).of_forum())
        announcements = AnnouncementUseCases(process.commands, repository, moderation, directory)
        add_AnnouncementServiceServicer_to_server(
            AnnouncementServicer(announcements, repository), process.server
        )
        jobs = AnnouncementJobs(announcements)
        process.every(1, jobs.wake_announcements, "wake_announcements")
        process.every(1, jobs.freeze_audiences, "freeze_audiences")
        consumers = ForumConsumers(repository)
        process.subscribe(
            Subscription(
                "moderation",
                {
                    CaseOpened: consumers.on_case_opened,
                    CaseDecided: consumers.on_case_decided,
                },
                aggregate_types=["case"],
            )
        )
        await process.run()


@contextlib.asynccontextmanager
async def open_files(settings: ForumSettings) -> AsyncIterator[Files | None]:
    """The store, and who looks into what is put there."""
    scanner = Scanner(settings.clamd) if settings.clamd else None
    required = settings.scan == "required"
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
