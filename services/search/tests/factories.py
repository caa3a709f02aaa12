"""Objects of other services and entries of the index, with what a test does not care about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from services.search.domain.entries import Entry, Kind, Place, Rule, channel_key, space_key

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def stamp(time: datetime = NOON) -> Timestamp:
    """A time as protobuf has it."""
    found = Timestamp()
    found.FromDatetime(time)
    return found


def space(id: str = "s1", community_id: str = "c1", **fields: Any) -> forum_pb2.Space:
    """A space that its community reads."""
    given: dict[str, Any] = {
        "name": f"Space {id}",
        "audience": forum_pb2.AUDIENCE_COMMUNITY,
        "create_time": stamp(),
        "version": 1,
    }
    made = forum_pb2.Space(id=id, community_id=community_id, **{**given, **fields})
    tell_keys(made)
    return made


def channel(id: str = "n1", community_id: str = "c1", **fields: Any) -> announcements_pb2.Channel:
    """A channel that its community reads."""
    given = {"audience": forum_pb2.AUDIENCE_COMMUNITY, **fields}
    made = announcements_pb2.Channel(id=id, community_id=community_id, **given)
    tell_keys(made)
    return made


RULE_KEYS = ("tier_keys", "company_keys", "role_keys", "locale_keys", "territory_keys")


def announcement(
    id: str = "a1", community_id: str = "c1", **fields: Any
) -> announcements_pb2.FindableAnnouncement:
    """Out for all readers of its channel, in one language."""
    given: dict[str, Any] = {
        "channel_id": "n1",
        "state": announcements_pb2.ANNOUNCEMENT_STATE_PUBLISHED,
        "texts": [text(f"News {id}", f"<p>Body of {id}</p>")],
        "author_id": "p9",
        "publish_time": stamp(),
        "visible_time": stamp(),
        "version": 3,
        **dict.fromkeys(RULE_KEYS, (f"community:{community_id}",)),
    }
    return announcements_pb2.FindableAnnouncement(
        id=id, community_id=community_id, **{**given, **fields}
    )


def text(title: str, body_html: str, locale: str = "en") -> announcements_pb2.AnnouncementText:
    """Of an announcement, in one language."""
    return announcements_pb2.AnnouncementText(locale=locale, title=title, body_html=body_html)


def tell_keys(space: forum_pb2.Space | announcements_pb2.Channel) -> None:
    """Fill in what opens it by its audience, as the forum tells services."""
    prefix = {forum_pb2.AUDIENCE_TIER: "tier", forum_pb2.AUDIENCE_COMPANIES: "company"}
    community = space.community_id
    del space.read_keys[:]
    if space.audience == forum_pb2.AUDIENCE_COMMUNITY:
        space.read_keys.append(f"community:{community}")
    else:
        kind = prefix.get(space.audience)
        space.read_keys.extend(f"{kind}:{name}@{community}" for name in space.audience_names)
        space.read_keys.append(f"vendor:{community}")


def topic(id: str = "t1", community_id: str = "c1", **fields: Any) -> forum_pb2.Topic:
    """A published question."""
    given: dict[str, Any] = {
        "space_id": "s1",
        "kind": forum_pb2.TOPIC_KIND_QUESTION,
        "state": forum_pb2.TOPIC_STATE_PUBLISHED,
        "title": f"Title {id}",
        "body_html": f"<p>Body of {id}</p>",
        "author": forum_pb2.Author(person_id="p1", company_id="co1"),
        "create_time": stamp(),
        "version": 1,
    }
    return forum_pb2.Topic(id=id, community_id=community_id, **{**given, **fields})


def reply(id: str = "r1", topic_id: str = "t1", **fields: Any) -> forum_pb2.Reply:
    """A published reply."""
    given: dict[str, Any] = {
        "community_id": "c1",
        "space_id": "s1",
        "state": forum_pb2.REPLY_STATE_PUBLISHED,
        "body_html": f"<p>Answer {id}</p>",
        "author": forum_pb2.Author(person_id="p2", company_id="co2"),
        "create_time": stamp(),
        "version": 2,
    }
    return forum_pb2.Reply(id=id, topic_id=topic_id, **{**given, **fields})


def member(person_id: str = "p1", community_id: str = "c1", **fields: Any) -> directory_pb2.Member:
    """An active member."""
    given: dict[str, Any] = {
        "company_id": "co1",
        "display_name": f"Member {person_id}",
        "state": directory_pb2.MEMBER_STATE_ACTIVE,
        "join_time": stamp(),
        "version": 1,
    }
    return directory_pb2.Member(
        person_id=person_id, community_id=community_id, **{**given, **fields}
    )


def company(id: str = "co1", **fields: Any) -> directory_pb2.Company:
    """A partner."""
    given: dict[str, Any] = {"name": f"Company {id}", "create_time": stamp(), "version": 1}
    return directory_pb2.Company(id=id, **{**given, **fields})


def entry(
    id: str = "t1",
    *,
    kind: Kind = Kind.TOPIC,
    community_id: str = "c1",
    keys: Sequence[str] = (),
    **fields: Any,
) -> Entry:
    """Something in space s1, unless keys are given."""
    given: dict[str, Any] = {"time": NOON, "source_version": 1}
    return Entry(
        Place(kind, community_id, id), tuple(keys) or (space_key("s1"),), **{**given, **fields}
    )


def announced(id: str = "a1", *, community_id: str = "c1", **fields: Any) -> Entry:
    """An announcement in channel n1, for all of its readers unless keys of one list are given."""
    everyone = (f"community:{community_id}",)
    rule = Rule(
        tuple(tuple(fields.pop(name, everyone)) for name in RULE_KEYS),
        fields.pop("visible_time", NOON),
    )
    return entry(
        id,
        kind=Kind.ANNOUNCEMENT,
        community_id=community_id,
        keys=[channel_key("n1")],
        rule=rule,
        **fields,
    )
