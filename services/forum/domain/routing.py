"""Who could know the answer to a question: whom to ask, how often, and whom not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chassis.errors import NotFoundError

ROUTED_AFTER = timedelta(hours=4)  # without a reply
ROUTED_WITHIN = timedelta(days=7)  # older ones are left: nobody waits any more
MOST_ASKED = 3  # of one question
_WEEK, MOST_A_WEEK = timedelta(days=7), 2  # of one person
_KEPT = 50
_HALF_LIFE = timedelta(days=180)  # an answer given that long ago counts half
# Of a tag that an answer given now shares. Of the five tags that a question may have, five are half
# of one: who has answered within half a year comes first, whatever the companies say of themselves.
_CAPABILITY = 0.1
_NEVER = datetime.min.replace(tzinfo=UTC)


class AskNotFoundError(NotFoundError):
    """One is not asked about such a topic."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One person was asked about one question."""

    topic_id: str
    time: datetime
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Expert:
    """Somebody who may be asked in a community, with what they were asked last, oldest first."""

    id: str
    community_id: str
    person_id: str
    opted_out: bool = False
    asks: tuple[Ask, ...] = ()

    @property
    def last_asked(self) -> datetime:
        """When, long ago where that was never."""
        return self.asks[-1].time if self.asks else _NEVER

    def may_be_asked(self, topic_id: str, now: datetime) -> bool:
        """Not against their will, not twice the same, not more than twice in a week."""
        recent = [ask for ask in self.asks if now - ask.time < _WEEK]
        known = any(ask.topic_id == topic_id for ask in self.asks)
        return not (self.opted_out or known) and len(recent) < MOST_A_WEEK

    def ask(self, topic_id: str, now: datetime) -> Expert:
        """One ask more; the same where that may not be."""
        if not self.may_be_asked(topic_id, now):
            return self
        return replace(self, asks=(*self.asks, Ask(topic_id, now))[-_KEPT:])

    def prefer(self, *, opted_out: bool) -> Expert:
        """As they want it from now on; what they were asked stays."""
        return replace(self, opted_out=opted_out)

    def decline(self, topic_id: str) -> Expert:
        """Refuses with ASK_NOT_FOUND."""
        if not any(ask.topic_id == topic_id for ask in self.asks):
            raise AskNotFoundError(field="topic_id")
        asks = tuple(
            replace(ask, declined=True) if ask.topic_id == topic_id else ask for ask in self.asks
        )
        return replace(self, asks=asks)


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An accepted reply to a question that has tags in common with the one to be routed."""

    person_id: str
    time: datetime
    shared_tags: int


@dataclass(frozen=True, slots=True)
class Capable:
    """Somebody whose company says that it can do some of what a question is tagged with."""

    person_id: str
    shared_capabilities: int


def ranked(
    answers: Sequence[GivenAnswer],
    capable: Sequence[Capable],
    experts: Mapping[str, Expert],
    now: datetime,
) -> list[str]:
    """Who gave them and who is capable, the likeliest to know first.

    Each answer counts as many tags as it shares, halved for every 180 days since it was given; each
    capability a tenth of a tag. Of equals, who was asked least recently, as far as the experts say.
    """
    scores: dict[str, float] = defaultdict(float)
    for answer in answers:
        age = max(now - answer.time, timedelta())
        scores[answer.person_id] += answer.shared_tags * 0.5 ** (age / _HALF_LIFE)
    for one in capable:
        scores[one.person_id] += _CAPABILITY * one.shared_capabilities

    def place(person_id: str) -> tuple[float, datetime, str]:
        expert = experts.get(person_id)
        return -scores[person_id], expert.last_asked if expert else _NEVER, person_id

    return sorted(scores, key=place)
