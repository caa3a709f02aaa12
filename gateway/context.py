"""What a resolver can reach: who asks, the services, and the tables of what was fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from strawberry.types import Info as StrawberryInfo

from chassis.actors import Actor
from chassis.errors import DomainError, NotFoundError, UnauthenticatedError
from chassis.rpc_client import Channels
from gateway.cursors import CursorKey
from gateway.errors import RpcBudgetExceededError
from gateway.execution.selections import Selections
from gateway.loaders import Tables
from guildhall.chassis.v1.operations_pb2_grpc import OperationsServiceStub
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.directory.v1.groups_pb2_grpc import GroupServiceStub
from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceStub
from guildhall.forum.v1.attachments_pb2_grpc import AttachmentServiceStub
from guildhall.forum.v1.automation_pb2_grpc import AutomationServiceStub
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from guildhall.forum.v1.drafts_pb2_grpc import DraftServiceStub
from guildhall.forum.v1.exports_pb2_grpc import ExportServiceStub
from guildhall.forum.v1.feed_pb2_grpc import FeedServiceStub
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub
from guildhall.forum.v1.moves_pb2_grpc import MoveServiceStub
from guildhall.forum.v1.participation_pb2_grpc import ParticipationServiceStub
from guildhall.forum.v1.routing_pb2_grpc import RoutingServiceStub
from guildhall.forum.v1.seeding_pb2_grpc import SeedingServiceStub
from guildhall.forum.v1.trust_pb2_grpc import TrustServiceStub
from guildhall.forum.v1.vitality_pb2_grpc import VitalityServiceStub
from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceStub
from guildhall.notifications.v1.mailings_pb2_grpc import MailingServiceStub
from guildhall.notifications.v1.webhooks_pb2_grpc import WebhookServiceStub
from guildhall.search.v1.search_pb2_grpc import SearchServiceStub

if TYPE_CHECKING:
    from gateway.directory_cache import DirectoryCache
    from gateway.portals.use_cases import PortalUseCases
    from gateway.sessions import Sessions
    from gateway.subscriptions.watches import Moment
    from guildhall.chassis.v1.operations_pb2_grpc import OperationsServiceAsyncStub
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.directory.v1.groups_pb2_grpc import GroupServiceAsyncStub
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub
    from guildhall.forum.v1.attachments_pb2_grpc import AttachmentServiceAsyncStub
    from guildhall.forum.v1.automation_pb2_grpc import AutomationServiceAsyncStub
    from guildhall.forum.v1.curation_pb2_grpc import CurationServiceAsyncStub
    from guildhall.forum.v1.drafts_pb2_grpc import DraftServiceAsyncStub
    from guildhall.forum.v1.exports_pb2_grpc import ExportServiceAsyncStub
    from guildhall.forum.v1.feed_pb2_grpc import FeedServiceAsyncStub
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub
    from guildhall.forum.v1.moves_pb2_grpc import MoveServiceAsyncStub
    from guildhall.forum.v1.participation_pb2_grpc import ParticipationServiceAsyncStub
    from guildhall.forum.v1.routing_pb2_grpc import RoutingServiceAsyncStub
    from guildhall.forum.v1.seeding_pb2_grpc import SeedingServiceAsyncStub
    from guildhall.forum.v1.trust_pb2_grpc import TrustServiceAsyncStub
    from guildhall.forum.v1.vitality_pb2_grpc import VitalityServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub
    from guildhall.notifications.v1.mailings_pb2_grpc import MailingServiceAsyncStub
    from guildhall.notifications.v1.webhooks_pb2_grpc import WebhookServiceAsyncStub
    from guildhall.search.v1.search_pb2_grpc import SearchServiceAsyncStub

A = TypeVar("A")
R = TypeVar("R")
# The fields that show a post's text. What else is made of one must ask for the post itself.
_TEXTS = frozenset({"body", "bodyHtml"})


class Services:
    """The stubs of every service; calls are made as the person of the request under way."""

    def __init__(self, channels: Channels) -> None:
        # The generated stubs are async on an aio channel; only the type checker knows two kinds.
        self.directory: DirectoryServiceAsyncStub = channels.client(
            DirectoryServiceStub,
            "directory",
        )
        self.groups: GroupServiceAsyncStub = channels.client(
            GroupServiceStub,
            "directory",
        )
        self.forum: ForumServiceAsyncStub = channels.client(
            ForumServiceStub,
            "forum",
        )
        self.attachments: AttachmentServiceAsyncStub = channels.client(
            AttachmentServiceStub,
            "forum",
        )
        self.announcements: AnnouncementServiceAsyncStub = channels.client(
            AnnouncementServiceStub,
            "forum",
        )
        self.exports: ExportServiceAsyncStub = channels.client(
            ExportServiceStub,
            "forum",
        )
        self.participation: ParticipationServiceAsyncStub = channels.client(
            ParticipationServiceStub,
            "forum",
        )
        self.drafts: DraftServiceAsyncStub = channels.client(
            DraftServiceStub,
            "forum",
        )
        self.curation: CurationServiceAsyncStub = channels.client(
            CurationServiceStub,
            "forum",
        )
        self.moves: MoveServiceAsyncStub = channels.client(
            MoveServiceStub,
            "forum",
        )
        self.feed: FeedServiceAsyncStub = channels.client(
            FeedServiceStub,
            "forum",
        )
        self.automation: AutomationServiceAsyncStub = channels.client(
            AutomationServiceStub,
            "forum",
        )
        self.vitality: VitalityServiceAsyncStub = channels.client(
            VitalityServiceStub,
            "forum",
        )
        self.routing: RoutingServiceAsyncStub = channels.client(
            RoutingServiceStub,
            "forum",
        )
        self.trust: TrustServiceAsyncStub = channels.client(
            TrustServiceStub,
            "forum",
        )
        self.seeding: SeedingServiceAsyncStub = channels.client(
            SeedingServiceStub,
            "forum",
        )
        self.moderation: ModerationServiceAsyncStub = channels.client(
            ModerationServiceStub,
            "moderation",
        )
        self.search: SearchServiceAsyncStub = channels.client(
            SearchServiceStub,
            "search",
        )
        self.mailings: MailingServiceAsyncStub = channels.client(
            MailingServiceStub,
            "notifications",
        )
        self.webhooks: WebhookServiceAsyncStub = channels.client(
            WebhookServiceStub,
            "notifications",
        )
        self.operations: dict[str, OperationsServiceAsyncStub] = {
            part: channels.client(OperationsServiceStub, part)
            for part in ("directory", "forum", "moderation", "search", "notifications")
        }


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified person, and how we know."""

    actor: Actor
    display_name: str
    session_id: str = ""  # hashed; empty: a bearer token


