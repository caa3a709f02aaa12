"""Who was told, has seen and acknowledged: receipts over real gRPC, and the jobs behind them."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.actors import Actor
from chassis.testing import outbox, person_actor, service_actor
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2
from services.forum.domain.announcements.announcement import AudienceState
from services.forum.domain.announcements.audiences import Reader
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
from services.forum.tests.test_forum_announcements_servicer import (
    GOLDEN,
    GONE,
    WRONG_STATE,
    refused,
)

DELIVERED, SEEN, ACKNOWLEDGED, OVERDUE = (
    pb.RECEIPT_STATE_DELIVERED,
    pb.RECEIPT_STATE_SEEN,
    pb.RECEIPT_STATE_ACKNOWLEDGED,
    pb.RECEIPT_STATE_OVERDUE,
)


async def mark_seen(town: Town, actor: Actor, *ids: str) -> list[pb.Receipt]:
    answer = await town.call(actor, "MarkAnnouncementsSeen", announcement_ids=ids)
    return list(answer.receipts)


async def above_the_feed(town: Town, actor: Actor, *communities: str) -> list[str]:
    request = feed_pb2.ListMustReadsRequest(community_ids=communities)
    answer = await town.world.feed_of(actor).ListMustReads(request)
    return [one.announcement_id for one in answer.must_reads]


async def unread(town: Town, actor: Actor) -> tuple[int, int]:
    """Announcements that are not seen, and open must-reads."""
    got = await town.call(actor, "CountUnreadAnnouncements")
    return got.unread_count, got.open_must_read_count


async def summary(town: Town, one: pb.Announcement) -> tuple[int, ...]:
    """People, companies, seen, acknowledged, overdue."""
    got = await town.act("GetReceiptSummary", one)
    return got.people, got.companies, got.seen, got.acknowledged, got.overdue


async def receipts(town: Town, one: pb.Announcement, **more: Any) -> list[tuple[str, int]]:
    answer = await town.act("ListReceipts", one, **more)
    return [(receipt.person_id, receipt.state) for receipt in answer.receipts]


# -- the frozen list


async def test_audience_is_written_down_at_publication_and_stays(town: Town) -> None:
    channel = await town.channel()
    draft = await town.draft(channel)
    await town.act("PublishAnnouncement", draft)
    assert await summary(town, draft) == (0, 0, 0, 0, 0)
    assert await town.use_cases.freeze_audiences() == 1
    assert await town.use_cases.freeze_audiences() == 0
    assert await summary(town, draft) == (4, 3, 0, 0, 0)
    event = said.AnnouncementAudienceFrozen(
        announcement_id=draft.id, channel_id=channel.id, people=4
    )
    assert event in await outbox(town.world.database)
    town.directory.add(partner("newcomer", "co9"))  # comes later: reads it, is on no list
    assert await summary(town, draft) == (4, 3, 0, 0, 0)
    assert (await town.get(draft)).audience_count == 4


async def test_freezing_goes_on_where_it_was_cut_off_and_may_run_twice(town: Town) -> None:
    town.directory.add(*(partner(f"p{n}", f"co{n % 3}") for n in range(7)))
    draft = await town.draft(await town.channel())
    await town.act("PublishAnnouncement", draft)
    repository = town.world.repository
    (announcement,) = await repository.find_freezing(10)
    channel = await repository.find_channel("c1", announcement.channel_id)
    assert channel is not None
    assert announcement.schedule is not None
    pages = town.use_cases._audience(channel, announcement.terms.rule)
    people, token = await anext(pages)
    await pages.aclose()  # type: ignore[attr-defined]  # a generator
    for _ in range(2):  # cut off before anybody knew that it was written
        await repository.freeze(announcement, announcement.schedule, people, token)
    before = town.directory.calls
    await town.use_cases.freeze_audiences()
    assert town.directory.calls - before == 5  # of eleven people by two: the first page is there
    assert await summary(town, draft) == (11, 4, 0, 0, 0)
    stored = await town.world.stored()
    await repository.freeze_companies(announcement)
    assert await town.world.stored() == stored


async def test_two_replicas_that_freeze_at_once_write_one_list(town: Town) -> None:
    draft = await town.draft(await town.channel())
    await town.act("PublishAnnouncement", draft)
    await asyncio.gather(town.use_cases.freeze_audiences(), town.use_cases.freeze_audiences())
    assert await summary(town, draft) == (4, 3, 0, 0, 0)
    assert (await town.world.said()).count("AnnouncementAudienceFrozen") == 1


async def test_whoever_sees_it_before_the_list_is_written_is_on_it_all_the_same(
    town: Town,
) -> None:
    draft = await town.draft(await town.channel())
    await town.act("PublishAnnouncement", draft)
    (seen,) = await mark_seen(town, GOLD, draft.id)
    assert (seen.state, seen.in_audience) == (SEEN, False)
    await town.use_cases.freeze_audiences()
    assert await summary(town, draft) == (4, 3, 1, 0, 0)
    assert ("gold", SEEN) in await receipts(town, draft)


# -- seeing and acknowledging


async def test_seen_once_is_seen(town: Town) -> None:
    one = await town.published(await town.channel(), audience_rule=GOLDEN)
    (first,) = await mark_seen(town, GOLD, one.id)
    assert (first.state, first.in_audience, first.company_id) == (SEEN, True, "co1")
    before = await town.world.stored()
    (again,) = await mark_seen(town, GOLD, one.id, one.id, "nothing")
    assert again == first
    assert await town.world.stored() == before
    assert (await town.get(one, GOLD)).receipt == first
    for actor in (SILVER, CHIEF):  # not for them, though the chief may read it
        got = await refused(town, actor, "MarkAnnouncementsSeen", announcement_ids=[one.id])
        assert got == ("ANNOUNCEMENT_NOT_FOUND", "announcement_ids")
    assert await town.world.stored() == before
    too_many = {"announcement_ids": [str(n) for n in range(101)]}
    got = await refused(town, GOLD, "MarkAnnouncementsSeen", **too_many)
    assert got == ("FIELD_INVALID", "announcement_ids")


async def test_acknowledged_once_for_a_company(town: Town) -> None:
    one = await town.must_read(await town.channel(), audience_rule=GOLDEN)
    answer = await town.act("AcknowledgeAnnouncement", one, GOLD)
    receipt = answer.receipt
    assert (receipt.state, receipt.company_id) == (ACKNOWLEDGED, "co1")
    assert receipt.HasField("see_time")
    event = said.AnnouncementAcknowledged(
        announcement_id=one.id, person_id="gold", company_id="co1"
    )
    assert (await outbox(town.world.database)).count(event) == 1
    moved = partner("gold", "co7", tier="gold")  # another employer: what was said stays said
    again = (await town.act("AcknowledgeAnnouncement", one, moved)).receipt
    assert again == receipt
    assert (await outbox(town.world.database)).count(event) == 1
    assert await summary(town, one) == (1, 1, 1, 1, 0)
    (seen,) = await mark_seen(town, GOLD, one.id)
    assert seen == receipt


async def test_two_acknowledgements_at_once_are_one(town: Town) -> None:
    one = await town.must_read(await town.channel())
    answers = await asyncio.gather(
        *(town.act("AcknowledgeAnnouncement", one, GOLD) for _ in range(4)),
        mark_seen(town, GOLD, one.id),
    )
    assert len({answer.receipt.acknowledge_time.ToMilliseconds() for answer in answers[:4]}) == 1
    assert (await town.world.said()).count("AnnouncementAcknowledged") == 1
    assert await summary(town, one) == (4, 3, 1, 1, 0)


async def test_what_cannot_be_acknowledged_is_refused(town: Town) -> None:
    channel = await town.channel()
    plain = await town.published(channel)
    about = {"announcement_id": plain.id}
    got = await refused(town, GOLD, "AcknowledgeAnnouncement", **about)
    assert got == ("ACKNOWLEDGEMENT_NOT_REQUIRED", "announcement_id")
    golden = await town.must_read(channel, audience_rule=GOLDEN)
    for id_ in (golden.id, "nothing"):
        got = await refused(town, SILVER, "AcknowledgeAnnouncement", announcement_id=id_)
        assert got == GONE
    assert await refused(town, CHIEF, "AcknowledgeAnnouncement", announcement_id=golden.id) == GONE
    await town.act("WithdrawAnnouncement", golden, reason="wrong")
    got = await refused(town, GOLD, "AcknowledgeAnnouncement", announcement_id=golden.id)
    assert got == WRONG_STATE


# -- who has not


async def test_who_has_not_is_listed_by_company_and_counted(town: Town) -> None:
    one = await town.must_read(await town.channel())
    await town.act("AcknowledgeAnnouncement", one, GOLD)
    await mark_seen(town, SILVER, one.id)
    assert await receipts(town, one) == [
        ("gold", ACKNOWLEDGED),
        ("german", DELIVERED),
        ("silver", SEEN),
        ("chief", DELIVERED),
    ]
    assert await receipts(town, one, states=[DELIVERED, SEEN], company_id="co2") == [
        ("german", DELIVERED),
        ("silver", SEEN),
    ]
    assert await receipts(town, one, states=[OVERDUE]) == []
    assert await summary(town, one) == (4, 3, 2, 1, 0)
    rows = (await town.act("ListCompanyReceipts", one)).company_receipts
    assert [(row.company_id, row.people, row.seen, row.acknowledged) for row in rows] == [
        ("co1", 1, 1, 1),
        ("co2", 2, 1, 0),
        ("vendor", 1, 0, 0),
    ]
    out = (await town.get(one)).publish_time
    assert all(row.deliver_time == out for row in rows)
    await town.pass_deadline(one)
    assert await summary(town, one) == (4, 3, 2, 1, 3)
    assert await receipts(town, one, states=[OVERDUE], company_id="co2") == [
        ("german", OVERDUE),
        ("silver", OVERDUE),
    ]
    assert (await town.get(one, SILVER)).receipt.state == OVERDUE
    late = await town.act("AcknowledgeAnnouncement", one, SILVER)
    assert late.receipt.state == ACKNOWLEDGED
    rows = (await town.act("ListCompanyReceipts", one, page_size=1)).company_receipts
    assert [(row.company_id, row.overdue) for row in rows] == [("co1", 0)]


async def test_receipts_are_walked_both_ways_and_read_by_services(town: Town) -> None:
    town.directory.add(*(partner(f"p{n:02}", f"co{n % 4}") for n in range(12)))
    one = await town.must_read(await town.channel())
    whole = await receipts(town, one, page_size=100)
    notifications = service_actor("search")
    walked: list[tuple[str, int]] = []
    token = ""
    while True:
        page = await town.act("ListReceipts", one, notifications, page_size=3, page_token=token)
        walked += [(receipt.person_id, receipt.state) for receipt in page.receipts]
        if not (token := page.next_page_token):
            break
    assert walked == whole
    back = await town.act("ListReceipts", one, page_size=5, backward=True)
    assert [(r.person_id, r.state) for r in back.receipts] == whole[-5:]
    company = await receipts(town, one, company_id="co2", page_size=100)
    first = await town.act("ListReceipts", one, company_id="co2", page_size=2)
    rest = await town.act(
        "ListReceipts", one, company_id="co2", page_size=50, page_token=first.next_page_token
    )
    assert [(r.person_id, r.state) for r in (*first.receipts, *rest.receipts)] == company
    asked = {"announcement_id": "nothing"}
    assert await refused(town, notifications, "ListReceipts", **asked) == GONE
    wrong = {"announcement_id": one.id, "states": [9]}
    assert await refused(town, CHIEF, "ListReceipts", **wrong) == ("FIELD_INVALID", "states")
    for rpc in ("GetReceiptSummary", "ListCompanyReceipts", "ListReceipts"):
        assert await refused(town, CHIEF, rpc, **asked) == GONE


# -- what is not read


async def test_unread_and_open_must_reads_are_counted_and_listed(town: Town) -> None:
    channel = await town.channel()
    plain = await town.published(channel)
    told = await town.published(channel, severity=pb.ANNOUNCEMENT_SEVERITY_MUST_READ)
    must = await town.must_read(channel)
    golden = await town.must_read(channel, audience_rule=GOLDEN)

    assert [await unread(town, actor) for actor in (GOLD, SILVER, OUTSIDER)] == [
        (4, 3),
        (3, 2),
        (0, 0),
    ]
    assert await town.ids(SILVER, open_must_reads=True) == [must.id, told.id]
    assert await above_the_feed(town, SILVER) == [must.id, told.id]
    assert await above_the_feed(town, OUTSIDER) == []
    assert await above_the_feed(town, OUTSIDER, "c1") == []
    await mark_seen(town, SILVER, plain.id, told.id, must.id)
    assert await unread(town, SILVER) == (0, 1)  # it is seen, but an acknowledgement is asked for
    assert await town.ids(SILVER, open_must_reads=True) == [must.id]
    await town.act("AcknowledgeAnnouncement", must, SILVER)
    assert await unread(town, SILVER) == (0, 0)
    assert await town.ids(SILVER, open_must_reads=True) == []
    assert await town.ids(GOLD, open_must_reads=True) == [golden.id, must.id, told.id]
    assert await above_the_feed(town, SILVER) == []
    assert await above_the_feed(town, GOLD, "c1") == [golden.id, must.id, told.id]


async def test_open_must_reads_of_many_communities_are_one_question(town: Town) -> None:
    one = await town.must_read(await town.channel(), audience_rule=GOLDEN)
    two = person_actor("chief", "c2", roles=["MANAGER"], company_id="vendor")
    other = await town.call(
        two, "CreateChannel", community_id="c2", slug="news", name="News", theme=4
    )
    town.directory.people["gold"] = ("co1", "", frozenset({*GOLD.keys("c1"), "community:c2"}))
    made = await town.call(
        two,
        "CreateAnnouncement",
        community_id="c2",
        channel_id=other.channel.id,
        title="Theirs",
        body="Text",
        severity=3,
    )
    theirs = made.announcement.id
    await town.call(two, "PublishAnnouncement", community_id="c2", announcement_id=theirs)
    await town.use_cases.freeze_audiences()
    list_open = town.world.repository.list_open_must_reads
    keyrings = {"c1": GOLD.keys("c1"), "c2": ("community:c2", "person:gold")}
    now = datetime.now(UTC)
    found = await list_open(keyrings, "gold", now, 10)
    assert [announcement.id for announcement in found] == [theirs, one.id]
    assert [a.id for a in await list_open(keyrings, "gold", now, 1)] == [theirs]
    assert [a.id for a in await list_open({"c2": keyrings["c2"]}, "gold", now, 10)] == [theirs]
    assert await list_open({"c1": SILVER.keys("c1")}, "silver", now, 10) == []
    await town.call(
        person_actor("gold", "c2"),
        "MarkAnnouncementsSeen",
        community_id="c2",
        announcement_ids=[theirs],
    )
    assert [a.id for a in await list_open(keyrings, "gold", now, 10)] == [one.id]


# -- by the hour


async def test_scheduled_is_published_when_it_is_due_and_expires_and_is_archived(
    town: Town,
) -> None:
    draft = await town.draft(await town.channel(), expire_time=ahead(days=20))
    await town.act("ScheduleAnnouncement", draft, publish_time=ahead(days=1))
    await town.wake(ahead(hours=23))
    assert await town.ids(GOLD) == []
    for _ in range(2):
        await town.wake(ahead(hours=25))
    assert await town.ids(GOLD) == [draft.id]
    await town.wake(ahead(days=21))
    assert (await town.get(draft, GOLD)).state == pb.ANNOUNCEMENT_STATE_EXPIRED
    await town.wake(ahead(days=21 + 91))
    assert (await town.get(draft, GOLD)).state == pb.ANNOUNCEMENT_STATE_ARCHIVED
    assert [name for name in await town.world.said() if name.startswith("Announcement")] == [
        "AnnouncementDrafted",
        "AnnouncementScheduled",
        "AnnouncementPublished",
        "AnnouncementExpired",
        "AnnouncementArchived",
    ]


async def test_without_an_expiry_it_stays_until_it_is_given_one(town: Town) -> None:
    one = await town.published(await town.channel())
    await town.wake(ahead(days=4000))
    assert (await town.get(one, GOLD)).state == pb.ANNOUNCEMENT_STATE_PUBLISHED
    assert await refused(town, CHIEF, "ArchiveAnnouncement", announcement_id=one.id) == WRONG_STATE
    await town.act("UpdateAnnouncement", one, expire_time=ahead(days=1))
    for days, state in ((1, "PUBLISHED"), (2, "EXPIRED"), (90, "EXPIRED"), (93, "ARCHIVED")):
        await town.wake(ahead(days=days, minutes=-1))
        got = (await town.get(one, GOLD)).state
        assert got == pb.AnnouncementState.Value(f"ANNOUNCEMENT_STATE_{state}"), days


async def test_two_replicas_that_wake_at_once_publish_once(town: Town) -> None:
    draft = await town.draft(await town.channel())
    await town.act("ScheduleAnnouncement", draft, publish_time=ahead(days=1))
    due = ahead(days=2)
    await asyncio.gather(*(town.use_cases.wake_due(due) for _ in range(3)))
    assert (await town.world.said()).count("AnnouncementPublished") == 1


async def test_scheduled_for_nobody_is_withdrawn_when_it_is_due(town: Town) -> None:
    draft = await town.draft(await town.channel(), audience_rule=GOLDEN)
    await town.act("ScheduleAnnouncement", draft, publish_time=ahead(days=1))
    del town.directory.people["gold"]
    await town.wake(ahead(days=2))
    gone = await town.get(draft)
    assert gone.state == pb.ANNOUNCEMENT_STATE_WITHDRAWN
    assert gone.state_reason == "Nobody fitted its audience when it was due."
    assert await refused(town, GOLD, "GetAnnouncement", announcement_id=draft.id) == GONE


async def test_reminder_is_due_two_days_before_the_deadline_once(town: Town) -> None:
    one = await town.must_read(await town.channel())
    about = {"announcement_id": one.id, "channel_id": one.channel_id}
    event = said.AnnouncementReminderDue(**about, deadline=one.deadline)
    await town.wake(ahead(days=7, hours=23))
    assert event not in await outbox(town.world.database)
    for _ in range(2):
        await town.wake(ahead(days=8, hours=1))
    assert (await outbox(town.world.database)).count(event) == 1
    version = (await town.get(one)).version
    assert version == one.version  # nothing that its managers changed
    later = (await town.act("UpdateAnnouncement", one, deadline=ahead(days=30))).announcement
    again = said.AnnouncementReminderDue(**about, deadline=later.deadline)
    for _ in range(2):
        await town.wake(ahead(days=29))
    said_then = await outbox(town.world.database)
    assert (said_then.count(event), said_then.count(again)) == (1, 1)


async def test_reminder_waits_until_the_list_is_whole(town: Town) -> None:
    draft = await town.draft(
        await town.channel(), severity=3, requires_acknowledgement=True, deadline=ahead(days=10)
    )
    await town.act("PublishAnnouncement", draft)
    before = await town.world.stored()
    await town.wake(ahead(days=9))
    assert await town.world.stored() == before
    await town.use_cases.freeze_audiences()
    await town.wake(ahead(days=9))
    assert (await town.world.said())[-2:] == [
        "AnnouncementAudienceFrozen",
        "AnnouncementReminderDue",
    ]


async def test_what_is_due_moves_on_though_the_list_was_finished_meanwhile(town: Town) -> None:
    """What was found as FREEZING is FROZEN when it is decided on."""
    draft = await town.draft(await town.channel(), expire_time=ahead(days=1))
    await town.act("PublishAnnouncement", draft)
    later = ahead(days=2)
    (found,) = await town.world.repository.find_due(later, 10)
    await town.use_cases.freeze_audiences()
    assert await town.use_cases._wake(found, later)
    assert (await town.get(draft)).state == pb.ANNOUNCEMENT_STATE_EXPIRED
    assert not await town.use_cases._wake(found, later)
    assert (await town.world.said()).count("AnnouncementExpired") == 1


async def test_what_its_manager_has_changed_meanwhile_is_looked_at_again(town: Town) -> None:
    one = await town.published(await town.channel(), expire_time=ahead(days=1))
    later = ahead(days=2)
    (found,) = await town.world.repository.find_due(later, 10)
    await town.act("UpdateAnnouncement", one, expire_time=ahead(days=1, hours=1))
    for _ in range(2):  # the second time the first answer is given again
        assert not await town.use_cases._wake(found, later)
    assert (await town.get(one)).state == pb.ANNOUNCEMENT_STATE_PUBLISHED
    assert await town.use_cases.wake_due(later) == 1
    assert await town.use_cases.wake_due(later) == 0
    assert (await town.get(one)).state == pb.ANNOUNCEMENT_STATE_EXPIRED


# -- where each reader is, across a change of the clocks


async def test_local_schedule_comes_with_each_reader_s_day_across_a_clock_change(
    town: Town,
) -> None:
    """Clocks of Berlin skip from 02:00 to 03:00 on March's last Sunday; those of Tokyo do not."""
    year = datetime.now(UTC).year + 1
    sunday = max(d for d in range(25, 32) if datetime(year, 3, d, tzinfo=UTC).weekday() == 6)
    day = datetime(year, 3, sunday, tzinfo=UTC)
    town.directory.add(GOLD, time_zone="Europe/Berlin")
    town.directory.add(SILVER, time_zone="Asia/Tokyo")
    draft = await town.draft(await town.channel())
    planned = await town.act("ScheduleAnnouncement", draft, wall_clock=f"{day:%Y-%m-%d}T02:30")
    assert planned.announcement.wall_clock == f"{day:%Y-%m-%d}T02:30"
    first = day + timedelta(hours=2, minutes=30) - timedelta(hours=14)
    await town.wake(first - timedelta(minutes=1))
    assert (await town.get(draft)).state == pb.ANNOUNCEMENT_STATE_SCHEDULED
    await town.wake(first)
    await town.use_cases.freeze_audiences()
    repository = town.world.repository
    announcement = await repository.find_announcement("c1", draft.id)
    assert announcement is not None
    assert announcement.audience_state is AudienceState.FROZEN

    async def shown(actor: Actor, now: datetime) -> bool:
        reader = Reader.of(actor, "c1")
        found = await repository.find_announcements(reader, [draft.id])
        return bool(await repository.copies(reader, found, (), now))

    minute = timedelta(minutes=1)
    for actor, due in (
        (SILVER, day - timedelta(hours=6, minutes=30)),  # 02:30 at UTC+9
        (GOLD, day + timedelta(hours=1, minutes=30)),  # clocks skip 02:30 and show 03:30
        (GERMAN, day + timedelta(hours=2, minutes=30)),  # of whom no zone is known
    ):
        assert [await shown(actor, due + step) for step in (-minute, 0 * minute)] == [False, True]
    assert await shown(CHIEF, first)  # managers see what they have planned


