"""What a subscription is about: which domain events, and what of them the person may be told.

Domain events carry ids only. Whoever is told anything has just read it as the person who is told:
the owner's wall is asked for every event. Told is what the person can read and what has changed
of it since; that something changed which one cannot read is not told either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.errors import CommunityNotFoundError
from chassis.ordered import Heard
from gateway import batches
from gateway.context import Context
from gateway.loaders import Reference, fetch_ahead
from gateway.subscriptions.feeds import topic_beside
from guildhall.forum.v1 import domain_events_pb2, forum_pb2
from guildhall.moderation.v1 import moderation_pb2

if TYPE_CHECKING:
    from gateway.subscriptions.subscriber import Subscriber
    from gateway.subscriptions.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to be told: the row of the subscription's field."""

    row: Any
    key: str = ""  # what it is about
    seen: str = ""  # what the person has seen when it is told


class Watch(ABC):
    """One subscription's subject; `seen` is what its person was last told."""

    service: ClassVar[str]  # whose domain events it is about
    seen: str

    @property
    @abstractmethod
    def subject(self) -> str:
        """Those below it; no other subscription's."""

    @property
    def walls(self) -> str:
        """Those below it may have moved a wall; empty: the directory's alone do."""
        return ""

    def listen(self, shared: Subscriptions, listener: Subscriber) -> None:
        """Hear of it from now on."""
        for subject in filter(None, (self.subject, self.walls)):
            shared.feeds[self.service].listen(subject, listener)

    def leave(self, shared: Subscriptions, listener: Subscriber) -> None:
        """Hear no more."""
        for subject in filter(None, (self.subject, self.walls)):
            shared.feeds[self.service].leave(subject, listener)

    def is_wall(self, event: Heard) -> bool:
        """Whether what was heard may have moved a wall, and is nothing to be told."""
        return bool(self.walls) and event.subject.startswith(f"{self.walls}.")

    async def missed(
        self, shared: Subscriptions, listener: Subscriber, after: int
    ) -> list[Heard] | None:
        """What would have been heard behind this number; None where that is not known.

        Refuses with UNAVAILABLE.
        """
        return await shared.feeds[self.service].missed(f"{self.subject}.>", after)

    @abstractmethod
    def key(self, event: Heard) -> str:
        """What an event is about: of several about the same, the last is told."""

    @abstractmethod
    async def first(self, context: Context) -> Change:
        """As it is now. Refuses where the person may not watch it."""

    @abstractmethod
    async def changes(self, context: Context, events: Mapping[str, Heard]) -> list[Change]:
        """What the person may be told of these events, by key. Refuses as `first` does."""


def communities_of(actor: Actor, community_ids: Collection[str]) -> list[str]:
    """Those of the person among these, as others hold nothing for them; of none: all."""
    return [one for one in actor.memberships if one in community_ids or not community_ids]


def named_shortly(community_ids: Collection[str]) -> str:
    """In subjects that only name what is subscribed to: they go into event ids, which are short."""
    named = " ".join(sorted(community_ids))
    return sha256(named.encode()).hexdigest()[:16] if named else "all"


def check_communities(before: Actor, actor: Actor, community_ids: Collection[str]) -> list[str]:
    """As the person is now; whoever has been in none yet may wait for the first.

    Refuses with COMMUNITY_NOT_FOUND where none is left of these.
    """
    found = communities_of(actor, community_ids)
    if not found and (community_ids or communities_of(before, community_ids)):
        raise CommunityNotFoundError(field="community_ids" if community_ids else "")
    return found


@dataclass(slots=True)
class Moment:
    """Why a subscription's document is executed: to begin, or for one change."""

    begin: Callable[[Watch], None] | None = None
    change: Change | None = field(default=None)

    async def of(self, watch: Watch, context: Context) -> Any:
        """The field's row; at the beginning it is listened before it is read."""
        if self.change is None:
            if self.begin is not None:
                self.begin(watch)
            self.change = await watch.first(context)
        return self.change.row


_POLL, _REACTIONS = "*poll", "*reactions"  # keys beside the ids of replies
_OF_POSTS = frozenset({
    "VoteCast", "VoteRetracted", "ReactionAdded", "ReactionRemoved", "PostVerified",
    "PostVerificationExpired",
})  # fmt: skip
_POLL_OF = Reference(batches.polls, lambda topic: batches.key_of(topic, topic.id))


@dataclass(frozen=True, slots=True)
class TopicChange:
    """The source of TopicChanged."""

    topic: forum_pb2.Topic
    reply: forum_pb2.Reply | None = None


