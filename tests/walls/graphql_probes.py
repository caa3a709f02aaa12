"""Questions to every field of the SDL, in pairs: about what is hidden, and about what never was."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, get_named_type

from gateway.cursors import decode_id, encode_id
from tests.integration.inputs import OF_ANY_KIND, At, Inputs, kind_of
from tests.walls.graphql_documents import (
    MUTATIONS,
    NODES,
    QUERIES,
    beside,
    document,
    readable,
    variables,
)
from tests.walls.loot import NEVER, Hidden, Loot, spelled
from tests.walls.oracle import Call, Pair
from tests.world import World

_FEW = 3  # things of a kind for each field


def pairs(worlds: list[World], loot: Loot, *, whole: bool) -> Iterator[Pair]:
    """Everything hidden, in every argument of every field that could name it."""
    for operation, fields in (("query", QUERIES), ("mutation", MUTATIONS)):
        for name, field in fields.items():
            for home in range(len(worlds)):
                yield from _Root(operation, name, field, worlds, home).pairs(loot, whole=whole)
    for type_ in NODES:
        for name, field in type_.fields.items():
            if field.args:
                for home, world in enumerate(worlds):
                    yield from _of_node(type_, name, field, world, loot, home)


class _Root:
    """One field of Query or Mutation, as asked from one community."""

    def __init__(
        self, operation: str, name: str, field: GraphQLField, worlds: list[World], home: int
    ) -> None:
        self._writes = operation == "mutation"
        self._name, self._field = name, field
        self._world, self._home = worlds[home], home
        self._inputs = Inputs(self._world, name, field)
        self._text = document(operation, name, field, beside(get_named_type(field.type)))

    def pairs(self, loot: Loot, *, whole: bool) -> Iterator[Pair]:
        """About everything hidden."""
        for at, last in self._inputs.ids():
            yield from self._ids(at, last, loot, whole=whole)
        for at, last in _texts(self._field):
            texts = [loot.used] if last == "requestId" else loot.texts.get(last, ())
            for told in texts:
                twin = f"used-{'0' * 36}" if last == "requestId" else loot.twin(told)
                values: tuple[Any, Any] = ([told], [twin]) if last == "tags" else (told, twin)
                yield self._pair("is a hidden thing's", at, *values, nowhere=self._writes)
        if self._writes and not list(self._inputs.ids()):  # nobody outside may do it at all
            yield self._pair("is asked for", (), None, None, by_all=True)
        if not self._writes and "after" in self._field.args:
            for cursor in loot.cursors:
                twin = scrambled(cursor)
                yield self._pair("is an insider's", ("after",), cursor, twin, by_all=True)

    def _ids(self, at: At, last: str, loot: Loot, *, whole: bool) -> Iterator[Pair]:
        kinds = [kind_of(last, self._name) or "Letter"]
        if self._name in OF_ANY_KIND:
            kinds = [type_.name for type_ in NODES]
        many = last.endswith("s") and last != "id"
        for kind in kinds:
            others = {"Member": ("Person",), "Person": ("Member",)}.get(kind, ())
            things = [thing for k in (kind, *others) for thing in loot.of(k)]
            for number, thing in enumerate(_some(things, self._name, whole=whole)):
                for hidden, missing in _ids(thing, self._world):
                    values: tuple[Any, Any] = ([hidden], [missing]) if many else (hidden, missing)
                    yield self._pair(f"is {thing.what}", at, *values, by_all=not number)

    def _pair(
        self,
        why: str,
        at: At,
        hidden: Any,
        missing: Any,
        *,
        by_all: bool = False,
        nowhere: bool = False,
    ) -> Pair:
        calls = [self._call(at, value, nowhere=nowhere) for value in (hidden, missing)]
        where = ".".join(map(str, at))
        last = str(at[-1]) if at else ""
        return Pair(f"{self._name}: {where} {why}", calls[0], calls[1], self._home, by_all, last)

    def _call(self, at: At, value: Any, *, nowhere: bool) -> Call:
        inputs = self._inputs
        arguments = inputs.with_value(at, "", value).arguments if at else inputs.legal()
        if "requestId" in arguments.get("input", ()) and at[-1:] != ("requestId",):
            arguments["input"]["requestId"] = "walls-hidden-or-not"
        if nowhere:  # at nothing that there is, so that nothing can come of it
            home = decode_id(self._world.aurora["Community"], "id").id
            for path, last in inputs.ids():
                target = arguments if len(path) == 1 else arguments[str(path[0])]
                target[last] = spelled(kind_of(last, self._name), home, NEVER, NEVER)
        told = (value[0] if isinstance(value, list) else value) or ""
        body = {"query": self._text, "variables": arguments}
        return Call(self._name, body, sent=(told, *_within(told)))


def _texts(field: GraphQLField) -> Iterator[tuple[At, str]]:
    for name, argument in field.args.items():
        named = get_named_type(argument.type)
        if named.name == "String":
            yield (name,), name
        for inner, its in getattr(named, "fields", {}).items():
            if get_named_type(its.type).name in ("String", "Markdown"):
                yield (name, inner), inner
            for third in getattr(get_named_type(its.type), "fields", {}):
                if not str(its.type).startswith("["):
                    yield (name, inner, third), third


def _some(things: list[Hidden], name: str, *, whole: bool) -> list[Hidden]:
    """The first and a few more, other ones for each field: every RPC is asked about all of them."""
    if whole or len(things) <= _FEW:
        return things
    rest, start = things[1:], zlib.crc32(name.encode())
    return [things[0], *(rest[(start + n) % len(rest)] for n in range(_FEW - 1))]


def _ids(thing: Hidden, world: World) -> Iterator[tuple[str, str]]:
    """As it is, and said to be at home."""
    if thing.kind == "Letter":
        yield thing.id, f"{thing.id[:-2]}77"
        return
    yield thing.global_id, thing.missing_id
    if thing.kind == "Community":
        yield thing.global_id, encode_id("Community", NEVER, NEVER)
    elif thing.kind not in ("Person", "Company") and not thing.known:
        at_home = decode_id(world.aurora["Community"], "id").id
        topic = thing.topic
        if at_home != thing.community:
            yield (
                spelled(thing.kind, at_home, thing.id, topic),
                spelled(thing.kind, at_home, NEVER, topic),
            )


def _within(global_id: str) -> tuple[str, ...]:
    """The ids that one can read out of an id."""
    try:
        found = decode_id(global_id, "id")
    except Exception:
        return ()
    return (found.id,)


def _of_node(
    type_: GraphQLObjectType,
    name: str,
    field: GraphQLField,
    world: World,
    loot: Loot,
    home: int,
) -> Iterator[Pair]:
    """Arguments of fields of what one can see."""
    ids = readable(world)
    if type_.name not in ids:
        return
    values: list[tuple[str, str, str, str]] = []  # argument, why, hidden, missing
    for argument in field.args:
        kind = kind_of(argument)
        if get_named_type(field.args[argument].type).name == "ID":
            values += [
                (argument, thing.what, thing.global_id, thing.missing_id) for thing in loot.of(kind)
            ]
        for told in loot.texts.get(argument, ()):
            values.append((argument, "a hidden thing's", told, loot.twin(told)))
        if argument == "after":
            values += [
                (argument, "an insider's", cursor, scrambled(cursor)) for cursor in loot.cursors
            ]
    declared, passed = variables(field)
    text = (
        f"query {declared.replace('(', '($node: ID!, ', 1)} {{ communityNode(id: $node) {{ "
        f"... on {type_.name} {{ {name}{passed} {{ {beside(get_named_type(field.type))} }} }} }} }}"
    )
    for argument, why, hidden, missing in values:
        calls = []
        for value in (hidden, missing):
            given: dict[str, Any] = {"node": ids[type_.name], argument: value}
            if "first" in field.args:
                given["first"] = 10
            body = {"query": text, "variables": given}
            calls.append(Call(f"{type_.name}.{name}", body, sent=(value, *_within(value))))
        told = f"{type_.name}.{name}: {argument} is {why}"
        yield Pair(told, calls[0], calls[1], home, field=argument)


def scrambled(cursor: str) -> str:
    """The shape of a cursor, signed by nobody."""
    return ("A" if cursor[0] != "A" else "B") + cursor[1:]
