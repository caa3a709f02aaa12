"""Which spaces and channels a keyring opens: as was heard, and as the forum said a moment ago.

What was heard holds within the second, and is late while the bus or the forum's relay is away. So
it only names the ones to ask the forum about: one whose audience was narrowed is shut at the latest
when the answer of before is AGE old, whatever was heard of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from chassis.errors import DomainError
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from services.search.domain.questions import SearchUnavailableError
from services.search.repository.walls import WallCollection

if TYPE_CHECKING:
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

AGE = 1.0  # seconds the forum's word is taken, from when it was asked
_BATCH = 100
_MOST = 10_000

P = TypeVar("P", forum_pb2.Space, announcements_pb2.Channel)
# Of one community, those with these ids: with the keys that open each.
Fetch: TypeAlias = Callable[[str, Sequence[str]], Awaitable[Sequence[P]]]


def spaces_of(forum: ForumServiceAsyncStub) -> Fetch[forum_pb2.Space]:
    """As the forum has them."""

    async def fetch(community_id: str, ids: Sequence[str]) -> Sequence[forum_pb2.Space]:
        request = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=ids)
        return (await forum.BatchGetSpaces(request)).spaces

    return fetch


def channels_of(
    announcements: AnnouncementServiceAsyncStub,
) -> Fetch[announcements_pb2.Channel]:
    """As the forum has them."""

    async def fetch(community_id: str, ids: Sequence[str]) -> Sequence[announcements_pb2.Channel]:
        request = announcements_pb2.BatchGetChannelsRequest(
            community_id=community_id, channel_ids=ids
        )
        return (await announcements.BatchGetChannels(request)).channels

    return fetch


class Opening:
    """Asks the forum about each space, or each channel, at most once in AGE, for all who search."""

    def __init__(
        self,
        walls: WallCollection,
        fetch: Fetch[forum_pb2.Space] | Fetch[announcements_pb2.Channel],
        *,
        age: float = AGE,
    ) -> None:
        self._walls = walls
        self._fetch = fetch
        self._age = age
        # community and id -> when the forum was asked, the keys it named
        self._said: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    async def find(self, keyrings: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """For each community the ids of those that its keys open, as both sources say.

        Refuses with SEARCH_UNAVAILABLE where the forum cannot be asked.
        """
        heard = await self._walls.find_readable(keyrings)
        said = await asyncio.gather(*(self._ask(*item) for item in heard.items()))
        return {
            community: [id_ for id_ in ids if not keys[id_].isdisjoint(keyrings[community])]
            for (community, ids), keys in zip(heard.items(), said, strict=True)
        }

    async def _ask(self, community_id: str, ids: Sequence[str]) -> dict[str, frozenset[str]]:
        now = time.monotonic()
        known = {
            id_: said[1]
            for id_ in ids
            if (said := self._said.get((community_id, id_))) is not None
            and now - said[0] < self._age
        }
        unknown = [id_ for id_ in ids if id_ not in known]
        for start in range(0, len(unknown), _BATCH):
            asked = unknown[start : start + _BATCH]
            try:
                found = await self._fetch(community_id, asked)
            except DomainError:
                raise SearchUnavailableError(
                    "who may read what cannot be asked", retry_after=1.0
                ) from None
            keys = {one.id: frozenset(one.read_keys) for one in found}
            known.update({id_: keys.get(id_, frozenset()) for id_ in asked})
        if len(self._said) + len(unknown) > _MOST:
            self._said.clear()
        self._said.update({(community_id, id_): (now, known[id_]) for id_ in unknown})
        return known
