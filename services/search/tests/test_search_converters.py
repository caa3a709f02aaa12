"""What of other services' objects can be found, and which requests are refused."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import DomainError
from chassis.pagination import Paging, encode_page_token
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2
from services.search import converters
from services.search.domain.entries import (
    Entry,
    Kind,
    Place,
    Tombstone,
    TopicKind,
    TopicState,
    Wall,
)
from services.search.domain.questions import Filters
from services.search.tests import factories
from services.search.tests.factories import NOON, stamp


def test_html_becomes_plain_text() -> None:
    html = (
        "<p>One &amp; <b>t</b>wo</p><ul><li>three</li><li>&lt;x&gt;</li></ul>\ue000<br>\ue001 end"
    )
    assert converters.plain_text(html) == "One & two three <x> end"
    assert converters.plain_text("a  b\nc") == "a b c"


def test_topic_is_found_behind_its_space() -> None:
    topic = factories.topic(title="Reset <it>", tags=["sso"], version=7)
    assert converters.topic_entry(topic) == Entry(
        Place(Kind.TOPIC, "c1", "t1"),
        ("space:s1",),
        NOON,
        7,
        title="Reset <it>",
        body="Body of t1",
        tags=("sso",),
        author_id="p1",
        space_id="s1",
        topic_id="t1",
        topic_kind=TopicKind.QUESTION,
        topic_state=TopicState.PUBLISHED,
        unanswered=True,
    )


@pytest.mark.parametrize("kind", [*TopicKind, None])
def test_kind_of_a_topic_is_its_replies_too(kind: TopicKind | None) -> None:
    """One that only a later release of the forum knows is none."""
    number = forum_pb2.TopicKind.Value(f"TOPIC_KIND_{kind}") if kind else 99
    topic = factories.topic(kind=number)
    for made in (
        converters.topic_entry(topic),
        converters.reply_entry(factories.reply(), topic),
    ):
        assert isinstance(made, Entry)
        assert made.topic_kind is kind


@pytest.mark.parametrize("state", TopicState)
def test_state_of_a_topic_is_its_replies_too(state: TopicState) -> None:
    topic = factories.topic(state=forum_pb2.TopicState.Value(f"TOPIC_STATE_{state}"))
    for made in (
        converters.topic_entry(topic),
        converters.reply_entry(factories.reply(), topic),
    ):
        assert isinstance(made, Entry)
        assert made.topic_state is state


def test_kinds_of_topics_are_those_of_the_forum() -> None:
    named = {name.removeprefix("TOPIC_KIND_") for name in forum_pb2.TopicKind.keys()}  # noqa: SIM118
    assert named - {"UNSPECIFIED"} == set(TopicKind)


@pytest.mark.parametrize("name", forum_pb2.TopicState.keys())
def test_only_what_all_readers_see_is_found(name: str) -> None:
    state = forum_pb2.TopicState.Value(name)
    visible = name in {"TOPIC_STATE_PUBLISHED", "TOPIC_STATE_CLOSED", "TOPIC_STATE_ARCHIVED"}
    topic = factories.topic(state=state)
    expected = Entry if visible else Tombstone
    assert isinstance(converters.topic_entry(topic), expected)
    assert isinstance(converters.reply_entry(factories.reply(), topic), expected)


@pytest.mark.parametrize("name", forum_pb2.ReplyState.keys())
def test_only_published_replies_are_found(name: str) -> None:
    made = converters.reply_entry(
        factories.reply(state=forum_pb2.ReplyState.Value(name)), factories.topic()
    )
    assert isinstance(made, Entry) == (name == "REPLY_STATE_PUBLISHED")


def test_reply_without_topic_is_not_found() -> None:
    assert isinstance(converters.reply_entry(factories.reply(), None), Tombstone)


@pytest.mark.parametrize(
    ("change", "unanswered"),
    [
        ({}, True),
        ({"accepted_reply_id": "r1"}, False),
        ({"kind": forum_pb2.TOPIC_KIND_DISCUSSION}, False),
        ({"state": forum_pb2.TOPIC_STATE_CLOSED}, False),
    ],
)
def test_unanswered_is_an_open_question(change: dict[str, Any], unanswered: bool) -> None:
    made = converters.topic_entry(factories.topic(**change))
    assert isinstance(made, Entry)
    assert made.unanswered is unanswered


@pytest.mark.parametrize(
    ("verification", "outdated"),
    [
        (None, False),
        (forum_pb2.Verification(verified_for="7.2"), False),
        (forum_pb2.Verification(verified_until_time=stamp()), False),  # the forum says when
        (forum_pb2.Verification(verified_until_time=stamp(), expired=True), True),
    ],
)
def test_what_its_verification_ran_out_for_is_outdated(
    verification: forum_pb2.Verification | None, outdated: bool
) -> None:
    topic = converters.topic_entry(factories.topic(verification=verification))
    reply = converters.reply_entry(factories.reply(verification=verification), factories.topic())
    assert isinstance(topic, Entry)
    assert isinstance(reply, Entry)
    assert topic.outdated is reply.outdated is outdated


@pytest.mark.parametrize("review_expired", [False, True])
def test_article_that_nobody_reviewed_in_time_is_outdated(review_expired: bool) -> None:
    verification = forum_pb2.Verification(verified_for="7.2")
    topic = factories.topic(verification=verification, review_expired=review_expired)
    made = converters.topic_entry(topic)
    assert isinstance(made, Entry)
    assert made.outdated is review_expired


def test_reply_is_not_outdated_with_its_topic() -> None:
    verification = forum_pb2.Verification(expired=True)
    topic = factories.topic(verification=verification, review_expired=True)
    made = converters.reply_entry(factories.reply(), topic)
    assert isinstance(made, Entry)
    assert not made.outdated


def test_space_stands_behind_the_keys_that_the_forum_tells() -> None:
    space = factories.space(audience=forum_pb2.AUDIENCE_TIER, audience_names=["gold"])
    keys = ("tier:gold@c1", "vendor:c1")
    assert converters.wall(space) == Wall("s1", "c1", keys)
    assert converters.space_entry(space).read_keys == ("space:s1",)
    channel = factories.channel(audience=forum_pb2.AUDIENCE_TIER, audience_names=["gold"])
    assert converters.wall(channel) == Wall("n1", "c1", keys)
    del space.read_keys[:]
    assert converters.wall(space).read_keys == (), "without keys it opens to nobody"


def test_former_member_is_not_found() -> None:
    member = factories.member(state=directory_pb2.MEMBER_STATE_FORMER)
    assert converters.member_entry(member) == Tombstone(Place(Kind.MEMBER, "c1", "p1"), 1)
    active = converters.member_entry(factories.member())
    assert isinstance(active, Entry)
    assert active.read_keys == ("community:c1",)
    assert active.name == "Member p1"


def test_request_becomes_a_question() -> None:
    asked = converters.question(
        search_pb2.SearchRequest(
            query=" reset  it ",
            kinds=[search_pb2.KIND_TOPIC, search_pb2.KIND_TOPIC, search_pb2.KIND_REPLY],
            tags=["sso"],
            author_id="p1",
            space_id="s1",
            from_time=stamp(),
            page_size=500,
            page_token=encode_page_token(1.5, "k", 0),
            unanswered=True,
            topic_kinds=[forum_pb2.TOPIC_KIND_IDEA, forum_pb2.TOPIC_KIND_IDEA],
            topic_states=[forum_pb2.TOPIC_STATE_ARCHIVED, forum_pb2.TOPIC_STATE_CLOSED],
        )
    )
    assert asked.filters == Filters(
        (Kind.TOPIC, Kind.REPLY),
        ("sso",),
        "p1",
        "s1",
        NOON,
        None,
        unanswered=True,
        topic_kinds=(TopicKind.IDEA,),
        topic_states=(TopicState.ARCHIVED, TopicState.CLOSED),
    )
    assert (asked.text, asked.paging, asked.newest) == ("reset it", Paging(100, (1.5, "k")), False)


def test_question_without_words_is_answered_newest_first() -> None:
    assert converters.question(search_pb2.SearchRequest(query="?!")).newest


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"query": "x" * 257}, "TEXT_INVALID", "query"),
        ({"query": "a\x00b"}, "TEXT_INVALID", "query"),
        ({"query": "a\u202eb"}, "TEXT_INVALID", "query"),
        ({"kinds": [0]}, "FIELD_INVALID", "kinds"),
        ({"kinds": [99]}, "FIELD_INVALID", "kinds"),
        ({"topic_kinds": [0]}, "FIELD_INVALID", "topic_kinds"),
        ({"topic_kinds": [1, 99]}, "FIELD_INVALID", "topic_kinds"),
        ({"topic_states": [0]}, "FIELD_INVALID", "topic_states"),
        ({"topic_states": [99]}, "FIELD_INVALID", "topic_states"),
        (
            {"topic_states": [forum_pb2.TOPIC_STATE_CLOSED, forum_pb2.TOPIC_STATE_HIDDEN]},
            "FIELD_INVALID",
            "topic_states",
        ),
        ({"sort": 99}, "FIELD_INVALID", "sort"),
        ({"tags": ["t"] * 11}, "FIELD_INVALID", "tags"),
        ({"tags": [""]}, "TEXT_INVALID", "tags"),
        ({"tags": ["t" * 65]}, "TEXT_INVALID", "tags"),
        ({"author_id": "a" * 65}, "TEXT_INVALID", "author_id"),
        ({"space_id": "\x07"}, "TEXT_INVALID", "space_id"),
        ({"page_size": -1}, "FIELD_INVALID", "page_size"),
        ({"page_token": "zzz"}, "PAGE_TOKEN_INVALID", "page_token"),
        (
            {"query": "a", "page_token": encode_page_token(1, "k", 3)},
            "PAGE_TOKEN_INVALID",
            "page_token",
        ),
        (
            {"query": "a", "page_token": encode_page_token("1", "k", 0)},
            "PAGE_TOKEN_INVALID",
            "page_token",
        ),
        ({"page_token": encode_page_token(1.5, "k", 0)}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_token": encode_page_token(1 << 60, "k", 0)}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"from_time": {"seconds": 1 << 50}}, "FIELD_INVALID", "from_time"),
        ({"to_time": {"seconds": 1, "nanos": -5}}, "FIELD_INVALID", "to_time"),
    ],
)
def test_bad_requests_are_refused(fields: dict[str, Any], reason: str, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        converters.question(search_pb2.SearchRequest(**fields))
    assert (refusal.value.reason(), refusal.value.field) == (reason, field)
