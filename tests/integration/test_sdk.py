"""The clients of sdk/, generated from the schema as it is: well typed, and they work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devstack.parts import CHECKOUT, OPENID
from devstack.token import access_token
from tests.system import ENGINEER, MANAGER, SELLER, System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

SDK = CHECKOUT / "sdk"
PYTHON, MODULES = SDK / "python/.venv/bin/python", SDK / "typescript/node_modules"
TOPICS = """query Topics($community: ID!) { topics(communityId: $community, first: 6) {
  edges { node { id title bodyHtml author { company { name } } } } } }"""


def run(*command: str, folder: Path, **environment: str) -> str:
    """A program to its end, without what ours have in their environment."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python client, just generated."""
    if not PYTHON.exists():
        pytest.skip("sdk/python/.venv is missing: sdk/setup.sh")
    run(str(PYTHON.parent / "ariadne-codegen"), folder=SDK / "python")
    return PYTHON


@pytest.fixture(scope="module")
def typescript() -> Path:
    """The TypeScript example, just generated and compiled, which checks its types."""
    if not MODULES.exists() or shutil.which("node") is None:
        pytest.skip("sdk/typescript/node_modules is missing: sdk/setup.sh")
    run("node", "generate.mjs", folder=SDK / "typescript")
    run("node", "node_modules/typescript/bin/tsc", folder=SDK / "typescript")
    return SDK / "typescript/built/example.js"


async def _environment(system: System, email: str) -> dict[str, str]:
    token = await asyncio.to_thread(access_token, email, system.place.url(OPENID))
    return {"GUILDHALL_URL": system.url, "GUILDHALL_TOKEN": token}


async def _community(system: System, email: str) -> str:
    asker = await system.asker(email)
    answer = await asker("{ viewer { memberships { community { id } } } }")
    found: str = answer["viewer"]["memberships"][0]["community"]["id"]
    return found


async def _topics(system: System, email: str) -> list[dict[str, Any]]:
    asker = await system.asker(email)
    page = (await asker(TOPICS, community=await _community(system, email)))["topics"]
    return [edge["node"] for edge in page["edges"]]


async def _works(system: System, email: str, name: str, *command: str) -> None:
    """An example tells what anybody would see, and has done once what it sent twice."""
    before = await _topics(system, email)
    environment = await _environment(system, email)
    told = await asyncio.to_thread(run, *command, folder=CHECKOUT, **environment)
    steps = [json.loads(line) for line in told.splitlines()]
    assert steps[0] == {"step": "viewer", "name": name, "community": "aurora"}
    pages = [step["titles"] for step in steps if step["step"] == "page"]
    assert [title for page in pages for title in page] == [topic["title"] for topic in before]
    asked, refused = steps[-2:]
    assert asked["id"] == asked["again"]
    assert refused == {"step": "refused", "code": "TEXT_INVALID", "field": "title"}
    after = await _topics(system, email)
    assert after[0]["id"] == asked["id"]
    assert [topic["id"] for topic in after[1:]] == [topic["id"] for topic in before[:5]]


async def test_the_python_example_reads_asks_once_and_is_refused(
    system: System, python: Path
) -> None:
    example = str(SDK / "python/example.py")
    await _works(system, ENGINEER, "Edda Engineer", str(python), example)


async def test_the_typescript_example_reads_asks_once_and_is_refused(
    system: System, typescript: Path
) -> None:
    # Somebody else: between two topics of one person are 15 seconds.
    await _works(system, MANAGER, "Mana Manager", "node", str(typescript))


@pytest.mark.parametrize("email", [ENGINEER, SELLER])
async def test_the_page_shows_what_its_person_may_read(
    system: System, python: Path, email: str
) -> None:
    topics = await _topics(system, email)
    environment = await _environment(system, email)
    page = (str(python), str(SDK / "python/page.py"))
    html = await asyncio.to_thread(run, *page, folder=CHECKOUT, **environment)
    assert html.startswith("<!doctype html>")
    shown = re.findall(r"<h2>(.*?)</h2>", html)
    assert shown[: len(topics)] == [escape(topic["title"]) for topic in topics]
    assert topics[0]["bodyHtml"] in html
    assert escape(topics[0]["author"]["company"]["name"]) in html


def test_the_python_example_is_typed_throughout(python: Path) -> None:
    """By the checker of the house, against what was generated."""
    run(
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
        "--cache-dir", str(python.parent.parent / "mypy"), "--python-executable", str(python),
        "example.py", "page.py", folder=SDK / "python",
    )  # fmt: skip


PROGRAM = """
import asyncio, json, os, sys
from asking import RefusedError, asked, client_of

async def main():
    async with client_of(os.environ["GUILDHALL_URL"], os.environ["GUILDHALL_TOKEN"]) as client:
        async def ask():
            return client.get_data(await client.execute(sys.argv[1]))
        try:
            print(json.dumps(await asked(ask)))
        except RefusedError as refused:
            print(json.dumps([refused.code.value, refused.field]))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("query", "told"),
    [
        # of a page, what could be answered
        (
            '{ community(slug: "aurora") { slug moderationCases(first: 1) { totalCount } } }',
            {"community": {"slug": "aurora", "moderationCases": None}},
        ),
        ("{ communities(first: 500) { totalCount } }", ["BAD_USER_INPUT", "first"]),
        ("{ nobody }", ["GRAPHQL_VALIDATION_FAILED", None]),
    ],
)
async def test_what_fails_is_told_as_a_refusal_whatever_fails(
    system: System, python: Path, query: str, told: object
) -> None:
    environment = await _environment(system, ENGINEER)
    command = (str(python), "-c", PROGRAM, query)
    answer = await asyncio.to_thread(run, *command, folder=SDK / "python", **environment)
    assert json.loads(answer) == told
    nobody = {**environment, "GUILDHALL_TOKEN": "nobody"}
    answer = await asyncio.to_thread(run, *command, folder=SDK / "python", **nobody)
    assert json.loads(answer) == ["UNAUTHENTICATED", None]


@dataclass(frozen=True)
class Said:
    """What comes back of one request: an answer; of length 0 where the line breaks instead."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, retry_after: float) -> Said:
    """As the gateway refuses before it executes anything."""
    extensions = {"code": code, "retryAfter": retry_after}
    return Said(status, json.dumps({"errors": [{"message": "no", "extensions": extensions}]}))


