"""Notifications on a real MongoDB and a real mail server, beside a small forum and directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest_asyncio
from aiosmtpd import smtp
from google.protobuf.message import Message

from chassis.actors import Actor, require_actor
from chassis.batch import Batch
from chassis.decisions import Write
from chassis.domain_events import DomainEvent
from chassis.errors import NotFoundError, UnavailableError
from chassis.mongo import Database
from chassis.rpc_server import Context
from chassis.testing import *  # noqa: F403 - fixtures
from chassis.testing import Loopback, prepare, service_actor
from chassis.timestamps import timestamp_of
from guildhall.directory.v1 import directory_pb2, directory_pb2_grpc
from guildhall.forum.v1 import announcements_pb2 as forum_pb
from guildhall.forum.v1 import announcements_pb2_grpc
from guildhall.notifications.v1 import mailings_pb2_grpc
from services.notifications.converters import Sender
from services.notifications.domain import Mailing, MailKind
from services.notifications.repository import NotificationsRepository
from services.notifications.repository.smtp import MailServer
from services.notifications.servicer import MailingServicer
from services.notifications.tests.receiving import desk, receiver  # noqa: F401 - fixtures
from services.notifications.use_cases.listing import ListingUseCases
from services.notifications.use_cases.sending import SendingUseCases

TIME = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SENDER = Sender.of("Programmes <no-reply@guildhall.example>", "https://portal.example/a/{id}")
KEY = b"k" * 32
PUBLISHED = forum_pb.ANNOUNCEMENT_STATE_PUBLISHED


class AnnouncementNotFoundError(NotFoundError):
    """As the forum's."""


@dataclass
class Told:
    """Somebody's receipt."""

    locale: str = "en"
    state: Any = forum_pb.RECEIPT_STATE_DELIVERED
    deliver_time: datetime = TIME
    in_audience: bool = True
    readable: bool = True


@dataclass
class Forum(announcements_pb2_grpc.AnnouncementServiceServicer):
    """Has announced one thing, a1; answers notifications alone."""

    people: dict[str, Told] = field(default_factory=dict)
    texts: dict[str, forum_pb.Announcement] = field(default_factory=dict)
    state: Any = PUBLISHED
    page: int = 2  # whatever was asked for: several are always needed
    listed: int = 0  # pages
    away: bool = False

    def _check(self, community_id: str, announcement_id: str) -> None:
        require_actor().require_service("notifications")
        if self.away:
            raise UnavailableError
        if (community_id, announcement_id) != ("c1", "a1"):
            raise AnnouncementNotFoundError(field="announcement_id")

    async def ListReceipts(
        self, request: forum_pb.ListReceiptsRequest, context: Context
    ) -> forum_pb.ListReceiptsResponse:
        self._check(request.community_id, request.announcement_id)
        self.listed += 1
        people = [
            one
            for one in sorted(self.people)
            if one > request.page_token
            and (not request.states or self.people[one].state in request.states)
        ]
        page = people[: self.page]
        return forum_pb.ListReceiptsResponse(
            receipts=[
                forum_pb.Receipt(
                    person_id=one,
                    deliver_time=timestamp_of(self.people[one].deliver_time),
                    in_audience=self.people[one].in_audience,
                )
                for one in page
            ],
            next_page_token=page[-1] if len(people) > len(page) else "",
        )

    async def BatchGetAnnouncementCopies(
        self, request: forum_pb.BatchGetAnnouncementCopiesRequest, context: Context
    ) -> forum_pb.BatchGetAnnouncementCopiesResponse:
        self._check(request.community_id, request.announcement_id)
        readers = {
            one: self.people[one]
            for one in request.person_ids
            if one in self.people and self.people[one].readable
        }
        return forum_pb.BatchGetAnnouncementCopiesResponse(
            state=self.state,
            announcement_copies=[
                forum_pb.AnnouncementCopy(
                    person_id=one, locale=told.locale, receipt_state=told.state
                )
                for one, told in readers.items()
            ],
            announcements=[
                self.texts[locale] for locale in {told.locale for told in readers.values()}
            ],
        )


@dataclass
class Directory(directory_pb2_grpc.DirectoryServiceServicer):
    """Knows addresses; tells notifications alone."""

    emails: dict[str, str] = field(default_factory=dict)

    async def BatchGetAddresses(
        self, request: directory_pb2.BatchGetAddressesRequest, context: Context
    ) -> directory_pb2.BatchGetAddressesResponse:
        require_actor().require_service("notifications")
        return directory_pb2.BatchGetAddressesResponse(
            addresses=[
                directory_pb2.PersonAddress(person_id=one, email=self.emails[one])
                for one in request.person_ids
                if one in self.emails
            ]
        )


