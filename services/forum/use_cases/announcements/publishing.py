"""What moves announcements on: managers, and the hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import VersionStaleError
from chassis.texts import check_reason
from chassis.timestamps import time_of, timestamp_of
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters.announcements import requests
from services.forum.converters.announcements.messages import (
    preview_to_proto,
)
from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementState,
    AnnouncementStep,
)
from services.forum.domain.announcements.audiences import (
    AudienceEmptyError,
    AudienceRule,
    Preview,
)
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.announcements.schedules import check_schedule
from services.forum.domain.members import Member
from services.forum.use_cases.announcements.base import AnnouncementsBase, Change, shown
from services.forum.use_cases.base import FORUM

A = TypeVar("A", bound=Message)

NOBODY = "Nobody fitted its audience when it was due."
_MOST_AT_ONCE = 100  # of what is due; the rest a second later


class PublishingUseCases(AnnouncementsBase):
    """An audience is asked for before the command: of nobody nothing is published."""

    async def preview_audience(
        self, actor: Actor, request: pb.PreviewAudienceRequest
    ) -> pb.PreviewAudienceResponse:
        """MANAGER. Refuses with CHANNEL_NOT_FOUND."""
        self._manager(actor, request.community_id)
        member = Member.of(actor, request.community_id)
        rule = requests.audience_rule(request.audience_rule)
        channel = await self._repository.get_channel(
            request.community_id, request.channel_id, member.keyring
        )
        await self._check_companies(request.community_id, rule)
        preview = Preview.empty()
        async for people, _ in self._audience(channel, rule):
            preview.add(people)
        return preview_to_proto(preview, request.community_id)

    async def schedule_announcement(
        self, actor: Actor, request: pb.ScheduleAnnouncementRequest
    ) -> pb.ScheduleAnnouncementResponse:
        """MANAGER. Refuses with ANNOUNCEMENT_STATE_INVALID, AUDIENCE_EMPTY."""
        reader = self._manager(actor, request.community_id)
        time = None
        if request.HasField("publish_time"):
            time = time_of(request.publish_time, "publish_time")
        if (done := await self._done(actor, request, pb.ScheduleAnnouncementResponse)) is not None:
            return done
        before = await self._repository.get_announcement(reader, request.announcement_id)
        check_schedule(time, request.wall_clock, datetime.now(UTC))
        before.step(AnnouncementStep.SCHEDULE)  # refuse before asking others
        await self._check_audience(before)

        def change(seen: Seen[Announcement], announcement: Announcement) -> Change:
            schedule = check_schedule(time, request.wall_clock, seen.now.time)
            planned = _same_audience(announcement, before).plan(schedule)
            scheduled = said.AnnouncementScheduled(
                announcement_id=planned.id, channel_id=planned.channel_id
            )
            return Change(planned.next(), [scheduled])

        return await self._change_announcement(
            actor,
            request,
            reader,
            before,
            change,
            lambda made: pb.ScheduleAnnouncementResponse(announcement=shown(made)),
        )

    async def publish_announcement(
        self, actor: Actor, request: pb.PublishAnnouncementRequest
    ) -> pb.PublishAnnouncementResponse:
        """MANAGER. Refuses with ANNOUNCEMENT_STATE_INVALID, AUDIENCE_EMPTY."""
        reader = self._manager(actor, request.community_id)
        if (done := await self._done(actor, request, pb.PublishAnnouncementResponse)) is not None:
            return done
        before = await self._repository.get_announcement(reader, request.announcement_id)
        before.step(AnnouncementStep.PUBLISH)  # refuse before asking others
        await self._check_audience(before)

        def change(seen: Seen[Announcement], announcement: Announcement) -> Change:
            out = _same_audience(announcement, before).publish(seen.now.time, due=False)
            return _published(out)

        return await self._change_announcement(
            actor,
            request,
            reader,
            before,
            change,
            lambda made: pb.PublishAnnouncementResponse(announcement=shown(made)),
        )

    async def withdraw_announcement(
        self, actor: Actor, request: pb.WithdrawAnnouncementRequest
    ) -> pb.WithdrawAnnouncementResponse:
        """MANAGER, with a reason. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        reader = self._manager(actor, request.community_id)
        reason = check_reason(request.reason)
        before = await self._repository.get_announcement(reader, request.announcement_id)

        def change(seen: Seen[Announcement], announcement: Announcement) -> Change:
            return _withdrawn(announcement, reason, seen.now.time)

        return await self._change_announcement(
            actor,
            request,
            reader,
            before,
            change,
            lambda made: pb.WithdrawAnnouncementResponse(announcement=shown(made)),
        )

    async def archive_announcement(
        self, actor: Actor, request: pb.ArchiveAnnouncementRequest
    ) -> pb.ArchiveAnnouncementResponse:
        """MANAGER. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        reader = self._manager(actor, request.community_id)
        before = await self._repository.get_announcement(reader, request.announcement_id)
        return await self._change_announcement(
            actor,
            request,
            reader,
            before,
            lambda _, announcement: _archived(announcement),
            lambda made: pb.ArchiveAnnouncementResponse(announcement=shown(made)),
        )

    async def _check_audience(self, announcement: Announcement) -> None:
        """Refuses with AUDIENCE_EMPTY."""
        channel = await self._repository.find_channel(
            announcement.community_id, announcement.channel_id
        )
        if channel is None or not await self._has_audience(channel, announcement.terms.rule):
            raise AudienceEmptyError

    async def _has_audience(self, channel: Channel, rule: AudienceRule) -> bool:
        async for people, _ in self._audience(channel, rule):
            if people:
                return True
        return False

    # -- by the hour

    async def wake_due(self, now: datetime) -> int:
        """Publish, remind, expire and archive what is due; how many moved on. May run twice."""
        due = await self._repository.find_due(now, _MOST_AT_ONCE)
        return sum([await self._wake(announcement, now) for announcement in due])

    async def tell_visible(self, now: datetime) -> int:
        """Say of what comes at a time of each reader's day that it has come to some; of how many.

        May run twice.
        """
        found = await self._repository.find_becoming_visible(now, _MOST_AT_ONCE)
        return sum([await self._tell_visible(announcement, now) for announcement in found])

    async def _tell_visible(self, announcement: Announcement, now: datetime) -> bool:
        """Of all hours that have come meanwhile at once."""
        hour = f"visible-{announcement.visible_wake_time:%Y%m%dT%H%M}"
        return await self._by_itself(announcement, hour, lambda one, _: _visible(one, now))

    async def _wake(self, announcement: Announcement, now: datetime) -> bool:
        """One step; where more are due, the next call takes the next one."""
        if announcement.state is AnnouncementState.SCHEDULED:
            return await self._publish_due(announcement)
        if announcement.state is AnnouncementState.EXPIRED:
            return await self._by_itself(announcement, "archive", lambda one, _: _archived(one))
        if announcement.terms.expire_time and announcement.terms.expire_time <= now:
            return await self._by_itself(announcement, "expire", _expired)
        return await self._by_itself(announcement, "remind", _reminded)

    async def _publish_due(self, announcement: Announcement) -> bool:
        try:
            await self._check_audience(announcement)
        except AudienceEmptyError:
            return await self._by_itself(
                announcement, "withdraw", lambda one, now: _withdrawn(one, NOBODY, now)
            )
        return await self._by_itself(
            announcement, "publish", lambda one, now: _published(one.publish(now, due=True))
        )

    async def _by_itself(
        self,
        announcement: Announcement,
        step: str,
        change: Callable[[Announcement, datetime], Change],
    ) -> bool:
        """A command of the forum's own; what has changed since it was found is left as it is.

        Whether it moved. What was left is found with another version, so under another id.
        """
        request = pb.PublishAnnouncementRequest(  # only its ids count
            request_id=f"{step}-{announcement.id}-{announcement.version}",
            community_id=announcement.community_id,
            announcement_id=announcement.id,
        )
        moved = False

        def decide(
            seen: Seen[Announcement],
        ) -> Decision[Announcement, pb.PublishAnnouncementResponse]:
            nonlocal moved
            state = seen.state or announcement
            moved = state.stands_as(announcement)
            if not moved:
                return Decision(state, lambda _: pb.PublishAnnouncementResponse())
            made = change(state, seen.now.time)
            return Decision(
                made.announcement, lambda _: pb.PublishAnnouncementResponse(), made.events
            )

        ref = self._repository.announcements.ref(announcement.community_id, announcement.id)
        await self._commands.run(FORUM, request, ref, decide)
        return moved


def _same_audience(announcement: Announcement, before: Announcement) -> Announcement:
    """Who was asked about is who is told. Refuses with VERSION_STALE."""
    if (announcement.channel_id, announcement.terms.rule) != (before.channel_id, before.terms.rule):
        raise VersionStaleError("its audience changed while it was looked for")
    return announcement


def _published(out: Announcement) -> Change:
    must_read = out.terms.severity == "MUST_READ"
    event = said.AnnouncementPublished(
        announcement_id=out.id, channel_id=out.channel_id, must_read=must_read
    )
    return Change(out.next(), [event])


def _visible(announcement: Announcement, now: datetime) -> Change:
    event = said.AnnouncementBecameVisible(
        announcement_id=announcement.id, channel_id=announcement.channel_id
    )
    return Change(replace(announcement, visible_time=now), [event])


def _withdrawn(announcement: Announcement, reason: str, now: datetime) -> Change:
    gone = announcement.withdraw(reason, now).next()
    return Change(
        gone, [said.AnnouncementWithdrawn(announcement_id=gone.id, channel_id=gone.channel_id)]
    )


def _archived(announcement: Announcement) -> Change:
    kept = announcement.step(AnnouncementStep.ARCHIVE).next()
    return Change(
        kept, [said.AnnouncementArchived(announcement_id=kept.id, channel_id=kept.channel_id)]
    )


def _expired(announcement: Announcement, now: datetime) -> Change:
    over = announcement.expire(now).next()
    return Change(
        over, [said.AnnouncementExpired(announcement_id=over.id, channel_id=over.channel_id)]
    )


def _reminded(announcement: Announcement, _: datetime) -> Change:
    due = said.AnnouncementReminderDue(
        announcement_id=announcement.id,
        channel_id=announcement.channel_id,
        deadline=timestamp_of(announcement.terms.deadline) if announcement.terms.deadline else None,
    )
    return Change(replace(announcement, reminded=True), [due])
