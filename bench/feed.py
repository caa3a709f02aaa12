"""What a feed costs in one community and in eight, with as many topics and follows in all.

The use case on a mongod of its own, asked in this process: CPU of both, in turn.
"""

from __future__ import annotations

import statistics
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bench.measuring import cpu_seconds, ratio
from chassis import commands as commands_module
from chassis.actors import Actor, Membership
from chassis.commands import Commands
from chassis.mongo import Database, connect, database, ensure_indexes
from devstack.engines import Engine
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.markdown import rendered
from services.forum.domain.feed.ranking import feed_keys
from services.forum.domain.members import Author
from services.forum.repository import ForumRepository
from services.forum.repository.documents import text_document
from services.forum.repository.feed.readers import participation_id, reader_id
from services.forum.use_cases.feed import FeedUseCases

ROUNDS = 7
GOAL = 1.5
SIZES = (1, 8)
ORDERS = {"latest": pb.FEED_ORDER_LATEST, "ranked": pb.FEED_ORDER_RANKED}
_TOPICS, _SPACES, _FOLLOWED = 16_000, 40, 24  # in all; so is what somebody follows
_PEOPLE, _REPLIED, _CALLS = 400, 200, 40
_TEXT = "Some *old* text with `code`, a [link](https://a.example) and\n\n- a\n- list\n\n" * 8
_NOW = datetime.now(UTC).replace(microsecond=0)
_ME = "p0"


@dataclass(frozen=True, slots=True)
class Found:
    """Milliseconds of CPU of one page, by round."""

    page: str
    one: list[float]
    eight: list[float]

    @property
    def ratio(self) -> float:
        """Of eight communities to one."""
        return ratio(self.eight, self.one)


@dataclass
class _Stage:
    """One size: its database, and who asks there."""

    database: Database
    feed: FeedUseCases
    actor: Actor


_BODY = text_document(rendered(_TEXT))


def _topic(number: int, communities: int, spaces: int) -> dict[str, Any]:
    community = f"c{number % communities}"
    space = f"s{number % communities}-{number // communities % spaces}"
    author = {"person_id": f"p{number % _PEOPLE}", "company_id": f"co{number % 40}"}
    tags = [f"t{number % 50}", f"t{number % 51}"]
    activity = _NOW - timedelta(minutes=7 * number)
    last = {"id": f"r{number}", "author": author, "time": activity}
    return {
        "_id": uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex,
        "community_id": community,
        "seq": 1,
        "version": 1,
        "space_id": space,
        "kind": "QUESTION",
        "state": "PUBLISHED",
        "title": f"Topic {number}",
        "body": _BODY,
        "tags": tags,
        "author": author,
        "author_id": author["person_id"],
        "create_time": activity - timedelta(hours=1),
        "activity_time": activity,
        "score": 0,
        "reply_count": 5,
        "latest": [last] * 5,
        "accepted_reply_id": "",
        "awaited_reply_id": "",
        "state_reason": "",
        "submission": {
            "number": 1,
            "screened": True,
            "policy_version": "",
            "rule_ids": [],
            "imported": False,
        },
        "case_id": "",
        "read_keys": [f"space:{space}"],
        "tag_keys": [f"{tag} space:{space}" for tag in tags],
        "feed_keys": list(
            feed_keys(community, space, tags, Author(author["person_id"], author["company_id"]))
        ),
    }


def _space(community: str, name: str) -> dict[str, Any]:
    return {
        "_id": name,
        "community_id": community,
        "seq": 1,
        "slug": name,
        "name": name,
        "name_order": name,
        "description": "",
        "mode": "AUTO",
        "audience": "COMMUNITY",
        "audience_names": [],
        "read_keys": [f"community:{community}"],
        "create_time": _NOW,
    }


