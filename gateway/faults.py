"""Which argument a variable's wrong value stands for, named as every other refusal names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from graphql import (
    ArgumentNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_input_object_type,
    is_required_input_field,
    type_from_ast,
    validate_input_value,
    visit,
)
from graphql.language import ListValueNode

_INPUT = "input"  # the one argument of a mutation: fields are named from below it
_LONGEST = 100
_Path = tuple[str | int, ...]


def fields_at_fault(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[str]:
    """One a coercion error, in the library's order: posts.0.body, or first."""
    places = _Places()
    visit(operation, places)
    found: list[str] = []
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_ = cast("GraphQLInputType", type_from_ast(schema, definition.type))
        value = variables.get(name, Undefined)
        if value is Undefined and definition.default_value:
            continue
        paths = _paths(value, type_)
        of_objects: dict[_Path, Iterator[str]] = {}
        for path in paths:
            inner = _at(value, path)
            if isinstance(inner, dict) and path not in of_objects:
                of_objects[path] = _missing_and_unknown(inner, _type_at(type_, path))
            below = next(of_objects[path], "") if path in of_objects else ""
            whole = (*places.found.get(name, (name,)), *path, *((below,) if below else ()))
            found.append(".".join(map(str, whole)) or _INPUT)
    return found


def with_fields(errors: list[GraphQLError], fields: list[str]) -> list[GraphQLError]:
    """The errors, each with the field it is about; the last may only say that there are more."""
    for error, field in zip(errors, fields, strict=False):
        error.extensions = {**(error.extensions or {}), "field": field}
    return errors


def _paths(value: Any, type_: GraphQLInputType) -> list[_Path]:
    """Where in it the library finds something wrong."""
    paths: list[_Path] = []
    validate_input_value(value, type_, lambda _, path: paths.append(tuple(path)))
    return paths


def _at(value: Any, path: _Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _type_at(type_: Any, path: _Path) -> Any:
    named = get_named_type(type_)
    for step in path:
        if isinstance(step, str):
            named = get_named_type(named.fields[step].type)
    return named


def _missing_and_unknown(value: dict[str, Any], type_: Any) -> Iterator[str]:
    """The library says of an object what it lacks, then what it has too much."""
    if not is_input_object_type(type_):
        return
    for name, field in type_.fields.items():
        if name not in value and is_required_input_field(field):
            yield name
    for name in value:
        if name not in type_.fields:
            yield name[:_LONGEST]


class _Places(Visitor):
    """Where each variable is first used: as an argument, or somewhere in one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, _Path] = {}

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        at = () if node.name.value == _INPUT else (node.name.value,)
        self._look(node.value, at)

    def _look(self, node: ValueNode, at: _Path) -> None:
        if isinstance(node, VariableNode):
            self.found.setdefault(node.name.value, at)
        elif isinstance(node, ObjectValueNode):
            for field in node.fields:
                self._look(field.value, (*at, field.name.value))
        elif isinstance(node, ListValueNode):
            for index, item in enumerate(node.values):
                self._look(item, (*at, index))
