"""The tags that the forum takes, in their one spelling; a test holds it to `chassis/tags.py`."""

import re
import unicodedata

from devstack.importer.characters import clean

MAX_TAG_LENGTH = 35
_PLAIN = re.compile(rf"[a-z0-9+#.-]{{1,{MAX_TAG_LENGTH}}}")
_JOINERS = "\u200c\u200d"
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
# Scripts that look like Latin, and which of their small letters do; of the last three none stands.
_LIKE_LATIN = {
    "CYRILLIC": "асеорхуіјѕһԁԛԝӏ",  # noqa: RUF001
    "GREEK": "ονρυαικχγ",
    "ARMENIAN": "օսոցհ",  # noqa: RUF001
    "CHEROKEE": "",
    "COPTIC": "",
    "LISU": "",
}
_LATIN = frozenset("æœøđłþðŋħı")  # beside what is a letter of ASCII with marks
_ALIKE = {"LATIN", *_LIKE_LATIN}


def tag_of(written: str) -> str | None:
    """As the forum writes it. None: it takes no such tag."""
    plain = written.strip().lower()
    if _PLAIN.fullmatch(plain):
        return plain
    if plain.isascii() or len(plain) > 4 * MAX_TAG_LENGTH:
        return None
    tag = _folded(plain)
    if tag.isascii():
        return tag if _PLAIN.fullmatch(tag) else None
    if len(tag) > MAX_TAG_LENGTH or not all(map(_may_stand, tag)) or clean(tag) != tag:
        return None
    good = _named(tag) and _of_one_script(tag) and _reads_one_way(tag)
    return tag if good else None


def nearest_tag(name: str) -> str | None:
    """With a hyphen for what may not stand in a tag. None: nothing is left of it."""
    letters = (letter if _may_stand(letter) else "-" for letter in _folded(clean(name).lower()))
    tag = re.sub("--+", "-", "".join(letters)).strip("-")
    return tag_of(tag[:MAX_TAG_LENGTH])


def _folded(text: str) -> str:
    for _ in range(2):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        str(unicodedata.decimal(one)) if one.isdecimal() and not one.isascii() else one
        for one in text
    )


def _may_stand(letter: str) -> bool:
    if letter.isascii():
        return _PLAIN.fullmatch(letter) is not None
    if unicodedata.category(letter)[0] not in "LM" and letter not in _JOINERS:
        return False
    script = _script(letter)
    if script == "COMBINING" or letter in _BLANK:
        return False
    if script == "LATIN":
        return letter in _LATIN or unicodedata.normalize("NFD", letter)[0].isascii()
    return _LIKE_LATIN.get(script, "all") != ""


def _named(tag: str) -> bool:
    """There is a letter or digit, and a joiner only behind a letter that it may join."""
    pairs = zip(" " + tag, tag, strict=False)
    return any(letter.isalnum() for letter in tag) and not any(
        letter in _JOINERS and _letters_script(before) in {*_ALIKE, ""} for before, letter in pairs
    )


def _of_one_script(tag: str) -> bool:
    """Of those that look alike; and not each of its letters like a Latin one."""
    if len({_letters_script(letter) for letter in tag} & _ALIKE) > 1:
        return False
    letters = [letter for letter in tag if letter.isalpha()]
    return not all(letter in _LIKE_LATIN.get(_script(letter), "") for letter in letters)


def _reads_one_way(tag: str) -> bool:
    """The rule of RFC 5893 for what is written from right to left."""
    ways = [unicodedata.bidirectional(letter) for letter in tag]
    if not {"R", "AL", "AN"}.intersection(ways):
        return True
    while ways[-1] == "NSM":
        ways.pop()
    return (
        ways[0] in ("R", "AL")
        and ways[-1] in ("R", "AL", "EN", "AN")
        and "L" not in ways
        and not {"EN", "AN"} <= set(ways)
    )


def _letters_script(letter: str) -> str:
    return _script(letter) if unicodedata.category(letter)[0] in "LM" else ""


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
