"""Operations made up over the real schema, and made-up rows for them: right, null, wrong, raising.

All follows from a Random and a seed, so that two executions see the same.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLAbstractType,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    visit,
)

from chassis.errors import UnavailableError
from gateway.execution.kinds import message_of
from gateway.loaders import FAILURES
from gateway.tests.messages_made import filled

_DEPTH = 6
_GAPS = 0.02  # how often a message lacks a field
_TEXTS = ("", *("a", "ä\u2028", "x" * 40) * 5)  # an id that is empty names nothing
_LITERALS = {
    "Int": "2",
    "Float": "1.5",
    "Boolean": "true",
    "DateTime": '"2026-01-31T12:00:00Z"',
    "Locale": '"de"',
    "URL": '"https://a.example"',
}


@dataclass
class Made:
    """A document and values for its variables."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)


class OperationMaker:
    """Writes one operation: aliases, merged fields, fragments, @skip and @include, __typename, and
    arguments as literals and as variables, given and left out.
    """

    def __init__(self, schema: GraphQLSchema, random: Random) -> None:
        self._schema = schema
        self._random = random
        self._fragments: list[str] = []
        self._variables: dict[str, Any] = {}
        self._declared: dict[str, str] = {}  # types of variables
        self._given: dict[str, str] = {}  # arguments by alias: what is merged has the same
        self._left = 60  # fields

    def make(self) -> Made:
        """A query, or a mutation: what is shown of its payload."""
        writes = self._random.random() < 0.3
        root = self._schema.mutation_type if writes else self._schema.query_type
        assert root is not None
        body = self._selections(root, _DEPTH)
        declared = ", ".join(f"${name}: {kind}" for name, kind in self._declared.items())
        word = "mutation" if writes else "query"
        head = f"{word} Q({declared})" if declared else f"{word} Q"
        return Made("\n".join([f"{head} {body}", *self._fragments]), dict(self._variables))

    def _selections(self, kind: Any, depth: int) -> str:
        many = self._random.randint(1, 4)
        parts = [self._selection(kind, depth) for _ in range(many)]
        if self._random.random() < 0.2:
            parts.append(self._random.choice(parts))
        return "{ " + " ".join(parts) + " }"

    def _selection(self, kind: Any, depth: int) -> str:
        roll = self._random.random()
        if roll < 0.08 or not hasattr(kind, "fields"):
            return self._fragment(kind, depth) if depth and roll >= 0.08 else "__typename"
        if roll < 0.2 and depth:
            return self._fragment(kind, depth)
        return self._field(kind, depth)

    def _fragment(self, kind: Any, depth: int) -> str:
        on = kind
        if is_abstract_type(kind):
            on = self._random.choice(self._schema.get_possible_types(kind))
        elif getattr(kind, "interfaces", ()) and self._random.random() < 0.3:
            on = self._random.choice(kind.interfaces)
        body = self._selections(on, depth - 1)
        if self._random.random() < 0.5:
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {on.name} {body}")
            return f"...{name}{self._directive()}"
        condition = f" on {on.name}" if on is not kind or self._random.random() < 0.7 else ""
        return f"...{condition}{self._directive()} {body}"

    def _field(self, kind: Any, depth: int) -> str:
        leaves = [name for name, one in kind.fields.items() if not _composite(one)]
        deeper = [name for name, one in kind.fields.items() if _composite(one)]
        self._left -= 1
        deep = deeper and depth > 0 and self._left > 0
        if not leaves and not deep:
            return "__typename"
        # Deeper where it can be: leaves alone compare little.
        name = self._random.choice(
            deeper if deep and self._random.random() < 0.6 else leaves or deeper
        )
        definition = kind.fields[name]
        text = f"{name}{_needed(definition)}"
        # An alias of its own, so that what is merged is the same field with the same arguments.
        if self._random.random() < 0.25:
            alias = f"{name}_{self._random.randint(1, 2)}_{kind.name}"
            text = f"{alias}: {name}{self._arguments(alias, definition)}"
        elif not self._is_root(kind) and self._random.random() < 0.5:
            text = f"{name}_{kind.name}: {text}"
        text += self._directive()
        below = get_named_type(definition.type)
        return f"{text} {self._selections(below, depth - 1)}" if is_composite_type(below) else text

    def _is_root(self, kind: Any) -> bool:
        return kind is self._schema.query_type or kind is self._schema.mutation_type

    def _directive(self) -> str:
        if self._random.random() > 0.12:
            return ""
        directive = self._random.choice(("skip", "include"))
        if self._random.random() < 0.3:
            return f" @{directive}(if: {self._random.choice(('true', 'false'))})"
        name = f"v{self._random.randint(0, 2)}"
        self._variables.setdefault(name, self._random.random() < 0.5)
        self._declared[name] = "Boolean!"
        return f" @{directive}(if: ${name})"

    def _arguments(self, alias: str, definition: GraphQLField) -> str:
        if alias not in self._given:
            given = [
                f"{name}: {self._argument(argument)}"
                for name, argument in definition.args.items()
                if name not in ("last", "before")  # beside `first` they are refused
                and (
                    is_non_null_type(argument.type)
                    or name == "first"
                    or self._random.random() < 0.4
                )
            ]
            self._given[alias] = f"({', '.join(given)})" if given else ""
        return self._given[alias]

    def _argument(self, argument: GraphQLArgument) -> str:
        if self._random.random() < 0.5:
            return _written(_any(argument.type, self._random))
        name = f"a{len(self._declared)}"
        self._declared[name] = str(argument.type)
        if is_non_null_type(argument.type) or self._random.random() < 0.8:
            self._variables[name] = _plain(_any(argument.type, self._random))
        return f"${name}"


