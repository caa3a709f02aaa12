"""Domain events as consumers get them, and what a consumer makes of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from google.protobuf.message import Message

from chassis.decisions import Decide, Ref, Write

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class DomainEvent(Generic[M]):
    """One fact that a producer said, with its place in its aggregate's history."""

    id: str
    community_id: str
    aggregate_type: str
    aggregate_id: str
    seq: int
    time: datetime
    actor: str  # person id or service:<name>
    message: M


@dataclass(frozen=True, slots=True)
class Effect:
    """A decision on one of this service's own aggregates, stored with the inbox row.

    A refusal (DomainError) drops the effect, logged and counted; the event counts as heard.
    """

    ref: Ref[Any]
    decide: Decide[Any, Any]


@dataclass(frozen=True, slots=True)
class Projection:
    """Something to be made anew outside the database, as a search document.

    Applied before the inbox row is stored, so it may happen twice and must be harmless then.
    """

    kind: str
    community_id: str
    id: str


Consequence: TypeAlias = Effect | Write | Projection
Handler: TypeAlias = Callable[[DomainEvent[Any]], Awaitable[Iterable[Consequence]]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one service hears of one producer; events without a handler have no effect.

    `aggregate_types` narrows what is delivered; never by event type, as seqs must be contiguous.
    `project` applies a batch's projections, each once, before the inbox rows are stored.
    """

    producer: str
    handlers: Mapping[type[Message], Handler]
    aggregate_types: Sequence[str] = ()
    project: Callable[[Sequence[Projection]], Awaitable[None]] | None = None
