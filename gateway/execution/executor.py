"""The library's executor, with what is compiled in place of its walk through rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationType,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from chassis import telemetry
from gateway.execution import compiler
from gateway.execution.compiler import Complete
from gateway.execution.resolvers import is_waited_for
from gateway.execution.selections import Selections
from gateway.execution.variables import PlainArguments

MOST_SOURCE = 1 << 16  # characters of a variant's functions: the library does what is beyond them


class Variant:
    """An operation with these values of the variables that decide what is left out."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, deciding: Mapping[str, Any]
    ) -> None:
        self.selections = Selections(schema, document, deciding)
        self._functions: dict[tuple[int, ...], Complete | None] = {}
        self._arguments: dict[int, PlainArguments | None] = {}
        self._roots: GroupedFieldSet | None = None
        self.decided = all(type(value) is bool for value in deciding.values())
        self._begun = 0
        self.counted = 0  # of `selections.size`, by the operation that keeps it

    def begin(self) -> int:
        """One execution more; the how manyth it is, or 0 where a variable decides nothing."""
        self._begun += 1
        return self._begun if self.decided else 0

    def function(self, kind: GraphQLOutputType, details: FieldDetailsList) -> Complete | None:
        """For values of this type at this place of the document; None: the library does it."""
        nodes: list[FieldNode] = [one.node for one in details]
        key = (id(kind), *map(id, nodes))  # the schema and the document keep them
        try:
            return self._functions[key]
        except KeyError:
            made = None
            if self.selections.source < MOST_SOURCE:
                made = compiler.compiled(self.selections, kind, nodes)
            self._functions[key] = made
            return made

    def arguments(self, definition: GraphQLField, node: FieldNode) -> PlainArguments | None:
        """Of a root field that is waited for; None: they are the library's to find."""
        try:
            return self._arguments[id(node)]
        except KeyError:
            found = PlainArguments.of(definition, node) if is_waited_for(definition) else None
            self._arguments[id(node)] = found
            return found

    def roots(self, executor: Executor[Any], kind: GraphQLObjectType) -> GroupedFieldSet:
        """What is selected of the query or mutation type, found once."""
        if self._roots is None:
            collected = collect_fields(
                executor.schema,
                executor.fragments,
                executor.variable_values,
                kind,
                executor.operation,
                executor.hide_suggestions,
            )
            self._roots = collected.grouped_field_set
        return self._roots


class CompiledExecutor(Executor[Any]):
    """Executes one operation; without a variant it is the library's, unchanged."""

    variant: Variant | None = None

    def again(self, context: Any, variables: VariableValues) -> CompiledExecutor:
        """Of the same document, as `build` would make it for this context and these variables."""
        return type(self)(
            self.schema,
            self.fragment_definitions,
            self.fragments,
            None,
            context,
            self.operation,
            variables,
            self.field_resolver,
            self.type_resolver,
            self.subscribe_field_resolver,
            is_awaitable=self.is_awaitable,
            hide_suggestions=self.hide_suggestions,
        )

    async def run(self) -> ExecutionResult:
        """As execute_operation, which does for every execution what one variant needs once."""
        result: Any
        if self.variant is None or not self.variant.decided:
            result = self.execute_operation()
            return await result if self.is_awaitable(result) else result  # type: ignore[no-any-return]
        operation = self.operation.operation
        kind = self.schema.get_root_type(operation)
        assert kind is not None  # noqa: S101 - the document is valid
        execute = (
            self.execute_fields_serially
            if operation == OperationType.MUTATION
            else self.execute_fields
        )
        try:
            result = execute(kind, self.root_value, None, self.variant.roots(self, kind), None)
            if self.is_awaitable(result):
                result = await result
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            result = None
        return cast("ExecutionResult", self.build_response(result))

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """A root field that is waited for, with what its arguments need found once; else theirs."""
        variant = self.variant
        if path.prev is None and variant is not None and variant.decided:
            node = field_details_list[0].node
            definition = parent_type.fields.get(node.name.value)
            arguments = variant.arguments(definition, node) if definition is not None else None
            given = arguments.given(self.variable_values) if arguments is not None else None
            if definition is not None and definition.resolve is not None and given is not None:
                nodes = [one.node for one in field_details_list]
                info = self.build_resolve_info(definition, nodes, parent_type, path)
                return self.complete_awaitable_value(
                    definition.type,
                    field_details_list,
                    info,
                    path,
                    self._called(definition.resolve, source, info, given),
                    position_context,
                )
        return super().execute_field(
            parent_type, source, field_details_list, path, position_context
        )

    async def _called(
        self,
        resolve: GraphQLFieldResolver,
        source: Any,
        info: GraphQLResolveInfo[Any],
        given: Mapping[str, Any],
    ) -> Any:
        """What goes wrong before anything is waited for goes wrong while it is waited for."""
        result = resolve(source, info, **given)
        return await result if self.is_awaitable(result) else result

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """By the compiled function; where it gives up, as the library does."""
        if self.variant is not None and field_details_list[0].node.selection_set is not None:
            function = self.variant.function(return_type, field_details_list)
            if function is not None:
                try:
                    return function(result, info)
                except Exception:  # whatever it was: the library finds it again and says it
                    telemetry.DEOPTIMISED.inc()
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )
