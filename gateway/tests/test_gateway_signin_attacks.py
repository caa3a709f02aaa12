"""Attackers of the sign-in by browser and of its sessions: no session, no code given away."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import re
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from chassis.testing import stored
from gateway.app import Gateway
from gateway.cursors import CursorKey
from gateway.logins import LIFETIME, Logins
from gateway.sessions import Sessions, hashed, new_secret
from gateway.signin import SignIn
from gateway.tests.conftest import ISSUER, OTHER, House, metadata
from gateway.tests.test_gateway_signin import (
    SAME,
    VIEWER,
    answer_token,
    begin,
    callback,
    id_token,
    query_of,
    sign_in,
    viewer,
)
from gateway.web import Site, own_path

TOKEN_ENDPOINTS = (f"{ISSUER.issuer}/token", f"{OTHER.issuer}/token")


async def sessions(house: House) -> list[dict[str, Any]]:
    return (await stored(house.parts.sessions._database)).get("sessions", [])


def exchanges(house: House) -> int:
    """How often a code was given to any issuer."""
    return sum(house.issuer.fetches[url] for url in TOKEN_ENDPOINTS)


async def refused(house: House, response: httpx2.Response) -> None:
    """No session came of it, and nobody was told a code."""
    assert response.status_code == 400, response.text
    assert not await sessions(house)
    assert "session" not in house.http.cookies
    assert exchanges(house) == 0
    assert house.directory.calls["SignIn"] == 0


# --- mix-up: one of our issuers is an attacker ---------------------------------------------------


def promises(house: House, issuer: str, **changes: Any) -> None:
    """What an issuer's metadata says from now on."""
    said = {**metadata(issuer), **changes}
    said = {name: value for name, value in said.items() if value is not None}
    house.issuer.answers[f"{issuer}/.well-known/openid-configuration"] = lambda _: httpx2.Response(
        200, json=said
    )


@pytest.mark.parametrize("iss", [None, OTHER.issuer, ISSUER.issuer + "/"])
async def test_a_code_of_another_issuer_goes_nowhere(house: House, iss: str | None) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    query = {"code": "c", "state": asked["state"], **({} if iss is None else {"iss": iss})}
    response = await house.http.get("/signin/kestrel/callback", params=query)
    await refused(house, response)
    assert "another company" in response.text


async def test_an_issuer_is_compared_letter_by_letter(house: House) -> None:
    name = ISSUER.issuer
    odd = (
        name.upper(), name + "\x00", name + " ", " " + name, name.replace("https", "http"), "",
        name[:-1], name + ".evil.test", "https://evil.test", name + "?", f"{name},{name}",
    )  # fmt: skip
    for iss in odd:
        asked = await begin(house)
        answer_token(house, id_token(house, asked["nonce"]))
        await refused(house, await callback(house, code="c", state=asked["state"], iss=iss))


async def test_an_issuer_that_promises_no_iss_is_still_not_another(house: House) -> None:
    promises(house, ISSUER.issuer, authorization_response_iss_parameter_supported=None)
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    query = {"code": "c", "state": asked["state"]}
    wrong = await house.http.get("/signin/kestrel/callback", params={**query, "iss": OTHER.issuer})
    await refused(house, wrong)
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    query = {"code": "c", "state": asked["state"]}
    right = await house.http.get("/signin/kestrel/callback", params=query)
    assert right.status_code == 303


async def test_an_attackers_issuer_gets_no_code_of_another(house: House) -> None:
    """Lumen's metadata sends browsers to Kestrel, hoping to be given Kestrel's code."""
    promises(
        house,
        OTHER.issuer,
        authorization_endpoint=f"{ISSUER.issuer}/authorize",
        authorization_response_iss_parameter_supported=None,
    )
    response = await house.http.get("/signin/lumen")
    assert response.headers["location"].startswith(f"{ISSUER.issuer}/authorize?")
    asked = query_of(response)
    assert asked["redirect_uri"].endswith("/signin/lumen/callback")  # Kestrel knows no such one
    answer = {"code": "kestrels", "state": asked["state"], "iss": ISSUER.issuer}
    await refused(house, await house.http.get("/signin/lumen/callback", params=answer))


