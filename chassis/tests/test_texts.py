"""Texts from outside: what is kept, what is made alike, what is refused and under which name."""

from __future__ import annotations

import contextlib
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import FieldInvalidError, ReasonRequiredError, TextInvalidError
from chassis.testing import bound
from chassis.texts import (
    MOST_MARKS,
    check_body,
    check_line,
    check_name,
    check_reason,
    check_slug,
    plain_line,
)


def test_line_is_one_line_in_one_form() -> None:
    assert check_line("  Cafe\u0301   au\u00a0lait ", "title", most=20) == "Caf\u00e9 au lait"


def test_body_keeps_its_lines() -> None:
    assert check_body("a\r\n\tb\rc  \n\n", "body", most=20) == "a\n\tb\nc"


@pytest.mark.parametrize(
    "text", ["\U0001fae9", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "한국어"]
)
def test_new_emoji_and_joined_ones_are_text(text: str) -> None:
    assert check_line(text, "title", most=20) == text


@pytest.mark.parametrize(
    "bad", ["a\x00b", "a\x1bb", "a\nb", "a\u202eb", "a\u200bb", "a\ud800b", "a\ufffeb", "a\ue000b"]
)
def test_line_refuses_what_cannot_be_seen(bad: str) -> None:
    with pytest.raises(TextInvalidError) as refusal:
        check_line(bad, "title", most=20)
    assert refusal.value.field == "title"


# What nobody sees, by its name in Unicode; in a body as little as in a line.
@pytest.mark.parametrize("hidden", [
    "MONGOLIAN VOWEL SEPARATOR", "ZERO WIDTH SPACE", "WORD JOINER", "INVISIBLE TIMES",
    "LEFT-TO-RIGHT EMBEDDING", "RIGHT-TO-LEFT OVERRIDE", "POP DIRECTIONAL FORMATTING",
    "FIRST STRONG ISOLATE", "POP DIRECTIONAL ISOLATE", "NOMINAL DIGIT SHAPES",
    "INTERLINEAR ANNOTATION ANCHOR", "MUSICAL SYMBOL BEGIN TIE", "SHORTHAND FORMAT DOWN STEP",
    "LANGUAGE TAG", "TAG LATIN SMALL LETTER A", "CANCEL TAG", "ZERO WIDTH NO-BREAK SPACE",
])  # fmt: skip
def test_what_changes_or_hides_text_unseen_is_refused(hidden: str) -> None:
    for check in (check_line, check_body, check_name):
        with pytest.raises(TextInvalidError) as refusal:
            check(f"a{unicodedata.lookup(hidden)}b", "title", most=20)
        assert f"U+{ord(unicodedata.lookup(hidden)):04X}" in str(refusal.value)


@pytest.mark.parametrize("text", [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
    "\u0915\u094d\u200d\u0937 and \u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Hindi, Sinhala, with joiners
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd\u200f!",  # Hebrew, with points and a mark
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # England's flag
    "\U0001f469\U0001f3fd\u200d\U0001f4bb 1\ufe0f\u20e3 \u2764\ufe0f",  # joined, key cap, selector
    "\u845b\U000e0100\u98fe",  # an ideographic variant
    "co\u00adoperate",
])  # fmt: skip
def test_what_scripts_and_emoji_need_is_text(text: str) -> None:
    assert check_line(text, "title", most=60) == text
    assert check_body(text, "body", most=60) == text


@pytest.mark.parametrize("text", [
    "\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e0065",
    "\U0001f3f4" + "\U000e0067" * 7 + "\U000e007f", "a\ufe0e\ufe0f", "a\U000e0100\U000e0101",
])  # fmt: skip
def test_nothing_is_hidden_behind_a_flag_or_in_selectors(text: str) -> None:
    for check in (check_line, check_body, check_name):
        with pytest.raises(TextInvalidError):
            check(text, "title", most=60)


