"""Dumps that are bombs: refused with their line, in little time and memory."""

import contextlib
import io
import itertools
import time
import tracemalloc
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.texts import check_body
from devstack.importer.batches import Spools
from devstack.importer.characters import clean
from devstack.importer.dump import UnreadableDumpError
from devstack.importer.formats.posts_xml import rows
from devstack.importer.markdown import PostConverter, UnconvertibleBodyError
from devstack.importer.reading import read

MIB = 1 << 20


class Endless(io.RawIOBase):
    """A file that never ends, made as it is read; an encoding of 16 bits if it is asked for."""

    def __init__(self, start: str, pieces: Iterator[str], encoding: str = "utf-8") -> None:
        self._rest = start.encode(encoding)
        self._pieces = pieces
        self._encoding = encoding.removesuffix("-sig") if encoding != "utf-16" else "utf-16-le"
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size:
            piece = "".join(itertools.islice(self._pieces, 4096))
            self._rest += piece.encode(self._encoding)
        piece_, self._rest = self._rest[:size], self._rest[size:]
        self.taken += len(piece_)
        return piece_


def numbered(form: str) -> Iterator[str]:
    return (form % number for number in itertools.count())


ENDLESS = {
    "a value": ('<posts><row Body="', itertools.repeat("word ")),
    "a value in 16 bits": ('<posts><row Body="', itertools.repeat("word ")),
    "attributes": ("<posts><row ", numbered('a%d="" ')),
    "a name": ("<posts><row ", itertools.repeat("aaaaa")),
    "an element's name": ("<", itertools.repeat("posts")),
    "a comment": ("<posts><!--", itertools.repeat(" word")),
    "comments": ("<posts>", itertools.repeat("<!-- a -->")),
    "an instruction": ("<?xml version='1.0'?><?a ", itertools.repeat("word ")),
    "CDATA": ("<posts><![CDATA[", itertools.repeat("word ")),
    "blanks before all": ("", itertools.repeat("\n\n\n\n")),
    "references": ('<posts><row Body="', itertools.repeat("&#x41;")),
    "declarations": ("<!DOCTYPE posts [", itertools.repeat("<!ENTITY a 'b'>")),
    "elements in each other": ("<posts>", itertools.repeat("<row>")),
    "elements in each other, before all": ("", itertools.repeat("<a>")),
    "names in namespaces": ("<posts><row ", numbered('xmlns:a%d="b" ')),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_refused_after_little_of_it(name: str) -> None:
    start, pieces = ENDLESS[name]
    stream = Endless(start, pieces, "utf-16" if "16 bits" in name else "utf-8")
    begun = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableDumpError) as refusal:
            list(rows(stream))  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(refusal.value)
    assert stream.taken <= 3 * MIB
    assert peak < 64 * MIB
    assert time.process_time() - begun < 5


LAUGHS = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
TEN = '<posts><row Body="&a9;"/></posts>'
BOMBS = {
    "a billion laughs": f'<!DOCTYPE p [<!ENTITY a0 "ha">{LAUGHS}]>{TEN}',
    "quadratic": f'<!DOCTYPE p [<!ENTITY a9 "{"a" * 50_000}">]>'
    + TEN.replace("&a9;", "&a9;" * 50_000),
    "parameters": '<!DOCTYPE p [<!ENTITY % a "b"> %a;]><posts/>',
    "a parameter's file": '<!DOCTYPE p [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]><posts/>',
    "a public one": '<!DOCTYPE p PUBLIC "-//a//b" "http://127.0.0.1:9/a.dtd"><posts/>',
    "a file": f'<!DOCTYPE p [<!ENTITY a9 SYSTEM "file:///etc/passwd">]>{TEN}',
    "attributes by default": '<!DOCTYPE p [<!ATTLIST row Body CDATA "x">]><posts><row/></posts>',
    "a notation": '<!DOCTYPE p [<!NOTATION a SYSTEM "b">]><posts/>',
    "an inclusion": '<posts><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/a"/>',
    "NUL": "<posts><row Id='\0'/></posts>",
    "a lone surrogate": "<posts><row Id='&#xD800;'/></posts>",
    "a noncharacter": "<posts><row Id='&#xFFFF;'/></posts>",
    "two roots": "<posts/><posts/>",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / "Posts.xml"
    file.write_text(BOMBS[name])
    begun = time.process_time()
    assert refusal(file).startswith("line 1: ")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe<\x00p\x00",
        b"<?xml version='1.0' encoding='utf-7'?><posts/>",
        "<?xml version='1.0' encoding='utf-32'?><posts/>".encode("utf-32"),
        b"<?xml version='1.0' encoding='rot13'?><posts/>",
        b"<?xml version='1.0' encoding='idna'?><posts/>",
        b"<?xml version='1.0' encoding='zlib_codec'?><posts/>",
        b"<?xml version='9.9'?><posts/>",
        b"<posts><row Id='\xff\xfe'/></posts>",
        b"<posts><row Id='\xc0\xaf'/></posts>",
        b"<posts><row Id='\xed\xa0\x80'/></posts>",
        bytes(range(256)) * 1000,
    ],
)
def test_odd_encoding_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "Posts.xml"
    file.write_bytes(content)
    assert "\n" not in refusal(file)


