"""Arguments as resolvers take them: what the library looks up at each request is found once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, TypeAlias

from strawberry.scalars import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType

Convert: TypeAlias = Callable[[Any], Any]


class Inputs:
    """Makes functions that give what `convert_argument` would, of what was coerced before."""

    def __init__(self, converter: GraphQLCoreConverter, config: StrawberryConfig) -> None:
        self._scalars = converter.scalar_registry
        self._config = config
        self._made: dict[type, Convert] = {}

    def converter(self, kind: Any) -> Convert | None:
        """For values of this type; None: they stay as they are."""
        if isinstance(kind, StrawberryOptional) and not isinstance(kind, StrawberryMaybe):
            return self.converter(kind.of_type)
        if isinstance(kind, LazyType):
            return self.converter(kind.resolve_type())
        if isinstance(kind, StrawberryList):
            return self._of_list(self.converter(kind.of_type))
        if (
            is_scalar(kind, self._scalars)
            or isinstance(kind, StrawberryEnumDefinition)
            or has_enum_definition(kind)
        ):
            return None
        if has_object_definition(kind) and kind.__strawberry_definition__.from_input is None:
            return self._of_input(kind)
        return lambda value: convert_argument(value, kind, self._scalars, self._config)

    @staticmethod
    def _of_list(of: Convert | None) -> Convert:
        """A list of its own: the one given may be a default, which all requests share."""

        def convert(value: Any) -> Any:
            if value is None:
                return None
            return list(value) if of is None else [of(one) for one in value]

        return convert

    def _of_input(self, kind: Any) -> Convert:
        if kind in self._made:
            return self._made[kind]
        definition = kind.__strawberry_definition__
        fields: list[tuple[str, str, Convert | None, bool]] = []

        def convert(value: Any) -> Any:
            if value is None:
                return None
            given = {}
            for name, python_name, of, absent in fields:
                if name in value:
                    one = value[name]
                    given[python_name] = one if of is None else of(one)
                elif absent:
                    given[python_name] = None
            return kind(**given)

        self._made[kind] = convert  # an input may have itself for a field
        fields += [
            (
                self._config.name_converter.from_field(field),
                field.python_name,
                self.converter(field.resolve_type(type_definition=definition)),
                field.default_value is MISSING and field.default_factory is MISSING,
            )
            for field in definition.fields
        ]
        return convert
