"""Keyset paging: page sizes, and page tokens that say where the last page ended."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias, TypeVar

import orjson

from chassis.errors import FieldInvalidError, PageTokenInvalidError

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_MAX_TOKEN = 4096  # a name of 80 letters, each folded to 18, and two ids
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG = 1 << 63  # a store's numbers are below

T = TypeVar("T")
# Fields that together tell every row from every other; all rising (1) or all falling (-1).
Order: TypeAlias = Sequence[tuple[str, int]]


def clamp_page_size(page_size: int, *, most: int = MAX_PAGE_SIZE) -> int:
    """0 means the default; more than `most` is cut to it; negative is refused."""
    if page_size < 0:
        raise FieldInvalidError("page_size must not be negative", field="page_size")
    return min(page_size or DEFAULT_PAGE_SIZE, most)


def check_batch(ids: list[T], field: str, *, most: int = MAX_PAGE_SIZE) -> list[T]:
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


class PageRequest(Protocol):
    """What every list request has."""

    @property
    def page_size(self) -> int: ...
    @property
    def page_token(self) -> str: ...
    @property
    def backward(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list: so many rows behind a place; backward, before it.

    Backward the rows are read the other way round, from the place or from the list's end; `page`
    turns them, so that a page is always in the list's order.
    """

    size: int = DEFAULT_PAGE_SIZE
    place: tuple[Any, ...] = ()  # sort values of the row beside the page; empty: the page is an end
    backward: bool = False

    @classmethod
    def of(cls, request: PageRequest, *types: type, most: int = MAX_PAGE_SIZE) -> Paging:
        """What a request asks for; `types` are those of its list's sort values.

        Refuses with FIELD_INVALID, PAGE_TOKEN_INVALID.
        """
        size, token = clamp_page_size(request.page_size, most=most), request.page_token
        place = tuple(decode_page_token(token, *types)) if token else ()
        return cls(size, place, request.backward)

    @property
    def limit(self) -> int:
        """How many to read: one more than the page has tells whether the list goes on."""
        return self.size + 1

    def sort(self, order: Order) -> list[tuple[str, int]]:
        """The way to read."""
        return [(field, -step if self.backward else step) for field, step in order]

    def beyond(self, order: Order) -> dict[str, Any]:
        """The part of a query that leaves only what lies beyond the place, in the way to read."""
        if not self.place:
            return {}
        sort = self.sort(order)
        than = "$gt" if sort[0][1] > 0 else "$lt"
        (field, value), *rest = [(name, v) for (name, _), v in zip(sort, self.place, strict=True)]
        if not rest:
            return {field: {than: value}}
        ((second, tie),) = rest
        # The bound on the field itself is for the index: alone, $or would read from the beginning.
        return {
            field: {f"{than}e": value},
            "$or": [{field: {than: value}}, {second: {than: tie}}],
        }

    def page(
        self,
        read: Sequence[T],
        place: Callable[[T], tuple[str | int | float | datetime, ...]],
        *,
        most: int | None = None,
    ) -> tuple[list[T], str]:
        """The page of what was read, at most so many; and its token, empty at the list's end."""
        page = list(read[: self.size if most is None else most])
        token = encode_page_token(*place(page[-1])) if len(read) > len(page) else ""
        return page[::-1] if self.backward else page, token


def _decode(value: Any, kind: type) -> Any:
    if kind is datetime:
        if type(value["t"]) is not int:
            raise ValueError
        return _EPOCH + timedelta(milliseconds=value["t"])  # a float is a microsecond off in 2248
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError
    if kind is int and not -_LONG <= value < _LONG:  # type: ignore[operator]
        raise ValueError
    return value
