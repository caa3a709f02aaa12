"""Webhooks and their deliveries in GraphQL; mutations are beside it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import strawberry

from gateway import batches, staff_lists
from gateway.context import Info
from gateway.cursors import decode_id, encode_id, encode_reply_id
from gateway.loaders import Listing, fetched_by, filled, read
from gateway.schema.directory import Community
from gateway.schema.fields import COMMUNITY, fetched
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import URL, DateTime, unset_is_null
from gateway.schema.viewer import NODES, found_within
from guildhall.notifications.v1 import webhooks_pb2 as pb


@strawberry.enum(
    description="What a webhook may be told of: the payload's type is the same name in one word, "
    "as TopicPublished."
)
class WebhookEventType(Enum):
    """notifications.WebhookEventType."""

    TOPIC_PUBLISHED = pb.WEBHOOK_EVENT_TYPE_TOPIC_PUBLISHED
    TOPIC_EDITED = pb.WEBHOOK_EVENT_TYPE_TOPIC_EDITED
    TOPIC_CLOSED = pb.WEBHOOK_EVENT_TYPE_TOPIC_CLOSED
    TOPIC_REOPENED = pb.WEBHOOK_EVENT_TYPE_TOPIC_REOPENED
    TOPIC_ARCHIVED = pb.WEBHOOK_EVENT_TYPE_TOPIC_ARCHIVED
    TOPIC_HIDDEN = pb.WEBHOOK_EVENT_TYPE_TOPIC_HIDDEN
    TOPIC_RESTORED = pb.WEBHOOK_EVENT_TYPE_TOPIC_RESTORED
    TOPIC_REMOVED = pb.WEBHOOK_EVENT_TYPE_TOPIC_REMOVED
    TOPIC_MOVED = pb.WEBHOOK_EVENT_TYPE_TOPIC_MOVED
    TOPIC_MERGED = pb.WEBHOOK_EVENT_TYPE_TOPIC_MERGED
    IDEA_STATUS_CHANGED = pb.WEBHOOK_EVENT_TYPE_IDEA_STATUS_CHANGED
    REPLY_PUBLISHED = pb.WEBHOOK_EVENT_TYPE_REPLY_PUBLISHED
    REPLY_EDITED = pb.WEBHOOK_EVENT_TYPE_REPLY_EDITED
    REPLY_ACCEPTED = pb.WEBHOOK_EVENT_TYPE_REPLY_ACCEPTED
    REPLY_UNACCEPTED = pb.WEBHOOK_EVENT_TYPE_REPLY_UNACCEPTED
    REPLY_HIDDEN = pb.WEBHOOK_EVENT_TYPE_REPLY_HIDDEN
    REPLY_RESTORED = pb.WEBHOOK_EVENT_TYPE_REPLY_RESTORED
    REPLY_REMOVED = pb.WEBHOOK_EVENT_TYPE_REPLY_REMOVED
    ANNOUNCEMENT_PUBLISHED = pb.WEBHOOK_EVENT_TYPE_ANNOUNCEMENT_PUBLISHED
    ANNOUNCEMENT_CORRECTED = pb.WEBHOOK_EVENT_TYPE_ANNOUNCEMENT_CORRECTED
    ANNOUNCEMENT_WITHDRAWN = pb.WEBHOOK_EVENT_TYPE_ANNOUNCEMENT_WITHDRAWN
    ANNOUNCEMENT_EXPIRED = pb.WEBHOOK_EVENT_TYPE_ANNOUNCEMENT_EXPIRED
    TEST = strawberry.enum_value(
        pb.WEBHOOK_EVENT_TYPE_TEST,
        description="Of testWebhook: the payload's type is webhook.test. It cannot be asked for.",
    )


@strawberry.enum(description="Whether anything is sent to a webhook.")
class WebhookState(Enum):
    """notifications.WebhookState."""

    ENABLED = pb.WEBHOOK_STATE_ENABLED
    DISABLED = pb.WEBHOOK_STATE_DISABLED


@strawberry.enum(description="Why a webhook is disabled.")
class WebhookDisableReason(Enum):
    """notifications.WebhookDisableReason."""

    MANUAL = strawberry.enum_value(pb.WEBHOOK_DISABLE_REASON_MANUAL, description="By a manager.")
    GONE = strawberry.enum_value(
        pb.WEBHOOK_DISABLE_REASON_GONE, description="The receiver answered 410."
    )
    FAILING = strawberry.enum_value(
        pb.WEBHOOK_DISABLE_REASON_FAILING,
        description="For three days no attempt has succeeded.",
    )


@strawberry.enum(description="How far a delivery is.")
class WebhookDeliveryState(Enum):
    """notifications.WebhookDeliveryState."""

    QUEUED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_STATE_QUEUED, description="For its first attempt or another one."
    )
    SENDING = pb.WEBHOOK_DELIVERY_STATE_SENDING
    DELIVERED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_STATE_DELIVERED, description="The receiver answered 2xx."
    )
    FAILED = strawberry.enum_value(pb.WEBHOOK_DELIVERY_STATE_FAILED, description="Given up.")
    DROPPED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_STATE_DROPPED, description="Not sent any more."
    )


@strawberry.enum(description="Why a delivery is FAILED or DROPPED.")
class WebhookDeliveryReason(Enum):
    """notifications.WebhookDeliveryReason."""

    EXHAUSTED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_REASON_EXHAUSTED, description="FAILED: after six attempts."
    )
    GONE = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_REASON_GONE, description="FAILED: the receiver answered 410."
    )
    UNREADABLE = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_REASON_UNREADABLE,
        description="DROPPED: not every member of the community may read it.",
    )
    DISABLED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_REASON_DISABLED, description="DROPPED: the webhook was disabled."
    )
    DELETED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_REASON_DELETED, description="DROPPED: the webhook was deleted."
    )


@strawberry.enum(description="What was wrong with an attempt.")
class WebhookDeliveryError(Enum):
    """notifications.WebhookDeliveryError."""

    STATUS = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_ERROR_STATUS, description="An answer other than 2xx."
    )
    REDIRECT = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_ERROR_REDIRECT, description="Which is not followed."
    )
    NO_ANSWER = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_ERROR_NO_ANSWER,
        description="No such name, no connection, no valid certificate, or it broke.",
    )
    TOO_SLOW = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_ERROR_TOO_SLOW, description="No answer within 18 seconds."
    )
    ADDRESS_REFUSED = strawberry.enum_value(
        pb.WEBHOOK_DELIVERY_ERROR_ADDRESS_REFUSED,
        description="The address leads into a network that is not asked.",
    )


@strawberry.type(description="One event that a webhook is told of. Kept for 14 days.")
class WebhookDelivery:
    """notifications.WebhookDelivery."""

    type: WebhookEventType = strawberry.field(description="Of the payload.")
    event_time: DateTime = strawberry.field(description="When it happened.")
    queue_time: DateTime = strawberry.field(description="From when it was to be sent.")
    state: WebhookDeliveryState = strawberry.field(description="How far it is.")
    attempts: int = strawberry.field(
        description="How often it was sent; since it was last redelivered."
    )
    next_attempt_time: DateTime | None = strawberry.field(
        description="When it is sent next; null where it is not QUEUED."
    )

    @strawberry.field(description="The header webhook-id, the same at each attempt.")
    def delivery_id(self) -> strawberry.ID:
        return self.id  # type: ignore[attr-defined,no-any-return]

    @strawberry.field(description="The payload's topicId.")
    def topic_id(self) -> strawberry.ID | None:
        return _id_of(self, "Topic", "topic_id")

    @strawberry.field(description="The payload's intoTopicId.")
    def into_topic_id(self) -> strawberry.ID | None:
        return _id_of(self, "Topic", "into_topic_id")

    @strawberry.field(description="The payload's replyId.")
    def reply_id(self) -> strawberry.ID | None:
        row: Any = self
        if not row.reply_id:
            return None
        return strawberry.ID(encode_reply_id(row.community_id, row.topic_id, row.reply_id))

    @strawberry.field(description="The payload's announcementId.")
    def announcement_id(self) -> strawberry.ID | None:
        return _id_of(self, "Announcement", "announcement_id")

    @strawberry.field(description="Why it is FAILED or DROPPED.")
    def reason(self) -> WebhookDeliveryReason | None:
        return unset_is_null(self, "reason")

    @strawberry.field(description="The status of the last answer; null where there was none.")
    def last_status(self) -> int | None:
        return unset_is_null(self, "last_status")

    @strawberry.field(description="What was wrong with the last attempt; null where nothing was.")
    def last_error(self) -> WebhookDeliveryError | None:
        return unset_is_null(self, "last_error")


def _id_of(row: Any, kind: str, field: str) -> strawberry.ID | None:
    id_ = getattr(row, field)
    return strawberry.ID(encode_id(kind, row.community_id, id_)) if id_ else None


@strawberry.type(
    description="An address that is told of what happens in a community: of what every member may "
    "read, and ids only. Only managers of its community know of it."
)
class Webhook(CommunityNode):
    """notifications.Webhook."""

    message = pb.Webhook

    name: str = strawberry.field(description="Its name.")
    url: URL = strawberry.field(description="Where it is told.")
    event_types: list[WebhookEventType] = strawberry.field(description="What it is told of.")
    state: WebhookState = strawberry.field(description="Whether anything is sent.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    update_time: DateTime = strawberry.field(description="When it was changed last.")
    rotate_time: DateTime | None = strawberry.field(
        description="When it got the secret it has; null where that is its first one. For 24 hours "
        "since, deliveries are signed by the one before as well."
    )
    version: int = strawberry.field(
        description="For expectedVersion; grows with tests and redeliveries too."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Webhook", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Why it is disabled; null where it is not.")
    def disable_reason(self) -> WebhookDisableReason | None:
        return unset_is_null(self, "disable_reason")

    community: Community | None = fetched(COMMUNITY, "The community it belongs to.")

    @strawberry.field(
        metadata=fetched_by(Listing(staff_lists.webhook_deliveries), guildhall_cost=5),
        description="What became of its deliveries, the latest first. "
        "Codes: BAD_USER_INPUT, WEBHOOK_NOT_FOUND.",
    )
    def deliveries(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        states: Annotated[
            list[WebhookDeliveryState] | None,
            strawberry.argument(description="In these states; by default all."),
        ] = None,
    ) -> Connection[WebhookDelivery] | None:
        return read(info, self)


NODES["Webhook"] = found_within(batches.webhooks)


@strawberry.type
class WebhookQuery:
    """Root fields of webhooks."""

    @strawberry.field(
        description="One webhook; null where there is none that one may know of. "
        "Codes: BAD_USER_INPUT."
    )
    async def webhook(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],
    ) -> Webhook | None:
        found = decode_id(id, "id", "Webhook")
        context = info.context
        request = pb.GetWebhookRequest(community_id=found.community_id, webhook_id=found.id)
        response = await context.find(context.services.webhooks.GetWebhook, request)
        return None if response is None else await filled(info, response.webhook)
