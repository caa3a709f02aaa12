"""Plain variables and arguments: the same as the library's, or left to it."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_variable_values,
    parse,
)
from graphql.execution.values import VariableValues, get_argument_values

from gateway.execution.variables import PlainArguments, PlainVariables

SCHEMA: GraphQLSchema = build_schema("""
    enum Kind { ONE TWO }
    input Filter { kind: Kind }
    type Query {
      things(id: ID!, size: Int = 10, text: String, yes: Boolean = false, kind: Kind,
             kinds: [Kind!], filter: Filter): [String]
    }
""")


def first(text: str) -> OperationDefinitionNode:
    definition = parse(text).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def field_of(operation: OperationDefinitionNode) -> FieldNode:
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    return node


def sources(values: VariableValues) -> list[tuple[str, str, str, Any]]:
    return [
        (name, one.signature.name, str(one.signature.type), one.value)
        for name, one in values.sources.items()
    ]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"id": "a"}, True),
        ({"id": "a", "size": 3, "text": "", "yes": True}, True),
        ({"id": "a", "size": None, "text": None, "yes": None, "more": [1]}, True),
        ({"id": "a", "size": 2**31 - 1}, True),
        ({"id": 7}, False),  # the library makes it a text
        ({"id": "a", "size": 3.0}, False),  # and this a whole number
        ({"id": "a", "size": True}, False),
        ({"id": "a", "size": 2**31}, False),
        ({"id": "a", "yes": 1}, False),
        ({"id": "a", "text": ["b"]}, False),
        ({"id": None}, False),
        ({}, False),
    ],
)
def test_variables_are_the_librarys_or_left_to_it(given: dict[str, Any], taken: bool) -> None:
    operation = first(
        "query Q($id: ID!, $size: Int, $text: String, $yes: Boolean) { things(id: $id) }"
    )
    definitions = operation.variable_definitions or ()
    plain = PlainVariables.of(SCHEMA, definitions)
    assert plain is not None
    theirs, ours = get_variable_values(SCHEMA, definitions, given), plain.values(given)
    assert (ours is not None) is taken
    if ours is not None:
        assert isinstance(theirs, VariableValues)
        assert ours.coerced == theirs.coerced
        assert list(map(type, ours.coerced.values())) == list(map(type, theirs.coerced.values()))
        assert sources(ours) == sources(theirs)


@pytest.mark.parametrize(
    "variables", ["$size: Int = 3", "$kind: Kind", "$kinds: [Kind!]", "$filter: Filter"]
)
def test_other_variables_are_the_librarys(variables: str) -> None:
    operation = first(f"query Q({variables}) {{ things(id: 1) }}")
    assert PlainVariables.of(SCHEMA, operation.variable_definitions or ()) is None


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        ("id: $id", True),
        ("id: 7, size: $size, text: $text", True),
        ('id: "x", kind: ONE, yes: true', True),
        ("id: $id, size: null, text: null", True),
        ("id: $id, kinds: [ONE]", False),
        ("id: $id, filter: {kind: ONE}", False),
    ],
)
@pytest.mark.parametrize(
    "given", [{"id": "a"}, {"id": "a", "size": 3, "text": "t"}, {"id": "a", "size": None}]
)
def test_arguments_are_the_librarys_or_left_to_it(
    arguments: str, taken: bool, given: dict[str, Any]
) -> None:
    operation = first(f"query Q($id: ID!, $size: Int, $text: String) {{ things({arguments}) }}")
    assert SCHEMA.query_type is not None
    definition, node = SCHEMA.query_type.fields["things"], field_of(operation)
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(values, VariableValues)
    plain = PlainArguments.of(definition, node)
    assert (plain is not None) is taken
    if plain is not None and (ours := plain.given(values)) is not None:
        assert ours == get_argument_values(definition, node, values)
        ours["id"] = "changed"  # one request's alone
        assert plain.given(values) == get_argument_values(definition, node, values)
    elif plain is not None:
        assert any(f"${name}" in arguments and name not in given for name in ("size", "text"))
