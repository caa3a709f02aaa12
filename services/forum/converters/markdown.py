"""Markdown to safe HTML, in time that hostile input cannot stretch (docs/adr/0007-markdown.md)."""

from __future__ import annotations

import re

import comrak
import nh3

from services.forum.domain.texts import Text

# Raise it with every change of what comes out: texts stored by an older one are rendered anew.
RENDERER = 2

MAX_DEPTH = 20  # of quotes, lists and emphasis: sanitising takes time with the square of the depth
MAX_COLUMNS = 20
MAX_CELLS = 4000
MAX_ADDRESSES = 200
MAX_CLOSING = 2000  # parentheses: those at an address's end are counted anew for each of them

TAGS = frozenset(
    (
        *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code"),
        *("ul", "ol", "li", "em", "strong", "del", "a"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    )
)
_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(),
    attributes={
        "a": {"href", "title"},
        "code": {"class"},  # language-...: raw HTML was escaped before, so only the renderer's own
        "ol": {"start"},
        "td": {"align"},
        "th": {"align"},
    },
    link_rel="nofollow ugc noopener noreferrer",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)
_RENDER = comrak.RenderOptions()
_RENDER.escape = True  # raw HTML is shown, never passed on

_DEEP_QUOTES = re.compile(rf"^((?:[ \t]*>){{{MAX_DEPTH}}})[ \t>]+", re.MULTILINE)
_NESTING = re.compile(r"<(/?)(?:blockquote|ul|ol|li|em|strong|del)\b[^>]*>")
_IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"[^>]*>')


def _extensions(*, tables: bool, links: bool) -> comrak.ExtensionOptions:
    extensions = comrak.ExtensionOptions()
    extensions.strikethrough = True
    extensions.table = tables
    extensions.autolink = links
    return extensions


_EXTENSIONS = {
    (tables, links): _extensions(tables=tables, links=links)
    for tables in (True, False)
    for links in (True, False)
}


def rendered(source: str) -> Text:
    """The text with its HTML, to be stored together."""
    return Text(source, render(source), RENDERER)


def safe_html(text: Text) -> str:
    """The stored HTML, or new where an older renderer made it."""
    return text.html if text.renderer == RENDERER else render(text.source)


def render(source: str) -> str:
    """Only TAGS come out; images become links, so that reading loads nothing foreign."""
    linked = source.count("@") <= MAX_ADDRESSES and source.count(")") <= MAX_CLOSING
    extensions = _EXTENSIONS[_has_small_tables(source), linked]
    html = comrak.render_markdown(_DEEP_QUOTES.sub(r"\1 ", source), extensions, None, _RENDER)
    if "<img " in html:
        html = _IMAGE.sub(_link_to_image, html)
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
