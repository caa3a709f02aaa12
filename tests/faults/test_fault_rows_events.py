"""Domain events that nobody can read, of a later version, or too large: the rest flows on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pymongo
import pytest
import pytest_asyncio

from chassis import outbox
from devstack.parts import MONGOD
from gateway.cursors import decode_id
from guildhall.forum.v1 import domain_events_pb2 as said
from tests.faults.rows import Rows, Traffic
from tests.system import OPERATOR, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
HEALED = 30.0
_LETTERS = """query L($service: ServiceName!) { deadLetters(service: $service, last: 50) {
    edges { node { id aggregateId seq reason } } } }"""
_HEARERS = {"search": "search--forum", "moderation": "moderation--forum"}
_UNKNOWN_FIELD = b"\xfa\x3e\x03new"  # field 1007, a text of three bytes


@pytest_asyncio.fixture
async def rows(staged: Rows) -> AsyncIterator[Rows]:
    """The stage; a test's connections are closed after it."""
    yield staged
    await staged.system.close_clients()


def say(rows: Rows, aggregate: str, seq: int, data: bytes = b"", **other: Any) -> None:
    """What the forum would have stored: of a topic that is nowhere, so nothing comes of it."""
    row = outbox.row(
        event=said.TopicEdited(topic_id=aggregate),
        community_id=decode_id(rows.community, "id").id,
        aggregate_type="topic",
        aggregate_id=aggregate,
        seq=seq,
        actor="p1",
        cause="test",
        trace_parent="",
        time=datetime.now(UTC),
    )
    with client_of(rows) as client:
        row["data"] += data
        client["forum"]["outbox"].insert_one({**row, **other})


def client_of(rows: Rows) -> pymongo.MongoClient[dict[str, Any]]:
    return pymongo.MongoClient(
        f"mongodb://{rows.stack.place.address(MONGOD)}/?directConnection=true"
    )


async def heard(rows: Rows, service: str, aggregate: str) -> tuple[int, bool]:
    """The last seq of an aggregate that a service has heard, and whether it is parked."""

    def look() -> tuple[int, bool]:
        with client_of(rows) as client:
            row = client[service]["inbox"].find_one({"_id": f"{_HEARERS[service]}|{aggregate}"})
        return (row["seq"], bool(row.get("parked"))) if row else (0, False)

    return await asyncio.to_thread(look)


async def test_events_that_cannot_be_applied(rows: Rows) -> None:
    """Each parks its own aggregate, or none; an operator sees why and lets it go."""
    mark = uuid.uuid4().hex[:8]
    names = ("unreadable", "nextversion", "unknown", "extended", "huge")
    ids = {name: f"{name}-{mark}" for name in names}
    later, pinned = "guildhall.forum.v2.TopicEdited", "guildhall.forum.v1.TopicPinned"
    say(rows, ids["unreadable"], 1, b"\xff\xff\xff")
    say(rows, ids["nextversion"], 1, type=later, v=2)
    say(rows, ids["unknown"], 1, type=pinned)
    say(rows, ids["extended"], 1, _UNKNOWN_FIELD)
    say(rows, ids["huge"], 1, b"\xfa\x3e\x80\x80\x80\x05" + b"x" * (10 << 20))  # 10 MiB
    for id_ in ids.values():
        say(rows, id_, 2)
    asker, operator = await rows.asker(), await rows.asker(OPERATOR)
    traffic = Traffic(rows)
    await traffic.settled(asker, within=HEALED)
    found = await traffic.found(asker, within=HEALED)  # all others' events flow on
    print(f"found {found:.1f} s")
    for service in _HEARERS:
        for name in ("unknown", "extended", "huge"):
            await until(
                partial(heard, rows, service, ids[name]),
                lambda there: there == (2, False),
                seconds=HEALED,
            )
        for name in ("unreadable", "nextversion"):
            await until(
                partial(heard, rows, service, ids[name]),
                lambda there: there == (0, True),
                seconds=HEALED,
            )

        async def letters(service: str = service) -> list[tuple[str, int, str, str]]:
            edges = (await operator(_LETTERS, service=service.upper()))["deadLetters"]["edges"]
            nodes = [edge["node"] for edge in edges if mark in edge["node"]["aggregateId"]]
            return sorted((n["aggregateId"], n["seq"], n["reason"], n["id"]) for n in nodes)

        parked = await until(letters, lambda there: len(there) == 4, seconds=HEALED)
        assert [letter[:3] for letter in parked] == [
            (ids["nextversion"], 1, "SCHEMA_VERSION_UNKNOWN"),
            (ids["nextversion"], 2, "PREDECESSOR_PARKED"),
            (ids["unreadable"], 1, "DECODE"),
            (ids["unreadable"], 2, "PREDECESSOR_PARKED"),
        ]
        for _, seq, _, id_ in parked:
            if seq == 1:
                await operator(
                    "mutation D($input: DiscardDeadLetterInput!) {"
                    " discardDeadLetter(input: $input) { applied } }",
                    input={"service": service.upper(), "deadLetterId": id_, "reason": "a trial"},
                )
        assert await letters() == []
        for name in ("unreadable", "nextversion"):
            assert await heard(rows, service, ids[name]) == (2, False)