async def _stage(client: Any, communities: int) -> _Stage:
    fresh = database(client, f"measure_{uuid.uuid4().hex}")
    await ensure_indexes(fresh, [*commands_module.INDEXES, *ForumRepository.indexes])
    spaces = _SPACES // communities
    topics = [_topic(number, communities, spaces) for number in range(_TOPICS)]
    await fresh.topics.insert_many(topics)
    for one in range(communities):
        names = [f"s{one}-{number}" for number in range(spaces)]
        await fresh.spaces.insert_many([_space(f"c{one}", name) for name in names])
        targets = [("SPACE", name) for name in names[: _FOLLOWED // communities]]
        targets += [("TAG", f"t{number}") for number in range(8 // communities)]
        targets += [("PERSON", f"p{number + 1}") for number in range(8 // communities)]
        await fresh.readers.insert_one(
            {
                "_id": reader_id(f"c{one}", _ME),
                "community_id": f"c{one}",
                "seq": 1,
                "person_id": _ME,
                "follows": [
                    {"kind": kind, "id": id_, "space_id": "", "level": "TRACKING", "time": _NOW}
                    for kind, id_ in targets
                ],
                "reads": [],
            }
        )
    await fresh.participations.insert_many(
        {
            "_id": participation_id(_ME, topic["_id"]),
            "community_id": topic["community_id"],
            "person_id": _ME,
            "topic_id": topic["_id"],
            "time": topic["activity_time"],
        }
        for topic in topics[: _REPLIED * 40 : 40]
    )
    memberships = {
        f"c{one}": Membership("co0", keyring=(f"community:c{one}", f"person:{_ME}"))
        for one in range(communities)
    }
    repository = ForumRepository(fresh)
    feed = FeedUseCases(Commands(fresh), repository, cast(Any, None))
    return _Stage(fresh, feed, Actor(person_id=_ME, memberships=memberships))


async def measure(engine: Engine, rounds: int = ROUNDS) -> list[Found]:
    """All pages; of each, both sizes in turn."""
    assert engine.process is not None
    assert engine.process.pid is not None
    client = connect(engine.url, app="bench")
    stages = [await _stage(client, count) for count in SIZES]
    found = []
    for name, order in ORDERS.items():
        second = [(await _page(stage, order=order)).next_page_token for stage in stages]
        whole: dict[str, Any] = {
            "with_newest_replies": True,
            "with_viewer_states": True,
            "with_spaces": True,
        }
        for what, more in (
            ("topics alone", [{}, {}]),
            ("with newest replies, viewer states and spaces", [whole, whole]),
            ("the second page", [{"page_token": token} for token in second]),
        ):
            sides: list[list[float]] = [[] for _ in stages]
            for number in range(rounds + 1):
                for stage, side, given in zip(stages, sides, more, strict=True):
                    spent = await _spent(engine.process.pid, stage, order=order, **given)
                    if number:  # the first only warms up
                        side.append(spent)
            found.append(Found(f"{name}, {what}", *sides))
            print(f"  {found[-1].page}: {found[-1].ratio:.2f}", flush=True)
    for stage in stages:
        await client.drop_database(stage.database.name)
    await client.close()
    return found


async def _page(stage: _Stage, **asked: Any) -> pb.ListFeedResponse:
    request = pb.ListFeedRequest(page_size=20, **asked)
    answer = await stage.feed.list_feed(stage.actor, request)
    assert len(answer.items) == 20
    return answer


async def _spent(mongod: int, stage: _Stage, **asked: Any) -> float:
    """Milliseconds of CPU a page."""
    before = time.process_time() + cpu_seconds(mongod)
    for _ in range(_CALLS):
        await _page(stage, **asked)
    return 1000 * (time.process_time() + cpu_seconds(mongod) - before) / _CALLS


def report(found: list[Found]) -> list[str]:
    """The section's lines."""
    lines = [
        f"{ROUNDS} rounds of {_CALLS} pages of 20 a side, of the use case and its own mongod; "
        f"{_TOPICS:,} topics in all, of which somebody follows {_FOLLOWED} spaces, 8 tags and 8 "
        f"people, and replied to {_REPLIED}.",
        "",
        "| page | one community | eight | **ratio** | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines.extend(
        f"| {one.page} | {statistics.median(one.one):.2f} ms "
        f"| {statistics.median(one.eight):.2f} ms | **{one.ratio:.2f}** | <= {GOAL:g} |"
        for one in found
    )
    return lines
