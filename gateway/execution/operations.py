"""The one operation cache: text -> parsed, validated and priced, or refused; and its execution."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
)
from graphql.execution.values import VariableValues
from strawberry.execution.is_awaitable import optimized_is_awaitable

from chassis import rpc_client, telemetry
from chassis.values import value
from gateway import errors
from gateway.context import Context
from gateway.errors import Json, OperationTimeoutError
from gateway.execution.executor import CompiledExecutor, Variant
from gateway.execution.selections import deciding_variables
from gateway.execution.variables import PlainVariables
from gateway.faults import fields_at_fault, with_fields
from gateway.latest_used import LatestUsed
from gateway.limits import (
    LIMIT_EXCEEDED,
    Limits,
    Measure,
    Price,
    check_json,
    count_of,
    exceeded,
    weight_of,
)
from gateway.validation import MAX_ERRORS, invalid

EXECUTION_TIMEOUT = 8.0  # seconds
# Some 80 bytes a character, those that count for an operation's variants included.
_MAX_OPERATIONS, _MAX_OPERATION_CHARACTERS = 1_000, 1 << 19
_MAX_REGISTERED, _MAX_REGISTERED_CHARACTERS = 1 << 14, 1 << 20
_MAX_REFUSALS, _MAX_REFUSAL_CHARACTERS = 1_000, 1 << 20
_MAX_PRICES = 64  # of one operation, by its paging variables
_SIZES = frozenset((int, type(None), type(...)))  # types of what may be remembered to size a page
# Of one operation, by the variables that decide what is left out; and characters of all of them.
_MAX_VARIANTS, _MAX_VARIANT_CHARACTERS = 64, 1 << 16
_MAX_ANSWERS = 4  # that never change: one of the whole schema takes 2 MB
_TOKENS_A_POINT = 5  # of a document that is to be parsed: 1,000 tokens take some 20 ms
_INTROSPECTION = {"__schema", "__type", "__typename"}
_AWAITABLE: dict[type, bool] = {}
_HIT = telemetry.OPERATIONS.labels("hit")
COMPILE_AT = 2  # of an operation's executions the first with functions: they cost what ten save


def is_awaitable(value: Any) -> bool:
    """Whether a resolver's value is to be awaited: a matter of its type, so found out once."""
    kind = type(value)
    known = _AWAITABLE.get(kind)
    if known is None:
        known = optimized_is_awaitable(value)
        if kind is not GeneratorType:  # these differ within the type
            _AWAITABLE[kind] = known
    return known


