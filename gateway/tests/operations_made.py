"""Operations made up over the real schema; all of one follows from a Random."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

_DEPTH = 6
_TEXTS = ("", "a", "ä\u2028", "x" * 40)
_OTHERS = {
    "DateTime": "2026-01-31T12:00:00Z",
    "Locale": "de",
    "URL": "https://a.example",
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
    return plain.get(kind.name, _OTHERS.get(kind.name, "x"))


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
        f"{name}: {_written(_any(argument.type, Random(0)))}"  # noqa: S311 - always the same
        for name, argument in definition.args.items()
        if is_non_null_type(argument.type) or name == "first"
    ]
    return f"({', '.join(given)})" if given else ""


def _composite(definition: GraphQLField) -> bool:
    return is_composite_type(get_named_type(definition.type))
