"""The operation cache: bounded, remembers refusals too; no operation runs for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.execution import operations as module
from gateway.execution.operations import Operation, Operations, Refused
from gateway.schema import schema
from gateway.tests.conftest import House


def looked_up(result: str) -> float:
    value = REGISTRY.get_sample_value("guildhall_operation_cache_total", {"result": result})
    return value or 0.0


def test_second_look_up_is_the_same_object() -> None:
    operations = Operations(schema)
    hits = looked_up("hit")
    first = operations.look_up("{ viewer { isOperator } }")
    assert operations.look_up("{ viewer { isOperator } }") is first
    refused = operations.look_up("{ nothing }")
    assert isinstance(refused, Refused)
    assert operations.look_up("{ nothing }") is refused
    assert looked_up("hit") == hits + 2


def test_cache_is_bounded_by_number_and_by_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    operations = Operations(schema)
    for number in range(1_100):
        operations.look_up(f"query q{number} {{ __typename }}")
        operations.look_up(f"{{ nothing{number} }}")
    assert len(operations._known) == 1_000
    assert len(operations._refused) == 1_000
    padding = "#" + "x" * 60_000 + "\n"
    for number in range(20):
        operations.look_up(padding + f"query p{number} {{ __typename }}")
        operations.look_up(padding + f"{{ nothing{number} }}")
    assert operations._known.characters <= module._MAX_OPERATION_CHARACTERS
    assert operations._refused.characters <= module._MAX_REFUSAL_CHARACTERS
    assert len(operations._known) < 10


def test_what_is_kept_has_no_locations() -> None:
    found = Operations(schema).look_up("{ viewer { isOperator } }")
    assert isinstance(found, Operation)
    assert found.document.loc is None
    assert (found.kind, found.name, found.constant) == ("query", "", False)


async def test_an_operation_that_takes_too_long_is_ended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXECUTION_TIMEOUT", 0.2)
    ended = asyncio.Event()

    async def never(_: Any) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    house.parts.services.forum.GetTopic = never  # type: ignore[assignment]
    answer = await house.ask('{ topic(id: "VG9waWM6YzE6dDE") { title } }')
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"] == {"code": "OPERATION_TIMEOUT"}
    assert ended.is_set()
