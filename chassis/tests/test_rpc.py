"""gRPC between parts, over real sockets: actors, deadlines, refusals, outages, hung peers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pymongo.errors import AutoReconnect

from chassis.actors import require_actor, require_person
from chassis.errors import (
    DomainError,
    NotFoundError,
    PeerFailedError,
    RequestUnreadableError,
    RoleRequiredError,
    TextInvalidError,
    TooBusyError,
    UnavailableError,
)
from chassis.rpc_client import Channels
from chassis.rpc_server import Server
from chassis.rpc_status import RemoteRefusalError, pack, unpack
from chassis.testing import PATIENCE, Loopback, person_actor, service_actor
from chassis.tokens import TokenVerifier
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import forum_pb2_grpc as pb_grpc


class TopicNotFoundError(NotFoundError):
    """Known to this service only."""


class Servicer(pb_grpc.ForumServiceServicer):
    """Does what the topic id says."""

    def __init__(self) -> None:
        self.calls = 0
        self.called = asyncio.Event()
        self.remaining: float | None = None
        self.cancelled = asyncio.Event()

    async def GetTopic(self, request: pb.GetTopicRequest, context: Any) -> pb.GetTopicResponse:
        self.calls += 1
        self.called.set()
        self.remaining = context.time_remaining()
        match request.topic_id:
            case "who":
                return pb.GetTopicResponse(topic=pb.Topic(id=require_actor().name))
            case "person":
                require_person()
            case "missing":
                raise TopicNotFoundError
            case "text":
                raise TextInvalidError("title is too long", field="title")
            case "busy":
                raise TooBusyError("later", retry_after=1.5)
            case "store":
                raise AutoReconnect("secret-host:27017")
            case "bug":
                raise ZeroDivisionError("secret")
            case "slow":
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
        return pb.GetTopicResponse()


@pytest.fixture
async def servicer(loopback: Loopback) -> Servicer:
    servicer = Servicer()  # type: ignore[abstract]
    await loopback.serve("forum", lambda s: pb_grpc.add_ForumServiceServicer_to_server(servicer, s))
    return servicer


def get(topic_id: str) -> pb.GetTopicRequest:
    return pb.GetTopicRequest(community_id="c1", topic_id=topic_id)


async def test_caller_is_who_the_token_says(loopback: Loopback, servicer: Servicer) -> None:
    person = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor("p7"))
    service = loopback.client(pb_grpc.ForumServiceStub, "forum", service_actor("search"))
    assert (await person.GetTopic(get("who"))).topic.id == "p7"
    assert (await service.GetTopic(get("who"))).topic.id == "service:search"
    with pytest.raises(RoleRequiredError):
        await service.GetTopic(get("person"))


async def test_call_without_or_with_a_foreign_token_is_refused(
    loopback: Loopback, servicer: Servicer
) -> None:
    async with grpc.aio.insecure_channel(loopback.addresses["forum"]) as channel:
        stub = pb_grpc.ForumServiceStub(channel)
        for metadata in ((), (("actor-token", "x"),), (("person-id", "p1"),)):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stub.GetTopic(get("who"), metadata=metadata, timeout=2)
            assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    stranger = Loopback(addresses=loopback.addresses)  # signs with keys nobody knows
    client = stranger.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    with pytest.raises(UnavailableError):  # who signed is to blame, not who asks
        await client.GetTopic(get("who"))
    await stranger.close()
    assert servicer.calls == 0


@pytest.mark.parametrize(
    ("topic_id", "kind", "field", "retry_after"),
    [
        ("text", TextInvalidError, "title", 0),
        ("busy", TooBusyError, "", 1.5),
        ("store", UnavailableError, "", 0),
    ],
)
async def test_refusals_arrive_as_they_were_raised(
    loopback: Loopback,
    servicer: Servicer,
    topic_id: str,
    kind: type[DomainError],
    field: str,
    retry_after: float,
) -> None:
    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    with pytest.raises(kind) as refusal:
        await client.GetTopic(get(topic_id))
    assert type(refusal.value) is kind
    assert (refusal.value.field, refusal.value.retry_after) == (field, retry_after)
    assert "secret" not in str(refusal.value)


async def test_refusal_only_the_other_service_knows_keeps_its_reason(
    loopback: Loopback, servicer: Servicer
) -> None:
    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    with pytest.raises(RemoteRefusalError) as refusal:
        await client.GetTopic(get("missing"))
    assert (refusal.value.remote_reason, refusal.value.status) == ("TOPIC_NOT_FOUND", "NOT_FOUND")


async def test_bug_tells_nothing(
    loopback: Loopback, servicer: Servicer, caplog: pytest.LogCaptureFixture
) -> None:
    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    with pytest.raises(PeerFailedError, match="forum failed: INTERNAL"):
        await client.GetTopic(get("bug"))
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe", b"\x0a\x7fshort"])
async def test_what_is_no_message_is_refused_as_bad_input(
    loopback: Loopback, servicer: Servicer, data: bytes
) -> None:
    class Raw:
        def __init__(self, channel: grpc.aio.Channel) -> None:
            self.GetTopic: Any = channel.unary_unary("/guildhall.forum.v1.ForumService/GetTopic")

    client = loopback.client(Raw, "forum", person_actor())
    with pytest.raises(RequestUnreadableError) as refusal:
        await client.GetTopic(data)
    assert "DecodeError" not in str(refusal.value)
    assert servicer.calls == 0


async def test_deadline_reaches_the_server_and_ends_the_work(
    loopback: Loopback, servicer: Servicer
) -> None:
    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        await client.GetTopic(get("slow"), timeout=0.3)
    assert time.monotonic() - began < 1.5
    async with asyncio.timeout(2):
        await servicer.cancelled.wait()
    assert servicer.remaining is not None
    assert servicer.remaining < 0.31
    await client.GetTopic(get("any"))
    assert servicer.remaining < PATIENCE + 0.5


async def test_peer_that_is_not_there_is_unavailable_at_once(loopback: Loopback) -> None:
    loopback.addresses["forum"] = "127.0.0.1:1"
    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        await client.GetTopic(get("any"))
    assert time.monotonic() - began < 1.5


async def test_edge_retries_what_is_unavailable_and_nothing_else(
    loopback: Loopback, servicer: Servicer
) -> None:
    channels = Channels(
        loopback._signer("gateway"),
        loopback.addresses.__getitem__,
        retries=True,
    )
    client = channels.client(pb_grpc.ForumServiceStub, "forum")
    with pytest.raises(UnavailableError):
        await client.GetTopic(get("store"))
    assert servicer.calls == 3
    with pytest.raises(TooBusyError):
        await client.GetTopic(get("busy"))
    assert servicer.calls == 4
    await channels.close()


async def test_server_with_as_much_as_it_takes_is_busy_and_not_broken(loopback: Loopback) -> None:
    keys = {"gateway": loopback.key("gateway")}
    servicer = Servicer()  # type: ignore[abstract]
    server = Server(TokenVerifier("forum", keys), concurrent_rpcs=1)
    pb_grpc.add_ForumServiceServicer_to_server(servicer, server.grpc)
    loopback.addresses["forum"] = f"127.0.0.1:{await server.listen('127.0.0.1:0')}"
    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    slow = asyncio.ensure_future(client.GetTopic(get("slow")))
    await servicer.called.wait()
    with pytest.raises(TooBusyError) as refusal:
        await client.GetTopic(get("who"))
    assert refusal.value.retry_after
    assert servicer.calls == 1
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await server.stop(0)


async def test_an_rpc_does_not_pay_for_all_methods_that_there_are(
    loopback: Loopback, servicer: Servicer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC's loop waits for each registered method apart; ours has a single wait."""
    waits: list[int] = []
    wait = asyncio.wait

    def counted(futures: Any, **more: Any) -> Any:
        futures = list(futures)
        waits.append(len(futures))
        return wait(futures, **more)

    client = loopback.client(pb_grpc.ForumServiceStub, "forum", person_actor())
    await client.GetTopic(get("who"))
    monkeypatch.setattr(asyncio, "wait", counted)
    await client.GetTopic(get("who"))
    await client.GetTopic(get("who"))
    assert servicer.calls == 3
    assert waits
    assert max(waits) == 1


async def test_health_tells_ready_and_draining(loopback: Loopback) -> None:
    server = Server(TokenVerifier("forum", {"forum": loopback.key("forum")}))
    port = await server.listen("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest()
        assert (await stub.Check(request, timeout=2)).status == 2
        await server.set_ready(True)
        assert (await stub.Check(request, timeout=2)).status == 1
    await server.stop(0)


async def test_port_in_use_is_said(loopback: Loopback) -> None:
    first = Server(TokenVerifier("forum", {}))
    port = await first.listen("127.0.0.1:0")
    second = Server(TokenVerifier("forum", {}))
    with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
        await second.listen(f"127.0.0.1:{port}")
    await first.stop(0)


def test_status_of_others_is_not_ours() -> None:
    assert unpack(grpc.StatusCode.NOT_FOUND, None) is None
    assert unpack(grpc.StatusCode.NOT_FOUND, b"") is None
    refusal = unpack(grpc.StatusCode.NOT_FOUND, pack(TopicNotFoundError("gone", field="topic_id")))
    assert isinstance(refusal, RemoteRefusalError)
    assert (str(refusal), refusal.field) == ("gone", "topic_id")
