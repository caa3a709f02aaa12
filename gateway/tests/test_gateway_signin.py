"""Signing in with a browser: only the right code, browser and issuer make a session."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import Key
from pymongo.errors import AutoReconnect

from chassis.errors import UnavailableError
from chassis.testing import stored
from gateway.sessions import hashed
from gateway.tests.conftest import ISSUER, OTHER, House, access_claims
from gateway.web import Site, own_path

SAME = {"x-requested-with": "guildhall", "sec-fetch-site": "same-origin"}
VIEWER = {"query": "{ viewer { isOperator } }"}


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def query_of(response: httpx2.Response) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(response.headers["location"]).query).items()}


def id_token(
    house: House,
    nonce: str,
    header: dict[str, Any] | None = None,
    *,
    key: Key | None = None,
    **claims: Any,
) -> str:
    key = key or house.issuer.keys[ISSUER.issuer][0]
    full = access_claims(**{"aud": ISSUER.client_id, "nonce": nonce, **claims})
    return jwt.encode({"alg": "RS256", "kid": key.kid, **(header or {})}, full, key)


def answer_token(house: House, token: Any, **more: Any) -> list[dict[str, str]]:
    """Let the issuer's token endpoint give this id token; what it was asked."""
    asked: list[dict[str, str]] = []

    def token_endpoint(request: httpx2.Request) -> httpx2.Response:
        form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
        asked.append({**form, "authorization": request.headers.get("authorization", "")})
        return httpx2.Response(200, json={"id_token": token, "access_token": "x", **more})

    house.issuer.answers[f"{ISSUER.issuer}/token"] = token_endpoint
    return asked


async def begin(house: House, return_to: str = "/graphql") -> dict[str, str]:
    response = await house.http.get("/signin/kestrel", params={"return_to": return_to})
    assert response.status_code == 303
    return query_of(response)


async def callback(house: House, **query: str) -> httpx2.Response:
    return await house.http.get("/signin/kestrel/callback", params={"iss": ISSUER.issuer, **query})


async def sign_in(house: House) -> str:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 303, response.text
    secret = house.http.cookies["session"]
    assert secret is not None
    return secret


async def viewer(house: House, **headers: str) -> Any:
    response = await house.http.post("/graphql", json=VIEWER, headers={**SAME, **headers})
    return response.json()["data"]["viewer"]


async def test_page_lists_the_companies_and_keeps_where_to_go(house: House) -> None:
    page = await house.http.get("/signin", params={"return_to": "/graphql?a=1"})
    assert 'href="/signin/kestrel?return_to=%2Fgraphql%3Fa%3D1"' in page.text
    assert ">Lumen<" in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_code_flow_with_pkce_makes_a_session(house: House) -> None:
    response = await house.http.get("/signin/kestrel")
    assert response.headers["location"].startswith(f"{ISSUER.issuer}/authorize?")
    asked = query_of(response)
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/signin/kestrel/callback"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    exchanged = answer_token(house, id_token(house, asked["nonce"]))
    response = await callback(house, code="the-code", state=asked["state"])
    assert response.headers["location"] == "/graphql"
    cookie = response.headers.get_list("set-cookie")[0]
    assert cookie.startswith("session=")
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=86400"):
        assert attribute in cookie
    assert exchanged[0]["code"] == "the-code"
    assert exchanged[0]["grant_type"] == "authorization_code"
    assert exchanged[0]["authorization"].startswith("Basic ")
    assert len(exchanged[0]["code_verifier"]) >= 43
    assert await viewer(house) == {"isOperator": False}
    rows = (await stored(house.parts.sessions._database))["sessions"]
    assert rows[0]["_id"] == hashed(house.http.cookies["session"])
    assert house.http.cookies["session"] not in str(rows)
    page = await house.http.get("/graphql", headers={"accept": "text/html"})
    assert "Signed in as <b>Edda Engineer</b>" in page.text


def test_cookies_are_host_bound_and_secure_by_tls() -> None:
    from starlette.responses import Response

    site = Site("https://guildhall.example")
    response = Response()
    site.set_cookie(response, site.session_cookie, "x", 5)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-session=x;")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert (b"strict-transport-security", b"max-age=31536000; includeSubDomains") in site.headers()


@pytest.mark.parametrize(
    "text",
    ["https://evil.test/", "//evil.test", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)",
     "/\t/evil.test", "/\n", "evil.test", "", "http:/evil", "/" + "a" * 600, "///evil.test", " /x"],
)  # fmt: skip
async def test_where_to_go_is_never_another_host(house: House, text: str) -> None:
    assert own_path(text, "/graphql") == "/graphql"
    asked = await begin(house, text)
    answer_token(house, id_token(house, asked["nonce"]))
    response = await callback(house, code="c", state=asked["state"])
    assert response.headers["location"] == "/graphql"


