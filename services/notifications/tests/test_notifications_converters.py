"""Mails as they are written: headers that no words can change, two parts, nothing remote."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.global_ids import global_id
from chassis.timestamps import timestamp_of
from guildhall.forum.v1.announcements_pb2 import Announcement
from services.notifications.converters import Sender, compose, mailing_to_proto, recipient_of
from services.notifications.domain import Mail, MailKind, MailState
from services.notifications.repository.smtp import MailServer

TIME = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SENDER = Sender.of("Programmes <no-reply@guildhall.example>", "https://portal.example/a/{id}")
DEADLINE = timestamp_of(datetime(2026, 12, 1, 17, 30, tzinfo=UTC))
ANN = "ann@kestrel.example"


def mail(kind: MailKind = MailKind.ANNOUNCEMENT, **fields: Any) -> EmailMessage:
    """As it arrives."""
    given = {"locale": "en", "title": "New margins", "body": "They.", "body_html": "<p>They.</p>"}
    text = Announcement(**{**given, **fields})
    sent = compose(Mail("m1", "c1", "a1", kind, "ann", TIME), text, SENDER, ANN, TIME)
    raw = sent.as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    arrived = message_from_bytes(raw, policy=policy.default)
    assert isinstance(arrived, EmailMessage)
    return arrived


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    text = found.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def test_a_mail_says_who_it_is_from_and_of_what_list() -> None:
    message = mail()
    assert {name: str(value) for name, value in message.items()} == {
        "From": "Programmes <no-reply@guildhall.example>",
        "To": ANN,
        "Subject": "New margins",
        "Date": "Wed, 25 Nov 2026 12:00:00 +0000",
        "Message-ID": "<m1@guildhall.example>",
        "List-Id": "<c1.announcements.guildhall.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }
    assert message.get_content_type() == "multipart/alternative"


def test_both_parts_say_the_same_and_lead_to_the_portal() -> None:
    message = mail(body="Ä *b*", body_html="<p>Ä <em>b</em></p>", deadline=DEADLINE)
    plain, html = part(message, "plain"), part(message, "html")
    asked = "Please acknowledge it by 2026-12-01 17:30 UTC."
    link = re.search(r"https://portal.example/a/(\S+)", plain)
    assert link is not None
    assert link[1] == global_id("Announcement", "c1", "a1")
    assert plain.startswith("New margins\n\nÄ *b*\n\n")
    assert asked in plain
    assert "<p>Ä <em>b</em></p>" in html
    assert asked in html
    assert f'href="{link[0]}"' in html
    assert re.findall(r"<(img|link|script|iframe|style)\b|src=", html) == []


def test_a_reminder_says_so_in_the_language_of_the_text() -> None:
    for locale, subject, until in (
        ("en", "Reminder: New margins", "Please acknowledge it by 2026"),
        ("de-AT", "Erinnerung: New margins", "Bitte bestätigen Sie bis 2026"),
        ("ja", "Reminder: New margins", "Please acknowledge it by 2026"),
    ):
        message = mail(MailKind.REMINDER, locale=locale, deadline=DEADLINE)
        assert message["Subject"] == subject
        assert message["Content-Language"] == locale
        assert until in part(message, "plain")
        assert f'<html lang="{locale}">' in part(message, "html")


@pytest.mark.parametrize(
    "title",
    [
        "Margins\r\nBcc: all@kestrel.example",
        "Margins\nBcc: all@kestrel.example",
        "Margins\x00\x0b\x85\u2028Bcc: all@kestrel.example\u202e",
        "Margins\r\n\r\n<script>",
        "=?utf-8?q?Margins=0D=0ABcc=3A_all=40kestrel.example?=",
        "==\u200b??utf-8?q?Margins=0D=0ABcc=3A_all=40kestrel.example?=",
        "=\x00?utf-8?b?TWFyZ2lucw0KQmNjOiBhbGxAa2VzdHJlbC5leGFtcGxl?=",
    ],
)
def test_no_title_makes_a_header(title: str) -> None:
    message = mail(title=title)
    assert sorted(message.keys()) == sorted(mail().keys())
    assert len(message.get_all("Subject", [])) == 1
    assert "\n" not in str(message["Subject"])
    html = part(message, "html")
    assert "<script>" not in html


_WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300)
_TRICKS = st.lists(
    st.sampled_from(["=?utf-8?q?", "=0D=0A", "?=", "\r", "\n", "\x00", "\u200b", "Bcc: ", "=", "ü"])
).map("".join)


@settings(max_examples=100, deadline=None)
@given(title=_WORDS | _TRICKS, body=_WORDS | _TRICKS)
def test_whatever_is_written_makes_a_mail_with_the_same_headers(title: str, body: str) -> None:
    message = mail(title=title, body=body, body_html=body)
    assert sorted(message.keys()) == sorted(mail().keys())
    assert not {"\r", "\n", "\x00"} & set(str(message["Subject"]))


def test_a_long_title_and_long_lines_are_folded() -> None:
    message = mail(title="wide ü " * 60, body="word " * 20_000, body_html="<p>x</p>" * 5_000)
    assert len(message["Subject"]) == 200
    assert "word " * 1_000 in part(message, "plain")


@pytest.mark.parametrize(
    ("email", "recipient"),
    [
        (ANN, ANN),
        ("ann@münchen.example", "ann@xn--mnchen-3ya.example"),
        ("änn@kestrel.example", ""),
        ("a,b@kestrel.example", ""),
        ("=?utf-8?q?a=0D=0ABcc=3Ab?=@kestrel.example", ""),
        ("o'ann.b+c@sub.kestrel.example", "o'ann.b+c@sub.kestrel.example"),
        ("ann@localhost:25", ""),
        ("ann@", ""),
        ("", ""),
        ("ann", ""),
        ("ann@..", ""),
    ],
)
def test_a_recipient_is_an_address_that_servers_take(email: str, recipient: str) -> None:
    assert recipient_of(email) == recipient


def test_a_sender_must_be_answerable_and_lead_somewhere() -> None:
    url = "https://portal.example/{id}"
    assert Sender.of("no-reply@a.example", url).domain == "a.example"
    for wrong in ("", "no-reply", "a@b@c"):
        with pytest.raises((ValueError, IndexError)):
            Sender.of(wrong, url)
    for wrong in ("", "https://portal.example/", "javascript:{id}"):
        with pytest.raises(ValueError, match="ANNOUNCEMENT_URL"):
            Sender.of("no-reply@a.example", wrong)


def test_nothing_goes_in_clear_but_on_this_machine() -> None:
    def at(url: str) -> tuple[str, int, bool, bool]:
        server = MailServer.at(url, "user", "password", 10)
        return server.host, server.port, server.tls, server.start_tls

    assert at("smtps://mail.example") == ("mail.example", 465, True, False)
    assert at("smtp://mail.example") == ("mail.example", 587, False, True)
    assert at("smtp://mail.example:25") == ("mail.example", 25, False, True)
    assert at("smtp://127.0.0.1:2525") == ("127.0.0.1", 2525, False, False)
    for wrong in (
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://me:secret@mail.example",
    ):
        with pytest.raises(ValueError, match="SMTP_URL"):
            at(wrong)


def test_counts_are_those_of_each_kind() -> None:
    counts = {MailKind.ANNOUNCEMENT: {state: n for n, state in enumerate(MailState, 1)}}
    mailing = mailing_to_proto("c1", counts)
    assert mailing.community_id == "c1"
    mails = mailing.mails
    assert (mails.queued, mails.sent, mails.failed) == (1 + 2, 3, 4)
    assert (mails.bounced, mails.dropped) == (5, 6)
    assert mailing.reminders.ByteSize() == 0
