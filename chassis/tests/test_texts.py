"""Texts from outside: what is kept, what is made alike, what is refused and under which name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import FieldInvalidError, ReasonRequiredError, TextInvalidError
from chassis.texts import check_body, check_line, check_reason, check_slug


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


@pytest.mark.parametrize("bad", ["", "   ", "\n\t", "x" * 21])
def test_length_is_counted_after_cleaning(bad: str) -> None:
    with pytest.raises(TextInvalidError):
        check_body(bad, "body", most=20)


def test_reason_must_be_given() -> None:
    assert check_reason(" off topic") == " off topic"
    with pytest.raises(ReasonRequiredError):
        check_reason("  ")


@pytest.mark.parametrize("bad", ["", "a", "A-b", "-ab", "ab-", "a b", "ä-b", "x" * 41, "a/b"])
def test_slug_is_what_stands_in_addresses(bad: str) -> None:
    with pytest.raises(FieldInvalidError):
        check_slug(bad)
    assert check_slug("a-1") == "a-1"


@given(st.text())
def test_what_was_accepted_is_accepted_again_unchanged(text: str) -> None:
    for check in (check_line, check_body):
        try:
            once = check(text, "field", most=1000)
        except TextInvalidError:
            continue
        assert check(once, "field", most=1000) == once
