"""How replies follow their topic, and what people think of it: in pages, each one command, until
all have arrived.

What is still to be done stands in the topic itself, so whoever comes next goes on: the request that
began it, or the job after a crash. Every page is decided on what is there then; it may run twice.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty

from chassis.commands import Commands
from chassis.decisions import Change, Decision, Seen, Write
from chassis.errors import DomainError
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.moves_pb2 import MergeTopicsRequest, MoveTopicRequest
from services.forum.converters.domain_events import reply_unaccepted
from services.forum.domain.moves import PAGE, arrived, carry, follow, redirect
from services.forum.domain.participation import carries_votes, carry_votes
from services.forum.domain.references import PostRef
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic, TopicNotFoundError, TopicState
from services.forum.repository import ForumRepository
from services.forum.use_cases.base import FORUM
from services.forum.use_cases.feed.carrying import OwnCarrying

AT_ONCE = 1.0  # seconds that a request waits for replies to follow; the rest is the job's
_TOPICS = 100

_log = logging.getLogger(__name__)


class Carrying:
    """Brings replies to where their topic says they belong."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        *,
        page: int = PAGE,
        at_once: float = AT_ONCE,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._page = page
        self._at_once = at_once
        self._own = OwnCarrying(commands, repository, page)

    async def finish(self) -> None:
        """All that was begun and cut off, in whatever community."""
        for community_id, topic_id in await self._repository.find_carrying_topics(_TOPICS):
            while await self.next_page(community_id, topic_id):
                pass

    async def soon(self, community_id: str, topic_id: str) -> None:
        """As far as one gets in a second; what fails here is left to the job."""
        until = time.monotonic() + self._at_once
        try:
            while time.monotonic() < until and await self.next_page(community_id, topic_id):
                pass
        except DomainError as error:
            _log.info("replies of %s follow later: %s", topic_id, error.reason())

    async def next_page(self, community_id: str, topic_id: str) -> bool:
        """One page; whether there may be more. Refuses with TOPIC_NOT_FOUND."""
        topic = await self._repository.get_topic(community_id, topic_id, None)
        if not (topic.carry_to_id or topic.former_space_ids):
            return False
        if topic.carry_to_id:
            target = await self._repository.get_topic(community_id, topic.carry_to_id, None)
            if not _lost(target) and (
                await self._votes_into(topic, target) or await self._own.next_page(topic, target)
            ):
                return True
            reply_ids = await self._repository.find_reply_ids(topic, self._page)
            last = len(reply_ids) < self._page
            await self._into(topic, reply_ids, last=last)
        else:
            reply_ids = await self._repository.find_stray_reply_ids(topic, self._page)
            last = len(reply_ids) < self._page
            await self._along(topic, reply_ids, last=last)
        return not last

    async def _along(self, topic: Topic, reply_ids: list[str], *, last: bool) -> None:
        """Replies get the space of their topic."""
        refs = [self._repository.reply_ref(topic.community_id, id_) for id_ in reply_ids]

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            now = _there(seen.state)
            if now.carry_to_id or now.former_space_ids != topic.former_space_ids:
                return Decision(now, lambda _: Empty())  # moved on meanwhile: look again
            stale = [
                reply
                for reply in _of(now, (seen.part(ref) for ref in refs))
                if reply.space_id != now.space_id
            ]
            if not (stale or last):
                return Decision(now, lambda _: Empty())
            moved = said.RepliesMoved(
                topic_id=now.id,
                from_topic_id=now.id,
                reply_ids=[reply.id for reply in stale],
                finished=last,
            )
            return Decision(
                arrived(now) if last else now,
                lambda _: Empty(),
                [moved],
                [self._put(reply) for reply in follow(now, stale)],
                [self._revisions(now, [reply.id for reply in stale], now.space_id)],
            )

        request = MoveTopicRequest(
            request_id=f"carry-{uuid.uuid4().hex}",
            community_id=topic.community_id,
            topic_id=topic.id,
        )
        ref = self._repository.topics.ref(topic.community_id, topic.id).having(*refs)
        await self._commands.run(FORUM, request, ref, decide)

    async def _into(self, topic: Topic, reply_ids: list[str], *, last: bool) -> None:
        """Replies become another topic's; both topics' counts are right after every page."""
        target_id = topic.carry_to_id
        refs = [self._repository.reply_ref(topic.community_id, id_) for id_ in reply_ids]
        target_ref = self._repository.topics.ref(topic.community_id, target_id)

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            source, target = _there(seen.state), _there(seen.other(target_ref))
            if source.carry_to_id != target_id:
                return Decision(source, lambda _: Empty())
            if target.moved_to_id:  # merged itself meanwhile: they go where its own went
                merged = said.TopicMerged(topic_id=source.id, into_topic_id=target.moved_to_id)
                return Decision(redirect(source, target).next(), lambda _: Empty(), [merged])
            if target.state is TopicState.REMOVED:  # nothing is carried out of sight
                left = said.RepliesLeft(topic_id=source.id, into_topic_id=target_id, finished=True)
                return Decision(arrived(source), lambda _: Empty(), [left])
            replies = [reply for ref in refs if (reply := seen.part(ref)) is not None]
            return self.carried(source, target, replies, finished=last)

        request = MergeTopicsRequest(
            request_id=f"carry-{uuid.uuid4().hex}",
            community_id=topic.community_id,
            topic_id=topic.id,
            target_topic_id=target_id,
        )
        ref = self._repository.topics.ref(topic.community_id, topic.id)
        await self._commands.run(FORUM, request, ref.having(*refs).along(target_ref), decide)

    async def _votes_into(self, topic: Topic, target: Topic) -> bool:
        """A page of votes for the topic become votes for the other; whether there was one."""
        community_id, repository = topic.community_id, self._repository
        if not carries_votes(topic, target):
            return False
        here, there = PostRef(topic.id), PostRef(target.id)
        found = await repository.find_standing_votes(community_id, here, self._page)
        if not found:
            return False
        people = [vote.person_id for vote in found]
        numbers = await repository.find_vote_numbers(community_id, people)
        own = {one: repository.vote_ref(community_id, here, one) for one in people}
        others = {one: repository.vote_ref(community_id, there, one) for one in people}
        target_ref = repository.topics.ref(community_id, target.id)

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            source, into = _there(seen.state), _there(seen.other(target_ref))
            if source.carry_to_id != into.id or _lost(into) or not carries_votes(source, into):
                return Decision(source, lambda _: Empty())  # it goes elsewhere meanwhile
            done = carry_votes(
                source,
                into,
                [
                    (vote, seen.part(others[one]), numbers[one] + 1)
                    for one, ref in own.items()
                    if (vote := seen.part(ref)) is not None
                ],
            )
            if not done.votes:
                return Decision(source, lambda _: Empty())
            moved = said.VotesMoved(topic_id=into.id, from_topic_id=source.id)
            return Decision(
                done.source,
                lambda _: Empty(),
                [said.VotesLeft(topic_id=source.id, into_topic_id=into.id)],
                [
                    repository.vote_ref(community_id, vote.post, vote.person_id).put(vote)
                    for vote in done.votes
                ],
                others=[target_ref.put(done.target, [moved])],
            )

        request = MergeTopicsRequest(
            request_id=f"carry-{uuid.uuid4().hex}",
            community_id=community_id,
            topic_id=topic.id,
            target_topic_id=target.id,
        )
        ref = repository.topics.ref(community_id, topic.id)
        ref = ref.having(*own.values(), *others.values()).along(target_ref)
        await self._commands.run(FORUM, request, ref, decide)
        return True

    def carried(
        self, source: Topic, target: Topic, replies: Iterable[Reply], *, finished: bool = False
    ) -> Decision[Topic, Empty]:
        """The source's replies among these are the target's, with all that is kept about them."""
        going = _of(source, replies)
        done = carry(source, target, going)
        ids = [reply.id for reply in going]
        if not (ids or finished):
            return Decision(source, lambda _: Empty())
        left = said.RepliesLeft(
            topic_id=source.id, into_topic_id=target.id, reply_ids=ids, finished=finished
        )
        events = [*map(reply_unaccepted, done.unaccepted), left]
        after = arrived(done.source) if finished else done.source
        if not ids:
            return Decision(after, lambda _: Empty(), events)
        moved = said.RepliesMoved(
            topic_id=target.id, from_topic_id=source.id, reply_ids=ids, finished=finished
        )
        gained = done.target
        if any(reply.published for reply in going):  # else readers see no change
            after, gained = after.next(), gained.next()
        return Decision(
            after,
            lambda _: Empty(),
            events,
            [self._put(reply) for reply in done.replies],
            [
                self._revisions(source, ids, target.space_id),
                self._repository.carry_moderation_entries(source, target, ids),
                *follow_replies(target, going),
            ],
            [self._repository.topics.ref(target.community_id, target.id).put(gained, [moved])],
        )

    def _revisions(self, former: Topic, reply_ids: list[str], space_id: str) -> Write:
        spaces = {former.space_id, *former.former_space_ids} - {space_id}
        return self._repository.carry_revisions(
            former.community_id, reply_ids, sorted(spaces), space_id
        )

    def _put(self, reply: Reply) -> Change:
        return self._repository.reply_ref(reply.community_id, reply.id).put(reply)


def _lost(target: Topic) -> bool:
    """Nothing comes to what was removed, nor to what was merged itself: then all goes where its own
    went.
    """
    return bool(target.moved_to_id) or target.state is TopicState.REMOVED


def _there(topic: Topic | None) -> Topic:
    if topic is None:
        raise TopicNotFoundError
    return topic


def _of(topic: Topic, replies: Iterable[Reply | None]) -> list[Reply]:
    """Those that are (still) the topic's."""
    return [reply for reply in replies if reply is not None and reply.topic_id == topic.id]


def follow_replies(topic: Topic, replies: Iterable[Reply]) -> list[Write]:
    """Whoever wrote one of these takes part in the topic that has it now."""
    people = {reply.author.person_id: reply for reply in replies if reply.author.person_id}
    return [
        ForumRepository.new_participation(
            topic.community_id, person_id, topic.id, reply.create_time
        )
        for person_id, reply in people.items()
    ]
