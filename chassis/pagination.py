"""Keyset paging: page sizes, and page tokens that say where the last page ended."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import orjson

from chassis.errors import FieldInvalidError, PageTokenInvalidError

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_MAX_TOKEN = 2048


def clamp_page_size(page_size: int, *, most: int = MAX_PAGE_SIZE) -> int:
    """0 means the default; more than `most` is cut to it; negative is refused."""
    if page_size < 0:
        raise FieldInvalidError("page_size must not be negative", field="page_size")
    return min(page_size or DEFAULT_PAGE_SIZE, most)


def check_batch(ids: list[str], field: str, *, most: int = MAX_PAGE_SIZE) -> list[str]:
    """The ids of a batch get, each once, in order; refuses more than `most`."""
    if len(ids) > most:
        raise FieldInvalidError(f"{field} must have at most {most} ids", field=field)
    return list(dict.fromkeys(ids))


def encode_page_token(*values: str | int | float | datetime) -> str:
    """Where a page ended: the sort values of its last row.

    Opaque, but neither secret nor signed: wall and filters are tested again on every page.
    """
    plain = [{"t": round(v.timestamp() * 1000)} if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


def decode_page_token(token: str, *types: type) -> list[Any]:
    """The values behind a token, each checked against its type. Refuses with PAGE_TOKEN_INVALID."""
    try:
        if len(token) > _MAX_TOKEN:
            raise ValueError
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        values = orjson.loads(raw)
        if not isinstance(values, list) or len(values) != len(types):
            raise ValueError
        return [_decode(value, kind) for value, kind in zip(values, types, strict=True)]
    except (ValueError, TypeError, KeyError, OverflowError, OSError, binascii.Error):
        raise PageTokenInvalidError(field="page_token") from None


def _decode(value: Any, kind: type) -> Any:
    if kind is datetime:
        if type(value["t"]) is not int:
            raise ValueError
        return datetime.fromtimestamp(value["t"] / 1000, UTC)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError
    return value
