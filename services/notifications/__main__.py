"""Builds notifications and runs it: the only file that constructs things."""

from __future__ import annotations

import logging

from chassis import runtime
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceStub
from guildhall.notifications.v1.mailings_pb2_grpc import add_MailingServiceServicer_to_server
from services.notifications.consumers import NotificationsConsumers
from services.notifications.converters import Sender
from services.notifications.jobs import NotificationsJobs
from services.notifications.repository import NotificationsRepository
from services.notifications.repository.smtp import MailServer
from services.notifications.servicer import MailingServicer
from services.notifications.settings import NotificationsSettings
from services.notifications.use_cases.listing import ListingUseCases
from services.notifications.use_cases.sending import SendingUseCases

_log = logging.getLogger(__name__)


async def main() -> None:
    """Serve until told to stop."""
    settings = NotificationsSettings()
    async with runtime.start("notifications", settings, NotificationsRepository) as process:
        repository = NotificationsRepository(process.database)
        add_MailingServiceServicer_to_server(MailingServicer(repository), process.server)
        consumers = NotificationsConsumers(repository, mails=bool(settings.smtp_url))
        process.subscribe(consumers.of_forum())
        if settings.smtp_url:
            mail(process, settings, repository)
        else:
            _log.warning("NOTIFICATIONS_SMTP_URL is not given: no mails are sent")
        await process.run()


def mail(
    process: runtime.Process, settings: NotificationsSettings, repository: NotificationsRepository
) -> None:
    """What sends mails. Raises StartError where it is not told all it needs."""
    try:
        password = settings.password()
        server = MailServer.at(
            settings.smtp_url, settings.smtp_user, password, settings.mails_per_second
        )
        sender = Sender.of(settings.from_address, settings.announcement_url)
        address_key = settings.address_key()
    except (ValueError, IndexError, OSError) as error:
        raise runtime.StartError(str(error)) from None
    announcements = process.client(AnnouncementServiceStub, "forum")
    directory = process.client(DirectoryServiceStub, "directory")
    sending = SendingUseCases(
        repository,
        announcements,
        directory,
        server,
        sender,
        address_key,
        at_once=settings.mails_per_connection,
    )
    listing = ListingUseCases(repository, announcements)
    jobs = NotificationsJobs(listing, sending, connections=settings.connections)
    process.every(1, jobs.list_mailings, "list_mailings")
    process.every(1, jobs.send_mails, "send_mails")
    process.every(15, jobs.measure_mails, "measure_mails")


if __name__ == "__main__":
    runtime.launch(main)
