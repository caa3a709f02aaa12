"""Tokens of attackers: each is a good one with one thing wrong, truly signed where it can be."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from chassis.errors import UnauthenticatedError, UnavailableError
from chassis.testing import bound, stored
from chassis.testing_tokens import Part, hmac_signed, segment, signed, unsigned
from gateway import issuers as issuers_module
from gateway.auth import ID_TOKEN_AGE, LEEWAY, MAX_TOKEN, Identity, TokenVerifier
from gateway.issuers import Issuer, Issuers, IssuerUnusableError
from gateway.tests.conftest import ISSUER, OTHER, House, IssuerStandIn, access_claims, metadata

KEYS = f"{ISSUER.issuer}/jwks.json"
DISCOVERY = f"{ISSUER.issuer}/.well-known/openid-configuration"
NONCE = "the-nonce-of-this-login"
STRANGER = RSAKey.generate_key(2048, {"kid": "kestrel-1"})
ENVELOPE = RSAKey.generate_key(2048)
CURVE, EDWARDS = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")
VIEWER = {"query": "{ viewer { person { id } } }"}


@dataclass(frozen=True)
class Mint:
    """Makes tokens of Kestrel's, of one kind."""

    key: RSAKey
    others: RSAKey  # of the other trusted issuer
    kind: str = "access"

    def header(self, **changes: Any) -> dict[str, Any]:
        good = {"alg": "RS256", "typ": "JWT" if self.kind == "id" else "at+jwt", "kid": "kestrel-1"}
        return {n: v for n, v in {**good, **changes}.items() if v is not None}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Changes of times are in seconds from now."""
        now = int(time.time())
        for name in ("iat", "exp", "nbf"):
            if type(changes.get(name)) in (int, float) and abs(changes[name]) < 1e8:
                changes[name] += now
        if self.kind == "id":
            changes = {"aud": ISSUER.client_id, "nonce": NONCE, **changes}
        return access_claims(**changes)

    def token(
        self,
        header: dict[str, Any] | None = None,
        *,
        key: Key | None = None,
        algorithm: str = "RS256",
        **claims: Any,
    ) -> str:
        """Truly signed; None takes away."""
        return self.raw(self.header(**(header or {})), self.claims(**claims), key, algorithm)

    def raw(
        self, header: Part, claims: Part, key: Key | None = None, algorithm: str = "RS256"
    ) -> str:
        return signed(header, claims, key or self.key, algorithm)

    def json(self, old: str, new: str) -> str:
        """Truly signed, with something in the text of its claims replaced."""
        text = json.dumps(self.claims())
        assert old in text
        return self.raw(self.header(), text.replace(old, new, 1).encode())

    def public(self) -> dict[str, Any]:
        return dict(self.key.as_dict(private=False))


Make = Callable[[Mint], str]
HOSTILE = "https://evil.test/jwks.json"
ALGORITHMS: dict[str, Make] = {
    "none": lambda m: unsigned(m.header(alg="none"), m.claims()),
    "None": lambda m: unsigned(m.header(alg="None"), m.claims()),
    "nOnE": lambda m: unsigned(m.header(alg="nOnE"), m.claims(), "AAAA"),
    "none and an old signature": lambda m: unsigned(
        m.header(alg="none"), m.claims(), m.token().split(".")[2]
    ),
    "none, truly signed": lambda m: m.token({"alg": "none"}),
    "no alg": lambda m: m.token({"alg": None}),
    "alg list": lambda m: m.token({"alg": ["RS256"]}),
    "alg object": lambda m: m.token({"alg": {"RS256": 1}}),
    "alg in small letters": lambda m: m.token({"alg": "rs256"}),
    "HS256 with the public PEM": lambda m: hmac_signed(
        m.header(alg="HS256"), m.claims(), m.key.as_pem(private=False)
    ),
    "HS256 with the public DER": lambda m: hmac_signed(
        m.header(alg="HS256"), m.claims(), m.key.as_der(private=False)
    ),
    "HS256 with the public JWK": lambda m: hmac_signed(
        m.header(alg="HS256"), m.claims(), json.dumps(m.public()).encode()
    ),
    "HS256 with the modulus": lambda m: hmac_signed(
        m.header(alg="HS256"), m.claims(), m.public()["n"].encode()
    ),
    "HS256 with an empty key": lambda m: hmac_signed(m.header(alg="HS256"), m.claims(), b""),
    "HS256 said, RS256 done": lambda m: m.token({"alg": "HS256"}),
    "RS512": lambda m: m.token({"alg": "RS512"}, algorithm="RS512"),
    "RS512 said, RS256 done": lambda m: m.token({"alg": "RS512"}),
    "PS256 said, RS256 done": lambda m: m.token({"alg": "PS256"}),
    "RS256 said, PS256 done": lambda m: m.token(algorithm="PS256"),
    "ES256": lambda m: m.token({"alg": "ES256"}, key=CURVE, algorithm="ES256"),
    "ES256 with an empty signature": lambda m: unsigned(
        m.header(alg="ES256"), m.claims(), b"\0" * 64
    ),
    "EdDSA": lambda m: m.token({"alg": "EdDSA"}, key=EDWARDS, algorithm="EdDSA"),
    "Ed25519": lambda m: m.token({"alg": "Ed25519"}, key=EDWARDS, algorithm="Ed25519"),
}
SIGNATURES: dict[str, Make] = {
    "no signature": lambda m: m.token().rpartition(".")[0] + ".",
    "two parts": lambda m: m.token().rpartition(".")[0],
    "four parts": lambda m: m.token() + ".x",
    "truncated": lambda m: m.token()[:-8],
    "longer": lambda m: m.token() + "AAAA",
    "padded": lambda m: m.token() + "==",
    "of zeros": lambda m: unsigned(m.header(), m.claims(), b"\0" * 256),
    "of another token": lambda m: unsigned(m.header(), m.claims(sub="s2"), m.token().split(".")[2]),
    "of another header": lambda m: unsigned(m.header(x5t="x"), m.claims(), m.token().split(".")[2]),
    "by another key with our kid": lambda m: m.token(key=STRANGER),
    "by the other issuer's key": lambda m: m.token(key=m.others),
    "by the other issuer's key and kid": lambda m: m.token({"kid": "lumen-1"}, key=m.others),
}
HEADERS: dict[str, Make] = {
    "kid unknown": lambda m: m.token({"kid": "nobody"}),
    "kid of the other issuer": lambda m: m.token({"kid": "lumen-1"}),
    "kid path traversal": lambda m: m.token({"kid": "../../../../dev/null"}),
    "kid SQL": lambda m: m.token({"kid": "' UNION SELECT 'key' --"}),
    "kid address": lambda m: m.token({"kid": HOSTILE}),
    "kid object": lambda m: m.token({"kid": {"$ne": ""}}),
    "kid list": lambda m: m.token({"kid": ["kestrel-1"]}),
    "kid number": lambda m: m.token({"kid": 1}),
    "kid empty": lambda m: m.token({"kid": ""}),
    "kid with NUL": lambda m: m.token({"kid": "kestrel-1\x00"}),
    "kid in capitals": lambda m: m.token({"kid": "KESTREL-1"}),
    "kid missing": lambda m: m.token({"kid": None}),
    "kid huge": lambda m: m.token({"kid": "k" * 5_000}),
    "jwk": lambda m: m.token({"jwk": m.public()}),
    "jwk of a stranger": lambda m: m.token({"jwk": STRANGER.as_dict(private=False)}, key=STRANGER),
    "jku": lambda m: m.token({"jku": HOSTILE}),
    "jku of the issuer": lambda m: m.token({"jku": KEYS}),
    "x5u": lambda m: m.token({"x5u": HOSTILE}),
    "x5c": lambda m: m.token({"x5c": ["MIIB"]}),
    "crit unknown": lambda m: m.token({"crit": ["guildhall"], "guildhall": 1}),
    "crit of what is known": lambda m: m.token({"crit": ["exp"], "exp": 1}),
    "crit empty": lambda m: m.token({"crit": []}),
    "b64 false": lambda m: m.token({"b64": False, "crit": ["b64"]}),
    "b64 false, not critical": lambda m: m.token({"b64": False}),
    "zip": lambda m: m.token({"zip": "DEF"}),
    "cty of a nested token": lambda m: m.token({"cty": "JWT"}),
    "unknown": lambda m: m.token({"guildhall": 1}),
    "typ number": lambda m: m.token({"typ": 1}),
    "typ logout token": lambda m: m.token({"typ": "logout+jwt"}),
    "typ actor token": lambda m: m.token({"typ": "actor+jwt"}),
    "duplicate kid": lambda m: m.raw(
        json.dumps(m.header()).replace('"kid"', '"kid": "x", "kid"').encode(), m.claims()
    ),
    "duplicate alg": lambda m: m.raw(
        json.dumps(m.header()).replace('"alg"', '"alg": "none", "alg"').encode(), m.claims()
    ),
    "list": lambda m: m.raw(b"[]", m.claims()),
    "null": lambda m: m.raw(b"null", m.claims()),
    "not JSON": lambda m: m.raw(b"{'alg':'RS256'}", m.claims()),
    "deep": lambda m: m.raw(b'{"alg":"RS256","kid":' + b"[" * 5_000, m.claims()),
}
TIMES: dict[str, Make] = {
    "expired an hour ago": lambda m: m.token(iat=-500, exp=-3600),
    "expired just beyond the leeway": lambda m: m.token(iat=-200, exp=-LEEWAY - 1),
    "no exp": lambda m: m.token(exp=None),
    "exp text": lambda m: m.token(exp=str(int(time.time()) + 60)),
    "exp true": lambda m: m.token(exp=True),
    "exp list": lambda m: m.token(exp=[int(time.time()) + 60]),
    "exp null": lambda m: m.json(str(m.claims()["exp"]), "null"),
    "exp 10^18": lambda m: m.token(exp=10**18),
    "exp too far away": lambda m: m.token(exp=86_402),
    "exp NaN": lambda m: m.token(exp=float("nan")),
    "exp infinite": lambda m: m.token(exp=float("inf")),
    "exp 1e400": lambda m: m.json(str(m.claims()["exp"]), "1e400"),
    "exp of 5,000 digits": lambda m: m.json(str(m.claims()["exp"]), "9" * 5_000),
    "nbf in the future": lambda m: m.token(nbf=LEEWAY + 5),
    "nbf text": lambda m: m.token(nbf="0"),
    "nbf -10^18": lambda m: m.token(nbf=-(10**18)),
    "iat in the future": lambda m: m.token(iat=LEEWAY + 5),
    "iat 30 days old": lambda m: m.token(iat=-30 * 86_400),
    "iat 30 days old, exp with it": lambda m: m.token(iat=-30 * 86_400, exp=-29 * 86_400),
    "no iat": lambda m: m.token(iat=None),
    "iat text": lambda m: m.token(iat="0"),
    "iat -10^18": lambda m: m.token(iat=-(10**18)),
}
CLAIMS: dict[str, Make] = {
    "iss wrong": lambda m: m.token(iss="https://evil.test"),
    "iss with a slash": lambda m: m.token(iss=ISSUER.issuer + "/"),
    "iss with a suffix": lambda m: m.token(iss=ISSUER.issuer + ".evil.test"),
    "iss with a path": lambda m: m.token(iss=ISSUER.issuer + "/x"),
    "iss in capitals": lambda m: m.token(iss=ISSUER.issuer.upper()),
    "iss by http": lambda m: m.token(iss=ISSUER.issuer.replace("https", "http")),
    "iss with a space": lambda m: m.token(iss=ISSUER.issuer + " "),
    "iss missing": lambda m: m.token(iss=None),
    "iss empty": lambda m: m.token(iss=""),
    "iss list": lambda m: m.token(iss=[ISSUER.issuer]),
    "iss object": lambda m: m.token(iss={ISSUER.issuer: 1}),
    "iss of the other trusted issuer": lambda m: m.token(iss=OTHER.issuer),
    "iss ours, not signed by it": lambda m: m.token({"kid": "lumen-1"}, iss=OTHER.issuer),
    "aud wrong": lambda m: m.token(aud="https://elsewhere.test"),
    "aud missing": lambda m: m.token(aud=None),
    "aud empty": lambda m: m.token(aud=""),
    "aud empty list": lambda m: m.token(aud=[]),
    "aud list of others": lambda m: m.token(aud=["a", "b"]),
    "aud object": lambda m: m.token(aud={}),
    "aud number": lambda m: m.token(aud=1),
    "aud longer": lambda m: m.token(aud=m.claims()["aud"] + "/"),
    "aud in a text of many": lambda m: m.token(aud=m.claims()["aud"] + " other"),
    "sub missing": lambda m: m.token(sub=None),
    "sub empty": lambda m: m.token(sub=""),
    "sub number": lambda m: m.token(sub=7),
    "sub true": lambda m: m.token(sub=True),
    "sub list": lambda m: m.token(sub=["s1"]),
    "sub object": lambda m: m.token(sub={"$gt": ""}),
    "sub huge": lambda m: m.token(sub="s" * 256),
    "sub with NUL": lambda m: m.token(sub="s1\x00"),
    "sub with a newline": lambda m: m.token(sub="s1\ns2"),
    "sub half a surrogate": lambda m: m.token(sub="\ud800"),
    "logout token": lambda m: m.token(
        events={"http://schemas.openid.net/event/backchannel-logout": {}}
    ),
    "duplicate sub": lambda m: m.json('"sub"', '"sub": "s2", "sub"'),
    "duplicate iss": lambda m: m.json('"iss"', '"iss": "https://evil.test", "iss"'),
    "duplicate claim of no meaning": lambda m: m.json('"name"', '"x": 1, "x": 2, "name"'),
    "list": lambda m: m.raw(m.header(), b"[]"),
    "null": lambda m: m.raw(m.header(), b"null"),
    "text": lambda m: m.raw(m.header(), b'"x"'),
    "not JSON": lambda m: m.raw(m.header(), b"sub=s1"),
    "not UTF-8": lambda m: m.raw(m.header(), b'{"iss":"\xff"}'),
    "UTF-16": lambda m: m.raw(m.header(), json.dumps(m.claims()).encode("utf-16")),
    "byte order mark": lambda m: m.raw(m.header(), b"\xef\xbb\xbf" + orjson.dumps(m.claims())),
    "two objects": lambda m: m.raw(m.header(), orjson.dumps(m.claims()) * 2),
    "5,000 deep": lambda m: m.raw(m.header(), b"[" * 5_000),
    "5,000 deep and closed": lambda m: m.json('"name"', f'"x": {"[" * 2_500}{"]" * 2_500}, "name"'),
}
SHAPES: dict[str, Make] = {
    "1 MB": lambda m: m.token(x="x" * 1_000_000),
    "100,000 deep": lambda m: m.raw(m.header(), b"[" * 100_000),
    "just too long": lambda m: m.token(x="x" * MAX_TOKEN),
    "encrypted": lambda m: jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A128CBC-HS256"}, orjson.dumps(m.claims()), ENVELOPE
    ),
    "nested": lambda m: m.raw(m.header(cty="JWT"), m.token().encode()),
    "nested without cty": lambda m: m.raw(m.header(), m.token().encode()),
    "JSON serialization": lambda m: json.dumps(
        dict(zip(("protected", "payload", "signature"), m.token().split("."), strict=True))
    ),
    "opaque": lambda _: "a" * 43,
    "NUL": lambda _: "\x00.\x00.\x00",
    "NUL at its end": lambda m: m.token() + "\x00",
    "empty": lambda _: "",
    "white space": lambda _: "   ",
    "dots": lambda _: "..",
    "not ASCII": lambda m: m.token() + "é",
    "surrogate": lambda m: m.token() + "\udc80",
    "spaces within": lambda m: m.token().replace(".", ". "),
    "newline within": lambda m: m.token().replace(".", ".\n", 1),
    "not base64url": lambda m: m.token().replace(".", ".+/", 1),
    "unused bits set": lambda m: m.raw(m.header(), orjson.dumps(m.claims())) + "B",
}
OF_ACCESS: dict[str, Make] = {
    "an id token": lambda m: m.token({"typ": "JWT"}, aud=ISSUER.client_id, nonce=NONCE),
    "an id token for our audience": lambda m: m.token({"typ": "JWT"}),
    "no typ": lambda m: m.token({"typ": None}),
    "aud of our client only": lambda m: m.token(aud=ISSUER.client_id),
    "aud list with a number": lambda m: m.token(aud=[ISSUER.audience, 1]),
    "aud list with a list": lambda m: m.token(aud=[[ISSUER.audience]]),
}
OF_ID: dict[str, Make] = {
    "an access token": lambda m: m.token({"typ": "at+jwt"}, aud=ISSUER.audience),
    "an access token for our client": lambda m: m.token({"typ": "at+jwt"}),
    "its media type": lambda m: m.token({"typ": "application/at+jwt"}),
    "aud of access tokens": lambda m: m.token(aud=ISSUER.audience),
    "aud list": lambda m: m.token(aud=[ISSUER.client_id, "other"]),
    "aud list, azp other": lambda m: m.token(aud=[ISSUER.client_id, "other"], azp="other"),
    "azp other": lambda m: m.token(azp="other"),
    "nonce wrong": lambda m: m.token(nonce="of-another-login"),
    "nonce missing": lambda m: m.token(nonce=None),
    "nonce empty": lambda m: m.token(nonce=""),
    "nonce list": lambda m: m.token(nonce=[NONCE]),
    "of the other issuer": lambda m: m.token(
        {"kid": "lumen-1"}, key=m.others, iss=OTHER.issuer, aud=OTHER.client_id
    ),
    "of the other issuer, for our client": lambda m: m.token(
        {"kid": "lumen-1"}, key=m.others, iss=OTHER.issuer
    ),
    "issued too long ago": lambda m: m.token(iat=-ID_TOKEN_AGE - 1),
}
ALL: dict[str, dict[str, Make]] = {
    "alg": ALGORITHMS, "signature": SIGNATURES, "header": HEADERS, "time": TIMES,
    "claims": CLAIMS, "shape": SHAPES,
}  # fmt: skip
ATTACKS = {f"{part}: {name}": make for part, makes in ALL.items() for name, make in makes.items()}
ACCESS = ATTACKS | {f"access: {name}": make for name, make in OF_ACCESS.items()}
ID = ATTACKS | {f"id: {name}": make for name, make in OF_ID.items()}


def mint(issuer: IssuerStandIn, kind: str = "access") -> Mint:
    keys = [issuer.keys[name][0] for name in (ISSUER.issuer, OTHER.issuer)]
    assert isinstance(keys[0], RSAKey)
    assert isinstance(keys[1], RSAKey)
    return Mint(keys[0], keys[1], kind)


async def verify(verifier: TokenVerifier, kind: str, token: str) -> Identity:
    if kind == "access":
        return await verifier.access_token(token)
    return await verifier.id_token(token, ISSUER, NONCE)


@pytest.mark.parametrize("kind", ["access", "id"])
async def test_the_mint_makes_good_tokens(
    issuer: IssuerStandIn, issuers: Issuers, kind: str
) -> None:
    """So that what is wrong with an attack is what its name says."""
    good = mint(issuer, kind)
    for token in (
        good.token(),
        good.token({"x5t": "x"}),
        good.token(iat=-60, exp=-LEEWAY / 2),
        good.token(iat=LEEWAY / 2, nbf=LEEWAY / 2),
        good.token(exp=86_390),
        good.token(sub="s" * 255),
        good.token(aud=[good.claims()["aud"]]),
        good.token(x="x" * 3_000),
        good.token({"typ": good.header()["typ"].upper()}),
        good.json('"name"', '"x": "é", "name"'),
    ):
        identity = await verify(TokenVerifier(issuers), kind, token)
        assert identity.issuer == ISSUER.issuer


CASES = [("access", name) for name in ACCESS] + [("id", name) for name in ID]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=["-".join(case) for case in CASES])
async def test_attack_is_refused(
    issuer: IssuerStandIn,
    issuers: Issuers,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    token = (ACCESS if kind == "access" else ID)[name](mint(issuer, kind))
    verifier = TokenVerifier(issuers)
    spent = []
    for _ in range(3):
        begun = time.process_time()
        with pytest.raises(UnauthenticatedError) as refused:
            await verify(verifier, kind, token)
        spent.append(time.process_time() - begun)
    assert refused.value.reason() == "UNAUTHENTICATED"
    assert str(refused.value) in (
        "the token was refused", "the access token was refused", "the id token was refused",
    )  # fmt: skip
    assert not verifier._memo
    assert min(spent) < bound(0.1)
    told = {url for url in issuer.fetches if not re.match(r"https://id\.\w+\.test/", url)}
    assert told == set()  # nobody sends us anywhere
    assert issuer.fetches[KEYS] <= 1
    for secret in ("Edda", "engineer@kestrel.example", token[-40:] or "Edda"):
        assert secret not in caplog.text


def refused_plainly(response: httpx2.Response) -> bool:
    said = response.json()
    return (
        set(said) == {"errors"}
        and [error["extensions"] for error in said["errors"]] == [{"code": "UNAUTHENTICATED"}]
        and response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    )


async def test_attacks_over_http_are_all_answered_alike_and_reach_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = await stored(house.parts.sessions._database)
    made, odd = mint(house.issuer), {}
    for name, make in ACCESS.items():
        value = b"Bearer " + make(made).encode("utf-8", "surrogateescape")
        response = await house.http.post(
            "/graphql", json=VIEWER, headers=[(b"authorization", value)]
        )
        expected = 431 if len(value) > 16_000 else 401
        if response.status_code != expected or (expected == 401 and not refused_plainly(response)):
            odd[name] = response.text
    assert odd == {}
    assert house.directory.calls.total() == 0
    assert await stored(house.parts.sessions._database) == before
    assert "Edda" not in caplog.text
    assert "engineer@kestrel.example" not in caplog.text


async def test_a_token_counts_in_one_authorization_header_only(house: House) -> None:
    good = house.issuer.access_token()
    person = (await house.ask(VIEWER["query"]))["data"]
    assert person["viewer"] is not None
    calls = house.directory.calls.total()
    for values in (
        [f"Bearer {good}", f"Bearer {good}"],
        [f"Bearer {good}", "Bearer x"],
        ["Bearer x", f"Bearer {good}"],
        [f"Bearer {good}", "Basic eDp5"],
        ["Basic eDp5", f"Bearer {good}"],
        [f"Bearer {good}, Bearer {good}"],
        [f"Bearer {good} {good}"],
        [f"Basic {good}"],
        [f"DPoP {good}"],
        [good],
        [f"Bearer{good}"],
        ["Bearer"],
        ["Bearer "],
        [""],
    ):
        headers = [(b"authorization", value.encode()) for value in values]
        response = await house.http.post("/graphql", json=VIEWER, headers=headers)
        assert response.status_code == 401, values
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert house.directory.calls.total() == calls
    for scheme in ("bearer", "BEARER"):  # RFC 9110: schemes have no case
        response = await house.http.post(
            "/graphql", json=VIEWER, headers={"authorization": f"{scheme} {good}"}
        )
        assert response.json()["data"] == person


async def test_a_token_elsewhere_is_nobodys(house: House) -> None:
    good = house.issuer.access_token()
    for url, headers, more in (
        (f"/graphql?access_token={good}", {}, {}),
        (f"/graphql?authorization=Bearer%20{good}&token={good}", {}, {}),
        ("/graphql", {"x-authorization": f"Bearer {good}"}, {}),
        ("/graphql", {"x-forwarded-authorization": f"Bearer {good}"}, {}),
        ("/graphql", {"proxy-authorization": f"Bearer {good}"}, {}),
        ("/graphql", {"actor-token": good, "person-id": "p1"}, {}),
        ("/graphql", {}, {"access_token": good}),
        ("/graphql", {}, {"extensions": {"authorization": f"Bearer {good}"}}),
    ):
        response = await house.http.post(url, json={**VIEWER, **more}, headers=headers)
        assert response.json()["data"] == {"viewer": None}, url
    csrf = {"x-requested-with": "guildhall", "sec-fetch-site": "same-origin"}
    for cookie in (f"session={good}", f"access_token={good}", f"authorization=Bearer {good}"):
        response = await house.http.post(
            "/graphql", json=VIEWER, headers={**csrf, "cookie": cookie}
        )
        assert response.json()["data"] == {"viewer": None}, cookie
    assert house.directory.calls.total() == 0


async def test_the_same_kid_at_two_issuers_is_two_keys(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    ours, theirs = RSAKey.generate_key(2048, {"kid": "k"}), RSAKey.generate_key(2048, {"kid": "k"})
    issuer.keys = {ISSUER.issuer: [ours], OTHER.issuer: [theirs]}
    verifier, made = TokenVerifier(issuers), mint(issuer)
    for key, name, accepted in (
        (ours, ISSUER.issuer, True),
        (theirs, OTHER.issuer, True),
        (ours, OTHER.issuer, False),
        (theirs, ISSUER.issuer, False),
    ):
        token = made.token({"kid": "k"}, key=key, iss=name)
        if accepted:
            assert (await verifier.access_token(token)).issuer == name
        else:
            with pytest.raises(UnauthenticatedError):
                await verifier.access_token(token)


async def test_a_subject_is_its_own_issuers_only(house: House) -> None:
    """Lumen says `s1`, who at Kestrel is Edda: asked, remembered and provisioned apart."""
    actors = house.parts.actors
    actors._heard, actors._believe_from = float("inf"), float("-inf")  # remember
    made = mint(house.issuer)
    token = made.token({"kid": "lumen-1"}, key=made.others, iss=OTHER.issuer)
    for _ in range(2):
        await house.ask(VIEWER["query"])
        await house.ask(VIEWER["query"], token=token)
    requests: list[Any] = [*house.directory.requests]
    asked = [(r.issuer, r.subject) for r in requests if type(r).__name__ == "ResolveActorRequest"]
    assert asked == [(ISSUER.issuer, "s1"), (OTHER.issuer, "s1")]


async def test_an_audience_is_its_own_issuers_only(issuer: IssuerStandIn) -> None:
    """Two issuers of one house, each with an audience of its own."""
    other = Issuer("lumen", "Lumen", OTHER.issuer, "guildhall", "s", "https://second.test")
    made = mint(issuer)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(issuer.handle)) as http:
        verifier = TokenVerifier(Issuers([ISSUER, other], http))
        await verifier.access_token(made.token())
        with pytest.raises(UnauthenticatedError):
            await verifier.access_token(made.token(aud=other.audience))


async def test_a_remembered_token_still_dies(
    issuer: IssuerStandIn, issuers: Issuers, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier, made = TokenVerifier(issuers), mint(issuer)
    token, now = made.token(exp=20), time.time()
    await verifier.access_token(token)
    assert len(verifier._memo) == 1
    monkeypatch.setattr(time, "time", lambda: now + 20 + LEEWAY - 2)
    await verifier.access_token(token)
    monkeypatch.setattr(time, "time", lambda: now + 20 + LEEWAY + 1)
    with pytest.raises(UnauthenticatedError):
        await verifier.access_token(token)


async def test_a_key_taken_back_is_not_believed_for_long(
    issuer: IssuerStandIn, issuers: Issuers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stolen key that its issuer no longer publishes: ten minutes, then a minute of memory."""
    verifier, made = TokenVerifier(issuers), mint(issuer)
    token = made.token()
    await verifier.access_token(token)
    issuer.keys[ISSUER.issuer] = [RSAKey.generate_key(2048, {"kid": "new"})]
    known = issuers._known[ISSUER.issuer]
    known.fetched -= issuers_module.FRESH
    known.tried -= issuers_module.FRESH
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    with pytest.raises(UnauthenticatedError):
        await verifier.access_token(token)


