"""As lists.py, for what is a person's own: follows, bookmarks, mentions, and the feed."""

from __future__ import annotations

from typing import Any

from gateway import batches
from gateway.context import Context
from gateway.cursors import decode_communities
from gateway.pages import Arguments, Page, name_of, page_of
from guildhall.forum.v1 import feed_pb2


def _token(row: Any) -> str:
    """Each row tells it itself."""
    token: str = row.page_token
    return token


async def follows(context: Context, actor: Any, arguments: Arguments) -> Page:
    """What one follows, last set first."""
    del actor
    request = feed_pb2.ListFollowsRequest()
    return await page_of(
        context, arguments, context.services.feed.ListFollows, request, "follows", _token
    )


async def bookmarks(context: Context, actor: Any, arguments: Arguments) -> Page:
    """What one keeps, newest first."""
    del actor
    request = feed_pb2.ListBookmarksRequest(due=bool(arguments.get("due")))
    return await page_of(
        context, arguments, context.services.feed.ListBookmarks, request, "bookmarks", _token
    )


async def mentions(context: Context, actor: Any, arguments: Arguments) -> Page:
    """Where one is mentioned, newest first."""
    del actor
    communities = decode_communities(arguments.get("communityIds"))
    request = feed_pb2.ListMentionsRequest(community_ids=communities)
    return await page_of(
        context, arguments, context.services.feed.ListMentions, request, "mentions", _token
    )


async def feed(context: Context, request: feed_pb2.ListFeedRequest, arguments: Arguments) -> Page:
    """One page of the feed; what came with it is not fetched again."""
    plain = feed_pb2.ListFeedRequest(community_ids=request.community_ids, order=request.order)
    page = await page_of(
        context,
        arguments,
        context.services.feed.ListFeed,
        request,
        "items",
        _token,
        name=name_of(plain),
    )
    tables = context.tables.rows
    if request.with_viewer_states:
        for item in page.rows:
            key = item.community_id, item.topic.id
            tables[batches.viewer_states][key] = item.viewer_state
    if request.with_spaces:
        for space in page.response.spaces:
            tables[batches.spaces][space.community_id, space.id] = space
    return page
