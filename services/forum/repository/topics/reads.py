"""The collection of topics: behind the walls of their spaces, in lists by space, author and tag."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from chassis.decisions import Aggregates, Document
from chassis.lanes import Lane
from chassis.pagination import Paging
from services.forum.domain.context_refs import ContextRef
from services.forum.domain.spaces import Space, space_key
from services.forum.domain.topics import (
    OPEN_TO_READERS,
    IdeaStatus,
    Topic,
    TopicKind,
    TopicNotFoundError,
    TopicOrder,
    TopicState,
    check_list,
)
from services.forum.repository.documents import read_page
from services.forum.repository.spaces import SpaceCollection
from services.forum.repository.topics.documents import (
    LISTED,
    READ,
    TEXTLESS,
    context_key,
    load_topic,
    tag_key,
)
from services.forum.repository.topics.indexes import FEW, LAST_PINNED, ORDERED, ORDERS
from services.forum.repository.walls import find_each, union


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """What a list of topics is narrowed to; empty: everything the reader sees."""

    space_id: str = ""
    author_id: str = ""
    tag: str = ""
    unanswered: bool = False
    # None: what is open to readers, and what of the reader's own is pending.
    states: frozenset[TopicState] | None = None
    kinds: frozenset[TopicKind] | None = None
    idea_statuses: frozenset[IdeaStatus] = frozenset()  # of ideas only; empty: whatever theirs
    order: TopicOrder = TopicOrder.ACTIVITY
    context: ContextRef | None = None

    def __post_init__(self) -> None:
        """Refuses with FIELD_INVALID."""
        check_list(
            self.order,
            self.kinds,
            by_status=bool(self.idea_statuses),
            otherwise_narrowed=bool(
                self.author_id or self.tag or self.unanswered or self.context is not None
            ),
        )


Target: TypeAlias = tuple[Topic, Space]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which topic somebody is about to write to, and what they hold."""

    community_id: str
    topic_id: str
    keyring: frozenset[str]


