"""HTML as Markdown: exact results, and the same text once it is rendered again."""

from html import escape
from unicodedata import normalize

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from devstack.importer.markdown import PostConverter, UnconvertibleBodyError

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def to_markdown(html: str) -> str:
    return PostConverter().to_markdown(html)


def rendered_text(markdown: str) -> str:
    return " ".join(BeautifulSoup(RENDERER.render(markdown), "html.parser").get_text().split())


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>One</p>\n\n<p>two\nthree</p>\n", "One\n\ntwo\nthree"),
        ("<h1>A</h1><h3>B # #</h3>", "# A\n\n### B # \\#"),
        ("<p>a<br>\nb</p>", "a  \nb"),
        ("<p>a</p><hr><p>b</p>", "a\n\n***\n\nb"),
        ("<p><strong>a</strong> <em>b</em> <strike>c</strike></p>", "**a** *b* ~~c~~"),
        ("<p><strong>Note:</strong>text</p>", "**Note**:text"),
        ("<p>a<em>(b)</em>c</p>", "a(b)c"),
        ("<p><b>a</b><b>b</b></p>", "**a**b"),
        ("<p><em>a <i>b</i></em></p>", "*a b*"),
        ("<p>x<sup>2</sup> H<sub>2</sub>O Na<sup>+</sup></p>", "x² H₂O Na⁺"),
        ("<p>x<sup>Q</sup> <sup><a href='http://a.example'>1</a></sup></p>",
         "xQ [1](http://a.example)"),
        ("<p>Press <kbd>Ctrl</kbd>+<kbd>C</kbd></p>", "Press `Ctrl`+`C`"),
        ("<p><code>a`b</code> <code>`</code> <code>x\n- y</code></p>", "``a`b`` `` ` `` `x - y`"),
        ("<p><a href='http://a.example/(x) y' title='T \"q\"'>t</a></p>",
         '[t](http://a.example/%28x%29%20y "T \\"q\\"")'),
        ("<p><a href='http://a.example/?b=1'>http://a.example/?b=1</a></p>",
         "<http://a.example/?b=1>"),
        ("<p><a href='http://a.example/?a=1&amp;copy;=2'>t</a></p>",
         "[t](http://a.example/?a=1&amp;copy;=2)"),
        ("<p><a href='javascript:alert(1)'>t</a> <a name='x'></a><a>u</a></p>", "t u"),
        ("<p>Look!<a href='http://a.example'>t</a></p>", "Look\\![t](http://a.example)"),
        ("<p><a href='http://a.example'><img src='http://i.example/p.png' alt='a [b]'></a></p>",
         "[![a \\[b\\]](http://i.example/p.png)](http://a.example)"),
        ("<p><img alt='only words'></p>", "only words"),
        ("<pre><code>a  b\n\n  &lt;c&gt; *d*\n</code></pre>", "```\na  b\n\n  <c> *d*\n```"),
        ('<pre class="lang-py prettyprint-override"><code>x = 1\n</code></pre>',
         "```py\nx = 1\n```"),
        ('<pre><code class="language-c++ hljs">x;\n</code></pre>', "```c++\nx;\n```"),
        ("<pre><code>```\na\n```\n</code></pre>", "````\n```\na\n```\n````"),
        ("<pre>a<br>b</pre>", "```\na\nb\n```"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c"),
        ("<ol start='9'><li>a</li><li><p>b</p><p>c</p></li></ol>", "9. a\n10. b\n\n    c"),
        ("<ul><li><pre><code>x\n\ny\n</code></pre></li></ul>", "- ```\n  x\n\n  y\n  ```"),
        ("<ul><li>a<ol start='3'><li>b</li></ol></li></ul>", "- a\n\n  3. b"),
        ("<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote><p>c</p>",
         "> a\n>\n> > b\n\nc"),
        ("<table><thead><tr><th>a</th><th>b|c</th></tr></thead><tbody>"
         "<tr><td>1</td><td><code>x|y</code></td></tr></tbody></table>",
         "| a | b\\|c |\n| --- | --- |\n| 1 | `x\\|y` |"),
        ("<table><tr><td>1</td></tr><tr><td>2</td><td>3</td></tr></table>",
         "|  |  |\n| --- | --- |\n| 1 |  |\n| 2 | 3 |"),
        ("<dl><dt>a</dt><dd>b</dd></dl>", "**a**\n\n- b"),
        ("<p>a<!-- b --><script>c</script><span>d</span></p>", "ad"),
        ("<p>&lt;b&gt; &amp;amp; 1 &lt; 2 R&amp;D</p>", "\\<b> \\&amp; 1 < 2 R&D"),
        ("<p># a</p><p>- b</p><p>3. c</p><p>&gt; d</p><p>e\n===</p>",
         "\\# a\n\n\\- b\n\n3\\. c\n\n\\> d\n\ne\n\\==="),
        ("<p>snake_case _a_ *b* ~5 `c` [d](e) f\\g</p>",
         "snake_case \\_a\\_ \\*b\\* ~5 \\`c\\` \\[d\\](e) f\\\\g"),
        ("<p>a&#7;b&#xD800;c&#x7f;d</p>", "ab\ufffdcd"),
        ("<p>a\u200bb&#8203;c\u202e&#xE000;d e\u0301</p>", "abc\ufffdd \u00e9"),
    ],
)  # fmt: skip
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


