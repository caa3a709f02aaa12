"""An issuer's signing keys: files in its data folder, newest signs, the last hour's verify."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from joserfc.jwk import KeySet, RSAKey

ALGORITHM = "RS256"  # the one every OpenID Connect client must know
STAYS_PUBLISHED = 3600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair and when it came into use."""

    key: RSAKey
    since: int


class SigningKeys:
    """Reads its folder each time, so a rotation by command is seen at once."""

    def __init__(self, folder: Path, issuer_key: str, clock: Callable[[], float] = time.time):
        self._folder = folder
        self._issuer_key = issuer_key
        self._clock = clock
        self._read: dict[str, SigningKey] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def signing(self) -> KeySet:
        """The newest key alone; made when there is none yet."""
        return KeySet([self._newest().key])

    def published(self) -> KeySet:
        """What others verify with: a key stays for an hour after its successor came."""
        self._newest()
        keys = self._all()
        limit = self._clock() - STAYS_PUBLISHED
        kept = [key.key for key, successor in pairwise(keys) if successor.since > limit]
        return KeySet([*kept, keys[-1].key])

    def every(self) -> KeySet:
        """All keys there ever were: for what may be as old as an id token hint."""
        self._newest()
        return KeySet([key.key for key in self._all()])

    def rotate(self) -> str:
        """Make a new key that signs from now on; returns its id."""
        kept = self._all()
        number = 1 + (int(str(kept[-1].key.kid).rpartition("-")[2]) if kept else 0)
        kid = f"{self._issuer_key}-{number:04}"
        key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": ALGORITHM})
        target = self._folder / f"{number:04}-{int(self._clock())}.pem"
        handle, temporary = tempfile.mkstemp(dir=self._folder)  # made with mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(key.as_pem(private=True))
        Path(temporary).rename(target)
        return kid

    def _newest(self) -> SigningKey:
        if not self._all():
            self.rotate()
        return self._all()[-1]

    def _all(self) -> list[SigningKey]:
        return [self._load(path) for path in sorted(self._folder.glob("*-*.pem"))]

    def _load(self, path: Path) -> SigningKey:
        if path.name not in self._read:
            number, _, since = path.stem.partition("-")
            kid = f"{self._issuer_key}-{number}"
            key = RSAKey.import_key(path.read_bytes(), {"kid": kid, "use": "sig", "alg": ALGORITHM})
            self._read[path.name] = SigningKey(key, int(since))
        return self._read[path.name]
