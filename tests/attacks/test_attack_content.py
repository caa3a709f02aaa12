"""What people write, by GraphQL in and out again: nothing active comes out, nothing is lost."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import shutil
import subprocess
import unicodedata
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.attacks.payloads import HTML, MARKDOWN
from tests.system import ENGINEER, MANAGER, OPERATOR, Asker, RefusedError, System, until
from tests.world import quiet, snapshot

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

T = TypeVar("T")
AT_ONCE = 6  # one person may ask eight things at once
MARKER = "zebracrossing"  # a word of every title and body, to be found by
SCHEMES = ("http:", "https:", "mailto:")
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "ul", "ol"),
    *("li", "em", "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td"),
    *("sup", "section"),  # of footnotes
}
ATTRIBUTES = {
    ("a", "href"), ("a", "title"), ("a", "rel"), ("code", "class"), ("ol", "start"),
    ("td", "align"), ("th", "align"), ("section", "class"),
    *((tag, "dir") for tag in TAGS if tag not in ("a", "br", "hr", "li", "em", "strong", "del")),
}  # fmt: skip
CLASS = r"footnotes|language-[A-Za-z0-9+#._-]{1,32}"
REL = "nofollow ugc noopener noreferrer"
SPACE = 'query { community(slug: "aurora") { id space(slug: "general") { id } } }'
TOPIC = "query t($id: ID!) { topic(id: $id) { title body bodyHtml } }"
REPLIES = """query r($id: ID!) { topic(id: $id) { replies(first: 100) {
  edges { node { id body bodyHtml } } } } }"""
SEARCH = """query s($query: String, $after: String) {
  search(first: 100, query: $query, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { titleHighlight bodyHighlight node { ... on Topic { id } ... on Reply { id } } } } }"""


@dataclass(frozen=True)
class Post:
    """One attack as it was sent and as it came back."""

    attack: str
    id: str
    title: str
    body: str
    html: str


@dataclass
class Posted:
    """All of them, and what search shows of them."""

    topics: list[Post] = field(default_factory=list)
    replies: list[Post] = field(default_factory=list)
    highlights: list[str] = field(default_factory=list)


async def each(items: Iterable[Any], do: Callable[[Any], Awaitable[T]]) -> list[T]:
    """Some at a time."""
    waiting, done = list(items), []
    while waiting:
        some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        done += await asyncio.gather(*map(do, some))
    return done


def in_a_line(attack: str) -> str:
    return " ".join(attack.split())


def in_a_body(attack: str) -> str:
    return f"{MARKER} before\n\n{attack}\n\n*{attack}*\n\nafter"


async def post(system: System) -> Posted:
    manager = await system.asker(MANAGER)
    space = (await manager(SPACE))["community"]["space"]["id"]

    async def topic(attack: str) -> Post:
        title, body = f"{MARKER} {in_a_line(attack)}"[:150], in_a_body(attack)
        made = await manager.mutate(
            "createTopic", "{ topic { id } }", spaceId=space, kind="DISCUSSION", title=title,
            body=body,
        )  # fmt: skip
        back = (await manager(TOPIC, id=made["topic"]["id"]))["topic"]
        assert back["title"] == title.strip()
        assert back["body"] == unicodedata.normalize("NFC", body)
        return Post(attack, made["topic"]["id"], back["title"], back["body"], back["bodyHtml"])

    posted = Posted(await each(HTML, topic))
    first = posted.topics[0].id

    async def reply(attack: str) -> tuple[str, str]:
        made = await manager.mutate(
            "createReply", "{ reply { id } }", topicId=first, body=in_a_body(attack)
        )
        return made["reply"]["id"], attack

    attacks = dict(await each(MARKDOWN, reply))
    for edge in (await manager(REPLIES, id=first))["topic"]["replies"]["edges"]:
        node = edge["node"]
        attack = attacks[node["id"]]
        assert node["body"] == in_a_body(attack)
        posted.replies.append(Post(attack, node["id"], "", node["body"], node["bodyHtml"]))
    assert len(posted.replies) == len(MARKDOWN)
    wanted = {one.id for one in (*posted.topics, *posted.replies)}
    found = await until(lambda: search(manager), lambda hits: wanted <= hits.keys(), seconds=60)
    posted.highlights = [text for one in wanted for text in found[one]]
    await quiet(system.place)
    return posted


async def search(asker: Asker) -> dict[str, list[str]]:
    """The highlights of every hit, by id; none while search is away."""
    hits: dict[str, list[str]] = {}
    after = None
    while True:
        try:
            page = (await asker(SEARCH, query=MARKER, after=after))["search"]
        except RefusedError as refusal:
            if refusal.code != "SEARCH_UNAVAILABLE":
                raise
            return {}
        for edge in page["edges"]:
            shown = [edge["titleHighlight"], edge["bodyHighlight"]]
            hits[edge["node"]["id"]] = [text for text in shown if text]
        if not page["pageInfo"]["hasNextPage"]:
            return hits
        after = page["pageInfo"]["endCursor"]


@pytest.fixture(scope="module")
def posted(running_system: System) -> Posted:
    async def make() -> Posted:
        try:
            return await post(running_system)
        finally:
            await running_system.close_clients()

    return asyncio.run(make())


class Inspection(HTMLParser):
    """What a browser could act on and must not find."""

    def __init__(self, tags: set[str], text: str) -> None:
        super().__init__()
        self._tags = tags
        self.bad: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._tags:
            self.bad.append(f"<{tag}>")
        for name, value in attrs:
            if (tag, name) not in ATTRIBUTES:
                self.bad.append(f"{tag} {name}={value}")
            if name == "href" and not (value or "").startswith(SCHEMES):
                self.bad.append(f"href={value}")
            if name == "rel" and value != REL:
                self.bad.append(f"rel={value}")
            if name == "class" and not re.fullmatch(CLASS, value or ""):
                self.bad.append(f"class={value}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.bad.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.bad.append(f"<!{decl}")

    def handle_pi(self, data: str) -> None:
        self.bad.append(f"<?{data}")

    def unknown_decl(self, data: str) -> None:
        self.bad.append(f"<![{data}")


def test_the_inspection_sees_attacks() -> None:
    seen = [attack for attack in HTML if Inspection(TAGS, attack).bad]
    assert len(seen) > 60


def test_nothing_active_comes_out_of_a_body(posted: Posted) -> None:
    for one in (*posted.topics, *posted.replies):
        inspection = Inspection(TAGS, one.html)
        assert inspection.bad == [], (one.attack, one.html)
        assert inspection.text.strip().endswith("after") or re.search(r"```|\[\^", one.attack), (
            one.html
        )


def test_html_in_a_body_is_shown_as_it_was_written(posted: Posted) -> None:
    """Escaped, not swallowed: whoever asks about HTML is understood."""
    shown = Inspection(TAGS, next(one.html for one in posted.topics if one.attack == HTML[0]))
    assert "<script>alert(1)</script>" in shown.text


def test_highlights_hold_marks_and_text(posted: Posted) -> None:
    assert len(posted.highlights) > len(HTML) + len(MARKDOWN)
    for text in posted.highlights:
        inspection = Inspection({"mark"}, text)
        assert inspection.bad == [], text
        assert "<mark>" in text
    titles = "".join(posted.highlights)
    assert html.escape("<script>alert(1)</script>") in titles


# The page shows everything in a browser, hovers, focuses and clicks, and tells what it became.
PAGE = """<!DOCTYPE html><meta charset=utf-8><script>
let ran = 0; window.alert = window.prompt = window.confirm = () => {{ ran += 1; }};
</script>{parts}<script>
addEventListener('load', () => {{
  const shown = [];
  for (const part of document.querySelectorAll('.attack')) {{
    for (const element of part.querySelectorAll('*')) {{
      const all = [...element.attributes].map(one => [one.name, one.value]);
      shown.push([element.namespaceURI, element.localName, all, element.href || '']);
      element.addEventListener('click', click => {{
        if (!/^javascript:/i.test(element.href || '')) click.preventDefault();
      }});
      for (const kind of ['mouseover', 'mouseenter', 'pointerenter', 'focus', 'click'])
        element.dispatchEvent(new MouseEvent(kind, {{bubbles: true, cancelable: true}}));
    }}
  }}
  setTimeout(() => {{
    document.documentElement.innerHTML = '<pre id=told></pre>';
    document.getElementById('told').textContent = JSON.stringify({{ran, shown}});
  }}, 1000);
}});
</script>"""


def browsed(folder: Path, parts: Iterable[str]) -> Any:
    """What a browser made of the parts, each in a box of its own."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser:
        pytest.skip("there is no chromium; CHROMIUM may name another browser of its kind")
    boxes = "".join(f"<div class=attack>{part}</div>" for part in parts)
    page = folder / "page.html"
    page.write_text(PAGE.format(parts=boxes))
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=10000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    told = re.search(r'<pre id="told">(.*)</pre>', done.stdout, re.DOTALL)
    assert told, (done.returncode, done.stderr[-2000:])
    return json.loads(html.unescape(told[1]))


