"""One subscription under way: begun or resumed, told of changes one by one, until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import SpanKind

from chassis import rpc_client, telemetry
from chassis.actors import current_actor
from chassis.errors import (
    DomainError,
    FailedPreconditionError,
    PeerFailedError,
    ResourceExhaustedError,
    UnavailableError,
)
from chassis.ordered import Heard
from gateway import errors
from gateway.context import Caller, Context
from gateway.errors import Json
from gateway.execution.operations import EXECUTION_TIMEOUT, Answer, Operation
from gateway.subscriptions.event_ids import Place
from gateway.subscriptions.watches import Moment, Watch

if TYPE_CHECKING:
    from gateway.subscriptions.connection import Connection
    from gateway.subscriptions.feeds import Feed

MOST_PENDING = 64  # changes that wait for one subscription's reader
AT_ONCE = 16  # of them are read at once
PATIENCE = 30.0  # seconds the owner of what changed may be away until the subscription ends
DOUBT = 2.0  # the same where it is to say whether a wall has moved
FRESH = 1.0  # seconds that what was read may wait for the reader until it is read anew
_RETRY = 0.25


class ResumeNotPossibleError(FailedPreconditionError):
    """What was missed is not known any more: ask anew for all that is shown."""


class ConnectionEndedError(Exception):
    """The connection goes down with all its subscriptions, and says why itself."""


class Sink(Protocol):
    """Where one subscription's answers go; each call waits for the reader."""

    async def next(self, body: Json, event_id: str) -> None:
        """A change, or how things are at the beginning."""

    async def failed(self, failures: list[Json]) -> None:
        """The last word: it ended."""


