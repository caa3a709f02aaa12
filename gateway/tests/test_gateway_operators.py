"""Operations over real gRPC: each service is asked by name, and says no to whom it wants."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from chassis.errors import RoleRequiredError
from chassis.testing import Loopback
from gateway.tests.conftest import House
from gateway.tests.staff_standins import DeadLetterNotFoundError, OperationsStandIn, add_operations
from guildhall.chassis.v1 import operations_pb2 as pb

LETTERS = """query Letters($service: ServiceName!, $first: Int!, $after: String) {
  deadLetters(service: $service, first: $first, after: $after) {
    edges { cursor node { id consumer communityId aggregateType aggregateId seq type reason
      deliveries firstTime } } } }"""
REPLAY = """mutation m($input: ReplayDeadLettersInput!) {
  replayDeadLetters(input: $input) { applied remaining } }"""
DISCARD = """mutation m($input: DiscardDeadLetterInput!) {
  discardDeadLetter(input: $input) { applied remaining } }"""


@pytest_asyncio.fixture
async def operations(loopback: Loopback) -> dict[str, OperationsStandIn]:
    """Of search and moderation; the directory and the forum of the tests have none."""
    standins = {}
    for part in ("search", "moderation"):
        standins[part] = OperationsStandIn()  # type: ignore[abstract]
        await loopback.serve(part, add_operations(standins[part]))
    return standins


async def test_dead_letters_are_of_the_service_that_is_named(
    operations: dict[str, OperationsStandIn], house: House
) -> None:
    answer = await house.ask(LETTERS, {"service": "SEARCH", "first": 2})
    assert "errors" not in answer
    edges = answer["data"]["deadLetters"]["edges"]
    assert edges[0]["node"] == {
        "id": "search|t1|1",
        "consumer": "search",
        "communityId": "c1",
        "aggregateType": "topic",
        "aggregateId": "t1",
        "seq": 1,
        "type": "guildhall.forum.v1.TopicCreated",
        "reason": "TopicNotFoundError",
        "deliveries": 5,
        "firstTime": "2026-01-01T00:01:00.000Z",
    }
    assert operations["search"].calls == {"ListDeadLetters": 1}
    assert operations["moderation"].calls == {}
    after = edges[0]["cursor"]
    answer = await house.ask(LETTERS, {"service": "SEARCH", "first": 1, "after": after})
    assert "errors" not in answer
    answer = await house.ask(LETTERS, {"service": "MODERATION", "first": 1, "after": after})
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


async def test_letters_are_replayed_and_discarded(
    operations: dict[str, OperationsStandIn], house: House
) -> None:
    search = operations["search"]
    given = {"service": "SEARCH", "consumer": "search", "aggregateId": "t1"}
    answer = await house.ask(REPLAY, {"input": given})
    assert answer["data"] == {"replayDeadLetters": {"applied": 2, "remaining": 1}}
    assert search.requests[-1] == pb.ReplayDeadLettersRequest(consumer="search", aggregate_id="t1")
    given = {"service": "SEARCH", "deadLetterId": "search|t1|1", "reason": "a test"}
    answer = await house.ask(DISCARD, {"input": given})
    assert answer["data"] == {"discardDeadLetter": {"applied": 0, "remaining": 0}}
    assert search.requests[-1] == pb.DiscardDeadLetterRequest(
        dead_letter_id="search|t1|1", reason="a test"
    )
    search.failures["DiscardDeadLetter"] = DeadLetterNotFoundError(field="dead_letter_id")
    answer = await house.ask(DISCARD, {"input": given})
    assert answer["errors"][0]["extensions"] == {
        "code": "DEAD_LETTER_NOT_FOUND",
        "field": "deadLetterId",
    }


async def test_projections_are_rebuilt_and_watched(
    operations: dict[str, OperationsStandIn], house: House
) -> None:
    rebuild = {
        "state": "RUNNING",
        "generation": 2,
        "eventsApplied": 70,
        "error": None,
        "startTime": "2026-01-01T00:00:00.000Z",
        "endTime": None,
    }
    fields = "state generation eventsApplied error startTime endTime"
    answer = await house.ask(
        "mutation m($input: RebuildProjectionsInput!) { rebuildProjections(input: $input) "
        f"{{ rebuild {{ {fields} }} }} }}",
        {"input": {"requestId": "rebuild-1", "service": "SEARCH"}},
    )
    assert answer["data"] == {"rebuildProjections": {"rebuild": rebuild}}
    answer = await house.ask(f"query q {{ rebuild(service: SEARCH) {{ {fields} }} }}")
    assert answer["data"] == {"rebuild": rebuild}
    assert operations["search"].calls == {"Rebuild": 1, "GetRebuild": 1}


async def test_the_service_decides_who_is_an_operator(
    operations: dict[str, OperationsStandIn], house: House
) -> None:
    house.directory.operators.add("p1")
    await house.ask(LETTERS, {"service": "SEARCH", "first": 1})
    actor: Any = operations["search"].actors[-1]
    assert (actor.person_id, actor.operator) == ("p1", True)
    refusal = RoleRequiredError("this needs the role OPERATOR")
    operations["search"].failures.update(ListDeadLetters=refusal, ReplayDeadLetters=refusal)
    answer = await house.ask(LETTERS, {"service": "SEARCH", "first": 1})
    assert answer["data"] == {"deadLetters": None}
    assert answer["errors"][0]["extensions"] == {"code": "ROLE_REQUIRED"}
    given = {"service": "SEARCH", "consumer": "search", "aggregateId": "t1"}
    answer = await house.ask(REPLAY, {"input": given})
    assert answer["errors"][0]["extensions"] == {"code": "ROLE_REQUIRED"}
    answer = await house.ask(LETTERS, {"service": "SEARCH", "first": 1}, token=None)
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    answer = await house.ask(LETTERS, {"service": "SELLING", "first": 1})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