class Drip(httpx2.AsyncByteStream):
    """A body that never ends; counts what was taken of it."""

    def __init__(self, chunk: bytes, pause: float = 0.0) -> None:
        self.taken = 0
        self._chunk, self._pause = chunk, pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += len(self._chunk)
            yield self._chunk
            await asyncio.sleep(self._pause)


async def fails(issuer: IssuerStandIn) -> None:
    """By a client that would follow whoever sends it away."""
    transport = httpx2.MockTransport(issuer.handle)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=True) as http:
        with pytest.raises(UnavailableError):
            await TokenVerifier(Issuers([ISSUER, OTHER], http)).access_token(mint(issuer).token())


@pytest.mark.parametrize("url", [KEYS, DISCOVERY])
async def test_a_body_without_end_is_left_after_64_kib(issuer: IssuerStandIn, url: str) -> None:
    drip = Drip(b" " * 16_384)
    issuer.answers[url] = lambda _: httpx2.Response(200, stream=drip)
    await fails(issuer)
    assert drip.taken <= issuers_module.MAX_ANSWER + 16_384


@pytest.mark.parametrize("url", [KEYS, DISCOVERY])
async def test_a_body_that_drips_is_left_in_time(
    issuer: IssuerStandIn, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers_module, "TIMEOUT", 0.2)
    drip = Drip(b" ", 0.001)
    issuer.answers[url] = lambda _: httpx2.Response(200, stream=drip)
    await fails(issuer)
    assert drip.taken < issuers_module.MAX_ANSWER


