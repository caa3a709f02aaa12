"""What Discourse writes beyond Markdown, as Markdown: quotes, details, uploads."""

import re
from dataclasses import dataclass

MAX_QUOTES = 8  # within each other

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_QUOTE = re.compile(r'\[quote(?:="?([^"\],]{0,100})[^\]\n]{0,200})?\]\s*', re.IGNORECASE)
_QUOTE_END = re.compile(r"\[/quote\]", re.IGNORECASE)
_DETAILS = re.compile(r'\[details(?:="?([^"\]\n]{0,200})"?)?\]', re.IGNORECASE)
_DETAILS_END = re.compile(r"\[/details\]", re.IGNORECASE)
_IMAGE = re.compile(r"!\[([^\]\n|]{0,300})(?:\|[^\]\n]{0,100})?\]\((upload://[^)\s]{1,300})\)")
_FILE = re.compile(
    r"\[([^\]\n|]{0,300})\|attachment\]\(((?:upload://|/uploads/)[^)\s]{1,300})\)"
    r"(?: \([^)\n]{1,30}\))?"
)
_SIZED = re.compile(r"!\[([^\]\n|]{0,300})\|[0-9x,% a-z]{1,60}\]\(")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a text shows or links, which is not part of the text."""

    kind: str  # images or files
    address: str


def converted(raw: str) -> tuple[str, list[Upload]]:
    """The text, and the uploads that it names. Code stays as it is."""
    uploads: list[Upload] = []
    lines: list[str] = []
    depth, fence = 0, ""
    for line in raw.replace("\r\n", "\n").split("\n"):
        begun = _FENCE.match(line)
        if fence:
            closes = begun is not None and begun[1].startswith(fence)
            lines.append(_quoted(line, depth))
            fence = "" if closes and not line.strip(" `~") else fence
            continue
        if begun is not None:
            fence = begun[1]
            lines.append(_quoted(line, depth))
            continue
        depth = _unquoted(_plain(line, uploads), depth, lines)
    return "\n".join(lines), uploads


def _unquoted(line: str, depth: int, lines: list[str]) -> int:
    """Adds what the line is, and says how deep in quotes the next one begins."""
    while True:
        begin, end = _QUOTE.search(line), _QUOTE_END.search(line)
        if begin is not None and (end is None or begin.start() < end.start()):
            _add(line[: begin.start()], depth, lines)
            if lines and lines[-1].strip("> "):
                lines.append(_quoted("", depth))
            depth = min(depth + 1, MAX_QUOTES)
            if begin[1]:
                lines.append(_quoted(f"**{begin[1].strip()}:**", depth))
                lines.append(_quoted("", depth))
            line = line[begin.end() :]
        elif end is not None:
            _add(line[: end.start()], depth, lines)
            if depth:  # what follows is no more of the quote
                depth -= 1
                lines.append(_quoted("", depth))
            line = line[end.end() :]
        else:
            lines.append(_quoted(line, depth))
            return depth
        if not line.strip():
            return depth


def _add(text: str, depth: int, lines: list[str]) -> None:
    if text.strip():
        lines.append(_quoted(text.rstrip(), depth))


def _quoted(line: str, depth: int) -> str:
    return ("> " * depth + line).rstrip() if depth else line


def _plain(line: str, uploads: list[Upload]) -> str:
    def image(found: re.Match[str]) -> str:
        uploads.append(Upload("images", found[2]))
        return f"({found[1] or 'image'})"

    def file(found: re.Match[str]) -> str:
        uploads.append(Upload("files", found[2]))
        return f"({found[1] or 'file'})"

    # Files first: behind one its size may stand, which looks like what is left of an image.
    line = _SIZED.sub(r"![\1](", _IMAGE.sub(image, _FILE.sub(file, line)))
    line = _DETAILS.sub(lambda details: f"\n**{details[1] or 'Details'}**\n", line)
    return _DETAILS_END.sub("", line)
