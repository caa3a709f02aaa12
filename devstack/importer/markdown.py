"""The HTML of a post as Markdown that renders to the same text."""

import re
from html import escape as escape_html
from unicodedata import category

from bs4 import Tag
from bs4.element import NavigableString, PreformattedString
from markdownify import MarkdownConverter

from devstack.importer.characters import clean
from devstack.importer.neighbours import (
    CODE,
    EMPHASIS,
    beside,
    edge,
    ends_line,
    has_words,
    is_block,
)
from devstack.importer.table import CELL, DATA_ROW, HEADER_ROW, ROW_MARKS, TableTooWideError, table

# No tag is shorter than this much text per character of Markdown: longer HTML cannot fit.
MAX_HTML_LENGTH = 262_144
MAX_MARKDOWN_LENGTH = 32_767
MAX_DEPTH = 60
# html.parser searches each one that is not closed to the end of the text.
MAX_UNCLOSED = 200

_BLANKS = re.compile(r"[\t ]+")
_NEWLINES = re.compile(r" ?\n[ \n]*")
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]{1,32};)")
# What means something anywhere in a line. `_` inside a word and `~` that can only open are text.
_ANYWHERE = re.compile(
    r"[\\`*\[\]|]|<(?=[A-Za-z/!?])|&(?=#?[A-Za-z0-9]{1,32};)"
    r"|(?<![^\W_])_|_(?![^\W_])|(?<=\S)~|~(?=~)"
)
_LINE_START = re.compile(r"^([ \t]*)([#>=]|[-+](?=[\s+-]|$)|:(?=-)|~(?=~))", re.MULTILINE)
_NUMBER_START = re.compile(r"^([ \t]*[0-9]{1,9})([.)])(?=\s|$)", re.MULTILINE)
_HEADING_END = re.compile(r"(?<=\s)#+$")
_BACKTICKS = re.compile(r"`+")
_LANGUAGE = re.compile(r"^lang(?:uage)?-([A-Za-z0-9+#.-]{1,30})$")
_PUNCTUATION = ".,:;!?'\""
_URI = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\x00-\x20]*$")
_SAFE_SCHEME = re.compile(r"^(?:https?|ftp|mailto):|^(?![A-Za-z][A-Za-z0-9+.-]*:)", re.IGNORECASE)

