"""The stage of the fault table: the whole system with links that fail, and traffic that counts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pymongo
import pytest

from chassis.testing import free_port
from devstack.parts import GATEWAY_METRICS, MONGOD, NATS, SEARCH_ENGINE, SERVICES, free_base_port
from devstack.programs import Program
from devstack.stack import Stack
from tests.faults.proxy import Link, Loop
from tests.system import MANAGER, Asker, System, until
from tests.world import TOKEN_AGE

# What a caller may be told when something is away; each is a code that the schema or the gateway's
# README names. Anything else, INTERNAL first of all, is a fault of ours.
OUTAGE_CODES = {
    *("UNAVAILABLE", "OUTCOME_UNKNOWN", "TOO_BUSY", "OPERATION_TIMEOUT", "SEARCH_UNAVAILABLE"),
}
QUERY, MUTATION, HTTP = 3.0, 6.5, 10.0  # seconds until the caller is answered
_METRIC = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_COMMUNITY = """query C($slug: String!) { community(slug: $slug) {
    id space(slug: "general") { id }
} }"""
READ = """query T($id: ID!) { topic(id: $id) {
    title replies(first: 5) { edges { node { body author { __typename } } } }
} }"""
SEARCH = "query S($q: String!) { search(query: $q, first: 5) { totalCount edges { cursor } } }"


@dataclass(slots=True)
class Answered:
    """One request: what the caller was told (empty: what it asked for) and after how long."""

    code: str
    seconds: float


@dataclass
class Report:
    """What callers saw during a fault."""

    answers: dict[str, list[Answered]] = field(default_factory=dict)

    def note(self, kind: str, code: str, seconds: float) -> None:
        """One more answer."""
        self.answers.setdefault(kind, []).append(Answered(code, seconds))

    def codes(self, kind: str) -> Counter[str]:
        """How often each was told; empty: all was well."""
        return Counter(one.code for one in self.answers.get(kind, ()))

    def check(self) -> None:
        """Documented codes only; everyone was answered in time.

        The bound of an operation is asked of the quickest refusal: the machine may be busy with
        other tests. That of a request is asked of all.
        """
        for kind, bound in (("read", QUERY), ("write", MUTATION), ("search", QUERY)):
            if not (answers := self.answers.get(kind)):
                continue
            strange = set(self.codes(kind)) - OUTAGE_CODES - {""}
            assert not strange, f"{kind}: {self.codes(kind)}"
            slowest = max(one.seconds for one in answers)
            assert slowest < HTTP, f"{kind}: the slowest took {slowest:.1f} s"
            refused = [one.seconds for one in answers if one.code]
            assert min(refused, default=0.0) < bound, f"{kind}: {sorted(refused)}"

    def __str__(self) -> str:
        return "; ".join(
            f"{kind}: {dict(self.codes(kind))} in at most {max(a.seconds for a in answers):.1f} s"
            for kind, answers in self.answers.items()
        )


@dataclass
class Rows:
    """The running system, its links, and one topic that everybody writes to."""

    stack: Stack
    system: System
    links: dict[str, Link]
    topic: str = ""
    space: str = ""
    community: str = ""
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    # -- parts

    def program(self, name: str) -> Program:
        """A part or an engine by its name."""
        return next(one for one in self.stack.programs if one.name == name)

    def pid(self, name: str) -> int:
        """Of its process."""
        process = self.program(name).process
        assert process is not None
        assert process.pid is not None, f"{name} does not run"
        return process.pid

    @contextlib.contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """They stand still, with all their connections."""
        pids = [self.pid(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def away(self, name: str) -> AsyncIterator[None]:
        """Killed, and started again afterwards, as whoever watches it would."""
        program = self.program(name)
        os.kill(self.pid(name), signal.SIGKILL)
        program.stop()
        try:
            yield
        finally:
            program.start()
            await asyncio.to_thread(program.wait_ready)

    @contextlib.asynccontextmanager
    async def told(self, name: str, **environment: str) -> AsyncIterator[None]:
        """Started again with more in its environment, and at last once more without."""
        process = self.program(name).process
        assert process is not None
        before = process.env
        process.env = {**before, **environment}
        try:
            async with self.away(name):
                pass
            yield
        finally:
            process.env = before
            async with self.away(name):
                pass

    # -- people

    async def asker(self, email: str | None = MANAGER) -> Asker:
        """As System's, with one token for many tests; fetched while the providers are there."""
        if email is None:
            return await self.system.asker(None)
        kept = self._tokens.get(email)
        if kept is None or time.monotonic() - kept[0] > TOKEN_AGE:
            made = await self.system.asker(email)
            self._tokens[email] = (time.monotonic(), made.http.headers["Authorization"])
            return made
        asker = await self.system.asker(None)
        asker.http.headers["Authorization"] = kept[1]
        return asker

    # -- what is counted

    def metrics(self, port: int) -> dict[tuple[str, str], float]:
        """A part's figures by name and labels."""
        with urllib.request.urlopen(f"{self.stack.place.url(port)}/metrics") as answer:  # noqa: S310 - ours
            text = answer.read().decode()
        return {(name, labels or ""): float(value) for name, labels, value in _METRIC.findall(text)}

    def served(self, service: str, method: str) -> int:
        """How many RPCs of one method a service has served, however it answered."""
        port = next(one.metrics_port for one in SERVICES if one.name == service)
        return int(
            sum(
                value
                for (name, labels), value in self.metrics(port).items()
                if name == "guildhall_rpc_seconds_count" and f"/{method}" in labels
            )
        )

    def check_metrics(self) -> None:
        """Of all parts: nothing that is a duration or a number of things is below nothing."""
        for port in (GATEWAY_METRICS, *(one.metrics_port for one in SERVICES)):
            wrong = {key: value for key, value in self.metrics(port).items() if value < 0}
            assert not wrong, wrong

    def sessions(self) -> int:
        """How many browsers are signed in."""
        address = f"mongodb://{self.stack.place.address(MONGOD)}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](address) as client:
            return client["gateway"]["sessions"].count_documents({})

    def stored(self, word: str) -> Counter[str]:
        """How often each reply with this word is stored, by its whole text."""
        address = f"mongodb://{self.stack.place.address(MONGOD)}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](address) as client:
            rows = client["forum"]["replies"].find({"body.source": {"$regex": word}})
            return Counter(str(row["body"]["source"]) for row in rows)


