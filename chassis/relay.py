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
from collections.abc import Iterable
from datetime import UTC, datetime

from nats.errors import MaxPayloadError
from nats.js import api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError
from opentelemetry.trace import SpanKind
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis import telemetry
from chassis.decisions import Document
from chassis.leases import OBSERVATION, Leases
from chassis.messaging import OUTAGES, Bus, stream_name, to_message
from chassis.mongo import Database
from chassis.outbox import ASIDE, COLLECTION, PARTITIONS, PENDING, PUBLISHED, stored_event

POLL = 0.5  # seconds without a wake-up until it looks
CHECK_EVERY = 10.0  # seconds between looks at the stream
_PAGE = 200  # rows of a partition read at once
_IN_FLIGHT = 64
_ACK_TIMEOUT = 3.0
_META = "stream"
_TOO_LARGE = 10054  # the server's code for a message that exceeds the stream's limit

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
    ) -> None:
        self._rows = database[COLLECTION]
        self._meta = database.relay_meta
        self._bus = bus
        self._service = service
        self._stream = stream_name(service)
        self._leases = Leases(database, "relay_leases", observation=observation)
        self._poll = poll
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
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
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
            try:
                await self._nudge_others()
                while self._bus.connected and await self._pass():
                    pass
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
        rows = await self._pending(owned)
        more = len(rows) >= _PAGE
        if more:  # a backlog: every partition gets its turn
            pages = await asyncio.gather(*(self._pending([p]) for p in owned))
            rows = [row for page in pages for row in page]
        return await self._publish(rows) and more

    async def _pending(self, partitions: list[int]) -> list[Document]:
        query = {"p": {"$in": partitions}, "st": PENDING}
        return (
            await self._rows.find(query)
            .sort([("p", 1), ("agg", 1), ("seq", 1)])
            .limit(_PAGE)
            .to_list()
        )

    async def _publish(self, rows: Iterable[Document]) -> bool:
        """In waves: the k-th event of each aggregate after its predecessor was acknowledged.

        Says whether all went well; an aggregate that failed drops out until the next pass.
        """
        queues: dict[str, deque[Document]] = {}
        for row in rows:
            queues.setdefault(row["agg"], deque()).append(row)
        acked: list[tuple[Document, int]] = []
        failed = False
        try:
            while queues:
                wave = [queue.popleft() for queue in queues.values()]
                for chunk in range(0, len(wave), _IN_FLIGHT):
                    sent = wave[chunk : chunk + _IN_FLIGHT]
                    results = await asyncio.gather(*(self._send(row) for row in sent))
                    for row, sequence in zip(sent, results, strict=True):
                        if sequence is None:
                            failed = True
                            del queues[row["agg"]]
                        elif not sequence:
                            await self._put_aside(row)
                        else:
                            acked.append((row, sequence))
                if len(acked) >= _IN_FLIGHT:
                    await self._mark(acked)
                queues = {aggregate: queue for aggregate, queue in queues.items() if queue}
        finally:
            await self._mark(acked)
        return not failed

    async def _send(self, row: Document) -> int | None:
        """The stream's sequence of the row; None where it was not taken, 0: it never will be."""
        if not self._leases.holds(row["p"]):
            return None
        trace_parent = row["trace"]
        if not trace_parent:
            return await self._put(row)
        attributes = {"messaging.system": "nats", "messaging.message.id": row["_id"]}
        with telemetry.span(
            f"publish {row['type'].rpartition('.')[2]}",
            kind=SpanKind.PRODUCER,
            trace_parent=trace_parent,
            attributes=attributes,
        ):
            return await self._put(row)

    async def _put(self, row: Document) -> int | None:
        event = stored_event(row)
        if event.trace_parent:
            event.trace_parent = telemetry.current_trace_parent() or event.trace_parent
        subject, headers, data = to_message(self._service, event)
        again = f":r{row['gen']}" if row.get("gen") else ""
        headers["Nats-Msg-Id"] = f"{row['_id']}{again}"
        try:
            ack = await self._bus.js.publish(
                subject, data, timeout=_ACK_TIMEOUT, stream=self._stream, headers=headers
            )
        except NoStreamResponseError:
            self._checked = (0, 0.0)  # no such stream: look at it before the next pass
        except MaxPayloadError:
            return 0
        except OUTAGES as error:
            if isinstance(error, APIError) and error.err_code == _TOO_LARGE:
                return 0
            reason = error.description if isinstance(error, APIError) else ""
            _log.warning("not published: %s %s", type(error).__name__, reason)
        else:
            return ack.seq
        return None

    async def _put_aside(self, row: Document) -> None:
        """It would be refused for ever, and hold up all behind it: consumers find it in the log."""
        _log.error("%s, %d of %s, is too large for the bus", row["type"], row["seq"], row["agg"])
        telemetry.OUTBOX_ASIDE.inc()
        aside = {"_id": row["_id"], "st": PENDING}
        await self._rows.update_one(aside, {"$set": {"st": ASIDE}})

    async def _mark(self, acked: list[tuple[Document, int]]) -> None:
        """What is on the bus; a crash before it publishes again, under the same message id."""
        if acked:
            await self._rows.bulk_write(
                [
                    UpdateOne(
                        {"_id": row["_id"], "st": PENDING, "gen": row.get("gen")},
                        {"$set": {"st": PUBLISHED, "sseq": sequence}},
                    )
                    for row, sequence in acked
                ],
                ordered=False,
            )
            acked.clear()

    async def _check_stream(self) -> None:
        """Is the stream the one we know, and as far as the outbox says? Else publish again.

        A crash half-way is finished by the next look: what to do is stored before it is begun.
        """
        epoch = self._bus.epoch
        # Read before the stream's state: a healthy stream is then never behind it.
        last = await self._rows.find_one({"sseq": {"$exists": True}}, sort=[("sseq", -1)])
        info = await self._bus.ensure_stream(self._service)
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
