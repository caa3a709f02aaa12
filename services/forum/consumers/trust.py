"""What members did, counted by the day from the forum's own domain events.

Each handler adds to a row of the member's day; the inbox lets each event count once. What somebody
else's event is about (a like, a removal) is counted on the author's row, without a visit. What a
moderator's decision hid counts as what was removed; what a rule hid until there is one, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chassis.decisions import Write
from chassis.domain_events import Consequence, DomainEvent, Subscription
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.participation_pb2 import VOTE_VALUE_UP
from services.forum.domain.replies import Reply, ReplyState
from services.forum.domain.topics import Topic, TopicState
from services.forum.domain.trust import Fact
from services.forum.repository import ForumRepository

_REMOVED = (said.TopicRemoved, said.ReplyRemoved)
_HIDDEN = (said.TopicHidden, said.ReplyHidden)
# What is said of a post that is out of sight, or comes back to whatever it was.
_OF_TOPICS = (
    said.TopicRemoved,
    said.TopicHidden,
    said.TopicRestored,
    said.TopicHeld,
    said.TopicRejected,
    said.TopicDrafted,
)
_OF_REPLIES = (
    said.ReplyRemoved,
    said.ReplyHidden,
    said.ReplyRestored,
    said.ReplyHeld,
    said.ReplyRejected,
)


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
                **dict.fromkeys(_OF_TOPICS, self.on_topic_moderated),
                **dict.fromkeys(_OF_REPLIES, self.on_reply_moderated),
            },
            aggregate_types=("topic", "read_mark", "reactions"),
        )

    async def on_topic_read(self, event: DomainEvent[said.TopicRead]) -> Iterable[Consequence]:
        """A visit in a minute of reading; posts are counted between the last two places, the topic
        where it is new.
        """
        read = event.message
        posts = await self._repository.count_posts_read(
            event.community_id, read.person_id, read.topic_id, event.seq
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

    async def on_topic_moderated(self, event: DomainEvent[Any]) -> Iterable[Consequence]:
        """Counts against its author while somebody else's decision keeps it out of sight."""
        if _is_new(event):
            return []
        found = await self._repository.find_topics(
            event.community_id, [event.message.topic_id], None
        )
        return [
            one
            for topic in found
            for one in self._judged(
                event,
                topic,
                removed=topic.state is TopicState.REMOVED,
                hidden=topic.state is TopicState.HIDDEN,
            )
        ]

    async def on_reply_moderated(self, event: DomainEvent[Any]) -> Iterable[Consequence]:
        """As on_topic_moderated."""
        if _is_new(event):
            return []
        found = await self._repository.find_replies(
            event.community_id, [event.message.reply_id], None
        )
        return [
            one
            for reply in found
            for one in self._judged(
                event,
                reply,
                removed=reply.state is ReplyState.REMOVED,
                hidden=reply.state is ReplyState.HIDDEN,
            )
        ]

    def _judged(
        self, event: DomainEvent[Any], post: Topic | Reply, *, removed: bool, hidden: bool
    ) -> list[Write]:
        """As it is by now: what brought it back may be heard first, and be over."""
        author_id = post.author.person_id
        if not author_id:
            return []
        # A rule's hiding names its case; of what was removed and is hidden again nobody said why.
        decided = hidden and bool(post.state_reason) and not post.case_id
        gone = isinstance(event.message, (*_REMOVED, *_HIDDEN))
        if not gone or not (removed or decided):
            return [self._back(event, author_id, post.id)]
        says_so = isinstance(event.message, _REMOVED if removed else _HIDDEN)
        if not says_so or event.actor == author_id:
            return []
        return [self._removed(event, author_id, post.id)]

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
            liker_id=event.actor,
        )
        return [given, received]

    def _back(self, event: DomainEvent[Any], author_id: str, post_id: str) -> Write:
        return self._repository.removed_no_more(event.community_id, author_id, post_id, event.time)

    def _removed(self, event: DomainEvent[Any], author_id: str, post_id: str) -> Write:
        return self._repository.count_day(
            event.community_id, author_id, event.time, {}, once={"removed_posts": post_id}
        )


def _is_new(event: DomainEvent[Any]) -> bool:
    """Whether it was never out of sight before: most posts that wait, and drafts."""
    message = event.message
    if isinstance(message, said.TopicDrafted):
        return event.seq == 1
    return isinstance(message, said.TopicHeld | said.ReplyHeld) and message.submission.number == 1
