"""The relay: brings the outbox onto the bus, in order, and again where the stream forgot.

Every replica runs one; leases on 16 partitions keep them from doing the same work twice. That two
do it all the same is harmless: consumers apply each seq once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from nats.js import api
from nats.js.errors import NoStreamResponseError, NotFoundError
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis import telemetry
from chassis.decisions import Document
from chassis.ending import end
from chassis.leases import OBSERVATION, Leases
from chassis.messaging import OUTAGES, Bus, stream_name
from chassis.mongo import Database
from chassis.outbox import ASIDE, COLLECTION, PARTITIONS, PENDING, PUBLISHED
from chassis.publishing import FEW, Publishing

POLL = 0.5  # seconds without a wake-up until it looks
CHECK_EVERY = 10.0  # seconds between looks at the stream
_MOST = 1000  # rows read at once
_PAGE = 200  # rows of each partition, where there are more
_TOGETHER = 256  # rows the stream takes at once
_BYTES_TOGETHER = 1 << 20
_IN_FLIGHT = 64
_META = "stream"

_log = logging.getLogger(__name__)


class OutboxRelay:
    """Publishes one service's pending rows until it is cancelled."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        service: str,
        *,
        observation: float = OBSERVATION,
        poll: float = POLL,
        check_every: float = CHECK_EVERY,
        pace: float = 0.0,
    ) -> None:
        """`pace`: seconds from one pass's beginning to the next one's, if there is no backlog."""
        self._rows = database[COLLECTION]
        self._meta = database.relay_meta
        self._bus = bus
        self._service = service
        self._stream = stream_name(service)
        self._publishing = Publishing(bus, service)
        self._batches = False  # the stream takes rows together
        self._marking: set[str] = set()
        self._marker: asyncio.Task[None] | None = None
        self._leases = Leases(database, "relay_leases", observation=observation)
        self._poll = poll
        self._pace = pace
        self._check_every = check_every
        self._awake = asyncio.Event()
        self._said_here = False  # rows were committed by this process since the last pass
        self._checked = (0, 0.0)  # the connection and the time of the last look at the stream

    def wake(self) -> None:
        """Something was committed here: publish it now, or tell the replica that will."""
        self._said_here = True
        self._awake.set()

    async def run(self) -> None:
        """Publish until cancelled; then let other replicas go on at once."""
        tasks = [
            asyncio.create_task(self._keep_leases()),
            asyncio.create_task(self._publish_for_ever()),
            asyncio.create_task(self._hear_nudges()),
            asyncio.create_task(self._measure()),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await end(tasks)
            await self._marked()
            with contextlib.suppress(PyMongoError):
                await self._leases.release(*range(PARTITIONS))

    @property
    def _nudge(self) -> str:
        return f"nudge.{self._service}"

    async def _hear_nudges(self) -> None:
        await self._bus.until_connected()
        await self._bus.on_nudge(self._nudge, self._awake.set)

    async def _keep_leases(self) -> None:
        while True:
            before = self._owned()
            try:
                await self._leases.keep(range(PARTITIONS))
            except PyMongoError as error:
                _log.warning("relay leases: %s", type(error).__name__)
            if self._owned() != before:
                self._awake.set()
            await asyncio.sleep(self._leases.observation / 4)

    def _owned(self) -> list[int]:
        return [p for p in range(PARTITIONS) if self._leases.holds(p)]

    async def _publish_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._awake.wait()
            self._awake.clear()
            began = time.monotonic()
            try:
                await self._nudge_others()
                while self._bus.connected and await self._pass():
                    pass
                await asyncio.sleep(max(began + self._pace - time.monotonic(), 0))
            except NoStreamResponseError:
                self._checked = (0, 0.0)  # the stream is gone: look at it before the next pass
                await asyncio.sleep(self._poll)
            except (PyMongoError, *OUTAGES) as error:
                _log.warning("relay: %s", type(error).__name__)
                await asyncio.sleep(self._poll)
            except Exception as error:  # a bug must not end what every command waits for
                _log.error("relay: %s", telemetry.describe(error))
                await asyncio.sleep(self._poll)

    async def _nudge_others(self) -> None:
        if self._said_here and len(self._owned()) < PARTITIONS:
            await self._bus.nudge(self._nudge)
        self._said_here = False

    async def _pass(self) -> bool:
        """Publish what is pending now; says whether there may be more."""
        epoch, at = self._checked
        if epoch != self._bus.epoch or time.monotonic() - at > self._check_every:
            await self._check_stream()
        owned = self._owned()
        if not owned:
            return False
        # What was being marked when the reading began may still be read as pending.
        marking = set(self._marking)
        most = _MOST + len(marking)
        rows = await self._pending(owned, most)
        more = len(rows) >= most
        if more:  # a backlog: every partition gets its turn
            most = _PAGE + len(marking)
            pages = await asyncio.gather(*(self._pending([p], most) for p in owned))
            rows = [row for page in pages for row in page]
        return await self._publish([row for row in rows if row["_id"] not in marking]) and more

    async def _pending(self, partitions: list[int], most: int) -> list[Document]:
        query = {"p": {"$in": partitions}, "st": PENDING}
        return (
            await self._rows.find(query)
            .sort([("p", 1), ("agg", 1), ("seq", 1)])
            .limit(most)
            .batch_size(most)  # in one answer
            .to_list()
        )

    async def _publish(self, rows: Iterable[Document]) -> bool:
        """All of them, each behind its aggregate's earlier ones.

        Says whether all went well; an aggregate that failed drops out until the next pass.
        """
        failed: set[str] = set()
        in_order = list(_in_waves(rows))
        for first in range(0, len(in_order), _TOGETHER):
            some = [row for row in in_order[first : first + _TOGETHER] if row["agg"] not in failed]
            failed.update(row["agg"] for row in some if not self._leases.holds(row["p"]))
            some = [row for row in some if row["agg"] not in failed]
            if not await self._publish_together(some):
                await self._publish_singly(some, failed)
        return not failed

    async def _publish_together(self, rows: Sequence[Document]) -> bool:
        """Whether the stream took all; where not it took none, unless it is away."""
        size = sum(len(row["data"]) for row in rows)
        if not self._batches or len(rows) <= FEW or size > _BYTES_TOGETHER:
            return False
        sequences = await self._publishing.together(rows)
        if sequences is None:
            return False
        await self._mark(list(zip(rows, sequences, strict=True)))
        return True

    async def _publish_singly(self, rows: Iterable[Document], failed: set[str]) -> None:
        """The k-th event of each aggregate after its predecessor was acknowledged."""
        queues: dict[str, deque[Document]] = {}
        for row in rows:
            queues.setdefault(row["agg"], deque()).append(row)
        acked: list[tuple[Document, int]] = []
        try:
            while queues:
                wave = [queue.popleft() for queue in queues.values()]
                for chunk in range(0, len(wave), _IN_FLIGHT):
                    sent = wave[chunk : chunk + _IN_FLIGHT]
                    results = await asyncio.gather(*(self._publish_one(row) for row in sent))
                    for row, sequence in zip(sent, results, strict=True):
                        if sequence is None:
                            failed.add(row["agg"])
                            del queues[row["agg"]]
                        elif not sequence:
                            await self._put_aside(row)
                        else:
                            acked.append((row, sequence))
                queues = {aggregate: queue for aggregate, queue in queues.items() if queue}
        finally:
            await self._mark(acked)

    async def _publish_one(self, row: Document) -> int | None:
        """The stream's sequence of the row; None where it was not taken, 0: it never will be."""
        if not self._leases.holds(row["p"]):
            return None
        try:
            return await self._publishing.one(row)
        except NoStreamResponseError:
            self._checked = (0, 0.0)  # no such stream: look at it before the next pass
            return None

    async def _put_aside(self, row: Document) -> None:
        """It would be refused for ever, and hold up all behind it: consumers find it in the log."""
        _log.error("%s, %d of %s, is too large for the bus", row["type"], row["seq"], row["agg"])
        telemetry.OUTBOX_ASIDE.inc()
        aside = {"_id": row["_id"], "st": PENDING}
        await self._rows.update_one(aside, {"$set": {"st": ASIDE}})

    async def _mark(self, acked: Sequence[tuple[Document, int]]) -> None:
        """What is on the bus, while the next is read and published; one marking at a time.

        A crash before it publishes again, under the same message ids.
        """
        if not acked:
            return
        await self._marked()
        self._marking = {row["_id"] for row, _ in acked}
        self._marker = asyncio.create_task(self._mark_now(acked))

    async def _mark_now(self, acked: Sequence[tuple[Document, int]]) -> None:
        """By one update a generation, whatever the rows: one a row costs the store five times."""
        ids = [row["_id"] for row, _ in acked]
        place = {"$indexOfArray": [{"$literal": ids}, "$_id"]}
        sequence = {"$arrayElemAt": [{"$literal": [number for _, number in acked]}, place]}
        try:
            for generation in {row.get("gen") for row, _ in acked}:
                await self._rows.update_many(
                    {"_id": {"$in": ids}, "st": PENDING, "gen": generation},
                    [{"$set": {"st": PUBLISHED, "sseq": sequence}}],
                )
        except Exception as error:  # the next pass finds them pending
            _log.warning("not marked: %s", telemetry.describe(error))
        finally:
            self._marking = set()

    async def _marked(self) -> None:
        if self._marker is not None:
            await asyncio.wait([self._marker])  # and leave it alone, should this be cancelled

    async def _check_stream(self) -> None:
        """Is the stream the one we know, and as far as the outbox says? Else publish again.

        A crash half-way is finished by the next look: what to do is stored before it is begun.
        """
        epoch = self._bus.epoch
        # Read before the stream's state: a healthy stream is then never behind it.
        last = await self._rows.find_one({"sseq": {"$exists": True}}, sort=[("sseq", -1)])
        info = await self._bus.ensure_stream(self._service)
        self._batches = bool(info.config.allow_atomic)
        created = str(info.created)
        known = await self._meta.find_one({"_id": _META})
        if known is None:
            known = {"_id": _META, "created": created, "gen": 0}
            with contextlib.suppress(DuplicateKeyError):
                await self._meta.insert_one(dict(known))
        base = await self._surviving(known, created, last, info.state)
        if base is not None and "redo_above" not in known:
            _log.error("stream %s is behind the outbox: publishing again", self._stream)
            telemetry.STREAM_REGRESSIONS.inc()
            begun = {"created": created, "gen": known["gen"] + 1, "redo_above": base}
            result = await self._meta.update_one(known, {"$set": begun})
            if not result.matched_count:
                return  # another replica sees to it; look again at the next pass
            known = {"_id": _META, **begun}
        if "redo_above" in known:
            await self._publish_again(known["redo_above"], known["gen"])
            await self._meta.update_one(known, {"$unset": {"redo_above": 1}})
        self._checked = (epoch, time.monotonic())

    async def _surviving(
        self, known: Document, created: str, last: Document | None, state: api.StreamState
    ) -> int | None:
        """The last stream sequence that can be relied on; None: all of them."""
        if known["created"] != created:
            return 0
        if last is None or last["sseq"] < state.first_seq:
            return None
        if last["sseq"] > state.last_seq:
            return state.last_seq
        # Restored and written to since: the tail's place holds something else.
        try:
            message = await self._bus.js.get_msg(self._stream, last["sseq"], direct=True)
        except NotFoundError:
            return None
        there = (message.headers or {}).get("Nats-Msg-Id", "")
        return None if there.partition(":")[0] == last["_id"] else 0

    async def _publish_again(self, base: int, generation: int) -> None:
        """Make rows pending, oldest first; ids with the generation pass the stream's dedupe."""
        lost = {"sseq": {"$gt": base}, "gen": {"$ne": generation}}
        while True:
            some = await self._rows.find(lost, {"_id": 1}).sort("sseq", 1).limit(2000).to_list()
            if not some:
                return
            await self._rows.update_many(
                {"_id": {"$in": [row["_id"] for row in some]}},
                {"$set": {"st": PENDING, "gen": generation}, "$unset": {"sseq": 1}},
            )

    async def _measure(self) -> None:
        while True:
            with contextlib.suppress(PyMongoError):
                cursor = await self._rows.aggregate(
                    [
                        {"$match": {"st": PENDING}},
                        {"$group": {"_id": None, "rows": {"$sum": 1}, "at": {"$min": "$at"}}},
                    ],
                    hint="pending",
                )
                found = await cursor.to_list()
                age = (datetime.now(UTC) - found[0]["at"]).total_seconds() if found else 0.0
                telemetry.OUTBOX_PENDING.set(found[0]["rows"] if found else 0)
                telemetry.OUTBOX_OLDEST_SECONDS.set(max(age, 0.0))
            await asyncio.sleep(self._check_every)


def _in_waves(rows: Iterable[Document]) -> Iterator[Document]:
    """First the first of each aggregate, then the second: none waits behind another's many."""
    queues: dict[str, deque[Document]] = {}
    for row in rows:
        queues.setdefault(row["agg"], deque()).append(row)
    while queues:
        yield from [queue.popleft() for queue in queues.values()]
        queues = {aggregate: queue for aggregate, queue in queues.items() if queue}
