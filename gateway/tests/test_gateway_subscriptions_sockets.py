"""graphql-transport-ws as it is spoken, by whom, and how much: every way that a socket ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from wsproto.events import Ping

from gateway.auth import Identity
from gateway.subscriptions.connection import Close
from gateway.subscriptions.sockets import MESSAGES_AT_ONCE
from gateway.subscriptions.subscriber import MOST_PENDING
from gateway.subscriptions.subscriptions import MOST_CONNECTIONS_OF_ONE, MOST_OF_ONE
from gateway.tests.conftest import ISSUER, House
from gateway.tests.socket_client import ClosedError, Socket, until, within
from gateway.tests.subscribing import Replica, replica
from guildhall.forum.v1 import domain_events_pb2

OUR_PAGE = {"origin": "http://127.0.0.1:8080"}


@pytest_asyncio.fixture
async def told(house: House, nats_url: str) -> AsyncIterator[Replica]:
    async with replica(house, nats_url) as running:
        yield running


async def session(house: House) -> str:
    """A browser's cookie, as Edda."""
    secret = await house.parts.sessions.create("p1", Identity(ISSUER.issuer, "s1"))
    return f"session={secret}"


INIT = '{"type":"connection_init","payload":%s}'


async def test_who_does_not_begin_as_agreed_is_closed(told: Replica) -> None:
    for message, closed in (
        ("{", Close.BAD_MESSAGE),
        ("[]", Close.BAD_MESSAGE),
        ('{"type":1}', Close.BAD_MESSAGE),
        (INIT % "[]", Close.BAD_MESSAGE),
        (INIT % '{"authorization":1}', Close.BAD_MESSAGE),
        ('{"type":"subscribe","id":"1","payload":{}}', Close.UNAUTHENTICATED),
        ('{"type":"connection_ack"}', Close.BAD_MESSAGE),
        (INIT % "null", Close.FORBIDDEN),
        (INIT % '{"authorization":"Basic x"}', Close.FORBIDDEN),
        (INIT % '{"authorization":"Bearer x"}', Close.FORBIDDEN),
        ("x" * 70_000, 1009),
    ):
        async with await Socket.open(told.port) as socket:
            await socket.send_text(message)
            code, _ = await socket.closed()
            assert code == closed, message[:80]
    assert not told.subscriptions._connections
    assert not told.house.rpcs()


async def test_who_does_not_begin_at_all_is_closed(told: Replica) -> None:
    told.subscriptions.init_timeout = 0.1
    async with await Socket.open(told.port) as socket:
        code, _ = await socket.closed()
        assert code == Close.INIT_TIMEOUT


async def test_only_this_path_and_this_protocol_are_spoken(told: Replica) -> None:
    for path, subprotocols, status in (
        ("/", ("graphql-transport-ws",), 404),
        ("/graphql", (), 400),
        ("/graphql", ("graphql-ws",), 400),
    ):
        with pytest.raises(ClosedError) as refused:
            await Socket.open(told.port, path=path, subprotocols=subprotocols)
        assert refused.value.code == status
    await (await told.socket()).aclose()


async def test_a_wrong_message_closes_the_socket(told: Replica) -> None:
    for message, closed in (
        ('{"type":"connection_init"}', Close.TOO_MANY),
        ('{"type":"subscribe","payload":{}}', Close.BAD_MESSAGE),
        ('{"type":"subscribe","id":"","payload":{}}', Close.BAD_MESSAGE),
        ('{"type":"subscribe","id":"2","payload":1}', Close.BAD_MESSAGE),
        ('{"type":"subscribe","id":"1","payload":{"query":"x"}}', Close.SUBSCRIBER_EXISTS),
        ('{"type":"next","id":"1"}', Close.BAD_MESSAGE),
        ('{"type":"?"}', Close.BAD_MESSAGE),
    ):
        async with await told.socket() as socket:
            await socket.subscribe()
            await socket.told()
            await socket.send_text(message)
            code, _ = await socket.closed()
            assert code == closed, message
    await until(lambda: not told.subscriptions._subscriptions)


