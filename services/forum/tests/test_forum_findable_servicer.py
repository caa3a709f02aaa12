"""What search is told of channels and announcements, over real gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.keys import territory_key
from chassis.testing import service_actor
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from services.forum.tests.announcing import CHIEF, GOLD, OUTSIDER, Town, ahead
from services.forum.tests.test_forum_announcements_servicer import TIERED, refused

SEARCH = service_actor("search")
EVERYONE = ["community:c1"]
RPC = "BatchGetFindableAnnouncements"


async def findable(town: Town, *ids: str, **fields: Any) -> list[pb.FindableAnnouncement]:
    answer = await town.call(SEARCH, RPC, announcement_ids=ids, **fields)
    return list(answer.announcements)


async def test_search_is_told_which_keys_open_a_channel(town: Town) -> None:
    open_, gold = await town.channel(), await town.channel("gold", **TIERED)
    ids = {"channel_ids": [gold.id, "nothing", open_.id]}
    told = (await town.call(SEARCH, "BatchGetChannels", **ids)).channels
    assert [(one.id, list(one.read_keys)) for one in told] == [
        (gold.id, ["tier:gold@c1", "vendor:c1"]),
        (open_.id, EVERYONE),
    ]
    for actor in (GOLD, CHIEF):
        mine = (await town.call(actor, "BatchGetChannels", **ids)).channels
        assert mine
        assert not any(one.read_keys for one in mine)
    narrowed = await town.call(CHIEF, "UpdateChannel", channel_id=open_.id, **TIERED)
    (told,) = (await town.call(SEARCH, "BatchGetChannels", channel_ids=[open_.id])).channels
    assert list(told.read_keys) == ["tier:gold@c1", "vendor:c1"]
    assert narrowed.channel.audience == forum_pb2.AUDIENCE_TIER
    elsewhere = await town.call(SEARCH, "BatchGetChannels", **ids, community_id="c2")
    assert not elsewhere.channels


async def test_announcement_is_told_with_all_its_texts_and_a_key_of_each_list(town: Town) -> None:
    channel = await town.channel()
    plain = await town.published(channel)
    rule = pb.AudienceRule(
        tiers=["gold", "silver"],
        company_ids=["co1"],
        roles=[directory_pb2.ROLE_MODERATOR, directory_pb2.ROLE_MEMBER],
        locales=["de"],
        territories=["DACH"],
    )
    draft = await town.draft(channel, audience_rule=rule)
    await town.act("PutTranslation", draft, locale="de", title="Neue Margen", body="*Besser*.")
    assert await findable(town, draft.id) == []
    ruled = pb.AudienceRule(tiers=["gold", "silver"])
    told = await town.published(channel, audience_rule=ruled)
    await town.act("PutTranslation", told, locale="de", title="Neue Margen", body="*Besser*.")
    found = {one.id: one for one in await findable(town, plain.id, told.id, draft.id, "nothing")}
    assert found.keys() == {plain.id, told.id}
    one = found[told.id]
    assert [(text.locale, text.title, text.body_html.strip()) for text in one.texts] == [
        ("en", "New margins", '<p dir="auto">They are <em>better</em>.</p>'),
        ("de", "Neue Margen", '<p dir="auto"><em>Besser</em>.</p>'),
    ]
    assert (one.channel_id, one.author_id, one.version) == (channel.id, "chief", told.version + 1)
    assert (one.publish_time, one.visible_time) == (told.publish_time, told.publish_time)
    assert list(one.tier_keys) == ["tier:gold@c1", "tier:silver@c1"]
    rest = (one.company_keys, one.role_keys, one.locale_keys, one.territory_keys)
    assert [list(keys) for keys in rest] == [EVERYONE] * 4
    assert list(found[plain.id].tier_keys) == EVERYONE
    await town.world.database.announcements.update_one(
        {"_id": draft.id},
        {"$set": {"state": "PUBLISHED"}},  # its rule fits nobody
    )
    (strict,) = await findable(town, draft.id)
    assert list(strict.company_keys) == ["company:co1@c1"]
    assert list(strict.role_keys) == ["role:MODERATOR@c1", "community:c1"]
    assert list(strict.locale_keys) == ["locale:de@c1"]
    assert list(strict.territory_keys) == [territory_key("DACH", "c1")]


async def test_what_readers_cannot_open_is_not_told(town: Town) -> None:
    channel = await town.channel()
    planned = await town.draft(channel)
    await town.act("ScheduleAnnouncement", planned, publish_time=ahead(days=1))
    gone, over = await town.published(channel), await town.published(channel)
    assert {one.id for one in await findable(town, gone.id, over.id)} == {gone.id, over.id}
    await town.act("WithdrawAnnouncement", gone, reason="wrong")
    assert await findable(town, planned.id, gone.id) == []
    assert await findable(town, over.id, community_id="c2") == []
    await town.act("UpdateAnnouncement", over, expire_time=ahead(days=1))
    await town.wake(ahead(days=2))
    (told,) = await findable(town, over.id)
    assert told.state == pb.ANNOUNCEMENT_STATE_EXPIRED
    await town.act("ArchiveAnnouncement", over)
    (told,) = await findable(town, over.id)
    assert told.state == pb.ANNOUNCEMENT_STATE_ARCHIVED
    assert (await town.get(over, GOLD)).title == "New margins"


async def test_visible_time_is_when_the_last_clock_shows_the_hour(town: Town) -> None:
    draft = await town.draft(await town.channel())
    day = (ahead(days=2)).date()
    await town.act("ScheduleAnnouncement", draft, wall_clock=f"{day}T09:00")
    noon = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    await town.wake(noon - timedelta(hours=14))
    (told,) = await findable(town, draft.id)
    assert told.state == pb.ANNOUNCEMENT_STATE_PUBLISHED
    assert told.publish_time.ToDatetime(UTC) == noon - timedelta(hours=14)
    assert told.visible_time.ToDatetime(UTC) == noon + timedelta(hours=12)


async def test_findable_announcements_are_for_search_alone(town: Town) -> None:
    one = await town.published(await town.channel())
    asked: dict[str, Any] = {"announcement_ids": [one.id]}
    others = [service_actor(name) for name in ("gateway", "notifications", "moderation")]
    for actor in (CHIEF, GOLD, OUTSIDER, *others):
        assert await refused(town, actor, RPC, **asked) == ("ROLE_REQUIRED", "")
    many = {"announcement_ids": ["x"] * 101}
    assert await refused(town, SEARCH, RPC, **many) == ("FIELD_INVALID", "announcement_ids")
