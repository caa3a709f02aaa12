"""What belongs to posts: the id of a topic is its own, that of a reply is `topic.reply`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guildhall.forum.v1 import forum_pb2, participation_pb2
from guildhall.moderation.v1 import moderation_pb2

if TYPE_CHECKING:
    from gateway.context import Context


@dataclass(frozen=True, slots=True)
class QuotedRow:
    """What a post quotes, in its community."""

    community_id: str
    found: participation_pb2.QuotesOfPost


async def participations(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, participation_pb2.Participation]:
    """What is said of posts without words; the id of a reply is "topic.reply"."""
    request = participation_pb2.BatchGetParticipationsRequest(
        community_id=community_id, posts=map(_post, ids)
    )
    response = await context.call(context.services.participation.BatchGetParticipations, request)
    return {post_key(one.post.topic_id, one.post.reply_id): one for one in response.participations}


async def flagged(context: Context, community_id: str, ids: list[str]) -> Mapping[str, bool]:
    """Whether the person has flagged these posts, and nobody has decided yet."""
    request = moderation_pb2.BatchGetOpenFlagsRequest(community_id=community_id, post_ids=ids)
    response = await context.call(context.services.moderation.BatchGetOpenFlags, request)
    open_ = {flag.post_id for flag in response.flags}
    return {id_: id_ in open_ for id_ in ids}


async def quotes(context: Context, community_id: str, ids: list[str]) -> Mapping[str, QuotedRow]:
    """What posts quote, as far as the person can read it; ids as of `participations`."""
    request = participation_pb2.BatchGetQuotesRequest(
        community_id=community_id, posts=map(_post, ids)
    )
    response = await context.call(context.services.participation.BatchGetQuotes, request)
    return {
        post_key(one.post.topic_id, one.post.reply_id): QuotedRow(community_id, one)
        for one in response.posts
    }


async def link_cards(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, participation_pb2.LinkCardsOfPost]:
    """Those there are of posts; ids as of `participations`."""
    request = participation_pb2.BatchGetLinkCardsRequest(
        community_id=community_id, posts=map(_post, ids)
    )
    response = await context.call(context.services.participation.BatchGetLinkCards, request)
    none = dict.fromkeys(ids, participation_pb2.LinkCardsOfPost())
    return none | {post_key(one.post.topic_id, one.post.reply_id): one for one in response.posts}


async def held_edits(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.HeldEdit]:
    """The last edits of posts that had to wait, where the person may see them; ids as of
    `participations`.
    """
    posts = [_post(one) for one in ids]
    request = forum_pb2.BatchGetHeldEditsRequest(
        community_id=community_id,
        topic_ids=[post.topic_id for post in posts if not post.reply_id],
        reply_ids=[post.reply_id for post in posts if post.reply_id],
    )
    response = await context.call(context.services.forum.BatchGetHeldEdits, request)
    return {post_key(one.topic_id, one.reply_id): one for one in response.held_edits}


async def removals(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Removal]:
    """Why posts are out of sight, where the person may know; ids as of `participations`."""
    posts = [_post(one) for one in ids]
    request = forum_pb2.BatchGetRemovalsRequest(
        community_id=community_id,
        topic_ids=[post.topic_id for post in posts if not post.reply_id],
        reply_ids=[post.reply_id for post in posts if post.reply_id],
    )
    response = await context.call(context.services.forum.BatchGetRemovals, request)
    return {post_key(one.topic_id, one.reply_id): one for one in response.removals}


async def held_edit_diffs(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.RevisionDiff]:
    """What held edits would change, one call each; ids as of `participations`."""

    async def diff_of(key: str) -> forum_pb2.RevisionDiff:
        post = _post(key)
        request = forum_pb2.GetRevisionDiffRequest(
            community_id=community_id,
            topic_id=post.topic_id,
            reply_id=post.reply_id,
            of_held_edit=True,
        )
        return (await context.call(context.services.forum.GetRevisionDiff, request)).revision_diff

    return dict(zip(ids, await asyncio.gather(*map(diff_of, ids)), strict=True))


async def polls(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, participation_pb2.Poll]:
    """The polls of topics, by the topics' ids, with what of them the person may see."""
    request = participation_pb2.BatchGetPollsRequest(community_id=community_id, topic_ids=ids)
    response = await context.call(context.services.participation.BatchGetPolls, request)
    return {poll.topic_id: poll for poll in response.polls}


def post_key(topic_id: str, reply_id: str = "") -> str:
    """A post among those of its community."""
    return f"{topic_id}.{reply_id}" if reply_id else topic_id


def _post(key: str) -> participation_pb2.PostRef:
    topic_id, _, reply_id = key.partition(".")
    return participation_pb2.PostRef(topic_id=topic_id, reply_id=reply_id)
