"""GraphQL as an attacker writes it: documents and variables that multiply, nest, lie or break."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.attacks.wire import (
    MAX_CPU,
    Answer,
    Attack,
    assert_serves,
    gateway_of,
    leaks,
    least_cpu,
    request,
)
from tests.system import ENGINEER, System
from tests.world import TOKEN_AGE, quiet, snapshot

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

BODY = 65_536  # what the gateway takes at most
TOPICS = "query q($id: ID!, $n: Int) { topics(communityId: $id, first: $n) { totalCount } }"
CREATE = "mutation m($input: CreateTopicInput!) { createTopic(input: $input) { topic { id } } }"
SEARCH = """query s($query: String, $tags: [String!], $from: DateTime, $after: String) {
  search(first: 1, query: $query, tags: $tags, fromTime: $from, after: $after) { totalCount } }"""


def doubling(count: int, on: str, leaf: str) -> str:
    return (
        " ".join(f"fragment f{n} on {on} {{ ...f{n + 1} ...f{n + 1} }}" for n in range(count))
        + f" fragment f{count} on {on} {{ {leaf} }}"
    )


def cycle(count: int) -> str:
    return " ".join(f"fragment f{n} on Query {{ ...f{(n + 1) % count} }}" for n in range(count))


def nested(before: str, inner: str, after: str, count: int) -> str:
    return before * count + inner + after * count


# name -> a document; each is answered with errors that have codes, and none is INTERNAL.
DOCUMENTS: dict[str, str] = {
    "fragments that double": "{ ...f0 } " + doubling(80, "Query", "viewer { isOperator }"),
    "fragments that double below": "{ viewer { ...f0 } } "
    + doubling(80, "Viewer", "memberships { community { slug } }"),
    "fragments that double, few": "{ ...f0 } " + doubling(14, "Query", "viewer { isOperator }"),
    "fragments that double, unused": "{ viewer { isOperator } } "
    + doubling(80, "Query", "viewer { isOperator }"),
    "a fragment in itself": "{ ...f0 } " + cycle(1),
    "fragments in a circle": "{ ...f0 } " + cycle(120),
    "a circle below": "{ viewer { ...a } } fragment a on Viewer { memberships { community {"
    " members(first: 1) { edges { node { community { ...b } } } } } } } fragment b on Community {"
    " members(first: 1) { edges { node { community { ...b } } } } }",
    "10,000 aliases": "{" + " ".join(f"a{n}:a" for n in range(7_000)) + "}",
    "10,000 fields": "{" + "a " * 10_000 + "}",
    "10,000 equal fields": "{ viewer {" + " id" * 10_000 + "} }",
    "900 equal fields": "{ viewer {" + " isOperator" * 900 + "} }",
    "10,000 operations": "{a}" * 10_000,
    "100 operations with one name": "query a { __typename }" * 100,
    "10,000 directives": "{ viewer" + " @a" * 10_000 + " { isOperator } }",
    "900 directives": "{ viewer" + " @a" * 900 + " { isOperator } }",
    "900 skips": "{ viewer" + " @skip(if: false)" * 160 + " { isOperator } }",
    "10,000 fragments": "{ viewer { isOperator } }" + "fragment a on A{a}" * 3_500,
    "10,000 variables": "query(" + "$a:A" * 10_000 + "){a}",
    "10,000 arguments": "{ viewer(" + "a:1 " * 10_000 + ") { isOperator } }",
    "one argument twice": "{ topics(first: 1, first: 2) { totalCount } }",
    "10,000 inline fragments": "{" + "...{a}" * 10_000 + "}",
    "inline fragments 300 deep": "{" + nested("...{", "a", "}", 300) + "}",
    "30,000 deep": nested("{a", "", "}", 20_000),
    "lists 30,000 deep": "{ topics(first: " + nested("[", "1", "]", 25_000) + ") { totalCount } }",
    "objects 15,000 deep": "{ a(b: " + nested("{a:", "1", "}", 15_000) + ") }",
    "a type 30,000 deep": "query($a: " + nested("[", "Int", "]", 30_000) + ") { a }",
    "a list of 25,000": "{ topics(communityId: 1, first: 1, states: ["
    + "OPEN," * 12_000
    + "]) { totalCount } }",
    "introspection in itself": "{ __schema { types { "
    + nested("fields { type { ", "name ", "} } ", 5) + "} } }",
    "introspection 40 times": "{" + " ".join(f"a{n}: __schema {{ types {{ name }} }}"
                                             for n in range(40)) + "}",
    "a number of 60,000 digits": "{ topics(first: " + "9" * 60_000 + ") { totalCount } }",
    "a number to the 60,000": "{ topics(first: 1e" + "9" * 60_000 + ") { totalCount } }",
    "a name of 60,000 letters": "{" + "a" * 60_000 + "}",
    "a type of 60,000 letters": "query($a: " + "A" * 60_000 + ") { a }",
    "a text of 60,000": '{ topics(first: "' + "a" * 60_000 + '") { totalCount } }',
    "a text that does not end": '{ a(b: "' + "a" * 60_000,
    "a block that does not end": '{ a(b: """' + "\n " * 25_000,
    "60,000 lines": "\n" * 60_000 + "{a}",
    "60,000 commas": "," * 60_000 + "{a}",
    "30,000 comments": "#\n" * 30_000 + "{a}",
    "a comment of 60,000": "#" * 60_000 + "\n{a}",
    "marks of order": "\ufeff" * 20_000 + "{a}",
    "NUL": "{ \0 }",
    "a lone surrogate, escaped": '{ topics(first: "\\ud800") { totalCount } }',
    "surrogates in the wrong order": '{ topics(first: "\\udc00\\ud800") { totalCount } }',
    "beyond Unicode": '{ topics(first: "\\u{110000}") { totalCount } }',
    "an escape without an end": '{ topics(first: "\\u{' + "0" * 60_000 + '}") { totalCount } }',
    "blanks nobody sees": "{\u200b viewer\u2060 { isOperator } }",
    "letters that look like it": "{ v\u0456ewer { isOperator } }",
    "a subscription": "subscription { viewer { isOperator } }",
    "a schema": "schema { query: Query } type Query { a: Int }",
    "an extension": "{ viewer { isOperator } } extend type Query { a: Int }",
    "only a fragment": "fragment a on Query { viewer { isOperator } }",
    "defer": "{ ... @defer { viewer { isOperator } } }",
    "a private field": "{ __dict__ { a } }",
    "a template": "{ {{7*7}} ${7*7} #{7*7} }",
    "many mutations": "mutation {" + " ".join(
        f"a{n}: signOutEverywhere {{ revoked }}" for n in range(100)) + "}",
    "pages in pages": "{ communities(first: 100) { edges { node { members(first: 100) { edges {"
    " node { community { members(first: 100) { edges { node { roles } } } } } } } } } } }",
    "a page without a size": "{ communities { edges { node { slug } } } }",
    "a page of 2^31": "{ communities(first: 2147483648) { totalCount } }",
    "a negative page": "{ communities(first: -1) { totalCount } }",
}  # fmt: skip