async def test_each_hour_that_comes_to_readers_is_told_once(town: Town) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=9)
    first = day - timedelta(hours=14)
    draft = await town.draft(await town.channel())
    await town.act("ScheduleAnnouncement", draft, wall_clock=f"{day:%Y-%m-%d}T00:00")
    plain = await town.published(await town.channel("plain"))
    version = (await town.get(draft)).version + 1
    assert await town.use_cases.tell_visible(first) == 0
    await town.wake(first)
    assert await town.use_cases.tell_visible(first) == 0  # the list is not whole
    await town.use_cases.freeze_audiences()
    (found,) = await town.world.repository.find_becoming_visible(first, 10)
    for hours, moved in ((0, 1), (0, 0), (0.25, 1), (1, 1), (1.2, 0), (20, 1), (26, 1), (27, 0)):
        assert await town.use_cases.tell_visible(first + timedelta(hours=hours)) == moved
    assert not await town.use_cases._tell_visible(found, first)  # another replica, late
    told = [
        one
        for one in await outbox(town.world.database)
        if isinstance(one, said.AnnouncementBecameVisible)
    ]
    expected = said.AnnouncementBecameVisible(announcement_id=draft.id, channel_id=draft.channel_id)
    assert told == [expected] * 5
    assert (await town.get(draft)).version == version
    assert (await town.get(plain)).state == pb.ANNOUNCEMENT_STATE_PUBLISHED


