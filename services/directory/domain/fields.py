"""What names, addresses and labels must be, and how names compare."""

from __future__ import annotations

import functools
import re
import unicodedata
import zoneinfo
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from chassis import locales, texts
from chassis.errors import FieldInvalidError, TextInvalidError
from chassis.texts import check_line

MOST_NAME = 80
MOST_DESCRIPTION = 600
MOST_URL = 256
MOST_EMAIL = 254
MOST_LABEL = 40
MOST_LABELS = 20
NEW_MEMBER = "New member"

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-f:]*:[0-9a-f:.]*")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ODD_CLAIM = 1000  # of a longer claim, only so many characters are looked at


def fold(name: str) -> str:
    """How names are sorted and compared: without case and accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)) or name


def check_name(text: str, field: str) -> str:
    """A person's, company's or community's name."""
    return texts.check_name(text, field, most=MOST_NAME)


def check_email(text: str, field: str) -> str:
    """An e-mail address, or none."""
    if not text:
        return ""
    email = check_line(text, field, most=MOST_EMAIL)
    if not _EMAIL.fullmatch(email):
        raise FieldInvalidError(f"{field} must be an e-mail address", field=field)
    return email


def check_website(text: str, field: str) -> str:
    """An https address, or none."""
    return _check_url(text, field, {"https"}) if text else ""


def check_issuer(text: str, field: str) -> str:
    """An issuer's address as in its tokens: https, http for loopback only. Kept to the letter."""
    url = _check_url(text, field, {"https", "http"})
    parts = urlsplit(url)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise FieldInvalidError(f"{field} must have neither query nor fragment", field=field)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise FieldInvalidError(f"{field} must be an https address", field=field)
    return url


def check_own_issuer(text: str, field: str) -> str:
    """The issuer of a company, or none."""
    return check_issuer(text, field) if text else ""


def _check_url(text: str, field: str, schemes: set[str]) -> str:
    if check_line(text, field, most=MOST_URL) != text or " " in text:
        raise FieldInvalidError(f"{field} must hold no white space", field=field)
    try:
        parts = urlsplit(text)
        good = parts.scheme in schemes and "@" not in parts.netloc and "\\" not in text
        good = good and _HOST.fullmatch(parts.hostname or "") is not None
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        raise FieldInvalidError(f"{field} must be an {'/'.join(sorted(schemes))} URL", field=field)
    return text


def check_time_zone(name: str, field: str) -> str:
    """A zone of the tz database by its name, or none."""
    if name and name not in _time_zones():
        raise FieldInvalidError(f"{field} must be an IANA time zone", field=field)
    return name


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def check_locale(tag: str, field: str) -> str:
    """A language tag as it is written, or none."""
    return locales.check_locale(tag, field) if tag else ""


def check_label(text: str, field: str) -> str:
    """A partner type or tier, or none."""
    return check_line(text, field, least=0, most=MOST_LABEL)


def check_labels(texts: Sequence[str], field: str) -> tuple[str, ...]:
    """Verticals or territories: at most 20, each once."""
    if len(texts) > MOST_LABELS:
        raise FieldInvalidError(f"{field} must have at most {MOST_LABELS}", field=field)
    labels = [check_line(text, f"{field}.{i}", most=MOST_LABEL) for i, text in enumerate(texts)]
    return tuple(dict.fromkeys(labels))


def claimed_name(claim: str) -> str:
    """What an identity provider says the name is, made one of ours; never refused."""
    letters = "".join(map(_allowed, claim[:_ODD_CLAIM]))
    name = unicodedata.normalize("NFC", " ".join(letters.split()))[:MOST_NAME].strip()
    for attempt in (name, name.translate(dict.fromkeys(map(ord, texts.JOINERS)))):
        try:
            return check_name(attempt, "display_name")
        except TextInvalidError:
            continue
    return NEW_MEMBER


def _allowed(letter: str) -> str:
    """The letter where a name may hold it: beside a digit, which is of no script."""
    if letter in texts.JOINERS:
        return letter
    try:
        return texts.check_name(f"1{letter}1", "display_name", most=9)[1:-1]
    except TextInvalidError:
        return "" if _unseen(letter) else " "


def _unseen(letter: str) -> bool:
    """In any other line it would pass: marks of direction, soft hyphens."""
    try:
        return bool(check_line(f"1{letter}1", "display_name", most=9))
    except TextInvalidError:
        return False


def claimed_email(claim: str) -> str:
    """What an identity provider says the address is; none where it is not one."""
    try:
        return check_email(claim, "email")
    except (FieldInvalidError, TextInvalidError):
        return ""


def is_open(start: datetime, end: datetime | None, at: datetime) -> bool:
    """Whether a dated thing holds: from its start on, up to its end and not at it."""
    return start <= at and (end is None or at < end)
