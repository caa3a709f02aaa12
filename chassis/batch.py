"""One transaction being collected: decisions on fresh state, in order, then stored together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern
from uuid_utils import uuid7

from chassis import moment, outbox
from chassis.changes import Change, as_one
from chassis.decisions import (
    Aggregates,
    Decide,
    Document,
    Operation,
    Other,
    Parts,
    Ref,
    Seen,
    Write,
)
from chassis.errors import DomainError, OutcomeUnknownError
from chassis.moment import Moment
from chassis.mongo import Database

S = TypeVar("S")
A = TypeVar("A", bound=Message)
Place = tuple[str, str, str]  # collection, community, id

_RECORDS = {"commands", outbox.COLLECTION}
_WRITE_CONFLICT, _DUPLICATE_KEY, _NO_SUCH_TRANSACTION = 112, 11000, 251


class Conflict(Exception):  # noqa: N818 - not an error but a reason to read and decide again
    """Someone else changed what was decided on, or used a key meanwhile.

    `refusal` is what a unique index stands for, should the conflict stay.
    """

    def __init__(self, refusal: DomainError | None = None) -> None:
        super().__init__()
        self.refusal = refusal


@dataclass(slots=True)
class _Root:
    """An aggregate's way through the batch."""

    aggregates: Aggregates[Any]
    state: Any
    seq: int
    stored_seq: int  # 0: it is new


@dataclass(slots=True)
class _Part:
    """A part's way through the batch."""

    parts: Parts[Any]
    state: Any
    stored: bool
    seq: int = 0  # of its last change in this batch; 0: unchanged


