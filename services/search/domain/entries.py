"""What can be found: entries of the index, and the walls of what most of them are in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What an entry is of."""

    TOPIC = "TOPIC"
    REPLY = "REPLY"
    MEMBER = "MEMBER"
    COMPANY = "COMPANY"
    SPACE = "SPACE"
    ANNOUNCEMENT = "ANNOUNCEMENT"


class TopicKind(StrEnum):
    """What a topic is for, as the forum says."""

    QUESTION = "QUESTION"
    DISCUSSION = "DISCUSSION"
    ARTICLE = "ARTICLE"
    IDEA = "IDEA"


class TopicState(StrEnum):
    """Where a topic is in its life, as the forum says: what all its readers see."""

    PUBLISHED = "PUBLISHED"
    CLOSED = "CLOSED"
    ARCHIVED = "ARCHIVED"


_OF_SPACES, _OF_CHANNELS = "space:", "channel:"


def space_key(space_id: str) -> str:
    """The key that whoever can read a space holds; what is in the space stores this one only."""
    return f"{_OF_SPACES}{space_id}"


def channel_key(channel_id: str) -> str:
    """The key that whoever can read a channel holds; what is in it asks for its rule's as well."""
    return f"{_OF_CHANNELS}{channel_id}"


def is_channel_key(key: str) -> bool:
    """Whether it opens a channel, and so nothing without the keys of a rule."""
    return key.startswith(_OF_CHANNELS)


def is_own_key(key: str) -> bool:
    """Whether it is of the person's keyring: no rule asks for others."""
    return not key.startswith((_OF_SPACES, _OF_CHANNELS))


# The lists of an announcement's rule: its reader holds a key of each.
RULE_FIELDS = ("tier_keys", "company_keys", "role_keys", "locale_keys", "territory_keys")


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom of a channel's readers an announcement is for, in the order of RULE_FIELDS; and from
    when it is out on every clock.
    """

    keys: tuple[tuple[str, ...], ...]
    visible_time: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Which object of which community."""

    kind: Kind
    community_id: str
    id: str

    @property
    def key(self) -> str:
        """The same object has one key for ever: a person is a member of several communities."""
        return f"{self.kind}|{self.community_id}|{self.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as it can be found. A reply carries its topic's tags, kind and state, for filters
    only.
    """

    place: Place
    read_keys: tuple[str, ...]
    time: datetime
    source_version: int  # the object's own, for people who compare
    title: str = ""  # of a topic or announcement
    name: str = ""  # of a member, company or space
    body: str = ""  # plain text
    tags: tuple[str, ...] = ()
    author_id: str = ""
    space_id: str = ""
    topic_id: str = ""
    topic_kind: TopicKind | None = None
    topic_state: TopicState | None = None
    unanswered: bool = False
    outdated: bool = (
        False  # somebody said until when it is right, or is looked at, and that is over
    )
    rule: Rule | None = None  # of an announcement


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Nobody can find this now. It keeps no text, and keeps older writes from bringing it back."""

    place: Place
    source_version: int = 0


@dataclass(frozen=True, slots=True)
class Wall:
    """Who can read a space or a channel; no keys: nobody."""

    id: str
    community_id: str
    read_keys: tuple[str, ...]