def test_nothing_runs_in_a_browser(posted: Posted, tmp_path: Path) -> None:
    posts = (*posted.topics, *posted.replies)
    told = browsed(tmp_path, [*(one.html for one in posts), *posted.highlights])
    assert told["ran"] == 0
    assert len(told["shown"]) > len(posts)
    for namespace, tag, attributes, href in told["shown"]:
        assert namespace == "http://www.w3.org/1999/xhtml"
        assert tag in {*TAGS, "mark"}
        assert {(tag, name) for name, _ in attributes} <= ATTRIBUTES
        assert href == "" or href.startswith(SCHEMES)


def test_the_browser_runs_what_is_not_cleaned(tmp_path: Path) -> None:
    """The control: the trial above could see it."""
    told = browsed(tmp_path, [attack for attack in HTML if re.match("<(img|svg|p|a) ", attack)])
    assert told["ran"] >= 3


NAMES = [in_a_line(attack) for attack in HTML if len(attack) <= 80 and "\u200c" not in attack]


async def test_a_name_is_text_wherever_it_is_shown(system: System) -> None:
    """Names are no HTML: they are given back to the letter, and our own page escapes them."""
    operator, browser = await system.asker(OPERATOR), await system.browser(ENGINEER)
    me = (await browser("{ viewer { person { id displayName } } }"))["viewer"]["person"]

    async def rename(name: str) -> str:
        made = await operator.mutate(
            "updatePerson", "{ person { displayName } }", personId=me["id"], displayName=name
        )
        return str(made["person"]["displayName"])

    async def page() -> str:
        answer = await browser.http.get("/graphql", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        return answer.text

    clean = Inspection(set(), await page()).bad
    try:
        for attack in NAMES[:: len(NAMES) // 6]:
            name = await rename(attack)
            assert name == attack
            shown = await until(page, lambda text: html.escape(name) in text)  # noqa: B023
            assert Inspection(set(), shown).bad == clean
    finally:
        await rename(me["displayName"])
        await quiet(system.place)


# For each kind of text what it refuses, and the words of the refusal.
HIDDEN = {
    "a zero-width blank": "a\u200bb",
    "an override": "a\u202eb",
    "an isolate": "a\u2066b",
    "a hidden text": "a\U000e0061\U000e0062b",
    "marks that pile up": "a" + "\u0316\u0301" * 20,
    "selectors in a row": "a\ufe0e\ufe0fb",
    "private use": "a\ue000b",
    "NUL": "a\x00b",
}
POSING = {"letters that look alike": "\u0430dmin", "a mark of direction": "admin\u200f",
          "a joiner": "ad\u200dmin", "a blank letter": "\u3164", "nothing to say": "...",
          "a letter Unicode has not": "a\u0378"}  # fmt: skip


@pytest.mark.parametrize("why", [*HIDDEN, *POSING])
async def test_text_that_hides_or_poses_is_refused(system: System, why: str) -> None:
    manager, operator = await system.asker(MANAGER), await system.asker(OPERATOR)
    community = (await manager(SPACE))["community"]
    text = (HIDDEN | POSING)[why]
    body = f"A body of some length: {text}"
    topic = {"spaceId": community["space"]["id"], "kind": "DISCUSSION"}
    slug = f"s-{uuid.uuid4().hex[:8]}"
    asked: list[tuple[Asker, str, str, dict[str, Any]]] = [
        (manager, "createSpace", "name",
         {"communityId": community["id"], "slug": slug, "name": text}),
        (operator, "createCompany", "name", {"kind": "PARTNER", "name": text}),
    ]  # fmt: skip
    if why in HIDDEN:
        asked += [
            (manager, "createTopic", "title", {**topic, "title": text, "body": "Long enough."}),
            (manager, "createTopic", "body", {**topic, "title": "A title", "body": body}),
            (operator, "createCompany", "description",
             {"kind": "PARTNER", "name": "A name", "description": body}),
        ]  # fmt: skip
    before = await asyncio.to_thread(snapshot, system.place)
    for asker, mutation, named, given in asked:
        with pytest.raises(RefusedError) as refusal:
            await asker.mutate(mutation, "{ __typename }", **given)
        assert (refusal.value.code, refusal.value.field) == ("TEXT_INVALID", named), mutation
    assert await asyncio.to_thread(snapshot, system.place) == before


async def test_text_of_every_script_is_kept(system: System) -> None:
    manager = await system.asker(MANAGER)
    space = (await manager(SPACE))["community"]["space"]["id"]
    for text in (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd\u200f!",
        "\u0915\u094d\u200d\u0937 \u0dc1\u0dca\u200d\u0dbb\u0dd3",
        "\U0001f469\U0001f3fd\u200d\U0001f4bb 1\ufe0f\u20e3 \u2764\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\ud55c\uad6d\uc5b4 \u65e5\u672c\u8a9e \u0e44\u0e17\u0e22 \u0395\u03bb\u03bb\u03ac\u03c2",
    ):
        made = await manager.mutate(
            "createTopic", "{ topic { title body bodyHtml } }", spaceId=space, kind="DISCUSSION",
            title=f"Title {text}", body=f"Body: {text}",
        )  # fmt: skip
        assert made["topic"]["title"] == f"Title {text}"
        assert made["topic"]["body"] == f"Body: {text}"
        assert made["topic"]["bodyHtml"] == f'<p dir="auto">Body: {text}</p>\n'
    await quiet(system.place)
