"""A request as it was sent: its head, and what is asked, by body or by address; read strictly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import HTTPConnection

from chassis.values import value
from gateway import errors
from gateway.protocol import WHOLE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

ALLOWED = b"GET, POST"
MAX_BODY = 65_536
READ_TIMEOUT = 7.0
_MAX_DIGITS = 9  # of a declared length: no more than an Int has
_MAX_PARAMETERS = 20
_DOCUMENT_ID = re.compile(r"sha256:[0-9a-f]{64}")


class HttpError(Exception):
    """An answer without execution."""

    def __init__(
        self, status: int, code: str, message: str, *, allow: bytes = ALLOWED, **extensions: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.allow = allow  # of 405: by which methods it may be sent
        self.error = errors.request_error(message, code, **extensions)


def bad(message: str) -> HttpError:
    """What was sent is no request of GraphQL."""
    return HttpError(400, "BAD_REQUEST", message)


@value
class Asked:
    """What somebody wants executed: either a document's text, or the id of a registered one."""

    query: str
    document_id: str
    variables: dict[str, Any]
    operation_name: str
    extensions: dict[str, Any]


async def asked_by_body(connection: HTTPConnection, receive: Receive) -> Asked:
    """By POST."""
    _check_headers(connection)
    return parsed(await _body(connection, receive))


def parsed(body: bytes) -> Asked:
    """What a body asks, if it is JSON and an object."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad("the body is not JSON in UTF-8") from None
    if type(given) is not dict:
        raise bad("the body must be one JSON object")
    return asked_of(given)


def asked_by_address(connection: HTTPConnection) -> Asked:
    """By GET: texts as they are, variables and extensions as JSON; nothing twice."""
    raw: bytes = connection.scope["query_string"]
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise bad("the address must have a few parameters in UTF-8") from None
    given: dict[str, Any] = dict(pairs)
    if len(given) != len(pairs):
        raise bad("the address must have no parameter twice")
    for name in ("variables", "extensions"):
        if name in given:
            try:
                given[name] = orjson.loads(given[name])
            except orjson.JSONDecodeError:
                raise bad(f"{name} must be JSON") from None
    return asked_of(given)


def _check_headers(connection: HTTPConnection) -> None:
    headers = connection.headers
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise HttpError(415, "UNSUPPORTED_MEDIA_TYPE", "send application/json in UTF-8")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpError(415, "UNSUPPORTED_MEDIA_TYPE", "send the body without compression")
    if length := headers.get("content-length", ""):
        number = length.isascii() and length.isdigit() and len(length) <= _MAX_DIGITS
        if not number or int(length) > MAX_BODY:
            raise _too_large(int(length) if number else None)


def _too_large(declared: int | None = None) -> HttpError:
    """With how much was declared; without where reading stopped at the limit."""
    told: dict[str, Any] = {"maximum": MAX_BODY}
    if declared is not None:
        told["actual"] = declared
    actual = told.get("actual", f"more than {MAX_BODY}")
    problem = f"the body has {actual} bytes: the limit is {MAX_BODY}"
    return HttpError(413, "REQUEST_TOO_LARGE", problem, **told)


async def _body(connection: HTTPConnection, receive: Receive) -> bytes:
    if connection.scope.get(WHOLE):  # a timer costs as much as reading it
        return await _read(receive)
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            return await _read(receive)
    except TimeoutError:
        raise HttpError(408, "BAD_REQUEST", "the body came too slowly") from None


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad("the body broke off")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def asked_of(given: Mapping[str, Any]) -> Asked:
    """What one object says, however it came. Refuses with BAD_REQUEST."""
    variables = _optional(given, "variables", dict) or {}
    name = _optional(given, "operationName", str) or ""
    extensions = _optional(given, "extensions", dict) or {}
    if "persistedQuery" in extensions:
        problem = "documents are registered beforehand and asked for by documentId"
        raise HttpError(400, "PERSISTED_QUERY_NOT_SUPPORTED", problem)
    document_id = _optional(given, "documentId", str)
    if document_id is not None:
        if given.get("query") is not None:
            raise bad("send either query or documentId")
        if not _DOCUMENT_ID.fullmatch(document_id):
            raise bad("documentId must be sha256: and 64 hexadecimal digits in lower case")
        return Asked("", document_id, variables, name, extensions)
    query = given.get("query")
    if type(query) is not str or not query.strip():
        raise bad("query must be a GraphQL document")
    return Asked(query, "", variables, name, extensions)


def _optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    value = given.get(name)
    if value is not None and type(value) is not kind:
        noun = "an object" if kind is dict else "a text"
        raise bad(f"{name} must be {noun}")
    return value
