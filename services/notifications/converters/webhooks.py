"""Webhooks and deliveries as messages, and as what receivers get; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import orjson
from google.protobuf.message import Message
from standardwebhooks import Webhook as Signer

from chassis.errors import FieldInvalidError
from chassis.global_ids import global_id
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import openness_pb2
from guildhall.notifications.v1 import webhooks_pb2 as pb
from services.notifications.domain.deliveries import (
    Delivery,
    DeliveryError,
    DeliveryReason,
    DeliveryState,
    Openness,
    Subject,
)
from services.notifications.domain.webhooks import (
    DisableReason,
    EventType,
    Webhook,
    secret_of,
)

E = TypeVar("E", bound=StrEnum)

_TYPES = {one: pb.WebhookEventType.Value(f"WEBHOOK_EVENT_TYPE_{one.name}") for one in EventType}
_DISABLE_REASONS = {
    one: pb.WebhookDisableReason.Value(f"WEBHOOK_DISABLE_REASON_{one}") for one in DisableReason
}
_STATES = {
    one: pb.WebhookDeliveryState.Value(f"WEBHOOK_DELIVERY_STATE_{one}") for one in DeliveryState
}
_REASONS = {
    one: pb.WebhookDeliveryReason.Value(f"WEBHOOK_DELIVERY_REASON_{one}") for one in DeliveryReason
}
_ERRORS = {
    one: pb.WebhookDeliveryError.Value(f"WEBHOOK_DELIVERY_ERROR_{one}") for one in DeliveryError
}
_OPENNESS = {openness_pb2.Openness.Value(f"OPENNESS_{one}"): one for one in Openness}
# Of the payload's data, by the field of the event: its name, and the GraphQL type of its id.
_DATA = {
    "topic_id": ("topicId", "Topic"),
    "into_topic_id": ("intoTopicId", "Topic"),
    "reply_id": ("replyId", "Reply"),
    "announcement_id": ("announcementId", "Announcement"),
}


def subject_of(message: Message) -> Subject:
    """What a domain event is about. Where it moved from, or who did it, is not told."""
    names = message.DESCRIPTOR.fields_by_name
    return Subject(**{field: getattr(message, field) for field in _DATA if field in names})


def is_imported(message: Message) -> bool:
    """What was brought from elsewhere is no news."""
    names = message.DESCRIPTOR.fields_by_name
    return "submission" in names and bool(message.submission.imported)  # type: ignore[attr-defined]


def body_of(delivery: Delivery) -> bytes:
    """The payload, the same at each attempt: ids as GraphQL knows them, nothing else."""
    community_id = delivery.community_id
    data = {"communityId": global_id("Community", community_id, community_id)}
    for field, (name, kind) in _DATA.items():
        if id_ := getattr(delivery.subject, field):
            if kind == "Reply":  # found through its topic, so its id names both
                id_ = f"{delivery.subject.topic_id}.{id_}"
            data[name] = global_id(kind, community_id, id_)
    if delivery.type is EventType.TEST:
        data["webhookId"] = global_id("Webhook", community_id, delivery.webhook_id)
    told = {"type": delivery.type.value, "timestamp": delivery.event_time, "data": data}
    return orjson.dumps(told, option=orjson.OPT_UTC_Z)


def headers_of(
    delivery: Delivery, webhook: Webhook, body: bytes, key: bytes, now: datetime
) -> dict[str, str]:
    """Of one attempt: signed as of now, by each secret that counts."""
    signatures = [
        Signer(secret_of(webhook.id, generation, key)).sign(delivery.id, now, body.decode())
        for generation in webhook.signing(now)
    ]
    return {
        "content-type": "application/json",
        "user-agent": "Guildhall-Webhooks",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def openness_by_id(answer: openness_pb2.BatchGetOpennessResponse) -> dict[str, Openness]:
    """The forum's word on all that it was asked about; what it leaves out is left out."""
    parts = (answer.topics, answer.replies, answer.announcements)
    return {
        id_: _OPENNESS[number]
        for part in parts
        for id_, number in part.items()
        if number in _OPENNESS
    }


def event_types_of(numbers: Iterable[int]) -> list[EventType]:
    """Refuses with FIELD_INVALID."""
    return [_one_of(_TYPES, number, "event_types") for number in numbers]


def delivery_states_of(numbers: Iterable[int]) -> Collection[DeliveryState]:
    """All where none is named. Refuses with FIELD_INVALID."""
    return {_one_of(_STATES, number, "states") for number in numbers} or set(DeliveryState)


def webhook_to_proto(webhook: Webhook, version: int) -> pb.Webhook:
    """At this version."""
    message = pb.Webhook(
        id=webhook.id,
        community_id=webhook.community_id,
        name=webhook.name,
        url=webhook.url,
        event_types=[_TYPES[one] for one in webhook.event_types],
        state=pb.WEBHOOK_STATE_ENABLED if webhook.enabled else pb.WEBHOOK_STATE_DISABLED,
        secret_generation=webhook.generation,
        create_time=timestamp_of(webhook.create_time),
        update_time=timestamp_of(webhook.update_time),
        version=version,
    )
    if webhook.disable_reason is not None:
        message.disable_reason = _DISABLE_REASONS[webhook.disable_reason]
    if webhook.rotate_time is not None:
        message.rotate_time.CopyFrom(timestamp_of(webhook.rotate_time))
    return message


def delivery_to_proto(delivery: Delivery) -> pb.WebhookDelivery:
    """As it is."""
    subject, reason, error = delivery.subject, delivery.reason, delivery.last_error
    message = pb.WebhookDelivery(
        id=delivery.id,
        community_id=delivery.community_id,
        webhook_id=delivery.webhook_id,
        type=_TYPES[delivery.type],
        topic_id=subject.topic_id,
        into_topic_id=subject.into_topic_id,
        reply_id=subject.reply_id,
        announcement_id=subject.announcement_id,
        event_time=timestamp_of(delivery.event_time),
        queue_time=timestamp_of(delivery.queue_time),
        state=_STATES[delivery.state],
        attempts=delivery.attempts,
        last_status=delivery.last_status,
    )
    if reason is not None:
        message.reason = _REASONS[reason]
    if error is not None:
        message.last_error = _ERRORS[error]
    if delivery.state is DeliveryState.QUEUED and delivery.due_time is not None:
        message.next_attempt_time.CopyFrom(timestamp_of(delivery.due_time))
    return message


def _one_of(values: Mapping[E, int], number: int, field: str) -> E:
    for value, its_number in values.items():
        if its_number == number:
            return value
    raise FieldInvalidError(f"{field} must be one of {', '.join(values)}", field=field)
