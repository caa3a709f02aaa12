"""The operation cache: bounded, remembers refusals too; no operation runs for ever."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.execution import executor
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


def test_what_portals_have_registered_is_not_pushed_out_by_what_they_have_not() -> None:
    operations = Operations(schema)
    texts = ("query r { __typename }", "{ nothing }")
    kept = [operations.look_up(text, registered=True) for text in texts]
    for number in range(1_100):
        operations.look_up(f"query q{number} {{ __typename }}")
        operations.look_up(f"{{ nothing{number} }}")
    for text, found in zip(texts, kept, strict=True):
        assert operations.known(text, registered=True) is found
        assert operations.known(text) is None
    assert len(operations._registered) == 2


def test_a_document_is_priced_by_its_tokens_before_it_is_parsed() -> None:
    points_of = Operations(schema).points_of
    assert points_of("{ __typename }") == 1
    assert points_of("{" + " a" * 98 + "}") == 20
    assert points_of("{" + " a" * 30_000 + "}") == 200 + (60_002 - 8_192) // 32 // 5
    assert points_of("#" * 8_192) == 1


VARIED = """query q($c: ID!, $a: Boolean!, $b: Boolean!, $d: Boolean!, $e: Boolean!) {
  topics(communityId: $c, first: 2) { edges { node {
    id @include(if: $a) title @skip(if: $b) body @include(if: $d) replyCount @skip(if: $e) version
  } } } }"""


async def ask_all(house: House) -> list[dict[str, Any]]:
    """With every value of its four variables."""
    answers = []
    for values in product((True, False), repeat=4):
        variables = dict(zip("abde", values, strict=True))
        answers.append(await house.ask(VARIED, {"c": "Q29tbXVuaXR5OmM6Yw", **variables}))
    return answers


async def test_variants_count_for_the_operation_they_are_of(house: House) -> None:
    operations = house.parts.operations
    await ask_all(house)
    found = operations.known(VARIED)
    assert isinstance(found, Operation)
    sizes = [one.selections.size for one in found.variants.values()]
    assert (len(sizes), found.variants_size) == (16, sum(sizes))
    assert min(sizes) > 128 + 3
    assert operations._known.characters == len(VARIED) + sum(sizes)
    await ask_all(house)  # nothing is made anew
    assert operations._known.characters == len(VARIED) + sum(sizes)


async def test_variants_beyond_their_bound_are_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = house.parts.operations
    expected = await ask_all(house)
    assert len({str(answer) for answer in expected}) == 16
    found = operations.known(VARIED)
    assert isinstance(found, Operation)
    most = found.variants_size // 2
    monkeypatch.setattr(module, "_MAX_VARIANT_CHARACTERS", most)
    house.parts.operations._known = type(operations._known)(10, 1 << 19, module._size)
    for _ in range(2):
        assert await ask_all(house) == expected
        found = operations.known(VARIED)
        assert isinstance(found, Operation)
        assert 4 < len(found.variants) < 12
        assert most * 0.7 < found.variants_size <= most
        assert operations._known.characters == len(VARIED) + found.variants_size


async def test_a_variant_has_so_much_compiled_and_the_library_does_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "MOST_SOURCE", 0)
    expected = await ask_all(house)
    found = house.parts.operations.known(VARIED)
    assert isinstance(found, Operation)
    assert {one.selections.source for one in found.variants.values()} == {0}
    monkeypatch.undo()
    house.parts.operations._known = type(house.parts.operations._known)(10, 1 << 19, module._size)
    assert await ask_all(house) == expected


async def test_few_answers_that_never_change_are_remembered(house: House) -> None:
    texts = [f"query q{number} {{ __schema {{ queryType {{ name }} }} }}" for number in range(6)]
    for text in texts:
        assert (await house.ask(text))["data"] == {"__schema": {"queryType": {"name": "Query"}}}
    found = [house.parts.operations.look_up(text) for text in texts]
    assert [one.answer is None for one in found if isinstance(one, Operation)] == (
        [True] * 2 + [False] * 4
    )


def test_only_numbers_are_remembered_to_size_a_page() -> None:
    text = "query q($n: Int) { communities(first: $n) { edges { node { id } } } }"
    found = Operations(schema).look_up(text)
    assert isinstance(found, Operation)
    sizes: list[Any] = ["x" * 60_000, 1.5, True, [1], {}]
    for size in sizes:
        assert found.price({"n": size}) == found.price({"n": None})
    assert found.price({"n": 3}).cost < found.price({}).cost
    assert set(found.prices) == {(...,), (3,), (None,)}


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
