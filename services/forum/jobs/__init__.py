"""What the forum does by itself, again and again; each may run again at any time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from services.forum.jobs.announcements import AnnouncementJobs
from services.forum.jobs.quality import QualityJobs
from services.forum.jobs.routing import RoutingJobs
from services.forum.jobs.schedules import ScheduleJobs
from services.forum.jobs.verification import VerificationJobs
from services.forum.repository import ForumRepository
from services.forum.use_cases import AllUseCases

Job: TypeAlias = Callable[[], Awaitable[None]]


def jobs(use: AllUseCases, repository: ForumRepository) -> Iterator[tuple[float, str, Job]]:
    """All of them: the seconds between two runs, and the name of the lease."""
    announcements = AnnouncementJobs(use.announcements)
    yield 1, "wake_announcements", announcements.wake_announcements
    yield 1, "freeze_audiences", announcements.freeze_audiences
    yield 5, "publish_due_topics", ScheduleJobs(repository, use.due).publish_due_topics
    yield 5, "finish_moves", use.carrying.finish
    yield 2, "fetch_pages", use.link_cards.fetch_pages
    if use.reviews is not None:
        yield 15, "review_attachments", use.reviews.review_attachments
    quality = QualityJobs(use.forum, use.vitality, use.seeding)
    yield 60, "run_automation", quality.run_automation
    verification = VerificationJobs(repository, use.forum)
    yield 60, "expire_verifications", verification.expire_verifications
    yield 60, "expire_reviews", verification.expire_reviews
    yield 300, "route_questions", RoutingJobs(use.routing).route_questions
    yield 300, "judge_active", use.trust.judge_active
    yield 600, "count_days", quality.count_days
    yield 21_600, "judge_regulars", use.trust.judge_regulars
