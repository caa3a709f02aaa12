"""A stand-in for what the forum offers about moves: canned topics, every request kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from chassis.pagination import encode_page_token
from gateway.tests.standins import paged, topic
from guildhall.forum.v1 import forum_pb2, moves_pb2
from guildhall.forum.v1.moves_pb2_grpc import (
    MoveServiceServicer,
    add_MoveServiceServicer_to_server,
)


class MoveStandIn(MoveServiceServicer):
    """Topics 7 to 5 name whichever one asks about; what is moved is topic 3."""

    def __init__(self) -> None:
        self.requests: list[Message] = []

    async def MoveTopic(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        moved = topic(3)
        moved.space_id = request.space_id
        return moves_pb2.MoveTopicResponse(topic=moved)

    async def MergeTopics(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        closed = topic(3)
        closed.state = forum_pb2.TOPIC_STATE_CLOSED
        closed.close_reason = forum_pb2.CLOSE_REASON_MERGED
        closed.moved_to_id = request.target_topic_id
        return moves_pb2.MergeTopicsResponse(topic=closed, target_topic=topic(4))

    async def SplitTopic(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        new = topic(9)
        new.split_from_id = request.topic_id
        return moves_pb2.SplitTopicResponse(topic=topic(3), new_topic=new)

    async def ListLinkedTopics(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        rows = [topic(number) for number in (7, 6, 5)]
        for row in rows:
            row.duplicate_of_id = request.topic_id
        page, token = paged(
            request,
            rows,
            lambda row: encode_page_token(row.activity_time.ToDatetime(UTC), row.id),
        )
        return moves_pb2.ListLinkedTopicsResponse(topics=page, next_page_token=token)


def add_moves(servicer: MoveServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_MoveServiceServicer_to_server(servicer, server)
