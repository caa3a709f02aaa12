"""What is unread among thousands, on the real engine: found however old, at a known cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chassis import moment
from chassis.actors import Actor
from guildhall.forum.v1 import announcements_pb2 as pb
from services.forum.tests.announcing import GOLD, OUTSIDER, SILVER, Town, ahead, partner
from services.forum.tests.test_forum_announcements_servicer import GOLDEN
from services.forum.tests.test_forum_receipts_servicer import above_the_feed, unread

MANY = 1200  # more than two pages of a walk


async def history(town: Town, one: pb.Announcement, many: int, *reads: Actor) -> list[str]:
    """As many older ones as if they had been published minute by minute; those have read them.

    Newest first.
    """
    database = town.world.database
    row = await database.announcements.find_one({"_id": one.id})
    assert row is not None
    rows: list[dict[str, Any]] = []
    for number in range(1, many + 1):
        time = row["list_time"] - timedelta(minutes=number)
        copy = {"_id": f"old-{number:05}", "list_time": time}
        rows.append({**row, **copy, "schedule": {"time": time, "local_time": ""}})
    await database.announcements.insert_many(rows)
    ids = [row["_id"] for row in rows]
    for actor in reads:
        await read(town, actor, ids)
    return ids


async def read(town: Town, actor: Actor, ids: Sequence[str]) -> None:
    """Seen, and acknowledged where that is asked for."""
    own = {"company_id": actor.memberships["c1"].company_id, "person_id": actor.person_id}
    now = moment.now()
    await town.world.database.receipts.insert_many(
        {
            "_id": f"{id_}-{actor.person_id}",
            "community_id": "c1",
            "announcement_id": id_,
            **own,
            "state": "ACKNOWLEDGED",
            "deliver_time": now,
            "see_time": now,
            "acknowledge_time": now,
            "in_audience": True,
        }
        for id_ in ids
    )


async def open_pages(town: Town, actor: Actor, **more: Any) -> list[str]:
    """All that is to be read, page by page."""
    ids, token = [], ""
    while True:
        answer = await town.call(
            actor, "ListAnnouncements", open_must_reads=True, page_token=token, **more
        )
        ids += [one.id for one in answer.announcements]
        token = answer.next_page_token
        if not token:
            return ids


async def test_what_is_unread_is_found_behind_any_number_that_are_read(town: Town) -> None:
    one = await town.must_read(await town.channel())
    ids = await history(town, one, MANY)
    for actor in (GOLD, SILVER):
        await read(town, actor, ids[:-30])
    await town.act("AcknowledgeAnnouncement", one, GOLD)
    oldest = ids[-30:]
    assert await above_the_feed(town, GOLD) == oldest[:20]
    assert await above_the_feed(town, SILVER) == [one.id, *oldest[:19]]
    assert (await unread(town, GOLD), await unread(town, SILVER)) == ((30, 30), (31, 31))
    assert await open_pages(town, GOLD, page_size=7) == oldest
    assert await open_pages(town, SILVER) == [one.id, *oldest]
    last = await town.call(GOLD, "ListAnnouncements", open_must_reads=True, backward=True)
    assert [a.id for a in last.announcements] == oldest[-20:]
    assert all(a.body for a in last.announcements)
    for state in ({"states": [pb.ANNOUNCEMENT_STATE_EXPIRED]}, {"severity": 1}):
        assert await open_pages(town, GOLD, **state) == []
    assert await unread(town, partner("newcomer")) == (100, 100)  # no further
    assert await unread(town, OUTSIDER) == (0, 0)


async def test_open_must_reads_are_counted_where_news_are_too_many(town: Town) -> None:
    channel = await town.channel()
    must = await town.must_read(channel, audience_rule=GOLDEN)
    await history(town, await town.published(channel), 150)
    assert await unread(town, GOLD) == (100, 1)
    assert await unread(town, SILVER) == (100, 0)
    await town.act("AcknowledgeAnnouncement", must, GOLD)
    assert await unread(town, GOLD) == (100, 0)


async def test_who_has_read_all_walks_it_once_along_the_index(town: Town) -> None:
    """As many rows are fetched as are current, in the order of the index: none is sorted."""
    channel = await town.channel()
    for number in range(4):
        await town.channel(f"more-{number}")
    one = await town.must_read(channel)
    await history(town, one, MANY, GOLD)
    await town.act("AcknowledgeAnnouncement", one, GOLD)
    assert await unread(town, GOLD) == (0, 0)  # which channels are open is known from now on
    await town.world.database.command("profile", 2)
    assert await above_the_feed(town, GOLD) == []
    await town.world.database.command("profile", 0)
    profile = town.world.database["system.profile"]
    for name in ("announcements", "receipts"):
        rows = await profile.find({"command.find": name}).to_list()
        assert [row["nreturned"] for row in rows] == [101, 501, 501, 98], name
        assert not any(row.get("hasSortStage") for row in rows)
        assert all(row["docsExamined"] <= row["nreturned"] + 1 for row in rows)


async def test_news_count_for_ninety_days_and_must_reads_until_they_are_read(town: Town) -> None:
    channel = await town.channel()
    news = await town.published(channel)
    must = await town.must_read(channel)
    assert await unread(town, GOLD) == (2, 1)
    for days, expected in ((89, (2, 1)), (91, (0, 1))):
        await town.world.database.announcements.update_many(
            {"_id": {"$in": [news.id, must.id]}}, {"$set": {"list_time": ahead(days=-days)}}
        )
        assert await unread(town, GOLD) == expected
    assert await above_the_feed(town, GOLD) == [must.id]


async def test_walls_of_many_communities_and_channels_are_each_walked_in_order(
    town: Town,
) -> None:
    """More keys than one query merges: what is asked for in parts is one list, newest first."""
    communities = [f"c{number}" for number in range(1, 7)]
    repository, database = town.world.repository, town.world.database
    one = await town.published(await town.channel(), severity=3)
    row = await database.announcements.find_one({"_id": one.id})
    door = await database.channels.find_one({"_id": one.channel_id})
    assert row is not None
    assert door is not None
    expected = [one.id]
    for number in range(60 * len(communities)):
        community_id, time = f"c{number % 6 + 1}", row["list_time"] - timedelta(minutes=number + 1)
        place = {"_id": f"ch{number}", "community_id": community_id, "slug": f"s{number}"}
        keys = {"read_keys": [f"community:{community_id}"]}
        await database.channels.insert_one({**door, **place, **keys})
        rule = {
            name: [f"community:{community_id}"]
            for name in ("tier_keys", "company_keys", "role_keys", "locale_keys", "territory_keys")
        }
        copy = {"_id": f"a{number}", "community_id": community_id, "list_time": time, **rule}
        opened = {"channel_id": place["_id"], "read_keys": [f"channel:ch{number}"]}
        schedule = {"time": time, "local_time": ""}
        await database.announcements.insert_one({**row, **copy, **opened, "schedule": schedule})
        expected.append(f"a{number}")
    repository.channel_walls.forget("c1")
    keyrings = {community_id: (f"community:{community_id}",) for community_id in communities}
    await database.command("profile", 2)
    found = await repository.list_open_must_reads(keyrings, "gold", ahead(), 1000)
    await database.command("profile", 0)
    assert [a.id for a in found] == expected
    asked = await database["system.profile"].find({"command.find": "announcements"}).to_list()
    assert not any(row.get("hasSortStage") for row in asked)
    less = {name: keyrings[name] for name in ("c2", "c5")}
    there = await repository.list_open_must_reads(less, "gold", ahead(), 1000)
    assert [a.id for a in there] == expected[2::3]
