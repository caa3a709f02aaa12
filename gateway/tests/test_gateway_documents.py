"""Trusted documents: registered as they are executed, by id, and nothing else where told so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, GraphQLSchema, build_schema

from chassis.testing import outbox, stored
from gateway.execution.operations import Operation, Operations
from gateway.limits import COST
from gateway.portals import portal as portal_module
from gateway.portals.__main__ import check, check_files, main, priced
from gateway.portals.breaking import problems
from gateway.tests.conftest import OTHER, House
from gateway.tests.portals_made import (
    CLIENT,
    DOCUMENT,
    MANAGER,
    OPERATOR,
    ORIGIN,
    make_portal,
    mutate,
    people,
    register,
    token,
)
from gateway.tests.test_gateway_portals import refusal
from gateway.tests.test_gateway_signin import SAME, sign_in
from guildhall.gateway.v1 import domain_events_pb2 as events

TOPIC = "query Look($id: ID!) { topic(id: $id) { title } }"
TOPIC_ID = "VG9waWM6YzE6dDE"
OUT = "mutation Out { signOutEverywhere { revoked } }"
PAGE = "query Page($n: Int = 7) { communities(first: $n) { edges { node { slug } } } }"
SCHEMA = Path(__file__).parent.parent / "schema.graphql"
DOCUMENTS = """query d($id: ID!, $n: Int!) { communityNode(id: $id) { ... on Portal { documentCount
  documents(first: $n) { edges { node { documentId name text cost registerTime } } }
  brokenDocuments { documentId name problems } } } }"""


@pytest_asyncio.fixture
async def home(house: House) -> AsyncIterator[House]:
    await people(house)
    yield house


def hashed(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


async def everything(house: House) -> dict[str, list[dict[str, Any]]]:
    return await stored(house.parts.sessions._database)


async def execute(
    house: House, *, who: str = "s1", client: str | None = CLIENT, get: bool = False, **asked: Any
) -> httpx2.Response:
    """By a client's access token."""
    headers = {"authorization": f"Bearer {token(house, who, client)}"}
    if not get:
        return await house.http.post("/graphql", json=asked, headers=headers)
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in asked.items()}
    return await house.http.get("/graphql", params=texts, headers=headers)


async def trust(house: House, portal: dict[str, Any], mode: str = "TRUSTED") -> None:
    answer = await mutate(
        house,
        MANAGER,
        "updatePortal",
        "{ portal { id } }",
        portalId=portal["id"],
        documentsMode=mode,
    )
    assert "errors" not in answer


async def shown(house: House, portal: dict[str, Any]) -> dict[str, Any]:
    variables = {"id": portal["id"], "n": 100}
    answer = await house.ask(DOCUMENTS, variables, token=token(house, MANAGER))
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["communityNode"]
    return found


async def test_documents_are_registered_once_by_their_hash(home: House) -> None:
    portal = await make_portal(home)
    assert await register(home, portal, TOPIC, DOCUMENT, TOPIC) == [hashed(TOPIC), hashed(DOCUMENT)]
    before = await everything(home)
    assert await register(home, portal, DOCUMENT) == [hashed(DOCUMENT)]
    after = await everything(home)
    assert {**after, "commands": 0} == {**before, "commands": 0}
    assert await register(home, portal, DOCUMENT, OUT, PAGE) == [
        *map(hashed, (DOCUMENT, OUT, PAGE))
    ]
    said = await outbox(home.parts.sessions._database)
    assert [type(one).__name__ for one in said] == [
        "PortalCreated",
        "DocumentsRegistered",
        "DocumentsRegistered",
    ]
    assert isinstance(said[2], events.DocumentsRegistered)
    assert set(said[2].document_ids) == {hashed(OUT), hashed(PAGE)}
    found = await shown(home, portal)
    assert found["documentCount"] == 4
    rows = {edge["node"]["name"]: edge["node"] for edge in found["documents"]["edges"]}
    assert set(rows) == {"Look", "Me", "Out", "Page"}
    assert rows["Look"]["text"] == TOPIC
    assert rows["Look"]["documentId"] == hashed(TOPIC)
    look = home.parts.operations.look_up(PAGE)
    assert isinstance(look, Operation)
    assert rows["Page"]["cost"] == look.price({}).cost > look.price({"n": 1}).cost
    assert found["brokenDocuments"] == []


