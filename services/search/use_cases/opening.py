"""Which spaces a keyring opens: as was heard, and as the forum itself said a moment ago.

What was heard holds within the second, and is late while the bus or the forum's relay is away. So
it only names the spaces to ask the forum about: a space whose audience was narrowed is shut at the
latest when the answer of before is AGE old, whatever was heard of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chassis.errors import DomainError
from guildhall.forum.v1 import forum_pb2
from services.search.domain.questions import SearchUnavailableError
from services.search.repository import SearchRepository

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

AGE = 1.0  # seconds the forum's word is taken, from when it was asked
_BATCH = 100
_MOST = 10_000
_NEVER: tuple[float, frozenset[str]] = (float("-inf"), frozenset())


class OpenSpaces:
    """Asks the forum about each space at most once in AGE, for all who search."""

    def __init__(
        self, repository: SearchRepository, forum: ForumServiceAsyncStub, *, age: float = AGE
    ) -> None:
        self._repository = repository
        self._forum = forum
        self._age = age
        # community and space -> when the forum was asked, the keys it named
        self._said: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    async def find(self, keyrings: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """For each community the ids of the spaces that its keys open, as both sources say.

        Refuses with SEARCH_UNAVAILABLE where the forum cannot be asked.
        """
        heard = await self._repository.find_readable_spaces(keyrings)
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
            request = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=asked)
            try:
                spaces = (await self._forum.BatchGetSpaces(request)).spaces
            except DomainError:
                raise SearchUnavailableError(
                    "who may read what cannot be asked", retry_after=1.0
                ) from None
            keys = {space.id: frozenset(space.read_keys) for space in spaces}
            known.update({id_: keys.get(id_, frozenset()) for id_ in asked})
        if len(self._said) + len(unknown) > _MOST:
            self._said.clear()
        self._said.update({(community_id, id_): (now, known[id_]) for id_ in unknown})
        return known
