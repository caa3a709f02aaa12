"""What readers do: they see announcements, and take them on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.pagination import check_batch
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters.announcements.messages import receipt_to_proto
from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementNotFoundError,
    AnnouncementState,
)
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.copies import is_shown
from services.forum.domain.announcements.receipts import Acknowledgement, Receipt, receipt_id
from services.forum.domain.members import Member
from services.forum.use_cases.announcements.base import AnnouncementsBase


class ReceiptUseCases(AnnouncementsBase):
    """Seeing is written straight: two queries, which those share that wait at once; they change
    nothing that others change.
    """

    async def mark_announcements_seen(
        self, actor: Actor, request: pb.MarkAnnouncementsSeenRequest, now: datetime
    ) -> pb.MarkAnnouncementsSeenResponse:
        """What cannot be seen is left out; managers count as readers where it is for them."""
        member = Member.of(actor, request.community_id)
        reader = replace(Reader.of(actor, request.community_id), manager=False)
        ids = check_batch(list(request.announcement_ids), "announcement_ids")
        found = await self._repository.find_announcements(reader, ids)
        out = [one for one in found if one.state is not AnnouncementState.WITHDRAWN]
        seen = await self._repository.mark_seen(out, member.person_id, member.company_id, now)
        if not seen:
            raise AnnouncementNotFoundError(field="announcement_ids")
        return pb.MarkAnnouncementsSeenResponse(
            receipts=[receipt_to_proto(seen[id_], now) for id_ in ids if id_ in seen]
        )

    async def acknowledge_announcement(
        self, actor: Actor, request: pb.AcknowledgeAnnouncementRequest, now: datetime
    ) -> pb.AcknowledgeAnnouncementResponse:
        """Once for all. Refuses with ANNOUNCEMENT_STATE_INVALID, ACKNOWLEDGEMENT_NOT_REQUIRED."""
        member = Member.of(actor, request.community_id)
        reader = replace(Reader.of(actor, request.community_id), manager=False)
        found = await self._repository.find_announcements(reader, [request.announcement_id])
        receipts = await self._repository.find_receipts(member.person_id, found)
        before = receipts.get(request.announcement_id)
        if not found or not is_shown(found[0], before, now):
            raise AnnouncementNotFoundError
        announcement = found[0]

        def decide(
            seen: Seen[Acknowledgement],
        ) -> Decision[Acknowledgement, pb.AcknowledgeAnnouncementResponse]:
            made = seen.state
            new = made is None
            if made is None:
                announcement.check_acknowledgeable()
                made = Acknowledgement(
                    announcement.id, member.person_id, member.company_id, seen.now.time
                )
            receipt = before or _new_receipt(
                announcement, member.person_id, member.company_id, made.time
            )
            receipt = replace(receipt.seen(made.time), acknowledge_time=made.time)
            event = said.AnnouncementAcknowledged(
                announcement_id=announcement.id,
                person_id=made.person_id,
                company_id=made.company_id,
            )
            return Decision(
                made,
                lambda _: pb.AcknowledgeAnnouncementResponse(
                    receipt=receipt_to_proto(receipt, now)
                ),
                [event] if new else [],
                writes=self._repository.acknowledging(announcement, made) if new else [],
            )

        ref = self._repository.acknowledgements.ref(
            request.community_id, receipt_id(announcement.id, member.person_id)
        )
        return await self._commands.run(actor, request, ref, decide)


def _new_receipt(
    announcement: Announcement, person_id: str, company_id: str, now: datetime
) -> Receipt:
    """Of somebody who is on no list."""
    return Receipt(
        announcement.community_id,
        announcement.id,
        person_id,
        company_id,
        now,
        in_audience=False,
        deadline=announcement.terms.deadline,
    )