class Subscriber:
    """One subscription of one connection."""

    def __init__(
        self,
        connection: Connection,
        operation: Operation,
        variables: dict[str, Any],
        operation_name: str,
        sink: Sink,
    ) -> None:
        self._connection = connection
        self._shared = connection.shared
        self._operation = operation
        self._variables = variables
        self._operation_name = operation_name
        self._sink = sink
        self._watch: Watch | None = None
        self._feed: Feed | None = None
        self._after = 0  # all up to this number of the stream was told, or seen at the beginning
        self._caught_up = 0  # likewise, but of walls: what was missed is heard once
        self._pending: dict[str, Heard] = {}
        self._doubtful = False  # a wall may have moved
        self._anew = False
        self._wake = asyncio.Event()

    async def run(self, last_event_id: str = "") -> None:
        """Until it ends by itself or is cancelled."""
        with contextlib.suppress(ConnectionEndedError):
            await self._run(last_event_id)

    async def _run(self, last_event_id: str) -> None:
        try:
            await self._begin(last_event_id)
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._tell()
        except ConnectionEndedError:
            raise
        except _RefusedError as refused:
            await self._sink.failed(refused.failures)
        except PeerFailedError as error:
            await self._sink.failed([errors.masked(error, errors.trace_id_of())])
        except DomainError as error:
            told = {"message": errors.told(error), "extensions": errors.refusal(error)}
            await self._sink.failed([told])
        except Exception as error:
            await self._sink.failed([errors.masked(error, errors.trace_id_of())])
        finally:
            if self._watch is not None:
                self._watch.leave(self._shared, self)

    # -- told by others, who do not wait

    def heard(self, event: Heard) -> None:
        """A domain event of its subject, or one that may have moved a wall."""
        if self._watch is None or event.seq <= self._after:
            return
        if self._watch.is_wall(event):
            self.doubt()
        elif event.seq <= self._caught_up:
            return
        elif len(self._pending) < MOST_PENDING or self._watch.key(event) in self._pending:
            self._add(event)
            self._wake.set()
        else:
            self._connection.cut()

    def begun_anew(self) -> None:
        """Where it was in the stream means nothing any more."""
        self._anew = True
        self._wake.set()

    def doubt(self) -> None:
        """Ask the wall before anything else happens: rights or readers may have changed."""
        self._doubtful = True
        self._wake.set()

    def _add(self, event: Heard) -> None:
        assert self._watch is not None  # noqa: S101 - it is listened for one
        key = self._watch.key(event)
        self._pending.pop(key, None)  # in the order of the last event about each
        self._pending[key] = event

    # -- the beginning

    async def _begin(self, last_event_id: str) -> None:
        """Told is how things are; where it goes on, what was missed takes that place."""
        caller = await self._connection.caller()
        self._admit()
        moment = Moment(self._listen)
        answer = await self._execute(moment, caller)
        change = moment.change
        if self._watch is None or change is None or answer.body.get("data") is None:
            nothing = errors.request_error("Nothing is subscribed to.", errors.BAD_USER_INPUT)
            raise _RefusedError(answer.body.get("errors") or [nothing])
        if last_event_id:
            await self._resume(self._watch, caller, last_event_id)
        else:
            await self._next(answer, caller, self._after, change.seen)
            self._watch.seen = change.seen

    def _listen(self, watch: Watch) -> None:
        feed = self._shared.feeds[watch.service]
        feed.check()
        self._feed, self._watch, self._after = feed, watch, feed.position
        watch.listen(self._shared, self)

    async def _resume(self, watch: Watch, caller: Caller, last_event_id: str) -> None:
        feed = self._shared.feeds[watch.service]
        person_id = caller.actor.person_id
        place = self._shared.event_ids.open(person_id, watch.subject, last_event_id)
        if place is None or place.incarnation != feed.incarnation:
            raise ResumeNotPossibleError("this event is not known here: reload")
        missed = await watch.missed(self._shared, self, place.seq)
        if missed is None:
            raise ResumeNotPossibleError("what was said since then is not known any more: reload")
        live, self._pending = self._pending, {}
        self._after, watch.seen = place.seq, place.seen
        # In the stream's order: behind the last answer that came all is told when it goes on again.
        for event in sorted((*missed, *live.values()), key=lambda one: one.seq):
            if event.seq > place.seq:
                self._add(event)
        self._caught_up = missed[-1].seq if missed else 0
        if len(self._pending) > MOST_PENDING:
            raise ResumeNotPossibleError("more has changed than can be told one by one: reload")
        self._wake.set()

    # -- changes

    async def _tell(self) -> None:
        """All that waits; who does not answer is asked again for a while, and points come back."""
        since = time.monotonic()
        while self._pending or self._doubtful or self._anew:
            if self._anew:
                raise ResumeNotPossibleError("the stream of events began anew: reload")
            doubtful, self._doubtful = self._doubtful, False
            try:
                await self._tell_some(doubtful=doubtful)
            except (UnavailableError, ResourceExhaustedError):
                self._doubtful |= doubtful
                patience = DOUBT if self._doubtful else PATIENCE
                if time.monotonic() - since > patience:
                    raise
                await asyncio.sleep(_RETRY)
            else:
                since = time.monotonic()

    async def _tell_some(self, *, doubtful: bool) -> None:
        assert self._watch is not None  # noqa: S101 - it has begun
        watch = self._watch
        events = dict(list(self._pending.items())[:AT_ONCE])
        async with self._shared.turns:
            caller = await self._connection.caller()
            current_actor.set(caller.actor)
            rpc_client.deadline.set(time.monotonic() + EXECUTION_TIMEOUT)
            if doubtful:
                await watch.first(self._context(caller))
            changes = await watch.changes(self._context(caller), events) if events else []
        read = time.monotonic()
        for change in changes:
            if time.monotonic() - read > FRESH:
                return
            event = events[change.key]
            self._admit()
            answer = await self._execute(Moment(change=change), caller, event.trace_parent)
            await self._next(answer, caller, event.seq, change.seen)
            watch.seen = change.seen
            self._done(change.key, event)
        for key, event in events.items():
            self._done(key, event)

    def _done(self, key: str, event: Heard) -> None:
        if self._pending.get(key) is event:
            del self._pending[key]

    async def _next(self, answer: Answer, caller: Caller, seq: int, seen: str) -> None:
        assert self._watch is not None  # noqa: S101 - it has begun
        assert self._feed is not None  # noqa: S101
        place = Place(self._feed.incarnation, seq, seen)
        sealed = self._shared.event_ids.seal(caller.actor.person_id, self._watch.subject, place)
        body = {**answer.body, "extensions": {**answer.body["extensions"], "eventId": sealed}}
        await self._sink.next(body, sealed)

    # -- execution

    def _admit(self) -> None:
        cost = self._operation.price(self._variables).cost
        if cost <= self._shared.parts.operations.limits.cost:  # else it is refused without a point
            self._connection.admit(cost)

    async def _execute(self, moment: Moment, caller: Caller, trace_parent: str = "") -> Answer:
        current_actor.set(caller.actor)
        with telemetry.span(
            f"subscription {self._operation.name[:100]}".rstrip(),
            kind=SpanKind.CONSUMER,
            trace_parent=trace_parent,
        ) as span:
            async with self._shared.turns:
                return await self._shared.parts.operations.answer(
                    self._operation,
                    self._variables,
                    self._operation_name,
                    self._context(caller, moment),
                    errors.trace_id_of(span),
                )

    def _context(self, caller: Caller, moment: Moment | None = None) -> Context:
        parts = self._shared.parts
        return Context(
            services=parts.services,
            cursor_key=parts.cursor_key,
            caller=caller,
            sessions=parts.sessions,
            public_url=parts.site.public_url,
            portals=parts.portals,
            directory_cache=parts.directory_cache,
            rpc_budget=parts.operations.limits.rpcs,
            moment=moment,
        )


class _RefusedError(Exception):
    """The document's first execution gave errors."""

    def __init__(self, failures: list[Json]) -> None:
        super().__init__()
        self.failures = failures
