"""Leaves of messages that a function reads without a look are what the library shows of them."""

from __future__ import annotations

import asyncio
import os
import time
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, parse

from chassis import telemetry
from gateway.execution.executor import CompiledExecutor, Variant
from gateway.execution.kinds import message_of
from gateway.execution.operations import is_awaitable
from gateway.loaders import fetch_of
from gateway.schema import schema
from gateway.tests.messages_made import filled

SEED = int(os.environ.get("MESSAGES_SEED") or time.time_ns() % 1_000_000_007)
TIMES = 40  # a type
SCHEMA = schema._schema
KINDS = [
    kind
    for kind in SCHEMA.type_map.values()
    if isinstance(kind, GraphQLObjectType)
    and message_of(kind) is not None
    and any(one.name == "CommunityNode" for one in kind.interfaces)
]


def attributes(kind: GraphQLObjectType) -> list[str]:
    """What is selected of a row: its attributes, and those of messages within it."""
    found: list[str] = []
    for name, definition in kind.fields.items():
        of = get_named_type(definition.type)
        if (
            definition.extensions["strawberry-definition"].base_resolver is not None
            or fetch_of(definition) is not None
            or definition.args
        ):
            continue
        if is_leaf_type(of):
            found.append(name)
        elif isinstance(of, GraphQLObjectType) and message_of(of) is not None:
            found.append(f"{name} {{ {' '.join(attributes(of))} }}")
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_functions_show_of_messages_what_the_library_does(
    kind: GraphQLObjectType, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"MESSAGES_SEED={SEED}")  # noqa: T201 - to be repeated
    random = Random(SEED)  # noqa: S311 - nothing secret
    message = message_of(kind)
    assert message is not None
    names = attributes(kind)
    assert names
    below = f"... on {kind.name} {{ {' '.join(names)} }}"
    document = parse(f'{{ communityNode(id: "x") {{ {below} }} }}')
    row: Message = message()
    assert SCHEMA.query_type is not None
    root = SCHEMA.query_type.fields["communityNode"]
    monkeypatch.setattr(root, "resolve", lambda *_, **_more: row)
    variant = Variant(SCHEMA, document, {})

    def answer(variant: Variant | None) -> Any:
        executor = CompiledExecutor.build(
            SCHEMA,
            document,
            context_value=SimpleNamespace(),
            is_awaitable=is_awaitable,  # type: ignore[arg-type]
        )
        assert isinstance(executor, CompiledExecutor), executor
        executor.variant = variant
        result = asyncio.run(executor.run())
        return result.data, sorted((str(one.message), one.path) for one in result.errors or ())

    for _ in range(TIMES):
        row = filled(message(), random)
        assert answer(variant) == answer(None), row
    row = message()
    for field in message.DESCRIPTOR.fields:  # type: ignore[attr-defined]
        if field.message_type is not None and not field.is_repeated:
            getattr(row, field.name).SetInParent()
        elif field.type == FieldDescriptor.TYPE_ENUM and not field.is_repeated:
            setattr(row, field.name, field.enum_type.values[1].number)
    given_up = _given_up()
    data, errors = answer(variant)
    assert not errors
    assert list(data["communityNode"]) == [name.partition(" ")[0] for name in names]
    assert _given_up() == given_up  # it was the function's


def _given_up() -> float:
    count: float = telemetry.DEOPTIMISED._value.get()
    return count
