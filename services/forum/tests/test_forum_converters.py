"""Markdown: what comes out, what never does, and how long hostile input may take."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from chassis.testing import bound
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from services.forum.converters.markdown import (
    DIRECTIONS,
    MAX_DEPTH,
    RENDERER,
    TAGS,
    render,
    rendered,
    safe_html,
)
from services.forum.converters.messages import topic_to_proto
from services.forum.converters.screening import screening
from services.forum.domain.members import Author
from services.forum.domain.screening import Screening, Verdict
from services.forum.domain.texts import Text
from services.forum.domain.topics import Topic, TopicKind, TopicState

NOW = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
LINK = 'rel="nofollow ugc noopener noreferrer"'
ATTRIBUTES = {
    "a": {"href", "title", "rel"},
    "code": {"class"},
    "ol": {"start"},
    "section": {"class"},
    "td": {"align"},
    "th": {"align"},
}
CLASS = re.compile(r"footnotes|language-[A-Za-z0-9+#._-]{1,32}")


class _Inspection(HTMLParser):
    """Collects whatever a browser could act on and must not find."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.deepest = self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.bad.append(tag)
        for name, value in attrs:
            if name == "dir":
                if DIRECTIONS[tag] != value:
                    self.bad.append(f"{tag} {value}")
            elif name not in ATTRIBUTES.get(tag, set()):
                self.bad.append(f"{tag} {name}")
            if name == "class" and not CLASS.fullmatch(value or ""):
                self.bad.append(f"class {value}")
            if name == "href" and not (value or "").startswith(("http:", "https:", "mailto:")):
                self.bad.append(f"href {value}")
        if tag not in ("br", "hr"):
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_comment(self, data: str) -> None:
        self.bad.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.bad.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.bad.append("instruction")


def inspect(html: str) -> _Inspection:
    inspection = _Inspection()
    inspection.feed(html)
    inspection.close()
    return inspection


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (
            "a *b* **c** ~~d~~ `e`",
            '<p dir="auto">a <em>b</em> <strong>c</strong> <del>d</del>'
            ' <code dir="ltr">e</code></p>\n',
        ),
        (
            "# h\n\n- x\n- y",
            '<h1 dir="auto">h</h1>\n<ul dir="auto">\n<li>x</li>\n<li>y</li>\n</ul>\n',
        ),
        ("3. z", '<ol start="3" dir="auto">\n<li>z</li>\n</ol>\n'),
        ("> q", '<blockquote dir="auto">\n<p dir="auto">q</p>\n</blockquote>\n'),
        (
            "```py\nx < 1\n```",
            '<pre dir="ltr"><code class="language-py" dir="ltr">x &lt; 1\n</code></pre>\n',
        ),
        (
            "[x](https://a.example 'T')",
            f'<p dir="auto"><a href="https://a.example" title="T" {LINK}>x</a></p>\n',
        ),
        (
            "see https://a.example.",
            f'<p dir="auto">see <a href="https://a.example" {LINK}>https://a.example</a>.</p>\n',
        ),
        (
            "![pic](https://a.example/p.png)",
            f'<p dir="auto"><a href="https://a.example/p.png" {LINK}>pic</a></p>\n',
        ),
        (
            "![](https://a.example)",
            f'<p dir="auto"><a href="https://a.example" {LINK}>https://a.example</a></p>\n',
        ),
        ("[r](/relative)", f'<p dir="auto"><a {LINK}>r</a></p>\n'),
        (
            "|a|b|\n|-|:-:|\n|1|2|",
            '<table>\n<thead>\n<tr>\n<th dir="auto">a</th>\n'
            '<th align="center" dir="auto">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td dir="auto">1</td>\n'  # noqa: E501
            '<td align="center" dir="auto">2</td>\n</tr>\n</tbody>\n</table>\n',
        ),
        ("- [ ] x\n- [x] y", '<ul dir="auto">\n<li>☐ x</li>\n<li>☑ y</li>\n</ul>\n'),
        (
            "x[^n] and y[^n].\n\n[^n]: z",
            '<p dir="auto">x<sup>[1]</sup> and y<sup>[1]</sup>.</p>\n<section class="footnotes">\n'
            '<ol dir="auto">\n<li>\n<p dir="auto">z</p>\n</li>\n</ol>\n</section>\n',
        ),
        ("no [^note]", '<p dir="auto">no [^note]</p>\n'),
        ("$a*b*c$ or $$x_1_2$$", '<p dir="auto">$a*b*c$ or $$x_1_2$$</p>\n'),
        ("$$\na*b*c < d\n$$", '<p dir="auto">$$\na*b*c &lt; d\n$$</p>\n'),
        (
            "from $5 to *$10*, `$A` and **$B**",
            '<p dir="auto">from $5 to <em>$10</em>, <code dir="ltr">$A</code>'
            " and <strong>$B</strong></p>\n",
        ),
        ("$A, `echo $B`", '<p dir="auto">$A, <code dir="ltr">echo $B</code></p>\n'),
        (
            "```C++ linenos\nx\n```",
            '<pre dir="ltr"><code class="language-C++" dir="ltr">x\n</code></pre>\n',
        ),
        (
            "```a\N{NO-BREAK SPACE}active\nx\n```",
            '<pre dir="ltr"><code dir="ltr">x\n</code></pre>\n',
        ),
        (f"```{'a' * 33}\nx\n```", '<pre dir="ltr"><code dir="ltr">x\n</code></pre>\n'),
        ("<b>no</b>", '<p dir="auto">&lt;b&gt;no&lt;/b&gt;</p>\n'),
        ("", ""),
    ],
)
def test_markdown_becomes(source: str, html: str) -> None:
    assert render(source) == html


