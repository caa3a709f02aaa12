"""Levels, places, reasons and ranks by plain calls."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import FieldInvalidError
from services.forum.domain.feed.bookmarks import (
    Bookmark,
    TooManyBookmarksError,
    check_remind_time,
)
from services.forum.domain.feed.follows import (
    MOST_FOLLOWS,
    Follow,
    FollowKind,
    FollowLevel,
    FollowLevelInvalidError,
    Reader,
    Target,
    TooManyFollowsError,
    level_of,
    with_groups,
)
from services.forum.domain.feed.ranking import (
    DOUBLINGS,
    MOST_FOLLOWED,
    MOST_REPLIED,
    FeedOrder,
    Glimpse,
    Reason,
    Wanted,
    activity_of,
    feed_keys,
    rank,
)
from services.forum.domain.feed.reads import (
    LAST_ID,
    Place,
    ReadMark,
    ReadUntil,
    Replied,
    read_place,
)
from services.forum.domain.members import Author, Persona
from services.forum.domain.topics import LatestReply

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ME, OTHER = Author("me", "co1"), Author("other", "co2")
TRACKING, MUTED, WATCHING = FollowLevel.TRACKING, FollowLevel.MUTED, FollowLevel.WATCHING


def glimpse(
    author: Author = OTHER, replies: int = 0, kept: int = 5, tags: tuple[str, ...] = ("k8s",)
) -> Glimpse:
    """With a reply an hour by somebody else."""
    latest = [LatestReply(f"r{hour}", OTHER, T0 + hour * HOUR) for hour in range(1, replies + 1)]
    return Glimpse(
        "t1", "c1", "s1", author, tags, T0, T0 + replies * HOUR, replies, tuple(latest[-kept:])
    )


def reader(*follows: tuple[Target, FollowLevel], reads: tuple[ReadUntil, ...] = ()) -> Reader:
    return Reader("id", "c1", "me", tuple(Follow(*one, T0) for one in follows), reads)


def wanted(
    own: Reader,
    replied: tuple[str, ...] = (),
    mentioned: tuple[str, ...] = (),
    of_groups: tuple[str, ...] = (),
) -> Wanted:
    times = dict.fromkeys(replied, Replied(T0 + 2 * HOUR))
    return Wanted("me", {"c1": ["s1", "s2"]}, {"c1": own}, times, mentioned, {"c1": of_groups})


SPACE, TAG = Target(FollowKind.SPACE, "s1"), Target(FollowKind.TAG, "k8s")
TOPIC, PERSON = Target(FollowKind.TOPIC, "t1"), Target(FollowKind.PERSON, "other")
COMPANY = Target(FollowKind.COMPANY, "co2")


def test_a_reader_follows_changes_and_gives_up() -> None:
    nobody = reader()
    one = nobody.set(SPACE, TRACKING, T0)
    assert (one.level(SPACE), one.set(SPACE, TRACKING, T0 + HOUR)) == (TRACKING, one)
    two = one.set(TAG, MUTED, T0).set(SPACE, WATCHING, T0 + HOUR)
    assert [follow.target for follow in two.follows] == [TAG, SPACE]
    assert two.set(TAG, None, T0).set(SPACE, None, T0) == nobody
    assert nobody.set(SPACE, None, T0) is nobody
    full = reader(*((Target(FollowKind.TAG, str(n)), TRACKING) for n in range(MOST_FOLLOWS)))
    with pytest.raises(TooManyFollowsError):
        full.set(SPACE, TRACKING, T0)
    with pytest.raises(FollowLevelInvalidError):
        TOPIC.check_level(FollowLevel.WATCHING_FIRST)


def test_a_follow_is_carried_in_its_place_unless_something_else_holds_there() -> None:
    here, there, tag = [Target(FollowKind.TOPIC, one) for one in ("a", "b")] + [
        Target(FollowKind.TAG, "k8s")
    ]
    following = reader((here, WATCHING), (tag, TRACKING))
    assert following.carry(here, there, own=False) == reader((there, WATCHING), (tag, TRACKING))
    assert following.carry(here, there, own=True) == reader((tag, TRACKING))
    for level in (MUTED, FollowLevel.NORMAL, TRACKING):
        both = reader((there, level), (here, WATCHING))
        assert both.carry(here, there, own=False) == reader((there, level))
    for level in (MUTED, FollowLevel.NORMAL):
        less = reader((here, level))
        assert less.carry(here, there, own=False) == less
    assert following.carry(there, here, own=False) == following


def test_the_nearest_level_holds() -> None:
    def level(own: Reader, topic: Glimpse, *, replied: bool = False) -> FollowLevel:
        return level_of(topic, "me", own.levels(), replied=replied)

    topic = glimpse()
    assert level(reader(), topic) is FollowLevel.NORMAL
    assert level(reader(), glimpse(ME)) is WATCHING
    assert level(reader(), topic, replied=True) is TRACKING
    assert level(reader((SPACE, FollowLevel.WATCHING_FIRST), (TAG, TRACKING)), topic) is TRACKING
    assert level(reader((SPACE, WATCHING), (TAG, MUTED)), topic) is MUTED
    assert level(reader((SPACE, MUTED)), glimpse(ME)) is WATCHING
    assert level(reader((TOPIC, MUTED)), glimpse(ME), replied=True) is MUTED
    here, there = (Target(FollowKind.TAG, "k8s", space) for space in ("s1", "s2"))
    assert level(reader((there, TRACKING)), topic) is FollowLevel.NORMAL
    assert level(reader((here, TRACKING)), topic) is TRACKING
    imported = glimpse(Author(persona=Persona("x", "1", "X")))
    assert level(reader((Target(FollowKind.PERSON, ""), TRACKING)), imported) is FollowLevel.NORMAL


def test_the_first_of_several_reasons() -> None:
    topic = glimpse()
    own = reader((SPACE, TRACKING))
    assert wanted(own).reason(topic) is Reason.FOLLOWED_SPACE
    own = own.set(COMPANY, TRACKING, T0)
    assert wanted(own).reason(topic) is Reason.FOLLOWED_COMPANY
    own = own.set(PERSON, TRACKING, T0)
    assert wanted(own).reason(topic) is Reason.FOLLOWED_PERSON
    own = own.set(TAG, TRACKING, T0)
    assert wanted(own).reason(topic) is Reason.FOLLOWED_TAG
    assert wanted(own, ("t1",)).reason(topic) is Reason.REPLIED_TOPIC
    own = own.set(TOPIC, TRACKING, T0)
    assert wanted(own, ("t1",)).reason(topic) is Reason.FOLLOWED_TOPIC
    assert wanted(own, ("t1",)).reason(glimpse(ME)) is Reason.OWN_TOPIC
    assert wanted(own, ("t1",), ("t1",)).reason(topic) is Reason.MENTION
    assert wanted(reader(), mentioned=("t1",)).reason(topic) is Reason.MENTION
    assert wanted(own.set(TOPIC, MUTED, T0), ("t1",), ("t1",)).reason(topic) is None
    assert wanted(reader()).reason(topic) is None


def test_a_space_of_one_s_groups_is_tracked_unless_something_was_chosen() -> None:
    topic, groups = glimpse(), ("s1", "s9")  # s9 was shut just now
    assert wanted(reader(), of_groups=groups).reason(topic) is Reason.GROUP
    assert wanted(reader(), of_groups=("s2",)).reason(topic) is None
    nobody = Wanted("me", {"c1": ["s1"]}, {}, {}, (), {"c1": ["s1"], "c2": []})
    assert nobody.reason(topic) is Reason.GROUP
    ranked = wanted(reader(), of_groups=groups).sources(FeedOrder.RANKED)
    assert [(one.doublings, one.keys) for one in ranked] == [
        (2, ("person:me@c1",)),
        (0, ("space:s1",)),
    ]
    assert wanted(reader(), of_groups=groups).keys() == ["person:me@c1"]
    for level, reason in (
        (MUTED, None),
        (FollowLevel.NORMAL, None),
        (WATCHING, Reason.FOLLOWED_SPACE),
    ):
        own = reader((SPACE, level))
        assert wanted(own, of_groups=groups).reason(topic) is reason
        assert with_groups(own.levels(), groups)[SPACE] is level
    for nearer, reason in (
        ((TAG, MUTED), None),
        ((TOPIC, MUTED), None),
        ((TAG, TRACKING), Reason.FOLLOWED_TAG),
        ((PERSON, WATCHING), Reason.FOLLOWED_PERSON),
    ):
        assert wanted(reader(nearer), of_groups=groups).reason(topic) is reason
    assert wanted(reader(), ("t1",), of_groups=groups).reason(topic) is Reason.REPLIED_TOPIC


def test_sources_are_as_many_as_weights() -> None:
    own = reader((SPACE, TRACKING), (TAG, WATCHING), (PERSON, MUTED), (TOPIC, TRACKING))
    ranked = wanted(own, ("t2", "t1"), ("t3",)).sources(FeedOrder.RANKED)
    assert [(one.doublings, one.keys, one.ids) for one in ranked] == [
        (2, ("person:me@c1", "tag:k8s@c1"), ()),
        (0, ("space:s1",), ()),
        (3, (), ("t3",)),
        (2, (), ("t1", "t2")),
    ]
    assert {one.spaces for one in ranked} == {("s1", "s2")}
    latest = wanted(own, ("t2", "t1"), ("t3",)).sources(FeedOrder.LATEST)
    assert [(one.doublings, one.keys, one.ids) for one in latest] == [
        (0, ("person:me@c1", "space:s1", "tag:k8s@c1"), ()),
        (0, (), ("t3", "t1", "t2")),
    ]
    hidden = reader((Target(FollowKind.SPACE, "s9"), TRACKING))
    assert [one.keys for one in wanted(hidden).sources(FeedOrder.LATEST)] == [("person:me@c1",)]
    assert (
        Wanted("me", {"c1": []}, {"c1": own}, {"t1": Replied(T0)}).sources(FeedOrder.RANKED) == []
    )
    many = reader(*((Target(FollowKind.TOPIC, f"f{n}"), TRACKING) for n in range(500)))
    (listed,) = wanted(many, tuple(f"r{n}" for n in range(500))).sources(FeedOrder.LATEST)[1:]
    assert len(listed.ids) == MOST_FOLLOWED + MOST_REPLIED


def test_a_rank_is_the_score_told_by_a_moment() -> None:
    scores = {
        (reason, unread, hours): 2 ** (doublings + unread) * 2 ** (-hours / 24)
        for reason, doublings in DOUBLINGS.items()
        for unread in (0, 1)
        for hours in (0, 5, 24, 30, 100)
    }
    by_score = sorted(scores, key=lambda one: (-scores[one], one))
    ranks = {one: rank(T0 - one[2] * HOUR, DOUBLINGS[one[0]] + one[1]) for one in scores}
    for first, second in itertools.pairwise(by_score):
        assert ranks[first] >= ranks[second] - 1, (first, second)
    for doublings in range(4):
        assert activity_of(rank(T0, doublings), doublings) == T0
    assert activity_of((1 << 63) - 1, 0).year == 9999
    assert activity_of(-(1 << 63), 0).year == 1970


def test_feed_keys_name_their_community_and_no_persona() -> None:
    assert feed_keys("c1", "s1", ("a", "b"), ME) == (
        "space:s1",
        "tag:a@c1",
        "tag:b@c1",
        "person:me@c1",
        "company:co1@c1",
    )
    assert feed_keys("c1", "s1", (), Author(persona=Persona("x", "1", "X"))) == ("space:s1",)


def test_a_topic_remembers_its_activity_as_far_as_it_does() -> None:
    topic = glimpse(replies=3)
    assert topic.activity_at(T0 + 9 * HOUR) == T0 + 3 * HOUR
    assert topic.activity_at(T0 + 2.5 * HOUR) == T0 + 2 * HOUR
    assert topic.activity_at(T0 + 0.5 * HOUR) == T0
    assert glimpse(replies=9).activity_at(T0 + 0.5 * HOUR) is None


def test_places_now_and_then() -> None:
    mark = ReadMark("m", "c1", "me", "t1", Place(T0 + HOUR, "r1"), T0 + 2 * HOUR)
    assert mark.read_to(Place(T0, "r0"), T0 + 9 * HOUR) is mark
    on = mark.read_to(Place(T0 + 3 * HOUR, "r3"), T0 + 4 * HOUR)
    topic = glimpse(replies=3)
    assert read_place(topic, on, None, ()) == Place(T0 + 3 * HOUR, "r3")
    assert read_place(topic, on, None, (), T0 + 3 * HOUR) == Place(T0 + HOUR, "r1")
    assert read_place(topic, mark, None, (), T0 + HOUR) is None
    own = reader().read_all("", T0 + 2 * HOUR, T0 + 2 * HOUR)
    assert own.read_all("", T0 + HOUR, T0 + 5 * HOUR) is own
    own = own.read_all("", T0 + 5 * HOUR, T0 + 5 * HOUR)
    assert read_place(topic, mark, None, own.reads) == Place(T0 + 5 * HOUR, LAST_ID)
    assert read_place(topic, mark, None, own.reads, T0 + 4 * HOUR) == Place(T0 + 2 * HOUR, LAST_ID)
    # What was read as a whole before a topic began says nothing of it.
    assert read_place(topic, None, None, (ReadUntil("s1", T0 - HOUR, T0),)) is None


def test_whoever_replies_has_read_up_to_there() -> None:
    topic = glimpse(replies=3)
    once = Replied(T0 + 2 * HOUR)
    assert read_place(topic, None, once, ()) == Place(T0 + 2 * HOUR, LAST_ID)
    assert read_place(topic, None, once, (), T0 + HOUR) is None
    mark = ReadMark("m", "c1", "me", "t1", Place(T0 + 3 * HOUR, "r3"), T0)
    assert read_place(topic, mark, once, ()) == Place(T0 + 3 * HOUR, "r3")
    twice = Replied(T0 + 4 * HOUR, T0 + 2 * HOUR)
    assert read_place(topic, None, twice, (), T0 + 3 * HOUR) == Place(T0 + 2 * HOUR, LAST_ID)
    assert read_place(topic, None, twice, (), T0 + HOUR) is None
    feed = wanted(reader(), ("t1",))
    assert feed.unread_at(topic, None, T0 + 4 * HOUR)
    assert not feed.unread_at(glimpse(replies=2), None, T0 + 4 * HOUR)


@pytest.mark.parametrize("author", [ME, OTHER])
@pytest.mark.parametrize("hours", range(5))
def test_what_is_read_as_a_whole_is_not_unread(hours: int, author: Author) -> None:
    until, now = T0 + hours * HOUR, T0 + 9 * HOUR
    own = reader().read_all("", T0, T0).read_all("", until, T0 + HOUR)
    feed = wanted(own)
    assert feed.read_until(now) == until
    assert feed.read_until(T0 + HOUR / 2) == T0  # a feed that began before knows it as it was
    for replies in range(5):
        topic = glimpse(author, replies)
        assert feed.unread_at(topic, None, now) == (topic.activity_time > until)
    assert wanted(reader(reads=(ReadUntil("s1", until, T0),))).read_until(now) is None
    both = {"c1": ["s1"], "c2": ["s2"]}
    assert Wanted("me", both, {"c1": own}, {}).read_until(now) is None
    other = Reader("id", "c2", "me", (), (ReadUntil("", T0 - HOUR, T0),))
    assert Wanted("me", both, {"c1": own, "c2": other}, {}).read_until(now) == T0 - HOUR


def test_what_was_unread_when_the_feed_began_stays_so() -> None:
    topic, feed = glimpse(replies=3), wanted(reader())
    begun = T0 + 4 * HOUR
    assert feed.unread_at(topic, None, begun)
    end = Place(T0 + 3 * HOUR, "r3")
    assert not feed.unread_at(topic, ReadMark("m", "c1", "me", "t1", end, T0), begun)
    later = ReadMark("m", "c1", "me", "t1", end, begun + HOUR, Place(T0, ""))
    assert feed.unread_at(topic, later, begun)
    assert not feed.unread_at(glimpse(ME), None, begun)
    assert feed.unread_at(glimpse(ME, replies=1), None, begun)
    assert not feed.unread_at(glimpse(ME, replies=1), None, T0)


def test_bookmarks_are_kept_removed_and_kept_anew() -> None:
    one = Bookmark("b", "c1", "me", "t1", "", T0, removed=True).keep("note", T0 + HOUR, T0, 7)
    assert (one.removed, one.create_time, one.number) == (False, T0, 7)
    for number in (None, 8):  # one that is kept stays where it is
        assert one.keep("note", T0 + HOUR, T0 + HOUR, number) == one
    gone = one.remove()
    assert (gone.note, gone.remind_time, gone.removed, gone.number) == ("", None, True, None)
    assert gone.keep("", None, T0 + HOUR, 0).create_time == T0 + HOUR
    with pytest.raises(TooManyBookmarksError):
        gone.keep("", None, T0 + HOUR, None)
    assert check_remind_time(None, T0) is None
    for time in (T0, T0 - HOUR, T0 + timedelta(days=3661)):
        with pytest.raises(FieldInvalidError):
            check_remind_time(time, T0)
