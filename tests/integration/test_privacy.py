"""Planted words of every kind of personal data: no log, span, metric or error has any of them."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx2
import pytest

from devstack.parts import GATEWAY_METRICS, SERVICES
from tests.system import ENGINEER, MANAGER, OPERATOR, Asker, System, until
from tests.world import quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PARTS = ("directory", "forum", "moderation", "search", "gateway")
CREATE = "mutation C($input: CreateTopicInput!) { createTopic(input: $input) { topic { id } } }"


class Planted:
    """Words that occur nowhere else, by what they are."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def word(self, kind: str) -> str:
        """A new one."""
        word = f"zq{uuid.uuid4().hex[:20]}"
        self.words[f"{kind} {len(self.words)}"] = word
        return word

    def in_text(self, text: str) -> list[str]:
        """What a text has of them, as kinds; whole values of secrets are words too."""
        return [kind for kind, word in self.words.items() if word in text]


class Noted:
    """Asks as others do; keeps every answer's errors and trace."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.errors: list[Any] = []
        self.traces: list[str] = []

    async def __call__(self, text: str, **variables: Any) -> Any:
        """The data, whatever the errors."""
        answer = await self.asker.raw(text, **variables)
        self.traces.append(self.asker.trace_id)
        self.errors.extend(answer.get("errors") or ())
        return answer.get("data")

    async def send(self, body: Any, **headers: str) -> None:
        """Anything, by POST."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json", **headers}
        response = await self.asker.http.post("/graphql", content=content, headers=kind)
        self.traces.append(response.headers["x-trace-id"])
        self.errors.extend(response.json().get("errors") or ())


async def write(noted: Noted, planted: Planted, space: str, community: str) -> None:
    """A topic, replies and flags that are taken, found and refused."""
    body = f"It is {planted.word('body')} and {planted.word('mail in a body')}@example.test"
    input_ = {
        "requestId": f"test-{uuid.uuid4()}",
        "spaceId": space,
        "kind": "QUESTION",
        "title": f"A {planted.word('title')} of mine",
        "body": body,
    }
    while (made := await noted(CREATE, input=input_)) is None:
        refusal = noted.errors[-1]["extensions"]  # another test wrote as this person just now
        assert refusal["code"] == "POSTING_TOO_FAST", refusal
        await asyncio.sleep(refusal["retryAfter"])
    topic = made["createTopic"]["topic"]["id"]
    reply = """mutation R($input: CreateReplyInput!) { createReply(input: $input) {
      reply { id } } }"""
    body = planted.word("reply")
    for topic_id in (topic, "bm90", "VG9waWM6bm86bm8"):
        asked = {"requestId": f"test-{uuid.uuid4()}", "topicId": topic_id, "body": body}
        await noted(reply, input=asked)
    look = "query T($id: ID!) { topic(id: $id) { title author { member { displayName } } } }"
    await noted(look, id=topic)
    found = "query S($q: String!) { search(query: $q, first: 5) { totalCount } }"
    await noted(found, q=planted.word("searched"))
    await noted("query S($c: ID!, $t: String) { topics(communityId: $c, first: 1, tag: $t) "
                "{ totalCount } }", c=community, t=planted.word("tag"))  # fmt: skip


async def be_refused(noted: Noted, planted: Planted) -> None:
    """Wrong types, bad documents and broken bodies, all with words in them."""
    wrong = {"title": planted.word("title of a wrong type"), "body": {"a": planted.word("inner")}}
    await noted(CREATE, input=wrong)
    await noted(CREATE, input={**wrong, "nobody": planted.word("unknown field's value")})
    await noted(CREATE, input={**wrong, "kind": planted.word("no value of an enum")})
    await noted(CREATE, input=planted.word("text for an object"))
    await noted("query T($id: ID!) { topic(id: $id) { title } }", id=planted.word("id"))
    await noted("query T($n: Int!) { communities(first: $n) { totalCount } }",
                n=planted.word("text for a number"))  # fmt: skip
    await noted("query S($t: DateTime) { search(first: 1, fromTime: $t) { totalCount } }",
                t=planted.word("text for a time"))  # fmt: skip
    await noted(f'{{ topic(id: "{planted.word("literal")}") {{ title }} }}')
    await noted(f'{{ communities(first: "{planted.word("literal number")}") {{ totalCount }} }}')
    await noted(f'{{ search(first: 1, fromTime: "{planted.word("literal time")}") '
                "{ totalCount } }")  # fmt: skip
    await noted(f'{{ topic(id: "{planted.word("unclosed")}')
    await noted(f"# {planted.word('comment')}\n{{ viewre }}")
    await noted.send(f'{{"query": "{planted.word("broken body")}'.encode())
    await noted(f'{{ topic(id "{planted.word("misplaced")}") {{ title }} }}')
    await noted.send({"query": "{ __typename }", "operationName": {"a": planted.word("name")}})
    await noted.send({"query": "{ __typename }", "extensions": planted.word("extensions")})
    await noted.send({"documentId": planted.word("document id")})
    await noted.send({"query": "{ __typename }"}, **{"Content-Type": planted.word("content type")})
    await noted.send({"query": "{ __typename }"}, **{"User-Agent": planted.word("user agent")})


