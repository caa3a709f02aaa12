"""Tags of an import: the same ones as the forum takes, in the same spelling."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis import tags
from devstack.importer.posts import check_tags
from devstack.importer.tags import MAX_TAG_LENGTH, nearest_tag, tag_of
from devstack.tests.test_importer_fuzz import fuzzed

# Of each script some, what looks like another, what is written from right to left, and what hides.
LETTERS = st.one_of(
    st.sampled_from("aZ0-.#+_ !"),
    st.sampled_from("éßøıſKÅﬀ"),  # noqa: RUF001
    st.sampled_from("асеорхбдБ"),
    st.sampled_from("ονρσΣ"),
    st.sampled_from("日本語のタグー한국"),
    st.sampled_from("عربي٣۴אבג1"),
    st.sampled_from("हिन्दीไทย"),
    st.sampled_from("\u200c\u200d\u0301\u034f\u115f\u3164\ufe0f\u2060\u00ad\ue000"),
    st.sampled_from("ⅷ１Ａ①🎉Ꭰⲁꓐ"),
    st.characters(),
)
WRITTEN = st.text(LETTERS, max_size=40)


@given(WRITTEN)
@example("a" * (MAX_TAG_LENGTH + 1))
@example("ß" * 20)
@example("ي" + "\u064b" * 9)
@example("a" + "\u0301" * 9)
@fuzzed(600)
def test_a_tag_is_what_the_forum_says(written: str) -> None:
    assert tag_of(written) == tags.tag_of(written)


def test_each_letter_is_what_the_forum_says() -> None:
    for code in range(0x80, sys.maxunicode + 1, 7):
        letter = chr(code)
        assert tag_of(letter) == tags.tag_of(letter), hex(code)
        assert tag_of(f"{letter}日") == tags.tag_of(f"{letter}日"), hex(code)


@given(WRITTEN)
@fuzzed(300)
def test_the_nearest_is_one_that_the_forum_takes(written: str) -> None:
    tag = nearest_tag(written)
    assert tag is None or tags.tag_of(tag) == tag


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("How_To Größe", "how-to-grösse"),
        ("日本語", "日本語"),
        ("日本 語!", "日本-語"),
        ("c++", "c++"),
        ("__", None),
        ("🎉", None),
        ("x" * 50, "x" * 35),
    ],
)
def test_what_may_not_stand_becomes_a_hyphen(name: str, tag: str | None) -> None:
    assert nearest_tag(name) == tag


def test_two_spellings_are_one_tag() -> None:
    assert check_tags(("größe", "grösse", "日本語")) == ("grösse", "日本語")
