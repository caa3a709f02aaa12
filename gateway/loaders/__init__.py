"""Fetching by looking at the selection: one batched RPC per service and level, into tables.

A root resolver fetches its rows and calls `fill`; resolvers below only read the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLUnionType, get_named_type

from gateway.loaders.fetches import (
    FAILURES,
    FETCH,
    Batch,
    Choice,
    Embedded,
    Fetch,
    Key,
    Keys,
    Listing,
    LoadPage,
    Reference,
    Tables,
    fetch_of,
    fetched_by,
)
from gateway.loaders.levels import MAX_BATCH, Level, Part, all_of, loads

if TYPE_CHECKING:
    from gateway.context import Context, Info

__all__ = [
    "FAILURES",
    "MAX_BATCH",
    "Batch",
    "Choice",
    "Embedded",
    "Fetch",
    "Key",
    "Listing",
    "LoadPage",
    "Reference",
    "Tables",
    "fetch_ahead",
    "fetch_of",
    "fetched_by",
    "fill",
    "fill_each",
    "filled",
    "read",
    "selected",
    "selects",
]

T = TypeVar("T")


def read(info: Info, row: Any) -> T:  # type: ignore[type-var]
    """What `fill` fetched for this field of this row."""
    fetch: Fetch = info._field.metadata[FETCH]  # noqa: SLF001 - the only way to the field itself
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
        info, [Part(kind, [row for row in rows if row is not None], tuple(raw.field_nodes))]
    )


async def fill_each(info: Info, rows: Mapping[str, Iterable[Any]]) -> None:
    """As fill, for rows of several object types at once, by the names of these."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    nodes = tuple(raw.field_nodes)
    await _fill(
        info,
        [
            Part(
                cast("GraphQLObjectType", raw.schema.get_type(name)),
                [row for row in some if row is not None],
                nodes,
            )
            for name, some in rows.items()
        ],
    )


async def _fill(info: Info, level: list[Part]) -> None:
    variables = info._raw_info.variable_values  # noqa: SLF001
    while level:
        level = await Level(info.context, variables, level).fetch()


async def fetch_ahead(context: Context, wanted: Iterable[tuple[Reference, Any]]) -> None:
    """Fetch what these references of rows name before it is known who is shown what.

    `fill` finds it. What is known to be asked for below goes into the same RPCs.
    """
    keys: Keys = defaultdict(lambda: defaultdict(dict))
    for reference, row in wanted:
        key = reference.key(row)
        if key is not None and key[1]:
            keys[reference.batch][key[0]][key[1]] = None
    await all_of(loads(context, keys))


def selects(info: Info, *path: str) -> bool:
    """Whether the field at this path below the field under way is asked for.

    Behind a field of several types the path names one of them.
    """
    *above, name = path
    return name in selected(info, *above)


def selected(info: Info, *path: str) -> set[str]:
    """Which fields are asked for below the field at this path; none where that is not."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    known = info.context.selections.steps  # the same for every request
    key = (path, *map(id, raw.field_nodes))
    if key not in known:
        known[key] = _selected(info, raw, path)
    found: set[str] = known[key]
    return found


def _selected(info: Info, raw: GraphQLResolveInfo[Any], path: Iterable[str]) -> set[str]:
    kind, nodes = get_named_type(raw.return_type), tuple(raw.field_nodes)
    for name in path:
        if isinstance(kind, GraphQLUnionType):
            kind = raw.schema.type_map[name]
            continue
        if not isinstance(kind, GraphQLObjectType):
            return set()
        found = [
            one
            for one in info.context.selections.below(kind, nodes)
            if one.nodes[0].name.value == name
        ]
        if not found or found[0].definition is None:
            return set()
        kind = get_named_type(found[0].definition.type)
        nodes = tuple(node for one in found for node in one.nodes)
    if not isinstance(kind, GraphQLObjectType):
        return set()
    return {one.nodes[0].name.value for one in info.context.selections.below(kind, nodes)}
