"""Relay in GraphQL: nodes, connections, edges. What stands behind them is gateway/pages.py."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, TypeVar

import strawberry
from google.protobuf.message import Message
from strawberry.federation.schema_directives import Shareable

T = TypeVar("T")
First = Annotated[
    int | None,
    strawberry.argument(description="How many, 1 to 100. Either this or last must be given."),
]
After = Annotated[
    str | None,
    strawberry.argument(description="With first: the cursor that the page comes after."),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="How many from the list's end, 1 to 100; in the list's order all the same."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(description="With last: the cursor that the page comes before."),
]


@strawberry.interface(description="Anything with a global id, found again by communityNode.")
class CommunityNode:
    """What implements it says which message its rows are."""

    message: ClassVar[type[Message]]

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        raise NotImplementedError

    @classmethod
    def is_type_of(cls, row: object, _info: Any) -> bool:
        """Every row of the type is this message, and of no other."""
        return isinstance(row, cls.message)


@strawberry.type(
    description="Where a page is in its list.",
    directives=[Shareable()],  # other subgraphs have Relay's as well
)
class PageInfo:
    """Relay's."""

    has_next_page: bool = strawberry.field(
        description="Whether there is more after this page; with last: whether before was given."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether there is more before this page; with first: whether after was given."
    )
    start_cursor: str | None = strawberry.field(description="The first edge's cursor, for before.")
    end_cursor: str | None = strawberry.field(description="The last edge's cursor, for after.")


@strawberry.type(description="One object of a page.")
class Edge(Generic[T]):
    """Relay's."""

    cursor: str = strawberry.field(
        description="For after and before; works in this list and filters only."
    )
    node: T = strawberry.field(description="The object.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """Relay's."""

    edges: list[Edge[T]] = strawberry.field(description="The objects, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where the page is.")
    total_count: int | None = strawberry.field(
        description="How many there are in all; null where the service does not count."
    )
