"""Fetching by looking at the selection: one batched RPC per service and level, into tables.

A root resolver fetches its rows and calls `fill`; resolvers below only read the tables.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from grpc.aio import AioRpcError

from chassis.errors import DomainError
from gateway.execution.selections import Selections

if TYPE_CHECKING:
    from gateway.context import Context, Info

T = TypeVar("T")
MAX_BATCH = 100
FAILURES = (DomainError, AioRpcError)  # null their own fields, never the page
_FETCH = "guildhall_fetch"
Key: TypeAlias = tuple[str, str]  # community, id
Batch: TypeAlias = "Callable[[Context, str, list[str]], Awaitable[Mapping[str, Any]]]"
Keys: TypeAlias = "dict[Batch, dict[str, dict[str, None]]]"  # ids by community
LoadPage: TypeAlias = "Callable[[Context, Any, Mapping[str, Any]], Awaitable[Any]]"


@dataclass(slots=True)
class Tables:
    """What one request has fetched; a failure stands where its rows would."""

    rows: dict[Batch, dict[Key, Any]] = field(default_factory=lambda: defaultdict(dict))
    pages: dict[tuple[int, str], Any] = field(default_factory=dict)  # by field node and row

    def row(self, batch: Batch, key: Key | None) -> Any:
        """The row, or None; raises what fetching it met."""
        if key is None:
            return None
        found = self.rows[batch][key]
        if isinstance(found, Exception):
            raise found
        return found


@dataclass(frozen=True, slots=True)
class Reference:
    """A field whose object another row names: where it is, found by batch.

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
    """A field whose object is of one of several types, by their names: the one with a key."""

    references: Mapping[str, Reference]

    def of(self, row: Any) -> tuple[Batch, Key] | None:
        """Where this row's object is found."""
        for reference in self.references.values():
            if (key := reference.key(row)) is not None:
                return reference.batch, key
        return None

    def find(self, tables: Tables, row: Any) -> Any:
        """What `fill` fetched for this row."""
        place = self.of(row)
        return None if place is None else tables.row(*place)


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
    return {_FETCH: fetch, **metadata}


def read(info: Info, row: Any) -> T:  # type: ignore[type-var]
    """What `fill` fetched for this field of this row."""
    fetch: Fetch = info._field.metadata[_FETCH]  # noqa: SLF001 - the only way to the field itself
    tables = info.context.tables
    if isinstance(fetch, Listing):
        return cast("T", fetch.find(tables, row, id(info._raw_info.field_nodes[0])))  # noqa: SLF001
    return cast("T", fetch.find(tables, row))


async def filled(info: Info, row: Any) -> T:
    """A root field's row, with all that is selected below it fetched."""
    await fill(info, [row])
    return cast("T", row)


async def fill(info: Info, rows: Iterable[Any], type_name: str = "") -> None:
    """Fetch all that the selection below these rows asks for, level by level.

    The rows are of the field's own type, or of the object type that is named.
    """
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    kind = raw.schema.get_type(type_name) if type_name else get_named_type(raw.return_type)
    if not isinstance(kind, GraphQLObjectType):
        raise TypeError("fill needs an object type")
    await _fill(
        info, [_Part(kind, [row for row in rows if row is not None], tuple(raw.field_nodes))]
    )


async def fill_each(info: Info, rows: Mapping[str, Iterable[Any]]) -> None:
    """As fill, for rows of several object types at once, by the names of these."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    nodes = tuple(raw.field_nodes)
    await _fill(
        info,
        [
            _Part(
                cast("GraphQLObjectType", raw.schema.get_type(name)),
                [row for row in some if row is not None],
                nodes,
            )
            for name, some in rows.items()
        ],
    )


async def _fill(info: Info, level: list[_Part]) -> None:
    variables = info._raw_info.variable_values  # noqa: SLF001
    while level:
        level = await _Level(info.context, variables, level).fetch()


async def fetch_choice(context: Context, choice: Choice, rows: Iterable[Any]) -> None:
    """Fetch the objects of a field before it is known who is shown what; `fill` finds them."""
    keys: Keys = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if (place := choice.of(row)) is not None:
            batch, (community_id, row_id) = place
            keys[batch][community_id][row_id] = None
    await asyncio.gather(*_loads(context, keys))


def selects(info: Info, *path: str) -> bool:
    """Whether the field at this path below the field under way is asked for."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    kind, nodes = get_named_type(raw.return_type), tuple(raw.field_nodes)
    for name in path:
        if not isinstance(kind, GraphQLObjectType):
            return False
        found = [
            selected
            for selected in info.context.selections.below(kind, nodes)
            if selected.nodes[0].name.value == name
        ]
        if not found or found[0].definition is None:
            return False
        kind = get_named_type(found[0].definition.type)
        nodes = tuple(node for selected in found for node in selected.nodes)
    return True


def _loads(context: Context, keys: Keys) -> list[Awaitable[None]]:
    """One RPC per batch and community, in parts that services take."""
    return [
        _load(context, batch, community_id, list(ids)[start : start + MAX_BATCH])
        for batch, communities in keys.items()
        for community_id, ids in communities.items()
        for start in range(0, len(ids), MAX_BATCH)
    ]


async def _load(context: Context, batch: Batch, community_id: str, ids: list[str]) -> None:
    rows = context.tables.rows[batch]
    try:
        found = await batch(context, community_id, ids)
    except FAILURES as error:
        rows.update({(community_id, row_id): error for row_id in ids})
    else:
        rows.update({(community_id, row_id): found.get(row_id) for row_id in ids})


@dataclass(slots=True)
class _Part:
    """Rows of one type, and the nodes below which it is said what is wanted of them."""

    type: GraphQLObjectType
    rows: list[Any]
    nodes: tuple[FieldNode, ...]
    steps: list[_Step] | None = None  # where they are at hand


