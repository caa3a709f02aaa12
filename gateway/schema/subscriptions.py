"""Root fields of subscriptions in GraphQL: executed once to begin, and once for every change."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from gateway.context import Info
from gateway.cursors import decode_communities, decode_id, encode_id
from gateway.loaders import Embedded, filled, selects
from gateway.schema.announcements import Announcement
from gateway.schema.feed import CommunityIds
from gateway.schema.feed.items import FeedItem
from gateway.schema.fields import fetched
from gateway.schema.forum import Reply, Topic
from gateway.schema.moderation import Case
from gateway.schema.scalars import DateTime
from gateway.subscriptions.announcements_watch import AnnouncementsWatch
from gateway.subscriptions.feed_watch import FeedWatch
from gateway.subscriptions.watches import QueueWatch, TopicWatch, Watch

P = TypeVar("P")
_CODES = "BAD_USER_INPUT, UNAVAILABLE, RESUME_NOT_POSSIBLE"


@strawberry.type(description="A topic as it is now, and what is new about it.")
class TopicChanged:
    """gateway.subscriptions.watches.TopicChange."""

    topic: Topic = strawberry.field(description="The topic.")
    reply: Reply | None = strawberry.field(
        description="The reply that was written, edited, accepted, restored, voted for, reacted to "
        "or verified; null where the topic itself or its poll has changed or was reacted to, or a "
        "reply went out of one's sight."
    )


@strawberry.type(
    description="A case that was opened, flagged or decided, or needs no decision any more."
)
class ModerationQueueChanged:
    """gateway.subscriptions.watches.QueueChange."""

    case: Case | None = strawberry.field(
        description="The case as it is now; null at the beginning, when the queue is to be read."
    )


@strawberry.type(description="Something in the feed that has new activity.")
class FeedChanged:
    """gateway.subscriptions.feed_watch.FeedChange."""

    item: FeedItem | None = fetched(
        Embedded(lambda row: row.item),
        "The item as it is now; null at the beginning, when the feed is to be read.",
    )


@strawberry.type(description="That one's announcements may be other now.")
class AnnouncementsChanged:
    """gateway.subscriptions.announcements_watch.AnnouncementsChange."""

    time: DateTime | None = strawberry.field(
        description="When it was said; null at the beginning, when they are to be read."
    )

    @strawberry.field(description="Where, by global id; null at the beginning.")
    def community_id(self) -> strawberry.ID | None:
        community = self.community_id
        return strawberry.ID(encode_id("Community", community, community)) if community else None

    announcement: Announcement | None = fetched(
        Embedded(lambda row: row.announcement),
        "The announcement as it is now, also where it is over; null at the beginning, and where "
        "one cannot read it any more.",
    )


@strawberry.type(
    description="What one can be told of as it happens, over graphql-transport-ws or server-sent "
    "events. Of several changes of one thing the last is told. extensions.eventId of each answer, "
    "sent as extensions.lastEventId or Last-Event-ID, goes on behind it."
)
class Subscription:
    """What is told."""

    @strawberry.field(
        description="A topic at once, and whenever what one can read of it or of its replies has "
        "changed: texts, states, votes, reactions, verifications, and the poll as far as one is "
        "shown its results; ends when one cannot read it any more. Codes: TOPIC_NOT_FOUND, "
        f"{_CODES}."
    )
    async def topic_changed(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The topic's global id.")],
    ) -> TopicChanged:
        found = decode_id(id, "id", "Topic")
        return await _told(info, TopicWatch(found.community_id, found.id))

    @strawberry.field(
        description="An answer without a case at once, and then every case that is opened, "
        "flagged, decided or moot. For moderators. "
        f"Codes: COMMUNITY_NOT_FOUND, ROLE_REQUIRED, {_CODES}."
    )
    async def moderation_queue_changed(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
    ) -> ModerationQueueChanged:
        return await _told(info, QueueWatch(decode_id(community_id, "communityId", "Community").id))

    @strawberry.field(
        description="An answer without an item at once, and then every topic of one's feed that "
        "was published, was replied to, or mentions one, but for what one wrote oneself; in all "
        "one's communities or these. Whoever follows something else, or joins a community, hears "
        "of that; of a community that one has left no more, and it ends when one is in none of "
        f"them. Codes: COMMUNITY_NOT_FOUND, {_CODES}."
    )
    async def feed_changed(self, info: Info, community_ids: CommunityIds = None) -> FeedChanged:
        communities = decode_communities(community_ids)
        newest = selects(info, "item", "newestReply")
        return await _told(info, FeedWatch(info.context.actor, communities, newest))

    @strawberry.field(
        description="An answer without an announcement at once, and then whenever one that is for "
        "one was published, corrected, withdrawn or archived, expired, or its hour came where one "
        "is: then banners, must-reads and lists are to be read. In all one's communities or these; "
        "whoever joins one hears of that, of one that was left no more, and it ends when one is in "
        f"none of them. Codes: COMMUNITY_NOT_FOUND, {_CODES}."
    )
    async def announcements_changed(
        self, info: Info, community_ids: CommunityIds = None
    ) -> AnnouncementsChanged:
        communities = decode_communities(community_ids)
        return await _told(info, AnnouncementsWatch(info.context.actor, communities))


async def _told(info: Info, watch: Watch) -> P:
    """The row for which the document is executed, with all that is selected below it."""
    moment = info.context.moment
    assert moment is not None  # noqa: S101 - without one subscriptions are refused
    return await filled(info, await moment.of(watch, info.context))
