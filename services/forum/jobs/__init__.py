"""What the forum does by itself, again and again; each may run again at any time."""

from __future__ import annotations

from services.forum.jobs.announcements import AnnouncementJobs
from services.forum.jobs.quality import QualityJobs
from services.forum.jobs.routing import RoutingJobs
from services.forum.jobs.schedules import ScheduleJobs
from services.forum.jobs.verification import VerificationJobs

__all__ = [
    "AnnouncementJobs",
    "QualityJobs",
    "RoutingJobs",
    "ScheduleJobs",
    "VerificationJobs",
]
