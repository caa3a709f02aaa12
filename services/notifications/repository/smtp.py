"""The mail server: one conversation, and what it answers. Nothing of a mail is logged."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

import aiosmtplib

from chassis.errors import UnavailableError
from services.notifications.domain import Verdict

TIMEOUT = 30.0  # seconds for each answer
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PERMANENT = 500
# RFC 3463: of security or policy, so about who sends and not about the mailbox.
_OF_POLICY = re.compile(r"\s*5\.7\.\d")


class MailServerAwayError(UnavailableError):
    """No mail can be sent at all just now."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where it is, and how it is spoken to."""

    host: str
    port: int
    tls: bool  # from the first byte
    start_tls: bool
    user: str = ""
    password: str = ""
    mails_per_second: float = 10.0
    timeout: float = TIMEOUT

    @classmethod
    def at(cls, url: str, user: str, password: str, mails_per_second: float) -> MailServer:
        """Nothing goes in clear but on this machine. Raises ValueError where it is no such URL."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.username:
            raise ValueError("NOTIFICATIONS_SMTP_URL must be smtp://host or smtps://host")
        tls = parts.scheme == "smtps"
        start_tls = not tls and parts.hostname not in _LOOPBACK
        port = parts.port or (465 if tls else 587)
        return cls(parts.hostname, port, tls, start_tls, user, password, mails_per_second)

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Conversation]:
        """Refuses with MAIL_SERVER_AWAY."""
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls,
            start_tls=self.start_tls,
            username=self.user or None,
            password=self.password or None,
            timeout=self.timeout,
            local_hostname="guildhall",
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise MailServerAwayError(f"the mail server: {type(error).__name__}") from None
        try:
            yield Conversation(client, 1 / self.mails_per_second)
        finally:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=1)
            client.close()


class Conversation:
    """One connection, with a pause after every mail."""

    def __init__(self, client: aiosmtplib.SMTP, pause: float) -> None:
        self._client = client
        self._pause = pause
        self._next = 0.0  # monotonic

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> Verdict:
        """To one recipient; after LOST the conversation is over."""
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._pause
        try:
            await self._client.sendmail(sender, [recipient], message.as_bytes())
        except aiosmtplib.SMTPRecipientsRefused as refusal:
            return _of_recipient(refusal.recipients[0])
        except aiosmtplib.SMTPDataError as refusal:
            return Verdict.REFUSED if refusal.code >= _PERMANENT else Verdict.LATER
        except aiosmtplib.SMTPResponseException:
            return Verdict.LATER  # the sender is refused: operators can do something about it
        except (aiosmtplib.SMTPException, OSError):
            return Verdict.LOST
        return Verdict.TAKEN


def _of_recipient(refusal: aiosmtplib.SMTPRecipientRefused) -> Verdict:
    if refusal.code < _PERMANENT:
        return Verdict.LATER
    return Verdict.NOT_ALLOWED if _OF_POLICY.match(refusal.message) else Verdict.NO_SUCH_ADDRESS
