"""The characters that Guildhall takes, and what becomes of those in a dump that it does not."""

import unicodedata

# Zero-width blanks and bidirectional overrides: seen by nobody, so nothing is lost without them.
_INVISIBLE = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x2060, 0xFEFF}
# Surrogates, private use, and what this Python's Unicode does not know: something stood there.
_UNKNOWN_CATEGORIES = {"Cs", "Co", "Cn"}
_KEPT = {"\n", "\t"}


def clean(text: str) -> str:
    """NFC, line ends as `\\n`, and only characters that the forum takes in a body."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # By the distinct characters, of which even a long text has few.
    replaced = {
        ord(character): replacement
        for character in set(text) - _KEPT
        if (replacement := _replacement(character)) != character
    }
    return unicodedata.normalize("NFC", text.translate(replaced) if replaced else text)


def clean_line(text: str) -> str:
    return " ".join(clean(text).split())


def _replacement(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc" or ord(character) in _INVISIBLE:
        return ""
    return "\ufffd" if category in _UNKNOWN_CATEGORIES else character
