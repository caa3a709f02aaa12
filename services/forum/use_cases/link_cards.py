"""Link cards of posts: made as they are read, of pages that a job asks."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

from chassis.actors import Actor
from chassis.outgoing import Outgoing, OutgoingFailedError, OutgoingRefusedError
from guildhall.forum.v1 import participation_pb2 as pb
from services.forum.converters.markdown import safe_html
from services.forum.converters.pages import page_text
from services.forum.converters.participation import link_cards_to_proto, post_refs
from services.forum.domain.link_cards import (
    CardsOfPost,
    DuePage,
    LinkCard,
    PageText,
    link_of,
    links_of,
)
from services.forum.domain.members import Member
from services.forum.domain.references import PostRef
from services.forum.repository import ForumRepository

MOST_BYTES = 262_144  # of a page; the rest is not read
MOST_REDIRECTS = 3
HOSTS_AT_ONCE = 4
PAGES_A_HOST = 10  # in a row, while others wait
PAGES_AT_ONCE = 40  # that are looked for
MOST_HAD_TURN = 1_000  # hosts that are remembered
ROUND = 20.0  # seconds, after which no page is begun
SECONDS_BETWEEN = 0.5  # two requests to one host
LEASE = timedelta(minutes=2)  # a page takes no more, however slow it and its redirects are
_HEADERS = {
    "Accept": "text/html",
    "Accept-Encoding": "identity",
    "User-Agent": "Guildhall-link-cards",
}
_REDIRECTS = {301, 302, 303, 307, 308}

_log = logging.getLogger(__name__)


class LinkCardUseCases:
    """Which posts one sees are asked first; what is not on a community's list is never asked."""

    def __init__(
        self, repository: ForumRepository, outgoing: Outgoing, *, inside: bool = False
    ) -> None:
        self._repository = repository
        self._outgoing = outgoing
        self._inside = inside
        self._paces = _Paces()
        self._had_turn: set[str] = set()  # hosts, until all that have something to do had one

    async def batch_get_link_cards(
        self, actor: Actor, request: pb.BatchGetLinkCardsRequest
    ) -> pb.BatchGetLinkCardsResponse:
        """Of posts that the caller sees."""
        member, community_id = Member.of(actor, request.community_id), request.community_id
        posts = post_refs(request.posts)
        settings = await self._repository.recall_trust_settings(community_id)
        if not settings.link_card_hosts:
            return pb.BatchGetLinkCardsResponse()
        topics, replies = await self._repository.find_posts(
            community_id,
            [one.topic_id for one in posts if not one.reply_id],
            [one.reply_id for one in posts if one.reply_id],
            member.keyring,
        )
        bodies = {PostRef(one.id): one.body for one in topics}
        bodies |= {PostRef(one.topic_id, one.id): one.body for one in replies}
        hosts = settings.link_card_hosts
        links = {
            post: links_of(safe_html(bodies[post]), hosts, inside=self._inside)
            for post in posts
            if post in bodies
        }
        pages = await self._repository.find_page_texts(
            community_id,
            list({link.address: link for some in links.values() for link in some}.values()),
            datetime.now(UTC),
        )
        cards = [
            CardsOfPost(
                post,
                tuple(
                    LinkCard(link.url, pages[link.address])
                    for link in some
                    if link.address in pages
                ),
            )
            for post, some in links.items()
        ]
        return pb.BatchGetLinkCardsResponse(
            posts=[link_cards_to_proto(one) for one in cards if one.cards]
        )

    async def fetch_pages(self) -> None:
        """Ask what is due, for some seconds: each host in its turn, whoever has how much."""
        clock = asyncio.get_running_loop().time
        end = clock() + ROUND
        while clock() < end:
            due = await self._repository.find_due_pages(
                datetime.now(UTC), self._had_turn, PAGES_AT_ONCE
            )
            if not due:
                if not self._had_turn:
                    return
                self._had_turn.clear()
                continue
            by_host: dict[str, list[DuePage]] = defaultdict(list)
            for page in due:
                by_host[page.host].append(page)
            self._had_turn |= by_host.keys()
            room = asyncio.Semaphore(HOSTS_AT_ONCE)

            async def ask(pages: Sequence[DuePage], room: asyncio.Semaphore = room) -> None:
                async with room:
                    for page in pages[:PAGES_A_HOST]:
                        if clock() < end:
                            await self._fetch(page)

            asked = await asyncio.gather(*map(ask, by_host.values()), return_exceptions=True)
            for failure in asked:  # each ends its own host's turn alone
                if failure is not None:
                    raise failure
            if len(self._had_turn) > MOST_HAD_TURN:
                self._had_turn.clear()

    async def _fetch(self, due: DuePage) -> None:
        page = await self._repository.claim_page(due, datetime.now(UTC), LEASE)
        if page is None:
            return
        settings = await self._repository.get_trust_settings(page.community_id)
        link = link_of(page.address, settings.link_card_hosts, inside=self._inside)
        if link is None:
            await self._repository.drop_page(page)
            return
        text = await self._ask(link.address, settings.link_card_hosts)
        await self._repository.store_page(page, text, datetime.now(UTC))

    async def _ask(self, address: str, hosts: Sequence[str]) -> PageText | None:
        """What the page says; None: it says nothing that could be shown."""
        url = address
        for _ in range(1 + MOST_REDIRECTS):
            link = link_of(url, hosts, inside=self._inside)
            if link is None:  # a way off the list is not gone
                return None
            await self._paces.wait(link.host)
            try:
                answer = await self._outgoing.send(
                    "GET", link.address, headers=_HEADERS, most=MOST_BYTES
                )
            except (OutgoingFailedError, OutgoingRefusedError) as error:
                # The host alone: an address may hold a secret.
                _log.info("no page of %s: %s", link.host, error)
                return None
            if answer.status in _REDIRECTS:
                url = _beside(link.address, answer.headers.get("location", ""))
                continue
            kind = answer.headers.get("content-type", "")
            packed = answer.headers.get("content-encoding", "identity").lower() != "identity"
            if answer.status != 200 or packed or not _is_html(kind):
                return None
            return page_text(answer.body, kind)
        return None


class _Paces:
    """At most so many requests a second to one host, of this process."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    async def wait(self, host: str) -> None:
        """Until it is one's turn."""
        now = asyncio.get_running_loop().time()
        self._next = {one: at for one, at in self._next.items() if at > now}
        turn = self._next.get(host, now)
        self._next[host] = turn + SECONDS_BETWEEN
        await asyncio.sleep(turn - now)


def _beside(address: str, place: str) -> str:
    """Where a page sends us; empty: nowhere."""
    try:
        return urljoin(address, place) if place else ""
    except ValueError:
        return ""


def _is_html(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "text/html"