async def test_an_answer_at_the_wrong_connection_goes_nowhere(house: House) -> None:
    for iss in (ISSUER.issuer, OTHER.issuer, None):
        asked = await begin(house)
        answer = {"code": "c", "state": asked["state"], **({} if iss is None else {"iss": iss})}
        await refused(house, await house.http.get("/signin/lumen/callback", params=answer))


async def test_another_issuers_id_token_makes_no_session(house: House) -> None:
    """Kestrel's token endpoint hands out a token that Lumen has signed, nonce and all."""
    key = house.issuer.keys[OTHER.issuer][0]
    for claims in ({"iss": OTHER.issuer}, {"iss": OTHER.issuer, "aud": OTHER.client_id}, {}):
        asked = await begin(house)
        from_lumen = id_token(house, asked["nonce"], {"kid": "lumen-1"}, key=key, **claims)
        answer_token(house, from_lumen)
        response = await callback(house, code="c", state=asked["state"])
        assert response.status_code == 403
        assert not await sessions(house)
        assert house.directory.calls["SignIn"] == 0


# --- state, nonce, code, PKCE --------------------------------------------------------------------


def _flip(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


STATES: dict[str, Callable[[str], list[str]]] = {
    "missing": lambda _: [],
    "empty": lambda _: [""],
    "twice": lambda state: [state, state],
    "another and this": lambda state: ["x", state],
    "of nobody": lambda _: [new_secret()],
    "cut": lambda state: [state[:-1]],
    "longer": lambda state: [state + "A"],
    "with a blank": lambda state: [state + " "],
    "not ASCII": lambda state: [state + "é"],
    "NUL": lambda state: [state + "\x00"],
    "too long": lambda state: [state + "A" * 3_000],
    "dots": lambda _: ["...."],
    "alg none": lambda state: [
        base64.urlsafe_b64encode(b'{"alg":"none"}').decode() + state[state.index(".") :]
    ],
    "another's header": lambda state: [
        base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A256GCM","zip":"DEF"}').decode().rstrip("=")
        + state[state.index(".") :]
    ],
    "sealed with another key": lambda _: [Logins(b"x" * 32).begin("kestrel", "b", "/")[1]],
    "sealed with the cursors' own key": lambda _: [Logins(b"k" * 32).begin("kestrel", "b", "/")[1]],
    "signed as a cursor": lambda _: [CursorKey(b"k" * 32).sign("logins", '["x"]')],
}


async def test_a_forged_state_goes_nowhere(house: House) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    for name, forge in STATES.items():
        query = [("state", state) for state in forge(asked["state"])]
        params = urlencode([("code", name), ("iss", ISSUER.issuer), *query])
        await refused(house, await house.http.get(f"/signin/kestrel/callback?{params}"))
    done = await callback(house, code="c", state=asked["state"])
    assert done.status_code == 303  # the true one has not suffered


async def test_no_letter_of_a_state_can_be_changed() -> None:
    logins = Logins(b"k" * 32)
    _, state = logins.begin("kestrel", "browser", "/graphql")
    opened = logins.open(state, "kestrel", "browser")
    assert opened is not None
    assert opened.return_to == "/graphql"
    for at, letter in enumerate(state):
        changed = _flip(state, at)
        if letter != ".":
            # the last letter of a part has bits that mean nothing
            again = logins.open(changed, "kestrel", "browser")
            assert again is None or (again == opened and state[at + 1 : at + 2] in (".", ""))
    assert logins.open(state, "lumen", "browser") is None
    assert logins.open(state, "kestrel", "other") is None
    assert logins.open(state, "kestrel", "") is None
    assert Logins(b"l" * 32).open(state, "kestrel", "browser") is None


async def test_a_state_tells_nothing_of_what_is_in_it(house: House) -> None:
    asked = await begin(house, "/graphql?secret-place")
    parts = asked["state"].split(".")
    raw = b"".join(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
    browser = house.http.cookies["login"]
    assert browser is not None
    for secret in ("secret-place", "kestrel", asked["nonce"], browser):
        assert secret.encode() not in raw


async def test_a_state_counts_in_its_browser_only(house: House) -> None:
    """An attacker's login, finished by a victim who was sent to its address (login CSRF)."""
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    house.http.cookies.clear()
    await refused(house, await callback(house, code="c", state=asked["state"]))
    other = await begin(house)  # the victim has begun one as well
    assert other["state"] != asked["state"]
    await refused(house, await callback(house, code="c", state=asked["state"]))


async def test_a_state_counts_once_whoever_repeats_it(house: House) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    held = house.http.cookies["login"]
    assert held is not None
    first = await callback(house, code="c", state=asked["state"])
    assert first.status_code == 303
    assert 'login=""' in " ".join(first.headers.get_list("set-cookie"))
    before = await stored(house.parts.sessions._database)
    for code in ("c", "d"):  # an issuer that gives the same token for any code, again and again
        house.http.cookies.set("login", held)
        again = await callback(house, code=code, state=asked["state"])
        assert again.status_code == 400
        assert "finished already" in again.text
    assert await stored(house.parts.sessions._database) == before
    assert house.directory.calls["SignIn"] == 1


async def test_a_state_counts_once_also_at_the_same_time(house: House) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    answers = await asyncio.gather(
        *(callback(house, code="c", state=asked["state"]) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 7
    assert len(await sessions(house)) == 1


async def test_a_refused_answer_ends_the_login(house: House) -> None:
    asked = await begin(house)
    answer_token(house, id_token(house, asked["nonce"]))
    denied = await callback(house, error="access_denied", state=asked["state"])
    assert 'login=""' in denied.headers["set-cookie"]
    await refused(house, await callback(house, code="c", state=asked["state"]))


async def test_a_state_is_over_after_ten_minutes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await begin(house)
    held, now = house.http.cookies["login"], time.time()
    assert held is not None
    house.http.cookies.clear()
    house.http.cookies.set("login", held)  # by somebody who keeps it longer than a browser does
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME + 1)
    answer_token(house, id_token(house, asked["nonce"]))
    await refused(house, await callback(house, code="c", state=asked["state"]))
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME - 30)
    answer_token(house, id_token(house, asked["nonce"]))
    assert (await callback(house, code="c", state=asked["state"])).status_code == 303


async def test_an_id_token_of_an_earlier_login_makes_no_session(house: House) -> None:
    earlier = await begin(house)
    replayed = id_token(house, earlier["nonce"])
    asked = await begin(house)
    assert asked["nonce"] != earlier["nonce"]
    answer_token(house, replayed)
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 403
    assert not await sessions(house)


async def test_every_login_has_its_own_nonce_and_verifier(house: House) -> None:
    asked = [await begin(house) for _ in range(3)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({one[name] for one in asked}) == 3
    assert {one["code_challenge_method"] for one in asked} == {"S256"}
    for one in asked:  # all three are under way in this browser; each counts
        exchanged = answer_token(house, id_token(house, one["nonce"]))
        held = house.http.cookies["login"]
        assert held is not None
        assert (await callback(house, code="c", state=one["state"])).status_code == 303
        digest = sha256(exchanged[0]["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == one["code_challenge"]
        house.http.cookies.set("login", held)


ANSWERS = [
    httpx2.Response(400, json={"error": "invalid_grant"}),  # used before, or not with our PKCE
    httpx2.Response(401, json={"error": "invalid_client"}),
    httpx2.Response(200, json={"error": "invalid_grant"}),
    httpx2.Response(200, json={"access_token": "x"}),
    httpx2.Response(200, json=[]),
    httpx2.Response(200, content=b"<html>"),
    httpx2.Response(200, content=b'{"id_token": "' + b"x" * 100_000),
    httpx2.Response(302, headers={"location": "http://169.254.169.254/"}),
    httpx2.Response(307, headers={"location": "https://evil.test/token"}),
    httpx2.Response(500),
]


async def test_a_code_that_its_issuer_does_not_take_makes_no_session(house: House) -> None:
    for number, answer in enumerate(ANSWERS):
        asked = await begin(house)
        house.issuer.answers[f"{ISSUER.issuer}/token"] = lambda _, answer=answer: answer  # type: ignore[misc]
        response = await callback(house, code="c", state=asked["state"])
        assert response.status_code in (400, 503), number
        assert exchanges(house) == number + 1
        assert not await sessions(house)
    assert not [url for url in house.issuer.fetches if "evil" in url or "169.254" in url]


async def test_an_id_token_in_a_refusal_makes_no_session(house: House) -> None:
    asked = await begin(house)
    refusal = {"error": "access_denied", "id_token": id_token(house, asked["nonce"])}
    house.issuer.answers[f"{ISSUER.issuer}/token"] = lambda _: httpx2.Response(400, json=refusal)
    response = await callback(house, code="c", state=asked["state"])
    assert response.status_code == 400
    assert not await sessions(house)


async def test_an_error_is_no_session_and_is_not_repeated(house: House) -> None:
    for error in ("access_denied", "login_required", "<script>alert(1)</script>", ""):
        asked = await begin(house)
        response = await callback(
            house,
            state=asked["state"],
            code="c",
            error=error,
            error_description="<img src=x onerror=alert(1)>",
            error_uri="javascript:alert(1)",
        )
        await refused(house, response)
        assert "alert" not in response.text
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["cache-control"] == "no-store"


async def test_logins_by_the_million_are_stored_nowhere(house: House) -> None:
    before = await stored(house.parts.sessions._database)
    for number in range(300):
        house.http.cookies.clear()
        path = "/signin/kestrel" if number % 2 else "/signin/lumen?return_to=/graphql"
        assert (await house.http.get(path)).status_code == 303
    for _ in range(20):  # nor are answers that no issuer stands for
        asked = await begin(house)
        answer_token(house, "x")
        assert (await callback(house, code="c", state=asked["state"])).status_code == 403
    assert await stored(house.parts.sessions._database) == before
    assert house.issuer.fetches[f"{ISSUER.issuer}/.well-known/openid-configuration"] == 1


# --- who it is -----------------------------------------------------------------------------------


async def test_an_e_mail_is_never_who_it_is(house: House) -> None:
    """The same address by another subject, unverified: told on, and never asked for."""
    for subject, email in (("s1", "engineer@kestrel.example"), ("s7", "engineer@kestrel.example")):
        house.http.cookies.clear()
        asked = await begin(house)
        claims: dict[str, Any] = {"sub": subject, "email": email, "email_verified": False}
        answer_token(house, id_token(house, asked["nonce"], **claims))
        assert (await callback(house, code="c", state=asked["state"])).status_code == 303
    rows = await sessions(house)
    assert {row["subject"]: row["person_id"] for row in rows} == {"s1": "p1", "s7": "p-s7"}
    requests: list[Any] = [*house.directory.requests]
    signed = [r for r in requests if type(r).__name__ == "SignInRequest"]
    assert [(r.issuer, r.subject) for r in signed] == [(ISSUER.issuer, "s1"), (ISSUER.issuer, "s7")]
    assert all("@" not in str(row) for row in rows)


# --- sessions ------------------------------------------------------------------------------------


async def test_a_session_planted_before_is_not_adopted(house: House) -> None:
    planted = "a" * 43
    house.http.cookies.set("session", planted, domain="127.0.0.1")
    secret = await sign_in(house)
    assert secret != planted
    assert [row["_id"] for row in await sessions(house)] == [hashed(secret)]
    house.http.cookies.clear()
    house.http.cookies.set("session", planted)
    assert await viewer(house) is None


async def test_an_attackers_own_session_dies_where_it_was_planted(house: House) -> None:
    mine = await sign_in(house)
    house.http.cookies.clear()
    house.http.cookies.set("session", mine, domain="127.0.0.1")
    secret = await sign_in(house)
    assert [row["_id"] for row in await sessions(house)] == [hashed(secret)]


async def test_a_login_cookie_of_another_shape_is_not_adopted(house: House) -> None:
    for planted in ("x", "x" * 44, "x" * 4_000, "é", "a b", "a;b", '"' + "x" * 43):
        header = [(b"cookie", f"login={planted}".encode())]
        response = await house.http.get("/signin/kestrel", headers=header)
        found = re.match(r"login=([A-Za-z0-9_-]{43});", response.headers["set-cookie"])
        assert found is not None
        assert found[1] != planted
        house.http.cookies.clear()


def twin(house: House, **changes: Any) -> Gateway:
    """The same gateway but for some of its parts: another replica, or one that TLS leads to."""
    parts = dataclasses.replace(house.parts, **changes)
    logins = Logins(parts.cursor_key.derived("logins"))
    issuers = parts.verifier._issuers
    pages = SignIn(parts.site, issuers, parts.verifier, parts.actors, parts.sessions, logins)
    return Gateway(parts, pages, house.gateway._directory, house.gateway.subscriptions)


@pytest.mark.parametrize("tls", [False, True])
async def test_cookies_have_every_flag_there_is(house: House, tls: bool) -> None:
    base = "https://guildhall.test" if tls else "http://127.0.0.1:8080"
    gateway = twin(house, site=Site(base))
    transport = httpx2.ASGITransport(app=gateway)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as http:
        first = await http.get("/signin/kestrel")
        asked = query_of(first)
        answer_token(house, id_token(house, asked["nonce"]))
        answer = {"code": "c", "state": asked["state"], "iss": ISSUER.issuer}
        done = await http.get("/signin/kestrel/callback", params=answer)
        out = await http.post("/signout", headers={"origin": base})
    cookies = [one for r in (first, done, out) for one in r.headers.get_list("set-cookie")]
    prefix = "__Host-" if tls else ""
    names = ["login", "session", "login", "session"]
    assert [one.partition("=")[0] for one in cookies] == [prefix + name for name in names]
    for one in cookies:
        flags = {flag.strip().lower() for flag in one.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert ("secure" in flags) is tls
        assert not any(flag.startswith("domain") for flag in flags)
    assert [re.search(r"Max-Age=(\d+)", one)[1] for one in cookies] == ["600", "86400", "0", "0"]  # type: ignore[index]
    for response in (first, done):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "same-origin"


async def test_sign_out_everywhere_holds_in_every_replica(house: House) -> None:
    """Another replica has the session in its memory; five seconds later it knows nobody."""
    replica = twin(house, sessions=Sessions(house.parts.sessions._database))
    transport = httpx2.ASGITransport(app=replica)
    secrets = [await sign_in(house)]
    house.http.cookies.clear()
    secrets.append(await sign_in(house))
    async with httpx2.AsyncClient(transport=transport, base_url=house.http.base_url) as other:

        async def sees(secret: str) -> bool:
            headers = {**SAME, "cookie": f"session={secret}"}
            answer = (await other.post("/graphql", json=VIEWER, headers=headers)).json()
            return answer["data"]["viewer"] is not None

        assert [await sees(secret) for secret in secrets] == [True, True]
        query = {"query": "mutation { signOutEverywhere { revoked } }"}
        response = await house.http.post("/graphql", json=query, headers=SAME)
        assert response.json()["data"]["signOutEverywhere"]["revoked"] == 2
        end = time.monotonic() + 5
        while any([await sees(secret) for secret in secrets]):
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
    assert not await sessions(house)


# --- CSRF ----------------------------------------------------------------------------------------

OUT = "mutation { signOutEverywhere { revoked } }"
SIMPLE = [
    "text/plain", "text/plain;application/json", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "", "text/plain; charset=utf-8", "text/json",
    "application/json;charset=utf-7", "application/csp-report", "application/jsonx",
    "application/json, text/plain",
]  # fmt: skip


async def test_what_a_form_can_send_is_refused_with_a_session(house: House) -> None:
    await sign_in(house)
    before = await stored(house.parts.sessions._database)
    body = f'{{"query": "{OUT}"}}'.encode()
    for kind in SIMPLE:
        headers = {**SAME, "content-type": kind} if kind else SAME
        response = await house.http.post("/graphql", content=body, headers=headers)
        assert response.status_code == 415, kind
    assert await stored(house.parts.sessions._database) == before


FOREIGN: list[dict[str, str]] = [
    {},
    {"sec-fetch-site": "same-origin"},
    {"origin": "http://127.0.0.1:8080"},
    {"x-requested-with": "guildhall"},
    {**SAME, "sec-fetch-site": "cross-site"},
    {**SAME, "sec-fetch-site": "same-site"},
    {**SAME, "sec-fetch-site": "none"},
    {**SAME, "sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8080"},
    {**SAME, "sec-fetch-site": ""},
    {**SAME, "sec-fetch-site": "same-origin, cross-site"},
    {**SAME, "origin": "https://evil.test"},
    {**SAME, "origin": "null"},
    {**SAME, "origin": ""},
    {**SAME, "origin": "https://127.0.0.1:8080"},
    {**SAME, "origin": "http://127.0.0.1:8080.evil.test"},
    {**SAME, "origin": "http://127.0.0.1:8080/"},
    {**SAME, "origin": "http://evil.test, http://127.0.0.1:8080"},
    {"x-requested-with": "guildhall", "referer": "http://127.0.0.1:8080/graphql"},
    {"x-requested-with": "guildhall", "host": "evil.test", "origin": "http://evil.test"},
    {"x-requested-with": "GUILDHALL", "sec-fetch-site": "same-origin"},
    {"x-http-method-override": "POST", "sec-fetch-site": "same-origin"},
]


async def test_a_mutation_of_another_site_changes_nothing(house: House) -> None:
    await sign_in(house)
    before = await stored(house.parts.sessions._database)
    calls = house.directory.calls.total()
    for headers in FOREIGN:
        response = await house.http.post("/graphql", json={"query": OUT}, headers=headers)
        assert response.status_code == 403, headers
        assert response.json()["errors"][0]["extensions"]["code"] == "CSRF_REFUSED"
    assert await stored(house.parts.sessions._database) == before
    assert house.directory.calls.total() == calls


async def test_no_other_method_executes_anything(house: House) -> None:
    await sign_in(house)
    before = await stored(house.parts.sessions._database)
    calls = Counter(house.directory.calls)
    headers = {**SAME, "content-type": "application/json"}
    asking = f"/graphql?{urlencode({'query': OUT})}"
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for url in ("/graphql", asking):
            body = f'{{"query": "{OUT}"}}'
            response = await house.http.request(method, url, content=body, headers=headers)
            assert response.status_code == (400 if (method, url) == ("GET", "/graphql") else 405)
            assert not [name for name in response.headers if name.startswith("access-control")]
    assert await stored(house.parts.sessions._database) == before
    # Who would pay for parsing an unseen document is asked, nothing else.
    assert set(Counter(house.directory.calls) - calls) <= {"ResolveActor"}


async def test_no_other_site_may_read_an_answer(house: House) -> None:
    """Where no portal lists it."""
    for origin in ("https://evil.test", "null", "http://127.0.0.1:8080"):
        response = await house.ask("{ viewer { isOperator } }", origin=origin)
        assert response["data"]["viewer"] == {"isOperator": False}
        raw = await house.post("{ viewer { isOperator } }", origin=origin)
        assert not [name for name in raw.headers if name.startswith("access-control")]
        assert raw.headers["cross-origin-resource-policy"] == "same-origin"


async def test_no_other_site_signs_anybody_out(house: House) -> None:
    await sign_in(house)
    before = await sessions(house)
    odd: list[dict[str, str]] = [
        {}, {"origin": "null"}, {"origin": "https://evil.test"}, {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"}, {"referer": "http://127.0.0.1:8080/signout"},
    ]  # fmt: skip
    for headers in odd:
        response = await house.http.post("/signout", headers=headers)
        assert response.status_code == 403
        assert not response.headers.get_list("set-cookie")
        assert (await house.http.get("/signout", headers=headers)).status_code == 200
    assert await sessions(house) == before


# --- where to go afterwards ----------------------------------------------------------------------

ELSEWHERE = [
    "//evil.test", "///evil.test", "////evil.test", "/\\evil.test", "\\\\evil.test", "\\/evil.test",
    "/\\/evil.test", "https://evil.test", "https:evil.test", "https:/evil.test", "https:///evil.test",
    "HTTPS://evil.test", "http://127.0.0.1:8080@evil.test", "http://127.0.0.1:8080.evil.test",
    "http://127.0.0.1:8080/graphql", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "blob:x", "file:///etc/passwd",
    "/\t/evil.test", "/\n/evil.test", "/\r/evil.test", "/\r\nLocation: https://evil.test", "/\x00",
    "\t//evil.test", "\x00//evil.test", " //evil.test", "/\x0b/evil.test", "\u00a0//evil.test",
    "/\u2028/evil.test", "/\u202eevil", "/\u200b/evil.test", "/\ufeff//evil.test", "evil.test", "",
    ".evil.test", "@evil.test", ":80", "?x", "#x", "\uff0f\uff0fevil.test", "\u2215\u2215evil.test",
    "/" + "a" * 600, "/" + "\u00e9" * 300, "/\ud800", "//[::1]", "//%00", "//evil%E3%80%82test",
    "//evil\u3002test", "//@evil.test", "//user:pw@evil.test", "/\\\t/evil.test", "*",
    "..//evil.test",
]  # fmt: skip
INSIDE = [
    "/graphql", "/", "/graphql?query={x}", "/%2f%2fevil.test", "/%5cevil.test", "/.//evil.test",
    "/..//evil.test", "/@evil.test", "/;//evil.test", "/a//evil.test", "/?next=//evil.test",
    "/#//evil.test", "/:80", "/%09/evil.test", "/%0d%0aLocation:%20https://evil.test", "/é",
    "/\u2215evil.test", "/\uff0fevil.test", "/a b", "/\"><script>alert(1)</script>", "/'x",
]  # fmt: skip


@pytest.mark.parametrize("text", ELSEWHERE, ids=[ascii(text)[:40] for text in ELSEWHERE])
def test_nowhere_else_is_where_to_go(text: str) -> None:
    assert own_path(text, "/graphql") == "/graphql"


async def test_every_way_to_go_stays_here(house: House) -> None:
    """As a browser reads it: a path of ours, in printable ASCII, that begins no other address."""
    for text in [*ELSEWHERE, *INSIDE]:
        if not text.isascii() and "\ud800" in text:
            continue  # no query can say it
        page = await house.http.get("/signin", params={"return_to": text})
        assert "<script" not in page.text
        links = re.findall(r'href="(/signin/[^"]*)"', page.text)
        assert len(links) == 2
        asked = query_of(await house.http.get(links[0].replace("&amp;", "&")))
        answer_token(house, id_token(house, asked["nonce"]))
        done = await callback(house, code="c", state=asked["state"])
        assert done.status_code == 303
        where = done.headers["location"]
        assert re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", where), (text, where)
        assert where == "/graphql" or text in INSIDE
        assert urlsplit(where).netloc == ""


async def test_every_legal_place_to_go_comes_back(house: House) -> None:
    """The longest as well: it has to fit into the state."""
    for text in ("/" + "a" * 511, "/" + '"' * 511, "/" + "\u00e9" * 255):
        assert own_path(text, "") == text
        asked = await begin(house, text)
        answer_token(house, id_token(house, asked["nonce"]))
        done = await callback(house, code="c", state=asked["state"])
        assert done.status_code == 303, len(asked["state"])
        assert parse_qs(urlsplit(done.headers["location"]).query) == {}
