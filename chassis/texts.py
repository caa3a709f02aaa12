"""What every text from outside must be: bounded, visible, and the same however it was typed."""

from __future__ import annotations

import re
import unicodedata

from chassis.errors import FieldInvalidError, ReasonRequiredError, TextInvalidError

MOST_MARKS = 8  # on one letter; more are no writing, and putting them in order is quadratic

# Seen by nobody, and they change or hide what is read: bidirectional overrides and isolates, blanks
# without width, operators and annotations without a look, tags (whole texts can be hidden in them).
_FORBIDDEN = {
    *(0x180E, 0x200B, 0x2060, 0xFEFF, 0xE0001),
    *range(0x202A, 0x202F),
    *range(0x2061, 0x2065),
    *range(0x2066, 0x2070),
    *range(0xFFF9, 0xFFFC),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0020, 0xE0080),
}
# Control, surrogate, private use. Unassigned ones may be next year's emoji: only noncharacters.
_FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Co"}
_UNNAMED_CATEGORIES = {"Cf", "Cn", "Zl", "Zp"}
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}")
# Letters that have no look of their own, and the Braille cell without dots.
_BLANK = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
JOINERS = "\u200c\u200d"  # seen in no script, needed in some
# Scripts whose letters look like each other's; no word has letters of two of them.
_ALIKE = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
_SAME_LETTERS = ("<wide>", "<narrow>", "<font>")  # how Unicode calls another cut of the same letter


def check_line(text: str, field: str, *, least: int = 1, most: int) -> str:
    """A single line: NFC, runs of white space made one blank, stripped, least..most characters.

    Refuses with TEXT_INVALID and the field's name.
    """
    _check_characters(text, field, allowed="")
    line = " ".join(_normal(text, field).split())
    _check_length(line, field, least, most)
    return line


def check_body(text: str, field: str, *, least: int = 1, most: int) -> str:
    """Several lines: NFC, line ends made \\n, stripped at the end; as check_line otherwise."""
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    _check_characters(body, field, allowed="\n\t")
    body = _normal(body, field).rstrip()
    if not body.strip():
        body = ""
    _check_length(body, field, least, most)
    return body


def check_name(text: str, field: str, *, most: int) -> str:
    """A line that says who or what it is: it holds nothing that only looks like something else.

    As check_line; full-width and mathematical letters become the usual ones. Refused, beside the
    rest, are letters of scripts that look alike in one word, characters without a look (but joiners
    in the scripts that need them), characters Unicode does not have, and names without a letter.
    """
    line = check_line(text, field, most=most)
    if line.isascii():
        _check_named(line, field)
        return line
    # By the distinct letters, as everywhere here: even a long text has few.
    usual = {letter: _usual(letter) for letter in set(line)}
    line = unicodedata.normalize("NFC", "".join(map(usual.__getitem__, line)))
    hidden = {letter for letter in set(line) if _is_hidden(letter)}
    for before, character in zip(" " + line, line, strict=False) if hidden else ():
        if character not in hidden:
            continue
        if not (character in JOINERS and _script(before) not in {*_ALIKE, ""}):
            raise _forbidden(character, field)
    _check_named(line, field)
    for word in line.split():
        scripts = {script for letter in set(word) if (script := _script(letter)) in _ALIKE}
        if len(scripts) > 1:
            raise TextInvalidError(
                f"{field} mixes letters of {' and '.join(map(str.title, sorted(scripts)))} in one"
                " word",
                field=field,
            )
    _check_length(line, field, 1, most)
    return line


def check_reason(text: str, field: str = "reason", *, most: int = 1000) -> str:
    """A reason that must be given. Refuses with REASON_REQUIRED where it is empty."""
    if not text.strip():
        raise ReasonRequiredError(field=field)
    return check_body(text, field, most=most)


def plain_line(text: str, *, most: int) -> str:
    """What somebody says elsewhere, as a line that check_line takes: without what it forbids, cut
    at the limit. Empty where nothing is left, or marks are heaped up.
    """
    line = " ".join(text[: 8 * most].split())
    forbidden = {ord(letter) for letter in set(line) if _is_forbidden(letter)}
    line = " ".join(line.translate(dict.fromkeys(forbidden)).split())
    try:
        line = check_line(line, "text", least=0, most=8 * most)
    except TextInvalidError:
        return ""
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


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
    text = _FLAG.sub("", text)
    letters = set(text) - set(allowed)  # even a long text has few
    if bad := {letter for letter in letters if _is_forbidden(letter)}:
        raise _forbidden(next(letter for letter in text if letter in bad), field)
    _check_marks(text, field)
    if _SELECTORS.search(text):
        raise TextInvalidError(f"{field} has two variation selectors in a row", field=field)


def _normal(text: str, field: str) -> str:
    """NFC, which may set a few letters apart into a letter and its marks."""
    normal = unicodedata.normalize("NFC", text)
    if normal != text:
        _check_marks(normal, field)
    return normal


def _check_marks(text: str, field: str) -> None:
    marks = {letter for letter in set(text) if unicodedata.category(letter)[0] == "M"}
    if marks and _longest_run(text, marks) > MOST_MARKS:
        raise TextInvalidError(
            f"{field} has more than {MOST_MARKS} marks on one letter", field=field
        )


def _is_forbidden(letter: str) -> bool:
    code = ord(letter)
    return (
        code in _FORBIDDEN
        or code & 0xFFFE == 0xFFFE
        or 0xFDD0 <= code <= 0xFDEF
        or unicodedata.category(letter) in _FORBIDDEN_CATEGORIES
    )


def _longest_run(text: str, letters: set[str]) -> int:
    longest = run = 0
    for letter in text:
        run = run + 1 if letter in letters else 0
        longest = max(longest, run)
    return longest


def _check_named(line: str, field: str) -> None:
    if not any(letter.isalnum() for letter in line):
        raise TextInvalidError(f"{field} must have a letter or a digit", field=field)


def _is_hidden(letter: str) -> bool:
    """Without a look, or unknown to Unicode."""
    return ord(letter) in _BLANK or unicodedata.category(letter) in _UNNAMED_CATEGORIES


def _usual(letter: str) -> str:
    same = unicodedata.decomposition(letter).startswith(_SAME_LETTERS)
    return unicodedata.normalize("NFKC", letter) if same and letter.isalnum() else letter


def _script(letter: str) -> str:
    """The script of a letter or mark as Unicode's names begin; empty for all else."""
    if unicodedata.category(letter)[0] not in "LM":
        return ""
    return unicodedata.name(letter, "").partition(" ")[0]


def _forbidden(character: str, field: str) -> TextInvalidError:
    return TextInvalidError(
        f"{field} holds the forbidden character U+{ord(character):04X}", field=field
    )


def _check_length(text: str, field: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise TextInvalidError(
            f"{field} must have {least} to {most} characters, not {len(text)}", field=field
        )
