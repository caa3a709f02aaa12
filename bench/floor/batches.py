"""One RPC for all that a page names and is not known yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from gateway.context import Services
from gateway.cursors import encode_id
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2

Found: TypeAlias = dict[str, Any]  # by id; None where it is not there
Loads: TypeAlias = list[Awaitable[None]]  # at most one


class Batches:
    """Puts what services answer into a dict: as it is shown, but for topics and replies."""

    def __init__(self, services: Services) -> None:
        self._directory = services.directory
        self._forum = services.forum

    def members(self, community_id: str, ids: Iterable[str], found: Found) -> Loads:
        """By person."""

        async def load(wanted: list[str]) -> None:
            request = directory_pb2.BatchGetMembersRequest(
                community_id=community_id, person_ids=wanted
            )
            rows = (await self._directory.BatchGetMembers(request)).members
            found.update({row.person_id: {"displayName": row.display_name} for row in rows})

        return _loads(ids, found, load)

    def companies(self, community_id: str, ids: Iterable[str], found: Found) -> Loads:
        """Of a community."""

        async def load(wanted: list[str]) -> None:
            request = directory_pb2.BatchGetCompaniesRequest(
                community_id=community_id, company_ids=wanted
            )
            rows = (await self._directory.BatchGetCompanies(request)).companies
            found.update({row.id: {"name": row.name} for row in rows})

        return _loads(ids, found, load)

    def communities(self, ids: Iterable[str], found: Found) -> Loads:
        """With id and name."""

        async def load(wanted: list[str]) -> None:
            request = directory_pb2.BatchGetCommunitiesRequest(community_ids=wanted)
            rows = (await self._directory.BatchGetCommunities(request)).communities
            found.update(
                {
                    row.id: {"id": encode_id("Community", row.id, row.id), "name": row.name}
                    for row in rows
                }
            )

        return _loads(ids, found, load)

    def spaces(self, community_id: str, ids: Iterable[str], found: Found) -> Loads:
        """With id and name."""

        async def load(wanted: list[str]) -> None:
            request = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=wanted)
            rows = (await self._forum.BatchGetSpaces(request)).spaces
            found.update(
                {
                    row.id: {"id": encode_id("Space", community_id, row.id), "name": row.name}
                    for row in rows
                }
            )

        return _loads(ids, found, load)

    def topics(self, community_id: str, ids: Iterable[str], found: Found) -> Loads:
        """The messages, without texts."""

        async def load(wanted: list[str]) -> None:
            request = forum_pb2.BatchGetTopicsRequest(
                community_id=community_id, topic_ids=wanted, without_texts=True
            )
            found.update(
                {row.id: row for row in (await self._forum.BatchGetTopics(request)).topics}
            )

        return _loads(ids, found, load)

    def posts(
        self, community_id: str, topic_ids: Iterable[str], reply_ids: Iterable[str], found: Found
    ) -> Loads:
        """Topics and replies at once: the messages, without texts."""

        async def load(wanted: list[str]) -> None:
            request = forum_pb2.BatchGetPostsRequest(
                community_id=community_id,
                topic_ids=[one for one in wanted if one not in replies],
                reply_ids=list(replies),
                without_texts=True,
            )
            answer = await self._forum.BatchGetPosts(request)
            found.update({row.id: row for row in answer.topics})
            found.update({row.id: row for row in answer.replies})

        replies = dict.fromkeys(reply_ids)
        return _loads([*topic_ids, *replies], found, load)

    def replies(self, community_id: str, ids: Iterable[str], found: Found) -> Loads:
        """The messages."""

        async def load(wanted: list[str]) -> None:
            request = forum_pb2.BatchGetRepliesRequest(community_id=community_id, reply_ids=wanted)
            rows = (await self._forum.BatchGetReplies(request)).replies
            found.update({row.id: row for row in rows})

        return _loads(ids, found, load)


def _loads(ids: Iterable[str], found: Found, load: Callable[[list[str]], Awaitable[None]]) -> Loads:
    wanted = [one for one in dict.fromkeys(ids) if one and one not in found]
    if not wanted:
        return []
    found.update(dict.fromkeys(wanted))
    return [load(wanted)]


async def together(loads: Iterable[Awaitable[None]]) -> None:
    """All of them; a task of its own costs more than it is worth to a single one."""
    loads = list(loads)
    if len(loads) == 1:
        await loads[0]
    else:
        await asyncio.gather(*loads)


def by_community(rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Rows by the community they are in."""
    grouped: dict[str, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row.community_id, []).append(row)
    return grouped


def ids_of(hits: Iterable[Any], kind: int) -> list[str]:
    """Of the hits of one kind."""
    return [hit.id for hit in hits if hit.kind == kind]