async def test_state_counts_once_in_its_browser_at_its_issuer(house: House) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    stolen = dict(house.http.cookies)
    house.http.cookies.clear()
    assert (await callback(house, code="c", state=asked["state"])).status_code == 400
    house.http.cookies.set("login", "x" * 43)
    assert (await callback(house, code="c", state=asked["state"])).status_code == 400
    house.http.cookies.set("login", stolen["login"])
    wrong = await house.http.get(
        "/signin/lumen/callback", params={"code": "c", "state": asked["state"], "iss": OTHER.issuer}
    )
    assert wrong.status_code == 400
    assert (await callback(house, code="c", state="x")).status_code == 400
    assert (await callback(house, code="c", state=asked["state"])).status_code == 303
    house.http.cookies.set("login", stolen["login"])
    assert (await callback(house, code="c", state=asked["state"])).status_code == 400
    assert len((await stored(house.parts.sessions._database))["sessions"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"iss": OTHER.issuer, "code": "c"},
        {"iss": ISSUER.issuer + "/", "code": "c"},
        {"iss": "", "code": "c"},
        {"iss": ISSUER.issuer},
        {"iss": ISSUER.issuer, "code": ""},
        {"iss": ISSUER.issuer, "error": "access_denied"},
        {"iss": ISSUER.issuer, "error": "login_required", "code": "c"},
        {"iss": ISSUER.issuer, "code": "c" * 3000},
    ],
)
async def test_answers_of_another_issuer_or_without_a_code_make_no_session(
    house: House, query: dict[str, str]
) -> None:
    asked = await begin(house)
    exchanged = answer_token(house, id_token(house, asked["nonce"]))
    response = await house.http.get(
        "/signin/kestrel/callback", params={"state": asked["state"], **query}
    )
    assert response.status_code == 400
    assert exchanged == []
    assert (
        "sessions" not in await stored(house.parts.sessions._database)
        or not (await stored(house.parts.sessions._database))["sessions"]
    )


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"nonce": "other"}),
        ({}, {"nonce": None}),
        ({}, {"aud": ISSUER.audience}),
        ({}, {"aud": [ISSUER.client_id, "other"]}),
        ({}, {"azp": "other"}),
        ({}, {"iat": int(time.time()) - 700}),
        ({}, {"iss": OTHER.issuer}),
        ({}, {"events": {}}),
        ({"typ": "at+jwt"}, {}),
        ({"typ": "logout+jwt"}, {}),
        ({"kid": "lumen-1"}, {}),
    ],
)
async def test_wrong_id_tokens_make_no_session(
    house: House, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, **{"nonce": asked["nonce"], "header": header, **claims}))
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 403
    assert "session" not in house.http.cookies
    assert house.directory.calls["SignIn"] == 0


@pytest.mark.parametrize("token", [None, 1, "", "x", ["a"]])
async def test_token_answers_without_an_id_token_make_no_session(house: House, token: Any) -> None:
    asked = await begin(house)
    answer_token(house, token)
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code in (400, 403)
    assert "session" not in house.http.cookies


async def test_an_issuer_that_does_not_answer_is_said(house: House) -> None:
    house.issuer.answers[f"{ISSUER.issuer}/.well-known/openid-configuration"] = lambda _: (
        httpx2.Response(500)
    )
    response = await house.http.get("/signin/kestrel")
    assert response.status_code == 503
    assert "Kestrel does not answer right now" in response.text
    assert (await house.http.get("/signin/nobody")).status_code == 404


async def test_an_issuer_that_goes_away_meanwhile_is_said_and_another_goes_on(house: House) -> None:
    asked = await begin(house)

    def away(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    house.issuer.answers[f"{ISSUER.issuer}/token"] = away
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 503
    assert "Kestrel does not answer right now" in response.text
    assert "session" not in house.http.cookies
    assert await house.parts.sessions._sessions.count_documents({}) == 0
    assert (await house.http.get(f"/signin/{OTHER.key}")).status_code == 303


class _Away:
    """A collection of a store that cannot be reached."""

    async def _fail(self, *_: Any, **__: Any) -> None:
        raise AutoReconnect("away")

    insert_one = find_one_and_delete = delete_one = find_one = _fail


@pytest.mark.parametrize("path", ["/signin/kestrel/callback", "/signout"])
async def test_pages_without_a_store_are_pages_soon(house: House, path: str) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    house.http.cookies.set("session", "s" * 43)
    house.parts.sessions._sessions = house.parts.sessions._logins = cast(Any, _Away())
    if path == "/signout":
        response = await house.http.post(path, headers={"origin": "http://127.0.0.1:8080"})
    else:
        response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 503
    assert "not possible right now" in response.text
    assert response.headers["content-type"].startswith("text/html")


async def test_a_session_given_by_somebody_else_does_not_survive_signing_in(house: House) -> None:
    planted = await sign_in(house)
    await sign_in(house)
    assert house.http.cookies["session"] != planted
    house.http.cookies.set("session", planted)
    await asyncio.sleep(2.1)
    assert await viewer(house) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"x-requested-with": "guildhall"},
        {"x-requested-with": "XMLHttpRequest", "sec-fetch-site": "same-origin"},
        {**SAME, "sec-fetch-site": "cross-site"},
        {**SAME, "sec-fetch-site": "same-site"},
        {**SAME, "sec-fetch-site": "none"},
        {**SAME, "origin": "https://evil.test"},
        {**SAME, "origin": "null"},
        {"x-requested-with": "guildhall", "origin": "http://127.0.0.1:8081"},
    ],
)
async def test_forged_requests_with_a_session_are_refused(
    house: House, headers: dict[str, str]
) -> None:
    await sign_in(house)
    response = await house.http.post("/graphql", json=VIEWER, headers=headers)
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "CSRF_REFUSED"


