"""The element of sdk/embed in a browser, on a portal's page, for whoever looks at it."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devstack.parts import CHECKOUT, OPENID
from devstack.token import access_token
from tests.system import ENGINEER, MANAGER, OPERATOR, SELLER, System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

EMBED = CHECKOUT / "sdk/embed"
OPERATIONS = sorted((EMBED / "operations").glob("*.graphql"))

# What a person does on the page, step by step; each waits for what the one before has shown.
PAGE = """<!doctype html><meta charset=utf-8><meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'self' 'nonce-driver'; connect-src *; style-src 'self'">
<script type=module nonce=driver>
const { given, deed } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const told = { refused: [], posted: [], csp: [] };
addEventListener("securitypolicyviolation", (event) => told.csp.push(event.violatedDirective));
await import("/guildhall.js");
const element = document.createElement("guildhall-discussions");
for (const [name, value] of Object.entries(given.attributes)) element.setAttribute(name, value);
let asked = 0;
element.token = async ({ fresh }) => (given.stale && !fresh ? "stale" : (asked++, given.token));
element.addEventListener("guildhall-refused", (event) => told.refused.push(event.detail.code));
element.addEventListener("guildhall-posted", (event) => told.posted.push(event.detail.state));
document.body.append(element);
const all = (selector) => [...element.shadowRoot.querySelectorAll(selector)];
const until = async (what) => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 50));
};
const write = (form, texts) => {
  for (const [name, text] of Object.entries(texts)) form.elements[name].value = text;
  form.requestSubmit();
};
const deeds = {
  async look() {},
  async more() {
    const before = all("[part=list] > li").length;
    all("[part=more]")[0].click();
    await until(() => all("[part=list] > li").length > before);
  },
  async refused() {
    write(all("[part=asking] form")[0], { title: "a\\u200bb", body: "It is about the deal." });
    await until(() => told.refused.length);
    told.invalid = all("[aria-invalid]").map((field) => field.name);
  },
  async ask() {
    write(all("[part=asking] form")[0], { title: given.title, body: "Is <b>this</b> *right*?" });
    await until(() => told.posted.length);
    const details = all("[part=list] > li:first-child details")[0];
    details.open = true;
    await until(() => all("[part=thread] form").length);
    write(all("[part=thread] form")[0], { body: "It is `right`." });
    await until(() => told.posted.length === 2);
    told.prose = all("[part=prose]").map((one) => one.innerHTML);
  },
};
await until(() => all("[part=list] > li, [part=empty], [part=refusal]").length);
await deeds[deed]();
told.titles = all("[part=title]").map((one) => one.textContent);
told.about = all("[part=summary] [part=about]").map((one) => one.textContent);
told.said = all("[role=alert], [part=empty]").map((one) => one.textContent);
told.more = all("[part=more]").length;
told.asked = asked;
await fetch("/told", { method: "POST", body: JSON.stringify(told) });
</script>"""


class _Pages(SimpleHTTPRequestHandler):
    server: _Origin

    def do_GET(self) -> None:
        if self.path == "/page.html":
            self._answer(PAGE.encode())
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.server.told.put(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class _Origin(ThreadingHTTPServer):
    """A portal's own pages, with sdk/embed copied into them; hears what they tell."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Pages, directory=str(EMBED)))
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.told: queue.Queue[bytes] = queue.Queue()


@pytest.fixture
def origin() -> Iterator[_Origin]:
    server = _Origin()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def browse(origin: _Origin, page: str, folder: Path) -> dict[str, Any]:
    """What the page told in a browser of its own, which is open until it has."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser:
        pytest.skip("there is no chromium; CHROMIUM may name another browser of its kind")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
        f"--user-data-dir={folder / uuid.uuid4().hex}", page,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as open_:
        try:
            told: dict[str, Any] = json.loads(origin.told.get(timeout=100))
        finally:
            open_.terminate()
    return told


class Portal:
    """A vendor's portal with a page about a deal."""

    def __init__(self, system: System, origin: _Origin, folder: Path) -> None:
        self._system, self._origin, self._folder = system, origin, folder
        self.deal = f"D-{uuid.uuid4()}"
        self.attributes: dict[str, str] = {}
        self.id = ""

    async def open(self) -> None:
        """The operator lists its pages' origin, once."""
        operator, manager = (
            await self._system.asker(OPERATOR),
            await self._system.asker(MANAGER),
        )
        found = (
            await manager('{ community(slug: "aurora") { id space(slug: "general") { id } } }')
        )["community"]
        made = await operator.mutate(
            "createPortal",
            "{ portal { id version } }",
            communityId=found["id"],
            name="Aurora's deals",
            origins=[self._origin.url],
        )
        self.id = made["portal"]["id"]
        self.attributes = {
            "url": self._system.url,
            "community": found["id"],
            "space": found["space"]["id"],
            "system": "crm",
            "type": "deal",
            "external-id": self.deal,
        }

    async def seen(self, email: str, deed: str, *, stale: bool = False, **given: Any) -> Any:
        """What somebody sees who does something on the page."""
        token = await asyncio.to_thread(access_token, email, self._system.place.url(OPENID))
        attributes = {**self.attributes, **given.pop("attributes", {})}
        asked = {
            "given": {"attributes": attributes, "token": token, "stale": stale, **given},
            "deed": deed,
        }
        page = f"{self._origin.url}/page.html#{json.dumps(asked)}"
        told = await asyncio.to_thread(browse, self._origin, page, self._folder)
        assert told["csp"] == []  # neither style nor code is written into the page
        return told


