"""What the forum says of an announcement, and what each person gets of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.errors import DomainError, NotFoundError
from guildhall.forum.v1 import announcements_pb2
from services.notifications.domain import Mailing

if TYPE_CHECKING:
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub


async def copies_of(
    announcements: AnnouncementServiceAsyncStub, mailing: Mailing, person_ids: Sequence[str] = ()
) -> announcements_pb2.BatchGetAnnouncementCopiesResponse:
    """As of now; of one that is gone nothing, nor a state."""
    request = announcements_pb2.BatchGetAnnouncementCopiesRequest(
        community_id=mailing.community_id,
        announcement_id=mailing.announcement_id,
        person_ids=person_ids,
    )
    try:
        return await announcements.BatchGetAnnouncementCopies(request)
    except DomainError as refusal:
        if refusal.status != NotFoundError.status:
            raise
        return announcements_pb2.BatchGetAnnouncementCopiesResponse()
