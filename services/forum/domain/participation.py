"""Votes and reactions: what one may say of another's post without words, and how often a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import (
    AbortedError,
    FailedPreconditionError,
    FieldInvalidError,
    ResourceExhaustedError,
)
from services.forum.domain.kinds import KindAction, allows
from services.forum.domain.members import Member
from services.forum.domain.references import PostRef
from services.forum.domain.replies import Reply, ReplyStateInvalidError
from services.forum.domain.topics import Topic, TopicState, TopicStateInvalidError

_DAY = timedelta(days=1)
_TAKES_PART = frozenset({TopicState.PUBLISHED, TopicState.CLOSED})


class OwnPostError(FailedPreconditionError):
    """One votes for what others wrote, and reacts to that."""


class VoteNotAllowedError(FailedPreconditionError):
    """Topics of this kind take no votes, or this space takes none against."""


class VoteLimitReachedError(ResourceExhaustedError):
    """So many votes a day, and so many for what one person wrote; `retry_after` says when more."""


class ReactionLimitReachedError(ResourceExhaustedError):
    """So many reactions a day; `retry_after` says when more."""


class ReactedAtOnceError(AbortedError):
    """Two reactions of one person were decided at once, as with votes."""


class VotedAtOnceError(AbortedError):
    """Two votes of one person were decided at once: each stands on what the other knew not."""


class VoteValue(StrEnum):
    """For or against."""

    UP = "UP"
    DOWN = "DOWN"

    @property
    def points(self) -> int:
        """What it adds to the score."""
        return 1 if self is VoteValue.UP else -1


class ReactionKind(StrEnum):
    """What one may say by a click; the same in every community, so that counts mean one thing."""

    THANKS = "THANKS"
    HELPFUL = "HELPFUL"
    AGREE = "AGREE"
    INSIGHTFUL = "INSIGHTFUL"
    CELEBRATE = "CELEBRATE"


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person says of one post; without a value it was taken back.

    `number` counts the votes a person casts in a community: of two that are decided at once, in
    whatever replica, only one is stored.
    """

    post: PostRef
    person_id: str
    author_id: str  # whose post it is; empty: an imported persona's
    value: VoteValue | None
    time: datetime
    number: int


# After NodeBB's defaults, and Discourse's factors for those who are trusted more.
_A_DAY: Mapping[VoteValue, int] = {VoteValue.UP: 20, VoteValue.DOWN: 10}
_A_DAY_FOR_ONE: Mapping[VoteValue, int] = {VoteValue.UP: 6, VoteValue.DOWN: 3}
VOTE_FACTORS: Mapping[int, float] = {NEW: 1, BASIC: 1, TRUSTED_MEMBER: 1.5, REGULAR: 2, LEADER: 3}
LEAST_FACTOR, MOST_FACTOR = 0.5, 10  # of three votes for one author, half is one


@dataclass(frozen=True, slots=True)
class Voter:
    """How a person has voted in one community within a day, as far as it stands."""

    number: int = 0  # of their last vote
    votes: tuple[Vote, ...] = ()  # oldest first

    def cast(
        self,
        member: Member,
        factors: Mapping[int, float],
        post: PostRef,
        author_id: str,
        value: VoteValue,
        now: datetime,
    ) -> Vote:
        """One vote more, in place of one for the same post. Refuses with VOTE_LIMIT_REACHED."""
        factor = factors[member.known_level]
        alike = [
            vote
            for vote in self.votes
            if vote.value is value and vote.post.id != post.id and now - vote.time < _DAY
        ]
        _check(alike, int(_A_DAY[value] * factor), now, "")
        if author_id:
            for_one = [vote for vote in alike if vote.author_id == author_id]
            _check(for_one, int(_A_DAY_FOR_ONE[value] * factor), now, " for one author")
        return Vote(post, member.person_id, author_id, value, now, self.number + 1)


# Discourse's likes a day, with the factors of votes; it allows NEW as many as BASIC.
REACTION_LIMITS: Mapping[int, int] = {
    NEW: 50,
    BASIC: 50,
    TRUSTED_MEMBER: 75,
    REGULAR: 100,
    LEADER: 150,
}
MOST_REACTIONS_A_DAY = 1000


@dataclass(frozen=True, slots=True)
class Reactor:
    """How a person has reacted in one community lately: each time, whatever was taken back since.

    `number` counts the times: two that are decided at once get the same and only one is stored.
    """

    number: int = 0
    time: datetime | None = None  # of that with which a day is full; None: there are not so many

    def react(self, most: int, now: datetime) -> int:
        """The number of one reaction more. Refuses with REACTION_LIMIT_REACHED."""
        if self.time is not None and now - self.time < _DAY:
            wait = self.time + _DAY - now
            raise ReactionLimitReachedError(
                f"{most} reactions in 24 hours", retry_after=wait.total_seconds()
            )
        return self.number + 1


