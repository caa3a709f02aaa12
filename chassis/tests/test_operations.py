"""OperationsService over real gRPC: for operators only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.consumers import Consumer
from chassis.consumers.hearing import Arrival
from chassis.dead_letters import DeadLetterNotFoundError
from chassis.domain_events import Consequence, DomainEvent
from chassis.errors import (
    FailedPreconditionError,
    FieldInvalidError,
    PageTokenInvalidError,
    ReasonRequiredError,
    RequestIdInvalidError,
    RoleRequiredError,
)
from chassis.generations import Generations
from chassis.leases import Leases
from chassis.operations import OperationsServicer
from chassis.outbox import COLLECTION, stored_event
from chassis.rebuild import Rebuild
from chassis.rpc_status import RemoteRefusalError, reason_of
from chassis.testing import Loopback, person_actor, service_actor, stored
from chassis.testing_events import Stage, record
from guildhall.chassis.v1 import operations_pb2 as operations
from guildhall.chassis.v1 import operations_pb2_grpc
from guildhall.forum.v1 import domain_events_pb2 as said

if TYPE_CHECKING:
    from guildhall.chassis.v1.operations_pb2_grpc import OperationsServiceAsyncStub


class FaultyError(FailedPreconditionError):
    """What the handler refuses."""


FAULTY = {2}


async def handler(event: DomainEvent[Any]) -> Iterable[Consequence]:
    if event.seq in FAULTY:
        raise FaultyError
    return await record(event)


class Desk:
    """A service with one consumer, an operator's stub and others'."""

    def __init__(self, stage: Stage, loopback: Loopback, consumer: Consumer) -> None:
        self.stage = stage
        self.consumer = consumer
        self._loopback = loopback

    def stub(self, actor: Any = None) -> OperationsServiceAsyncStub:
        operator = person_actor("op1", operator=True)
        return self._loopback.client(
            operations_pb2_grpc.OperationsServiceStub, self.stage.hears, actor or operator
        )


@pytest_asyncio.fixture
async def desk(stage: Stage, loopback: Loopback) -> AsyncIterator[Desk]:
    FAULTY.clear()
    FAULTY.add(2)
    consumer = stage.consumer(stage.unconnected_bus(), stage.subscription(handler=handler))
    await stage.say("bad", *[said.TopicEdited()] * 4)
    for row in await stage.theirs[COLLECTION].find().sort("seq", 1).to_list():
        event = stored_event(row)
        (outcome,) = await consumer.hear_singly([Arrival(event)])
        if outcome.culprit is not None:
            await consumer.park(outcome.culprit, "FAULTY", 3)
        elif outcome.result.value == "parked":
            await consumer.letters.add(consumer.name, event, "PREDECESSOR_PARKED", 1)
    await loopback.serve(
        stage.hears,
        lambda server: operations_pb2_grpc.add_OperationsServiceServicer_to_server(
            OperationsServicer(stage.ours, [consumer], event_log=lambda _: stage.log), server
        ),
    )
    yield Desk(stage, loopback, consumer)


async def test_dead_letters_are_listed_in_pages(desk: Desk) -> None:
    stub = desk.stub()
    first = await stub.ListDeadLetters(operations.ListDeadLettersRequest(page_size=2))
    second = await stub.ListDeadLetters(
        operations.ListDeadLettersRequest(page_size=2, page_token=first.next_page_token)
    )
    letters = [*first.dead_letters, *second.dead_letters]
    assert [(letter.seq, letter.reason) for letter in letters] == [
        (2, "FAULTY"),
        (3, "PREDECESSOR_PARKED"),
        (4, "PREDECESSOR_PARKED"),
    ]
    assert second.next_page_token == ""
    letter = letters[0]
    assert letter.id == f"{desk.consumer.name}|bad|2"
    assert letter.consumer == desk.consumer.name
    assert (letter.community_id, letter.aggregate_type, letter.aggregate_id) == (
        "c1",
        "topic",
        "bad",
    )
    assert letter.type == "guildhall.forum.v1.TopicEdited"
    assert letter.deliveries == 3
    assert letter.HasField("first_time")


async def test_letters_are_replayed(desk: Desk) -> None:
    stub = desk.stub()
    request = operations.ReplayDeadLettersRequest(consumer=desk.consumer.name, aggregate_id="bad")
    answer = await stub.ReplayDeadLetters(request)
    assert (answer.applied, answer.remaining) == (0, 3)
    FAULTY.clear()
    answer = await stub.ReplayDeadLetters(request)
    assert (answer.applied, answer.remaining) == (3, 0)
    assert await desk.stage.heard("bad") == [1, 2, 3, 4]
    with pytest.raises(RemoteRefusalError):
        await stub.ReplayDeadLetters(request)


async def test_letter_is_discarded_with_a_reason(desk: Desk) -> None:
    stub = desk.stub()
    letter = f"{desk.consumer.name}|bad|2"
    before = await stored(desk.stage.ours)
    with pytest.raises(ReasonRequiredError):
        await stub.DiscardDeadLetter(operations.DiscardDeadLetterRequest(dead_letter_id=letter))
    with pytest.raises(RemoteRefusalError) as refused:
        await stub.DiscardDeadLetter(
            operations.DiscardDeadLetterRequest(
                dead_letter_id=letter.replace("|2", "|3"), reason="broken"
            )
        )
    assert reason_of(refused.value) == "DEAD_LETTER_NOT_OLDEST"
    assert await stored(desk.stage.ours) == before
    answer = await stub.DiscardDeadLetter(
        operations.DiscardDeadLetterRequest(dead_letter_id=letter, reason="broken")
    )
    assert (answer.applied, answer.remaining) == (2, 0)
    assert await desk.stage.heard("bad") == [1, 3, 4]


async def test_reconcile_hears_what_is_missing(desk: Desk) -> None:
    await desk.stage.say("lost", said.TopicEdited())
    answer = await desk.stub().Reconcile(operations.ReconcileRequest())
    assert answer.events_heard == 1
    assert await desk.stage.heard("lost") == [1]


async def test_service_without_projections_has_nothing_to_rebuild(desk: Desk) -> None:
    for call in (
        desk.stub().Rebuild(operations.RebuildRequest(request_id="rebuild-1")),
        desk.stub().GetRebuild(operations.GetRebuildRequest()),
    ):
        with pytest.raises(RemoteRefusalError) as refused:
            await call
        assert reason_of(refused.value) == "NOTHING_TO_REBUILD"


async def test_rebuild_is_begun_once_and_told_of(stage: Stage, loopback: Loopback) -> None:
    class Target:
        async def prepare(self, generation: int) -> None: ...
        async def project(self, generation: int, projections: Any) -> None: ...
        async def switch(self, generation: int) -> None: ...
        async def drop(self, generation: int) -> None: ...

    rebuild = Rebuild(
        stage.ours, Target(), [], event_log=lambda _: stage.log, leases=Leases(stage.ours)
    )
    servicer = OperationsServicer(stage.ours, event_log=lambda _: stage.log, rebuild=rebuild)
    await loopback.serve(
        stage.hears,
        lambda server: operations_pb2_grpc.add_OperationsServiceServicer_to_server(
            servicer, server
        ),
    )
    operator = person_actor("op1", operator=True)
    stub = loopback.client(operations_pb2_grpc.OperationsServiceStub, stage.hears, operator)
    before = (await stub.GetRebuild(operations.GetRebuildRequest())).rebuild
    assert (before.state, before.generation) == (operations.REBUILD_STATE_UNSPECIFIED, 1)
    for request_id in ("", "short", "with a blank"):
        with pytest.raises(RequestIdInvalidError):
            await stub.Rebuild(operations.RebuildRequest(request_id=request_id))
    assert (await stub.GetRebuild(operations.GetRebuildRequest())).rebuild == before
    request = operations.RebuildRequest(request_id="rebuild-1")
    begun = (await stub.Rebuild(request)).rebuild
    assert (begun.state, begun.generation) == (operations.REBUILD_STATE_RUNNING, 2)
    assert begun.HasField("start_time")
    assert (await stub.Rebuild(request)).rebuild == begun
    with pytest.raises(RemoteRefusalError) as refused:
        await stub.Rebuild(operations.RebuildRequest(request_id="rebuild-2"))
    assert reason_of(refused.value) == "REBUILD_RUNNING"
    await Generations(stage.ours).fail(2, "SEARCH_UNAVAILABLE")
    assert (await stub.Rebuild(request)).rebuild.state == operations.REBUILD_STATE_FAILED
    failed = (await stub.GetRebuild(operations.GetRebuildRequest())).rebuild
    assert (failed.state, failed.error) == (
        operations.REBUILD_STATE_FAILED,
        "SEARCH_UNAVAILABLE",
    )


async def test_bad_requests_are_refused_with_their_field(desk: Desk) -> None:
    stub = desk.stub()
    with pytest.raises(FieldInvalidError) as negative:
        await stub.ListDeadLetters(operations.ListDeadLettersRequest(page_size=-1))
    assert negative.value.field == "page_size"
    with pytest.raises(PageTokenInvalidError):
        await stub.ListDeadLetters(operations.ListDeadLettersRequest(page_token="?"))
    with pytest.raises(RemoteRefusalError) as unknown:
        await stub.ReplayDeadLetters(operations.ReplayDeadLettersRequest(consumer="x--y"))
    assert unknown.value.field == "consumer"
    with pytest.raises(RemoteRefusalError) as missing:
        await stub.DiscardDeadLetter(
            operations.DiscardDeadLetterRequest(dead_letter_id="x", reason="y")
        )
    assert reason_of(missing.value) == DeadLetterNotFoundError.reason()
    for time in (None, Timestamp(seconds=10**12), Timestamp(nanos=-5)):
        request = operations.RewindConsumerRequest(consumer=desk.consumer.name, start_time=time)
        with pytest.raises(FieldInvalidError) as timeless:
            await stub.RewindConsumer(request)
        assert timeless.value.field == "start_time"


@pytest.mark.parametrize(
    "rpc",
    [
        "ListDeadLetters",
        "ReplayDeadLetters",
        "DiscardDeadLetter",
        "Rebuild",
        "GetRebuild",
        "Reconcile",
        "RewindConsumer",
    ],
)
async def test_others_than_operators_are_refused(desk: Desk, rpc: str) -> None:
    before = await stored(desk.stage.ours)
    for actor in (person_actor(roles=["MANAGER"]), service_actor(desk.stage.says)):
        with pytest.raises(RoleRequiredError):
            await getattr(desk.stub(actor), rpc)(getattr(operations, f"{rpc}Request")())
    assert await stored(desk.stage.ours) == before
