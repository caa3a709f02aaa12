"""Patterns as matchers, and domain objects as protobuf messages."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import DomainError, FieldInvalidError
from chassis.testing import bound
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import domain_events_pb2, moderation_pb2
from services.moderation.converters import (
    approves,
    case_decided,
    case_mooted,
    case_opened,
    case_to_proto,
    reason_code_from_request,
    rule_from_request,
    rule_to_proto,
    screening_to_proto,
    state_from_request,
)
from services.moderation.converters.patterns import active_rules, check_pattern, matcher_of
from services.moderation.domain import (
    MASK,
    Case,
    CaseCause,
    CaseState,
    PatternInvalidError,
    PatternKind,
    Policy,
    ReasonCode,
    Rule,
    RuleKind,
    Screening,
    Verdict,
    fold,
    screen,
)

WORD, REGEX = PatternKind.WORD, PatternKind.REGEX
TIME = datetime(2026, 11, 25, 12, 0, 0, 250000, tzinfo=UTC)


def policy_of(*rules: tuple[RuleKind, PatternKind, str, str]) -> Policy:
    policy = Policy()
    for number, (kind, pattern_kind, pattern, replacement) in enumerate(rules):
        policy, _ = policy.add(
            Rule(f"r{number}", 0, kind, pattern_kind, pattern, replacement, f"no {pattern}")
        )
    return policy


def screened(policy: Policy, *texts: str) -> Screening:
    return screen(active_rules(policy), texts, policy_version=1)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("bad", "a BAD word", True),
        ("bad", "bad", True),
        ("bad", "badly", False),
        ("bad", "em bad1", False),
        ("bad", "embad", False),
        ("bad", "_bad_ and **bad**", True),
        ("bad", "b\u200ba\u00add", True),
        ("bad", "\uff42\uff41\uff44", True),
        ("b\u200dad", "bad", True),
        ("bad*", "badly", True),
        ("bad*", "bad", True),
        ("bad*", "bad ly", True),
        ("*bad", "embad", True),
        ("*bad", "embadly", False),
        ("*bad*", "xembadly", True),
        ("b*d", "bd bird", True),
        ("b*d", "b d", False),
        ("b**d", "bird", True),
        ("straße", "STRASSE", True),
        ("STRASSE", "straße", True),
        ("c++", "I like C++!", True),
        ("c++", "c", False),
        (".net", "use .NET now", True),
        ("price list", "Price \n LIST", True),
        ("price list", "price\u00a0list", True),
        ("price list", "price\u2028list", True),
        ("price list", "pricelist", False),
        ("price list", "price-list", False),
        ("price * list", "price of list", True),
        ("foo_bar", "foo_bar", True),
        ("foo_bar", "foo bar", False),
        ("हिन्दी", "यह हिन्दी है", True),
        ("हिन", "हिन्दी", False),
        ("plan", "plan's", True),
        ("💩", "a💩b", True),
        ("ёж", "ЁЖ", True),
        ("İstanbul", "i\u0307stanbul", True),
        ("a.c", "abc", False),
    ],
)
def test_a_word_matches_whole_words_in_any_case(pattern: str, text: str, found: bool) -> None:
    assert matcher_of(WORD, pattern).found_in(fold(text)) is found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b.d", "BAD", True),
        ("(?-i)BAD", "bad", False),
        ("(?-i)BAD", "BAD", True),
        (r"\d{3} \d{3}", "call 123\u00a0456", True),
        ("bad", "b\u200bad", True),
        ("\uff42ad", "bad", False),
        (r"^x", "yx", False),
        (r"(?m)^x", "y\nx", True),
        (r"\bcost\b", "the COST.", True),
        ("é+", "ÉÉ", True),
    ],
)
def test_a_regex_matches_what_was_written_or_what_it_hides(
    pattern: str, text: str, found: bool
) -> None:
    assert matcher_of(REGEX, pattern).found_in(fold(text)) is found


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        (REGEX, pattern)
        for pattern in (
            "(",
            "(?=x)",
            "(?<!x)y",
            r"(a)\1",
            "x*",
            "x?|y?",
            r"\b",
            "^",
            "$",
            "(?m)^$",
            r"\ba*\b",
            "a{1001}",
            "((a{100}){100}){100}",
            r"(?:\pL{1,20}\pN?){5}z",
            "(?:[a-b]{1,100}){1,10}z",
        )
    ]
    + [(WORD, "*"), (WORD, "* **"), (WORD, "\u200d")],
)
def test_what_cannot_be_matched_is_refused(kind: PatternKind, pattern: str) -> None:
    with pytest.raises(PatternInvalidError) as caught:
        matcher_of(kind, pattern)
    assert caught.value.field == "pattern"
    assert caught.value.reason() == "PATTERN_INVALID"


def test_a_pattern_must_not_match_its_own_replacement() -> None:
    rule = Rule("r", 0, RuleKind.REPLACE, WORD, "bad*", "very badly")
    with pytest.raises(FieldInvalidError) as caught:
        check_pattern(rule)
    assert caught.value.field == "replacement"
    check_pattern(replace(rule, replacement="good"))


@pytest.mark.parametrize(
    ("pattern_kind", "pattern", "text", "expected"),
    [
        (WORD, "bad", "Bad, bad badly b\u200bad!", "***, *** badly ***!"),
        (WORD, "*bad*", "xbady ok", "*** ok"),
        (WORD, "bad", "\uff42ad e\u0301 bad", "*** e\u0301 ***"),
        (WORD, "fish", "a ﬁsh", "a ***"),
        (WORD, "a", "℀ b", "*** b"),
        (WORD, "c++", "C++ or c", "*** or c"),
        (REGEX, r"\d+", "call 123 456", "call *** ***"),
        (REGEX, "bad", "xBADx b\u200bad", "x***x ***"),
        (REGEX, "é+", "cafÉé!", "caf***!"),
        (REGEX, "x|y*z", "yyz a", "*** a"),
    ],
)
def test_replace_changes_only_what_matches(
    pattern_kind: PatternKind, pattern: str, text: str, expected: str
) -> None:
    policy = policy_of((RuleKind.REPLACE, pattern_kind, pattern, "***"))
    screening = screened(policy, text)
    assert screening.texts == (expected,)
    assert screening.verdict is Verdict.ALLOW
    assert screening.replaced_ids == ("r0",)


def test_what_a_replacement_makes_anew_is_masked() -> None:
    policy = policy_of((RuleKind.REPLACE, WORD, "a b", "a"))
    assert screened(policy, "a b b").texts == (MASK,)
    two = policy_of((RuleKind.REPLACE, WORD, "x", "y"), (RuleKind.REPLACE, WORD, "y", "x"))
    assert screened(two, "x y z").texts == (f"{MASK} {MASK} z",)


def test_disabled_rules_are_not_made_ready() -> None:
    policy = policy_of((RuleKind.BLOCK, WORD, "a", ""), (RuleKind.FLAG, WORD, "a", ""))
    policy = policy.put(replace(policy.rule("r0"), enabled=False))
    assert screened(policy, "a") == Screening(Verdict.FLAG, ("a",), ("r1",), policy_version=1)


ALPHABET = "abAB *.-_é\u0301\u200bﬁß\uff41漢💩\n\x00\x01\x02İ"
words = st.text("abAé* ßﬁ\uff41İ", min_size=1, max_size=8).filter(
    lambda pattern: fold(pattern).folded.replace("*", "").strip() != ""
)
texts = st.text(st.sampled_from(ALPHABET), max_size=60)


@settings(deadline=None)
@given(st.lists(words, max_size=4), words, st.lists(texts, max_size=3))
def test_a_further_block_rule_never_lets_through_what_was_blocked(
    patterns: list[str], more: str, written: list[str]
) -> None:
    rules = [(RuleKind.BLOCK, WORD, " ".join(p.split()), "") for p in patterns]
    before = screened(policy_of(*rules), *written)
    after = screened(
        policy_of(*rules, (RuleKind.BLOCK, WORD, " ".join(more.split()), "")), *written
    )
    if before.verdict is Verdict.BLOCK:
        assert after == before
    assert after.verdict in (before.verdict, Verdict.BLOCK)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(words, st.sampled_from("ab xé*")), min_size=1, max_size=3), texts)
def test_replace_leaves_no_match_of_its_words(pairs: list[tuple[str, str]], text: str) -> None:
    rules = [(RuleKind.REPLACE, WORD, " ".join(p.split()), new) for p, new in pairs]
    policy = policy_of(*rules)
    (replaced,) = screened(policy, text).texts
    for active in active_rules(policy):
        assert not active.matcher.found_in(fold(replaced))
        if not active.matcher.found_in(fold(text)):
            assert active.rule.id not in screened(policy, text).replaced_ids


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_arbitrary_text_and_patterns_never_crash(text: str, pattern: str) -> None:
    for pattern_kind in PatternKind:
        try:
            rule = Rule("r", 0, RuleKind.REPLACE, pattern_kind, pattern, MASK).checked()
            check_pattern(rule)
        except DomainError:
            continue
        policy, _ = Policy().add(rule)
        screening = screened(policy, text)
        if screening.replaced_ids:
            assert screening.texts != (text,)
        else:
            assert screening.texts == (text,)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_folding_is_stable_and_leads_back(text: str) -> None:
    folded = fold(text)
    assert fold(folded.plain).folded == folded.folded
    for start in range(len(folded.marked_bytes)):
        first, last = folded.written_at_marked((start, start + 1))
        assert 0 <= first < last <= len(text)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(x+x+)+y", "(a|aa)+$", "([a-zA-Z]+)*x", "(.*)*y", "[ab]*a[ab]{490}c"],
)
def test_patterns_that_explode_elsewhere_stay_linear(pattern: str) -> None:
    try:
        matcher = matcher_of(REGEX, pattern)
    except PatternInvalidError:
        return
    choose = random.Random(1)  # noqa: S311 - a text, not a secret
    for text in ("a" * 32_767 + "!", "".join(choose.choices("ab", k=32_768))):
        began = time.process_time()
        matcher.found_in(fold(text))
        assert time.process_time() - began < 1.0


def test_200_rules_screen_32_kib_fast_enough() -> None:
    choose = random.Random(1)  # noqa: S311 - a text, not a secret
    letters = "abcdefghijklmnopqrstuvwxyz"
    some = ["".join(choose.choices(letters, k=8)) for _ in range(200)]
    forms = [(WORD, "{0}"), (WORD, "{0}*"), (REGEX, r"\b{0}\w+")]
    policy = policy_of(
        *(
            (list(RuleKind)[n % 4], forms[n % 3][0], forms[n % 3][1].format(word), "***")
            for n, word in enumerate(some)
        )
    )
    rules = active_rules(policy)
    text = " ".join("".join(choose.choices(letters, k=5)) for _ in range(5_500))[:32_768]
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        screen(rules, [text], policy_version=1)
        best = min(best, time.process_time() - began)
    assert best < bound(0.05)


def test_messages_say_all_there_is_to_say() -> None:
    rule = Rule("r1", 3, RuleKind.REPLACE, WORD, "bad", "***", "no", enabled=False)
    assert rule_to_proto("c1", rule, 7) == moderation_pb2.Rule(
        id="r1",
        community_id="c1",
        kind=moderation_pb2.RULE_KIND_REPLACE,
        pattern_kind=moderation_pb2.PATTERN_KIND_WORD,
        pattern="bad",
        replacement="***",
        message="no",
        enabled=False,
        version=7,
    )
    case = Case("k1", "c1", CaseCause.FLAG_RULE, "t1", "a1", "p1", 2, TIME, ("r1",), True)
    stamp = Timestamp(seconds=int(TIME.timestamp()), nanos=250_000_000)
    assert case_to_proto(case, 1) == moderation_pb2.Case(
        id="k1",
        community_id="c1",
        state=moderation_pb2.CASE_STATE_OPEN,
        cause=moderation_pb2.CASE_CAUSE_FLAG_RULE,
        topic_id="t1",
        reply_id="a1",
        author_id="p1",
        rule_ids=["r1"],
        open_time=stamp,
        submission_number=2,
        version=1,
    )
    assert case_opened(case) == domain_events_pb2.CaseOpened(
        case_id="k1", topic_id="t1", reply_id="a1", hide_post=True, submission_number=2
    )
    decided = case.decide("mod", False, "spam", TIME)
    assert case_to_proto(decided, 2).decide_time == stamp
    assert case_decided(decided) == domain_events_pb2.CaseDecided(
        case_id="k1",
        topic_id="t1",
        reply_id="a1",
        approved=False,
        reason="spam",
        decider_id="mod",
        submission_number=2,
    )
    for code in ReasonCode:  # the forum's list, by its numbers
        coded = case.decide("mod", False, "spam", TIME, code)
        assert forum_pb2.ReasonCode.Name(case_to_proto(coded, 2).reason_code) == (
            f"REASON_CODE_{code.name}"
        )
        assert case_decided(coded).reason_code == code.value
        assert reason_code_from_request(code.value) is code
    assert len(ReasonCode) == len(forum_pb2.ReasonCode.keys()) - 1
    assert case_mooted(case) == domain_events_pb2.CaseMooted(
        case_id="k1", topic_id=case.topic_id, reply_id=case.reply_id, submission_number=2
    )
    assert case_mooted(replace(case, cause=CaseCause.EDIT)).of_edit
    assert case_decided(replace(case, cause=CaseCause.EDIT)).of_edit
    screening = Screening(Verdict.HOLD, ("a",), ("r1",), ("r2",), "", 3)
    assert screening_to_proto(screening) == moderation_pb2.ScreenResponse(
        verdict=moderation_pb2.VERDICT_HOLD, texts=["a"], rule_ids=["r1"], policy_version="3"
    )


def test_enums_are_the_protos() -> None:
    for domain, proto, prefix in (
        (RuleKind, moderation_pb2.RuleKind, "RULE_KIND"),
        (PatternKind, moderation_pb2.PatternKind, "PATTERN_KIND"),
        (Verdict, moderation_pb2.Verdict, "VERDICT"),
        (CaseState, moderation_pb2.CaseState, "CASE_STATE"),
        (CaseCause, moderation_pb2.CaseCause, "CASE_CAUSE"),
    ):
        named = {f"{prefix}_{member.name}": member.value for member in domain}
        assert named | {f"{prefix}_UNSPECIFIED": 0} == dict(proto.items())


def test_requests_with_unknown_values_are_refused() -> None:
    request = moderation_pb2.CreateRuleRequest(kind=99, pattern_kind=1, pattern="x")  # type: ignore[arg-type]
    with pytest.raises(FieldInvalidError) as caught:
        rule_from_request("r", request)
    assert caught.value.field == "kind"
    with pytest.raises(FieldInvalidError):
        approves(0)
    with pytest.raises(FieldInvalidError):
        state_from_request(5)
    assert state_from_request(0) is CaseState.OPEN
