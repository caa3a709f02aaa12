"""How far somebody has read: a place in a topic, and moments up to which all is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Protocol

from chassis.values import value
from services.forum.domain.topics import LatestReply, Topic

MOST_UNREAD = 100  # counted; it stands for 99+
# Behind whatever was written at that moment: ids are of digits and small letters.
LAST_ID = "~"


class Place(NamedTuple):
    """Where a reply stands in its topic; the topic's own text comes before all with id ""."""

    time: datetime
    id: str


class Readable(Protocol):
    """What a place asks of a topic."""

    @property
    def space_id(self) -> str: ...
    @property
    def create_time(self) -> datetime: ...


@value
class ReadMark:
    """Up to where a person has read a topic."""

    id: str
    community_id: str
    person_id: str
    topic_id: str
    place: Place
    set_time: datetime
    former: Place | None = None  # up to where it was before, for a feed that began then

    def read_to(self, place: Place, now: datetime) -> ReadMark:
        """Never back."""
        if place <= self.place:
            return self
        return replace(self, place=place, set_time=now, former=self.place)

    def at(self, moment: datetime | None) -> Place | None:
        """Up to where it was at that moment; None for the moment: now."""
        return self.place if moment is None or self.set_time <= moment else self.former


@value
class ReadUntil:
    """All of a space (or of the community: no id) is read up to a moment."""

    space_id: str
    until: datetime
    set_time: datetime
    former: datetime | None = None  # up to when it was before, for a feed that began then

    def at(self, moment: datetime | None) -> datetime | None:
        """Up to when it was at that moment; None: now."""
        return self.until if moment is None or self.set_time <= moment else self.former


class Replied(NamedTuple):
    """When somebody last replied in a topic, which they had read by then."""

    time: datetime
    former: datetime | None = None  # the time before, for a feed that began then

    def at(self, moment: datetime | None) -> Place | None:
        """Up to where they had read at that moment; None for the moment: now."""
        time = self.time if moment is None or self.time <= moment else self.former
        return Place(time, LAST_ID) if time and (moment is None or time <= moment) else None


def latest_until(
    reads: Sequence[ReadUntil], *space_ids: str, at: datetime | None = None
) -> datetime | None:
    """The latest moment up to which one of these is read."""
    found = [one.at(at) for one in reads if one.space_id in space_ids]
    return max((until for until in found if until is not None), default=None)


def read_place(
    topic: Readable,
    mark: ReadMark | None,
    replied: Replied | None,
    reads: Sequence[ReadUntil],
    at: datetime | None = None,
) -> Place | None:
    """Up to where a topic is read, or was at that moment; None: it was never opened."""
    until = latest_until(reads, "", topic.space_id, at=at) if reads else None
    read = Place(until, LAST_ID) if until is not None and until >= topic.create_time else None
    for one in (mark, replied):
        place = one.at(at) if one is not None else None
        if place is not None and (read is None or place > read):
            read = place
    return read


def place_of(reply: LatestReply) -> Place:
    """Where one of the latest replies stands."""
    return Place(reply.time, reply.id)


def last_place(topic: Topic) -> Place:
    """The end of a topic."""
    return place_of(topic.latest[-1]) if topic.latest else Place(topic.create_time, "")


def known_unread(topic: Topic, place: Place | None) -> int | None:
    """How many replies stand behind the place, if the topic itself remembers so many.

    None: they have to be counted. None of them is one's own: whoever replies has read up to there.
    """
    if place is None:
        return min(topic.reply_count, MOST_UNREAD)
    kept = topic.latest
    if len(kept) == topic.reply_count or (kept and place >= place_of(kept[0])):
        return sum(1 for one in kept if place_of(one) > place)
    return None
