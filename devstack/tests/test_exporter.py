"""Writing an export: whole, gone on with after a break, and refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from devstack.exporter import ExportRefusedError, Portal, export, main

LINES = [json.dumps({"record": "reply", "id": f"r{number}"}) for number in range(250)]


class Answers:
    """What the server says next, and what it was asked."""

    def __init__(self) -> None:
        self.failures: dict[int, tuple[int, dict[str, str], Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.community: str | None = "C1"

    def answer(self, body: dict[str, Any], token: str) -> tuple[int, dict[str, str], Any]:
        self.asked.append(body["variables"])
        self.tokens.append(token)
        if (failure := self.failures.pop(len(self.asked), None)) is not None:
            return failure
        if "slug" in body["variables"]:
            community = None if self.community is None else {"id": self.community}
            data = {"viewer": {"person": {"id": "P1"}}, "community": community}
            return 200, {}, {"data": data}
        begin = int(body["variables"]["after"] or 0)
        end = begin + body["variables"]["first"]
        page = {
            "edges": [{"node": {"line": line}} for line in LINES[begin:end]],
            "pageInfo": {"hasNextPage": end < len(LINES), "endCursor": str(end)},
        }
        return 200, {}, {"data": {"exportRecords": page}}


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def url(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            token = self.headers["authorization"].removeprefix("Bearer ")
            status, headers, answer = answers.answer(body, token)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def portal(url: str) -> Iterator[Portal]:
    tokens = iter(["one", "two", "three"])
    made = Portal(url, lambda: next(tokens), wait=lambda seconds: None)
    yield made
    made.close()


def test_every_record_is_a_line(portal: Portal, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert export(portal, "aurora", None, file) == 250
    assert file.read_text().splitlines() == LINES
    assert list(tmp_path.iterdir()) == [file]


def test_one_persons(portal: Portal, answers: Answers, tmp_path: Path) -> None:
    export(portal, "aurora", "me", tmp_path / "out.jsonl")
    assert {asked["person"] for asked in answers.asked[1:]} == {"P1"}


@pytest.mark.parametrize("spoil", [lambda part: None, lambda part: part.write_bytes(
    part.read_bytes() + b'{"half'
)])  # fmt: skip
def test_broken_off_it_goes_on(
    portal: Portal, answers: Answers, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    file = tmp_path / "out.jsonl"
    refused = {"errors": [{"message": "no", "extensions": {"code": "ROLE_REQUIRED"}}]}
    answers.failures[4] = 200, {}, refused
    with pytest.raises(ExportRefusedError, match="ROLE_REQUIRED: no"):
        export(portal, "aurora", None, file)
    assert not file.exists()
    spoil(tmp_path / "out.jsonl.part")
    assert export(portal, "aurora", None, file) == 50
    assert file.read_text().splitlines() == LINES


def test_another_export_does_not_go_on_with_it(
    portal: Portal, answers: Answers, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    answers.failures[3] = 200, {}, {"errors": [{"message": "no"}]}
    with pytest.raises(ExportRefusedError):
        export(portal, "aurora", None, file)
    assert export(portal, "aurora", "me", file) == 250


def test_it_waits_as_long_as_it_is_told(url: str, answers: Answers, tmp_path: Path) -> None:
    waited: list[float] = []
    portal = Portal(url, lambda: "t", wait=waited.append)
    answers.failures = {2: (429, {"retry-after": "7"}, {}), 3: (503, {}, {})}
    assert export(portal, "aurora", None, tmp_path / "out.jsonl") == 250
    portal.close()
    assert waited == [7.0, 2.0]


def test_a_token_that_ended_is_renewed_once(
    portal: Portal, answers: Answers, tmp_path: Path
) -> None:
    answers.failures[3] = 401, {}, {}
    assert export(portal, "aurora", None, tmp_path / "out.jsonl") == 250
    assert answers.tokens[1:4] == ["one", "one", "two"]


def test_an_unknown_community_is_said(
    url: str, answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.community = None
    file = tmp_path / "out.jsonl"
    assert main(["nowhere", str(file), "--token", "t", "--url", url]) == 1
    assert capsys.readouterr().err == "there is no community nowhere that one is in\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_said(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aurora", str(tmp_path / "no" / "out"), "--token", "t", "--url", url]) == 1
    assert "cannot be written" in capsys.readouterr().err
