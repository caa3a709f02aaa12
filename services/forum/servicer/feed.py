"""FeedService over gRPC: all of it is the caller's own."""

from __future__ import annotations

from chassis.actors import require_actor, require_person
from chassis.pagination import check_batch
from chassis.rpc_server import Context
from guildhall.forum.v1 import feed_pb2 as pb
from guildhall.forum.v1 import feed_pb2_grpc
from services.forum.repository import ForumRepository
from services.forum.use_cases.feed import FeedUseCases


class FeedServicer(feed_pb2_grpc.FeedServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: FeedUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def SetFollow(
        self, request: pb.SetFollowRequest, context: Context
    ) -> pb.SetFollowResponse:
        return await self._use_cases.set_follow(require_person(), request)

    async def SetTagFollow(
        self, request: pb.SetTagFollowRequest, context: Context
    ) -> pb.SetTagFollowResponse:
        return await self._use_cases.set_tag_follow(require_person(), request)

    async def ListFollows(
        self, request: pb.ListFollowsRequest, context: Context
    ) -> pb.ListFollowsResponse:
        return await self._use_cases.list_follows(require_person(), request)

    async def AddBookmark(
        self, request: pb.AddBookmarkRequest, context: Context
    ) -> pb.AddBookmarkResponse:
        return await self._use_cases.add_bookmark(require_person(), request)

    async def RemoveBookmark(
        self, request: pb.RemoveBookmarkRequest, context: Context
    ) -> pb.RemoveBookmarkResponse:
        return await self._use_cases.remove_bookmark(require_person(), request)

    async def ListBookmarks(
        self, request: pb.ListBookmarksRequest, context: Context
    ) -> pb.ListBookmarksResponse:
        return await self._use_cases.list_bookmarks(require_person(), request)

    async def ListMentions(
        self, request: pb.ListMentionsRequest, context: Context
    ) -> pb.ListMentionsResponse:
        return await self._use_cases.list_mentions(require_person(), request)

    async def MarkTopicRead(
        self, request: pb.MarkTopicReadRequest, context: Context
    ) -> pb.MarkTopicReadResponse:
        return await self._use_cases.mark_topic_read(require_person(), request)

    async def MarkAllRead(
        self, request: pb.MarkAllReadRequest, context: Context
    ) -> pb.MarkAllReadResponse:
        return await self._use_cases.mark_all_read(require_person(), request)

    async def BatchGetViewerStates(
        self, request: pb.BatchGetViewerStatesRequest, context: Context
    ) -> pb.BatchGetViewerStatesResponse:
        return await self._use_cases.batch_get_viewer_states(require_person(), request)

    async def ListFeed(self, request: pb.ListFeedRequest, context: Context) -> pb.ListFeedResponse:
        return await self._use_cases.list_feed(require_person(), request)

    async def BatchGetFeedItems(
        self, request: pb.BatchGetFeedItemsRequest, context: Context
    ) -> pb.BatchGetFeedItemsResponse:
        return await self._use_cases.batch_get_feed_items(require_person(), request)

    async def GetFeedKeys(
        self, request: pb.GetFeedKeysRequest, context: Context
    ) -> pb.GetFeedKeysResponse:
        return await self._use_cases.get_feed_keys(require_person(), request)

    async def BatchGetTopicFeedKeys(
        self, request: pb.BatchGetTopicFeedKeysRequest, context: Context
    ) -> pb.BatchGetTopicFeedKeysResponse:
        require_actor().require_service("gateway")
        ids = check_batch(list(request.topic_ids), "topic_ids")
        found = await self._repository.find_feed_keys(request.community_id, ids)
        return pb.BatchGetTopicFeedKeysResponse(
            topics=[pb.TopicFeedKeys(topic_id=id_, keys=keys) for id_, keys in found.items()]
        )

    async def ListMustReads(
        self, request: pb.ListMustReadsRequest, context: Context
    ) -> pb.ListMustReadsResponse:
        return await self._use_cases.list_must_reads(require_person(), request)

    async def ListBanners(
        self, request: pb.ListBannersRequest, context: Context
    ) -> pb.ListBannersResponse:
        return await self._use_cases.list_banners(require_person(), request)
