"""How one asks: words and phrases, filters, order; and what comes back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis.errors import FailedPreconditionError, UnavailableError
from chassis.pagination import Paging
from chassis.values import value
from services.search.domain.entries import Kind, Place, TopicKind, TopicState

MAX_QUERY_LENGTH = 256
MOST_TERMS = 24  # of one query; what comes behind is not looked at
MOST_TAGS = 10
MOST_SUGGESTIONS = 10
_TITLE_WORDS, _BODY_WORDS = 12, 8  # that likeness is judged by

# Said so often that they tell nothing; left out where a query has other words.
# fmt: off
_STOP_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for",
    "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me",
    "my", "no", "not", "of", "on", "or", "our", "so", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "to", "was", "we", "what", "when", "where", "which",
    "who", "why", "will", "with", "you", "your",
))
# fmt: on
_PIECES = re.compile(r'"([^"]*)"|([^\s"]+)')
_WORDS = re.compile(r"\w+")


class SearchUnavailableError(UnavailableError):
    """The index cannot be reached, or did not answer in time."""


class IndexMissingError(SearchUnavailableError):
    """The engine answers, but the index is not there: not made yet, or lost with its memory."""


class IndexLostError(FailedPreconditionError):
    """An index was lost while it was filled: it must be made anew from the beginning."""


def fold(text: str) -> str:
    """Case and accents make no difference."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def folded_words(text: str) -> tuple[str, ...]:
    """The words of a text, folded: what synonyms are compared by."""
    return tuple(_WORDS.findall(fold(text)))


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or words that belong together: quoted, or one piece as error-code."""

    text: str
    words: tuple[str, ...]  # folded
    quoted: bool = False

    @property
    def phrase(self) -> bool:
        """Its words must stand side by side."""
        return len(self.words) > 1

    @property
    def weak(self) -> bool:
        """Too common to tell anything."""
        return not (self.quoted or self.phrase) and self.words[0] in _STOP_WORDS

    @property
    def forgiving(self) -> bool:
        """Whether a slip of the pen still finds it: not in codes, versions and short words."""
        word = self.words[0]
        return not (self.quoted or self.phrase) and len(word) >= 4 and word.isalpha()


def parse_terms(text: str) -> tuple[Term, ...]:
    """Words and "phrases", each once; nothing in a query is an operator."""
    terms: dict[tuple[tuple[str, ...], bool], Term] = {}
    for quoted, piece in _PIECES.findall(text):
        if words := folded_words(quoted or piece):
            key = (words, bool(quoted))
            terms.setdefault(key, Term(quoted or piece, words, bool(quoted)))
    return tuple(terms.values())[:MOST_TERMS]


def telling(terms: Sequence[Term]) -> tuple[int, ...]:
    """The positions of the terms that tell something; all, where none does."""
    positions = tuple(i for i, term in enumerate(terms) if not term.weak)
    return positions or tuple(range(len(terms)))


@dataclass(frozen=True, slots=True)
class Filters:
    """What hits must also be; empty: anything. `from_time` is within, `to_time` is not."""

    kinds: tuple[Kind, ...] = ()
    tags: tuple[str, ...] = ()  # all of them
    author_id: str = ""
    space_id: str = ""
    from_time: datetime | None = None
    to_time: datetime | None = None
    unanswered: bool = False
    topic_kinds: tuple[TopicKind, ...] = ()  # of the topic, or of the one that a reply is in
    topic_states: tuple[TopicState, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One search, without who asks it."""

    text: str = ""
    terms: tuple[Term, ...] = ()
    filters: Filters = Filters()
    newest: bool = False  # else by relevance
    forgiving: bool = False  # also with slips of the pen: asked where nothing was found without
    # A place is the order values of a hit: score or time, and key.
    paging: Paging = field(default_factory=Paging)
    with_facets: bool = False
    with_highlights: bool = False
    with_total: bool = False

    @property
    def may_forgive(self) -> bool:
        """Whether it is worth asking again forgivingly, where this found nothing at all."""
        first = not self.paging.place and not self.forgiving
        return first and any(term.forgiving for term in self.terms)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What topics are to be like. Words tell more in a title than in a text."""

    title: tuple[Term, ...]
    body: tuple[Term, ...] = ()
    tags: tuple[str, ...] = ()
    except_id: str = ""
    size: int = 5

    @classmethod
    def of(
        cls, title: str, body: str, tags: tuple[str, ...] = (), except_id: str = "", size: int = 5
    ) -> Likeness:
        """The telling words, each once: of the title first, then of the text."""
        head = _telling_words(title, _TITLE_WORDS)
        known = {term.words for term in head}
        rest = [term for term in _telling_words(body, MOST_TERMS) if term.words not in known]
        return cls(head, tuple(rest[:_BODY_WORDS]), tags, except_id, size)

    @property
    def needed(self) -> int:
        """How many of the title's words a topic has: one of two, two of five, three of eight."""
        return max(1, round(len(self.title) * 0.4))


def _telling_words(text: str, most: int) -> tuple[Term, ...]:
    return tuple(term for term in parse_terms(text.replace('"', " ")) if not term.weak)[:most]


# Who asks: for each community the keys that count there, those of readable spaces and channels
# included.
Walls = Mapping[str, Sequence[str]]
# For each community what else may stand for a term: its position -> phrases.
Alternatives = Mapping[str, Mapping[int, Sequence[str]]]


@value
class Found:
    """One hit; highlights are safe HTML."""

    place: Place
    topic_id: str
    score: float
    order: tuple[float | int, str]  # its order values
    title_highlight: str = ""
    body_highlight: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Hits in order, and what was asked for besides."""

    hits: tuple[Found, ...] = ()
    more: bool = False
    forgiving: bool = False  # it took that to find them
    total: int = 0  # exact up to 10,000, then 10,000
    facets: Mapping[str, Sequence[tuple[str, int]]] | None = None


@dataclass(frozen=True, slots=True)
class Suggested:
    """A title or name that begins like what was typed."""

    place: Place
    text: str


def distinct(suggestions: Sequence[Suggested]) -> tuple[Suggested, ...]:
    """The first of each text, at most MOST_SUGGESTIONS."""
    first: dict[str, Suggested] = {}
    for suggestion in suggestions:
        first.setdefault(fold(suggestion.text), suggestion)
    return tuple(first.values())[:MOST_SUGGESTIONS]
