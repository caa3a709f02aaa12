"""A plain CSV with a header line: whatever can be put into a spreadsheet."""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO

from devstack.importer.characters import clean
from devstack.importer.dump import MAX_ROW_BYTES, UnreadableDumpError
from devstack.importer.posts import (
    ANSWER,
    ARTICLE,
    DISCUSSION,
    IDEA,
    QUESTION,
    Post,
    Problem,
    RowRefusedError,
    check_body,
    check_name,
    check_score,
    check_tags,
    check_time,
    check_title,
    shown,
)

REQUIRED = ("id", "kind", "body", "created")
COLUMNS = (
    *REQUIRED, "parent", "reply_to", "title", "tags", "author", "author_id", "edited", "closed",
    "score", "accepted",
)  # fmt: skip

_KINDS = {
    "question": QUESTION, "discussion": DISCUSSION, "article": ARTICLE, "idea": IDEA,
    "answer": ANSWER, "reply": ANSWER,
}  # fmt: skip
_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t")


class Table:
    """CSV as a format of the importer. Bodies are Markdown, times RFC 3339, tags by blanks."""

    site = "csv"
    categories: Collection[str] | None = None

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self._kinds: dict[str, str] = {}
        self._parents: dict[str, tuple[int, str]] = {}
        self._replies_to: dict[str, tuple[int, str]] = {}
        self._accepted: dict[str, tuple[int, str]] = {}

    @staticmethod
    def recognises(head: bytes) -> bool:
        """By its first line."""
        first = head.removeprefix(_BOM).partition(b"\n")[0]
        return _columns(first.decode(errors="replace"))[1] is not None

    def read(
        self, stream: BinaryIO, beside: BinaryIO | None = None
    ) -> Iterator[Post | Problem | None]:
        """As `Format.read`."""
        lines = _lines(stream)
        delimiter, columns = _columns(next(lines, ""))
        if columns is None:
            raise UnreadableDumpError(
                f"line 1: no header with the columns {', '.join(REQUIRED)}: see docs/importing.md"
            )
        if unknown := [name for name in columns if name not in COLUMNS]:
            raise UnreadableDumpError(
                f"line 1: the column {shown(unknown[0])} is unknown; there are {', '.join(COLUMNS)}"
            )
        if len(set(columns)) < len(columns):
            raise UnreadableDumpError("line 1: a column stands there twice")
        csv.field_size_limit(MAX_ROW_BYTES)
        rows = csv.reader(_bounded(lines), delimiter=delimiter, strict=True)
        while True:
            line = rows.line_num + 2  # where the row begins; the header was line 1
            try:
                cells = next(rows, None)
            except csv.Error as error:
                raise UnreadableDumpError(f"line {line}: broken CSV: {error}") from None
            if cells is None:
                break
            if cells:
                yield self._read_row(line, columns, cells)
        yield from self._finish()

    def _read_row(self, line: int, columns: list[str], cells: list[str]) -> Post | Problem:
        row = dict(zip(columns, cells, strict=False))
        try:
            if len(cells) != len(columns):
                raise RowRefusedError(f"{len(cells)} cells where there are {len(columns)} columns")
            return self._post(line, row)
        except RowRefusedError as refusal:
            return Problem(line, ascii(row.get("id", "")[:20])[1:-1] or None, str(refusal))

    def _post(self, line: int, row: Mapping[str, str]) -> Post:
        post_id = _id(row, "id")
        if post_id in self._kinds:
            raise RowRefusedError("its id was already used by a row above")
        kind = _KINDS.get(row["kind"].strip().lower())
        if kind is None:
            raise RowRefusedError(f"kind {shown(row['kind'])} is none of {', '.join(_KINDS)}")
        self._kinds[post_id] = kind
        parent = reply_to = accepted = None
        if kind == ANSWER:
            parent = _id(row, "parent")
            self._parents[post_id] = (line, parent)
            if row.get("reply_to"):
                reply_to = _id(row, "reply_to")
                self._replies_to[post_id] = (line, reply_to)
        elif kind == QUESTION and row.get("accepted"):
            accepted = _id(row, "accepted")
            self._accepted[post_id] = (line, accepted)
        name = check_name(row.get("author", ""), "author")
        return Post(
            line=line,
            id=post_id,
            kind=kind,
            question_id=parent,
            title=None if kind == ANSWER else check_title(row.get("title", "")),
            body=check_body(clean(row["body"]).strip()),
            tags=() if kind == ANSWER else _tags(row.get("tags", "")),
            score=check_score(row.get("score") or "0", "score"),
            create_time=check_time(row["created"], "created"),
            edit_time=check_time(row["edited"], "edited") if row.get("edited") else None,
            close_time=(
                check_time(row["closed"], "closed")
                if row.get("closed") and kind != ANSWER
                else None
            ),
            accepted_answer_id=accepted,
            persona_id=_id(row, "author_id") if row.get("author_id") else f"name:{name or '-'}",
            persona_name=name or "Anonymous",
            parent_id=reply_to,
        )

    def _finish(self) -> Iterator[Problem]:
        """What is wrong between rows."""
        if not any(kind != ANSWER for kind in self._kinds.values()):
            yield Problem(1, None, "the file has no topic, as a question is one")
        for post_id, (line, parent) in self._parents.items():
            if self._kinds.get(parent, ANSWER) == ANSWER:
                reason = f"its parent {parent} is no topic of the file"
                yield Problem(line, post_id, reason)
        for post_id, (line, other) in self._replies_to.items():
            parent = self._parents[post_id][1]
            if self._parents.get(other, (0, ""))[1] != parent:
                reason = f"its reply_to {other} is no answer to {parent}"
                yield Problem(line, post_id, reason)
            elif other in self._replies_to:
                reason = f"its reply_to {other} replies to an answer itself: threads are one deep"
                yield Problem(line, post_id, reason)
        for post_id, (line, accepted) in self._accepted.items():
            if self._parents.get(accepted, (0, ""))[1] != post_id:
                yield Problem(line, post_id, f"its accepted answer {accepted} is no answer to it")