# After OWASP's XSS filter evasion cheat sheet, in what Markdown lets through.
ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://e.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    '<IMG """><SCRIPT>alert(1)</SCRIPT>"\\>',
    "<IMG SRC=javascript:alert(String.fromCharCode(88,83,83))>",
    '<IMG SRC="jav\tascript:alert(1);">',
    '<IMG SRC="jav&#x0A;ascript:alert(1);">',
    "<svg/onload=alert(1)>",
    "<svg><a xlink:href=javascript:alert(1)>x</a></svg>",
    "<iframe src=javascript:alert(1)>",
    "<object data=data:text/html;base64,PHNjcmlwdD4=>",
    "<math><mi xlink:href=javascript:alert(1)>x",
    "<style>@import'https://e.example/x.css';</style>",
    '<div style="background:url(javascript:alert(1))">',
    "<body onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<<SCRIPT>alert(1);//<</SCRIPT>",
    "<!--[if gte IE 4]><SCRIPT>alert(1);</SCRIPT><![endif]-->",
    '<?xml version="1.0"?><x/>',
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!DOCTYPE html>",
    "<form action=javascript:alert(1)><input type=submit>",
    "<base href=javascript:alert(1)//>",
    "<meta http-equiv=refresh content=0;url=javascript:alert(1)>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<template><script>alert(1)</script></template>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61&#x76&#x61script:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "[x](//e.example)",
    "[x](\\\\e.example)",
    "[x](https://a.example \"onmouseover='alert(1)'\")",
    "[x](https://a.example '\" onmouseover=alert(1) x=\"')",
    '[x](<https://a.example" onclick=alert(1)>)',
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    '<https://a.example/"onmouseover=alert(1)>',
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](https://a.example)',
    '![x](https://a.example"onerror="alert(1))',
    "[![x](https://a.example)](javascript:alert(1))",
    "[a](https://a.example)[b](javascript:alert(1)//https://a.example)",
    "`<script>alert(1)</script>`",
    '```" onclick=alert(1)\nx\n```',
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "|<script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "# <script>alert(1)</script>",
    "- <img src=x onerror=alert(1)>",
    "> <img src=x onerror=alert(1)>",
    "**<b onclick=alert(1)>x</b>**",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "<a onmouseover=alert(1)",
    "<img src=x\nonerror=alert(1)>",
    "[^<script>alert(1)</script>]\n\n[^<script>alert(1)</script>]: x",
    '[^" onclick=alert(1) id="]\n\n[^" onclick=alert(1) id="]: x',
    "[^a]\n\n[^a]: <img src=x onerror=alert(1)>",
    "[^a]\n\n[^a]: [x](javascript:alert(1))",
    "- [x] <img src=x onerror=alert(1)>",
    "- [<img src=x onerror=alert(1)>] x",
    "$<img src=x onerror=alert(1)>$",
    "$$<script>alert(1)</script>$$",
    '$a$<span data-math-style="inline" onclick=alert(1)>x</span>',
    "```math\n<script>alert(1)</script>\n```",
    "```x\x0conclick=alert(1)\nx\n```",
    '<a href="#fnref-a" class="footnote-backref" onclick=alert(1)>\N{LEFTWARDS ARROW WITH HOOK}</a>',  # noqa: E501
]


