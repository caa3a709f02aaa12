"""What the use cases of one's own share, and how topics stand to somebody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.pagination import check_batch
from services.forum.domain.feed.follows import Reader, with_groups
from services.forum.domain.feed.reads import Place, Replied, known_unread, read_place
from services.forum.domain.feed.viewing import ViewerState, viewer_state
from services.forum.domain.members import Member
from services.forum.domain.spaces import group_keys
from services.forum.domain.topics import Topic
from services.forum.repository import ForumRepository
from services.forum.repository.feed import Marks, reader_id

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

T = TypeVar("T")


class OwnUseCases:
    """What they are made of."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        directory: DirectoryServiceAsyncStub,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._directory = directory

    async def shown_topic(self, topic: Topic, member: Member) -> Topic:
        """As the member may see it: naming other topics only where these can be seen too."""
        visible = await self._repository.find_visible_topic_ids(
            topic.community_id, topic.links, member.keyring
        )
        return topic.showing(visible)

    async def spaces_opened(
        self, keyrings: Mapping[str, Sequence[str]]
    ) -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
        """By community those the keyrings open, and those of them that are for groups therein."""
        groups = {one: group_keys(keyring) for one, keyring in keyrings.items()}
        opened, of_groups = await self._repository.walls.opened_anywhere_by([keyrings, groups])
        return opened, of_groups

    async def viewer_states(
        self,
        person_id: str,
        topics: Sequence[Topic],
        *,
        of_groups: Mapping[str, Collection[str]],
        readers: Mapping[str, Reader] | None = None,
        marks: Marks | None = None,
        replied: Mapping[str, Replied] | None = None,
    ) -> dict[str, ViewerState]:
        """How these topics, which the person can see, stand to them: a few queries for a page.

        `of_groups` are the spaces that are for groups the person is in, by community.
        What the caller has read of these topics already is not read again.
        """
        ids, repository = [topic.id for topic in topics], self._repository
        communities = {topic.community_id for topic in topics}
        if not topics:
            return {}
        of, marked, answered = await asyncio.gather(
            _known(readers, lambda: repository.find_readers(communities, person_id)),
            _known(marks, lambda: repository.find_marks(communities, person_id, ids)),
            _known(replied, lambda: repository.find_replied(communities, person_id, ids)),
        )
        own = {one: of.get(one) or new_reader(one, person_id) for one in communities}
        levels = {
            one: with_groups(reader.levels(), of_groups.get(one, ())) for one, reader in own.items()
        }
        places: dict[str, Place | None] = {}
        unread: dict[str, int] = {}
        open_: dict[str, tuple[Topic, Place]] = {}
        for topic in topics:
            places[topic.id] = place = read_place(
                topic,
                marked.read.get(topic.id),
                answered.get(topic.id),
                own[topic.community_id].reads,
            )
            known = known_unread(topic, place)
            if known is not None:
                unread[topic.id] = known
            elif place is not None:
                open_[topic.id] = topic, place
        unread |= await repository.count_unread(open_)
        return {
            topic.id: viewer_state(
                topic,
                person_id,
                levels[topic.community_id],
                places[topic.id],
                unread[topic.id],
                replied=topic.id in answered,
                bookmarked=topic.id in marked.bookmarked,
            )
            for topic in topics
        }


async def _known(value: T | None, find: Callable[[], Awaitable[T]]) -> T:
    """What was read already, else what is found."""
    return await find() if value is None else value


def new_reader(community_id: str, person_id: str) -> Reader:
    """Who has chosen nothing yet."""
    return Reader(reader_id(community_id, person_id), community_id, person_id)


def keyrings_of(actor: Actor, community_ids: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """A person's keyrings in these of their communities, or in all; others hold nothing for them.

    Refuses with FIELD_INVALID.
    """
    wanted = check_batch(list(community_ids), "community_ids") or list(actor.memberships)
    return {one: actor.memberships[one].keyring for one in wanted if one in actor.memberships}