class Traffic:
    """Readers, writers, searchers while a fault lasts; who writes repeats until answered."""

    def __init__(self, rows: Rows, *kinds: str, each: int = 2) -> None:
        self.word = f"w{uuid.uuid4().hex[:12]}"
        self.report = Report()
        self._rows = rows
        self._kinds = kinds or ("read", "write")
        self._each = each
        self._texts: dict[str, str] = {}  # request id -> text
        self._acknowledged: set[str] = set()
        self._end = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def running(self, asker: Asker) -> AsyncIterator[Traffic]:
        """Each asks, waits for the answer, and asks the next; those under way are waited for."""
        one = {"read": self.read, "write": self.write, "search": self.search}

        async def go_on(kind: str) -> None:
            while not self._end.is_set():
                await one[kind](asker)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self._end.wait()

        self._tasks = [
            asyncio.create_task(go_on(kind)) for kind in self._kinds for _ in range(self._each)
        ]
        try:
            yield self
        finally:
            self._end.set()
            await asyncio.gather(*self._tasks)

    async def for_(self, seconds: float) -> None:
        """Let it go on; says at once where a task has failed."""
        done, _ = await asyncio.wait(
            self._tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in done:
            task.result()

    async def read(self, asker: Asker) -> str:
        """A topic with its replies and their authors."""
        return await self._ask("read", asker, READ, id=self._rows.topic)

    async def search(self, asker: Asker) -> str:
        """For this traffic's word."""
        return await self._ask("search", asker, SEARCH, q=self.word)

    async def write(self, asker: Asker) -> str:
        """One more reply, whatever comes of it."""
        number = len(self._texts)
        request_id = f"{self.word}-{number}"
        self._texts[request_id] = f"{self.word} number {number}."
        return await self._write(asker, request_id)

    async def _write(self, asker: Asker, request_id: str) -> str:
        text = """mutation R($input: CreateReplyInput!) {
            createReply(input: $input) { reply { id state } } }"""
        given = {
            "topicId": self._rows.topic,
            "body": self._texts[request_id],
            "requestId": request_id,
        }
        code = await self._ask("write", asker, text, input=given)
        if not code:
            self._acknowledged.add(request_id)
        return code

    async def _ask(self, kind: str, asker: Asker, text: str, **variables: Any) -> str:
        began = time.monotonic()
        body = {"query": text, "variables": variables}
        try:
            response = await asker.http.post("/graphql", json=body)
        except httpx2.TransportError as error:  # the gateway itself does not answer
            code = type(error).__name__
        else:
            errors = response.json().get("errors")
            code = str(errors[0]["extensions"]["code"]) if errors else ""
            assert "Traceback" not in response.text
            assert "/site-packages/" not in response.text
        self.report.note(kind, code, time.monotonic() - began)
        return code

    async def settled(self, asker: Asker, *, within: float) -> float:
        """Nothing lost, nothing twice: who was refused repeats until answered, then all is counted.

        How long it took until the first of those that were refused, or a new one, was answered.
        """
        began = time.monotonic()
        await until(lambda: self.write(asker), lambda code: code == "", seconds=within)
        healed = time.monotonic() - began
        for request_id in self._texts.keys() - self._acknowledged:
            await until(
                partial(self._write, asker, request_id),
                lambda code: code == "",
                seconds=within,
            )
        stored = await asyncio.to_thread(self._rows.stored, self.word)
        assert stored == Counter(self._texts.values())
        return healed

    async def found(self, asker: Asker, *, within: float) -> float:
        """Until search finds each once: what was written went over the bus; how long that took."""
        began = time.monotonic()

        async def count() -> int | None:
            answer = await asker.raw(SEARCH, q=self.word)
            if answer.get("errors"):
                return None
            return int(answer["data"]["search"]["totalCount"])

        await until(count, lambda number: number == len(self._texts), seconds=within)
        return time.monotonic() - began


def start(folder: Path) -> tuple[Rows, Loop]:
    """The system with its demo data, on osmem unless told otherwise: it starts at once."""
    base = free_base_port()
    loop = Loop()
    kind = os.environ.get("FAULTS_SEARCH_ENGINE") or "osmem"
    offsets = {"forum": 6, "mongod": MONGOD, "nats": NATS, "engine": SEARCH_ENGINE}
    links = {name: Link(loop, free_port(), base + offset) for name, offset in offsets.items()}
    at = {name: f"127.0.0.1:{link.port}" for name, link in links.items()}
    instead = {
        "GATEWAY_FORUM_ADDRESS": at["forum"],
        "FORUM_MONGO_URI": f"mongodb://{at['mongod']}/?directConnection=true",
        "FORUM_NATS_URL": f"nats://{at['nats']}",
        "SEARCH_OPENSEARCH_URL": f"http://{at['engine']}",
    }
    stack = Stack(base, folder / "data", search_kind=kind, instead=instead)
    try:
        stack.start()
        rows = Rows(stack, System(stack.place, folder / "spans.ndjson"), links)
        asyncio.run(_prepare(rows))
    except BaseException:
        stack.stop()
        for link in links.values():
            link.cut()
        loop.stop()
        raise
    return rows, loop


async def _prepare(rows: Rows) -> None:
    manager = await rows.asker()
    community = (await manager(_COMMUNITY, slug="aurora"))["community"]
    rows.community, rows.space = community["id"], community["space"]["id"]
    made = await manager.mutate(
        "createTopic",
        "{ topic { id } }",
        spaceId=rows.space,
        kind="QUESTION",
        title="What holds when something fails?",
        body="Everybody replies to this one.",
    )
    rows.topic = made["topic"]["id"]
    await rows.system.close_clients()


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """One for all rows that can share it."""
    rows, loop = start(tmp_path_factory.mktemp("rows"))
    try:
        yield rows
    finally:
        rows.stack.stop()
        for link in rows.links.values():
            link.cut()
        loop.stop()
