"""Whose feed a topic's activity may be something for: told in memory, once for all who listen.

Each event costs one look at its topic's keys, whoever listens: whoever has one of them is told, and
asks as oneself whether it is in the feed. Rather one too many is asked than somebody is forgotten.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf.message import Message

from chassis.errors import DomainError, UnavailableError
from chassis.ordered import Heard
from gateway.subscriptions import feeds
from guildhall.forum.v1 import domain_events_pb2, feed_pb2

if TYPE_CHECKING:
    from guildhall.forum.v1.feed_pb2_grpc import FeedServiceAsyncStub

# What brings a topic up in a feed; it names the topic's author or the reply's.
ACTIVITY: Mapping[str, type[Message]] = {
    "TopicPublished": domain_events_pb2.TopicPublished,
    "ReplyPublished": domain_events_pb2.ReplyPublished,
    "MentionAdded": domain_events_pb2.MentionAdded,
}
_FOLLOWED = "FollowChanged"
MOST_WAITING = 10_000  # events, while the forum does not say what they are about
_BATCH = 100
_RETRY = 0.5


class Listener(feeds.Listener, Protocol):
    """Whoever is told of what may be in one person's feed."""

    def doubt(self) -> None:
        """What the person follows has changed: it is to be asked for."""


_Keys = Mapping[str, Collection[str] | None]  # by topic; None: not known


@dataclass(slots=True, eq=False)
class _Follower:
    """One listener, and by which keys it is found."""

    listener: Listener
    person_id: str
    since: int  # what has this number of the stream, or less, it does not hear
    communities: frozenset[str] = frozenset()
    keys: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)  # heard since it was begun to ask
    asked: int = 0


@dataclass(frozen=True, slots=True)
class _Activity:
    """What an event says."""

    community_id: str
    topic_id: str
    author_id: str
    mentioned: Collection[str]
    wrote: bool  # the author has to do with the topic from now on


