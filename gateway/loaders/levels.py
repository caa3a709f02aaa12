"""Level by level below some rows: what the selection asks for, in one round of RPCs each."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from gateway import batches
from gateway.execution.selections import Selections
from gateway.loaders.fetches import (
    FAILURES,
    Batch,
    Choice,
    Embedded,
    Fetch,
    Key,
    Keys,
    Listing,
    Reference,
    fetch_of,
    field_of,
)

if TYPE_CHECKING:
    from gateway.context import Context

MAX_BATCH = 100


def loads(context: Context, keys: Keys) -> list[Awaitable[None]]:
    """One RPC per batch and community, in parts that services take; topics and replies in one."""
    return [
        *(_load_posts(context, *of_community) for of_community in _posts(keys)),
        *(
            _load(context, batch, community_id, list(ids)[start : start + MAX_BATCH])
            for batch, communities in keys.items()
            for community_id, ids in communities.items()
            for start in range(0, len(ids), MAX_BATCH)
        ),
    ]


async def all_of(calls: list[Awaitable[None]]) -> None:
    """In parallel; a single one makes no task of its own, which costs more than it is worth."""
    if len(calls) > 1:
        await asyncio.gather(*calls)
    elif calls:
        await calls[0]


def _posts(keys: Keys) -> list[tuple[str, list[str], list[str]]]:
    """Takes out the communities of which both are wanted."""
    if batches.topics not in keys or batches.replies not in keys:
        return []
    topics, replies = keys[batches.topics], keys[batches.replies]
    return [
        (community_id, list(topics.pop(community_id)), list(replies.pop(community_id)))
        for community_id in topics.keys() & replies.keys()
        if max(len(topics[community_id]), len(replies[community_id])) <= MAX_BATCH
    ]


async def _load(context: Context, batch: Batch, community_id: str, ids: list[str]) -> None:
    found: Mapping[str, Any]
    try:
        found = await batch(context, community_id, ids)
    except FAILURES as error:
        found = dict.fromkeys(ids, error)
    _keep(context, batch, community_id, ids, found)


async def _load_posts(
    context: Context, community_id: str, topic_ids: list[str], reply_ids: list[str]
) -> None:
    topics: Mapping[str, Any]
    replies: Mapping[str, Any]
    try:
        topics, replies = await batches.posts(context, community_id, topic_ids, reply_ids)
    except FAILURES as error:
        topics, replies = dict.fromkeys(topic_ids, error), dict.fromkeys(reply_ids, error)
    _keep(context, batches.topics, community_id, topic_ids, topics)
    _keep(context, batches.replies, community_id, reply_ids, replies)


def _keep(
    context: Context, batch: Batch, community_id: str, ids: list[str], found: Mapping[str, Any]
) -> None:
    rows = context.tables.rows[batch]
    rows.update({(community_id, row_id): found.get(row_id) for row_id in ids})


@dataclass(slots=True)
class Part:
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
    make = (
        fetch.make if isinstance(fetch, Embedded) else attrgetter(field_of(definition).python_name)
    )
    return _Step(fetch, definition, nodes, below, steps, many, make)


class Level:
    """One round of RPCs, all in parallel."""

    def __init__(self, context: Context, variables: VariableValues, parts: list[Part]) -> None:
        self._context = context
        self._variables = variables
        self._parts = parts
        self._keys: Keys = defaultdict(lambda: defaultdict(dict))
        self._next: list[Callable[[], Part | None]] = []
        self._listings: list[Awaitable[None]] = []

    async def fetch(self) -> list[Part]:
        """Fetch what the parts need; what is to be looked at next."""
        while self._parts:
            part = self._parts.pop()
            if part.rows:
                steps = part.steps or _steps(self._context.selections, part.type, part.nodes)
                for step in steps:
                    self._plan(part, step)
        await all_of([*loads(self._context, self._keys), *self._listings])
        return [following for make in self._next if (following := make()) is not None]

    def _plan(self, part: Part, step: _Step) -> None:
        fetch, below = step.fetch, step.below
        if isinstance(fetch, Reference):
            self._refer(part.rows, fetch, below, step.nodes)
        elif isinstance(fetch, Choice):
            for name, rows in fetch.by_type(part.rows).items():
                of = cast("GraphQLObjectType", self._context.selections.schema.get_type(name))
                self._refer(rows, fetch.references[name], of, step.nodes)
        elif isinstance(fetch, Listing):
            arguments = get_argument_values(step.definition, step.nodes[0], self._variables)
            rows = list({fetch.key(row): row for row in part.rows}.values())
            for row in rows:
                self._listings.append(self._page(fetch, row, arguments, step.nodes))
            if below is not None:
                self._next.append(lambda: self._paged(below, fetch, rows, step))
        elif below is not None:
            values = list(map(step.make, part.rows))
            if isinstance(fetch, Embedded):
                pairs = zip(part.rows, values, strict=True)
                made = zip(map(id, part.rows), pairs, strict=True)
                self._context.tables.made[step.make].update(made)
            values = list(filter(None, values))  # objects and lists of them
            if step.many:
                values = list(chain.from_iterable(values))
            self._parts.append(Part(below, values, step.nodes, step.steps))

    def _refer(
        self,
        rows: Iterable[Any],
        reference: Reference,
        below: GraphQLObjectType | None,
        nodes: tuple[FieldNode, ...],
    ) -> None:
        batch = reference.batch
        known, wanted = self._context.tables.rows[batch], self._keys[batch]
        found = dict.fromkeys(map(reference.key, rows))
        found.pop(None, None)
        keys = cast("dict[Key, None]", found)
        for key in keys:
            if key in known:
                continue
            if key[1]:
                wanted[key[0]][key[1]] = None
            else:
                known[key] = None
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
    ) -> Part | None:
        table = self._context.tables.rows[batch]
        found = [table.get(key) for key in keys]
        rows = [row for row in found if row is not None and not isinstance(row, Exception)]
        return Part(kind, rows, nodes) if rows else None

    def _paged(
        self, kind: GraphQLObjectType, fetch: Listing, rows: Sequence[Any], step: _Step
    ) -> Part | None:
        found: list[Any] = []
        for row in rows:
            with contextlib.suppress(*FAILURES):
                page = fetch.find(self._context.tables, row, id(step.nodes[0]))
                found += page if step.many else [page]
        found = [row for row in found if row is not None]
        return Part(kind, found, step.nodes) if found else None
