"""Diffs: both texts are in the segments, whatever they are, and none takes long."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forum.domain.diffs import DiffKind, Segment, diff

U, R, A = DiffKind.UNCHANGED, DiffKind.REMOVED, DiffKind.ADDED
TEXTS = st.text(alphabet="ab \n.é", max_size=60)


@pytest.mark.parametrize(
    ("former", "later", "segments"),
    [
        ("", "", []),
        ("same\n", "same\n", [(U, "same\n")]),
        ("", "new", [(A, "new")]),
        ("old", "", [(R, "old")]),
        (
            "One\nTurn it off.\nThree",
            "One\nTurn them on.\nThree",
            [
                (U, "One\nTurn "), (R, "it"), (A, "them"), (U, " "), (R, "off"), (A, "on"),
                (U, ".\nThree"),
            ],
        ),
        ("a\nb\n", "a\nnew\nb\n", [(U, "a\n"), (A, "new\n"), (U, "b\n")]),
        ("<b>x</b>", "<b>y</b>", [(U, "<b>"), (R, "x"), (A, "y"), (U, "</b>")]),
    ],
)  # fmt: skip
def test_diff(former: str, later: str, segments: list[tuple[DiffKind, str]]) -> None:
    assert diff(former, later) == tuple(Segment(kind, text) for kind, text in segments)


@given(TEXTS, TEXTS)
def test_both_texts_are_in_it(former: str, later: str) -> None:
    segments = diff(former, later)
    assert "".join(one.text for one in segments if one.kind is not A) == former
    assert "".join(one.text for one in segments if one.kind is not R) == later
    assert all(one.text for one in segments)
    kinds = [one.kind for one in segments]
    assert all(kind is not after for kind, after in pairwise(kinds))


@pytest.mark.parametrize("part", ["a\n", "a ", "ab\n\n", "x y\n"])
def test_texts_made_to_take_long_are_told_as_a_whole(part: str) -> None:
    former = (part * 40_000)[:32_000]
    later = "z" + former[1:16_000] + "q" + former[16_001:-1] + "z"
    begun = time.process_time()
    segments = diff(former, later)
    assert time.process_time() - begun < 5
    assert "".join(one.text for one in segments if one.kind is not R) == later
