"""Tokens for attacks: whatever is asked for, truly signed, so that one thing only is wrong."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

Part = bytes | Mapping[str, Any]


def segment(part: Part) -> str:
    """One part of a token: bytes as they are, anything else as JSON."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(header: Part, claims: Part, signature: bytes | str = b"") -> str:
    """A token with a signature of somebody's choice: bytes, or what stood in another token."""
    end = signature if isinstance(signature, str) else segment(signature)
    return f"{segment(header)}.{segment(claims)}.{end}"


def signed(header: Part, claims: Part, key: Key, algorithm: str) -> str:
    """A token whose signature is right for this key, whatever the header says."""
    body = f"{segment(header)}.{segment(claims)}"
    signature = JWSRegistry.algorithms[algorithm].sign(body.encode(), key)
    return f"{body}.{segment(signature)}"


def hmac_signed(header: Part, claims: Part, secret: bytes) -> str:
    """A token signed with what everybody knows, a public key above all."""
    body = f"{segment(header)}.{segment(claims)}"
    return f"{body}.{segment(hmac.digest(secret, body.encode(), 'sha256'))}"
