"""What a feed costs, in one community and in eight, made as it is read or as it is written.

MONGO_URI=... MONGOD_PID=... python -m services.forum.tests.measure_feed
"""

from __future__ import annotations

import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psutil
import uvloop
from pymongo import UpdateOne

from chassis import commands as commands_module
from chassis.actors import Actor, Membership
from chassis.commands import Commands
from chassis.mongo import Database, connect, database, ensure_indexes
from chassis.pagination import Paging
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.markdown import rendered
from services.forum.domain.feed.ranking import feed_keys
from services.forum.domain.members import Author
from services.forum.repository import ForumRepository, TopicFilter
from services.forum.repository.documents import text_document
from services.forum.repository.feed.readers import participation_id, reader_id
from services.forum.use_cases.feed import FeedUseCases

_TOPICS, _SPACES, _FOLLOWED = 16_000, 40, 24  # in all; so is what somebody follows
_PEOPLE, _REPLIED, _ROUNDS, _CALLS = 400, 200, 7, 40
_TEXT = "Some *old* text with `code`, a [link](https://a.example) and\n\n- a\n- list\n\n" * 8
_NOW = datetime.now(UTC).replace(microsecond=0)
_ME = "p0"


@dataclass
class _Stage:
    """One size: how many communities, its database, and who asks there."""

    communities: int
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
    return _Stage(communities, fresh, feed, Actor(person_id=_ME, memberships=memberships))


def _cpu() -> tuple[float, float]:
    """Milliseconds of this process and of mongod."""
    mongod = psutil.Process(int(os.environ["MONGOD_PID"])).cpu_times()
    return 1000 * time.process_time(), 1000 * (mongod.user + mongod.system)


async def _compare(what: str, sides: dict[str, Callable[[], Awaitable[Any]]]) -> None:
    """Milliseconds of CPU a call of each side, in turn; medians, and the ratio's to the first."""
    ours: dict[str, list[float]] = {name: [] for name in sides}
    stores: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(_ROUNDS + 1):
        for name, call in sides.items():
            before = _cpu()
            for _ in range(_CALLS):
                await call()
            after = _cpu()
            if number:  # the first only warms up
                ours[name].append((after[0] - before[0]) / _CALLS)
                stores[name].append((after[1] - before[1]) / _CALLS)
    sums = {n: [a + b for a, b in zip(ours[n], stores[n], strict=True)] for n in sides}
    first = next(iter(sums.values()))
    for name, rounds in sums.items():
        ratio = statistics.median(b / a for a, b in zip(first, rounds, strict=True))
        print(  # noqa: T201
            f"{what}, {name}: {statistics.median(rounds):.2f} ms "
            f"(ours {statistics.median(ours[name]):.2f}, "
            f"mongod {statistics.median(stores[name]):.2f}), "
            f"{ratio:.2f} of the first",
            flush=True,
        )


def _asks(stage: _Stage, **more: Any) -> Callable[[], Awaitable[pb.ListFeedResponse]]:
    async def ask() -> pb.ListFeedResponse:
        return await stage.feed.list_feed(stage.actor, pb.ListFeedRequest(page_size=20, **more))

    return ask


async def _fanned_out(stage: _Stage) -> None:
    """The other way: a row for each follower, written with the reply; and reading them."""
    rows, count = stage.database.feed_rows, 500
    await rows.create_index([("person_id", 1), ("activity_time", -1), ("_id", -1)])
    topics = [row["_id"] async for row in stage.database.topics.find({}, {"_id": 1}).limit(2000)]
    await rows.insert_many(
        {"_id": f"{_ME}:{id_}", "person_id": _ME, "topic_id": id_, "activity_time": _NOW}
        for id_ in topics
    )

    async def write() -> None:
        now = {"$set": {"activity_time": datetime.now(UTC), "reason": "FOLLOWED_SPACE"}}
        await rows.bulk_write(
            [
                UpdateOne({"_id": f"f{number}:{topics[0]}"}, now, upsert=True)
                for number in range(count)
            ]
        )

    async def read() -> None:
        found = rows.find({"person_id": _ME}, sort=[("activity_time", -1), ("_id", -1)], limit=21)
        ids = [row["topic_id"] async for row in found]
        async for _ in stage.database.topics.find({"_id": {"$in": ids}}):
            pass

    await _compare(f"a reply to a topic that {count} follow, written to each", {"": write})
    await _compare("a page of rows that were written, and their topics", {"": read})


async def _floor(stage: _Stage) -> None:
    """What a page of topics of one community takes, and what eight queries that find nothing do."""
    repository, keyring = ForumRepository(stage.database), stage.actor.keys("c0")

    async def category() -> None:
        await repository.list_topics("c0", keyring, TopicFilter(), Paging())

    async def nothing() -> None:
        for _ in range(8):
            await stage.database.topics.find_one({"_id": "none"})

    await _compare("a page of a community's topics", {"": category})
    await _compare("eight queries that find nothing", {"": nothing})


async def main() -> None:
    """One community with all topics, and eight with an eighth each."""
    client = connect(os.environ["MONGO_URI"], app="measure")
    stages = {f"{count} communities": await _stage(client, count) for count in (1, 8)}
    await _floor(stages["1 communities"])
    orders = {"latest": pb.FEED_ORDER_LATEST, "ranked": pb.FEED_ORDER_RANKED}
    for name, order in orders.items():
        for what, more in (
            ("topics alone", {}),
            ("all", {"with_newest_replies": True, "with_viewer_states": True, "with_spaces": True}),
        ):
            asks = {size: _asks(stage, order=order, **more) for size, stage in stages.items()}
            await _compare(f"{name}, {what}", cast(Any, asks))
        tokens = {
            size: (await _asks(one, order=order)()).next_page_token for size, one in stages.items()
        }
        asks = {
            size: _asks(stage, order=order, page_token=tokens[size])
            for size, stage in stages.items()
        }
        await _compare(f"{name}, the second page", cast(Any, asks))
    await _fanned_out(stages["1 communities"])
    for stage in stages.values():
        await client.drop_database(stage.database.name)
    await client.close()


if __name__ == "__main__":
    uvloop.run(main())
