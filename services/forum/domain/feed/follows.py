"""What a person follows in a community and how much they want to hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from chassis.errors import InvalidArgumentError, ResourceExhaustedError
from chassis.values import value
from services.forum.domain.feed.reads import ReadUntil, latest_until
from services.forum.domain.members import Author

MOST_FOLLOWS = 1000  # of a person in a community


class FollowLevelInvalidError(InvalidArgumentError):
    """The level is none, or none of a topic's."""


class TooManyFollowsError(ResourceExhaustedError):
    """A person follows at most 1000 things in a community."""


class FollowLevel(StrEnum):
    """How much one wants to hear."""

    MUTED = "MUTED"
    NORMAL = "NORMAL"
    TRACKING = "TRACKING"
    WATCHING = "WATCHING"
    WATCHING_FIRST = "WATCHING_FIRST"

    @property
    def follows(self) -> bool:
        """It brings things into the feed."""
        return _STRENGTH[self] > _STRENGTH[FollowLevel.NORMAL]


# Of an existing topic, "first" says less than TRACKING.
_STRENGTH = {
    FollowLevel.MUTED: 0,
    FollowLevel.NORMAL: 1,
    FollowLevel.WATCHING_FIRST: 2,
    FollowLevel.TRACKING: 3,
    FollowLevel.WATCHING: 4,
}


class FollowKind(StrEnum):
    """What can be followed."""

    SPACE = "SPACE"
    TOPIC = "TOPIC"
    TAG = "TAG"
    PERSON = "PERSON"
    COMPANY = "COMPANY"

    __hash__ = str.__hash__  # an enum's own is not C's, and a page of the feed hashes hundreds


class Target(NamedTuple):
    """One thing that can be followed: its id, or the tag; a tag perhaps in one space only."""

    kind: FollowKind
    id: str
    space_id: str = ""

    @property
    def named_space_id(self) -> str:
        """The space that it is, or is in; empty: none."""
        return self.id if self.kind is FollowKind.SPACE else self.space_id

    def check_level(self, level: FollowLevel | None) -> None:
        """Refuses with FOLLOW_LEVEL_INVALID."""
        if self.kind is FollowKind.TOPIC and level is FollowLevel.WATCHING_FIRST:
            raise FollowLevelInvalidError("a topic has no first one", field="level")


@value
class Follow:
    """A level that somebody chose."""

    target: Target
    level: FollowLevel
    set_time: datetime


@value
class Reader:
    """A person in a community: what they follow, and up to when they have read all of it."""

    id: str
    community_id: str
    person_id: str
    follows: tuple[Follow, ...] = ()  # the last one set comes last
    reads: tuple[ReadUntil, ...] = ()

    def set(self, target: Target, level: FollowLevel | None, now: datetime) -> Reader:
        """At this level from now on; None: by default. Refuses with TOO_MANY_FOLLOWS."""
        if self.level(target) is level:
            return self
        kept = tuple(one for one in self.follows if one.target != target)
        if level is None:
            return replace(self, follows=kept)
        if len(kept) >= MOST_FOLLOWS:
            raise TooManyFollowsError
        return replace(self, follows=(*kept, Follow(target, level, now)))

    def carry(self, former: Target, target: Target, *, own: bool) -> Reader:
        """Who follows the one follows the other, in its place; what was chosen for the other stays,
        and so does what holds for one's own. What was chosen to hear less of the one stays there.
        """
        level = self.level(former)
        if level is None or not level.follows:
            return self
        chosen = own or self.level(target) is not None
        follows = tuple(
            replace(one, target=target) if one.target == former else one
            for one in self.follows
            if one.target != former or not chosen
        )
        return replace(self, follows=follows)

    def level(self, target: Target) -> FollowLevel | None:
        """What was chosen for exactly this."""
        return next((one.level for one in self.follows if one.target == target), None)

    def levels(self) -> dict[Target, FollowLevel]:
        """All that was chosen."""
        return {one.target: one.level for one in self.follows}

    def read_all(self, space_id: str, until: datetime, now: datetime) -> Reader:
        """All of a space, or of the community, is read up to then; never back."""
        former = latest_until(self.reads, space_id)
        if former is not None and until <= former:
            return self
        kept = tuple(one for one in self.reads if one.space_id != space_id)
        return replace(self, reads=(*kept, ReadUntil(space_id, until, now, former)))


def with_groups(
    chosen: Mapping[Target, FollowLevel], space_ids: Iterable[str]
) -> dict[Target, FollowLevel]:
    """And TRACKING for the spaces of one's groups of which nothing was chosen."""
    return {
        **{Target(FollowKind.SPACE, id_): FollowLevel.TRACKING for id_ in space_ids},
        **chosen,
    }


class Followed(Protocol):
    """What a level asks of a topic."""

    @property
    def id(self) -> str: ...
    @property
    def space_id(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def author(self) -> Author: ...


def level_of(
    topic: Followed, person_id: str, levels: Mapping[Target, FollowLevel], *, replied: bool
) -> FollowLevel:
    """What holds for a topic: the nearest to it that says something.

    Its own level; that of one's own topics and of those one replied to; then what its tags, author,
    company and space say: MUTED if one does, else the most that one does.
    """
    if (own := levels.get(Target(FollowKind.TOPIC, topic.id))) is not None:
        return own
    if topic.author.person_id == person_id:
        return FollowLevel.WATCHING
    if replied:
        return FollowLevel.TRACKING
    return _strongest(levels[one] for one in targets_of(topic) if one in levels)


def targets_of(topic: Followed) -> list[Target]:
    """What a topic is an example of, beside itself."""
    found = [Target(FollowKind.SPACE, topic.space_id)]
    for tag in topic.tags:
        found += [
            Target(FollowKind.TAG, tag),
            Target(FollowKind.TAG, tag, topic.space_id),
        ]
    if topic.author.person_id:
        found += [
            Target(FollowKind.PERSON, topic.author.person_id),
            Target(FollowKind.COMPANY, topic.author.company_id),
        ]
    return found


def _strongest(levels: Iterable[FollowLevel]) -> FollowLevel:
    found = list(levels)
    if FollowLevel.MUTED in found:
        return FollowLevel.MUTED
    return max(found, key=_STRENGTH.__getitem__, default=FollowLevel.NORMAL)