async def change_people(noted: Noted, planted: Planted, community: str) -> None:
    """Names and addresses, taken and refused."""
    create = """mutation P($input: CreatePersonInput!) { createPerson(input: $input) {
      person { id displayName email } } }"""
    for issuer in ("https://id.kestrel.test", planted.word("issuer")):
        address = f"{planted.word(f'mail {issuer[:8]}')}@example.test"
        asked = {
            "requestId": f"test-{uuid.uuid4()}",
            "displayName": f"Zora {planted.word(f'name {issuer[:8]}')}",
            "email": address,
            "identityLinks": [{"issuer": issuer, "subject": planted.word(f"subject {issuer[:8]}")}],
        }
        await noted(create, input=asked)
    portal = """mutation P($input: CreatePortalInput!) { createPortal(input: $input) {
      portal { id } } }"""
    await noted(
        portal,
        input={
            "requestId": f"test-{uuid.uuid4()}",
            "communityId": community,
            "name": "A" * 100 + planted.word("portal's name"),
        },
    )


async def test_nothing_personal_leaves_by_logs_spans_metrics_or_errors(system: System) -> None:
    planted = Planted()
    engineer = Noted(await system.browser(ENGINEER))
    manager, operator = Noted(await system.asker(MANAGER)), Noted(await system.asker(OPERATOR))
    nobody = Noted(await system.asker(None))
    session = engineer.asker.http.cookies["session"]
    assert session
    planted.words["cookie"] = session
    for name, asker in (("manager", manager), ("operator", operator)):
        bearer = asker.asker.http.headers["Authorization"].removeprefix("Bearer ")
        planted.words[f"{name}'s token"] = bearer
        planted.words[f"{name}'s signature"] = bearer.rpartition(".")[2]
    data = await engineer('{ community(slug: "aurora") { id space(slug: "general") { id } } }')
    community, space = data["community"]["id"], data["community"]["space"]["id"]
    for asker in (engineer, manager):
        await write(asker, planted, space, community)
        await be_refused(asker, planted)
    await change_people(operator, planted, community)
    await be_refused(nobody, planted)
    await nobody.send({"query": "{ __typename }"}, Authorization=f"Bearer {planted.word('token')}")
    await nobody.send({"query": "{ __typename }"}, Cookie=f"session={planted.word('forged')}")
    await nobody.asker.http.get("/graphql", params={"query": "{", "x": planted.word("address")})
    await nobody.asker.http.get(f"/signin/{planted.word('company')}")
    await nobody.asker.http.get("/signin/kestrel/callback", params={"code": planted.word("code")})

    everyone = (engineer, manager, operator, nobody)
    errors = json.dumps([error for asker in everyone for error in asker.errors])
    assert len(errors) > 5_000
    assert planted.in_text(errors) == []

    await quiet(system.place)
    traces = {trace for asker in everyone for trace in asker.traces}
    assert len(traces) > 50

    async def exported() -> set[str]:
        text = await asyncio.to_thread(system.spans_file.read_text)
        return {trace for trace in traces if trace not in text}

    await until(exported, lambda missing: not missing, seconds=30)
    assert planted.in_text(system.spans_file.read_text()) == []
    for part in PARTS:
        text = system.place.log(part).read_text()
        assert text, f"{part} logs nothing"
        assert planted.in_text(text) == [], part
    async with httpx2.AsyncClient() as client:
        for port in (*(service.metrics_port for service in SERVICES), GATEWAY_METRICS):
            text = (await client.get(f"{system.place.url(port)}/metrics")).text
            assert "guildhall_" in text
            assert planted.in_text(text) == [], port