async def test_a_deals_page_in_a_browser(system: System, origin: _Origin, tmp_path: Path) -> None:
    portal = Portal(system, origin, tmp_path)
    await portal.open()
    engineer, manager = await system.asker(ENGINEER), await system.asker(MANAGER)

    empty = await portal.seen(ENGINEER, "look", stale=True)
    assert (empty["titles"], empty["said"]) == ([], ["Nothing has been said here yet."])
    assert empty["asked"] == 1  # the first token was refused, another was asked for, once

    refused = await portal.seen(ENGINEER, "refused")
    assert refused["refused"] == ["TEXT_INVALID"]
    assert (refused["invalid"], refused["titles"]) == (["title"], [])

    title = f"May we offer <i>both</i> {uuid.uuid4().hex[:8]}?"
    asked = await portal.seen(ENGINEER, "ask", title=title)
    assert asked["titles"] == [title]
    assert asked["posted"] == ["PUBLISHED", "PUBLISHED"]
    question, answer = asked["prose"]
    assert question == '<p dir="auto">Is &lt;b&gt;this&lt;/b&gt; <em>right</em>?</p>\n'
    assert "<code" in answer

    context = {"system": "crm", "type": "deal", "externalId": portal.deal}
    found = await engineer(
        "query A($community: ID!, $context: ContextRefInput!) {"
        " topics(communityId: $community, context: $context, first: 5) {"
        " edges { node { title replyCount contextRefs { externalId } } } } }",
        community=portal.attributes["community"],
        context=context,
    )
    (edge,) = found["topics"]["edges"]
    assert edge["node"] == {
        "title": title,
        "replyCount": 1,
        "contextRefs": [{"externalId": portal.deal}],
    }

    # A second topic of somebody else: pages of one, and the next.
    await manager.post(
        "createTopic",
        "{ topic { id } }",
        spaceId=portal.attributes["space"],
        kind="DISCUSSION",
        title="What else is there?",
        body="About the same deal.",
        contextRefs=[context],
    )
    one = await portal.seen(MANAGER, "look", attributes={"first": "1"})
    assert (one["titles"], one["more"]) == (["What else is there?"], 1)
    both = await portal.seen(MANAGER, "more", attributes={"first": "1"})
    assert (both["titles"], both["more"]) == (["What else is there?", title], 0)
    assert both["about"][1].startswith("Edda Engineer, Kestrel · 1 reply · ")

    # Who is not of this community sees none of it.
    stranger = await portal.seen(SELLER, "look")
    assert stranger["titles"] == []
    assert title not in json.dumps(stranger)


def test_the_element_is_well_typed() -> None:
    """By TypeScript's checker, from its comments."""
    checker = CHECKOUT / "sdk/typescript/node_modules/typescript/bin/tsc"
    if not checker.exists() or shutil.which("node") is None:
        pytest.skip("sdk/typescript/node_modules is missing: sdk/setup.sh")
    done = subprocess.run(
        ["node", str(checker), "-p", str(EMBED)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout


async def test_a_portal_of_trusted_documents(
    system: System, origin: _Origin, tmp_path: Path
) -> None:
    """Held to what it registered, the page works by ids alone, and by nothing else."""
    portal = Portal(system, origin, tmp_path)
    await portal.open()
    files = [str(path) for path in OPERATIONS]
    done = system.run("devstack.documents", "--person", MANAGER, portal.id, *files)
    assert done.returncode == 0, done.stderr
    manager = await system.asker(MANAGER)
    await manager.mutate(
        "updatePortal",
        "{ portal { id } }",
        portalId=portal.id,
        documentsMode="TRUSTED",
    )
    seen = await portal.seen(MANAGER, "look", attributes={"trusted": ""})
    assert (seen["refused"], seen["said"]) == ([], ["Nothing has been said here yet."])
    text = await portal.seen(MANAGER, "look")
    assert text["refused"] == ["DOCUMENT_NOT_TRUSTED"]
