"""What keeps the services' projections right, in GraphQL; for operators."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import strawberry

from gateway import staff_lists
from gateway.context import Info
from gateway.loaders import filled
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import DateTime, unset_is_null
from gateway.schema.staff_scalars import RebuildState, ServiceName
from gateway.schema.writes import request_id, write
from guildhall.chassis.v1 import operations_pb2

_What = strawberry.argument(description="What to do.")
_Service = Annotated[ServiceName, strawberry.argument(description="Whose.")]
_PATIENCE = 7.0  # seconds: a parked aggregate can have many letters; what is done stays done


@strawberry.type(description="A domain event that a service could not apply.")
class DeadLetter:
    """chassis.DeadLetter."""

    id: strawberry.ID = strawberry.field(description="Its id, unique in its service.")
    consumer: str = strawberry.field(description="Who could not apply it.")
    community_id: str = strawberry.field(description="Where it was said; the platform's own id.")
    aggregate_type: str = strawberry.field(description="What it is about.")
    aggregate_id: str = strawberry.field(description="About which one.")
    seq: int = strawberry.field(description="Its place among the domain events about that.")
    type: str = strawberry.field(description="What it says.")
    reason: str = strawberry.field(description="Why it could not be applied.")
    deliveries: int = strawberry.field(description="How often it was tried.")
    first_time: DateTime = strawberry.field(description="Since when it is here.")


@strawberry.type(description="How the last rebuild of a service's projections goes.")
class Rebuild:
    """chassis.RebuildStatus."""

    generation: int = strawberry.field(description="Which one; they are counted.")
    events_applied: int = strawberry.field(description="How many domain events it has read.")
    start_time: DateTime | None = strawberry.field(description="When it began.")
    end_time: DateTime | None = strawberry.field(description="When it ended.")

    @strawberry.field(description="How it goes; null where there was none.")
    def state(self) -> RebuildState | None:
        return unset_is_null(self, "state")

    @strawberry.field(description="Why it failed.")
    def error(self) -> str | None:
        return unset_is_null(self, "error")


@strawberry.input(description="Which dead letters to apply.")
class ReplayDeadLettersInput:
    """Of replayDeadLetters."""

    service: ServiceName = strawberry.field(description="Whose.")
    consumer: str = strawberry.field(description="The letter's consumer.")
    aggregate_id: str = strawberry.field(description="The letter's aggregate.")


@strawberry.type(description="How far it went.")
class ReplayDeadLettersPayload:
    """Of replayDeadLetters."""

    applied: int = strawberry.field(description="How many were applied.")
    remaining: int = strawberry.field(description="How many are left, from one that failed on.")


@strawberry.input(description="Which domain event to leave out for ever, and why.")
class DiscardDeadLetterInput:
    """Of discardDeadLetter."""

    service: ServiceName = strawberry.field(description="Whose.")
    dead_letter_id: strawberry.ID = strawberry.field(description="The letter's id.")
    reason: str = strawberry.field(description="Why.")


@strawberry.type(description="How far it went with those behind it.")
class DiscardDeadLetterPayload:
    """Of discardDeadLetter."""

    applied: int = strawberry.field(description="How many of those behind it were applied.")
    remaining: int = strawberry.field(description="How many are left, from one that failed on.")


@strawberry.input(description="Whose projections to build anew.")
class RebuildProjectionsInput:
    """Of rebuildProjections."""

    request_id: str = request_id()
    service: ServiceName = strawberry.field(description="Whose.")


@strawberry.type(description="The rebuild that began.")
class RebuildProjectionsPayload:
    """Of rebuildProjections."""

    rebuild: Rebuild = strawberry.field(description="How it goes.")


@strawberry.type
class OperationsQuery:
    """Root fields of operations."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Domain events that a service could not apply, oldest first. What they are "
        "about waits until they are replayed or discarded. For operators. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )
    async def dead_letters(
        self,
        info: Info,
        service: _Service,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[DeadLetter] | None:
        arguments = {"first": first, "after": after, "last": last, "before": before}
        page = await staff_lists.dead_letters(info.context, service.value, arguments)
        return await filled(info, page)

    @strawberry.field(
        description="How far a service's last rebuild is. For operators. "
        "Codes: NOTHING_TO_REBUILD, ROLE_REQUIRED."
    )
    async def rebuild(self, info: Info, service: _Service) -> Rebuild | None:
        context = info.context
        method = context.services.operations[service.value].GetRebuild
        response = await context.call(method, operations_pb2.GetRebuildRequest())
        return response.rebuild  # type: ignore[return-value]


@strawberry.type
class OperationsMutation:
    """Dead letters take no requestId: they create nothing, and say what a second time does."""

    @strawberry.mutation(
        description="Apply the dead letters about one thing in order; stops at the first that "
        "fails again. May run twice. For operators. "
        "Codes: DEAD_LETTER_NOT_FOUND, CONSUMER_NOT_FOUND, ROLE_REQUIRED, UNAVAILABLE."
    )
    async def replay_dead_letters(
        self, info: Info, input: Annotated[ReplayDeadLettersInput, _What]
    ) -> ReplayDeadLettersPayload:
        service = info.context.services.operations[input.service.value]
        request = operations_pb2.ReplayDeadLettersRequest(
            consumer=input.consumer, aggregate_id=input.aggregate_id
        )
        return await write(info, partial(service.ReplayDeadLetters, timeout=_PATIENCE), request)

    @strawberry.mutation(
        description="Leave the oldest dead letter about something out for ever, then apply those "
        "behind it. A second time it is not there any more. For operators. "
        "Codes: DEAD_LETTER_NOT_FOUND, DEAD_LETTER_NOT_OLDEST, CONSUMER_NOT_FOUND, "
        "REASON_REQUIRED, TEXT_INVALID, ROLE_REQUIRED, UNAVAILABLE."
    )
    async def discard_dead_letter(
        self, info: Info, input: Annotated[DiscardDeadLetterInput, _What]
    ) -> DiscardDeadLetterPayload:
        service = info.context.services.operations[input.service.value]
        request = operations_pb2.DiscardDeadLetterRequest(
            dead_letter_id=input.dead_letter_id, reason=input.reason
        )
        return await write(info, partial(service.DiscardDeadLetter, timeout=_PATIENCE), request)

    @strawberry.mutation(
        description="Build a service's projections anew from what was said, beside those in use, "
        "then switch; one at a time. Sent again it tells of the rebuild that it began. For "
        "operators. Codes: REBUILD_RUNNING, NOTHING_TO_REBUILD, ROLE_REQUIRED, REQUEST_ID_INVALID, "
        "BAD_USER_INPUT, UNAVAILABLE."
    )
    async def rebuild_projections(
        self, info: Info, input: Annotated[RebuildProjectionsInput, _What]
    ) -> RebuildProjectionsPayload:
        service = info.context.services.operations[input.service.value]
        request = operations_pb2.RebuildRequest(request_id=input.request_id)
        return await write(info, service.Rebuild, request)