async def test_a_subscription_may_be_wrong_and_the_socket_goes_on(told: Replica) -> None:
    async with await told.socket() as socket:
        for payload in ({}, {"query": ""}, {"query": "x", "variables": []}, {"query": "{"}):
            await socket.send("subscribe", id="1", payload=payload)
            failures = await socket.refused()
            assert failures[0]["extensions"]["code"] in ("BAD_REQUEST", "GRAPHQL_PARSE_FAILED")
        await socket.subscribe()
        await socket.told()


async def test_messages_may_not_come_too_fast(told: Replica) -> None:
    async with await told.socket() as socket:
        for _ in range(3 * MESSAGES_AT_ONCE):
            await socket.send("ping")
        code, reason = await socket.closed()
        assert (code, reason) == (Close.TOO_MANY, "messages come too fast")


async def test_a_person_has_so_many_subscriptions_and_no_more(told: Replica) -> None:
    async with await told.socket() as one, await told.socket() as two:
        for number in range(MOST_OF_ONE):
            await one.subscribe(id=str(number))
            await one.told()
        await two.subscribe()
        (failure,) = await two.refused()
        assert failure["extensions"] == {"code": "TOO_BUSY", "retryAfter": 1}
        await one.send("complete", id="7")
        await until(lambda: told.subscriptions._subscriptions["p1"] < MOST_OF_ONE)
        await two.subscribe()
        await two.told()


async def test_a_person_has_so_many_sockets_and_no_more(told: Replica) -> None:
    sockets = [await told.socket() for _ in range(MOST_CONNECTIONS_OF_ONE)]
    with pytest.raises(ClosedError) as refused:
        await told.socket()
    assert refused.value.code == Close.TOO_MANY
    for socket in sockets:
        await socket.aclose()
    await until(lambda: not told.subscriptions._connections)
    await (await told.socket()).aclose()


async def test_a_process_has_so_many_connections_and_no_more(told: Replica) -> None:
    told.subscriptions._most_connections = 2
    async with await told.socket() as one, await told.socket():
        with pytest.raises(ClosedError) as refused:
            await told.socket()
        assert refused.value.code == 503
        await one.aclose()
        await until(lambda: told.subscriptions._places < 2)
        await (await told.socket()).aclose()


async def test_a_process_has_so_many_people_and_no_more(told: Replica) -> None:
    """However many connections they have, as all of them are asked for."""
    told.subscriptions.most_people = 1
    other = told.house.issuer.access_token({"sub": "s2"})
    async with await told.socket() as one, await told.socket() as two:
        with pytest.raises(ClosedError) as refused:
            await told.socket(other)
        assert refused.value.code == Close.TOO_MANY
        await one.aclose()
        await two.aclose()
        await until(lambda: not told.subscriptions._connections)
        await (await told.socket(other)).aclose()


async def test_all_sessions_are_looked_for_at_once_and_none_that_ended_counts(
    told: Replica,
) -> None:
    sessions = told.house.parts.sessions
    secrets = [await sessions.create("p1", Identity(ISSUER.issuer, "s1")) for _ in range(3)]
    await sessions.revoke(secrets[2])
    assert [sessions.remembered(one) for one in secrets] == [None] * 3
    await sessions.ask_ahead([*secrets, "none"])
    found = [sessions.remembered(one) for one in (*secrets, "none")]
    assert [one and one.person_id for one in found] == ["p1", "p1", None, None]
    await sessions.revoke_all("p1")
    assert [sessions.remembered(one) for one in secrets] == [None] * 3


async def test_a_session_counts_from_our_pages_only(told: Replica) -> None:
    cookie = await session(told.house)
    for ours in (OUR_PAGE, {**OUR_PAGE, "sec-fetch-site": "same-origin"}):
        async with await told.socket(None, cookie=cookie, **ours) as socket:
            await socket.subscribe()
            await socket.told()
    for others in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {**OUR_PAGE, "sec-fetch-site": "cross-site"},
    ):
        with pytest.raises(ClosedError) as refused:
            await told.socket(None, cookie=cookie, **others)
        assert (refused.value.code, refused.value.reason) == (Close.FORBIDDEN, "CSRF_REFUSED")
        # With a token of its own, whichever page it is may speak.
        await (await told.socket(cookie=cookie, **others)).aclose()


