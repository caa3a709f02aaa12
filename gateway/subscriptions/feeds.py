"""What services say, heard once a process and handed to whoever listens for a part of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from chassis.errors import UnavailableError
from chassis.messaging import OUTAGES, Bus
from chassis.ordered import Heard, OrderedConsumer
from guildhall.forum.v1 import domain_events_pb2

MOST_MISSED = 1_000  # events of one subscription that a resumption catches up with

# What is heard of each service: of its domain events those that a subscription is about.
SUBJECTS: Mapping[str, Sequence[str]] = {
    "forum": (
        "evt.forum.*.topic.>",
        "evt.forum.*.poll.>",
        "evt.forum.*.reactions.>",
        "evt.forum.*.space.>",
        "evt.forum.*.reader.*.FollowChanged",
        "evt.forum.*.announcement.>",
    ),
    "moderation": ("evt.moderation.*.case.>",),
}
# Aggregates of their own that stand beside a topic: who listens for it hears theirs too.
_BESIDE_TOPICS = ("poll", "reactions")


class Listener(Protocol):
    """Whoever is told of events below one subject; called from the event loop, and never waits."""

    def heard(self, event: Heard) -> None:
        """A domain event."""

    def begun_anew(self) -> None:
        """The stream's numbers mean nothing any more."""


class Feed:
    """One service's domain events, as they come."""

    def __init__(self, bus: Bus, service: str, subjects: Sequence[str]) -> None:
        self._consumer = OrderedConsumer(bus, service, subjects, self._heard, self._begun_anew)
        self._service = service
        self._listeners: dict[str, set[Listener]] = {}

    async def run(self) -> None:
        """Hear until cancelled."""
        await self._consumer.run()

    @property
    def position(self) -> int:
        """All up to this number of the stream was heard."""
        return self._consumer.position

    @property
    def incarnation(self) -> str:
        """Which stream it is: its numbers mean nothing in another."""
        return self._consumer.incarnation

    def check(self) -> None:
        """Refuses with UNAVAILABLE while the stream was not found since the process began."""
        if not self._consumer.incarnation:
            raise UnavailableError(f"{self._service} is not heard yet", retry_after=1)

    def listen(self, subject: str, listener: Listener) -> None:
        """Be told of every event below this subject from now on: all of one aggregate or kind."""
        self._listeners.setdefault(subject, set()).add(listener)

    def leave(self, subject: str, listener: Listener) -> None:
        """Be told no more."""
        listeners = self._listeners.get(subject, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(subject, None)

    async def missed(self, subject: str, after: int) -> list[Heard] | None:
        """What was said of a subject behind this number; None where that is not known.

        Refuses with UNAVAILABLE.
        """
        try:
            return await self._consumer.missed(subject, after, MOST_MISSED)
        except OUTAGES:
            raise UnavailableError("what was missed cannot be read now", retry_after=1) from None

    def _heard(self, event: Heard) -> None:
        aggregate = event.subject.rpartition(".")[0]
        kind = aggregate.rpartition(".")[0]
        for subject in filter(None, (aggregate, kind, topic_beside(event))):
            for listener in tuple(self._listeners.get(subject, ())):
                listener.heard(event)

    def _begun_anew(self) -> None:
        for listeners in tuple(self._listeners.values()):
            for listener in tuple(listeners):
                listener.begun_anew()


def topic_beside(event: Heard) -> str:
    """The subject of the topic that a poll or reactions stand beside; empty: it is neither."""
    if event.aggregate_type not in _BESIDE_TOPICS:
        return ""
    said = domain_events_pb2.BallotCast.FromString(event.data)  # topic_id is field 1 of all
    return f"evt.forum.{event.community_id}.topic.{said.topic_id}"


class Feeds:
    """All that is heard in this process."""

    def __init__(self, bus: Bus) -> None:
        self._feeds = {name: Feed(bus, name, subjects) for name, subjects in SUBJECTS.items()}

    def __getitem__(self, service: str) -> Feed:
        return self._feeds[service]

    async def run(self) -> None:
        """Hear until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self._feeds.values():
                tasks.create_task(feed.run())
