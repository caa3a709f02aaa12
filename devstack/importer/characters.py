"""The characters that Guildhall takes, and what becomes of those in a dump that it does not."""

import re
import unicodedata

MOST_MARKS = 8  # on one letter

# Without width, without a look, turning the text around: nothing that is seen is lost with them.
_INVISIBLE = {
    *(0x180E, 0x200B, 0x2060, 0xFEFF, 0xE0001),
    *range(0x202A, 0x202F),
    *range(0x2061, 0x2065),
    *range(0x2066, 0x2070),
    *range(0xFFF9, 0xFFFC),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0020, 0xE0080),
}
# Surrogates, private use, and what this Python's Unicode does not know: something stood there.
_UNKNOWN_CATEGORIES = {"Cs", "Co", "Cn"}
_KEPT = {"\n", "\t"}
_SELECTORS = re.compile(
    "([\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+"
)


def clean(text: str) -> str:
    """NFC, line ends as `\\n`, and only characters that the forum takes in a body."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # By the distinct characters, of which even a long text has few.
    characters = set(text) - _KEPT
    replaced = {
        ord(character): replacement
        for character in characters
        if (replacement := _replacement(character)) != character
    }
    text = text.translate(replaced) if replaced else text
    text = _SELECTORS.sub(r"\1", text)
    # Twice: more than a few take quadratic time, and a letter may be set apart from its marks.
    return _without_piles(unicodedata.normalize("NFC", _without_piles(text)))


def clean_line(text: str) -> str:
    return " ".join(clean(text).split())


def _without_piles(text: str) -> str:
    """At most MOST_MARKS on one letter."""
    marks = {character for character in set(text) if unicodedata.category(character)[0] == "M"}
    if not marks:
        return text
    kept, run = [], 0
    for character in text:
        run = run + 1 if character in marks else 0
        if run <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _replacement(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc" or ord(character) in _INVISIBLE:
        return ""
    return "\ufffd" if category in _UNKNOWN_CATEGORIES else character
