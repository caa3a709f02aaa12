"""Page sizes and page tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import DomainError, FieldInvalidError, PageTokenInvalidError
from chassis.pagination import (
    Paging,
    check_batch,
    clamp_page_size,
    decode_page_token,
    encode_page_token,
)
from chassis.testing import PageAsked

WHEN = datetime(2026, 11, 25, 12, 30, 15, 123000, UTC)


@pytest.mark.parametrize(("asked", "given_"), [(0, 20), (1, 1), (100, 100), (101, 100)])
def test_page_size_is_clamped(asked: int, given_: int) -> None:
    assert clamp_page_size(asked) == given_


def test_negative_page_size_is_refused() -> None:
    with pytest.raises(FieldInvalidError) as refusal:
        clamp_page_size(-1)
    assert refusal.value.field == "page_size"


def test_token_gives_back_what_it_was_made_of() -> None:
    token = encode_page_token(WHEN, "id", 7, 0.5)
    assert decode_page_token(token, datetime, str, int, float) == [WHEN, "id", 7, 0.5]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "!",
        "ä",
        "x" * 3000,
        encode_page_token("a"),
        encode_page_token("a", 1),
        encode_page_token(WHEN, 1),
        encode_page_token(WHEN, "a", "b"),
        "bnVsbA",
        "W3sidCI6MWU5OTl9LCJhIl0",
        "W3sidCI6OTk5OTk5OTk5OTk5OTk5OTk5OX0sImEiXQ",
    ],
)
def test_any_other_token_is_refused(bad: str) -> None:
    with pytest.raises(PageTokenInvalidError):
        decode_page_token(bad, datetime, str)


@given(st.text())
def test_garbage_is_refused_and_nothing_else_happens(garbage: str) -> None:
    with pytest.raises(PageTokenInvalidError):
        decode_page_token(garbage, datetime, str)


def test_batch_is_bounded_and_each_once() -> None:
    assert check_batch(["b", "a", "b"], "ids") == ["b", "a"]
    with pytest.raises(FieldInvalidError):
        check_batch([str(n) for n in range(101)], "ids")


ORDER = [("time", -1), ("_id", -1)]


def test_paging_forwards_and_backwards_differ_in_the_way_to_read() -> None:
    token = encode_page_token(WHEN, "x")
    onwards = Paging.of(PageAsked(3, token), datetime, str)
    assert onwards == Paging(3, (WHEN, "x"))
    assert (onwards.limit, onwards.sort(ORDER)) == (4, [("time", -1), ("_id", -1)])
    assert onwards.beyond(ORDER) == {
        "time": {"$lte": WHEN},
        "$or": [{"time": {"$lt": WHEN}}, {"_id": {"$lt": "x"}}],
    }
    back = Paging.of(PageAsked(3, token, True), datetime, str)
    assert back.sort(ORDER) == [("time", 1), ("_id", 1)]
    assert back.beyond(ORDER) == {
        "time": {"$gte": WHEN},
        "$or": [{"time": {"$gt": WHEN}}, {"_id": {"$gt": "x"}}],
    }
    assert Paging(3, ("x",), True).beyond([("name", 1)]) == {"name": {"$lt": "x"}}
    assert Paging(3, backward=True).beyond(ORDER) == {}


def test_a_page_is_in_the_lists_order_and_its_token_where_reading_ended() -> None:
    read = ["c", "b", "a"]
    assert Paging(2).page(read, lambda one: (one,)) == (["c", "b"], encode_page_token("b"))
    back = Paging(2, backward=True)
    assert back.page(read, lambda one: (one,)) == (["b", "c"], encode_page_token("b"))
    assert back.page(read, lambda one: (one,), most=1) == (["c"], encode_page_token("c"))
    assert back.page(read[:2], lambda one: (one,)) == (["b", "c"], "")
    assert back.page([], lambda one: (one,)) == ([], "")


@pytest.mark.parametrize(
    ("request_", "refusal", "field"),
    [
        (PageAsked(-1), FieldInvalidError, "page_size"),
        (PageAsked(1, "x"), PageTokenInvalidError, "page_token"),
        (PageAsked(1, encode_page_token("x"), True), PageTokenInvalidError, "page_token"),
    ],
)
def test_paging_refuses_by_name(
    request_: PageAsked, refusal: type[DomainError], field: str
) -> None:
    with pytest.raises(refusal) as caught:
        Paging.of(request_, datetime, str)
    assert caught.value.field == field
