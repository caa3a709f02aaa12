"""A stand-in for what the forum offers about announcements: canned rows, every request kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from chassis.actors import Actor, current_actor
from chassis.errors import NotFoundError
from chassis.pagination import encode_page_token
from gateway.tests.standins import paged, time
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.announcements_pb2_grpc import (
    AnnouncementServiceServicer,
    add_AnnouncementServiceServicer_to_server,
)
from guildhall.notifications.v1 import mailings_pb2
from guildhall.notifications.v1.mailings_pb2_grpc import (
    MailingServiceServicer,
    add_MailingServiceServicer_to_server,
)


class ChannelNotFoundError(NotFoundError):
    """As the forum's."""


class AnnouncementNotFoundError(NotFoundError):
    """As the forum's."""


class AddressNotFoundError(NotFoundError):
    """As the forum's."""


class MailingStandIn(MailingServiceServicer):
    """Mails of whatever it is asked about."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.failure: Exception | None = None

    async def GetMailing(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        counts = mailings_pb2.MailCounts(queued=5, sent=4, failed=3, bounced=2, dropped=1)
        mailing = mailings_pb2.Mailing(mails=counts, reminders=mailings_pb2.MailCounts())
        return mailings_pb2.GetMailingResponse(mailing=mailing)


class AnnouncementStandIn(AnnouncementServiceServicer):
    """Announcements 5 to 1 in channel ch1 of c1; whoever holds community:c1 reads them."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.actors: list[Actor | None] = []
        self.addresses: dict[str, pb.FeedAddress] = {}
        self.failures: dict[str, Exception] = {}
        self.walled: set[str] = set()  # announcements that are for nobody
        self.former: set[str] = set()  # those that were withdrawn, and are on no list
        self.withdrawn: set[str] = set()  # those that were, and are on the caller's list

    def _called(self, request: Message) -> None:
        self.requests.append(request)
        self.actors.append(current_actor.get())
        if failure := self.failures.get(type(request).__name__.removesuffix("Request")):
            raise failure

    async def GetChannel(self, request: Any, _context: Any) -> Any:
        self._called(request)
        if request.channel_id not in ("", "ch1") or request.slug not in ("", "news"):
            raise ChannelNotFoundError(field="channel_id")
        return pb.GetChannelResponse(channel=channel())

    async def BatchGetChannels(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.BatchGetChannelsResponse(
            channels=[channel() for id_ in request.channel_ids if id_ == "ch1"]
        )

    async def ListChannels(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.ListChannelsResponse(channels=[channel()])

    async def GetAnnouncement(self, request: Any, _context: Any) -> Any:
        self._called(request)
        number = request.announcement_id.removeprefix("a")
        if number not in "12345":
            raise AnnouncementNotFoundError(field="announcement_id")
        return pb.GetAnnouncementResponse(announcement=announcement(int(number), request.locales))

    async def DeleteAnnouncement(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.DeleteAnnouncementResponse()

    async def BatchGetAnnouncements(self, request: Any, _context: Any) -> Any:
        self._called(request)
        hidden = self.walled | self.former
        rows = [
            announcement(int(id_[1:]))
            for id_ in request.announcement_ids
            if id_[1:] in "12345" and id_ not in hidden
        ]
        for row in rows:
            if row.id in self.withdrawn:
                row.state = pb.ANNOUNCEMENT_STATE_WITHDRAWN
        return pb.BatchGetAnnouncementsResponse(
            announcements=rows,
            former_ids=[id_ for id_ in request.announcement_ids if id_ in self.former],
        )

    async def ListAnnouncements(self, request: Any, _context: Any) -> Any:
        self._called(request)
        rows = [announcement(number, request.locales) for number in (5, 4, 3, 2, 1)]
        page, token = paged(
            request,
            rows,
            lambda row: encode_page_token(row.publish_time.ToDatetime(UTC), row.id),
        )
        return pb.ListAnnouncementsResponse(announcements=page, next_page_token=token)

    async def ListViewerAnnouncements(self, request: Any, _context: Any) -> Any:
        self._called(request)
        rows = [announcement(number) for number in (5, 4, 3, 2, 1)]
        page, token = paged(
            request,
            rows,
            lambda row: encode_page_token(row.publish_time.ToDatetime(UTC), row.id),
        )
        return pb.ListViewerAnnouncementsResponse(announcements=page, next_page_token=token)

    async def ListFollowedChannels(self, request: Any, _context: Any) -> Any:
        self._called(request)
        rows, token = paged(
            request, [channel()], lambda row: encode_page_token(row.name.casefold(), row.id)
        )
        return pb.ListFollowedChannelsResponse(channels=rows, next_page_token=token)

    async def CountUnreadAnnouncements(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.CountUnreadAnnouncementsResponse(unread_count=4, open_must_read_count=1)

    async def PreviewAudience(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.PreviewAudienceResponse(
            count=3,
            company_count=2,
            company_shares=[pb.CompanyShare(company_id="co1", people=2, community_id="c1")],
            person_ids=["p1", "p2"],
            community_id="c1",
        )

    async def BatchGetCommentPolicies(self, request: Any, _context: Any) -> Any:
        self._called(request)
        policies = [
            pb.TopicCommentPolicy(topic_id=id_, comment_policy=pb.COMMENT_POLICY_MODERATED)
            for id_ in request.topic_ids
        ]
        return pb.BatchGetCommentPoliciesResponse(comment_policies=policies)

    async def ListCorrections(self, request: Any, _context: Any) -> Any:
        self._called(request)
        correction = pb.Correction(
            id="x1", editor_id="p2", time=time(9), fields=["title"], locale="en",
            former_title="Old", community_id="c1",
        )  # fmt: skip
        return pb.ListCorrectionsResponse(corrections=[correction])

    async def GetReceiptSummary(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.GetReceiptSummaryResponse(
            audience_state=pb.AUDIENCE_STATE_FROZEN, people=9, companies=2, seen=4, acknowledged=3,
            overdue=6, community_id="c1",
        )  # fmt: skip

    async def ListCompanyReceipts(self, request: Any, _context: Any) -> Any:
        self._called(request)
        row = pb.CompanyReceipts(
            company_id="co1", deliver_time=time(5), people=4, seen=2, acknowledged=1,
            community_id="c1",
        )  # fmt: skip
        return pb.ListCompanyReceiptsResponse(company_receipts=[row])

    async def ListReceipts(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.ListReceiptsResponse(receipts=[receipt("p2")])

    async def MarkAnnouncementsSeen(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.MarkAnnouncementsSeenResponse(receipts=[receipt("p1")])

    async def AcknowledgeAnnouncement(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.AcknowledgeAnnouncementResponse(receipt=receipt("p1"))

    async def CreateFeedAddress(self, request: Any, _context: Any) -> Any:
        self._called(request)
        actor = current_actor.get()
        address = pb.FeedAddress(
            id="f1",
            community_id=request.community_id,
            channel_id=request.channel_id,
            person_id=actor.person_id if actor else "",
            create_time=time(1),
        )
        self.addresses[request.secret_hash] = address
        return pb.CreateFeedAddressResponse(feed_address=address)

    async def RevokeFeedAddress(self, request: Any, _context: Any) -> Any:
        self._called(request)
        found = {key: one for key, one in self.addresses.items() if one.id == request.address_id}
        for key in found:
            del self.addresses[key]
        return pb.RevokeFeedAddressResponse(feed_address=next(iter(found.values())))

    async def ListFeedAddresses(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.ListFeedAddressesResponse(feed_addresses=list(self.addresses.values()))

    async def FindFeedAddress(self, request: Any, _context: Any) -> Any:
        self._called(request)
        if request.secret_hash not in self.addresses:
            raise AddressNotFoundError(field="secret_hash")
        return pb.FindFeedAddressResponse(feed_address=self.addresses[request.secret_hash])


def _answering(name: str) -> Any:
    """A write that answers with what it is about."""
    response = getattr(pb, f"{name}Response")
    about = "channel" if "Channel" in name else "announcement"

    async def answer(self: AnnouncementStandIn, request: Any, _context: Any) -> Any:
        self._called(request)
        return response(**{about: channel() if about == "channel" else announcement(1)})

    return answer


for _name in (
    "CreateChannel", "UpdateChannel", "FollowChannel", "UnfollowChannel", "CreateAnnouncement",
    "UpdateAnnouncement", "ScheduleAnnouncement", "PublishAnnouncement", "WithdrawAnnouncement",
    "ArchiveAnnouncement", "PutTranslation", "DeleteTranslation",
):  # fmt: skip
    setattr(AnnouncementStandIn, _name, _answering(_name))


def channel() -> pb.Channel:
    return pb.Channel(
        id="ch1", community_id="c1", slug="news", name="News & <more>", description="What is new",
        theme=pb.CHANNEL_THEME_PROGRAMME_CHANGE, audience=forum_pb2.AUDIENCE_COMMUNITY,
        create_time=time(0), version=1, followed=True,
    )  # fmt: skip


def announcement(number: int, locales: Any = ()) -> pb.Announcement:
    return pb.Announcement(
        id=f"a{number}", community_id="c1", channel_id="ch1",
        state=pb.ANNOUNCEMENT_STATE_PUBLISHED, severity=pb.ANNOUNCEMENT_SEVERITY_MUST_READ,
        title=f"News {number} <b>&", body=f"*Text* {number};, with\na break and a long line " * 3,
        body_html=f"<p><em>Text</em> {number} &amp; more</p>",
        locale=locales[0] if locales else "en", source_locale="en", locales=["en", "de"],
        requires_acknowledgement=True, deadline=time(10_000), audience_rule=pb.AudienceRule(
            tiers=["gold"], company_ids=["co1"], roles=[directory_pb2.ROLE_MANAGER],
            locales=["de"], territories=["UK & Ireland"],
        ),
        audience_state=pb.AUDIENCE_STATE_FROZEN, discussion_topic_id="t3",
        author_id="p2", company_id="co2", create_time=time(0), publish_time=time(number),
        correction_count=1, correct_time=time(number + 20), version=3, receipt=receipt("p1"),
    )  # fmt: skip


def receipt(person_id: str) -> pb.Receipt:
    return pb.Receipt(
        person_id=person_id, company_id="co1", state=pb.RECEIPT_STATE_SEEN, deliver_time=time(5),
        see_time=time(6), in_audience=True, announcement_id="a1", community_id="c1",
    )  # fmt: skip


def add_announcements(servicer: AnnouncementServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_AnnouncementServiceServicer_to_server(servicer, server)


def add_mailings(servicer: MailingServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_MailingServiceServicer_to_server(servicer, server)