class _Name(str):
    """Of an enum's value: written without quotes."""

    __slots__ = ()


def _any(kind: Any, random: Random, depth: int = 2) -> Any:
    """A value for an argument, as variables have it."""
    if not is_non_null_type(kind) and random.random() < 0.1:
        return None
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return [_any(kind.of_type, random, depth) for _ in range(random.randrange(3))]
    if isinstance(kind, GraphQLEnumType):
        return _Name(random.choice(list(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: _any(one.type, random, depth - 1)
            for name, one in kind.fields.items()
            if is_non_null_type(one.type) or (depth and random.random() < 0.5)
        }
    plain: Mapping[str, Any] = {
        "Int": random.randint(1, 3),
        "Float": random.choice((0, 2.5)),
        "Boolean": random.random() < 0.5,
        "String": random.choice(_TEXTS),
    }
    return plain.get(kind.name, _LITERALS.get(kind.name, '"x"').strip('"'))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _written(value: Any) -> str:
    """As a literal."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, _Name) else json.dumps(value)


def _needed(definition: GraphQLField) -> str:
    """The same arguments wherever the field stands without an alias of its own."""
    given = [
        f"{name}: {_literal(argument)}"
        for name, argument in definition.args.items()
        if is_non_null_type(argument.type) or name == "first"
    ]
    return f"({', '.join(given)})" if given else ""


def _composite(definition: GraphQLField) -> bool:
    return is_composite_type(get_named_type(definition.type))


def _literal(argument: GraphQLArgument | Any) -> str:
    kind: Any = argument.type.of_type if is_non_null_type(argument.type) else argument.type
    if is_list_type(kind):
        return "[]"
    if isinstance(kind, GraphQLEnumType):
        return str(next(iter(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        needed = {name: one for name, one in kind.fields.items() if is_non_null_type(one.type)}
        return "{" + ", ".join(f"{name}: {_literal(one)}" for name, one in needed.items()) + "}"
    return _LITERALS.get(kind.name, '"x"')


class Later:
    """Something that is waited for."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"<later {self._value}>"

    def __await__(self) -> Any:
        yield from ()
        return self._value


class Rows:
    """Made-up values of any type; `trouble` is how often one is not as it should be.

    With `messages` the rows of types that stand for messages are such.
    """

    def __init__(
        self, schema: GraphQLSchema, seed: int, trouble: float, *, messages: bool = False
    ) -> None:
        self.schema = schema
        self.seed = seed
        self.trouble = trouble
        self.messages = messages

    def random(self, *place: object) -> Random:
        """The same for the same place."""
        return Random(zlib.crc32(repr((self.seed, *place)).encode()))  # noqa: S311

    def value(self, kind: Any, *place: object) -> Any:
        """Of this type, at this place: what a resolver could give."""
        random = self.random(*place)
        if random.random() < self.trouble:
            return self._trouble(kind, random, place)
        inner = kind.of_type if is_non_null_type(kind) else kind
        if inner is kind and random.random() < 0.15:
            return None
        if is_list_type(inner):
            many = random.choice((0, 1, 2, 3))
            return [self.value(inner.of_type, *place, index) for index in range(many)]
        if is_abstract_type(inner):
            return self._object(random.choice(self.schema.get_possible_types(inner)), place)
        if is_leaf_type(inner):
            return self._leaf(inner, random)
        return self._object(inner, place)

    def message(self, kind: type[Message], *place: object) -> Message:
        """Of this kind, at this place."""
        return filled(kind(), self.random(*place), gaps=max(self.trouble, _GAPS))

    def _object(self, kind: GraphQLObjectType, place: tuple[object, ...]) -> Any:
        message = message_of(kind) if self.messages else None
        return Row(self, kind, place) if message is None else self.message(message, *place)

    def _trouble(self, kind: Any, random: Random, place: tuple[object, ...]) -> Any:
        roll = random.randrange(6)
        if roll == 0:
            raise UnavailableError(f"no {place[-1]}")
        if roll == 1:
            return None
        if roll == 2:
            return ValueError(f"wrong {place[-1]}")
        if roll == 3:
            return Later(None if random.random() < 0.5 else "late")
        if roll == 4:
            named = get_named_type(kind)
            return [self._leaf(named, random)] if is_leaf_type(named) else "text"
        return random.choice(("text", 7, 2**40, 1.5, float("nan"), True, {"a": 1}, b"x", object))

    def _leaf(self, kind: Any, random: Random) -> Any:
        if isinstance(kind, GraphQLEnumType):
            value = random.choice(list(kind.values.values())).value
            return getattr(value, "value", value)
        if kind.name == "DateTime":
            return Timestamp(seconds=random.randrange(2**31), nanos=5_000_000)
        plain: Mapping[str, Any] = {
            "Int": random.randrange(-5, 2**31),
            "Float": random.choice((0.0, 1.25, 7)),
            "Boolean": random.random() < 0.5,
        }
        return plain.get(kind.name, random.choice(_TEXTS))


class Row:
    """Has whatever is asked of it: what its GraphQL type says under that name, else a text."""

    def __init__(self, rows: Rows, kind: GraphQLObjectType, place: tuple[object, ...]) -> None:
        self.__dict__.update(_rows=rows, _kind=kind, _place=place)

    def __repr__(self) -> str:
        return f"<{self._kind.name} {self._place}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "HasField":
            return lambda field: self._rows.random(*self._place, field, "has").random() < 0.7
        return self._rows.value(self._type_of(name), *self._place, name)

    def _type_of(self, name: str) -> Any:
        for definition in self._kind.fields.values():
            if definition.extensions["strawberry-definition"].python_name == name:
                return definition.type
        return self._rows.schema.get_type("String")

    def is_of(self, kind: GraphQLObjectType) -> bool:
        """As is_type_of."""
        return bool(self._kind is kind)

    def name_for(self, kind: GraphQLAbstractType) -> Any:
        """As resolve_type: now and then of a type that cannot be."""
        random = self._rows.random(*self._place, kind.name)
        if random.random() < self._rows.trouble:
            return random.choice(("PageInfo", "Nothing", None, 7))
        return self._kind.name


class TablesMade:
    """Tables as after `fill`: any row and any page is there, or was met with a failure.

    `batches` has the GraphQL type of each batch's rows, or their message where none stands for it.
    """

    def __init__(
        self, rows: Rows, document: DocumentNode, batches: Mapping[Any, str | type[Message]]
    ) -> None:
        self._rows = rows
        self._batches = batches
        self._types = _types(rows.schema, document)
        self.pages = self
        self.rows = {batch: _Rows(self, batch) for batch in batches}
        self.asked: set[Any] = set()  # batches of which a row was found
        self.made: Mapping[Any, Mapping[int, Any]] = defaultdict(dict)

    def row(self, batch: Any, key: tuple[str, str] | None) -> Any:
        """As Tables'."""
        if key is None or not key[1]:
            return None
        found = self.rows[batch][key]
        if isinstance(found, Exception):
            raise found
        return found

    def found(self, batch: Any, key: tuple[str, str]) -> Any:
        """What stands in the table: a row, none, or what fetching it met."""
        self.asked.add(batch)
        what = self._batches[batch]
        if isinstance(what, str):
            return self._value(self._rows.schema.get_type(what), "row", what, repr(key))
        return self._rows.message(what, "row", what.DESCRIPTOR.name, repr(key))

    def __getitem__(self, place: tuple[int, str]) -> Any:
        node, key = place
        kind, number = self._types[node]
        return self._value(kind, "page", number, repr(key))

    def _value(self, kind: Any, *place: object) -> Any:
        try:
            return self._rows.value(kind, *place)
        except FAILURES as failure:
            return failure


class _Rows:
    """Of one batch."""

    def __init__(self, tables: TablesMade, batch: Any) -> None:
        self._tables, self._batch = tables, batch

    def __getitem__(self, key: tuple[str, str]) -> Any:
        if not key[1]:
            raise KeyError(key)  # nobody fetches what has no id
        return self._tables.found(self._batch, key)


def _types(schema: GraphQLSchema, document: DocumentNode) -> dict[int, tuple[Any, int]]:
    info = TypeInfo(schema)
    types: dict[int, tuple[Any, int]] = {}

    class Types(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            kind: Any = info.get_type()
            if kind is not None:
                inner = kind.of_type if is_non_null_type(kind) else kind
                types[id(node)] = (inner, len(types))

    visit(document, TypeInfoVisitor(info, Types()))
    assert any(isinstance(one, OperationDefinitionNode) for one in document.definitions)
    return types
