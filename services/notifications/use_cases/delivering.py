"""Deliveries that are due: the forum is asked what may be told, then each is signed and sent.

At least once: a delivery is marked before it is sent. Who dies in between leaves it marked; it is
sent again when its lease ends, under the same id. A receiver that is slow or dead takes a few
places of its own, and those of nobody else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chassis import moment, telemetry
from chassis.ending import end
from chassis.errors import UnavailableError
from chassis.outgoing import Outgoing, OutgoingFailedError, OutgoingRefusedError
from guildhall.forum.v1 import openness_pb2
from services.notifications.converters.webhooks import body_of, headers_of, openness_by_id
from services.notifications.domain.deliveries import (
    FAILING_FOR,
    Attempt,
    Delivery,
    DeliveryError,
    DeliveryReason,
    DeliveryState,
    Outcome,
    judge,
    withheld,
)
from services.notifications.domain.webhooks import DisableReason, Webhook
from services.notifications.repository import NotificationsRepository
from services.notifications.use_cases.webhooks import WebhookUseCases

if TYPE_CHECKING:
    from guildhall.forum.v1.openness_pb2_grpc import OpennessServiceAsyncStub

SECONDS = 18.0  # for an attempt
LEASE = timedelta(minutes=1)  # longer than that
MOST_AT_ONCE = 96  # below what Outgoing has connections for
MOST_OF_ONE = 4  # attempts at once for one webhook; one where the last one failed
_MOST_ANSWER = 1_024  # bytes that are read, of which nothing is kept
_AWAY = timedelta(seconds=5)  # until the forum is asked again
_LOOK = 0.5  # seconds between looks at what is due while attempts are under way

_log = logging.getLogger(__name__)


class DeliveringUseCases:
    """What sends: one at a time in all replicas, as its job holds a lease."""

    def __init__(
        self,
        repository: NotificationsRepository,
        webhooks: WebhookUseCases,
        openness: OpennessServiceAsyncStub,
        outgoing: Outgoing,
        key: bytes,
    ) -> None:
        self._repository = repository
        self._webhooks = webhooks
        self._openness = openness
        self._outgoing = outgoing
        self._key = key
        self._last = ""  # the webhook that was served last: the next one's turn is first

    async def send_due(self) -> None:
        """Send until nothing is due and nothing under way.

        Refuses with UNAVAILABLE where the forum did not answer: what it was to be asked about
        waits as before.
        """
        sending: dict[asyncio.Task[None], str] = {}  # to the id of its webhook
        away: UnavailableError | None = None
        try:
            while True:
                try:
                    found = await self._begin(sending)
                except UnavailableError as outage:
                    found, away = False, outage
                if sending:
                    done, _ = await asyncio.wait(
                        sending, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        del sending[task]
                        if error := task.exception():  # it is due again when its lease ends
                            _log.error("a delivery failed: %s", telemetry.describe(error))
                elif not found:
                    break
        finally:
            await end(list(sending))
        if away is not None:
            raise away

    async def _begin(self, sending: dict[asyncio.Task[None], str]) -> bool:
        """Attempts for each webhook that something is due for, as many as there is room for.

        Whether there was something: it may be that all of it is not told, and more is due.
        """
        found = False
        busy = Counter(sending.values())
        now = moment.now()
        away: UnavailableError | None = None
        async for community_id, webhook_id in self._repository.due_webhooks(now, self._last):
            if len(sending) >= MOST_AT_ONCE:
                break
            webhook = await self._repository.find_webhook(community_id, webhook_id)
            if webhook is None or not webhook.enabled:
                await self._drop(community_id, webhook_id, webhook)
                continue
            failing = await self._repository.find_failing_since(webhook) is not None
            room = (1 if failing else MOST_OF_ONE) - busy[webhook_id]
            room = min(room, MOST_AT_ONCE - len(sending))
            if room <= 0:
                continue
            claimed = await self._repository.claim_deliveries(webhook, now, LEASE, room)
            self._last, found = webhook_id, True
            try:
                ready = await self._tellable(webhook, claimed)
            except UnavailableError as outage:
                await self._settle([_later(one, moment.now()) for one in claimed])
                away = outage
                continue
            for delivery in ready:
                sending[asyncio.create_task(self._attempt(webhook, delivery, failing))] = webhook_id
        if away is not None:
            raise away
        return found

    async def _drop(self, community_id: str, webhook_id: str, webhook: Webhook | None) -> None:
        deleted = webhook is None or webhook.deleted
        reason = DeliveryReason.DELETED if deleted else DeliveryReason.DISABLED
        count = await self._repository.drop_deliveries(
            community_id, webhook_id, reason, moment.now()
        )
        telemetry.WEBHOOK_DELIVERIES.labels(DeliveryState.DROPPED.value).inc(count)

    async def _tellable(self, webhook: Webhook, claimed: Sequence[Delivery]) -> list[Delivery]:
        """Those of them that every member of the community may read of, as of now."""
        subjects = [one.subject for one in claimed if one.subject.ids]
        topics = {id_ for one in subjects for id_ in (one.topic_id, one.into_topic_id) if id_}
        request = openness_pb2.BatchGetOpennessRequest(
            community_id=webhook.community_id,
            topic_ids=sorted(topics),
            reply_ids=sorted({one.reply_id for one in subjects if one.reply_id}),
            announcement_ids=sorted({one.announcement_id for one in subjects} - {""}),
        )
        answer = openness_pb2.BatchGetOpennessResponse()
        if subjects:
            answer = await self._openness.BatchGetOpenness(request)
        openness, now = openness_by_id(answer), moment.now()
        outcomes = [withheld(one, openness, now) for one in claimed]
        await self._settle([one for one in outcomes if one is not None])
        return [
            delivery for delivery, outcome in zip(claimed, outcomes, strict=True) if outcome is None
        ]

    async def _attempt(self, webhook: Webhook, delivery: Delivery, failing: bool) -> None:
        attempt = await self._send(webhook, delivery)
        now = moment.now()
        outcome = judge(delivery, attempt, now, random.random())  # noqa: S311 - jitter
        await self._settle([outcome])
        cause = f"{delivery.id}-{delivery.attempts}-{webhook.version}"
        if attempt.error is None:
            if failing:
                await self._repository.note_success(webhook)
        elif attempt.gone:
            await self._webhooks.disable(webhook, DisableReason.GONE, cause)
        else:
            await self._repository.note_failure(webhook, now)
            since = await self._repository.find_failing_since(webhook)
            if since is not None and now - since >= FAILING_FOR:
                await self._webhooks.disable(webhook, DisableReason.FAILING, cause)

    async def _send(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        body = body_of(delivery)
        headers = headers_of(delivery, webhook, body, self._key, moment.now())
        try:
            answer = await self._outgoing.send(
                "POST", webhook.url, headers=headers, content=body, most=_MOST_ANSWER
            )
        except OutgoingRefusedError:
            return Attempt(error=DeliveryError.ADDRESS_REFUSED)
        except OutgoingFailedError as failure:
            slow = "Timeout" in str(failure)
            return Attempt(error=DeliveryError.TOO_SLOW if slow else DeliveryError.NO_ANSWER)
        return Attempt.answered(answer.status)

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        await self._repository.settle_deliveries(outcomes, moment.now())
        for outcome in outcomes:
            telemetry.WEBHOOK_DELIVERIES.labels(outcome.state.value).inc()

    async def measure(self, now: datetime) -> None:
        """How much waits, for whoever watches."""
        waiting, since = await self._repository.measure_deliveries()
        telemetry.WEBHOOK_DELIVERIES_QUEUED.set(waiting)
        age = (now - since).total_seconds() if since else 0.0
        telemetry.WEBHOOK_DELIVERIES_OLDEST_SECONDS.set(max(0.0, age))


def _later(delivery: Delivery, now: datetime) -> Outcome:
    """As before: nothing was tried."""
    return Outcome(delivery, DeliveryState.QUEUED, due_time=now + _AWAY)
