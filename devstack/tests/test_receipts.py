"""Receipts as a file: for spreadsheets and programs, gone on with after a break, refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from devstack.exporter import ExportRefusedError, Portal
from devstack.receipts import COLUMNS, export_receipts, main
from devstack.tests.test_exporter import Answers, portal, url  # noqa: F401

MANY = 250
DEADLINE = "2027-01-01T00:00:00Z"
# Names that a spreadsheet would take for formulas.
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\uff1d1", '=HYPERLINK("x";"y")')


def receipt(number: int) -> dict[str, Any]:
    return {
        "memberId": f"M{number}",
        "person": {"displayName": f"Member, {number} Ü"} if number else None,
        "company": {"id": "C1", "name": 'Kestrel "K"'},
        "state": "SEEN",
        "inAudience": number != 1,
        "deliverTime": "2026-12-01T00:00:00Z",
        "seeTime": "2026-12-02T00:00:00Z",
        "acknowledgeTime": None,
    }


class Told(Answers):
    """An announcement that many were told."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = [receipt(number) for number in range(MANY)]

    def answer(self, body: dict[str, Any], token: str) -> tuple[int, dict[str, str], Any]:
        asked = body["variables"]
        self.asked.append(asked)
        if (failure := self.failures.pop(len(self.asked), None)) is not None:
            return failure
        if asked["id"] != "A1":
            return 200, {}, {"data": {"announcement": None}}
        begin = int(asked["after"] or 0)
        end = begin + asked["first"]
        page = {
            "edges": [{"node": one} for one in self.receipts[begin:end]],
            "pageInfo": {"hasNextPage": end < len(self.receipts), "endCursor": str(end)},
        }
        return 200, {}, {"data": {"announcement": {"deadline": DEADLINE, "receipts": page}}}


@pytest.fixture
def answers() -> Told:
    return Told()


def cells(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.reader(text))


def test_a_spreadsheet_has_a_head_and_a_row_each(portal: Portal, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "told.csv"
    assert export_receipts(portal, "A1", (), file) == MANY
    head, unnamed, late, *rest = cells(file)
    times = ["2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "", DEADLINE]
    company = ["C1", 'Kestrel "K"', "SEEN"]
    assert head == list(COLUMNS)
    assert unnamed == ["M0", "", *company, "yes", *times]
    assert late == ["M1", "Member, 1 Ü", *company, "", *times]
    assert [row[0] for row in rest] == [f"M{number}" for number in range(2, MANY)]
    assert list(tmp_path.iterdir()) == [file]


def test_programs_read_a_line_each(portal: Portal, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "told.jsonl"
    assert export_receipts(portal, "A1", (), file) == MANY
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[1] == {
        "record": "receipt",
        "memberId": "M1",
        "name": "Member, 1 Ü",
        "companyId": "C1",
        "company": 'Kestrel "K"',
        "state": "SEEN",
        "deliverTime": "2026-12-01T00:00:00Z",
        "seeTime": "2026-12-02T00:00:00Z",
        "deadline": DEADLINE,
    }
    assert rows[2]["inAudience"] is True
    assert len(rows) == MANY


def test_no_cell_is_a_formula(portal: Portal, answers: Told, tmp_path: Path) -> None:  # noqa: F811
    for number, name in enumerate(FORMULAS):
        answers.receipts[number]["person"] = {"displayName": name}
        answers.receipts[number]["company"] = {"id": "C1", "name": name}
    export_receipts(portal, "A1", (), tmp_path / "told.csv")
    rows = cells(tmp_path / "told.csv")[1:]
    for row, name in zip(rows, FORMULAS, strict=False):
        assert (row[1], row[3]) == (f"'{name}", f"'{name}")
    export_receipts(portal, "A1", (), tmp_path / "told.jsonl")
    lines = (tmp_path / "told.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in lines[: len(FORMULAS)]] == list(FORMULAS)


@pytest.mark.parametrize("broken", [1, 2, 3])
@pytest.mark.parametrize("name", ["told.csv", "told.jsonl"])
def test_broken_off_it_goes_on(
    portal: Portal,  # noqa: F811
    answers: Told,
    tmp_path: Path,
    name: str,
    broken: int,
) -> None:
    whole, file = tmp_path / f"whole-{name}", tmp_path / name
    export_receipts(portal, "A1", (), whole)
    refused = {"errors": [{"message": "no", "extensions": {"code": "ROLE_REQUIRED"}}]}
    answers.failures[len(answers.asked) + broken] = 200, {}, refused
    with pytest.raises(ExportRefusedError, match="ROLE_REQUIRED: no"):
        export_receipts(portal, "A1", (), file)
    assert not file.exists()
    assert export_receipts(portal, "A1", (), file) == MANY - 100 * (broken - 1)
    assert file.read_bytes() == whole.read_bytes()


def test_another_export_does_not_go_on_with_it(
    portal: Portal,  # noqa: F811
    answers: Told,
    tmp_path: Path,
) -> None:
    file = tmp_path / "told.csv"
    answers.failures[2] = 200, {}, {"errors": [{"message": "no"}]}
    with pytest.raises(ExportRefusedError):
        export_receipts(portal, "A1", (), file)
    assert export_receipts(portal, "A1", ("OVERDUE", "SEEN"), file) == MANY
    assert answers.asked[-1]["states"] == ["OVERDUE", "SEEN"]
    assert answers.asked[0]["states"] is None


def test_an_unknown_announcement_is_said(
    url: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["A2", str(tmp_path / "told.csv"), "--token", "t", "--url", url]) == 1
    assert capsys.readouterr().err == "there is no such announcement that one can see\n"
    assert not (tmp_path / "told.csv").exists()
    where = tmp_path / "no" / "told.csv"
    assert main(["A1", str(where), "--token", "t", "--url", url]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_written_it_says_how_many(
    url: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "told.csv"
    options = ["--states", "OVERDUE", "SEEN", "--token", "t", "--url", url]
    assert main(["A1", str(file), *options]) == 0
    assert capsys.readouterr().out == f"{MANY} receipts are in {file}\n"
