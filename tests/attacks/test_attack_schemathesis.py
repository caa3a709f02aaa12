"""Operations made from the schema by schemathesis, over the live gateway, by people of each kind.

Mutations name only what was made for them, or what nobody has: a space of their own with topics
and replies, so that what they do there is nobody else's business.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2
import pytest
import schemathesis
from graphql import (
    ArgumentNode,
    FieldNode,
    IntValueNode,
    NameNode,
    ObjectFieldNode,
    StringValueNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.graphql import nodes

from chassis.testing_fuzz import fuzzed
from devstack.parts import CHECKOUT, OPENID
from devstack.token import access_token
from gateway.cursors import decode_id, encode_id
from tests.attacks.wire import leaks
from tests.integration.inputs import OF_ANY_KIND, SCHEMA, UNKNOWN, codes, kind_of
from tests.integration.test_bad_input import GENERAL
from tests.system import ENGINEER, MANAGER, OPERATOR, System
from tests.world import World, quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROLES = (None, ENGINEER, MANAGER, OPERATOR)
# Of the other community: no word of it may be in any answer to a member of this one.
PRIVATE = ("Community", "Space", "Topic", "Reply", "Case", "Rule", "Enrolment", "Member")
# A request as a whole may be refused with these, and any field with those of every field.
REQUEST = {"GRAPHQL_VALIDATION_FAILED", "LIMIT_EXCEEDED", *GENERAL}
DOCUMENTED = REQUEST.union(
    *(
        codes(one.description)
        for type_ in SCHEMA.type_map.values()
        for one in getattr(type_, "fields", {}).values()
    )
)
POOL: dict[str, list[str]] = {}  # global ids that operations may name, by kind
_ROUNDS = 8  # operations of one example: drawing is quick, and an example has its price

TIMES = ("2026-03-01T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999+14:00", "today")
TEXTS = st.sampled_from(["Grace", "x" * 200, "\ufdfa" * 40, "\u202e", "<b>", "*", '"', ""])
# Of the pool as it is when one is drawn: `deferred` would keep what queries were offered, and an
# operator's mutation would take it for whom to deactivate.
IDS = st.none().flatmap(lambda _: st.sampled_from([id_ for ids in POOL.values() for id_ in ids]))
schemathesis.graphql.scalar("DateTime", st.sampled_from(TIMES).map(nodes.String))
schemathesis.graphql.scalar("Markdown", (TEXTS | st.text(max_size=20)).map(nodes.String))
schemathesis.graphql.scalar("Html", TEXTS.map(nodes.String))
schemathesis.graphql.scalar("URL", (st.just("https://a.example/b") | TEXTS).map(nodes.String))
LOCALES = st.sampled_from(["de", "pt-BR", "zh-Hant-TW", "x", "de_DE", ""])
schemathesis.graphql.scalar("Locale", LOCALES.map(nodes.String))
schemathesis.graphql.scalar("ID", (IDS | TEXTS).map(nodes.String))
OPERATIONS = schemathesis.graphql.from_path(CHECKOUT / "gateway/schema.graphql")


@dataclass
class Client:
    """One person at the gateway."""

    system: System
    world: World
    email: str | None
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        headers = {}
        if self.email is not None:
            token = access_token(self.email, self.system.place.url(OPENID))
            headers["Authorization"] = f"Bearer {token}"
        self.http = httpx2.Client(base_url=self.system.url, headers=headers, timeout=30)

    def ask(self, kind: str, name: str, text: str) -> None:
        """One operation, whose answer must be as documented and tell nothing it should not."""
        response = self.http.post("/graphql", json={"query": text})
        told = f"{self.email}: {text[:3000]}: {response.status_code} {response.text[:2000]}"
        assert response.status_code in (200, 400, 401, 403), told
        answer = response.json()
        root = (SCHEMA.query_type if kind == "Query" else SCHEMA.mutation_type).fields[name]  # type: ignore[union-attr]
        for error in answer.get("errors", ()):
            code = error["extensions"]["code"]
            self.seen[code] += 1
            at_root = len(error.get("path", ())) == 1
            assert code in (codes(root.description) | REQUEST if at_root else DOCUMENTED), told
        if "errors" not in answer:
            self.seen["OK"] += 1
        assert leaks(self.system.place, json.dumps(answer.get("errors", [])).encode()) == [], told
        if self.email is not OPERATOR:
            for kind_ in PRIVATE:
                hidden = self.world.borealis.get(kind_, "")
                assert not hidden or hidden not in response.text or hidden in text, told
        if self.email is None and kind == "Query" and name != "viewer":
            assert answer.get("errors") or not _content(answer["data"]), told


def _content(data: Any) -> list[Any]:
    """What is told in it, apart from names of types."""
    if isinstance(data, dict):
        return [
            leaf for key, value in data.items() if "ypename" not in key for leaf in _content(value)
        ]
    if isinstance(data, list):
        return [leaf for value in data for leaf in _content(value)]
    return [] if data in (None, False, 0, "") else [data]


@pytest.fixture(params=ROLES, ids=lambda email: str(email).partition("@")[0])
def client(
    request: pytest.FixtureRequest, running_system: System, world: World
) -> Iterator[Client]:
    made = Client(running_system, world, request.param)
    yield made
    made.http.close()


class _Deeper(Visitor):
    """Makes of an operation one that goes deeper: pages of two, good texts, ids of their kind."""

    def __init__(self, root: str, number: int) -> None:
        super().__init__()
        self._root = "topic" if root in OF_ANY_KIND else root
        self._number = number

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        names = {argument.name.value for argument in node.arguments or ()}
        if not names & {"first", "last"}:
            return None
        kept = [
            argument
            for argument in node.arguments or ()
            if argument.name.value not in ("first", "last", "after", "before")
        ]
        kept.append(ArgumentNode(name=NameNode(value="first"), value=IntValueNode(value="2")))
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=tuple(kept),
            directives=node.directives,
            selection_set=node.selection_set,
        )

    def enter_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode | None:
        good = self._good(node.name.value)
        return ArgumentNode(name=node.name, value=good) if good else None

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> ObjectFieldNode | None:
        good = self._good(node.name.value)
        return ObjectFieldNode(name=node.name, value=good) if good else None

    def _good(self, name: str) -> StringValueNode | None:
        good = f"{RUN}-{self._number}" if name == "requestId" else GOOD.get(name)
        if name == "id" or name.endswith("Id"):
            offered = POOL.get(kind_of(name, self._root), ())
            good = offered[self._number % len(offered)] if offered else good
        if good is None or (name != "requestId" and self._number % 5 == 0):
            return None
        return StringValueNode(value=good, block=False)


GOOD = {
    "title": "What is made here?",
    "body": "A body that is long enough.",
    "reason": "for a reason",
    "name": "A room",
    "slug": "aurora",
}
RUN = f"schemathesis-{uuid.uuid4().hex[:8]}"
_numbers = count()


def drawn(data: st.DataObject, kind: str, names: list[str]) -> tuple[str, str]:
    """A field of the root, and an operation that asks it; some are wrong."""
    name = data.draw(st.sampled_from(names))
    mode = data.draw(st.sampled_from([GenerationMode.POSITIVE] * 4 + [GenerationMode.NEGATIVE]))
    case = data.draw(OPERATIONS[kind][name].as_strategy(generation_mode=mode))
    text = str(case.body)
    if data.draw(st.integers(0, 5)):
        text = print_ast(visit(parse(text), _Deeper(name, next(_numbers))))
    return name, text


async def playground(system: System, world: World) -> dict[str, list[str]]:
    """By kind the ids of a new space and of what is in it, and for the rest what nobody has."""
    try:
        manager = await system.asker(MANAGER)
        made = await manager.mutate(
            "createSpace",
            "{ space { id } }",
            communityId=world.aurora["Community"],
            slug=f"play-{uuid.uuid4().hex[:8]}",
            name="Playground",
        )
        ids = [made["space"]["id"]]
        for number in range(3):
            topic = await manager.mutate(
                "createTopic",
                "{ topic { id } }",
                spaceId=ids[0],
                kind="QUESTION",
                title=f"To be played with, {number}",
                body="What is to be known about it?",
            )
            ids.append(topic["topic"]["id"])
            reply = await manager.mutate(
                "createReply", "{ reply { id } }", topicId=ids[-1], body="Nothing."
            )
            ids.append(reply["reply"]["id"])
    finally:
        await system.close_clients()
    home = decode_id(world.aurora["Community"], "").id
    nobodys = {kind: [encode_id(kind, home, UNKNOWN)] for kind in PRIVATE}
    return {**nobodys, "Space": ids[:1], "Topic": ids[1::2], "Reply": ids[2::2]}


QUERIES = sorted(SCHEMA.query_type.fields) if SCHEMA.query_type else []
MUTATIONS = sorted(SCHEMA.mutation_type.fields) if SCHEMA.mutation_type else []
POSTING = {"createTopic", "createReply"}  # members may do so much an hour, others' tests too
WITHOUT_IDS = {"createCompany", "rebuildProjections"}  # an operator would really do them


def test_queries_made_from_the_schema(client: Client) -> None:
    POOL.clear()
    for ids in (client.world.aurora, client.world.aurora, client.world.borealis):
        for name, id_ in ids.items():
            POOL.setdefault(name.partition(".")[0], []).append(id_)

    @given(st.data())
    @fuzzed(10, shrink=False)
    def ask(data: st.DataObject) -> None:
        for _ in range(_ROUNDS):
            client.ask("Query", *drawn(data, "Query", QUERIES))

    ask()
    assert sum(client.seen.values()) > 40
    if client.email is not None:
        assert client.seen["OK"], client.seen


def test_mutations_made_from_the_schema(client: Client) -> None:
    """Whoever asks; the ids are of things that nobody else knows, or of nothing."""
    world, system = client.world, client.system
    POOL.clear()
    POOL.update(asyncio.run(playground(system, world)))
    barred = WITHOUT_IDS | (POSTING if client.email is ENGINEER else set())
    offered = [name for name in MUTATIONS if name not in barred]

    @given(st.data())
    @fuzzed(10, shrink=False)
    def ask(data: st.DataObject) -> None:
        for _ in range(_ROUNDS):
            client.ask("Mutation", *drawn(data, "Mutation", offered))

    ask()
    asyncio.run(quiet(system.place))
    assert sum(client.seen.values()) > 40
    if client.email is MANAGER:
        assert client.seen["OK"], client.seen
