"""The forum's collections. Only this room knows how a space, topic or reply is stored."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.lanes import Lane
from chassis.mongo import Database, Index, Migration
from chassis.recent import Recent
from services.forum.repository import (
    announcements,
    attachments,
    automation,
    drafts,
    exports,
    feed,
    held_edits,
    link_cards,
    moves,
    owners,
    paces,
    participation,
    polls,
    rechecks,
    records,
    references,
    replies,
    routing,
    seeding,
    spaces,
    topics,
    trust,
    vitality,
)
from services.forum.repository.announcements import AnnouncementFilter
from services.forum.repository.automation import AutomationCollection
from services.forum.repository.exports import ExportCollection
from services.forum.repository.link_cards import LinkCardCollection
from services.forum.repository.openness import OpennessCollection
from services.forum.repository.owners import OwnerCollection
from services.forum.repository.rechecks import RecheckCollection
from services.forum.repository.routing import RoutingCollection
from services.forum.repository.seeding import SeedingCollection
from services.forum.repository.topics import TopicFilter
from services.forum.repository.trust import TrustCollection
from services.forum.repository.vitality import VitalityCollection
from services.forum.repository.walls import LIFETIME, Walls

__all__ = ["AnnouncementFilter", "ForumRepository", "TopicFilter"]


class ForumRepository(
    ExportCollection,
    AutomationCollection,
    LinkCardCollection,
    OpennessCollection,
    OwnerCollection,
    RecheckCollection,
    RoutingCollection,
    TrustCollection,
    VitalityCollection,
    SeedingCollection,
):
    """All reads, and where commands find what they change. An export reads of most of it."""

    indexes: Sequence[Index] = (
        *spaces.INDEXES,
        *topics.INDEXES,
        *replies.INDEXES,
        *records.INDEXES,
        *exports.INDEXES,
        *held_edits.INDEXES,
        *link_cards.INDEXES,
        *feed.INDEXES,
        *paces.INDEXES,
        *participation.INDEXES,
        *references.INDEXES,
        *polls.INDEXES,
        *moves.INDEXES,
        *automation.INDEXES,
        *attachments.INDEXES,
        *drafts.INDEXES,
        *owners.INDEXES,
        *rechecks.INDEXES,
        *routing.INDEXES,
        *trust.INDEXES,
        *vitality.INDEXES,
        *announcements.INDEXES,
        *seeding.INDEXES,
    )
    migrations: Sequence[Migration] = (
        *topics.MIGRATIONS,
        *records.MIGRATIONS,
        *feed.MIGRATIONS,
        *announcements.MIGRATIONS,
    )
    spaces = spaces.SPACES
    topics = topics.TOPICS
    reactions = participation.REACTIONS
    polls = polls.POLLS
    experts = routing.EXPERTS
    standings = trust.STANDINGS
    trust_settings = trust.TRUST_SETTINGS

    def __init__(self, database: Database) -> None:
        self._database = database
        self.walls = Walls(database.spaces)
        self.channel_walls = Walls(database.channels)
        self.recent_trust_settings = Recent(self.read_trust_settings, lifetime=LIFETIME)
        self.targeting = Lane(self.targets_for)
        self.finding = Lane(self.find_for)
        self.reading = Lane(self.receipts_for)
        self.marking = Lane(self.mark_for)
