"""Texts as rules see them: without what hides a word, and with the way back to what was written.

Letters are made equal cluster by cluster (a letter with its marks): NFKC, invisible characters
taken out, case folded. Letters of other scripts that only look alike stay different.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

Span = tuple[int, int]

# In a marked text every word (a run of letters, marks and digits) stands between these two, so that
# a pattern needs no look-around to see where a word begins and ends.
WORD_START, WORD_END = "\x01", "\x02"
# Stands for "_" in folded texts, where it is no letter: _word_ is an emphasised word.
_UNDERSCORE = "\x03"

# What no reader sees: Unicode's Default_Ignorable_Code_Point.
_IGNORABLE = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_MOST_KINDS = 20_000  # characters whose kind is remembered


class _Kinds(dict[int, str]):
    """One letter for each character's kind: w(ord), m(ark), i(gnorable), * and o(ther)."""

    def __missing__(self, code: int) -> str:
        kind = _kind(code)
        if len(self) < _MOST_KINDS:
            self[code] = kind
        return kind


def _kind(code: int) -> str:
    if any(first <= code <= last for first, last in _IGNORABLE):
        return "i"
    if 0x1161 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF:
        return "m"  # Hangul vowels and finals, which join what is before them
    if code == ord("*"):
        return "*"
    return {"L": "w", "N": "w", "M": "m"}.get(unicodedata.category(chr(code))[0], "o")


_KINDS = _Kinds()
# Bounded: putting marks in order takes quadratic time.
_CLUSTER = re.compile(r"[^mi][mi]{0,15}|[mi]{1,16}")
_UNUSUAL = re.compile(r"i|m{16}")
_WORD = re.compile(r"[wm]+")
_PATTERN_WORD = re.compile(r"[wm*]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class FoldedText:
    """One text in its three forms: as written, plain (nothing hidden), folded (no case either)."""

    written: str
    clusters: tuple[tuple[str, str], ...] | None  # as written and plain; None: single characters
    plain: str
    folded: str

    @property
    def changed(self) -> bool:
        """Whether the plain form says something else than was written."""
        return self.plain != self.written

    @cached_property
    def marked(self) -> str:
        """The folded text with every word between WORD_START and WORD_END."""
        if self.folded.isascii():
            return _ASCII_WORD.sub(rf"{WORD_START}\g<0>{WORD_END}", self.folded)
        pieces: list[str] = []
        at = 0
        for match in _WORD.finditer(self.folded.translate(_KINDS)):
            start, end = match.span()
            pieces += (self.folded[at:start], WORD_START, self.folded[start:end], WORD_END)
            at = end
        return "".join((*pieces, self.folded[at:]))

    @cached_property
    def written_bytes(self) -> bytes:
        """UTF-8, made once for all rules."""
        return self.written.encode()

    @cached_property
    def plain_bytes(self) -> bytes:
        """UTF-8, made once for all rules."""
        return self.plain.encode()

    @cached_property
    def marked_bytes(self) -> bytes:
        """UTF-8, made once for all rules."""
        return self.marked.encode()

    def written_at_bytes(self, span: Span) -> Span:
        """The characters of a stretch of `written_bytes`."""
        return self._characters[span[0]], self._characters[span[1] - 1] + 1

    def written_at_plain(self, span: Span) -> Span:
        """Where the clusters were written of which a stretch of `plain_bytes` was made."""
        return self._bounds[self._plain_owners[span[0]]], self._end(self._plain_owners[span[1] - 1])

    def written_at_marked(self, span: Span) -> Span:
        """Where the clusters were written of which a stretch of `marked_bytes` was made."""
        owners = self._marked_owners
        return self._bounds[owners[span[0]]], self._end(owners[span[1] - 1])

    def _end(self, cluster: int) -> int:
        return self._bounds[cluster + 1]

    @cached_property
    def _bounds(self) -> list[int]:
        """Where each cluster begins, and the end."""
        if self.clusters is None:
            return list(range(len(self.written) + 1))
        bounds = [0]
        for written, _ in self.clusters:
            bounds.append(bounds[-1] + len(written))
        return bounds

    @cached_property
    def _characters(self) -> list[int]:
        return _by_byte(self.written, range(len(self.written)))

    @cached_property
    def _plain_owners(self) -> list[int]:
        return _by_byte(self.plain, self._owners(lambda plain: plain))

    @cached_property
    def _marked_owners(self) -> list[int]:
        return _by_byte(self.marked, self._owners_of_marked())

    def _owners(self, form: Callable[[str], str]) -> list[int]:
        """For each character of a form the cluster it was made of."""
        if self.clusters is None:
            return list(range(len(self.written)))
        return [n for n, (_, plain) in enumerate(self.clusters) for _ in form(plain)]

    def _owners_of_marked(self) -> Iterator[int]:
        owners = self._owners(_without_case)
        at = 0
        for character in self.marked:
            yield owners[at - 1 if character == WORD_END else at]
            at += character not in (WORD_START, WORD_END)


def fold(written: str) -> FoldedText:
    """All forms of a text; takes time in proportion to its length."""
    if written.isascii():
        return FoldedText(written, None, written, _reserve(written.lower()))
    kinds = written.translate(_KINDS)
    if not _UNUSUAL.search(kinds) and unicodedata.is_normalized("NFKC", written):
        folded = written.casefold()
        if len(folded) == len(written) and unicodedata.is_normalized("NFKC", folded):
            return FoldedText(written, None, written, _reserve(folded))
    pieces = (written[match.start() : match.end()] for match in _CLUSTER.finditer(kinds))
    clusters = tuple((piece, _plain(piece)) for piece in pieces)
    folded = "".join(_without_case(plain) for _, plain in clusters)
    return FoldedText(written, clusters, "".join(plain for _, plain in clusters), _reserve(folded))


def words_and_gaps(folded: str) -> Iterator[tuple[str, bool]]:
    """A folded pattern cut into words, in which * may stand, and what is between them."""
    at = 0
    for match in _PATTERN_WORD.finditer(folded.translate(_KINDS)):
        if match.start() > at:
            yield folded[at : match.start()], False
        yield folded[match.start() : match.end()], True
        at = match.end()
    if at < len(folded):
        yield folded[at:], False


def _reserve(folded: str) -> str:
    """Keep our three marks for ourselves; lengths stay as they are."""
    for mark in (WORD_START, WORD_END, _UNDERSCORE):
        folded = folded.replace(mark, " ")
    return folded.replace("_", _UNDERSCORE)


def _by_byte(text: str, owners: Iterable[int]) -> list[int]:
    """Owners of characters as owners of their UTF-8 bytes."""
    if text.isascii():
        return list(owners)
    return [
        owner
        for character, owner in zip(text, owners, strict=True)
        for _ in range(_width(ord(character)))
    ]


def _width(code: int) -> int:
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


@lru_cache(8192)
def _plain(cluster: str) -> str:
    kinds = cluster.translate(_KINDS)
    seen = "".join(c for c, kind in zip(cluster, kinds, strict=True) if kind != "i")
    return unicodedata.normalize("NFKC", seen)


@lru_cache(8192)
def _without_case(plain: str) -> str:
    return unicodedata.normalize("NFKC", plain.casefold())
