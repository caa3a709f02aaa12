"""Commands: what someone asks of one aggregate, decided on fresh state and stored atomically.

Commands that wait in this process share a transaction (reliability: group commit): a lane takes all
that waits, decides in order, stores once. A refusal leaves its command out and touches no other. An
aggregate that other replicas change at the same time leaves its lane and contends by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
import time
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from bson import Binary
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message
from opentelemetry.trace import Link
from pymongo import InsertOne
from pymongo.errors import PyMongoError

from chassis import telemetry
from chassis.actors import Actor
from chassis.batch import Batch, Conflict, Place
from chassis.decisions import Decide, Document, Ref
from chassis.ending import end
from chassis.errors import (
    DomainError,
    OutcomeUnknownError,
    RequestIdInvalidError,
    RequestIdReusedError,
    TooBusyError,
    UnavailableError,
)
from chassis.lanes import Lane
from chassis.mongo import Database, Index

S = TypeVar("S")
A = TypeVar("A", bound=Message)

COLLECTION = "commands"
INDEXES: Sequence[Index] = (
    # Idempotency records outlive any client's patience: 48 h.
    Index(COLLECTION, [("at", 1)], "expire", expire_after=172800),
)

BUDGET = 5.0  # seconds from asked to stored, whatever the caller's deadline
_GRACE = 0.5  # seconds more for the word of why it was not stored
_MOST = 64  # commands a transaction
_ROOM = 2000  # commands that may wait in a lane
_PAUSES = (0.004, 0.128)  # seconds, at most, after a first conflict and after any
_REQUEST_ID = re.compile(r"[!-~]{8,128}")
_NAMESPACE = uuid.UUID("8f3c0e5a-6f0b-4f57-9a51-6c3f0a3f7b11")

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    """One command in a lane."""

    key: str
    digest: bytes
    ref: Ref[Any]
    decide: Decide[Any, Any]
    actor: str
    trace_parent: str
    link: Link
    until: float
    done: asyncio.Future[Message] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def answer(self, message: Message) -> None:
        if not self.done.done():
            self.done.set_result(message)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # the caller may have gone: no warning then


class Commands:
    """Runs this process' commands; `committed` is called after each that says domain events."""

    def __init__(
        self,
        database: Database,
        *,
        lanes: int = 1,
        most: int = _MOST,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._committed = committed
        self._most = most
        self._queues: list[asyncio.Queue[_Waiting]] = [asyncio.Queue(_ROOM) for _ in range(lanes)]
        self._tasks = [asyncio.create_task(self._lane(queue)) for queue in self._queues]
        self._replaying = Lane(self._rows)
        self._contended: dict[Place, deque[_Waiting]] = {}
        self._contests: set[asyncio.Task[None]] = set()
        self._closing = False

    @staticmethod
    def new_id(actor: Actor, request: Message) -> str:
        """The id of what this request creates: the same whenever it is repeated."""
        community, request_id = _scope(request)
        return uuid.uuid5(_NAMESPACE, f"{community}:{actor.name}:{request_id}").hex

    async def replay(self, actor: Actor, request: Message) -> Message | None:
        """The stored answer of this very request; None where it was not run yet.

        For use cases that ask others before they decide: what is done is answered without them.
        """
        key, digest = _identify(actor, request)
        row = await self._replaying.ask(key)
        return None if row is None else _stored_answer(row, digest)

    async def run(self, actor: Actor, request: Message, target: Ref[S], decide: Decide[S, A]) -> A:
        """Decide and store; the same request_id and body give the first answer for 48 hours.

        The caller may go away: the command is finished or refused all the same. Refuses with
        REQUEST_ID_INVALID, REQUEST_ID_REUSED, TOO_BUSY, OUTCOME_UNKNOWN, UNAVAILABLE.
        """
        key, digest = _identify(actor, request)
        began = time.monotonic()
        name = type(request).__name__.removesuffix("Request")
        with telemetry.span(f"command {name}") as span:
            command = _Waiting(
                key,
                digest,
                target,
                decide,
                actor.name,
                telemetry.current_trace_parent(),
                Link(span.get_span_context()),
                began + BUDGET,
            )
            self._enqueue(command)
            try:
                answer = cast(A, await _answer(command))
            except DomainError as refusal:
                telemetry.COMMANDS.labels(refusal.reason()).inc()
                raise
        telemetry.COMMANDS.labels("OK").inc()
        telemetry.COMMAND_SECONDS.observe(time.monotonic() - began)
        return answer

    def _enqueue(self, command: _Waiting) -> None:
        lane = zlib.crc32(command.ref.id.encode()) % len(self._queues)
        if self._closing:
            raise UnavailableError("this replica is shutting down", retry_after=0.1)
        try:
            self._queues[lane].put_nowait(command)
        except asyncio.QueueFull:
            raise TooBusyError("too many commands are waiting", retry_after=1.0) from None

    async def close(self) -> None:
        """Take no more, finish what waits, stop."""
        self._closing = True
        await asyncio.gather(*(queue.join() for queue in self._queues))
        await asyncio.gather(*self._contests)
        await end(self._tasks)

    async def _lane(self, queue: asyncio.Queue[_Waiting]) -> None:
        while True:
            batch = [await queue.get()]
            while len(batch) < self._most and not queue.empty():
                batch.append(queue.get_nowait())
            try:
                await self._settle(batch)
            except Exception as error:  # the lane must live; everyone learns of it
                _log.error("commands failed: %s", telemetry.describe(error))
                for command in batch:
                    command.fail(_outage(error))
            finally:
                for _ in batch:
                    queue.task_done()

    async def _settle(self, batch: list[_Waiting]) -> None:
        batch = [command for command in batch if not self._contends(command)]
        for attempt in range(2):
            try:
                await self._commit(batch)
                return
            except Conflict:
                await _pause(attempt)
            except Exception:
                if len(batch) == 1:
                    raise
                for command in batch:  # one by one: a culprit fails alone
                    await self._alone(command)
                return
        for command in batch:
            self._contend(command)

    async def _alone(self, command: _Waiting) -> None:
        try:
            await self._commit([command])
        except Conflict:
            self._contend(command)
        except Exception as error:
            command.fail(_outage(error))

    def _contends(self, command: _Waiting) -> bool:
        """It has joined those that wait for a contended aggregate."""
        waiting = self._contended.get(command.ref.place)
        if waiting is None:
            return False
        if len(waiting) < _ROOM:
            waiting.append(command)
        else:
            command.fail(TooBusyError("too many commands are waiting", retry_after=1.0))
        return True

    def _contend(self, command: _Waiting) -> None:
        if command.done.done() or self._contends(command):
            return
        place = command.ref.place
        self._contended[place] = deque([command])
        contest = asyncio.create_task(self._contest(place))
        self._contests.add(contest)
        contest.add_done_callback(self._contests.discard)

    async def _contest(self, place: Place) -> None:
        """What waits for one aggregate, together, again and again until its time is over."""
        waiting = self._contended[place]
        attempt = singly = 0
        while waiting:
            most = 1 if singly else self._most
            batch = [waiting.popleft() for _ in range(min(most, len(waiting)))]
            refusal: BaseException | None = None
            try:
                await self._commit(batch)
                attempt, singly = 0, max(0, singly - len(batch))
                continue
            except Conflict as conflict:
                refusal = conflict.refusal
            except Exception as error:
                refusal = _outage(error)
            if refusal is None:
                waiting.extendleft(reversed(batch))
                await _pause(attempt)
                attempt += 1
            elif len(batch) == 1:
                batch[0].fail(refusal)
                singly = max(0, singly - 1)
            else:  # one by one: a culprit fails alone
                waiting.extendleft(reversed(batch))
                singly = len(batch)
        del self._contended[place]

    async def _commit(self, waiting: list[_Waiting]) -> None:
        """Read, decide in order, store, answer. Conflict: to be done again from the reading."""
        todo: list[_Waiting] = []
        later: list[_Waiting] = []
        keys: set[str] = set()
        for command in waiting:
            if command.done.done():
                continue
            if time.monotonic() > command.until:
                command.fail(TooBusyError("it could not be stored in time", retry_after=1.0))
            elif command.key in keys:
                later.append(command)  # its twin goes first
            else:
                keys.add(command.key)
                todo.append(command)
        if todo:
            await self._commit_distinct(todo)
        if later:
            await self._commit(later)

    async def _commit_distinct(self, todo: list[_Waiting]) -> None:
        first, *others = todo
        batch = Batch(self._database)
        answers: list[tuple[_Waiting, Message | DomainError]] = []
        with telemetry.tracer.start_as_current_span(
            "transaction",
            context=telemetry.context_of(first.trace_parent),
            links=[command.link for command in others],
        ) as span:
            _, rows = await asyncio.gather(
                batch.load(command.ref for command in todo),
                self._rows([command.key for command in todo]),
            )
            for command, row in zip(todo, rows, strict=True):
                answers.append((command, self._decide(batch, command, row)))
            if not batch.empty:
                span.set_attribute("guildhall.transaction.commands", len(todo))
                # The latest: one that is nearly out of time must not take its neighbours with it.
                await batch.commit(max(command.until for command in todo))
                telemetry.TRANSACTION_COMMANDS.observe(len(todo))
                if batch.event_count:
                    self._committed()
        for (
            command,
            answer,
        ) in answers:  # after the commit: a refusal may rest on a neighbour's change
            if isinstance(answer, DomainError):
                command.fail(answer)
            else:
                command.answer(answer)

    async def _rows(self, keys: Sequence[str]) -> list[Document | None]:
        rows = await self._database[COLLECTION].find({"_id": {"$in": list(keys)}}).to_list()
        found = {row["_id"]: row for row in rows}
        return [found.get(key) for key in keys]

    @staticmethod
    def _decide(batch: Batch, command: _Waiting, row: Document | None) -> Message | DomainError:
        try:
            if row is not None:
                return _stored_answer(row, command.digest)
            answer: Message = batch.decide(
                command.ref,
                command.decide,
                actor=command.actor,
                cause=command.key,
                trace_parent=command.trace_parent,
            )
        except DomainError as refusal:
            return refusal
        batch.guard(
            COLLECTION,
            InsertOne(
                {
                    "_id": command.key,
                    "community_id": command.ref.community_id,
                    "digest": Binary(command.digest),
                    "type": answer.DESCRIPTOR.full_name,
                    "answer": Binary(answer.SerializeToString()),
                    "agg": command.ref.id,
                    "at": datetime.now(UTC),
                }
            ),
        )
        return answer


async def _answer(command: _Waiting) -> Message:
    """Its own; when its time is over, that nobody knows: a younger neighbour may go on longer."""
    try:
        async with asyncio.timeout(command.until + _GRACE - time.monotonic()):
            return await asyncio.shield(command.done)
    except TimeoutError:
        raise OutcomeUnknownError(retry_after=1.0) from None


async def _pause(attempt: int) -> None:
    """Before the next attempt: exponential, with full jitter."""
    shortest, longest = _PAUSES
    await asyncio.sleep(random.uniform(0.001, min(shortest * 2**attempt, longest)))  # noqa: S311


def check_request_id(request_id: str) -> str:
    """Refuses with REQUEST_ID_INVALID."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise RequestIdInvalidError(
            "request_id must be 8 to 128 visible ASCII characters", field="request_id"
        )
    return request_id


def _scope(request: Message) -> tuple[str, str]:
    request_id = check_request_id(request.request_id)  # type: ignore[attr-defined]
    return getattr(request, "community_id", ""), request_id


def _identify(actor: Actor, request: Message) -> tuple[str, bytes]:
    """The idempotency key and the digest of method and body."""
    community, request_id = _scope(request)
    body = request.SerializeToString(deterministic=True)
    digest = hashlib.sha256(request.DESCRIPTOR.full_name.encode() + b"\0" + body).digest()
    return f"{community}:{actor.name}:{request_id}", digest


def _stored_answer(row: Document, digest: bytes) -> Message:
    if bytes(row["digest"]) != digest:
        raise RequestIdReusedError(field="request_id")
    descriptor = descriptor_pool.Default().FindMessageTypeByName(row["type"])
    answer: Message = message_factory.GetMessageClass(descriptor)()
    answer.ParseFromString(bytes(row["answer"]))
    return answer


def _outage(error: Exception) -> Exception:
    """What the caller learns: a store that cannot be reached is an outage, anything else a bug."""
    if isinstance(error, PyMongoError):
        return UnavailableError("the store cannot be reached", retry_after=1.0)
    return error
