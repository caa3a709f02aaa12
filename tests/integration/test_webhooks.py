"""A portal is told by signed webhooks of what all may read, by the whole system; of no more."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from tests.system import BOREALIS_MANAGER, ENGINEER, MANAGER, Asker, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

COMMUNITY = 'query { community(slug: "aurora") { id space(slug: "general") { id } } }'
TOPIC = {"kind": "DISCUSSION", "title": "Frobnicators", "body": "What of frobnicators?"}
ONE = "query W($id: ID!) { webhook(id: $id) { name } communityNode(id: $id) { id } }"
ALL = "query W($id: ID!) { community(id: $id) { webhooks(first: 10) { edges { node { id } } } } }"
DELIVERIES = """query D($id: ID!) { webhook(id: $id) { deliveries(first: 100) { edges { node {
  deliveryId type topicId state reason attempts lastStatus } } } } }"""


@dataclass
class Portal:
    """What a vendor's portal runs: it takes what it is told."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head)
        }
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    def told(self, topic_id: str) -> list[tuple[dict[str, str], bytes]]:
        """Of one topic."""
        return [one for one in self.got if json.loads(one[1])["data"].get("topicId") == topic_id]


@pytest_asyncio.fixture
async def portal() -> AsyncIterator[Portal]:
    made = Portal()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/guildhall"
    yield made
    server.close()
    await server.wait_closed()


async def topic(asker: Asker, space: str) -> str:
    made = await asker.post("createTopic", "{ topic { id } }", spaceId=space, **TOPIC)
    id_: str = made["topic"]["id"]
    return id_


async def test_a_portal_is_told_what_all_may_read(system: System, portal: Portal) -> None:
    manager, member = await system.asker(MANAGER), await system.asker(ENGINEER)
    found = (await manager(COMMUNITY))["community"]
    community, space = found["id"], found["space"]["id"]
    made = await manager.mutate(
        "createWebhook",
        "{ secret webhook { id state } }",
        communityId=community,
        name="The portal",
        url=portal.url,
        eventTypes=["TOPIC_PUBLISHED", "TOPIC_HIDDEN", "TOPIC_REMOVED", "REPLY_PUBLISHED"],
    )
    webhook, secret = made["webhook"]["id"], made["secret"]
    narrow = await manager.mutate(
        "createSpace",
        "{ space { id } }",
        communityId=community,
        slug=f"narrow-{uuid.uuid4().hex[:8]}",
        name="Among ourselves",
        audience="VENDOR",
    )
    kept = await topic(manager, narrow["space"]["id"])
    for mutation in ("hideTopic", "removeTopic"):
        await manager.mutate(mutation, "{ topic { id } }", topicId=kept, reason="a trial")
    public = await topic(member, space)
    await member.mutate("createReply", "{ reply { id } }", topicId=public, body="Or another?")

    async def told() -> int:
        return len(portal.told(public))

    await until(told, lambda number: number == 2, seconds=30)
    payloads = {}
    for headers, body in portal.told(public):
        payload = Webhook(secret).verify(body, headers)
        payloads[payload["type"]] = payload["data"]
        assert b"robnicator" not in body
        assert payload["timestamp"]
    assert payloads["TopicPublished"] == {"communityId": community, "topicId": public}
    assert set(payloads["ReplyPublished"]) == {"communityId", "topicId", "replyId"}

    async def deliveries() -> list[dict[str, Any]]:
        edges = (await manager(DELIVERIES, id=webhook))["webhook"]["deliveries"]["edges"]
        return [edge["node"] for edge in edges if edge["node"]["topicId"] in (kept, public)]

    ended = await until(
        deliveries,
        lambda some: len(some) == 5 and all(one["state"] not in "QUEUED SENDING" for one in some),
        seconds=30,
    )
    for one in ended:
        if one["topicId"] == kept:
            assert (one["state"], one["reason"]) == ("DROPPED", "UNREADABLE")
            assert (one["attempts"], one["lastStatus"]) == (0, None)
        else:
            assert (one["state"], one["lastStatus"]) == ("DELIVERED", 204)
    told_ids = {headers["webhook-id"] for headers, _ in portal.told(public)}
    assert told_ids == {one["deliveryId"] for one in ended if one["topicId"] == public}
    assert portal.told(kept) == []

    # Nobody else learns that there is a webhook.
    for other in (member, await system.asker(BOREALIS_MANAGER)):
        assert await other(ONE, id=webhook) == {"webhook": None, "communityNode": None}
        with pytest.raises(RefusedError) as refusal:
            await other.mutate("deleteWebhook", "{ webhookId }", webhookId=webhook)
        assert refusal.value.code == "WEBHOOK_NOT_FOUND"
    with pytest.raises(RefusedError) as refused:
        await member(ALL, id=community)
    assert refused.value.code == "ROLE_REQUIRED"
    await manager.mutate("deleteWebhook", "{ webhookId }", webhookId=webhook)
