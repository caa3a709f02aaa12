"""Mails that are due: what holds now is asked for, then each is sent, and what became of it kept.

At least once: a mail is marked before it is handed to the server. Who dies in between leaves it
marked; it is sent again when its lease ends, under the same Message-ID.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING

from chassis import moment, telemetry
from chassis.errors import UnavailableError
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2
from services.notifications.converters import Sender, compose, recipient_of
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
from services.notifications.repository import NotificationsRepository
from services.notifications.repository.smtp import MailServer, MailServerAwayError
from services.notifications.use_cases.copies import copies_of

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub

LEASE = timedelta(minutes=10)  # longer than what is claimed at once takes to send
_SHORTEST_AWAY, _LONGEST_AWAY = 2.0, 60.0  # seconds until a server that is away is asked again


@dataclass(frozen=True, slots=True)
class _Letter:
    """A mail that is ready."""

    mail: Mail
    message: EmailMessage
    recipient: str
    digest: str


class SendingUseCases:
    """May run in several tasks and replicas at once: a mail is claimed by one."""

    def __init__(
        self,
        repository: NotificationsRepository,
        announcements: AnnouncementServiceAsyncStub,
        directory: DirectoryServiceAsyncStub,
        server: MailServer,
        sender: Sender,
        address_key: bytes,
        *,
        at_once: int = 50,
    ) -> None:
        self._repository = repository
        self._announcements = announcements
        self._directory = directory
        self._server = server
        self._sender = sender
        self._address_key = address_key
        self._at_once = at_once
        self._away_until, self._away = 0.0, _SHORTEST_AWAY  # monotonic; seconds
        self._claiming = asyncio.Lock()

    async def send_due(self, now: datetime) -> int:
        """Send what is due, as much as goes over one connection; how many mails were settled.

        Refuses with UNAVAILABLE where a part or the mail server does not answer: what was not
        handed over waits as before.
        """
        if time.monotonic() < self._away_until:
            return 0
        async with self._claiming:
            mails = await self._repository.claim(now, LEASE, self._at_once)
        if not mails:
            return 0
        waiting = {mail.id: mail for mail in mails}
        try:
            async with aclosing(self._outcomes(mails, now)) as outcomes:
                async for some in outcomes:
                    for outcome in some:
                        del waiting[outcome.mail.id]
                    await self._settle(some)
        except UnavailableError:
            await self._repository.settle(_later(waiting.values(), now), now)
            raise
        # Those behind a connection that was lost.
        await self._repository.settle(_later(waiting.values(), now), now)
        return len(mails) - len(waiting)

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        await self._repository.settle(outcomes, moment.now())
        for outcome in outcomes:
            telemetry.MAILS.labels(outcome.state.value).inc()

    async def _outcomes(
        self, mails: Sequence[Mail], now: datetime
    ) -> AsyncGenerator[Sequence[Outcome], None]:
        """In no order; fewer than there are mails where the connection is lost.

        What is not sent comes together, what is sent one by one: who dies sends again only what
        is not settled.
        """
        by_mailing: dict[Mailing, list[Mail]] = defaultdict(list)
        for mail in mails:
            by_mailing[mail.mailing].append(mail)
        letters: list[_Letter] = []
        for mailing, some in by_mailing.items():
            ready = [one async for one in self._ready(mailing, some, now)]
            letters += [one for one in ready if isinstance(one, _Letter)]
            if unsent := [one for one in ready if isinstance(one, Outcome)]:
                yield unsent
        if letters:
            async with aclosing(self._deliver(letters)) as outcomes:
                async for outcome in outcomes:
                    yield [outcome]

    async def _deliver(self, letters: Sequence[_Letter]) -> AsyncGenerator[Outcome, None]:
        began = time.monotonic()
        try:
            async with self._server.connect() as conversation:
                self._away = _SHORTEST_AWAY
                for letter in letters:
                    if time.monotonic() - began > LEASE.total_seconds() / 2:
                        return  # somebody else may have the rest before it is sent
                    verdict = await conversation.send(
                        letter.message, self._sender.address, letter.recipient
                    )
                    now = moment.now()
                    if verdict is Verdict.NO_SUCH_ADDRESS:
                        await self._repository.suppress(letter.digest, now)
                    yield judge(letter.mail, verdict, now, random.random())  # noqa: S311 - jitter
                    if verdict is Verdict.LOST:
                        return
        except MailServerAwayError:
            self._away_until = time.monotonic() + self._away
            self._away = min(self._away * 2, _LONGEST_AWAY)
            raise

    async def _ready(
        self, mailing: Mailing, mails: Sequence[Mail], now: datetime
    ) -> AsyncIterator[_Letter | Outcome]:
        """Letters, and what becomes of mails that are not sent."""
        people = [mail.person_id for mail in mails]
        answer = await copies_of(self._announcements, mailing, people)
        published = answer.state == announcements_pb2.ANNOUNCEMENT_STATE_PUBLISHED
        addresses = await self._addresses(mailing.community_id, people) if published else {}
        digests = {
            person_id: address_digest(email, self._address_key)
            for person_id, email in addresses.items()
        }
        suppressed = await self._repository.find_suppressed(digests.values())
        copies = {one.person_id: one for one in answer.announcement_copies}
        texts = {one.locale: one for one in answer.announcements}
        for mail in mails:
            copy, email = copies.get(mail.person_id), addresses.get(mail.person_id, "")
            text = texts.get(copy.locale) if copy is not None else None
            recipient = recipient_of(email)
            if not published:
                yield _dropped(mail, Reason.ENDED)
            elif copy is None or text is None:
                yield _dropped(mail, Reason.UNREADABLE)
            elif reason := _moot(mail, copy, text, now):
                yield _dropped(mail, reason)
            elif not email:
                yield _dropped(mail, Reason.NO_ADDRESS)
            elif not recipient:
                yield _dropped(mail, Reason.ADDRESS_INVALID)
            elif digests[mail.person_id] in suppressed:
                yield _dropped(mail, Reason.SUPPRESSED)
            elif mail.is_late(now) and mail.attempts:
                yield Outcome(mail, MailState.FAILED, Reason.TOO_LATE)
            else:
                message = compose(mail, text, self._sender, recipient, now)
                yield _Letter(mail, message, recipient, digests[mail.person_id])

    async def _addresses(self, community_id: str, people: Sequence[str]) -> dict[str, str]:
        request = directory_pb2.BatchGetAddressesRequest(
            community_id=community_id, person_ids=people
        )
        answer = await self._directory.BatchGetAddresses(request)
        return {one.person_id: one.email for one in answer.addresses}

    async def measure(self, now: datetime) -> None:
        """How much waits, for whoever watches."""
        waiting, since = await self._repository.measure()
        telemetry.MAILS_QUEUED.set(waiting)
        age = (now - since).total_seconds() if since else 0.0
        telemetry.MAILS_OLDEST_SECONDS.set(max(0.0, age))


def _moot(
    mail: Mail,
    copy: announcements_pb2.AnnouncementCopy,
    text: announcements_pb2.Announcement,
    now: datetime,
) -> Reason | None:
    """Why a reminder has become idle."""
    if mail.kind is not MailKind.REMINDER:
        return None
    if copy.receipt_state == announcements_pb2.RECEIPT_STATE_ACKNOWLEDGED:
        return Reason.ACKNOWLEDGED
    deadline = text.deadline.ToDatetime(UTC) if text.HasField("deadline") else None
    if deadline is None or deadline <= now:
        return Reason.OVERDUE
    return Reason.DEADLINE_MOVED if mail.deadline not in (None, deadline) else None


def _dropped(mail: Mail, reason: Reason) -> Outcome:
    return Outcome(mail, MailState.DROPPED, reason)


def _later(mails: Iterable[Mail], now: datetime) -> list[Outcome]:
    """As before: nothing was tried."""
    return [Outcome(mail, MailState.QUEUED, due_time=now) for mail in mails]
