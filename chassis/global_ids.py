"""Ids as clients of the gateway see them: they name an object on the whole platform."""

from __future__ import annotations

import base64


def global_id(kind: str, community_id: str, id: str) -> str:
    """Of an object of this GraphQL type."""
    raw = f"{kind}:{community_id}:{id}".encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
