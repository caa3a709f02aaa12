"""Tags: one spelling for one look, in every script, so that no two that look the same differ."""

from __future__ import annotations

import re
import unicodedata

from chassis.errors import TextInvalidError
from chassis.texts import check_name

MAX_TAG = 35
_PLAIN = re.compile(rf"[a-z0-9+#.-]{{1,{MAX_TAG}}}")
# Scripts whose letters may look like Latin ones, and those small ones that do; of the last three,
# which nobody types today, no letter may stand.
_LIKE_LATIN = {
    "CYRILLIC": "асеорхуіјѕһԁԛԝӏ",  # noqa: RUF001
    "GREEK": "ονρυαικχγ",
    "ARMENIAN": "օսոցհ",  # noqa: RUF001
    "CHEROKEE": "",
    "COPTIC": "",
    "LISU": "",
}
# Beside what is a letter of ASCII with marks.
_LATIN = frozenset("æœøđłþðŋħı")
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))


def tag_of(written: str) -> str | None:
    """Its one spelling: small letters, usual forms and digits. None: it is no tag."""
    plain = written.strip().lower()
    if _PLAIN.fullmatch(plain):
        return plain
    if plain.isascii() or len(plain) > 4 * MAX_TAG:
        return None
    tag = _folded(plain)
    if tag.isascii():
        return tag if _PLAIN.fullmatch(tag) else None
    if len(tag) > MAX_TAG or not all(_may_stand(letter) for letter in tag):
        return None
    try:
        named = check_name(tag, "tags", most=MAX_TAG)  # refuses mixed scripts and what has no look
    except TextInvalidError:
        return None
    if named != tag or _poses_as_latin(tag) or not _reads_one_way(tag):
        return None
    return tag


def _folded(text: str) -> str:
    """NFKC and case folded, which together need two rounds, with digits as 0 to 9."""
    for _ in range(2):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        str(unicodedata.decimal(one)) if one.isdecimal() and not one.isascii() else one
        for one in text
    )


def _may_stand(letter: str) -> bool:
    if letter.isascii():
        return _PLAIN.fullmatch(letter) is not None
    if unicodedata.category(letter)[0] not in "LM" and letter not in "\u200c\u200d":
        return False
    script = _script(letter)
    if script == "COMBINING":  # what did not become one with its letter only hides there
        return False
    if script == "LATIN":
        return letter in _LATIN or unicodedata.normalize("NFD", letter)[0].isascii()
    return _LIKE_LATIN.get(script, "all") != ""


def _poses_as_latin(tag: str) -> bool:
    """All letters of another script, and each of them looks like a Latin one."""
    letters = [letter for letter in tag if letter.isalpha()]
    return all(letter in _LIKE_LATIN.get(_script(letter), "") for letter in letters)


def _reads_one_way(tag: str) -> bool:
    """The rule of RFC 5893 for what is written from right to left: shown, it has one order."""
    ways = [unicodedata.bidirectional(letter) for letter in tag]
    if not _RIGHT_TO_LEFT.intersection(ways):
        return True
    while ways[-1] == "NSM":
        ways.pop()
    return (
        ways[0] in ("R", "AL")
        and ways[-1] in ("R", "AL", "EN", "AN")
        and "L" not in ways
        and not {"EN", "AN"} <= set(ways)
    )


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
