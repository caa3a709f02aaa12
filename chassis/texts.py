"""What every text from outside must be: bounded, visible, and the same however it was typed."""

from __future__ import annotations

import unicodedata

from chassis.errors import FieldInvalidError, ReasonRequiredError, TextInvalidError

# Bidirectional overrides and isolates can make a text read as another one.
_FORBIDDEN = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x2060, 0xFEFF}
# Control, surrogate, private use. Unassigned ones may be next year's emoji: only noncharacters.
_FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Co"}


def check_line(text: str, field: str, *, least: int = 1, most: int) -> str:
    """A single line: NFC, runs of white space made one blank, stripped, least..most characters.

    Refuses with TEXT_INVALID and the field's name.
    """
    _check_characters(text, field, allowed="")
    line = " ".join(unicodedata.normalize("NFC", text).split())
    _check_length(line, field, least, most)
    return line


def check_body(text: str, field: str, *, least: int = 1, most: int) -> str:
    """Several lines: NFC, line ends made \\n, stripped at the end; as check_line otherwise."""
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    _check_characters(body, field, allowed="\n\t")
    body = unicodedata.normalize("NFC", body).rstrip()
    if not body.strip():
        body = ""
    _check_length(body, field, least, most)
    return body


def check_reason(text: str, field: str = "reason", *, most: int = 1000) -> str:
    """A reason that must be given. Refuses with REASON_REQUIRED where it is empty."""
    if not text.strip():
        raise ReasonRequiredError(field=field)
    return check_body(text, field, most=most)


def check_slug(slug: str, field: str = "slug") -> str:
    """2 to 40 of a-z, 0-9 and inner hyphens: what stands in addresses."""
    good = 2 <= len(slug) <= 40 and all(c.isascii() and (c.isalnum() or c == "-") for c in slug)
    if not good or slug != slug.lower() or slug[0] == "-" or slug[-1] == "-":
        raise FieldInvalidError(
            f"{field} must be 2 to 40 of a-z, 0-9 and inner hyphens", field=field
        )
    return slug


def _check_characters(text: str, field: str, allowed: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for character in text:
        if character in allowed:
            continue
        code = ord(character)
        if (
            code in _FORBIDDEN
            or code & 0xFFFE == 0xFFFE
            or 0xFDD0 <= code <= 0xFDEF
            or unicodedata.category(character) in _FORBIDDEN_CATEGORIES
        ):
            raise TextInvalidError(
                f"{field} holds the forbidden character U+{code:04X}", field=field
            )


def _check_length(text: str, field: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise TextInvalidError(
            f"{field} must have {least} to {most} characters, not {len(text)}", field=field
        )