REFUSED: dict[str, tuple[str, str]] = {
    "no GraphQL": ("{ viewer ", "Syntax Error"),
    "not in the schema": ("{ viewre { isOperator } }", "Cannot query field"),
    "two operations": ("query a { __typename } query b { __typename }", "operation"),
    "too deep": ("{ viewer { memberships { community { members(first: 1) { edges { node { "
                 "community { members(first: 1) { edges { node { community { members(first: 1) { "
                 "totalCount } } } } } } } } } } } } }", "depth"),
    "too dear": ("{ communities(first: 100) { edges { node { members(first: 100) { edges { node { "
                 "roles company { name } } } } } } } }", "exceed"),
    "too many aliases": ("{" + " ".join(f"a{n}: __typename" for n in range(40)) + "}", "aliases"),
    "blank": (" ", "Syntax Error"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_is_told_why_and_nothing_of_its_batch_is_stored(
    home: House, name: str
) -> None:
    portal = await make_portal(home)
    before = await everything(home)
    text, why = REFUSED[name]
    answer = await mutate(
        home,
        MANAGER,
        "registerDocuments",
        "{ documents { documentId } }",
        portalId=portal["id"],
        documents=[DOCUMENT, text, TOPIC, "{"],
    )
    assert refusal(answer) == ("DOCUMENT_REFUSED", "documents.1")
    message = answer["errors"][0]["message"]
    assert message.startswith("documents.1: ")
    assert why in message
    assert "\ndocuments.3: Syntax Error" in message
    assert "documents.0" not in message
    assert await everything(home) == before


async def test_batches_are_bounded_and_so_is_a_portal(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = await make_portal(home)
    before = await everything(home)
    for documents in ([], [DOCUMENT] * 101):
        answer = await mutate(
            home,
            MANAGER,
            "registerDocuments",
            "{ portal { id } }",
            portalId=portal["id"],
            documents=documents,
        )
        assert refusal(answer)[0] in ("FIELD_INVALID", "LIMIT_EXCEEDED")
    assert await everything(home) == before
    monkeypatch.setattr(portal_module, "MOST_DOCUMENTS", 3)
    await register(home, portal, TOPIC, OUT, PAGE)
    before = await everything(home)
    answer = await mutate(
        home,
        MANAGER,
        "registerDocuments",
        "{ portal { id } }",
        portalId=portal["id"],
        documents=[DOCUMENT],
    )
    assert refusal(answer) == ("TOO_MANY_DOCUMENTS", "documents")
    assert await everything(home) == before


@pytest.mark.parametrize("get", [False, True])
async def test_a_registered_document_is_executed_by_its_id(home: House, get: bool) -> None:
    portal = await make_portal(home)
    await register(home, portal, TOPIC, OUT)
    variables = {"id": TOPIC_ID}
    asked: dict[str, Any] = {"documentId": hashed(TOPIC), "variables": variables}
    asked["operationName"] = "Look"
    for mode in ("OPEN", "TRUSTED"):
        await trust(home, portal, mode)
        response = await execute(home, get=get, **asked)
        assert response.status_code == 200
        assert response.json()["data"] == {"topic": {"title": "Topic 1"}}
        out = await execute(home, get=get, documentId=hashed(OUT))
        if get:
            assert (out.status_code, out.headers["allow"]) == (405, "POST")
        else:
            assert out.json()["data"] == {"signOutEverywhere": {"revoked": 0}}


async def test_an_id_counts_in_its_own_portal_only(home: House) -> None:
    portal = await make_portal(home)
    await register(home, portal, TOPIC)
    clients = [{"issuer": OTHER.issuer, "clientId": CLIENT}]
    await make_portal(home, name="Other", clients=clients, origins=["https://other.test"])
    asked: dict[str, Any] = {"documentId": hashed(TOPIC), "variables": {"id": TOPIC_ID}}
    unknown: dict[str, Any] = {"documentId": hashed(DOCUMENT)}
    headers = {"authorization": f"Bearer {token(home, 's1')}"}
    elsewhere = {**headers, "origin": "https://other.test"}
    before = home.rpcs()
    for response in (
        await execute(home, client=None, **asked),
        await execute(home, client="another", **asked),
        await home.http.post("/graphql", json=asked),
        await home.http.post("/graphql", json=asked, headers=elsewhere),
        await execute(home, **unknown),
    ):
        assert response.status_code == 404
        assert refusal(response.json()) == ("DOCUMENT_NOT_FOUND", None)
        assert len(response.json()["errors"]) == 1
    assert home.rpcs() == before
    by_origin = await home.http.post("/graphql", json=asked, headers={**headers, "origin": ORIGIN})
    assert by_origin.json()["data"] == {"topic": {"title": "Topic 1"}}


async def test_a_trusted_portal_has_nothing_else_executed_and_nothing_else_parsed(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = await make_portal(home)
    await register(home, portal, DOCUMENT)
    await trust(home, portal)
    looked_up: list[str] = []
    known = Operations.known

    def noted(self: Operations, text: str, *, registered: bool = False) -> Any:
        looked_up.append(text)
        return known(self, text, registered=registered)

    monkeypatch.setattr(Operations, "known", noted)
    calls = home.directory.calls.total()
    for get in (False, True):
        for text in (DOCUMENT, TOPIC, "{ __typename }", "{"):
            response = await execute(home, get=get, query=text)
            assert response.status_code == 403
            assert refusal(response.json()) == ("DOCUMENT_NOT_TRUSTED", None)
    by_origin = await home.http.post(
        "/graphql", json={"query": DOCUMENT}, headers={"origin": ORIGIN}
    )
    assert refusal(by_origin.json()) == ("DOCUMENT_NOT_TRUSTED", None)
    assert by_origin.headers["access-control-allow-origin"] == ORIGIN
    assert looked_up == []
    assert home.directory.calls.total() == calls
    response = await execute(home, documentId=hashed(DOCUMENT))
    assert response.json()["data"] == {"viewer": {"isOperator": False}}
    # through no portal, or another's, the person asks what she likes
    response = await execute(home, client=None, query=TOPIC, variables={"id": TOPIC_ID})
    assert response.json()["data"] == {"topic": {"title": "Topic 1"}}


async def test_a_trusted_portals_page_with_a_session_is_held_to_it_and_graphiql_is_not(
    home: House,
) -> None:
    portal = await make_portal(home)
    await register(home, portal, DOCUMENT)
    await trust(home, portal)
    await sign_in(home)
    page = {"x-requested-with": "guildhall", "origin": ORIGIN, "sec-fetch-site": "same-site"}
    response = await home.http.post("/graphql", json={"query": DOCUMENT}, headers=page)
    assert refusal(response.json()) == ("DOCUMENT_NOT_TRUSTED", None)
    asked = {"documentId": hashed(DOCUMENT)}
    response = await home.http.post("/graphql", json=asked, headers=page)
    assert response.json()["data"] == {"viewer": {"isOperator": False}}
    response = await home.http.post("/graphql", json={"query": DOCUMENT}, headers=SAME)
    assert response.json()["data"] == {"viewer": {"isOperator": False}}


async def test_removed_documents_are_executed_no_more_and_may_come_back(home: House) -> None:
    portal = await make_portal(home)
    await register(home, portal, TOPIC, DOCUMENT)
    assert (await execute(home, documentId=hashed(DOCUMENT))).status_code == 200
    remove = {"portalId": portal["id"], "documentIds": [hashed(DOCUMENT)]}
    selection = "{ portal { documentCount version } }"
    answer = await mutate(home, MANAGER, "removeDocuments", selection, **remove)
    assert answer["data"]["removeDocuments"]["portal"] == {"documentCount": 1, "version": 3}
    before = await everything(home)
    again = await mutate(home, MANAGER, "removeDocuments", selection, **remove)
    assert again["data"] == answer["data"]
    after = await everything(home)
    assert {**after, "commands": 0} == {**before, "commands": 0}
    response = await execute(home, documentId=hashed(DOCUMENT))
    assert refusal(response.json()) == ("DOCUMENT_NOT_FOUND", None)
    assert (await execute(home, documentId=hashed(TOPIC), variables={"id": TOPIC_ID})).is_success
    found = await shown(home, portal)
    assert [edge["node"]["name"] for edge in found["documents"]["edges"]] == ["Look"]
    before = await everything(home)
    unknown = {**remove, "documentIds": [hashed(TOPIC), hashed(OUT)]}
    answer = await mutate(home, OPERATOR, "removeDocuments", selection, **unknown)
    assert refusal(answer) == ("DOCUMENT_NOT_FOUND", "documentIds")
    assert await everything(home) == before
    await register(home, portal, DOCUMENT)
    assert (await execute(home, documentId=hashed(DOCUMENT))).status_code == 200
    assert (await shown(home, portal))["documentCount"] == 2


OLD = build_schema(
    SCHEMA.read_text().replace("  isOperator: Boolean!\n", "  runsPlatform: Boolean!\n")
)


def test_a_schema_breaks_what_it_has_no_field_for() -> None:
    (problem,) = problems(OLD, DOCUMENT)
    assert problem == "Cannot query field 'isOperator' on type 'Viewer'."
    assert problems(OLD, TOPIC) == ()
    assert problems(build_schema(SCHEMA.read_text()), DOCUMENT) == ()


async def test_an_owner_is_shown_what_a_deploy_has_broken(home: House) -> None:
    portal = await make_portal(home)
    await register(home, portal, TOPIC, DOCUMENT)
    home.parts.portals._schema = OLD  # the next version of the process
    found = await shown(home, portal)
    (broken,) = found["brokenDocuments"]
    assert broken == {
        "documentId": hashed(DOCUMENT),
        "name": "Me",
        "problems": ["Cannot query field 'isOperator' on type 'Viewer'."],
    }
    remove = {"portalId": portal["id"], "documentIds": [hashed(DOCUMENT)]}
    await mutate(home, MANAGER, "removeDocuments", "{ portal { id } }", **remove)
    assert (await shown(home, portal))["brokenDocuments"] == []


async def test_a_new_schema_is_checked_against_everything_registered(
    home: House, mongo_uri: str
) -> None:
    portal = await make_portal(home)
    await register(home, portal, TOPIC, DOCUMENT)
    other = await make_portal(home, name="Beta", clients=[], origins=[])
    await register(home, other, DOCUMENT, OUT)
    name = home.parts.sessions._database.name
    assert await check(mongo_uri, name, build_schema(SCHEMA.read_text())) == (4, [])
    count, lines = await check(mongo_uri, name, OLD)
    assert count == 4
    problem = f"Me {hashed(DOCUMENT)}: Cannot query field 'isOperator' on type 'Viewer'."
    assert sorted(lines) == sorted(
        f"{one['name']} ({one['id']}): {problem}" for one in (portal, other)
    )


SPACES = "query Spaces { communities(first: 50) { edges { node { slug } } } }"


def dear(text: str, cost: int) -> GraphQLSchema:
    """This schema, where a field of communities costs more than it did."""
    schema = priced(text)
    kind = schema.type_map["Community"]
    assert isinstance(kind, GraphQLObjectType)
    metadata = SimpleNamespace(metadata={COST: cost})
    kind.fields["slug"].extensions = {"strawberry-definition": metadata}
    return schema


async def test_what_becomes_too_dear_for_its_portal_is_told(home: House, mongo_uri: str) -> None:
    rich = await make_portal(home, pointsPerMinute=30_000)
    await register(home, rich, SPACES, DOCUMENT)
    poor = await make_portal(home, name="Beta", clients=[], origins=[], pointsPerMinute=1_000)
    await register(home, poor, SPACES)
    name, text = home.parts.sessions._database.name, SCHEMA.read_text()
    assert await check(mongo_uri, name, priced(text)) == (3, [])
    count, lines = await check(mongo_uri, name, dear(text, 3))
    told = f"{hashed(SPACES)}: cost 205, which was 55, exceeds the 200 points that the portal has"
    assert (count, lines) == (3, [f"Beta ({poor['id']}): Spaces {told} at once"])
    # What no portal could have executed any more is broken, and said so once.
    count, lines = await check(mongo_uri, name, dear(text, 30))
    problem = f"Spaces {hashed(SPACES)}: cost 1555 exceeds the limit of 1000"
    assert sorted(lines) == sorted(
        f"{one['name']} ({one['id']}): {problem}" for one in (rich, poor)
    )


async def test_what_was_too_dear_already_is_no_change(home: House, mongo_uri: str) -> None:
    poor = await make_portal(home, pointsPerMinute=100)
    await register(home, poor, SPACES)
    name = home.parts.sessions._database.name
    assert await check(mongo_uri, name, dear(SCHEMA.read_text(), 3)) == (1, [])


def test_files_are_checked_without_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fragments may stand in other files."""
    texts = {
        "a.graphql": "query Look($id: ID!) { topic(id: $id) { ...Row } }",
        "b.graphql": "query Me { viewer { isOperator } } fragment Row on Topic { title }",
    }
    paths = [tmp_path / name for name in texts]
    for path in paths:
        path.write_text(texts[path.name])
    assert check_files(paths, priced(SCHEMA.read_text())) == (2, [])
    count, lines = check_files(paths, OLD)
    assert (count, lines) == (2, ["Me: Cannot query field 'isOperator' on type 'Viewer'."])
    count, lines = check_files(paths[:1], priced(SCHEMA.read_text()))
    assert (count, lines) == (1, ["Look: Unknown fragment 'Row'."])
    assert main([str(SCHEMA), *map(str, paths)]) == 0
    assert capsys.readouterr().out == "2 documents, 0 problems\n"
    paths[0].write_text("{ viewre }")
    assert main([str(SCHEMA), str(paths[0])]) == 1
    paths[0].write_text("{")
    assert main([str(SCHEMA), str(paths[0])]) == 2


def test_the_examples_for_portals_fit_the_schema() -> None:
    """As `make lint` asks."""
    examples = sorted((SCHEMA.parent.parent / "sdk/operations").glob("*.graphql"))
    count, lines = check_files(examples, priced(SCHEMA.read_text()))
    assert (count >= 3, lines) == (True, [])
