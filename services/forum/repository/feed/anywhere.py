"""Topics and replies of several communities at once, and pages of rows that may not be shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from chassis.decisions import Document
from chassis.mongo import Database
from chassis.pagination import Paging
from services.forum.domain.members import opens
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import Topic
from services.forum.repository.replies import load_reply
from services.forum.repository.topics import READ, TEXTLESS, load_topic

T = TypeVar("T")
S = TypeVar("S")
_MOST_READ = 100  # rows at once, where many are not shown


class AnywhereCollection:
    """Reads over all of a person's communities; keyrings and open spaces by community."""

    _database: Database

    async def find_topics_anywhere(
        self,
        keyrings: Mapping[str, Sequence[str]],
        spaces: Mapping[str, Sequence[str]],
        ids: Collection[str],
        *,
        without_texts: bool = False,
    ) -> dict[str, Topic]:
        """Those of the topics that the keyrings show, each in its own community.

        They name other topics only where these can be seen too.
        """
        # With all the latest replies that topics remember: they tell what is unread.
        textless = {**READ, **TEXTLESS}
        fields = textless if without_texts else READ
        topics = await self._find_topics(keyrings, spaces, ids, fields)
        named = {id_ for topic in topics.values() for id_ in topic.links} - set(topics)
        visible = {*topics, *await self._find_topics(keyrings, spaces, named, textless)}
        return {id_: topic.showing(visible) for id_, topic in topics.items()}

    async def _find_topics(
        self,
        keyrings: Mapping[str, Sequence[str]],
        spaces: Mapping[str, Sequence[str]],
        ids: Collection[str],
        fields: Document,
    ) -> dict[str, Topic]:
        if not ids:
            return {}
        open_spaces = [space for some in spaces.values() for space in some]
        keys = {key for keyring in keyrings.values() for key in keyring}
        query = {
            "_id": {"$in": list(ids)},
            "community_id": {"$in": list(keyrings)},
            "space_id": {"$in": open_spaces},
            "read_keys": {"$in": [*keys, *map(space_key, open_spaces)]},
        }
        found = self._database.topics.find(query, fields).hint("_id_")
        topics = [load_topic(document) for document in await found.to_list()]
        return {one.id: one for one in topics if one.visible(keyrings[one.community_id])}

    async def find_reply_places(
        self, communities: Collection[str], ids: Collection[str]
    ) -> dict[str, str]:
        """In which topics these replies are now, whoever may read them: they may have moved."""
        if not ids:
            return {}
        query = {"_id": {"$in": list(ids)}, "community_id": {"$in": list(communities)}}
        found = self._database.replies.find(query, {"topic_id": 1}).hint("_id_")
        return {row["_id"]: row["topic_id"] for row in await found.to_list()}

    async def find_replies_anywhere(
        self,
        keyrings: Mapping[str, Sequence[str]],
        topics: Mapping[str, Topic],
        ids: Collection[str],
    ) -> dict[str, Reply]:
        """Those of the replies that the keyrings show, of topics that they show."""
        if not ids or not topics:
            return {}
        spaces = {space_key(one.space_id) for one in topics.values()}
        keys = {key for keyring in keyrings.values() for key in keyring}
        query = {
            "_id": {"$in": list(ids)},
            "community_id": {"$in": list(keyrings)},
            "topic_id": {"$in": list(topics)},
            "read_keys": {"$in": [*keys, *spaces]},
        }
        found = self._database.replies.find(query).hint("_id_")
        replies = [load_reply(document) for document in await found.to_list()]
        return {
            one.id: one
            for one in replies
            if one.published or opens(one.read_keys, keyrings[one.community_id])
        }


async def shown_page(
    paging: Paging,
    read: Callable[[Paging], Awaitable[Sequence[T]]],
    show: Callable[[Sequence[T]], Awaitable[Iterable[S]]],
    place: Callable[[T], tuple[Any, ...]],
) -> list[S]:
    """What the page needs of the rows that are shown: read on until it is full.

    In growing steps, so that a short page behind many hidden rows needs few.
    """
    found: list[S] = []
    step = paging
    while True:
        rows = await read(step)
        found += await show(rows)
        if len(found) >= paging.limit or len(rows) < step.limit:
            return found[: paging.limit]
        size = max(paging.size, min(step.size * 3, _MOST_READ))
        step = replace(step, size=size, place=place(rows[-1]))
