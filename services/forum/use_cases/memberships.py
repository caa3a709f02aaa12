"""What the directory says of people in a community, as the forum's use cases ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from guildhall.directory.v1.directory_pb2 import BatchGetMembershipsRequest, PersonMembership
from services.forum.domain.spaces import Space

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub


async def memberships_of(
    directory: DirectoryServiceAsyncStub, community_id: str, person_ids: Sequence[str]
) -> Sequence[PersonMembership]:
    """Of at most 100 people, those who are members now. Refuses with UNAVAILABLE."""
    request = BatchGetMembershipsRequest(community_id=community_id, person_ids=person_ids)
    return (await directory.BatchGetMemberships(request)).memberships


async def readers_of(
    directory: DirectoryServiceAsyncStub, space: Space, person_ids: Sequence[str]
) -> frozenset[str]:
    """Of at most 100 people, those who can read the space now. Refuses with UNAVAILABLE."""
    found = await memberships_of(directory, space.community_id, person_ids)
    return frozenset(one.person_id for one in found if space.readable(one.membership.keyring))
