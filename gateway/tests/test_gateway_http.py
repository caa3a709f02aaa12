"""GraphQL over HTTP: queries by GET, media types by Accept, and no door for other sites."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest

from chassis.testing import stored
from gateway.endpoint.replies import GRAPHQL_JSON, HTML, JSON, wanted
from gateway.tests.conftest import House
from gateway.tests.test_gateway_signin import SAME, sign_in

VIEWER = "{ viewer { isOperator } }"
TOPIC = "query Look($id: ID!) { topic(id: $id) { title } }"
TOPIC_ID = "VG9waWM6YzE6dDE"
OUT = "mutation Out { signOutEverywhere { revoked } }"


async def get(house: House, headers: dict[str, str] | None = None, **asked: Any) -> httpx2.Response:
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in asked.items()}
    return await house.http.get("/graphql", params=texts, headers=headers or {})


def bearer(house: House, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {house.issuer.access_token()}", **headers}


def code(response: httpx2.Response) -> str:
    reason: str = response.json()["errors"][0]["extensions"]["code"]
    return reason


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("Application/JSON ; charset=utf-8", JSON),
        ("image/png", JSON),
        ("text/html", JSON),
        ("application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json, application/json", GRAPHQL_JSON),
        ("application/json, application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_JSON),
        ("application/graphql-response+json;q=0.9, application/json", JSON),
        ("application/graphql-response+json;q=0.9, */*", JSON),
        ("application/graphql-response+json;q=0.9, */*;q=0.1", GRAPHQL_JSON),
        ("application/graphql-response+json;q=0, */*", JSON),
        ("application/json;q=0, */*", GRAPHQL_JSON),
        ("application/json;q=0", JSON),
        ("application/graphql-response+json;q=2", JSON),
        ("application/graphql-response+json;q=x, application/json", JSON),
        (",;,q=1,application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json," + "a/b," * 400, JSON),
    ],
)
def test_media_type_is_the_one_that_is_wanted_most(accept: str, kind: str) -> None:
    assert wanted(accept) == kind


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("text/*", True),
        ("*/*", False),
        ("", False),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0, */*", False),
        ("application/graphql-response+json, text/html;q=0.9", False),
    ],
)
async def test_browsers_get_graphiql_and_programs_an_answer(
    house: House, accept: str, page: bool
) -> None:
    assert (wanted(accept, page=True) == HTML) is page
    response = await get(house, {"accept": accept}, query="{ __typename }")
    assert response.status_code == 200
    if page:
        assert response.headers["content-type"].startswith("text/html")
        assert "GraphiQL" in response.text
    else:
        assert response.json()["data"] == {"__typename": "Query"}


async def test_queries_are_answered_by_get_as_by_post(house: House) -> None:
    asked: dict[str, Any] = {
        "query": TOPIC,
        "variables": {"id": TOPIC_ID},
        "operationName": "Look",
        "extensions": {"more": 1},
    }
    by_get = await get(house, bearer(house), **asked)
    by_post = await house.http.post("/graphql", json=asked, headers=bearer(house))
    assert by_get.status_code == by_post.status_code == 200
    assert by_get.json() == by_post.json()
    assert by_get.json()["data"] == {"topic": {"title": "Topic 1"}}
    for name in ("content-type", "cache-control", "vary", "content-security-policy"):
        assert by_get.headers[name] == by_post.headers[name]
    assert by_get.headers["cache-control"] == "no-store"
    assert len(by_get.headers["x-trace-id"]) == 32


async def test_null_and_empty_parameters_are_as_if_left_out(house: House) -> None:
    empty: list[dict[str, Any]] = [
        {"variables": "null"},
        {"extensions": "null"},
        {"operationName": ""},
    ]
    for more in empty:
        response = await get(house, query="{ __typename }", **more)
        assert response.json()["data"] == {"__typename": "Query"}, more


BAD_ADDRESSES = [
    "",
    "query=",
    "query=%20%0A",
    "query",
    "documentid=x",
    "query={__typename}&query={__typename}",
    "query={__typename}&variables=[]",
    "query={__typename}&variables=1",
    "query={__typename}&variables=",
    "query={__typename}&variables={",
    "query={__typename}&variables={%22a%22:NaN}",
    "query={__typename}&variables={}&variables={}",
    "query={__typename}&extensions=x",
    "query={__typename}&extensions=%22x%22",
    "query=%FF",
    "query=%ED%A0%80",
    "query={__typename}&variables={%22a%22:%22\\ud800%22}",
    "&".join(f"a{n}=1" for n in range(30)),
    "query={__typename}&documentId=sha256:" + "0" * 64,
    "documentId=sha256:" + "A" * 64,
    "documentId=" + "0" * 64,
]


async def test_bad_addresses_are_refused_with_400_and_a_code(house: House) -> None:
    for address in BAD_ADDRESSES:
        response = await house.http.get(f"/graphql?{address}", headers=bearer(house))
        assert (response.status_code, code(response)) == (400, "BAD_REQUEST"), address
    assert house.rpcs() == {}


async def test_mutations_by_get_are_refused_before_anything_runs(house: House) -> None:
    await sign_in(house)
    house.parts.operations.look_up(OUT)  # else it is asked first who pays for the parsing
    before = await stored(house.parts.sessions._database)
    calls = house.directory.calls.total()
    for headers in (bearer(house), SAME, {}):
        for accept in (JSON, GRAPHQL_JSON):
            asked = {**headers, "accept": accept}
            if not headers:
                house.http.cookies.clear()
            response = await get(house, asked, query=OUT)
            assert (response.status_code, response.headers["allow"]) == (405, "POST")
            assert code(response) == "METHOD_NOT_ALLOWED"
            assert "data" not in response.json()
    assert await stored(house.parts.sessions._database) == before
    assert house.directory.calls.total() == calls


async def test_a_session_counts_by_get_only_in_requests_of_our_own_pages(house: House) -> None:
    """A page of another site can make a browser send a GET, with the cookie where it is lax."""
    await sign_in(house)
    calls = house.directory.calls.total()
    foreign: list[dict[str, str]] = [
        {},
        {"sec-fetch-site": "same-origin"},
        {"x-requested-with": "guildhall"},
        {**SAME, "sec-fetch-site": "cross-site"},
        {**SAME, "sec-fetch-site": "same-site"},
        {**SAME, "sec-fetch-site": "none"},
        {**SAME, "origin": "https://evil.test"},
        {**SAME, "origin": "null"},
        {"x-requested-with": "guildhall", "origin": "http://127.0.0.1:8081"},
    ]
    for headers in foreign:
        response = await get(house, headers, query=VIEWER)
        assert (response.status_code, code(response)) == (403, "CSRF_REFUSED"), headers
        assert not [name for name in response.headers if name.startswith("access-control")]
    assert house.directory.calls.total() == calls
    response = await get(house, SAME, query=VIEWER)
    assert response.json()["data"] == {"viewer": {"isOperator": False}}


async def test_a_bearer_by_get_needs_no_header_of_its_own(house: House) -> None:
    response = await get(house, bearer(house, origin="https://evil.test"), query=VIEWER)
    assert response.json()["data"] == {"viewer": {"isOperator": False}}
    response = await get(house, {"authorization": "Bearer x"}, query=VIEWER)
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


async def test_other_methods_are_refused(house: House) -> None:
    calls = house.directory.calls.total()
    for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        for address in ("/graphql", f"/graphql?{urlencode({'query': VIEWER})}"):
            response = await house.http.request(method, address, headers=bearer(house))
            assert (response.status_code, response.headers["allow"]) == (405, "GET, POST"), method
            assert "access-control-allow-origin" not in response.headers
    assert house.directory.calls.total() == calls


async def test_addresses_that_are_too_long_are_refused(house: House) -> None:
    fitting = f"/graphql?query={quote(VIEWER)}&more="
    most = 4_096 + len("?") - len(fitting)
    for more, status in ((0, 200), (1, 414)):
        response = await house.http.get(fitting + "x" * (most + more))
        assert response.status_code == status


async def test_a_refusal_before_execution_is_a_4xx_in_the_new_type_and_200_in_the_old(
    house: House,
) -> None:
    for query in ("{", "{ nothing }", "query q($id: ID!) { topic(id: $id) { title } }"):
        for accept, status in ((GRAPHQL_JSON, 400), (JSON, 200), ("*/*", 200)):
            by_get = await get(house, bearer(house, accept=accept), query=query)
            by_post = await house.post(query, accept=accept)
            assert by_get.status_code == by_post.status_code == status
            assert by_get.json() == by_post.json()
            assert "data" not in by_get.json()
    assert house.rpcs() == {}


async def test_stored_queries_by_hash_are_told_what_is_there_instead(house: House) -> None:
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    for asked in ({"extensions": hashed}, {"query": VIEWER, "extensions": hashed}):
        for response in (
            await get(house, **asked),
            await house.http.post("/graphql", json=asked),
        ):
            assert (response.status_code, code(response)) == (400, "PERSISTED_QUERY_NOT_SUPPORTED")
            assert "documentId" in response.json()["errors"][0]["message"]
    assert house.rpcs() == {}
