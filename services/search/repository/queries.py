"""Questions as OpenSearch bodies; pure. The wall is a filter at the root of every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.search.domain.entries import RULE_FIELDS, Kind, is_channel_key, is_own_key
from services.search.domain.questions import (
    Alternatives,
    Filters,
    Likeness,
    Question,
    Term,
    Walls,
    telling,
)

Body = dict[str, Any]

MOST_COUNTED = 10_000  # totals are exact up to here
TIMEOUT = "1500ms"  # so that who asks is answered within two seconds
_OUTDATED_SHARE = 0.5  # of its score that what is outdated keeps; a power of two divides exactly
MARK, UNMARK = "\ue000", "\ue001"  # private use: no indexed text holds them
_FIELDS = ("title^3", "name^3", "tag_words^2", "body")
_PHRASE_FIELDS = ("title^2", "body")
_FORGIVING_TERMS = 8  # looking for slips costs ten times as much: in short queries only
_TOLD = ["kind", "community_id", "id", "topic_id"]  # of each hit
# By columns nothing is unpacked. A hit told by its texts has them at hand when they are marked:
# else marking fetches them, and unpacks for each a whole block of texts, four times what it needs.
_BY_COLUMNS: Body = {"stored_fields": "_none_", "docvalue_fields": _TOLD}
_BY_TEXTS: Body = {"_source": False, "fields": _TOLD}
_WHOLE = {"number_of_fragments": 0, "no_match_size": 256}
_SHOWN = {
    "title": _WHOLE,
    "name": _WHOLE,
    "body": {"number_of_fragments": 1, "fragment_size": 160, "no_match_size": 160},
}
FACETS = {  # in the order of answers: the field, and how many of its values
    "kind": ("kind", 10),
    "community": ("community_id", 100),
    "tag": ("tags", 20),
    "topic_kind": ("topic_kind", 10),
    "topic_state": ("topic_state", 10),
}
_MOST_EQUAL = 500
_NEWEST = (("time", -1), ("key", -1))
_BEST = (("_score", -1), ("key", 1))
SUGGESTIONS_READ = 30  # some say the same


def search_body(
    question: Question, walls: Walls, alternatives: Alternatives, now: datetime
) -> Body:
    """The whole request; one hit more than the page has, to know whether there is another page."""
    body: Body = {
        "size": question.paging.limit,
        "query": _query(question, walls, alternatives, now),
        "sort": [
            {field: "asc" if step > 0 else "desc"}
            for field, step in question.paging.sort(_NEWEST if question.newest else _BEST)
        ],
        "track_scores": question.newest,  # else it is what the hits are sorted by
        "track_total_hits": MOST_COUNTED if question.with_total else False,
        "timeout": TIMEOUT,
        **(_BY_TEXTS if question.with_highlights else _BY_COLUMNS),
    }
    if question.paging.place:
        body["search_after"] = list(question.paging.place)
    if question.with_highlights:
        body["highlight"] = {
            "pre_tags": [MARK],
            "post_tags": [UNMARK],
            "fields": {
                field: {**shown, "highlight_query": _marked(question, alternatives, field)}
                for field, shown in _SHOWN.items()
            },
        }
    if question.with_facets:
        body["aggs"] = {
            name: {"terms": {"field": field, "size": size}}
            for name, (field, size) in FACETS.items()
        }
    return body


def widen(body: Body, *, backward: bool) -> None:
    """Begin a little before the last score and read more: the caller leaves out what it has seen.

    For an engine that does not find the scores it gave out; right for up to 500 equal scores.
    """
    score, _ = body["search_after"]
    body["search_after"] = [score * (1 - 1e-6 if backward else 1 + 1e-6), ""]
    body["size"] += _MOST_EQUAL


def suggest_body(prefix: str, walls: Walls, now: datetime) -> Body:
    """Titles and names with these words, the last of them begun; what is outdated comes later.

    Prefixes are looked up in an index of prefixes: never in a list cut off after some number of
    terms, where terms of what is invisible would push out others.
    """
    words = {
        "multi_match": {
            "query": prefix,
            "type": "bool_prefix",
            "operator": "and",
            "fields": ["suggest", "suggest._2gram"],
        }
    }
    return {
        "size": SUGGESTIONS_READ,
        "query": {"bool": {"must": [_ranked([words], [])], "filter": [wall(walls, now)]}},
        "sort": [{"_score": "desc"}, {"key": "asc"}],
        "track_total_hits": False,
        "timeout": TIMEOUT,
        "_source": ["suggest"],
        "docvalue_fields": ["kind", "community_id", "id"],
    }


def similar_body(likeness: Likeness, walls: Walls, now: datetime) -> Body:
    """Topics that have some of the title's words; the more of all that is said, the better.

    Each word counts once by the field it is in, never by how many others have it.
    """
    alike = [_term(term, (), forgiving=False) for term in likeness.title]
    better = [_match(term.text, ("title^2", "body"), boost=0.3) for term in likeness.body]
    better += [{"term": {"tags": {"value": tag, "boost": 1.5}}} for tag in likeness.tags]
    query: Body = {
        "filter": [wall(walls, now), {"term": {"kind": Kind.TOPIC.value}}],
        "must": [
            _ranked([{"bool": {"should": alike, "minimum_should_match": likeness.needed}}], better)
        ],
    }
    if likeness.except_id:
        query["must_not"] = [{"term": {"id": likeness.except_id}}]
    return {
        "size": likeness.size,
        "query": {"bool": query},
        "sort": [{"_score": "desc"}, {"key": "asc"}],
        "track_total_hits": False,
        "timeout": TIMEOUT,
        "stored_fields": "_none_",
        "docvalue_fields": ["kind", "community_id", "id"],
    }


def wall(walls: Walls, now: datetime) -> Body:
    """What these keys open: for each community those that count there."""
    if not walls:
        raise AssertionError("nobody asks")
    return {
        "bool": {
            "should": [
                {
                    "bool": {
                        "filter": [
                            {"term": {"community_id": community}},
                            _opened(keys, now),
                        ]
                    }
                }
                for community, keys in walls.items()
            ],
            "minimum_should_match": 1,
            "must_not": [{"term": {"deleted": True}}],
        }
    }


def _opened(keys: Sequence[str], now: datetime) -> Body:
    """What asks for one of these keys; in the channels that some of them open, what asks for one in
    each list of its rule, and is out on every clock.
    """
    plain: Body = {"terms": {"read_keys": [key for key in keys if not is_channel_key(key)]}}
    channels = [key for key in keys if is_channel_key(key)]
    if not channels:
        return plain
    own = [key for key in keys if is_own_key(key)]  # few: to look for all would cost as much again
    told: list[Body] = [
        {"terms": {"read_keys": channels}},
        *({"terms": {field: own}} for field in RULE_FIELDS),
        {"range": {"visible_time": {"lte": milliseconds(now)}}},
    ]
    return {"bool": {"should": [plain, {"bool": {"filter": told}}], "minimum_should_match": 1}}


def _query(question: Question, walls: Walls, alternatives: Alternatives, now: datetime) -> Body:
    query: Body = {"filter": [wall(walls, now), *_filters(question.filters)]}
    if question.terms:
        query["must"] = [_ranked(*_words(question, alternatives))]
    return {"bool": query}


def _ranked(must: Sequence[Body], better: Sequence[Body]) -> Body:
    """What matches by its words; what is outdated does so as well, for a share of the score.

    Two ways of which a document goes one, not a `boosting` query: that one scores every document
    that matches, this one leaves out those that come too late, and costs nothing where nothing is
    outdated.
    """
    words: Body = {"must": must, "should": better}
    outdated: Body = {"term": {"outdated": True}}
    return {
        "bool": {
            "should": [
                {"bool": {**words, "must_not": [outdated]}},
                {"bool": {**words, "filter": [outdated], "boost": _OUTDATED_SHARE}},
            ],
            "minimum_should_match": 1,
        }
    }


def _filters(filters: Filters) -> list[Body]:
    found: list[Body] = []
    if filters.kinds:
        found.append({"terms": {"kind": list(filters.kinds)}})
    found.extend({"term": {"tags": tag}} for tag in filters.tags)
    if filters.author_id:
        found.append({"term": {"author_id": filters.author_id}})
    if filters.space_id:
        found.append({"term": {"space_id": filters.space_id}})
    if filters.topic_kinds:
        found.append({"terms": {"topic_kind": list(filters.topic_kinds)}})
    if filters.topic_states:
        found.append({"terms": {"topic_state": list(filters.topic_states)}})
    if filters.unanswered:
        found.append({"term": {"unanswered": True}})
    if filters.from_time or filters.to_time:
        bounds: dict[str, int] = {}
        if filters.from_time:
            bounds["gte"] = milliseconds(filters.from_time)
        if filters.to_time:
            bounds["lt"] = milliseconds(filters.to_time)
        found.append({"range": {"time": bounds}})
    return found


def _marked(question: Question, alternatives: Alternatives, field: str) -> Body:
    """What is marked in a field: what may match there.

    Said apart, as what only makes a match better is costly to look for in each hit.
    """
    return {"bool": {"should": _must(question, alternatives, (field,))}}


def _words(question: Question, alternatives: Alternatives) -> tuple[list[Body], list[Body]]:
    """What must match, and what makes a match better."""
    together = [term.text for term in question.terms if not term.quoted]
    better = [_match(" ".join(together), _PHRASE_FIELDS, phrase=True, slop=2)]
    return _must(question, alternatives, _FIELDS), better if len(together) > 1 else []


def _must(question: Question, alternatives: Alternatives, fields: Sequence[str]) -> list[Body]:
    positions = telling(question.terms)
    forgiving = question.forgiving and len(positions) <= _FORGIVING_TERMS
    must: list[Body] = []
    some: list[Body] = []
    for position in positions:
        term = question.terms[position]
        (must if term.quoted else some).append(
            _term(term, _guarded(position, alternatives, fields), fields, forgiving=forgiving)
        )
    if some:
        must.append(
            {"bool": {"should": some, "minimum_should_match": _needed(len(some))}}
            if len(some) > 1
            else some[0]
        )
    return must


def _needed(terms: int) -> int:
    """How many of the words a hit has: both of two, all but one of more, six of eight."""
    return terms if terms <= 2 else terms - max(1, terms // 4)


def _term(
    term: Term, others: Sequence[Body], fields: Sequence[str] = _FIELDS, *, forgiving: bool
) -> Body:
    """One word or phrase, or what stands for it; the best of them counts."""
    ways: list[Body] = [_match(term.text, fields, phrase=term.phrase)]
    if forgiving and term.forgiving:
        # A constant score: all terms near the word count, not the most frequent of an index that
        # others share.
        slip = _match(term.text, fields, boost=0.2)
        slip["multi_match"] |= {
            "fuzziness": "AUTO:4,8",
            "prefix_length": 1,
            "fuzzy_rewrite": "constant_score",
        }
        ways.append(slip)
    ways.extend(others)
    return {"dis_max": {"queries": ways}} if len(ways) > 1 else ways[0]


def _guarded(position: int, alternatives: Alternatives, fields: Sequence[str]) -> list[Body]:
    """A community's synonyms find its own entries only."""
    return [
        {
            "bool": {
                "filter": [{"term": {"community_id": community}}],
                "must": [_match(phrase, fields, phrase=True, boost=0.8)],
            }
        }
        for community, found in alternatives.items()
        for phrase in found.get(position, ())
    ]


def _match(
    text: str,
    fields: Sequence[str],
    *,
    phrase: bool = False,
    boost: float = 1.0,
    slop: int = 0,
) -> Body:
    match: Mapping[str, Any] = {"query": text, "fields": list(fields), "tie_breaker": 0.2}
    match = {**match, "type": "phrase"} if phrase else {**match, "operator": "and"}
    if slop:
        match = {**match, "slop": slop}
    if boost != 1.0:
        match = {**match, "boost": boost}
    return {"multi_match": dict(match)}


def milliseconds(time: datetime) -> int:
    """As the index keeps times."""
    return round(time.timestamp() * 1000)
