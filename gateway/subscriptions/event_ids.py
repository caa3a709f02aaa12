"""Ids of events: where a subscription is in its stream, sealed for one person and one subject.

Sealed, and not only signed: how far a stream went on between two events tells how much is said in
communities that are nobody's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_HEADER = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS = list(_HEADER.values())
_MOST_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to this number of this stream was told; `seen` is what was seen then."""

    incarnation: str
    seq: int
    seen: str


class EventIds:
    """Seals and opens."""

    def __init__(self, key: bytes) -> None:
        self._key = OctKey.import_key(key)

    def seal(self, person_id: str, subject: str, place: Place) -> str:
        """The id as clients see it."""
        sealed = orjson.dumps([person_id, subject, place.incarnation, place.seq, place.seen])
        return jwe.encrypt_compact(_HEADER, sealed, self._key)

    def open(self, person_id: str, subject: str, id: str) -> Place | None:
        """The place behind an id that this person was given for this subject."""
        if not id.isascii() or len(id) > _MOST_CHARACTERS:
            return None
        try:
            opened: Any = jwe.decrypt_compact(id, self._key, algorithms=_ALGORITHMS).plaintext
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            return None
        whose, of, incarnation, seq, seen = orjson.loads(opened or b"")
        return Place(incarnation, seq, seen) if (whose, of) == (person_id, subject) else None
