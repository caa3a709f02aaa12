"""What a portal is: the clients and origins it is known by, and what it may have executed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from chassis.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    FieldInvalidError,
    InvalidArgumentError,
    NotFoundError,
)

MOST_CLIENTS, MOST_ORIGINS, MOST_DOCUMENTS = 20, 20, 500
MOST_POINTS_PER_MINUTE = 1_000_000
_CLIENT_ID = re.compile(r"[!-~]{1,200}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


class PortalNotFoundError(NotFoundError):
    """There is no such portal, or it is none of the caller's."""


class DocumentNotFoundError(NotFoundError):
    """The portal has no such document."""


class PortalClientTakenError(AlreadyExistsError):
    """Another portal is known by this client of this issuer."""


class PortalOriginTakenError(AlreadyExistsError):
    """Another portal is known by this origin."""


class TooManyDocumentsError(FailedPreconditionError):
    """A portal has its most documents."""


class DocumentRefusedError(InvalidArgumentError):
    """A document could not be executed; `field` says which of them, the message why."""


class DocumentsMode(Enum):
    """Which documents a portal may have executed."""

    OPEN = 1
    TRUSTED = 2


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client of an issuer."""

    issuer: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Portal:
    """A vendor's website or script."""

    id: str
    community_id: str
    name: str
    clients: tuple[Client, ...]
    origins: tuple[str, ...]
    documents_mode: DocumentsMode
    introspection: bool
    points_per_minute: int
    create_time: datetime
    document_count: int = 0
    version: int = 0  # as stored; 0: it is not yet

    def changed(self, **changes: Any) -> Portal:
        """With what is not None in place of what it was."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **given)

    def counting(self, added: int) -> Portal:
        """With so many documents more. Refuses with TOO_MANY_DOCUMENTS."""
        count = self.document_count + added
        if added > 0 and count > MOST_DOCUMENTS:
            raise TooManyDocumentsError(
                f"a portal has at most {MOST_DOCUMENTS} documents, this would be {count}",
                field="documents",
            )
        return replace(self, document_count=count)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was found executable, and may be executed unless it was removed."""

    id: str
    community_id: str
    portal_id: str
    name: str
    text: str
    cost: int
    register_time: datetime
    removed: bool = False

    def withdrawn(self) -> Document:
        """It was registered once."""
        return replace(self, removed=True)


def id_of(text: str) -> str:
    """A SHA256 hex document identifier of GraphQL over HTTP."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def check_clients(clients: list[Client]) -> tuple[Client, ...]:
    """Each once. Refuses with FIELD_INVALID."""
    _check_number(clients, "clients", MOST_CLIENTS)
    for index, client in enumerate(clients):
        for name in ("issuer", "client_id"):
            if not _CLIENT_ID.fullmatch(getattr(client, name)):
                field = f"clients.{index}.{name}"
                problem = f"{field} must be 1 to 200 visible ASCII characters"
                raise FieldInvalidError(problem, field=field)
    return tuple(clients)


def check_origins(origins: list[str]) -> tuple[str, ...]:
    """Each once, and exactly as browsers send it. Refuses with FIELD_INVALID."""
    _check_number(origins, "origins", MOST_ORIGINS)
    for origin in origins:
        if len(origin) > 300 or not _is_origin(origin):
            raise FieldInvalidError(
                "origins must be as browsers send them: https://host or https://host:port, in lower"
                " case, without path or default port; http for this machine only",
                field="origins",
            )
    return tuple(origins)


def check_points(points: int) -> int:
    """Refuses with FIELD_INVALID."""
    if not 1 <= points <= MOST_POINTS_PER_MINUTE:
        raise FieldInvalidError(
            f"points_per_minute must be 1 to {MOST_POINTS_PER_MINUTE}", field="points_per_minute"
        )
    return points


def _check_number(rows: list[Any], field: str, most: int) -> None:
    if len(rows) > most or len(set(rows)) != len(rows):
        raise FieldInvalidError(f"{field} must be at most {most}, each once", field=field)


def _is_origin(text: str) -> bool:
    scheme, separator, host = text.partition("://")
    if not separator or scheme not in _DEFAULT_PORTS or not text.isascii():
        return False
    try:
        parts = urlsplit(text)
        port = "" if parts.port is None else str(parts.port)
    except ValueError:
        return False
    name = host[: -len(port) - 1] if port else host
    if host != (f"{name}:{port}" if port else name) or port == _DEFAULT_PORTS[scheme]:
        return False
    if scheme == "http" and name not in _LOOPBACK:
        return False
    return _is_host(name)


def _is_host(name: str) -> bool:
    address = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return str(ip_address(address)) == address and (":" in address) == (name != address)
    except ValueError:
        labels = name.split(".")
        if labels[-1].isdigit():  # browsers read it as an address
            return False
        return len(name) <= 253 and all(map(_LABEL.fullmatch, labels))
