"""Tokens: everything on the attack list is refused, all in one way."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from chassis.errors import UnauthenticatedError, UnavailableError
from gateway.auth import TokenVerifier
from gateway.issuers import Issuers
from gateway.tests.conftest import ISSUER, OTHER, House, IssuerStandIn, access_claims, metadata

NOW = int(time.time())
KEYS = f"{ISSUER.issuer}/jwks.json"


def segment(value: bytes | dict[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign(
    issuer: IssuerStandIn,
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    key: Key | None = None,
) -> str:
    key = key or issuer.keys[ISSUER.issuer][0]
    full = {"alg": "RS256", "typ": "at+jwt", "kid": f"{ISSUER.key}-1", **(header or {})}
    full = {name: value for name, value in full.items() if value is not None}
    algorithms = ["RS256", "PS256", "RS512", "ES256", "HS256", "Ed25519"]
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
    return jwt.encode(full, access_claims(**(claims or {})), key, registry=registry)


def forged(header: dict[str, Any], claims: dict[str, Any] | bytes, signature: str = "") -> str:
    return f"{segment(header)}.{segment(claims)}.{signature}"


def hs256(issuer: IssuerStandIn, secret: bytes) -> str:
    import hmac

    head = segment({"alg": "HS256", "typ": "at+jwt", "kid": "kestrel-1"})
    body = f"{head}.{segment(access_claims())}"
    return f"{body}.{segment(hmac.digest(secret, body.encode(), 'sha256'))}"


def raw_signed(issuer: IssuerStandIn, payload: bytes) -> str:
    from joserfc import jws

    header = {"alg": "RS256", "typ": "at+jwt", "kid": "kestrel-1"}
    return jws.serialize_compact(header, payload, issuer.keys[ISSUER.issuer][0])


def parts(token: str) -> list[str]:
    return token.split(".")


Make = Callable[[IssuerStandIn], str]
HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": "kestrel-1"}
PEM = "as_pem"
ATTACKS: dict[str, Make] = {
    "none": lambda i: forged({**HEADER, "alg": "none"}, access_claims()),
    "None": lambda i: forged({**HEADER, "alg": "None"}, access_claims()),
    "nOnE": lambda i: forged({**HEADER, "alg": "nOnE"}, access_claims(), "AAAA"),
    "none with a real signature": lambda i: forged(
        {**HEADER, "alg": "none"}, access_claims(), parts(sign(i))[2]
    ),
    "HS256 with the public PEM": lambda i: hs256(i, i.keys[ISSUER.issuer][0].as_pem(False)),  # type: ignore[union-attr]
    "HS256 with the public DER": lambda i: hs256(i, i.keys[ISSUER.issuer][0].as_der(False)),  # type: ignore[union-attr]
    "HS256 with an empty key": lambda i: hs256(i, b""),
    "no signature": lambda i: ".".join(parts(sign(i))[:2]) + ".",
    "two parts": lambda i: ".".join(parts(sign(i))[:2]),
    "four parts": lambda i: sign(i) + ".x",
    "truncated signature": lambda i: sign(i)[:-8],
    "padded signature": lambda i: sign(i) + "==",
    "tampered payload": lambda i: ".".join(
        [parts(sign(i))[0], segment(access_claims(sub="s2")), parts(sign(i))[2]]
    ),
    "another key with our kid": lambda i: sign(i, key=RSAKey.generate_key(2048)),
    "another issuer's key": lambda i: sign(
        i, header={"kid": "lumen-1"}, key=i.keys[OTHER.issuer][0]
    ),
    "another issuer's key with our kid": lambda i: sign(i, key=i.keys[OTHER.issuer][0]),
    "unknown kid": lambda i: sign(i, header={"kid": "nobody"}),
    "kid path traversal": lambda i: sign(i, header={"kid": "../../dev/null"}),
    "kid SQL": lambda i: sign(i, header={"kid": "' OR 1=1 --"}),
    "kid object": lambda i: forged({**HEADER, "kid": {"a": 1}}, access_claims(), parts(sign(i))[2]),
    "kid list": lambda i: forged({**HEADER, "kid": ["kestrel-1"]}, access_claims(), "AAAA"),
    "kid missing": lambda i: sign(i, header={"kid": None}),
    "embedded jwk": lambda i: sign(
        i, header={"jwk": i.keys[ISSUER.issuer][0].as_dict(private=False)}
    ),
    "jku": lambda i: sign(i, header={"jku": "https://evil.test/jwks.json"}),
    "x5u": lambda i: sign(i, header={"x5u": "https://evil.test/cert"}),
    "x5c": lambda i: sign(i, header={"x5c": ["MIIB"]}),
    "unknown crit": lambda i: forged(
        {**HEADER, "crit": ["exp"], "exp": 1}, access_claims(), parts(sign(i))[2]
    ),
    "b64 false": lambda i: forged(
        {**HEADER, "b64": False, "crit": ["b64"]}, access_claims(), parts(sign(i))[2]
    ),
    "zip": lambda i: sign(i, header={"zip": "DEF"}),
    "expired an hour ago": lambda i: sign(i, {"iat": NOW - 7200, "exp": NOW - 3600}),
    "expired beyond leeway": lambda i: sign(i, {"iat": NOW - 200, "exp": NOW - 40}),
    "no exp": lambda i: sign(i, {"exp": None}),
    "exp text": lambda i: sign(i, {"exp": str(NOW + 60)}),
    "exp bool": lambda i: raw_signed(i, json.dumps({**access_claims(), "exp": True}).encode()),
    "exp 10^18": lambda i: sign(i, {"exp": 10**18}),
    "exp infinite": lambda i: raw_signed(
        i, json.dumps({**access_claims(), "exp": float("inf")}).encode()
    ),
    "exp huge float": lambda i: raw_signed(
        i, json.dumps(access_claims()).replace(str(access_claims()["exp"]), "1e400").encode()
    ),
    "nbf future": lambda i: sign(i, {"nbf": NOW + 600}),
    "iat future": lambda i: sign(i, {"iat": NOW + 600, "exp": NOW + 900}),
    "iat 30 days old": lambda i: sign(i, {"iat": NOW - 30 * 86_400}),
    "no iat": lambda i: sign(i, {"iat": None}),
    "iss wrong": lambda i: sign(i, {"iss": "https://evil.test"}),
    "iss with a slash": lambda i: sign(i, {"iss": ISSUER.issuer + "/"}),
    "iss with a suffix": lambda i: sign(i, {"iss": ISSUER.issuer + ".evil.test"}),
    "iss in capitals": lambda i: sign(i, {"iss": ISSUER.issuer.upper()}),
    "iss missing": lambda i: sign(i, {"iss": None}),
    "iss list": lambda i: raw_signed(
        i, json.dumps({**access_claims(), "iss": [ISSUER.issuer]}).encode()
    ),
    "iss of the other trusted issuer": lambda i: sign(i, {"iss": OTHER.issuer}),
    "aud wrong": lambda i: sign(i, {"aud": "https://elsewhere.test"}),
    "aud missing": lambda i: sign(i, {"aud": None}),
    "aud empty": lambda i: sign(i, {"aud": ""}),
    "aud empty list": lambda i: sign(i, {"aud": []}),
    "aud list of others": lambda i: sign(i, {"aud": ["a", "b"]}),
    "aud list with a number": lambda i: raw_signed(
        i, json.dumps({**access_claims(), "aud": [ISSUER.audience, 1]}).encode()
    ),
    "aud object": lambda i: raw_signed(i, json.dumps({**access_claims(), "aud": {}}).encode()),
    "sub missing": lambda i: sign(i, {"sub": None}),
    "sub empty": lambda i: sign(i, {"sub": ""}),
    "sub number": lambda i: raw_signed(i, json.dumps({**access_claims(), "sub": 7}).encode()),
    "sub too long": lambda i: sign(i, {"sub": "s" * 256}),
    "sub with NUL": lambda i: sign(i, {"sub": "s1\x00"}),
    "typ JWT": lambda i: sign(i, header={"typ": "JWT"}),
    "typ missing": lambda i: sign(i, header={"typ": None}),
    "typ logout": lambda i: sign(i, header={"typ": "logout+jwt"}),
    "typ number": lambda i: forged({**HEADER, "typ": 1}, access_claims(), "AAAA"),
    "logout token": lambda i: sign(i, {"events": {"http://x/backchannel-logout": {}}}),
    "RS512": lambda i: sign(i, header={"alg": "RS512"}),
    "ES256 by another key": lambda i: sign(
        i, header={"alg": "ES256"}, key=ECKey.generate_key("P-256")
    ),
    "Ed25519 by another key": lambda i: sign(
        i, header={"alg": "Ed25519"}, key=OKPKey.generate_key("Ed25519")
    ),
    "alg list": lambda i: forged({**HEADER, "alg": ["RS256"]}, access_claims(), "AAAA"),
    "duplicate claims": lambda i: raw_signed(
        i, json.dumps(access_claims()).replace('"sub"', '"sub": "s2", "sub"').encode()
    ),
    "claims list": lambda i: raw_signed(i, b"[]"),
    "claims not utf-8": lambda i: raw_signed(i, b'{"iss":"\xff"}'),
    "100,000 deep": lambda i: raw_signed(i, b"[" * 5_000),
    "1 MB": lambda i: sign(i, {"x": "x" * 1_000_000}),
    "8 KiB and more": lambda i: sign(i, {"x": "x" * 8_192}),
    "encrypted": lambda i: jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A128CBC-HS256"}, b"{}", RSAKey.generate_key(2048)
    ),
    "opaque": lambda i: "a" * 43,
    "NUL": lambda i: "\x00.\x00.\x00",
    "empty": lambda i: "",
    "dots": lambda i: "..",
    "not ascii": lambda i: sign(i) + "é",
    "spaces": lambda i: sign(i).replace(".", ". "),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ATTACKS)
async def test_attack_is_refused(issuer: IssuerStandIn, issuers: Issuers, name: str) -> None:
    token = ATTACKS[name](issuer)
    begun = time.process_time()
    with pytest.raises(UnauthenticatedError) as refused:
        await TokenVerifier(issuers).access_token(token)
    assert refused.value.reason() == "UNAUTHENTICATED"
    assert str(refused.value) in ("the token was refused", "the access token was refused")
    assert time.process_time() - begun < 0.1


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
    head = segment({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"})
    body = f"{head}.{segment(access_claims())}"
    signature: bytes = key.private_key.sign(body.encode())  # type: ignore[union-attr]
    assert (
        await TokenVerifier(issuers).access_token(f"{body}.{segment(signature)}")
    ).subject == "s1"


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
