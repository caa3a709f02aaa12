"""Secrets of feed addresses: made here, known to the forum by their hash only."""

from __future__ import annotations

import base64
import hmac
import re
from hashlib import sha256

from chassis.values import value
from gateway.cursors import CursorKey

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def new_secret(key: CursorKey, community_id: str, person_id: str, request_id: str) -> str:
    """256 bits that nobody can guess; the same request, repeated, is told the same."""
    made = hmac.digest(
        key.derived("feed addresses"), f"{community_id}:{person_id}:{request_id}".encode(), sha256
    )
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_secret(text: str) -> bool:
    """Whether it could be one."""
    return _SECRET.fullmatch(text) is not None


def hash_of(secret: str) -> str:
    """As the forum keeps it."""
    return sha256(secret.encode()).hexdigest()


@value
class Addresses:
    """Where feed readers and calendars find it."""

    atom_url: str
    rss_url: str
    calendar_url: str


def addresses_of(public_url: str, secret: str) -> Addresses:
    """One for each format."""
    base = f"{public_url.rstrip('/')}/feeds/{secret}"
    return Addresses(f"{base}.atom", f"{base}.rss", f"{base}.ics")
