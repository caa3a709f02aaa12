"""A stand-in for what notifications offers about webhooks: canned rows, every request kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from chassis.actors import require_actor
from chassis.errors import FailedPreconditionError, NotFoundError
from chassis.pagination import encode_page_token
from gateway.tests.standins import paged, time
from guildhall.notifications.v1 import webhooks_pb2 as pb
from guildhall.notifications.v1.webhooks_pb2_grpc import (
    WebhookServiceServicer,
    add_WebhookServiceServicer_to_server,
)


class WebhookNotFoundError(NotFoundError):
    """As notifications'."""


class TooManyWebhooksError(FailedPreconditionError):
    """As notifications'."""


def webhook(number: int = 1) -> pb.Webhook:
    """Of c1."""
    return pb.Webhook(
        id=f"w{number}",
        community_id="c1",
        name=f"Webhook {number}",
        url="https://portal.example/hook",
        event_types=[pb.WEBHOOK_EVENT_TYPE_TOPIC_PUBLISHED, pb.WEBHOOK_EVENT_TYPE_REPLY_HIDDEN],
        state=pb.WEBHOOK_STATE_ENABLED,
        create_time=time(1),
        update_time=time(2),
        version=3,
    )


def delivery(number: int) -> pb.WebhookDelivery:
    """Of w1; the last ones first."""
    return pb.WebhookDelivery(
        id=f"d{number}",
        community_id="c1",
        webhook_id="w1",
        type=pb.WEBHOOK_EVENT_TYPE_REPLY_HIDDEN,
        topic_id="t1",
        reply_id="r1",
        event_time=time(number),
        queue_time=time(number),
        state=pb.WEBHOOK_DELIVERY_STATE_QUEUED,
        attempts=2,
        last_status=503,
        last_error=pb.WEBHOOK_DELIVERY_ERROR_STATUS,
        next_attempt_time=time(number + 1),
    )


class WebhookStandIn(WebhookServiceServicer):
    """Webhooks 1 to 3 of c1; nobody else's manager is told of them."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.failure: Exception | None = None
        self.hidden = False

    def _note(self, request: Message) -> None:
        require_actor()
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        if self.hidden or getattr(request, "webhook_id", "w1") != "w1":
            raise WebhookNotFoundError(field="webhook_id")

    async def CreateWebhook(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.CreateWebhookResponse(webhook=webhook(), secret="whsec_first")

    async def UpdateWebhook(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.UpdateWebhookResponse(webhook=webhook())

    async def RotateWebhookSecret(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.RotateWebhookSecretResponse(webhook=webhook(), secret="whsec_next")

    async def DeleteWebhook(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.DeleteWebhookResponse(webhook_id=request.webhook_id)

    async def GetWebhook(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.GetWebhookResponse(webhook=webhook())

    async def BatchGetWebhooks(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        found = [webhook(n) for n in (1, 2, 3) if f"w{n}" in request.webhook_ids]
        return pb.BatchGetWebhooksResponse(webhooks=[] if self.hidden else found)

    async def ListWebhooks(self, request: Any, _context: Any) -> Any:
        self._note(request)
        rows = [webhook(number) for number in (1, 2, 3)]
        page, token = paged(request, rows, lambda row: encode_page_token(row.name.lower(), row.id))
        return pb.ListWebhooksResponse(webhooks=page, next_page_token=token)

    async def ListWebhookDeliveries(self, request: Any, _context: Any) -> Any:
        self._note(request)
        rows = [delivery(number) for number in (3, 2, 1)]
        page, token = paged(
            request,
            rows,
            lambda row: encode_page_token(row.queue_time.ToDatetime(UTC), row.id),
        )
        return pb.ListWebhookDeliveriesResponse(deliveries=page, next_page_token=token)

    async def RedeliverWebhookDeliveries(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.RedeliverWebhookDeliveriesResponse(webhook=webhook(), redelivered=2)

    async def TestWebhook(self, request: Any, _context: Any) -> Any:
        self._note(request)
        return pb.TestWebhookResponse(webhook=webhook(), delivery=delivery(1))


def add_webhooks(servicer: WebhookServiceServicer) -> Callable[[aio.Server], None]:
    """For a server."""
    return lambda server: add_WebhookServiceServicer_to_server(servicer, server)