DEEP: Any = 1
for _ in range(200):
    DEEP = [DEEP]
INPUT: Mapping[str, Any] = {
    "requestId": "attack-1234",
    "spaceId": "U3BhY2U6eDp5",
    "kind": "QUESTION",
    "title": "A title",
    "body": "A body of some length.",
}

# name -> document and variables as JSON; as above.
VARIABLES: dict[str, tuple[str, str]] = {
    "a list of 30,000": (SEARCH, '{"tags":[' + "1," * 30_000 + "1]}"),
    "a list of 30,000 nobody asked for": (TOPICS, '{"x":[' + "1," * 30_000 + "1]}"),
    "lists in lists": (SEARCH, json.dumps({"tags": [["a"] * 100] * 100})),
    "4,000 names": (TOPICS, json.dumps({f"v{n}": n for n in range(4_000)})),
    "a name of 60,000 letters": (TOPICS, json.dumps({"a" * 60_000: 1})),
    "200 deep": (TOPICS, json.dumps({"n": DEEP})),
    "200 deep where nobody looks": (TOPICS, json.dumps({"x": {"y": DEEP}})),
    "10^400": (TOPICS, '{"id":"x","n":1e400}'),
    "-10^400": (TOPICS, '{"id":"x","n":-1e400}'),
    "10^308": (TOPICS, '{"id":"x","n":1e308}'),
    "5,000 digits": (TOPICS, '{"id":"x","n":' + "9" * 5_000 + "}"),
    "2^31": (TOPICS, '{"id":"x","n":2147483648}'),
    "2^64": (TOPICS, '{"id":"x","n":18446744073709551616}'),
    "-0.0": (TOPICS, '{"id":"x","n":-0.0}'),
    "one half": (TOPICS, '{"id":"x","n":0.5}'),
    "true": (TOPICS, '{"id":"x","n":true}'),
    "an object for an id": (TOPICS, '{"id":{"$ne":null},"n":1}'),
    "an operator for a text": (SEARCH, '{"query":{"$gt":""},"tags":[{"$where":"1"}]}'),
    "a number for an id": (TOPICS, '{"id":1e400,"n":1}'),
    "NUL in an id": (TOPICS, '{"id":"\\u0000","n":1}'),
    "an id of 60,000": (TOPICS, json.dumps({"id": "A" * 60_000, "n": 1})),
    "an id in base 64 that is none": (TOPICS, json.dumps({"id": "=" * 300, "n": 1})),
    "an id with broken UTF-8": (TOPICS, json.dumps({"id": "gICAgA==", "n": 1})),
    "an id of a path": (TOPICS, json.dumps({"id": "Q29tbXVuaXR5OmM6Li4vLi4vZXRj", "n": 1})),
    "a cursor of 60,000": (SEARCH, json.dumps({"after": "A" * 60_000})),
    "a cursor beyond ASCII": (SEARCH, json.dumps({"after": "\u0663\u0664" * 50})),
    "a time of 60,000": (SEARCH, json.dumps({"from": "2026-01-01T00:00:00Z" * 3_000})),
    "a time before all": (SEARCH, json.dumps({"from": "0001-01-01T00:00:00+23:59"})),
    "a time after all": (SEARCH, json.dumps({"from": "9999-12-31T23:59:59-23:59"})),
    "a time in Arabic": (SEARCH, json.dumps(
        {"from": "2026-01-01T00:00:00Z".translate({48 + n: 0x660 + n for n in range(10)})})),
    "a text of 60,000": (SEARCH, json.dumps({"query": "a " * 30_000})),
    "a text of marks": (SEARCH, json.dumps({"query": '"' * 300})),
    "a text of controls": (SEARCH, json.dumps({"query": "a\x00b\x1b[2J"})),
    "a text of noncharacters": (SEARCH, json.dumps({"query": "\ufdd0\uffff"})),
    "a topic of nothing": (CREATE, "{}"),
    "a topic of null": (CREATE, '{"input":null}'),
    "a topic of a list": (CREATE, '{"input":[]}'),
    "a topic with a prototype": (CREATE, json.dumps(
        {"input": {**INPUT, "__proto__": {"a": 1}, "__class__": "x"}})),
    "a topic of controls": (CREATE, json.dumps({"input": {**INPUT, "title": "a\x00b"}})),
    "a topic of kilobytes": (CREATE, json.dumps({"input": {**INPUT, "title": "a" * 60_000}})),
    "a topic that is repeated": (CREATE, json.dumps({"input": {**INPUT, "requestId": "\n" * 20}})),
    "a topic of 10,000 tags": (CREATE, json.dumps({"input": {**INPUT, "tags": ["a"] * 10_000}})),
}  # fmt: skip