@dataclass(slots=True)
class Operation:
    """A document that may be executed."""

    text: str
    registered: bool
    document: DocumentNode
    kind: str  # query, mutation or subscription
    name: str  # empty: anonymous
    measure: Measure
    constant: bool  # introspection only, without variables: the answer never changes
    deciding: tuple[str, ...]  # variables of @skip and @include
    answer: dict[str, Any] | None = None
    plain: PlainVariables | None = None
    pattern: CompiledExecutor | None = None  # what executors are made after
    prices: dict[tuple[Any, ...], Price] = field(default_factory=dict)
    variants: dict[tuple[Any, ...], Variant] = field(default_factory=dict)
    variants_size: int = 0  # characters, as counted after each execution
    varied: bool = True  # further variants are remembered

    def price(self, variables: Mapping[str, Any]) -> Price:
        """What it costs with these variables; only those that size a page matter."""
        try:
            key = tuple([variables.get(name, ...) for name in self._paging()])
            price = self.prices.get(key)
        except TypeError:  # a list or an object where a number belongs
            return self.measure.price(variables)
        if price is None:
            price = self.measure.price(variables)
            if len(self.prices) < _MAX_PRICES and _SIZES.issuperset(map(type, key)):
                self.prices[key] = price
        return price

    def _paging(self) -> Iterable[str]:
        """Sorted; mostly none."""
        names = self.measure.paging_variables
        return sorted(names) if names else ()

    def variant(self, schema: GraphQLSchema, coerced: Mapping[str, Any]) -> Variant:
        """With these values of its variables."""
        deciding = {name: coerced.get(name) for name in self.deciding}
        key = tuple(deciding.values())
        variant = self.variants.get(key)
        if variant is None:
            variant = Variant(schema, self.document, deciding)
            if self.varied and len(self.variants) < _MAX_VARIANTS:
                self.variants[key] = variant
        return variant

    def count(self, variant: Variant) -> bool:
        """Whether what is kept has grown with the variant; too large a one is let go."""
        grown, variant.counted = variant.selections.size - variant.counted, variant.selections.size
        key = next((key for key, one in self.variants.items() if one is variant), None)
        if key is None:
            return False
        self.variants_size += grown
        if self.variants_size > _MAX_VARIANT_CHARACTERS:
            self.varied = False  # else the next would be compiled and let go in turn
            self.variants_size -= variant.counted
            del self.variants[key]
        return True


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that may not be executed, and why."""

    errors: list[Json]
    price: Price | None = None


@value
class Answer:
    """What goes back: `executed` says whether any resolver may have run."""

    body: Json
    executed: bool


class Operations:
    """Looks documents up and executes them. One per process."""

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: Limits | None = None,
        *,
        compile_at: int | None = COMPILE_AT,
        suggestions: bool = False,
    ) -> None:
        self._schema = schema._schema  # noqa: SLF001 - graphql-core's own, which we execute on
        self.limits = limits or Limits()
        self._compile_at = compile_at  # None: never
        self._suggestions = suggestions  # names of the schema in errors, where one is misspelt
        self._known: LatestUsed[str, Operation] = LatestUsed(
            _MAX_OPERATIONS, _MAX_OPERATION_CHARACTERS, _size
        )
        # Those that portals have registered, apart: nobody who sends others pushes them out.
        self._registered: LatestUsed[str, Operation | Refused] = LatestUsed(
            _MAX_REGISTERED, _MAX_REGISTERED_CHARACTERS, _size
        )
        self._refused: LatestUsed[str, Refused] = LatestUsed(
            _MAX_REFUSALS, _MAX_REFUSAL_CHARACTERS, _size
        )
        self._answered: deque[Operation] = deque()  # whose answers are remembered

    def known(self, text: str, *, registered: bool = False) -> Operation | Refused | None:
        """What the cache knows of a document; None: it is to be parsed."""
        found: Operation | Refused | None
        if registered:
            found = self._registered.get(text)
        else:
            found = self._known.get(text) or self._refused.get(text)
        if found is not None:
            _HIT.inc()
        return found

    def points_of(self, text: str) -> int:
        """What it costs to look up a document that the cache does not know."""
        return max(weight_of(text, self.limits.tokens) // _TOKENS_A_POINT, 1)

    def look_up(self, text: str, *, registered: bool = False) -> Operation | Refused:
        """What the cache knows of a document, or learns now."""
        found = self.known(text, registered=registered)
        if found is not None:
            return found
        found = self._learn(text, registered=registered)
        telemetry.OPERATIONS.labels("miss" if isinstance(found, Operation) else "refused").inc()
        if registered:
            self._registered.put(text, found)
        elif isinstance(found, Operation):
            self._known.put(text, found)
        else:
            self._refused.put(text, found)
        return found

    def _learn(self, text: str, *, registered: bool) -> Operation | Refused:
        lines = text.count("\n") + text.count("\r")
        if lines > self.limits.lines:
            many = exceeded("lines", lines, self.limits.lines)
            return Refused(errors.before_execution([many], LIMIT_EXCEEDED))
        try:
            document = self._parse(text, no_location=False)
        except GraphQLSyntaxError as broken:
            if "more than" not in broken.message:
                return Refused(errors.before_execution([broken], errors.PARSE_FAILED))
            limit = "comments" if "comments" in broken.message else "tokens"
            many = exceeded(limit, count_of(limit, text), self.limits.tokens)
            return Refused(errors.before_execution([many], LIMIT_EXCEEDED))
        measure = Measure(self._schema, document, self.limits)
        if over := measure.errors():
            return Refused(errors.before_execution(over, LIMIT_EXCEEDED))
        price = measure.price({})
        if not measure.paging_variables and (over := measure.price_errors(price)):
            return Refused(errors.before_execution(over, LIMIT_EXCEEDED), price)
        if wrong := invalid(self._schema, document, self.limits, suggestions=self._suggestions):
            return Refused(errors.before_execution(wrong, errors.VALIDATION_FAILED), price)
        return self._operation(text, measure.paging_variables, registered=registered)

    def _parse(self, text: str, *, no_location: bool) -> DocumentNode:
        return parse(
            text,
            no_location=no_location,  # what is kept is kept small
            max_lexical_tokens=self.limits.tokens,
            max_comments=self.limits.tokens,
            max_source_length=1 << 16,
        )

    def _operation(self, text: str, paging_variables: set[str], *, registered: bool) -> Operation:
        document = self._parse(text, no_location=True)
        measure = Measure(self._schema, document, self.limits)
        measure.paging_variables = paging_variables
        node = measure.operations[0]
        roots = {
            selection.name.value if isinstance(selection, FieldNode) else ""
            for selection in node.selection_set.selections
        }
        return Operation(
            text=text,
            registered=registered,
            document=document,
            kind=node.operation.value,
            name=node.name.value if node.name else "",
            measure=measure,
            constant=roots <= _INTROSPECTION and not node.variable_definitions,
            deciding=deciding_variables(document),
        )

    async def answer(
        self,
        found: Operation | Refused,
        variables: dict[str, Any],
        operation_name: str,
        context: Context,
        trace_id: str,
    ) -> Answer:
        """Execute, or say why not. Never raises but for cancellation."""
        if isinstance(found, Refused):
            return self._refusal(found.errors, found.price)
        if found.kind == "subscription" and context.moment is None:
            error = "Subscribe over WebSocket, or with Accept: text/event-stream."
            return self._refusal([errors.request_error(error, errors.VALIDATION_FAILED)])
        if operation_name and operation_name != found.name:
            error = f"There is no operation named {operation_name[:100]!r}."
            return self._refusal([errors.request_error(error, errors.BAD_USER_INPUT)])
        if (too_much := check_json(variables, self.limits)) is not None:
            return self._refusal(errors.before_execution([too_much], LIMIT_EXCEEDED))
        price = found.price(variables)
        if over := found.measure.price_errors(price):
            return self._refusal(errors.before_execution(over, LIMIT_EXCEEDED), price)
        if found.answer is not None:
            return Answer({"data": found.answer, "extensions": self._cost(price)}, True)
        return await self._execute(found, variables, context, price, trace_id)

    async def _execute(
        self,
        operation: Operation,
        variables: dict[str, Any],
        context: Context,
        price: Price,
        trace_id: str,
    ) -> Answer:
        rpc_client.deadline.set(time.monotonic() + EXECUTION_TIMEOUT)
        try:
            async with asyncio.timeout(EXECUTION_TIMEOUT) as context.timeout:
                try:
                    result = await self._result(operation, variables, context)
                finally:
                    context.timeout = None
        except TimeoutError:
            refusal = OperationTimeoutError(f"not done within {EXECUTION_TIMEOUT:g} seconds")
            error: Json = {"message": str(refusal), "extensions": errors.refusal(refusal)}
            return Answer({"data": None, "errors": [error], "extensions": self._cost(price)}, True)
        return self._formatted(operation, variables, result, price, trace_id)

    async def _result(
        self, operation: Operation, variables: dict[str, Any], context: Context
    ) -> ExecutionResult:
        executor = self._executor(operation, variables, context)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        variant = operation.variant(self._schema, executor.variable_values.coerced)
        context.selections = variant.selections
        if self._compile_at is not None and variant.begin() >= self._compile_at:
            executor.variant = variant
        try:
            return await executor.run()
        finally:
            if variant.selections.size != variant.counted and operation.count(variant):
                self._count(operation)

    def _count(self, operation: Operation) -> None:
        """It takes more than it did: others may have to go."""
        cache: LatestUsed[str, Any] = self._registered if operation.registered else self._known
        if cache.get(operation.text) is operation:
            cache.put(operation.text, operation)

    def _executor(
        self, operation: Operation, variables: dict[str, Any], context: Context
    ) -> CompiledExecutor | list[GraphQLError]:
        """The library's own way, or what it made before with plain variables in their place."""
        if operation.plain is not None and operation.pattern is not None:
            values = operation.plain.values(variables)
            if values is not None:
                return operation.pattern.again(context, values)
        executor = CompiledExecutor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=variables,
            is_awaitable=is_awaitable,  # type: ignore[arg-type]
            hide_suggestions=not self._suggestions,
            max_coercion_errors=MAX_ERRORS,
        )
        if isinstance(executor, list):
            return executor
        assert isinstance(executor, CompiledExecutor)  # noqa: S101
        if self._compile_at is not None and operation.pattern is None:
            definitions = executor.operation.variable_definitions or ()
            operation.plain = PlainVariables.of(self._schema, definitions)
            operation.pattern = executor.again(None, VariableValues({}, {}))
        return executor

    def _formatted(
        self,
        operation: Operation,
        variables: dict[str, Any],
        result: ExecutionResult,
        price: Price,
        trace_id: str,
    ) -> Answer:
        if result.errors is None:
            if operation.constant:
                self._remember(operation, result.data)
            return Answer({"data": result.data, "extensions": self._cost(price)}, True)
        if result.data is None and all(error.path is None for error in result.errors):
            node = operation.measure.operations[0]
            fields = fields_at_fault(self._schema, node, variables)
            wrong = with_fields(result.errors, fields[:MAX_ERRORS])
            return self._refusal(errors.before_execution(wrong, errors.BAD_USER_INPUT), price)
        formatted = errors.of_execution(result.errors, trace_id)
        body = {"data": result.data, "errors": formatted, "extensions": self._cost(price)}
        return Answer(body, True)

    def _remember(self, operation: Operation, data: dict[str, Any] | None) -> None:
        if operation.answer is None:  # nobody was faster
            self._answered.append(operation)
        operation.answer = data
        if len(self._answered) > _MAX_ANSWERS:
            self._answered.popleft().answer = None

    def _refusal(self, refused: list[Json], price: Price | None = None) -> Answer:
        return Answer({"errors": refused, "extensions": self._cost(price)}, False)

    def _cost(self, price: Price | None) -> Json:
        requested = price.cost if price is not None else None
        return {"cost": {"requested": requested, "maximum": self.limits.cost}}


def _size(text: str, kept: Operation | Refused) -> int:
    return len(text) + (kept.variants_size if isinstance(kept, Operation) else 0)
