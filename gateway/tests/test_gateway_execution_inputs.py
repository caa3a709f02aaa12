"""Arguments are what the library makes of them: every input the schema has, with random values."""

from __future__ import annotations

import os
import time
from random import Random
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.types.arguments import convert_argument

from gateway.execution.inputs import Inputs
from gateway.schema import schema

SEED = int(os.environ.get("INPUTS_SEED") or time.time_ns() % 1_000_000_007)
TIMES = 30  # an input
INPUTS = [
    kind for kind in schema._schema.type_map.values() if isinstance(kind, GraphQLInputObjectType)
]


def coerced(kind: Any, random: Random, depth: int = 3) -> Any:
    """A value of the type as graphql-core hands it on: names as in the schema, some left out."""
    if not is_non_null_type(kind) and random.random() < 0.2:
        return None
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return [coerced(kind.of_type, random, depth - 1) for _ in range(random.randrange(3))]
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: coerced(field.type, random, depth - 1)
            for name, field in kind.fields.items()
            if is_non_null_type(field.type) or (depth and random.random() < 0.7)
        }
    if isinstance(kind, GraphQLEnumType):
        return random.choice(list(kind.values.values())).value
    return random.choice(["x", "", 7, True])


@pytest.mark.parametrize("kind", INPUTS, ids=lambda kind: kind.name)
def test_inputs_are_what_the_library_makes(kind: GraphQLInputObjectType) -> None:
    print(f"INPUTS_SEED={SEED}")  # noqa: T201 - to be repeated
    random = Random(SEED)  # noqa: S311 - nothing secret
    converter, config = schema.schema_converter, schema.config
    ours: Any = kind.extensions["strawberry-definition"].origin
    convert = Inputs(converter, config).converter(ours)
    assert convert is not None
    for _ in range(TIMES):
        value = coerced(kind, random)
        assert convert(value) == convert_argument(value, ours, converter.scalar_registry, config)
    assert convert(None) is None


def test_a_list_is_not_the_one_that_was_given() -> None:
    """It may be a default, which all requests share."""
    (kind,) = [kind for kind in INPUTS if kind.name == "SynonymSetInput"]
    convert = Inputs(schema.schema_converter, schema.config).converter(
        kind.extensions["strawberry-definition"].origin
    )
    assert convert is not None
    phrases = ["a", "b"]
    convert({"phrases": phrases}).phrases.append("c")
    assert phrases == ["a", "b"]
