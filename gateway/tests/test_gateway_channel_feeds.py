"""/feeds: a channel as Atom, RSS and iCalendar by a secret, read as its owner may read it now."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar
from pydantic import ValidationError

from chassis.actors import Actor
from chassis.errors import UnavailableError
from gateway.cursors import encode_id
from gateway.feed_formats import atom, calendar, rss
from gateway.feed_secrets import hash_of
from gateway.settings import GatewaySettings
from gateway.tests.announcements_standin import (
    AnnouncementStandIn,
    ChannelNotFoundError,
    announcement,
    channel,
)
from gateway.tests.conftest import House
from gateway.tests.directory_standin import DirectoryStandIn, PersonNotFoundError
from guildhall.forum.v1 import announcements_pb2 as pb

CREATE = """mutation($input: CreateFeedAddressInput!) { createFeedAddress(input: $input) {
  feedAddress { addressId channel { id } } atomUrl rssUrl calendarUrl } }"""
REVOKE = """mutation($input: RevokeFeedAddressInput!) { revokeFeedAddress(input: $input) {
  feedAddress { addressId } } }"""
LIST = """query($community: ID!) { feedAddresses(communityId: $community, first: 5) {
  edges { node { addressId channel { name } } } } }"""
CHANNEL = encode_id("Channel", "c1", "ch1")
SHOWN = f"https://portal.example/a/{encode_id('Announcement', 'c1', 'a5')}"
ATOM = "{http://www.w3.org/2005/Atom}"


async def made(house: House, request_id: str = "request-1") -> dict[str, Any]:
    given = {"requestId": request_id, "channelId": CHANNEL}
    answer = await house.ask(CREATE, {"input": given})
    created: dict[str, Any] = answer["data"]["createFeedAddress"]
    return created


def path(url: str) -> str:
    return url.removeprefix("http://127.0.0.1:8080")


async def test_secret_is_shown_once_and_never_sent_on(
    house: House, announcements: AnnouncementStandIn
) -> None:
    first = await made(house)
    assert first["feedAddress"]["channel"] == {"id": CHANNEL}
    secret = first["atomUrl"].rpartition("/")[2].removesuffix(".atom")
    assert first["rssUrl"].endswith(f"/feeds/{secret}.rss")
    assert first["calendarUrl"].endswith(f"/feeds/{secret}.ics")
    assert len(secret) == 43
    request = announcements.requests[0]
    assert isinstance(request, pb.CreateFeedAddressRequest)
    assert request.secret_hash == hash_of(secret)
    assert all(secret.encode() not in one.SerializeToString() for one in announcements.requests)
    assert await made(house) == first  # repeated, it is told the same
    assert (await made(house, "request-2"))["atomUrl"] != first["atomUrl"]
    listed = await house.ask(LIST, {"community": encode_id("Community", "c1", "c1")})
    assert secret not in str(listed)


async def test_atom_is_the_channel_as_its_owner_reads_it(
    house: House, announcements: AnnouncementStandIn
) -> None:
    address = await made(house)
    announcements.actors.clear()
    response = await house.http.get(path(address["atomUrl"]))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-cache"
    feed = ET.fromstring(response.content)  # noqa: S314 - the gateway's own
    assert feed.findtext(f"{ATOM}title") == "News & <more>"
    assert feed.find(f"{ATOM}link").attrib["href"] == address["atomUrl"]  # type: ignore[union-attr]
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == [
        f"News {number} <b>&" for number in (5, 4, 3, 2, 1)
    ]
    assert feed.findtext(f"{ATOM}updated") == "2026-01-01T00:25:00Z"
    content = entries[0].find(f"{ATOM}content")
    assert content is not None
    assert (content.attrib["type"], content.text) == (
        "html",
        "<p><em>Text</em> 5 &amp; more</p>",
    )
    link = entries[0].find(f"{ATOM}link")
    assert link is not None
    assert link.attrib == {"rel": "alternate", "type": "text/html", "href": SHOWN}
    asked, *read = announcements.actors
    assert asked == Actor(service="gateway")  # whose it is, the gateway asks for itself
    assert {actor.person_id for actor in read if actor} == {"p1"}


async def test_calendar_has_publications_and_deadlines(house: House) -> None:
    address = await made(house)
    response = await house.http.get(path(address["calendarUrl"]))
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert max(map(len, response.content.split(b"\r\n"))) <= 75
    events = Calendar.from_ical(response.content).walk("VEVENT")
    assert len(events) == 10
    first, deadline = events[:2]
    assert (str(first["uid"]), str(first["summary"])) == ("a5@guildhall", "News 5 <b>&")
    assert str(first["description"]).startswith("*Text* 5;, with\na break")
    assert (str(deadline["uid"]), str(deadline["summary"])) == (
        "a5-deadline@guildhall",
        "Deadline: News 5 <b>&",
    )
    assert str(first["sequence"]) == "1"
    assert {str(one["url"]) for one in (first, deadline)} == {SHOWN}


async def test_rss_has_the_same_for_readers_without_atom(house: House) -> None:
    address = await made(house)
    response = await house.http.get(path(address["rssUrl"]))
    assert response.headers["content-type"] == "application/rss+xml; charset=utf-8"
    root = ET.fromstring(response.content)  # noqa: S314 - the gateway's own
    assert (root.tag, root.attrib) == ("rss", {"version": "2.0"})
    channel = root.find("channel")
    assert channel is not None
    told = [channel.findtext(name) for name in ("title", "link", "description", "lastBuildDate")]
    assert told == [
        "News & <more>",
        "https://portal.example/",
        "What is new",
        "Thu, 01 Jan 2026 00:25:00 GMT",
    ]
    assert channel.find(f"{ATOM}link").attrib["href"] == address["rssUrl"]  # type: ignore[union-attr]
    items = channel.findall("item")
    assert [item.findtext("title") for item in items] == [
        f"News {number} <b>&" for number in (5, 4, 3, 2, 1)
    ]
    first = items[0]
    assert first.findtext("description") == "<p><em>Text</em> 5 &amp; more</p>"
    assert first.findtext("link") == SHOWN
    guid = first.find("guid")
    assert guid is not None
    assert (guid.text, guid.attrib) == ("urn:guildhall:announcement:a5", {"isPermaLink": "false"})
    assert parsedate_to_datetime(first.findtext("pubDate", "")) == datetime(
        2026, 1, 1, 0, 5, tzinfo=UTC
    )


def test_where_no_portal_shows_them_nothing_leads_anywhere() -> None:
    shown = channel(), [announcement(1)]
    entry = ET.fromstring(atom(*shown, "https://g.example/f.atom")).find(f"{ATOM}entry")  # noqa: S314
    assert entry is not None
    assert entry.find(f"{ATOM}link") is None
    root = ET.fromstring(rss(*shown, "https://g.example/f.rss"))  # noqa: S314
    assert root.find("channel/item/link") is None
    assert root.findtext("channel/link") == "https://g.example/"
    events = Calendar.from_ical(calendar(*shown)).walk("VEVENT")
    assert all("url" not in event for event in events)


@pytest.mark.parametrize("url", ["portal.example/{id}", "https://portal.example/announcements"])
def test_an_address_of_announcements_that_leads_nowhere_is_refused(
    url: str,
) -> None:
    needed: dict[str, Any] = {
        name: Path("x") for name in ("signing_key_file", "cursor_key_file", "issuers_file")
    }
    with pytest.raises(ValidationError):
        GatewaySettings(announcement_url=url, **needed)
    good = "https://portal.example/a?id={id}"
    assert GatewaySettings(announcement_url=good, **needed).announcement_url == good


async def test_unchanged_is_not_sent_again(house: House) -> None:
    address = await made(house)
    for url in (address["atomUrl"], address["rssUrl"], address["calendarUrl"]):
        tag = (await house.http.get(path(url))).headers["etag"]
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await house.http.get(path(url), headers={"if-none-match": given})
            assert (again.status_code, again.content) == (304, b"")
        other = await house.http.get(path(url), headers={"if-none-match": '"other"'})
        assert other.status_code == 200


async def test_what_stands_in_the_way_is_always_the_same_404(
    house: House, announcements: AnnouncementStandIn, directory: DirectoryStandIn
) -> None:
    address = await made(house)
    known = path(address["atomUrl"])
    unknown = await house.http.get(f"/feeds/{'x' * 43}.atom")
    answers = [unknown]
    bad = ("short.atom", f"{'x' * 43}.rss", f"{'x' * 43}.xml", f"{'x' * 43}", f"{'ä' * 43}.atom")
    answers += [await house.http.get(f"/feeds/{one}") for one in bad]
    directory.failures["ResolvePerson"] = PersonNotFoundError()
    answers.append(await house.http.get(known))
    directory.failures.clear()
    directory.left.add("p1")  # no member of c1 any more
    answers.append(await house.http.get(known))
    directory.left.clear()
    announcements.failures["GetChannel"] = ChannelNotFoundError(field="channel_id")
    answers.append(await house.http.get(known))
    announcements.failures.clear()
    assert (await house.http.get(known)).status_code == 200
    revoke = {"requestId": "request-9", "addressId": address["feedAddress"]["addressId"]}
    assert "errors" not in await house.ask(REVOKE, {"input": revoke})
    answers.append(await house.http.get(known))
    assert {(one.status_code, one.content) for one in answers} == {(404, b"not found")}
    kept = {"cache-control", "referrer-policy", "x-robots-tag", "content-type", "content-length"}
    told = [{name: one.headers.get(name) for name in kept} for one in answers]
    assert all(one == told[0] for one in told)


async def test_an_owner_away_is_no_404(house: House, directory: DirectoryStandIn) -> None:
    address = await made(house)
    directory.failures["ResolvePerson"] = UnavailableError("away", retry_after=3.0)
    response = await house.http.get(path(address["atomUrl"]))
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")


async def test_no_log_names_the_address(house: House, caplog: pytest.LogCaptureFixture) -> None:
    address = await made(house)
    secret = address["atomUrl"].rpartition("/")[2].removesuffix(".atom")
    with caplog.at_level(logging.DEBUG):
        await house.http.get(path(address["atomUrl"]))
    ours = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    assert all(secret not in one.getMessage() for one in ours)


async def test_only_get_is_answered(house: House) -> None:
    address = await made(house)
    assert (await house.http.post(path(address["atomUrl"]))).status_code == 405
    head = await house.http.head(path(address["atomUrl"]))
    assert (head.status_code, head.content) == (200, b"")
