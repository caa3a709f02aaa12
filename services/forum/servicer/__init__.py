"""The forum over gRPC: one class an RPC service, each in a module of its own."""

from __future__ import annotations

from grpc import aio

from guildhall.forum.v1.announcements_pb2_grpc import add_AnnouncementServiceServicer_to_server
from guildhall.forum.v1.attachments_pb2_grpc import add_AttachmentServiceServicer_to_server
from guildhall.forum.v1.automation_pb2_grpc import add_AutomationServiceServicer_to_server
from guildhall.forum.v1.curation_pb2_grpc import add_CurationServiceServicer_to_server
from guildhall.forum.v1.drafts_pb2_grpc import add_DraftServiceServicer_to_server
from guildhall.forum.v1.exports_pb2_grpc import add_ExportServiceServicer_to_server
from guildhall.forum.v1.feed_pb2_grpc import add_FeedServiceServicer_to_server
from guildhall.forum.v1.forum_pb2_grpc import add_ForumServiceServicer_to_server
from guildhall.forum.v1.moves_pb2_grpc import add_MoveServiceServicer_to_server
from guildhall.forum.v1.openness_pb2_grpc import add_OpennessServiceServicer_to_server
from guildhall.forum.v1.participation_pb2_grpc import add_ParticipationServiceServicer_to_server
from guildhall.forum.v1.routing_pb2_grpc import add_RoutingServiceServicer_to_server
from guildhall.forum.v1.seeding_pb2_grpc import add_SeedingServiceServicer_to_server
from guildhall.forum.v1.trust_pb2_grpc import add_TrustServiceServicer_to_server
from guildhall.forum.v1.vitality_pb2_grpc import add_VitalityServiceServicer_to_server
from services.forum.repository import ForumRepository
from services.forum.servicer.announcements import AnnouncementServicer
from services.forum.servicer.attachments import AttachmentServicer
from services.forum.servicer.automation import AutomationServicer
from services.forum.servicer.curation import CurationServicer
from services.forum.servicer.drafts import DraftServicer
from services.forum.servicer.exports import ExportServicer
from services.forum.servicer.feed import FeedServicer
from services.forum.servicer.forum import ForumServicer
from services.forum.servicer.moves import MoveServicer
from services.forum.servicer.openness import OpennessServicer
from services.forum.servicer.participation import ParticipationServicer
from services.forum.servicer.routing import RoutingServicer
from services.forum.servicer.seeding import SeedingServicer
from services.forum.servicer.trust import TrustServicer
from services.forum.servicer.vitality import VitalityServicer
from services.forum.use_cases import AllUseCases

__all__ = ["add_servicers"]


def add_servicers(server: aio.Server, use: AllUseCases, repository: ForumRepository) -> None:
    """All RPC services that the forum speaks."""
    forum = use.forum
    add_AnnouncementServiceServicer_to_server(
        AnnouncementServicer(use.announcements, repository), server
    )
    add_AttachmentServiceServicer_to_server(AttachmentServicer(use.attachments), server)
    add_AutomationServiceServicer_to_server(AutomationServicer(forum, repository), server)
    add_CurationServiceServicer_to_server(CurationServicer(forum, repository), server)
    add_DraftServiceServicer_to_server(DraftServicer(forum, repository), server)
    add_ExportServiceServicer_to_server(ExportServicer(repository), server)
    add_FeedServiceServicer_to_server(FeedServicer(use.feed, repository), server)
    add_ForumServiceServicer_to_server(ForumServicer(forum, repository), server)
    add_MoveServiceServicer_to_server(MoveServicer(use.moves, repository), server)
    add_OpennessServiceServicer_to_server(OpennessServicer(repository), server)
    add_ParticipationServiceServicer_to_server(
        ParticipationServicer(forum, use.link_cards, repository), server
    )
    add_RoutingServiceServicer_to_server(RoutingServicer(use.routing), server)
    add_SeedingServiceServicer_to_server(SeedingServicer(use.seeding, repository), server)
    add_TrustServiceServicer_to_server(TrustServicer(use.trust), server)
    add_VitalityServiceServicer_to_server(VitalityServicer(use.vitality, repository), server)