@dataclass(frozen=True, slots=True)
class _Step:
    """A field that is fetched itself, or has such below it."""

    fetch: Fetch | None
    definition: GraphQLField
    nodes: tuple[FieldNode, ...]
    below: GraphQLObjectType | None  # where there is more to fetch
    steps: list[_Step]  # for what is below
    many: bool  # its value is a list
    make: Callable[[Any], Any]


def _steps(
    selections: Selections, kind: GraphQLObjectType, nodes: tuple[FieldNode, ...]
) -> list[_Step]:
    """What is to be fetched for rows of this type, in the order asked for; found out once."""
    known: dict[Any, list[_Step]] = selections.steps
    key = (kind.name, *map(id, nodes))
    if key not in known:
        known[key] = [
            step
            for selected in selections.below(kind, nodes)
            if selected.definition is not None
            and (step := _step(selections, selected.definition, selected.nodes)) is not None
        ]
    return known[key]


def _step(
    selections: Selections, definition: GraphQLField, nodes: tuple[FieldNode, ...]
) -> _Step | None:
    fetch = fetch_of(definition)
    named = get_named_type(definition.type)
    below = named if isinstance(named, GraphQLObjectType) else None
    steps = _steps(selections, below, nodes) if below is not None else []
    if not steps:
        below = None
    if below is None and (fetch is None or isinstance(fetch, Embedded)):
        return None
    many = is_list_type(get_nullable_type(definition.type))
    make = fetch.make if isinstance(fetch, Embedded) else attrgetter(_ours(definition).python_name)
    return _Step(fetch, definition, nodes, below, steps, many, make)


class _Level:
    """One round of RPCs, all in parallel."""

    def __init__(self, context: Context, variables: VariableValues, parts: list[_Part]) -> None:
        self._context = context
        self._variables = variables
        self._parts = parts
        self._keys: Keys = defaultdict(lambda: defaultdict(dict))
        self._next: list[Callable[[], _Part | None]] = []
        self._listings: list[Awaitable[None]] = []

    async def fetch(self) -> list[_Part]:
        """Fetch what the parts need; what is to be looked at next."""
        while self._parts:
            part = self._parts.pop()
            if part.rows:
                steps = part.steps or _steps(self._context.selections, part.type, part.nodes)
                for step in steps:
                    self._plan(part, step)
        loads = [*_loads(self._context, self._keys), *self._listings]
        if len(loads) == 1:  # a task of its own costs more than it is worth
            await loads[0]
        else:
            await asyncio.gather(*loads)
        return [following for make in self._next if (following := make()) is not None]

    def _plan(self, part: _Part, step: _Step) -> None:
        fetch, below = step.fetch, step.below
        if isinstance(fetch, Reference):
            self._refer(part, fetch, below, step.nodes)
        elif isinstance(fetch, Choice):
            for name, reference in fetch.references.items():
                of = self._context.selections.schema.get_type(name)
                self._refer(part, reference, cast("GraphQLObjectType", of), step.nodes)
        elif isinstance(fetch, Listing):
            arguments = get_argument_values(step.definition, step.nodes[0], self._variables)
            rows = list({fetch.key(row): row for row in part.rows}.values())
            for row in rows:
                self._listings.append(self._page(fetch, row, arguments, step.nodes))
            if below is not None:
                self._next.append(lambda: self._paged(below, fetch, rows, step))
        elif below is not None:
            values = [value for row in part.rows if (value := step.make(row)) is not None]
            if step.many:
                values = [value for row in values for value in row]
            self._parts.append(_Part(below, values, step.nodes, step.steps))

    def _refer(
        self,
        part: _Part,
        reference: Reference,
        below: GraphQLObjectType | None,
        nodes: tuple[FieldNode, ...],
    ) -> None:
        batch = reference.batch
        known, wanted = self._context.tables.rows[batch], self._keys[batch]
        found = dict.fromkeys(map(reference.key, part.rows))
        found.pop(None, None)
        keys = cast("dict[Key, None]", found)
        for key in keys:
            if key not in known:
                wanted[key[0]][key[1]] = None
        if below is not None:
            self._next.append(lambda: self._fetched(below, batch, keys, nodes))

    async def _page(
        self, fetch: Listing, row: Any, arguments: Mapping[str, Any], nodes: Sequence[FieldNode]
    ) -> None:
        try:
            page = await fetch.load(self._context, row, arguments)
        except FAILURES as error:
            page = error
        for node in nodes:
            self._context.tables.pages[id(node), fetch.key(row)] = page

    def _fetched(
        self,
        kind: GraphQLObjectType,
        batch: Batch,
        keys: Iterable[Key],
        nodes: tuple[FieldNode, ...],
    ) -> _Part | None:
        table = self._context.tables.rows[batch]
        found = [table.get(key) for key in keys]
        rows = [row for row in found if row is not None and not isinstance(row, Exception)]
        return _Part(kind, rows, nodes) if rows else None

    def _paged(
        self, kind: GraphQLObjectType, fetch: Listing, rows: Sequence[Any], step: _Step
    ) -> _Part | None:
        found: list[Any] = []
        for row in rows:
            with contextlib.suppress(*FAILURES):
                page = fetch.find(self._context.tables, row, id(step.nodes[0]))
                found += page if step.many else [page]
        found = [row for row in found if row is not None]
        return _Part(kind, found, step.nodes) if found else None


def fetch_of(definition: GraphQLField) -> Fetch | None:
    """How the field's object is found; None: it is an attribute, or no object."""
    fetch: Fetch | None = _ours(definition).metadata.get(_FETCH)
    return fetch


def _ours(definition: GraphQLField) -> Any:
    return definition.extensions["strawberry-definition"]
