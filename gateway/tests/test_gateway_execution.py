"""What is compiled answers as the library's own executor: data, errors and paths, whatever comes.

DIFFERENTIAL says how many operations are tried, DIFFERENTIAL_SEED which.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    parse,
    validate,
)
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from gateway import batches
from gateway.execution import compiler
from gateway.execution.executor import CompiledExecutor, Variant
from gateway.execution.operations import is_awaitable
from gateway.execution.selections import deciding_variables
from gateway.schema import schema
from gateway.tests.operations_made import OperationMaker, Rows, TablesMade

CASES = int(os.environ.get("DIFFERENTIAL") or 500)
CONFLICTING = "conflict because they return conflicting types"
SEED = int(os.environ.get("DIFFERENTIAL_SEED") or time.time_ns() % 1_000_000_007)
KINDS: dict[Any, str] = {
    batches.members: "Member",
    batches.companies: "Company",
    batches.communities: "Community",
    batches.spaces: "Space",
    batches.topics: "Topic",
    batches.replies: "Reply",
}
SCHEMA: GraphQLSchema = schema._schema
pytestmark = pytest.mark.timeout(120 + CASES)


@dataclass
class Made:
    """The context: tables, and where root fields find their rows."""

    rows: Rows
    tables: TablesMade


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """Root fields give made-up rows, some at once and some later; rows say what they are."""
    patch = pytest.MonkeyPatch()
    for name, definition in SCHEMA.query_type.fields.items():  # type: ignore[union-attr]

        def resolve(_: Any, info: Any, *, name: str = name, **_arguments: Any) -> Any:
            rows: Rows = info.context.rows
            if rows.random(name).random() < 0.5:
                return rows.value(info.return_type, name)

            async def later() -> Any:
                await asyncio.sleep(0)
                return rows.value(info.return_type, name)

            return later()

        patch.setattr(definition, "resolve", resolve)
    patch.setattr(compiler, "message_of", lambda _: None)
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType) and kind.is_type_of is not None:
            patch.setattr(kind, "is_type_of", lambda row, _, kind=kind: row.is_of(kind))
        if isinstance(kind, GraphQLAbstractType):
            patch.setattr(kind, "resolve_type", lambda row, _, kind: row.name_for(kind))
    yield
    patch.undo()


async def answer(
    document: DocumentNode, variables: dict[str, Any], context: Made, variant: Variant | None
) -> ExecutionResult:
    """By functions where a variant is given, else by the library alone."""
    executor = CompiledExecutor.build(
        SCHEMA,
        document,
        context_value=context,
        raw_variable_values=variables,
        is_awaitable=is_awaitable,  # type: ignore[arg-type]
    )
    assert isinstance(executor, CompiledExecutor), executor
    executor.variant = variant
    return await executor.run()


def told(result: ExecutionResult) -> str:
    """All of it, data in order: a key that comes too early is a difference.

    Root fields are executed beside each other: which of them fails first is nobody's promise.
    """
    errors = sorted(((error.message, error.path) for error in result.errors or ()), key=repr)
    return json.dumps([result.data, errors], indent=1, default=repr)


def test_functions_answer_as_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    made = compiler.compiled

    def counting(*arguments: Any) -> Any:
        function = made(*arguments)
        seen["may wait" if function is None else "functions"] += 1

        def call(value: Any, info: Any) -> Any:
            seen["calls"] += 1
            shown = function(value, info)  # type: ignore[misc]
            seen["done"] += 1
            return shown

        return None if function is None else call

    monkeypatch.setattr(compiler, "compiled", counting)

    @seed(SEED)
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False), st.sampled_from((0.0, 0.002, 0.02, 0.1)))
    def each(random: Random, trouble: float) -> None:
        operation = OperationMaker(SCHEMA, random).make()
        document = parse(operation.text, no_location=True)
        if wrong := validate(SCHEMA, document):
            if CONFLICTING in wrong[0].message:
                return  # one name in two types of a union: no gateway executes it
            raise AssertionError(f"{wrong[0]}\n{operation.text}")
        rows = Rows(SCHEMA, random.randrange(2**32), trouble)
        context = Made(rows, TablesMade(rows, document, KINDS))
        deciding = {name: operation.variables[name] for name in deciding_variables(document)}
        variant = Variant(SCHEMA, document, deciding)

        async def both() -> tuple[ExecutionResult, ExecutionResult]:
            expected = await answer(document, operation.variables, context, None)
            return expected, await answer(document, operation.variables, context, variant)

        expected, found = asyncio.run(both())
        assert told(found) == told(expected), f"{operation.text}\n{operation.variables}"
        seen["operations"] += 1
        seen["with errors"] += bool(expected.errors)

    print(f"DIFFERENTIAL_SEED={SEED}")  # noqa: T201 - to be repeated
    each()
    print(dict(seen))  # noqa: T201 - how much was compared
    assert seen["done"] >= CASES // 2, seen  # they were compared, not only left to the library
    assert seen["calls"] > seen["done"], seen  # and gave up here and there
    assert CASES // 10 <= seen["with errors"] <= CASES * 9 // 10, seen
