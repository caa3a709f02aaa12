"""Made-up rows for operations over the real schema: right, null, wrong, raising.

All follows from a seed, so that two executions see the same.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping
from random import Random
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    visit,
)

from chassis.errors import UnavailableError
from gateway.execution.kinds import message_of
from gateway.loaders import FAILURES
from gateway.tests.messages_made import filled

_GAPS = 0.02  # how often a message lacks a field
_TEXTS = ("", *("a", "ä\u2028", "x" * 40) * 5)  # an id that is empty names nothing


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
