"""Stand-ins for moderation and the directory, which the forum really calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.actors import Actor
from chassis.errors import UnavailableError
from chassis.rpc_server import Context
from guildhall.directory.v1 import directory_pb2, groups_pb2
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceServicer
from guildhall.directory.v1.groups_pb2_grpc import GroupServiceServicer
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceServicer


@dataclass
class Screen(ModerationServiceServicer):
    """Stands for moderation: answers what it is told to, after a while if told so."""

    verdict: int = moderation_pb2.VERDICT_ALLOW
    replace: tuple[str, str] = ("", "")
    rule_ids: Sequence[str] = ()
    message: str = ""
    delay: float = 0.0
    meanwhile: Callable[[], Awaitable[Any]] | None = None  # what happens while it is asked
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def Screen(
        self, request: moderation_pb2.ScreenRequest, context: Context
    ) -> moderation_pb2.ScreenResponse:
        self.asked.append(tuple(request.texts))
        await asyncio.sleep(self.delay)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return moderation_pb2.ScreenResponse(
            verdict=moderation_pb2.Verdict.Name(self.verdict),  # type: ignore[arg-type]
            texts=[
                text.replace(*self.replace) if self.replace[0] else text for text in request.texts
            ],
            rule_ids=self.rule_ids,
            message=self.message,
            policy_version="7",
        )


@dataclass
class Directory(DirectoryServiceServicer):
    """Stands for the directory: whose ids do not say "nobody" are members and companies.

    What people hold it says as it is told, or that it is away.
    """

    memberships: dict[str, Sequence[str]] = field(default_factory=dict)  # person id -> keyring
    actors: Sequence[Actor] = ()  # who holds what they call with
    away: bool = False
    capable: dict[str, int] = field(default_factory=dict)  # person id -> shared capabilities
    capable_away: bool = False
    capable_asked: list[tuple[str, ...]] = field(default_factory=list)
    audience: list[tuple[str, str]] = field(default_factory=list)  # persons with their companies
    readers_asked: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def BatchGetMemberships(
        self, request: directory_pb2.BatchGetMembershipsRequest, context: Context
    ) -> directory_pb2.BatchGetMembershipsResponse:
        self.asked.append(tuple(request.person_ids))
        if self.away:
            raise UnavailableError
        held = directory_pb2.BatchGetMembershipsResponse()
        for person_id in request.person_ids:
            if person_id in self.memberships:
                one = held.memberships.add(person_id=person_id)
                one.membership.keyring.extend(self.memberships[person_id])
        for actor in self.actors:
            row = actor.memberships.get(request.community_id)
            if row is not None and actor.person_id in request.person_ids:
                one = held.memberships.add(person_id=actor.person_id)
                one.membership.company_id = row.company_id
                one.membership.roles.extend(
                    directory_pb2.Role.Value(f"ROLE_{role}") for role in sorted(row.roles)
                )
                one.membership.trust_level = row.trust_level  # type: ignore[assignment]
                one.membership.keyring.extend(row.keyring)
        return held

    async def GetCommunity(
        self, request: directory_pb2.GetCommunityRequest, context: Context
    ) -> directory_pb2.GetCommunityResponse:
        if self.away:
            raise UnavailableError
        community = directory_pb2.Community(id=request.community_id, vendor_company_id="vendor")
        return directory_pb2.GetCommunityResponse(community=community)

    async def ListAudience(
        self, request: directory_pb2.ListAudienceRequest, context: Context
    ) -> directory_pb2.ListAudienceResponse:
        """Two a page."""
        (clause,) = request.clauses
        self.readers_asked.append(tuple(clause.keys))
        start = int(request.page_token or 0)
        return directory_pb2.ListAudienceResponse(
            audience_members=[
                directory_pb2.AudienceMember(person_id=person_id, company_id=company_id)
                for person_id, company_id in self.audience[start : start + 2]
            ],
            next_page_token=str(start + 2) if len(self.audience) > start + 2 else "",
        )

    async def ListCapableMembers(
        self, request: directory_pb2.ListCapableMembersRequest, context: Context
    ) -> directory_pb2.ListCapableMembersResponse:
        """Two a page."""
        self.capable_asked.append(tuple(request.capabilities))
        if self.away or self.capable_away:
            raise UnavailableError
        start = int(request.page_token or 0)
        page = list(self.capable.items())[start : start + 2]
        return directory_pb2.ListCapableMembersResponse(
            capable_members=[
                directory_pb2.CapableMember(person_id=person_id, shared_capabilities=shared)
                for person_id, shared in page
            ],
            next_page_token=str(start + 2) if len(self.capable) > start + 2 else "",
        )

    async def BatchGetMembers(
        self, request: directory_pb2.BatchGetMembersRequest, context: Context
    ) -> directory_pb2.BatchGetMembersResponse:
        return directory_pb2.BatchGetMembersResponse(
            members=[
                directory_pb2.Member(community_id=request.community_id, person_id=one)
                for one in request.person_ids
                if one != "nobody"
            ]
        )

    async def BatchGetCompanies(
        self, request: directory_pb2.BatchGetCompaniesRequest, context: Context
    ) -> directory_pb2.BatchGetCompaniesResponse:
        return directory_pb2.BatchGetCompaniesResponse(
            companies=[
                directory_pb2.Company(id=one) for one in request.company_ids if one != "nobody"
            ]
        )


@dataclass
class Groups(GroupServiceServicer):
    """Stands for the directory's groups, which it knows by community; or says that it is away."""

    active: dict[str, set[str]] = field(default_factory=lambda: {"c1": {"g1", "g2"}, "c2": {"g3"}})
    archived: set[str] = field(default_factory=lambda: {"ended"})
    away: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def BatchGetGroups(
        self, request: groups_pb2.BatchGetGroupsRequest, context: Context
    ) -> groups_pb2.BatchGetGroupsResponse:
        self.asked.append(tuple(request.group_ids))
        if self.away:
            raise UnavailableError
        found = groups_pb2.BatchGetGroupsResponse()
        for id_ in request.group_ids:
            if id_ in self.archived:
                found.groups.add(id=id_, state=groups_pb2.GROUP_STATE_ARCHIVED)
            elif id_ in self.active.get(request.community_id, ()):
                found.groups.add(id=id_, state=groups_pb2.GROUP_STATE_ACTIVE)
        return found
