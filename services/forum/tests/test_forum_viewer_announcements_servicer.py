"""One list of announcements over all of a person's communities, and the channels they follow."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.actors import MANAGER, Actor
from chassis.testing import person_actor
from guildhall.forum.v1 import announcements_pb2 as pb
from services.forum.tests.announcing import (
    CHIEF,
    GATEWAY,
    GERMAN,
    GOLD,
    OUTSIDER,
    SILVER,
    Town,
    ahead,
    partner,
)
from services.forum.tests.test_forum_announcements_servicer import (
    GOLDEN,
    ROLE,
    TIERED,
    refused,
)
from services.forum.tests.test_forum_receipts_servicer import mark_seen
from services.forum.tests.test_forum_unread_repository import history

IMPORTANT = pb.ANNOUNCEMENT_SEVERITY_IMPORTANT
BOTH = Actor("gold", memberships={**GOLD.memberships, **person_actor("gold", "c2").memberships})
THERE = {"community_id": "c2"}
THEIR_CHIEF = person_actor("chief", "c2", roles=[MANAGER], company_id="vendor")


async def pages(
    town: Town, actor: Actor, rpc: str = "ListViewerAnnouncements", **more: Any
) -> list[str]:
    """All ids, walked page by page from the front, which the way from the end must repeat."""
    walks = []
    for backward in (False, True):
        ids: list[str] = []
        token = ""
        while True:
            answer = await town.call(
                actor, rpc, backward=backward, page_token=token, **{"page_size": 2, **more}
            )
            rows = answer.channels if "Channels" in rpc else answer.announcements
            page = [row.id for row in rows]
            ids = [*page, *ids] if backward else [*ids, *page]
            token = answer.next_page_token
            if not token:
                break
        walks.append(ids)
    assert walks[0] == walks[1]
    return walks[0]


async def elsewhere(town: Town, slug: str = "theirs") -> tuple[pb.Channel, str]:
    """A channel of c2, and what is out in it."""
    town.directory.people["gold"] = ("co1", "", frozenset({*GOLD.keys("c1"), "community:c2"}))
    made = await town.call(
        THEIR_CHIEF, "CreateChannel", slug=slug, name=slug.title(), theme=4, **THERE
    )
    drafted = await town.call(
        THEIR_CHIEF,
        "CreateAnnouncement",
        channel_id=made.channel.id,
        title="Theirs",
        body="Text",
        **THERE,
    )
    id_ = drafted.announcement.id
    await town.call(THEIR_CHIEF, "PublishAnnouncement", announcement_id=id_, **THERE)
    await town.use_cases.freeze_audiences()
    return made.channel, id_


async def test_all_one_s_communities_are_one_list_both_ways(town: Town) -> None:
    channel = await town.channel()
    first = (await town.published(channel)).id
    _, theirs = await elsewhere(town)
    others = [(await town.published(channel)).id for _ in range(3)]
    newest_first = [*reversed(others), theirs, first]
    assert await pages(town, BOTH) == newest_first
    assert await pages(town, BOTH, community_ids=["c2"]) == [theirs]
    assert await pages(town, BOTH, community_ids=["c1"]) == [*reversed(others), first]
    assert await pages(town, GOLD) == [*reversed(others), first]  # has left c2
    assert await pages(town, GOLD, community_ids=["c2"]) == []
    assert await pages(town, OUTSIDER) == [theirs]  # whoever is in c2 alone
    assert await refused(town, GATEWAY, "ListViewerAnnouncements") == ROLE
    many = [f"c{number}" for number in range(101)]
    got = await refused(town, GOLD, "ListViewerAnnouncements", community_ids=many)
    assert got == ("FIELD_INVALID", "community_ids")


async def test_walls_of_channels_and_rules_hold_for_managers_too(town: Town) -> None:
    open_, tiered = await town.channel(), await town.channel("gold", **TIERED)
    ruled = (await town.published(open_, audience_rule=GOLDEN)).id
    behind = (await town.published(tiered)).id
    all_ = (await town.published(open_)).id
    await town.draft(open_)
    assert await pages(town, GOLD) == [all_, behind, ruled]
    assert await pages(town, SILVER) == [all_]
    assert await pages(town, CHIEF) == [all_, behind]  # the rule does not fit them
    (seen, _) = (await town.call(CHIEF, "ListViewerAnnouncements")).announcements
    assert seen.audience_count == 4  # of what is for them, they are told what managers are
    (seen,) = (await town.call(SILVER, "ListViewerAnnouncements")).announcements
    assert seen.audience_count == 0
    await town.call(CHIEF, "UpdateChannel", channel_id=tiered.id, audience=1, audience_names=[])
    assert await pages(town, SILVER) == [all_, behind]


async def test_what_has_ended_or_is_not_due_yet_is_not_in_it(town: Town) -> None:
    channel = await town.channel()
    withdrawn, expiring, stays = [await town.published(channel) for _ in range(3)]
    assert await pages(town, GOLD) == [stays.id, expiring.id, withdrawn.id]
    await town.act("WithdrawAnnouncement", withdrawn, reason="wrong")
    await town.world.database.announcements.update_one(
        {"_id": expiring.id}, {"$set": {"terms.expire_time": ahead(minutes=-1)}}
    )  # the job has not come by yet
    assert await pages(town, GOLD) == [stays.id]
    local = await town.draft(channel)
    await town.act("ScheduleAnnouncement", local, wall_clock=f"{ahead(hours=12):%Y-%m-%dT%H:%M}")
    await town.wake(ahead(hours=11))
    await town.use_cases.freeze_audiences()
    assert (await town.get(local)).state == pb.ANNOUNCEMENT_STATE_PUBLISHED
    assert await pages(town, GOLD) == [stays.id]  # by the reader's clock it is not that late


async def test_unread_and_of_a_severity(town: Town) -> None:
    channel = await town.channel()
    plain = await town.published(channel)
    important = await town.published(channel, severity=IMPORTANT)
    must = await town.must_read(channel)
    older = await history(town, plain, 120)  # more than one step of a walk
    await mark_seen(town, GOLD, important.id, must.id, *older[:90])
    newest = [must.id, important.id, plain.id, *older]
    assert await pages(town, GOLD, page_size=50) == newest
    assert await pages(town, GOLD, unread=True, page_size=50) == [plain.id, *older[90:]]
    assert await pages(town, SILVER, unread=True, page_size=50) == newest
    for severity, expected in ((2, [important.id]), (3, [must.id]), (1, [plain.id, *older])):
        assert await pages(town, GOLD, severity=severity, page_size=50) == expected
    await town.world.database.announcements.update_one(
        {"_id": plain.id}, {"$set": {"list_time": ahead(days=-91)}}
    )
    assert plain.id not in await pages(town, SILVER, unread=True, page_size=50)
    assert plain.id in await pages(town, SILVER, page_size=50)


async def test_followed_channels_of_all_communities_and_what_is_in_them(town: Town) -> None:
    news, more = await town.channel(), await town.channel("more", **TIERED)
    own = (await town.published(news)).id
    tiered = (await town.published(more)).id
    theirs, there = await elsewhere(town)
    assert await pages(town, BOTH, followed=True) == []
    assert await pages(town, BOTH, "ListFollowedChannels") == []
    for channel in (news, more, theirs):
        await town.call(
            BOTH, "FollowChannel", channel_id=channel.id, community_id=channel.community_id
        )
    assert await pages(town, BOTH, "ListFollowedChannels") == [more.id, news.id, theirs.id]
    assert await pages(town, BOTH, followed=True) == [there, tiered, own]
    listed = await town.call(BOTH, "ListFollowedChannels", community_ids=["c2"])
    (channel,) = listed.channels
    assert (channel.id, channel.followed) == (theirs.id, True)
    assert await pages(town, GOLD, "ListFollowedChannels") == [more.id, news.id]  # has left c2
    assert await pages(town, GOLD, followed=True) == [tiered, own]
    for outsider in (SILVER, OUTSIDER):  # of what others follow nothing is said
        assert await pages(town, outsider, "ListFollowedChannels") == []
    await town.call(BOTH, "UnfollowChannel", channel_id=news.id)
    await town.call(
        CHIEF, "UpdateChannel", channel_id=more.id, audience=2, audience_names=["platinum"]
    )
    assert await pages(town, BOTH, "ListFollowedChannels") == [theirs.id]
    assert await pages(town, BOTH, followed=True) == [there]
    assert await refused(town, GATEWAY, "ListFollowedChannels") == ROLE


async def test_texts_are_in_the_reader_s_language(town: Town) -> None:
    one = await town.published(await town.channel())
    await town.act("PutTranslation", one, locale="de", title="Neue Margen", body="Besser.")
    for actor, title in ((GERMAN, "Neue Margen"), (GOLD, "New margins")):
        (got,) = (await town.call(actor, "ListViewerAnnouncements")).announcements
        assert got.title == title


@pytest.mark.parametrize("followed", [False, True])
async def test_it_is_walked_along_the_index_at_the_same_cost_in_many_communities(
    town: Town, followed: bool
) -> None:
    channel = await town.channel()
    one = await town.published(channel)
    await town.call(GOLD, "FollowChannel", channel_id=channel.id)
    await history(town, one, 300)
    database, repository = town.world.database, town.world.repository
    costs = []
    for communities in (["c1"], [f"c{number}" for number in range(1, 9)]):
        await database.drop_collection("system.profile")
        many = {one: person_actor("gold", one).memberships[one] for one in communities}
        actor = Actor("gold", memberships={**many, **GOLD.memberships})
        await town.call(actor, "ListViewerAnnouncements", followed=followed)
        repository.channel_walls.forget("c1")
        await database.command("profile", 2)
        answer = await town.call(actor, "ListViewerAnnouncements", followed=followed, page_size=10)
        await database.command("profile", 0)
        assert len(answer.announcements) == 10
        asked = await database["system.profile"].find({"command.find": {"$exists": 1}}).to_list()
        pages = [row for row in asked if row["command"]["find"] == "announcements"]
        assert not any(row.get("hasSortStage") for row in asked)
        assert all(row["docsExamined"] <= 11 for row in pages)
        costs.append(sorted(row["command"]["find"] for row in asked))
    assert costs[0] == costs[1]


# -- by their ids, as a reader


async def as_reader(town: Town, actor: Actor, *some: pb.Announcement) -> dict[str, Any]:
    """The state of each that the actor is given; None: it was withdrawn from their list."""
    ids = [one.id for one in some]
    answer = await town.call(actor, "BatchGetAnnouncements", announcement_ids=ids, as_reader=True)
    return dict.fromkeys(answer.former_ids) | {one.id: one.state for one in answer.announcements}


async def test_as_a_reader_one_is_given_what_is_for_one(town: Town) -> None:
    open_ = await town.channel()
    tiered = await town.channel("gold", **TIERED)
    ruled = await town.published(open_, audience_rule=GOLDEN)
    behind = await town.published(tiered)
    for_all = await town.published(open_)
    draft = await town.draft(open_)
    some = (ruled, behind, for_all, draft)
    out = dict.fromkeys([ruled.id, behind.id, for_all.id], pb.ANNOUNCEMENT_STATE_PUBLISHED)
    assert await as_reader(town, GOLD, *some) == out
    assert (await as_reader(town, SILVER, *some)).keys() == {for_all.id}
    # The rule does not fit managers either; of what is for them, they are told what managers are.
    assert (await as_reader(town, CHIEF, *some)).keys() == {behind.id, for_all.id}
    ids = [for_all.id]
    for actor, people in ((CHIEF, 4), (SILVER, 0)):
        answer = await town.call(
            actor, "BatchGetAnnouncements", announcement_ids=ids, as_reader=True
        )
        assert [one.audience_count for one in answer.announcements] == [people]
    fields = {"announcement_ids": [for_all.id], "as_reader": True}
    hidden = ("COMMUNITY_NOT_FOUND", "community_id")
    assert await refused(town, OUTSIDER, "BatchGetAnnouncements", **fields) == hidden
    await town.world.database.announcements.update_one(
        {"_id": ruled.id}, {"$set": {"state": "EXPIRED", "end_time": ahead(minutes=-1)}}
    )
    assert (await as_reader(town, GOLD, ruled))[ruled.id] == pb.ANNOUNCEMENT_STATE_EXPIRED
    assert await as_reader(town, SILVER, ruled) == {}


async def test_as_a_reader_one_is_told_of_what_was_withdrawn_from_ones_list(town: Town) -> None:
    late = partner("late", "co1", tier="gold")
    channel = await town.channel()
    ruled = await town.published(channel, audience_rule=GOLDEN)
    planned = await town.draft(channel)
    await town.act("ScheduleAnnouncement", planned, publish_time=ahead(days=1))
    local = await town.draft(channel)
    await town.act("ScheduleAnnouncement", local, wall_clock=f"{ahead(hours=12):%Y-%m-%dT%H:%M}")
    await town.wake(ahead(hours=11))
    await town.use_cases.freeze_audiences()
    some = (ruled, planned, local)
    assert (await as_reader(town, late, *some)).keys() == {ruled.id}
    for one in some:
        await town.act("WithdrawAnnouncement", one, reason="wrong")
    # Who has it is told why; who is on no list loses it; nobody has seen the others.
    assert await as_reader(town, GOLD, *some) == {ruled.id: pb.ANNOUNCEMENT_STATE_WITHDRAWN}
    assert await as_reader(town, late, *some) == {ruled.id: None}
    for actor in (SILVER, CHIEF):
        assert await as_reader(town, actor, *some) == {}
    assert await pages(town, late) == []
