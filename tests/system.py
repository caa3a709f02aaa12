"""A running system as tests see it: its people at the gateway, its programs, its traces."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import httpx2
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema, build_schema

from devstack.openid.people import PASSWORD
from devstack.parts import CHECKOUT, OPENID, Place
from devstack.token import access_token

T = TypeVar("T")

ENGINEER, BOTH = "engineer@kestrel.example", "both@kestrel.example"
SELLER, NEWCOMER = "seller@lumen.example", "newcomer@kestrel.example"
MANAGER, OPERATOR = "manager@aurora.example", "operator@guildhall.example"
BOREALIS_MANAGER = "manager@borealis.example"


# What a mutation need not list, as it may be said of anything.
OF_ANYTHING = {
    "UNAUTHENTICATED", "LIMIT_EXCEEDED", "RPC_BUDGET_EXCEEDED", "TOO_BUSY", "OPERATION_TIMEOUT",
    "OUTCOME_UNKNOWN", "INTERNAL",
}  # fmt: skip


@cache
def schema() -> GraphQLSchema:
    """What the gateway says it is."""
    return build_schema((CHECKOUT / "gateway/schema.graphql").read_text())


@cache
def mutation_codes() -> dict[str, set[str]]:
    """What each mutation says that it may refuse with."""
    mutation = schema().mutation_type
    listed = re.compile(r"Codes: ([A-Z_, ]+)\.")
    return {
        name: set(found[1].split(", "))
        for name, field in (mutation.fields if mutation else {}).items()
        if (found := listed.search(field.description or ""))
    }


def check_error(error: dict[str, Any]) -> None:
    """Every error that anybody is told has the form of Refusal and a code that is listed."""
    refusal, codes = schema().type_map["Refusal"], schema().type_map["RefusalCode"]
    assert isinstance(refusal, GraphQLObjectType)
    assert isinstance(codes, GraphQLEnumType)
    extensions = error["extensions"]
    assert extensions.keys() <= refusal.fields.keys(), error
    assert extensions["code"] in codes.values, error
    field_, *below = error.get("path") or ("",)
    if not below and field_ in mutation_codes():
        assert extensions["code"] in mutation_codes()[field_] | OF_ANYTHING, error


class RefusedError(AssertionError):
    """An operation got errors; `code`, `field` and `retry_after` are of the first."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(json.dumps(answer.get("errors"))[:1000])
        extensions = answer["errors"][0].get("extensions", {})
        self.code = extensions.get("code")
        self.field = extensions.get("field")
        self.retry_after: float | None = extensions.get("retryAfter")


@dataclass
class Asker:
    """One person at the gateway, by bearer token or by a browser's session."""

    http: httpx2.AsyncClient
    trace_id: str = ""  # of the last request

    async def __call__(self, text: str, **variables: Any) -> dict[str, Any]:
        """The data; RefusedError where there are errors."""
        answer = await self.raw(text, **variables)
        if answer.get("errors"):
            raise RefusedError(answer)
        data: dict[str, Any] = answer["data"]
        return data

    async def raw(self, text: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        response = await self.http.post("/graphql", json={"query": text, "variables": variables})
        self.trace_id = response.headers.get("x-trace-id", "")
        answer: dict[str, Any] = response.json()
        for error in answer.get("errors", ()):
            check_error(error)
        return answer

    async def mutate(self, field_: str, selection: str, **input_: Any) -> dict[str, Any]:
        """One mutation with a new request id, unless one is given."""
        name = field_[0].upper() + field_[1:]
        input_.setdefault("requestId", f"test-{uuid.uuid4()}")
        text = f"mutation {name}($input: {name}Input!) {{ {field_}(input: $input) {selection} }}"
        payload: dict[str, Any] = (await self(text, input=input_))[field_]
        return payload

    async def post(self, field_: str, selection: str, **input_: Any) -> dict[str, Any]:
        """As `mutate`, as soon as they may: another test may have written as this person."""
        while True:
            try:
                return await self.mutate(field_, selection, **input_)
            except RefusedError as refusal:
                if refusal.code != "POSTING_TOO_FAST":
                    raise
                await asyncio.sleep(refusal.retry_after or 1)


@dataclass
class System:
    """A running stack."""

    place: Place
    spans_file: Path
    _clients: list[httpx2.AsyncClient] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The gateway's."""
        return self.place.url(0)

    async def asker(self, email: str | None) -> Asker:
        """A person with a token of their own provider; None: nobody."""
        headers = {}
        if email is not None:
            token = await asyncio.to_thread(access_token, email, self.place.url(OPENID))
            headers["Authorization"] = f"Bearer {token}"
        return self.client(self.url, headers)

    def client(self, url: str, headers: dict[str, str]) -> Asker:
        """Whoever has these headers, at this gateway; closed with the test's others."""
        client = httpx2.AsyncClient(base_url=url, headers=headers, timeout=20)
        self._clients.append(client)
        return Asker(client)

    async def browser(self, email: str) -> Asker:
        """A person who signed in through the pages, as a browser does: the session is a cookie."""
        client = httpx2.AsyncClient(base_url=self.url, timeout=20, follow_redirects=True)
        self._clients.append(client)
        company = email.partition("@")[2].partition(".")[0]
        client.headers["Accept"] = "text/html"
        page = await client.get(f"/signin/{company}")
        form = Form(page)
        filled = {**form.fields, "email": email, "password": PASSWORD}
        done = await client.post(form.action, data=filled)
        assert done.status_code == 200, done.text[:500]
        client.headers["Accept"] = "application/json"
        client.headers["X-Requested-With"] = "guildhall"
        client.headers["Origin"] = self.url
        return Asker(client)

    def environment(self) -> dict[str, str]:
        """What programs beside the stack need to find it."""
        return {
            **os.environ,
            "GUILDHALL_PORT": str(self.place.base_port),
            "GUILDHALL_URL": self.url,
            "GUILDHALL_DATA": str(self.place.data),
            "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'protos/gen'}",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program of the devstack, to its end."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=CHECKOUT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """What the collector has of one trace."""
        lines = self.spans_file.read_text().splitlines()
        return [json.loads(line) for line in lines if trace_id in line]

    def hops(self, trace_id: str) -> set[str]:
        """The names of a trace's spans, and of what was done for it in a batch with others.

        A batch of domain events is one span, in the first one's trace, with links to the others'.
        """
        spans = self.spans(trace_id)
        shared = [span for span in spans if span["traceId"] != trace_id]
        below = [
            child
            for batch in shared
            for child in self.spans(batch["traceId"])
            if child["parentSpanId"] == batch["spanId"]
        ]
        return {span["name"] for span in (*spans, *below)}

    async def close_clients(self) -> None:
        """Of one test."""
        while self._clients:
            await self._clients.pop().aclose()


class Form(HTMLParser):
    """The first form of a page: where it goes, and what it already holds."""

    def __init__(self, page: httpx2.Response) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page.text)
        self.action = urljoin(str(page.url), self.action)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = given.get("action", "")
        if tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")


async def until(
    ask: Callable[[], Awaitable[T]],
    good: Callable[[T], object],
    *,
    seconds: float = 10,
    pause: float = 0.02,
) -> T:
    """Ask again and again until the answer is good; fails with the last one.

    Whoever may have to ask for long asks seldom: what one asks is counted.
    """
    end = time.monotonic() + seconds
    while True:
        answer = await ask()
        if good(answer):
            return answer
        assert time.monotonic() < end, f"still not after {seconds} s: {answer}"
        await asyncio.sleep(pause)
