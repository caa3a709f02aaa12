"""Completions of one upload that run at once: what was scanned is what is read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from chassis.file_passes import INCOMING, KEPT, FilePassVerifier, place
from guildhall.forum.v1 import attachments_pb2 as pb
from services.forum.repository.scanner import Scanner
from services.forum.tests.conftest import ASKER, World
from services.forum.tests.files_made import complete, kept, put, ready, seen, upload
from services.forum.use_cases.attachment_reviews import AttachmentReviews

CLEAN, DIRTY = b"clean", b"dirty"


@dataclass
class Clamd:
    """Speaks clamd's words, about what it may speak of; it never answers about DIRTY."""

    asked: dict[bytes, asyncio.Event] = field(
        default_factory=lambda: {CLEAN: asyncio.Event(), DIRTY: asyncio.Event()}
    )
    may: dict[bytes, asyncio.Event] = field(
        default_factory=lambda: {CLEAN: asyncio.Event(), DIRTY: asyncio.Event()}
    )
    verdict: bytes = b"stream: OK\0"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One file."""
        sent = await reader.readexactly(len(b"zINSTREAM\0") + 4 + len(CLEAN) + 4)
        data = CLEAN if CLEAN in sent else DIRTY
        self.asked[data].set()
        await self.may[data].wait()
        if data is CLEAN:
            writer.write(self.verdict)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def scanning(world: World) -> AsyncIterator[Clamd]:
    """A stand-in that waits to be told."""
    clamd = Clamd()
    server = await asyncio.start_server(clamd.answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        object.__setattr__(world.files, "scanner", Scanner(f"127.0.0.1:{port}", timeout=60))
        yield clamd


async def served(world: World, attachment_id: str) -> bytes:
    """What the gateway sends to whoever follows the address."""
    url = (await seen(world, ASKER, attachment_id))[attachment_id].url
    verifier = FilePassVerifier("forum", world.loopback.key("forum"))
    allowed = verifier.verify(url.rpartition("/")[2], "get")
    return place(world.folder, KEPT, allowed.key).read_bytes()


@pytest.mark.parametrize("way", ["scanned at once", "scanned by the job"])
async def test_what_was_put_meanwhile_is_not_served_unscanned(world: World, way: str) -> None:
    """Two completions and a scanner that does not answer the slower one."""
    async with scanning(world) as clamd:
        made = await upload(world, DIRTY, "a.txt")
        slow = asyncio.create_task(complete(world, made))
        await clamd.asked[DIRTY].wait()
        put(world, made.attachment.id, CLEAN)
        clamd.may[CLEAN].set()
        if way == "scanned at once":
            assert (await complete(world, made)).state == pb.ATTACHMENT_STATE_READY
            clamd.may[DIRTY].set()
        else:
            clamd.verdict = b"no word of clamd's\0"
            assert (await complete(world, made)).state == pb.ATTACHMENT_STATE_SCANNING
            clamd.verdict = b"stream: OK\0"
            clamd.asked[CLEAN].clear()
            clamd.may[CLEAN].clear()
            reviews = AttachmentReviews(world.commands, world.repository, world.files)
            due = datetime.now(UTC) + timedelta(minutes=1)
            review = asyncio.create_task(reviews.review_attachments(due))
            await clamd.asked[CLEAN].wait()
            clamd.may[DIRTY].set()
            await slow
            clamd.may[CLEAN].set()
            await review
        await slow
    assert await served(world, made.attachment.id) == CLEAN
    assert [path.read_bytes() for path in kept(world, made.attachment.id)] == [CLEAN]


async def test_the_job_deletes_what_a_completion_that_was_cut_off_kept(world: World) -> None:
    done = await ready(world, CLEAN, "a.txt")
    (taken,) = kept(world, done.id)
    taken.with_name(f"{done.id}{'0' * 16}").write_bytes(DIRTY)
    part = place(world.folder, INCOMING, done.id).with_suffix(".0123456789abcdef")
    part.write_bytes(b"cl")  # of a gateway that was killed
    await world.topic(await world.space(), attachment_ids=[done.id])
    reviews = AttachmentReviews(world.commands, world.repository, world.files)
    for days in (1, 8):
        await reviews.review_attachments(datetime.now(UTC) + timedelta(days=days))
    assert kept(world, done.id) == [taken]
    assert not part.exists()
    assert await served(world, done.id) == CLEAN


async def test_what_was_kept_under_the_id_is_read_as_before(world: World) -> None:
    done = await ready(world, CLEAN, "a.txt")
    (path,) = kept(world, done.id)
    path.rename(path.with_name(done.id))
    await world.database.attachments.update_one({"_id": done.id}, {"$unset": {"blob": ""}})
    assert await served(world, done.id) == CLEAN
    topic = await world.topic(await world.space(), attachment_ids=[done.id])
    assert [one.id for one in topic.attachments] == [done.id]
    reviews = AttachmentReviews(world.commands, world.repository, world.files)
    await reviews.review_attachments(datetime.now(UTC) + timedelta(days=8))
    assert await served(world, done.id) == CLEAN