async def test_a_compressed_bomb_is_left_after_64_kib(issuer: IssuerStandIn) -> None:
    bomb = gzip.compress(b" " * 20_000_000)
    assert len(bomb) < issuers_module.MAX_ANSWER
    issuer.answers[KEYS] = lambda _: httpx2.Response(
        200, headers={"content-encoding": "gzip"}, content=bomb
    )
    await fails(issuer)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("url", [KEYS, DISCOVERY])
async def test_no_redirect_is_followed(issuer: IssuerStandIn, url: str, status: int) -> None:
    issuer.answers[url] = lambda _: httpx2.Response(
        status, headers={"location": "http://169.254.169.254/latest/meta-data/"}
    )
    await fails(issuer)
    assert set(issuer.fetches) <= {KEYS, DISCOVERY}


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "http://169.254.169.254/", "https://169.254.169.254/", "https://169.254.169.254./",
        "https://2852039166/", "https://0xa9fea9fe/", "https://0xa9.254.169.254/", "https://127.1/",
        "https://[::1]/", "https://[fe80::1]/", "https://[::ffff:169.254.169.254]/",
        "https://localhost/", "https://LOCALHOST/", "https://x.localhost/", "https://localhost./",
        "http://127.0.0.1/", "http://id.kestrel.test/jwks.json", "file:///etc/passwd", "gopher://x/",
        "https://user@keys.test/", "https://user:secret@keys.test/", "//keys.test/", "/jwks.json",
        "https:///", "https://", "", "https://keys.test:0/", "https://keys.test:99999/",
        "https://keys.test:x/", "https://evil.test\\@keys.test/", "https://keys.test/\n",
        "https://keys.test/\x00", " https://keys.test/", "https://keys.test/#x", "https://ke\tys.test/",
        "https://kéys.test/", 7, None, ["https://keys.test/"],
    ],
)  # fmt: skip
async def test_no_metadata_sends_us_where_we_should_not_be(
    issuer: IssuerStandIn, jwks_uri: Any
) -> None:
    said = {**metadata(ISSUER.issuer), "jwks_uri": jwks_uri}
    issuer.answers[DISCOVERY] = lambda _: httpx2.Response(200, json=said)
    await fails(issuer)
    assert set(issuer.fetches) == {DISCOVERY}


