"""One issuer over HTTP: what it publishes, its pages, its endpoints."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import ResourceProtector
from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from devstack.openid.clients import SCOPES
from devstack.openid.keys import ALGORITHM
from devstack.openid.people import PASSWORD, Company, find_person, people_of
from devstack.openid.server import (
    AUTH_METHODS,
    Account,
    IssuerServer,
    Reply,
    Request,
    TokenValidator,
    user_info,
)
from devstack.openid.store import SESSION_LIFE

Pairs = Sequence[tuple[str, str]]
WRONG = "That e-mail address and password do not belong together. Try again."
EXPIRED = "This form was open for too long or in another window. Try again."


class Provider:
    """The handlers of one issuer. They never wait between reading and writing its state."""

    def __init__(self, company: Company, server: IssuerServer) -> None:
        self._company = company
        self._server = server
        self._path = urlsplit(server.issuer).path
        self._session_cookie = f"openid_session_{company.key}"
        self._form_cookie = f"openid_form_{company.key}"
        self._protector = ResourceProtector()
        self._protector.register_token_validator(TokenValidator(server.store))
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).with_name("pages")), autoescape=True
        )

    def routes(self) -> APIRouter:
        """All of it under the issuer's own path."""
        router = APIRouter(prefix=self._path)
        router.add_api_route("/.well-known/openid-configuration", self.configuration)
        router.add_api_route("/jwks.json", self.jwks)
        router.add_api_route("/authorize", self.authorize, methods=["GET", "POST"])
        router.add_api_route("/login", self.login, methods=["POST"])
        router.add_api_route("/token", self.token, methods=["POST"])
        router.add_api_route("/revoke", self.revoke, methods=["POST"])
        router.add_api_route("/userinfo", self.userinfo, methods=["GET", "POST"])
        router.add_api_route("/logout", self.logout, methods=["GET", "POST"])
        return router

    async def configuration(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0."""
        issuer = self._server.issuer
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks.json",
            "revocation_endpoint": f"{issuer}/revoke",
            "end_session_endpoint": f"{issuer}/logout",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "name", "email", "email_verified", "auth_time", "sid"],
            "prompt_values_supported": ["none", "login"],
            "authorization_response_iss_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }

    async def jwks(self) -> dict[str, Any]:
        """The keys to verify with, the one just rotated out included."""
        return dict(self._server.keys.published().as_dict(private=False))

    async def authorize(self, http: HttpRequest) -> Response:
        """The browser comes from a client: send it back with a code, or ask who it is."""
        asked = http.query_params.multi_items() if http.method == "GET" else await _form(http)
        request = self._request(http, "authorize", query=asked)
        account = self._fresh_account(request)
        try:
            grant = self._server.get_consent_grant(request, account)
        except OAuth2Error as error:
            return self._refusal(request, error)
        if account is None or grant.prompt in ("login", "select_account"):
            return self._login_page(http, asked, grant.redirect_uri)
        reply = self._server.create_authorization_response(request, account, grant)
        return _response(reply)

    async def login(self, http: HttpRequest) -> Response:
        """The login page was sent: the query is still the client's request."""
        asked = http.query_params.multi_items()
        form = dict(await _form(http))
        request = self._request(http, "authorize", query=asked)
        person = find_person(form.get("email", ""))
        known = person if person and person.company == self._company.key else None
        right = secrets.compare_digest(form.get("password", "").encode(), PASSWORD.encode())
        session_secret = None
        if self._csrf_is_right(http, form) and known and right:
            session_secret, session = self._server.store.begin_session(known.subject)
            request.user = Account(known, session)
        try:
            grant = self._server.get_consent_grant(request, request.user)
        except OAuth2Error as error:
            return self._refusal(request, error)
        if session_secret is None:
            error_text = WRONG if self._csrf_is_right(http, form) else EXPIRED
            return self._login_page(
                http, asked, grant.redirect_uri, error_text, form.get("email", "")
            )
        reply = self._server.create_authorization_response(request, request.user, grant)
        response = _response(reply)
        self._set_cookie(response, self._session_cookie, session_secret, SESSION_LIFE)
        return response

    async def token(self, http: HttpRequest) -> Response:
        """A code or a refresh token becomes tokens."""
        request = self._request(http, "token", form=await _form(http))
        return _response(self._server.create_token_response(request))

    async def revoke(self, http: HttpRequest) -> Response:
        """RFC 7009: the token and everything that came of the same grant."""
        request = self._request(http, "revoke", form=await _form(http))
        return _response(self._server.create_endpoint_response("revocation", request))

    async def userinfo(self, http: HttpRequest) -> Response:
        """Who a token belongs to; a revoked one is refused."""
        request = self._request(http, "userinfo")
        try:
            token = self._protector.validate_request(["openid"], request)
        except OAuth2Error as error:
            return _response(self._server.handle_error_response(request, error))
        account = self._server.account_of_grant(token.grant)
        return JSONResponse(user_info(account.person, token.scope) if account else {})

    async def logout(self, http: HttpRequest) -> Response:
        """RP-initiated logout; without an id token the person is asked first."""
        form = await _form(http) if http.method == "POST" else []
        asked = [*http.query_params.multi_items(), *form]
        request = self._request(http, "logout", query=asked)
        try:
            ending = self._server.validate_endpoint_request("end_session", request)
        except OAuth2Error as error:
            return self._refusal(request, error)
        if ending.needs_confirmation and not self._csrf_is_right(http, dict(form)):
            return self._confirmation_page(http, [pair for pair in asked if pair[0] != "csrf"])
        reply = self._server.create_endpoint_response("end_session", ending)
        done = self._page("message.html", title="You are signed out", text="You may close this.")
        response = _response(reply) if reply else done
        response.delete_cookie(self._session_cookie, path=self._path)
        return response

    def _request(
        self, http: HttpRequest, endpoint: str, query: Pairs = (), form: Pairs = ()
    ) -> Request:
        session = self._server.store.find_session(http.cookies.get(self._session_cookie))
        uri = f"{self._server.issuer}/{endpoint}"
        return Request(http.method, uri, http.headers, query, form, session)

    def _fresh_account(self, request: Request) -> Account | None:
        """Who is signed in, unless longer ago than the client wants."""
        account = self._server.account_of(request.session)
        limit: str = request.payload.data.get("max_age", "")
        if account and limit.isdecimal():
            age = self._server.store.now() - account.session.auth_time
            return account if age <= int(limit) else None
        return account

    def _login_page(
        self,
        http: HttpRequest,
        asked: Pairs,
        redirect_uri: str,
        error: str = "",
        email: str = "",
    ) -> Response:
        hint = dict(asked).get("login_hint", "")
        without_hint = [pair for pair in asked if pair[0] != "login_hint"]
        people = [
            (person, f"{self._path}/authorize?{urlencode([*without_hint, _hint(person.email)])}")
            for person in people_of(self._company.key)
        ]
        csrf = http.cookies.get(self._form_cookie) or secrets.token_urlsafe(24)
        response = self._page(
            "login.html",
            status=401 if error else 200,
            # Chromium applies it to the redirects that answer the form, too.
            form_targets=_origin(redirect_uri),
            action=f"{self._path}/login?{urlencode(list(asked))}",
            csrf=csrf,
            error=error,
            email=email or hint,
            people=people,
            password=PASSWORD,
        )
        self._set_cookie(response, self._form_cookie, csrf, None)
        return response

    def _confirmation_page(self, http: HttpRequest, asked: Pairs) -> Response:
        csrf = http.cookies.get(self._form_cookie) or secrets.token_urlsafe(24)
        response = self._page(
            "message.html",
            title=f"Sign out of {self._company.name}?",
            text="You will have to give your password the next time.",
            action=f"{self._path}/logout?{urlencode(list(asked))}",
            csrf=csrf,
        )
        self._set_cookie(response, self._form_cookie, csrf, None)
        return response

    def _refusal(self, request: Request, error: OAuth2Error) -> Response:
        """Back to the client where its address is certain, else to the person in front of it."""
        if error.redirect_uri:
            reply = self._server.handle_error_response(request, error)
            self._server.issuer_parameter.add_issuer_parameter(self._server, reply)
            return _response(reply)
        said = error.description or error.error
        return self._page(
            "message.html", status=400, title="This request cannot be answered", text=said
        )

    def _page(
        self, name: str, status: int = 200, form_targets: str = "", **values: Any
    ) -> HTMLResponse:
        text = self._pages.get_template(name).render(
            company=self._company, issuer=self._server.issuer, **values
        )
        policy = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none';"
            f" form-action 'self' {form_targets}"
        )
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy.strip(),
            "Referrer-Policy": "no-referrer",
        }
        return HTMLResponse(text, status, headers)

    def _csrf_is_right(self, http: HttpRequest, form: dict[str, str]) -> bool:
        cookie = http.cookies.get(self._form_cookie)
        return bool(cookie) and secrets.compare_digest(
            form.get("csrf", "").encode(), str(cookie).encode()
        )

    def _set_cookie(self, response: Response, name: str, value: str, life: int | None) -> None:
        # Cookies know no ports: the path keeps an issuer's from the gateway and other issuers.
        response.set_cookie(
            name, value, max_age=life, path=self._path, httponly=True, samesite="lax"
        )


def _response(reply: Reply) -> Response:
    if reply.location:
        return RedirectResponse(reply.location, 303)
    return JSONResponse(reply.body, reply.status, _plain(reply.headers))


def _plain(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


async def _form(http: HttpRequest) -> list[tuple[str, str]]:
    return [
        (name, value) for name, value in (await http.form()).multi_items() if isinstance(value, str)
    ]


def _hint(email: str) -> tuple[str, str]:
    return ("login_hint", email)


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
