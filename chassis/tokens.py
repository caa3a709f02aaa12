"""Actor tokens: who makes a call, signed for one audience, for three seconds.

The gateway signs for people, with its key; a service signs for itself only, with its own. A
verifier knows one public key a part, so no part can speak for another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chassis.actors import Actor, Membership
from chassis.errors import UnauthenticatedError

# Seconds. A token outlives what its person may do by at most these two; with the second an actor is
# remembered at the gateway that makes the five that a revocation takes (docs/adr/0008).
LIFETIME = 3
LEEWAY = 1  # between two machines' clocks
HANDED_OUT = 0.5  # then there is time left for the longest call
GATEWAY = "gateway"
_TYPE = "actor+jwt"
_ALGORITHM = "Ed25519"
_MEMO_SIZE = 5000
_MAX_LENGTH = 16384
_HEADER_NAMES = {"alg", "typ", "kid"}


class TokenSigner:
    """Signs for one part; a token is handed out again for a moment, as signing is dear."""

    def __init__(self, part: str, key: OKPKey) -> None:
        self.part = part
        self._key = key
        self._kid = key.thumbprint()
        # audience and actor's id -> when it was signed, token, the actor that id is of
        self._memo: dict[tuple[str, int], tuple[float, str, Actor | None]] = {}

    @classmethod
    def from_file(cls, part: str, path: Path) -> TokenSigner:
        """The private key is a PEM file."""
        return cls(part, OKPKey.import_key(path.read_text()))

    def token(self, audience: str, actor: Actor | None = None) -> str:
        """A token for one part: for a person (only the gateway's are believed) or for this part."""
        key = (audience, id(actor))
        now = time.time()
        memo = self._memo.get(key)
        # One signed after now is of a clock that was set back: nobody would believe it.
        if memo is not None and memo[0] <= now < memo[0] + HANDED_OUT and memo[2] is actor:
            return memo[1]
        token = self._sign(audience, actor, int(now))
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        self._memo[key] = (now, token, actor)
        return token

    def _sign(self, audience: str, actor: Actor | None, now: int) -> str:
        claims: dict[str, Any] = {
            "iss": self.part,
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME,
            "sub": actor.name if actor else f"service:{self.part}",
        }
        if actor is not None:
            claims["op"] = actor.operator
            claims["mem"] = {
                community: [m.company_id, sorted(m.roles), m.trust_level, list(m.keyring)]
                for community, m in actor.memberships.items()
            }
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._kid}
        return jwt.encode(header, claims, self._key, algorithms=[_ALGORITHM])


class TokenVerifier:
    """Believes tokens for one audience, signed by the part they name."""

    def __init__(self, audience: str, keys: Mapping[str, OKPKey]) -> None:
        self._audience = audience
        self._keys = {key.thumbprint(): (part, key) for part, key in keys.items()}
        self._memo: dict[str, tuple[float, float, Actor]] = {}  # from, until, who

    @classmethod
    def from_file(cls, audience: str, path: Path) -> TokenVerifier:
        """The file maps each part's name to its public key."""
        keys = json.loads(path.read_text())
        return cls(audience, {part: OKPKey.import_key(jwk) for part, jwk in keys.items()})

    def actor(self, token: str) -> Actor:
        """Who is calling. Refuses with UNAUTHENTICATED, never saying why."""
        now = time.time()
        memo = self._memo.get(token)
        if memo is not None:
            if memo[0] <= now < memo[1]:
                return memo[2]
            del self._memo[token]
        try:
            actor, until = self._verify(token, now)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise UnauthenticatedError from None
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        # No longer than the token lives, though the clock be set back.
        self._memo[token] = (now - LEEWAY, until, actor)
        return actor

    def _verify(self, token: str, now: float) -> tuple[Actor, float]:
        if not token.isascii() or len(token) > _MAX_LENGTH:
            raise ValueError
        header = jws.extract_compact(token.encode()).headers()
        if set(header) != _HEADER_NAMES or header["typ"] != _TYPE or header["alg"] != _ALGORITHM:
            raise ValueError
        part, key = self._keys[header["kid"]]
        claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
        issued, expires = claims["iat"], claims["exp"]
        if type(issued) is not int or type(expires) is not int:
            raise ValueError
        if not (issued - LEEWAY <= now < expires + LEEWAY and expires - issued <= LIFETIME):
            raise ValueError
        if claims["iss"] != part or claims["aud"] != self._audience:
            raise ValueError
        return _actor(part, claims), expires


def _actor(part: str, claims: Mapping[str, Any]) -> Actor:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject:
        raise ValueError
    if subject == f"service:{part}":
        return Actor(service=part)
    if part != GATEWAY or ":" in subject:
        raise ValueError
    memberships = {community: _membership(*each) for community, each in claims["mem"].items()}
    return Actor(person_id=subject, operator=claims["op"] is True, memberships=memberships)


def _membership(company: Any, roles: Any, trust: Any, keys: Any) -> Membership:
    if type(roles) is not list or type(keys) is not list or type(trust) is not int:
        raise ValueError
    if not all(type(word) is str for word in (company, *roles, *keys)):
        raise ValueError
    return Membership(company, frozenset(roles), trust, tuple(keys))
