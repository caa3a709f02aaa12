"""Webhooks: what a portal is told of, whose secret signs it, and what may become of a webhook."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from chassis.errors import FailedPreconditionError, FieldInvalidError, NotFoundError

MOST_WEBHOOKS = 10  # of a community
MOST_NAME = 80
BOTH_SIGN = timedelta(hours=24)  # after a rotation, the former secret and its successor


class WebhookNotFoundError(NotFoundError):
    """There is no such webhook, or the caller is no manager of its community."""


class WebhookDeliveryNotFoundError(NotFoundError):
    """The webhook has no such delivery, or not any more."""


class TooManyWebhooksError(FailedPreconditionError):
    """The community has its most webhooks."""


class WebhooksNotOfferedError(FailedPreconditionError):
    """This platform has no key to sign with."""


class WebhookDisabledError(FailedPreconditionError):
    """Nothing is sent to a webhook that is disabled."""


class EventType(StrEnum):
    """What a webhook may be told of, named as the domain event; TEST is never asked for."""

    TOPIC_PUBLISHED = "TopicPublished"
    TOPIC_EDITED = "TopicEdited"
    TOPIC_CLOSED = "TopicClosed"
    TOPIC_REOPENED = "TopicReopened"
    TOPIC_ARCHIVED = "TopicArchived"
    TOPIC_HIDDEN = "TopicHidden"
    TOPIC_RESTORED = "TopicRestored"
    TOPIC_REMOVED = "TopicRemoved"
    TOPIC_MOVED = "TopicMoved"
    TOPIC_MERGED = "TopicMerged"
    IDEA_STATUS_CHANGED = "IdeaStatusChanged"
    REPLY_PUBLISHED = "ReplyPublished"
    REPLY_EDITED = "ReplyEdited"
    REPLY_ACCEPTED = "ReplyAccepted"
    REPLY_UNACCEPTED = "ReplyUnaccepted"
    REPLY_HIDDEN = "ReplyHidden"
    REPLY_RESTORED = "ReplyRestored"
    REPLY_REMOVED = "ReplyRemoved"
    ANNOUNCEMENT_PUBLISHED = "AnnouncementPublished"
    ANNOUNCEMENT_CORRECTED = "AnnouncementCorrected"
    ANNOUNCEMENT_WITHDRAWN = "AnnouncementWithdrawn"
    ANNOUNCEMENT_EXPIRED = "AnnouncementExpired"
    TEST = "webhook.test"


TOLD = tuple(one for one in EventType if one is not EventType.TEST)


class DisableReason(StrEnum):
    """Why nothing is sent to a webhook."""

    MANUAL = "MANUAL"
    GONE = "GONE"  # the receiver answered 410
    FAILING = "FAILING"  # no attempt has succeeded for days


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that a community's managers have told of what happens in it."""

    id: str
    community_id: str
    name: str
    url: str
    event_types: tuple[EventType, ...]
    create_time: datetime
    update_time: datetime
    enable_time: datetime  # what was said before is not told
    place: int | None  # among the few of its community
    disable_reason: DisableReason | None = None
    generation: int = 1  # counts its secrets
    rotate_time: datetime | None = None
    deleted: bool = False  # only its ids are left
    version: int = 0  # as stored

    @property
    def enabled(self) -> bool:
        """Whether anything is sent."""
        return self.disable_reason is None and not self.deleted

    @property
    def name_order(self) -> str:
        """What webhooks are listed by: capitals do not count."""
        return self.name.casefold()

    def wants(self, event_type: EventType, time: datetime) -> bool:
        """Whether it is to be told of what happened then."""
        return self.enabled and event_type in self.event_types and time >= self.enable_time

    def signing(self, now: datetime) -> tuple[int, ...]:
        """Which of its secrets sign now, the current one first."""
        if self.rotate_time is not None and now < self.rotate_time + BOTH_SIGN:
            return (self.generation, self.generation - 1)
        return (self.generation,)

    def change(
        self,
        now: datetime,
        *,
        name: str | None = None,
        url: str | None = None,
        event_types: tuple[EventType, ...] | None = None,
    ) -> Webhook:
        """What is given takes the place of what was."""
        changed = replace(
            self,
            name=self.name if name is None else name,
            url=self.url if url is None else url,
            event_types=self.event_types if event_types is None else event_types,
        )
        return self if changed == self else replace(changed, update_time=now)

    def enable(self, now: datetime) -> Webhook:
        """From now on; one that is enabled stays as it is."""
        if self.enabled:
            return self
        return replace(self, disable_reason=None, enable_time=now, update_time=now)

    def disable(self, reason: DisableReason, now: datetime) -> Webhook:
        """One that is disabled keeps its reason."""
        if not self.enabled:
            return self
        return replace(self, disable_reason=reason, update_time=now)

    def rotate(self, now: datetime) -> Webhook:
        """With another secret."""
        return replace(self, generation=self.generation + 1, rotate_time=now, update_time=now)

    def delete(self, now: datetime) -> Webhook:
        """Without all it says, and without a place."""
        return replace(
            self, name="", url="", event_types=(), place=None, deleted=True, update_time=now
        )

    def check_enabled(self) -> None:
        """Refuses with WEBHOOK_DISABLED."""
        if not self.enabled:
            raise WebhookDisabledError(field="webhook_id")


def secret_of(webhook_id: str, generation: int, key: bytes) -> str:
    """As Standard Webhooks spells it. Nobody keeps it: it follows from the platform's key."""
    digest = hmac.digest(key, f"{webhook_id}.{generation}".encode(), sha256)
    return f"whsec_{base64.b64encode(digest).decode()}"


def free_place(taken: Collection[int]) -> int:
    """The first that is left. Refuses with TOO_MANY_WEBHOOKS."""
    for place in range(MOST_WEBHOOKS):
        if place not in taken:
            return place
    raise TooManyWebhooksError(f"a community has at most {MOST_WEBHOOKS} webhooks")


def check_event_types(event_types: Sequence[EventType]) -> tuple[EventType, ...]:
    """One or more that can be asked for, each once. Refuses with FIELD_INVALID."""
    chosen = tuple(dict.fromkeys(event_types))
    if not chosen or len(chosen) != len(event_types) or not set(chosen) <= set(TOLD):
        problem = f"event_types must be one or more of {', '.join(TOLD)}, each once"
        raise FieldInvalidError(problem, field="event_types")
    return chosen
