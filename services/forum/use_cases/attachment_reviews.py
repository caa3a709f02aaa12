"""What the job does with attachments: scan what waits, delete what no post has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from chassis.decisions import Decision, Seen
from chassis.each import each
from guildhall.forum.v1 import attachments_pb2 as pb
from services.forum.converters.domain_events import attachment_removed, attachment_scanned
from services.forum.converters.messages import attachment_to_proto
from services.forum.domain.attachments import (
    ATTACHED_REVIEW,
    RESCAN_TIME,
    Attachment,
    AttachmentNotFoundError,
    AttachmentState,
    Review,
    Scan,
    lost,
)
from services.forum.use_cases.base import FORUM

if TYPE_CHECKING:
    from chassis.commands import Commands
    from services.forum.repository import ForumRepository
    from services.forum.use_cases.attachments import Files

KEPT_AFTER_REMOVAL = timedelta(days=30)
_REVIEWS = 100  # in one run
_LOST_REVIEW = timedelta(days=1)
_DRAFT_REVIEW = timedelta(days=1)


class AttachmentReviews:
    """May run twice, and be cut off: what was begun is found again by its note.

    A file is deleted after its attachment is REMOVED, never before: a post could take it meanwhile.
    """

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        files: Files,
        *,
        kept_after_removal: timedelta = KEPT_AFTER_REMOVAL,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._files = files
        self._kept_after_removal = kept_after_removal

    async def review_attachments(self, now: datetime | None = None) -> None:
        """Look after all that is due."""
        time = now or datetime.now(UTC)
        due = await self._repository.find_due_reviews(time, _REVIEWS)
        await each(
            due,
            lambda review: self._review(review, time),
            lambda review: f"review of attachment {review.attachment_id}",
        )

    async def _review(self, review: Review, now: datetime) -> None:
        found = await self._repository.find_attachment(review.community_id, review.attachment_id)
        if found is None:
            raise AssertionError("what has a review is there")
        if found.state is not AttachmentState.UPLOADING:  # what is still put or kept comes too late
            await self._files.blobs.delete(found.id, but=found.blob)
        if found.state is AttachmentState.ATTACHED:
            await self._review_attached(found, review, now)
        elif found.state is AttachmentState.REMOVED or (
            found.forgotten(now) and not await self._drafted(found)
        ):
            await self._remove(found, review, lambda one: one.forgotten(now))
        elif found.state is AttachmentState.SCANNING:
            await self._scan(found, review, now)
        elif found.forgotten(now):  # but a draft has it
            await self._repository.put_off(review, now + _DRAFT_REVIEW)
        else:  # it changed a moment ago
            await self._repository.put_off(review, found.next_review(now))

    async def _drafted(self, found: Attachment) -> bool:
        return found.keepable and await self._repository.drafted(found)

    async def _review_attached(self, found: Attachment, review: Review, now: datetime) -> None:
        """A post that was removed may come back for a while: its files wait as long."""
        if not lost(await self._repository.find_listing_states(found.community_id, found.id)):
            note = replace(review, lost_time=None)
            await self._repository.put_off(note, now + ATTACHED_REVIEW)
        elif review.lost_time is None or now - review.lost_time < self._kept_after_removal:
            note = replace(review, lost_time=review.lost_time or now)
            await self._repository.put_off(note, now + _LOST_REVIEW)
        else:
            await self._remove(found, review, lambda _: True)

    async def _scan(self, found: Attachment, review: Review, now: datetime) -> None:
        data = await self._files.blobs.kept(found.blob)
        scan = Scan.UNKNOWN if data is None else await self._files.scan(data)
        if scan is Scan.UNKNOWN:
            await self._repository.put_off(review, now + RESCAN_TIME)
            return
        after = await self._change(found, lambda one: one.scanned(scan), attachment_scanned)
        if after.state == pb.ATTACHMENT_STATE_INFECTED:
            await self._files.blobs.delete(found.id)

    async def _remove(
        self, found: Attachment, review: Review, still: Callable[[Attachment], bool]
    ) -> None:
        def removed(attachment: Attachment) -> Attachment:
            return attachment.remove() if still(attachment) else attachment

        gone = found.state is AttachmentState.REMOVED
        if not gone:
            after = await self._change(found, removed, attachment_removed)
            gone = after.state == pb.ATTACHMENT_STATE_REMOVED
        if gone:
            await self._files.blobs.delete(found.id)
            await self._repository.end_reviews(review)

    async def _change(
        self,
        found: Attachment,
        change: Callable[[Attachment], Attachment],
        event: Callable[[Attachment], Message],
    ) -> pb.Attachment:
        """Decided on it as it is then."""

        def decide(seen: Seen[Attachment]) -> Decision[Attachment, pb.ReviewAttachmentResponse]:
            before = seen.state
            if before is None:
                raise AttachmentNotFoundError
            after = change(before)
            answer = pb.ReviewAttachmentResponse(attachment=attachment_to_proto(after))
            if after == before:
                return Decision(after, lambda _: answer)
            review = self._repository.review_of(after, seen.now.time)
            return Decision(after, lambda _: answer, [event(after)], writes=[review])

        request = pb.ReviewAttachmentRequest(
            request_id=f"review-{found.id}-{found.version}",
            community_id=found.community_id,
            attachment_id=found.id,
        )
        ref = self._repository.attachment_ref(found.community_id, found.id)
        return (await self._commands.run(FORUM, request, ref, decide)).attachment
