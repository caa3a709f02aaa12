"""MoveService over gRPC."""

from __future__ import annotations

from datetime import datetime

from chassis.actors import require_person
from chassis.pagination import Paging
from chassis.rpc_server import Context
from guildhall.forum.v1 import moves_pb2 as pb
from guildhall.forum.v1 import moves_pb2_grpc
from services.forum.converters import enums
from services.forum.converters.messages import topic_to_proto
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.servicer.reading import fitting, shown
from services.forum.use_cases.moves import MoveUseCases


class MoveServicer(moves_pb2_grpc.MoveServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: MoveUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def MoveTopic(
        self, request: pb.MoveTopicRequest, context: Context
    ) -> pb.MoveTopicResponse:
        return await self._use_cases.move_topic(require_person(), request)

    async def MergeTopics(
        self, request: pb.MergeTopicsRequest, context: Context
    ) -> pb.MergeTopicsResponse:
        return await self._use_cases.merge_topics(require_person(), request)

    async def SplitTopic(
        self, request: pb.SplitTopicRequest, context: Context
    ) -> pb.SplitTopicResponse:
        return await self._use_cases.split_topic(require_person(), request)

    async def ListLinkedTopics(
        self, request: pb.ListLinkedTopicsRequest, context: Context
    ) -> pb.ListLinkedTopicsResponse:
        member = Member.of(require_person(), request.community_id)
        links = enums.links(request.links)
        paging = Paging.of(request, datetime, str)
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        found = await self._repository.list_linked_topics(topic, links, member.keyring, paging)
        topics, token = paging.page(
            found, lambda last: (last.activity_time, last.id), most=fitting(found, paging.size)
        )
        topics = await shown(self._repository, request.community_id, topics, member.keyring)
        return pb.ListLinkedTopicsResponse(
            topics=[topic_to_proto(one, one.version, keyring=member.keyring) for one in topics],
            next_page_token=token,
        )