def test_marks_do_not_pile_up() -> None:
    piled = "Z" + "\u0310\u0316" * (MOST_MARKS // 2)
    assert check_line(piled, "title", most=20)
    for text in (piled + "\u0317", "a" + piled + "\u0317", "\ufb2c" + piled[1:]):
        for check in (check_line, check_body, check_name):
            with pytest.raises(TextInvalidError) as refusal:
                check(text, "title", most=20)
            assert "marks" in str(refusal.value)


@pytest.mark.parametrize("text", [
    "a" + "\u0301\u0323" * 16_000, "\u0301" * 32_000, "a\u0301" * 16_000, "\u1e69" * 32_000,
    "\U0001f3f4" * 32_000, "\U0001f3f4\U000e0067" * 16_000, "\ufe0f" * 32_000, "\ufdfa" * 32_000,
    "\r" * 32_000, " \u3000" * 16_000, "\u1100\u1161\u11a8" * 10_000,
])  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    for check in (check_line, check_body, check_name):
        spent: list[float] = []
        while len(spent) < 3 and min(spent, default=1.0) > 0.02:
            began = time.thread_time()
            with contextlib.suppress(TextInvalidError):
                check(text, "body", most=40_000)
            spent.append(time.thread_time() - began)
        assert min(spent) < bound(0.05)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jose\u0301 O'Brien-Gro\u00df, Inc. (EU)", "Jos\u00e9 O'Brien-Gro\u00df, Inc. (EU)"),
        ("\uff21\uff44\uff4d\uff49\uff4e", "Admin"),
        ("\U0001d400\U0001d41d\U0001d426\U0001d422\U0001d427", "Admin"),
        ("\uff76\uff9e\uff92", "\u30ac\u30e1"),
        ("M\u00aa Jos\u00e9 \u2122", "M\u00aa Jos\u00e9 \u2122"),
        ("\u041e\u043b\u044c\u0433\u0430 Smith", "\u041e\u043b\u044c\u0433\u0430 Smith"),
        ("\u65e5\u7acb Systems", "\u65e5\u7acb Systems"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627", "\u0645\u06cc\u200c\u062e\u0648\u0627"),
        ("\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0dc1\u0dca\u200d\u0dbb\u0dd3"),
        (
            "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
            "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
        ),
        ("Rocket \U0001f680 Labs 9", "Rocket \U0001f680 Labs 9"),
    ],
)
def test_name_is_what_it_looks_like(text: str, name: str) -> None:
    wanted = unicodedata.normalize("NFC", name)
    assert check_name(text, "name", most=40) == wanted
    assert check_name(wanted, "name", most=40) == wanted


@pytest.mark.parametrize(("text", "says"), [
    ("\u0430dmin", "Cyrillic and Latin"), ("\u039cicrosoft", "Greek and Latin"),
    ("The p\u0430ypal", "Cyrillic and Latin"), ("\ua4eedmin", "Latin and Lisu"),
    ("ad\u200dmin", "U+200D"), ("ad\u200cmin", "U+200C"), ("1\u200d1", "U+200D"),
    ("admin\u200f", "U+200F"), ("admin\u200e", "U+200E"), ("\u061cadmin", "U+061C"),
    ("ad\u00admin", "U+00AD"), ("\u3164", "U+3164"), ("a\u2800b", "U+2800"), ("\uffa0", "U+1160"),
    ("a\u034fb", "U+034F"), ("a\u0378b", "U+0378"), ("...", "letter"), ("\U0001f680", "letter"),
    ("<>", "letter"), ("", "1 to 40"), ("x" * 41, "1 to 40"),
])  # fmt: skip
def test_name_that_passes_for_another_is_refused(text: str, says: str) -> None:
    with pytest.raises(TextInvalidError) as refusal:
        check_name(text, "name", most=40)
    assert says in str(refusal.value)
    assert refusal.value.field == "name"


@pytest.mark.parametrize("bad", ["", "   ", "\n\t", "x" * 21])
def test_length_is_counted_after_cleaning(bad: str) -> None:
    with pytest.raises(TextInvalidError):
        check_body(bad, "body", most=20)


def test_reason_must_be_given() -> None:
    assert check_reason(" off topic") == " off topic"
    with pytest.raises(ReasonRequiredError):
        check_reason("  ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        (" so\r\n\tit \u2028 is ", "so it is"),
        ("e\u0301", "\u00e9"),
        ("\u202egold\u2066 \x00\u200bfor\ue000 \ufeff m\ud800e", "gold for me"),
        ("a" * 11, "a" * 11),
        ("a" * 12, "a" * 10 + "\u2026"),
        ("a b c d e f g", "a b c d e\u2026"),
        ("\x00" * 1_000, ""),
        (" " * 1_000 + "far away", ""),
        ("a" + "\u0301" * 9, ""),
        ("a\ufe0f\ufe0f", ""),
    ],
)
def test_a_plain_line_is_what_is_left_of_a_text(text: str, line: str) -> None:
    assert plain_line(text, most=11) == line


@given(st.text())
def test_a_plain_line_is_a_line(text: str) -> None:
    line = plain_line(text, most=10)
    assert check_line(line, "text", least=0, most=10) == line


@pytest.mark.parametrize("bad", ["", "a", "A-b", "-ab", "ab-", "a b", "ä-b", "x" * 41, "a/b"])
def test_slug_is_what_stands_in_addresses(bad: str) -> None:
    with pytest.raises(FieldInvalidError):
        check_slug(bad)
    assert check_slug("a-1") == "a-1"


@given(st.text())
def test_what_was_accepted_is_accepted_again_unchanged(text: str) -> None:
    for check in (check_line, check_body, check_name):
        try:
            once = check(text, "field", most=1000)
        except TextInvalidError:
            continue
        assert check(once, "field", most=1000) == once
