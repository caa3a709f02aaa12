"""Actor tokens: what is believed, and everything that is not."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from chassis.actors import Actor, Membership
from chassis.errors import UnauthenticatedError
from chassis.tokens import LIFETIME, TokenSigner, TokenVerifier

GATEWAY, FORUM, STRANGER = (OKPKey.generate_key("Ed25519") for _ in range(3))
VERIFIER = TokenVerifier("forum", {"gateway": GATEWAY, "forum": FORUM, "search": STRANGER})
OUTSIDER = OKPKey.generate_key("Ed25519")
PERSON = Actor(
    person_id="p1",
    operator=False,
    memberships={"c1": Membership("co1", frozenset({"MEMBER", "MODERATOR"}), 3, ("k1", "k2"))},
)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": "gateway",
        "aud": "forum",
        "iat": now,
        "exp": now + LIFETIME,
        "sub": "p1",
        "op": False,
        "mem": {},
    }
    good.update(changes)
    return {name: value for name, value in good.items() if value is not None}


def token(key: OKPKey = GATEWAY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    head = {"alg": "Ed25519", "typ": "actor+jwt", "kid": key.thumbprint(), **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(head, claims(**changes), key, algorithms=["Ed25519"])


def _raw(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_person_comes_back_as_signed() -> None:
    assert VERIFIER.actor(TokenSigner("gateway", GATEWAY).token("forum", PERSON)) == PERSON


def test_operator_flag_is_kept() -> None:
    actor = Actor(person_id="p9", operator=True)
    assert VERIFIER.actor(TokenSigner("gateway", GATEWAY).token("forum", actor)) == actor


def test_service_speaks_for_itself() -> None:
    assert VERIFIER.actor(TokenSigner("search", STRANGER).token("forum")) == Actor(service="search")


def test_gateway_speaks_for_itself_too() -> None:
    assert VERIFIER.actor(TokenSigner("gateway", GATEWAY).token("forum")).service == "gateway"


def test_token_is_reused_for_the_same_actor_only() -> None:
    signer = TokenSigner("gateway", GATEWAY)
    assert signer.token("forum", PERSON) is signer.token("forum", PERSON)
    twin = Actor(person_id="p1")
    assert VERIFIER.actor(signer.token("forum", twin)) == twin


_NOW = int(time.time())
_KID = GATEWAY.thumbprint()
_RSA = RSAKey.generate_key(2048)
BAD = {
    "empty": "",
    "not a token": "abc",
    "two parts": "a.b",
    "not ascii": "ä.b.c",
    "huge": "a" * 20000 + ".b.c",
    "no signature": _raw({"alg": "Ed25519", "typ": "actor+jwt", "kid": _KID}, claims()),
    "alg none": _raw({"alg": "none", "typ": "actor+jwt", "kid": _KID}, claims()),
    "alg NoNe": _raw({"alg": "NoNe", "typ": "actor+jwt", "kid": _KID}, claims()),
    "hmac with the public key": jwt.encode(
        {"alg": "HS256", "typ": "actor+jwt", "kid": _KID},
        claims(),
        OctKey.import_key(str(GATEWAY.as_dict(private=False)["x"])),
        algorithms=["HS256"],
    ),
    "rsa under our kid": jwt.encode(
        {"alg": "RS256", "typ": "actor+jwt", "kid": _KID}, claims(), _RSA, algorithms=["RS256"]
    ),
    "unknown key": token(OUTSIDER),
    "other key under our kid": token(OUTSIDER, {"kid": _KID}),
    "no kid": token(header={"kid": None}),
    "kid is a path": token(header={"kid": "../../gateway"}),
    "jwk in header": token(OUTSIDER, {"jwk": OUTSIDER.as_dict(private=False)}),
    "jku in header": token(header={"jku": "https://evil.example/keys"}),
    "x5u in header": token(header={"x5u": "https://evil.example/cert"}),
    "wrong typ": token(header={"typ": "JWT"}),
    "no typ": token(header={"typ": None}),
    "other audience": token(aud="directory"),
    "audience list": token(aud=["forum", "directory"]),
    "no audience": token(aud=None),
    "expired": token(iat=_NOW - 200, exp=_NOW - 140),
    "issued in the future": token(iat=_NOW + 3600, exp=_NOW + 3650),
    "lives too long": token(exp=_NOW + 86400),
    "no expiry": token(exp=None),
    "no issue time": token(iat=None),
    "expiry not a number": token(exp="tomorrow"),
    "expiry is true": token(exp=True),
    "no subject": token(sub=None),
    "empty subject": token(sub=""),
    "subject is a list": token(sub=["p1"]),
    "issuer is another part": token(iss="search"),
    "service speaks for a person": token(STRANGER, iss="search"),
    "service speaks for another service": token(STRANGER, iss="search", sub="service:gateway"),
    "gateway speaks for a service": token(sub="service:search"),
    "memberships are a list": token(mem=[]),
    "memberships are missing": token(mem=None),
    "memberships are deep": token(mem={"c1": ["co1"]}),
    "truncated": token()[:-4],
    "payload of another": ".".join(
        [token().split(".")[0], token(sub="p2").split(".")[1], token().split(".")[2]]
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_anything_else_is_refused_without_a_reason(bad: str) -> None:
    with pytest.raises(UnauthenticatedError) as refusal:
        VERIFIER.actor(bad)
    assert str(refusal.value) == "Unauthenticated"


def test_token_dies_although_it_was_believed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = TokenVerifier("forum", {"gateway": GATEWAY})
    good = token()
    assert verifier.actor(good).person_id == "p1"
    later = time.time() + LIFETIME + 6
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(UnauthenticatedError):
        verifier.actor(good)
