"""Fuzzing what is searched for: as terms, as a query of the engine's, on a real engine, by RPC."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chassis.actors import MANAGER
from chassis.errors import FieldInvalidError, PageTokenInvalidError, TextInvalidError
from chassis.mongo import Database
from chassis.pagination import Paging, encode_page_token
from chassis.testing import Loopback, person_actor, service_actor
from chassis.testing_fuzz import Damage, fuzzed
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2
from services.search.converters import plain_text, question
from services.search.domain.entries import Kind
from services.search.domain.questions import MOST_TERMS, Question, fold, parse_terms
from services.search.repository.index import SearchIndex
from services.search.repository.queries import MARK, UNMARK, search_body, suggest_body
from services.search.tests.factories import NOON, entry
from services.search.tests.test_search_servicer import Service, service  # noqa: F401

SIGNS = st.sampled_from(
    (
        *(
            '"',
            "'",
            "*",
            "?",
            "~",
            "~2",
            "^3",
            "/",
            "\\",
            ":",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "<",
            ">",
        ),
        *("+", "-", "=", "&&", "||", "!", " AND ", " OR ", " NOT ", "title:", "_exists_:", "/a.*/"),
        *(
            "[a TO b]",
            '{"match_all":{}}',
            "\u00df",
            "\u0130",
            "\ufdfa",
            "\u0301",
            "\u3000",
            "\u05d0",
        ),
        *("reset", "the", "error-code", "v1.2.3", "\U0001f600", "\u0e01", "\u4e2d\u6587", " "),
    )
)
QUERIES = st.lists(SIGNS | st.text(max_size=4), max_size=16).map("".join)

WALLS = {"c1": ["community:c1", "space:s1"]}


def texts_of(body: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf of a body, by its path; and every key, as a leaf of its own."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield (*path, "<key>"), key
            yield from texts_of(value, (*path, key))
    elif isinstance(body, list):
        for value in body:
            yield from texts_of(value, path)
    else:
        yield path, body


# -- pure


@given(QUERIES)
@fuzzed(300)
def test_terms_are_words_of_the_query_and_nothing_else(text: str) -> None:
    terms = parse_terms(text)
    assert len(terms) <= MOST_TERMS
    assert len({(term.words, term.quoted) for term in terms}) == len(terms)
    for term in terms:
        assert term.text in text
        assert term.words
        assert all(word in fold(text) for word in term.words)
    again = parse_terms(" ".join(f'"{t.text}"' if t.quoted else t.text for t in terms))
    assert [term.words for term in again] == [term.words for term in terms]


@given(QUERIES, st.booleans(), st.booleans())
@fuzzed(200)
def test_a_query_holds_what_was_typed_only_as_values(
    text: str, forgiving: bool, highlights: bool
) -> None:
    asked = Question(text, parse_terms(text), forgiving=forgiving, with_highlights=highlights)
    words = {*text.split(), *text.replace('"', " ").split()}
    for body in (search_body(asked, WALLS, {}, NOON), suggest_body(text, WALLS, NOON)):
        json.dumps(body).encode()
        for path, leaf in texts_of(body):
            if path[-1] == "query" and isinstance(leaf, str):
                assert path[-2] == "multi_match"  # never a language: only words to look for
                assert set(leaf.split()) <= words
            elif path[-1] == "<key>":
                assert leaf in KEYS, leaf
        assert wall_of(body) == WALLS


KEYS = {
    *("size", "query", "sort", "track_scores", "track_total_hits", "timeout", "_source", "bool"),
    *("stored_fields", "highlight_query"),
    *("docvalue_fields", "highlight", "pre_tags", "post_tags", "fields", "title", "name", "body"),
    *("number_of_fragments", "no_match_size", "fragment_size", "filter", "must", "should", "term"),
    *("must_not", "minimum_should_match", "terms", "community_id", "read_keys", "deleted", "key"),
    *("multi_match", "tie_breaker", "type", "operator", "slop", "boost", "dis_max", "queries"),
    *("fuzziness", "prefix_length", "fuzzy_rewrite", "_score", "time", "outdated"),
}


def wall_of(body: dict[str, Any]) -> dict[str, list[str]]:
    """What the filter at the root lets through."""
    wall = body["query"]["bool"]["filter"][0]["bool"]
    assert wall["minimum_should_match"] == 1
    found = {}
    for way in wall["should"]:
        community, keys = way["bool"]["filter"]
        found[community["term"]["community_id"]] = keys["terms"]["read_keys"]
    return found


@given(
    st.builds(search_pb2.SearchRequest, query=QUERIES, sort=st.sampled_from([0, 1, 2])), st.data()
)
@example(search_pb2.SearchRequest(query="x", page_token=encode_page_token(1e308, "k", 0)), None)
@fuzzed(120)
def test_a_request_is_a_question_or_refused(request: search_pb2.SearchRequest, data: Any) -> None:
    if data is not None and data.draw(st.booleans()):
        place = data.draw(st.tuples(st.floats(allow_nan=False) | st.integers(), st.text("ab")))
        try:
            request.page_token = encode_page_token(*place, data.draw(st.integers(-1, 2)))
        except (TypeError, ValueError):
            return  # more than a token can say
    try:
        asked = question(request)
    except (TextInvalidError, FieldInvalidError, PageTokenInvalidError) as error:
        assert error.field in ("query", "page_token")  # noqa: PT017
        return
    json.dumps(search_body(asked, WALLS, {}, NOON), allow_nan=False).encode()


HTML = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<b", ">", "<!--", "-->", "&", "&amp;", "&#0;", "&#xd800;", "<a "]
    )
    | st.text(max_size=4),
    max_size=20,
).map("".join)


@given(HTML)
@fuzzed(200)
def test_any_html_becomes_one_line_without_marks(html: str) -> None:
    line = plain_text(html)
    assert not {MARK, UNMARK, "\n"} & set(line)
    assert line == " ".join(line.split())


def test_a_query_twice_as_long_takes_twice_as_long_at_most() -> None:
    for piece in ('"', '" ', "a ", "a-", "\u0301", "\u00df", '"a'):

        def took(count: int, piece: str = piece) -> float:
            least = 9.0
            for _ in range(5):
                begun = time.process_time()
                for _ in range(20):
                    parse_terms(piece * count)
                least = min(least, time.process_time() - begun)
            return least

        assert took(256) <= 3 * took(128) + 0.005, piece


# -- on the engine


@given(st.lists(QUERIES, min_size=8, max_size=8))
@example(['"', "*", "\\", "AND", '""', "a" * 256, "\u0301", "~"])
@fuzzed(6, shrink=False)
async def test_the_engine_answers_whatever_is_typed_and_keeps_the_wall(
    index: SearchIndex, queries: list[str]
) -> None:
    await index.put(1, 1, [entry("mine", title="reset the error-code", body="v1.2.3 \u4e2d\u6587")])
    await index.put(1, 1, [entry("theirs", title="reset the error-code", keys=("other",))])
    await index.refresh()
    for text in queries:
        for forgiving in (False, True):
            asked = Question(
                text,
                parse_terms(text),
                forgiving=forgiving,
                paging=Paging(5),
                with_highlights=True,
                with_facets=True,
                with_total=True,
            )
            page = await index.search(asked, {"c1": ["space:s1"]}, {}, "p1")
            assert {hit.place.id for hit in page.hits} <= {"mine"}
            assert page.total == len(page.hits)
        found = await index.suggest(text[:256] or "x", {"c1": ["space:s1"]}, "p1")
        assert {one.place.id for one in found} <= {"mine"}


SERVICE = search_pb2.DESCRIPTOR.services_by_name["SearchService"]


async def test_no_request_is_an_internal_error(
    service: Service,  # noqa: F811
    loopback: Loopback,
    database: Database,
) -> None:
    """One after the other at one service, which changes as they do."""
    await service.put(entry("t1", title="Reset"), entry("t2", kind=Kind.SPACE))
    actors = [person_actor(), person_actor("boss", roles=[MANAGER]), service_actor("gateway")]
    damage = Damage(loopback, "search", database)
    await damage.bombard(SERVICE, _known, actors, 120)
    assert len(damage.answers) > 6
    assert damage.answers[""] > 5


async def _known() -> dict[str, list[Any]]:
    """Good values, and page tokens that are none."""
    return {
        "community_id": ["c1"],
        "community_ids": ["c1", "c2"],
        "query": ["reset", '"reset', "*"],
        "prefix": ["res", '"', "\\"],
        "tags": ["a"],
        "request_id": [f"request-{time.monotonic_ns()}"],
        "phrases": ["reset", "start", "\ufdfa" * 9],
        "expected_version": [0, 1],
        "page_token": ["", encode_page_token(1.5, "k", 0), encode_page_token(1e300, "k", 1)],
        "page_size": [0, 1, 2],
        "sort": [0, 1, 2],
        "topic_kinds": [forum_pb2.TOPIC_KIND_IDEA],
        "topic_states": [forum_pb2.TOPIC_STATE_CLOSED],
    }
