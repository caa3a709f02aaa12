"""The two clients every issuer knows: the gateway and the command line."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

GATEWAY = "guildhall-gateway"
CLI = "guildhall-cli"
SCOPES = ("openid", "profile", "email", "offline_access")


@dataclass(frozen=True, slots=True)
class Client:
    """A client as Authlib asks about it; without a secret it is a public one."""

    client_id: str
    redirect_uris: tuple[str, ...]
    secret: str | None = None
    after_logout: tuple[str, ...] = ()

    @property
    def client_metadata(self) -> dict[str, Any]:
        """The registered facts, by the names of RFC 7591."""
        return {
            "redirect_uris": list(self.redirect_uris),
            "post_logout_redirect_uris": list(self.after_logout),
        }

    def get_client_id(self) -> str:
        """The id."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: OpenID Connect wants it said in every request."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """The scopes asked for that exist."""
        return " ".join(name for name in (scope or "").split() if name in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly a registered one; a public client's loopback address may have any port."""
        if redirect_uri in self.redirect_uris:
            return True
        return self.secret is None and _without_port(redirect_uri) in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether it is the one."""
        return self.secret is not None and secrets.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A confidential client always shows its secret, a public one has none."""
        return (method == "none") == (self.secret is None)

    def check_response_type(self, response_type: str) -> bool:
        """Only the code flow."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """The code flow and what follows it."""
        return grant_type in ("authorization_code", "refresh_token")


def registered_clients(gateway_url: str, issuer_key: str, data: Path) -> dict[str, Client]:
    """Both clients of an issuer, by id."""
    gateway = Client(
        GATEWAY,
        (f"{gateway_url}/signin/{issuer_key}/callback",),
        secret=gateway_secret(data, issuer_key),
        after_logout=(gateway_url, f"{gateway_url}/", f"{gateway_url}/signin"),
    )
    # RFC 8252: a program on this machine listens on whatever port is free.
    cli = Client(CLI, ("http://127.0.0.1/callback", "http://[::1]/callback"))
    return {client.client_id: client for client in (gateway, cli)}


def gateway_secret(data: Path, issuer_key: str) -> str:
    """The gateway's secret at an issuer: made once, then read."""
    path = data / issuer_key / "gateway.secret"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(secret := secrets.token_urlsafe(32))
    return secret


def _without_port(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # says whether it is a number
    except ValueError:
        return uri
    loopback = {"127.0.0.1": "127.0.0.1", "::1": "[::1]"}.get(parts.hostname or "")
    if parts.scheme != "http" or loopback is None or parts.username is not None:
        return uri
    return parts._replace(netloc=loopback).geturl()
