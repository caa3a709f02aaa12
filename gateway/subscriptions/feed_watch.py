"""Somebody's feed, over their communities: what has new activity and belongs into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chassis.actors import Actor
from chassis.ordered import Heard
from gateway.context import Context
from gateway.subscriptions.followers import ACTIVITY, Followers
from gateway.subscriptions.watches import (
    Change,
    Watch,
    check_communities,
    communities_of,
    named_shortly,
)
from guildhall.forum.v1 import feed_pb2

if TYPE_CHECKING:
    from gateway.subscriptions.subscriber import Subscriber
    from gateway.subscriptions.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class FeedChange:
    """The source of FeedChanged."""

    item: feed_pb2.FeedItem | None = None


@dataclass(slots=True)
class FeedWatch(Watch):
    """All topics of a person's feed."""

    service = "forum"
    actor: Actor  # as it begins
    community_ids: Collection[str]  # empty: all of the person's
    with_newest_replies: bool = False
    seen: str = ""
    _hearing: tuple[Followers, Subscriber] | None = field(default=None)

    @property
    def subject(self) -> str:
        """Heard is what `listen` says: this only names it."""
        return f"feed of {named_shortly(self.community_ids)}"

    def listen(self, shared: Subscriptions, listener: Subscriber) -> None:
        self._hearing = shared.followers, listener
        communities = communities_of(self.actor, self.community_ids)
        shared.followers.listen(listener, self.actor.person_id, communities)

    def leave(self, shared: Subscriptions, listener: Subscriber) -> None:
        shared.followers.leave(listener)

    def is_wall(self, event: Heard) -> bool:
        """No: each item is asked for as the person; whose communities they are, at every check."""
        return False

    async def missed(
        self, shared: Subscriptions, listener: Subscriber, after: int
    ) -> list[Heard] | None:
        found: list[Heard] = []
        for community_id in communities_of(self.actor, self.community_ids):
            for name in ACTIVITY:
                subject = f"evt.forum.{community_id}.topic.*.{name}"
                some = await shared.feeds[self.service].missed(subject, after)
                if some is None:
                    return None
                found += some
        found.sort(key=lambda event: event.seq)
        return await shared.followers.those_for(listener, found)

    def key(self, event: Heard) -> str:
        """The topic's id."""
        return event.aggregate_id

    async def first(self, context: Context) -> Change:
        """Also whenever somebody has other rights, or follows something else.

        Refuses with COMMUNITY_NOT_FOUND where none is left of what it is about.
        """
        before, self.actor = self.actor, context.actor
        communities = check_communities(before, self.actor, self.community_ids)
        request = feed_pb2.GetFeedKeysRequest(community_ids=self.community_ids)
        if self._hearing is None:
            return Change(FeedChange())
        followers, listener = self._hearing
        asked = followers.ask(listener, communities)
        response = await context.call(context.services.feed.GetFeedKeys, request)
        followers.know(listener, asked, response.keys)
        return Change(FeedChange())

    async def changes(self, context: Context, events: Mapping[str, Heard]) -> list[Change]:
        request = feed_pb2.BatchGetFeedItemsRequest(
            community_ids=self.community_ids,
            topic_ids=list(events),
            with_newest_replies=self.with_newest_replies,
        )
        response = await context.call(context.services.feed.BatchGetFeedItems, request)
        return [Change(FeedChange(item), item.topic.id) for item in response.items]
