"""Link cards over real gRPC, of pages that a server on this machine has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.actors import Actor
from chassis.outgoing import Outgoing
from chassis.testing import person_actor, service_actor
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import participation_pb2, trust_pb2
from guildhall.forum.v1.participation_pb2_grpc import ParticipationServiceStub
from guildhall.forum.v1.trust_pb2_grpc import TrustServiceStub
from services.forum.domain.link_cards import DuePage, Link, PageText
from services.forum.repository import link_cards as rows
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, MODERATING, STRANGER, World
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases import link_cards as module
from services.forum.use_cases.link_cards import LinkCardUseCases

TEXT = PageText("Reset a frobnicator", "Three ways", "Docs")
PAGE = (
    "<head><title>No</title><meta property='og:title' content='Reset a frobnicator'>"
    "<meta name=description content='Three ways'><meta property='og:site_name' content=Docs>"
)
HTML = "text/html; charset=utf-8"
SIGNED_IN = person_actor("newest")


def answer(status: str = "200 OK", body: str | bytes = b"", **headers: str) -> bytes:
    """As it goes over the line."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Pages:
    """A server: what it has at which path, and what it was asked."""

    port: int = 0
    has: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    def url(self, path: str, host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest_asyncio.fixture
async def pages(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pages]:
    """It never answers at /slow."""
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0.0)
    known = Pages()
    known.has["/"] = answer(body=PAGE, Content_Type=HTML)

    class Serve(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self._transport, self._head = transport, b""
            lines.append(transport)

        def data_received(self, data: bytes) -> None:
            self._head += data
            if not self._head.endswith(b"\r\n\r\n"):
                return
            path = self._head.split()[1].decode()
            known.heard.append(self._head)
            known.asked.append(path)
            if path != "/slow":
                self._transport.write(known.has.get(path, answer("404 Not Found")))
                self._transport.close()

    lines: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(Serve, "127.0.0.1", 0)
    known.port = server.sockets[0].getsockname()[1]
    yield known
    server.close()
    for line in lines:
        line.abort()


async def allow(world: World, *hosts: str, actor: Actor = MANAGING) -> trust_pb2.TrustSettings:
    request = trust_pb2.UpdateTrustSettingsRequest(
        **world.ids(), update_link_card_hosts=True, link_card_hosts=hosts
    )
    stub = world.of(actor, TrustServiceStub)
    after: trust_pb2.TrustSettings = (await stub.UpdateTrustSettings(request)).trust_settings
    return after


async def ask(
    world: World, actor: Actor, *posts: Any, community_id: str = "c1"
) -> list[participation_pb2.LinkCardsOfPost]:
    stub = world.of(actor, ParticipationServiceStub)
    refs = [
        participation_pb2.PostRef(topic_id=post.id)
        if isinstance(post, pb.Topic)
        else participation_pb2.PostRef(topic_id=post.topic_id, reply_id=post.id)
        for post in posts
    ]
    request = participation_pb2.BatchGetLinkCardsRequest(community_id=community_id, posts=refs)
    return list((await stub.BatchGetLinkCards(request)).posts)


async def cards(world: World, post: Any, actor: Actor = SIGNED_IN) -> list[tuple[str, str]]:
    """Addresses and titles of one post's."""
    found = await ask(world, actor, post)
    return [(one.url, one.title) for of in found for one in of.link_cards]


async def noted(world: World) -> list[dict[str, Any]]:
    return await world.database.link_cards.find().sort("address", 1).to_list()


async def fetched(world: World) -> list[dict[str, Any]]:
    await world.link_cards.fetch_pages()
    return await noted(world)


async def fall_due(world: World) -> None:
    await world.database.link_cards.update_many({}, {"$set": {"due_time": datetime.now(UTC)}})


async def test_nothing_is_noted_or_shown_until_a_manager_lists_a_host(
    world: World, pages: Pages
) -> None:
    topic = await world.topic(await world.space(), body=f"See <{pages.url('/')}>.")
    assert await ask(world, SIGNED_IN, topic) == []
    assert await fetched(world) == []
    assert pages.asked == []


async def test_a_card_is_there_once_its_page_was_asked(world: World, pages: Pages) -> None:
    await allow(world, "localhost")
    url = pages.url("/?key=1#part")
    pages.has["/?key=1"] = pages.has["/"]
    topic = await world.topic(await world.space(), body=f"See <{url}> and https://example.com/.")
    reply = await world.reply(topic, body=f"[There]({pages.url('/?key=1')}).")
    plain = await world.reply(topic, body="Nothing.")
    before = await world.said()
    readers = (SIGNED_IN, HELPER, ASKER) * 4
    at_once = await asyncio.gather(*(ask(world, one, topic, reply, plain) for one in readers))
    assert at_once == [[]] * len(readers)
    assert [(row["address"], row["state"]) for row in await noted(world)] == [
        (pages.url("/?key=1"), "WANTED")
    ]
    assert await ask(world, HELPER, topic) == []  # again: the same row
    assert [row["state"] for row in await fetched(world)] == ["MADE"]
    of_topic, of_reply = await ask(world, SIGNED_IN, topic, reply, plain)
    card = participation_pb2.LinkCard(
        url=url, title=TEXT.title, description=TEXT.description, site_name=TEXT.site_name
    )
    assert of_topic == participation_pb2.LinkCardsOfPost(
        post=participation_pb2.PostRef(topic_id=topic.id), link_cards=[card]
    )
    card.url = pages.url("/?key=1")
    assert (of_reply.post.reply_id, list(of_reply.link_cards)) == (reply.id, [card])
    await world.link_cards.fetch_pages()
    assert pages.asked == ["/?key=1"]  # once for all
    assert await world.said() == before
    (head,) = pages.heard
    assert b"user-agent: guildhall-link-cards\r\n" in head.lower()
    assert b"accept: text/html\r\n" in head.lower()
    assert b"accept-encoding: identity\r\n" in head.lower()
    assert b"cookie" not in head.lower()
    assert b"authorization" not in head.lower()


async def test_who_cannot_read_a_post_gets_no_card_and_nothing_is_noted(
    world: World, pages: Pages
) -> None:
    await allow(world, "localhost")
    space = await world.space("vendor", audience=pb.AUDIENCE_VENDOR)
    body = f"See <{pages.url('/')}>."
    topic = await world.topic(space, MANAGING, body=body)
    reply = await world.reply(topic, MANAGING, body=body)
    other = await world.topic(await world.space(), body=body)
    moved = pb.Reply(topic_id=other.id, id=reply.id)  # as if it were in a topic one can read
    assert await ask(world, ASKER, topic, reply, moved) == []
    refs = [participation_pb2.PostRef(topic_id="no-such-topic")]
    request = participation_pb2.BatchGetLinkCardsRequest(community_id="c1", posts=refs)
    stub = world.of(ASKER, ParticipationServiceStub)
    assert list((await stub.BatchGetLinkCards(request)).posts) == []
    await refused(world, ask(world, STRANGER, topic), "COMMUNITY_NOT_FOUND", "community_id")
    assert await ask(world, STRANGER, topic, community_id="c2") == []
    search = service_actor("search")
    await refused(world, ask(world, search, topic), "ROLE_REQUIRED")
    assert await noted(world) == []
    # And when there is one, it is shown to who can read the post alone.
    assert await ask(world, MANAGING, topic) == []
    await fetched(world)
    assert await cards(world, topic, MANAGING) == [(pages.url("/"), TEXT.title)]
    assert await ask(world, ASKER, topic, reply, moved) == []
    assert await cards(world, other) == [(pages.url("/"), TEXT.title)]
    await world.act("HideTopic", MODERATING, other, reason="Rude.")
    assert await cards(world, other) == []


async def test_a_card_of_one_community_is_none_of_another(world: World, pages: Pages) -> None:
    await allow(world, "localhost")
    topic = await world.topic(await world.space(), body=f"See <{pages.url('/')}>.")
    await ask(world, SIGNED_IN, topic)
    await fetched(world)
    link = Link(pages.url("/"), "localhost", pages.url("/"))
    now = datetime.now(UTC)
    assert await world.repository.find_page_texts("c1", [link], now) == {pages.url("/"): TEXT}
    assert await world.repository.find_page_texts("c2", [link], now) == {}
    # It was noted there, as the repository was told to; but nobody has listed its host there.
    assert {row["community_id"] for row in await noted(world)} == {"c1", "c2"}
    assert {row["community_id"] for row in await fetched(world)} == {"c1"}
    assert pages.asked == ["/"]


async def test_a_host_that_leaves_the_list_takes_its_cards_along(
    world: World, pages: Pages
) -> None:
    await allow(world, "localhost")
    topic = await world.topic(
        await world.space(), body=f"See <{pages.url('/')}> and <{pages.url('/wanted')}>."
    )
    await ask(world, SIGNED_IN, topic)
    await fetched(world)
    assert await cards(world, topic) == [(pages.url("/"), TEXT.title)]
    settings = await allow(world)
    assert list(settings.link_card_hosts) == []
    assert await cards(world, topic) == []
    pages.asked.clear()
    await fall_due(world)
    assert await fetched(world) == []
    assert pages.asked == []
    await allow(world, "docs.example.com")  # another list, without it
    assert await cards(world, topic) == []
    assert await noted(world) == []
    await allow(world, "localhost")
    assert await cards(world, topic) == []  # it is asked anew
    await fetched(world)
    assert await cards(world, topic) == [(pages.url("/"), TEXT.title)]


async def test_an_edit_changes_the_cards_and_only_the_newest_text_counts(
    world: World, pages: Pages
) -> None:
    await allow(world, "localhost")
    pages.has["/b"] = answer(body="<title>B</title>", Content_Type="text/html")
    topic = await world.topic(await world.space(), body=f"See <{pages.url('/')}>.")
    await ask(world, SIGNED_IN, topic)
    await fetched(world)
    await world.act("UpdateTopic", ASKER, topic, title="Frobnicator?", body=f"<{pages.url('/b')}>")
    assert await cards(world, topic) == []
    await fetched(world)
    assert await cards(world, topic) == [(pages.url("/b"), "B")]


async def test_the_list_is_the_managers(world: World) -> None:
    settings = await allow(world, "docs.example.com", "*.example.org", "docs.example.com")
    assert list(settings.link_card_hosts) == ["docs.example.com", "*.example.org"]
    stub = world.of(MANAGING, TrustServiceStub)
    request = trust_pb2.GetTrustSettingsRequest(community_id="c1")
    assert (await stub.GetTrustSettings(request)).trust_settings == settings
    # What is not about it leaves it as it is.
    other = trust_pb2.UpdateTrustSettingsRequest(**world.ids(), window_days=30)
    after = (await stub.UpdateTrustSettings(other)).trust_settings
    assert list(after.link_card_hosts) == ["docs.example.com", "*.example.org"]
    assert after.version == 2
    assert await world.said() == ["TrustSettingsUpdated"] * 2
    for actor in (ASKER, MODERATING):
        await refused(world, allow(world, "example.com", actor=actor), "ROLE_REQUIRED")
    stranger = allow(world, "example.com", actor=STRANGER)
    await refused(world, stranger, "COMMUNITY_NOT_FOUND", "community_id")
    for hosts, field_ in (
        (["example.com", "*"], "link_card_hosts.1"),
        (["*.com"], "link_card_hosts.0"),
        (["127.0.0.1"], "link_card_hosts.0"),
        (["Example.com"], "link_card_hosts.0"),
        ([f"h{number}.example.com" for number in range(51)], "link_card_hosts"),
    ):
        await refused(world, allow(world, *hosts), "FIELD_INVALID", field_)
    unsaid = trust_pb2.UpdateTrustSettingsRequest(**world.ids(), link_card_hosts=["a.example"])
    await refused(world, stub.UpdateTrustSettings(unsaid), "FIELD_INVALID", "requirements")


async def test_too_many_posts_are_refused(world: World) -> None:
    topic = await world.topic(await world.space())
    await refused(world, ask(world, ASKER, *[topic] * 101), "FIELD_INVALID", "posts")


# -- how a page is asked


async def made(world: World, url: str) -> str:
    """What becomes of one address: its state, or what it says."""
    await allow(world, "localhost")
    topic = await world.topic(await world.space(), body=f"<{url}>")
    assert await cards(world, topic) == []
    (row,) = await fetched(world)
    found = await cards(world, topic)
    assert len(found) == (row["state"] == "MADE")
    return found[0][1] if found else row["state"]


@pytest.mark.parametrize(
    ("path", "has", "becomes"),
    [
        ("/gone", answer("404 Not Found", PAGE, Content_Type=HTML), "FAILED"),
        ("/broken", answer("503 Service Unavailable", PAGE, Content_Type=HTML), "FAILED"),
        ("/part", answer("206 Partial Content", PAGE, Content_Type=HTML), "FAILED"),
        ("/image", answer(body=PAGE, Content_Type="image/png"), "FAILED"),
        ("/svg", answer(body=PAGE, Content_Type="image/svg+xml"), "FAILED"),
        ("/untold", answer(body=PAGE), "FAILED"),
        ("/packed", answer(body=PAGE, Content_Type=HTML, Content_Encoding="gzip"), "FAILED"),
        ("/untitled", answer(body="<p>text</p>", Content_Type=HTML), "FAILED"),
        ("/noise", b"not even http\r\n\r\n", "FAILED"),
        ("/nowhere", answer("302 Found"), "FAILED"),
        ("/bad", answer("302 Found", Location="http://[/"), "FAILED"),
        ("/upper", answer(body=PAGE, Content_Type="TEXT/HTML"), TEXT.title),
        ("/large", answer(body=PAGE + "x" * 1_000_000, Content_Type=HTML), TEXT.title),
        ("/late", answer(body=" " * 300_000 + PAGE, Content_Type=HTML), "FAILED"),
        (
            "/latin",
            answer(
                body="<title>Grüße</title>".encode("latin-1"),
                Content_Type="text/html; charset=ISO-8859-1",
            ),
            "Grüße",
        ),
        (
            "/hidden",
            answer(body="<title>\u202eso\x00</title>", Content_Type=HTML),
            "so",
        ),
    ],
)
async def test_a_page_makes_a_card_or_none(
    world: World, pages: Pages, path: str, has: bytes, becomes: str
) -> None:
    pages.has[path] = has
    assert await made(world, pages.url(path)) == becomes
    assert pages.asked == [path]


async def test_redirects_are_followed_on_the_list_and_to_an_end(world: World, pages: Pages) -> None:
    pages.has["/1"] = answer("301 Moved Permanently", Location="/2")
    pages.has["/2"] = answer("302 Found", Location=pages.url("/3"))
    pages.has["/3"] = answer("308 Permanent Redirect", Location=".")
    assert await made(world, pages.url("/1")) == TEXT.title
    assert pages.asked == ["/1", "/2", "/3", "/"]


async def test_the_fourth_redirect_is_not_followed(world: World, pages: Pages) -> None:
    pages.has["/circle"] = answer("302 Found", Location="/circle")
    assert await made(world, pages.url("/circle")) == "FAILED"
    assert pages.asked == ["/circle"] * 4


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://u@localhost:{port}/"]
)
async def test_no_redirect_leads_off_the_list(world: World, pages: Pages, place: str) -> None:
    pages.has["/off"] = answer("302 Found", Location=place.format(port=pages.port))
    assert await made(world, pages.url("/off")) == "FAILED"
    assert pages.asked == ["/off"]


