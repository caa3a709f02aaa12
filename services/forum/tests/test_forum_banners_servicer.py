"""What is shown across a portal's pages: banners over real gRPC."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis import moment
from chassis.actors import Actor
from chassis.errors import DomainError
from chassis.testing import person_actor, service_actor
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import feed_pb2
from services.forum.tests.announcing import (
    CHIEF,
    GERMAN,
    GOLD,
    OUTSIDER,
    SILVER,
    Town,
    ahead,
    partner,
)
from services.forum.tests.test_forum_announcements_servicer import GOLDEN, ROLE, TIERED, refused
from services.forum.tests.test_forum_receipts_servicer import mark_seen

INFO, IMPORTANT, MUST_READ = (
    pb.ANNOUNCEMENT_SEVERITY_INFO,
    pb.ANNOUNCEMENT_SEVERITY_IMPORTANT,
    pb.ANNOUNCEMENT_SEVERITY_MUST_READ,
)


async def banners(town: Town, actor: Actor, *communities: str) -> list[str]:
    request = feed_pb2.ListBannersRequest(community_ids=communities)
    answer = await town.world.feed_of(actor).ListBanners(request)
    return [one.announcement_id for one in answer.banners]


async def important(town: Town, channel: pb.Channel, **more: Any) -> str:
    return (await town.published(channel, severity=IMPORTANT, **more)).id


async def change(town: Town, id_: str, **fields: Any) -> None:
    """As if it had been so for long."""
    await town.world.database.announcements.update_one({"_id": id_}, {"$set": fields})


async def test_severity_decides_what_is_a_banner_and_which_comes_first(town: Town) -> None:
    channel = await town.channel()
    must = (await town.must_read(channel)).id
    plain = (await town.published(channel, severity=MUST_READ)).id
    first, second = [await important(town, channel) for _ in range(2)]
    await town.published(channel, severity=INFO)
    await town.draft(channel, severity=IMPORTANT)
    assert await banners(town, SILVER) == [plain, must, second, first]
    third = await important(town, channel)
    golden = await important(town, channel, audience_rule=GOLDEN)
    assert await banners(town, SILVER) == [plain, must, third, second, first]
    assert await banners(town, GOLD, "c1") == [plain, must, golden, third, second]  # five at most
    for communities in ((), ("c1",), ("c1", "c2")):
        assert await banners(town, OUTSIDER, *communities) == []
    with pytest.raises(DomainError) as refusal:
        await banners(town, service_actor("search"))
    assert refusal.value.reason() == ROLE[0]


async def test_what_is_important_is_put_away_by_seeing_it_for_oneself_and_for_good(
    town: Town,
) -> None:
    channel = await town.channel()
    id_ = await important(town, channel)
    (first,) = await mark_seen(town, GOLD, id_)
    stored = await town.world.stored()
    (again,) = await mark_seen(town, GOLD, id_)
    assert again == first
    assert await town.world.stored() == stored
    assert (await banners(town, GOLD), await banners(town, SILVER)) == ([], [id_])
    await town.act("UpdateAnnouncement", await town.get(pb.Announcement(id=id_)), title="Corrected")
    assert await banners(town, GOLD) == []


async def test_must_read_is_a_banner_until_it_is_done(town: Town) -> None:
    one = await town.must_read(await town.channel())
    await change(town, one.id, list_time=ahead(days=-400))
    await mark_seen(town, GOLD, one.id)
    assert await banners(town, GOLD) == [one.id]  # an acknowledgement is asked for
    await town.act("AcknowledgeAnnouncement", one, GOLD)
    assert (await banners(town, GOLD), await banners(town, SILVER)) == ([], [one.id])


async def test_important_is_a_banner_for_thirty_days(town: Town) -> None:
    id_ = await important(town, await town.channel())
    for days, expected in ((29, [id_]), (31, [])):
        await change(town, id_, list_time=ahead(days=-days))
        assert await banners(town, partner("newcomer")) == expected


@pytest.mark.parametrize("severity", [IMPORTANT, MUST_READ])
async def test_withdrawn_expired_or_behind_a_wall_it_is_gone_at_once(
    town: Town, severity: int
) -> None:
    channel, inner = await town.channel(), await town.channel("inner")
    withdrawn, expired, walled = [
        (await town.published(where, severity=severity, expire_time=ahead(days=3))).id
        for where in (channel, channel, inner)
    ]
    assert await banners(town, SILVER) == [walled, expired, withdrawn]
    await change(town, expired, **{"terms.expire_time": moment.now() - timedelta(seconds=1)})
    assert await banners(town, SILVER) == [walled, withdrawn]  # before the job has looked
    await town.call(
        CHIEF, "WithdrawAnnouncement", announcement_id=withdrawn, reason="It was wrong."
    )
    assert await banners(town, SILVER) == [walled]
    await town.call(CHIEF, "UpdateChannel", channel_id=inner.id, **TIERED)
    assert (await banners(town, SILVER), await banners(town, GOLD)) == ([], [walled])
    left = person_actor("gold", "c2")  # the same person, who is in c1 no more
    assert await banners(town, left) == await banners(town, left, "c1") == []


async def test_who_changes_tier_has_other_banners_at_once(town: Town) -> None:
    id_ = await important(town, await town.channel(), audience_rule=GOLDEN)
    assert await banners(town, partner("gold", tier="gold")) == [id_]
    assert await banners(town, partner("gold", tier="silver")) == []


async def test_manager_says_something_to_everyone(town: Town) -> None:
    """The message of those who run the place: an announcement to all, without a rule."""
    channel = await town.channel()
    id_ = await important(town, channel, title="Please read the house rules", body="They changed.")
    everyone = (GOLD, SILVER, GERMAN, CHIEF, partner("newcomer", "co9"))
    for actor in everyone:
        assert await banners(town, actor) == [id_]
    assert await banners(town, OUTSIDER) == []
    message = {"channel_id": channel.id, "title": "Mine", "body": "Read me.", "severity": IMPORTANT}
    moderator = person_actor("moderator", roles=["MODERATOR"])
    for actor in (GOLD, moderator):
        assert await refused(town, actor, "CreateAnnouncement", **message) == ROLE


async def test_banners_are_of_all_one_s_communities_or_of_those_named(town: Town) -> None:
    own = await important(town, await town.channel())
    chief = person_actor("chief", "c2", roles=["MANAGER"], company_id="vendor")
    there = {"community_id": "c2"}
    town.directory.people["gold"] = ("co1", "", frozenset({*GOLD.keys("c1"), "community:c2"}))
    made = await town.call(chief, "CreateChannel", slug="news", name="News", theme=4, **there)
    text = {"title": "Theirs", "body": "Text", "severity": MUST_READ}
    drafted = await town.call(
        chief, "CreateAnnouncement", channel_id=made.channel.id, **text, **there
    )
    theirs = drafted.announcement.id
    await town.call(chief, "PublishAnnouncement", announcement_id=theirs, **there)
    memberships = {**GOLD.memberships, **person_actor("gold", "c2").memberships}
    both = Actor("gold", memberships=memberships)
    assert await banners(town, both) == [theirs, own]
    assert await banners(town, both, "c1") == [own]
    assert await banners(town, both, "c2") == [theirs]
    assert await banners(town, GOLD) == [own]