@dataclass
class PostOffice:
    """What a real mail server does with what it is given."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    of_recipient: dict[str, str] = field(default_factory=dict)  # answers other than OK
    of_data: str = "250 OK"
    hangs_up: bool = False  # once it has all of a mail
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event | None = None  # waited for once it has all of a mail

    async def handle_RCPT(
        self,
        server: smtp.SMTP,
        session: smtp.Session,
        envelope: smtp.Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        answer = self.of_recipient.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope
    ) -> str:
        if self.of_data.startswith("2"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
            self.recipients += envelope.rcpt_tos
        self.reached.set()
        if self.goes_on is not None:
            await self.goes_on.wait()
        if self.hangs_up:
            assert server.transport is not None
            server.transport.close()
        return self.of_data


@pytest_asyncio.fixture
async def post() -> AsyncIterator[PostOffice]:
    """Listening on loopback."""
    office = PostOffice()
    loop = asyncio.get_running_loop()
    sessions: list[smtp.SMTP] = []

    def session() -> smtp.SMTP:
        sessions.append(smtp.SMTP(office, hostname="post.example", loop=loop))
        return sessions[-1]

    server = await loop.create_server(session, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    yield office
    server.close()
    for one in sessions:
        if one.transport is not None:
            one.transport.close()
    await server.wait_closed()


@dataclass
class House:
    """Notifications, and all that it speaks to."""

    database: Database
    repository: NotificationsRepository
    forum: Forum
    directory: Directory
    post: PostOffice
    listing: ListingUseCases
    sending: SendingUseCases
    loopback: Loopback

    def person(self, person_id: str, **told: Any) -> None:
        """Somebody on the list, with an address."""
        self.forum.people[person_id] = Told(**told)
        self.directory.emails[person_id] = f"{person_id}@kestrel.example"

    def text(self, locale: str, title: str, **fields: Any) -> None:
        """Of a1, in this language."""
        self.forum.texts[locale] = forum_pb.Announcement(
            id="a1", community_id="c1", locale=locale, title=title, **fields
        )

    async def begin(
        self, kind: MailKind = MailKind.ANNOUNCEMENT, deadline: datetime | None = None
    ) -> None:
        """Mail about a1: the list is written."""
        await self.store([self.repository.begin(Mailing("c1", "a1", kind, deadline), TIME)])
        await self.listing.list_mailings(now())

    async def store(self, writes: Iterable[Write]) -> None:
        """As the chassis does with what a consumer returns."""
        batch = Batch(self.database)
        for write in writes:
            batch.write(write)
        await batch.commit(asyncio.get_running_loop().time() + 5)

    async def mails(self) -> dict[str, tuple[str, str]]:
        """State and reason, by person."""
        rows = self.database.mails.find().sort("person_id", 1)
        return {row["person_id"]: (row["state"], row["reason"]) async for row in rows}

    async def make_due(self) -> None:
        """As if the pause after an attempt were over."""
        await self.database.mails.update_many(
            {"due_time": {"$exists": True}, "state": "QUEUED"}, {"$set": {"due_time": TIME}}
        )


def now(**later: float) -> datetime:
    """UTC."""
    return datetime.now(UTC) + timedelta(**later)


@pytest_asyncio.fixture
async def house(database: Database, loopback: Loopback, post: PostOffice) -> House:
    """Ann and Ben are on the list of a1."""
    await prepare(database, NotificationsRepository)
    repository = NotificationsRepository(database)
    forum, directory = Forum(), Directory()  # type: ignore[abstract]  # all that is called
    await loopback.serve(
        "forum",
        lambda s: announcements_pb2_grpc.add_AnnouncementServiceServicer_to_server(forum, s),
    )
    await loopback.serve(
        "directory",
        lambda s: directory_pb2_grpc.add_DirectoryServiceServicer_to_server(directory, s),
    )
    me = service_actor("notifications")
    announcements = loopback.client(announcements_pb2_grpc.AnnouncementServiceStub, "forum", me)
    sending = SendingUseCases(
        repository,
        announcements,
        loopback.client(directory_pb2_grpc.DirectoryServiceStub, "directory", me),
        MailServer("127.0.0.1", post.port, tls=False, start_tls=False, mails_per_second=1000),
        SENDER,
        KEY,
    )
    listing = ListingUseCases(repository, announcements)
    made = House(database, repository, forum, directory, post, listing, sending, loopback)
    made.person("ann")
    made.person("ben")
    made.text("en", "New margins", body="They are *better*.", body_html="<p>They are</p>")
    return made


def said(message: Message, *, community_id: str = "c1") -> DomainEvent[Any]:
    """A domain event of the forum, about a1."""
    return DomainEvent("e1", community_id, "announcement", "a1", 1, TIME, "service:forum", message)


CallAs = Callable[[Actor], Any]


@pytest_asyncio.fixture
async def call_as(house: House) -> CallAs:
    """A stub of the real servicer, for the actor given."""
    servicer = MailingServicer(house.repository)
    await house.loopback.serve(
        "notifications",
        lambda s: mailings_pb2_grpc.add_MailingServiceServicer_to_server(servicer, s),
    )
    return lambda actor: house.loopback.client(
        mailings_pb2_grpc.MailingServiceStub, "notifications", actor
    )
