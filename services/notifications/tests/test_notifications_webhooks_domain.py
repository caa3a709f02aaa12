"""Webhooks and deliveries by plain calls: whose secret signs, who is told, and how it goes on."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.domain.deliveries import (
    RETRIES,
    Attempt,
    Delivery,
    DeliveryError,
    DeliveryReason,
    DeliveryState,
    Openness,
    Subject,
    delivery_id,
    judge,
    withheld,
)
from services.notifications.domain.webhooks import (
    MOST_WEBHOOKS,
    DisableReason,
    EventType,
    TooManyWebhooksError,
    Webhook,
    free_place,
    secret_of,
)

TIME = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WEBHOOK = Webhook(
    "w1", "c1", "Portal", "https://x.example", (EventType.TOPIC_PUBLISHED,), TIME, TIME, TIME, 0
)
DELIVERY = Delivery("d1", "c1", "w1", EventType.TOPIC_PUBLISHED, Subject("t1"), TIME, TIME)


def test_a_secret_follows_from_key_webhook_and_generation() -> None:
    key = b"k" * 32
    secret = secret_of("w1", 1, key)
    assert secret == secret_of("w1", 1, key)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    others = [secret_of("w2", 1, key), secret_of("w1", 2, key), secret_of("w1", 1, b"l" * 32)]
    assert len({secret, *others}) == 4


def test_for_a_day_after_a_rotation_two_secrets_sign() -> None:
    assert WEBHOOK.signing(TIME) == (1,)
    rotated = WEBHOOK.rotate(TIME)
    assert rotated.signing(TIME) == (2, 1)
    assert rotated.signing(TIME + DAY - timedelta(seconds=1)) == (2, 1)
    assert rotated.signing(TIME + DAY) == (2,)


def test_it_wants_what_it_was_asked_to_tell_while_it_is_enabled() -> None:
    wanted = EventType.TOPIC_PUBLISHED
    assert WEBHOOK.wants(wanted, TIME)
    assert not WEBHOOK.wants(wanted, TIME - DAY)
    assert not WEBHOOK.wants(EventType.TOPIC_EDITED, TIME)
    disabled = WEBHOOK.disable(DisableReason.MANUAL, TIME)
    assert not disabled.wants(wanted, TIME + DAY)
    assert disabled.disable(DisableReason.GONE, TIME) == disabled
    enabled = disabled.enable(TIME + DAY)
    assert not enabled.wants(wanted, TIME)
    assert enabled.wants(wanted, TIME + DAY)
    assert enabled.enable(TIME + 2 * DAY) == enabled
    assert not WEBHOOK.delete(TIME).wants(wanted, TIME)


def test_places_are_given_until_there_are_none() -> None:
    assert free_place([]) == 0
    assert free_place([0, 2]) == 1
    with pytest.raises(TooManyWebhooksError):
        free_place(range(MOST_WEBHOOKS))


def test_a_delivery_is_one_a_webhook_and_event() -> None:
    assert delivery_id("w1", "e1") == delivery_id("w1", "e1")
    assert len({delivery_id(w, e) for w in ("w1", "w2") for e in ("e1", "e2")}) == 4


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_what_succeeds_is_delivered(status: int) -> None:
    outcome = judge(DELIVERY, Attempt.answered(status), TIME, 0.5)
    assert (outcome.state, outcome.due_time) == (DeliveryState.DELIVERED, None)


@pytest.mark.parametrize("status", [100, 300, 302, 400, 404, 429, 500])
def test_what_does_not_is_tried_five_times_more(status: int) -> None:
    attempt = Attempt.answered(status)
    assert attempt.error is not None
    for attempts, retry in enumerate(RETRIES):
        for jitter, factor in ((0.0, 0.8), (0.5, 1.0), (1.0, 1.2)):
            outcome = judge(replace(DELIVERY, attempts=attempts), attempt, TIME, jitter)
            assert outcome.state is DeliveryState.QUEUED
            assert outcome.due_time is not None
            assert abs(outcome.due_time - TIME - retry * factor) < timedelta(seconds=1)
    ended = judge(replace(DELIVERY, attempts=5), attempt, TIME, 0.5)
    assert (ended.state, ended.reason) == (DeliveryState.FAILED, DeliveryReason.EXHAUSTED)


def test_gone_ends_at_once() -> None:
    outcome = judge(DELIVERY, Attempt.answered(410), TIME, 0.5)
    assert (outcome.state, outcome.reason) == (DeliveryState.FAILED, DeliveryReason.GONE)
    assert judge(DELIVERY, Attempt(error=DeliveryError.NO_ANSWER), TIME, 0.5).due_time


@pytest.mark.parametrize("event_type", EventType)
def test_all_that_is_named_must_be_everybodys(event_type: EventType) -> None:
    told = replace(DELIVERY, type=event_type, subject=Subject("t1", "t2", "r1", "a1"))
    openness = dict.fromkeys(told.subject.ids, Openness.IN_SIGHT)
    assert withheld(told, openness, TIME) is None
    for id_ in told.subject.ids:
        without = {other: one for other, one in openness.items() if other != id_}
        outcome = withheld(told, without, TIME)
        assert outcome is not None
        assert (outcome.state, outcome.reason) == (
            DeliveryState.DROPPED,
            DeliveryReason.UNREADABLE,
        )
        waits = withheld(told, {**openness, id_: Openness.UPCOMING}, TIME)
        assert waits is not None
        assert waits.state is DeliveryState.QUEUED
        gone = withheld(told, {**openness, id_: Openness.GONE}, TIME)
        past = event_type.name.endswith(
            ("HIDDEN", "REMOVED", "WITHDRAWN", "EXPIRED", "MERGED", "UNACCEPTED")
        )
        assert (gone is None) == past
