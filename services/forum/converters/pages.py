"""What a web page says of itself in its head: Open Graph, or what was there before it.

Pages are hostile: whatever they are, little of them is looked at (docs/adr/0035-link-cards.md).
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterable
from html.parser import HTMLParser

from chassis.texts import plain_line
from services.forum.domain.link_cards import (
    MAX_DESCRIPTION,
    MAX_SITE_NAME,
    MAX_TITLE,
    PageText,
)

MOST_TAGS = 3_000  # what begins with <, in scripts too
MOST_METAS = 200
MOST_ATTRIBUTES = 4_000
MAX_TAG = 4_000  # characters; what comes behind a longer one is not looked at
_TITLE, _DESCRIPTION, _SITE_NAME = (
    ("og:title", "twitter:title", "title"),  # `title`: the element
    ("og:description", "description", "twitter:description"),
    ("og:site_name",),
)
_NAMES = {*_TITLE, *_DESCRIPTION, *_SITE_NAME}
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([a-zA-Z0-9_:.-]{1,40})")
_HEADER_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([a-zA-Z0-9_:.-]{1,40})", re.IGNORECASE)
_LONG_TAG = re.compile(rf"<[a-zA-Z][^>]{{{MAX_TAG}}}")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# By their names in Python; as browsers have it, Latin-1 is Windows-1252. All others are UTF-8.
_CHARSETS = {
    **{name: name for name in ("gbk", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr")},
    **{name: name for name in ("koi8-r", "koi8-u", *(f"cp125{one}" for one in range(9)))},
    **{name: name for name in (f"iso8859-{one}" for one in (2, 5, 7, 9, 15))},
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gbk",
}


def page_text(body: bytes, content_type: str) -> PageText | None:
    """What a card shows of it; None where it has no title."""
    found = _found(_bounded(body.decode(_charset(body, content_type), errors="replace")))
    if not (title := _first(found, _TITLE, MAX_TITLE)):
        return None
    return PageText(
        title,
        _first(found, _DESCRIPTION, MAX_DESCRIPTION),
        _first(found, _SITE_NAME, MAX_SITE_NAME),
    )


def _charset(body: bytes, content_type: str) -> str:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    if (header := _HEADER_CHARSET.search(content_type)) is not None:
        return _known(header[1])
    meta = _CHARSET.search(body[:1024].lower())
    return _known(meta[1].decode()) if meta is not None else "utf-8"


def _known(name: str) -> str:
    try:
        return _CHARSETS.get(codecs.lookup(name).name, "utf-8")
    except LookupError:
        return "utf-8"


def _bounded(text: str) -> str:
    text = "<".join(text.split("<", MOST_TAGS + 1)[: MOST_TAGS + 1])
    long = _LONG_TAG.search(text)
    return text if long is None else text[: long.start()]


class _EnoughError(Exception):
    """All that is wanted was read."""


class _Head(HTMLParser):
    """Reads metas and the title until the body begins."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._metas = 0
        self._attributes = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes += len(attrs)
        if tag == "body" or self._metas == MOST_METAS or self._attributes > MOST_ATTRIBUTES:
            raise _EnoughError
        self._in_title = tag == "title"
        if tag != "meta":
            return
        self._metas += 1
        given = {name: value or "" for name, value in reversed(attrs)}
        name = (given.get("property") or given.get("name", "")).strip().lower()
        if name in _NAMES - {"title"}:
            self.found.setdefault(name, given.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "head":
            raise _EnoughError
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title and len(self.found.get("title", "")) < 8 * MAX_TITLE:
            self.found["title"] = self.found.get("title", "") + data


def _found(text: str) -> dict[str, str]:
    head = _Head()
    # The library's own: markup it does not understand, numbers of letters that are too long.
    with contextlib.suppress(_EnoughError, AssertionError, ValueError):
        head.feed(text)
    return head.found


def _first(found: dict[str, str], names: Iterable[str], most: int) -> str:
    lines = (plain_line(found.get(name, ""), most=most) for name in names)
    return next((line for line in lines if line), "")
