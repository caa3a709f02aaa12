"""`python -m devstack.token E-MAIL` prints an access token, got by the real code flow."""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
import sys
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from devstack.openid.clients import CLI, SCOPES
from devstack.openid.people import PASSWORD, PEOPLE, find_person

# Nobody listens there: this program sees the redirect before a browser would follow it.
REDIRECT_URI = "http://127.0.0.1:49152/callback"


class TokenRefusedError(Exception):
    """Why there is no token, as one line."""


def access_token(email: str, openid_url: str | None = None) -> str:
    """An access token for a demo person, from the provider of the person's company."""
    return str(tokens(email, openid_url)["access_token"])


def tokens(email: str, openid_url: str | None = None) -> dict[str, Any]:
    """All that the provider's token endpoint gives: access, refresh and id token."""
    person = find_person(email)
    if person is None:
        known = ", ".join(person.email for person in PEOPLE)
        raise TokenRefusedError(f"{email} is not one of the demo's people: {known}")
    issuer = f"{openid_url or default_openid_url()}/{person.company}"
    try:
        with httpx2.Client(trust_env=False, timeout=10) as browser:
            return _sign_in(browser, issuer, person.email)
    except httpx2.TransportError as error:
        raise TokenRefusedError(
            f"no OpenID provider answers at {issuer}: start everything with `make run`"
        ) from error


def default_openid_url() -> str:
    """Where `make run` puts the providers: one port above the gateway."""
    return f"http://127.0.0.1:{int(os.environ.get('GUILDHALL_PORT', '8080')) + 1}"


def _sign_in(browser: httpx2.Client, issuer: str, email: str) -> dict[str, Any]:
    provider = _found(browser.get(f"{issuer}/.well-known/openid-configuration")).json()
    verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    request = {
        "response_type": "code",
        "client_id": CLI,
        "redirect_uri": REDIRECT_URI,
        "scope": " ".join(SCOPES),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    page = _found(browser.get(provider["authorization_endpoint"], params=request))
    form = LoginForm(page.text)
    filled = {**form.hidden, "email": email, "password": PASSWORD}
    answer = browser.post(urljoin(str(page.url), form.action), data=filled)
    location = answer.headers.get("Location", "")
    if not location.startswith(f"{REDIRECT_URI}?"):
        raise TokenRefusedError(f"{issuer} did not accept the sign-in (HTTP {answer.status_code})")
    returned = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    if returned.get("state") != state or returned.get("iss") != issuer or "code" not in returned:
        raise TokenRefusedError(f"{issuer} answered the sign-in with {returned.get('error')}")
    exchange = {
        "grant_type": "authorization_code",
        "client_id": CLI,
        "code": returned["code"],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": verifier,
    }
    got: dict[str, Any] = _found(browser.post(provider["token_endpoint"], data=exchange)).json()
    return got


def _found(response: httpx2.Response) -> httpx2.Response:
    if response.status_code != httpx2.codes.OK:
        raise TokenRefusedError(
            f"{response.url} is no OpenID provider of Guildhall (HTTP {response.status_code})"
        )
    return response


class LoginForm(HTMLParser):
    """The login form of a page: where it goes and what it hides."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = named.get("action", "")
        elif tag == "input" and named.get("type") == "hidden":
            self.hidden[named["name"]] = named.get("value", "")


def main() -> int:
    """Print the token, or why there is none."""
    parser = argparse.ArgumentParser(prog="python -m devstack.token", description=__doc__)
    parser.add_argument("email", help="one of the demo's people, as engineer@kestrel.example")
    arguments = parser.parse_args()
    try:
        print(access_token(arguments.email))
    except TokenRefusedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
