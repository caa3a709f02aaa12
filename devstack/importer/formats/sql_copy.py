"""The rows of a PostgreSQL dump in its plain form: `COPY table (columns) FROM stdin;` and text."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from devstack.importer.dump import UnreadableDumpError

MAX_LINE_BYTES = 8 * 1024 * 1024  # of a row: a post twice, as written and as HTML

_COPY = re.compile(rb'COPY (?:public\.)?"?(\w+)"? \(([^)]{1,20000})\) FROM stdin;\s*')
_END = b"\\."
_NULL = b"\\N"
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class CopyRow:
    """One row; a column that the table lacks, and NULL, is None."""

    line: int
    table: str
    cells: dict[str, str | None]

    def __getitem__(self, column: str) -> str | None:
        return self.cells.get(column)

    def text(self, column: str) -> str:
        """Empty where it is NULL."""
        return self.cells.get(column) or ""

    def true(self, column: str) -> bool:
        """A boolean as PostgreSQL writes it."""
        return self.cells.get(column) == "t"


def copied(stream: BinaryIO, wanted: Mapping[str, Collection[str]]) -> Iterator[CopyRow]:
    """The rows of those tables in the file's order, with these columns, none: with all.

    All else is passed over, unread.
    """
    line, table, columns = 0, "", [""]
    inside = False
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        line += 1
        if len(raw) > MAX_LINE_BYTES:
            raise UnreadableDumpError(
                f"line {line}: no line ends within {MAX_LINE_BYTES // 1024 // 1024} MiB"
            )
        raw = raw.rstrip(b"\r\n") if not inside else raw.removesuffix(b"\n")
        if not inside:
            if begun := _COPY.fullmatch(raw):
                inside, table = True, begun[1].decode()
                columns = [name.strip().strip('"') for name in begun[2].decode().split(",")]
        elif raw.rstrip(b"\r") == _END:
            inside = False
        elif table in wanted:
            yield CopyRow(line, table, _cells(raw, columns, line, wanted[table]))
    if inside:
        raise UnreadableDumpError(f"line {line}: the file ends within the rows of {table}")


def _cells(
    raw: bytes, columns: Sequence[str], line: int, wanted: Collection[str]
) -> dict[str, str | None]:
    values = raw.split(b"\t")
    if len(values) != len(columns):
        raise UnreadableDumpError(
            f"line {line}: {len(values)} values where there are {len(columns)} columns"
        )
    try:
        return {
            column: None if value == _NULL else _unescaped(value).decode()
            for column, value in zip(columns, values, strict=True)
            if not wanted or column in wanted
        }
    except UnicodeDecodeError:
        raise UnreadableDumpError(f"line {line}: it is not UTF-8") from None


def _unescaped(value: bytes) -> bytes:
    return _ESCAPE.sub(_character, value) if b"\\" in value else value


def _character(escape: re.Match[bytes]) -> bytes:
    name = escape[1]
    if name[:1] in b"01234567":
        return bytes([int(name, 8) & 0xFF])
    if len(name) > 1:
        return bytes([int(name[1:], 16)])
    return _LETTERS.get(name, name)
