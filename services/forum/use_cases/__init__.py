"""What members, moderators and managers can do in the forum. Each method is one atomic command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from chassis.commands import Commands
from services.forum.repository import ForumRepository
from services.forum.use_cases.announcements import AnnouncementUseCases
from services.forum.use_cases.answers import AnswerUseCases
from services.forum.use_cases.attachment_reviews import AttachmentReviews
from services.forum.use_cases.attachments import AttachmentUseCases, Files
from services.forum.use_cases.automation import AutomationUseCases
from services.forum.use_cases.carrying import Carrying
from services.forum.use_cases.curation import CurationUseCases
from services.forum.use_cases.drafts import DraftUseCases
from services.forum.use_cases.feed import FeedUseCases
from services.forum.use_cases.imports import ImportUseCases
from services.forum.use_cases.link_cards import LinkCardUseCases
from services.forum.use_cases.moderation import ModerationUseCases
from services.forum.use_cases.moves import MoveUseCases
from services.forum.use_cases.participation import ParticipationUseCases
from services.forum.use_cases.polls import PollUseCases
from services.forum.use_cases.replies import ReplyUseCases
from services.forum.use_cases.routing import RoutingUseCases
from services.forum.use_cases.schedules import DueTopics, ScheduleUseCases
from services.forum.use_cases.seeding import SeedingUseCases
from services.forum.use_cases.spaces import SpaceUseCases
from services.forum.use_cases.topics import TopicUseCases
from services.forum.use_cases.trust import TrustUseCases
from services.forum.use_cases.verification import VerificationUseCases
from services.forum.use_cases.vitality import VitalityUseCases

if TYPE_CHECKING:
    from chassis.outgoing import Outgoing
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.directory.v1.groups_pb2_grpc import GroupServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub

__all__ = ["AllUseCases", "ForumUseCases"]


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
    """Those of spaces, topics and replies."""


@dataclass(frozen=True, slots=True)
class AllUseCases:
    """By area, as servicers and jobs take them."""

    forum: ForumUseCases
    announcements: AnnouncementUseCases
    attachments: AttachmentUseCases
    carrying: Carrying
    due: DueTopics
    feed: FeedUseCases
    link_cards: LinkCardUseCases
    moves: MoveUseCases
    reviews: AttachmentReviews | None  # none where no files are kept
    routing: RoutingUseCases
    seeding: SeedingUseCases
    trust: TrustUseCases
    vitality: VitalityUseCases

    @classmethod
    def of(
        cls,
        commands: Commands,
        repository: ForumRepository,
        moderation: ModerationServiceAsyncStub,
        directory: DirectoryServiceAsyncStub,
        groups: GroupServiceAsyncStub,
        files: Files | None,
        outgoing: Outgoing,
        *,
        posting_limits: bool = True,
        link_cards_inside: bool = False,
    ) -> Self:
        """All of one replica."""
        carrying = Carrying(commands, repository)
        return cls(
            ForumUseCases(
                commands,
                repository,
                moderation,
                directory=directory,
                groups=groups,
                posting_limits=posting_limits,
            ),
            AnnouncementUseCases(commands, repository, moderation, directory, groups),
            AttachmentUseCases(commands, repository, files),
            carrying,
            DueTopics(commands, repository, moderation, directory, posting_limits=posting_limits),
            FeedUseCases(commands, repository, directory),
            LinkCardUseCases(repository, outgoing, inside=link_cards_inside),
            MoveUseCases(commands, repository, moderation, directory, carrying),
            None if files is None else AttachmentReviews(commands, repository, files),
            RoutingUseCases(commands, repository, directory),
            SeedingUseCases(commands, repository, directory),
            TrustUseCases(commands, repository, inside=link_cards_inside),
            VitalityUseCases(commands, repository, directory),
        )