@pytest.mark.parametrize("source", ATTACKS)
def test_nothing_active_comes_out(source: str) -> None:
    for text in (source, f"before\n\n{source}\n\nafter", f"*{source}*"):
        assert inspect(render(text)).bad == []


HOSTILE = {
    "brackets": "[" * 32767,
    "emphasis": ("a**b" * 20000)[:32767],
    "links": ("[a](" * 8192)[:32767],
    "images": ("![" * 16384)[:32767],
    "links in links": "[" * 8000 + "a" + "](u)" * 6000,
    "quotes": ">" * 10000 + "a",
    "quotes to the end": ">" * 32000 + " a",
    "quotes with blanks": "> " * 16000 + "a",
    "lists": "- " * 16000 + "a",
    "ordered lists": "1. " * 10000 + "a",
    "quotes and lists": "> - " * 8000 + "a",
    "nested strong": "*" * 16000 + "a" + "*" * 16000,
    "stars and underscores": "*_" * 16383,
    "tildes": "~a" * 16383,
    "ampersands": "&" * 32767,
    "angles": "<" * 32767,
    "back-ticks": "".join("`" * n + " " for n in range(250)),
    "addresses": "a@a.a " * 5461,
    "wide table": "|".join("a" * 1000) + "\n" + "|".join("-" * 1000) + "\n" + "a\n" * 14000,
    "long table": "|".join("a" * 19) + "\n" + "|".join("-" * 19) + "\n" + "a\n" * 16000,
    "reference": "[a]: /" + "u" * 10000 + "\n\n" + "[a]" * 7000,
    "headings": "a\n-\n" * 8000,
    "items": "- a\n" * 8000,
    "new lines": "a\n" * 16000,
    "an address and what closes nothing": "https://a.example/" + ")" * 32000,
    "addresses and what closes nothing": ("https://a.example/" + ")" * 1982) * 16,
    "an address, closed and ended": "https://a.example/" + ")." * 16000,
    "an address that opens": "https://a.example/" + "(" * 32000,
    "an address with references": "https://a.example/" + "&a;" * 10000,
    "an address with ampersands": "[a](https://a.example/" + "&" * 30000 + ")",
    "an address beyond ASCII": "[a](https://a.example/" + "\xe9" * 30000 + ")",
    "hosts": "www.a." * 5400,
    "schemes": "http://" * 4600,
    "definitions": "".join(f"[a{n}]: /u\n" for n in range(2700)),
    "a definition that is used": "[a]: https://a.example/" + "u" * 16000 + "\n\n" + "[a]" * 5400,
    "labels as long as may be": ("[" + "a" * 998 + "]") * 32,
    "open definitions": "[a]:\n" * 6500,
    "open comments": "<!--" * 8000,
    "open CDATA": "<![CDATA[" * 3600,
    "open attributes": '<a b="' * 5000,
    "blocks of HTML": "<div>\n\n" * 4600,
    "references": "&#1114111;" * 3200,
    "unknown references": "&aaaaaaaaaaaaaaaa" * 1900,
    "loose items": "- a\n\n" * 6500,
    "items in items": "\n".join(" " * 2 * n + "- a" for n in range(170)),
    "quotes in lists in quotes": ("> " * 20 + "- " * 20 + "a\n") * 390,
    "lines that belong to a quote": "> a\n" + "b\n" * 15000,
    "stars": "a*" * 16000,
    "stars, underscores, tildes": "*_~" * 10900,
    "strong in strong": ("*" * 19 + "a" + "*" * 19 + " ") * 800,
    "back-ticks upwards": "".join("`" * n + "a" for n in range(1, 255)),
    "fences": "```\n" * 8000,
    "a fence's language": "```" + "a" * 32000,
    "cells of a back-tick": "|a|b|\n|-|-|\n" + "|`|`|\n" * 3000,
    "escaped bars": "|a|\n|-|\n" + "\\|" * 16000,
    "titles": "[a](b '" * 4600,
    "a title of quotes": "[a](https://a.example '" + '"' * 30000 + "')",
    "images in images": "![" * 8000 + "a" + "](u)" * 4000,
    "an image of emphasis": "![" + "*a*" * 8000 + "](https://a.example)",
    "footnotes": "[^a]: b\n" * 4000,
    "references to one footnote": "[^a]" * 8000 + "\n\n[^a]: b",
    "as many as may be": "[^a]" * 199 + "\n\n[^a]: " + "b " * 15000,
    "a footnote of itself": "[^a]\n\n[^a]: " + "[^a]" * 8000,
    "footnotes of footnotes": "[^0]\n\n" + "".join(f"[^{n}]: [^{n + 1}]\n" for n in range(1900)),
    "few footnotes of footnotes": "[^0]\n\n" + "".join(f"[^{n}]: [^{n + 1}]\n" for n in range(99)),
    "footnotes in footnotes": "[^a]\n\n" + "[^a]: " * 5000,
    "quotes in a footnote": "[^a]\n\n[^a]: " + "> " * 15000,
    "open footnotes": "[^" * 16000,
    "a footnote's long name": ("[^" + "a" * 900 + "]") * 30 + "\n\n[^" + "a" * 900 + "]: x",
    "tasks in tasks": "- [ ] " * 5400,
    "tasks": "- [ ] a\n" * 4000,
    "open tasks": "- [" * 10900,
    "formulas": "$a$" * 10900,
    "formulas of nothing": "$$" * 16000,
    "open formulas": "$a" * 16000,
    "formulas and back-ticks": "$`" * 16000,
    "escaped dollars": "\\$" * 16000,
    "blanks that do not break": "\xa0" * 32767,
    "emoji": "\U0001f469\u200d\U0001f4bb" * 8000,
    "tabs": ">\t" * 16000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_rendered_in_time(name: str) -> None:
    source = HOSTILE[name]
    assert len(source) <= 32767
    spent: list[float] = []
    while len(spent) < 5 and min(spent, default=1.0) > 0.03:
        began = time.thread_time()  # not the clock: other tests share the machine
        html = render(source)
        spent.append(time.thread_time() - began)
    assert min(spent) < bound(0.05)
    inspection = inspect(html)
    assert inspection.bad == []
    assert inspection.deepest <= MAX_DEPTH + 3
    assert len(html) < 400_000


def test_no_two_posts_on_one_page_share_an_id() -> None:
    html = render("x[^a] y[^a]\n\n# h\n\n[^a]: z")
    assert " id=" not in html
    assert "#" not in html


def test_text_of_an_older_renderer_is_rendered_anew() -> None:
    assert rendered("*x*") == Text("*x*", '<p dir="auto"><em>x</em></p>\n', RENDERER)
    assert safe_html(Text("*x*", "<p>kept</p>", RENDERER)) == "<p>kept</p>"
    assert safe_html(Text("*x*", "<script>old</script>", RENDERER - 1)) == (
        '<p dir="auto"><em>x</em></p>\n'
    )


def test_services_get_no_text_of_removed_posts() -> None:
    topic = Topic(
        "t1",
        "c1",
        "s1",
        TopicKind.DISCUSSION,
        TopicState.REMOVED,
        "Title",
        rendered("Some text"),
        ("a",),
        Author("p1", "co1"),
        NOW,
        NOW,
    )
    gone = topic_to_proto(topic, 3, for_service=True)
    assert (gone.title, gone.body, gone.body_html, gone.slug, list(gone.tags)) == (
        "",
        "",
        "",
        "",
        [],
    )
    assert (gone.state, gone.version, gone.space_id) == (pb.TOPIC_STATE_REMOVED, 3, "s1")
    assert topic_to_proto(topic, 3).body == "Some text"
    assert gone.create_time.ToJsonString() == "2026-03-01T12:00:00.123Z"
    assert topic_to_proto(replace(topic, edit_time=NOW), 3).edit_time.nanos == 123000000


def test_screen_answers_that_do_not_fit_count_as_none() -> None:
    asked = ["title", "body"]
    nothing = Screening.missing(asked)
    assert screening(moderation_pb2.ScreenResponse(), asked) == nothing
    short = moderation_pb2.ScreenResponse(verdict=moderation_pb2.VERDICT_ALLOW, texts=["one"])
    assert screening(short, asked) == nothing
    blocked = moderation_pb2.ScreenResponse(verdict=moderation_pb2.VERDICT_BLOCK, message="no")
    assert screening(blocked, asked).verdict is Verdict.BLOCK
