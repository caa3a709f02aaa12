"""Language tags (BCP 47): written in one way, and which text suits a reader."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from chassis.errors import FieldInvalidError

_MOST = 35  # characters, as RFC 5646 advises
# Language, script, region, variants: what tells texts apart. Neither extensions nor private use.
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
)


def check_locale(tag: str, field: str) -> str:
    """As it is written: de, de-AT, zh-Hant-TW. Refuses with FIELD_INVALID."""
    found = _TAG.fullmatch(tag.lower()) if len(tag) <= _MOST and tag.isascii() else None
    if found is None:
        raise FieldInvalidError(f"{field} must be a language tag as BCP 47 has them", field=field)
    script, region = found["script"], found["region"]
    parts = [found["language"], script and script.title(), region and region.upper()]
    return "-".join(part for part in parts if part) + found["variants"]


def shortened(tag: str) -> list[str]:
    """The tag and what it belongs to: zh-Hant-TW, zh-Hant, zh. Nothing of nothing."""
    parts = tag.split("-") if tag else []
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


def lookup(wanted: Iterable[str], available: Collection[str]) -> str:
    """The first wanted language that there is a text in, shortened as RFC 4647 looks up.

    Empty where there is none.
    """
    for tag in wanted:
        for shorter in shortened(tag):
            if shorter in available:
                return shorter
    return ""
