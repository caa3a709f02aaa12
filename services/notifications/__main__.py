"""Builds notifications and runs it: the only file that constructs things."""

from __future__ import annotations

import contextlib
import logging

from chassis import runtime
from chassis.outgoing import Outgoing
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceStub
from guildhall.forum.v1.openness_pb2_grpc import OpennessServiceStub
from guildhall.notifications.v1.mailings_pb2_grpc import add_MailingServiceServicer_to_server
from guildhall.notifications.v1.webhooks_pb2_grpc import add_WebhookServiceServicer_to_server
from services.notifications.consumers import NotificationsConsumers
from services.notifications.converters import Sender
from services.notifications.jobs import NotificationsJobs, WebhookJobs
from services.notifications.repository import NotificationsRepository
from services.notifications.repository.smtp import MailServer
from services.notifications.servicer import MailingServicer, WebhookServicer
from services.notifications.settings import NotificationsSettings
from services.notifications.use_cases.delivering import SECONDS, DeliveringUseCases
from services.notifications.use_cases.listing import ListingUseCases
from services.notifications.use_cases.sending import SendingUseCases
from services.notifications.use_cases.webhooks import WebhookUseCases

_log = logging.getLogger(__name__)


async def main() -> None:
    """Serve until told to stop."""
    settings = NotificationsSettings()
    async with (
        runtime.start("notifications", settings, NotificationsRepository) as process,
        contextlib.aclosing(Outgoing(inside=settings.webhooks_inside, seconds=SECONDS)) as outgoing,
    ):
        repository = NotificationsRepository(process.database)
        key = webhook_key(settings)
        webhooks = WebhookUseCases(process.commands, repository, outgoing, key)
        add_MailingServiceServicer_to_server(MailingServicer(repository), process.server)
        add_WebhookServiceServicer_to_server(WebhookServicer(webhooks), process.server)
        consumers = NotificationsConsumers(
            repository, mails=bool(settings.smtp_url), webhooks=key is not None
        )
        process.subscribe(consumers.of_forum())
        if settings.smtp_url:
            mail(process, settings, repository)
        else:
            _log.warning("NOTIFICATIONS_SMTP_URL is not given: no mails are sent")
        if key is not None:
            openness = process.client(OpennessServiceStub, "forum")
            delivering = DeliveringUseCases(repository, webhooks, openness, outgoing, key)
            jobs = WebhookJobs(delivering)
            process.every(1, jobs.send_deliveries, "send_deliveries")
            process.every(15, jobs.measure_deliveries, "measure_deliveries")
        else:
            _log.warning("NOTIFICATIONS_WEBHOOK_KEY_FILE is not given: no webhooks are offered")
        await process.run()


def webhook_key(settings: NotificationsSettings) -> bytes | None:
    """Raises StartError where there is one that could be guessed."""
    try:
        return settings.webhook_key()
    except (ValueError, OSError) as error:
        raise runtime.StartError(str(error)) from None


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
