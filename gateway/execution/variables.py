"""Variables of the plainest types, converted without the library where it would change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLSchema, VariableDefinitionNode, get_nullable_type
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.type import GraphQLBoolean, GraphQLID, GraphQLInt, GraphQLString

# By which type a value is given to be taken as it is.
_PLAIN: dict[Any, type] = {
    GraphQLID: str,
    GraphQLString: str,
    GraphQLInt: int,
    GraphQLBoolean: bool,
}
_MOST, _LEAST = 2**31 - 1, -(2**31)


class PlainVariables:
    """The variables of one operation, none of which is a list, an object, an enum or ours."""

    def __init__(self, signatures: Sequence[tuple[GraphQLVariableSignature, type, bool]]) -> None:
        self._signatures = signatures

    @classmethod
    def of(
        cls, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]
    ) -> PlainVariables | None:
        """None where there are others, or defaults."""
        signatures = []
        for definition in definitions:
            signature = get_variable_signature(schema, definition)
            if not isinstance(signature, GraphQLVariableSignature) or definition.default_value:
                return None
            kind = get_nullable_type(signature.type)
            if kind not in _PLAIN:
                return None
            signatures.append((signature, _PLAIN[kind], kind is not signature.type))
        return cls(signatures)

    def values(self, given: Mapping[str, Any]) -> VariableValues | None:
        """As the library has them; None where it would change or refuse one."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, kind, required in self._signatures:
            name = signature.name
            if name not in given:
                if required:
                    return None
                sources[name] = VariableValueSource(signature)
                continue
            value: Any = given[name]
            if type(value) is not kind and (required or value is not None):
                return None
            if kind is int and isinstance(value, int) and not _LEAST <= value <= _MOST:
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return VariableValues(sources, coerced)
