"""Forum domain events, each heard twice, in whatever order they come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis import moment
from chassis.moment import cut
from chassis.testing import stored
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import announcements_pb2 as forum_pb
from guildhall.forum.v1 import domain_events_pb2 as events
from guildhall.notifications.v1 import webhooks_pb2 as wpb
from services.notifications.consumers import NotificationsConsumers
from services.notifications.domain import MailKind, MailState
from services.notifications.domain.webhooks import TOLD
from services.notifications.tests.conftest import TIME, House, now, said
from services.notifications.tests.receiving import Desk
from services.notifications.tests.receiving import said as told

FROZEN = events.AnnouncementAudienceFrozen(announcement_id="a1", must_read=True)
REMINDER = events.AnnouncementReminderDue(
    announcement_id="a1", deadline=timestamp_of(TIME + timedelta(days=2))
)
IMPORTED = events.Submission(imported=True)
WITHDRAWN = events.AnnouncementWithdrawn(announcement_id="a1")


async def hear_twice(house: House, message: Message) -> None:
    """The second time nothing changes."""
    consumers = NotificationsConsumers(house.repository, mails=True, webhooks=False)
    handler: Any = consumers.of_forum().handlers[type(message)]
    await house.store(await handler(said(message)))
    after = await stored(house.database)
    await house.store(await handler(said(message)))
    assert await stored(house.database) == after


async def steps(house: House) -> dict[str, str]:
    rows = house.database.mailings.find()
    return {row["kind"]: row.get("step", "") async for row in rows}


async def test_who_is_on_the_list_of_a_must_read_is_written_to(house: House) -> None:
    await hear_twice(house, FROZEN)
    assert await steps(house) == {"ANNOUNCEMENT": "LIST"}
    await house.listing.list_mailings(now())
    await hear_twice(house, FROZEN)  # late
    assert await steps(house) == {"ANNOUNCEMENT": ""}
    assert await house.mails() == {"ann": ("QUEUED", ""), "ben": ("QUEUED", "")}


async def test_what_need_not_be_read_is_not_mailed(house: House) -> None:
    before = await stored(house.database)
    await hear_twice(house, events.AnnouncementAudienceFrozen(announcement_id="a1"))
    assert await stored(house.database) == before


async def test_who_is_to_acknowledge_is_reminded(house: House) -> None:
    house.person("zoe", state=forum_pb.RECEIPT_STATE_ACKNOWLEDGED)
    house.person("una", state=forum_pb.RECEIPT_STATE_SEEN)
    await hear_twice(house, REMINDER)
    await house.listing.list_mailings(now())
    assert list(await house.mails()) == ["ann", "ben", "una"]
    counts = await house.repository.count("c1", "a1")
    assert list(counts) == [MailKind.REMINDER]


async def test_who_was_reminded_is_reminded_again_of_another_deadline(house: House) -> None:
    for days in (2, 9):
        deadline = timestamp_of(cut(now(days=days)))
        house.text("en", "New margins", deadline=deadline)
        event = events.AnnouncementReminderDue(announcement_id="a1", deadline=deadline)
        await hear_twice(house, event)
        await house.listing.list_mailings(now())
        assert await house.sending.send_due(now()) == 2
        await hear_twice(house, event)  # late
        await house.listing.list_mailings(now())
        assert await house.sending.send_due(now()) == 0
        house.forum.people["ann"].state = forum_pb.RECEIPT_STATE_ACKNOWLEDGED
        house.person("cem")  # so that two are written to
    ann, ben, cem = (f"{one}@kestrel.example" for one in ("ann", "ben", "cem"))
    assert sorted(house.post.recipients) == [ann, ben, ben, cem]
    counts = await house.repository.count("c1", "a1")
    assert counts == {MailKind.REMINDER: {MailState.SENT: 4}}


async def test_a_reminder_that_does_not_tell_its_deadline_is_one_as_before(house: House) -> None:
    """What was said before the event told it."""
    house.text("en", "New margins", deadline=timestamp_of(now(days=2)))
    await hear_twice(house, events.AnnouncementReminderDue(announcement_id="a1"))
    await house.listing.list_mailings(now())
    unset = {"$unset": {"deadline": ""}}
    await house.database.mails.update_many({}, unset)
    await house.database.mailings.update_many({}, unset)
    assert await house.sending.send_due(now()) == 2


async def test_what_was_withdrawn_is_not_sent(house: House) -> None:
    await house.begin()
    await house.begin(MailKind.REMINDER, TIME)
    await house.begin(MailKind.REMINDER, TIME + timedelta(days=7))
    await hear_twice(house, WITHDRAWN)
    house.forum.state = forum_pb.ANNOUNCEMENT_STATE_WITHDRAWN
    assert await house.listing.list_mailings(now()) == 3
    assert set((await house.mails()).values()) == {("DROPPED", "ENDED")}
    await hear_twice(house, WITHDRAWN)
    await house.listing.list_mailings(now())
    assert await house.listing.list_mailings(now()) == 0
    assert await house.sending.send_due(now()) == 0
    assert house.post.taken == []


@pytest.mark.parametrize("first", [FROZEN, REMINDER])
async def test_withdrawn_before_anything_else_nobody_is_listed(
    house: House, first: Message
) -> None:
    before = await stored(house.database)
    await hear_twice(house, WITHDRAWN)
    assert await stored(house.database) == before
    house.forum.state = forum_pb.ANNOUNCEMENT_STATE_WITHDRAWN
    await hear_twice(house, first)
    await house.listing.list_mailings(now())
    assert await house.mails() == {}
    assert house.forum.listed == 0
    assert await house.listing.list_mailings(now()) == 0


async def test_without_a_mail_server_nothing_comes_of_it(house: House) -> None:
    consumers = NotificationsConsumers(house.repository, mails=False, webhooks=False)
    assert consumers.of_forum().handlers == {}


# -- webhooks


async def test_each_webhook_that_wants_it_is_told_once(desk: Desk) -> None:
    wanting = [(await desk.create(f"/{number}")).webhook.id for number in range(2)]
    edited = [wpb.WEBHOOK_EVENT_TYPE_TOPIC_EDITED]
    await desk.create("/edits", event_types=edited)
    off = (await desk.create("/off")).webhook.id
    await desk.call("UpdateWebhook", webhook_id=off, enabled=False)
    message = events.TopicPublished(topic_id="t1", space_id="the-space", author_id="the-author")
    await desk.hear(message)
    after = await stored(desk.database)
    await desk.hear(message)
    assert await stored(desk.database) == after
    rows = await desk.database.deliveries.find().to_list()
    assert sorted(row["webhook_id"] for row in rows) == sorted(wanting)
    assert "the-author" not in str(rows)  # nor who did it, nor where it was
    assert "the-space" not in str(rows)
    await desk.hear(message, "e2", community_id="c2")
    assert await stored(desk.database) == after


@pytest.mark.parametrize(
    ("message", "age"),
    [
        (events.TopicPublished(topic_id="t1", submission=IMPORTED), timedelta()),
        (events.ReplyPublished(reply_id="r1", submission=IMPORTED), timedelta()),
        (events.TopicPublished(topic_id="t1"), timedelta(days=14)),
    ],
)
async def test_what_was_imported_or_is_long_past_is_not_told(
    desk: Desk, message: Message, age: timedelta
) -> None:
    types = [wpb.WEBHOOK_EVENT_TYPE_TOPIC_PUBLISHED, wpb.WEBHOOK_EVENT_TYPE_REPLY_PUBLISHED]
    await desk.create(event_types=types)
    made = {"$set": {"enable_time": moment.now() - timedelta(days=30)}}
    await desk.database.webhooks.update_many({}, made)
    before = await stored(desk.database)
    await desk.hear(message, time=moment.now() - age)
    assert await stored(desk.database) == before


async def test_a_withdrawal_stops_mails_and_is_told(house: House, desk: Desk) -> None:
    """Both hear it of one subscription, which narrows what is delivered by aggregate."""
    await house.begin()
    await desk.create(event_types=[wpb.WEBHOOK_EVENT_TYPE_ANNOUNCEMENT_WITHDRAWN])
    consumers = NotificationsConsumers(house.repository, mails=True, webhooks=True)
    subscription = consumers.of_forum()
    handler: Any = subscription.handlers[events.AnnouncementWithdrawn]
    await house.store(await handler(told(WITHDRAWN)))
    assert await steps(house) == {"ANNOUNCEMENT": "DROP"}
    assert len(await desk.deliveries()) == 1
    assert set(subscription.aggregate_types) == {"announcement", "topic"}
    names = {kind.__name__ for kind in subscription.handlers}
    assert names == {*TOLD, "AnnouncementAudienceFrozen", "AnnouncementReminderDue"}
