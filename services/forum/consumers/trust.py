"""What members did, counted by the day from the forum's own domain events.

Each handler adds to a row of the member's day; the inbox lets each event count once. What somebody
else's event is about (a like, a removal) is counted on the author's row, without a visit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chassis.decisions import Write
from chassis.domain_events import Consequence, DomainEvent, Subscription
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.participation_pb2 import VOTE_VALUE_UP
from services.forum.domain.replies import ReplyState
from services.forum.domain.topics import TopicState
from services.forum.domain.trust import Fact
from services.forum.repository import ForumRepository

# What is said of a removed post that is restored, to whatever it was.
_TOPIC_BACK = (
    said.TopicRestored,
    said.TopicHidden,
    said.TopicHeld,
    said.TopicRejected,
    said.TopicDrafted,
)
_REPLY_BACK = (said.ReplyRestored, said.ReplyHidden, said.ReplyHeld, said.ReplyRejected)


class TrustConsumers:
    """Domain events of the forum itself."""

    def __init__(self, repository: ForumRepository) -> None:
        self._repository = repository

    def of_forum(self) -> Subscription:
        """What is heard of the forum."""
        return Subscription(
            "forum",
            {
                said.TopicRead: self.on_topic_read,
                said.TopicPublished: self.on_topic_published,
                said.ReplyPublished: self.on_reply_published,
                said.VoteCast: self.on_vote_cast,
                said.VoteRetracted: self.on_vote_retracted,
                said.ReactionAdded: self.on_reaction_added,
                said.ReactionRemoved: self.on_reaction_removed,
                said.TopicRemoved: self.on_topic_removed,
                said.ReplyRemoved: self.on_reply_removed,
                **dict.fromkeys(_TOPIC_BACK, self.on_topic_back),
                **dict.fromkeys(_REPLY_BACK, self.on_reply_back),
            },
            aggregate_types=("topic", "read_mark", "reactions"),
        )

    async def on_topic_read(self, event: DomainEvent[said.TopicRead]) -> Iterable[Consequence]:
        """A visit in a minute of reading; posts are counted between the last two places, the topic
        where it is new.
        """
        read = event.message
        posts = await self._repository.count_posts_read(
            event.community_id, read.person_id, read.topic_id
        )
        counts = {Fact.POSTS_READ: posts}
        if event.seq == 1:
            counts[Fact.TOPICS_ENTERED] = 1
        return [self._own(event, read.person_id, counts, read=True)]

    async def on_topic_published(
        self, event: DomainEvent[said.TopicPublished]
    ) -> Iterable[Consequence]:
        """A visit of its author."""
        topic = event.message
        if not topic.author_id or topic.submission.imported:
            return []
        return [self._own(event, topic.author_id, {})]

    async def on_reply_published(
        self, event: DomainEvent[said.ReplyPublished]
    ) -> Iterable[Consequence]:
        """A visit of its author, who has replied in the topic."""
        reply = event.message
        if not reply.author_id or reply.submission.imported:
            return []
        once = {"replied_topics": reply.topic_id}
        return [self._own(event, reply.author_id, {}, once)]

    async def on_vote_cast(self, event: DomainEvent[said.VoteCast]) -> Iterable[Consequence]:
        """A like, or none any more."""
        vote = event.message
        step = int(vote.value == VOTE_VALUE_UP) - int(vote.replaced_value == VOTE_VALUE_UP)
        return self._liked(event, vote.author_id, step)

    async def on_vote_retracted(
        self, event: DomainEvent[said.VoteRetracted]
    ) -> Iterable[Consequence]:
        """No like any more, if it was one."""
        vote = event.message
        return self._liked(event, vote.author_id, -int(vote.value == VOTE_VALUE_UP))

    async def on_reaction_added(
        self, event: DomainEvent[said.ReactionAdded]
    ) -> Iterable[Consequence]:
        """A like, of whatever kind."""
        return self._liked(event, event.message.author_id, 1)

    async def on_reaction_removed(
        self, event: DomainEvent[said.ReactionRemoved]
    ) -> Iterable[Consequence]:
        """No like any more."""
        return self._liked(event, event.message.author_id, -1)

    async def on_topic_removed(
        self, event: DomainEvent[said.TopicRemoved]
    ) -> Iterable[Consequence]:
        """Counts against its author where somebody else did it."""
        found = await self._repository.find_topics(
            event.community_id, [event.message.topic_id], None
        )
        return [
            self._removed(event, topic.author.person_id, topic.id)
            for topic in found
            if topic.author.person_id not in ("", event.actor)
            and topic.state is TopicState.REMOVED  # else it is back, which may be heard first
        ]

    async def on_reply_removed(
        self, event: DomainEvent[said.ReplyRemoved]
    ) -> Iterable[Consequence]:
        """As on_topic_removed."""
        found = await self._repository.find_replies(
            event.community_id, [event.message.reply_id], None
        )
        return [
            self._removed(event, reply.author.person_id, reply.id)
            for reply in found
            if reply.author.person_id not in ("", event.actor) and reply.state is ReplyState.REMOVED
        ]

    async def on_topic_back(self, event: DomainEvent[Any]) -> Iterable[Consequence]:
        """It is not removed, whatever it was: nothing counts against its author."""
        found = await self._repository.find_topics(
            event.community_id, [event.message.topic_id], None
        )
        return [
            self._back(event, topic.author.person_id, topic.id)
            for topic in found
            if topic.author.person_id and topic.state is not TopicState.REMOVED
        ]

    async def on_reply_back(self, event: DomainEvent[Any]) -> Iterable[Consequence]:
        """As on_topic_back."""
        found = await self._repository.find_replies(
            event.community_id, [event.message.reply_id], None
        )
        return [
            self._back(event, reply.author.person_id, reply.id)
            for reply in found
            if reply.author.person_id and reply.state is not ReplyState.REMOVED
        ]

    def _own(
        self,
        event: DomainEvent[Any],
        person_id: str,
        counts: Mapping[Fact, int],
        once: Mapping[str, str] | None = None,
        *,
        read: bool = False,
    ) -> Write:
        return self._repository.count_day(
            event.community_id, person_id, event.time, counts, visited=True, once=once, read=read
        )

    def _liked(self, event: DomainEvent[Any], author_id: str, step: int) -> list[Consequence]:
        if not step or event.actor.startswith("service:"):
            return []
        given = self._own(event, event.actor, {Fact.LIKES_GIVEN: step})
        if not author_id:
            return [given]
        received = self._repository.count_day(
            event.community_id,
            author_id,
            event.time,
            {Fact.LIKES_RECEIVED: step},
            once={"likers": event.actor} if step > 0 else None,
        )
        return [given, received]

    def _back(self, event: DomainEvent[Any], author_id: str, post_id: str) -> Write:
        return self._repository.removed_no_more(event.community_id, author_id, post_id, event.time)

    def _removed(self, event: DomainEvent[Any], author_id: str, post_id: str) -> Write:
        return self._repository.count_day(
            event.community_id, author_id, event.time, {}, once={"removed_posts": post_id}
        )
