"""OperationsService: what an operator can do to a service's consumers and projections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from grpc import aio

from chassis import rebuild as rebuilds
from chassis.actors import Actor, require_actor
from chassis.commands import check_request_id
from chassis.consumers import Consumer, recovery
from chassis.dead_letters import DeadLetter, DeadLetters
from chassis.errors import FieldInvalidError, NotFoundError
from chassis.generations import DONE, FAILED, RUNNING, Generation
from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.texts import check_reason
from guildhall.chassis.v1 import operations_pb2, operations_pb2_grpc

if TYPE_CHECKING:
    from chassis.consumers.healing import EventLog

Context = aio.ServicerContext[Any, Any]

_STATES = {
    RUNNING: operations_pb2.REBUILD_STATE_RUNNING,
    DONE: operations_pb2.REBUILD_STATE_DONE,
    FAILED: operations_pb2.REBUILD_STATE_FAILED,
}


class ConsumerNotFoundError(NotFoundError):
    """This service has no such consumer."""


class OperationsServicer(operations_pb2_grpc.OperationsServiceServicer):
    """For one service; callers are operators."""

    def __init__(
        self,
        database: Database,
        consumers: Sequence[Consumer] = (),
        *,
        event_log: EventLog,
        rebuild: rebuilds.Rebuild | None = None,
    ) -> None:
        self._letters = DeadLetters(database)
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._event_log = event_log
        self._rebuild = rebuild

    async def ListDeadLetters(
        self, request: operations_pb2.ListDeadLettersRequest, context: Context
    ) -> operations_pb2.ListDeadLettersResponse:
        _operator()
        letters, token = await self._letters.page(Paging.of(request, datetime, str))
        return operations_pb2.ListDeadLettersResponse(
            dead_letters=map(_letter, letters), next_page_token=token
        )

    async def ReplayDeadLetters(
        self, request: operations_pb2.ReplayDeadLettersRequest, context: Context
    ) -> operations_pb2.ReplayDeadLettersResponse:
        actor = _operator()
        applied, remaining = await recovery.replay(
            self._consumer(request.consumer), request.aggregate_id, by=actor.name
        )
        return operations_pb2.ReplayDeadLettersResponse(applied=applied, remaining=remaining)

    async def DiscardDeadLetter(
        self, request: operations_pb2.DiscardDeadLetterRequest, context: Context
    ) -> operations_pb2.DiscardDeadLetterResponse:
        actor = _operator()
        reason = check_reason(request.reason)
        letter = await self._letters.get(request.dead_letter_id)
        applied, remaining = await recovery.discard(
            self._consumer(letter.consumer), letter, by=actor.name, reason=reason
        )
        return operations_pb2.DiscardDeadLetterResponse(applied=applied, remaining=remaining)

    async def Rebuild(
        self, request: operations_pb2.RebuildRequest, context: Context
    ) -> operations_pb2.RebuildResponse:
        _operator()
        request_id = check_request_id(request.request_id)
        begun = await self._projections().request(request_id)
        return operations_pb2.RebuildResponse(rebuild=_status(begun))

    async def GetRebuild(
        self, request: operations_pb2.GetRebuildRequest, context: Context
    ) -> operations_pb2.GetRebuildResponse:
        _operator()
        status = await self._projections().status()
        return operations_pb2.GetRebuildResponse(rebuild=_status(status))

    async def Reconcile(
        self, request: operations_pb2.ReconcileRequest, context: Context
    ) -> operations_pb2.ReconcileResponse:
        _operator()
        heard = 0
        for consumer in self._consumers.values():
            heard += await recovery.reconcile(consumer, self._event_log(consumer.producer))
        return operations_pb2.ReconcileResponse(events_heard=heard)

    async def RewindConsumer(
        self, request: operations_pb2.RewindConsumerRequest, context: Context
    ) -> operations_pb2.RewindConsumerResponse:
        _operator()
        consumer = self._consumer(request.consumer)
        try:
            start = request.start_time.ToDatetime(UTC) if request.HasField("start_time") else None
        except (ValueError, OverflowError):
            start = None
        if start is None:
            raise FieldInvalidError("start_time must be given", field="start_time")
        await consumer.rewind(start)
        return operations_pb2.RewindConsumerResponse()

    def _consumer(self, name: str) -> Consumer:
        if name not in self._consumers:
            raise ConsumerNotFoundError(field="consumer")
        return self._consumers[name]

    def _projections(self) -> rebuilds.Rebuild:
        if self._rebuild is None:
            raise rebuilds.NothingToRebuildError
        return self._rebuild


def _operator() -> Actor:
    actor = require_actor()
    actor.require_operator()
    return actor


def _letter(letter: DeadLetter) -> operations_pb2.DeadLetter:
    event = letter.event
    converted = operations_pb2.DeadLetter(
        id=letter.id,
        consumer=letter.consumer,
        community_id=event.community_id,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        seq=event.seq,
        type=event.type,
        reason=letter.reason,
        deliveries=letter.deliveries,
    )
    converted.first_time.FromDatetime(letter.first_time)
    return converted


def _status(seen: Generation) -> operations_pb2.RebuildStatus:
    status = operations_pb2.RebuildStatus(
        state=_STATES.get(seen.state, operations_pb2.REBUILD_STATE_UNSPECIFIED),
        generation=seen.building or seen.current,
        events_applied=seen.events,
        error=seen.error,
    )
    if seen.start_time is not None:
        status.start_time.FromDatetime(seen.start_time)
    if seen.end_time is not None:
        status.end_time.FromDatetime(seen.end_time)
    return status
