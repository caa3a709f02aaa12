"""Who could know the answer to a question: whom to ask, how often, and whom not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chassis.errors import (
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
)
from services.forum.domain.members import Member
from services.forum.domain.topics import NotAQuestionError, Topic, TopicKind, TopicStateInvalidError

ROUTED_AFTER = timedelta(hours=4)  # without a reply
ROUTED_WITHIN = timedelta(days=7)  # older ones are left: nobody waits any more
MOST_ASKED = 3  # people who are waited for at once, of one question
MOST_EVER_ASKED = 9  # of it: what nine people know nothing of is no question for people
# Until the next ones are asked: long enough for a day off, short enough for three rounds while the
# question is routed.
WAITED_FOR = timedelta(days=2)
_WEEK, MOST_A_WEEK = timedelta(days=7), 2  # of one person
_KEPT = 50
_DAY, MOST_INVITATIONS = timedelta(days=1), 10  # by one person
_HALF_LIFE = timedelta(days=180)  # an answer given that long ago counts half
# Of a tag that an answer given now shares. Of the five tags that a question may have, five are half
# of one: who has answered within half a year comes first, whatever the companies say of themselves.
_CAPABILITY = 0.1
_NEVER = datetime.min.replace(tzinfo=UTC)


class AskNotFoundError(NotFoundError):
    """One is not asked about such a topic."""


class AskNotPossibleError(FailedPreconditionError):
    """The person does not want to be asked, or was asked often enough: which, nobody is told."""


class InvitingNotAllowedError(PermissionDeniedError):
    """It takes the trust level MEMBER, or to be a moderator."""


class InviteLimitReachedError(ResourceExhaustedError):
    """So many invitations a day; `retry_after` says when more."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One person was asked about one question."""

    topic_id: str
    time: datetime
    declined: bool = False
    inviter_id: str = ""  # empty: they could know

    def waited_for(self, now: datetime) -> bool:
        """They may still answer, before others are asked in their place."""
        return not self.declined and now - self.time < WAITED_FOR


@dataclass(frozen=True, slots=True)
class Expert:
    """Somebody in a community: what they were asked, when they invited others; oldest first."""

    id: str
    community_id: str
    person_id: str
    opted_out: bool = False
    asks: tuple[Ask, ...] = ()
    invitations: tuple[datetime, ...] = ()

    @property
    def last_asked(self) -> datetime:
        """When, long ago where that was never."""
        return self.asks[-1].time if self.asks else _NEVER

    def may_be_asked(self, topic_id: str, now: datetime) -> bool:
        """Not against their will, not twice the same, not more than twice in a week."""
        recent = [ask for ask in self.asks if now - ask.time < _WEEK]
        return not (self.opted_out or self.was_asked(topic_id)) and len(recent) < MOST_A_WEEK

    def was_asked(self, topic_id: str) -> bool:
        """Whatever they said to it."""
        return any(ask.topic_id == topic_id for ask in self.asks)

    def ask(self, topic_id: str, now: datetime, inviter_id: str = "") -> Expert:
        """One ask more; the same where that may not be."""
        if not self.may_be_asked(topic_id, now):
            return self
        new = Ask(topic_id, now, inviter_id=inviter_id)
        return replace(self, asks=(*self.asks, new)[-_KEPT:])

    def invite(self, now: datetime) -> Expert:
        """One invitation more to somebody else. Refuses with INVITE_LIMIT_REACHED."""
        recent = tuple(time for time in self.invitations if now - time < _DAY)
        if len(recent) >= MOST_INVITATIONS:
            wait = recent[-MOST_INVITATIONS] + _DAY - now
            raise InviteLimitReachedError(
                f"{MOST_INVITATIONS} invitations in 24 hours", retry_after=wait.total_seconds()
            )
        return replace(self, invitations=(*recent, now))

    def prefer(self, *, opted_out: bool) -> Expert:
        """As they want it from now on; what they were asked stays."""
        return replace(self, opted_out=opted_out)

    def decline(self, topic_id: str) -> Expert:
        """Refuses with ASK_NOT_FOUND."""
        if not self.was_asked(topic_id):
            raise AskNotFoundError(field="topic_id")
        asks = tuple(
            replace(ask, declined=True) if ask.topic_id == topic_id else ask for ask in self.asks
        )
        return replace(self, asks=asks)


def waits(topic: Topic, now: datetime) -> bool:
    """Whether it is brought before people: open, without a reply, for a while and not for long."""
    return topic.unreplied and ROUTED_AFTER <= now - topic.create_time <= ROUTED_WITHIN


def places(asks: Collection[Ask], now: datetime) -> int:
    """How many people more may be asked about the question of these asks."""
    waiting = sum(ask.waited_for(now) for ask in asks)
    return max(min(MOST_ASKED - waiting, MOST_EVER_ASKED - len(asks)), 0)


def next_round(topic: Topic, asks: Collection[Ask], now: datetime) -> datetime | None:
    """When places are free again, if nobody declines; None: nobody more is asked."""
    if len(asks) >= MOST_EVER_ASKED:
        return None
    free = [ask.time + WAITED_FOR for ask in asks if ask.waited_for(now)]
    return min([*free, now + WAITED_FOR, topic.create_time + ROUTED_WITHIN])


def require_inviter(member: Member) -> None:
    """Refuses with INVITING_NOT_ALLOWED."""
    if not member.trusted:
        raise InvitingNotAllowedError


def check_invitation(topic: Topic, member: Member, person_id: str) -> None:
    """Refuses with NOT_A_QUESTION, TOPIC_STATE_INVALID, ASK_NOT_POSSIBLE.

    Who wrote in a company's name is invited as anybody is, lest a refusal tell who that was.
    """
    if topic.kind is not TopicKind.QUESTION:
        raise NotAQuestionError(field="topic_id")
    if not topic.unanswered:
        raise TopicStateInvalidError("it is not open, or has its answer", field="topic_id")
    author = topic.author
    asks_it = author.person_id == person_id and author.known_to(topic.community_id, member.keyring)
    if asks_it or person_id == member.person_id:
        raise AskNotPossibleError(field="person_id")


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An accepted reply to a question that has tags in common with the one to be routed.

    Of one without tags, to a question of its space: that counts as a shared tag.
    """

    person_id: str
    time: datetime
    shared_tags: int


@dataclass(frozen=True, slots=True)
class Round:
    """The job's note: when a question is brought before others."""

    community_id: str
    topic_id: str
    time: datetime


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