async def test_a_session_that_ended_closes_the_socket(told: Replica) -> None:
    cookie = await session(told.house)
    async with await told.socket(None, cookie=cookie, **OUR_PAGE) as socket:
        await socket.subscribe()
        await socket.told()
        await told.house.parts.sessions.revoke_all("p1")
        code, reason = await within(5, socket.closed())
        assert (code, reason) == (Close.FORBIDDEN, "UNAUTHENTICATED")


async def test_two_tokens_are_none(told: Replica) -> None:
    with pytest.raises(ClosedError) as refused:
        await told.socket(authorization=f"Bearer {told.house.issuer.access_token()}")
    assert refused.value.code == Close.FORBIDDEN


async def test_who_does_not_read_is_cut(told: Replica) -> None:
    """What waits for it is bounded; behind that stands why it was closed."""
    async with await Socket.open(told.port, buffer=4_096) as socket:
        token = told.house.issuer.access_token()
        await socket.send("connection_init", payload={"authorization": f"Bearer {token}"})
        await socket.next()
        body = "subscription ($id: ID!) { topicChanged(id: $id) { topic { body } } }"
        told.house.forum.topics[-1].body = "x" * 900_000
        await socket.subscribe(body)
        ended = told.subscriptions._connections
        number = 0
        while ended:
            number += 1
            await told.edit(f"Title {number}")
            assert number < 500
            await asyncio.sleep(0.02)
        code, reason = await socket.closed()
        assert (code, reason) == (Close.SLOW_READER, "SLOW_READER")


async def test_changes_wait_for_a_reader_but_not_more_than_so_many(told: Replica) -> None:
    async with await Socket.open(told.port, buffer=4_096) as socket:
        token = told.house.issuer.access_token()
        await socket.send("connection_init", payload={"authorization": f"Bearer {token}"})
        await socket.next()
        body = "subscription ($id: ID!) { topicChanged(id: $id) { topic { body } } }"
        told.house.forum.topics[-1].body = "x" * 900_000
        for number in range(4):
            await socket.subscribe(body, id=str(number))
        for number in range(MOST_PENDING + 20):
            await told.say(domain_events_pb2.ReplyPublished(reply_id=f"r{number}", topic_id="t1"))
        code, reason = await socket.closed()
        assert (code, reason) == (Close.SLOW_READER, "SLOW_READER")
    await until(lambda: not told.subscriptions._connections)


async def test_pings_are_not_answered_to_who_does_not_read(told: Replica) -> None:
    """Their answers would be kept in memory; the socket is closed instead."""
    told.subscriptions.init_timeout = 60.0
    async with await Socket.open(told.port, buffer=4_096) as socket:
        ping = Ping(payload=b"x" * 100)
        pings = b"".join(socket.connection.send(ping) for _ in range(1_000))
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while sent < 1_000:
                socket.writer.write(pings)
                await socket.writer.drain()
                sent += 1

        flooding = asyncio.create_task(flood())
        await until(lambda: not told.subscriptions._places)  # it was closed while it wrote
        flooding.cancel()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await flooding
        assert sent < 1_000  # a hundred megabytes were not taken
        code, reason = await socket.closed()
        assert (code, reason) == (Close.SLOW_READER, "SLOW_READER")


async def test_a_process_that_ends_sends_its_clients_elsewhere(told: Replica) -> None:
    async with await told.socket() as socket, await told.socket() as other:
        await socket.subscribe()
        await socket.told()
        closing = asyncio.create_task(told.subscriptions.close())
        assert await socket.closed() == (Close.GOING_AWAY, "GOING_AWAY")
        assert await other.closed() == (Close.GOING_AWAY, "GOING_AWAY")
        await closing
    with pytest.raises(ClosedError) as refused:
        await told.socket()
    assert refused.value.code == 503
    assert not told.subscriptions._subscriptions


async def test_logs_tell_no_address(told: Replica, caplog: Any) -> None:
    async with await told.socket() as socket:
        await socket.subscribe()
        await socket.told()
    assert "127.0.0.1" not in caplog.text