# name -> a whole body.
BODIES: dict[str, bytes] = {
    "200,000 elements": b'{"query":"{a}","variables":{"a":[' + b"1," * 199_999 + b"1]}}",
    "100,000 deep": b'{"query":"{a}","variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "30,000 deep": b'{"query":"{a}","variables":{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    "variables as text": b'{"query":"{a}","variables":"{}"}',
    "a batch": b'[{"query":"{a}"},{"query":"{a}"}]',
    "a query that is a list": b'{"query":["{a}"]}',
    "a query of blanks": b'{"query":"' + b" " * 60_000 + b'"}',
    "a name that is none": b'{"query":"query a { __typename }","operationName":"'
    + b"b" * 60_000 + b'"}',
    "a name that is a number": b'{"query":"{ __typename }","operationName":1}',
    "extensions that are text": b'{"query":"{ __typename }","extensions":"x"}',
    "a stored query": b'{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"'
    + b"a" * 64 + b'"}}}',
    "one key twice": b'{"query":"{ __typename }","query":"{ nothing }"}',
    "variables twice": json.dumps({"query": TOPICS}).encode()[:-1]
    + b',"variables":{"id":"x","n":1},"variables":{"n":[]}}',
    "comments": b'{"query":"{ __typename }"/**/}',
    "a comma too many": b'{"query":"{ __typename }",}',
    "NaN": b'{"query":"{ __typename }","variables":{"a":NaN}}',
    "Infinity": b'{"query":"{ __typename }","variables":{"a":-Infinity}}',
    "a raw control": b'{"query":"{ \x01 }"}',
    "a lone surrogate": b'{"query":"{ __typename }","variables":{"a":"\\ud800"}}',
    "a lone surrogate as a key": b'{"query":"{ __typename }","variables":{"\\udfff":1}}',
    "broken UTF-8 as a key": b'{"query":"{ __typename }","variables":{"\xff":1}}',
    "two bodies": b'{"query":"{ __typename }"}{"query":"{ __typename }"}',
}  # fmt: skip


@pytest.fixture(scope="module")
def tokens() -> dict[float, str]:
    """By when they were made."""
    return {}


@pytest_asyncio.fixture
async def token(system: System, tokens: dict[float, str]) -> str:
    now = time.monotonic()
    if not tokens or now - max(tokens) > TOKEN_AGE:
        asker = await system.asker(ENGINEER)
        tokens[now] = asker.http.headers["Authorization"]
    return tokens[max(tokens)]


def body_of(document: str, variables: str = "{}") -> bytes:
    asked = json.dumps({"query": document}).encode()[:-1] + b',"variables":' + variables.encode()
    return asked + b"}"


def refused(answer: Answer) -> list[str]:
    """The codes of an answer that has only errors."""
    told = json.loads(answer.body)
    assert not any((told.get("data") or {}).values()), told
    assert len(told["errors"]) <= 11
    assert len(answer.body) < 20_000
    return [error["extensions"]["code"] for error in told["errors"]]


async def attack(system: System, token: str, body: bytes) -> None:
    place = system.place
    before = await asyncio.to_thread(snapshot, place)
    headers = (f"Authorization: {token}",)
    exchanges, cost = await least_cpu(
        place, gateway_of(place), lambda: Attack([request(body, *headers)])
    )
    for exchange in exchanges:
        assert leaks(place, exchange.raw) == []
        (answer,) = exchange.answers
        assert answer.status < 500, answer
        codes = refused(answer)
        assert codes
        assert "INTERNAL" not in codes, answer.body
    assert cost < MAX_CPU
    assert await asyncio.to_thread(snapshot, place) == before
    await assert_serves(place)


@pytest.fixture(scope="module", autouse=True)
def still(running_system: System) -> None:
    asyncio.run(quiet(running_system.place))


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_document_is_refused_at_little_cost(system: System, token: str, name: str) -> None:
    body = body_of(DOCUMENTS[name])
    assert len(body) <= 2 * BODY
    await attack(system, token, body)


@pytest.mark.parametrize("name", VARIABLES)
async def test_variables_are_refused_at_little_cost(system: System, token: str, name: str) -> None:
    await attack(system, token, body_of(*VARIABLES[name]))


@pytest.mark.parametrize("name", BODIES)
async def test_body_is_refused_at_little_cost(system: System, token: str, name: str) -> None:
    await attack(system, token, BODIES[name])
