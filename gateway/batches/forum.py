"""Spaces, topics, replies and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from guildhall.forum.v1 import (
    attachments_pb2,
    feed_pb2,
    forum_pb2,
    seeding_pb2,
    trust_pb2,
    vitality_pb2,
)

if TYPE_CHECKING:
    from gateway.context import Context


_MOST_PROGRESS = 20


async def spaces(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Space]:
    """Spaces the person can read."""
    request = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=ids)
    response = await context.call(context.services.forum.BatchGetSpaces, request)
    return {space.id: space for space in response.spaces}


async def space_health(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, vitality_pb2.SpaceHealth]:
    """How spaces do that the person moderates."""
    request = vitality_pb2.BatchGetSpaceHealthRequest(community_id=community_id, space_ids=ids)
    response = await context.call(context.services.vitality.BatchGetSpaceHealth, request)
    return {health.space_id: health for health in response.spaces}


async def seedings(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, seeding_pb2.Seeding]:
    """Seedings that the person may see."""
    request = seeding_pb2.BatchGetSeedingsRequest(community_id=community_id, seeding_ids=ids)
    response = await context.call(context.services.seeding.BatchGetSeedings, request)
    return {seeding.id: seeding for seeding in response.seedings}


async def topics(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Topic]:
    """Topics the person can read."""
    request = forum_pb2.BatchGetTopicsRequest(
        community_id=community_id, topic_ids=ids, without_texts=context.without_texts
    )
    response = await context.call(context.services.forum.BatchGetTopics, request)
    return {topic.id: topic for topic in response.topics}


async def replies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Reply]:
    """Replies the person can read."""
    request = forum_pb2.BatchGetRepliesRequest(
        community_id=community_id, reply_ids=ids, without_texts=context.without_texts
    )
    response = await context.call(context.services.forum.BatchGetReplies, request)
    return {reply.id: reply for reply in response.replies}


async def posts(
    context: Context, community_id: str, topic_ids: list[str], reply_ids: list[str]
) -> tuple[Mapping[str, forum_pb2.Topic], Mapping[str, forum_pb2.Reply]]:
    """`topics` and `replies` in one RPC."""
    request = forum_pb2.BatchGetPostsRequest(
        community_id=community_id,
        topic_ids=topic_ids,
        reply_ids=reply_ids,
        without_texts=context.without_texts,
    )
    response = await context.call(context.services.forum.BatchGetPosts, request)
    return (
        {topic.id: topic for topic in response.topics},
        {reply.id: reply for reply in response.replies},
    )


async def viewer_states(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, feed_pb2.ViewerState]:
    """How topics stand to the person."""
    request = feed_pb2.BatchGetViewerStatesRequest(community_id=community_id, topic_ids=ids)
    response = await context.call(context.services.feed.BatchGetViewerStates, request)
    return {state.topic_id: state for state in response.viewer_states}


async def trust_progress(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, trust_pb2.TrustProgress]:
    """How far members are: oneself, for moderators all, twenty a call."""
    found: dict[str, trust_pb2.TrustProgress] = {}
    for start in range(0, len(ids), _MOST_PROGRESS):
        request = trust_pb2.BatchGetTrustProgressRequest(
            community_id=community_id, person_ids=ids[start : start + _MOST_PROGRESS]
        )
        response = await context.call(context.services.trust.BatchGetTrustProgress, request)
        found |= {one.person_id: one for one in response.trust_progress}
    return found


async def attachments(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, attachments_pb2.Attachment]:
    """Attachments of posts that the person can read now, and their own, with addresses."""
    request = attachments_pb2.BatchGetAttachmentsRequest(
        community_id=community_id, attachment_ids=ids
    )
    response = await context.call(context.services.attachments.BatchGetAttachments, request)
    return {attachment.id: attachment for attachment in response.attachments}
