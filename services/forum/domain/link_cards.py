"""Link cards: which links of a post have one, and when a page is asked for what it says."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from urllib.parse import unquote, urlsplit

from chassis.errors import FieldInvalidError
from services.forum.domain.references import PostRef

MOST_HOSTS = 50
MOST_CARDS = 3  # of one post
MOST_LINKS = 50  # of one post that are looked at
MOST_WANTED = 10_000  # addresses of one community that were never asked; beyond, nothing is noted
MAX_ADDRESS = 2_048
MAX_TITLE, MAX_DESCRIPTION, MAX_SITE_NAME = 200, 300, 100

REFRESHED_AFTER = timedelta(days=7)
SHOWN_FOR = timedelta(days=14)  # from when the page said so
RETRIES = (timedelta(hours=1), timedelta(days=1), REFRESHED_AFTER)  # the last one again and again
NOTED_EVERY = timedelta(days=1)  # that somebody still reads a card

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LINK = re.compile(r'<a href="([^"]*)"')


class LinkCardState(StrEnum):
    """What is known of an address."""

    WANTED = "WANTED"  # never asked
    MADE = "MADE"
    FAILED = "FAILED"  # nothing that could be shown


@dataclass(frozen=True, slots=True)
class Link:
    """An address that may be asked, and how the post has it."""

    url: str
    host: str
    address: str  # the same page is asked once, however it is written


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says of itself, plain and cut."""

    title: str
    description: str = ""
    site_name: str = ""


@dataclass(frozen=True, slots=True)
class LinkCard:
    """A link with what its page says."""

    url: str
    text: PageText


@dataclass(frozen=True, slots=True)
class CardsOfPost:
    """Those that a post has now, in its order."""

    post: PostRef
    cards: tuple[LinkCard, ...]


@dataclass(frozen=True, slots=True)
class DuePage:
    """An address that a community wants to know of, and since when it is due."""

    id: str
    community_id: str
    host: str
    address: str
    due_time: datetime
    failures: int


def check_hosts(hosts: Sequence[str], *, inside: bool = False) -> tuple[str, ...]:
    """Names, or `*.` and a name for all below it, each once. `inside`: one label is a name, too.

    Refuses with FIELD_INVALID.
    """
    field = "link_card_hosts"
    if len(hosts) > MOST_HOSTS:
        raise FieldInvalidError(f"{field} must be at most {MOST_HOSTS}", field=field)
    for index, host in enumerate(hosts):
        name = host.removeprefix("*.")
        single = "." not in name and not (inside and name == host)
        if single or not _is_host(name):
            at = f"{field}.{index}"
            raise FieldInvalidError(
                f"{at} must be a host in lower-case ASCII, as docs.example.com or *.example.com",
                field=at,
            )
    return tuple(dict.fromkeys(hosts))


def is_listed(host: str, hosts: Sequence[str]) -> bool:
    """Whether one of them is this host, or stands for all below a part of it."""
    return any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in hosts)


def link_of(url: str, hosts: Sequence[str], *, inside: bool = False) -> Link | None:
    """How this is asked; None: it is not. `inside`: http and any port are asked as well."""
    if len(url) > MAX_ADDRESS:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        host = unquote(parts.hostname or "").encode("idna").decode()
    except ValueError:  # UnicodeError is one
        return None
    usual = 443 if parts.scheme == "https" else 80
    if parts.scheme != "https" and not (inside and parts.scheme == "http"):
        return None
    if parts.username is not None or parts.password is not None:
        return None
    if port not in {None, usual} and not inside:
        return None
    if not _is_host(host) or not is_listed(host, hosts):
        return None
    place = host if port in {None, usual} else f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    address = f"{parts.scheme}://{place}{parts.path or '/'}{query}"
    if len(address) > MAX_ADDRESS or not address.isascii() or not address.isprintable():
        return None
    return None if " " in address else Link(url, host, address)


def links_of(body_html: str, hosts: Sequence[str], *, inside: bool = False) -> tuple[Link, ...]:
    """The first links of a post that may be asked, each once; of its HTML as it was made safe.

    What stands in code is no link there.
    """
    found: dict[str, Link] = {}
    if not hosts:
        return ()
    for match in islice(_LINK.finditer(body_html), MOST_LINKS):
        link = link_of(html.unescape(match[1]), hosts, inside=inside)
        if link is not None and len(found) < MOST_CARDS:
            found.setdefault(link.address, link)
    return tuple(found.values())


def next_try(failures: int, now: datetime) -> datetime:
    """When an address is asked again that failed so many times in a row; 0: it did not."""
    if not failures:
        return now + REFRESHED_AFTER
    return now + RETRIES[min(failures, len(RETRIES)) - 1]


def _is_host(name: str) -> bool:
    """A name in lower-case ASCII that no resolver takes for a number."""
    last = name.rpartition(".")[2]
    return len(name) <= 253 and bool(_HOST.fullmatch(name)) and not _NUMBER.fullmatch(last)