async def test_of_what_was_withdrawn_no_hour_is_told(town: Town) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=9)
    draft = await town.draft(await town.channel())
    await town.act("ScheduleAnnouncement", draft, wall_clock=f"{day:%Y-%m-%d}T00:00")
    await town.wake(day)
    await town.use_cases.freeze_audiences()
    (found,) = await town.world.repository.find_becoming_visible(day, 10)
    await town.act("WithdrawAnnouncement", draft, reason="wrong")
    assert not await town.use_cases._tell_visible(found, day)
    assert await town.use_cases.tell_visible(day) == 0
    assert "AnnouncementBecameVisible" not in await town.world.said()


# -- thousands


async def test_five_thousand_are_told_and_see_it_and_are_counted_by_company(town: Town) -> None:
    people = [partner(f"m{n:05}", f"co{n % 50:02}") for n in range(5000)]
    town.directory.add(*people)
    town.directory.page = 2000
    one = await town.must_read(await town.channel())
    assert await summary(town, one) == (5004, 53, 0, 0, 0)
    repository = town.world.repository
    announcement = await repository.find_announcement("c1", one.id)
    assert announcement is not None
    now = datetime.now(UTC)

    async def see(actor: Actor) -> None:
        company_id = actor.memberships["c1"].company_id
        await repository.mark_seen([announcement], actor.person_id, company_id, now)

    for start in range(0, 1000, 20):
        await asyncio.gather(*map(see, people[start : start + 20]))
    assert await summary(town, one) == (5004, 53, 1000, 0, 0)
    rows = (await town.act("ListCompanyReceipts", one, page_size=100)).company_receipts
    assert sum(row.seen for row in rows) == 1000
    assert {(row.people, row.seen) for row in rows if row.company_id > "co09"} >= {(100, 20)}
    plan = await town.world.database.command(
        "explain",
        {
            "aggregate": "receipts",
            "pipeline": [
                {
                    "$match": {
                        "community_id": "c1",
                        "announcement_id": one.id,
                        "company_id": {"$in": ["co07"]},
                        "in_audience": True,
                    }
                },
                {"$group": {"_id": "$company_id", "people": {"$sum": 1}}},
            ],
            "hint": "receipt_page",
            "cursor": {},
        },
        verbosity="executionStats",
    )
    stages = str(plan)
    assert "'totalDocsExamined': 0" in stages  # from the index alone
    examined = re.search(r"'totalKeysExamined': (\d+)", stages)
    assert examined is not None
    assert 100 <= int(examined[1]) <= 102  # that company's people, not the announcement's


