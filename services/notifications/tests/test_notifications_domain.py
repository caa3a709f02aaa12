"""Mails by plain calls: ids, pauses, and what becomes of one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.domain import (
    Mail,
    Mailing,
    MailKind,
    MailState,
    Outcome,
    Reason,
    Verdict,
    address_digest,
    judge,
)

TIME = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MAIL = Mail("m1", "c1", "a1", MailKind.ANNOUNCEMENT, "ann", TIME)
HOUR = timedelta(hours=1)


def test_ids_follow_from_announcement_person_kind_and_deadline() -> None:
    mailing, reminder = (Mailing("c1", "a1", kind) for kind in MailKind)
    ids = [one.mail_id(person) for one in (mailing, reminder) for person in ("ann", "ben")]
    assert len({*ids, mailing.id, reminder.id}) == 6
    assert ids[0] == replace(mailing, page_token="x").mail_id("ann")
    assert Mailing("c1", "a2", MailKind.REMINDER).mail_id("ann") not in ids
    dated = [replace(reminder, deadline=TIME + n * HOUR) for n in (0, 1)]
    assert len({*ids, *(one.mail_id("ann") for one in dated)}) == 6
    assert len({reminder.id, *(one.id for one in dated)}) == 3
    mail = replace(MAIL, kind=MailKind.REMINDER, deadline=TIME)
    assert mail.mailing.id == dated[0].id


def test_pauses_grow_to_two_hours_and_are_spread() -> None:
    pauses = [replace(MAIL, attempts=n).pause(1.0) for n in (0, 1, 2, 6, 7, 100)]
    minutes = [pause.total_seconds() / 60 for pause in pauses]
    assert minutes == [1, 2, 4, 64, 120, 120]
    assert MAIL.pause(0.0) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("verdict", "state", "reason"),
    [
        (Verdict.TAKEN, MailState.SENT, None),
        (Verdict.NO_SUCH_ADDRESS, MailState.BOUNCED, Reason.UNDELIVERABLE),
        (Verdict.NOT_ALLOWED, MailState.BOUNCED, Reason.REFUSED),
        (Verdict.REFUSED, MailState.FAILED, Reason.REFUSED),
    ],
)
def test_some_answers_are_final(verdict: Verdict, state: MailState, reason: Reason | None) -> None:
    assert judge(MAIL, verdict, TIME, 0.5) == Outcome(MAIL, state, reason, attempted=True)


@pytest.mark.parametrize("verdict", [Verdict.LATER, Verdict.LOST])
def test_others_are_tried_again_for_a_day(verdict: Verdict) -> None:
    again = judge(MAIL, verdict, TIME + 23 * HOUR, 1.0)
    assert again == Outcome(
        MAIL,
        MailState.QUEUED,
        due_time=TIME + 23 * HOUR + timedelta(minutes=1),
        attempted=True,
    )
    late = judge(MAIL, verdict, TIME + 24 * HOUR, 1.0)
    assert late == Outcome(MAIL, MailState.FAILED, Reason.TOO_LATE, attempted=True)


def test_an_address_is_kept_as_a_digest_only_its_key_tells() -> None:
    digest = address_digest("Ann@Kestrel.example", b"k" * 32)
    assert digest == address_digest("ann@kestrel.example", b"k" * 32)
    assert digest != address_digest("ann@kestrel.example", b"l" * 32)
    assert digest != address_digest("ben@kestrel.example", b"k" * 32)
    assert "ann" not in digest
