"""Fuzzing the importer: dumps as bytes, rows of any shape, HTML that nobody has written."""

from __future__ import annotations

import io
import os
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar
from xml.sax.saxutils import quoteattr

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devstack.importer.batches import Spools
from devstack.importer.characters import clean
from devstack.importer.dump import UnreadableDumpError
from devstack.importer.formats.posts_xml import rows
from devstack.importer.formats.stack_exchange import PostReader
from devstack.importer.markdown import (
    MAX_MARKDOWN_LENGTH,
    PostConverter,
    UnconvertibleBodyError,
)
from devstack.importer.posts import MAX_TAGS, RowRefusedError
from devstack.importer.reading import read
from devstack.tests.test_importer_markdown import RENDERER

T = TypeVar("T")


def fuzzed(examples: int) -> Callable[[T], T]:
    """Always the same examples; with FUZZ_EXAMPLES so many, drawn anew and printed on failure."""
    wanted = os.environ.get("FUZZ_EXAMPLES")
    return settings(
        max_examples=int(wanted) if wanted else examples,
        derandomize=not wanted,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# -- HTML

TAGS = st.sampled_from(
    (
        *("p", "b", "i", "em", "strong", "del", "s", "code", "pre", "kbd", "a", "img", "br", "hr"),
        *(
            "ul",
            "ol",
            "li",
            "blockquote",
            "h1",
            "h9",
            "table",
            "thead",
            "tr",
            "th",
            "td",
            "caption",
        ),
        *(
            "dl",
            "dt",
            "dd",
            "sup",
            "sub",
            "span",
            "script",
            "style",
            "svg",
            "textarea",
            "title",
            "x:y",
        ),
    )
)
ATTRIBUTES = st.sampled_from(
    (
        *("", " href='http://a.example/(x)'", ' href="javascript:x"', " href=''", " href='//a]'"),
        *(
            " src='http://a.example/p.png' alt='a]b'",
            " start='7'",
            " start='\u0663'",
            " colspan=99",
        ),
        *(" title='\"x\"'", " class='lang-py'", ' class="lang-<b>"', " start='999999'", " =", " '"),
    )
)
WORDS = st.sampled_from(
    (
        *(
            "a",
            " ",
            "\n",
            "*",
            "_",
            "`",
            "```",
            "|",
            "~~",
            "#",
            "-",
            "1.",
            ">",
            "<",
            "&",
            "\\",
            "[",
            "](",
        ),
        *(
            "&amp;",
            "&lt;b&gt;",
            "&#0;",
            "&#xd800;",
            "&#x202e;",
            "&nosuch;",
            "&#xfdd0;",
            "\ufdd1",
            "\ufdd2",
        ),
        *(
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<?x",
            "</",
            "<!",
            "</p",
            "\x00",
            "\r\n",
            "e\u0301",
            "\u0301",
        ),
    )
)
PIECES = st.one_of(
    st.builds(lambda tag, attribute: f"<{tag}{attribute}>", TAGS, ATTRIBUTES),
    TAGS.map(lambda tag: f"</{tag}>"),
    WORDS,
    WORDS,
    st.text(max_size=4),
)
HTML = st.lists(PIECES, max_size=40).map("".join)


def is_clean(text: str) -> bool:
    """Nothing in it that the forum refuses."""
    return unicodedata.is_normalized("NFC", text) and not any(
        (unicodedata.category(letter) in ("Cc", "Cs", "Co") and letter not in "\n\t")
        or letter in "\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        or ord(letter) & 0xFFFE == 0xFFFE
        or 0xFDD0 <= ord(letter) <= 0xFDEF
        for letter in text
    )


@given(HTML | st.binary(max_size=120).map(lambda raw: raw.decode("utf-8", "replace")))
@example("<a href='http://[x'>t</a>")
@fuzzed(200)
def test_any_html_becomes_clean_markdown_without_html(html: str) -> None:
    try:
        markdown = PostConverter().to_markdown(html)
    except UnconvertibleBodyError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017
        return
    assert is_clean(markdown)
    assert markdown == markdown.strip()
    assert PostConverter().to_markdown(html) == markdown
    kinds = {
        token.type
        for block in RENDERER.parse(markdown)
        for token in (block, *(block.children or ()))
    }
    assert not {"html_block", "html_inline"} & kinds


@given(st.text(max_size=60) | st.lists(WORDS, max_size=20).map("".join))
@fuzzed(200)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert is_clean(once)
    assert clean(once) == once


@given(st.lists(PIECES, min_size=1, max_size=3).map("".join))
@fuzzed(20)
def test_html_twice_as_long_takes_twice_as_long_at_most(piece: str) -> None:
    def took(length: int) -> float:
        html = (piece * length)[:length]
        least = 9.0
        for _ in range(3):
            begun = time.process_time()
            try:
                PostConverter().to_markdown(html)
            except UnconvertibleBodyError:
                return 0.0  # refused early
            least = min(least, time.process_time() - begun)
        return least

    longer = took(4_000)
    if longer > 0.02:  # below, it is noise
        assert longer <= 3 * took(2_000) + 0.01, piece


# -- rows

NAMES = st.sampled_from(
    (
        *("Id", "PostTypeId", "ParentId", "AcceptedAnswerId", "CreationDate", "Score", "Body"),
        *("Title", "Tags", "OwnerUserId", "OwnerDisplayName", "LastEditDate", "ClosedDate", "X"),
    )
)
VALUES = st.one_of(
    st.sampled_from(
        (
            *("1", "2", "3", "0", "-1", "\u0663", "1e3", "9" * 30, "", " 1", "2147483648", "+5"),
            *("2012-02-30T00:00:00", "2012-01-01T00:00:00.000", "0001-01-01T00:00:00+23:59"),
            *("9999-12-31T23:59:59-23:59", "2012-01-01", "<a><b>", "|a|b|", "<a", "|", "<A><a>"),
            *("<p>x</p>", "\u202e", "\ufdfa" * 300, "x" * 300),
        )
    ),
    st.text(max_size=8),
)
QUESTION = {
    "Id": "1",
    "PostTypeId": "1",
    "CreationDate": "2012-01-01T00:00:00.000",
    "Score": "0",
    "Body": "<p>How?</p>",
    "Title": "How?",
}


@st.composite
def dumps(draw: st.DrawFn) -> bytes:
    """A dump with some of its rows' values changed, put in or left out."""
    text = ""
    for number in range(draw(st.integers(0, 4))):
        row = {**QUESTION, "Id": str(number + 1)}
        row |= draw(st.dictionaries(NAMES, VALUES, max_size=3))
        for name in draw(st.lists(NAMES, max_size=1)):
            row.pop(name, None)
        kept = "".join(f" {name}={quoteattr(value)}" for name, value in row.items())
        text += f"<row{kept}/>"
    return f"<posts>{text}</posts>".encode("utf-8", "xmlcharrefreplace")


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A dump with bytes put in, taken out or turned into others."""
    data = bytearray(draw(dumps()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        junk = draw(
            st.binary(max_size=6)
            | st.sampled_from(
                [b"<!DOCTYPE a>", b"&x;", b"<row>", b"</posts>", b"\x00", b"\xff\xfe"]
            )
            | st.sampled_from([b"<?xml version='1.0' encoding='utf-7'?>", b"&#0;", b"]]>", b"<a/>"])
        )
        data[at : at + draw(st.integers(0, 4))] = junk
    return bytes(data)


@given(dumps() | broken() | st.binary(max_size=60))
@example(b"<?xml version='1.0' encoding='utf-16'?><posts/>")
@example(b"<?xml version='1.0' encoding='idna'?><posts/>")
@fuzzed(150)
def test_any_file_is_read_or_refused_line_by_line(data: bytes) -> None:
    with NamedTemporaryFile() as dump, Spools() as spools:
        dump.write(data)
        dump.flush()
        reading = read(Path(dump.name), spools, lambda done, number: None)
        for line in reading.problems.lines():
            assert line
            assert line.isprintable()
            assert len(line) < 400
        for post in spools:
            assert b"\n" not in post.json
            post.json.decode()


@given(dumps())
@fuzzed(100)
def test_a_row_becomes_a_post_within_the_limits_or_is_refused(data: bytes) -> None:
    reader = PostReader()
    try:
        found = list(rows(io.BytesIO(data)))
    except UnreadableDumpError:
        return
    for row in found:
        try:
            post = reader.read(row)
        except RowRefusedError as refusal:
            assert str(refusal).isprintable()  # noqa: PT017
            continue
        if post is None:
            continue
        assert 1 <= len(post.body) <= MAX_MARKDOWN_LENGTH
        assert is_clean(post.body)
        assert len(post.tags) <= MAX_TAGS
        assert is_clean(post.persona_name)
        assert post.create_time.endswith("Z")
        assert post.encoded() == post.encoded()
    list(reader.finish())
