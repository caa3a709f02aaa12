"""Fetching by looking at the selection: one batched RPC per service and level, into tables.

A root resolver fetches its rows and calls `fill`; resolvers below only read the tables.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values, get_directive_values
from grpc.aio import AioRpcError

from chassis.errors import DomainError

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


@dataclass(frozen=True, slots=True)
class Reference:
    """A field whose object another row names: where it is, found by batch."""

    batch: Batch
    key: Callable[[Any], Key | None]


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


@dataclass(frozen=True, slots=True)
class Listing:
    """A field with a page of its own for each row."""

    load: LoadPage
    key: Callable[[Any], str] = attrgetter("id")  # tells rows apart


@dataclass(frozen=True, slots=True)
class Embedded:
    """A field whose object is made of the row alone."""

    make: Callable[[Any], Any]


Fetch: TypeAlias = Reference | Choice | Listing | Embedded


def fetched_by(fetch: Fetch, **metadata: Any) -> dict[str, Any]:
    """The metadata that tells `fill` and `read` how a field's object is found."""
    return {_FETCH: fetch, **metadata}


@dataclass(slots=True)
class Tables:
    """What one request has fetched; a failure stands where its rows would."""

    rows: dict[tuple[Batch, Key], Any] = field(default_factory=dict)
    pages: dict[tuple[int, str], Any] = field(default_factory=dict)  # by field node and row

    def row(self, batch: Batch, key: Key | None) -> Any:
        """The row, or None; raises what fetching it met."""
        if key is None:
            return None
        found = self.rows[batch, key]
        if isinstance(found, Exception):
            raise found
        return found

    def choice(self, choice: Choice, row: Any) -> Any:
        """As row, of the type that has a key."""
        place = choice.of(row)
        return None if place is None else self.row(*place)


def read(info: Info, row: Any) -> T:  # type: ignore[type-var]
    """What `fill` fetched for this field of this row."""
    fetch = info._field.metadata[_FETCH]  # noqa: SLF001 - the only way to the field itself
    if isinstance(fetch, Embedded):
        return cast("T", fetch.make(row))
    tables = info.context.tables
    if isinstance(fetch, Reference):
        return cast("T", tables.row(fetch.batch, fetch.key(row)))
    if isinstance(fetch, Choice):
        return cast("T", tables.choice(fetch, row))
    page = tables.pages[id(info._raw_info.field_nodes[0]), fetch.key(row)]  # noqa: SLF001
    if isinstance(page, Exception):
        raise page
    return cast("T", page)


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
    level = [_Part(kind, [row for row in rows if row is not None], _selections(raw))]
    while level:
        level = await _Level(info.context, raw, level).fetch()


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
    level = _Level(info.context, raw, [])
    kind, selections = get_named_type(raw.return_type), _selections(raw)
    for name in path:
        if not isinstance(kind, GraphQLObjectType):
            return False
        found = [
            selected
            for selected in level.collect(_Part(kind, [], selections))
            if selected.nodes[0].name.value == name
        ]
        if not found:
            return False
        kind = get_named_type(found[0].definition.type)
        selections = [selection for selected in found for selection in selected.selections]
    return True


def _selections(info: GraphQLResolveInfo[Any]) -> list[SelectionNode]:
    """What is selected of the field under way."""
    return [
        selection
        for node in info.field_nodes
        if node.selection_set
        for selection in node.selection_set.selections
    ]


def _loads(context: Context, keys: Keys) -> list[Awaitable[None]]:
    """One RPC per batch and community, in parts that services take."""
    return [
        _load(context, batch, community_id, list(ids)[start : start + MAX_BATCH])
        for batch, communities in keys.items()
        for community_id, ids in communities.items()
        for start in range(0, len(ids), MAX_BATCH)
    ]


async def _load(context: Context, batch: Batch, community_id: str, ids: list[str]) -> None:
    rows = context.tables.rows
    try:
        found = await batch(context, community_id, ids)
    except FAILURES as error:
        rows.update({(batch, (community_id, row_id)): error for row_id in ids})
    else:
        rows.update({(batch, (community_id, row_id)): found.get(row_id) for row_id in ids})


@dataclass(slots=True)
class _Part:
    """Rows of one type and what is selected of them."""

    type: GraphQLObjectType
    rows: list[Any]
    selections: list[SelectionNode]


@dataclass(slots=True)
class _Selected:
    """One field of a type, with all that is selected below it."""

    definition: GraphQLField
    nodes: list[FieldNode]
    selections: list[SelectionNode]


