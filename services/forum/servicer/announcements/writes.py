"""What changes channels and announcements."""

from __future__ import annotations

from chassis import moment
from chassis.actors import require_person
from chassis.rpc_server import Context
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import announcements_pb2_grpc
from services.forum.use_cases.announcements import AnnouncementUseCases


class AnnouncementWrites(announcements_pb2_grpc.AnnouncementServiceServicer):
    """By the use cases."""

    _use_cases: AnnouncementUseCases

    async def CreateChannel(
        self, request: pb.CreateChannelRequest, context: Context
    ) -> pb.CreateChannelResponse:
        return await self._use_cases.create_channel(require_person(), request)

    async def UpdateChannel(
        self, request: pb.UpdateChannelRequest, context: Context
    ) -> pb.UpdateChannelResponse:
        return await self._use_cases.update_channel(require_person(), request)

    async def FollowChannel(
        self, request: pb.FollowChannelRequest, context: Context
    ) -> pb.FollowChannelResponse:
        return await self._use_cases.follow_channel(require_person(), request)

    async def UnfollowChannel(
        self, request: pb.UnfollowChannelRequest, context: Context
    ) -> pb.UnfollowChannelResponse:
        return await self._use_cases.unfollow_channel(require_person(), request)

    async def CreateAnnouncement(
        self, request: pb.CreateAnnouncementRequest, context: Context
    ) -> pb.CreateAnnouncementResponse:
        return await self._use_cases.create_announcement(require_person(), request)

    async def UpdateAnnouncement(
        self, request: pb.UpdateAnnouncementRequest, context: Context
    ) -> pb.UpdateAnnouncementResponse:
        return await self._use_cases.update_announcement(require_person(), request)

    async def DeleteAnnouncement(
        self, request: pb.DeleteAnnouncementRequest, context: Context
    ) -> pb.DeleteAnnouncementResponse:
        return await self._use_cases.delete_announcement(require_person(), request)

    async def PreviewAudience(
        self, request: pb.PreviewAudienceRequest, context: Context
    ) -> pb.PreviewAudienceResponse:
        return await self._use_cases.preview_audience(require_person(), request)

    async def ScheduleAnnouncement(
        self, request: pb.ScheduleAnnouncementRequest, context: Context
    ) -> pb.ScheduleAnnouncementResponse:
        return await self._use_cases.schedule_announcement(require_person(), request)

    async def PublishAnnouncement(
        self, request: pb.PublishAnnouncementRequest, context: Context
    ) -> pb.PublishAnnouncementResponse:
        return await self._use_cases.publish_announcement(require_person(), request)

    async def WithdrawAnnouncement(
        self, request: pb.WithdrawAnnouncementRequest, context: Context
    ) -> pb.WithdrawAnnouncementResponse:
        return await self._use_cases.withdraw_announcement(require_person(), request)

    async def ArchiveAnnouncement(
        self, request: pb.ArchiveAnnouncementRequest, context: Context
    ) -> pb.ArchiveAnnouncementResponse:
        return await self._use_cases.archive_announcement(require_person(), request)

    async def PutTranslation(
        self, request: pb.PutTranslationRequest, context: Context
    ) -> pb.PutTranslationResponse:
        return await self._use_cases.put_translation(require_person(), request)

    async def DeleteTranslation(
        self, request: pb.DeleteTranslationRequest, context: Context
    ) -> pb.DeleteTranslationResponse:
        return await self._use_cases.delete_translation(require_person(), request)

    async def MarkAnnouncementsSeen(
        self, request: pb.MarkAnnouncementsSeenRequest, context: Context
    ) -> pb.MarkAnnouncementsSeenResponse:
        return await self._use_cases.mark_announcements_seen(
            require_person(), request, moment.now()
        )

    async def AcknowledgeAnnouncement(
        self, request: pb.AcknowledgeAnnouncementRequest, context: Context
    ) -> pb.AcknowledgeAnnouncementResponse:
        return await self._use_cases.acknowledge_announcement(
            require_person(), request, moment.now()
        )

    async def CreateFeedAddress(
        self, request: pb.CreateFeedAddressRequest, context: Context
    ) -> pb.CreateFeedAddressResponse:
        return await self._use_cases.create_feed_address(require_person(), request)

    async def RevokeFeedAddress(
        self, request: pb.RevokeFeedAddressRequest, context: Context
    ) -> pb.RevokeFeedAddressResponse:
        return await self._use_cases.revoke_feed_address(require_person(), request)