def check_reaction_limit(a_day: int, field: str) -> int:
    """Refuses with FIELD_INVALID."""
    if not 1 <= a_day <= MOST_REACTIONS_A_DAY:
        at = f"{field}.reactions_per_day"
        raise FieldInvalidError(f"{at} must be 1 to {MOST_REACTIONS_A_DAY}", field=at)
    return a_day


def check_vote_factor(factor: float, field: str) -> float:
    """Refuses with FIELD_INVALID."""
    if not LEAST_FACTOR <= factor <= MOST_FACTOR:
        raise FieldInvalidError(f"{field} must be {LEAST_FACTOR} to {MOST_FACTOR}", field=field)
    return factor


def since(now: datetime) -> datetime:
    """Votes from before count no more."""
    return now - _DAY


def _check(votes: list[Vote], most: int, now: datetime, whose: str) -> None:
    if len(votes) >= most:
        wait = votes[-most].time + _DAY - now
        raise VoteLimitReachedError(
            f"{most} such votes{whose} in 24 hours", retry_after=wait.total_seconds()
        )


def check_takes_part(topic: Topic, reply: Reply | None) -> None:
    """Of a post one can see. Refuses with TOPIC_STATE_INVALID, REPLY_STATE_INVALID."""
    if topic.state not in _TAKES_PART:
        raise TopicStateInvalidError(f"a topic that is {topic.state} stays as it is")
    if reply is not None and not reply.published:
        raise ReplyStateInvalidError(f"a reply that is {reply.state} stays as it is")


def check_not_carried(topic: Topic, reply: Reply | None) -> None:
    """Votes for a topic go where its replies went. Refuses with TOPIC_STATE_INVALID."""
    if reply is None and topic.moved_to_id:
        raise TopicStateInvalidError("its votes are those of the topic that has its replies")


@dataclass(frozen=True, slots=True)
class CarriedVotes:
    """Votes for one topic that are votes for another, and both topics afterwards."""

    source: Topic
    target: Topic
    votes: tuple[Vote, ...]  # taken back here, cast there


def carries_votes(source: Topic, target: Topic) -> bool:
    """Whether both are of kinds that take votes."""
    return allows(source.kind, KindAction.VOTE) and allows(target.kind, KindAction.VOTE)


def carry_votes(
    source: Topic, target: Topic, votes: Iterable[tuple[Vote, Vote | None, int]]
) -> CarriedVotes:
    """Each with what the person said of the target, and their next number.

    Who voted there already keeps that vote, and nobody votes for what is their own.
    """
    changed = []
    for vote, there, number in votes:
        if vote.value is None:
            continue
        points = vote.value.points
        source = replace(source, score=source.score - points)
        changed.append(replace(vote, value=None))
        voted = there is not None and there.value is not None
        if not voted and vote.person_id != target.author.person_id:
            target = replace(target, score=target.score + points)
            author_id = target.author.person_id
            post = PostRef(target.id)
            changed.append(replace(vote, post=post, author_id=author_id, number=number))
    return CarriedVotes(source, target, tuple(changed))


def check_not_own(member: Member, post: Topic | Reply) -> None:
    """Refuses with OWN_POST."""
    if member.wrote(post.author):
        raise OwnPostError


def check_takes_vote(topic: Topic, reply: Reply | None, value: VoteValue, *, down: bool) -> None:
    """`down`: the space takes votes against. Refuses with VOTE_NOT_ALLOWED."""
    if reply is None and not allows(topic.kind, KindAction.VOTE):
        raise VoteNotAllowedError(f"a {topic.kind} takes no votes; its replies do")
    if value is VoteValue.DOWN and not down:
        raise VoteNotAllowedError("this space takes no votes against", field="value")


@dataclass(frozen=True, slots=True)
class Reactions:
    """How many reacted to one post, by kind: an aggregate of its own.

    Clicks on a popular post wait for each other, not for those who write in its topic.
    """

    post: PostRef
    counts: Mapping[ReactionKind, int]

    def changed(self, kind: ReactionKind, step: int) -> Reactions:
        """One more or one less of a kind."""
        counts = {**self.counts, kind: self.counts.get(kind, 0) + step}
        return replace(self, counts={one: counts[one] for one in ReactionKind if counts.get(one)})


@dataclass(frozen=True, slots=True)
class Reaction:
    """All that one person said of one post."""

    post: PostRef
    person_id: str
    kinds: tuple[ReactionKind, ...]

    def having(self, kind: ReactionKind) -> Reaction:
        """With this kind as well."""
        return replace(self, kinds=tuple(one for one in ReactionKind if one in (*self.kinds, kind)))

    def lacking(self, kind: ReactionKind) -> Reaction:
        """Without this kind."""
        return replace(self, kinds=tuple(one for one in self.kinds if one is not kind))


@dataclass(frozen=True, slots=True)
class Participation:
    """What is said of one post, and what of it by who asks."""

    post: PostRef
    reactions: Mapping[ReactionKind, int]
    viewer_reactions: tuple[ReactionKind, ...]
    viewer_vote: VoteValue | None
