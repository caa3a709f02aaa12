"""What an edit changed: word by word within the lines that differ, as segments, never as HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# Comparing costs about as many steps as there are pairs of equal things, times how often it starts
# again between them: beyond these a part is told as a whole, removed and added.
_MOST_PAIRS = 20_000
_MOST_PARTS = 2_000
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


class DiffKind(StrEnum):
    """Whose text a segment is."""

    UNCHANGED = "UNCHANGED"
    REMOVED = "REMOVED"  # of the former only
    ADDED = "ADDED"  # of the later only


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text; those of the former text, one after the other, are that text."""

    kind: DiffKind
    text: str


def diff(former: str, later: str) -> tuple[Segment, ...]:
    """Line by line, then word by word."""
    return tuple(_merged(_lines(former, later)))


def _lines(former: str, later: str) -> Iterator[Segment]:
    before, after = former.splitlines(keepends=True), later.splitlines(keepends=True)
    for same, old, new in _blocks(before, after):
        if same:
            yield Segment(DiffKind.UNCHANGED, "".join(old))
        else:
            yield from _words("".join(old), "".join(new))


def _words(former: str, later: str) -> Iterator[Segment]:
    for same, old, new in _blocks(_WORDS.findall(former), _WORDS.findall(later)):
        if same:
            yield Segment(DiffKind.UNCHANGED, "".join(old))
        else:
            yield Segment(DiffKind.REMOVED, "".join(old))
            yield Segment(DiffKind.ADDED, "".join(new))


def _blocks(
    before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[bool, Sequence[str], Sequence[str]]]:
    """Parts of both, whether they are the same; what they begin and end with is soon found."""
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    yield True, before[:start], after[:start]
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if _comparable(old, new):
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            yield tag == "equal", old[i1:i2], new[j1:j2]
    else:
        yield False, old, new
    yield True, before[len(before) - end :], after[len(after) - end :]


def _alike(before: Sequence[str], after: Sequence[str]) -> int:
    """How many parts both begin with."""
    count = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        count += 1
    return count


def _comparable(old: Sequence[str], new: Sequence[str]) -> bool:
    if max(len(old), len(new)) > _MOST_PARTS:
        return False
    counted = Counter(new)
    return sum(counted[part] for part in old) <= _MOST_PAIRS


def _merged(segments: Iterator[Segment]) -> Iterator[Segment]:
    """Without empty ones, and between two unchanged stretches all removed before all added."""
    removed, added, unchanged = "", "", ""
    for segment in segments:
        if not segment.text:
            continue
        if segment.kind is DiffKind.UNCHANGED:
            if removed or added:
                yield from _changed(removed, added)
                removed, added = "", ""
            unchanged += segment.text
            continue
        if unchanged:
            yield Segment(DiffKind.UNCHANGED, unchanged)
            unchanged = ""
        if segment.kind is DiffKind.REMOVED:
            removed += segment.text
        else:
            added += segment.text
    yield from _changed(removed, added)
    if unchanged:
        yield Segment(DiffKind.UNCHANGED, unchanged)


def _changed(removed: str, added: str) -> Iterator[Segment]:
    if removed:
        yield Segment(DiffKind.REMOVED, removed)
    if added:
        yield Segment(DiffKind.ADDED, added)
