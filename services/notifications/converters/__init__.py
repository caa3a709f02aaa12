"""Announcements as mails, and the ledger as messages; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from html import escape

from chassis.global_ids import global_id
from chassis.locales import lookup
from guildhall.forum.v1 import announcements_pb2
from guildhall.notifications.v1 import mailings_pb2 as pb
from services.notifications.domain import Mail, MailKind, MailState

_MOST_SUBJECT = 200  # characters
# Neither quoted nor with letters that only some servers take.
_ADDRESS = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)*",
    re.ASCII | re.IGNORECASE,
)
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What a mail says beside the announcement's own words."""

    reminder: str
    acknowledge: str
    read: str


_PHRASES = {
    "en": _Phrases("Reminder: {}", "Please acknowledge it by {}.", "Read it in the portal"),
    "de": _Phrases("Erinnerung: {}", "Bitte bestätigen Sie bis {}.", "Im Portal lesen"),
    "fr": _Phrases("Rappel : {}", "Merci de confirmer avant le {}.", "Lire sur le portail"),
    "es": _Phrases("Recordatorio: {}", "Confirme antes del {}.", "Leer en el portal"),
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who mails come from, and where they lead to: the platform's own, never anybody's text."""

    display_name: str
    address: str
    announcement_url: str

    @classmethod
    def of(cls, from_address: str, announcement_url: str) -> Sender:
        """Raises ValueError where mails could not be answered, or lead nowhere."""
        name, address = parseaddr(from_address)
        if not Address(addr_spec=address).domain:
            raise ValueError("NOTIFICATIONS_FROM_ADDRESS must be an e-mail address")
        if not announcement_url.startswith(("https://", "http://")) or "{id}" not in (
            announcement_url
        ):
            raise ValueError("NOTIFICATIONS_ANNOUNCEMENT_URL must be a URL with {id}")
        return cls(name, address, announcement_url)

    @property
    def domain(self) -> str:
        """What ids of mails and lists end with."""
        return self.address.rpartition("@")[2]


def recipient_of(email: str) -> str:
    """The address as servers take it, its domain in ASCII; empty where it is none."""
    name, _, domain = email.rpartition("@")
    try:
        address = f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return ""
    return address if _ADDRESS.fullmatch(address) and "=?" not in address else ""


def compose(
    mail: Mail,
    announcement: announcements_pb2.Announcement,
    sender: Sender,
    recipient: str,
    now: datetime,
) -> EmailMessage:
    """An announcement in the language it came in; a reminder says so."""
    phrases = _PHRASES[lookup([announcement.locale], _PHRASES) or "en"]
    title = _line(announcement.title)
    url = sender.announcement_url.replace(
        "{id}", global_id("Announcement", mail.community_id, mail.announcement_id)
    )
    asked = ""
    if announcement.HasField("deadline"):
        deadline = announcement.deadline.ToDatetime(UTC)
        asked = phrases.acknowledge.format(f"{deadline:%Y-%m-%d %H:%M} UTC")
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(sender.display_name, addr_spec=sender.address)
    message["To"] = Address(addr_spec=recipient)
    reminds = mail.kind is MailKind.REMINDER
    message["Subject"] = phrases.reminder.format(title) if reminds else title
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    message["List-Id"] = f"<{mail.community_id}.announcements.{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    plain = "\n\n".join(
        part for part in (title, _lines(announcement.body), asked, f"{phrases.read}: {url}") if part
    )
    message.set_content(f"{plain}\n", cte="quoted-printable")
    html = _HTML.format(
        locale=escape(announcement.locale),
        title=escape(title),
        body=announcement.body_html,
        asked=f"<p><strong>{escape(asked)}</strong></p>" if asked else "",
        url=escape(url),
        read=escape(phrases.read),
    )
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = announcement.locale
    return message


# The forum's HTML loads nothing from anywhere: images are links in it.
_HTML = """<!doctype html>
<html lang="{locale}">
<head><meta charset="utf-8"><title>{title}</title></head>
<body style="font-family: sans-serif; max-width: 40em">
<h1>{title}</h1>
{body}
{asked}
<p><a href="{url}">{read}</a></p>
</body>
</html>
"""


def _line(text: str) -> str:
    """For a header: nothing that ends it, or that nobody sees.

    Nor an encoded word: the library would decode it, and write the line ends that are in it.
    """
    seen = (" " if one.isspace() else one for one in text)
    shown = "".join(one for one in seen if unicodedata.category(one) not in _UNSEEN)
    return " ".join(shown.split()).replace("=?", "= ?")[:_MOST_SUBJECT]


def _lines(text: str) -> str:
    """Several lines, without what nobody sees."""
    return "\n".join(
        "".join(one for one in line if one == "\t" or unicodedata.category(one) not in _UNSEEN)
        for line in text.splitlines()
    )


def mailing_to_proto(
    community_id: str, counts: Mapping[MailKind, Mapping[MailState, int]]
) -> pb.Mailing:
    """Counts only."""
    return pb.Mailing(
        community_id=community_id,
        mails=_counts(counts.get(MailKind.ANNOUNCEMENT, {})),
        reminders=_counts(counts.get(MailKind.REMINDER, {})),
    )


def _counts(counts: Mapping[MailState, int]) -> pb.MailCounts:
    return pb.MailCounts(
        queued=counts.get(MailState.QUEUED, 0) + counts.get(MailState.SENDING, 0),
        sent=counts.get(MailState.SENT, 0),
        failed=counts.get(MailState.FAILED, 0),
        bounced=counts.get(MailState.BOUNCED, 0),
        dropped=counts.get(MailState.DROPPED, 0),
    )