class Followers:
    """All listeners of this process."""

    def __init__(self, feed: feeds.Feed, forum: FeedServiceAsyncStub) -> None:
        self._feed = feed
        self._forum = forum
        self._followers: dict[Listener, _Follower] = {}
        self._by_key: defaultdict[str, set[_Follower]] = defaultdict(set)
        self._by_person: defaultdict[str, set[_Follower]] = defaultdict(set)
        self._communities: Counter[str] = Counter()
        self._waiting: deque[Heard] = deque()
        self._wake = asyncio.Event()

    def listen(self, listener: Listener, person_id: str, communities: Iterable[str]) -> None:
        """Be told of all activity there from now on, until it is known what the person follows."""
        follower = _Follower(listener, person_id, self._feed.position)
        self._followers[listener] = follower
        self._by_person[person_id].add(follower)
        self.ask(listener, communities)

    def ask(self, listener: Listener, communities: Iterable[str]) -> int:
        """As `listen`, where it is to be asked again; the number of the question."""
        follower = self._followers[listener]
        self._enter(follower, frozenset(communities))
        follower.added.clear()
        follower.asked += 1
        self._find_by(follower, set(map(_everything, follower.communities)))
        return follower.asked

    def know(self, listener: Listener, asked: int, keys: Iterable[str]) -> None:
        """What the person follows was answered; unless it has changed since this question."""
        follower = self._followers.get(listener)
        if follower is not None and follower.asked == asked:
            self._find_by(follower, {*keys, *follower.added})

    def leave(self, listener: Listener) -> None:
        """Be told no more."""
        follower = self._followers.pop(listener, None)
        if follower is not None:
            self._enter(follower, frozenset())
            self._find_by(follower, set())
            _discard(self._by_person, follower.person_id, follower)

    async def those_for(self, listener: Listener, events: Sequence[Heard]) -> list[Heard]:
        """Of what was said before, what the listener would have been told.

        Refuses with UNAVAILABLE.
        """
        found: list[Heard] = []
        for start in range(0, len(events), _BATCH):
            some = events[start : start + _BATCH]
            keys = await self._keys_of(some)
            for event in some:
                activity = _activity(event)
                if self._followers[listener] in self._concerned(activity, keys):
                    found.append(event)
        return found

    async def run(self) -> None:
        """Tell of what is heard, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                some = list(islice(self._waiting, _BATCH))
                try:
                    keys = await self._keys_of(some)
                except UnavailableError:
                    await asyncio.sleep(_RETRY)
                    continue
                for event in some:
                    if self._waiting and self._waiting[0] is event:  # else all began anew
                        self._waiting.popleft()
                        self._tell(event, keys)

    # -- told by the stream, which does not wait

    def heard(self, event: Heard) -> None:
        """Activity, or that somebody follows something else."""
        if event.name == _FOLLOWED:
            self._follows_otherwise(event)
        elif event.name in ACTIVITY:
            if len(self._waiting) >= MOST_WAITING:
                self.begun_anew()
            self._waiting.append(event)
            self._wake.set()

    def begun_anew(self) -> None:
        """What waits will not be told, nor what was said since."""
        self._waiting.clear()
        for listener in tuple(self._followers):
            listener.begun_anew()

    def _follows_otherwise(self, event: Heard) -> None:
        said = domain_events_pb2.FollowChanged.FromString(event.data)
        for follower in tuple(self._by_person.get(said.person_id, ())):
            if event.community_id in follower.communities:
                self.ask(follower.listener, follower.communities)
                follower.listener.doubt()

    def _tell(self, event: Heard, keys: _Keys) -> None:
        activity = _activity(event)
        key = _topic_key(activity.topic_id)
        nearer = [*activity.mentioned, *([activity.author_id] if activity.wrote else ())]
        for person_id in nearer:  # from now on it is in their feed
            for follower in self._by_person.get(person_id, ()):
                if activity.community_id in follower.communities:
                    follower.added.add(key)
                    follower.keys.add(key)
                    self._by_key[key].add(follower)
        for follower in self._concerned(activity, keys):
            if event.seq > follower.since:
                follower.listener.heard(event)

    def _concerned(self, activity: _Activity, keys: _Keys) -> set[_Follower]:
        """Who has a key of it, has not written it, and may read it for all one knows here."""
        if activity.topic_id not in keys:  # it is open to nobody
            return set()
        of = keys[activity.topic_id]
        if of is None:
            found = set(self._followers.values())
        else:
            near = (_topic_key(activity.topic_id), _everything(activity.community_id))
            found = {one for key in (*of, *near) for one in self._by_key.get(key, ())}
        for person_id in activity.mentioned:
            found |= self._by_person.get(person_id, set())
        return {
            one
            for one in found
            if one.person_id != activity.author_id and activity.community_id in one.communities
        }

    async def _keys_of(self, events: Sequence[Heard]) -> _Keys:
        """Asked by the gateway for itself. Refuses with UNAVAILABLE."""
        topics: dict[str, dict[str, None]] = {}
        for event in events:
            topics.setdefault(event.community_id, {})[event.aggregate_id] = None
        found: dict[str, Collection[str] | None] = {}
        for community_id, ids in topics.items():
            request = feed_pb2.BatchGetTopicFeedKeysRequest(
                community_id=community_id, topic_ids=list(ids)
            )
            try:
                response = await self._forum.BatchGetTopicFeedKeys(request)
            except UnavailableError:
                raise
            except DomainError:  # then everybody there asks as oneself
                found.update(dict.fromkeys(ids))
            else:
                found.update({row.topic_id: tuple(row.keys) for row in response.topics})
        return found

    def _enter(self, follower: _Follower, communities: frozenset[str]) -> None:
        """Hear what is said in these communities."""
        for one in communities - follower.communities:
            self._communities[one] += 1
            if self._communities[one] == 1:
                for subject in _subjects(one):
                    self._feed.listen(subject, self)
        for one in follower.communities - communities:
            self._communities[one] -= 1
            if not self._communities[one]:
                del self._communities[one]
                for subject in _subjects(one):
                    self._feed.leave(subject, self)
        follower.communities = communities

    def _find_by(self, follower: _Follower, keys: set[str]) -> None:
        for key in follower.keys - keys:
            _discard(self._by_key, key, follower)
        for key in keys - follower.keys:
            self._by_key[key].add(follower)
        follower.keys = keys


def _discard(found: dict[str, set[_Follower]], key: str, follower: _Follower) -> None:
    found[key].discard(follower)
    if not found[key]:
        del found[key]


def _activity(event: Heard) -> _Activity:
    message: Any = ACTIVITY[event.name]()
    message.ParseFromString(event.data)
    mentioned = getattr(message, "mentioned_ids", ())
    wrote = event.name != "MentionAdded"
    return _Activity(event.community_id, event.aggregate_id, message.author_id, mentioned, wrote)


def _topic_key(topic_id: str) -> str:
    """As the forum's."""
    return f"topic:{topic_id}"


def _everything(community_id: str) -> str:
    """The key of whoever is to hear of all activity there; the forum has none like it."""
    return f"*@{community_id}"


def _subjects(community_id: str) -> tuple[str, str]:
    return f"evt.forum.{community_id}.topic", f"evt.forum.{community_id}.reader"
