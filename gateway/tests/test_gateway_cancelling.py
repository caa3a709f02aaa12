"""Whoever is out of time, or goes away, keeps no service busy: RPCs end where they are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio

from chassis import rpc_client
from gateway.execution import operations
from gateway.tests.conftest import House
from gateway.tests.socket_client import until, within
from gateway.tests.standins import ForumStandIn
from gateway.tests.subscribing import served

TOPICS = """query q($c: ID!) { topics(communityId: $c, first: 2) { edges { node {
  title replies(first: 1) { edges { node { body } } } } } } }"""
CREATE = """mutation c($input: CreateTopicInput!) {
  createTopic(input: $input) { topic { title } } }"""
COMMUNITY = {"c": "Q29tbXVuaXR5OmMxOmMx"}
INPUT = {
    "requestId": "test-cancelling",
    "spaceId": "U3BhY2U6YzE6c3Ax",
    "kind": "QUESTION",
    "title": "A question",
    "body": "that takes long",
}
IN_TIME = 1.0  # seconds; an RPC that nobody ends takes twice as long


class Slow(ForumStandIn):
    """Some of its RPCs are not done until they are let; it notes which came to which end."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.let = asyncio.Event()
        self.done: list[str] = []
        self.cancelled: list[str] = []

    async def _when_let(
        self, name: str, serve: Callable[[Any, Any], Awaitable[Any]], request: Any, context: Any
    ) -> Any:
        answer = await serve(request, context)
        if name in self.slow:
            try:
                await self.let.wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
        self.done.append(name)
        return answer

    async def ListTopics(self, request: Any, context: Any) -> Any:
        return await self._when_let("ListTopics", super().ListTopics, request, context)

    async def ListReplies(self, request: Any, context: Any) -> Any:
        return await self._when_let("ListReplies", super().ListReplies, request, context)

    async def CreateTopic(self, request: Any, context: Any) -> Any:
        return await self._when_let("CreateTopic", super().CreateTopic, request, context)


@pytest.fixture
def forum() -> Slow:
    return Slow()  # type: ignore[abstract]


@pytest_asyncio.fixture
async def port(house: House) -> AsyncIterator[int]:
    async with served(house.gateway) as listening:
        yield listening


async def asked(house: House, port: int, query: str, **variables: Any) -> asyncio.StreamWriter:
    """A request is sent over a connection of its own; nobody has read an answer."""
    body = orjson.dumps({"query": query, "variables": variables})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {house.issuer.access_token()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    await writer.drain()
    return writer


@pytest.mark.parametrize(("slow", "times"), [("ListTopics", 1), ("ListReplies", 2)])
async def test_an_operation_out_of_time_ends_its_rpcs_in_the_service(
    house: House, forum: Slow, monkeypatch: pytest.MonkeyPatch, slow: str, times: int
) -> None:
    """Whether they are below the root or further down."""
    monkeypatch.setattr(operations, "EXECUTION_TIMEOUT", 0.3)
    monkeypatch.setattr(rpc_client, "_timeout", lambda *_: 30.0)  # no deadline of their own
    forum.slow.add(slow)
    answer = await within(IN_TIME, house.ask(TOPICS, COMMUNITY))
    assert answer["data"] is None
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["OPERATION_TIMEOUT"]
    await within(IN_TIME, until(lambda: forum.cancelled == [slow] * times))
    assert slow not in forum.done


async def test_an_rpc_has_no_more_time_than_its_operation(
    house: House, forum: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service ends it by itself, whatever the gateway does meanwhile."""
    monkeypatch.setattr(operations, "EXECUTION_TIMEOUT", 0.3)
    forum.slow.add("ListTopics")
    answer = await within(IN_TIME, house.ask(TOPICS, COMMUNITY))
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["UNAVAILABLE"]
    await within(IN_TIME, until(lambda: forum.cancelled == ["ListTopics"]))


@pytest.mark.parametrize(("slow", "times"), [("ListTopics", 1), ("ListReplies", 2)])
async def test_a_query_whose_client_goes_away_ends_its_rpcs_in_the_service(
    house: House, forum: Slow, port: int, slow: str, times: int
) -> None:
    forum.slow.add(slow)
    writer = await asked(house, port, TOPICS, **COMMUNITY)
    await until(lambda: forum.calls[slow] == times)
    assert not forum.cancelled
    writer.close()
    await within(IN_TIME, until(lambda: forum.cancelled == [slow] * times))
    assert slow not in forum.done
    admission = house.parts.admission
    await within(IN_TIME, until(lambda: not admission._under_way))  # its place is free again


async def test_a_write_is_done_whoever_goes_away(house: House, forum: Slow, port: int) -> None:
    """It may be stored by then: sent again with its request id it tells of itself."""
    forum.slow.add("CreateTopic")
    writer = await asked(house, port, CREATE, input=INPUT)
    await until(lambda: forum.calls["CreateTopic"])
    writer.close()
    await writer.wait_closed()
    answer = await house.ask("{ viewer { isOperator } }")  # it has been seen to go by then
    assert "errors" not in answer
    forum.let.set()
    await within(IN_TIME, until(lambda: forum.done == ["CreateTopic"]))
    assert not forum.cancelled


async def test_who_goes_away_behind_an_answer_ends_nothing(
    house: House, forum: Slow, port: int
) -> None:
    forum.let.set()
    writer = await asked(house, port, TOPICS, **COMMUNITY)
    await until(lambda: forum.done.count("ListReplies") == 2)
    writer.close()
    await writer.wait_closed()
    assert "errors" not in await house.ask(TOPICS, COMMUNITY)
    assert not forum.cancelled
