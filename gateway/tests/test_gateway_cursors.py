"""Global ids and cursors: what was handed out comes back whole, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cursors import (
    CursorKey,
    GlobalId,
    ReplyId,
    decode_id,
    decode_reply_id,
    encode_id,
    encode_reply_id,
)
from gateway.errors import BadUserInputError

KEY = CursorKey(b"k" * 32)
PART = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(PART, PART, PART)
def test_ids_come_back(kind: str, community_id: str, id: str) -> None:
    assert decode_id(encode_id(kind, community_id, id), "id") == GlobalId(kind, community_id, id)


def test_reply_ids_name_topic_and_reply() -> None:
    text = encode_reply_id("c1", "t1", "r1")
    assert decode_reply_id(text, "replyId") == ReplyId("c1", "t1", "r1")
    for bad in (encode_id("Reply", "c1", "r1"), encode_id("Reply", "c1", "a.b.c"),
                encode_id("Reply", "c1", ".r"), encode_id("Topic", "c1", "t.r")):  # fmt: skip
        with pytest.raises(BadUserInputError) as refused:
            decode_reply_id(bad, "replyId")
        assert refused.value.field == "replyId"


@given(st.text(max_size=300))
def test_no_text_breaks_the_decoders(text: str) -> None:
    for decode in (lambda: decode_id(text, "id", "Nothing"), lambda: KEY.open("scope", text)):
        with pytest.raises(BadUserInputError):
            decode()


def test_an_id_has_one_spelling() -> None:
    text = encode_id("Topic", "c1", "t1")
    for other in (
        text + "=",
        text + "==",
        text + "\n",
        " " + text,
        text[:-1] + chr(ord(text[-1]) + 1),
    ):
        with pytest.raises(BadUserInputError):
            decode_id(other, "id")


@given(st.text(), st.text(min_size=1))
def test_cursors_come_back_in_their_scope_only(scope: str, token: str) -> None:
    try:
        token.encode(), scope.encode()
    except UnicodeEncodeError:
        return
    cursor = KEY.sign(scope, token)
    assert KEY.open(scope, cursor) == token
    with pytest.raises(BadUserInputError):
        KEY.open(scope + "x", cursor)
    with pytest.raises(BadUserInputError):
        CursorKey(b"o" * 32).open(scope, cursor)


def test_every_changed_byte_of_a_cursor_is_noticed() -> None:
    cursor = KEY.sign("scope", "token")
    for index, letter in enumerate(cursor):
        changed = cursor[:index] + ("A" if letter != "A" else "B") + cursor[index + 1 :]
        with pytest.raises(BadUserInputError):
            KEY.open("scope", changed)


def test_scope_and_token_are_kept_apart() -> None:
    with pytest.raises(BadUserInputError):
        KEY.open("ab", KEY.sign("a", "bc"))


def test_short_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        CursorKey(b"k" * 31)
