"""Whom an announcement is mailed to: the forum's list, read page by page into the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chassis.moment import cut
from guildhall.forum.v1 import announcements_pb2
from services.notifications.domain import Mailing, MailKind, Reason, Step
from services.notifications.repository import NotificationsRepository
from services.notifications.use_cases.copies import copies_of

if TYPE_CHECKING:
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub

_PAGE = 100
_MOST_AT_ONCE = 20
_TO_REMIND = (announcements_pb2.RECEIPT_STATE_DELIVERED, announcements_pb2.RECEIPT_STATE_SEEN)


class ListingUseCases:
    """May be cut off and run again, or run twice: who is queued is queued once."""

    def __init__(
        self, repository: NotificationsRepository, announcements: AnnouncementServiceAsyncStub
    ) -> None:
        self._repository = repository
        self._announcements = announcements

    async def list_mailings(self, now: datetime) -> int:
        """Queue the mails of new mailings, drop those of stopped ones; how many mailings."""
        found = await self._repository.find_unfinished(_MOST_AT_ONCE)
        for mailing in found:
            if mailing.step is Step.DROP:
                await self._repository.drop(mailing, Reason.ENDED, now)
                await self._repository.finish(mailing)
            else:
                await self._list(mailing, now)
        return len(found)

    async def _list(self, mailing: Mailing, now: datetime) -> None:
        answer = await copies_of(self._announcements, mailing)
        if answer.state != announcements_pb2.ANNOUNCEMENT_STATE_PUBLISHED:
            await self._repository.finish(mailing)
            return
        reminds = mailing.kind is MailKind.REMINDER
        page_token = mailing.page_token
        while True:
            request = announcements_pb2.ListReceiptsRequest(
                community_id=mailing.community_id,
                announcement_id=mailing.announcement_id,
                states=_TO_REMIND if reminds else (),
                page_size=_PAGE,
                page_token=page_token,
            )
            page = await self._announcements.ListReceipts(request)
            page_token = page.next_page_token
            # Who came later reads it in the portal: only the frozen list is told.
            people = {
                one.person_id: max(now, cut(one.deliver_time.ToDatetime(UTC)))
                for one in page.receipts
                if one.in_audience
            }
            if not await self._repository.queue(mailing, people, page_token):
                return