async def test_keys_may_be_at_another_name(issuer: IssuerStandIn, issuers: Issuers) -> None:
    said = {**metadata(ISSUER.issuer), "jwks_uri": "https://keys.kestrel.test:8443/certs?v=1"}
    issuer.answers[DISCOVERY] = lambda _: httpx2.Response(200, json=said)
    rows = {"keys": [issuer.keys[ISSUER.issuer][0].as_dict(private=False)]}
    issuer.answers[said["jwks_uri"]] = lambda _: httpx2.Response(200, json=rows)
    assert (await TokenVerifier(issuers).access_token(mint(issuer).token())).subject == "s1"


_GOOD = STRANGER.as_dict(private=False)
ODD_KEYS: list[Any] = [
    None, 1, [], "kestrel-1", {"kty": ["RSA"]}, {"kty": {}},
    {"n": 1}, {"n": ""}, {"n": "AQAB"}, {"n": "é"}, {"n": "*"}, {"n": ["x"]}, {"e": "AQ"},
    {"e": "AA"}, {"e": _GOOD["n"]}, {"e": []}, {"kid": 1}, {"kid": ""}, {"kid": ["kestrel-1"]},
    {"use": "enc"}, {"use": ["sig"]}, {"alg": {}}, {"alg": "HS256"}, {"key_ops": 5},
    {"key_ops": ["encrypt"]}, {"x5c": 5}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC"},
    {"kty": "OKP"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": [], "x": "A", "y": "A"},
    {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": "OKP", "crv": {}, "x": "A" * 43},
    {"kty": "OKP", "crv": "Ed448", "x": "A" * 76},
    {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_KEYS, ids=[str(n) for n in range(len(ODD_KEYS))])
async def test_odd_keys_verify_nothing_and_break_nothing(
    issuer: IssuerStandIn, issuers: Issuers, odd: Any
) -> None:
    """Signed by the key they are made of, and the good one beside them goes on working."""
    row = {**_GOOD, "kid": "odd", **odd} if isinstance(odd, dict) else odd
    good = issuer.keys[ISSUER.issuer][0].as_dict(private=False)
    issuer.answers[KEYS] = lambda _: httpx2.Response(200, json={"keys": [row, good]})
    verifier, made = TokenVerifier(issuers), mint(issuer)
    assert (await verifier.access_token(made.token())).subject == "s1"
    with pytest.raises(UnauthenticatedError):
        await verifier.access_token(made.token({"kid": "odd"}, key=STRANGER))


async def test_private_keys_that_were_published_are_used_as_public_ones(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    row = issuer.keys[ISSUER.issuer][0].as_dict(private=True)
    issuer.answers[KEYS] = lambda _: httpx2.Response(200, json={"keys": [row]})
    await TokenVerifier(issuers).access_token(mint(issuer).token())
    assert all(not key.is_private for key in issuers._known[ISSUER.issuer].keys.values())


async def test_1000_keys_are_not_read(issuer: IssuerStandIn) -> None:
    row = {"kty": "OKP", "crv": "Ed25519", "x": "A"}
    rows = [{**row, "kid": str(number)} for number in range(1_000)]
    good = issuer.keys[ISSUER.issuer][0].as_dict(private=False)
    body = orjson.dumps({"keys": [good, *rows]})
    assert len(body) < issuers_module.MAX_ANSWER  # it is the number that is refused
    issuer.answers[KEYS] = lambda _: httpx2.Response(200, content=body)
    await fails(issuer)


async def test_a_flood_of_unknown_kids_holds_nobody_up(issuer: IssuerStandIn) -> None:
    """One fetch, that hangs; whoever has a known key does not wait for it."""
    hangs, begun = asyncio.Event(), asyncio.Event()
    slow = False

    async def handle(request: httpx2.Request) -> httpx2.Response:
        if slow:
            begun.set()
            await hangs.wait()
        return issuer.handle(request)

    made = mint(issuer)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        issuers = Issuers([ISSUER, OTHER], http)
        verifier = TokenVerifier(issuers)
        await verifier.access_token(made.token())
        issuers._known[ISSUER.issuer].tried -= 31
        slow = True
        flood = [
            asyncio.create_task(verifier.access_token(made.token({"kid": f"x{number}"})))
            for number in range(50)
        ]
        await begun.wait()
        assert (await verifier.access_token(made.token(sub="s2"))).subject == "s2"
        hangs.set()
        results = await asyncio.gather(*flood, return_exceptions=True)
        for number in range(50, 100):  # and for half a minute nobody is asked again
            with pytest.raises(UnauthenticatedError):
                await verifier.access_token(made.token({"kid": f"x{number}"}))
    assert all(isinstance(result, UnauthenticatedError) for result in results)
    assert issuer.fetches[KEYS] == 2


async def test_a_flood_of_unknown_issuers_asks_nobody(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    verifier, made = TokenVerifier(issuers), mint(issuer)
    for number in range(20):
        with pytest.raises(UnauthenticatedError):
            await verifier.access_token(made.token(iss=f"https://evil{number}.test"))
    assert issuer.fetches.total() == 0


async def test_keys_that_change_while_they_are_fetched(
    issuer: IssuerStandIn, issuers: Issuers
) -> None:
    """The issuer rotates between its metadata and its keys; the token of the new key counts."""
    new = RSAKey.generate_key(2048, {"kid": "new"})

    def rotating(_: httpx2.Request) -> httpx2.Response:
        issuer.keys[ISSUER.issuer] = [new]
        return httpx2.Response(200, json=metadata(ISSUER.issuer))

    old = mint(issuer)
    issuer.answers[DISCOVERY] = rotating
    verifier = TokenVerifier(issuers)
    assert (await verifier.access_token(old.token({"kid": "new"}, key=new))).subject == "s1"
    with pytest.raises(UnauthenticatedError):
        await verifier.access_token(old.token())


@pytest.mark.parametrize("answer", [b"[]", b"1", b"null", b"{", b"\xff", b"[" * 60_000, b""])
async def test_answers_that_are_no_object(
    issuers: Issuers, issuer: IssuerStandIn, answer: bytes
) -> None:
    issuer.answers[KEYS] = lambda _: httpx2.Response(200, content=answer)
    with pytest.raises(IssuerUnusableError):
        await issuers.get_json(KEYS)
    assert segment(b"") == ""
