"""A browser and a client for the tests of the OpenID providers."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
from joserfc.jwk import KeySet

from devstack.openid.people import PASSWORD
from devstack.token import LoginForm

CALLBACK = "http://127.0.0.1:53211/callback"
GATEWAY = "http://127.0.0.1:9"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]
ENGINEER = "engineer@kestrel.example"


@dataclass(frozen=True)
class Providers:
    """The process under test."""

    url: str
    data: Path
    environment: dict[str, str]

    def keys(self, issuer: str = "kestrel") -> KeySet:
        answer = httpx2.get(f"{self.url}/{issuer}/jwks.json", trust_env=False)
        return KeySet.import_key_set(answer.json())


@dataclass
class Browser:
    """A person's browser with one client's request."""

    issuer: str
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(trust_env=False))

    def ask(self, **changes: str | None) -> httpx2.Response:
        request = {
            "response_type": "code",
            "client_id": "guildhall-cli",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": "the state",
            "nonce": "the nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in request.items() if value is not None}
        return self.http.get(f"{self.issuer}/authorize", params=given)

    def sign_in(
        self, page: httpx2.Response, email: str = ENGINEER, password: str = PASSWORD, **extra: str
    ) -> httpx2.Response:
        form = LoginForm(page.text)
        data = {**form.hidden, "email": email, "password": password, **extra}
        return self.http.post(urljoin(str(page.url), form.action), data=data)

    def code(self, **changes: str | None) -> str:
        return returned(self.sign_in(self.ask(**changes)))["code"]

    def token(self, **form: str) -> httpx2.Response:
        exchange = {
            "grant_type": "authorization_code",
            "client_id": "guildhall-cli",
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **form,
        }
        return self.http.post(f"{self.issuer}/token", data=exchange)

    def refresh(self, token: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "client_id": "guildhall-cli"}
        return self.http.post(f"{self.issuer}/token", data={**form, "refresh_token": token})

    def who(self, token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.get(f"{self.issuer}/userinfo", headers=headers)


def returned(response: httpx2.Response) -> dict[str, str]:
    location = response.headers["Location"]
    assert location.startswith(f"{CALLBACK}?"), location
    return dict(parse_qsl(urlsplit(location).query))


def encoded(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'at+jwt'})}.{encoded(claims)}."
