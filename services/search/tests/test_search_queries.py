"""The bodies that are sent: pure, so by plain calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.search.domain.entries import Kind, TopicKind, TopicState
from services.search.domain.questions import Filters, Likeness, Question, parse_terms
from services.search.repository.queries import (
    search_body,
    similar_body,
    suggest_body,
    wall,
)
from services.search.tests.factories import NOON

WALLS = {"c1": ["community:c1", "space:s1"], "c2": ["community:c2"]}
WALL = {
    "bool": {
        "should": [
            {
                "bool": {
                    "filter": [
                        {"term": {"community_id": "c1"}},
                        {"terms": {"read_keys": ["community:c1", "space:s1"]}},
                    ]
                }
            },
            {
                "bool": {
                    "filter": [
                        {"term": {"community_id": "c2"}},
                        {"terms": {"read_keys": ["community:c2"]}},
                    ]
                }
            },
        ],
        "minimum_should_match": 1,
        "must_not": [{"term": {"deleted": True}}],
    }
}


def words_of(body: Any) -> Any:
    """What matches: the same for what is outdated, which counts for half."""
    (ranked,) = body["query"]["bool"]["must"]
    current, outdated = (way["bool"] for way in ranked["bool"]["should"])
    flag = {"term": {"outdated": True}}
    words = {"must": current["must"], "should": current["should"]}
    assert current == {**words, "must_not": [flag]}
    assert outdated == {**words, "filter": [flag], "boost": 0.5}
    return words


def ask(text: str = "", **fields: Any) -> Question:
    return Question(text, parse_terms(text), **fields)


def test_wall_is_a_filter_at_the_root_of_everything() -> None:
    asked = ask("reset", with_facets=True, with_highlights=True, with_total=True)
    assert search_body(asked, WALLS, {}, NOON)["query"]["bool"]["filter"][0] == WALL
    assert suggest_body("re", WALLS, NOON)["query"]["bool"]["filter"] == [WALL]
    similar = similar_body(Likeness.of("reset radio", ""), WALLS, NOON)
    assert similar["query"]["bool"]["filter"][0] == WALL


def test_channels_open_what_asks_for_a_key_of_each_list() -> None:
    walls = {"c1": ["community:c1", "channel:n1", "space:s1", "channel:n2"]}
    (way,) = wall(walls, NOON)["bool"]["should"]
    community, opened = way["bool"]["filter"]
    assert community == {"term": {"community_id": "c1"}}
    assert opened["bool"]["minimum_should_match"] == 1
    assert opened["bool"]["should"] == [
        {"terms": {"read_keys": ["community:c1", "space:s1"]}},
        {
            "bool": {
                "filter": [
                    {"terms": {"read_keys": ["channel:n1", "channel:n2"]}},
                    {"terms": {"tier_keys": ["community:c1"]}},
                    {"terms": {"company_keys": ["community:c1"]}},
                    {"terms": {"role_keys": ["community:c1"]}},
                    {"terms": {"locale_keys": ["community:c1"]}},
                    {"terms": {"territory_keys": ["community:c1"]}},
                    {"range": {"visible_time": {"lte": round(NOON.timestamp() * 1000)}}},
                ]
            }
        },
    ]


def test_suggestions_rank_what_is_outdated_lower() -> None:
    words = words_of(suggest_body("rese", WALLS, NOON))
    assert words["must"][0]["multi_match"]["query"] == "rese"


def test_nobody_has_no_wall() -> None:
    with pytest.raises(AssertionError):
        wall({}, NOON)


def test_facets_highlights_and_total_only_when_asked() -> None:
    body = search_body(ask("reset"), WALLS, {}, NOON)
    assert not {"aggs", "highlight", "search_after"} & body.keys()
    assert body["track_total_hits"] is False
    body = search_body(
        ask("reset", with_facets=True, with_highlights=True, with_total=True), WALLS, {}, NOON
    )
    assert body["aggs"].keys() == {"kind", "community", "tag", "topic_kind", "topic_state"}
    assert body["highlight"]["fields"].keys() == {"title", "name", "body"}
    assert body["track_total_hits"] == 10_000


def test_filters() -> None:
    filters = Filters(
        (Kind.TOPIC,),
        ("a", "b"),
        "p1",
        "s1",
        NOON,
        NOON,
        unanswered=True,
        topic_kinds=(TopicKind.QUESTION, TopicKind.IDEA),
        topic_states=(TopicState.CLOSED,),
    )
    at = 1772366400000
    assert search_body(ask(filters=filters), WALLS, {}, NOON)["query"]["bool"]["filter"][1:] == [
        {"terms": {"kind": ["TOPIC"]}},
        {"term": {"tags": "a"}},
        {"term": {"tags": "b"}},
        {"term": {"author_id": "p1"}},
        {"term": {"space_id": "s1"}},
        {"terms": {"topic_kind": ["QUESTION", "IDEA"]}},
        {"terms": {"topic_state": ["CLOSED"]}},
        {"term": {"unanswered": True}},
        {"range": {"time": {"gte": at, "lt": at}}},
    ]


def test_most_words_and_all_phrases_must_match() -> None:
    query = words_of(search_body(ask('alpha beta gamma delta "e f"'), WALLS, {}, NOON))
    phrase, words = query["must"]
    assert phrase["multi_match"]["type"] == "phrase"
    assert len(words["bool"]["should"]) == 4
    assert words["bool"]["minimum_should_match"] == 3
    (better,) = query["should"]
    assert better["multi_match"]["query"] == "alpha beta gamma delta"


@pytest.mark.parametrize(("words", "needed"), [(2, 2), (3, 2), (4, 3), (7, 6), (8, 6), (12, 9)])
def test_of_many_words_some_may_be_missing(words: int, needed: int) -> None:
    text = " ".join(f"word{n}" for n in range(words))
    (some,) = words_of(search_body(ask(text), WALLS, {}, NOON))["must"]
    assert some["bool"]["minimum_should_match"] == needed


def test_synonyms_are_guarded_by_their_community() -> None:
    query = words_of(search_body(ask("prm"), WALLS, {"c1": {0: ["partner portal"]}}, NOON))
    *_, other = query["must"][0]["dis_max"]["queries"]
    assert other["bool"]["filter"] == [{"term": {"community_id": "c1"}}]
    assert other["bool"]["must"][0]["multi_match"]["query"] == "partner portal"
    assert other["bool"]["must"][0]["multi_match"]["type"] == "phrase"


def test_bodies_hold_no_query_language() -> None:
    body = json.dumps(search_body(ask('title:* OR (x) "a b" /re/ ~'), WALLS, {}, NOON))
    assert "query_string" not in body
    assert "regexp" not in body
    assert "wildcard" not in body


def test_slips_are_looked_for_only_where_asked() -> None:
    assert "fuzziness" not in json.dumps(search_body(ask("password"), WALLS, {}, NOON))
    assert "fuzziness" in json.dumps(search_body(ask("password", forgiving=True), WALLS, {}, NOON))
    many = " ".join(f"word{chr(97 + n)}" for n in range(9))
    assert "fuzziness" not in json.dumps(search_body(ask(many, forgiving=True), WALLS, {}, NOON))


def test_the_longest_query_stays_under_the_engine_s_limit_of_clauses() -> None:
    text = " ".join(f"word{chr(97 + n)}" for n in range(24))
    alternatives = {"c1": {n: ["other phrase"] for n in range(24)}}
    body = json.dumps(search_body(ask(text), WALLS, alternatives, NOON))
    assert body.count("multi_match") * 4 < 1000
