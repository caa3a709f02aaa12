"""How many receipts a second: MONGO_URI=... python -m services.forum.tests.measure_receipts

MONGOD_PID=... tells what they cost there as well, AT_ONCE=... how many people come at once (64).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psutil
import uvloop

from chassis import commands as commands_module
from chassis import outbox as outbox_module
from chassis.actors import Actor
from chassis.commands import Commands
from chassis.mongo import connect, database, ensure_indexes
from chassis.rpc_server import Context
from chassis.timestamps import timestamp_of
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from services.forum.repository import ForumRepository
from services.forum.tests.announcing import CHIEF, Directory, partner
from services.forum.use_cases.announcements import AnnouncementUseCases

_COMPANIES = 500
_AT_ONCE = int(os.environ.get("AT_ONCE") or 64)


class _Near:
    """Other services without a network between: what is measured is the forum's own."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def ListAudience(
        self, request: directory_pb2.ListAudienceRequest, timeout: float
    ) -> directory_pb2.ListAudienceResponse:
        return await self._directory.ListAudience(request, cast(Context, None))

    async def Screen(
        self, request: moderation_pb2.ScreenRequest, timeout: float
    ) -> moderation_pb2.ScreenResponse:
        return moderation_pb2.ScreenResponse(
            verdict=moderation_pb2.VERDICT_ALLOW, texts=request.texts
        )


def _cpu() -> tuple[float, float]:
    """Milliseconds of this process and, where it is known, of mongod."""
    ours, pid = 1000 * time.process_time(), os.environ.get("MONGOD_PID")
    if pid is None:
        return ours, 0.0
    times = psutil.Process(int(pid)).cpu_times()
    return ours, 1000 * (times.user + times.system)


async def _timed(what: str, count: int, work: Awaitable[object]) -> None:
    began, before = time.perf_counter(), _cpu()
    await work
    spent, after = time.perf_counter() - began, _cpu()
    ours, store = ((b - a) / count for a, b in zip(before, after, strict=True))
    print(  # noqa: T201 - a measurement
        f"{what}: {count} in {spent:.2f} s = {count / spent:.0f} a second,"
        f" {ours:.2f} ms of our CPU each" + (f" and {store:.2f} of mongod's" if store else "")
    )


async def _each(people: list[Actor], call: Callable[[Actor], Awaitable[object]]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(actor: Actor) -> None:
        async with gate:
            await call(actor)

    await asyncio.gather(*map(one, people))


async def _measure(count: int) -> None:
    client = connect(os.environ["MONGO_URI"], app="measure")
    fresh = database(client, f"measure_{uuid.uuid4().hex}")
    await ensure_indexes(
        fresh, [*commands_module.INDEXES, *outbox_module.INDEXES, *ForumRepository.indexes]
    )
    commands = Commands(fresh)
    directory = Directory(page=5000)  # type: ignore[abstract]  # all that the forum calls
    people = [partner(f"m{n:06}", f"co{n % _COMPANIES:03}") for n in range(count)]
    directory.add(*people)
    near = cast(Any, _Near(directory))
    repository = ForumRepository(fresh)
    use_cases = AnnouncementUseCases(commands, repository, near, near)
    ids: dict[str, Any] = {"community_id": "c1"}
    channel = await use_cases.create_channel(
        CHIEF,
        pb.CreateChannelRequest(
            **ids, request_id="channel-1", slug="news", name="News", theme=pb.CHANNEL_THEME_OTHER
        ),
    )
    draft = await use_cases.create_announcement(
        CHIEF,
        pb.CreateAnnouncementRequest(
            **ids,
            request_id="announcement-1",
            channel_id=channel.channel.id,
            title="New margins",
            body="They are better.",
            severity=pb.ANNOUNCEMENT_SEVERITY_MUST_READ,
            requires_acknowledgement=True,
            deadline=timestamp_of(datetime.now(UTC) + timedelta(days=9)),
        ),
    )
    about: dict[str, Any] = {**ids, "announcement_id": draft.announcement.id}
    publish = pb.PublishAnnouncementRequest(**about, request_id="publish-1")
    await use_cases.publish_announcement(CHIEF, publish)
    await _timed("frozen list", count, use_cases.freeze_audiences())
    seen = pb.MarkAnnouncementsSeenRequest(
        community_id="c1", announcement_ids=[draft.announcement.id]
    )

    async def see(actor: Actor) -> None:
        await use_cases.mark_announcements_seen(actor, seen, datetime.now(UTC))

    async def acknowledge(actor: Actor) -> None:
        request = pb.AcknowledgeAnnouncementRequest(**about, request_id="acknowledge-1")
        await use_cases.acknowledge_announcement(actor, request, datetime.now(UTC))

    await _timed("seen", count, _each(people, see))
    await _timed("seen again", count, _each(people, see))
    await _timed("acknowledged", count, _each(people, acknowledge))
    announcement = await repository.find_announcement("c1", draft.announcement.id)
    if announcement is None:
        raise AssertionError
    now = datetime.now(UTC)
    await _timed("summary", 1, repository.count_receipts(announcement, now))
    companies = [f"co{n:03}" for n in range(100)]
    await _timed("100 companies", 1, repository.count_by_company(announcement, companies, now))
    await commands.close()
    await client.drop_database(fresh.name)
    await client.close()


if __name__ == "__main__":
    uvloop.run(_measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
