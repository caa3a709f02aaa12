"""What a community's managers do with webhooks: each is a command on one of them, or a read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from google.protobuf.message import Message

from chassis import moment
from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Ref, Seen, Write
from chassis.errors import FieldInvalidError, VersionStaleError, check_version
from chassis.moment import Moment
from chassis.outgoing import Outgoing, OutgoingRefusedError
from chassis.pagination import Paging, check_batch
from chassis.placing import placed
from chassis.texts import check_name
from guildhall.notifications.v1 import domain_events_pb2 as events
from guildhall.notifications.v1 import webhooks_pb2 as pb
from services.notifications.converters.webhooks import (
    delivery_states_of,
    delivery_to_proto,
    event_types_of,
    webhook_to_proto,
)
from services.notifications.domain.deliveries import SETTLED, Delivery, DeliveryReason, Subject
from services.notifications.domain.webhooks import (
    MOST_NAME,
    MOST_WEBHOOKS,
    DisableReason,
    EventType,
    TooManyWebhooksError,
    Webhook,
    WebhookDeliveryNotFoundError,
    WebhookNotFoundError,
    WebhooksNotOfferedError,
    check_event_types,
    free_place,
    secret_of,
)
from services.notifications.repository import NotificationsRepository

# Of finding a place: whoever is too late at one has others before them, and there are no more.
_TRIES = MOST_WEBHOOKS + 1
_MOST_REDELIVERED = 1_000  # of those that failed, at once
_BY_ITSELF = Actor(service="notifications")


class WebhookUseCases:
    """Commands and reads. Without a key nothing can be signed, so nothing is offered."""

    def __init__(
        self,
        commands: Commands,
        repository: NotificationsRepository,
        outgoing: Outgoing,
        key: bytes | None,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._outgoing = outgoing
        self._key = key

    async def create_webhook(
        self, actor: Actor, request: pb.CreateWebhookRequest
    ) -> pb.CreateWebhookResponse:
        """Enabled, with its first secret."""
        actor.require_role(request.community_id, MANAGER)
        key = self._offered()
        name = check_name(request.name, "name", most=MOST_NAME)
        url, event_types = self._checked(request.url), _event_types(request.event_types)
        webhook_id = self._commands.new_id(actor, request)
        target = self._repository.webhook(request.community_id, webhook_id)
        done = await self._commands.replay(actor, request)
        if not isinstance(done, pb.CreateWebhookResponse):

            async def find() -> int:
                taken = await self._repository.all_webhooks(request.community_id)
                return free_place({one.place for one in taken if one.place is not None})

            async def create(place: int) -> pb.CreateWebhookResponse:
                decide = _creation(target, name, url, event_types, place)
                return await self._commands.run(actor, request, target, decide)

            done = await placed(find, create, TooManyWebhooksError, tries=_TRIES)
        done.secret = secret_of(webhook_id, done.webhook.secret_generation, key)
        return done

    async def update_webhook(
        self, actor: Actor, request: pb.UpdateWebhookRequest
    ) -> pb.UpdateWebhookResponse:
        """What is given changes; what stays the same says nothing."""
        target = self._managed(actor, request.community_id, request.webhook_id)
        given = request.HasField
        name = check_name(request.name, "name", most=MOST_NAME) if given("name") else None
        url = self._checked(request.url) if given("url") else None
        event_types = _event_types(request.event_types) if request.update_event_types else None
        enabled = request.enabled if given("enabled") else None

        def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.UpdateWebhookResponse]:
            before, now = _found(seen, request.expected_version), seen.now.time
            after = before.change(now, name=name, url=url, event_types=event_types)
            said: list[Message] = []
            writes: list[Write] = []
            if after != before:
                said.append(events.WebhookUpdated(webhook_id=before.id))
            if enabled is True and not after.enabled:
                after = after.enable(now)
                said.append(events.WebhookEnabled(webhook_id=before.id))
                writes.append(self._repository.forget_failures(before))
            elif enabled is False and after.enabled:
                after = after.disable(DisableReason.MANUAL, now)
                said.append(events.WebhookDisabled(webhook_id=before.id))
            return Decision(
                after,
                lambda version: pb.UpdateWebhookResponse(webhook=webhook_to_proto(after, version)),
                said,
                writes=writes,
            )

        done = await self._commands.run(actor, request, target, decide)
        if enabled is False:
            await self._drop(target, DeliveryReason.DISABLED)
        return done

    async def disable(self, webhook: Webhook, reason: DisableReason, cause: str) -> None:
        """By itself, unless somebody changes it meanwhile: then it is left as it is."""
        request = pb.UpdateWebhookRequest(
            request_id=f"disable-{cause}",
            community_id=webhook.community_id,
            webhook_id=webhook.id,
            enabled=False,
            expected_version=webhook.version,
        )

        def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.UpdateWebhookResponse]:
            before = _found(seen, request.expected_version)
            after = before.disable(reason, seen.now.time)
            said = [events.WebhookDisabled(webhook_id=before.id)] if after != before else []
            return Decision(
                after,
                lambda version: pb.UpdateWebhookResponse(webhook=webhook_to_proto(after, version)),
                said,
            )

        target = self._repository.webhook(webhook.community_id, webhook.id)
        try:
            await self._commands.run(_BY_ITSELF, request, target, decide)
        except (VersionStaleError, WebhookNotFoundError):
            return
        await self._drop(target, DeliveryReason.DISABLED)

    async def rotate_webhook_secret(
        self, actor: Actor, request: pb.RotateWebhookSecretRequest
    ) -> pb.RotateWebhookSecretResponse:
        """The secret before it signs as well for a day."""
        target = self._managed(actor, request.community_id, request.webhook_id)
        key = self._offered()

        def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.RotateWebhookSecretResponse]:
            after = _found(seen, request.expected_version).rotate(seen.now.time)
            return Decision(
                after,
                lambda version: pb.RotateWebhookSecretResponse(
                    webhook=webhook_to_proto(after, version)
                ),
                [events.WebhookSecretRotated(webhook_id=after.id)],
            )

        done = await self._commands.run(actor, request, target, decide)
        done.secret = secret_of(done.webhook.id, done.webhook.secret_generation, key)
        return done

    async def delete_webhook(
        self, actor: Actor, request: pb.DeleteWebhookRequest
    ) -> pb.DeleteWebhookResponse:
        """What waits for it is dropped."""
        target = self._managed(actor, request.community_id, request.webhook_id)

        def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.DeleteWebhookResponse]:
            before = _found(seen, request.expected_version)
            return Decision(
                before.delete(seen.now.time),
                lambda version: pb.DeleteWebhookResponse(webhook_id=before.id),
                [events.WebhookDeleted(webhook_id=before.id)],
                writes=[self._repository.forget_failures(before)],
            )

        done = await self._commands.run(actor, request, target, decide)
        await self._drop(target, DeliveryReason.DELETED)
        return done

    async def redeliver_webhook_deliveries(
        self, actor: Actor, request: pb.RedeliverWebhookDeliveriesRequest
    ) -> pb.RedeliverWebhookDeliveriesResponse:
        """Under their own ids. What has not ended is left as it is."""
        target = self._managed(actor, request.community_id, request.webhook_id)
        asked = check_batch(list(request.delivery_ids), "delivery_ids")
        self._offered()
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.RedeliverWebhookDeliveriesResponse):
            return done
        webhook = await self._repository.get_webhook(request.community_id, request.webhook_id)
        if asked:
            found = await self._repository.find_deliveries(webhook, asked)
            if len(found) < len(asked):
                raise WebhookDeliveryNotFoundError(field="delivery_ids")
            ids = [one.id for one in found if one.state in SETTLED]
        else:
            ids = await self._repository.find_failed(webhook, _MOST_REDELIVERED)

        def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.RedeliverWebhookDeliveriesResponse]:
            found = _found(seen, request.expected_version)
            found.check_enabled()
            event = events.WebhookDeliveriesRedelivered(webhook_id=found.id, delivery_ids=ids)
            return Decision(
                found,
                lambda version: pb.RedeliverWebhookDeliveriesResponse(
                    webhook=webhook_to_proto(found, version), redelivered=len(ids)
                ),
                [event] if ids else [],
                writes=[self._repository.requeue_deliveries(found, ids, seen.now.time)]
                if ids
                else [],
            )

        return await self._commands.run(actor, request, target, decide)

    async def test_webhook(
        self, actor: Actor, request: pb.TestWebhookRequest
    ) -> pb.TestWebhookResponse:
        """Through the ledger, as any other delivery."""
        target = self._managed(actor, request.community_id, request.webhook_id)
        self._offered()
        delivery_id = self._commands.new_id(actor, request)

        def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.TestWebhookResponse]:
            found = _found(seen, request.expected_version)
            found.check_enabled()
            delivery = _trial(found, delivery_id, seen.now)
            return Decision(
                found,
                lambda version: pb.TestWebhookResponse(
                    webhook=webhook_to_proto(found, version), delivery=delivery_to_proto(delivery)
                ),
                [events.WebhookTested(webhook_id=found.id, delivery_id=delivery_id)],
                writes=[self._repository.queue_delivery(delivery)],
            )

        return await self._commands.run(actor, request, target, decide)

    async def get_webhook(self, actor: Actor, request: pb.GetWebhookRequest) -> pb.Webhook:
        """Refuses with WEBHOOK_NOT_FOUND, others than managers always."""
        webhook = await self._read(actor, request.community_id, request.webhook_id)
        return webhook_to_proto(webhook, webhook.version)

    async def batch_get_webhooks(
        self, actor: Actor, request: pb.BatchGetWebhooksRequest
    ) -> pb.BatchGetWebhooksResponse:
        """To others than managers none. Refuses with FIELD_INVALID."""
        ids = set(check_batch(list(request.webhook_ids), "webhook_ids"))
        found: list[Webhook] = []
        if ids and actor.has_role(request.community_id, MANAGER):
            found = await self._repository.all_webhooks(request.community_id)
        return pb.BatchGetWebhooksResponse(
            webhooks=[webhook_to_proto(one, one.version) for one in found if one.id in ids]
        )

    async def list_webhooks(
        self, actor: Actor, request: pb.ListWebhooksRequest
    ) -> pb.ListWebhooksResponse:
        """By name. Refuses with COMMUNITY_NOT_FOUND, ROLE_REQUIRED."""
        actor.require_role(request.community_id, MANAGER)
        page, token = await self._repository.list_webhooks(
            request.community_id, Paging.of(request, str, str)
        )
        return pb.ListWebhooksResponse(
            webhooks=[webhook_to_proto(one, one.version) for one in page], next_page_token=token
        )

    async def list_webhook_deliveries(
        self, actor: Actor, request: pb.ListWebhookDeliveriesRequest
    ) -> pb.ListWebhookDeliveriesResponse:
        """The latest first."""
        webhook = await self._read(actor, request.community_id, request.webhook_id)
        page, token = await self._repository.list_deliveries(
            webhook, delivery_states_of(request.states), Paging.of(request, datetime, str)
        )
        return pb.ListWebhookDeliveriesResponse(
            deliveries=[delivery_to_proto(one) for one in page], next_page_token=token
        )

    async def _drop(self, target: Ref[Webhook], reason: DeliveryReason) -> None:
        """What waits; where this comes to nothing, it is dropped when it is due."""
        await self._repository.drop_deliveries(target.community_id, target.id, reason, moment.now())

    async def _read(self, actor: Actor, community_id: str, webhook_id: str) -> Webhook:
        self._managed(actor, community_id, webhook_id)
        return await self._repository.get_webhook(community_id, webhook_id)

    def _managed(self, actor: Actor, community_id: str, webhook_id: str) -> Ref[Webhook]:
        """Where a webhook is, for who may know of it. Refuses with WEBHOOK_NOT_FOUND."""
        if not actor.has_role(community_id, MANAGER):
            raise WebhookNotFoundError(field="webhook_id")
        return self._repository.webhook(community_id, webhook_id)

    def _offered(self) -> bytes:
        if self._key is None:
            raise WebhooksNotOfferedError("this platform has no key to sign webhooks with")
        return self._key

    def _checked(self, url: str) -> str:
        try:
            self._outgoing.check(url)
        except OutgoingRefusedError as refusal:
            raise FieldInvalidError(f"url: {refusal}", field="url") from None
        return url


def _creation(
    target: Ref[Webhook], name: str, url: str, event_types: tuple[EventType, ...], place: int
) -> Callable[[Seen[Webhook]], Decision[Webhook, pb.CreateWebhookResponse]]:
    def decide(seen: Seen[Webhook]) -> Decision[Webhook, pb.CreateWebhookResponse]:
        if seen.state is not None:  # made by this very request, longer ago than is remembered
            found = _found(seen)
            return Decision(
                found,
                lambda version: pb.CreateWebhookResponse(webhook=webhook_to_proto(found, version)),
            )
        now = seen.now.time
        webhook = Webhook(
            id=target.id,
            community_id=target.community_id,
            name=name,
            url=url,
            event_types=event_types,
            create_time=now,
            update_time=now,
            enable_time=now,
            place=place,
        )
        return Decision(
            webhook,
            lambda version: pb.CreateWebhookResponse(webhook=webhook_to_proto(webhook, version)),
            [events.WebhookCreated(webhook_id=webhook.id)],
        )

    return decide


def _trial(webhook: Webhook, delivery_id: str, now: Moment) -> Delivery:
    return Delivery(
        id=delivery_id,
        community_id=webhook.community_id,
        webhook_id=webhook.id,
        type=EventType.TEST,
        subject=Subject(),
        event_time=now.time,
        queue_time=now.time,
        due_time=now.time,
    )


def _event_types(numbers: Sequence[int]) -> tuple[EventType, ...]:
    return check_event_types(event_types_of(numbers))


def _found(seen: Seen[Webhook], expected_version: int = 0) -> Webhook:
    if seen.state is None or seen.state.deleted:
        raise WebhookNotFoundError(field="webhook_id")
    check_version(seen.seq, expected_version)
    return seen.state
