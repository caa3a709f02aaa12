"""The forum over gRPC: one class an RPC service, each in a module of its own."""

from __future__ import annotations

from services.forum.servicer.announcements import AnnouncementServicer
from services.forum.servicer.attachments import AttachmentServicer
from services.forum.servicer.automation import AutomationServicer
from services.forum.servicer.curation import CurationServicer
from services.forum.servicer.drafts import DraftServicer
from services.forum.servicer.exports import ExportServicer
from services.forum.servicer.feed import FeedServicer
from services.forum.servicer.forum import ForumServicer
from services.forum.servicer.moves import MoveServicer
from services.forum.servicer.participation import ParticipationServicer
from services.forum.servicer.routing import RoutingServicer
from services.forum.servicer.seeding import SeedingServicer
from services.forum.servicer.trust import TrustServicer
from services.forum.servicer.vitality import VitalityServicer

__all__ = [
    "AnnouncementServicer",
    "AttachmentServicer",
    "AutomationServicer",
    "CurationServicer",
    "DraftServicer",
    "ExportServicer",
    "FeedServicer",
    "ForumServicer",
    "MoveServicer",
    "ParticipationServicer",
    "RoutingServicer",
    "SeedingServicer",
    "TrustServicer",
    "VitalityServicer",
]
