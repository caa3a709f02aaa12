"""AnnouncementService over real gRPC: channels, drafts, publication, texts, addresses."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC
from typing import Any

import pytest

from chassis.actors import MODERATOR, Actor
from chassis.errors import DomainError
from chassis.keys import territory_key
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor, service_actor
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import moderation_pb2
from services.forum.domain.announcements.audiences import Reader
from services.forum.repository.announcements import MIGRATIONS
from services.forum.tests.announcing import (
    CHIEF,
    GATEWAY,
    GERMAN,
    GOLD,
    OUTSIDER,
    SILVER,
    Town,
    ahead,
)

MODERATING = person_actor("moderator", roles=[MODERATOR])
GONE = ("ANNOUNCEMENT_NOT_FOUND", "announcement_id")
NO_CHANNEL = ("CHANNEL_NOT_FOUND", "channel_id")
NO_COMMUNITY = ("COMMUNITY_NOT_FOUND", "community_id")
WRONG_STATE = ("ANNOUNCEMENT_STATE_INVALID", "announcement_id")
ROLE = ("ROLE_REQUIRED", "")
TIERED: dict[str, Any] = {"audience": forum_pb2.AUDIENCE_TIER, "audience_names": ["gold"]}
GOLDEN = pb.AudienceRule(tiers=["gold"])
LOCAL = pb.AudienceRule(territories=["DACH"])
NOBODY = pb.AudienceRule(tiers=["platinum"])


async def refused(town: Town, actor: Actor, rpc: str, **fields: Any) -> tuple[str, str]:
    """Reason and field; and that nothing was stored or said."""
    before = await town.world.stored()
    with pytest.raises(DomainError) as refusal:
        await town.call(actor, rpc, **fields)
    assert await town.world.stored() == before
    return reason_of(refusal.value), refusal.value.field


# -- who may call what


async def test_what_managers_do_is_refused_to_others(town: Town) -> None:
    channel = await town.channel()
    one = await town.published(channel)
    about = {"announcement_id": one.id}
    managers: dict[str, dict[str, Any]] = {
        "CreateChannel": {"slug": "new", "name": "New", "theme": 1},
        "UpdateChannel": {"channel_id": channel.id, "name": "New"},
        "CreateAnnouncement": {"channel_id": channel.id, "title": "News", "body": "Text"},
        "UpdateAnnouncement": {**about, "title": "Old"},
        "DeleteAnnouncement": about,
        "PreviewAudience": {"channel_id": channel.id},
        "ScheduleAnnouncement": {**about, "publish_time": ahead(days=1)},
        "PublishAnnouncement": about,
        "WithdrawAnnouncement": {**about, "reason": "wrong"},
        "ArchiveAnnouncement": about,
        "PutTranslation": {**about, "locale": "de", "title": "Neues", "body": "Text"},
        "DeleteTranslation": {**about, "locale": "de"},
        "GetReceiptSummary": about,
        "ListCompanyReceipts": about,
        "ListReceipts": about,
    }
    for rpc, fields in managers.items():
        for actor in (GOLD, MODERATING):
            assert await refused(town, actor, rpc, **fields) == ROLE, rpc
        assert await refused(town, OUTSIDER, rpc, **fields) == NO_COMMUNITY, rpc
        if rpc != "ListReceipts":
            assert await refused(town, service_actor("search"), rpc, **fields) == ROLE, rpc


async def test_what_readers_do_is_refused_to_outsiders_and_services(town: Town) -> None:
    channel = await town.channel()
    one = await town.published(channel)
    address = {"channel_id": channel.id, "secret_hash": "0" * 64}
    readers: dict[str, dict[str, Any]] = {
        "GetChannel": {"channel_id": channel.id},
        "BatchGetChannels": {"channel_ids": [channel.id]},
        "ListChannels": {},
        "FollowChannel": {"channel_id": channel.id},
        "UnfollowChannel": {"channel_id": channel.id},
        "GetAnnouncement": {"announcement_id": one.id},
        "BatchGetAnnouncements": {"announcement_ids": [one.id]},
        "ListAnnouncements": {},
        "ListCorrections": {"announcement_id": one.id},
        "BatchGetCommentPolicies": {"topic_ids": ["nothing"]},
        "MarkAnnouncementsSeen": {"announcement_ids": [one.id]},
        "AcknowledgeAnnouncement": {"announcement_id": one.id},
        "CreateFeedAddress": address,
        "RevokeFeedAddress": {"address_id": "x"},
        "ListFeedAddresses": {},
    }
    for rpc, fields in readers.items():
        assert await refused(town, OUTSIDER, rpc, **fields) == NO_COMMUNITY, rpc
        if rpc != "BatchGetChannels":
            assert await refused(town, service_actor("search"), rpc, **fields) == ROLE, rpc
    count = await town.call(OUTSIDER, "CountUnreadAnnouncements", community_ids=["c1"])
    assert (count.unread_count, count.open_must_read_count) == (0, 0)


# -- channels


async def test_create_channel(town: Town) -> None:
    fields = {"slug": "gold", "name": "For gold", "description": "Deals", "theme": 3, **TIERED}
    request_id = town.world.request_id()
    made = (await town.call(CHIEF, "CreateChannel", request_id=request_id, **fields)).channel
    assert (made.slug, made.name, made.theme, made.audience, made.version) == (
        "gold",
        "For gold",
        pb.CHANNEL_THEME_OPPORTUNITY,
        forum_pb2.AUDIENCE_TIER,
        1,
    )
    assert await outbox(town.world.database) == [said.ChannelCreated(channel_id=made.id)]
    again = await town.call(CHIEF, "CreateChannel", request_id=request_id, **fields)
    assert again.channel == made
    for change, refusal in (
        ({}, ("CHANNEL_SLUG_TAKEN", "slug")),
        ({"slug": "No slug"}, ("FIELD_INVALID", "slug")),
        ({"slug": "other", "name": " "}, ("TEXT_INVALID", "name")),
        ({"slug": "other", "theme": 0}, ("FIELD_INVALID", "theme")),
        ({"slug": "other", "theme": 9}, ("FIELD_INVALID", "theme")),
        ({"slug": "other", "audience_names": []}, ("FIELD_INVALID", "audience_names")),
        ({"slug": "other", "description": "x" * 1001}, ("TEXT_INVALID", "description")),
    ):
        assert await refused(town, CHIEF, "CreateChannel", **{**fields, **change}) == refusal


async def test_channel_is_seen_by_its_audience_only(town: Town) -> None:
    open_, gold = await town.channel(), await town.channel("gold", **TIERED)
    for actor, ids in ((GOLD, [gold.id, open_.id]), (SILVER, [open_.id])):
        listed = await town.call(actor, "ListChannels")
        assert [one.id for one in listed.channels] == ids
        batch = await town.call(actor, "BatchGetChannels", channel_ids=[gold.id, open_.id, "no"])
        assert [one.id for one in batch.channels] == ids
    assert (await town.call(GOLD, "GetChannel", slug="gold")).channel == gold
    assert await refused(town, SILVER, "GetChannel", channel_id=gold.id) == NO_CHANNEL
    assert await refused(town, SILVER, "GetChannel", slug="gold") == ("CHANNEL_NOT_FOUND", "slug")
    for rpc in ("FollowChannel", "UnfollowChannel"):
        for channel_id in (gold.id, "nothing"):
            assert await refused(town, SILVER, rpc, channel_id=channel_id) == NO_CHANNEL
    assert await refused(town, SILVER, "ListAnnouncements", channel_id=gold.id) == NO_CHANNEL


async def test_update_channel_moves_the_wall(town: Town) -> None:
    channel = await town.channel()
    one = await town.published(channel)
    assert await town.ids(SILVER) == [one.id]
    about = {"channel_id": channel.id}
    changed = (
        await town.call(CHIEF, "UpdateChannel", **about, **TIERED, name="Gold", expected_version=1)
    ).channel
    assert (changed.name, changed.version) == ("Gold", 2)
    assert (await town.ids(SILVER), await town.ids(GOLD)) == ([], [one.id])
    assert await refused(town, SILVER, "GetAnnouncement", announcement_id=one.id) == GONE
    for change, refusal in (
        ({"expected_version": 1}, ("VERSION_STALE", "expected_version")),
        ({"channel_id": "nothing"}, NO_CHANNEL),
        ({"audience_names": ["gold"]}, ("FIELD_INVALID", "audience_names")),
        ({"name": ""}, ("TEXT_INVALID", "name")),
    ):
        assert await refused(town, CHIEF, "UpdateChannel", **{**about, **change}) == refusal
    same = (await town.call(CHIEF, "UpdateChannel", **about, name="Gold")).channel
    assert same == changed


async def test_channels_are_followed_once_and_no_more(town: Town) -> None:
    news, other = await town.channel(), await town.channel("other")
    in_news, in_other = await town.published(news), await town.published(other)
    for _ in range(2):
        followed = await town.call(GOLD, "FollowChannel", channel_id=news.id)
        assert followed.channel.followed
    assert (await town.world.said()).count("ChannelFollowed") == 1
    listed = await town.call(GOLD, "ListChannels", followed=True)
    assert [one.id for one in listed.channels] == [news.id]
    assert await town.ids(GOLD, followed=True) == [in_news.id]
    assert await town.ids(GOLD) == [in_other.id, in_news.id]
    assert await town.ids(SILVER, followed=True) == []
    for actor in (GOLD, GOLD, SILVER):
        left = await town.call(actor, "UnfollowChannel", channel_id=news.id)
        assert not left.channel.followed
    assert (await town.world.said()).count("ChannelUnfollowed") == 1
    assert await town.ids(GOLD, followed=True) == []


# -- announcements


async def test_create_announcement_is_a_draft_of_the_managers(town: Town) -> None:
    channel = await town.channel()
    request_id = town.world.request_id()
    fields = {"title": " New  margins", "body": "They are *better*.", "audience_rule": GOLDEN}
    made = await town.draft(channel, request_id=request_id, **fields)
    assert (made.state, made.title, made.version) == (
        pb.ANNOUNCEMENT_STATE_DRAFT,
        "New margins",
        1,
    )
    assert "They are <em>better</em>." in made.body_html
    assert (made.source_locale, list(made.locales)) == ("en", ["en"])
    assert (made.audience_rule, made.audience_state) == (GOLDEN, pb.AUDIENCE_STATE_OPEN)
    assert (made.severity, made.discussion_topic_id) == (pb.ANNOUNCEMENT_SEVERITY_INFO, "")
    assert (made.author_id, made.company_id) == ("chief", "vendor")
    assert await town.draft(channel, request_id=request_id, **fields) == made
    drafts = [pb.ANNOUNCEMENT_STATE_DRAFT]
    assert await town.ids(CHIEF, states=drafts) == [made.id]
    assert await town.ids(GOLD, states=drafts) == []
    assert await refused(town, GOLD, "GetAnnouncement", announcement_id=made.id) == GONE


async def test_create_announcement_refuses(town: Town) -> None:
    channel = await town.channel()
    good = {"channel_id": channel.id, "title": "News", "body": "Text"}
    must = {"severity": 3, "requires_acknowledgement": True, "deadline": ahead(days=2)}
    for change, refusal in (
        ({"channel_id": "nothing"}, NO_CHANNEL),
        ({"title": ""}, ("TEXT_INVALID", "title")),
        ({"title": "x" * 151}, ("TEXT_INVALID", "title")),
        ({"body": "x"}, ("TEXT_INVALID", "body")),
        ({"body": "x\x00y"}, ("TEXT_INVALID", "body")),
        ({"severity": 9}, ("FIELD_INVALID", "severity")),
        ({"source_locale": "english"}, ("FIELD_INVALID", "source_locale")),
        ({"discussion_topic_id": "nothing"}, ("TOPIC_NOT_FOUND", "discussion_topic_id")),
        (
            {"audience_rule": pb.AudienceRule(company_ids=["co1", "co77"])},
            ("FIELD_INVALID", "audience_rule.company_ids"),
        ),
        ({"requires_acknowledgement": True}, ("FIELD_INVALID", "requires_acknowledgement")),
        ({**must, "severity": 2}, ("FIELD_INVALID", "requires_acknowledgement")),
        ({**must, "deadline": ahead(days=-1)}, ("FIELD_INVALID", "deadline")),
        ({"deadline": ahead(days=2)}, ("FIELD_INVALID", "deadline")),
        ({"expire_time": ahead(seconds=-1)}, ("FIELD_INVALID", "expire_time")),
        ({"audience_rule": pb.AudienceRule(tiers=[""])}, ("FIELD_INVALID", "audience_rule.tiers")),
        (
            {"audience_rule": pb.AudienceRule(territories=["DACH", ""])},
            ("FIELD_INVALID", "audience_rule.territories"),
        ),
        (
            {"audience_rule": pb.AudienceRule(territories=["DACH"] * 101)},
            ("FIELD_INVALID", "audience_rule.territories"),
        ),
        (
            {"audience_rule": pb.AudienceRule(roles=[directory_pb2.ROLE_UNSPECIFIED])},
            ("FIELD_INVALID", "audience_rule.roles"),
        ),
        ({"request_id": "short"}, ("REQUEST_ID_INVALID", "request_id")),
    ):
        got = await refused(town, CHIEF, "CreateAnnouncement", **{**good, **change})
        assert got == refusal, change
    town.world.screen.verdict = moderation_pb2.VERDICT_BLOCK
    blocked = await refused(town, CHIEF, "CreateAnnouncement", **good)
    assert blocked[0] == "CONTENT_BLOCKED"


async def test_preview_says_how_many_and_nobody(town: Town) -> None:
    channel = await town.channel()
    preview = await town.call(CHIEF, "PreviewAudience", channel_id=channel.id)
    assert (preview.count, preview.company_count) == (4, 3)
    assert preview.company_shares[0] == pb.CompanyShare(
        company_id="co2", people=2, community_id="c1"
    )
    assert list(preview.person_ids) == ["chief", "german", "gold", "silver"]
    for rule, count in (
        (GOLDEN, 1),
        (NOBODY, 0),
        (pb.AudienceRule(tiers=["gold", "silver"], locales=["de"]), 1),
        (pb.AudienceRule(company_ids=["co2"]), 2),
        (pb.AudienceRule(company_ids=["co2"], tiers=["gold"]), 0),
        (LOCAL, 2),
        (pb.AudienceRule(territories=["DACH", "UK & Ireland"]), 2),
        (pb.AudienceRule(territories=["DACH"], tiers=["gold"]), 1),
        (pb.AudienceRule(territories=["dach", "Nordics"]), 2),
        (pb.AudienceRule(territories=["Nordics"]), 0),
        (pb.AudienceRule(roles=[directory_pb2.ROLE_MANAGER]), 1),
        (pb.AudienceRule(roles=[directory_pb2.ROLE_MEMBER]), 4),
    ):
        asked = {"channel_id": channel.id, "audience_rule": rule}
        assert (await town.call(CHIEF, "PreviewAudience", **asked)).count == count
    assert await refused(town, CHIEF, "PreviewAudience", channel_id="nothing") == NO_CHANNEL


async def test_published_is_for_whom_channel_and_rule_both_fit(town: Town) -> None:
    channel = await town.channel()
    golden = await town.published(channel, audience_rule=GOLDEN)
    german = await town.published(channel, audience_rule=pb.AudienceRule(locales=["de"]))
    chiefs = await town.published(
        channel, audience_rule=pb.AudienceRule(roles=[directory_pb2.ROLE_MANAGER])
    )
    assert await town.ids(GOLD) == [golden.id]
    assert await town.ids(GERMAN) == [german.id]
    assert await town.ids(SILVER) == []
    assert await town.ids(CHIEF) == [chiefs.id, german.id, golden.id]
    ids = [golden.id, german.id, chiefs.id]
    batch = await town.call(GERMAN, "BatchGetAnnouncements", announcement_ids=ids)
    assert [one.id for one in batch.announcements] == [german.id]
    seen = await town.get(german, GERMAN)
    assert not seen.HasField("audience_rule")
    assert (seen.audience_state, seen.audience_count) == (pb.AUDIENCE_STATE_UNSPECIFIED, 0)
    assert seen.receipt.state == pb.RECEIPT_STATE_DELIVERED
    told = await town.get(german)
    assert (told.audience_state, told.audience_count) == (pb.AUDIENCE_STATE_FROZEN, 1)


async def test_rule_by_territory_is_a_wall_and_a_list(town: Town) -> None:
    channel = await town.channel()
    one = await town.published(channel, audience_rule=LOCAL)
    told = await town.get(one)
    assert (told.audience_rule, told.audience_count) == (LOCAL, 2)
    about = {"announcement_id": one.id}
    for actor in (GOLD, GERMAN):
        assert await town.ids(actor) == [one.id]
        assert (await town.get(one, actor)).receipt.in_audience
    assert await town.ids(SILVER) == []
    seen = {"announcement_ids": [one.id]}
    assert await refused(town, SILVER, "GetAnnouncement", **about) == GONE
    nothing_seen = ("ANNOUNCEMENT_NOT_FOUND", "announcement_ids")
    assert await refused(town, SILVER, "MarkAnnouncementsSeen", **seen) == nothing_seen
    batch = await town.call(SILVER, "BatchGetAnnouncements", **seen)
    assert not batch.announcements
    for actor, count in ((GOLD, 1), (SILVER, 0)):
        unread = await town.call(actor, "CountUnreadAnnouncements", community_ids=["c1"])
        assert unread.unread_count == count
    # The same name elsewhere opens nothing here.
    stranger = Reader("c1", "stranger", ("community:c1", territory_key("DACH", "c2")))
    assert await town.world.repository.find_announcements(stranger, [one.id]) == []
    draft = await town.draft(channel, audience_rule=pb.AudienceRule(territories=["Nordics"]))
    empty = ("AUDIENCE_EMPTY", "announcement_id")
    assert await refused(town, CHIEF, "PublishAnnouncement", announcement_id=draft.id) == empty
    changed = await town.act("UpdateAnnouncement", draft, audience_rule=LOCAL)
    assert changed.announcement.audience_rule == LOCAL
    assert (await town.get(draft)).audience_rule == LOCAL


async def test_announcements_stored_before_there_were_territories_get_their_keys(
    town: Town,
) -> None:
    channel = await town.channel()
    golden = await town.published(channel, audience_rule=GOLDEN)
    draft = await town.draft(channel)
    announcements = town.world.database.announcements
    before = await town.world.stored()
    lost = {"$unset": {"territory_keys": 1, "terms.rule.territories": 1}}
    await announcements.update_many({}, lost)
    local = await town.published(channel, audience_rule=LOCAL)
    stays = await announcements.find_one({"_id": local.id})
    assert await town.ids(GOLD) == [local.id]
    for _ in range(2):
        for migration in MIGRATIONS:
            await migration.run(town.world.database)
        for row in before["announcements"]:
            again = await announcements.find_one({"_id": row["_id"]})
            assert again is not None
            assert (
                again["territory_keys"]
                == row["territory_keys"]
                == [
                    "community:c1",
                    "managers:c1",
                ]
            )
        assert await announcements.find_one({"_id": local.id}) == stays
    assert await town.ids(GOLD) == [local.id, golden.id]
    assert await town.ids(SILVER) == []
    assert (await town.get(golden)).audience_rule == GOLDEN
    drafts = [pb.ANNOUNCEMENT_STATE_DRAFT]
    assert await town.ids(CHIEF, states=drafts) == [draft.id]


async def test_audience_of_nobody_is_refused_at_publication(town: Town) -> None:
    channel = await town.channel()
    draft = await town.draft(channel, audience_rule=NOBODY)
    empty = ("AUDIENCE_EMPTY", "announcement_id")
    about = {"announcement_id": draft.id}
    assert await refused(town, CHIEF, "PublishAnnouncement", **about) == empty
    later = {**about, "publish_time": ahead(days=1)}
    assert await refused(town, CHIEF, "ScheduleAnnouncement", **later) == empty
    assert (await town.get(draft)).state == pb.ANNOUNCEMENT_STATE_DRAFT


async def test_publish_once_and_again(town: Town) -> None:
    draft = await town.draft(await town.channel())
    request_id = town.world.request_id()
    out = (await town.act("PublishAnnouncement", draft, request_id=request_id)).announcement
    assert (out.state, out.version) == (pb.ANNOUNCEMENT_STATE_PUBLISHED, 2)
    assert out.audience_state == pb.AUDIENCE_STATE_FREEZING
    again = (await town.act("PublishAnnouncement", draft, request_id=request_id)).announcement
    assert again == out
    about = {"announcement_id": draft.id}
    assert await refused(town, CHIEF, "PublishAnnouncement", **about) == WRONG_STATE
    assert await refused(town, CHIEF, "PublishAnnouncement", announcement_id="nothing") == GONE
    event = said.AnnouncementPublished(announcement_id=draft.id, channel_id=draft.channel_id)
    assert event in await outbox(town.world.database)
    other = await town.draft(await town.channel("other"))
    stale = {"announcement_id": other.id, "expected_version": 9}
    refusal = await refused(town, CHIEF, "PublishAnnouncement", **stale)
    assert refusal == ("VERSION_STALE", "expected_version")


async def test_schedule_refuses_what_is_no_time(town: Town) -> None:
    draft = await town.draft(await town.channel(), expire_time=ahead(days=2))
    about = {"announcement_id": draft.id}
    for fields, field in (
        ({}, "wall_clock"),
        ({"publish_time": ahead(days=-1)}, "publish_time"),
        ({"publish_time": ahead(days=3)}, "expire_time"),
        ({"wall_clock": "tomorrow"}, "wall_clock"),
        ({"wall_clock": "2020-01-01T09:00"}, "wall_clock"),
        (
            {"publish_time": ahead(days=1), "wall_clock": "2999-01-01T09:00"},
            "wall_clock",
        ),
    ):
        got = await refused(town, CHIEF, "ScheduleAnnouncement", **about, **fields)
        assert got == ("FIELD_INVALID", field)
    time = ahead(days=1)
    planned = (await town.act("ScheduleAnnouncement", draft, publish_time=time)).announcement
    assert planned.state == pb.ANNOUNCEMENT_STATE_SCHEDULED
    assert planned.publish_time.ToDatetime() == time.replace(tzinfo=None)
    again = await town.act("ScheduleAnnouncement", draft, publish_time=ahead(hours=1))
    assert again.announcement.version == 3


async def test_withdrawn_is_told_to_whom_had_received_it(town: Town) -> None:
    channel = await town.channel()
    one = await town.published(channel, audience_rule=GOLDEN)
    about = {"announcement_id": one.id}
    no_reason = await refused(town, CHIEF, "WithdrawAnnouncement", **about, reason=" ")
    assert no_reason == ("REASON_REQUIRED", "reason")
    await town.act("WithdrawAnnouncement", one, reason="The *figures* were wrong.")
    gone = await town.get(one, GOLD)
    assert (gone.state, gone.state_reason) == (
        pb.ANNOUNCEMENT_STATE_WITHDRAWN,
        "The *figures* were wrong.",
    )
    assert (gone.title, gone.body, gone.body_html) == ("New margins", "", "")
    assert (await town.get(one)).body == "They are *better*."
    assert await refused(town, SILVER, "GetAnnouncement", **about) == GONE
    withdrawn = [pb.ANNOUNCEMENT_STATE_WITHDRAWN]
    assert await town.ids(GOLD) == []
    assert await town.ids(GOLD, states=withdrawn) == [one.id]
    assert await refused(town, CHIEF, "WithdrawAnnouncement", **about, reason="x") == WRONG_STATE
    assert await refused(town, GOLD, "ListCorrections", **about) == GONE
    draft = await town.draft(channel)
    refusal = await refused(
        town, CHIEF, "WithdrawAnnouncement", announcement_id=draft.id, reason="x"
    )
    assert refusal == WRONG_STATE
    await town.act("ScheduleAnnouncement", draft, publish_time=ahead(days=1))
    await town.act("WithdrawAnnouncement", draft, reason="Not yet.")
    assert await refused(town, GOLD, "GetAnnouncement", announcement_id=draft.id) == GONE


async def test_somebody_who_comes_after_withdrawal_learns_nothing_of_it(town: Town) -> None:
    one = await town.published(await town.channel(), audience_rule=GOLDEN)
    await town.act("WithdrawAnnouncement", one, reason="wrong")
    late = person_actor("late", company_id="co1", keyring=GOLD.keys("c1"))
    assert await refused(town, late, "GetAnnouncement", announcement_id=one.id) == GONE
    assert await town.ids(late, states=[pb.ANNOUNCEMENT_STATE_WITHDRAWN]) == []


async def test_archive_takes_what_has_expired_out_of_the_lists(town: Town) -> None:
    one = await town.published(await town.channel(), expire_time=ahead(days=1))
    about = {"announcement_id": one.id}
    assert await refused(town, CHIEF, "ArchiveAnnouncement", **about) == WRONG_STATE
    await town.wake(ahead(days=2))
    assert (await town.get(one, GOLD)).state == pb.ANNOUNCEMENT_STATE_EXPIRED
    kept = (await town.act("ArchiveAnnouncement", one)).announcement
    assert kept.state == pb.ANNOUNCEMENT_STATE_ARCHIVED
    assert await town.ids(GOLD) == []
    assert await town.ids(GOLD, states=[pb.ANNOUNCEMENT_STATE_ARCHIVED]) == [one.id]
    assert (await town.world.said())[-1] == "AnnouncementArchived"


async def test_pages_go_both_ways(town: Town) -> None:
    channel = await town.channel()
    made = [(await town.published(channel, title=f"News {n}")).id for n in range(5)][::-1]
    first = await town.call(GOLD, "ListAnnouncements", page_size=2)
    second = await town.call(
        GOLD, "ListAnnouncements", page_size=2, page_token=first.next_page_token
    )
    assert [one.id for one in (*first.announcements, *second.announcements)] == made[:4]
    last = await town.call(GOLD, "ListAnnouncements", page_size=2, backward=True)
    assert [one.id for one in last.announcements] == made[3:]
    by_channel = await town.ids(GOLD, channel_id=channel.id)
    assert by_channel == made
    severe = await town.ids(GOLD, severity=pb.ANNOUNCEMENT_SEVERITY_IMPORTANT)
    assert severe == []


# -- corrections and translations


async def test_draft_changes_whole_and_unseen(town: Town) -> None:
    draft = await town.draft(await town.channel())
    changed = (
        await town.act(
            "UpdateAnnouncement",
            draft,
            title="Old margins",
            audience_rule=GOLDEN,
            severity=3,
            requires_acknowledgement=True,
            deadline=ahead(days=9),
            expected_version=1,
        )
    ).announcement
    assert (changed.title, changed.severity, changed.version) == ("Old margins", 3, 2)
    assert changed.audience_rule == GOLDEN
    assert changed.correction_count == 0
    dropped = await town.act("UpdateAnnouncement", draft, requires_acknowledgement=False)
    assert not dropped.announcement.HasField("deadline")
    same = await town.act("UpdateAnnouncement", draft, title="Old margins")
    assert same.announcement.version == dropped.announcement.version
    about = {"announcement_id": draft.id}
    for fields, refusal in (
        ({"title": ""}, ("TEXT_INVALID", "title")),
        ({"note": "x" * 501}, ("TEXT_INVALID", "note")),
        ({"severity": 9}, ("FIELD_INVALID", "severity")),
        ({"deadline": ahead(days=1)}, ("FIELD_INVALID", "deadline")),
        ({"expected_version": 1}, ("VERSION_STALE", "expected_version")),
        ({"announcement_id": "nothing"}, GONE),
    ):
        assert await refused(town, CHIEF, "UpdateAnnouncement", **{**about, **fields}) == refusal


async def test_draft_goes_to_another_channel_and_nothing_else_does(town: Town) -> None:
    news, gold = await town.channel(), await town.channel("gold", **TIERED)
    draft = await town.draft(news)
    about = {"announcement_id": draft.id}
    for id_ in ("no", ""):
        got = await refused(town, CHIEF, "UpdateAnnouncement", **about, channel_id=id_)
        assert got == NO_CHANNEL
    same = await town.act("UpdateAnnouncement", draft, channel_id=news.id)
    assert same.announcement == draft
    moved = (await town.act("UpdateAnnouncement", draft, channel_id=gold.id)).announcement
    assert (moved.channel_id, moved.version) == (gold.id, 2)
    drafted = said.AnnouncementDrafted(announcement_id=draft.id, channel_id=gold.id)
    assert (await outbox(town.world.database))[-1] == drafted
    stays = ("ANNOUNCEMENT_STATE_INVALID", "channel_id")
    change = {**about, "channel_id": news.id, "title": "Other"}
    steps: dict[str, dict[str, Any]] = {
        "ScheduleAnnouncement": {"publish_time": ahead(days=1)},
        "PublishAnnouncement": {},
    }
    for rpc, fields in steps.items():
        await town.act(rpc, draft, **fields)
        assert await refused(town, CHIEF, "UpdateAnnouncement", **change) == stays
    await town.use_cases.freeze_audiences()
    assert (await town.ids(GOLD), await town.ids(SILVER)) == ([draft.id], [])
    assert await refused(town, SILVER, "GetAnnouncement", **about) == GONE


async def test_deleted_draft_is_gone_with_all_its_texts(town: Town) -> None:
    world = town.world
    channel = await town.channel()
    kept = await town.draft(channel)
    request_id = world.request_id()
    written = {"title": "A secret", "body": "Nobody is to *know*.", "audience_rule": GOLDEN}
    draft = await town.draft(channel, request_id=request_id, **written)
    for locale in ("de", "fr"):
        await town.act("PutTranslation", draft, locale=locale, title="Geheim", body="Niemand")
    about = {"announcement_id": draft.id}
    stale = await refused(town, CHIEF, "DeleteAnnouncement", **about, expected_version=1)
    assert stale == ("VERSION_STALE", "expected_version")
    once = world.request_id()
    for _ in range(2):
        await town.act("DeleteAnnouncement", draft, request_id=once, expected_version=3)
    events = await outbox(world.database)
    deleted = said.AnnouncementDeleted(announcement_id=draft.id, channel_id=channel.id)
    assert [one for one in events if isinstance(one, said.AnnouncementDeleted)] == [deleted]
    assert await world.database.announcement_translations.count_documents({}) == 0
    left = await world.database.announcements.find_one({"_id": draft.id})
    assert not [word for word in ("secret", "Nobody is", "tier:") if word in str(left)]
    later: dict[str, dict[str, Any]] = {
        "DeleteAnnouncement": {},
        "GetAnnouncement": {},
        "UpdateAnnouncement": {"title": "Back"},
        "PublishAnnouncement": {},
        "PutTranslation": {"locale": "de", "title": "Neues", "body": "Text"},
        "ListCorrections": {},
        "GetReceiptSummary": {},
    }
    for rpc, fields in later.items():
        assert await refused(town, CHIEF, rpc, **about, **fields) == GONE, rpc
    assert await refused(town, service_actor("notifications"), "ListReceipts", **about) == GONE
    assert await town.ids(CHIEF, states=[pb.ANNOUNCEMENT_STATE_DRAFT]) == [kept.id]
    await world.database.commands.delete_many({})  # as after 48 hours
    again = {"channel_id": channel.id, "request_id": request_id, **written}
    assert await refused(town, CHIEF, "CreateAnnouncement", **again) == GONE


async def test_only_a_draft_is_deleted(town: Town) -> None:
    channel = await town.channel()
    planned = await town.draft(channel)
    await town.act("ScheduleAnnouncement", planned, publish_time=ahead(days=1))
    out = await town.published(channel)
    withdrawn = await town.published(channel)
    await town.act("WithdrawAnnouncement", withdrawn, reason="wrong")
    for one in (planned, out, withdrawn):
        about = {"announcement_id": one.id}
        assert await refused(town, CHIEF, "DeleteAnnouncement", **about) == WRONG_STATE
    assert await refused(town, CHIEF, "DeleteAnnouncement", announcement_id="nothing") == GONE


async def test_announcement_that_changes_while_it_is_deleted_is_whole_or_gone(town: Town) -> None:
    channel = await town.channel()
    for _ in range(5):
        draft = await town.draft(channel)
        texts = [
            town.act("PutTranslation", draft, locale=locale, title="Neues", body="Text")
            for locale in ("de", "fr", "it")
        ]
        await asyncio.gather(*texts, town.act("DeleteAnnouncement", draft), return_exceptions=True)
        about = {"announcement_id": draft.id}
        assert await refused(town, CHIEF, "GetAnnouncement", **about) == GONE
        assert await town.world.database.announcement_translations.count_documents({}) == 0


async def test_change_of_what_is_out_is_a_correction(town: Town) -> None:
    one = await town.must_read(await town.channel(), audience_rule=GOLDEN)
    later = ahead(days=12)
    corrected = (
        await town.act(
            "UpdateAnnouncement", one, body="They are *worse*.", deadline=later, note="A slip."
        )
    ).announcement
    assert corrected.correction_count == 1
    assert corrected.HasField("correct_time")
    assert (await town.get(one, GOLD)).body == "They are *worse*."
    (correction,) = (await town.act("ListCorrections", one, GOLD)).corrections
    assert list(correction.fields) == ["body", "deadline"]
    assert (correction.former_title, correction.former_body) == ("", "They are *better*.")
    assert (correction.editor_id, correction.note, correction.locale) == ("chief", "A slip.", "en")
    event = said.AnnouncementCorrected(
        announcement_id=one.id, channel_id=one.channel_id, correction_id=correction.id
    )
    assert event in await outbox(town.world.database)
    about = {"announcement_id": one.id}
    assert await refused(town, SILVER, "ListCorrections", **about) == GONE
    for fields, field in (
        ({"audience_rule": NOBODY}, "audience_rule"),
        ({"severity": 1, "requires_acknowledgement": False}, "severity"),
    ):
        got = await refused(town, CHIEF, "UpdateAnnouncement", **about, **fields)
        assert got == ("ANNOUNCEMENT_STATE_INVALID", field)
    await town.act("UpdateAnnouncement", one, title="Newer")
    listed = await town.act("ListCorrections", one, GOLD, page_size=1)
    assert list(listed.corrections[0].fields) == ["title"]
    assert listed.next_page_token
    await town.act("WithdrawAnnouncement", one, reason="wrong")
    assert await refused(town, CHIEF, "UpdateAnnouncement", **about, title="X") == WRONG_STATE


async def test_after_its_deadline_its_expiry_and_discussion_change_and_the_expiry_goes(
    town: Town,
) -> None:
    world = town.world
    topic = await world.topic(await world.space())
    one = await town.must_read(await town.channel())
    await town.pass_deadline(one)
    expire_time = ahead(days=20)
    changed = (await town.act("UpdateAnnouncement", one, expire_time=expire_time)).announcement
    assert changed.expire_time.ToDatetime(UTC) == expire_time
    changed = (await town.act("UpdateAnnouncement", one, discussion_topic_id=topic.id)).announcement
    assert changed.discussion_topic_id == topic.id
    about = {"announcement_id": one.id}
    for fields, field in (
        ({"deadline": ahead(days=-2)}, "deadline"),
        ({"expire_time": ahead(days=-2)}, "expire_time"),
        ({"expire_time": ahead(days=9), "never_expires": True}, "expire_time"),
    ):
        got = await refused(town, CHIEF, "UpdateAnnouncement", **about, **fields)
        assert got == ("FIELD_INVALID", field)
    changed = (await town.act("UpdateAnnouncement", one, never_expires=True)).announcement
    assert not changed.HasField("expire_time")
    (last, *_) = (await town.act("ListCorrections", one, GOLD)).corrections
    assert list(last.fields) == ["expire_time"]
    again = (await town.act("UpdateAnnouncement", one, never_expires=True)).announcement
    assert again.version == changed.version
    await town.wake(ahead(days=30))
    assert (await town.get(one, GOLD)).state == pb.ANNOUNCEMENT_STATE_PUBLISHED


async def test_discussion_is_a_topic_that_its_manager_can_see(town: Town) -> None:
    world = town.world
    topic = await world.topic(await world.space())
    one = await town.published(await town.channel(), discussion_topic_id=topic.id)
    assert (await town.get(one, GOLD)).discussion_topic_id == topic.id
    about = {"announcement_id": one.id}
    gone = {**about, "discussion_topic_id": "nothing"}
    refusal = await refused(town, CHIEF, "UpdateAnnouncement", **gone)
    assert refusal == ("TOPIC_NOT_FOUND", "discussion_topic_id")
    ended = (await town.act("UpdateAnnouncement", one, discussion_topic_id="")).announcement
    assert (ended.discussion_topic_id, ended.correction_count) == ("", 1)


async def test_comment_policy_is_the_discussion_s_as_of_now(town: Town) -> None:
    world = town.world
    free, reviewed, vendors = [
        await world.space("free"),
        await world.space("reviewed", mode=forum_pb2.SPACE_MODE_REQUIRED),
        await world.space("vendors", audience=forum_pb2.AUDIENCE_VENDOR),
    ]
    topics = [await world.topic(space, CHIEF) for space in (free, reviewed, vendors)]

    async def policies(actor: Actor) -> list[str]:
        ids = [*(topic.id for topic in topics), "nothing"]
        answer = await town.call(actor, "BatchGetCommentPolicies", topic_ids=ids)
        places = {topic.id: name for topic, name in zip(topics, "frv", strict=True)}
        return [
            f"{places[one.topic_id]} {pb.CommentPolicy.Name(one.comment_policy)[15:]}"
            for one in answer.comment_policies
        ]

    assert await policies(GOLD) == ["f ALLOW_ALL", "r MODERATED"]  # nothing of the vendor's own
    assert await policies(CHIEF) == ["f ALLOW_ALL", "r MODERATED", "v ALLOW_ALL"]
    settings = forum_pb2.SpaceSettingsChange(may_reply=forum_pb2.POSTING_RIGHT_MODERATORS)
    update = forum_pb2.UpdateSpaceRequest(**world.ids(), space_id=free.id, settings=settings)
    await world.of(CHIEF).UpdateSpace(update)
    assert await policies(GOLD) == ["f CLOSED", "r MODERATED"]
    assert await policies(CHIEF) == ["f ALLOW_ALL", "r MODERATED", "v ALLOW_ALL"]
    close = forum_pb2.CloseTopicRequest(
        **world.ids(), topic_id=topics[1].id, close_reason=forum_pb2.CLOSE_REASON_OFF_TOPIC
    )
    await world.of(MODERATING).CloseTopic(close)
    assert await policies(GOLD) == ["f CLOSED", "r CLOSED"]
    too_many = {"topic_ids": [f"t{number}" for number in range(101)]}
    refusal = await refused(town, GOLD, "BatchGetCommentPolicies", **too_many)
    assert refusal == ("FIELD_INVALID", "topic_ids")


async def test_text_is_in_the_reader_s_language_or_as_it_was_written(town: Town) -> None:
    one = await town.published(await town.channel())
    german: dict[str, Any] = {"locale": "de", "title": "Neue Margen", "body": "Sie sind *besser*."}
    put = (await town.act("PutTranslation", one, **german)).announcement
    assert (put.locale, put.title, list(put.locales)) == ("de", "Neue Margen", ["en", "de"])
    for actor, locales, title in (
        (GERMAN, [], "Neue Margen"),  # by their own language
        (GERMAN, ["en"], "New margins"),
        (GOLD, [], "New margins"),
        (GOLD, ["de-AT", "en"], "Neue Margen"),
        (GOLD, ["fr", "it"], "New margins"),
    ):
        got = await town.get(one, actor, locales=locales)
        assert got.title == title
        listed = await town.call(actor, "ListAnnouncements", locales=locales)
        assert [a.title for a in listed.announcements] == [title]
    (added,) = (await town.act("ListCorrections", one, GOLD)).corrections
    assert (list(added.fields), added.locale) == (["translation"], "de")
    await town.act("PutTranslation", one, **{**german, "title": "Andere Margen"})
    (changed, _) = (await town.act("ListCorrections", one, GOLD)).corrections
    assert (list(changed.fields), changed.former_title) == (["title"], "Neue Margen")
    same = await town.act("PutTranslation", one, **{**german, "title": "Andere Margen"})
    assert same.announcement.correction_count == 2
    await town.act("DeleteTranslation", one, locale="de")
    assert (await town.get(one, GERMAN)).title == "New margins"
    about = {"announcement_id": one.id}
    for rpc, fields, refusal in (
        ("DeleteTranslation", {"locale": "de"}, ("TRANSLATION_NOT_FOUND", "locale")),
        ("DeleteTranslation", {"locale": "x"}, ("FIELD_INVALID", "locale")),
        ("PutTranslation", {**german, "locale": "en"}, ("FIELD_INVALID", "locale")),
        ("PutTranslation", {**german, "locale": "no tag"}, ("FIELD_INVALID", "locale")),
        ("PutTranslation", {**german, "body": ""}, ("TEXT_INVALID", "body")),
        ("GetAnnouncement", {"locales": ["no tag"]}, ("FIELD_INVALID", "locales")),
        ("GetAnnouncement", {"locales": ["de"] * 21}, ("FIELD_INVALID", "locales")),
    ):
        assert await refused(town, CHIEF, rpc, **about, **fields) == refusal


# -- feed addresses


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def test_feed_address_is_found_by_its_hash_until_it_is_revoked(town: Town) -> None:
    channel = await town.channel()
    asked = {"channel_id": channel.id, "secret_hash": hash_of("secret")}
    request_id = town.world.request_id()
    made = await town.call(GOLD, "CreateFeedAddress", request_id=request_id, **asked)
    address = made.feed_address
    assert (address.channel_id, address.person_id) == (channel.id, "gold")
    again = await town.call(GOLD, "CreateFeedAddress", request_id=request_id, **asked)
    assert again.feed_address == address
    found = await town.call(GATEWAY, "FindFeedAddress", secret_hash=hash_of("secret"))
    assert found.feed_address == address
    listed = await town.call(GOLD, "ListFeedAddresses")
    assert list(listed.feed_addresses) == [address]
    assert not (await town.call(SILVER, "ListFeedAddresses")).feed_addresses
    for actor in (GOLD, CHIEF, service_actor("search")):
        got = await refused(town, actor, "FindFeedAddress", secret_hash=hash_of("secret"))
        assert got == ROLE
    nobodys = ("ADDRESS_NOT_FOUND", "address_id")
    for actor in (SILVER, CHIEF):
        assert await refused(town, actor, "RevokeFeedAddress", address_id=address.id) == nobodys
    for _ in range(2):
        await town.call(GOLD, "RevokeFeedAddress", address_id=address.id)
    assert (await town.world.said()).count("FeedAddressRevoked") == 1
    unknown = ("ADDRESS_NOT_FOUND", "secret_hash")
    for secret in ("secret", "other"):
        got = await refused(town, GATEWAY, "FindFeedAddress", secret_hash=hash_of(secret))
        assert got == unknown
    assert not (await town.call(GOLD, "ListFeedAddresses")).feed_addresses


async def test_feed_addresses_are_few_and_of_what_can_be_read(town: Town) -> None:
    gold = await town.channel("gold", **TIERED)
    asked = {"channel_id": gold.id, "secret_hash": hash_of("x")}
    assert await refused(town, SILVER, "CreateFeedAddress", **asked) == NO_CHANNEL
    for wrong in ("", "secret", "A" * 64, "0" * 63):
        got = await refused(town, GOLD, "CreateFeedAddress", **{**asked, "secret_hash": wrong})
        assert got == ("FIELD_INVALID", "secret_hash")
    for number in range(20):
        await town.call(
            GOLD, "CreateFeedAddress", channel_id=gold.id, secret_hash=hash_of(str(number))
        )
    assert await refused(town, GOLD, "CreateFeedAddress", **asked) == ("FEED_ADDRESSES_FULL", "")
    await town.world.database.feed_addresses.update_one({}, {"$unset": {"number": ""}})  # older
    assert await refused(town, GOLD, "CreateFeedAddress", **asked) == ("FEED_ADDRESSES_FULL", "")
    first, *_ = (await town.call(GOLD, "ListFeedAddresses", page_size=1)).feed_addresses
    await town.call(GOLD, "RevokeFeedAddress", address_id=first.id)
    await town.call(GOLD, "CreateFeedAddress", **asked)


async def test_feed_addresses_made_at_once_are_no_more_than_there_may_be(town: Town) -> None:
    channel = await town.channel()

    async def make(number: int) -> str:
        try:
            await town.call(
                GOLD, "CreateFeedAddress", channel_id=channel.id, secret_hash=hash_of(f"s{number}")
            )
        except DomainError as refusal:
            return reason_of(refusal)
        return ""

    for number in range(18):
        assert await make(number) == ""
    told = await asyncio.gather(*(make(18 + number) for number in range(6)))
    assert sorted(told) == ["", "", *["FEED_ADDRESSES_FULL"] * 4]
    database = town.world.database
    assert await database.feed_addresses.count_documents({"revoked": False}) == 20
    assert (await town.world.said()).count("FeedAddressCreated") == 20
