"""What shows channels, announcements and receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from chassis import moment
from chassis.actors import MANAGER, require_actor, require_person
from chassis.pagination import Paging, check_batch
from chassis.rpc_server import Context
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import announcements_pb2_grpc
from services.forum.converters.announcements import messages, requests
from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementNotFoundError,
    AudienceState,
)
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.copies import Copy
from services.forum.domain.announcements.feed_addresses import check_secret_hash
from services.forum.domain.announcements.receipts import stored_states
from services.forum.domain.members import Member
from services.forum.repository import AnnouncementFilter, ForumRepository
from services.forum.servicer.reading import fitting, keyring_of
from services.forum.use_cases.announcements import AnnouncementUseCases
from services.forum.use_cases.feed.base import keyrings_of


class AnnouncementReads(announcements_pb2_grpc.AnnouncementServiceServicer):
    """By the repository, and by use cases where others are asked."""

    _use_cases: AnnouncementUseCases
    _repository: ForumRepository

    async def GetChannel(
        self, request: pb.GetChannelRequest, context: Context
    ) -> pb.GetChannelResponse:
        member = Member.of(require_person(), request.community_id)
        community_id, repository = request.community_id, self._repository
        if request.channel_id:
            channel = await repository.get_channel(community_id, request.channel_id, member.keyring)
        else:
            channel = await repository.get_channel_by_slug(
                community_id, request.slug, member.keyring
            )
        followed = await repository.find_follows(community_id, member.person_id, [channel.id])
        return pb.GetChannelResponse(
            channel=messages.channel_to_proto(
                channel,
                channel.version,
                followed=channel.id in followed,
                keyring=member.keyring,
            )
        )

    async def BatchGetChannels(
        self, request: pb.BatchGetChannelsRequest, context: Context
    ) -> pb.BatchGetChannelsResponse:
        actor, community_id = require_actor(), request.community_id
        keyring = keyring_of(actor, community_id)
        ids = check_batch(list(request.channel_ids), "channel_ids")
        channels = await self._repository.find_channels(community_id, ids, keyring)
        found = {one.id: one for one in channels}
        followed: set[str] = set()
        if not actor.service:
            followed = await self._repository.find_follows(
                community_id, actor.person_id, list(found)
            )
        return pb.BatchGetChannelsResponse(
            channels=[
                messages.channel_to_proto(
                    found[id_],
                    found[id_].version,
                    followed=id_ in followed,
                    keyring=keyring or (),
                    for_service=keyring is None,
                )
                for id_ in ids
                if id_ in found
            ]
        )

    async def ListChannels(
        self, request: pb.ListChannelsRequest, context: Context
    ) -> pb.ListChannelsResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, str, str)
        found = await self._repository.list_channels(
            request.community_id,
            member.keyring,
            paging,
            followed_by=member.person_id if request.followed else "",
        )
        channels, token = paging.page(found, lambda last: (last.name_order, last.id))
        followed = await self._repository.find_follows(
            request.community_id, member.person_id, [one.id for one in channels]
        )
        return pb.ListChannelsResponse(
            channels=[
                messages.channel_to_proto(
                    one, one.version, followed=one.id in followed, keyring=member.keyring
                )
                for one in channels
            ],
            next_page_token=token,
        )

    async def ListFollowedChannels(
        self, request: pb.ListFollowedChannelsRequest, context: Context
    ) -> pb.ListFollowedChannelsResponse:
        actor, paging = require_person(), Paging.of(request, str, str)
        keyrings = keyrings_of(actor, request.community_ids)
        found = await self._repository.list_followed_channels(keyrings, actor.person_id, paging)
        channels, token = paging.page(found, lambda last: (last.name_order, last.id))
        return pb.ListFollowedChannelsResponse(
            channels=[
                messages.channel_to_proto(
                    one, one.version, followed=True, keyring=keyrings[one.community_id]
                )
                for one in channels
            ],
            next_page_token=token,
        )

    async def GetAnnouncement(
        self, request: pb.GetAnnouncementRequest, context: Context
    ) -> pb.GetAnnouncementResponse:
        reader = Reader.of(require_person(), request.community_id)
        copies = await self._copies(reader, [request.announcement_id], request.locales)
        if not copies:
            raise AnnouncementNotFoundError
        return pb.GetAnnouncementResponse(
            announcement=messages.announcement_to_proto(copies[0], moment.now())
        )

    async def BatchGetAnnouncements(
        self, request: pb.BatchGetAnnouncementsRequest, context: Context
    ) -> pb.BatchGetAnnouncementsResponse:
        reader = Reader.of(require_person(), request.community_id)
        ids = check_batch(list(request.announcement_ids), "announcement_ids")
        if request.as_reader:
            return await self._as_reader(reader, ids, request.locales)
        copies = await self._copies(reader, ids, request.locales)
        found = {
            one.announcement.id: messages.announcement_to_proto(one, moment.now()) for one in copies
        }
        return pb.BatchGetAnnouncementsResponse(
            announcements=[found[id_] for id_ in ids if id_ in found]
        )

    async def _as_reader(
        self, reader: Reader, ids: Sequence[str], locales: Iterable[str]
    ) -> pb.BatchGetAnnouncementsResponse:
        now, wanted = moment.now(), requests.locales(list(locales))
        plain = replace(reader, manager=False)
        found = await self._repository.find_announcements(plain, ids)
        copies, former = await asyncio.gather(
            self._repository.copies(plain, found, wanted, now),
            self._repository.find_former(plain, found),
        )
        if reader.manager:  # of what is for them, they are told what managers are
            shown = [one.announcement for one in copies]
            copies = await self._repository.copies(reader, shown, wanted, now)
        return pb.BatchGetAnnouncementsResponse(
            announcements=[messages.announcement_to_proto(one, now) for one in copies],
            former_ids=[one.id for one in former],
        )

    async def _copies(
        self, reader: Reader, ids: Iterable[str], locales: Iterable[str]
    ) -> list[Copy]:
        wanted = requests.locales(list(locales))
        found = await self._repository.find_announcements(reader, ids)
        return await self._repository.copies(reader, found, wanted, moment.now())

    async def ListAnnouncements(
        self, request: pb.ListAnnouncementsRequest, context: Context
    ) -> pb.ListAnnouncementsResponse:
        reader = Reader.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        wanted = AnnouncementFilter(
            request.channel_id,
            requests.announcement_states(request.states),
            requests.severity(request.severity) if request.severity else None,
            request.followed,
            request.open_must_reads,
        )
        locales, now = requests.locales(list(request.locales)), moment.now()
        found = await self._repository.list_announcements(reader, wanted, paging, now)
        page, token = paging.page(
            found, lambda last: (last.list_time, last.id), most=fitting(found, paging.size)
        )
        copies = await self._repository.copies(reader, page, locales, now)
        return pb.ListAnnouncementsResponse(
            announcements=[messages.announcement_to_proto(one, now) for one in copies],
            next_page_token=token,
        )

    async def ListViewerAnnouncements(
        self, request: pb.ListViewerAnnouncementsRequest, context: Context
    ) -> pb.ListViewerAnnouncementsResponse:
        actor, paging = require_person(), Paging.of(request, datetime, str)
        keyrings, now = keyrings_of(actor, request.community_ids), moment.now()
        found = await self._repository.list_current(
            keyrings,
            actor.person_id,
            paging,
            now,
            severity=requests.severity(request.severity) if request.severity else None,
            followed=request.followed,
            unread=request.unread,
        )
        page, token = paging.page(
            found, lambda last: (last.list_time, last.id), most=fitting(found, paging.size)
        )
        readers = {one: Reader.of(actor, one) for one in keyrings}
        copies = await self._repository.copies_anywhere(readers, page, (), now)
        return pb.ListViewerAnnouncementsResponse(
            announcements=[messages.announcement_to_proto(one, now) for one in copies],
            next_page_token=token,
        )

    async def CountUnreadAnnouncements(
        self, request: pb.CountUnreadAnnouncementsRequest, context: Context
    ) -> pb.CountUnreadAnnouncementsResponse:
        actor = require_person()
        keyrings = keyrings_of(actor, request.community_ids)
        unread, open_ = await self._repository.count_unread_announcements(
            keyrings, actor.person_id, moment.now()
        )
        return pb.CountUnreadAnnouncementsResponse(unread_count=unread, open_must_read_count=open_)

    async def BatchGetCommentPolicies(
        self, request: pb.BatchGetCommentPoliciesRequest, context: Context
    ) -> pb.BatchGetCommentPoliciesResponse:
        member = Member.of(require_person(), request.community_id)
        ids = check_batch(list(request.topic_ids), "topic_ids")
        policies = await self._use_cases.comment_policies(member, request.community_id, ids)
        return pb.BatchGetCommentPoliciesResponse(
            comment_policies=[
                pb.TopicCommentPolicy(
                    topic_id=id_, comment_policy=requests.COMMENT_POLICIES[policies[id_]]
                )
                for id_ in ids
                if id_ in policies
            ]
        )

    async def ListCorrections(
        self, request: pb.ListCorrectionsRequest, context: Context
    ) -> pb.ListCorrectionsResponse:
        reader = Reader.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        copies = await self._copies(reader, [request.announcement_id], ())
        if not copies or copies[0].body is None:
            raise AnnouncementNotFoundError
        found = await self._repository.list_corrections(copies[0].announcement, paging)
        corrections, token = paging.page(
            found, lambda last: (last.time, last.id), most=fitting(found, paging.size)
        )
        return pb.ListCorrectionsResponse(
            corrections=[messages.correction_to_proto(one) for one in corrections],
            next_page_token=token,
        )

    # -- receipts, for managers

    async def _managed(self, community_id: str, announcement_id: str) -> Announcement:
        actor = require_person()
        actor.require_role(community_id, MANAGER)
        reader = Reader.of(actor, community_id)
        return await self._repository.get_announcement(reader, announcement_id)

    async def GetReceiptSummary(
        self, request: pb.GetReceiptSummaryRequest, context: Context
    ) -> pb.GetReceiptSummaryResponse:
        announcement = await self._managed(request.community_id, request.announcement_id)
        counts = await self._repository.count_receipts(announcement, moment.now())
        frozen = announcement.audience_state is AudienceState.FROZEN
        return pb.GetReceiptSummaryResponse(
            audience_state=requests.AUDIENCE_STATES[announcement.audience_state],
            people=counts.people,
            companies=await self._repository.count_companies(announcement) if frozen else 0,
            seen=counts.seen,
            acknowledged=counts.acknowledged,
            overdue=counts.overdue,
            community_id=request.community_id,
        )

    async def ListCompanyReceipts(
        self, request: pb.ListCompanyReceiptsRequest, context: Context
    ) -> pb.ListCompanyReceiptsResponse:
        announcement = await self._managed(request.community_id, request.announcement_id)
        paging = Paging.of(request, str)
        found = await self._repository.list_audience_companies(announcement, paging)
        ids, token = paging.page(found, lambda last: (last,))
        companies = await self._repository.count_by_company(announcement, ids, moment.now())
        return pb.ListCompanyReceiptsResponse(
            company_receipts=[
                messages.company_receipts_to_proto(one, request.community_id) for one in companies
            ],
            next_page_token=token,
        )

    async def ListReceipts(
        self, request: pb.ListReceiptsRequest, context: Context
    ) -> pb.ListReceiptsResponse:
        now = moment.now()
        if require_actor().service:
            found = await self._repository.find_announcement(
                request.community_id, request.announcement_id
            )
            if found is None:
                raise AnnouncementNotFoundError
            announcement = found
        else:
            announcement = await self._managed(request.community_id, request.announcement_id)
        paging = Paging.of(request, str, str)
        states = requests.receipt_states(request.states)
        receipts = await self._repository.list_receipts(
            announcement,
            paging,
            company_id=request.company_id,
            states=None
            if states is None
            else stored_states(states, announcement.terms.deadline, now),
        )
        page, token = paging.page(receipts, lambda last: (last.company_id, last.person_id))
        return pb.ListReceiptsResponse(
            receipts=[messages.receipt_to_proto(one, now) for one in page],
            next_page_token=token,
        )

    async def BatchGetAnnouncementCopies(
        self, request: pb.BatchGetAnnouncementCopiesRequest, context: Context
    ) -> pb.BatchGetAnnouncementCopiesResponse:
        require_actor().require_service("notifications")
        now, ids = moment.now(), check_batch(list(request.person_ids), "person_ids")
        announcement, copies = await self._use_cases.copies_for(
            request.community_id, request.announcement_id, ids, now
        )
        return messages.copies_to_proto(announcement, copies, now)

    async def BatchGetFindableAnnouncements(
        self, request: pb.BatchGetFindableAnnouncementsRequest, context: Context
    ) -> pb.BatchGetFindableAnnouncementsResponse:
        require_actor().require_service("search")
        ids = check_batch(list(request.announcement_ids), "announcement_ids")
        found = await self._repository.find_findable(request.community_id, ids)
        return pb.BatchGetFindableAnnouncementsResponse(
            announcements=[messages.findable_to_proto(*one) for one in found]
        )

    # -- feed addresses

    async def ListFeedAddresses(
        self, request: pb.ListFeedAddressesRequest, context: Context
    ) -> pb.ListFeedAddressesResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_feed_addresses(
            request.community_id, member.person_id, paging
        )
        page, token = paging.page(found, lambda last: (last.create_time, last.id))
        return pb.ListFeedAddressesResponse(
            feed_addresses=[messages.feed_address_to_proto(one) for one in page],
            next_page_token=token,
        )

    async def FindFeedAddress(
        self, request: pb.FindFeedAddressRequest, context: Context
    ) -> pb.FindFeedAddressResponse:
        require_actor().require_service("gateway")
        address = await self._repository.find_feed_address_by_hash(
            check_secret_hash(request.secret_hash)
        )
        return pb.FindFeedAddressResponse(feed_address=messages.feed_address_to_proto(address))