class TopicCollection(SpaceCollection):
    """Reads of topics. A keyring of None: a service reads, no wall, all states."""

    topics: Aggregates[Topic]
    targeting: Lane[Asked, Target | None]

    async def get_topic(
        self,
        community_id: str,
        topic_id: str,
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
    ) -> Topic:
        """One topic. Refuses with TOPIC_NOT_FOUND."""

        async def find() -> list[Topic]:
            return await self.find_topics(
                community_id, [topic_id], keyring, without_texts=without_texts
            )

        found = await find()
        if not found and keyring is not None:  # its space may have been opened a moment ago
            await self.walls.opened(community_id, keyring, fresh=True)
            found = await find()
        if not found:
            raise TopicNotFoundError(field="topic_id")
        return found[0]

    async def get_topic_space(
        self, community_id: str, topic_id: str, keyring: Collection[str]
    ) -> tuple[Topic, Space]:
        """A topic that one can see, as it is now, with its space. Refuses with TOPIC_NOT_FOUND.

        For those who write: who waits at once shares the queries.
        """
        target = await self.targeting.ask(Asked(community_id, topic_id, frozenset(keyring)))
        if target is None:
            raise TopicNotFoundError(field="topic_id")
        return target

    async def targets_for(self, asked: Sequence[Asked]) -> list[Target | None]:
        """The same for each of several writers; None where they see no such topic."""
        return await find_each(
            asked,
            lambda one: one.community_id,
            self._targets_in,
            lambda _, target: target is not None,
        )

    async def _targets_in(
        self, community_id: str, asked: Sequence[Asked], *, fresh: bool
    ) -> list[Target | None]:
        """One query for what any of these may see; of that, each gets what they may."""
        opened = await self.walls.opened_by(
            community_id, [one.keyring for one in asked], fresh=fresh
        )
        opening = [
            one.keyring.union(map(space_key, spaces))
            for one, spaces in zip(asked, opened, strict=True)
        ]
        query = {
            "community_id": community_id,
            "_id": {"$in": list({one.topic_id for one in asked})},
            "space_id": {"$in": union(opened)},
            "read_keys": {"$in": union(opening)},
        }
        rows = await self._database.topics.find(query).hint("_id_").to_list()
        topics = {row["_id"]: (load_topic(row), frozenset(row["read_keys"])) for row in rows}
        named = {topic.space_id for topic, _ in topics.values()}
        spaces = {one.id: one for one in await self.find_spaces(community_id, named, None)}

        def target(one: Asked, keys: frozenset[str]) -> Target | None:
            topic, read_keys = topics.get(one.topic_id, (None, keys))
            space = spaces.get(topic.space_id) if topic is not None else None
            if topic is None or space is None or not space.readable(one.keyring):
                return None
            return None if keys.isdisjoint(read_keys) else (topic, space)

        return [target(one, keys) for one, keys in zip(asked, opening, strict=True)]

    async def find_topics(
        self,
        community_id: str,
        ids: Collection[str],
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
        listed: bool = False,
    ) -> list[Topic]:
        """Those of the ids that there are and that the keyring shows, in no order.

        `listed`: with the last of their latest replies only, as in lists.
        """
        if not ids:
            return []
        query: Document = {"community_id": community_id, "_id": {"$in": list(ids)}}
        if keyring is not None:
            query |= await self._wall(community_id, keyring)
        fields = LISTED if listed else READ
        if without_texts:
            fields = {**fields, **TEXTLESS}
        found = self._database.topics.find(query, fields).hint("_id_")
        return [load_topic(document) for document in await found.to_list()]

    async def _wall(self, community_id: str, keyring: Collection[str]) -> Document:
        """What topics and replies must match to be shown.

        Asked before anything is looked for and tested by the store: what is hidden is neither
        fetched nor asked about once more, so it takes as long as what is not there.
        """
        spaces = await self.walls.opened(community_id, keyring)
        keys = [*keyring, *map(space_key, spaces)]
        return {"space_id": {"$in": spaces}, "read_keys": {"$in": keys}}

    async def list_topics(
        self,
        community_id: str,
        keyring: Sequence[str],
        wanted: TopicFilter,
        paging: Paging,
        *,
        without_texts: bool = False,
    ) -> list[Topic]:
        """What the page needs, in the order wanted, which says what a place is.

        Refuses with SPACE_NOT_FOUND where one space is asked for and not readable.
        """
        if wanted.space_id:
            await self._check_open(community_id, wanted.space_id, keyring)
            spaces = [wanted.space_id]
        else:
            spaces = await self.walls.opened(community_id, keyring)
        states, keys = _states_and_keys(wanted, spaces, keyring)
        if not states or not keys:
            return []
        query: Document = {
            "community_id": community_id,
            "state": {"$in": sorted(states)},
            "space_id": {"$in": spaces},
        }
        field, keys, index = _place(wanted, keys)
        if wanted.unanswered:
            query["unanswered"] = True
        if wanted.tag:
            query["tags"] = wanted.tag
        if wanted.author_id:
            query["author_id"] = wanted.author_id
            if not {f"person:{wanted.author_id}", f"moderators:{community_id}"} & set(keyring):
                query["author.as_company"] = {"$exists": False}  # it would tell who wrote them
        kinds = wanted.kinds
        if wanted.idea_statuses:
            query["idea_status"] = {"$in": sorted(wanted.idea_statuses)}
            kinds = frozenset({TopicKind.IDEA})
        if wanted.order in ORDERED:
            index, kinds = ORDERED[wanted.order], kinds or frozenset(TopicKind)
        elif kinds and kinds <= FEW and index == "topic_page":
            index = "topic_kind_page"
        if kinds:
            query["kind"] = {"$in": sorted(kinds)}
        fields = {**LISTED, **TEXTLESS} if without_texts else LISTED
        rows = await read_page(
            self._database.topics,
            query,
            (field, keys),
            ORDERS[wanted.order],
            paging,
            index,
            fields,
            ways=len(kinds) if kinds else 1,
        )
        return [load_topic(row) for row in rows]

    async def list_pinned_topics(
        self,
        community_id: str,
        space_id: str,
        keyring: Sequence[str],
        now: datetime,
        paging: Paging,
    ) -> list[Topic]:
        """What the page needs of one space, last pinned first; a place is (pin_time, id).

        Refuses with SPACE_NOT_FOUND.
        """
        await self._check_open(community_id, space_id, keyring)
        query: Document = {
            "community_id": community_id,
            "space_id": space_id,
            "pin_time": {"$exists": True},
            "pin_end": {"$gt": now},
        }
        rows = await read_page(
            self._database.topics,
            query,
            ("read_keys", [space_key(space_id)]),
            LAST_PINNED,
            paging,
            "topic_pinned_page",
            LISTED,
        )
        return [load_topic(row) for row in rows]

    async def find_due_topics(
        self, now: datetime, but_of: Collection[tuple[str, str]], most: int
    ) -> list[Topic]:
        """Of all communities, the longest due first, but for those of some authors, (community id,
        person id): for the job that publishes them.
        """
        query: Document = {"publish_time": {"$lte": now}, "state": TopicState.SCHEDULED.value}
        if but_of:
            query["$nor"] = [
                {"community_id": community_id, "author.person_id": person_id}
                for community_id, person_id in but_of
            ]
        cursor = self._database.topics.find(query).sort("publish_time", 1).limit(most)
        return [load_topic(row) async for row in cursor.hint("topic_due")]

    async def find_stored_topic_ids(self, community_id: str, ids: Iterable[str]) -> set[str]:
        """Which of the ids are taken, whatever their state: for imports."""
        query = {"community_id": community_id, "_id": {"$in": list(ids)}}
        return {row["_id"] async for row in self._database.topics.find(query, {"_id": 1})}


def _states_and_keys(
    wanted: TopicFilter, spaces: Sequence[str], keyring: Sequence[str]
) -> tuple[frozenset[TopicState], list[str]]:
    """Which states to ask for, and the keys that show topics in those states."""
    if wanted.states is None:
        states = OPEN_TO_READERS | {TopicState.PENDING_REVIEW}
        owners: tuple[str, ...] = ("person:",)
    else:
        states, owners = wanted.states, ("person:", "moderators:")
    if wanted.unanswered:
        states &= {TopicState.PUBLISHED}
    keys: list[str] = []
    if states & OPEN_TO_READERS:
        keys.extend(space_key(space_id) for space_id in spaces)
    if states - OPEN_TO_READERS:
        keys.extend(key for key in keyring if key.startswith(owners))
    return states, keys


def _place(wanted: TopicFilter, keys: list[str]) -> tuple[str, list[str], str]:
    """The field of the keys, these keys as it has them, and the index that finds the fewest."""
    if wanted.context is not None:
        made = [context_key(wanted.context, key) for key in keys]
        return "context_keys", made, "topic_context_page"
    if wanted.author_id:
        return "read_keys", keys, "topic_author_page"
    if wanted.tag:
        index = "topic_tag_unanswered_page" if wanted.unanswered else "topic_tag_page"
        return "tag_keys", [tag_key(wanted.tag, key) for key in keys], index
    return "read_keys", keys, "topic_unanswered_page" if wanted.unanswered else "topic_page"