@dataclass(slots=True)
class TopicWatch(Watch):
    """One topic and its replies, with what is said of them without words.

    Of a reply or of reactions each event is something new to whoever can read the post. Of the
    topic and its poll that is not so: of these it is compared what the person has seen.
    """

    service = "forum"
    community_id: str
    topic_id: str
    seen: str = ""  # digests of the topic and of its poll

    @property
    def subject(self) -> str:
        return f"evt.forum.{self.community_id}.topic.{self.topic_id}"

    @property
    def walls(self) -> str:
        """A space's readers may be others now."""
        return f"evt.forum.{self.community_id}.space"

    async def missed(
        self, shared: Subscriptions, listener: Subscriber, after: int
    ) -> list[Heard] | None:
        """The reactions to replies have no subject of their topic's: all are looked through."""
        kinds = f"evt.forum.{self.community_id}"
        poll, reactions = f"{kinds}.poll.poll-{self.topic_id}.>", f"{kinds}.reactions.>"
        found: list[Heard] = []
        for subject in (f"{self.subject}.>", poll, reactions):
            some = await shared.feeds[self.service].missed(subject, after)
            if some is None:
                return None
            found += [one for one in some if topic_beside(one) in ("", self.subject)]
        return sorted(found, key=lambda event: event.seq)

    def key(self, event: Heard) -> str:
        """The reply's id; empty: the topic itself."""
        if event.aggregate_type == "poll":
            return _POLL
        if event.name in _OF_POSTS:  # reply_id is field 2 of all of them, and may be empty
            about = domain_events_pb2.PostVerified.FromString(event.data).reply_id
            return about or (_REACTIONS if event.aggregate_type == "reactions" else "")
        if event.name.startswith("Reply"):  # and field 1 of these
            return domain_events_pb2.ReplyHidden.FromString(event.data).reply_id
        return ""

    async def first(self, context: Context) -> Change:
        topic = await self._topic(context)
        return Change(TopicChange(topic), seen=f"{_digest(topic)}.{await _poll(context, topic)}")

    async def changes(self, context: Context, events: Mapping[str, Heard]) -> list[Change]:
        topic = await self._topic(context)
        replies = await self._replies(context, [key for key in events if key[:1] not in ("", "*")])
        poll = self.seen.partition(".")[2]
        if _POLL in events:
            poll = await _poll(context, topic)
        seen, now, changes = self.seen, f"{_digest(topic)}.{poll}", []
        for key in events:
            if key in replies or key == _REACTIONS or now != seen:
                seen = now
                changes.append(Change(TopicChange(topic, replies.get(key)), key, now))
        return changes

    async def _topic(self, context: Context) -> forum_pb2.Topic:
        request = forum_pb2.GetTopicRequest(community_id=self.community_id, topic_id=self.topic_id)
        response = await context.call(context.services.forum.GetTopic, request)
        return response.topic

    async def _replies(self, context: Context, ids: list[str]) -> dict[str, forum_pb2.Reply]:
        if not ids:
            return {}
        request = forum_pb2.BatchGetRepliesRequest(community_id=self.community_id, reply_ids=ids)
        response = await context.call(context.services.forum.BatchGetReplies, request)
        return {reply.id: reply for reply in response.replies}


async def _poll(context: Context, topic: forum_pb2.Topic) -> str:
    """The digest of what the person sees of it; empty: there is none.

    At the beginning it is fetched for the answer too.
    """
    await fetch_ahead(context, [(_POLL_OF, topic)])
    poll = _POLL_OF.find(context.tables, topic)
    return _digest(poll) if poll is not None else ""


def _digest(seen: Message) -> str:
    return sha256(seen.SerializeToString(deterministic=True)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class QueueChange:
    """The source of ModerationQueueChanged."""

    case: moderation_pb2.Case | None = None


@dataclass(slots=True)
class QueueWatch(Watch):
    """All cases of one community."""

    service = "moderation"
    community_id: str
    seen: str = ""

    @property
    def subject(self) -> str:
        return f"evt.moderation.{self.community_id}.case"

    def key(self, event: Heard) -> str:
        """The case's id."""
        return event.aggregate_id

    async def first(self, context: Context) -> Change:
        request = moderation_pb2.ListCasesRequest(community_id=self.community_id, page_size=1)
        await context.call(context.services.moderation.ListCases, request)
        return Change(QueueChange())

    async def changes(self, context: Context, events: Mapping[str, Heard]) -> list[Change]:
        request = moderation_pb2.BatchGetCasesRequest(
            community_id=self.community_id, case_ids=list(events)
        )
        response = await context.call(context.services.moderation.BatchGetCases, request)
        cases = {case.id: case for case in response.cases}
        return [Change(QueueChange(cases[key]), key) for key in events if key in cases]
