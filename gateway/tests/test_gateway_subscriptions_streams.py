"""Subscriptions by server-sent events: as an EventSource asks, and as a client of graphql-sse."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import orjson
import pytest
import pytest_asyncio

from chassis.errors import RoleRequiredError
from gateway.auth import Identity
from gateway.rate_limits import Rate
from gateway.subscriptions.streams import wants_stream
from gateway.subscriptions.subscriptions import MOST_OF_ONE
from gateway.tests.conftest import ISSUER, House
from gateway.tests.socket_client import PATIENCE, TOPIC, TOPIC_CHANGED, until, within
from gateway.tests.subscribing import QuickProtocol, Replica, replica

ACCEPT = {"accept": "text/event-stream"}


@pytest_asyncio.fixture
async def told(house: House, nats_url: str) -> AsyncIterator[Replica]:
    async with replica(house, nats_url) as running:
        yield running


class Stream:
    """An answer whose events are read one by one."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self) -> dict[str, str]:
        """The next one's fields; empty: the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line and name:
                    fields[name.rstrip(":")] = value
                elif "event" in fields:
                    return fields
        return {}

    async def title(self) -> str:
        event = await self.event()
        data = orjson.loads(event["data"])
        title: str = data["data"]["topicChanged"]["topic"]["title"]
        return title

    async def failure(self) -> str:
        """The code with which it ends."""
        event = await self.event()
        assert event["event"] == "next"
        assert await self.event() == {"event": "complete", "data": ""}
        code: str = orjson.loads(event["data"])["errors"][0]["extensions"]["code"]
        return code


@contextlib.asynccontextmanager
async def opened(
    told: Replica, given: Mapping[str, str] | None = None, *, post: bool = False
) -> AsyncIterator[Stream]:
    """By GET, as an EventSource does; with a token unless there is another header that tells."""
    headers = dict(given or {})
    if not {"cookie", "authorization"} & set(headers):
        headers["authorization"] = f"Bearer {told.house.issuer.access_token()}"
    variables = {"id": TOPIC}
    asked: dict[str, Any] = {"query": TOPIC_CHANGED, "variables": variables}
    url = f"http://127.0.0.1:{told.port}/graphql"
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        if post:
            asking = http.stream("POST", url, json=asked, headers={**ACCEPT, **headers})
        else:
            params = {**asked, "variables": orjson.dumps(variables).decode()}
            asking = http.stream("GET", url, params=params, headers={**ACCEPT, **headers})
        async with asking as response:
            yield Stream(response)


@pytest.mark.parametrize("post", [False, True])
async def test_a_stream_tells_at_once_and_of_changes(told: Replica, *, post: bool) -> None:
    async with opened(told, post=post) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-content-type-options"] == "nosniff"
        first = await stream.event()
        assert first["event"] == "next"
        assert orjson.loads(first["data"])["extensions"]["eventId"] == first["id"]
        assert 1_000 <= int(first["retry"]) < 4_000
        await told.edit("Another title")
        assert await stream.title() == "Another title"
    await until(lambda: not told.subscriptions._connections)
    assert not told.subscriptions.feeds["forum"]._listeners


async def test_the_last_event_id_goes_on(told: Replica) -> None:
    async with opened(told) as stream:
        event_id = (await stream.event())["id"]
    await told.edit("Missed")
    async with opened(told, {"last-event-id": event_id}) as stream:
        assert await stream.title() == "Missed"
        await told.edit("Not missed")
        assert await stream.title() == "Not missed"
    async with opened(told, {"last-event-id": "nonsense"}) as stream:
        assert await stream.failure() == "RESUME_NOT_POSSIBLE"


async def test_a_stream_of_nobody_is_refused(told: Replica) -> None:
    for headers, status, code in (
        ({"authorization": "Basic x"}, 401, "UNAUTHENTICATED"),
        ({"authorization": "Bearer x"}, 401, "UNAUTHENTICATED"),
        ({"cookie": "a=b"}, 401, "UNAUTHENTICATED"),
        ({"cookie": "session=unknown", "sec-fetch-site": "same-origin"}, 401, "UNAUTHENTICATED"),
        ({"cookie": "session=x", "sec-fetch-site": "cross-site"}, 403, "CSRF_REFUSED"),
        ({"cookie": "session=x", "origin": "https://evil.example"}, 403, "CSRF_REFUSED"),
        ({"cookie": "session=x"}, 403, "CSRF_REFUSED"),
    ):
        async with opened(told, headers) as stream:
            assert stream.response.status_code == status, headers
            answer = orjson.loads(await stream.response.aread())
            assert answer["errors"][0]["extensions"]["code"] == code
            assert "data" not in answer
            assert re.fullmatch("[0-9a-f]{32}", stream.response.headers["x-trace-id"])
    assert told.house.rpcs() == {}


async def test_a_failure_before_a_stream_begins_is_masked(
    told: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise RuntimeError("m4rk3r")

    monkeypatch.setattr(told.house.parts.operations, "known", failing)
    async with opened(told) as stream:
        assert stream.response.status_code == 500
        answer = orjson.loads(await stream.response.aread())
        trace_id = stream.response.headers["x-trace-id"]
        assert re.fullmatch("[0-9a-f]{32}", trace_id)
        assert answer["errors"] == [
            {"message": "Internal error", "extensions": {"code": "INTERNAL", "traceId": trace_id}}
        ]
    assert not told.subscriptions._connections


async def test_a_stream_without_points_is_refused_before_its_document_is_parsed(
    told: Replica,
) -> None:
    admission = told.house.parts.admission
    try:
        admission.member = Rate(points=1, burst=1)
        async with opened(told) as stream:  # the whole bucket, and more, for the document
            assert stream.response.status_code == 200
            assert await stream.failure() == "RATE_LIMITED"  # nothing is left for an answer
        headers = {"authorization": f"Bearer {told.house.issuer.access_token()}", **ACCEPT}
        query = TOPIC_CHANGED.replace("(", " (", 1)  # another text
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            url = f"http://127.0.0.1:{told.port}/graphql"
            refused = await http.get(url, params={"query": query}, headers=headers)
    finally:
        admission.member = None
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 60
    assert refused.headers["ratelimit-policy"] == '"member";q=1;w=60'
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert told.house.parts.operations.known(query) is None


async def test_a_session_counts_in_streams_of_our_pages(told: Replica) -> None:
    secret = await told.house.parts.sessions.create("p1", Identity(ISSUER.issuer, "s1"))
    ours = {"cookie": f"session={secret}", "sec-fetch-site": "same-origin"}
    async with opened(told, ours) as stream:
        assert await stream.title() == "Topic 1"
        await told.house.parts.sessions.revoke_all("p1")
        assert await within(5, stream.failure()) == "UNAUTHENTICATED"
        assert await stream.event() == {}


async def test_what_cannot_be_subscribed_to_ends_the_stream(told: Replica) -> None:
    url = f"http://127.0.0.1:{told.port}/graphql"
    headers = {**ACCEPT, "authorization": f"Bearer {told.house.issuer.access_token()}"}
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE, headers=headers) as http:
        for query, code in (
            ("{ viewer { isOperator } }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription {", "GRAPHQL_PARSE_FAILED"),
            ('subscription { topicChanged(id: "x") { topic { id } } }', "BAD_USER_INPUT"),
        ):
            async with http.stream("GET", url, params={"query": query}) as response:
                assert await Stream(response).failure() == code
        response = await http.get(url)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        response = await http.post(url, content="x")
        assert response.status_code == 415


async def test_a_revoked_person_gets_nothing_more(told: Replica) -> None:
    async with opened(told) as stream:
        await stream.event()
        told.house.directory.failures["ResolveActor"] = RoleRequiredError("deactivated")
        assert await within(5, stream.failure()) == "ROLE_REQUIRED"
        await told.edit("Not told")
        assert await stream.event() == {}


@contextlib.asynccontextmanager
async def cut(told: Replica) -> AsyncIterator[asyncio.StreamReader]:
    """What is left to a client that took nothing until its stream was ended."""
    told.subscriptions.unread_seconds = 0.3
    told.house.forum.topics[-1].body = "x" * 900_000
    query = "subscription ($id: ID!) { topicChanged(id: $id) { topic { body } } }"
    target = httpx2.QueryParams({"query": query, "variables": orjson.dumps({"id": TOPIC}).decode()})
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", told.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=4_096)
    token = told.house.issuer.access_token()
    writer.write(
        f"GET /graphql?{target} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    await until(lambda: told.subscriptions._connections)
    (stream,) = told.subscriptions._connections
    await until(lambda: told.house.forum.calls["GetTopic"])
    number = 0
    while not stream.ended:
        number += 1
        await told.edit(f"Title {number}")
        assert number < 500
        await asyncio.sleep(0.02)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def last_of(reader: asyncio.StreamReader) -> bytes:
    """Its last bytes, when the connection is closed or the stream has ended."""
    last = b""
    with contextlib.suppress(ConnectionError):
        while piece := await within(PATIENCE, reader.read(1 << 16)):
            last = (last + piece)[-50:]
            if last.endswith(b"\r\n0\r\n\r\n"):
                break
    return last


async def test_who_does_not_read_is_cut(told: Replica) -> None:
    """What was read for it waits no longer than its rights are believed."""
    async with cut(told) as reader:
        await until(lambda: not told.subscriptions._connections)
        assert not (await last_of(reader)).endswith(b"\n")  # it broke off within a text


async def test_who_reads_after_all_finds_why_it_was_cut(
    told: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a comment: an event would keep it from coming back."""
    monkeypatch.setattr(QuickProtocol, "answer_seconds", PATIENCE)
    async with cut(told) as reader:
        assert (await last_of(reader)).endswith(b"\n\n\r\nf\r\n: SLOW_READER\n\n\r\n0\r\n\r\n")
    await until(lambda: not told.subscriptions._connections)


async def test_a_person_has_so_many_streams_and_no_more(told: Replica) -> None:
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(opened(told)) for _ in range(MOST_OF_ONE)]
        for stream in streams:
            await stream.event()
        async with opened(told) as one_more:
            assert one_more.response.status_code == 429
            assert one_more.response.headers["retry-after"] == "1"


async def test_a_process_that_ends_ends_its_streams(told: Replica) -> None:
    async with opened(told) as stream:
        event_id = (await stream.event())["id"]
        await told.subscriptions.close()
        assert await stream.event() == {}  # nothing that would keep an EventSource from coming back
        assert event_id
        async with opened(told) as refused:
            assert refused.response.status_code == 503


def test_who_names_streams_among_others_wants_an_answer() -> None:
    assert wants_stream("text/event-stream")
    assert wants_stream("Text/Event-Stream;q=0.9, application/json")
    assert not wants_stream("application/json, text/event-stream")
    assert not wants_stream("*/*")
    assert not wants_stream("")
