"""Persons, companies, communities and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from guildhall.directory.v1 import directory_pb2, groups_pb2

if TYPE_CHECKING:
    from gateway.context import Context


_MAX_COMMUNITIES = 20  # that a company is looked for in


async def members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Member]:
    """Members by person id, former members included."""
    return await context.directory_cache.find(_members, context, community_id, ids)


async def _members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Member]:
    request = directory_pb2.BatchGetMembersRequest(community_id=community_id, person_ids=ids)
    response = await context.call(context.services.directory.BatchGetMembers, request)
    return {member.person_id: member for member in response.members}


async def persons(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Person]:
    """People see only themselves, operators all; they belong to no community."""
    del community_id
    request = directory_pb2.BatchGetPersonsRequest(person_ids=ids)
    response = await context.call(context.services.directory.BatchGetPersons, request)
    return {person.id: person for person in response.persons}


async def companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    """Companies of a community."""
    return await context.directory_cache.find(_companies, context, community_id, ids)


async def _companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    request = directory_pb2.BatchGetCompaniesRequest(community_id=community_id, company_ids=ids)
    response = await context.call(context.services.directory.BatchGetCompanies, request)
    return {company.id: company for company in response.companies}


async def own_companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    """Companies are seen within a community, so one's own are asked in turn."""
    del community_id
    found: dict[str, directory_pb2.Company] = {}
    for own in list(context.actor.memberships)[:_MAX_COMMUNITIES]:
        if missing := [company_id for company_id in ids if company_id not in found]:
            found |= await companies(context, own, missing)
    return found


async def communities(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Community]:
    """Communities; their own community is the platform."""
    del community_id
    request = directory_pb2.BatchGetCommunitiesRequest(community_ids=ids)
    response = await context.call(context.services.directory.BatchGetCommunities, request)
    return {community.id: community for community in response.communities}


async def groups(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, groups_pb2.Group]:
    """Groups the person can see."""
    request = groups_pb2.BatchGetGroupsRequest(community_id=community_id, group_ids=ids)
    response = await context.call(context.services.groups.BatchGetGroups, request)
    return {group.id: group for group in response.groups}


async def own_group_members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, groups_pb2.GroupMember]:
    """How the person stands to groups, by the groups' ids."""
    request = groups_pb2.BatchGetGroupMembersRequest(community_id=community_id, group_ids=ids)
    response = await context.call(context.services.groups.BatchGetGroupMembers, request)
    return {row.group_id: row for row in response.group_members}