def _lines(stream: BinaryIO) -> Iterator[str]:
    """With their ends; one that is too long is refused before it is read to its end."""
    number = 0
    while raw := stream.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(raw) > MAX_ROW_BYTES:
            raise UnreadableDumpError(
                f"line {number}: no line ends within {MAX_ROW_BYTES // 1024:,} KiB"
            )
        try:
            yield (raw.removeprefix(_BOM) if number == 1 else raw).decode()
        except UnicodeDecodeError:
            raise UnreadableDumpError(f"line {number}: it is not UTF-8") from None


def _bounded(lines: Iterator[str]) -> Iterator[str]:
    """A quote that is never closed makes one row of the whole file: csv holds no more than this."""
    characters = quotes = 0
    for number, line in enumerate(lines, 2):
        quotes += line.count('"')
        characters = 0 if quotes % 2 == 0 else characters + len(line)
        if characters > MAX_ROW_BYTES:
            raise UnreadableDumpError(
                f"line {number}: no row ends within {MAX_ROW_BYTES // 1024:,} KiB: "
                "a quote is not closed"
            )
        yield line


def _columns(header: str) -> tuple[str, list[str] | None]:
    """The delimiter and the names; None where it is no header of ours."""
    for delimiter in _DELIMITERS:
        names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
        if all(name in names for name in REQUIRED):
            return delimiter, names
    return ",", None


def _id(row: Mapping[str, str], column: str) -> str:
    value = row.get(column, "").strip()
    if not _ID.fullmatch(value):
        raise RowRefusedError(f"{column} {shown(value)} is no id: letters, digits and _.:- only")
    return value


def _tags(value: str) -> tuple[str, ...]:
    tags = (tag for tag in re.split(r"[\s,;|]+", value.lower()) if tag)
    return check_tags(tuple(dict.fromkeys(tags)))
