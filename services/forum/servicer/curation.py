"""CurationService over gRPC."""

from __future__ import annotations

from chassis.actors import require_person
from chassis.rpc_server import Context
from guildhall.forum.v1 import curation_pb2 as pb
from guildhall.forum.v1 import curation_pb2_grpc
from services.forum.use_cases import ForumUseCases


class CurationServicer(curation_pb2_grpc.CurationServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: ForumUseCases) -> None:
        self._use_cases = use_cases

    async def UpdateIdeaStatus(
        self, request: pb.UpdateIdeaStatusRequest, context: Context
    ) -> pb.UpdateIdeaStatusResponse:
        return await self._use_cases.update_idea_status(require_person(), request)

    async def ReviewArticle(
        self, request: pb.ReviewArticleRequest, context: Context
    ) -> pb.ReviewArticleResponse:
        return await self._use_cases.review_article(require_person(), request)