DONE = Said(200, json.dumps({"data": {"done": True}}))
PAGE = "<html><h1>Bad gateway</h1></html>"
LOST, CUT_SHORT = Said(0), Said(200, '{"data": ', {"content-length": "9000"})
MUTATION = """mutation Say($input: SayInput!) { done(input: $input) }"""
SENDS = {
    "python": """
import asyncio, json, os, sys
from asking import RefusedError, asked, client_of

async def main():
    async with client_of(os.environ["GUILDHALL_URL"], "token") as client:
        async def ask():
            variables = {"input": {"requestId": "once-only"}}
            return client.get_data(await client.execute(sys.argv[1], variables=variables))
        try:
            print(json.dumps(await asked(ask)))
        except RefusedError as refused:
            print(json.dumps([refused.code.value, refused.retry_after]))

asyncio.run(main())
""",
    "typescript": """
import { parse } from "graphql";
import { Client, RefusedError } from "./built/asking.js";

const client = new Client(process.env.GUILDHALL_URL, "token");
try {
  const variables = { input: { requestId: "once-only" } };
  console.log(JSON.stringify(await client.ask(parse(process.argv[1]), variables)));
} catch (error) {
  if (!(error instanceof RefusedError)) throw error;
  console.log(JSON.stringify([error.code, error.retryAfter]));
}
""",
}


class Way(ThreadingHTTPServer):
    """The way to the gateway: says one thing after the other, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Stop)
        self.says: list[Said] = []
        self.asked: list[tuple[float, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Stop(BaseHTTPRequestHandler):
    """One request."""

    server: Way

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((time.monotonic(), body))
        said = self.server.says.pop(0)
        if said.status:
            self.send_response(said.status)
            for name, text in {"content-length": str(len(said.text)), **said.headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(said.text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what fails here is meant to."""


@pytest.fixture
def way() -> Iterator[Way]:
    with Way() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=SENDS)
def sends(request: pytest.FixtureRequest) -> tuple[Path, tuple[str, ...]]:
    """How each language's client sends a mutation, as its settings have it."""
    made: Path = request.getfixturevalue(request.param)
    program = SENDS[request.param]
    if request.param == "python":
        return SDK / "python", (str(made), "-c", program)
    return SDK / "typescript", ("node", "--input-type=module", "-e", program)


def sent(way: Way, sends: tuple[Path, tuple[str, ...]], *says: Said) -> object:
    """What the client has in the end; what it sent again is what it sent at first."""
    way.says = list(says)
    folder, command = sends
    told = run(*command, MUTATION, folder=folder, GUILDHALL_URL=way.url)
    bodies = [json.loads(body) for _, body in way.asked]
    assert bodies[0]["variables"] == {"input": {"requestId": "once-only"}}
    assert all(body == bodies[0] for body in bodies)
    return json.loads(told)


@pytest.mark.parametrize(
    ("said", "at_least"),
    [
        (refusal(429, "RATE_LIMITED", 0.9), 0.9),
        (refusal(503, "OVERLOADED", 1), 1.0),
        (refusal(200, "OVERLOADED", 1), 1.0),  # as over HTTP where something was executed
        (LOST, 0.2),
        (CUT_SHORT, 0.2),
        (Said(502, PAGE), 0.2),
        (Said(504, '{"message": "upstream request timeout"}'), 0.2),
        (Said(429, PAGE, {"retry-after": "1"}), 1.0),
    ],
)
def test_what_passes_is_sent_again_as_it_was_and_not_too_soon(
    way: Way, sends: tuple[Path, tuple[str, ...]], said: Said, at_least: float
) -> None:
    assert sent(way, sends, said, DONE) == {"done": True}
    (first, _), (again, _) = way.asked
    assert again - first >= at_least


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (refusal(429, "RATE_LIMITED", 600), ["RATE_LIMITED", 600]),  # nobody waits for that long
        (Said(404, PAGE), ["INTERNAL", 0]),
        (Said(200, PAGE), ["INTERNAL", 0]),
    ],
)
def test_what_does_not_pass_is_told_at_once(
    way: Way, sends: tuple[Path, tuple[str, ...]], said: Said, told: object
) -> None:
    assert sent(way, sends, said, DONE) == told
    assert len(way.asked) == 1


def test_what_never_comes_through_is_told_in_the_end(
    way: Way, sends: tuple[Path, tuple[str, ...]]
) -> None:
    assert sent(way, sends, LOST, Said(502, PAGE), CUT_SHORT, LOST, DONE) == ["OUTCOME_UNKNOWN", 0]
    assert len(way.asked) == 4
