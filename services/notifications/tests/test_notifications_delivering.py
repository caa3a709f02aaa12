"""Deliveries that are due, to a real receiver: signed, tried again, and never told past a wall."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from standardwebhooks.webhooks import WebhookVerificationError

from chassis import moment, telemetry
from chassis.errors import UnavailableError
from chassis.global_ids import global_id
from chassis.outgoing import Outgoing
from chassis.testing import free_port, outbox
from guildhall.forum.v1 import domain_events_pb2 as events
from guildhall.notifications.v1 import domain_events_pb2 as said
from guildhall.notifications.v1 import webhooks_pb2 as pb
from services.notifications.jobs import WebhookJobs
from services.notifications.tests.receiving import (
    GONE,
    IN_SIGHT,
    KEY,
    SECONDS,
    UPCOMING,
    Desk,
)
from services.notifications.use_cases.delivering import (
    LEASE,
    MOST_OF_ONE,
    DeliveringUseCases,
)

PUBLISHED = events.TopicPublished(topic_id="t1", space_id="s1", author_id="asker")
HIDDEN = events.TopicHidden(topic_id="t1")
ALL_TYPES = [one for one in pb.WebhookEventType.values() if 0 < one < 100]


async def test_what_happens_is_told_once_and_signed(desk: Desk) -> None:
    secret = (await desk.create()).secret
    await desk.hear(PUBLISHED)
    await desk.hear(PUBLISHED)  # heard twice
    await desk.delivering.send_due()
    await desk.delivering.send_due()
    (got,) = desk.receiver.got
    payload = got.verified(secret)
    row = await desk.only()
    assert payload == {
        "type": "TopicPublished",
        "timestamp": row["event_time"].isoformat().replace("+00:00", "Z"),
        "data": {"communityId": "Q29tbXVuaXR5OmMxOmMx", "topicId": "VG9waWM6YzE6dDE"},
    }
    assert got.headers["webhook-id"] == row["_id"]
    assert got.headers["content-type"] == "application/json"
    assert (row["state"], row["attempts"], row["last_status"]) == ("DELIVERED", 1, 200)
    await desk.hear(PUBLISHED)  # once more, late
    await desk.delivering.send_due()
    assert len(desk.receiver.got) == 1


async def test_a_payload_has_the_ids_that_graphql_knows(desk: Desk) -> None:
    secret = (await desk.create(event_types=ALL_TYPES)).secret
    reply = global_id("Reply", "c1", "t1.r1")
    topic, other = global_id("Topic", "c1", "t1"), global_id("Topic", "c1", "t2")
    announcement = global_id("Announcement", "c1", "a1")
    for message, data in (
        (events.ReplyPublished(topic_id="t1", reply_id="r1", author_id="ben"),
         {"topicId": topic, "replyId": reply}),
        (events.ReplyAccepted(topic_id="t1", reply_id="r1", replaced_reply_id="r0"),
         {"topicId": topic, "replyId": reply}),
        (events.TopicMerged(topic_id="t1", into_topic_id="t2"),
         {"topicId": topic, "intoTopicId": other}),
        (events.TopicMoved(topic_id="t1", space_id="s1", from_space_id="s2"), {"topicId": topic}),
        (events.AnnouncementPublished(announcement_id="a1", channel_id="ch1"),
         {"announcementId": announcement}),
    ):  # fmt: skip
        await desk.hear(message, type(message).__name__)
        await desk.delivering.send_due()
        got = desk.receiver.got[-1].verified(secret)
        assert got["type"] == type(message).__name__
        assert got["data"] == {"communityId": "Q29tbXVuaXR5OmMxOmMx", **data}
        assert set(got) == {"type", "timestamp", "data"}


async def test_each_attempt_has_the_same_id_and_is_signed_anew(desk: Desk) -> None:
    desk.receiver.does = [500, 503]
    secret = (await desk.create()).secret
    await desk.hear(PUBLISHED)
    await desk.delivering.send_due()
    row = await desk.only()
    assert (row["state"], row["attempts"]) == ("QUEUED", 1)
    assert (row["last_status"], row["last_error"]) == (500, "STATUS")
    pause = (row["due_time"] - row["change_time"]).total_seconds()
    assert 48 <= pause <= 72
    await desk.delivering.send_due()  # not due yet
    assert len(desk.receiver.got) == 1
    for _ in range(2):
        await desk.make_due()
        await desk.delivering.send_due()
    assert await desk.deliveries() == [("DELIVERED", "", 3)]
    assert {one.headers["webhook-id"] for one in desk.receiver.got} == {row["_id"]}
    bodies = [one.verified(secret) for one in desk.receiver.got]
    assert bodies[0] == bodies[1] == bodies[2]


async def test_after_six_attempts_it_has_failed(desk: Desk) -> None:
    desk.receiver.does = [500] * 6
    await desk.create()
    await desk.hear(PUBLISHED)
    for _ in range(8):
        await desk.delivering.send_due()
        await desk.make_due()
    assert await desk.deliveries() == [("FAILED", "EXHAUSTED", 6)]
    assert len(desk.receiver.got) == 6


async def test_a_receiver_that_is_gone_is_told_nothing_more(desk: Desk) -> None:
    desk.receiver.does = [500, 410]
    webhook = (await desk.create()).webhook
    await desk.hear(PUBLISHED)
    await desk.delivering.send_due()  # 500: it waits for its next attempt
    await desk.hear(HIDDEN, "e2")
    await desk.delivering.send_due()  # 410
    assert await desk.deliveries() == [("DROPPED", "DISABLED", 1), ("FAILED", "GONE", 1)]
    now = (await desk.call("GetWebhook", webhook_id=webhook.id)).webhook
    assert now.state == pb.WEBHOOK_STATE_DISABLED
    assert now.disable_reason == pb.WEBHOOK_DISABLE_REASON_GONE
    assert said.WebhookDisabled(webhook_id=webhook.id) in await outbox(desk.database)
    row = await desk.database.outbox.find_one({"type": {"$regex": "WebhookDisabled$"}})
    assert row is not None
    assert row["actor"] == "service:notifications"
    await desk.hear(PUBLISHED, "e3")
    await desk.make_due()
    await desk.delivering.send_due()
    assert len(desk.receiver.got) == 2


@pytest.mark.parametrize(
    ("does", "error", "status"),
    [
        ("silent", "TOO_SLOW", 0),
        ("close", "NO_ANSWER", 0),
        (302, "REDIRECT", 302),
        (404, "STATUS", 404),
    ],
)
async def test_whatever_is_no_success_is_tried_again(
    desk: Desk, does: int | str, error: str, status: int
) -> None:
    desk.receiver.does = [does]
    await desk.create()
    await desk.hear(PUBLISHED)
    await desk.delivering.send_due()
    row = await desk.only()
    assert (row["state"], row["last_error"], row["last_status"]) == ("QUEUED", error, status)
    assert [one.path for one in desk.receiver.got] == ["/hook"]  # no redirect was followed
    await desk.make_due()
    await desk.delivering.send_due()
    assert await desk.deliveries() == [("DELIVERED", "", 2)]


async def test_nobody_listens(desk: Desk) -> None:
    await desk.create(url=f"http://127.0.0.1:{free_port()}/")
    await desk.hear(PUBLISHED)
    await desk.delivering.send_due()
    row = await desk.only()
    assert (row["state"], row["last_error"]) == ("QUEUED", "NO_ANSWER")


async def test_our_own_network_is_never_asked(desk: Desk) -> None:
    """Whatever name leads there when it is asked."""
    await desk.create(url="https://localhost/hook")
    await desk.hear(PUBLISHED)
    outside = Outgoing(seconds=SECONDS)
    openness = desk.delivering._openness
    delivering = DeliveringUseCases(desk.repository, desk.webhooks, openness, outside, KEY)
    await delivering.send_due()
    await outside.aclose()
    row = await desk.only()
    assert (row["state"], row["last_error"]) == ("QUEUED", "ADDRESS_REFUSED")


async def test_who_dies_between_mark_and_end_sends_it_again_under_its_id(desk: Desk) -> None:
    await desk.create()
    await desk.hear(PUBLISHED)
    desk.receiver.holds["/hook"] = asyncio.Event()
    job = asyncio.create_task(desk.delivering.send_due())
    await desk.receiver.until(1)
    job.cancel()
    await asyncio.wait([job])
    assert job.cancelled()
    row = await desk.only()
    assert (row["state"], row["attempts"]) == ("SENDING", 0)
    assert moment.now() < row["due_time"] <= moment.now() + LEASE
    desk.receiver.holds.pop("/hook").set()
    await desk.delivering.send_due()  # the lease holds
    assert len(desk.receiver.got) == 1
    await desk.make_due()
    await desk.delivering.send_due()
    assert {one.headers["webhook-id"] for one in desk.receiver.got} == {row["_id"]}
    assert len(desk.receiver.got) == 2
    assert await desk.deliveries() == [("DELIVERED", "", 1)]


async def test_after_a_rotation_both_secrets_sign_for_a_day(desk: Desk) -> None:
    made = await desk.create()
    about: dict[str, Any] = {"webhook_id": made.webhook.id}
    rotated = (await desk.call("RotateWebhookSecret", **about)).secret
    assert rotated != made.secret
    await desk.hear(PUBLISHED)
    await desk.delivering.send_due()
    assert desk.receiver.got[0].verified(made.secret) == desk.receiver.got[0].verified(rotated)
    yesterday = moment.now() - timedelta(hours=24)
    await desk.database.webhooks.update_one({}, {"$set": {"rotate_time": yesterday}})
    await desk.hear(HIDDEN, "e2")
    await desk.delivering.send_due()
    assert desk.receiver.got[1].verified(rotated)["type"] == "TopicHidden"
    with pytest.raises(WebhookVerificationError):
        desk.receiver.got[1].verified(made.secret)


async def test_a_slow_receiver_holds_up_nobody_else(desk: Desk) -> None:
    await desk.create("/slow")
    await desk.create("/quick")
    desk.receiver.holds["/slow"] = asyncio.Event()
    for number in range(12):
        await desk.hear(PUBLISHED, f"e{number}")
    job = asyncio.create_task(desk.delivering.send_due())
    await desk.receiver.until(12, "/quick")
    desk.receiver.holds.pop("/slow").set()
    await job
    # Those that were too slow count as failures, and others may have gone out since.
    assert desk.receiver.most_at_once["/slow"] <= MOST_OF_ONE
    assert {state for state, _, _ in await desk.deliveries()} <= {"DELIVERED", "QUEUED"}


async def test_one_that_fails_is_tried_one_at_a_time(desk: Desk) -> None:
    await desk.create()
    for number in range(6):
        await desk.hear(PUBLISHED, f"e{number}")

    async def under_way() -> int:
        return await desk.database.deliveries.count_documents({"state": "SENDING"})

    held = desk.receiver.holds["/hook"] = asyncio.Event()
    desk.receiver.does = [500] * 6
    job = asyncio.create_task(desk.delivering.send_due())
    await desk.receiver.until(MOST_OF_ONE)
    assert await under_way() == MOST_OF_ONE
    held.set()
    await job
    await desk.make_due()
    desk.receiver.got.clear()
    held.clear()
    job = asyncio.create_task(desk.delivering.send_due())
    await desk.receiver.until(1)
    assert await under_way() == 1
    held.set()
    await job
    assert {attempts for _, _, attempts in await desk.deliveries()} == {2}


# -- walls


@pytest.mark.parametrize(
    "message",
    [
        events.TopicPublished(topic_id="narrow", space_id="s9"),
        events.TopicEdited(topic_id="narrow"),
        events.TopicHidden(topic_id="narrow"),
        events.TopicRemoved(topic_id="narrow"),
        events.TopicMoved(topic_id="narrow", space_id="s9", from_space_id="s1"),
        events.TopicMerged(topic_id="t1", into_topic_id="narrow"),
        events.TopicMerged(topic_id="narrow", into_topic_id="t1"),
        events.ReplyPublished(topic_id="narrow", reply_id="r1"),
        events.ReplyHidden(topic_id="t1", reply_id="narrow"),
        events.ReplyRemoved(topic_id="narrow", reply_id="narrow"),
        events.AnnouncementPublished(announcement_id="narrow", channel_id="c9"),
        events.AnnouncementWithdrawn(announcement_id="narrow", channel_id="c9"),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_what_not_everybody_may_read_is_told_nobody(desk: Desk, message: Message) -> None:
    await desk.create(event_types=ALL_TYPES)
    await desk.hear(message)
    await desk.delivering.send_due()
    assert await desk.deliveries() == [("DROPPED", "UNREADABLE", 0)]
    assert desk.receiver.got == []


async def test_much_that_is_not_told_holds_up_nothing(desk: Desk) -> None:
    await desk.create()
    hidden = events.TopicPublished(topic_id="narrow", space_id="s9")
    for number in range(3 * MOST_OF_ONE):
        await desk.hear(hidden, f"e{number}")
    await desk.hear(PUBLISHED, "last")
    await desk.delivering.send_due()
    states = [state for state, _, _ in await desk.deliveries()]
    assert sorted(states) == ["DELIVERED"] + ["DROPPED"] * 3 * MOST_OF_ONE


async def test_one_that_cannot_be_sent_holds_up_nothing(desk: Desk) -> None:
    """What is stored of a webhook is no address any more, say."""
    broken = (await desk.create("/broken")).webhook.id
    await desk.create()
    await desk.hear(PUBLISHED)
    no_text = {"$set": {"url": 7}}
    await desk.database.webhooks.update_one({"_id": broken}, no_text)
    await desk.delivering.send_due()
    states = {
        row["webhook_id"] == broken: row["state"] async for row in desk.database.deliveries.find()
    }
    assert states == {True: "SENDING", False: "DELIVERED"}


async def test_what_went_out_of_sight_is_told_as_that_alone(desk: Desk) -> None:
    await desk.create(event_types=ALL_TYPES)
    desk.forum.topics["t1"] = GONE
    await desk.hear(PUBLISHED, "e1")
    await desk.delivering.send_due()
    assert await desk.deliveries() == [("DROPPED", "UNREADABLE", 0)]
    for number, message in enumerate((HIDDEN, events.TopicRemoved(topic_id="t1"))):
        await desk.hear(message, f"gone{number}")
    await desk.delivering.send_due()
    assert len(desk.receiver.got) == 2


async def test_the_wall_is_that_of_when_it_is_sent(desk: Desk) -> None:
    desk.receiver.does = [500]
    await desk.create()
    await desk.hear(PUBLISHED)
    await desk.delivering.send_due()
    del desk.forum.topics["t1"]  # its space was narrowed
    await desk.make_due()
    await desk.delivering.send_due()
    assert await desk.deliveries() == [("DROPPED", "UNREADABLE", 1)]
    assert len(desk.receiver.got) == 1


async def test_an_announcement_is_told_when_its_hour_has_come_everywhere(desk: Desk) -> None:
    await desk.create(event_types=ALL_TYPES)
    desk.forum.announcements["a1"] = UPCOMING
    await desk.hear(events.AnnouncementPublished(announcement_id="a1", channel_id="c1"))
    await desk.delivering.send_due()
    row = await desk.only()
    assert (row["state"], row["attempts"]) == ("QUEUED", 0)
    assert row["due_time"] > moment.now()
    desk.forum.announcements["a1"] = IN_SIGHT
    await desk.make_due()
    await desk.delivering.send_due()
    assert await desk.deliveries() == [("DELIVERED", "", 1)]


async def test_while_the_forum_is_away_all_waits(desk: Desk) -> None:
    desk.forum.away = True
    await desk.create()
    await desk.hear(PUBLISHED)
    with pytest.raises(UnavailableError):
        await desk.delivering.send_due()
    assert await desk.deliveries() == [("QUEUED", "", 0)]
    assert desk.receiver.got == []
    desk.forum.away = False
    await desk.make_due()
    await WebhookJobs(desk.delivering).send_deliveries()
    assert await desk.deliveries() == [("DELIVERED", "", 1)]


# -- webhooks that end


@pytest.mark.parametrize(
    ("rpc", "change", "reason"),
    [("UpdateWebhook", {"enabled": False}, "DISABLED"), ("DeleteWebhook", {}, "DELETED")],
)
async def test_nothing_is_sent_to_one_that_is_disabled_or_deleted(
    desk: Desk, rpc: str, change: dict[str, Any], reason: str
) -> None:
    webhook = (await desk.create()).webhook
    await desk.hear(PUBLISHED)
    await desk.call(rpc, webhook_id=webhook.id, **change)
    assert await desk.deliveries() == [("DROPPED", reason, 0)]
    # And where whoever did it died before what waited was dropped.
    fresh = {"state": "QUEUED", "reason": "", "due_time": moment.now()}
    await desk.database.deliveries.update_many({}, {"$set": fresh})
    await desk.delivering.send_due()
    assert await desk.deliveries() == [("DROPPED", reason, 0)]
    await desk.hear(HIDDEN, "e2")
    assert len(await desk.deliveries()) == 1
    assert desk.receiver.got == []


async def test_three_days_without_a_success_disable_it(desk: Desk) -> None:
    webhook = (await desk.create()).webhook
    about: dict[str, Any] = {"webhook_id": webhook.id}

    async def fail(number: int, days: float) -> pb.Webhook:
        desk.receiver.does = [500]
        since = {"$set": {"since": moment.now() - timedelta(days=days)}}
        await desk.database.webhook_failures.update_many({}, since)
        await desk.hear(PUBLISHED, f"e{number}")
        await desk.delivering.send_due()
        found: pb.Webhook = (await desk.call("GetWebhook", **about)).webhook
        return found

    assert (await fail(1, 0)).state == pb.WEBHOOK_STATE_ENABLED
    assert (await fail(2, 2.9)).state == pb.WEBHOOK_STATE_ENABLED
    await desk.hear(PUBLISHED, "good")  # a success in between: counted anew
    await desk.delivering.send_due()
    assert await desk.database.webhook_failures.count_documents({}) == 0
    assert (await fail(3, 3)).state == pb.WEBHOOK_STATE_ENABLED
    ended = await fail(4, 3)
    assert ended.disable_reason == pb.WEBHOOK_DISABLE_REASON_FAILING
    await desk.call("UpdateWebhook", **about, enabled=True)
    assert await desk.database.webhook_failures.count_documents({}) == 0
    assert (await fail(5, 3)).state == pb.WEBHOOK_STATE_ENABLED


async def test_how_much_waits_is_told(desk: Desk) -> None:
    await desk.create()
    await desk.hear(PUBLISHED)
    await WebhookJobs(desk.delivering).measure_deliveries()
    assert telemetry.WEBHOOK_DELIVERIES_QUEUED._value.get() == 1
    await desk.delivering.send_due()
    await WebhookJobs(desk.delivering).measure_deliveries()
    assert telemetry.WEBHOOK_DELIVERIES_QUEUED._value.get() == 0


async def test_what_is_due_is_found_by_webhook_along_the_index(desk: Desk) -> None:
    for path in ("/a", "/b", "/c"):
        await desk.create(path)
    for number in range(5):
        await desk.hear(PUBLISHED, f"e{number}")
    found = [one async for one in desk.repository.due_webhooks(moment.now(), "")]
    ids = sorted([row["_id"] async for row in desk.database.webhooks.find()])
    assert found == [("c1", id_) for id_ in ids]
    turned = [id_ async for _, id_ in desk.repository.due_webhooks(moment.now(), ids[0])]
    assert turned == [*ids[1:], ids[0]]
