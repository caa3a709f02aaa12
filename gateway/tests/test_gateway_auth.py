"""Tokens that are good, and the keys they are verified with."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from chassis.errors import UnauthenticatedError, UnavailableError
from chassis.testing_tokens import signed
from gateway.auth import TokenVerifier
from gateway.issuers import Issuers
from gateway.tests.conftest import ISSUER, OTHER, House, IssuerStandIn, access_claims, metadata

KEYS = f"{ISSUER.issuer}/jwks.json"


def sign(
    issuer: IssuerStandIn,
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    key: Key | None = None,
) -> str:
    full = {"alg": "RS256", "typ": "at+jwt", "kid": f"{ISSUER.key}-1", **(header or {})}
    key = key or issuer.keys[ISSUER.issuer][0]
    return signed(full, access_claims(**(claims or {})), key, full["alg"])


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": [ISSUER.audience]},
        {"aud": ["other", ISSUER.audience]},
        {"iat": -100, "exp": -5},
        {"nbf": 5},
        {"name": None, "email": None},
    ],
)
async def test_good_token_says_who_it_is(
    issuer: IssuerStandIn, issuers: Issuers, claims: dict[str, Any]
) -> None:
    now = int(time.time())  # of the test, not of the collection: numbers are seconds from now
    claims = {k: v + now if isinstance(v, int) else v for k, v in claims.items()}
    identity = await TokenVerifier(issuers).access_token(sign(issuer, claims))
    assert (identity.issuer, identity.subject) == (ISSUER.issuer, "s1")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSAKey.generate_key(2048, {"kid": "k", "alg": "PS256"}), "PS256"),
        (ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
        (OKPKey.generate_key("Ed25519", {"kid": "k"}), "Ed25519"),
    ],
)
async def test_asymmetric_algorithms_are_accepted(
    issuer: IssuerStandIn, issuers: Issuers, key: Key, algorithm: str
) -> None:
    issuer.keys[ISSUER.issuer] = [key]
    token = sign(issuer, header={"alg": algorithm, "kid": "k"}, key=key)
    assert (await TokenVerifier(issuers).access_token(token)).subject == "s1"


async def test_eddsa_by_its_old_name_is_accepted(issuer: IssuerStandIn, issuers: Issuers) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "k"})
    issuer.keys[ISSUER.issuer] = [key]
    token = sign(issuer, header={"alg": "EdDSA", "kid": "k"}, key=key)
    assert (await TokenVerifier(issuers).access_token(token)).subject == "s1"


async def test_a_key_published_for_one_algorithm_verifies_no_other(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    key = RSAKey.generate_key(2048, {"kid": "k", "alg": "RS256"})
    issuer.keys[ISSUER.issuer] = [key]
    plain = RSAKey.import_key({n: v for n, v in key.as_dict(private=True).items() if n != "alg"})
    token = sign(issuer, header={"alg": "PS256", "kid": "k"}, key=plain)
    with pytest.raises(UnauthenticatedError):
        await TokenVerifier(issuers).access_token(token)


async def test_rotation_is_noticed_by_the_first_unknown_kid(
    issuer: IssuerStandIn, issuers: Issuers, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = TokenVerifier(issuers)
    await verifier.access_token(sign(issuer))
    assert issuer.fetches[KEYS] == 1
    new = RSAKey.generate_key(2048, {"kid": "new"})
    issuer.keys[ISSUER.issuer].append(new)
    token = sign(issuer, header={"kid": "new"}, key=new)
    with pytest.raises(UnauthenticatedError):
        await verifier.access_token(token)
    assert issuer.fetches[KEYS] == 1  # within the cool-down nothing is fetched
    issuers._known[ISSUER.issuer].tried -= 31
    assert (await verifier.access_token(token)).subject == "s1"
    assert (await verifier.access_token(sign(issuer))).subject == "s1"
    assert issuer.fetches[KEYS] == 2


async def test_whoever_comes_while_keys_are_fetched_waits_for_them(issuer: IssuerStandIn) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()

    async def slowly(request: httpx2.Request) -> httpx2.Response:
        asked.set()
        await answers.wait()
        return issuer.handle(request)

    async def come(token: str) -> list[str]:
        """One begins the fetch, others come one after another while it is under way."""
        asked.clear()
        answers.clear()
        first = asyncio.create_task(verifier.access_token(token))
        await asyncio.wait_for(asked.wait(), 5)
        later = []
        for _ in range(3):
            later.append(asyncio.create_task(verifier.access_token(token)))
            await asyncio.sleep(0)
        answers.set()
        return [found.subject for found in await asyncio.gather(first, *later)]

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(slowly)) as http:
        issuers = Issuers([ISSUER, OTHER], http)
        verifier = TokenVerifier(issuers)
        assert await come(sign(issuer)) == ["s1"] * 4
        assert issuer.fetches[KEYS] == 1
        new = RSAKey.generate_key(2048, {"kid": "new"})
        issuer.keys[ISSUER.issuer].append(new)
        issuers._known[ISSUER.issuer].tried -= 31
        assert await come(sign(issuer, header={"kid": "new"}, key=new)) == ["s1"] * 4
        assert issuer.fetches[KEYS] == 2


async def test_a_flood_of_unknown_kids_costs_one_fetch(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    verifier = TokenVerifier(issuers)
    await verifier.access_token(sign(issuer))
    issuers._known[ISSUER.issuer].tried -= 31
    tokens = [sign(issuer, header={"kid": f"x{number}"}) for number in range(20)]
    results = await asyncio.gather(
        *(verifier.access_token(token) for token in tokens), return_exceptions=True
    )
    assert all(isinstance(result, UnauthenticatedError) for result in results)
    assert issuer.fetches[KEYS] == 2


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/jwks.json", httpx2.Response(200, content=b"x" * 70_000)),
        ("/jwks.json", httpx2.Response(200, json={"keys": [{"kty": "RSA"}] * 1_000})),
        ("/jwks.json", httpx2.Response(302, headers={"location": "http://169.254.169.254/"})),
        ("/jwks.json", httpx2.Response(200, json=[])),
        ("/jwks.json", httpx2.Response(200, json={"keys": []})),
        ("/jwks.json", httpx2.Response(200, json={"keys": [OctKey.generate_key().as_dict()]})),
        ("/jwks.json", httpx2.Response(500)),
        ("/.well-known/openid-configuration", httpx2.Response(200, json=metadata(OTHER.issuer))),
        ("/.well-known/openid-configuration", httpx2.Response(200, content=b"{")),
        (
            "/.well-known/openid-configuration",
            httpx2.Response(
                200, json={**metadata(ISSUER.issuer), "jwks_uri": "http://169.254.169.254/"}
            ),
        ),
    ],
)
async def test_an_issuer_that_answers_wrong_is_unavailable(
    issuer: IssuerStandIn, issuers: Issuers, path: str, answer: httpx2.Response
) -> None:
    issuer.answers[f"{ISSUER.issuer}{path}"] = lambda _: answer
    with pytest.raises(UnavailableError):
        await TokenVerifier(issuers).access_token(sign(issuer))
    assert not any("169.254" in url for url in issuer.fetches)


async def test_many_who_wait_for_a_silent_issuer_wait_once(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    issuer.answers[KEYS] = lambda _: httpx2.Response(503)
    verifier = TokenVerifier(issuers)
    tokens = [sign(issuer, {"sub": f"s{number}"}) for number in range(20)]
    results = await asyncio.gather(
        *(verifier.access_token(token) for token in tokens), return_exceptions=True
    )
    assert all(isinstance(result, UnavailableError) for result in results)
    assert issuer.fetches[KEYS] == 1
    del issuer.answers[KEYS]
    issuers._known[ISSUER.issuer].tried -= 2
    assert (await verifier.access_token(tokens[0])).subject == "s0"


async def test_keys_outlive_an_issuer_that_is_away_for_an_hour(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    verifier = TokenVerifier(issuers)
    await verifier.access_token(sign(issuer))
    known = issuers._known[ISSUER.issuer]
    issuer.answers[KEYS] = lambda _: httpx2.Response(503)
    known.fetched -= 3500
    known.tried -= 3500
    assert (await verifier.access_token(sign(issuer, {"sub": "s2"}))).subject == "s2"
    assert issuer.fetches[KEYS] == 2
    known.fetched -= 101
    with pytest.raises(UnavailableError):
        await verifier.access_token(sign(issuer, {"sub": "s3"}))


async def test_small_and_ambiguous_keys_are_not_used(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    row = issuer.keys[ISSUER.issuer][0].as_dict(private=False)
    issuer.answers[KEYS] = lambda _: httpx2.Response(200, json={"keys": [row, row]})
    with pytest.raises(UnavailableError):
        await TokenVerifier(issuers).access_token(sign(issuer))


async def test_bad_bearer_is_401_over_http_and_reaches_no_service(house: House) -> None:
    for header in ("Bearer x", "Bearer", "bearer a.b.c", "Basic YTpi", "Token x", "Bearer a b"):
        response = await house.http.post(
            "/graphql",
            json={"query": "{ viewer { isOperator } }"},
            headers={"authorization": header},
        )
        assert response.status_code == 401, header
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert house.directory.calls.total() == 0


async def test_first_sign_in_by_bearer_provisions_the_person(house: House) -> None:
    token = house.issuer.access_token({"sub": "new"})
    answer = await house.ask("{ viewer { person { id } } }", token=token)
    assert "errors" not in answer
    assert house.directory.calls["SignIn"] == 1
    request: Any = next(r for r in house.directory.requests if type(r).__name__ == "SignInRequest")
    assert (request.issuer, request.subject) == (ISSUER.issuer, "new")
    assert (request.email, request.display_name) == ("engineer@kestrel.example", "Edda Engineer")
