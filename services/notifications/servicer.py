"""Notifications over gRPC: who calls, what is done, what comes back."""

from __future__ import annotations

from chassis.actors import MANAGER, require_person
from chassis.rpc_server import Context
from guildhall.notifications.v1 import mailings_pb2 as pb
from guildhall.notifications.v1 import mailings_pb2_grpc, webhooks_pb2_grpc
from guildhall.notifications.v1 import webhooks_pb2 as webhooks
from services.notifications.converters import mailing_to_proto
from services.notifications.repository import NotificationsRepository
from services.notifications.use_cases.webhooks import WebhookUseCases


class MailingServicer(mailings_pb2_grpc.MailingServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, repository: NotificationsRepository) -> None:
        self._repository = repository

    async def GetMailing(
        self, request: pb.GetMailingRequest, context: Context
    ) -> pb.GetMailingResponse:
        require_person().require_role(request.community_id, MANAGER)
        counts = await self._repository.count(request.community_id, request.announcement_id)
        return pb.GetMailingResponse(mailing=mailing_to_proto(request.community_id, counts))


class WebhookServicer(webhooks_pb2_grpc.WebhookServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: WebhookUseCases) -> None:
        self._use_cases = use_cases

    async def CreateWebhook(
        self, request: webhooks.CreateWebhookRequest, context: Context
    ) -> webhooks.CreateWebhookResponse:
        return await self._use_cases.create_webhook(require_person(), request)

    async def UpdateWebhook(
        self, request: webhooks.UpdateWebhookRequest, context: Context
    ) -> webhooks.UpdateWebhookResponse:
        return await self._use_cases.update_webhook(require_person(), request)

    async def RotateWebhookSecret(
        self, request: webhooks.RotateWebhookSecretRequest, context: Context
    ) -> webhooks.RotateWebhookSecretResponse:
        return await self._use_cases.rotate_webhook_secret(require_person(), request)

    async def DeleteWebhook(
        self, request: webhooks.DeleteWebhookRequest, context: Context
    ) -> webhooks.DeleteWebhookResponse:
        return await self._use_cases.delete_webhook(require_person(), request)

    async def GetWebhook(
        self, request: webhooks.GetWebhookRequest, context: Context
    ) -> webhooks.GetWebhookResponse:
        webhook = await self._use_cases.get_webhook(require_person(), request)
        return webhooks.GetWebhookResponse(webhook=webhook)

    async def BatchGetWebhooks(
        self, request: webhooks.BatchGetWebhooksRequest, context: Context
    ) -> webhooks.BatchGetWebhooksResponse:
        return await self._use_cases.batch_get_webhooks(require_person(), request)

    async def ListWebhooks(
        self, request: webhooks.ListWebhooksRequest, context: Context
    ) -> webhooks.ListWebhooksResponse:
        return await self._use_cases.list_webhooks(require_person(), request)

    async def ListWebhookDeliveries(
        self, request: webhooks.ListWebhookDeliveriesRequest, context: Context
    ) -> webhooks.ListWebhookDeliveriesResponse:
        return await self._use_cases.list_webhook_deliveries(require_person(), request)

    async def RedeliverWebhookDeliveries(
        self, request: webhooks.RedeliverWebhookDeliveriesRequest, context: Context
    ) -> webhooks.RedeliverWebhookDeliveriesResponse:
        return await self._use_cases.redeliver_webhook_deliveries(require_person(), request)

    async def TestWebhook(
        self, request: webhooks.TestWebhookRequest, context: Context
    ) -> webhooks.TestWebhookResponse:
        return await self._use_cases.test_webhook(require_person(), request)
