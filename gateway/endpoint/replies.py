"""What goes back over HTTP: in the media type that was asked for, within bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from chassis.values import value
from gateway import errors
from gateway.errors import Json
from gateway.limits import exceeded
from gateway.web import API_POLICY

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON, GRAPHQL_JSON, HTML = "application/json", "application/graphql-response+json", "text/html"
MAX_RESPONSE = 1 << 20
_CONTENT_TYPES = {
    kind: (b"content-type", f"{kind}; charset=utf-8".encode()) for kind in (JSON, GRAPHQL_JSON)
}
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", API_POLICY.encode()),
    (b"vary", b"Accept, Authorization, Cookie, Origin"),
)
_MAX_ACCEPT = 1_000  # characters: no program sends more
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@value
class Reply:
    """An answer, and by what status."""

    status: int
    body: Json
    allow: bytes = b""  # of 405
    retry_after: float = 1.0  # seconds, of 429 and 503
    headers: Headers = ()


@lru_cache(maxsize=256)
def wanted(accept: str, *, page: bool = False) -> str:
    """The media type that an Accept header prefers: of ours, or a page where there is one.

    Where it names neither of ours the old type is meant, as it is where nothing suits.
    """
    ranges = _ranges(accept) if len(accept) <= _MAX_ACCEPT else {}
    best, kind = (0.0, 0, 0), JSON
    for offer in (JSON, GRAPHQL_JSON, HTML) if page else (JSON, GRAPHQL_JSON):
        names = (offer, f"{offer.partition('/')[0]}/*", "*/*")
        named = next((name for name in names if name in ranges), None)
        if named is None:
            continue
        exact = named == offer
        rank = (ranges[named], int(exact), int((offer == GRAPHQL_JSON) == exact))
        if ranges[named] and rank > best:
            best, kind = rank, offer
    return kind


def _ranges(accept: str) -> dict[str, float]:
    """What an Accept header names, and how much each is wanted; 0 where the weight is none."""
    found = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        found[name] = float(weight) if _WEIGHT.fullmatch(weight) else 0.0
    return found


def _too_long(body: Json, size: int) -> Json:
    """Instead of an answer; what was asked for has been done."""
    error = errors.before_execution([exceeded("bytes of the answer", size, MAX_RESPONSE)], "")
    return {"data": None, "errors": error, "extensions": body.get("extensions", {})}


def encoded(body: Json) -> bytes:
    """An answer as JSON, within bounds."""
    text = orjson.dumps(body)
    return text if len(text) <= MAX_RESPONSE else orjson.dumps(_too_long(body, len(text)))


async def send_reply(
    send: Send, reply: Reply, kind: str, trace_id: str, more: Headers = ()
) -> None:
    """The whole answer, in this media type, with these headers beside our own."""
    body = encoded(reply.body)
    headers = [
        _CONTENT_TYPES[kind],
        (b"content-length", b"%d" % len(body)),
        *_ALWAYS,
        (b"x-trace-id", trace_id.encode()),
        *reply.headers,
        *more,
    ]
    if reply.status == 401:
        headers.append((b"www-authenticate", b'Bearer error="invalid_token"'))
    if reply.status == 405:
        headers.append((b"allow", reply.allow))
    if reply.status == 408:
        headers.append((b"connection", b"close"))
    if reply.status in (429, 503):
        headers.append((b"retry-after", str(max(math.ceil(reply.retry_after), 1)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
