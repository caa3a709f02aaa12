"""A link's whole way to its card at the running system, and back."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.system import ENGINEER, MANAGER, SELLER, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PLACE = 'query { community(slug: "aurora") { id space(slug: "general") { id } } }'
CARDS = "linkCards { url title description siteName }"
TOPIC = f"""query T($id: ID!) {{ topic(id: $id) {{ {CARDS}
  replies(first: 5) {{ edges {{ node {{ {CARDS} }} }} }} }} }}"""
HOSTS = "{ trustSettings { linkCardHosts } }"
PAGE = (
    b"<title>No</title><meta property='og:title' content='Reset the router'>"
    b"<meta name='description' content='In three steps'>"
)


@contextlib.asynccontextmanager
async def web_site() -> AsyncIterator[tuple[int, list[str]]]:
    """At every path the same page; its port, and which paths were asked for."""
    asked: list[str] = []

    class Says(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self._transport = transport

        def data_received(self, data: bytes) -> None:
            asked.append(data.split()[1].decode())
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
            self._transport.write((head % len(PAGE)).encode() + PAGE)
            self._transport.close()

    server = await asyncio.get_running_loop().create_server(Says, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


async def test_a_manager_lists_a_host_and_its_pages_have_cards(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    outsider = await system.asker(SELLER)
    community = (await engineer(PLACE))["community"]
    given: dict[str, Any] = {"communityId": community["id"]}
    async with web_site() as (port, asked):
        url = f"http://localhost:{port}/{uuid.uuid4().hex}"
        made = await engineer.post(
            "createTopic",
            "{ topic { id } }",
            spaceId=community["space"]["id"],
            kind="DISCUSSION",
            title="How to reset the router",
            body=f"All of it is said [there]({url}#steps).",
        )
        topic_id = made["topic"]["id"]
        await engineer.post(
            "createReply", "{ reply { id } }", topicId=topic_id, body=f"Is it? <{url}>"
        )

        async def cards() -> list[Any]:
            topic = (await engineer(TOPIC, id=topic_id))["topic"]
            nodes = [edge["node"] for edge in topic["replies"]["edges"]]
            return [card for one in (topic, *nodes) for card in one["linkCards"]]

        assert await cards() == []
        with pytest.raises(RefusedError) as refusal:
            await engineer.mutate(
                "updateTrustSettings", HOSTS, **given, linkCardHosts=["localhost"]
            )
        assert refusal.value.code == "ROLE_REQUIRED"
        with pytest.raises(RefusedError) as refusal:
            await manager.mutate(
                "updateTrustSettings", HOSTS, **given, linkCardHosts=["docs.example.com", "*"]
            )
        assert refusal.value.code == "FIELD_INVALID"
        assert refusal.value.field == "linkCardHosts.1"
        assert asked == []
        await manager.mutate("updateTrustSettings", HOSTS, **given, linkCardHosts=["localhost"])
        try:
            found = await until(cards, lambda some: len(some) == 2, seconds=30)
            card = {"title": "Reset the router", "description": "In three steps"}
            assert found == [
                {"url": f"{url}#steps", "siteName": None, **card},
                {"url": url, "siteName": None, **card},
            ]
            assert asked == [f"/{url.rpartition('/')[2]}"]
            assert (await outsider(TOPIC, id=topic_id))["topic"] is None
        finally:
            await manager.mutate("updateTrustSettings", HOSTS, **given, linkCardHosts=[])
        assert await until(cards, lambda some: not some) == []
