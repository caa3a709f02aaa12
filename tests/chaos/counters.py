"""What the trial's two parts do: one counts and says so, the other counts what it hears.

Nothing here is idempotent by itself: whatever is done twice is seen in what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pymongo import InsertOne

from chassis.decisions import Aggregates, Decision, Seen, Write
from chassis.domain_events import Consequence, DomainEvent, Effect
from chassis.mongo import Database, Index, Migration
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2

COMMUNITY = "c1"
PRODUCER, CONSUMER = "producer", "consumer"
STROKES, LEDGER = "strokes", "ledger"


@dataclass(frozen=True, slots=True)
class Counter:
    """The least an aggregate can be."""

    count: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the consuming part made of one counter's events: which it heard, in order."""

    heard: tuple[int, ...] = ()


counters = Aggregates[Counter](
    "counter",
    "counters",
    lambda document: Counter(document["count"]),
    lambda counter: {"count": counter.count},
)
standings = Aggregates[Standing](
    "standing",
    "standings",
    lambda document: Standing(tuple(document["heard"])),
    lambda standing: {"heard": list(standing.heard)},
)


class ProducerRepository:
    """The collections of the producing part."""

    indexes: Sequence[Index] = (
        Index("counters", [("community_id", 1), ("count", 1)], "count"),
        Index(STROKES, [("community_id", 1), ("counter", 1)], "counter"),
    )
    migrations: Sequence[Migration] = ()

    def __init__(self, database: Database) -> None:
        self.database = database


class ConsumerRepository:
    """The collections of the consuming part."""

    indexes: Sequence[Index] = (
        Index("standings", [("community_id", 1), ("seq", 1)], "seq"),
        Index(LEDGER, [("community_id", 1), ("counter", 1)], "counter"),
    )
    migrations: Sequence[Migration] = ()

    def __init__(self, database: Database) -> None:
        self.database = database


def strike(
    request: forum_pb2.CloseTopicRequest, seen: Seen[Counter]
) -> Decision[Counter, forum_pb2.CloseTopicResponse]:
    """One more; says one domain event or two; a row for the stroke that nothing keeps unique."""
    state = seen.state or Counter()
    events = [said.TopicEdited(topic_id=request.topic_id)] * (1 + state.count % 2)
    row = {
        "community_id": COMMUNITY,
        "counter": request.topic_id,
        "request": request.request_id,
        "seq": seen.seq + len(events),
    }
    return Decision(
        replace(state, count=state.count + 1),
        lambda seq: forum_pb2.CloseTopicResponse(topic=forum_pb2.Topic(version=seq)),
        events,
        writes=[Write(STROKES, InsertOne(row))],
    )


async def hear(event: DomainEvent[Any], *, asking: float) -> Iterable[Consequence]:
    """Note it on the standing, and in a ledger that nothing keeps unique."""
    await asyncio.sleep(asking)  # kills shall find one at work

    def decide(seen: Seen[Standing]) -> Decision[Standing, said.TopicEdited]:
        state = seen.state or Standing()
        return Decision(
            replace(state, heard=(*state.heard, event.seq)),
            lambda _: said.TopicEdited(),
            [said.TopicEdited(topic_id=event.aggregate_id)],
        )

    row = {"community_id": COMMUNITY, "counter": event.aggregate_id, "seq": event.seq}
    effect = Effect(standings.ref(COMMUNITY, event.aggregate_id), decide)
    return [effect, Write(LEDGER, InsertOne(row))]
