"""The feed in GraphQL."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any

import strawberry

from gateway import batches, feed_lists
from gateway.context import Info
from gateway.cursors import decode_communities
from gateway.loaders import Reference, fetch_ahead, fill, filled, selected, selects
from gateway.schema.announcements import Announcement
from gateway.schema.feed import CommunityIds, FeedOrder
from gateway.schema.feed.items import FeedItem
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.writes import number
from guildhall.forum.v1 import feed_pb2

_NODE = ("edges", "node")
_BRIEF = {"__typename", "id", "createTime", "author", "topic"}  # what topics know of a reply
_ANNOUNCED = Reference(batches.announcements, attrgetter("community_id", "announcement_id"))


@strawberry.type
class FeedQuery:
    """Root fields of the feed."""

    @strawberry.field(
        metadata={"guildhall_cost": 10},
        description="The topics of all that one follows, wrote, replied to or was mentioned in, in "
        "all one's communities, each once. A feed stays as it was at its first page, whatever is "
        "written or read meanwhile: page after page there is no gap and no repeat; but what one "
        "cannot see any more is out at once. Codes: BAD_USER_INPUT.",
    )
    async def feed(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order: Annotated[
            FeedOrder, strawberry.argument(description="How it is ordered.")
        ] = FeedOrder.RANKED,
        community_ids: CommunityIds = None,
    ) -> Connection[FeedItem] | None:
        newest = selected(info, *_NODE, "newestReply")
        request = feed_pb2.ListFeedRequest(
            community_ids=decode_communities(community_ids),
            order=number(order),
            with_newest_replies=bool(newest),
            newest_replies_briefly=bool(newest) and newest <= _BRIEF,
            with_viewer_states=selects(info, *_NODE, "topic", "viewerState"),
            with_spaces=selects(info, *_NODE, "topic", "space"),
            without_texts=info.context.without_texts,
        )
        page = await feed_lists.feed(
            info.context, request, {"first": first, "after": after, "last": last, "before": before}
        )
        return await filled(info, page)

    @strawberry.field(
        metadata={"guildhall_cost": 10},
        description="What stands above the feed: announcements that one must read and has neither "
        "seen nor, where that is asked for, acknowledged; in all one's communities or these, "
        "newest first, at most 20. Codes: BAD_USER_INPUT.",
    )
    async def must_reads(
        self,
        info: Info,
        community_ids: CommunityIds = None,
    ) -> list[Announcement] | None:
        context = info.context
        request = feed_pb2.ListMustReadsRequest(community_ids=decode_communities(community_ids))
        answer = await context.call(context.services.feed.ListMustReads, request)
        return await _announced(info, answer.must_reads)

    @strawberry.field(
        metadata={"guildhall_cost": 10},
        description="What a portal shows across its pages: must-reads as in mustReads, then what "
        "is IMPORTANT, was published in the last 30 days and has not been seen; each newest first, "
        "at most 5. Put away with markAnnouncementsSeen or, where that is asked for, "
        "acknowledgeAnnouncement. Codes: BAD_USER_INPUT.",
    )
    async def banners(
        self,
        info: Info,
        community_ids: CommunityIds = None,
    ) -> list[Announcement] | None:
        context = info.context
        request = feed_pb2.ListBannersRequest(community_ids=decode_communities(community_ids))
        answer = await context.call(context.services.feed.ListBanners, request)
        return await _announced(info, answer.banners)


async def _announced(info: Info, named: Sequence[Any]) -> list[Announcement]:
    """The announcements; what its owner shows no more is left out."""
    context = info.context
    await fetch_ahead(context, [(_ANNOUNCED, one) for one in named])
    rows = [_ANNOUNCED.find(context.tables, one) for one in named]
    found: list[Any] = [row for row in rows if row is not None]
    await fill(info, found)
    return found
