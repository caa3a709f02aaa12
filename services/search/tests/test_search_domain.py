"""Words, phrases and synonyms by plain calls."""

from __future__ import annotations

import pytest

from chassis.errors import FieldInvalidError, TextInvalidError
from services.search.domain.entries import Kind, Place
from services.search.domain.questions import (
    MOST_TERMS,
    Likeness,
    Suggested,
    Term,
    distinct,
    parse_terms,
    telling,
)
from services.search.domain.synonyms import (
    MOST_ALTERNATIVES,
    Synonyms,
    Thesaurus,
    TooManySynonymsError,
    check_sets,
)


def test_words_phrases_and_pieces_become_terms() -> None:
    assert parse_terms('Reset "deal  registration" error-code 0x80 +Ünï "') == (
        Term("Reset", ("reset",)),
        Term("deal  registration", ("deal", "registration"), quoted=True),
        Term("error-code", ("error", "code")),
        Term("0x80", ("0x80",)),
        Term("+Ünï", ("uni",)),
    )


def test_nothing_is_an_operator() -> None:
    texts = [term.text for term in parse_terms("a:b AND NOT title:* OR (x) -y ~ ^ ||")]
    assert texts == ["a:b", "AND", "NOT", "title:*", "OR", "(x)", "-y"]


def test_terms_count_once_and_are_limited() -> None:
    assert parse_terms("one ONE öne") == (Term("one", ("one",)),)
    assert len(parse_terms(" ".join(f"w{n}" for n in range(60)))) == MOST_TERMS


def test_common_words_are_left_out_unless_there_are_no_others() -> None:
    assert telling(parse_terms("how do I reset the password")) == (3, 5)
    assert telling(parse_terms("to be or not")) == (0, 1, 2, 3)
    assert telling(parse_terms('"to be" or not')) == (0,)


def test_slips_are_forgiven_in_long_plain_words_only() -> None:
    forgiving = [
        term.text for term in parse_terms('reset abc 0x800 v2 "quoted" a-b') if term.forgiving
    ]
    assert forgiving == ["reset"]


def test_synonyms_stand_for_words_and_for_words_side_by_side() -> None:
    thesaurus = Thesaurus(Synonyms((("PRM", "partner relationship management"), ("SSO", "login"))))
    terms = parse_terms("our Partner Relationship Management sso")
    assert thesaurus.alternatives(terms) == {
        1: ("PRM",),
        2: ("PRM",),
        3: ("PRM",),
        4: ("login",),
    }
    assert thesaurus.alternatives(parse_terms("prm")) == {0: ("partner relationship management",)}
    assert thesaurus.alternatives(parse_terms("partner management")) == {}


def test_synonyms_do_not_touch_what_is_quoted() -> None:
    thesaurus = Thesaurus(Synonyms((("SSO", "login"),)))
    assert thesaurus.alternatives(parse_terms('"sso"')) == {}


def test_alternatives_are_limited() -> None:
    sets = tuple(("word", *(f"w{s}x{n}" for n in range(9))) for s in range(20))
    found = Thesaurus(Synonyms(sets)).alternatives(parse_terms("word"))
    assert len(found[0]) == MOST_ALTERNATIVES


def test_sets_are_cleaned() -> None:
    assert check_sets([["  PRM ", "prm", "partner   portal"]]) == (("PRM", "partner portal"),)


@pytest.mark.parametrize(
    ("sets", "error", "field"),
    [
        ([["a", "b"]] * 501, TooManySynonymsError, "sets"),
        ([["a", "b"], list("abcdefghijk")], TooManySynonymsError, "sets.1.phrases"),
        ([["a", "A"]], FieldInvalidError, "sets.0.phrases"),
        ([[]], FieldInvalidError, "sets.0.phrases"),
        ([["a", ""]], TextInvalidError, "sets.0.phrases.1"),
        ([["a", "b\x00"]], TextInvalidError, "sets.0.phrases.1"),
        ([["a", "-- !"]], FieldInvalidError, "sets.0.phrases.1"),
        ([["a", "one two three four five six seven"]], FieldInvalidError, "sets.0.phrases.1"),
        ([["a", "x" * 65]], TextInvalidError, "sets.0.phrases.1"),
    ],
)
def test_bad_sets_are_refused(sets: list[list[str]], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as refusal:
        check_sets(sets)
    assert refusal.value.field == field  # type: ignore[attr-defined]


def test_suggestions_are_distinct_and_limited() -> None:
    place = Place(Kind.TOPIC, "c1", "t1")
    said = ["Reset", "reset", "Rését", *(f"Text {n}" for n in range(20))]
    texts = [s.text for s in distinct([Suggested(place, text) for text in said])]
    assert texts == ["Reset", *(f"Text {n}" for n in range(9))]


def test_likeness_has_telling_words_once() -> None:
    likeness = Likeness.of('How do I "pair" the Zoë-2 radio?', "The radio does not pair. It blinks")
    assert [term.text for term in likeness.title] == ["pair", "Zoë-2", "radio?"]
    assert [term.text for term in likeness.body] == ["blinks"]


@pytest.mark.parametrize(("words", "needed"), [(1, 1), (2, 1), (3, 1), (5, 2), (8, 3), (12, 5)])
def test_likeness_needs_some_of_the_titles_words(words: int, needed: int) -> None:
    title = " ".join(f"word{number}" for number in range(words))
    assert Likeness.of(title, "").needed == needed


def test_likeness_of_nothing_but_common_words_is_none() -> None:
    assert Likeness.of("How do I?", "the radio").title == ()


def test_likeness_looks_at_a_few_words_only() -> None:
    many = " ".join(f"word{number}" for number in range(100))
    likeness = Likeness.of(many, many)
    assert (len(likeness.title), len(likeness.body)) == (12, 8)
