"""Objects of other services and entries of the index, with what a test does not care about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2
from services.search.domain.entries import Entry, Kind, Place, space_key

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


def tell_keys(space: forum_pb2.Space) -> None:
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
