"""What managers do with webhooks, in GraphQL: one RPC each, named alike."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.scalars import URL
from gateway.schema.webhooks import Webhook, WebhookDelivery, WebhookEventType
from gateway.schema.writes import codes, expected_version, request_id, version, write
from guildhall.notifications.v1 import webhooks_pb2 as pb

_What = strawberry.argument(description="What to do.")
_OWN = ("WEBHOOK_NOT_FOUND", "VERSION_STALE")
_TEXTS = ("TEXT_INVALID", "FIELD_INVALID")
_URL = "Where it is told: https, by name, at the usual port, and outside of the platform's network."
_SHOWN = (
    "Signs what is sent, as Standard Webhooks says: whsec_ and base64. It is not stored, and shown "
    "in this answer only."
)


@strawberry.input(description="A new webhook.")
class CreateWebhookInput:
    """Of createWebhook."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Of what it is told.")
    name: str = strawberry.field(description="Its name, at most 80 characters.")
    url: URL = strawberry.field(description=_URL)
    event_types: list[WebhookEventType] = strawberry.field(
        description="What it is told of, each once."
    )


@strawberry.input(description="What becomes of a webhook; what is left out stays.")
class UpdateWebhookInput:
    """Of updateWebhook."""

    request_id: str = request_id()
    webhook_id: strawberry.ID = strawberry.field(description="The webhook.")
    name: str | None = strawberry.field(default=None, description="The new name.")
    url: URL | None = strawberry.field(default=None, description=_URL)
    event_types: list[WebhookEventType] | None = strawberry.field(
        default=None, description="What it is told of, in place of all."
    )
    enabled: bool | None = strawberry.field(
        default=None,
        description="false: nothing is sent any more, and what waits is dropped. true: what "
        "happens from now on is sent.",
    )
    expected_version: int | None = expected_version()


@strawberry.input(description="Whose secret is replaced.")
class RotateWebhookSecretInput:
    """Of rotateWebhookSecret."""

    request_id: str = request_id()
    webhook_id: strawberry.ID = strawberry.field(description="The webhook.")
    expected_version: int | None = expected_version()


@strawberry.input(description="Which webhook is deleted.")
class DeleteWebhookInput:
    """Of deleteWebhook."""

    request_id: str = request_id()
    webhook_id: strawberry.ID = strawberry.field(description="The webhook.")
    expected_version: int | None = expected_version()


@strawberry.input(description="What is sent once more.")
class RedeliverWebhookDeliveriesInput:
    """Of redeliverWebhookDeliveries."""

    request_id: str = request_id()
    webhook_id: strawberry.ID = strawberry.field(description="The webhook.")
    delivery_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Which of them, at most 100; by default the latest 1,000 that FAILED.",
    )
    expected_version: int | None = expected_version()


@strawberry.input(description="Which webhook is tried.")
class TestWebhookInput:
    """Of testWebhook."""

    __test__ = False  # no test of pytest's

    request_id: str = request_id()
    webhook_id: strawberry.ID = strawberry.field(description="The webhook.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The new webhook.")
class CreateWebhookPayload:
    """Of createWebhook."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")
    secret: str = strawberry.field(description=_SHOWN)


@strawberry.type(description="The changed webhook.")
class UpdateWebhookPayload:
    """Of updateWebhook."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")


@strawberry.type(description="The webhook with another secret.")
class RotateWebhookSecretPayload:
    """Of rotateWebhookSecret."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")
    secret: str = strawberry.field(description=_SHOWN)


@strawberry.type(description="The webhook that is not there any more.")
class DeleteWebhookPayload:
    """Of deleteWebhook."""

    webhook_id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.type(description="What is sent once more.")
class RedeliverWebhookDeliveriesPayload:
    """Of redeliverWebhookDeliveries."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")
    redelivered: int = strawberry.field(description="How many deliveries: those that had ended.")


@strawberry.type(description="What is sent to try the webhook.")
class TestWebhookPayload:
    """Of testWebhook."""

    __test__ = False

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")
    delivery: WebhookDelivery = strawberry.field(description="As any other: deliveries has it.")


