"""Folding, rules, verdicts and cases by plain calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from chassis.errors import (
    DomainError,
    FieldInvalidError,
    ReasonRequiredError,
    TextInvalidError,
)
from services.moderation.domain import (
    MASK,
    ActiveRule,
    Case,
    CaseCause,
    CaseDecidedError,
    CaseNotFoundError,
    CaseState,
    FoldedText,
    OwnPostError,
    PatternKind,
    Policy,
    ReasonCode,
    Rule,
    RuleKind,
    RuleNotFoundError,
    Screening,
    ScreeningTooSlowError,
    Span,
    TooManyRulesError,
    Verdict,
    case_id,
    check_texts,
    existing,
    fold,
    policy_id,
    screen,
    words_and_gaps,
)

TIME = datetime(2026, 11, 25, 12, tzinfo=UTC)
CASE = Case("k1", "c1", CaseCause.RULE, "t1", "", "p1", 1, TIME)
RULE = Rule("r1", 0, RuleKind.HOLD, PatternKind.WORD, "bad")


@dataclass(frozen=True)
class Literal:
    """A matcher that finds a text as it is."""

    text: str

    def found_in(self, text: FoldedText) -> bool:
        return self.text in text.written

    def spans(self, text: FoldedText) -> list[Span]:
        at = text.written.find(self.text)
        return [] if at < 0 else [(at, at + len(self.text))]


def active(kind: RuleKind, text: str, replacement: str = "", number: int = 1) -> ActiveRule:
    rule = Rule(
        f"{kind.name} {text}", number, kind, PatternKind.REGEX, text, replacement, f"no {text}"
    )
    return ActiveRule(rule, Literal(text))


def marked(text: str) -> str:
    return fold(text).marked.replace("\x01", "[").replace("\x02", "]").replace("\x03", "_")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ""),
        ("Bad Word", "[bad] [word]"),
        ("_Bad_ **w0rd**", "_[bad]_ **[w0rd]**"),
        ("b\u200ba\u00add", "[bad]"),
        ("\uff42\uff41\uff44", "[bad]"),
        ("STRASSE Straße", "[strasse] [strasse]"),
        ("ﬁne ﬁsh", "[fine] [fish]"),
        ("I\u0307STANBUL İstanbul", "[i\u0307stanbul] [i\u0307stanbul]"),
        ("हिन्दी शब्द", "[हिन्दी] [शब्द]"),
        ("e\u0301te\u0301", "[été]"),
        ("\u0301x", "[\u0301x]"),
        ("\u200b\u200b", ""),
        ("a\x01b\x02c\x03d", "[a] [b] [c] [d]"),
        ("a💩b", "[a]💩[b]"),
        ("price\u00a0list", "[price] [list]"),
    ],
)
def test_fold_marks_words_without_what_hides_them(written: str, expected: str) -> None:
    assert marked(written) == expected


@pytest.mark.parametrize("written", ["ab cd", "\uff41b ﬁ cd", "x\u200bcd e\u0301", "℀ ß İ"])
def test_marked_positions_lead_back_to_what_was_written(written: str) -> None:
    text = fold(written)
    length = len(text.marked_bytes)
    assert text.written_at_marked((0, length)) == (0, len(written))
    for start in range(length):
        first, last = text.written_at_marked((start, start + 1))
        assert 0 <= first < last <= len(written)


def test_written_at_marked_takes_whole_clusters() -> None:
    text = fold("a b\u200bad ﬁne")
    at = text.marked_bytes.find(b"\x01bad\x02")
    start, end = text.written_at_marked((at, at + 5))
    assert text.written[start:end] == "b\u200bad"
    at = text.marked_bytes.find(b"\x01fine\x02")
    start, end = text.written_at_marked((at, at + 6))
    assert text.written[start:end] == "ﬁne"


def test_many_marks_in_a_row_are_folded_in_bounded_time() -> None:
    assert len(fold("a" + "\u0301\u0327" * 16_000).folded) > 1000


def test_words_and_gaps_cuts_a_pattern() -> None:
    assert list(words_and_gaps("bad* c++ x")) == [
        ("bad*", True),
        (" ", False),
        ("c", True),
        ("++ ", False),
        ("x", True),
    ]


def test_checked_makes_texts_clean() -> None:
    rule = replace(RULE, pattern="  Bad   word ", message=" no ")
    assert rule.checked() == replace(RULE, pattern="Bad word", message="no")
    regex = replace(RULE, pattern_kind=PatternKind.REGEX, pattern="a  b")
    assert regex.checked().pattern == "a  b"


@pytest.mark.parametrize(
    ("rule", "refusal", "field"),
    [
        (replace(RULE, pattern=""), TextInvalidError, "pattern"),
        (replace(RULE, pattern=" "), TextInvalidError, "pattern"),
        (replace(RULE, pattern="a" * 513), TextInvalidError, "pattern"),
        (replace(RULE, pattern="a\x00"), TextInvalidError, "pattern"),
        (replace(RULE, message="a" * 501), TextInvalidError, "message"),
        (replace(RULE, message="a\u202eb"), TextInvalidError, "message"),
        (replace(RULE, replacement="x"), FieldInvalidError, "replacement"),
        (replace(RULE, kind=RuleKind.REPLACE), TextInvalidError, "replacement"),
        (
            replace(RULE, kind=RuleKind.REPLACE, replacement="x" * 101),
            TextInvalidError,
            "replacement",
        ),
    ],
)
def test_checked_refuses_and_names_the_field(
    rule: Rule, refusal: type[DomainError], field: str
) -> None:
    with pytest.raises(refusal) as caught:
        rule.checked()
    assert caught.value.field == field


def test_a_policy_numbers_rules_for_ever_and_orders_them_by_kind() -> None:
    policy = Policy()
    for rule_id, kind in (
        ("f", RuleKind.FLAG),
        ("h1", RuleKind.HOLD),
        ("b", RuleKind.BLOCK),
        ("r", RuleKind.REPLACE),
        ("h2", RuleKind.HOLD),
    ):
        policy, _ = policy.add(replace(RULE, id=rule_id, kind=kind))
    assert [rule.id for rule in policy.in_order()] == ["b", "h1", "h2", "r", "f"]
    policy, last = policy.remove("h2").add(replace(RULE, id="h3"))
    assert last.number == 6
    assert policy.put(replace(last, enabled=False)).rule("h3").enabled is False


def test_a_policy_refuses_unknown_rules_and_more_than_200() -> None:
    policy = Policy()
    for number in range(200):
        policy, _ = policy.add(replace(RULE, id=str(number)))
    with pytest.raises(TooManyRulesError):
        policy.add(replace(RULE, id="more"))
    with pytest.raises(RuleNotFoundError):
        policy.remove("more")
    with pytest.raises(RuleNotFoundError):
        policy.rule("more")


def test_screen_without_a_match_allows() -> None:
    rules = [active(RuleKind.BLOCK, "x"), active(RuleKind.REPLACE, "y", "z")]
    assert screen(rules, ["a", ""], policy_version=7) == Screening(
        Verdict.ALLOW, ("a", ""), policy_version=7
    )


def test_screen_blocks_with_the_first_rule_that_matches_and_changes_nothing() -> None:
    rules = [
        active(RuleKind.REPLACE, "a", "*"),
        active(RuleKind.HOLD, "a"),
        active(RuleKind.BLOCK, "q"),
        active(RuleKind.BLOCK, "b"),
        active(RuleKind.BLOCK, "a"),
    ]
    assert screen(rules, ["x", "a b"], policy_version=1) == Screening(
        Verdict.BLOCK, ("x", "a b"), ("BLOCK b",), (), "no b", 1
    )


def test_screen_holds_replaces_and_flags_at_once() -> None:
    rules = [
        active(RuleKind.FLAG, "c"),
        active(RuleKind.FLAG, "d"),
        active(RuleKind.REPLACE, "c", "d"),
        active(RuleKind.HOLD, "a"),
        active(RuleKind.HOLD, "b"),
    ]
    assert screen(rules, ["a b c"], policy_version=1) == Screening(
        Verdict.HOLD, ("a b d",), ("HOLD a", "FLAG d"), ("REPLACE c",), "", 1
    )


def test_screen_flags_what_stays_readable() -> None:
    assert screen([active(RuleKind.FLAG, "a")], ["b", "a"], policy_version=1) == Screening(
        Verdict.FLAG, ("b", "a"), ("FLAG a",), policy_version=1
    )


def test_of_overlapping_replacements_the_earlier_rule_wins() -> None:
    rules = [active(RuleKind.REPLACE, "bc", "1"), active(RuleKind.REPLACE, "abcd", "2")]
    assert screen(rules, ["abcd"], policy_version=1).texts == ("a1d",)


def test_a_replacement_that_would_grow_too_long_masks_instead() -> None:
    text = "a" + "b" * 32_760
    screening = screen([active(RuleKind.REPLACE, "a", "x" * 100)], [text], policy_version=1)
    assert screening.texts == (MASK + "b" * 32_760,)


def test_screen_gives_up_when_time_is_up() -> None:
    with pytest.raises(ScreeningTooSlowError):
        screen([active(RuleKind.FLAG, "a")], ["a"], policy_version=1, in_time=lambda: False)


def test_check_texts_takes_any_character_within_bounds() -> None:
    assert check_texts(["\x00\u202e", "", "a" * 32_768]) == ("\x00\u202e", "", "a" * 32_768)


@pytest.mark.parametrize(
    ("texts", "refusal", "field"),
    [
        (["a"] * 33, FieldInvalidError, "texts"),
        (["a", "a" * 32_769], TextInvalidError, "texts.1"),
        (["a" * 32_768, "a" * 32_768, "a"], FieldInvalidError, "texts"),
    ],
)
def test_check_texts_refuses_too_much(
    texts: list[str], refusal: type[DomainError], field: str
) -> None:
    with pytest.raises(refusal) as caught:
        check_texts(texts)
    assert caught.value.field == field


def test_decide_keeps_who_when_and_why() -> None:
    assert CASE.decide("mod", True, " fine ", TIME) == replace(
        CASE, state=CaseState.APPROVED, decide_time=TIME, decider_id="mod", reason=" fine"
    )
    assert CASE.decide("mod", False, "no", TIME) == replace(
        CASE, state=CaseState.REJECTED, decide_time=TIME, decider_id="mod", reason="no"
    )
    assert CASE.decide("mod", True, "", TIME).reason == ""
    assert CASE.decide("mod", False, "no", TIME, ReasonCode.SPAM) == replace(
        CASE.decide("mod", False, "no", TIME), reason_code=ReasonCode.SPAM
    )


def test_decide_refuses() -> None:
    with pytest.raises(ReasonRequiredError):
        CASE.decide("mod", False, " ", TIME)
    with pytest.raises(OwnPostError):
        CASE.decide("p1", True, "", TIME)
    with pytest.raises(CaseDecidedError):
        CASE.decide("mod", True, "", TIME).decide("mod", True, "", TIME)
    with pytest.raises(CaseDecidedError):
        CASE.moot(TIME).decide("mod", True, "", TIME)
    with pytest.raises(CaseNotFoundError):
        existing(None)


def test_moot_touches_only_what_is_open() -> None:
    assert CASE.moot(TIME) == replace(CASE, state=CaseState.MOOT, decide_time=TIME)
    decided = CASE.decide("mod", True, "", TIME)
    assert decided.moot(TIME) is decided


def test_only_flagged_posts_stay_in_view() -> None:
    causes = [cause for cause in CaseCause if replace(CASE, cause=cause).keeps_from_view]
    assert causes == [CaseCause.RULE, CaseCause.REVIEW]


def test_ids_follow_from_what_they_stand_for() -> None:
    assert case_id("t1", "", 1) == case_id("t1", "", 1)
    assert len({case_id("t1", "", 1), case_id("t1", "", 2), case_id("t1", "r1", 1)}) == 3
    assert policy_id("c1") != policy_id("c2")
