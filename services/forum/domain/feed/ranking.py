"""What belongs into somebody's feed, why, and in which order: the published formula.

score = weight of the reason * (2 while something is unread) * 2 ** (-hours since activity / 24)

All weights are powers of two, so a score is told by a moment instead: the activity, and a day later
for each doubling. It does not change while time goes by: what ranks before what stays so from page
to page.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from chassis.values import value
from services.forum.domain.feed.follows import (
    Followed,
    FollowKind,
    FollowLevel,
    Reader,
    Target,
    level_of,
    with_groups,
)
from services.forum.domain.feed.reads import (
    ReadMark,
    Replied,
    latest_until,
    place_of,
    read_place,
)
from services.forum.domain.members import Author
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import LatestReply

HALF_LIFE = timedelta(hours=24)
# Topics that are looked up one by one for each page, the last ones.
MOST_FOLLOWED, MOST_REPLIED, MOST_MENTIONED = 200, 100, 100
RECENT = 2  # of a topic's latest replies the ranking looks at so many: hundreds are read for a page
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class FeedOrder(StrEnum):
    """How a feed is ordered."""

    RANKED = "RANKED"
    LATEST = "LATEST"


class Reason(StrEnum):
    """Why something is in the feed; of several the first."""

    MENTION = "MENTION"
    OWN_TOPIC = "OWN_TOPIC"
    FOLLOWED_TOPIC = "FOLLOWED_TOPIC"
    REPLIED_TOPIC = "REPLIED_TOPIC"
    FOLLOWED_TAG = "FOLLOWED_TAG"
    FOLLOWED_PERSON = "FOLLOWED_PERSON"
    FOLLOWED_COMPANY = "FOLLOWED_COMPANY"
    FOLLOWED_SPACE = "FOLLOWED_SPACE"
    GROUP = "GROUP"


# How often the weight doubles: 8 for mentions, 1 for spaces, 4 for what is nearer to somebody. Few
# weights, as each is a query of its own.
DOUBLINGS: Mapping[Reason, int] = {
    Reason.MENTION: 3,
    Reason.OWN_TOPIC: 2,
    Reason.FOLLOWED_TOPIC: 2,
    Reason.REPLIED_TOPIC: 2,
    Reason.FOLLOWED_TAG: 2,
    Reason.FOLLOWED_PERSON: 2,
    Reason.FOLLOWED_COMPANY: 2,
    Reason.FOLLOWED_SPACE: 0,
    Reason.GROUP: 0,
}


@value
class Glimpse:
    """What the feed looks at of a topic before it is known to be shown."""

    id: str
    community_id: str
    space_id: str
    author: Author
    tags: tuple[str, ...]
    create_time: datetime
    activity_time: datetime
    reply_count: int
    latest: tuple[LatestReply, ...]

    def activity_at(self, moment: datetime) -> datetime | None:
        """Its last activity by then; None where the topic does not remember that far back."""
        if self.activity_time <= moment:
            return self.activity_time
        for one in reversed(self.latest):
            if one.time <= moment:
                return max(self.create_time, one.time)
        return self.create_time if self.reply_count == len(self.latest) else None


class InFeed(Followed, Protocol):
    """What the reason asks of a topic."""

    @property
    def community_id(self) -> str: ...


def feed_keys(
    community_id: str, space_id: str, tags: Collection[str], author: Author
) -> tuple[str, ...]:
    """By which a published topic is found for those who follow what it is an example of."""
    keys = [space_key(space_id), *(tag_key(community_id, tag) for tag in tags)]
    if author.public_person_id:
        keys.append(person_key(community_id, author.public_person_id))
    if author.company_id:
        keys.append(company_key(community_id, author.company_id))
    return tuple(keys)


def tag_key(community_id: str, tag: str) -> str:
    """Of topics with this tag."""
    return f"tag:{tag}@{community_id}"


def person_key(community_id: str, person_id: str) -> str:
    """Of topics that this person started."""
    return f"person:{person_id}@{community_id}"


def company_key(community_id: str, company_id: str) -> str:
    """Of topics that were started for this company."""
    return f"company:{company_id}@{community_id}"


def topic_key(topic_id: str) -> str:
    """Of one topic, for those who have to do with it itself; no topic is stored with it."""
    return f"topic:{topic_id}"


@value
class Source:
    """Topics of one weight: with one of the keys, or one of the ids, in one of the spaces."""

    doublings: int
    keys: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()


class Wanted:
    """What one person's feed is made of, in all the communities it is asked for."""

    def __init__(
        self,
        person_id: str,
        spaces: Mapping[str, Sequence[str]],
        readers: Mapping[str, Reader],
        replied: Mapping[str, Replied],
        mentioned: Sequence[str] = (),
        of_groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """`spaces` are those the person can read, by community, and `of_groups` those of them that
        are for groups the person is in; `replied` the topics they replied to, as `mentioned` the
        last first.
        """
        self._person_id = person_id
        self._spaces = spaces
        self._chosen = {community: reader.levels() for community, reader in readers.items()}
        self._levels = self._chosen | {
            community: with_groups(self._chosen.get(community, {}), some)
            for community, some in of_groups.items()
            if some
        }
        self._reads = {community: reader.reads for community, reader in readers.items()}
        self._replied = dict(itertools.islice(replied.items(), MOST_REPLIED))
        self._mentioned = dict.fromkeys(mentioned[:MOST_MENTIONED])
        followed = [
            (follow.set_time, follow.target.id)
            for reader in readers.values()
            for follow in reader.follows
            if follow.target.kind is FollowKind.TOPIC and follow.level.follows
        ]
        self._followed = [id_ for _, id_ in sorted(followed, reverse=True)][:MOST_FOLLOWED]

    def sources(self, order: FeedOrder) -> list[Source]:
        """Where to look: by time in one, ranked in one for each weight."""
        readable = tuple(space for some in self._spaces.values() for space in some)
        keyed: list[tuple[int, str, tuple[str, ...]]] = []
        for community, spaces in self._spaces.items():
            own = person_key(community, self._person_id)
            keyed.append((DOUBLINGS[Reason.OWN_TOPIC], own, readable))
            opened = frozenset(spaces)
            for target, level in self._levels.get(community, {}).items():
                if level.follows and (found := _key_of(community, target, opened)) is not None:
                    reason, key, only = found
                    keyed.append((DOUBLINGS[reason], key, (only,) if only else readable))
        near = DOUBLINGS[Reason.FOLLOWED_TOPIC]  # that of what one replied to as well
        listed = [
            (DOUBLINGS[Reason.MENTION], list(self._mentioned)),
            (near, [*self._followed, *self._replied]),
        ]
        if order is FeedOrder.LATEST:
            keyed = [(0, key, where) for _, key, where in keyed]
            listed = [(0, [id_ for _, ids in listed for id_ in ids])]
        keys: dict[tuple[int, tuple[str, ...]], dict[str, None]] = {}
        for doublings, key, where in keyed:
            keys.setdefault((doublings, where), {})[key] = None
        sources = [
            Source(doublings, keys=tuple(some), spaces=where)
            for (doublings, where), some in keys.items()
        ]
        for doublings, ids in listed:
            if ids:
                some = tuple(dict.fromkeys(ids))
                sources.append(Source(doublings, ids=some, spaces=readable))
        return sources if readable else []

    def keys(self) -> list[str]:
        """Of which a topic has at least one that is in the feed, or may be when a wall moves.

        Beside those of the groups the person is in.
        """
        found: dict[str, None] = {}
        for community in self._spaces:
            found[person_key(community, self._person_id)] = None
            for target, level in self._chosen.get(community, {}).items():
                anywhere = (target.named_space_id,)
                if level.follows and (key := _key_of(community, target, anywhere)) is not None:
                    found[key[1]] = None
        listed = (*self._mentioned, *self._followed, *self._replied)
        found.update(dict.fromkeys(map(topic_key, listed)))
        return list(found)

    def reason(self, topic: InFeed) -> Reason | None:
        """Why the topic is in the feed; None: it is not."""
        levels = self._levels.get(topic.community_id, {})
        replied = topic.id in self._replied
        level = level_of(topic, self._person_id, levels, replied=replied)
        if level is FollowLevel.MUTED:
            return None
        if topic.id in self._mentioned:
            return Reason.MENTION
        if not level.follows:
            return None
        if topic.author.person_id == self._person_id:
            return Reason.OWN_TOPIC
        if topic.id in self._followed:
            return Reason.FOLLOWED_TOPIC
        if replied:
            return Reason.REPLIED_TOPIC
        nearest = _nearest(topic, levels)
        space = Target(FollowKind.SPACE, topic.space_id)
        if nearest is Reason.FOLLOWED_SPACE and space not in self._chosen.get(
            topic.community_id, {}
        ):
            return Reason.GROUP
        return nearest

    def read_until(self, moment: datetime) -> datetime | None:
        """Up to when everything was read then, in all the communities; None: not in all."""
        found = [latest_until(self._reads.get(one, ()), "", at=moment) for one in self._spaces]
        read = [until for until in found if until is not None]
        return min(read) if read and len(read) == len(found) else None

    def unread_at(self, topic: Glimpse, mark: ReadMark | None, moment: datetime) -> bool:
        """Whether something of it was unread then: as the ranking takes it, and keeps it."""
        reads = self._reads.get(topic.community_id, ())
        place = read_place(topic, mark, self._replied.get(topic.id), reads, moment)
        if place is None and topic.author.person_id != self._person_id:
            return True
        recent = [one for one in topic.latest if one.time <= moment][-RECENT:]
        return any(
            one.author.person_id != self._person_id and (place is None or place_of(one) > place)
            for one in recent
        )


def rank(activity: datetime, doublings: int) -> int:
    """The moment that tells the score, in milliseconds."""
    return (activity + doublings * HALF_LIFE - _EPOCH) // _MILLISECOND


def activity_of(rank: int, doublings: int) -> datetime:
    """Which activity has this rank, at this weight; none is before 1970, none out of bounds."""
    try:
        return max(_EPOCH, _EPOCH + rank * _MILLISECOND - doublings * HALF_LIFE)
    except OverflowError:
        return _END if rank > 0 else _EPOCH


def _key_of(
    community_id: str, target: Target, spaces: Collection[str]
) -> tuple[Reason, str, str] | None:
    """Reason, key, and the only space where it counts; None: one cannot see it, or it has an id."""
    match target.kind:
        case FollowKind.SPACE if target.id in spaces:
            return Reason.FOLLOWED_SPACE, space_key(target.id), ""
        case FollowKind.TAG if not target.space_id or target.space_id in spaces:
            return Reason.FOLLOWED_TAG, tag_key(community_id, target.id), target.space_id
        case FollowKind.PERSON:
            return Reason.FOLLOWED_PERSON, person_key(community_id, target.id), ""
        case FollowKind.COMPANY:
            return Reason.FOLLOWED_COMPANY, company_key(community_id, target.id), ""
    return None


def _nearest(topic: InFeed, levels: Mapping[Target, FollowLevel]) -> Reason:
    def follows(kind: FollowKind, id_: str, space_id: str = "") -> bool:
        level = levels.get(Target(kind, id_, space_id))
        return level is not None and level.follows

    if any(
        follows(FollowKind.TAG, tag) or follows(FollowKind.TAG, tag, topic.space_id)
        for tag in topic.tags
    ):
        return Reason.FOLLOWED_TAG
    if follows(FollowKind.PERSON, topic.author.public_person_id):
        return Reason.FOLLOWED_PERSON
    if follows(FollowKind.COMPANY, topic.author.company_id):
        return Reason.FOLLOWED_COMPANY
    return Reason.FOLLOWED_SPACE