TEXT = st.text(
    st.sampled_from(" \nab1.)*_`[]()<>#+-=~|!\\&;:\"'{}$^@/")
    | st.characters(categories=["L", "N"]),
    max_size=60,
)


@given(TEXT)
@example("1. a\n- b\n+ c\n# d\n> e\n=== \n~~~\n***\n___\n:-- | --:")
@example("a\n:--")
@example("![a](b) <a> </a> <!-- &amp; &#35; \\")
def test_plain_text_renders_to_itself(text: str) -> None:
    markdown = to_markdown(f"<p>{escape(text)}</p>")
    assert rendered_text(markdown) == " ".join(normalize("NFC", text).split())


TAGS = st.sampled_from(
    ["em", "strong", "b", "i", "del", "code", "kbd", "sup", "a", "li", "p", "blockquote", "ul"]
)
INLINE_TAGS = st.sampled_from(["em", "strong", "b", "i", "del", "code", "span"])
PIECES = st.lists(st.tuples(INLINE_TAGS, st.text("ab .,*_`!()", max_size=4)), max_size=6)


@given(PIECES)
def test_inline_marks_never_show(pieces: list[tuple[str, str]]) -> None:
    html = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in pieces)
    wanted = " ".join("".join(text for _, text in pieces).split())
    assert rendered_text(to_markdown(f"<p>{html}</p>")).replace(" ", "") == wanted.replace(" ", "")


@given(st.recursive(TEXT.map(escape), lambda inner: st.tuples(TAGS, inner, inner).map(
    lambda parts: f"<{parts[0]}>{parts[1]}</{parts[0]}>{parts[2]}"
), max_leaves=12))  # fmt: skip
def test_any_html_becomes_markdown_without_html(html: str) -> None:
    markdown = to_markdown(html)
    blocks = RENDERER.parse(markdown)
    tokens = [token for block in blocks for token in [block, *(block.children or [])]]
    assert not [token.content for token in tokens if token.type.startswith("html_")]
    assert markdown == markdown.strip()


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("<b>" * 1000 + "</b>" * 1000, "nested deeper than 60"),
        ("x" * 300_000, "300,000 characters of HTML"),
        ("<a " * 40_000, "unclosed tags"),
        ("<!-- " * 40_000, "unclosed tags or comments"),
        ("<blockquote>" * 50 + "a<br>" * 40_000, "more than 32,767 characters"),
        ("<table><tr><td colspan=99>a</td><td colspan=9>b</td></tr></table>", "108 columns"),
    ],
)
def test_bomb_is_refused(html: str, reason: str) -> None:
    with pytest.raises(UnconvertibleBodyError, match=reason):
        to_markdown(html)


def test_a_refusal_leaves_the_converter_usable() -> None:
    converter = PostConverter()
    with pytest.raises(UnconvertibleBodyError):
        converter.to_markdown("<b>" * 100 + "</b>" * 100)
    assert converter.to_markdown("<b>a</b>") == "**a**"
