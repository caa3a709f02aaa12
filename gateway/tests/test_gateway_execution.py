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
from google.protobuf.message import Message
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    parse,
    validate,
)
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from gateway import batches
from gateway.execution import compiler
from gateway.execution.executor import CompiledExecutor, Variant
from gateway.execution.kinds import message_of
from gateway.execution.operations import is_awaitable
from gateway.execution.selections import deciding_variables
from gateway.loaders import Choice, Reference, fetch_of
from gateway.schema import schema
from gateway.tests.operations_made import OperationMaker
from gateway.tests.rows_made import Row, Rows, TablesMade
from guildhall.forum.v1 import announcements_pb2, participation_pb2

CASES = int(os.environ.get("DIFFERENTIAL") or 500)
CONFLICTING = "conflict because they return conflicting types"
SEED = int(os.environ.get("DIFFERENTIAL_SEED") or time.time_ns() % 1_000_000_007)
SCHEMA: GraphQLSchema = schema._schema
pytestmark = pytest.mark.timeout(120 + CASES)


def _kinds() -> dict[Any, str | type[Message]]:
    """Of every batch that a field's object is found by: what its rows are."""
    found: dict[Any, str | type[Message]] = {
        # Fields show something of these, and no field shows them.
        batches.attachments: "Attachment",
        batches.participations: participation_pb2.Participation,
        batches.link_cards: participation_pb2.LinkCardsOfPost,
        batches.comment_policies: announcements_pb2.TopicCommentPolicy,
    }
    for definition in _fields():
        fetch = fetch_of(definition)
        if isinstance(fetch, Reference) and fetch.show is None:
            found[fetch.batch] = get_named_type(definition.type).name
        elif isinstance(fetch, Choice):
            found |= {one.batch: name for name, one in fetch.references.items()}
    return found


def _fields() -> Iterator[GraphQLField]:
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for definition in kind.fields.values():
                if "strawberry-definition" in definition.extensions:  # else the library's own
                    yield definition


KINDS = _kinds()


@dataclass
class Made:
    """The context: tables, and where root fields find their rows."""

    rows: Rows
    tables: TablesMade


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """Root fields give made-up rows, some at once and some later; rows say what they are."""
    patch = pytest.MonkeyPatch()
    roots = (SCHEMA.query_type, SCHEMA.mutation_type)
    for name, definition in (one for root in roots if root for one in root.fields.items()):

        def resolve(_: Any, info: Any, *, name: str = name, **arguments: Any) -> Any:
            rows: Rows = info.context.rows
            place = repr(sorted(arguments.items())), name  # other arguments, other rows
            if rows.random(*place).random() < 0.5:
                return rows.value(info.return_type, *place)

            async def later() -> Any:
                await asyncio.sleep(0)
                return rows.value(info.return_type, *place)

            return later()

        patch.setattr(definition, "resolve", resolve)
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType) and (is_of := kind.is_type_of) is not None:

            def is_type_of(row: Any, info: Any, *, kind: Any = kind, is_of: Any = is_of) -> Any:
                return row.is_of(kind) if isinstance(row, Row) else is_of(row, info)

            patch.setattr(kind, "is_type_of", is_type_of)
        if isinstance(kind, GraphQLAbstractType) and (name_of := kind.resolve_type) is not None:

            def resolve_type(row: Any, info: Any, kind: Any, *, name_of: Any = name_of) -> Any:
                return row.name_for(kind) if isinstance(row, Row) else name_of(row, info, kind)

            patch.setattr(kind, "resolve_type", resolve_type)
    yield
    patch.undo()


def test_every_batch_of_the_schema_has_rows() -> None:
    found = set()
    for definition in _fields():
        fetch = fetch_of(definition)
        if isinstance(fetch, Reference):
            found.add(fetch.batch)
        elif isinstance(fetch, Choice):
            found |= {one.batch for one in fetch.references.values()}
    assert found == KINDS.keys()
    assert len(found) == 23


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

    Root fields are executed beside each other: which of them fails first is nobody's promise, nor
    what else is told where one that may not be null takes all data with it.
    """
    if result.data is None:
        return "nothing but errors" if result.errors else "nothing"
    errors = sorted(((error.message, error.path) for error in result.errors or ()), key=repr)
    return json.dumps([result.data, errors], indent=1, default=repr)


def test_functions_answer_as_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    asked: set[Any] = set()  # batches
    of_messages = False
    monkeypatch.setattr(
        compiler, "message_of", lambda kind: message_of(kind) if of_messages else None
    )
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
    @given(st.integers(0, 2**32 - 1), st.sampled_from((0.0, 0.002, 0.02, 0.1)), st.booleans())
    def each(number: int, trouble: float, messages: bool) -> None:
        nonlocal of_messages
        of_messages = messages
        random = Random(number)  # noqa: S311 - Hypothesis' own draws small operations mostly
        operation = OperationMaker(SCHEMA, random).make()
        document = parse(operation.text, no_location=True)
        if wrong := validate(SCHEMA, document):
            if CONFLICTING in wrong[0].message:
                return  # one name in two types of a union: no gateway executes it
            raise AssertionError(f"{wrong[0]}\n{operation.text}")
        rows = Rows(SCHEMA, random.randrange(2**32), trouble, messages=messages)
        context = Made(rows, TablesMade(rows, document, KINDS))
        deciding = {name: operation.variables[name] for name in deciding_variables(document)}
        variant = Variant(SCHEMA, document, deciding)

        async def both() -> tuple[ExecutionResult, ExecutionResult]:
            expected = await answer(document, operation.variables, context, None)
            return expected, await answer(document, operation.variables, context, variant)

        expected, found = asyncio.run(both())
        assert told(found) == told(expected), f"{operation.text}\n{operation.variables}"
        asked.update(context.tables.asked)
        seen["operations"] += 1
        seen["mutations"] += operation.text.startswith("mutation")
        seen["of messages"] += messages
        seen["with errors"] += bool(expected.errors)

    print(f"DIFFERENTIAL_SEED={SEED}")  # noqa: T201 - to be repeated
    each()
    print(dict(seen))  # noqa: T201 - how much was compared
    assert seen["done"] >= CASES // 2, seen  # they were compared, not only left to the library
    assert seen["calls"] > seen["done"], seen  # and gave up here and there
    assert min(seen["mutations"], seen["of messages"]) >= CASES // 10, seen
    assert len(asked) >= len(KINDS) // 2, asked
    assert CASES // 10 <= seen["with errors"] <= CASES * 9 // 10, seen
