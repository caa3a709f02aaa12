"""The schema's table of contents. A new domain adds its Query and Mutation bases here."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.execution.resolvers import call_directly
from gateway.schema.administration import AdministrationQuery
from gateway.schema.administration_mutations import (
    CompanyMutation,
    MemberMutation,
    PersonMutation,
)
from gateway.schema.announcements.mutations import AnnouncementMutation, ChannelMutation
from gateway.schema.announcements.queries import AnnouncementQuery
from gateway.schema.attachments.mutations import AttachmentMutation
from gateway.schema.curation.mutations import CurationMutation
from gateway.schema.curation.queries import CurationQuery
from gateway.schema.directory import DirectoryQuery
from gateway.schema.drafts.mutations import DraftMutation
from gateway.schema.drafts.queries import DraftQuery
from gateway.schema.exports import ExportQuery
from gateway.schema.federation import Subgraph, nodes
from gateway.schema.feed.mutations import FeedMutation
from gateway.schema.feed.queries import FeedQuery
from gateway.schema.flags import FlagMutation
from gateway.schema.forum.mutations import ReplyMutation, SpaceMutation, TopicMutation
from gateway.schema.forum.queries import ForumQuery
from gateway.schema.groups.member_mutations import GroupMemberMutation
from gateway.schema.groups.mutations import GroupMutation
from gateway.schema.groups.queries import GroupQuery
from gateway.schema.imports import ImportMutation
from gateway.schema.moderation import ModerationQuery
from gateway.schema.moderation_mutations import ModerationMutation
from gateway.schema.moves.mutations import MoveMutation
from gateway.schema.operations import OperationsMutation, OperationsQuery
from gateway.schema.participation.mutations import ParticipationMutation
from gateway.schema.portals_mutations import PortalMutation
from gateway.schema.quality.automations import AutomationMutation, AutomationQuery
from gateway.schema.quality.seedings import SeedingQuery
from gateway.schema.quality.seedings_mutations import SeedingMutation
from gateway.schema.quality.vitality import VitalityMutation
from gateway.schema.refusal import Refusal
from gateway.schema.routing import RoutingMutation, RoutingQuery
from gateway.schema.scalars import SCALARS, attribute
from gateway.schema.search import SearchMutation, SearchQuery
from gateway.schema.similar import SimilarQuery
from gateway.schema.subscriptions import Subscription
from gateway.schema.trust.mutations import TrustMutation
from gateway.schema.trust.queries import TrustQuery
from gateway.schema.viewer import ViewerMutation, ViewerQuery
from gateway.schema.webhooks import WebhookQuery
from gateway.schema.webhooks_mutations import WebhookMutation


@strawberry.type(description="What one can ask. Nothing but viewer is answered to nobody.")
class Query(
    ViewerQuery,
    DirectoryQuery,
    GroupQuery,
    ForumQuery,
    FeedQuery,
    AnnouncementQuery,
    ExportQuery,
    DraftQuery,
    CurationQuery,
    SearchQuery,
    SimilarQuery,
    RoutingQuery,
    ModerationQuery,
    AdministrationQuery,
    OperationsQuery,
    AutomationQuery,
    TrustQuery,
    SeedingQuery,
    WebhookQuery,
):
    """Reads."""


@strawberry.type(description="What one can do, one thing a request.")
class Mutation(
    ViewerMutation,
    SpaceMutation,
    TopicMutation,
    ReplyMutation,
    FeedMutation,
    AttachmentMutation,
    CurationMutation,
    DraftMutation,
    ParticipationMutation,
    MoveMutation,
    TrustMutation,
    ChannelMutation,
    AnnouncementMutation,
    ImportMutation,
    RoutingMutation,
    SearchMutation,
    ModerationMutation,
    FlagMutation,
    CompanyMutation,
    PersonMutation,
    MemberMutation,
    GroupMutation,
    GroupMemberMutation,
    PortalMutation,
    OperationsMutation,
    AutomationMutation,
    VitalityMutation,
    SeedingMutation,
    WebhookMutation,
):
    """Writes."""


schema = Subgraph(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    entities=nodes(),
    types=[Refusal],
    config=StrawberryConfig(
        default_resolver=attribute,
        disable_field_suggestions=True,
        scalar_map=SCALARS,
    ),
)
call_directly(schema)
