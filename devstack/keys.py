"""The stack's keys, made once: a signing key for each part, and whom everybody trusts."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from pathlib import Path

from joserfc.jwk import OKPKey

from devstack.openid.clients import GATEWAY as GATEWAY_CLIENT
from devstack.openid.clients import gateway_secret
from devstack.openid.people import COMPANIES
from devstack.parts import GATEWAY, OPENID, SERVICES, Place

SIGNERS = ("gateway", *(service.name for service in SERVICES))


def write_keys(place: Place) -> None:
    """Make what is missing; what is there stays as it is."""
    place.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    trusted = {}
    for name in SIGNERS:
        key = _signing_key(place.keys / f"{name}.pem")
        public = key.as_dict(private=False)
        trusted[name] = {
            **{field: public[field] for field in ("kty", "crv", "x")},
            "kid": key.thumbprint(),
        }
    _write(place.keys / "trusted.json", json.dumps(trusted, indent=2))
    for name in ("cursor.key", "addresses.key", "webhooks.key"):
        path = place.keys / name
        if not path.exists():
            _write(path, secrets.token_hex(32))
    _write(place.issuers_file, json.dumps(_issuers(place), indent=2))


def _issuers(place: Place) -> list[dict[str, str]]:
    return [
        {
            "key": company.key,
            "name": company.name,
            "issuer": f"{place.url(OPENID)}/{company.key}",
            "client_id": GATEWAY_CLIENT,
            "client_secret": gateway_secret(place.data / "openid", company.key),
            "audience": place.url(GATEWAY),
        }
        for company in COMPANIES
    ]


def _signing_key(path: Path) -> OKPKey:
    if not path.exists():
        _write(path, OKPKey.generate_key("Ed25519").as_pem(private=True).decode())
    return OKPKey.import_key(path.read_bytes())


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).rename(path)
