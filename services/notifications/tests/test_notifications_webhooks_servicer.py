"""WebhookService over real gRPC: for managers; to everybody else a webhook is not there."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chassis import moment
from chassis.actors import MANAGER, MODERATOR, Actor
from chassis.errors import DomainError
from chassis.outgoing import Outgoing
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor, service_actor, stored
from guildhall.forum.v1 import domain_events_pb2 as events
from guildhall.notifications.v1 import domain_events_pb2 as said
from guildhall.notifications.v1 import webhooks_pb2 as pb
from services.notifications.domain.webhooks import MOST_WEBHOOKS
from services.notifications.tests.receiving import CHIEF, KEY, TOPIC_PUBLISHED, Desk
from services.notifications.use_cases.webhooks import WebhookUseCases

MEMBER = person_actor("ann", "c1")
MODERATING = person_actor("mod", "c1", roles=[MODERATOR])
ELSEWHERE = person_actor("chief2", "c2", roles=[MANAGER])
GATEWAY = service_actor("gateway")
NEW: dict[str, Any] = {
    "name": "Portal",
    "url": "https://portal.example/hook",
    "event_types": [TOPIC_PUBLISHED],
}
NONE = "f" * 32


async def refused(
    desk: Desk, reason: str, field: str, rpc: str, actor: Actor = CHIEF, **fields: Any
) -> None:
    """And nothing is stored or said."""
    before = await stored(desk.database)
    with pytest.raises(DomainError) as refusal:
        await desk.call(rpc, actor, **fields)
    assert (reason_of(refusal.value), refusal.value.field) == (reason, field)
    assert await stored(desk.database) == before


async def get(desk: Desk, webhook: pb.Webhook) -> pb.Webhook:
    found: pb.Webhook = (await desk.call("GetWebhook", webhook_id=webhook.id)).webhook
    return found


async def test_a_manager_makes_a_webhook_and_is_shown_its_secret_once(desk: Desk) -> None:
    made = await desk.call("CreateWebhook", request_id="request-new", **NEW)
    webhook = made.webhook
    assert (webhook.name, webhook.url) == (NEW["name"], NEW["url"])
    assert webhook.event_types == [TOPIC_PUBLISHED]
    assert webhook.state == pb.WEBHOOK_STATE_ENABLED
    assert made.secret.startswith("whsec_")
    assert await get(desk, webhook) == webhook
    again = await desk.call("CreateWebhook", request_id="request-new", **NEW)
    assert again == made
    other = await desk.call("CreateWebhook", **NEW)
    assert other.secret != made.secret
    assert [type(one) for one in await outbox(desk.database)] == [said.WebhookCreated] * 2
    everything = str(await stored(desk.database))
    assert made.secret not in everything
    assert made.secret.removeprefix("whsec_")[:16] not in everything


async def test_to_others_there_is_no_webhook(desk: Desk) -> None:
    webhook = (await desk.create()).webhook
    about: dict[str, Any] = {"webhook_id": webhook.id}
    rpcs: dict[str, dict[str, Any]] = {
        "GetWebhook": about,
        "UpdateWebhook": {**about, "name": "Mine"},
        "RotateWebhookSecret": about,
        "DeleteWebhook": about,
        "ListWebhookDeliveries": about,
        "RedeliverWebhookDeliveries": about,
        "TestWebhook": about,
    }
    for rpc, fields in rpcs.items():
        for actor in (MEMBER, MODERATING, ELSEWHERE):
            await refused(desk, "WEBHOOK_NOT_FOUND", "webhook_id", rpc, actor, **fields)
        # As what there is not is answered to those who may know of it.
        missing = {**fields, "webhook_id": NONE}
        await refused(desk, "WEBHOOK_NOT_FOUND", "webhook_id", rpc, CHIEF, **missing)
        theirs = {**fields, "community_id": "c2"}
        await refused(desk, "WEBHOOK_NOT_FOUND", "webhook_id", rpc, ELSEWHERE, **theirs)
        await refused(desk, "ROLE_REQUIRED", "", rpc, GATEWAY, **fields)
    for rpc, fields in {"CreateWebhook": NEW, "ListWebhooks": {}}.items():
        for actor in (MEMBER, MODERATING, GATEWAY):
            await refused(desk, "ROLE_REQUIRED", "", rpc, actor, **fields)
        await refused(desk, "COMMUNITY_NOT_FOUND", "community_id", rpc, ELSEWHERE, **fields)
    listed = await desk.call("ListWebhooks", ELSEWHERE, community_id="c2")
    assert not listed.webhooks


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"name": ""}, "TEXT_INVALID", "name"),
        ({"name": "x" * 81}, "TEXT_INVALID", "name"),
        ({"event_types": []}, "FIELD_INVALID", "event_types"),
        ({"event_types": [TOPIC_PUBLISHED] * 2}, "FIELD_INVALID", "event_types"),
        ({"event_types": [pb.WEBHOOK_EVENT_TYPE_TEST]}, "FIELD_INVALID", "event_types"),
        ({"event_types": [77]}, "FIELD_INVALID", "event_types"),
        ({"url": "ftp://portal.example"}, "FIELD_INVALID", "url"),
        ({"url": "https://user:word@portal.example"}, "FIELD_INVALID", "url"),
        ({"url": ""}, "FIELD_INVALID", "url"),
        ({"url": "https://portal.example/" + "x" * 2_048}, "FIELD_INVALID", "url"),
    ],
)
async def test_what_is_no_webhook_is_refused(
    desk: Desk, change: dict[str, Any], reason: str, field: str
) -> None:
    webhook = (await desk.create()).webhook
    await refused(desk, reason, field, "CreateWebhook", **{**NEW, **change})
    if "event_types" in change:
        change = {**change, "update_event_types": True}
    await refused(desk, reason, field, "UpdateWebhook", webhook_id=webhook.id, **change)


@pytest.mark.parametrize(
    "url",
    ["http://portal.example/hook", "https://portal.example:8443/hook", "https://127.0.0.1/hook"],
)
async def test_where_it_is_for_the_world_only_that_is_told(desk: Desk, url: str) -> None:
    """The setting of laptops apart, nothing but https at its usual port, by name."""
    outside = Outgoing()
    use_cases = WebhookUseCases(desk.commands, desk.repository, outside, KEY)
    request = pb.CreateWebhookRequest(
        request_id="request-new", community_id="c1", **{**NEW, "url": url}
    )
    before = await stored(desk.database)
    with pytest.raises(DomainError) as refusal:
        await use_cases.create_webhook(CHIEF, request)
    assert (refusal.value.reason(), refusal.value.field) == ("FIELD_INVALID", "url")
    assert await stored(desk.database) == before
    await outside.aclose()


async def test_of_many_made_at_once_ten_are_left(desk: Desk) -> None:
    async def make(number: int) -> str:
        try:
            await desk.call("CreateWebhook", request_id=f"at-once-{number}", **NEW)
        except DomainError as refusal:
            return reason_of(refusal)
        return ""

    answers = await asyncio.gather(*map(make, range(25)))
    assert answers.count("") == MOST_WEBHOOKS
    assert set(answers) == {"", "TOO_MANY_WEBHOOKS"}
    assert await desk.database.webhooks.count_documents({}) == MOST_WEBHOOKS
    await refused(desk, "TOO_MANY_WEBHOOKS", "", "CreateWebhook", **NEW)
    first = answers.index("")
    await make(first)  # the same request again is answered as before
    row = await desk.database.webhooks.find_one()
    assert row is not None
    await desk.call("DeleteWebhook", webhook_id=row["_id"])
    assert (await desk.call("CreateWebhook", **NEW)).webhook.id
    elsewhere = await desk.call("CreateWebhook", ELSEWHERE, community_id="c2", **NEW)
    assert elsewhere.webhook.community_id == "c2"


async def test_without_a_key_webhooks_are_not_offered(desk: Desk) -> None:
    webhook = (await desk.create()).webhook
    use_cases = WebhookUseCases(desk.commands, desk.repository, desk.outgoing, None)
    about: dict[str, Any] = {
        "request_id": "request-new", "community_id": "c1", "webhook_id": webhook.id
    }  # fmt: skip
    before = await stored(desk.database)
    for call in (
        use_cases.create_webhook(
            CHIEF,
            pb.CreateWebhookRequest(request_id="request-new", community_id="c1", **NEW),
        ),
        use_cases.rotate_webhook_secret(CHIEF, pb.RotateWebhookSecretRequest(**about)),
        use_cases.test_webhook(CHIEF, pb.TestWebhookRequest(**about)),
        use_cases.redeliver_webhook_deliveries(
            CHIEF, pb.RedeliverWebhookDeliveriesRequest(**about)
        ),
    ):
        with pytest.raises(DomainError) as refusal:
            await call
        assert refusal.value.reason() == "WEBHOOKS_NOT_OFFERED"
    assert await stored(desk.database) == before


async def test_a_webhook_changes_and_says_so(desk: Desk) -> None:
    webhook = (await desk.create()).webhook
    about: dict[str, Any] = {"webhook_id": webhook.id}
    hidden = pb.WEBHOOK_EVENT_TYPE_TOPIC_HIDDEN
    change: dict[str, Any] = {
        "name": "Other",
        "url": desk.receiver.url("/other"),
        "event_types": [hidden],
        "update_event_types": True,
    }
    stale: dict[str, Any] = {**about, **change, "expected_version": webhook.version + 1}
    await refused(desk, "VERSION_STALE", "expected_version", "UpdateWebhook", **stale)
    request: dict[str, Any] = {**about, **change, "request_id": "request-change"}
    changed = (
        await desk.call("UpdateWebhook", expected_version=webhook.version, **request)
    ).webhook
    assert (changed.name, changed.url) == (change["name"], change["url"])
    assert changed.event_types == [hidden]
    assert changed.version > webhook.version
    await desk.call("UpdateWebhook", expected_version=webhook.version, **request)
    before = await outbox(desk.database)
    await desk.call("UpdateWebhook", **about, **change)  # as it is
    assert await outbox(desk.database) == before
    disabled = (await desk.call("UpdateWebhook", **about, enabled=False)).webhook
    assert disabled.state == pb.WEBHOOK_STATE_DISABLED
    assert disabled.disable_reason == pb.WEBHOOK_DISABLE_REASON_MANUAL
    enabled = (await desk.call("UpdateWebhook", **about, enabled=True, name="Third")).webhook
    assert enabled.state == pb.WEBHOOK_STATE_ENABLED
    assert enabled.disable_reason == pb.WEBHOOK_DISABLE_REASON_UNSPECIFIED
    kinds = [type(one) for one in await outbox(desk.database)]
    assert kinds == [
        said.WebhookCreated,
        said.WebhookUpdated,
        said.WebhookDisabled,
        said.WebhookUpdated,
        said.WebhookEnabled,
    ]


async def test_a_secret_is_rotated_and_the_answer_repeated(desk: Desk) -> None:
    made = await desk.create()
    about: dict[str, Any] = {"webhook_id": made.webhook.id, "request_id": "request-rotate"}
    stale: dict[str, Any] = {"webhook_id": made.webhook.id, "expected_version": 7}
    await refused(desk, "VERSION_STALE", "expected_version", "RotateWebhookSecret", **stale)
    rotated = await desk.call("RotateWebhookSecret", **about)
    assert rotated.webhook.secret_generation == 2
    assert rotated.webhook.HasField("rotate_time")
    assert rotated.secret not in ("", made.secret)
    await desk.call("RotateWebhookSecret", webhook_id=made.webhook.id)
    assert await desk.call("RotateWebhookSecret", **about) == rotated
    assert (await get(desk, made.webhook)).secret_generation == 3
    assert rotated.secret not in str(await stored(desk.database))


async def test_a_deleted_webhook_is_not_there_any_more(desk: Desk) -> None:
    made = await desk.create()
    webhook = made.webhook
    about: dict[str, Any] = {"webhook_id": webhook.id}
    stale: dict[str, Any] = {**about, "expected_version": 7}
    await refused(desk, "VERSION_STALE", "expected_version", "DeleteWebhook", **stale)
    request: dict[str, Any] = {**about, "request_id": "request-delete"}
    assert (await desk.call("DeleteWebhook", **request)).webhook_id == webhook.id
    assert (await desk.call("DeleteWebhook", **request)).webhook_id == webhook.id
    for rpc in ("GetWebhook", "UpdateWebhook", "DeleteWebhook", "TestWebhook"):
        await refused(desk, "WEBHOOK_NOT_FOUND", "webhook_id", rpc, **about)
    assert not (await desk.call("ListWebhooks")).webhooks
    row = await desk.database.webhooks.find_one()
    assert row is not None
    assert (row["name"], row["url"], row["event_types"]) == ("", "", [])


async def test_webhooks_are_found_by_id_by_managers_alone(desk: Desk) -> None:
    one, other = (await desk.create()).webhook, (await desk.create("/other")).webhook
    gone = (await desk.create("/gone")).webhook
    await desk.call("DeleteWebhook", webhook_id=gone.id)
    ids = [other.id, gone.id, NONE, one.id]
    found = (await desk.call("BatchGetWebhooks", webhook_ids=ids)).webhooks
    assert {each.id for each in found} == {one.id, other.id}
    for actor in (MEMBER, MODERATING, ELSEWHERE):
        assert not (await desk.call("BatchGetWebhooks", actor, webhook_ids=ids)).webhooks
    there = await desk.call("BatchGetWebhooks", ELSEWHERE, community_id="c2", webhook_ids=ids)
    assert not there.webhooks
    await refused(desk, "ROLE_REQUIRED", "", "BatchGetWebhooks", GATEWAY, webhook_ids=ids)
    many = [f"w{number}" for number in range(101)]
    await refused(desk, "FIELD_INVALID", "webhook_ids", "BatchGetWebhooks", webhook_ids=many)


async def test_webhooks_are_listed_by_name_both_ways(desk: Desk) -> None:
    for name in ("b", "A", "c", "D"):
        await desk.create(name=name)
    first = await desk.call("ListWebhooks", page_size=3)
    assert [one.name for one in first.webhooks] == ["A", "b", "c"]
    rest = await desk.call("ListWebhooks", page_size=3, page_token=first.next_page_token)
    assert [one.name for one in rest.webhooks] == ["D"]
    assert not rest.next_page_token
    last = await desk.call("ListWebhooks", page_size=2, backward=True)
    assert [one.name for one in last.webhooks] == ["c", "D"]


# -- deliveries


async def delivered(desk: Desk, *, does: list[int | str]) -> None:
    """One delivery for each, of which all attempts come to this."""
    desk.receiver.does = list(does)
    for number, _ in enumerate(does):
        event = events.TopicPublished(topic_id="t1")
        await desk.hear(event, f"e{number}")
        await desk.delivering.send_due()


async def fail_all(desk: Desk) -> None:
    """What waits has had its attempts."""
    ended = {"$set": {"state": "FAILED", "reason": "EXHAUSTED"}, "$unset": {"due_time": ""}}
    await desk.database.deliveries.update_many({"state": "QUEUED"}, ended)


async def test_what_became_of_deliveries_is_listed(desk: Desk) -> None:
    webhook = (await desk.create()).webhook
    about: dict[str, Any] = {"webhook_id": webhook.id}
    await delivered(desk, does=[200, 500, 200])
    listed = (await desk.call("ListWebhookDeliveries", **about)).deliveries
    assert [one.attempts for one in listed] == [1, 1, 1]
    assert [one.last_status for one in listed] == [200, 500, 200]
    waiting = listed[1]
    assert waiting.state == pb.WEBHOOK_DELIVERY_STATE_QUEUED
    assert waiting.last_error == pb.WEBHOOK_DELIVERY_ERROR_STATUS
    assert waiting.HasField("next_attempt_time")
    assert (waiting.type, waiting.topic_id) == (TOPIC_PUBLISHED, "t1")
    assert waiting.id == desk.receiver.got[1].headers["webhook-id"]
    await fail_all(desk)
    some: dict[str, Any] = {**about, "states": [pb.WEBHOOK_DELIVERY_STATE_FAILED]}
    (failed,) = (await desk.call("ListWebhookDeliveries", **some)).deliveries
    assert failed.id == waiting.id
    assert failed.reason == pb.WEBHOOK_DELIVERY_REASON_EXHAUSTED
    first = await desk.call("ListWebhookDeliveries", **about, page_size=2)
    rest = await desk.call(
        "ListWebhookDeliveries", **about, page_size=2, page_token=first.next_page_token
    )
    assert [one.id for one in (*first.deliveries, *rest.deliveries)] == [one.id for one in listed]
    await refused(desk, "FIELD_INVALID", "states", "ListWebhookDeliveries", **about, states=[99])
    other = (await desk.create("/other")).webhook
    assert not (await desk.call("ListWebhookDeliveries", webhook_id=other.id)).deliveries


async def test_deliveries_are_sent_once_more_under_their_own_ids(desk: Desk) -> None:
    webhook = (await desk.create()).webhook
    other = (await desk.create("/other", event_types=[pb.WEBHOOK_EVENT_TYPE_TOPIC_EDITED])).webhook
    about: dict[str, Any] = {"webhook_id": webhook.id}
    await delivered(desk, does=[200, 500, 500])
    listed = (await desk.call("ListWebhookDeliveries", **about)).deliveries
    ids = [one.id for one in listed]
    # What has not ended is left as it is.
    waiting = await desk.call("RedeliverWebhookDeliveries", **about, delivery_ids=ids[:2])
    assert waiting.redelivered == 0
    rpc, missing = "RedeliverWebhookDeliveries", "WEBHOOK_DELIVERY_NOT_FOUND"
    await refused(desk, missing, "delivery_ids", rpc, webhook_id=other.id, delivery_ids=ids[:1])
    await refused(desk, missing, "delivery_ids", rpc, **about, delivery_ids=[ids[2], NONE])
    await fail_all(desk)
    request: dict[str, Any] = {**about, "request_id": "request-all"}
    assert (await desk.call("RedeliverWebhookDeliveries", **request)).redelivered == 2
    assert (await desk.call("RedeliverWebhookDeliveries", **request)).redelivered == 2
    desk.receiver.got.clear()
    await desk.delivering.send_due()
    assert {one.headers["webhook-id"] for one in desk.receiver.got} == set(ids[:2])
    one = await desk.call("RedeliverWebhookDeliveries", **about, delivery_ids=[ids[2]])
    assert one.redelivered == 1
    await desk.delivering.send_due()
    assert desk.receiver.got[-1].headers["webhook-id"] == ids[2]
    kind = said.WebhookDeliveriesRedelivered
    told = [one for one in await outbox(desk.database) if isinstance(one, kind)]
    assert [sorted(one.delivery_ids) for one in told] == [
        sorted(ids[:2]),
        [ids[2]],
    ]
    many: dict[str, Any] = {**about, "delivery_ids": [f"d{number}" for number in range(101)]}
    await refused(desk, "FIELD_INVALID", "delivery_ids", "RedeliverWebhookDeliveries", **many)
    await desk.call("UpdateWebhook", **about, enabled=False)
    await refused(desk, "WEBHOOK_DISABLED", "webhook_id", "RedeliverWebhookDeliveries", **about)


async def test_a_webhook_is_tried(desk: Desk) -> None:
    """Through the ledger, whatever it wants to be told of."""
    made = await desk.create()
    about: dict[str, Any] = {"webhook_id": made.webhook.id}
    request: dict[str, Any] = {**about, "request_id": "request-test"}
    tested = await desk.call("TestWebhook", **request)
    assert await desk.call("TestWebhook", **request) == tested
    await desk.delivering.send_due()
    (got,) = desk.receiver.got
    payload = got.verified(made.secret)
    assert payload["type"] == "webhook.test"
    assert set(payload["data"]) == {"communityId", "webhookId"}
    assert got.headers["webhook-id"] == tested.delivery.id
    (listed,) = (await desk.call("ListWebhookDeliveries", **about)).deliveries
    assert listed.type == pb.WEBHOOK_EVENT_TYPE_TEST
    assert listed.state == pb.WEBHOOK_DELIVERY_STATE_DELIVERED
    stale = {**about, "expected_version": 99}
    for rpc in ("TestWebhook", "RedeliverWebhookDeliveries"):
        await refused(desk, "VERSION_STALE", "expected_version", rpc, **stale)
    await desk.call("UpdateWebhook", **about, enabled=False)
    await refused(desk, "WEBHOOK_DISABLED", "webhook_id", "TestWebhook", **about)


async def test_a_webhook_is_told_what_was_said_since_it_was_made_or_enabled(desk: Desk) -> None:
    await desk.create()
    message = events.TopicPublished(topic_id="t1")
    await desk.hear(message, "before", time=moment.now() - timedelta(minutes=1))
    assert await desk.deliveries() == []
    await desk.hear(message, "after")
    assert len(await desk.deliveries()) == 1