class Batch:
    """Load, decide, commit; used once. Whoever gets Conflict makes a new one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._roots: dict[Place, _Root] = {}
        self._parts: dict[Place, _Part] = {}
        self._stood_on: set[Place] = set()
        self._outbox: list[Document] = []
        self._guarded: dict[str, list[Operation]] = defaultdict(list)
        self._expected: dict[str, int] = defaultdict(int)  # documents that those are about
        self._free: dict[str, list[Operation]] = defaultdict(list)

    @property
    def empty(self) -> bool:
        """Nothing to store."""
        return not (self._guarded or self._free or self._outbox)

    @property
    def event_count(self) -> int:
        """How many domain events it says so far."""
        return len(self._outbox)

    async def load(self, refs: Iterable[Ref[Any]]) -> None:
        """Read aggregates and parts, those not read yet: one query a collection and community."""
        ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        for ref in (one for wanted in refs for one in (wanted, *wanted.others)):
            if ref.place not in self._roots:
                self._roots[ref.place] = _Root(ref.aggregates, None, 0, 0)
                ids[ref.place[:2]].add(ref.id)
            for part in ref.parts:
                if part.place not in self._parts:
                    self._parts[part.place] = _Part(part.parts, None, False)
                    ids[part.place[:2]].add(part.id)
        await asyncio.gather(*(self._read(*where, wanted) for where, wanted in ids.items()))

    async def _read(self, collection: str, community_id: str, ids: set[str]) -> None:
        query = {"community_id": community_id, "_id": {"$in": list(ids)}}
        async for document in self._database[collection].find(query):
            place = (collection, community_id, document["_id"])
            if (root := self._roots.get(place)) is not None:
                root.state = root.aggregates.load(document)
                root.seq = root.stored_seq = document["seq"]
            else:
                part = self._parts[place]
                part.state, part.stored = part.parts.load(document), True

    def decide(
        self,
        ref: Ref[S],
        decide: Decide[S, A],
        *,
        actor: str,
        cause: str,
        trace_parent: str = "",
    ) -> A:
        """Decide on the state its predecessors left. A DomainError leaves the batch as it was."""
        root = self._roots[ref.place]
        now = Moment(moment.now(), _new_id)
        refs = (ref, *ref.others)
        loaded = {p.place: self._parts[p.place].state for one in refs for p in one.parts}
        others = {other.place: self._roots[other.place].state for other in ref.others}
        decision = decide(Seen(root.state, root.seq, now, loaded, others))
        seq = root.seq + len(decision.events)
        answer = decision.answer(seq)
        if not decision.events:
            changes = decision.parts or decision.writes or decision.others
            if changes or decision.state != root.state:
                raise AssertionError("a change says at least one domain event")
            return answer
        if not all(self._roots[one.place].seq for one in decision.stands_on):
            raise AssertionError("a decision stands on what is there")
        self._stood_on.update(one.place for one in decision.stands_on)
        for to in (Other(ref, decision.state, decision.events), *decision.others):
            changed = self._roots[to.ref.place]
            if not to.events:
                raise AssertionError("a change says at least one domain event")
            self._outbox.extend(
                outbox.row(
                    event=event,
                    community_id=to.ref.community_id,
                    aggregate_type=to.ref.aggregates.kind,
                    aggregate_id=to.ref.id,
                    seq=changed.seq + step,
                    actor=actor,
                    cause=cause,
                    trace_parent=trace_parent,
                    time=now.time,
                )
                for step, event in enumerate(to.events, 1)
            )
            changed.state, changed.seq = to.state, changed.seq + len(to.events)
        for change in decision.parts:
            part = self._parts.setdefault(change.ref.place, _Part(change.ref.parts, None, False))
            part.state, part.seq = change.part, seq
        for write in decision.writes:
            self.write(write)
        return answer

    def write(self, write: Write) -> None:
        """A further operation, whatever it finds."""
        self._free[write.collection].append(write.operation)

    def guard(self, collection: str, operation: Operation) -> None:
        """A further operation that must insert or match exactly one document, else Conflict."""
        self._guarded[collection].append(operation)
        self._expected[collection] += 1

    def change(self, collection: str, where: Document, changes: Sequence[Change]) -> None:
        """Further changes, of documents that must still be what they were, else Conflict."""
        self._guarded[collection].extend(as_one(where, changes, self._database.codec_options))
        self._expected[collection] += len(changes)

    async def commit(self, deadline: float) -> None:
        """Store all of it in one transaction, majority and journal; `deadline` is monotonic.

        Raises Conflict (nothing stored), OutcomeUnknownError (nobody knows), PyMongoError.
        """
        self._collect()
        if not (self._guarded or self._free):
            return
        refusals = self._refusals()
        async with self._database.client.start_session(causal_consistency=False) as session:
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority", j=True),
                max_commit_time_ms=max(1, int((deadline - time.monotonic()) * 1000)),
            )
            try:
                await self._store(session)
                await _finish(session, deadline)
            except PyMongoError as error:
                await _abort(session)
                if (conflict := _conflict(error, refusals)) is not None:
                    raise conflict from None
                raise
            except BaseException:
                await _abort(session)
                raise

    def _collect(self) -> None:
        """Aggregates and parts, each once in its last state, as operations."""
        changes: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for (collection, community_id, id_), root in self._roots.items():
            if root.seq == root.stored_seq:
                continue
            key = {"_id": id_, "community_id": community_id}
            document = {**root.aggregates.dump(root.state), **key, "seq": root.seq}
            if root.stored_seq:
                change = Change(id_, root.stored_seq, document, whole=True)
                changes[collection, community_id].append(change)
            else:
                self.guard(collection, InsertOne(document))
        for (collection, community_id), some in changes.items():
            self.change(collection, {"community_id": community_id}, some)
        for place in self._stood_on:
            self._stand_on(place)
        for (collection, community_id, id_), part in self._parts.items():
            if not part.seq:
                continue
            key = {"_id": id_, "community_id": community_id}
            document = {**part.parts.dump(part.state), **key, "seq": part.seq}
            if part.stored:
                self.guard(collection, ReplaceOne(key, document))
            else:
                self.guard(collection, InsertOne(document))
        for row in self._outbox:
            self.guard(outbox.COLLECTION, InsertOne(row))

    def _stand_on(self, place: Place) -> None:
        """Guard what is not changed. It takes a write that is one: MongoDB leaves out what sets
        what is set, and then who changes it before the commit meets nobody.
        """
        root = self._roots[place]
        if root.seq != root.stored_seq:
            return  # changed in this batch, and guarded so
        collection, community_id, id_ = place
        here = {"_id": id_, "community_id": community_id, "seq": root.stored_seq}
        self.guard(collection, UpdateOne(here, {"$inc": {"stood_on": 1}}))

    async def _store(self, session: AsyncClientSession) -> None:
        # Aggregates first: replicas meet there, and who loses has done nothing else in vain.
        for collection in sorted(self._guarded, key=lambda name: (name in _RECORDS, name)):
            operations = self._guarded[collection]
            result = await self._database[collection].bulk_write(
                operations, ordered=True, session=session
            )
            if result.inserted_count + result.matched_count != self._expected[collection]:
                raise Conflict
        for collection in sorted(self._free):
            await self._database[collection].bulk_write(
                self._free[collection], ordered=True, session=session
            )

    def _refusals(self) -> Mapping[str, Mapping[str, type[DomainError]]]:
        """For each collection: what its unique indexes stand for."""
        return {place[0]: root.aggregates.unique for place, root in self._roots.items()}


def _new_id() -> str:
    return uuid7().hex


async def _finish(session: AsyncClientSession, deadline: float) -> None:
    """Commit; repeat while the outcome is unknown, until the deadline and never beyond it."""
    while True:
        try:
            return await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
            if time.monotonic() > deadline:
                raise OutcomeUnknownError(retry_after=1.0) from None
            await asyncio.sleep(0.05)


async def _abort(session: AsyncClientSession) -> None:
    if session.in_transaction:
        # Where this fails the server ends it, after transactionLifetimeLimitSeconds.
        with contextlib.suppress(PyMongoError):
            await session.abort_transaction()


def _conflict(
    error: PyMongoError, refusals: Mapping[str, Mapping[str, type[DomainError]]]
) -> Conflict | None:
    """What to read and decide again for; None: something else is wrong."""
    if isinstance(error, BulkWriteError):
        for fault in error.details["writeErrors"]:
            if fault["code"] == _DUPLICATE_KEY:
                return Conflict(_refusal(str(fault["errmsg"]), refusals))
            if fault["code"] == _WRITE_CONFLICT:
                return Conflict()
        return None
    if error.has_error_label("TransientTransactionError") and isinstance(error, OperationFailure):
        return Conflict()
    if isinstance(error, OperationFailure) and error.code in (
        _WRITE_CONFLICT,
        _DUPLICATE_KEY,
        _NO_SUCH_TRANSACTION,
    ):
        return Conflict(_refusal(str(error), refusals))
    return None


def _refusal(
    message: str, refusals: Mapping[str, Mapping[str, type[DomainError]]]
) -> DomainError | None:
    for unique in refusals.values():
        for index, refusal in unique.items():
            if f"index: {index} dup key" in message:
                return refusal()
    return None
