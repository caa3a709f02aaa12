"""Channels and announcements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from guildhall.forum.v1 import announcements_pb2

if TYPE_CHECKING:
    from gateway.context import Context


async def channels(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.Channel]:
    """Channels the person can read."""
    request = announcements_pb2.BatchGetChannelsRequest(community_id=community_id, channel_ids=ids)
    response = await context.call(context.services.announcements.BatchGetChannels, request)
    return {channel.id: channel for channel in response.channels}


async def comment_policies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.TopicCommentPolicy]:
    """Whether the person may comment, by topics that they can see."""
    request = announcements_pb2.BatchGetCommentPoliciesRequest(
        community_id=community_id, topic_ids=ids
    )
    response = await context.call(context.services.announcements.BatchGetCommentPolicies, request)
    return {one.topic_id: one for one in response.comment_policies}


async def announcements(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.Announcement]:
    """Announcements the person can see, in their own language."""
    request = announcements_pb2.BatchGetAnnouncementsRequest(
        community_id=community_id, announcement_ids=ids
    )
    response = await context.call(context.services.announcements.BatchGetAnnouncements, request)
    return {announcement.id: announcement for announcement in response.announcements}


async def readable_announcements(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.Announcement]:
    """Those that are for the person as a reader, managers included, and were not taken back: of
    these nothing is told but why.
    """
    request = announcements_pb2.BatchGetAnnouncementsRequest(
        community_id=community_id, announcement_ids=ids, as_reader=True
    )
    response = await context.call(context.services.announcements.BatchGetAnnouncements, request)
    withdrawn = announcements_pb2.ANNOUNCEMENT_STATE_WITHDRAWN
    return {one.id: one for one in response.announcements if one.state != withdrawn}