async def test_requests_of_our_own_pages_pass(house: House) -> None:
    await sign_in(house)
    assert await viewer(house) == {"isOperator": False}
    assert await viewer(house, origin="http://127.0.0.1:8080") == {"isOperator": False}
    response = await house.http.post(
        "/graphql",
        json=VIEWER,
        headers={"x-requested-with": "guildhall", "origin": "http://127.0.0.1:8080"},
    )
    assert response.json()["data"]["viewer"] == {"isOperator": False}


async def test_a_bearer_needs_no_header_and_wins_over_the_cookie(house: House) -> None:
    await sign_in(house)
    token = house.issuer.access_token({"sub": "s2"})
    answer = await house.ask("{ viewer { person { id } } }", token=token)
    assert "errors" not in answer


async def test_sign_out_needs_our_own_page_and_ends_the_session(house: House) -> None:
    await sign_in(house)
    assert "Sign out?" in (await house.http.get("/signout")).text
    for headers in ({}, {"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
        assert (await house.http.post("/signout", headers=headers)).status_code == 403
    assert await viewer(house) == {"isOperator": False}
    secret = house.http.cookies["session"]
    response = await house.http.post("/signout", headers={"origin": "http://127.0.0.1:8080"})
    assert response.status_code == 303
    house.http.cookies.set("session", secret)
    assert await viewer(house) is None


async def test_sign_out_everywhere_ends_every_session_within_five_seconds(house: House) -> None:
    first = await sign_in(house)
    house.http.cookies.clear()
    second = await sign_in(house)
    response = await house.http.post(
        "/graphql", json={"query": "mutation { signOutEverywhere { revoked } }"}, headers=SAME
    )
    assert response.json()["data"] == {"signOutEverywhere": {"revoked": 2}}
    for secret in (first, second):
        house.http.cookies.clear()
        house.http.cookies.set("session", secret)
        assert await viewer(house) is None


async def test_idle_and_old_sessions_end(house: House) -> None:
    secret = await sign_in(house)
    sessions = house.parts.sessions
    rows = sessions._database.sessions
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    for change in (
        {"end_time": datetime.now(UTC) - timedelta(seconds=1)},
        {"end_time": datetime.now(UTC) + timedelta(hours=1), "create_time": long_ago},
    ):
        await rows.update_one({"_id": hashed(secret)}, {"$set": change})
        sessions._cache.clear()
        assert await viewer(house) is None


async def test_use_keeps_a_session_but_never_beyond_a_day(house: House) -> None:
    secret = await sign_in(house)
    sessions = house.parts.sessions
    rows = sessions._database.sessions
    made = datetime.now(UTC) - timedelta(hours=20)
    change = {"create_time": made, "seen_time": datetime.now(UTC) - timedelta(hours=7)}
    await rows.update_one({"_id": hashed(secret)}, {"$set": change})
    sessions._cache.clear()
    assert await viewer(house) == {"isOperator": False}
    row = await rows.find_one({"_id": hashed(secret)})
    assert row is not None
    assert abs(row["end_time"] - (made + timedelta(hours=24))) < timedelta(seconds=1)


async def test_revocation_elsewhere_holds_within_five_seconds(house: House) -> None:
    secret = await sign_in(house)
    assert await viewer(house) == {"isOperator": False}
    await house.parts.sessions._database.sessions.delete_one({"_id": hashed(secret)})
    await asyncio.sleep(2.1)
    assert await viewer(house) is None


@pytest.mark.parametrize(
    "cookie",
    ["session=x; session=y", "session=", "session=\xff", 'session="a', "session=" + "x" * 9000],
)
async def test_odd_cookies_are_nobody(house: House, cookie: str) -> None:
    response = await house.http.post(
        "/graphql", json=VIEWER, headers=_raw({**SAME, "cookie": cookie})
    )
    assert response.json()["data"]["viewer"] is None


async def test_deactivated_people_are_told_so(house: House) -> None:
    class PersonDeactivatedError(UnavailableError):
        status = "PERMISSION_DENIED"

    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    house.directory.failures["SignIn"] = PersonDeactivatedError()
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 403
    assert "deactivated" in response.text
    house.directory.failures["ResolveActor"] = PersonDeactivatedError()
    answer = await house.post("{ viewer { isOperator } }")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "PERSON_DEACTIVATED"


async def test_a_session_whose_identity_is_nobodys_or_anothers_is_over(house: House) -> None:
    await sign_in(house)
    house.directory.known["s1"] = "p2"
    assert await viewer(house) is None
    del house.directory.known["s1"]
    calls = house.directory.calls["SignIn"]
    response = await house.http.post("/graphql", json=VIEWER, headers=SAME)
    assert response.status_code == 401
    assert house.directory.calls["SignIn"] == calls
