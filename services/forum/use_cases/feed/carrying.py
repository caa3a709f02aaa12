"""How follows and bookmarks of a merged topic go along to the other: in pages, as replies do."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from chassis.commands import Commands
from chassis.decisions import Decide, Decision, Other, Ref, Seen
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.moves_pb2 import MergeTopicsRequest
from services.forum.converters.feed import follow_changed
from services.forum.domain.feed.bookmarks import Bookmark
from services.forum.domain.feed.follows import FollowKind, Reader, Target
from services.forum.domain.topics import Topic, TopicNotFoundError
from services.forum.repository import ForumRepository
from services.forum.use_cases.base import FORUM


class OwnCarrying:
    """What is carried is not found again: it may run twice, and go on after a crash."""

    def __init__(self, commands: Commands, repository: ForumRepository, page: int) -> None:
        self._commands = commands
        self._repository = repository
        self._page = page

    async def next_page(self, source: Topic, target: Topic) -> bool:
        """A page of the follows of the source, else of its bookmarks; whether there was one."""
        return await self._follows(source, target) or await self._bookmarks(source, target)

    async def _follows(self, source: Topic, target: Topic) -> bool:
        people = await self._repository.find_followers(source.community_id, source.id, self._page)
        refs = {one: self._repository.reader_ref(source.community_id, one) for one in people}
        here, there = Target(FollowKind.TOPIC, source.id), Target(FollowKind.TOPIC, target.id)

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            others = []
            for person_id, ref in refs.items():
                reader = seen.other(ref)
                if reader is None:
                    continue
                own = person_id == target.author.person_id
                if (after := reader.carry(here, there, own=own)) != reader:
                    others.append(ref.put(after, _followed(reader, after, here, there)))
            left = said.FollowsLeft(topic_id=source.id, into_topic_id=target.id)
            return _decided(seen, target, others, left)

        return bool(people) and await self._run(source, target, list(refs.values()), decide)

    async def _bookmarks(self, source: Topic, target: Topic) -> bool:
        community_id, repository = source.community_id, self._repository
        people = await repository.find_keepers(community_id, source.id, target.id, self._page)
        refs = [
            (
                repository.bookmark_ref(community_id, one, source.id, ""),
                repository.bookmark_ref(community_id, one, target.id, ""),
            )
            for one in people
        ]

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            others = []
            for here, there in refs:
                kept, own = seen.other(here), seen.other(there)
                if kept is None or kept.removed or (own is not None and not own.removed):
                    continue
                removed = said.BookmarkRemoved(person_id=kept.person_id, topic_id=source.id)
                added = said.BookmarkAdded(person_id=kept.person_id, topic_id=target.id)
                others.append(here.put(kept.remove(), [removed]))
                others.append(there.put(kept.carry(there.id, target.id), [added]))
            left = said.BookmarksLeft(topic_id=source.id, into_topic_id=target.id)
            return _decided(seen, target, others, left)

        along = [ref for pair in refs for ref in pair]
        return bool(people) and await self._run(source, target, along, decide)

    async def _run(
        self,
        source: Topic,
        target: Topic,
        along: Sequence[Ref[Reader]] | Sequence[Ref[Bookmark]],
        decide: Decide[Topic, Empty],
    ) -> bool:
        request = MergeTopicsRequest(
            request_id=f"carry-{uuid.uuid4().hex}",
            community_id=source.community_id,
            topic_id=source.id,
            target_topic_id=target.id,
        )
        ref = self._repository.topics.ref(source.community_id, source.id)
        await self._commands.run(FORUM, request, ref.along(*along), decide)
        return True


def _decided(
    seen: Seen[Topic], target: Topic, others: Sequence[Other], left: Message
) -> Decision[Topic, Empty]:
    """As it was found, unless the source goes elsewhere meanwhile: then all stays, to be looked at
    again.
    """
    if seen.state is None:
        raise TopicNotFoundError
    if seen.state.carry_to_id != target.id or not others:
        return Decision(seen.state, lambda _: Empty())
    return Decision(seen.state, lambda _: Empty(), [left], others=others)


def _followed(before: Reader, after: Reader, here: Target, there: Target) -> list[Message]:
    events: list[Message] = [follow_changed(before.person_id, here, None)]
    if after.level(there) is not before.level(there):
        events.append(follow_changed(before.person_id, there, after.level(there)))
    return events
