"""What has changed since the released schema, and what of that may be.

`python -m gateway.schema.changes` compares schema.graphql with released.graphql, prints what may
surprise a portal and fails on what breaks one, unless that was deprecated for long enough or
CHANGELOG.md says so in a line `- Breaking:` of what is unreleased.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from graphql import GraphQLSchema, build_schema
from graphql.utilities import (
    BreakingChangeType,
    DangerousChangeType,
    find_schema_changes,
    resolve_schema_coordinate,
)

GATEWAY = Path(__file__).parent.parent
KEPT = timedelta(days=180)  # what is deprecated stays at least so long
DEPRECATION = re.compile(r"(\d{4}-\d{2}-\d{2}): use \S.*")

# Where the library's sentence tells what it is about; the first that is there.
_ABOUT = (
    re.compile(r"\b\w+\.\w+(?:\(\w+:\))?"),
    re.compile(r"@\w+(?:\(\w+:\))?"),
    re.compile(r"(?<=union type )\w+"),
    re.compile(r"\b[A-Z]\w+(?= (?:was removed|changed from|no longer))"),
)
_BREAKING_LINE = re.compile(r"^- Breaking: .*(?:\n  .*)*", re.M)
_REMOVED = (
    BreakingChangeType.FIELD_REMOVED,
    BreakingChangeType.ARG_REMOVED,
    BreakingChangeType.VALUE_REMOVED_FROM_ENUM,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One that an operation may notice; `excuse` says why it may be, "" that it may not."""

    about: str  # a schema coordinate
    sentence: str
    breaks: bool
    excuse: str = ""


def changes(
    released: GraphQLSchema, current: GraphQLSchema, changelog: str, today: date
) -> list[Change]:
    """What breaks operations or may surprise them; all else is left out."""
    announced = _announced(changelog)
    found = []
    for kind, sentence in find_schema_changes(released, current):
        about = _about(sentence)
        if isinstance(kind, DangerousChangeType):
            found.append(Change(about, sentence, breaks=False))
        elif isinstance(kind, BreakingChangeType):
            excuse = ""
            if about in announced:
                excuse = "the changelog says so"
            elif kind in _REMOVED and (since := _deprecated(released, about)) is not None:
                excuse = f"deprecated since {since}" if today - since >= KEPT else ""
            found.append(Change(about, sentence, breaks=True, excuse=excuse))
    return found


def _about(sentence: str) -> str:
    return next((match[0] for pattern in _ABOUT if (match := pattern.search(sentence))), "")


def _announced(changelog: str) -> set[str]:
    """What lines `- Breaking:` of the first section name in backticks."""
    unreleased = re.split(r"^## ", changelog, flags=re.M)[1]
    lines = _BREAKING_LINE.findall(unreleased)
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line)}


def _deprecated(schema: GraphQLSchema, about: str) -> date | None:
    """Since when, as the reason says; None where it is not, or the reason does not say."""
    found = resolve_schema_coordinate(schema, about)
    # An argument goes with its field.
    for part in ("field_argument", "enum_value", "input_field", "field"):
        reason = getattr(getattr(found, part, None), "deprecation_reason", None)
        if reason and (match := DEPRECATION.fullmatch(reason)):
            return date.fromisoformat(match[1])
    return None


def of_this_checkout() -> list[Change]:
    """As committed."""
    released = (GATEWAY / "released.graphql").read_text()
    current = (GATEWAY / "schema.graphql").read_text()
    changelog = (GATEWAY.parent / "CHANGELOG.md").read_text()
    return changes(
        build_schema(released), build_schema(current), changelog, datetime.now(UTC).date()
    )


def told(found: list[Change]) -> Iterator[str]:
    """One line each, what may not be last."""
    for change in sorted(found, key=lambda one: (one.breaks, not one.excuse)):
        if not change.breaks:
            yield f"may surprise: {change.sentence}"
        elif change.excuse:
            yield f"breaks, but {change.excuse}: {change.sentence}"
        else:
            yield (
                f"BREAKS: {change.sentence} Deprecate it instead for {KEPT.days} days, or name "
                f"`{change.about}` in a line `- Breaking:` of CHANGELOG.md"
            )


if __name__ == "__main__":
    seen = of_this_checkout()
    sys.stdout.writelines(f"{line}\n" for line in told(seen))
    sys.exit(any(change.breaks and not change.excuse for change in seen))