# Both a hyphen and U+2212 are written for minus.
_SUPERSCRIPT = str.maketrans("0123456789+-=()ni\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ⁻")
_SUBSCRIPT = str.maketrans("0123456789+-=()aeoxhklmnpst\u2212", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜ₋")


class UnconvertibleBodyError(ValueError):
    """The HTML is too long or too deep to be a post."""


def _destination(url: str) -> str:
    url = _ENTITY.sub("&amp;", "".join(url.split("\n")).strip().replace("\\", "%5C"))
    url = url.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20").replace("\t", "%09")
    return url.replace("(", "%28").replace(")", "%29")


def _title(text: str | None) -> str:
    words = " ".join((text or "").split())
    if not words:
        return ""
    return ' "' + _ENTITY.sub("&amp;", words.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escape(text: str) -> str:
    text = _ANYWHERE.sub(r"\\\g<0>", text)
    text = _LINE_START.sub(r"\1\\\2", text)
    text = _NUMBER_START.sub(r"\1\\\2", text)
    return _HEADING_END.sub(r"\\\g<0>", text)


def _attribute(element: Tag, name: str) -> str:
    value = element.get(name) or ""
    return value if isinstance(value, str) else " ".join(value)


def _is_mark(character: str) -> bool:
    """Punctuation to CommonMark of any version; the start or end of the text counts as blank."""
    return not character or character.isspace() or category(character)[0] == "P"


def _is_symbol(character: str) -> bool:
    return category(character)[0] in "PS"


def _end_of_words(text: str) -> int:
    """Where the punctuation and blanks at the end begin: a search for them would be quadratic."""
    end = len(text)
    while end and (text[end - 1] in _PUNCTUATION or text[end - 1].isspace()):
        end -= 1
    return end


def _bounded(text: str) -> str:
    # Indenting costs per level and line: stop before it multiplies.
    if len(text) > MAX_MARKDOWN_LENGTH:
        raise UnconvertibleBodyError(
            f"the body has more than {MAX_MARKDOWN_LENGTH:,} characters of Markdown"
        )
    return text


def _indented(text: str, first: str, rest: str) -> str:
    lines = _bounded(text).split("\n")
    return "\n".join([first + lines[0], *(rest + line if line else "" for line in lines[1:])])


class PostConverter(MarkdownConverter):
    """markdownify, with escapes only where they are needed and blocks that survive nesting."""

    def __init__(self) -> None:
        super().__init__(heading_style="atx", strip_pre=None)
        self._depth = 0

    def to_markdown(self, html: str) -> str:
        if len(html) > MAX_HTML_LENGTH:
            raise UnconvertibleBodyError(
                f"the body has {len(html):,} characters of HTML; at most {MAX_HTML_LENGTH:,}"
            )
        unclosed = html.count("<") - html.count(">")
        if max(unclosed, html.count("<!") + html.count("<?")) > MAX_UNCLOSED:
            raise UnconvertibleBodyError(
                f"the body has more than {MAX_UNCLOSED} unclosed tags or comments: it is no HTML"
            )
        self._depth = 0
        # Twice, for a character reference can stand for what was just taken out.
        return clean(self.convert(clean(html))).strip()

    def process_tag(self, node: Tag, parent_tags: set[str] | None = None) -> str:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnconvertibleBodyError(f"the body's HTML is nested deeper than {MAX_DEPTH}")
        # markdownify's stubs leave it out.
        text: str = super().process_tag(node, parent_tags=parent_tags)  # type: ignore[misc]
        self._depth -= 1
        return text

    def process_text(self, el: NavigableString, parent_tags: set[str]) -> str:
        if isinstance(el, PreformattedString):  # comments, processing instructions
            return ""
        if "pre" in parent_tags:
            return str(el)
        text = _NEWLINES.sub("\n", _BLANKS.sub(" ", str(el)))
        before, after = el.previous_sibling, el.next_sibling
        if ends_line(before) or (before is None and is_block(el.parent)):
            text = text.lstrip(" \n")
        if is_block(after) or (after is None and is_block(el.parent)):
            text = text.rstrip(" \n")
        if "_noformat" in parent_tags:
            return text
        # What follows a word in the same line begins no block; the dot stands for the word.
        text = _escape("." + text)[1:] if has_words(before) else _escape(text)
        # Before a link it would make an image of it.
        return text[:-1] + "\\!" if text.endswith("!") and isinstance(after, Tag) else text

    # Inline

    def _emphasised(self, el: Tag, text: str, parent_tags: set[str], mark: str) -> str:
        if "_noformat" in parent_tags or not text.strip():
            return text
        core = text.strip()
        lead, trail = text[: text.index(core[0])], text[len(text.rstrip()) :]
        if "\n\n" in core or not parent_tags.isdisjoint(_twins(el.name)):
            return text
        previous = beside(el, forward=False)
        if isinstance(previous, Tag) and previous.name in EMPHASIS and not lead:
            return text
        before = lead[-1:] or edge(el, forward=False)
        after = trail[:1] or edge(el, forward=True)
        if _is_symbol(core[-1]) and not _is_mark(after):
            # `**Note:**text` would not close: the colon moves out.
            end = _end_of_words(core)
            if 0 < end < len(core) and core[end - 1] != "\\":
                core, trail = core[:end], core[end:] + trail
                after = trail[0]
        opens = not _is_symbol(core[0]) or _is_mark(before)
        closes = not _is_symbol(core[-1]) or _is_mark(after)
        return f"{lead}{mark}{core}{mark}{trail}" if opens and closes else lead + core + trail

    def convert_em(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._emphasised(el, text, parent_tags, "*")

    def convert_strong(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._emphasised(el, text, parent_tags, "**")

    def convert_del(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._emphasised(el, text, parent_tags, "~~")

    convert_i = convert_em
    convert_b = convert_strong
    convert_s = convert_strike = convert_del

    def convert_sup(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _shifted(el, _SUPERSCRIPT) or text

    def convert_sub(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _shifted(el, _SUBSCRIPT) or text

    def convert_code(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if "_noformat" in parent_tags:
            return text
        # A line of code at the start of a line would be read as a block.
        core = " ".join(text.split("\n")).strip()
        if not core:
            return " " if text else ""
        if "td" in parent_tags or "th" in parent_tags:
            core = core.replace("|", "\\|")
        runs = {len(run) for run in _BACKTICKS.findall(core)}
        fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
        pad = " " if core[0] == "`" or core[-1] == "`" else ""
        lead, trail = " " * text[0].isspace(), " " * text[-1].isspace()
        previous = beside(el, forward=False)
        if isinstance(previous, Tag) and previous.name in CODE and text.strip():
            lead = " "  # two spans side by side would be read as one
        return f"{lead}{fence}{pad}{core}{pad}{fence}{trail}"

    convert_kbd = convert_samp = convert_code

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        href = _attribute(el, "href").strip()
        if "_noformat" in parent_tags or not href or not _SAFE_SCHEME.match(href):
            return text
        core = " ".join(filter(None, map(str.strip, text.split("\n"))))
        if not core or "a" in parent_tags:
            return text
        lead, trail = " " * text[0].isspace(), " " * text[-1].isspace()
        title = _title(_attribute(el, "title"))
        if not title and _URI.match(href) and el.get_text() == href and not _ENTITY.search(href):
            return f"{lead}<{href}>{trail}"
        return f"{lead}[{core}]({_destination(href)}{title}){trail}"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        src = _attribute(el, "src").strip()
        alt = " ".join(_attribute(el, "alt").split())
        if "_noformat" in parent_tags:
            return alt
        alt = _escape(alt)
        if not src or not _SAFE_SCHEME.match(src):
            return alt
        return f"![{alt}]({_destination(src)}{_title(_attribute(el, 'title'))})"

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if "_noformat" in parent_tags:
            return "\n"
        return " " if "_inline" in parent_tags else "  \n"

    # Blocks

    def convert_hr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        # Not `---`: that would underline a heading or, in a list, be read without its item.
        return " " if "_inline" in parent_tags else "\n\n***\n\n"

    def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: N802
        core = " ".join(text.split())
        if "_inline" in parent_tags or not core:
            return core
        return f"\n\n{'#' * max(1, min(6, n))} {core}\n\n"

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if not text.strip():
            return ""
        if "_inline" in parent_tags:
            return self.convert_code(el, text, parent_tags - {"_noformat"})
        code = text.removeprefix("\n").rstrip("\n")
        longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"\n\n{fence}{_language(el)}\n{code}\n{fence}\n\n"

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        core = text.strip(" \n")
        if "_inline" in parent_tags or not core:
            return f" {core} "
        lines = (f"> {line}" if line else ">" for line in _bounded(core).split("\n"))
        return "\n\n" + "\n".join(lines) + "\n\n"

    def convert_list(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if "_inline" in parent_tags:
            return f" {text.strip()} "
        start = _attribute(el, "start")
        # Only a list that starts at 1 may follow a line of text directly.
        if "li" in parent_tags and start in {"", "1"}:
            return "\n" + text.strip("\n") + "\n"
        return "\n\n" + text.strip("\n") + "\n\n"

    convert_ul = convert_ol = convert_list

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        core = text.strip(" \n")
        if "_inline" in parent_tags or not core:
            return f" {core} "
        bullet = "- "
        if el.parent is not None and el.parent.name == "ol":
            bullet = f"{self._number(el, el.parent)}. "
        return _indented(core, bullet, " " * len(bullet)) + "\n"

    def _number(self, item: Tag, parent: Tag) -> int:
        # Counted on from item to item: counting the siblings before it would be quadratic.
        start = _attribute(parent, "start")
        first = int(start) if re.fullmatch(r"[0-9]{1,6}", start) else 1
        number = int(_attribute(parent, "data-number") or first)
        parent["data-number"] = str(number + 1)
        return number

    def convert_dt(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        core = " ".join(text.split())
        return f" {core} " if "_inline" in parent_tags or not core else f"\n\n**{core}**\n\n"

    def convert_dd(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        core = text.strip(" \n")
        if "_inline" in parent_tags or not core:
            return f" {core} "
        return "\n" + _indented(core, "- ", "  ") + "\n"

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        span = _attribute(el, "colspan")
        columns = int(span) if re.fullmatch(r"[0-9]{1,2}", span) else 1
        return (" ".join(text.split()) + CELL) + CELL * (max(1, columns) - 1)

    convert_th = convert_td

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        cells = [cell for cell in el.children if isinstance(cell, Tag)]
        is_header = bool(cells) and all(cell.name == "th" for cell in cells)
        return (HEADER_ROW if is_header else DATA_ROW) + text

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if "_inline" in parent_tags:
            return re.sub(f"[{ROW_MARKS}]+", " ", text)
        try:
            return _bounded(table(text))
        except TableTooWideError as error:
            raise UnconvertibleBodyError(str(error)) from None


def _language(pre: Tag) -> str:
    """Stack Exchange says it as a class of `<pre>` or of the `<code>` in it."""
    code = pre.find("code")
    classes = _attribute(pre, "class").split()
    if isinstance(code, Tag):
        classes += _attribute(code, "class").split()
    for name in classes:
        match = _LANGUAGE.match(name)
        if match:
            return escape_html(match.group(1))
    return ""


def _shifted(element: Tag, characters: dict[int, int]) -> str:
    """The Unicode form of an exponent, index or footnote mark; empty if one letter has none."""
    if element.find(True):  # a link keeps its address
        return ""
    text = element.get_text()
    return text.translate(characters) if all(ord(c) in characters for c in text) else ""


def _twins(name: str) -> set[str]:
    """Tags that write the same mark: inside one of them the mark would end it."""
    for twins in ({"em", "i"}, {"strong", "b"}, {"del", "s", "strike"}):
        if name in twins:
            return twins
    return set()
