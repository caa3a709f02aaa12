"""Webhooks in GraphQL over real gRPC: what managers ask and do, and what others are told."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import RoleRequiredError, UnavailableError
from chassis.testing import Loopback
from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.conftest import House
from gateway.tests.webhooks_standin import TooManyWebhooksError, WebhookStandIn, add_webhooks
from guildhall.notifications.v1 import webhooks_pb2 as pb

C1, W1 = encode_id("Community", "c1", "c1"), encode_id("Webhook", "c1", "w1")
FIELDS = """id name url eventTypes state disableReason createTime updateTime rotateTime version
  community { slug }"""
DELIVERY = """deliveryId type topicId intoTopicId replyId announcementId eventTime queueTime state
  reason attempts lastStatus lastError nextAttemptTime"""
PAGE = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ONE = f"query($id: ID!) {{ webhook(id: $id) {{ {FIELDS} }} }}"
NODE = "query($id: ID!) { communityNode(id: $id) { id ... on Webhook { name } } }"
LIST = f"""query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {{
  community(id: $id) {{ webhooks(first: $first, after: $after, last: $last, before: $before) {{
    edges {{ cursor node {{ {FIELDS} }} }} {PAGE} totalCount }} }} }}"""
DELIVERIES = f"""query($id: ID!, $first: Int, $after: String, $last: Int, $before: String,
    $states: [WebhookDeliveryState!]) {{
  webhook(id: $id) {{ deliveries(first: $first, after: $after, last: $last, before: $before,
    states: $states) {{ edges {{ cursor node {{ {DELIVERY} }} }} {PAGE} totalCount }} }} }}"""
SHOWN = {
    "id": W1,
    "name": "Webhook 1",
    "url": "https://portal.example/hook",
    "eventTypes": ["TOPIC_PUBLISHED", "REPLY_HIDDEN"],
    "state": "ENABLED",
    "disableReason": None,
    "rotateTime": None,
    "version": 3,
    "community": {"slug": "aurora"},
}


@pytest_asyncio.fixture
async def webhooks(loopback: Loopback) -> WebhookStandIn:
    """Served as notifications."""
    served = WebhookStandIn()
    await loopback.serve("notifications", add_webhooks(served))
    return served


def mutation(name: str, shown: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {shown} }} }}"


async def do(house: House, name: str, shown: str, /, **fields: Any) -> Any:
    answer = await house.ask(mutation(name, shown), {"input": {"requestId": "request-1", **fields}})
    assert "errors" not in answer
    return answer["data"][name]


async def test_a_webhook_is_shown_and_found_again(webhooks: WebhookStandIn, house: House) -> None:
    found = (await house.ask(ONE, {"id": W1}))["data"]["webhook"]
    assert found.items() >= SHOWN.items()
    assert webhooks.requests == [pb.GetWebhookRequest(community_id="c1", webhook_id="w1")]
    node = (await house.ask(NODE, {"id": W1}))["data"]["communityNode"]
    assert node == {"id": W1, "name": "Webhook 1"}


async def test_to_others_there_is_none(webhooks: WebhookStandIn, house: House) -> None:
    webhooks.hidden = True
    for query, name in ((ONE, "webhook"), (NODE, "communityNode")):
        hidden = await house.ask(query, {"id": W1})
        missing = await house.ask(query, {"id": encode_id("Webhook", "c1", "w9")})
        assert hidden["data"] == missing["data"] == {name: None}
        assert "errors" not in hidden
    webhooks.failure = RoleRequiredError()
    answer = await house.ask(LIST, {"id": C1, "first": 5})
    assert answer["data"]["community"] == {"webhooks": None}
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["ROLE_REQUIRED"]


async def walk(house: House, query: str, path: list[str], id_: str) -> None:
    """One at a time, both ways, it is the whole."""

    async def page(**arguments: Any) -> Any:
        answer = await house.ask(query, {"id": id_, **arguments})
        assert "errors" not in answer
        found = answer["data"]
        for step in path:
            found = found[step]
        return found

    whole = [edge["node"] for edge in (await page(first=5))["edges"]]
    assert len(whole) == 3
    for way, place, end in (("first", "after", "endCursor"), ("last", "before", "startCursor")):
        found: list[Any] = []
        cursor = None
        for _ in whole:
            got = await page(**{way: 1, place: cursor})
            nodes = [edge["node"] for edge in got["edges"]]
            found = [*found, *nodes] if way == "first" else [*nodes, *found]
            cursor = got["pageInfo"][end]
        assert found == whole


async def test_webhooks_and_deliveries_go_on_both_ways(
    webhooks: WebhookStandIn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await walk(house, LIST, ["community", "webhooks"], C1)
    await walk(house, DELIVERIES, ["webhook", "deliveries"], W1)
    assert "not the service's" not in caplog.text
    refused = await house.ask(DELIVERIES, {"id": W1, "first": 101})
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_became_of_a_delivery_is_shown(webhooks: WebhookStandIn, house: House) -> None:
    arguments = {"id": W1, "first": 1, "states": ["QUEUED", "FAILED"]}
    answer = await house.ask(DELIVERIES, arguments)
    [edge] = answer["data"]["webhook"]["deliveries"]["edges"]
    node = edge["node"]
    times = {node.pop(name) for name in ("eventTime", "queueTime", "nextAttemptTime")}
    assert None not in times
    assert node == {
        "deliveryId": "d3",
        "type": "REPLY_HIDDEN",
        "topicId": encode_id("Topic", "c1", "t1"),
        "intoTopicId": None,
        "replyId": encode_reply_id("c1", "t1", "r1"),
        "announcementId": None,
        "state": "QUEUED",
        "reason": None,
        "attempts": 2,
        "lastStatus": 503,
        "lastError": "STATUS",
    }
    request = webhooks.requests[-1]
    assert isinstance(request, pb.ListWebhookDeliveriesRequest)
    assert request.states == [
        pb.WEBHOOK_DELIVERY_STATE_QUEUED,
        pb.WEBHOOK_DELIVERY_STATE_FAILED,
    ]


async def test_managers_make_and_change_webhooks(webhooks: WebhookStandIn, house: House) -> None:
    made = await do(
        house,
        "createWebhook",
        f"secret webhook {{ {FIELDS} }}",
        communityId=C1,
        name="Portal",
        url="https://portal.example/hook",
        eventTypes=["TOPIC_PUBLISHED"],
    )
    assert made["secret"] == "whsec_first"
    assert made["webhook"].items() >= SHOWN.items()
    about = {"webhookId": W1, "expectedVersion": 3}
    await do(house, "updateWebhook", "webhook { id }", **about, enabled=False)
    await do(
        house,
        "updateWebhook",
        "webhook { id }",
        webhookId=W1,
        name="Other",
        url="https://portal.example/other",
        eventTypes=["TOPIC_MOVED"],
    )
    rotated = await do(house, "rotateWebhookSecret", "secret webhook { id }", **about)
    assert rotated == {"secret": "whsec_next", "webhook": {"id": W1}}
    deleted = await do(house, "deleteWebhook", "webhookId", **about)
    assert deleted == {"webhookId": W1}
    here: dict[str, Any] = {"request_id": "request-1", "community_id": "c1"}
    mine = {**here, "webhook_id": "w1"}
    moved = [pb.WEBHOOK_EVENT_TYPE_TOPIC_MOVED]
    assert webhooks.requests == [
        pb.CreateWebhookRequest(
            **here,
            name="Portal",
            url="https://portal.example/hook",
            event_types=[pb.WEBHOOK_EVENT_TYPE_TOPIC_PUBLISHED],
        ),
        pb.UpdateWebhookRequest(**mine, enabled=False, expected_version=3),
        pb.UpdateWebhookRequest(
            **mine,
            name="Other",
            url="https://portal.example/other",
            event_types=moved,
            update_event_types=True,
        ),
        pb.RotateWebhookSecretRequest(**mine, expected_version=3),
        pb.DeleteWebhookRequest(**mine, expected_version=3),
    ]


async def test_deliveries_are_redelivered_and_tried(webhooks: WebhookStandIn, house: House) -> None:
    shown = "redelivered webhook { version }"
    again = await do(house, "redeliverWebhookDeliveries", shown, webhookId=W1)
    assert again == {"redelivered": 2, "webhook": {"version": 3}}
    some = {"webhookId": W1, "deliveryIds": ["d1", "d2"], "expectedVersion": 3}
    await do(house, "redeliverWebhookDeliveries", shown, **some)
    tried = await do(house, "testWebhook", "delivery { deliveryId state }", webhookId=W1)
    assert tried == {"delivery": {"deliveryId": "d1", "state": "QUEUED"}}
    mine: dict[str, Any] = {
        "request_id": "request-1", "community_id": "c1", "webhook_id": "w1"
    }  # fmt: skip
    assert webhooks.requests == [
        pb.RedeliverWebhookDeliveriesRequest(**mine),
        pb.RedeliverWebhookDeliveriesRequest(**mine, delivery_ids=["d1", "d2"], expected_version=3),
        pb.TestWebhookRequest(**mine),
    ]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(TooManyWebhooksError(), "TOO_MANY_WEBHOOKS"), (UnavailableError(), "UNAVAILABLE")],
)
async def test_refusals_are_told(
    webhooks: WebhookStandIn, house: House, failure: Exception, code: str
) -> None:
    webhooks.failure = failure
    fields = {"communityId": C1, "name": "P", "url": "https://p.example", "eventTypes": []}
    answer = await house.ask(
        mutation("createWebhook", "secret"), {"input": {"requestId": "request-1", **fields}}
    )
    assert answer["errors"][0]["extensions"]["code"] == code
    assert "whsec" not in str(answer)


async def test_what_is_not_there_names_the_id_that_was_given(
    webhooks: WebhookStandIn, house: House
) -> None:
    missing = encode_id("Webhook", "c1", "w9")
    answer = await house.ask(
        mutation("deleteWebhook", "webhookId"),
        {"input": {"requestId": "request-1", "webhookId": missing}},
    )
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == ("WEBHOOK_NOT_FOUND", "webhookId")
    for wrong in (C1, "nothing"):
        refused = await house.ask(ONE, {"id": wrong})
        assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert all(not isinstance(one, pb.GetWebhookRequest) for one in webhooks.requests)
