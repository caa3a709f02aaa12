"""A channel as feed readers and calendars read it: the same bytes whenever nothing has changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from google.protobuf.timestamp_pb2 import Timestamp
from icalendar import Calendar, Event

from gateway.cursors import encode_id
from guildhall.forum.v1 import announcements_pb2 as pb

_ATOM = "http://www.w3.org/2005/Atom"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PRODUCT = "-//Guildhall//Announcements//EN"


def atom(
    channel: pb.Channel,
    announcements: Sequence[pb.Announcement],
    address: str,
    announcement_url: str = "",
) -> bytes:
    """Atom (RFC 4287); texts are escaped by the library, HTML was cleaned by the forum."""
    feed = ET.Element("feed", xmlns=_ATOM)
    _text(feed, "id", f"urn:guildhall:channel:{channel.id}")
    _text(feed, "title", channel.name)
    if channel.description:
        _text(feed, "subtitle", channel.description)
    times = [_changed(one) for one in announcements]
    _text(feed, "updated", _rfc3339(max(times, default=_moment(channel.create_time))))
    ET.SubElement(feed, "link", rel="self", type="application/atom+xml", href=address)
    _text(ET.SubElement(feed, "author"), "name", channel.name)
    for one in announcements:
        feed.append(_entry(one, announcement_url))
    return _document(feed)


def _entry(one: pb.Announcement, announcement_url: str) -> ET.Element:
    entry = ET.Element("entry", {_LANG: one.locale})
    _text(entry, "id", _urn(one))
    _text(entry, "title", one.title)
    if url := _url(one, announcement_url):
        ET.SubElement(entry, "link", rel="alternate", type="text/html", href=url)
    _text(entry, "published", _rfc3339(_moment(one.publish_time)))
    _text(entry, "updated", _rfc3339(_changed(one)))
    ET.SubElement(entry, "category", term=_severity(one))
    _text(entry, "content", one.body_html).set("type", "html")
    return entry


def _text(parent: ET.Element, tag: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = text
    return child


def _document(root: ET.Element) -> bytes:
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def rss(
    channel: pb.Channel,
    announcements: Sequence[pb.Announcement],
    address: str,
    announcement_url: str = "",
) -> bytes:
    """RSS 2.0, for readers that know no Atom. A channel must have a link: the site's first page."""
    root = ET.Element("rss", {"version": "2.0", "xmlns:atom": _ATOM})
    feed = ET.SubElement(root, "channel")
    _text(feed, "title", channel.name)
    site = urlsplit(announcement_url or address)
    _text(feed, "link", f"{site.scheme}://{site.netloc}/")
    _text(feed, "description", channel.description or channel.name)
    own = {"rel": "self", "type": "application/rss+xml", "href": address}
    ET.SubElement(feed, "atom:link", own)
    times = [_changed(one) for one in announcements]
    _text(feed, "lastBuildDate", _rfc822(max(times, default=_moment(channel.create_time))))
    for one in announcements:
        item = ET.SubElement(feed, "item")
        _text(item, "title", one.title)
        if url := _url(one, announcement_url):
            _text(item, "link", url)
        _text(item, "guid", _urn(one)).set("isPermaLink", "false")
        _text(item, "pubDate", _rfc822(_moment(one.publish_time)))
        _text(item, "category", _severity(one))
        _text(item, "description", one.body_html)
    return _document(root)


def calendar(
    channel: pb.Channel, announcements: Sequence[pb.Announcement], announcement_url: str = ""
) -> bytes:
    """iCalendar (RFC 5545): when each was published, and until when it is to be acknowledged."""
    made = Calendar()
    made.add("prodid", _PRODUCT)
    made.add("version", "2.0")
    made.add("x-wr-calname", channel.name)
    for one in announcements:
        url = _url(one, announcement_url)
        made.add_component(_event(one, "", _moment(one.publish_time), url))
        if one.HasField("deadline"):
            made.add_component(_event(one, "-deadline", _moment(one.deadline), url))
    text: bytes = made.to_ical()
    return text


def _event(one: pb.Announcement, what: str, time: datetime, url: str) -> Event:
    event = Event()
    event.add("uid", f"{one.id}{what}@guildhall")
    event.add("dtstamp", _changed(one))
    event.add("last-modified", _changed(one))
    event.add("sequence", one.correction_count)
    event.add("dtstart", time)
    event.add("summary", f"Deadline: {one.title}" if what else one.title)
    event.add("description", one.body)
    if url:
        event.add("url", url)
    event.add("categories", [_severity(one)])
    event.add("transp", "TRANSPARENT")  # nobody is busy by being told
    return event


def _urn(one: pb.Announcement) -> str:
    return f"urn:guildhall:announcement:{one.id}"


def _url(one: pb.Announcement, announcement_url: str) -> str:
    """Where the portal shows it; empty where nobody said."""
    return announcement_url.replace("{id}", encode_id("Announcement", one.community_id, one.id))


def _severity(one: pb.Announcement) -> str:
    return pb.AnnouncementSeverity.Name(one.severity).removeprefix("ANNOUNCEMENT_SEVERITY_")


def _changed(one: pb.Announcement) -> datetime:
    return _moment(one.correct_time if one.HasField("correct_time") else one.publish_time)


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC).replace(microsecond=0)


def _rfc822(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


def _rfc3339(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
