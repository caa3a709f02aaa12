"""Root fields call their resolvers directly: what their arguments need is found out once."""

from __future__ import annotations

from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLResolveInfo
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from gateway.execution.inputs import Inputs


def call_directly(schema: strawberry.Schema) -> strawberry.Schema:
    """The same schema; root fields convert arguments as the library does, with less around."""
    core = schema._schema  # noqa: SLF001 - graphql-core's own
    inputs = Inputs(schema.schema_converter, schema.config)
    for root in (core.query_type, core.mutation_type):
        for definition in root.fields.values() if root is not None else ():
            ours = definition.extensions.get("strawberry-definition")
            if ours is not None and _is_simple(ours):
                _call_directly(definition, ours, inputs, schema.config)
    return schema


def is_waited_for(definition: GraphQLField) -> bool:
    """Whether a root field's resolver is one of those, and asynchronous."""
    ours = definition.extensions.get("strawberry-definition")
    return ours is not None and _is_simple(ours) and bool(ours.is_async)


def _is_simple(ours: StrawberryField) -> bool:
    resolver = ours.base_resolver
    return (
        resolver is not None
        and not ours.extensions
        and not ours.permission_classes
        and resolver.self_parameter is not None
        and resolver.info_parameter is not None
        and resolver.parent_parameter is None
        and resolver.root_parameter is None
    )


def _call_directly(
    definition: GraphQLField,
    ours: StrawberryField,
    inputs: Inputs,
    config: StrawberryConfig,
) -> None:
    assert ours.base_resolver is not None  # noqa: S101 - _is_simple
    resolve, info_class = ours.base_resolver.wrapped_func, config.info_class
    arguments = [
        (
            config.name_converter.get_graphql_name(argument),
            argument.python_name,
            inputs.converter(argument.type),
        )
        for argument in ours.arguments
    ]
    changed = [
        (name, python_name, convert)
        for name, python_name, convert in arguments
        if name != python_name or convert is not None
    ]

    def call(source: Any, raw: GraphQLResolveInfo[Any], **given: Any) -> Any:
        info: Info[Any, Any] = info_class(_raw_info=raw, _field=ours)
        for name, python_name, convert in changed:
            if name in given:
                value = given.pop(name)
                given[python_name] = value if convert is None else convert(value)
        return resolve(source, info, **given)  # type: ignore[operator]

    definition.resolve = call
