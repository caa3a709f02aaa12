"""Votes and reactions by plain calls: what a day allows, and what counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from services.forum.domain.members import Member
from services.forum.domain.participation import (
    REACTION_LIMITS,
    VOTE_FACTORS,
    Reaction,
    ReactionKind,
    ReactionLimitReachedError,
    Reactions,
    Reactor,
    Vote,
    VoteLimitReachedError,
    Voter,
    VoteValue,
)
from services.forum.domain.references import PostRef

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UP, DOWN = VoteValue.UP, VoteValue.DOWN


def member(trust_level: int = BASIC) -> Member:
    return Member("me", "co1", trust_level, False, ())


def votes(count: int, value: VoteValue = UP, author: str = "", hours: float = 1) -> Voter:
    """So many, each for another post and author unless one is named, the first one hours ago."""
    cast = tuple(
        Vote(
            PostRef(f"t{n}"),
            "me",
            author or f"author{n}",
            value,
            NOW - timedelta(hours=hours) + timedelta(seconds=n),
            n + 1,
        )
        for n in range(count)
    )
    return Voter(count, cast)


@pytest.mark.parametrize(
    ("level", "up", "down"),
    [(NEW, 20, 10), (BASIC, 20, 10), (TRUSTED_MEMBER, 30, 15), (REGULAR, 40, 20), (LEADER, 60, 30)],
)
def test_so_many_a_day(level: int, up: int, down: int) -> None:
    post = PostRef("new")
    for value, most in ((UP, up), (DOWN, down)):
        last = votes(most - 1, value).cast(member(level), VOTE_FACTORS, post, "bert", value, NOW)
        assert (last.number, last.value, last.time) == (most, value, NOW)
        with pytest.raises(VoteLimitReachedError) as refusal:
            votes(most, value).cast(member(level), VOTE_FACTORS, post, "bert", value, NOW)
        assert refusal.value.retry_after == 23 * 3600


@pytest.mark.parametrize(("level", "up", "down"), [(BASIC, 6, 3), (TRUSTED_MEMBER, 9, 4)])
def test_so_many_a_day_for_one_author(level: int, up: int, down: int) -> None:
    for value, most in ((UP, up), (DOWN, down)):
        votes(most - 1, value, "bert").cast(
            member(level), VOTE_FACTORS, PostRef("new"), "bert", value, NOW
        )
        full = votes(most, value, "bert")
        full.cast(member(level), VOTE_FACTORS, PostRef("new"), "anna", value, NOW)
        with pytest.raises(VoteLimitReachedError):
            full.cast(member(level), VOTE_FACTORS, PostRef("new"), "bert", value, NOW)


def test_what_does_not_count() -> None:
    votes(20, hours=24).cast(
        member(), VOTE_FACTORS, PostRef("new"), "bert", UP, NOW
    )  # the oldest is a day old
    votes(20).cast(
        member(), VOTE_FACTORS, PostRef("t3"), "author3", UP, NOW
    )  # in place of one of them
    votes(20).cast(member(), VOTE_FACTORS, PostRef("new"), "bert", DOWN, NOW)
    votes(6, UP, "").cast(member(), VOTE_FACTORS, PostRef("new"), "", UP, NOW)


def test_a_community_sets_how_many() -> None:
    factors = {**VOTE_FACTORS, BASIC: 0.5}
    votes(9).cast(member(), factors, PostRef("new"), "bert", UP, NOW)
    with pytest.raises(VoteLimitReachedError, match="10 such votes"):
        votes(10).cast(member(), factors, PostRef("new"), "bert", UP, NOW)
    with pytest.raises(VoteLimitReachedError, match="1 such votes for one author"):
        votes(1, DOWN, "bert").cast(member(), factors, PostRef("new"), "bert", DOWN, NOW)


def test_reactions() -> None:
    post = PostRef("t1", "r1")
    one = Reaction(post, "me", ()).having(ReactionKind.AGREE).having(ReactionKind.THANKS)
    assert one.kinds == (ReactionKind.THANKS, ReactionKind.AGREE)
    assert one.having(ReactionKind.AGREE) == one
    assert one.lacking(ReactionKind.AGREE).kinds == (ReactionKind.THANKS,)
    assert one.lacking(ReactionKind.CELEBRATE) == one
    counts = Reactions(post, {}).changed(ReactionKind.AGREE, 1).changed(ReactionKind.THANKS, 1)
    assert list(counts.counts.items()) == [(ReactionKind.THANKS, 1), (ReactionKind.AGREE, 1)]
    assert counts.changed(ReactionKind.AGREE, -1).counts == {ReactionKind.THANKS: 1}


def test_so_many_reactions_a_day() -> None:
    assert [REACTION_LIMITS[one] for one in (NEW, BASIC, TRUSTED_MEMBER, REGULAR, LEADER)] == [
        50,
        50,
        75,
        100,
        150,
    ]
    assert Reactor().react(50, NOW) == 1
    full = Reactor(70, NOW - timedelta(hours=5))
    with pytest.raises(ReactionLimitReachedError, match="50 reactions in 24 hours") as refusal:
        full.react(50, NOW)
    assert refusal.value.retry_after == 19 * 3600
    assert full.react(50, NOW + timedelta(hours=19)) == 71
