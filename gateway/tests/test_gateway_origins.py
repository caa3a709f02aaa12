"""Pages of other origins: those that a portal lists may ask and read, with a session too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import get_introspection_query

from gateway.endpoint.introspection import introspects
from gateway.execution.operations import Operation, Operations
from gateway.schema import schema
from gateway.tests.conftest import House
from gateway.tests.portals_made import CLIENT, MANAGER, ORIGIN, make_portal, mutate, people, token
from gateway.tests.test_gateway_portals import refusal
from gateway.tests.test_gateway_signin import SAME, sign_in

VIEWER = "{ viewer { isOperator } }"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-requested-with",
}
UNLISTED = [
    "https://evil.test", "null", "", "*", "https://portal.aurora.test.evil.test",
    "https://portal.aurora.test:8443", "http://portal.aurora.test", "https://Portal.aurora.test",
    "https://portal.aurora.test/", "https://aurora.test", "https://a.portal.aurora.test",
    "https://evil.test, https://portal.aurora.test", "http://127.0.0.1:8080",
]  # fmt: skip


@pytest_asyncio.fixture
async def home(house: House) -> AsyncIterator[House]:
    await people(house)
    await make_portal(house)
    yield house


def shared(response: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }


async def test_a_listed_origin_may_ask_after_a_preflight(home: House) -> None:
    calls = home.directory.calls.total()
    response = await home.http.options("/graphql", headers={**PREFLIGHT, "origin": ORIGIN})
    assert response.status_code == 204
    assert shared(response) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "authorization, content-type, last-event-id, traceparent, "
        "x-requested-with",
        "access-control-max-age": "600",
    }
    assert response.headers["vary"] == "Origin"
    assert response.content == b""
    assert home.directory.calls.total() == calls


async def test_others_are_told_nothing(home: House) -> None:
    for origin in UNLISTED:
        response = await home.http.options("/graphql", headers={**PREFLIGHT, "origin": origin})
        assert (response.status_code, shared(response)) == (405, {}), origin
        raw = await home.post(VIEWER, origin=origin)
        assert raw.json()["data"] == {"viewer": {"isOperator": False}}
        assert shared(raw) == {}, origin
        assert "Origin" in raw.headers["vary"]


async def test_what_is_no_preflight_is_no_method(home: House) -> None:
    for headers in ({"origin": ORIGIN}, PREFLIGHT, {}):
        response = await home.http.options("/graphql", headers=headers)
        assert (response.status_code, shared(response)) == (405, {})


async def test_only_graphql_is_shared(home: House) -> None:
    headers = {**PREFLIGHT, "origin": ORIGIN}
    for path in ("/", "/signin", "/signout", "/healthz", "/assets/start.js"):
        for method in ("GET", "OPTIONS"):
            assert shared(await home.http.request(method, path, headers=headers)) == {}, path


async def test_every_answer_to_a_listed_origin_can_be_read_there(home: House) -> None:
    told = {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "ratelimit, ratelimit-policy, retry-after, x-trace-id",
    }
    headers = {"origin": ORIGIN}
    json = {"content-type": "application/json", **headers}
    for response, status in (
        (await home.post(VIEWER, origin=ORIGIN), 200),
        (await home.http.get("/graphql", params={"query": VIEWER}, headers=headers), 200),
        (await home.http.get("/graphql", headers=headers), 400),
        (await home.http.post("/graphql", content=b"x", headers=json), 400),
        (await home.http.post("/graphql", content=b"x", headers=headers), 415),
        (await home.http.post("/graphql", content=b"x" * 70_000, headers=json), 413),
        (await home.post(VIEWER, token="x", origin=ORIGIN), 401),
        (await home.http.put("/graphql", headers=headers), 405),
    ):
        assert response.status_code == status
        assert shared(response) == told
        assert "Origin" in response.headers["vary"]


async def test_a_session_counts_in_pages_of_a_listed_origin(home: House) -> None:
    await sign_in(home)
    page = {"x-requested-with": "guildhall", "origin": ORIGIN, "sec-fetch-site": "same-site"}
    viewer = {"viewer": {"isOperator": False}}
    response = await home.http.post("/graphql", json={"query": VIEWER}, headers=page)
    assert response.json()["data"] == viewer
    response = await home.http.get("/graphql", params={"query": VIEWER}, headers=page)
    assert response.json()["data"] == viewer
    calls = home.directory.calls.total()
    without = {name: value for name, value in page.items() if name != "x-requested-with"}
    for headers in (
        without,  # what a page can send without a preflight
        {**page, "x-requested-with": "XMLHttpRequest"},
        *({**page, "origin": origin} for origin in UNLISTED[:-1]),
    ):
        for method in ("GET", "POST"):
            response = await home.http.request(
                method,
                "/graphql",
                params={"query": VIEWER},
                json={"query": VIEWER},
                headers=headers,
            )
            assert (response.status_code, refusal(response.json())[0]) == (403, "CSRF_REFUSED")
    assert home.directory.calls.total() == calls


async def test_an_origin_that_is_listed_no_more_is_refused(home: House) -> None:
    portal = home.parts.known_portals.of_origin(ORIGIN)
    assert portal is not None
    await sign_in(home)
    page = {"x-requested-with": "guildhall", "origin": ORIGIN}
    assert (await home.http.post("/graphql", json={"query": VIEWER}, headers=page)).is_success
    listed = await home.ask(
        "query q($id: ID!) { community(id: $id) { portals(first: 1) { edges { node { id } } } } }",
        {"id": "Q29tbXVuaXR5OmMxOmMx"},
        token=token(home, MANAGER),
    )
    (edge,) = listed["data"]["community"]["portals"]["edges"]
    await mutate(
        home, "s2", "updatePortal", "{ portal { id } }", portalId=edge["node"]["id"], origins=[]
    )
    response = await home.http.post("/graphql", json={"query": VIEWER}, headers=page)
    assert (response.status_code, shared(response)) == (403, {})


INTROSPECTING = [
    "{ __schema { queryType { name } } }",
    '{ __type(name: "Query") { name } }',
    '{ a: __type(name: "Query") { name } }',
    "{ viewer { isOperator } ... { __schema { queryType { name } } } }",
    "{ ...f } fragment f on Query { __schema { queryType { name } } }",
    "query q($not: Boolean = true) { __schema @skip(if: $not) { queryType { name } } }",
]
HARMLESS = [
    "{ __typename }",
    "{ viewer { __typename isOperator } }",
    '# __schema\n{ topic(id: "__schema") { title } }',
    "{ __schema: __typename }",
]


async def asked(house: House, query: str, **given: Any) -> str:
    """The first code, or nothing where there are no errors."""
    answer = await house.ask(query, **given)
    return str(answer["errors"][0]["extensions"]["code"]) if answer.get("errors") else ""


async def test_the_schema_is_told_to_people_and_not_to_nobody(home: House) -> None:
    for query in (*INTROSPECTING, get_introspection_query()):
        assert await asked(home, query) == ""
        refused = await home.post(query, token=None)
        assert refused.status_code == 403
        assert refusal(refused.json()) == ("INTROSPECTION_REFUSED", None)
        assert "sign in" in refused.json()["errors"][0]["message"]
        by_get = await home.http.get("/graphql", params={"query": query})
        assert refusal(by_get.json()) == ("INTROSPECTION_REFUSED", None)
    for query in HARMLESS:
        assert await asked(home, query, token=None) in ("", "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("setting", "nobody", "person"),
    [
        ("nobody", "INTROSPECTION_REFUSED", "INTROSPECTION_REFUSED"),
        ("signed-in", "INTROSPECTION_REFUSED", ""),
        ("everybody", "", ""),
    ],
)
async def test_a_setting_says_who_is_told_the_schema(
    home: House, monkeypatch: pytest.MonkeyPatch, setting: str, nobody: str, person: str
) -> None:
    object.__setattr__(home.parts, "introspection", setting)
    for query in INTROSPECTING:
        assert await asked(home, query, token=None) == nobody
        assert await asked(home, query) == person
    for query in HARMLESS[:2]:
        assert await asked(home, query) == await asked(home, query, token=None) == ""


async def test_a_portals_owner_turns_introspection_off_for_it_alone(home: House) -> None:
    portal = await make_portal(
        home, name="Closed", clients=[], origins=["https://closed.test"], introspection=False
    )
    assert portal["introspection"] is False
    query = INTROSPECTING[0]
    closed = {"origin": "https://closed.test"}
    assert await asked(home, query, **closed) == "INTROSPECTION_REFUSED"
    assert await asked(home, query, origin=ORIGIN) == ""
    assert await asked(home, query, token=token(home, "s1", CLIENT), **closed) == ""
    assert await asked(home, "{ __typename }", **closed) == ""
    await sign_in(home)
    response = await home.http.post("/graphql", json={"query": query}, headers=SAME)
    assert response.json()["data"]["__schema"]


async def test_graphiql_says_what_it_needs(home: House) -> None:
    page = await home.http.get("/graphql", headers={"accept": "text/html"})
    assert "Sign in</a> to see the schema" in page.text


@pytest.mark.parametrize("query", [*INTROSPECTING, *HARMLESS])
def test_introspection_is_found_wherever_it_is(query: str) -> None:
    found = Operations(schema).look_up(query)
    assert isinstance(found, Operation)
    assert introspects(found.document) is (query in INTROSPECTING)