def _of_webhook(input: Any) -> dict[str, Any]:
    """What every request about a webhook says."""
    webhook = decode_id(input.webhook_id, "webhookId", "Webhook")
    return {
        "request_id": input.request_id,
        "community_id": webhook.community_id,
        "webhook_id": webhook.id,
        "expected_version": version(input),
    }


@strawberry.type
class WebhookMutation:
    """Webhooks and their deliveries."""

    @strawberry.mutation(
        description=codes(
            "Make a webhook, enabled; a community has at most ten. For managers.",
            "TOO_MANY_WEBHOOKS", "WEBHOOKS_NOT_OFFERED", "COMMUNITY_NOT_FOUND", "ROLE_REQUIRED",
            *_TEXTS,
        )
    )  # fmt: skip
    async def create_webhook(
        self, info: Info, input: Annotated[CreateWebhookInput, _What]
    ) -> CreateWebhookPayload:
        request = pb.CreateWebhookRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            name=input.name,
            url=input.url,
            event_types=[one.value for one in input.event_types],
        )
        return await write(info, info.context.services.webhooks.CreateWebhook, request)

    @strawberry.mutation(
        description=codes("Change, disable or enable a webhook. For managers.", *_OWN, *_TEXTS)
    )
    async def update_webhook(
        self, info: Info, input: Annotated[UpdateWebhookInput, _What]
    ) -> UpdateWebhookPayload:
        request = pb.UpdateWebhookRequest(
            **_of_webhook(input),
            name=input.name,
            url=input.url,
            event_types=[one.value for one in input.event_types or ()],
            update_event_types=input.event_types is not None,
            enabled=input.enabled,
        )
        return await write(info, info.context.services.webhooks.UpdateWebhook, request)

    @strawberry.mutation(
        description=codes(
            "Give a webhook another secret; for 24 hours the one before signs as well. For "
            "managers.", "WEBHOOKS_NOT_OFFERED", *_OWN,
        )
    )  # fmt: skip
    async def rotate_webhook_secret(
        self, info: Info, input: Annotated[RotateWebhookSecretInput, _What]
    ) -> RotateWebhookSecretPayload:
        request = pb.RotateWebhookSecretRequest(**_of_webhook(input))
        return await write(info, info.context.services.webhooks.RotateWebhookSecret, request)

    @strawberry.mutation(
        description=codes("Delete a webhook; what waits is dropped. For managers.", *_OWN)
    )
    async def delete_webhook(
        self, info: Info, input: Annotated[DeleteWebhookInput, _What]
    ) -> DeleteWebhookPayload:
        request = pb.DeleteWebhookRequest(**_of_webhook(input))
        await write(info, info.context.services.webhooks.DeleteWebhook, request)
        return DeleteWebhookPayload(webhook_id=input.webhook_id)

    @strawberry.mutation(
        description=codes(
            "Send deliveries that have ended once more, under their own ids and as often as new "
            "ones. For managers.", "WEBHOOK_DELIVERY_NOT_FOUND", "WEBHOOK_DISABLED",
            "WEBHOOKS_NOT_OFFERED", "FIELD_INVALID",
            *_OWN,
        )
    )  # fmt: skip
    async def redeliver_webhook_deliveries(
        self, info: Info, input: Annotated[RedeliverWebhookDeliveriesInput, _What]
    ) -> RedeliverWebhookDeliveriesPayload:
        request = pb.RedeliverWebhookDeliveriesRequest(
            **_of_webhook(input), delivery_ids=input.delivery_ids or ()
        )
        call = info.context.services.webhooks.RedeliverWebhookDeliveries
        return await write(info, call, request)

    @strawberry.mutation(
        description=codes(
            "Send a webhook a delivery of the type webhook.test. For managers.",
            "WEBHOOK_DISABLED", "WEBHOOKS_NOT_OFFERED", *_OWN,
        )
    )  # fmt: skip
    async def test_webhook(
        self, info: Info, input: Annotated[TestWebhookInput, _What]
    ) -> TestWebhookPayload:
        request = pb.TestWebhookRequest(**_of_webhook(input))
        return await write(info, info.context.services.webhooks.TestWebhook, request)
