"""File passes: what one address of a file allows, signed by the part that owns the file.

For stores that sign no addresses themselves, as a folder: who serves it believes the pass alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chassis.errors import UnauthenticatedError

Action = Literal["put", "get"]
INCOMING, KEPT = "incoming", "kept"  # areas of a folder: as it was put, as it is read
PUT: Final = "put"
GET: Final = "get"
_AUDIENCE = "files"
_TYPE = "file+jwt"
_ALGORITHM = "Ed25519"
_HEADER_NAMES = {"alg", "typ", "kid"}
_MAX_LENGTH = 3_500
_LONGEST = 3_600  # seconds a pass may live


@dataclass(frozen=True, slots=True)
class FilePass:
    """Who holds it may put this file, or get it."""

    action: Action
    key: str
    size: int
    sha256: str = ""  # of what may be put; empty: of anything
    name: str = ""
    type: str = ""
    inline: bool = False  # to be shown in place, not downloaded


class FilePassSigner:
    """Signs for one part, with the key that it signs its calls with."""

    def __init__(self, part: str, key: OKPKey) -> None:
        self._part = part
        self._key = key
        self._kid = key.thumbprint()

    @classmethod
    def from_file(cls, part: str, path: Path) -> FilePassSigner:
        """The private key is a PEM file."""
        return cls(part, OKPKey.import_key(path.read_text()))

    def sign(self, allowed: FilePass, expires: int) -> str:
        """The pass as it stands in an address, until then (in seconds since 1970)."""
        claims = {"iss": self._part, "aud": _AUDIENCE, "exp": expires, **asdict(allowed)}
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._kid}
        return jwt.encode(header, claims, self._key, algorithms=[_ALGORITHM])


class FilePassVerifier:
    """Believes passes of one part."""

    def __init__(self, part: str, key: OKPKey) -> None:
        self._part = part
        self._key = key
        self._kid = key.thumbprint()

    @classmethod
    def from_file(cls, part: str, path: Path) -> FilePassVerifier:
        """The file maps each part's name to its public key."""
        return cls(part, OKPKey.import_key(json.loads(path.read_text())[part]))

    def verify(self, token: str, action: Action) -> FilePass:
        """What it allows. Refuses with UNAUTHENTICATED, never saying why."""
        try:
            claims = self._claims(token)
            if claims.pop("action") != action:
                raise ValueError
            return _file_pass(action, claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise UnauthenticatedError from None

    def _claims(self, token: str) -> dict[str, Any]:
        if not token.isascii() or len(token) > _MAX_LENGTH:
            raise ValueError
        header = jws.extract_compact(token.encode()).headers()
        if set(header) != _HEADER_NAMES or header["typ"] != _TYPE or header["kid"] != self._kid:
            raise ValueError
        claims = dict(jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims)
        now, expires = time.time(), claims.pop("exp")
        if type(expires) is not int or not now < expires <= now + _LONGEST:
            raise ValueError
        if claims.pop("iss") != self._part or claims.pop("aud") != _AUDIENCE:
            raise ValueError
        return claims


def _file_pass(action: Action, claims: Mapping[str, Any]) -> FilePass:
    found = FilePass(action, **claims)
    texts = (found.key, found.sha256, found.name, found.type)
    if not all(type(text) is str for text in texts) or type(found.size) is not int:
        raise ValueError
    if type(found.inline) is not bool:
        raise ValueError
    return found


def place(folder: Path, area: str, key: str) -> Path:
    """Where a folder that two parts share has a file; a key has letters and digits, so no way out.

    Refuses with ValueError.
    """
    if not (key.isalnum() and key.isascii()):
        raise ValueError("no key of a file")
    return folder / area / key[:2] / key
