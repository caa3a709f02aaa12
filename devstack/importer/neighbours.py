"""What stands beside an element of a post: it decides which marks Markdown understands."""

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString

EMPHASIS = {"em", "i", "strong", "b", "del", "s", "strike"}
CODE = {"code", "kbd", "samp"}
INLINE = EMPHASIS | {"a", "sub", "sup", "span", "ins", "u", "small", "big", "q", "cite", "abbr"}
BLOCKS = frozenset(
    {"p", "div", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"ul", "ol", "li", "dl", "dt", "dd", "figure", "figcaption", "details", "summary"}
    | {"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "article", "section"}
)


def is_block(element: PageElement | None) -> bool:
    return isinstance(element, Tag) and (
        element.name in BLOCKS or isinstance(element, BeautifulSoup)
    )


def ends_line(element: PageElement | None) -> bool:
    return isinstance(element, Tag) and (element.name == "br" or element.name in BLOCKS)


def has_words(element: PageElement | None) -> bool:
    if not isinstance(element, Tag) or element.name not in INLINE | CODE:
        return False
    return bool(element.get_text().strip())


def beside(element: Tag, *, forward: bool) -> PageElement | None:
    """The next sibling that leaves something in the Markdown."""
    node: PageElement = element
    while True:
        sibling = node.next_sibling if forward else node.previous_sibling
        if sibling is None or is_block(sibling):
            return sibling
        node = sibling
        if isinstance(sibling, Tag) and (sibling.name in {"br", "img"} or sibling.get_text()):
            return sibling
        if isinstance(sibling, NavigableString) and not isinstance(sibling, PreformattedString):
            return sibling


def edge(element: Tag, *, forward: bool) -> str:
    """The character that will stand beside the element; empty at the edge of a block."""
    node: Tag = element
    while True:
        sibling = beside(node, forward=forward)
        if sibling is None:
            parent = node.parent
            if parent is None or parent.name not in INLINE:
                return ""
            if parent.name in EMPHASIS or parent.name == "a":
                return "*"
            node = parent
            continue
        if isinstance(sibling, Tag):
            if sibling.name == "br" or sibling.name in BLOCKS:
                return ""
            if sibling.name in CODE | {"a", "img"}:
                return "*"
        text = sibling.get_text() if isinstance(sibling, Tag) else str(sibling)
        return text[:1] if forward else text[-1:]