async def test_who_is_slow_or_away_is_given_up_and_the_log_has_no_whole_address(
    world: World, pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await allow(world, "localhost", "no-such-name.invalid")
    topic = await world.topic(
        await world.space(),
        body=f"<{pages.url('/slow')}> http://no-such-name.invalid/?secret=hunter2",
    )
    await ask(world, SIGNED_IN, topic)
    async with contextlib.aclosing(Outgoing(inside=True, seconds=0.3)) as impatient:
        await LinkCardUseCases(world.repository, impatient, inside=True).fetch_pages()
    assert [row["state"] for row in await noted(world)] == ["FAILED", "FAILED"]
    assert "no page of localhost" in caplog.text
    assert "hunter2" not in caplog.text
    assert "/slow" not in caplog.text


async def test_outside_of_laptops_this_machine_is_not_asked(world: World, pages: Pages) -> None:
    await allow(world, "localhost")
    topic = await world.topic(await world.space(), body=f"<{pages.url('/')}> <https://localhost/>")
    async with contextlib.aclosing(Outgoing()) as outgoing:
        outside = LinkCardUseCases(world.repository, outgoing)
        request = participation_pb2.BatchGetLinkCardsRequest(
            community_id="c1", posts=[participation_pb2.PostRef(topic_id=topic.id)]
        )
        await outside.batch_get_link_cards(SIGNED_IN, request)
        await outside.fetch_pages()
    (row,) = await noted(world)
    assert (row["address"], row["state"]) == ("https://localhost/", "FAILED")
    assert pages.asked == []


async def test_a_host_is_asked_twice_a_second_and_hosts_take_turns(
    world: World, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0.1)
    monkeypatch.setattr(module, "PAGES_A_HOST", 2)
    hosts = ["localhost", "other.invalid"]
    now = datetime.now(UTC)
    links = [Link("", hosts[0], pages.url(f"/{number}")) for number in range(5)]
    await world.repository.find_page_texts("c1", links, now - timedelta(seconds=9))
    later = Link("", hosts[1], "http://other.invalid/")
    await world.repository.find_page_texts("c1", [later], now - timedelta(seconds=1))
    await allow(world, *hosts)
    began = asyncio.get_running_loop().time()
    await world.link_cards.fetch_pages()
    assert asyncio.get_running_loop().time() - began >= 0.4
    assert len(pages.asked) == 5
    last = [row["_id"] for row in await noted(world) if row["host"] == hosts[1]]
    by_time = await world.database.link_cards.find().sort("due_time", 1).to_list()
    order = [row["_id"] for row in by_time]  # all failed: due again an hour after they were asked
    assert order.index(last[0]) < 4  # two of the first host, or four, came before; not all


# -- what is stored


async def page(world: World, number: int = 0, now: datetime | None = None) -> DuePage:
    """One that is due."""
    now = now or datetime.now(UTC)
    url = f"https://docs.example.com/{number}"
    await world.repository.find_page_texts("c1", [Link(url, "docs.example.com", url)], now)
    due = await world.repository.find_due_pages(now, [], 100)
    return next(one for one in due if one.address == url)


LINK = Link("https://docs.example.com/0", "docs.example.com", "https://docs.example.com/0")


async def test_a_page_is_claimed_once_until_its_lease_ends(world: World) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    due, lease = await page(world, now=now), timedelta(minutes=2)
    repository = world.repository
    first, second = await asyncio.gather(
        repository.claim_page(due, now, lease), repository.claim_page(due, now, lease)
    )
    claimed = first or second
    assert claimed is not None
    assert None in (first, second)
    assert await repository.find_due_pages(now + timedelta(seconds=119), [], 9) == []
    (again,) = await repository.find_due_pages(now + lease, [], 9)
    later = await repository.claim_page(again, now + lease, lease)
    assert later is not None
    await repository.store_page(claimed, TEXT, now)  # too late: another has claimed it
    assert [row["state"] for row in await noted(world)] == ["WANTED"]
    await repository.store_page(later, TEXT, now + lease)
    assert await repository.find_page_texts("c1", [LINK], now + lease) == {LINK.address: TEXT}
    assert await repository.find_due_pages(now + lease, ["docs.example.com"], 9) == []


async def test_times_of_what_failed_and_what_was_made(world: World) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    await page(world, now=now)
    repository, waits = world.repository, []
    for text in (None, None, None, None, TEXT, None):
        (due,) = await repository.find_due_pages(now, [], 9)
        claimed = await repository.claim_page(due, now, timedelta(minutes=2))
        assert claimed is not None
        await repository.store_page(claimed, text, now)
        shown = await repository.find_page_texts("c1", [LINK], now)
        assert shown == ({LINK.address: TEXT} if text else {})
        (row,) = await noted(world)
        waits.append(row["due_time"] - now)
        assert await repository.find_due_pages(row["due_time"] - timedelta(seconds=1), [], 9) == []
        now = row["due_time"]
    hour, day, week = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
    assert waits == [hour, day, week, week, week, hour]


async def test_a_card_that_nobody_could_refresh_is_shown_for_two_weeks(world: World) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    claimed = await world.repository.claim_page(await page(world, now=now), now, timedelta(1))
    assert claimed is not None
    await world.repository.store_page(claimed, TEXT, now)
    for days, shown in ((13, True), (14, False)):
        found = await world.repository.find_page_texts("c1", [LINK], now + timedelta(days))
        assert bool(found) is shown


async def test_it_is_noted_once_a_day_that_a_card_is_read(world: World) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    await page(world, now=now)
    times = []
    for hours in (0, 23, 25, 26, 80):
        at = now + timedelta(hours=hours)
        await world.repository.find_page_texts("c1", [LINK], at)
        (row,) = await noted(world)
        times.append((row["asked_time"] - now) / timedelta(hours=1))
    assert times == [0, 0, 25, 25, 80]
    (expire,) = [one for one in rows.INDEXES if one.name == "expire"]
    assert (expire.keys, expire.expire_after) == ([("asked_time", 1)], 90 * 86_400)


async def test_so_many_are_wanted_in_a_community_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_WANTED", 3)
    now = datetime.now(UTC)
    links = [
        Link(f"https://a.example/{n}", "a.example", f"https://a.example/{n}") for n in range(5)
    ]
    await world.repository.find_page_texts("c1", links[:2], now)
    await world.repository.find_page_texts("c1", links, now)
    assert len(await noted(world)) == 3
    await world.repository.find_page_texts("c2", links[:1], now)  # another's are its own
    assert len(await noted(world)) == 4
    due = await world.repository.find_due_pages(now, [], 1)
    claimed = await world.repository.claim_page(due[0], now, timedelta(minutes=2))
    assert claimed is not None
    await world.repository.store_page(claimed, None, now)  # it was asked: there is room
    await world.repository.find_page_texts(claimed.community_id, links, now)
    assert len(await noted(world)) == (5 if claimed.community_id == "c1" else 6)
