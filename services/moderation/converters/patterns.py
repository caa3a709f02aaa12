"""Rules as matchers. Only RE2 runs a tenant's pattern: its time grows with the text, never more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import re2

from chassis.errors import FieldInvalidError
from services.moderation.domain import (
    WORD_END,
    WORD_START,
    ActiveRule,
    FoldedText,
    Matcher,
    PatternInvalidError,
    PatternKind,
    Policy,
    Rule,
    RuleKind,
    Span,
    fold,
    words_and_gaps,
)

MAX_MEMORY = 1 << 20  # bytes a pattern's automata may take
MAX_PROGRAM = 2000  # instructions: what a pattern may cost a character, at worst
_ANY_LETTERS = f"[^{WORD_START}{WORD_END}]*"
_ANY_SPACE = r"[\s\x{85}\x{1680}\x{2028}\x{2029}]+"
# A pattern that matches nothing at all somewhere here would match everywhere.
_PROBES = (b"", b"a", b"Z9_", b" ", b"a b", b"\n\n", b"-a-\t.", "é ß漢".encode())


class WordMatcher:
    """Whole words of the folded text."""

    def __init__(self, pattern: str) -> None:
        folded = fold(pattern).folded
        if not folded.replace("*", "").strip():
            raise PatternInvalidError("a word needs more than *", field="pattern")
        parts = words_and_gaps(folded)
        source = "".join(_word(text) if is_word else _gap(text) for text, is_word in parts)
        self._regexp = _compiled(source, ignore_case=False)

    def found_in(self, text: FoldedText) -> bool:
        """Whether it matches anywhere."""
        return self._regexp.search(text.marked_bytes) is not None

    def spans(self, text: FoldedText) -> list[Span]:
        """Where it matches, in the text as written."""
        if not self.found_in(text):
            return []
        matches = self._regexp.finditer(text.marked_bytes)
        return [text.written_at_marked(match.span()) for match in matches]


class RegexMatcher:
    """A regular expression, on the text as written and on its plain form where that differs."""

    def __init__(self, pattern: str) -> None:
        self._regexp = _compiled(pattern, ignore_case=True)
        for probe in _PROBES:
            if any(match.start() == match.end() for match in self._regexp.finditer(probe)):
                raise PatternInvalidError("the pattern matches the empty string", field="pattern")

    def found_in(self, text: FoldedText) -> bool:
        """Whether it matches anywhere."""
        if self._regexp.search(text.written_bytes) is not None:
            return True
        return text.changed and self._regexp.search(text.plain_bytes) is not None

    def spans(self, text: FoldedText) -> list[Span]:
        """Where it matches, in the text as written."""
        if not self.found_in(text):
            return []
        spans = map(text.written_at_bytes, self._places(text.written_bytes))
        if not text.changed:
            return list(spans)
        return [*spans, *map(text.written_at_plain, self._places(text.plain_bytes))]

    def _places(self, text: bytes) -> Iterator[Span]:
        for match in self._regexp.finditer(text):
            if match.start() < match.end():
                yield match.span()


def matcher_of(pattern_kind: PatternKind, pattern: str) -> Matcher:
    """A pattern made ready. Refuses with PATTERN_INVALID."""
    if pattern_kind is PatternKind.WORD:
        return WordMatcher(pattern)
    return RegexMatcher(pattern)


def check_pattern(rule: Rule) -> None:
    """Refuse what cannot be matched, with PATTERN_INVALID, and what would replace itself."""
    matcher = matcher_of(rule.pattern_kind, rule.pattern)
    if rule.kind is RuleKind.REPLACE and matcher.found_in(fold(rule.replacement)):
        raise FieldInvalidError("the pattern matches its own replacement", field="replacement")


def active_rules(policy: Policy) -> Sequence[ActiveRule]:
    """The enabled rules, ready, in the order they apply."""
    return [
        ActiveRule(rule, matcher_of(rule.pattern_kind, rule.pattern))
        for rule in policy.in_order()
        if rule.enabled
    ]


def _word(word: str) -> str:
    pieces = re.sub(r"\*+", "*", word).split("*")
    return f"{WORD_START}{_ANY_LETTERS.join(map(re2.escape, pieces))}{WORD_END}"


def _gap(gap: str) -> str:
    """White space of any length where the pattern has some, the rest as it is."""
    return _ANY_SPACE.join(map(re2.escape, re.split(r"\s+", gap)))


def _compiled(source: str, *, ignore_case: bool) -> re2._Regexp:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.case_sensitive = not ignore_case
    options.never_capture = True
    options.log_errors = False
    try:
        regexp = re2.compile(source, options)
    except re2.error as error:
        message = error.args[0] if error.args else ""
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        raise PatternInvalidError(f"not a pattern: {text}", field="pattern") from None
    if regexp.programsize > MAX_PROGRAM:
        raise PatternInvalidError("the pattern is too complex", field="pattern")
    return regexp
