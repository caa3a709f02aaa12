"""CurationService over gRPC."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import require_person
from chassis.pagination import Paging
from chassis.rpc_server import Context
from guildhall.forum.v1 import curation_pb2 as pb
from guildhall.forum.v1 import curation_pb2_grpc
from services.forum.converters.messages import (
    ownerless_article_to_proto,
    recheck_to_proto,
    topic_to_proto,
)
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.servicer.reading import fitting, shown
from services.forum.use_cases import ForumUseCases


class CurationServicer(curation_pb2_grpc.CurationServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: ForumUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def UpdateIdeaStatus(
        self, request: pb.UpdateIdeaStatusRequest, context: Context
    ) -> pb.UpdateIdeaStatusResponse:
        return await self._use_cases.update_idea_status(require_person(), request)

    async def ReviewArticle(
        self, request: pb.ReviewArticleRequest, context: Context
    ) -> pb.ReviewArticleResponse:
        return await self._use_cases.review_article(require_person(), request)

    async def SetArticleOwner(
        self, request: pb.SetArticleOwnerRequest, context: Context
    ) -> pb.SetArticleOwnerResponse:
        return await self._use_cases.set_article_owner(require_person(), request)

    async def PinTopic(self, request: pb.PinTopicRequest, context: Context) -> pb.PinTopicResponse:
        return await self._use_cases.pin_topic(require_person(), request)

    async def UnpinTopic(
        self, request: pb.UnpinTopicRequest, context: Context
    ) -> pb.UnpinTopicResponse:
        return await self._use_cases.unpin_topic(require_person(), request)

    async def ListPinnedTopics(
        self, request: pb.ListPinnedTopicsRequest, context: Context
    ) -> pb.ListPinnedTopicsResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_pinned_topics(
            request.community_id, request.space_id, member.keyring, datetime.now(UTC), paging
        )
        topics, token = paging.page(
            found,
            lambda last: (last.pin_time or last.create_time, last.id),
            most=fitting(found, paging.size),
        )
        told = await shown(self._repository, request.community_id, topics, member.keyring)
        return pb.ListPinnedTopicsResponse(
            topics=[topic_to_proto(topic, topic.version, keyring=member.keyring) for topic in told],
            next_page_token=token,
        )

    async def VerifyPost(
        self, request: pb.VerifyPostRequest, context: Context
    ) -> pb.VerifyPostResponse:
        return await self._use_cases.verify_post(require_person(), request)

    async def ListOwnerlessArticles(
        self, request: pb.ListOwnerlessArticlesRequest, context: Context
    ) -> pb.ListOwnerlessArticlesResponse:
        paging = Paging.of(request, str, str)
        found = await self._use_cases.list_ownerless_articles(require_person(), request, paging)
        articles, token = paging.page(found, lambda last: (last.owner_id, last.topic_id))
        return pb.ListOwnerlessArticlesResponse(
            articles=[ownerless_article_to_proto(request.community_id, one) for one in articles],
            next_page_token=token,
        )

    async def ListRechecks(
        self, request: pb.ListRechecksRequest, context: Context
    ) -> pb.ListRechecksResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_rechecks(
            request.community_id, member, datetime.now(UTC), paging, mine=request.mine
        )
        rechecks, token = paging.page(found, lambda last: (last.due_time, last.post_id))
        return pb.ListRechecksResponse(
            rechecks=[recheck_to_proto(one) for one in rechecks], next_page_token=token
        )
