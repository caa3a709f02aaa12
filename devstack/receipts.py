"""`python -m devstack.receipts ANNOUNCEMENT FILE` writes who was told it, saw and acknowledged it.

FILE.csv is for spreadsheets, any other is JSON lines. Broken off, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from devstack.exporter import (
    PAGE,
    ExportRefusedError,
    Portal,
    Unfinished,
    add_portal,
    write_from,
)
from devstack.token import access_token

Row: TypeAlias = Mapping[str, Any]

STATES = ("DELIVERED", "SEEN", "ACKNOWLEDGED", "OVERDUE")
COLUMNS = (
    "memberId",
    "name",
    "companyId",
    "company",
    "state",
    "inAudience",
    "deliverTime",
    "seeTime",
    "acknowledgeTime",
    "deadline",
)
_RECEIPTS = """query Receipts($id: ID!, $states: [ReceiptState!], $first: Int!, $after: String) {
  announcement(id: $id) {
    deadline
    receipts(first: $first, after: $after, states: $states) {
      edges { node {
        memberId person { displayName } company { id name }
        state inAudience deliverTime seeTime acknowledgeTime
      } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
# What a spreadsheet takes for the beginning of a formula, also behind blanks and full-width.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_MARK = "\ufeff"  # without it a spreadsheet reads UTF-8 as something else


def pages(
    portal: Portal, announcement: str, states: Sequence[str], after: str | None
) -> Iterator[tuple[list[Row], str | None]]:
    """Rows of each page, and where to go on; None behind the last."""
    asked = {"id": announcement, "states": states or None, "first": PAGE}
    while True:
        found = portal.ask(_RECEIPTS, {**asked, "after": after})["announcement"]
        if found is None:
            raise ExportRefusedError("there is no such announcement that one can see")
        page = found["receipts"]
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        yield [_row(edge["node"], found["deadline"]) for edge in page["edges"]], after
        if after is None:
            return


def _row(receipt: dict[str, Any], deadline: str | None) -> Row:
    """By column, without what there is not."""
    company = receipt["company"] or {}
    values = {
        **{name: receipt[name] for name in COLUMNS if name in receipt},
        "name": (receipt["person"] or {}).get("displayName"),
        "companyId": company.get("id"),
        "company": company.get("name"),
        "deadline": deadline,
    }
    return {name: values[name] for name in COLUMNS if values[name]}


def json_lines(rows: Iterable[Row]) -> str:
    """A line each."""
    return "".join(json.dumps({"record": "receipt", **row}) + "\n" for row in rows)


def csv_lines(rows: Iterable[Row]) -> str:
    """A line each, as RFC 4180; no cell is a formula."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(row.get(name, "")) for name in COLUMNS] for row in rows)
    return out.getvalue()


def _cell(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"'{value}" if value.lstrip().startswith(_FORMULA) else value


def export_receipts(portal: Portal, announcement: str, states: Sequence[str], file: Path) -> int:
    """How many rows were written now."""
    spreadsheet = file.suffix == ".csv"
    lines = csv_lines if spreadsheet else json_lines
    name = " ".join(("receipts", file.suffix, announcement, *states))
    unfinished = Unfinished(file, name)
    count = 0
    with unfinished.open() as part:
        if spreadsheet and not unfinished.written:
            part.write(f"{_MARK}{','.join(COLUMNS)}\r\n".encode())
        for rows, after in pages(portal, announcement, states, unfinished.after):
            part.write(lines(rows).encode())
            count += len(rows)
            unfinished.keep(part, after)
    unfinished.finish()
    return count


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or say why not."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack.receipts", description="Export the receipts of an announcement."
    )
    parser.add_argument("announcement", help="its global id")
    parser.add_argument("file", type=Path, help="FILE.csv or FILE.jsonl; run again to go on")
    parser.add_argument(
        "--states", nargs="*", choices=STATES, default=[], help="in these states only"
    )
    add_portal(parser, "manager@aurora.example", "the manager who exports (PERSON)")
    options = parser.parse_args(arguments)
    portal = Portal(options.url, lambda: options.token or access_token(options.person))
    return write_from(
        portal,
        lambda: export_receipts(portal, options.announcement, options.states, options.file),
        options.file,
        "receipts",
    )


if __name__ == "__main__":
    sys.exit(main())
