"""What members, moderators and managers can do in the forum. Each method is one atomic command."""

from __future__ import annotations

from services.forum.use_cases.answers import AnswerUseCases
from services.forum.use_cases.automation import AutomationUseCases
from services.forum.use_cases.curation import CurationUseCases
from services.forum.use_cases.drafts import DraftUseCases
from services.forum.use_cases.imports import ImportUseCases
from services.forum.use_cases.moderation import ModerationUseCases
from services.forum.use_cases.participation import ParticipationUseCases
from services.forum.use_cases.polls import PollUseCases
from services.forum.use_cases.replies import ReplyUseCases
from services.forum.use_cases.schedules import ScheduleUseCases
from services.forum.use_cases.spaces import SpaceUseCases
from services.forum.use_cases.topics import TopicUseCases
from services.forum.use_cases.verification import VerificationUseCases

__all__ = ["ForumUseCases"]


class ForumUseCases(
    SpaceUseCases,
    TopicUseCases,
    ReplyUseCases,
    AnswerUseCases,
    ModerationUseCases,
    ImportUseCases,
    ScheduleUseCases,
    CurationUseCases,
    ParticipationUseCases,
    PollUseCases,
    AutomationUseCases,
    DraftUseCases,
    VerificationUseCases,
):
    """All of them."""
