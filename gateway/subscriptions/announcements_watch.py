"""Somebody's announcements, over their communities: that what is out for them may be other now."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from chassis.ordered import Heard
from chassis.timestamps import timestamp_of
from gateway.context import Context
from gateway.subscriptions.watches import (
    Change,
    Watch,
    check_communities,
    communities_of,
    named_shortly,
)
from guildhall.forum.v1 import announcements_pb2

if TYPE_CHECKING:
    from gateway.subscriptions.feeds import Feed
    from gateway.subscriptions.subscriber import Subscriber
    from gateway.subscriptions.subscriptions import Subscriptions

# What readers get, have or lose: drafts, plans and lists of people are no news to them.
TOLD = frozenset({
    "AnnouncementPublished", "AnnouncementBecameVisible", "AnnouncementCorrected",
    "AnnouncementWithdrawn", "AnnouncementExpired", "AnnouncementArchived",
})  # fmt: skip
_BECAME_VISIBLE = "AnnouncementBecameVisible"
_NOTHING, _HOUR = "", "*hour "  # keys of all else, and before the id of what has come to readers
_MOST_SEEN, _MARK = 16, 8  # announcements that `seen` remembers, by so much of their ids


@dataclass(frozen=True, slots=True)
class AnnouncementsChange:
    """The source of AnnouncementsChanged."""

    community_id: str = ""
    time: Timestamp | None = None
    announcement: announcements_pb2.Announcement | None = None


@dataclass(slots=True)
class AnnouncementsWatch(Watch):
    """All announcements of a person's communities; the forum says of each whether it is, or was,
    for them.

    That one comes to more readers is said at some forty hours: each is told once, by `seen`.
    """

    service = "forum"
    actor: Actor  # as it begins
    community_ids: Collection[str]  # empty: all of the person's
    seen: str = ""  # marks of announcements whose hour was told to have come
    _hearing: tuple[Feed, Subscriber] | None = field(default=None)
    _heard: frozenset[str] = field(default=frozenset())  # communities

    @property
    def subject(self) -> str:
        """Heard is what `listen` says: this only names it."""
        return f"announcements of {named_shortly(self.community_ids)}"

    def listen(self, shared: Subscriptions, listener: Subscriber) -> None:
        self._hearing = shared.feeds[self.service], listener
        self._hear(communities_of(self.actor, self.community_ids))

    def leave(self, shared: Subscriptions, listener: Subscriber) -> None:
        self._hear(())

    def is_wall(self, event: Heard) -> bool:
        """No: each announcement is asked for as the person."""
        return False

    async def missed(
        self, shared: Subscriptions, listener: Subscriber, after: int
    ) -> list[Heard] | None:
        found: list[Heard] = []
        for community_id in communities_of(self.actor, self.community_ids):
            some = await shared.feeds[self.service].missed(f"{_subject(community_id)}.>", after)
            if some is None:
                return None
            found += [event for event in some if event.name in TOLD]
        return sorted(found, key=lambda event: event.seq)

    def key(self, event: Heard) -> str:
        """The announcement's id; an hour must not take the place of what else was said of it."""
        if event.name == _BECAME_VISIBLE:
            return _HOUR + event.aggregate_id
        return event.aggregate_id if event.name in TOLD else _NOTHING

    async def first(self, context: Context) -> Change:
        """Also whenever somebody has other rights.

        Refuses with COMMUNITY_NOT_FOUND where none is left of what it is about.
        """
        before, self.actor = self.actor, context.actor
        self._hear(check_communities(before, self.actor, self.community_ids))
        return Change(AnnouncementsChange())

    async def changes(self, context: Context, events: Mapping[str, Heard]) -> list[Change]:
        mine = communities_of(context.actor, self.community_ids)
        asked: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for key, event in events.items():
            if key != _NOTHING and event.community_id in mine and not _marked(self.seen, event):
                asked[event.community_id][event.aggregate_id] = None
        found: dict[str, announcements_pb2.Announcement | None] = {}
        for one in await asyncio.gather(*(_for_reader(context, *some) for some in asked.items())):
            found |= one
        seen, changes = self.seen, []
        for key, event in events.items():
            id_ = event.aggregate_id
            if key == _NOTHING or id_ not in found or _marked(seen, event):
                continue
            if event.name == _BECAME_VISIBLE:
                seen = " ".join([*seen.split(), id_[:_MARK]][-_MOST_SEEN:])
            time = timestamp_of(event.time) if event.time else None
            changes.append(
                Change(AnnouncementsChange(event.community_id, time, found[id_]), key, seen)
            )
        return changes

    def _hear(self, communities: Collection[str]) -> None:
        if self._hearing is None:
            return
        feed, listener = self._hearing
        now = frozenset(communities)
        for one in self._heard - now:
            feed.leave(_subject(one), listener)
        for one in now - self._heard:
            feed.listen(_subject(one), listener)
        self._heard = now


async def _for_reader(
    context: Context, community_id: str, ids: Collection[str]
) -> dict[str, announcements_pb2.Announcement | None]:
    """Those that are for the person, or were; None: it cannot be read any more."""
    request = announcements_pb2.BatchGetAnnouncementsRequest(
        community_id=community_id, announcement_ids=list(ids), as_reader=True
    )
    response = await context.call(context.services.announcements.BatchGetAnnouncements, request)
    found: dict[str, announcements_pb2.Announcement | None] = dict.fromkeys(response.former_ids)
    return found | {one.id: one for one in response.announcements}


def _marked(seen: str, event: Heard) -> bool:
    """Whether it was told that its hour has come to this reader."""
    return event.name == _BECAME_VISIBLE and event.aggregate_id[:_MARK] in seen.split()


def _subject(community_id: str) -> str:
    return f"evt.forum.{community_id}.announcement"
