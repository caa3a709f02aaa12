"""What a connection was opened with: shown once, and asked again for as long as it lasts."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from chassis.errors import PermissionDeniedError, UnauthenticatedError
from gateway.auth import Identity
from gateway.context import Caller
from gateway.endpoint.visitors import (
    Parts,
    Visitor,
    bearer_token,
    caller_of,
    may_use_session,
    origin_portal,
    session_caller,
    token_visitor,
)
from gateway.web import cookie


class CsrfRefusedError(PermissionDeniedError):
    """A browser's session came with a request that another site's page has made."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A bearer token, or the secret of a browser's session."""

    token: str = ""
    secret: str = ""

    async def caller(self, parts: Parts) -> Caller:
        """Who it is of, as of now. Refuses with UNAUTHENTICATED, UNAVAILABLE."""
        if self.token:
            return await parts.actors.caller(await parts.verifier.access_token(self.token))
        caller = await session_caller(parts, self.secret) if self.secret else None
        if caller is None:
            raise UnauthenticatedError("sign in first")
        return caller

    def identity(self, parts: Parts) -> Identity | None:
        """Whose it is, if that is known without asking."""
        if self.token:
            return parts.verifier.remembered(self.token)
        session = parts.sessions.remembered(self.secret)
        return session.identity if session is not None else None

    async def visit(self, parts: Parts, connection: HTTPConnection) -> tuple[Caller, Visitor]:
        """Who it is of, and through which portal. Refuses as `caller` does."""
        by_origin = origin_portal(parts, connection)
        if self.token:
            identity = await parts.verifier.access_token(self.token)
            visitor = token_visitor(parts, identity, by_origin)
        else:
            session = await parts.sessions.find(self.secret) if self.secret else None
            visitor = Visitor(by_origin, session=session)
        caller = await caller_of(parts, visitor)
        if caller is None:
            raise UnauthenticatedError("sign in first")
        return caller, visitor


def credential_of(parts: Parts, connection: HTTPConnection, authorization: str = "") -> Credential:
    """By bearer token, in a header or given otherwise; else by session, from allowed pages only.

    Refuses with UNAUTHENTICATED, CSRF_REFUSED.
    """
    headers = connection.headers.getlist("authorization")
    if authorization:
        headers.append(authorization)
    token = bearer_token(headers)
    if token == "":
        raise UnauthenticatedError("only bearer tokens are accepted")
    if token is not None:
        return Credential(token=token)
    secret = cookie(connection, parts.site.session_cookie)
    if not secret:
        raise UnauthenticatedError("sign in first")
    # Neither a socket nor an EventSource can send a header of its own, so the origin must tell.
    if not may_use_session(parts, connection, origin_portal(parts, connection)):
        raise CsrfRefusedError("the request comes from another site")
    return Credential(secret=secret)