# -- for who is written to


async def test_copies_are_in_each_ones_language_and_behind_the_walls_of_now(town: Town) -> None:
    notifications = service_actor("notifications")
    channel = await town.channel()
    one = await town.must_read(channel, audience_rule=pb.AudienceRule(tiers=["silver"]))
    text = {"title": "Neue Margen", "body": "Sie sind *besser*."}
    about = {"announcement_id": one.id, "locale": "de", **text}
    await town.call(CHIEF, "PutTranslation", **about)
    await mark_seen(town, SILVER, one.id)
    people = ["silver", "german", "gold", "chief", "nobody", "silver"]

    async def copies() -> pb.BatchGetAnnouncementCopiesResponse:
        answer: pb.BatchGetAnnouncementCopiesResponse = await town.act(
            "BatchGetAnnouncementCopies", one, notifications, person_ids=people
        )
        return answer

    got = await copies()
    assert got.state == pb.ANNOUNCEMENT_STATE_PUBLISHED
    assert [(c.person_id, c.locale, c.receipt_state) for c in got.announcement_copies] == [
        ("silver", "en", SEEN),
        ("german", "de", DELIVERED),
    ]
    assert [(text.locale, text.title) for text in got.announcements] == [
        ("en", "New margins"),
        ("de", "Neue Margen"),
    ]
    assert not any(text.HasField("receipt") for text in got.announcements)
    assert not any(text.HasField("audience_rule") for text in got.announcements)
    del town.directory.people["german"]  # has left
    assert [c.person_id for c in (await copies()).announcement_copies] == ["silver"]
    await town.act("WithdrawAnnouncement", one, reason="wrong")
    assert (await copies()).state == pb.ANNOUNCEMENT_STATE_WITHDRAWN
    assert [text.body for text in (await copies()).announcements] == [""]


