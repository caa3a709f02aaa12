"""A stand-in for what keeps knowledge right: canned topics, every request kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from gateway.tests.standins import _StandIn, time, topic
from guildhall.forum.v1 import curation_pb2, forum_pb2
from guildhall.forum.v1.curation_pb2_grpc import (
    CurationServiceServicer,
    add_CurationServiceServicer_to_server,
)


class CurationStandIn(_StandIn, CurationServiceServicer):
    """Whatever is asked for is an article, topic 3."""

    async def SetArticleOwner(self, request: Any, _context: Any) -> Any:
        self.called("SetArticleOwner", request)
        article = topic(3)
        article.kind = forum_pb2.TOPIC_KIND_ARTICLE
        article.owner_id = request.owner_id
        return curation_pb2.SetArticleOwnerResponse(topic=article)

    async def UpdateIdeaStatus(self, request: Any, _context: Any) -> Any:
        self.called("UpdateIdeaStatus", request)
        idea = topic(3)
        idea.kind = forum_pb2.TOPIC_KIND_IDEA
        idea.idea_status, idea.idea_note = request.idea_status, request.note
        idea.idea_status_time.CopyFrom(time(9))
        return curation_pb2.UpdateIdeaStatusResponse(topic=idea)

    async def ReviewArticle(self, request: Any, _context: Any) -> Any:
        self.called("ReviewArticle", request)
        article = topic(3)
        article.kind = forum_pb2.TOPIC_KIND_ARTICLE
        article.review_time.CopyFrom(time(9))
        article.review_due_time.CopyFrom(request.review_due_time)
        return curation_pb2.ReviewArticleResponse(topic=article)

    async def PinTopic(self, request: Any, _context: Any) -> Any:
        self.called("PinTopic", request)
        pinned = topic(3)
        pinned.pin_time.CopyFrom(time(9))
        if request.HasField("pin_expire_time"):
            pinned.pin_expire_time.CopyFrom(request.pin_expire_time)
        return curation_pb2.PinTopicResponse(topic=pinned)

    async def UnpinTopic(self, request: Any, _context: Any) -> Any:
        self.called("UnpinTopic", request)
        return curation_pb2.UnpinTopicResponse(topic=topic(3))

    async def VerifyPost(self, request: Any, _context: Any) -> Any:
        """By p2; where nothing is said for what, by somebody who is not told."""
        self.called("VerifyPost", request)
        article = topic(3)
        article.verification.CopyFrom(
            forum_pb2.Verification(
                community_id="c1", verifier_id="p2" if request.verified_for else ""
            )
        )
        return curation_pb2.VerifyPostResponse(topic=article)

    async def ListRechecks(self, request: Any, _context: Any) -> Any:
        self.called("ListRechecks", request)
        return curation_pb2.ListRechecksResponse()

    async def ListOwnerlessArticles(self, request: Any, _context: Any) -> Any:
        self.called("ListOwnerlessArticles", request)
        return curation_pb2.ListOwnerlessArticlesResponse(
            articles=[
                curation_pb2.OwnerlessArticle(
                    community_id="c1", topic_id=f"t{n}", page_token=f"token-{n}"
                )
                for n in (1, 2)
            ],
            next_page_token="token-2",
        )


def add_curation(servicer: CurationServiceServicer) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_CurationServiceServicer_to_server(servicer, server)
