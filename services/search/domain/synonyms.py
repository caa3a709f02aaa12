"""Words that stand for each other in one community."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.errors import FieldInvalidError, InvalidArgumentError
from chassis.texts import check_line
from services.search.domain.questions import Term, folded_words

MOST_SETS = 500
MOST_PHRASES = 10  # of a set
MOST_WORDS = 6  # of a phrase
MAX_PHRASE_LENGTH = 64
MOST_ALTERNATIVES = 40  # of one query and community


class TooManySynonymsError(InvalidArgumentError):
    """A community has 500 sets of at most 10 phrases."""


@dataclass(frozen=True, slots=True)
class Synonyms:
    """A community's sets of phrases, each of which stands for all of its set."""

    sets: tuple[tuple[str, ...], ...] = ()


def check_sets(sets: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The sets as stored. Refuses with TOO_MANY_SYNONYMS, TEXT_INVALID, FIELD_INVALID."""
    if len(sets) > MOST_SETS:
        raise TooManySynonymsError(f"at most {MOST_SETS} sets, not {len(sets)}", field="sets")
    return tuple(_check_set(phrases, f"sets.{index}") for index, phrases in enumerate(sets))


def _check_set(phrases: Sequence[str], field: str) -> tuple[str, ...]:
    if len(phrases) > MOST_PHRASES:
        raise TooManySynonymsError(
            f"at most {MOST_PHRASES} phrases, not {len(phrases)}", field=f"{field}.phrases"
        )
    checked: dict[tuple[str, ...], str] = {}
    for index, phrase in enumerate(phrases):
        name = f"{field}.phrases.{index}"
        line = check_line(phrase, name, most=MAX_PHRASE_LENGTH)
        words = folded_words(line)
        if not 1 <= len(words) <= MOST_WORDS:
            raise FieldInvalidError(f"{name} must have 1 to {MOST_WORDS} words", field=name)
        checked.setdefault(words, line)
    if len(checked) < 2:
        raise FieldInvalidError(f"{field} must have two phrases or more", field=f"{field}.phrases")
    return tuple(checked.values())


class Thesaurus:
    """Synonyms made ready for looking up; made once a version."""

    def __init__(self, synonyms: Synonyms) -> None:
        # first word -> a phrase's words and what else is in its sets
        self._by_first: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
        for phrases in synonyms.sets:
            for phrase in phrases:
                words = folded_words(phrase)
                others = tuple(other for other in phrases if other != phrase)
                self._by_first[words[0]].append((words, others))

    def alternatives(self, terms: Sequence[Term]) -> Mapping[int, Sequence[str]]:
        """For each term's position, what may stand for it or for the words it is part of.

        What is quoted is meant literally.
        """
        found: dict[int, list[str]] = defaultdict(list)
        left = MOST_ALTERNATIVES
        words = [(word, position) for position, term in enumerate(terms) for word in term.words]
        for start, (first, _) in enumerate(words):
            for phrase, others in self._by_first.get(first, ()):
                span = words[start : start + len(phrase)]
                positions = {position for _, position in span}
                if tuple(word for word, _ in span) != phrase:
                    continue
                if any(terms[position].quoted for position in positions):
                    continue
                for other in others[: max(left, 0)]:
                    left -= len(positions)
                    for position in positions:
                        found[position].append(other)
        return {position: tuple(dict.fromkeys(others)) for position, others in found.items()}
