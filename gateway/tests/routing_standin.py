"""A stand-in for the forum's routing: real gRPC, canned asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from chassis.errors import FailedPreconditionError, NotFoundError
from chassis.pagination import encode_page_token
from gateway.tests.standins import paged, time, topic
from guildhall.forum.v1 import routing_pb2
from guildhall.forum.v1.routing_pb2_grpc import (
    RoutingServiceServicer,
    add_RoutingServiceServicer_to_server,
)


class AskNotFoundError(NotFoundError):
    """As the forum's."""


class AskNotPossibleError(FailedPreconditionError):
    """As the forum's."""


class RoutingStandIn(RoutingServiceServicer):
    """Three asks of whoever calls; every request is kept."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.opted_out = False

    async def ListAsks(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        rows = [
            routing_pb2.Ask(
                community_id="c1",
                topic_id=f"t{n}",
                ask_time=time(n),
                topic=topic(n),
                inviter_id=inviter,
            )
            for n, inviter in ((5, "p2"), (4, ""), (3, ""))
        ]
        page, token = paged(
            request,
            rows,
            lambda row: encode_page_token(row.ask_time.ToDatetime(UTC), row.topic_id),
        )
        return routing_pb2.ListAsksResponse(asks=page, next_page_token=token)

    async def InviteToAnswer(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        if request.person_id == "p9":
            raise AskNotPossibleError(field="person_id")
        return routing_pb2.InviteToAnswerResponse(
            community_id="c1", topic_id=request.topic_id, person_id=request.person_id
        )

    async def DeclineAsk(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        if request.topic_id != "t3":
            raise AskNotFoundError(field="topic_id")
        return routing_pb2.DeclineAskResponse(community_id="c1", topic_id=request.topic_id)

    async def SetRoutingPreference(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        self.opted_out = request.opted_out
        return routing_pb2.SetRoutingPreferenceResponse(routing_preference=self._preference())

    async def GetRoutingPreference(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        return routing_pb2.GetRoutingPreferenceResponse(routing_preference=self._preference())

    def _preference(self) -> routing_pb2.RoutingPreference:
        return routing_pb2.RoutingPreference(community_id="c1", opted_out=self.opted_out)


def add_routing(servicer: RoutingServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_RoutingServiceServicer_to_server(servicer, server)
