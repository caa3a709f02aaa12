"""Signing in with a browser: the code flow with PKCE at the company's own issuer, and out again."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from chassis.errors import DomainError, UnavailableError
from chassis.rpc_status import reason_of
from gateway.actors import Actors, to_actor
from gateway.auth import Identity, TokenVerifier
from gateway.issuers import Issuer, Issuers, IssuerUnusableError
from gateway.logins import LIFETIME, Login, Logins
from gateway.sessions import ABSOLUTE, Sessions, new_secret
from gateway.web import PAGE_POLICY, Site, cookie, own_path

HOME = "/graphql"
_SCOPES = "openid profile email"
_MAX_PARAMETER = 2048
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_OVER = "This sign-in began in another browser, was finished already, or took too long."
Handler = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A sign-in that ends here; says why, for the person."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


def _page_of(handler: Handler) -> Handler:
    """A store that is away is told on a page as well."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except UnavailableError:
            return _refusal("This is not possible right now. Try again soon.", 503)

    return answer


class SignIn:
    """The pages under /signin and /signout."""

    def __init__(
        self,
        site: Site,
        issuers: Issuers,
        verifier: TokenVerifier,
        actors: Actors,
        sessions: Sessions,
        logins: Logins,
    ) -> None:
        self._site = site
        self._issuers = issuers
        self._verifier = verifier
        self._actors = actors
        self._sessions = sessions
        self._logins = logins
        self.routes = [
            Route("/signin", self.choose, methods=["GET"]),
            Route("/signin/{key}", self.begin, methods=["GET"]),
            Route("/signin/{key}/callback", self.finish, methods=["GET"]),
            Route("/signout", self.ask_sign_out, methods=["GET"]),
            Route("/signout", _page_of(self.sign_out), methods=["POST"]),
        ]

    async def choose(self, request: Request) -> Response:
        """Which company one comes from."""
        return_to = own_path(request.query_params.get("return_to", ""), HOME)
        query = urlencode({"return_to": return_to})
        rows = "".join(
            f'<li><a class="choice" href="/signin/{quote(issuer.key)}?{escape(query)}">'
            f"{escape(issuer.name)}</a></li>"
            for issuer in self._issuers.all
        )
        body = (
            "<h1>Sign in with your company</h1>"
            "<p>Choose the company you work for. You sign in there, with what you use every day."
            f'</p><ul class="choices">{rows}</ul>'
        )
        return _page("Sign in", body)

    async def begin(self, request: Request) -> Response:
        """Send the browser to the issuer."""
        issuer = self._issuers.by_key(request.path_params["key"])
        if issuer is None:
            return _refusal("There is no such company here.", 404)
        try:
            provider = await self._issuers.provider(issuer)
        except DomainError:
            return _refusal(f"{issuer.name} does not answer right now. Try again soon.", 503)
        browser = cookie(request, self._site.login_cookie)
        if not _SECRET.fullmatch(browser):
            browser = new_secret()
        return_to = own_path(request.query_params.get("return_to", ""), HOME)
        login, state = self._logins.begin(issuer.key, browser, return_to)
        asked = {
            "response_type": "code",
            "client_id": issuer.client_id,
            "redirect_uri": self._redirect_uri(issuer),
            "scope": _SCOPES,
            "state": state,
            "nonce": login.nonce,
            "code_challenge": _challenge(login.verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in provider.authorization_endpoint else "?"
        response = _redirect(f"{provider.authorization_endpoint}{joint}{urlencode(asked)}")
        self._site.set_cookie(response, self._site.login_cookie, browser, int(LIFETIME))
        return response

    async def finish(self, request: Request) -> Response:
        """The browser comes back with a code: make it a session, or say why not."""
        issuer = self._issuers.by_key(request.path_params["key"])
        if issuer is None:
            return _refusal("There is no such company here.", 404)
        try:
            login = self._login(request, issuer)
        except _RefusedError as refused:
            return _refusal(str(refused), refused.status)
        try:
            await self._check_answer(request, issuer)
            identity = await self._exchange(request, issuer, login)
            if not await self._sessions.end_login(login.id, login.end_time):
                raise _RefusedError(_OVER)
            said = await self._actors.sign_in(identity)
            response = await self._begin_session(request, to_actor(said).person_id, identity, login)
        except _RefusedError as refused:
            response = _refusal(str(refused), refused.status)
        except DomainError as error:
            response = self._refused(issuer, error)
        # whatever was answered: the next answer needs a new login
        self._site.clear_cookie(response, self._site.login_cookie)
        return response

    async def _begin_session(
        self, request: Request, person_id: str, identity: Identity, login: Login
    ) -> Response:
        """A new one always: what the browser held before is over."""
        if old := cookie(request, self._site.session_cookie):
            await self._sessions.revoke(old)
        secret = await self._sessions.create(person_id, identity)
        response = _redirect(login.return_to)
        seconds = int(ABSOLUTE.total_seconds())
        self._site.set_cookie(response, self._site.session_cookie, secret, seconds)
        return response

    def _login(self, request: Request, issuer: Issuer) -> Login:
        """The login that the callback ends: of this browser and this issuer."""
        query = request.query_params
        for name in ("state", "iss", "code", "error"):
            if len(query.getlist(name)) > 1 or len(query.get(name, "")) > _MAX_PARAMETER:
                raise _RefusedError("The answer of your company could not be read.")
        browser = cookie(request, self._site.login_cookie)
        login = self._logins.open(query.get("state", ""), issuer.key, browser)
        if not browser or login is None:
            raise _RefusedError(_OVER)
        return login

    async def _check_answer(self, request: Request, issuer: Issuer) -> None:
        """That the code is of the issuer that was asked (RFC 9207)."""
        query = request.query_params
        provider = await self._issuers.provider(issuer)
        if query.get("iss", issuer.issuer) != issuer.issuer or (
            provider.says_issuer and "iss" not in query
        ):
            raise _RefusedError("The answer came from another company than the one you chose.")
        if "error" in query or not query.get("code"):
            raise _RefusedError(f"{issuer.name} did not sign you in.")

    async def _exchange(self, request: Request, issuer: Issuer, login: Login) -> Identity:
        """The code for an id token, which says who it is."""
        provider = await self._issuers.provider(issuer)
        form = {
            "grant_type": "authorization_code",
            "code": request.query_params["code"],
            "redirect_uri": self._redirect_uri(issuer),
            "code_verifier": login.verifier,
        }
        auth = None
        if provider.basic_auth:
            # RFC 6749 2.3.1: both are form-encoded before they go into the header
            auth = (quote(issuer.client_id, safe=""), quote(issuer.client_secret, safe=""))
        else:
            form |= {"client_id": issuer.client_id, "client_secret": issuer.client_secret}
        try:
            answer: dict[str, Any] = await self._issuers.post_form(
                provider.token_endpoint, form, auth
            )
        except (IssuerUnusableError, httpx2.HTTPError, TimeoutError) as error:
            _log.warning("issuer %s: token endpoint: %s", issuer.key, type(error).__name__)
            why = f"{issuer.name} does not answer right now. Try again soon."
            raise _RefusedError(why, 503) from None
        token = answer.get("id_token")
        if "error" in answer or not isinstance(token, str):
            _log.warning("issuer %s gave no id token", issuer.key)
            raise _RefusedError(f"{issuer.name} did not sign you in.")
        return await self._verifier.id_token(token, issuer, login.nonce)

    async def ask_sign_out(self, request: Request) -> Response:
        """A button, as a link must not sign anybody out."""
        if not cookie(request, self._site.session_cookie):
            return _page(
                "Signed out", '<h1>You are signed out</h1><p><a href="/signin">Sign in</a>'
            )
        return _page(
            "Sign out",
            "<h1>Sign out?</h1><p>This ends your session in this browser.</p>"
            '<form method="post" action="/signout"><button>Sign out</button></form>'
            f'<p><a href="{HOME}">Stay signed in</a></p>',
        )

    async def sign_out(self, request: Request) -> Response:
        """End this browser's session."""
        if not self._site.from_our_pages(request):
            return _refusal("This did not come from one of our pages.", 403)
        if secret := cookie(request, self._site.session_cookie):
            await self._sessions.revoke(secret)
        response = _redirect("/signin")
        self._site.clear_cookie(response, self._site.session_cookie)
        return response

    def _redirect_uri(self, issuer: Issuer) -> str:
        return f"{self._site.public_url.rstrip('/')}/signin/{quote(issuer.key)}/callback"

    @staticmethod
    def _refused(issuer: Issuer, error: DomainError) -> Response:
        reason = reason_of(error)
        _log.info("sign-in at %s refused: %s", issuer.key, reason)
        if reason == "UNAVAILABLE":
            return _refusal("Signing in is not possible right now. Try again soon.", 503)
        if reason == "PERSON_DEACTIVATED":
            return _refusal("Your account was deactivated. Ask whoever runs Guildhall.", 403)
        return _refusal(f"What {issuer.name} said about you was not accepted.", 403)


def _challenge(verifier: str) -> str:
    digest = sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _redirect(where: str) -> Response:
    return RedirectResponse(where, 303, {"cache-control": "no-store"})


def _refusal(why: str, status: int) -> Response:
    body = f'<h1>That did not work</h1><p>{escape(why)}</p><p><a href="/signin">Sign in again</a>'
    return _page("Sign in", body, status)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Guildhall</title>"
        '<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/assets/pages.css"></head>'
        f'<body><main><p class="brand">Guildhall</p>{body}</main></body></html>',
        status,
        headers={"content-security-policy": PAGE_POLICY, "cache-control": "no-store"},
    )
