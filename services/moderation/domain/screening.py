"""What rules say of texts: the verdict, and the texts as they are to be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chassis.errors import FieldInvalidError, TextInvalidError, UnavailableError
from services.moderation.domain.folding import FoldedText, Span, fold
from services.moderation.domain.policies import PatternKind, Rule, RuleKind

MAX_TEXTS = 32
MAX_TEXT = 32_768  # characters
MAX_TEXTS_TOGETHER = 65_536
MASK = "█"  # no letter, so no word can be made of it; never longer than what it hides


class ScreeningTooSlowError(UnavailableError):
    """The community's rules take longer for this text than there is time."""


class Verdict(Enum):
    """What becomes of a text."""

    ALLOW = 1
    FLAG = 2
    HOLD = 3
    BLOCK = 4


class Matcher(Protocol):
    """A pattern made ready to match."""

    def found_in(self, text: FoldedText) -> bool:
        """Whether it matches anywhere."""

    def spans(self, text: FoldedText) -> list[Span]:
        """Where it matches, in the text as written; may touch, may be out of order."""


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """An enabled rule that is ready to match."""

    rule: Rule
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class Screening:
    """The outcome of one screen."""

    verdict: Verdict
    texts: tuple[str, ...]
    rule_ids: tuple[str, ...] = ()  # that decided or flagged
    replaced_ids: tuple[str, ...] = ()  # of REPLACE rules that matched
    message: str = ""
    policy_version: int = 0


def check_texts(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts, bounded; any character may stand in them. Refuses with TEXT_INVALID."""
    if len(texts) > MAX_TEXTS:
        raise FieldInvalidError(f"texts must have at most {MAX_TEXTS} texts", field="texts")
    for number, text in enumerate(texts):
        if len(text) > MAX_TEXT:
            raise TextInvalidError(
                f"texts.{number} must have at most {MAX_TEXT} characters, not {len(text)}",
                field=f"texts.{number}",
            )
    if sum(map(len, texts)) > MAX_TEXTS_TOGETHER:
        raise FieldInvalidError(
            f"texts must have at most {MAX_TEXTS_TOGETHER} characters together", field="texts"
        )
    return tuple(texts)


def screen(
    rules: Iterable[ActiveRule],
    texts: Sequence[str],
    *,
    policy_version: int,
    in_time: Callable[[], bool] = lambda: True,
) -> Screening:
    """Apply rules by kind: the first BLOCK, then HOLD decides, REPLACE changes, FLAG notes.

    BLOCK and HOLD see the texts as they came, FLAG sees them after REPLACE. A blocked text is
    given back unchanged. Refuses with SCREENING_TOO_SLOW when `in_time` says that time is up.
    """
    by_kind: dict[RuleKind, list[ActiveRule]] = {kind: [] for kind in RuleKind}
    for active in rules:
        by_kind[active.rule.kind].append(active)
    folded = [fold(text) for text in texts]

    def matching(kind: RuleKind) -> Iterable[Rule]:
        for active in by_kind[kind]:
            _check_time(in_time)
            if any(active.matcher.found_in(text) for text in folded):
                yield active.rule

    for rule in matching(RuleKind.BLOCK):
        return Screening(Verdict.BLOCK, tuple(texts), (rule.id,), (), rule.message, policy_version)
    held = next(iter(matching(RuleKind.HOLD)), None)
    replacing = by_kind[RuleKind.REPLACE]
    changed = [_replaced(text, replacing, in_time) for text in folded]
    replaced = {rule_id for _, ids in changed for rule_id in ids}
    folded = [
        text if text.written == new else fold(new)
        for text, (new, _) in zip(folded, changed, strict=True)
    ]
    flagged = [rule.id for rule in matching(RuleKind.FLAG)]
    verdict = Verdict.HOLD if held else Verdict.FLAG if flagged else Verdict.ALLOW
    return Screening(
        verdict,
        tuple(text.written for text in folded),
        (*([held.id] if held else []), *flagged),
        tuple(active.rule.id for active in replacing if active.rule.id in replaced),
        "",
        policy_version,
    )


def _replaced(
    text: FoldedText, rules: Sequence[ActiveRule], in_time: Callable[[], bool]
) -> tuple[str, list[str]]:
    """The text with all REPLACE rules applied at once, and the ids of those that matched.

    Where two overlap the earlier rule wins. What makes a WORD anew, as a replacement beside other
    words may, is masked, so none is left; a text that would grow too long is masked instead.
    """
    taken: list[tuple[Span, str]] = []
    matched: list[str] = []
    for active in rules:
        _check_time(in_time)
        if spans := active.matcher.spans(text):
            matched.append(active.rule.id)
            taken.extend((span, active.rule.replacement) for span in spans)
    if not taken:
        return text.written, []
    new = _spliced(text.written, _first_of_each(taken))
    if len(new) > MAX_TEXT:
        new = _spliced(text.written, [(span, MASK) for span, _ in _first_of_each(taken)])
    again = fold(new)
    left: list[Span] = []
    for active in rules:
        _check_time(in_time)
        if active.rule.pattern_kind is PatternKind.WORD:
            left += active.matcher.spans(again)
    return _spliced(new, [(span, MASK) for span in _joined(left)]), matched


def _first_of_each(taken: Sequence[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """Those that overlap none before them, in the text's order."""
    last = max(span[1] for span, _ in taken)
    used = bytearray(last)
    kept = []
    for span, replacement in taken:
        if 1 not in used[span[0] : span[1]]:
            used[span[0] : span[1]] = b"\1" * (span[1] - span[0])
            kept.append((span, replacement))
    return sorted(kept)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans made one, in order."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _spliced(text: str, replacements: Sequence[tuple[Span, str]]) -> str:
    pieces: list[str] = []
    at = 0
    for (start, end), replacement in replacements:
        pieces += (text[at:start], replacement)
        at = end
    return "".join((*pieces, text[at:]))


def _check_time(in_time: Callable[[], bool]) -> None:
    if not in_time():
        raise ScreeningTooSlowError