def refusal(file: Path) -> str:
    with Spools() as spools:
        reading = read(file, spools, lambda done, posts: None)
        assert not list(spools)
    return reading.problems.lines()[-1]


N = 60_000
# What a regular expression, or a parser, could take quadratic time for.
HTML = {
    "punctuation in bold": "<b>" + "!" * N + "a!</b>x",
    "punctuation and blanks in bold": "<b>" + "! ,\u00a0" * (N // 4) + "a!</b>x",
    "wide blanks in a link": '<a href="https://a.example">a' + "\u00a0" * N + "b</a>",
    "lines in a link": '<a href="https://a.example">a' + "\n\u2003" * (N // 2) + "b</a>",
    "hashes": "x " + "#" * N + "a",
    "hashes and blanks": "# " * (N // 2) + "a",
    "back-ticks": "<code>" + "`" * N + "</code>",
    "runs of back-ticks": "<code>" + " ".join("`" * n for n in range(340)) + "</code>",
    "underscores": "_" * N,
    "tildes": "~ " * (N // 2),
    "ampersands": "&a" * (N // 2),
    "half references": "&#x" * (N // 3),
    "open tags": "<" * N,
    "open attributes": "<a " + "a=b " * (N // 4) + ">x</a>",
    "an open value": "<a href='" + "x" * N,
    "a number": "1" * N + ". x",
    "emphasis beside emphasis": "<b>!</b>" * (N // 8),
    "nothing in bold": "<b></b>" * (N // 7) + "<b>a</b>",
    "breaks": "<br>" * (N // 4),
    "marks": "a" + "\u0301\u0323" * (N // 2),
    "colons in an address": '<a href="' + "a:" * (N // 2) + '">x</a>',
    "blanks in an address": '<a href="' + "a " * (N // 2) + '">x</a>',
}


@pytest.mark.parametrize("name", HTML)
def test_no_body_takes_long(name: str) -> None:
    assert len(HTML[name]) <= N + 50
    spent: list[float] = []
    while len(spent) < 3 and min(spent, default=9.0) > 1:
        begun = time.process_time()
        with contextlib.suppress(UnconvertibleBodyError):
            PostConverter().to_markdown(HTML[name])
        spent.append(time.process_time() - begun)
    assert min(spent) < 3  # most take hundredths, the quadratic ones took five and more


ODD = [
    "a" + "\u0301" * 40,
    "\ufb2c" + "\u0301" * 8,
    "a\u200b\u202eb\u2066c\u2069\ufeff",
    "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "a\ufe0f\ufe0f\ufe0fb",
    "\ue000\ud800\ufffe\u0378",
    "a\u0000\u001bb\r\nc\rd",
    "\u180e\u2062\ufff9\U0001d173\U0001bca0\U000e0001",
]


@pytest.mark.parametrize("text", ODD)
def test_what_was_cleaned_is_taken_by_the_forum(text: str) -> None:
    cleaned = clean(f"a {text} z")
    assert check_body(cleaned, "body", most=1000) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean(cleaned) == cleaned