class _Level:
    """One round of RPCs, all in parallel."""

    def __init__(self, context: Context, info: GraphQLResolveInfo[Any], parts: list[_Part]) -> None:
        self._context = context
        self._info = info
        self._parts = parts
        self._keys: Keys = defaultdict(lambda: defaultdict(dict))
        self._next: list[Callable[[], _Part | None]] = []
        self._listings: list[Awaitable[None]] = []

    async def fetch(self) -> list[_Part]:
        """Fetch what the parts need; what is to be looked at next."""
        while self._parts:
            part = self._parts.pop()
            if part.rows:
                for selected in self.collect(part):
                    self._plan(part, selected)
        await asyncio.gather(*_loads(self._context, self._keys), *self._listings)
        return [following for make in self._next if (following := make()) is not None]

    def _plan(self, part: _Part, selected: _Selected) -> None:
        fetch = _fetch_of(selected.definition)
        kind = get_named_type(selected.definition.type)
        below = kind if isinstance(kind, GraphQLObjectType) else None
        if isinstance(fetch, Reference):
            self._refer(part, selected, fetch, below)
        elif isinstance(fetch, Choice):
            for name, reference in fetch.references.items():
                of = self._info.schema.get_type(name)
                self._refer(part, selected, reference, cast("GraphQLObjectType", of))
        elif isinstance(fetch, Listing):
            arguments = self._arguments(selected)
            rows = list({fetch.key(row): row for row in part.rows}.values())
            for row in rows:
                self._listings.append(self._page(fetch, row, arguments, selected.nodes))
            if below is not None:
                keys = [fetch.key(row) for row in rows]
                self._next.append(lambda: self._paged(below, keys, selected))
        elif below is not None:
            make = fetch.make if fetch is not None else _attribute_of(selected.definition)
            rows = [value for row in part.rows for value in _values(make(row))]
            self._parts.append(_Part(below, rows, selected.selections))

    def _refer(
        self,
        part: _Part,
        selected: _Selected,
        reference: Reference,
        below: GraphQLObjectType | None,
    ) -> None:
        batch = reference.batch
        keys = [key for row in part.rows if (key := reference.key(row)) is not None]
        for key in keys:
            if (batch, key) not in self._context.tables.rows:
                self._keys[batch][key[0]][key[1]] = None
        if below is not None:
            self._next.append(lambda: self._fetched(below, batch, keys, selected))

    async def _page(
        self, fetch: Listing, row: Any, arguments: Mapping[str, Any], nodes: list[FieldNode]
    ) -> None:
        try:
            page = await fetch.load(self._context, row, arguments)
        except FAILURES as error:
            page = error
        for node in nodes:
            self._context.tables.pages[id(node), fetch.key(row)] = page

    def _fetched(
        self, kind: GraphQLObjectType, batch: Batch, keys: Sequence[Key], selected: _Selected
    ) -> _Part | None:
        table = self._context.tables.rows
        found = [table.get((batch, key)) for key in dict.fromkeys(keys)]
        return self._part(kind, found, selected)

    def _paged(
        self, kind: GraphQLObjectType, keys: Sequence[str], selected: _Selected
    ) -> _Part | None:
        node = id(selected.nodes[0])
        pages = [self._context.tables.pages[node, key] for key in keys]
        return self._part(kind, pages, selected)

    @staticmethod
    def _part(kind: GraphQLObjectType, found: Iterable[Any], selected: _Selected) -> _Part | None:
        rows = [row for row in found if row is not None and not isinstance(row, Exception)]
        return _Part(kind, rows, selected.selections) if rows else None

    def collect(self, part: _Part) -> Iterable[_Selected]:
        """The fields selected of a type, fragments merged, each fragment once."""
        fields: dict[str, _Selected] = {}
        spread: set[str] = set()
        stack = list(reversed(part.selections))
        while stack:
            selection = stack.pop()
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                self._add(part.type, selection, fields)
                continue
            node: Any = selection
            if isinstance(selection, FragmentSpreadNode):
                if selection.name.value in spread:
                    continue
                spread.add(selection.name.value)
                node = self._info.fragments[selection.name.value]
                node = getattr(node, "definition", node)
            if isinstance(selection, InlineFragmentNode) and node.type_condition is None:
                applies = True
            else:
                applies = self._applies(node.type_condition.name.value, part.type)
            if applies:
                stack.extend(reversed(node.selection_set.selections))
        return fields.values()

    @staticmethod
    def _add(kind: GraphQLObjectType, node: FieldNode, fields: dict[str, _Selected]) -> None:
        definition = kind.fields.get(node.name.value)
        if definition is None:
            return  # __typename
        name = (node.alias or node.name).value
        selected = fields.setdefault(name, _Selected(definition, [], []))
        selected.nodes.append(node)
        if node.selection_set:
            selected.selections.extend(node.selection_set.selections)

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        if condition == kind.name:
            return True
        on = self._info.schema.get_type(condition)
        if isinstance(on, GraphQLUnionType):
            return kind in on.types
        return isinstance(on, GraphQLInterfaceType) and on in kind.interfaces

    def _included(self, selection: SelectionNode) -> bool:
        if not selection.directives:
            return True
        variables = self._info.variable_values
        skip = get_directive_values(GraphQLSkipDirective, selection, variables)
        include = get_directive_values(GraphQLIncludeDirective, selection, variables)
        return not (skip and skip["if"]) and (include is None or include["if"] is True)

    def _arguments(self, selected: _Selected) -> Mapping[str, Any]:
        node = selected.nodes[0]
        return get_argument_values(selected.definition, node, self._info.variable_values)


def _fetch_of(definition: GraphQLField) -> Fetch | None:
    fetch: Fetch | None = _ours(definition).metadata.get(_FETCH)
    return fetch


def _attribute_of(definition: GraphQLField) -> Callable[[Any], Any]:
    name: str = _ours(definition).python_name
    return lambda row: getattr(row, name)


def _ours(definition: GraphQLField) -> Any:
    return definition.extensions["strawberry-definition"]


def _values(value: Any) -> Iterator[Any]:
    """One value or those of a list; nulls are left out."""
    if value is None:
        return
    if isinstance(value, Iterable) and not isinstance(value, str):
        yield from value
    else:
        yield value
