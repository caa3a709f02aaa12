"""One batch function per entity: the rows of these ids within one community, by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chassis.decisions import PLATFORM
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2

if TYPE_CHECKING:
    from gateway.context import Context


async def members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Member]:
    """Members by person id, former members included."""
    request = directory_pb2.BatchGetMembersRequest(community_id=community_id, person_ids=ids)
    response = await context.call(context.services.directory.BatchGetMembers, request)
    return {member.person_id: member for member in response.members}


async def companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    """Companies of a community."""
    request = directory_pb2.BatchGetCompaniesRequest(community_id=community_id, company_ids=ids)
    response = await context.call(context.services.directory.BatchGetCompanies, request)
    return {company.id: company for company in response.companies}


async def communities(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Community]:
    """Communities; their own community is the platform."""
    del community_id
    request = directory_pb2.BatchGetCommunitiesRequest(community_ids=ids)
    response = await context.call(context.services.directory.BatchGetCommunities, request)
    return {community.id: community for community in response.communities}


async def spaces(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Space]:
    """Spaces the person can read."""
    request = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=ids)
    response = await context.call(context.services.forum.BatchGetSpaces, request)
    return {space.id: space for space in response.spaces}


async def topics(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Topic]:
    """Topics the person can read."""
    request = forum_pb2.BatchGetTopicsRequest(community_id=community_id, topic_ids=ids)
    response = await context.call(context.services.forum.BatchGetTopics, request)
    return {topic.id: topic for topic in response.topics}


async def replies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Reply]:
    """Replies the person can read."""
    request = forum_pb2.BatchGetRepliesRequest(community_id=community_id, reply_ids=ids)
    response = await context.call(context.services.forum.BatchGetReplies, request)
    return {reply.id: reply for reply in response.replies}


def community_key(community_id: str) -> tuple[str, str] | None:
    """Where a community is found by `communities`."""
    return (PLATFORM, community_id) if community_id else None
