"""Tokens of the trusted issuers, verified strictly: access tokens (RFC 9068) and id tokens."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from chassis.errors import UnauthenticatedError
from gateway.issuers import Issuer, Issuers

LEEWAY = 30.0
MAX_LIFETIME = 86_400.0
MAX_TOKEN = 8_192
ID_TOKEN_AGE = 600.0
_MAX_SUBJECT = 255
_MAX_CLIENT = 200
_MEMO_SIZE, _MEMO_SECONDS = 5_000, 60.0
_HEADERS = {"alg", "typ", "kid", "x5t", "x5t#S256"}
_ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
_ACCESS_TYPES = {"at+jwt", "application/at+jwt"}
_ID_TYPES = {"", "jwt"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an issuer says is there; name and e-mail are for display."""

    issuer: str
    subject: str
    email: str = ""
    name: str = ""
    client_id: str = ""  # of an access token: which program it was given to

    @property
    def key(self) -> tuple[str, str]:
        """What tells people apart."""
        return self.issuer, self.subject


class TokenRefusedError(UnauthenticatedError):
    """A token we do not believe. Clients are never told why."""

    @classmethod
    def reason(cls) -> str:
        return UnauthenticatedError.reason()


class TokenVerifier:
    """Verifies tokens of trusted issuers; remembers for a minute what it has verified."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers
        self._memo: dict[bytes, tuple[float, float, Identity]] = {}  # from, until, who

    async def access_token(self, token: str) -> Identity:
        """Who a bearer token is of. Refuses with UNAUTHENTICATED, UNAVAILABLE."""
        if (remembered := self.remembered(token)) is not None:
            return remembered
        claims = await self._claims(token, _ACCESS_TYPES)
        issuer = self._issuers.by_issuer(claims["iss"])
        if issuer is None or issuer.audience not in _audience(claims):
            raise TokenRefusedError("the access token was refused")
        identity = replace(_identity(claims), client_id=_client(claims))
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        now = time.time()  # if the clock is set back, what it said before counts no more
        until = min(claims["exp"], now + _MEMO_SECONDS)
        self._memo[_digest(token)] = (now - LEEWAY, until, identity)
        return identity

    def remembered(self, token: str) -> Identity | None:
        """Of a token that was verified within a minute; None: it is to be verified."""
        memo = self._memo.get(_digest(token))
        return memo[2] if memo is not None and memo[0] <= time.time() < memo[1] else None

    async def id_token(self, token: str, issuer: Issuer, nonce: str) -> Identity:
        """Who has signed in at this issuer, for this login. Refuses with UNAUTHENTICATED."""
        claims = await self._claims(token, _ID_TYPES)
        if (
            claims["iss"] != issuer.issuer
            or _audience(claims) != [issuer.client_id]
            or claims.get("azp", issuer.client_id) != issuer.client_id
            or claims.get("nonce") != nonce
            or claims["iat"] < time.time() - ID_TOKEN_AGE
        ):
            raise TokenRefusedError("the id token was refused")
        return _identity(claims)

    async def _claims(self, token: str, types: set[str]) -> dict[str, Any]:
        """The claims of a token whose signature, issuer and times are right."""
        try:
            header, unverified = _parts(token)
            _check_header(header, types)
            issuer = self._issuers.by_issuer(_text(unverified, "iss"))
            if issuer is None:
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            raise TokenRefusedError("the token was refused") from None
        key = await self._issuers.key(issuer, header["kid"])
        try:
            if key is None:
                raise ValueError
            _check_key(key, header["alg"])
            _check_signature(token, key, header["alg"])
            _check_times(unverified)
            _check_subject(unverified)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise TokenRefusedError("the token was refused") from None
        return unverified


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, read strictly."""
    if not token.isascii() or len(token) > MAX_TOKEN:
        raise ValueError
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError
    return _object(parts[0]), _object(parts[1])


def _object(part: str) -> dict[str, Any]:
    raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != part:
        raise ValueError
    value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - all that is wrong with a token is one thing
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _no_constant(_: str) -> None:
    raise ValueError


def _check_header(header: Mapping[str, Any], types: set[str]) -> None:
    kind = header.get("typ", "")
    if (
        not set(header) <= _HEADERS
        or header.get("alg") not in _ALGORITHMS
        or not isinstance(kind, str)
        or kind.lower() not in types
    ):
        raise ValueError
    _text(header, "kid")


def _check_key(key: Key, algorithm: str) -> None:
    kind = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}[_ALGORITHMS[algorithm]]
    published = key.get("alg")
    if not isinstance(key, kind) or (published is not None and published != algorithm):
        raise ValueError


def _check_signature(token: str, key: Key, algorithm: str) -> None:
    with warnings.catch_warnings():
        # RFC 9864 renames EdDSA to Ed25519; issuers will say EdDSA for years
        warnings.simplefilter("ignore", SecurityWarning)
        jws.deserialize_compact(token, key, algorithms=[algorithm])


def _check_times(claims: Mapping[str, Any]) -> None:
    now = time.time()
    issued, expires = _number(claims, "iat"), _number(claims, "exp")
    if not issued - LEEWAY <= now < expires + LEEWAY or expires - issued > MAX_LIFETIME:
        raise ValueError
    if "nbf" in claims and _number(claims, "nbf") - LEEWAY > now:
        raise ValueError


def _check_subject(claims: Mapping[str, Any]) -> None:
    if len(_text(claims, "sub")) > _MAX_SUBJECT or "events" in claims:  # events: a logout token
        raise ValueError


def _number(claims: Mapping[str, Any], name: str) -> float:
    value: Any = claims.get(name)
    if type(value) not in (int, float) or not abs(value) <= 1e12:  # so that NaN is none either
        raise ValueError
    return float(value)


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError
    return value


def _audience(claims: Mapping[str, Any]) -> list[str]:
    audience = claims.get("aud")
    if isinstance(audience, str):
        return [audience]
    if isinstance(audience, list) and all(isinstance(each, str) for each in audience):
        return audience
    return []


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()


def _identity(claims: Mapping[str, Any]) -> Identity:
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=_display(claims, "email"),
        name=_display(claims, "name") or _display(claims, "preferred_username"),
    )


def _client(claims: Mapping[str, Any]) -> str:
    """The client of RFC 9068, or what older issuers call so; empty where none is named."""
    client = claims.get("client_id", claims.get("azp"))
    return client if isinstance(client, str) and len(client) <= _MAX_CLIENT else ""


def _display(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    return value[:200].encode("utf-8", "replace").decode()  # JSON may hold half a letter
