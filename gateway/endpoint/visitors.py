"""Who asks, and through which portal: by bearer token or session, by client or origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from chassis.errors import UnauthenticatedError, UnavailableError
from chassis.values import value
from gateway.actors import Actors
from gateway.admission import Admission
from gateway.auth import Identity, TokenVerifier
from gateway.context import Caller, Services
from gateway.cursors import CursorKey
from gateway.directory_cache import DirectoryCache
from gateway.endpoint.replies import Headers
from gateway.endpoint.requests import HttpError
from gateway.execution.operations import Operations
from gateway.portals.known import KnownPortals
from gateway.portals.portal import Portal
from gateway.portals.use_cases import PortalUseCases
from gateway.sessions import Session, Sessions
from gateway.settings import Introspection
from gateway.web import Site, cookie

CSRF_HEADER, CSRF_VALUE = "x-requested-with", "guildhall"
_ALLOWED_HEADERS = b"authorization, content-type, last-event-id, traceparent, x-requested-with"
_TOLD_HEADERS = b"ratelimit, ratelimit-policy, retry-after, x-trace-id"
_PREFLIGHT_SECONDS = b"600"


@dataclass(frozen=True, slots=True)
class Parts:
    """What requests are answered with."""

    site: Site
    services: Services
    operations: Operations
    verifier: TokenVerifier
    actors: Actors
    directory_cache: DirectoryCache
    sessions: Sessions
    cursor_key: CursorKey
    known_portals: KnownPortals
    portals: PortalUseCases
    admission: Admission
    introspection: Introspection = "signed-in"
    announcement_url: str = ""  # where a portal shows one, with {id}; empty: nowhere


@value
class Visitor:
    """Who a token or a session says is there, or nobody; through a portal or directly."""

    portal: Portal | None
    identity: Identity | None = None
    session: Session | None = None
    by_client: bool = False  # the portal is its token's client's; else a page's by its origin


def origin_portal(parts: Parts, connection: HTTPConnection) -> Portal | None:
    """The portal that lists the origin of a browser's request; our own pages are none."""
    origins = connection.headers.getlist("origin")
    if len(origins) != 1 or origins[0] == parts.site.origin:
        return None
    return parts.known_portals.of_origin(origins[0])


def token_visitor(parts: Parts, identity: Identity, by_origin: Portal | None) -> Visitor:
    """By the portal of a token's client, wherever a browser says it is; else by its origin's."""
    by_client = parts.known_portals.of_client(identity.issuer, identity.client_id)
    portal = by_client or by_origin
    return Visitor(portal, identity=identity, by_client=by_client is not None)


def bearer_token(authorizations: Sequence[str]) -> str | None:
    """The token that is sent; None where none is. Refuses with UNAUTHENTICATED what is no one's."""
    if not authorizations:
        return None
    scheme, _, token = authorizations[0].partition(" ")
    if scheme.lower() != "bearer" or len(authorizations) > 1:
        raise UnauthenticatedError("only bearer tokens are accepted")
    return token.strip()


async def visitor_of(parts: Parts, connection: HTTPConnection) -> Visitor:
    """By bearer token or session; nobody where neither is sent.

    Refuses with UNAUTHENTICATED, CSRF_REFUSED, UNAVAILABLE.
    """
    portal = origin_portal(parts, connection)
    token = bearer_token(connection.headers.getlist("authorization"))
    if token is not None:
        identity = await parts.verifier.access_token(token)
        return token_visitor(parts, identity, portal)
    secret = cookie(connection, parts.site.session_cookie)
    if not secret:
        return Visitor(portal)
    _check_forgery(parts, connection, portal)
    return Visitor(portal, session=await parts.sessions.find(secret))


async def caller_of(parts: Parts, visitor: Visitor) -> Caller | None:
    """The person, as the directory knows it now. Refuses with UNAUTHENTICATED, UNAVAILABLE."""
    if visitor.session is not None:
        return await _person_of(parts, visitor.session)
    if visitor.identity is not None:
        return await parts.actors.caller(visitor.identity)
    return None


def may_use_session(parts: Parts, connection: HTTPConnection, portal: Portal | None) -> bool:
    """Whether a page may use its browser's session: one of our own, or one that a portal lists."""
    return portal is not None or parts.site.from_our_pages(connection)


def _check_forgery(parts: Parts, connection: HTTPConnection, portal: Portal | None) -> None:
    """A session counts only in requests of our own pages and of origins that a portal lists."""
    if connection.headers.get(CSRF_HEADER) != CSRF_VALUE:
        problem = "with a session, send the header X-Requested-With: guildhall"
        raise HttpError(403, "CSRF_REFUSED", problem)
    if not may_use_session(parts, connection, portal):
        raise HttpError(403, "CSRF_REFUSED", "the request comes from another site")


async def session_caller(parts: Parts, secret: str) -> Caller | None:
    """The person of a session; None where it ended, or its identity is another person's now.

    Refuses with UNAUTHENTICATED where the identity is nobody's any more.
    """
    session = await parts.sessions.find(secret)
    return None if session is None else await _person_of(parts, session)


async def _person_of(parts: Parts, session: Session) -> Caller | None:
    caller = await parts.actors.caller(session.identity, provision=False)
    return caller if caller.actor.person_id == session.person_id else None


def shared_with(parts: Parts, connection: HTTPConnection) -> Headers:
    """The headers by which a browser shows the answer to a page of a listed origin; else none."""
    try:
        if origin_portal(parts, connection) is None:
            return ()
    except UnavailableError:  # nobody knows
        return ()
    return (
        (b"access-control-allow-origin", connection.headers["origin"].encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _TOLD_HEADERS),
    )


def preflight(parts: Parts, connection: HTTPConnection) -> Headers:
    """What a browser is told that asks whether a page may; nothing where it may not."""
    shared = shared_with(parts, connection)
    if not shared or "access-control-request-method" not in connection.headers:
        return ()
    return (
        *shared[:2],
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
        (b"vary", b"Origin"),
    )
