"""Actor tokens: what is believed, and everything that is not."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

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


def test_token_dies_although_it_was_believed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = TokenVerifier("forum", {"gateway": GATEWAY})
    good = token()
    assert verifier.actor(good).person_id == "p1"
    later = time.time() + LIFETIME + 6
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(UnauthenticatedError):
        verifier.actor(good)


def test_clock_that_was_wrong_for_a_while_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour ahead and back: what was signed or believed meanwhile counts no more."""
    now = time.time()
    signer, verifier = TokenSigner("gateway", GATEWAY), TokenVerifier("forum", {"gateway": GATEWAY})
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    ahead = signer.token("forum", PERSON)
    assert verifier.actor(ahead) == PERSON  # whose clock is as wrong
    monkeypatch.setattr(time, "time", lambda: now)
    with pytest.raises(UnauthenticatedError):
        verifier.actor(ahead)
    assert signer.token("forum", PERSON) != ahead
    assert verifier.actor(signer.token("forum", PERSON)) == PERSON
