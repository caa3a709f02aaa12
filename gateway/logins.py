"""Logins under way: sealed into the state that the issuer hands back, so none is stored."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

LIFETIME = 600.0  # seconds
_HEADER = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS = list(_HEADER.values())


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that was sent to an issuer and has not come back."""

    id: str
    end_time: datetime
    return_to: str
    nonce: str
    verifier: str


class Logins:
    """Seals and opens. Whoever asks for logins by the million costs neither disk nor memory."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._seal = OctKey.import_key(self._derive("seal"))

    def begin(self, issuer_key: str, browser: str, return_to: str) -> tuple[Login, str]:
        """A new login at this issuer for this browser, and the state to send along."""
        number, end = secrets.token_urlsafe(32), time.time() + LIFETIME
        sealed = orjson.dumps([number, end, issuer_key, _digest(browser), return_to])
        return self._login(number, end, return_to), jwe.encrypt_compact(_HEADER, sealed, self._seal)

    def open(self, state: str, issuer_key: str, browser: str) -> Login | None:
        """The login of this state: in the browser and at the issuer it began with, in time."""
        if not state.isascii():
            return None
        try:
            opened: Any = jwe.decrypt_compact(state, self._seal, algorithms=_ALGORITHMS).plaintext
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            return None
        number, end, at, digest, return_to = orjson.loads(opened or b"")
        same = hmac.compare_digest(digest, _digest(browser))
        if not same or at != issuer_key or end <= time.time():
            return None
        return self._login(number, end, return_to)

    def _login(self, id: str, end: float, return_to: str) -> Login:
        nonce, verifier = (_text(self._derive(f"{use} {id}")) for use in ("nonce", "verifier"))
        return Login(id, datetime.fromtimestamp(end, UTC), return_to, nonce, verifier)

    def _derive(self, use: str) -> bytes:
        return hmac.digest(self._key, use.encode(), sha256)


def _digest(browser: str) -> str:
    return _text(sha256(browser.encode("utf-8", "replace")).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
