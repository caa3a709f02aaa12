"""Opaque things clients hand back: global ids, and cursors signed for one list and one person."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from chassis.global_ids import global_id
from chassis.values import value
from gateway.errors import BadUserInputError

_PART = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_MAC_BYTES = 16
_MAX_CURSOR = 5632  # the longest page token, signed
_MIN_KEY_BYTES = 32


@value
class GlobalId:
    """Which object of which kind; the community is "platform" for what belongs to none."""

    kind: str
    community_id: str
    id: str


def encode_id(kind: str, community_id: str, id: str) -> str:
    """The id as clients see it."""
    return global_id(kind, community_id, id)


def decode_id(text: str, field: str, *kinds: str) -> GlobalId:
    """The object behind an id; refuses what is no id, or one of another kind than asked for."""
    raw = _decode(text) if len(text) <= 256 and text.isascii() else b""
    parts = raw.decode("ascii", "replace").split(":")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise BadUserInputError(f"{field} is not an id", field=field)
    found = GlobalId(*parts)
    if kinds and found.kind not in kinds:
        raise BadUserInputError(f"{field} must be the id of a {' or '.join(kinds)}", field=field)
    return found


def decode_within(community_id: str, id: str | None, field: str, *kinds: str) -> str:
    """The id behind a filter; of the same community, where its kind belongs to one."""
    if id is None:
        return ""
    found = decode_id(id, field, *kinds)
    if found.kind != "Person" and found.community_id != community_id:
        raise BadUserInputError(f"{field} is of another community", field=field)
    return found.id


def decode_communities(ids: Iterable[str] | None) -> list[str]:
    """The communities behind the argument communityIds; none where it was left out."""
    return [
        decode_id(one, f"communityIds.{place}", "Community").id
        for place, one in enumerate(ids or ())
    ]


def encode_reply_id(community_id: str, topic_id: str, id: str) -> str:
    """A reply is found through its topic, so its id names both."""
    return encode_id("Reply", community_id, f"{topic_id}.{id}")


@dataclass(frozen=True, slots=True)
class ReplyId:
    """Which reply of which topic."""

    community_id: str
    topic_id: str
    id: str


def decode_reply_id(text: str, field: str) -> ReplyId:
    """The reply behind an id."""
    found = decode_id(text, field, "Reply")
    topic_id, _, reply_id = found.id.partition(".")
    if not topic_id or not reply_id or "." in reply_id:
        raise BadUserInputError(f"{field} is not an id", field=field)
    return ReplyId(found.community_id, topic_id, reply_id)


class CursorKey:
    """Signs where a page ended: for one list, its filters, and the person it was given to."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"the cursor key must have at least {_MIN_KEY_BYTES} bytes")
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> CursorKey:
        """All bytes of the file are the key."""
        return cls(path.read_bytes())

    def derived(self, use: str) -> bytes:
        """Another key for another use."""
        return hmac.digest(self._key, f"derived for {use}".encode(), sha256)

    def sign(self, scope: str, page_token: str) -> str:
        """A cursor of a service's page token."""
        token = page_token.encode()
        return _encode(self._mac(scope, token) + token)

    def open(self, scope: str, cursor: str, field: str = "after") -> str:
        """The page token behind a cursor of this scope."""
        raw = _decode(cursor) if len(cursor) <= _MAX_CURSOR and cursor.isascii() else b""
        mac, token = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not token or not hmac.compare_digest(mac, self._mac(scope, token)):
            raise BadUserInputError(f"{field} is not a cursor of this list", field=field)
        return token.decode()

    def _mac(self, scope: str, token: bytes) -> bytes:
        # the scope's length keeps scope and token apart
        message = b"%d:%b%b" % (len(scope.encode()), scope.encode(), token)
        return hmac.digest(self._key, message, sha256)[:_MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Only the one spelling that _encode gives; empty for everything else."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
    return raw if _encode(raw) == text else b""
