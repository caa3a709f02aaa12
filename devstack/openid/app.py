"""The providers as one web application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import FileResponse

from devstack.openid.clients import registered_clients
from devstack.openid.keys import SigningKeys
from devstack.openid.people import COMPANIES
from devstack.openid.provider import Provider
from devstack.openid.server import IssuerServer
from devstack.openid.settings import OpenIDSettings
from devstack.openid.store import Store

STYLE = Path(__file__).with_name("pages") / "style.css"


def create_app(settings: OpenIDSettings, clock: Callable[[], float] = time.time) -> FastAPI:
    """All issuers; each has its own keys and its own state, and knows of no other."""
    stores: list[Store] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for store in stores:
            store.close()

    app = FastAPI(title="Guildhall demo OpenID providers", openapi_url=None, lifespan=lifespan)
    # A page of some web site must not reach a server on this machine by a name of its own.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    for company in COMPANIES:
        folder = settings.data / company.key
        store = Store(folder / "state.sqlite", clock)
        stores.append(store)
        server = IssuerServer(
            issuer=f"{settings.base_url}/{company.key}",
            company=company.key,
            audience=settings.audience,
            clients=registered_clients(settings.gateway_url, company.key, settings.data),
            store=store,
            keys=SigningKeys(folder / "keys", company.key, clock),
        )
        app.include_router(Provider(company, server).routes())

    @app.get("/")
    async def issuers() -> dict[str, list[str]]:
        return {"issuers": [f"{settings.base_url}/{company.key}" for company in COMPANIES]}

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/style.css")
    async def style() -> FileResponse:
        return FileResponse(STYLE)

    return app
