"""Rebuilds: projections made anew from the producers' logs beside the live ones, then switched.

Nothing is lost between the two: from the moment a generation is being made, consumers write every
projection to it too, and what they had heard before that moment is in the log when the walk begins.
Projections are made from what their owners say now, so order and repetition do not matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from chassis import telemetry
from chassis.consumers.decoding import Decoder, is_outage, is_permanent, reason_of
from chassis.domain_events import Projection, ProjectionTarget, Subscription
from chassis.errors import FailedPreconditionError
from chassis.generations import Generation, Generations
from chassis.leases import Leases
from chassis.mongo import Database
from chassis.outbox import PARTITIONS
from guildhall.chassis.v1 import event_log_pb2
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

if TYPE_CHECKING:
    from chassis.consumers.healing import EventLog

KEEP = timedelta(hours=24)  # an old generation may be switched back to by hand
_PARALLEL = 4
_PAGE = 200
_ATTEMPTS = 12
_MEMORY = 50_000  # projections remembered, so that each is made once
_END = "end"

T = TypeVar("T")

_log = logging.getLogger(__name__)


class RebuildRunningError(FailedPreconditionError):
    """A rebuild is under way."""


class NothingToRebuildError(FailedPreconditionError):
    """This service has no projections."""


class _UnwantedError(Exception):
    """Somebody has given this rebuild up."""


class Rebuild:
    """The rebuilds of one service; every replica runs it, one works."""

    def __init__(
        self,
        database: Database,
        target: ProjectionTarget,
        subscriptions: Sequence[Subscription],
        *,
        event_log: EventLog,
        leases: Leases,
        keep: timedelta = KEEP,
        poll: float = 2.0,
    ) -> None:
        self._generations = Generations(database)
        self._target = target
        self._subscriptions = [one for one in subscriptions if one.project is not None]
        self._event_log = event_log
        self._leases = leases
        self._keep = keep
        self._poll = poll
        self._awake = asyncio.Event()

    async def request(self, request_id: str = "") -> Generation:
        """Begin one; whichever replica holds the lease does it. Refuses with REBUILD_RUNNING.

        The same request id again begins none and tells of the one it began, while that is the last.
        """
        begun = await self._generations.begin(request_id)
        if begun is None:
            raise RebuildRunningError
        self._awake.set()
        return begun

    async def status(self) -> Generation:
        """How far the last one is."""
        return await self._generations.get()

    async def run(self) -> None:
        """Work on what was requested until cancelled; after a crash it goes on from there."""
        while True:
            try:
                await self._turn()
            except Exception as error:  # the next turn goes on from what is stored
                _log.warning("rebuild: %s", telemetry.describe(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._awake.wait()
            self._awake.clear()

    async def _turn(self) -> None:
        seen = await self._generations.get()
        due = [number for number, at in seen.retired if datetime.now(UTC) - at > self._keep]
        if not seen.building and not due:
            return
        async with self._leases.try_hold("rebuild") as ours:
            if not ours:
                return
            for number in due:
                await self._target.drop(number)
                await self._generations.forget(number)
            if seen.building:
                await self._build(seen.building)

    async def _build(self, building: int) -> None:
        _log.info("rebuild of generation %d", building)
        try:
            await _patiently(lambda: self._target.prepare(building))
            progress = await _patiently(lambda: self._generations.progress(building))
            room = asyncio.Semaphore(_PARALLEL)
            async with asyncio.TaskGroup() as group:
                for subscription in self._subscriptions:
                    for partition in range(PARTITIONS):
                        part = f"{subscription.producer}:{partition}"
                        token = progress.get(part, "")
                        group.create_task(
                            self._walk(room, subscription, partition, building, token)
                        )
            # The alias first: a crash between the two switches it once more.
            await _patiently(lambda: self._target.switch(building))
            if not await _patiently(lambda: self._generations.flip(building)):
                seen = await _patiently(self._generations.get)
                await _patiently(lambda: self._target.switch(seen.current))
                raise _UnwantedError
            _log.info("generation %d is live", building)
        except* _UnwantedError:
            _log.warning("generation %d was given up", building)
        except* Exception as errors:
            error = _first(errors)
            _log.error("rebuild of generation %d failed: %s", building, telemetry.describe(error))
            await _patiently(lambda: self._generations.fail(building, reason_of(error)))

    async def _walk(
        self,
        room: asyncio.Semaphore,
        subscription: Subscription,
        partition: int,
        building: int,
        token: str,
    ) -> None:
        """One partition of one producer's log, from where it was left."""
        async with room:
            await self._walk_on(subscription, partition, building, token)

    async def _walk_on(
        self, subscription: Subscription, partition: int, building: int, token: str
    ) -> None:
        log = self._event_log(subscription.producer)
        decoder = Decoder(subscription)
        project = subscription.project
        done: set[Projection] = set()
        while token != _END and project is not None:
            request = event_log_pb2.ReadEventsRequest(
                partition=partition,
                page_size=_PAGE,
                page_token=token,
                aggregate_types=subscription.aggregate_types,
            )
            page = await _patiently(lambda: log.ReadEvents(request, timeout=10))  # noqa: B023
            wanted: dict[Projection, None] = {}
            for event in page.events:
                wanted |= dict.fromkeys(await _projections(decoder, event))
            # Made once after the walk began it is right: later changes come over the consumers.
            new = [projection for projection in wanted if projection not in done]
            if new:
                await _patiently(lambda: project(building, new))  # noqa: B023
            done = done.union(new) if len(done) < _MEMORY else set(new)
            token = page.next_page_token or _END
            part = f"{subscription.producer}:{partition}"
            count = len(page.events)
            if not await _patiently(
                lambda: self._generations.advance(building, part, token, count)  # noqa: B023
            ):
                raise _UnwantedError


async def _projections(decoder: Decoder, event: StoredEvent) -> list[Projection]:
    """Of one event; one that can never be handled is left out, as it is where it is parked."""
    try:
        consequences = await _patiently(lambda: decoder.consequences(event))
    except Exception as error:
        if not is_permanent(error):
            raise
        _log.warning("rebuild leaves out %s %s: %s", event.type, event.id, reason_of(error))
        return []
    return [one for one in consequences if isinstance(one, Projection)]


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Waits outages out, however long; tries a dozen times where something else fails."""
    attempt = 0
    while True:
        try:
            return await ask()
        except Exception as error:
            if not is_outage(error):
                attempt += 1
                if is_permanent(error) or attempt >= _ATTEMPTS:
                    raise
            await asyncio.sleep(min(0.1 * 2**attempt, 30.0))


def _first(group: BaseExceptionGroup[BaseException]) -> Exception:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
        if isinstance(error, Exception):
            return error
    raise AssertionError