async def test_copies_are_for_notifications_alone(town: Town) -> None:
    one = await town.must_read(await town.channel())
    asked: dict[str, Any] = {"announcement_id": one.id, "person_ids": ["gold"]}
    rpc = "BatchGetAnnouncementCopies"
    others = [service_actor(name) for name in ("gateway", "search", "moderation")]
    for actor in (CHIEF, GOLD, OUTSIDER, *others):
        assert await refused(town, actor, rpc, **asked) == ("ROLE_REQUIRED", "")
    notifications = service_actor("notifications")
    gone = {**asked, "announcement_id": "nothing"}
    assert await refused(town, notifications, rpc, **gone) == GONE
    elsewhere = {**asked, "community_id": "c2"}
    assert await refused(town, notifications, rpc, **elsewhere) == GONE
    many = {**asked, "person_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "person_ids")
    assert await refused(town, notifications, rpc, **many) == refusal


async def test_a_frozen_audience_says_whether_it_must_read(town: Town) -> None:
    channel = await town.channel()
    asked, told = await town.must_read(channel), await town.published(channel)
    frozen = {
        event.announcement_id: event.must_read
        for event in await outbox(town.world.database)
        if isinstance(event, said.AnnouncementAudienceFrozen)
    }
    assert frozen == {asked.id: True, told.id: False}
