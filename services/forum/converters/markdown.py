"""Markdown to safe HTML, in time that hostile input cannot stretch (docs/adr/0007-markdown.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product

import comrak
import nh3

from services.forum.domain.texts import Text

# Raise it with every change of what comes out: texts stored by an older one are rendered anew.
RENDERER = 3

MAX_DEPTH = 20  # of quotes, lists and emphasis: sanitising takes time with the square of the depth
MAX_COLUMNS = 20
MAX_CELLS = 4000
MAX_ADDRESSES = 200
MAX_CLOSING = 2000  # parentheses: those at an address's end are counted anew for each of them
MAX_NOTES = 200  # references and footnotes: each reference makes a way back of 170 characters

TAGS = frozenset(
    (
        *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code"),
        *("ul", "ol", "li", "em", "strong", "del", "a"),
        *("table", "thead", "tbody", "tr", "th", "td", "sup", "section"),
    )
)
# Each block is written the way its first letter is; code always from left to right.
_BLOCKS = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "th", "td")
DIRECTIONS = {**dict.fromkeys(_BLOCKS, "auto"), **dict.fromkeys(("pre", "code"), "ltr")}
_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(),
    attributes={
        "a": {"href", "title"},
        "code": {"class"},  # raw HTML was escaped before, so only what _language leaves
        "ol": {"start"},
        "td": {"align"},
        "th": {"align"},
    },
    allowed_classes={"section": {"footnotes"}},
    set_tag_attribute_values={tag: {"dir": value} for tag, value in DIRECTIONS.items()},
    link_rel="nofollow ugc noopener noreferrer",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)
_RENDER = comrak.RenderOptions()
_RENDER.escape = True  # raw HTML is shown, never passed on

_DEEP_QUOTES = re.compile(rf"^((?:[ \t]*>){{{MAX_DEPTH}}})[ \t>]+", re.MULTILINE)
_NESTING = re.compile(r"<(/?)(?:blockquote|ul|ol|li|em|strong|del)\b[^>]*>")
_IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"[^>]*>')
_LANGUAGE = re.compile(r'<code class="(?!language-[A-Za-z0-9+#._-]{1,32}")[^"]*"')
_TASK = re.compile(r'<input type="checkbox"( checked="")?[^>]*>')
_REFERENCE = re.compile(r'<sup class="footnote-ref"><a [^>]*>(\d+)</a></sup>')
_WAY_BACK = re.compile(r' ?<a [^>]*class="footnote-backref"[^>]*>↩(?:<sup [^>]*>\d+</sup>)?</a>')
_FORMULA = re.compile(r'<span data-math-style="(inline|display)">([^<]*)</span>')
# Two prices or variables with code or strong letters between them.
_NO_FORMULA = re.compile(r'<span data-math-style="inline">(?:[^<]*(?:`|\*\*|~~)|[^<]*</span>\w)')


@dataclass(frozen=True)
class _Syntax:
    """What of Markdown's extensions is understood in one text."""

    tables: bool
    links: bool
    notes: bool
    formulas: bool

    def options(self) -> comrak.ExtensionOptions:
        extensions = comrak.ExtensionOptions()
        extensions.strikethrough = extensions.tasklist = True
        extensions.table = self.tables
        extensions.autolink = self.links
        extensions.footnotes = self.notes
        extensions.math_dollars = self.formulas
        return extensions


_EXTENSIONS = {
    syntax: syntax.options() for syntax in (_Syntax(*on) for on in product((True, False), repeat=4))
}


def rendered(source: str) -> Text:
    """The text with its HTML, to be stored together."""
    return Text(source, render(source), RENDERER)


def safe_html(text: Text) -> str:
    """The stored HTML, or new where an older renderer made it."""
    if text.renderer == RENDERER or not text.source:
        return text.html
    return render(text.source)


def render(source: str) -> str:
    """Only TAGS come out; images become links, so that reading loads nothing foreign."""
    syntax = _Syntax(
        tables=_has_small_tables(source),
        links=source.count("@") <= MAX_ADDRESSES and source.count(")") <= MAX_CLOSING,
        notes=source.count("[^") <= MAX_NOTES,
        formulas="$" in source,
    )
    source = _DEEP_QUOTES.sub(r"\1 ", source)
    html = comrak.render_markdown(source, _EXTENSIONS[syntax], None, _RENDER)
    if syntax.formulas and _NO_FORMULA.search(html):
        syntax = replace(syntax, formulas=False)
        html = comrak.render_markdown(source, _EXTENSIONS[syntax], None, _RENDER)
    html = _plain(html)
    if html.count("<") > 2 * MAX_DEPTH:
        html = _flattened(html)
    clean: str = _CLEANER.clean(html)
    return clean


def _has_small_tables(source: str) -> bool:
    """A table row is filled up to the header's columns: a few bytes a row can mean megabytes."""
    if "|" not in source:
        return True
    columns = max(line.count("|") for line in source.split("\n")) + 1
    return columns <= MAX_COLUMNS and columns * (source.count("\n") + 1) <= MAX_CELLS


def _plain(html: str) -> str:
    """Without what is no text or would need an id, which two posts on one page could share."""
    if "<img " in html:
        html = _IMAGE.sub(_link_to_image, html)
    if "<input " in html:
        html = _TASK.sub(
            lambda task: "\N{BALLOT BOX WITH CHECK}" if task[1] else "\N{BALLOT BOX}", html
        )
    if "<span " in html:
        html = _FORMULA.sub(_as_written, html)
    if "<code class" in html:
        html = _LANGUAGE.sub("<code", html)
    if 'class="footnote' in html:
        html = _WAY_BACK.sub("", _REFERENCE.sub(r"<sup>[\1]</sup>", html))
    return html


def _as_written(formula: re.Match[str]) -> str:
    dollars = "$" if formula[1] == "inline" else "$$"
    return f"{dollars}{formula[2]}{dollars}"


def _link_to_image(image: re.Match[str]) -> str:
    url, alt = image[1], image[2]
    return f'<a href="{url}">{alt or url}</a>' if url else alt


def _flattened(html: str) -> str:
    """What is nested deeper than MAX_DEPTH, without those tags."""
    depth = 0

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[1]:
            kept = depth <= MAX_DEPTH
            depth -= 1
        else:
            depth += 1
            kept = depth <= MAX_DEPTH
        return tag[0] if kept else ""

    return _NESTING.sub(keep, html)
