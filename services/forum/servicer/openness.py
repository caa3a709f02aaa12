"""OpennessService over gRPC: what may be told to a whole community."""

from __future__ import annotations

from chassis import moment
from chassis.actors import require_actor
from chassis.pagination import check_batch
from chassis.rpc_server import Context
from guildhall.forum.v1 import openness_pb2 as pb
from guildhall.forum.v1 import openness_pb2_grpc
from services.forum.converters.openness import openness_to_proto
from services.forum.repository import ForumRepository


class OpennessServicer(openness_pb2_grpc.OpennessServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, repository: ForumRepository) -> None:
        self._repository = repository

    async def BatchGetOpenness(
        self, request: pb.BatchGetOpennessRequest, context: Context
    ) -> pb.BatchGetOpennessResponse:
        require_actor().require_service("notifications")
        topics, replies, announcements = await self._repository.find_openness(
            request.community_id,
            check_batch(list(request.topic_ids), "topic_ids"),
            check_batch(list(request.reply_ids), "reply_ids"),
            check_batch(list(request.announcement_ids), "announcement_ids"),
            moment.now(),
        )
        return openness_to_proto(topics, replies, announcements)
