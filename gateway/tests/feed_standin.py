"""Stand-in for what is a person's own: real gRPC, canned rows, every call counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from chassis.errors import FailedPreconditionError
from gateway.tests.standins import _StandIn, paged, reply, space, time, topic
from guildhall.forum.v1 import feed_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.feed_pb2_grpc import (
    FeedServiceServicer,
    add_FeedServiceServicer_to_server,
)


class TooManyBookmarksError(FailedPreconditionError):
    """As the forum's."""


class FeedStandIn(_StandIn, FeedServiceServicer):
    """Five of everything; of topics with an even number all is read.

    Of what is told of the feed each topic has its space's key; who follows what is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, list[str]] = {}  # by person
        self.walled: set[str] = set()  # topics in nobody's feed

    async def GetFeedKeys(self, request: Any, _context: Any) -> Any:
        self.called("GetFeedKeys", request)
        actor = self.actors[-1]
        keys = self.keys.get(actor.person_id, []) if actor else []
        return pb.GetFeedKeysResponse(keys=keys)

    async def BatchGetTopicFeedKeys(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetTopicFeedKeys", request)
        rows = [
            pb.TopicFeedKeys(topic_id=id_, keys=[f"space:{topic(number_of(id_)).space_id}"])
            for id_ in request.topic_ids
            if id_ != "t0"
        ]
        return pb.BatchGetTopicFeedKeysResponse(topics=rows)

    async def BatchGetFeedItems(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetFeedItems", request)
        items = [
            pb.FeedItem(
                reason=pb.FEED_REASON_FOLLOWED_SPACE, community_id="c1", topic=topic(number_of(id_))
            )
            for id_ in request.topic_ids
            if id_ not in self.walled
        ]
        for item in items:
            if request.with_newest_replies:
                item.newest_reply.CopyFrom(reply("r1", item.topic.id))
        return pb.BatchGetFeedItemsResponse(items=items)

    async def ListFeed(self, request: Any, _context: Any) -> Any:
        self.called("ListFeed", request)
        items = [
            pb.FeedItem(
                reason=pb.FEED_REASON_FOLLOWED_SPACE,
                community_id="c1",
                topic=topic(number),
                page_token=f"token-{number}",
            )
            for number in range(1, 6)
        ]
        rows, token = paged(request, items, lambda item: item.page_token)
        for item in rows:
            number = int(item.topic.id.removeprefix("t"))
            if request.with_newest_replies and number % 2:
                item.newest_reply.CopyFrom(reply("r1", item.topic.id))
            if request.with_viewer_states:
                item.viewer_state.CopyFrom(state(item.topic.id))
        named = {item.topic.space_id for item in rows} if request.with_spaces else set()
        spaces = [space(id_) for id_ in named]
        return pb.ListFeedResponse(items=rows, next_page_token=token, spaces=spaces)

    async def ListMustReads(self, request: Any, _context: Any) -> Any:
        self.called("ListMustReads", request)
        rows = [pb.MustRead(community_id="c1", announcement_id=id_) for id_ in ("a9", "a1")]
        return pb.ListMustReadsResponse(must_reads=rows)

    async def ListBanners(self, request: Any, _context: Any) -> Any:
        self.called("ListBanners", request)
        rows = [pb.Banner(community_id="c1", announcement_id=id_) for id_ in ("a1", "a9")]
        return pb.ListBannersResponse(banners=rows)

    async def ListFollows(self, request: Any, _context: Any) -> Any:
        self.called("ListFollows", request)
        level = pb.FOLLOW_LEVEL_WATCHING
        own: dict[str, Any] = {"community_id": "c1", "level": level, "set_time": time(1)}
        follows = [
            pb.Follow(**own, kind=pb.FOLLOW_KIND_SPACE, space_id="sp1", space=space("sp1")),
            pb.Follow(**own, kind=pb.FOLLOW_KIND_TOPIC, topic_id="t1", topic=topic(1)),
            pb.Follow(**own, kind=pb.FOLLOW_KIND_TAG, tag="k8s"),
            pb.Follow(**own, kind=pb.FOLLOW_KIND_PERSON, person_id="p2"),
            pb.Follow(**own, kind=pb.FOLLOW_KIND_COMPANY, company_id="co2"),
        ]
        for number, follow in enumerate(follows):
            follow.page_token = f"token-{number}"
        rows, token = paged(request, follows, lambda row: row.page_token)
        return pb.ListFollowsResponse(follows=rows, next_page_token=token)

    async def ListBookmarks(self, request: Any, _context: Any) -> Any:
        self.called("ListBookmarks", request)
        bookmarks = [bookmark(number) for number in range(1, 6)]
        rows, token = paged(request, bookmarks, lambda row: row.page_token)
        return pb.ListBookmarksResponse(bookmarks=rows, next_page_token=token)

    async def ListMentions(self, request: Any, _context: Any) -> Any:
        self.called("ListMentions", request)
        mentions = [mention(number) for number in range(1, 6)]
        rows, token = paged(request, mentions, lambda row: row.page_token)
        return pb.ListMentionsResponse(mentions=rows, next_page_token=token)

    async def BatchGetViewerStates(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetViewerStates", request)
        states = [state(id_) for id_ in request.topic_ids if id_ != "t4"]
        return pb.BatchGetViewerStatesResponse(viewer_states=states)

    async def SetFollow(self, request: Any, _context: Any) -> Any:
        self.called("SetFollow", request)
        follow = pb.Follow(
            community_id="c1",
            kind=request.kind,
            level=request.level,
            space_id="sp1",
            space=space("sp1"),
        )
        return pb.SetFollowResponse(follow=follow)

    async def SetTagFollow(self, request: Any, _context: Any) -> Any:
        self.called("SetTagFollow", request)
        follow = pb.Follow(community_id="c1", kind=pb.FOLLOW_KIND_TAG, tag=request.tag)
        return pb.SetTagFollowResponse(follow=follow)

    async def AddBookmark(self, request: Any, _context: Any) -> Any:
        self.called("AddBookmark", request)
        return pb.AddBookmarkResponse(bookmark=bookmark(1, note=request.note))

    async def RemoveBookmark(self, request: Any, _context: Any) -> Any:
        self.called("RemoveBookmark", request)
        return pb.RemoveBookmarkResponse()

    async def MarkTopicRead(self, request: Any, _context: Any) -> Any:
        self.called("MarkTopicRead", request)
        return pb.MarkTopicReadResponse(
            topic=topic(int(request.topic_id.removeprefix("t"))), viewer_state=state("t2")
        )

    async def MarkAllRead(self, request: Any, _context: Any) -> Any:
        self.called("MarkAllRead", request)
        return pb.MarkAllReadResponse(read_time=time(5))


def number_of(topic_id: str) -> int:
    """t7 is the seventh."""
    return int(topic_id.removeprefix("t"))


def state(topic_id: str) -> pb.ViewerState:
    """Of a topic with an even number: all is read."""
    read = int(topic_id.removeprefix("t")) % 2 == 0
    return pb.ViewerState(
        community_id="c1",
        topic_id=topic_id,
        level=pb.FOLLOW_LEVEL_TRACKING,
        unread_count=0 if read else 7,
        unopened=not read,
        last_read_reply_id="r1" if read else "",
        read_time=time(9) if read else None,
    )


def bookmark(number: int, **more: Any) -> pb.Bookmark:
    """Of a topic, or of a reply of one with an odd number."""
    odd = number % 2
    fields: dict[str, Any] = {
        "community_id": "c1",
        "topic_id": f"t{number}",
        "reply_id": "r1" if odd else "",
        "topic": topic(number),
        "reply": reply("r1", f"t{number}") if odd else None,
        "note": f"note {number}",
        "create_time": time(number),
        "page_token": f"token-{number}",
        **more,
    }
    return pb.Bookmark(**fields)


def mention(number: int) -> pb.Mention:
    """By a company in a reply where the number is odd; the topic of the fifth is not there."""
    odd = number % 2
    return pb.Mention(
        community_id="c1",
        topic_id="t0" if number == 5 else f"t{number}",
        reply_id=f"r{number}" if odd else "",
        author=forum_pb2.Author(
            person_id="" if odd else "p2",
            company_id="co2",
            community_id="c1",
            as_company=bool(odd),
        ),
        create_time=time(number),
        page_token=f"token-{number}",
    )


def add_feed(servicer: FeedStandIn) -> Callable[[aio.Server], None]:
    return lambda server: add_FeedServiceServicer_to_server(servicer, server)
