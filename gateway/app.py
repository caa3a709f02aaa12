"""The gateway as one ASGI application: /graphql raw, beside it pages, assets and health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

from grpc import ChannelConnectivity, aio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chassis.errors import DomainError
from gateway.context import Caller
from gateway.endpoint import GraphQLEndpoint, Parts, Receive, Scope, Send, session_caller
from gateway.endpoint.replies import HTML, wanted
from gateway.feed_routes import FeedRoutes
from gateway.files import Files
from gateway.signin import SignIn
from gateway.subscriptions.sockets import serve_socket
from gateway.subscriptions.streams import serve_stream, wants_stream
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.web import API_POLICY, cookie

MAX_HEADERS = 16_384
MAX_URL = 4_096
READY_TIMEOUT = 2.0
_ASSETS = Path(__file__).with_name("graphiql")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_GRAPHIQL_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Gateway:
    """Sends each request to its place and puts the common headers on each answer."""

    def __init__(
        self,
        parts: Parts,
        signin: SignIn,
        directory: aio.Channel,
        subscriptions: Subscriptions,
        files: Files | None = None,
    ) -> None:
        self._parts = parts
        self.subscriptions = subscriptions
        self._headers = parts.site.headers()
        self._graphql = GraphQLEndpoint(parts)
        self._directory = directory
        self._assets = _read_assets()
        self._pages = Starlette(
            routes=[
                Route("/", self._home, methods=["GET"]),
                Route("/graphql", self._graphiql, methods=["GET"]),
                Route("/assets/{name}", self._asset, methods=["GET"]),
                Route("/healthz", self._health, methods=["GET"]),
                Route("/readyz", self._ready, methods=["GET"]),
                *FeedRoutes(parts).routes,
                *signin.routes,
                *(files.routes if files is not None else ()),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """HTTP and WebSocket are spoken."""
        if scope["type"] == "websocket":
            await serve_socket(self.subscriptions, scope, receive, send)
        elif (status := _too_long(scope)) is not None:
            response = PlainTextResponse("too long", status)
            await response(scope, receive, self._with_headers(send))
        elif scope["path"] == "/graphql" and scope["method"] == "OPTIONS":
            await self._graphql.preflight(scope, receive, self._with_headers(send))
        elif _wants_stream(scope):
            await serve_stream(self.subscriptions, scope, receive, self._with_headers(send))
        elif scope["path"] == "/graphql" and not _wants_page(scope):
            await self._graphql(scope, receive, self._with_headers(send))
        else:
            await self._pages(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                own = dict(said)
                message["headers"] = said + [one for one in self._headers if one[0] not in own]
            await send(message)

        return sending

    async def _home(self, _: Request) -> Response:
        return Response(status_code=303, headers={"location": "/graphql"})

    async def _health(self, _: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok")

    async def _ready(self, _: Request) -> Response:
        """Requests can be answered: MongoDB and the directory do. NATS is not needed."""
        mongo, directory = await asyncio.gather(self._mongo_answers(), self._directory_answers())
        status = 200 if mongo and directory else 503
        return JSONResponse({"mongo": mongo, "directory": directory}, status)

    async def _mongo_answers(self) -> bool:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await self._parts.sessions.ping()
        except Exception:  # whatever a store in trouble raises
            return False
        return True

    async def _directory_answers(self) -> bool:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while True:
                    state = self._directory.get_state(try_to_connect=True)
                    if state is ChannelConnectivity.READY:
                        return True
                    await self._directory.wait_for_state_change(state)
        except TimeoutError:
            return False

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        body = self._assets.get(name)
        if body is None:
            return PlainTextResponse("not found", 404)
        headers = {
            "cache-control": "public, max-age=3600",
            "content-security-policy": API_POLICY,
        }
        return Response(body, 200, headers, _TYPES[Path(name).suffix])

    async def _graphiql(self, request: Request) -> Response:
        caller = await self._signed_in(request)
        if caller is None:
            who = '<a href="/signin?return_to=/graphql">Sign in</a> to see the schema'
        else:
            name = escape(caller.display_name)
            who = f'<span>Signed in as <b>{name}</b></span> <a href="/signout">Sign out</a>'
        page = _GRAPHIQL.replace("<!--who-->", who)
        headers = {"content-security-policy": _GRAPHIQL_POLICY, "cache-control": "no-store"}
        return HTMLResponse(page, headers=headers)

    async def _signed_in(self, request: Request) -> Caller | None:
        """For the page only; whatever goes wrong, it is shown."""
        secret = cookie(request, self._parts.site.session_cookie)
        if not secret:
            return None
        try:
            return await session_caller(self._parts, secret)
        except DomainError:
            return None


def _wants_stream(scope: Scope) -> bool:
    if scope["path"] != "/graphql" or scope["method"] not in ("GET", "POST"):
        return False
    return wants_stream(_accepted(scope))


def _wants_page(scope: Scope) -> bool:
    """Whether a browser asks for GraphiQL."""
    if scope["method"] not in ("GET", "HEAD"):
        return False
    return wanted(_accepted(scope), page=True) == HTML


def _accepted(scope: Scope) -> str:
    accepts: list[bytes] = [value for name, value in scope["headers"] if name == b"accept"]
    return accepts[0].decode("latin-1") if accepts else ""


def _too_long(scope: Scope) -> int | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL:
        return 414
    if sum(map(len, chain.from_iterable(scope["headers"]))) > MAX_HEADERS:
        return 431
    return None


def _read_assets() -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in _ASSETS.iterdir() if path.suffix in _TYPES}


_GRAPHIQL = _ASSETS.joinpath("index.html").read_text()
