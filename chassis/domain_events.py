"""Domain events as consumers get them, and what a consumer makes of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

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


Project: TypeAlias = Callable[[int, Sequence[Projection]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one service hears of one producer; events without a handler have no effect.

    Handlers only read and return what is to be done: they may run again, in a rebuild too, where
    only their projections count. A handler that raises UnavailableError stops the consumer until
    the dependency answers; any other refusal parks the aggregate.
    `aggregate_types` narrows what is delivered; never by event type, as seqs must be contiguous.
    `project` applies projections, each once a batch, to a generation before the inbox rows are
    stored; during a rebuild it is called for the live and the new one.
    `upcasters` make the message handled today of one with an older major version in its type.
    """

    producer: str
    handlers: Mapping[type[Message], Handler]
    aggregate_types: Sequence[str] = ()
    project: Project | None = None
    upcasters: Mapping[str, Callable[[bytes], Message]] = field(default_factory=dict)


class ProjectionTarget(Protocol):
    """Where projections live, in generations: search indexes behind an alias. All may run twice."""

    async def prepare(self, generation: int) -> None:
        """Make room for a new generation, empty."""

    async def project(self, generation: int, projections: Sequence[Projection]) -> None:
        """Write these anew from what their owners say now, never over something newer."""

    async def switch(self, generation: int) -> None:
        """Let readers see this one from now on."""

    async def drop(self, generation: int) -> None:
        """Delete an old one, or one whose making failed."""