@dataclass(slots=True)
class Context:
    """One request."""

    services: Services
    cursor_key: CursorKey
    portals: PortalUseCases
    directory_cache: DirectoryCache
    caller: Caller | None = None
    sessions: Sessions | None = None
    moment: Moment | None = None  # of a subscription
    public_url: str = ""  # the gateway's own address as browsers know it
    rpc_budget: int = 30
    rpcs: int = 0
    tables: Tables = field(default_factory=Tables)
    selections: Selections = field(init=False)  # of the operation under way
    timeout: asyncio.Timeout | None = None  # the operation's, while it is under way

    @property
    def actor(self) -> Actor:
        """The person asking. Refuses with UNAUTHENTICATED."""
        if self.caller is None:
            raise UnauthenticatedError("sign in first")
        return self.caller.actor

    @property
    def without_texts(self) -> bool:
        """Whether no post's text is asked for: lists need not carry them then."""
        return _TEXTS.isdisjoint(self.selections.names)

    async def call(self, method: Callable[[R], Awaitable[A]], request: R) -> A:
        """One RPC as the person asking. Refuses with UNAUTHENTICATED, RPC_BUDGET_EXCEEDED."""
        if self.caller is None:
            raise UnauthenticatedError("sign in first")
        self.rpcs += 1
        if self.rpcs > self.rpc_budget:
            raise RpcBudgetExceededError(self.rpcs, self.rpc_budget)
        return await method(request)

    def give_up(self) -> None:
        """Nobody waits for the answer: the operation is out of time, with all its RPCs."""
        if self.timeout is not None and not self.timeout.expired():
            self.timeout.reschedule(0)

    async def find(self, method: Callable[[R], Awaitable[A]], request: R) -> A | None:
        """As call, for reads: what is not there, or may not be seen, is None."""
        try:
            return await self.call(method, request)
        except DomainError as error:
            if is_not_found(error):
                return None
            raise


def is_not_found(error: DomainError) -> bool:
    """Whether a service answered that there is no such thing."""
    return error.status == NotFoundError.status


Info = StrawberryInfo[Context, None]
Row = Any  # a protobuf message, or one of our few dataclasses with the schema's attributes
