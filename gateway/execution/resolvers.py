"""Root fields call their resolvers directly: what their arguments need is found out once."""

from __future__ import annotations

from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLResolveInfo
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import Info
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

_UNCHANGED = (str, int, float, bool, strawberry.ID)


def call_directly(schema: strawberry.Schema) -> strawberry.Schema:
    """The same schema; root fields convert arguments as the library does, with less around."""
    core = schema._schema  # noqa: SLF001 - graphql-core's own
    for root in (core.query_type, core.mutation_type):
        for definition in root.fields.values() if root is not None else ():
            ours = definition.extensions.get("strawberry-definition")
            if ours is not None and _is_simple(ours):
                _call_directly(definition, ours, schema.schema_converter, schema.config)
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
    converter: GraphQLCoreConverter,
    config: StrawberryConfig,
) -> None:
    assert ours.base_resolver is not None  # noqa: S101 - _is_simple
    resolve, info_class = ours.base_resolver.wrapped_func, config.info_class
    arguments = [
        (
            config.name_converter.get_graphql_name(argument),
            argument.python_name,
            None if _unchanged(argument) else argument.type,
        )
        for argument in ours.arguments
    ]
    changed = [
        (name, python_name, kind)
        for name, python_name, kind in arguments
        if name != python_name or kind is not None
    ]

    def call(source: Any, raw: GraphQLResolveInfo[Any], **given: Any) -> Any:
        info: Info[Any, Any] = info_class(_raw_info=raw, _field=ours)
        for name, python_name, kind in changed:
            if name in given:
                value = given.pop(name)
                if value is not None and kind is not None:
                    value = convert_argument(
                        value, kind, converter.scalar_registry, config, info, path=(name,)
                    )
                given[python_name] = value
        return resolve(source, info, **given)  # type: ignore[operator]

    definition.resolve = call


def _unchanged(argument: StrawberryArgument) -> bool:
    kind = argument.type
    return (kind.of_type if type(kind) is StrawberryOptional else kind) in _UNCHANGED
