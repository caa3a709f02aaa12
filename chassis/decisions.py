"""What a command decides on and what it decides: aggregates, parts and decisions as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

from google.protobuf.message import Message
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from chassis.errors import DomainError
from chassis.moment import Moment

S = TypeVar("S")
T = TypeVar("T")
P = TypeVar("P")
A = TypeVar("A", bound=Message)
Document = dict[str, Any]
Operation: TypeAlias = (
    InsertOne[Document] | ReplaceOne[Document] | UpdateOne | UpdateMany | DeleteOne
)

# Generic dataclasses have no slots here: with them, Kind[T](...) fails in Python 3.11.

PLATFORM = "platform"  # the community_id of what belongs to no community


@dataclass(frozen=True)
class Aggregates(Generic[S]):
    """How one kind of aggregate is stored; made by a repository, which knows the fields.

    `load` also finds `_id`, `community_id` and `seq` in the document; `dump` leaves them out.
    `unique` maps the name of a unique index to the refusal it stands for.
    """

    kind: str  # the aggregate_type on the bus
    collection: str
    load: Callable[[Document], S]
    dump: Callable[[S], Document]
    unique: Mapping[str, type[DomainError]] = field(default_factory=dict)

    def ref(self, community_id: str, id: str) -> Ref[S]:
        """One aggregate, which need not exist yet."""
        return Ref(self, community_id, id)


@dataclass(frozen=True)
class Parts(Generic[P]):
    """Documents that belong to an aggregate and change only with it, guarded by its seq.

    `load` also finds `_id`, `community_id` and `seq` (the aggregate's, of the part's last change).
    """

    collection: str
    load: Callable[[Document], P]
    dump: Callable[[P], Document]

    def ref(self, community_id: str, id: str) -> PartRef[P]:
        """One part, which need not exist yet."""
        return PartRef(self, community_id, id)


@dataclass(frozen=True)
class PartRef(Generic[P]):
    """Where one part is."""

    parts: Parts[P]
    community_id: str
    id: str

    @property
    def place(self) -> tuple[str, str, str]:
        """Collection, community, id."""
        return self.parts.collection, self.community_id, self.id

    def put(self, part: P) -> Change:
        """This part becomes that; for Decision.parts."""
        return Change(self, part)


@dataclass(frozen=True, slots=True)
class Change:
    """A part and what it becomes."""

    ref: PartRef[Any]
    part: Any


@dataclass(frozen=True)
class Ref(Generic[S]):
    """Where one aggregate is, and what beside it the decision wants to see.

    `others` are further aggregates that the same decision may change.
    """

    aggregates: Aggregates[S]
    community_id: str
    id: str
    parts: tuple[PartRef[Any], ...] = ()
    others: tuple[Ref[Any], ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """Collection, community, id."""
        return self.aggregates.collection, self.community_id, self.id

    def having(self, *parts: PartRef[Any]) -> Ref[S]:
        """The same aggregate, with these parts loaded for the decision."""
        return replace(self, parts=self.parts + parts)

    def along(self, *others: Ref[Any]) -> Ref[S]:
        """The same aggregate, with these others loaded for the decision, which may change them."""
        return replace(self, others=self.others + others)

    def put(self, state: S, events: Sequence[Message]) -> Other:
        """This aggregate becomes that and says so; for Decision.others."""
        return Other(self, state, events)


@dataclass(frozen=True, slots=True)
class Other:
    """A further aggregate, what it becomes, and what it says about it."""

    ref: Ref[Any]
    state: Any
    events: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Write:
    """A further document of this service, changed in the same transaction: a revision, a record.

    The operation's filter or document must name `community_id`.
    """

    collection: str
    operation: Operation


@dataclass(frozen=True)
class Seen(Generic[S]):
    """What a decision stands on: fresh state, after all commands before it."""

    state: S | None  # None: there is no such aggregate
    seq: int  # 0: there is none
    now: Moment
    loaded: Mapping[tuple[str, str, str], Any]
    others: Mapping[tuple[str, str, str], Any] = field(default_factory=dict)

    def part(self, ref: PartRef[P]) -> P | None:
        """A part that the target `having` named; None where there is none."""
        part: P | None = self.loaded[ref.place]
        return part

    def other(self, ref: Ref[T]) -> T | None:
        """An aggregate that goes `along` with the target; None where there is none."""
        state: T | None = self.others[ref.place]
        return state


@dataclass(frozen=True)
class Decision(Generic[S, A]):
    """What becomes of it all.

    A change says at least one domain event, of every aggregate that it changes; a decision without
    events must leave all as it is. `answer` gets the aggregate's new seq. `stands_on` names those
    that went along and stay as they are: who changes one of them meanwhile makes a conflict.
    """

    state: S
    answer: Callable[[int], A]
    events: Sequence[Message] = ()
    parts: Sequence[Change] = ()
    writes: Sequence[Write] = ()
    others: Sequence[Other] = ()
    stands_on: Sequence[Ref[Any]] = ()


# Pure; may run twice. Raises DomainError to refuse.
Decide: TypeAlias = Callable[[Seen[S]], Decision[S, A]]
