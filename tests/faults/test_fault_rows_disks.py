"""Full disks under the store and the bus: refused cleanly, nothing lost, on again with room."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from chassis import commands, outbox
from chassis.commands import Commands
from chassis.decisions import Aggregates, Decision, Seen
from chassis.errors import DomainError, UnavailableError
from chassis.messaging import stream_name
from chassis.mongo import Index, connect, ensure_indexes
from chassis.mongo import database as open_database
from chassis.testing import loopback, mongo_uri, nats_url, person_actor
from chassis.testing_events import Stage, eventually, stage
from devstack.engines import Engine, mongod, nats
from devstack.processes import free_port
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2
from tests.faults.disks import small_disk

__all__ = ["loopback", "mongo_uri", "nats_url", "stage"]

pytestmark = pytest.mark.timeout(180)
TEXT = "x" * 100_000  # of an aggregate: the disk is soon full
ACTOR = person_actor()
HEALED = 30.0

books = Aggregates[tuple[int, str]](
    "book",
    "books",
    lambda document: (document["pages"], document["text"]),
    lambda book: {"pages": book[0], "text": book[1]},
)


def _decide(seen: Seen[tuple[int, str]]) -> Decision[tuple[int, str], forum_pb2.GetTopicResponse]:
    pages = (seen.state or (0, ""))[0] + 1
    return Decision(
        (pages, TEXT),
        lambda _: forum_pb2.GetTopicResponse(topic=forum_pb2.Topic(reply_count=pages)),
        [said.TopicEdited(topic_id="b")],
    )


async def _restart(engine: Engine) -> None:
    """As whoever watches it would."""
    engine.stop()
    engine.start()
    await asyncio.to_thread(engine.wait_ready)


async def test_stores_disk_is_full(tmp_path: Path) -> None:
    """mongod ends itself rather than lie; what it acknowledged is there when it has room again."""
    with small_disk(tmp_path / "disk", 64) as disk:
        engine = mongod(disk.folder / "mongod", free_port(), tmp_path / "mongod.log")
        assert engine.process is not None
        # Its journal takes 300 MB, written or not, where it is not told otherwise.
        journal = "log=(file_max=8MB,prealloc=false)"
        engine.process.command = [
            *engine.process.command,
            *("--wiredTigerEngineConfigString", journal),
        ]
        engine.start()
        client = connect(engine.url, app="test")
        running: Commands | None = None
        try:
            await asyncio.to_thread(engine.wait_ready)
            database = open_database(client, f"test_{uuid.uuid4().hex}")
            indexes: Sequence[Index] = [*commands.INDEXES, *outbox.INDEXES]
            await ensure_indexes(database, indexes)
            await database.create_collection("books")
            running = Commands(database)
            book = books.ref("c1", "b")

            async def run(number: int) -> Any:
                request = forum_pb2.CloseTopicRequest(
                    community_id="c1", topic_id="b", request_id=f"request-{number}"
                )
                assert running is not None
                return await running.run(ACTOR, request, book, _decide)

            acknowledged = [await run(0)]
            disk.fill()
            refused: DomainError | None = None
            while refused is None:
                assert len(acknowledged) < 2000, "the disk is never full"
                try:
                    acknowledged.append(await run(len(acknowledged)))
                except DomainError as error:
                    refused = error
            began = time.monotonic()
            with pytest.raises(UnavailableError):  # or OUTCOME_UNKNOWN, which is one
                await run(len(acknowledged))
            assert time.monotonic() - began < 10
            assert isinstance(refused, UnavailableError), refused
            await eventually(_ended(engine), True)
            disk.empty()
            await _restart(engine)
            last = await _until_done(lambda: run(len(acknowledged)))
            acknowledged.append(last)
            assert [answer.topic.reply_count for answer in acknowledged] == [
                *range(1, len(acknowledged) + 1)
            ]
            stored = await database.books.find_one({"_id": "b"})
            assert stored is not None
            assert stored["pages"] == len(acknowledged)
            assert await database.outbox.count_documents({}) == len(acknowledged)
            assert await database.commands.count_documents({}) == len(acknowledged)
        finally:
            if running is not None:
                await running.close()
            await client.close()
            engine.stop()


def _ended(engine: Engine) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return not engine.alive

    return look


async def _until_done(work: Callable[[], Awaitable[Any]]) -> Any:
    end = time.monotonic() + HEALED
    while True:
        try:
            return await work()
        except (UnavailableError, PyMongoError):
            assert time.monotonic() < end
            await asyncio.sleep(0.1)


async def test_buses_disk_is_full(stage: Stage, tmp_path: Path) -> None:
    """The outbox waits; nats-server says that it is not well, and goes on when started anew."""
    with small_disk(tmp_path / "disk", 100) as disk:  # it promises three quarters to the stream
        engine = nats(disk.folder / "nats", free_port(), tmp_path / "nats.log")
        engine.start()
        try:
            await asyncio.to_thread(engine.wait_ready)
            bus = stage.unconnected_bus(engine.url)
            bus.start()
            stage.relay(bus)
            stage.beside(stage.consumer(bus).run())
            await stage.say("t1")
            await eventually(lambda: stage.heard("t1"), [1])
            disk.fill()

            async def well() -> bool:
                return await asyncio.to_thread(engine.answers)

            count = 1
            while await well():
                assert count < 5000, "the disk is never full"
                await stage.say("t1", *[said.TopicEdited(topic_id="t1")] * 20)
                count += 20
                await asyncio.sleep(0.1)
            assert await _pending(stage)
            message = await bus.js.get_msg(stream_name(stage.says), 1, direct=True)
            assert message.data is not None  # what it has can be read
            disk.empty()
            await _restart(engine)
            await eventually(lambda: _pending(stage), 0, within=HEALED)
            await eventually(lambda: stage.heard("t1"), [*range(1, count + 1)], within=HEALED)
        finally:
            await stage.close()  # while its bus can be told
            engine.stop()


async def _pending(stage: Stage) -> int:
    return await stage.theirs[outbox.COLLECTION].count_documents({"st": outbox.PENDING})
