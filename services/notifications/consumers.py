"""Forum domain events that begin mailings or stop them.

A mailing's id follows from announcement, kind and, of a reminder, the deadline: one begun again is
there, one stopped again has nothing left to drop. In whatever order they come, nothing is listed or
sent before the forum was asked what holds then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from chassis.decisions import Write
from chassis.domain_events import DomainEvent, Handler, Subscription
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from services.notifications.domain import Mailing, MailKind
from services.notifications.repository import NotificationsRepository


class NotificationsConsumers:
    """Without a mail server all is heard, and nothing comes of it: not later either."""

    def __init__(self, repository: NotificationsRepository, *, mails: bool) -> None:
        self._repository = repository
        self._mails = mails

    def of_forum(self) -> Subscription:
        """What is heard of the forum."""
        handlers: dict[type[Message], Handler] = {
            forum_events.AnnouncementAudienceFrozen: self.on_announcement_audience_frozen,
            forum_events.AnnouncementReminderDue: self.on_announcement_reminder_due,
            forum_events.AnnouncementWithdrawn: self.on_announcement_withdrawn,
        }
        return Subscription(
            "forum", handlers if self._mails else {}, aggregate_types=("announcement",)
        )

    async def on_announcement_audience_frozen(
        self, event: DomainEvent[forum_events.AnnouncementAudienceFrozen]
    ) -> Iterable[Write]:
        """Who is on the list of a must-read is written to. Again: the mailing is there."""
        if not event.message.must_read:
            return []
        return [self._repository.begin(_mailing(event, MailKind.ANNOUNCEMENT), event.time)]

    async def on_announcement_reminder_due(
        self, event: DomainEvent[forum_events.AnnouncementReminderDue]
    ) -> Iterable[Write]:
        """Who has not acknowledged it is written to. Again: the mailing is there."""
        message = event.message
        deadline = None  # of before the event told it
        if message.HasField("deadline"):
            deadline = time_of(message.deadline, "deadline")
        return [self._repository.begin(_mailing(event, MailKind.REMINDER, deadline), event.time)]

    async def on_announcement_withdrawn(
        self, event: DomainEvent[forum_events.AnnouncementWithdrawn]
    ) -> Iterable[Write]:
        """What is not sent yet stays unsent. Again: there is nothing to drop."""
        return [self._repository.stop(event.community_id, event.message.announcement_id)]


def _mailing(event: DomainEvent[Any], kind: MailKind, deadline: datetime | None = None) -> Mailing:
    return Mailing(event.community_id, event.message.announcement_id, kind, deadline)
