"""/feeds: a channel as Atom and iCalendar by a secret, read as its owner may read it now."""

from __future__ import annotations

import logging
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from icalendar import Calendar

from chassis.actors import Actor
from chassis.errors import UnavailableError
from gateway.cursors import encode_id
from gateway.feed_secrets import hash_of
from gateway.tests.announcements_standin import AnnouncementStandIn, ChannelNotFoundError
from gateway.tests.conftest import House
from gateway.tests.directory_standin import DirectoryStandIn, PersonNotFoundError
from guildhall.forum.v1 import announcements_pb2 as pb

CREATE = """mutation($input: CreateFeedAddressInput!) { createFeedAddress(input: $input) {
  feedAddress { addressId channel { id } } atomUrl calendarUrl } }"""
REVOKE = """mutation($input: RevokeFeedAddressInput!) { revokeFeedAddress(input: $input) {
  feedAddress { addressId } } }"""
LIST = """query($community: ID!) { feedAddresses(communityId: $community, first: 5) {
  edges { node { addressId channel { name } } } } }"""
CHANNEL = encode_id("Channel", "c1", "ch1")
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


async def test_unchanged_is_not_sent_again(house: House) -> None:
    address = await made(house)
    for url in (address["atomUrl"], address["calendarUrl"]):
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
    bad = ("short.atom", f"{'x' * 43}.rss", f"{'x' * 43}", f"{'ä' * 43}.atom")
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
