"""The list of who is told, written page by page after publication: for proof, and for receipts."""

from __future__ import annotations

from chassis.decisions import Decision, Seen
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.domain.announcements.announcement import (
    Announcement,
    AudienceState,
    Severity,
)
from services.forum.use_cases.announcements.base import AnnouncementsBase
from services.forum.use_cases.base import FORUM

_MOST_AT_ONCE = 20


class FreezingUseCases(AnnouncementsBase):
    """May be cut off and run again, or run twice: a page that is written is written again."""

    async def freeze_audiences(self) -> int:
        """Write the lists of what was published; how many."""
        freezing = await self._repository.find_freezing(_MOST_AT_ONCE)
        for announcement in freezing:
            await self._freeze(announcement)
        return len(freezing)

    async def _freeze(self, announcement: Announcement) -> None:
        progress = await self._repository.freeze_progress(announcement)
        channel = await self._repository.find_channel(
            announcement.community_id, announcement.channel_id
        )
        if channel is None or announcement.schedule is None:
            raise AssertionError("what was published has a channel and a time")
        if progress != "":  # else only the end is missing
            async for people, token in self._audience(
                channel, announcement.terms.rule, progress or ""
            ):
                await self._repository.freeze(announcement, announcement.schedule, people, token)
        count, _ = await self._repository.freeze_companies(announcement)
        await self._mark_frozen(announcement, count)

    async def _mark_frozen(self, announcement: Announcement, people: int) -> None:
        request = pb.PublishAnnouncementRequest(  # only its ids count
            request_id=f"freeze-{announcement.id}",
            community_id=announcement.community_id,
            announcement_id=announcement.id,
        )

        def decide(
            seen: Seen[Announcement],
        ) -> Decision[Announcement, pb.PublishAnnouncementResponse]:
            state = seen.state or announcement
            if state.audience_state is not AudienceState.FREEZING:
                return Decision(state, lambda _: pb.PublishAnnouncementResponse())
            frozen = said.AnnouncementAudienceFrozen(
                announcement_id=state.id,
                channel_id=state.channel_id,
                people=people,
                must_read=state.terms.severity is Severity.MUST_READ,
            )
            return Decision(
                state.frozen(people), lambda _: pb.PublishAnnouncementResponse(), [frozen]
            )

        ref = self._repository.announcements.ref(announcement.community_id, announcement.id)
        await self._commands.run(FORUM, request, ref, decide)
