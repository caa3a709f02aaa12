"""Mails that are due, to a real mail server: taken, refused, lost, and sent once more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from chassis import telemetry
from chassis.errors import UnavailableError
from chassis.moment import cut
from chassis.testing import free_port, stored
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import announcements_pb2 as forum_pb
from services.notifications.domain import Mailing, MailKind, MailState, Outcome
from services.notifications.jobs import NotificationsJobs
from services.notifications.repository import NotificationsRepository
from services.notifications.repository.smtp import MailServer, MailServerAwayError
from services.notifications.tests.conftest import TIME, House, now
from services.notifications.use_cases.sending import LEASE

ANN, BEN = "ann@kestrel.example", "ben@kestrel.example"
BOTH_SENT = {"ann": ("SENT", ""), "ben": ("SENT", "")}


async def attempts(house: House) -> list[int]:
    return [row["attempts"] async for row in house.database.mails.find().sort("person_id", 1)]


async def test_each_is_sent_their_own_copy_once(house: House) -> None:
    house.text("de", "Neue Margen", body="Besser.", body_html="<p>Besser.</p>")
    house.person("ben", locale="de")
    await house.begin()
    assert await house.sending.send_due(now()) == 2
    subjects = {str(one["To"]): one["Subject"] for one in house.post.taken}
    assert subjects == {ANN: "New margins", BEN: "Neue Margen"}
    assert sorted(house.post.recipients) == [ANN, BEN]
    assert await house.mails() == BOTH_SENT
    assert await attempts(house) == [1, 1]
    await house.begin()
    assert await house.sending.send_due(now(days=2)) == 0


async def test_what_was_done_long_ago_is_not_looked_at_again(house: House) -> None:
    """What waits is found and counted without those that were ever mailed."""
    people = {f"p{number:03}": TIME for number in range(200)}
    for number in range(20):
        mailing = Mailing("c1", f"old{number}", MailKind.ANNOUNCEMENT)
        await house.database.mailings.insert_one({"_id": mailing.id, "community_id": "c1"})
    await house.repository.queue(Mailing("c1", "a9", MailKind.ANNOUNCEMENT), people, "")
    await house.database.mails.update_many(
        {}, {"$set": {"state": "SENT"}, "$unset": {"due_time": 1}}
    )
    await house.begin()
    await house.database.command("profile", 2)
    assert await house.repository.find_unfinished(10) == []
    assert (await house.repository.measure())[0] == 2
    assert len(await house.repository.claim(now(), LEASE, 10)) == 2
    await house.database.command("profile", 0)
    spaces = {"$in": [f"{house.database.name}.mails", f"{house.database.name}.mailings"]}
    done = await house.database["system.profile"].find({"ns": spaces}).to_list()
    assert len(done) >= 5
    assert max(one.get("docsExamined", 0) for one in done) <= 2


async def test_who_may_not_read_it_any_more_gets_none(house: House) -> None:
    await house.begin()
    house.forum.people["ann"].readable = False  # has left, or the audience was narrowed
    del house.directory.emails["ben"]
    await house.sending.send_due(now())
    assert await house.mails() == {
        "ann": ("DROPPED", "UNREADABLE"),
        "ben": ("DROPPED", "NO_ADDRESS"),
    }
    assert house.post.taken == []


@pytest.mark.parametrize(
    "state",
    [forum_pb.ANNOUNCEMENT_STATE_WITHDRAWN, forum_pb.ANNOUNCEMENT_STATE_EXPIRED],
)
async def test_withdrawn_before_it_is_sent(house: House, state: forum_pb.AnnouncementState) -> None:
    """Though the bus has not said so yet."""
    await house.begin()
    house.forum.state = state
    await house.sending.send_due(now())
    assert set((await house.mails()).values()) == {("DROPPED", "ENDED")}
    assert house.post.taken == []


async def test_what_is_gone_is_not_sent(house: House) -> None:
    gone = Mailing("c1", "a2", MailKind.ANNOUNCEMENT)
    await house.repository.queue(gone, {"ann": TIME}, "")
    await house.sending.send_due(now())
    assert await house.mails() == {"ann": ("DROPPED", "ENDED")}
    assert house.post.taken == []


async def test_who_has_acknowledged_meanwhile_is_not_reminded(house: House) -> None:
    house.text("en", "New margins", deadline=timestamp_of(now(days=2)))
    await house.begin(MailKind.REMINDER)
    house.forum.people["ann"].state = forum_pb.RECEIPT_STATE_ACKNOWLEDGED
    await house.sending.send_due(now())
    assert await house.mails() == {"ann": ("DROPPED", "ACKNOWLEDGED"), "ben": ("SENT", "")}
    assert [one["Subject"] for one in house.post.taken] == ["Reminder: New margins"]


async def test_nobody_is_reminded_of_what_is_overdue(house: House) -> None:
    await house.begin(MailKind.REMINDER)
    house.text("en", "New margins", deadline=timestamp_of(now(seconds=-1)))
    await house.sending.send_due(now())
    assert set((await house.mails()).values()) == {("DROPPED", "OVERDUE")}


async def test_nobody_is_reminded_of_a_deadline_that_was_moved_meanwhile(house: House) -> None:
    first, second = cut(now(days=1)), cut(now(days=2))
    await house.begin(MailKind.REMINDER, first)
    house.text("en", "New margins", deadline=timestamp_of(second))
    assert await house.sending.send_due(now()) == 2
    assert set((await house.mails()).values()) == {("DROPPED", "DEADLINE_MOVED")}
    await house.begin(MailKind.REMINDER, second)
    assert await house.sending.send_due(now()) == 2
    assert sorted(house.post.recipients) == [ANN, BEN]


async def test_an_address_that_bounced_is_written_to_no_more_until_it_changes(
    house: House,
) -> None:
    house.post.of_recipient[ANN] = "550 5.1.1 no such user"
    await house.begin()
    await house.sending.send_due(now())
    assert await house.mails() == {"ann": ("BOUNCED", "UNDELIVERABLE"), "ben": ("SENT", "")}
    assert "kestrel" not in str(await stored(house.database))  # not in clear anywhere
    house.text("en", "New margins", deadline=timestamp_of(now(days=2)))
    house.post.of_recipient.clear()
    await house.begin(MailKind.REMINDER)
    await house.sending.send_due(now())
    reminders = {
        row["person_id"]: row["reason"]
        async for row in house.database.mails.find({"kind": "REMINDER"})
    }
    assert reminders == {"ann": "SUPPRESSED", "ben": ""}
    house.directory.emails["ann"] = "ann.new@kestrel.example"
    await house.database.mails.delete_many({"kind": "REMINDER"})
    await house.database.mailings.delete_many({"kind": "REMINDER"})
    await house.begin(MailKind.REMINDER)
    await house.sending.send_due(now())
    assert "ann.new@kestrel.example" in house.post.recipients


async def test_who_is_refused_for_who_we_are_is_written_to_again(house: House) -> None:
    house.post.of_recipient[ANN] = "554 5.7.1 relay access denied"
    await house.begin()
    await house.sending.send_due(now())
    assert (await house.mails())["ann"] == ("BOUNCED", "REFUSED")
    assert await house.database.suppressed_addresses.count_documents({}) == 0


async def test_a_mailbox_that_is_full_is_tried_again(house: House) -> None:
    house.post.of_recipient[ANN] = "452 4.2.2 mailbox full"
    await house.begin()
    await house.sending.send_due(now())
    assert await house.mails() == {"ann": ("QUEUED", ""), "ben": ("SENT", "")}
    assert await attempts(house) == [1, 1]
    assert await house.sending.send_due(now()) == 0  # not at once
    house.post.of_recipient.clear()
    assert await house.sending.send_due(now(minutes=2)) == 1
    assert await house.mails() == BOTH_SENT
    assert house.post.recipients == [BEN, ANN]


async def test_after_a_day_of_attempts_it_is_given_up(house: House) -> None:
    house.post.of_recipient[ANN] = "452 4.2.2 mailbox full"
    await house.begin()
    await house.sending.send_due(now())
    assert await house.sending.send_due(now(hours=25)) == 1
    assert await house.mails() == {"ann": ("FAILED", "TOO_LATE"), "ben": ("SENT", "")}


@pytest.mark.parametrize(
    ("answer", "state"),
    [("451 4.3.0 later", ("QUEUED", "")), ("554 5.6.0 spam", ("FAILED", "REFUSED"))],
)
async def test_what_the_server_does_not_want(
    house: House, answer: str, state: tuple[str, str]
) -> None:
    house.post.of_data = answer
    await house.begin()
    await house.sending.send_due(now())
    assert set((await house.mails()).values()) == {state}
    assert await house.database.suppressed_addresses.count_documents({}) == 0


async def test_a_connection_lost_midway_makes_a_second_copy_that_says_so(house: House) -> None:
    house.post.hangs_up = True
    await house.begin()
    assert await house.sending.send_due(now()) == 1
    assert set((await house.mails()).values()) == {("QUEUED", "")}
    assert sorted(await attempts(house)) == [0, 1]  # the other was not handed over
    house.post.hangs_up = False
    await house.make_due()
    assert await house.sending.send_due(now()) == 2
    assert await house.mails() == BOTH_SENT
    ids = [str(one["Message-ID"]) for one in house.post.taken]
    assert len(ids) == 3
    assert len(set(ids)) == 2


async def test_who_dies_between_mark_and_send_leaves_it_for_when_the_lease_ends(
    house: House,
) -> None:
    await house.begin()
    claimed = await house.repository.claim(now(), LEASE, 10)
    assert len(claimed) == 2
    assert set((await house.mails()).values()) == {("SENDING", "")}
    assert await house.sending.send_due(now(minutes=9)) == 0
    assert await house.sending.send_due(now(minutes=11)) == 2
    assert await house.mails() == BOTH_SENT
    assert len(house.post.taken) == 2


async def test_who_dies_while_sending_leaves_it_too(house: House) -> None:
    del house.forum.people["ben"]
    house.post.goes_on = asyncio.Event()
    await house.begin()
    sending = asyncio.create_task(house.sending.send_due(now()))
    await asyncio.wait_for(house.post.reached.wait(), 10)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await house.mails() == {"ann": ("SENDING", "")}
    house.post.goes_on = None
    assert await house.sending.send_due(now() + LEASE) == 1
    assert await house.mails() == {"ann": ("SENT", "")}
    assert len({str(one["Message-ID"]) for one in house.post.taken}) == 1


async def test_what_is_not_sent_is_settled_together_and_what_is_sent_by_itself(
    house: House,
) -> None:
    settled: list[list[str]] = []

    class Ledger(NotificationsRepository):
        async def settle(self, outcomes: Iterable[Outcome], now: datetime) -> None:
            some = list(outcomes)
            settled.append([one.state.value for one in some])
            await super().settle(some, now)

    house.sending._repository = Ledger(house.database)
    for number in range(20):
        house.person(f"p{number:02}", readable=number < 3)
    house.forum.page = 100
    await house.begin()
    assert await house.sending.send_due(now()) == 22
    assert settled == [["DROPPED"] * 17, *[["SENT"]] * 5, []]
    states = Counter(state for state, _ in (await house.mails()).values())
    assert states == {"DROPPED": 17, "SENT": 5}


async def test_who_slept_over_its_lease_does_not_say_what_became_of_it(house: House) -> None:
    await house.begin()
    asleep = await house.repository.claim(now(), LEASE, 10)
    await house.repository.claim(now() + LEASE, LEASE, 10)
    before = await stored(house.database)
    await house.repository.settle([Outcome(one, MailState.SENT) for one in asleep], now())
    assert await stored(house.database) == before


async def test_while_a_part_is_away_mails_wait_as_they_were(house: House) -> None:
    await house.begin()
    house.forum.away = True
    with pytest.raises(UnavailableError):
        await house.sending.send_due(now())
    assert set((await house.mails()).values()) == {("QUEUED", "")}
    assert await attempts(house) == [0, 0]
    house.forum.away = False
    assert await house.sending.send_due(now()) == 2


async def test_a_server_that_is_away_is_not_asked_for_each_mail(house: House) -> None:
    await house.begin()
    there = house.sending._server
    house.sending._server = MailServer("127.0.0.1", free_port(), tls=False, start_tls=False)
    with pytest.raises(MailServerAwayError):
        await house.sending.send_due(now())
    assert await attempts(house) == [0, 0]
    assert await house.sending.send_due(now()) == 0  # for a while
    house.sending._server = there
    house.sending._away_until = 0.0
    assert await house.sending.send_due(now()) == 2


async def test_nothing_is_sent_in_clear_where_tls_is_asked_for(house: House) -> None:
    await house.begin()
    house.sending._server = MailServer("127.0.0.1", house.post.port, tls=False, start_tls=True)
    with pytest.raises(MailServerAwayError):
        await house.sending.send_due(now())
    assert house.post.taken == []
    assert set((await house.mails()).values()) == {("QUEUED", "")}


async def test_the_job_sends_all_of_it_and_tells_how_much_waits(house: House) -> None:
    for number in range(120):
        house.person(f"p{number:03}")
    jobs = NotificationsJobs(house.listing, house.sending, connections=3)
    house.forum.page = 100
    await house.begin()
    await jobs.measure_mails()
    assert telemetry.MAILS_QUEUED._value.get() == 122
    assert 0 <= telemetry.MAILS_OLDEST_SECONDS._value.get() < timedelta(hours=1).total_seconds()
    await jobs.list_mailings()
    await jobs.send_mails()
    assert set((await house.mails()).values()) == {("SENT", "")}
    assert sorted(house.post.recipients) == sorted(house.directory.emails.values())
    await jobs.measure_mails()
    assert telemetry.MAILS_QUEUED._value.get() == 0
