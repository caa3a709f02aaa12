"""Forum domain events that begin mailings or stop them, and those that webhooks are told of.

A mailing's id follows from announcement, kind and, of a reminder, the deadline: one begun again is
there, one stopped again has nothing left to drop. A delivery's follows from webhook and event. In
whatever order they come, nothing is listed or sent before the forum was asked what holds then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from chassis import moment
from chassis.decisions import Write
from chassis.domain_events import Consequence, DomainEvent, Handler, Subscription
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from services.notifications.converters.webhooks import is_imported, subject_of
from services.notifications.domain import Mailing, MailKind
from services.notifications.domain.deliveries import KEPT, Delivery, delivery_id
from services.notifications.domain.webhooks import TOLD, EventType
from services.notifications.repository import NotificationsRepository


class NotificationsConsumers:
    """Without a mail server, or a key for webhooks, all is heard, and nothing comes of it there:
    not later either.
    """

    def __init__(self, repository: NotificationsRepository, *, mails: bool, webhooks: bool) -> None:
        self._repository = repository
        self._mails = mails
        self._webhooks = webhooks

    def of_forum(self) -> Subscription:
        """What is heard of the forum."""
        for_mails: dict[type[Message], Handler] = {
            forum_events.AnnouncementAudienceFrozen: self.on_announcement_audience_frozen,
            forum_events.AnnouncementReminderDue: self.on_announcement_reminder_due,
            forum_events.AnnouncementWithdrawn: self.on_announcement_withdrawn,
        }
        for_webhooks: dict[type[Message], Handler] = {
            getattr(forum_events, name): self.on_what_is_told for name in TOLD
        }
        handlers = _all_of(for_mails if self._mails else {}, for_webhooks if self._webhooks else {})
        kinds = ("announcement", "topic") if self._webhooks else ("announcement",)
        return Subscription("forum", handlers, aggregate_types=kinds)

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

    async def on_what_is_told(self, event: DomainEvent[Any]) -> Iterable[Write]:
        """A delivery for each webhook that wants it. Again: they are there.

        Not of what was imported, nor so long ago that its delivery would have been forgotten.
        """
        now = moment.now()
        if is_imported(event.message) or now - event.time >= KEPT:
            return []
        told = EventType(type(event.message).__name__)
        return [
            self._repository.queue_delivery(
                Delivery(
                    id=delivery_id(webhook.id, event.id),
                    community_id=event.community_id,
                    webhook_id=webhook.id,
                    type=told,
                    subject=subject_of(event.message),
                    event_time=event.time,
                    queue_time=now,
                )
            )
            for webhook in await self._repository.all_webhooks(event.community_id)
            if webhook.wants(told, event.time)
        ]


def _all_of(*tables: Mapping[type[Message], Handler]) -> dict[type[Message], Handler]:
    """One handler an event: where several hear it, what each of them makes of it."""
    hearing: dict[type[Message], list[Handler]] = defaultdict(list)
    for table in tables:
        for kind, handler in table.items():
            hearing[kind].append(handler)

    def all_of(handlers: Sequence[Handler]) -> Handler:
        async def hear(event: DomainEvent[Any]) -> Iterable[Consequence]:
            return [one for handler in handlers for one in await handler(event)]

        return hear

    return {kind: all_of(handlers) for kind, handlers in hearing.items()}


def _mailing(event: DomainEvent[Any], kind: MailKind, deadline: datetime | None = None) -> Mailing:
    return Mailing(event.community_id, event.message.announcement_id, kind, deadline)
