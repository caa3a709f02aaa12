"""How a field's object is found: by reference, by choice, as a page, or in the row itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import GraphQLField
from grpc.aio import AioRpcError

from chassis.errors import DomainError

if TYPE_CHECKING:
    from gateway.context import Context

FAILURES = (DomainError, AioRpcError)  # null their own fields, never the page
FETCH = "guildhall_fetch"
Key: TypeAlias = tuple[str, str]  # community, id
Batch: TypeAlias = "Callable[[Context, str, list[str]], Awaitable[Mapping[str, Any]]]"
Keys: TypeAlias = "dict[Batch, dict[str, dict[str, None]]]"  # ids by community
LoadPage: TypeAlias = "Callable[[Context, Any, Mapping[str, Any]], Awaitable[Any]]"


@dataclass(slots=True)
class Tables:
    """What one request has fetched; a failure stands where its rows would."""

    rows: dict[Batch, dict[Key, Any]] = field(default_factory=lambda: defaultdict(dict))
    pages: dict[tuple[int, str], Any] = field(default_factory=dict)  # by field node and row
    # What embedded fields made of rows, by the row's id; with the row, so that this stays its own.
    made: dict[Callable[[Any], Any], dict[int, tuple[Any, Any]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def row(self, batch: Batch, key: Key | None) -> Any:
        """The row, or None; raises what fetching it met."""
        if key is None or not key[1]:
            return None
        found = self.rows[batch][key]
        if isinstance(found, Exception):
            raise found
        return found


@dataclass(frozen=True, slots=True)
class Reference:
    """A field whose object another row names: where it is, found by batch.

    `key` gives None, or an empty id, where the row names none.
    `show` makes the field's value of the object, where it is not the object itself.
    """

    batch: Batch
    key: Callable[[Any], Key | None]
    show: Callable[[Any], Any] | None = None

    def find(self, tables: Tables, row: Any) -> Any:
        """What `fill` fetched for this row."""
        found = tables.row(self.batch, self.key(row))
        return found if found is None or self.show is None else self.show(found)


@dataclass(frozen=True, slots=True)
class Choice:
    """A field whose object is of one of several types, each found in its own way.

    `type` names that of a row's object; a name that is not known stands for no object.
    """

    references: Mapping[str, Reference]
    type: Callable[[Any], str]

    def of(self, row: Any) -> Reference | None:
        """How this row's object is found."""
        return self.references.get(self.type(row))

    def by_type(self, rows: Iterable[Any]) -> dict[str, list[Any]]:
        """The rows whose objects are of each type; those without an object are left out."""
        found: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            name = self.type(row)
            if name in self.references:
                found[name].append(row)
        return found

    def find(self, tables: Tables, row: Any) -> Any:
        """What `fill` fetched for this row."""
        reference = self.of(row)
        return None if reference is None else reference.find(tables, row)


@dataclass(frozen=True, slots=True)
class Listing:
    """A field with a page of its own for each row, or for each key of rows.

    `show` makes a row's value of the page, where it is not the page itself.
    """

    load: LoadPage
    key: Callable[[Any], str] = attrgetter("id")  # tells rows apart
    show: Callable[[Any, Any], Any] | None = None

    def find(self, tables: Tables, row: Any, node: int) -> Any:
        """What `fill` fetched for this row, as the field's node with this id asks."""
        page = tables.pages[node, self.key(row)]
        if isinstance(page, Exception):
            raise page
        return page if self.show is None else self.show(row, page)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A field whose object is made of the row alone."""

    make: Callable[[Any], Any]

    def find(self, _: Tables, row: Any) -> Any:
        """It needs no fetching."""
        return self.make(row)


Fetch: TypeAlias = Reference | Choice | Listing | Embedded


def fetched_by(fetch: Fetch, **metadata: Any) -> dict[str, Any]:
    """The metadata that tells `fill` and `read` how a field's object is found."""
    return {FETCH: fetch, **metadata}


def fetch_of(definition: GraphQLField) -> Fetch | None:
    """How the field's object is found; None: it is an attribute, or no object."""
    fetch: Fetch | None = field_of(definition).metadata.get(FETCH)
    return fetch


def field_of(definition: GraphQLField) -> Any:
    return definition.extensions["strawberry-definition"]
