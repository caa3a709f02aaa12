"""Variables and arguments of the plainest kinds, without the library where it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_nullable_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_argument_values,
)
from graphql.type import GraphQLBoolean, GraphQLID, GraphQLInt, GraphQLString

# By which type a value is given to be taken as it is.
_PLAIN: dict[Any, type] = {
    GraphQLID: str,
    GraphQLString: str,
    GraphQLInt: int,
    GraphQLBoolean: bool,
}
_UNCHANGING = str | int | float | bool | Enum | None
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


class PlainArguments:
    """The arguments of one field: what its document says of them, and which variables are others.

    What the document says is converted once, by the library.
    """

    def __init__(self, said: Mapping[str, Any], variables: Sequence[tuple[str, str, bool]]) -> None:
        self._said = said
        self._variables = variables  # an argument's name, the variable's, whether it may be null

    @classmethod
    def of(cls, definition: GraphQLField, node: FieldNode) -> PlainArguments | None:
        """None where a variable is within something else, or what is said could be changed."""
        variables, names = [], set()
        for argument in node.arguments or ():
            name = argument.name.value
            if isinstance(argument.value, VariableNode):
                taken = definition.args[name]
                out = taken.out_name or name
                nullable = not is_non_null_type(taken.type)
                variables.append((out, argument.value.name.value, nullable))
                names.add(name)
            elif isinstance(argument.value, ListValueNode | ObjectValueNode):
                return None
        rest = {name: taken for name, taken in definition.args.items() if name not in names}
        literal = tuple(one for one in node.arguments or () if one.name.value not in names)
        try:
            said = get_argument_values(
                GraphQLField(definition.type, args=rest),
                FieldNode(name=node.name, arguments=literal),
            )
        except GraphQLError:  # it is the library's to say
            return None
        if not all(isinstance(value, _UNCHANGING) for value in said.values()):
            return None
        return cls(said, variables)

    def given(self, variables: VariableValues) -> dict[str, Any] | None:
        """As the library has them; None where it has a default to take, or something to refuse."""
        given = dict(self._said)
        coerced = variables.coerced
        for name, variable, nullable in self._variables:
            if variable not in coerced:
                return None
            value = coerced[variable]
            if value is None and not nullable:
                return None
            given[name] = value
        return given
