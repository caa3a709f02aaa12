"""Parts that stand still or are gone: callers are told in time, and what waited is done after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import UnavailableError
from chassis.rpc_client import Channels
from chassis.tokens import TokenSigner
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub
from tests.faults.rows import HTTP, OUTAGE_CODES, Rows, Traffic
from tests.system import ENGINEER, MANAGER, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
LASTS = 2.5  # seconds a part stands still
LONGER = {"mongod": 4.0}  # so that calls run out of time
HEALED = 30.0  # seconds until everything is as before
ALL = ("read", "write", "search")


@pytest_asyncio.fixture
async def rows(staged: Rows) -> AsyncIterator[Rows]:
    """The stage; a test's connections are closed after it."""
    yield staged
    await staged.system.close_clients()


async def settle(rows: Rows, traffic: Traffic, row: str) -> None:
    """What must hold after every fault."""
    traffic.report.check()
    asker = await rows.asker()
    healed = await traffic.settled(asker, within=HEALED)
    found = await traffic.found(asker, within=HEALED)
    rows.check_metrics()
    print(f"{row}: {traffic.report}; healed {healed:.1f} s, found {found:.1f} s")


# What may be told instead of an answer, by what was asked, while this part stands still.
STANDING = {
    "directory": {"read": {"UNAVAILABLE"}, "write": {"UNAVAILABLE"}, "search": {"UNAVAILABLE"}},
    "moderation": {},
    "notifications": {},
    "search": {"search": {"SEARCH_UNAVAILABLE"}},
    "mongod": {"read": OUTAGE_CODES, "write": OUTAGE_CODES, "search": OUTAGE_CODES},
    "nats-server": {},
    "osmem": {"search": {"SEARCH_UNAVAILABLE"}},
    "gateway": {},
}


@pytest.mark.parametrize("part", STANDING)
async def test_part_that_stands_still(rows: Rows, part: str) -> None:
    """Only what needs it is refused."""
    if part == "osmem" and rows.stack.search is not None:
        part = rows.stack.search.name
    may = STANDING.get(part, STANDING["osmem"])
    traffic = Traffic(rows, *ALL)
    async with traffic.running(await rows.asker()):
        with rows.frozen(part):
            await traffic.for_(LONGER.get(part, LASTS))
    for kind in ALL:
        assert set(traffic.report.codes(kind)) <= {""} | may.get(kind, set()), traffic.report
    await settle(rows, traffic, f"{part} stands still")


async def test_forum_that_stands_still_is_left(rows: Rows) -> None:
    """Row 11: a call that would wait for long learns after some seconds that its peer is gone."""
    traffic = Traffic(rows)
    place = rows.stack.place
    signer = TokenSigner.from_file("search", place.keys / "search.pem")
    channels = Channels(signer, lambda _: place.address(6))
    stub: Any = channels.client(ForumServiceStub, "forum")
    await stub.BatchGetTopics(forum_pb2.BatchGetTopicsRequest(community_id="none", topic_ids=[]))
    async with traffic.running(await rows.asker()):
        with rows.frozen("forum"):
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                await stub.BatchGetTopics(
                    forum_pb2.BatchGetTopicsRequest(community_id="none", topic_ids=["t"]),
                    timeout=60,
                )
            noticed = time.monotonic() - began
    await channels.close()
    print(f"noticed after {noticed:.1f} s")
    assert noticed < 15
    assert set(traffic.report.codes("read")) <= {"", "UNAVAILABLE"}
    await settle(rows, traffic, "forum stands still")


async def test_session_while_the_store_stands_still(rows: Rows) -> None:
    """A browser is told within the request's time, not the driver's."""
    browser = await rows.system.browser(MANAGER)

    async def ask() -> tuple[str, float]:
        began = time.monotonic()
        errors = (await browser.raw("{ viewer { isOperator } }")).get("errors")
        code = errors[0]["extensions"]["code"] if errors else ""
        return code, time.monotonic() - began

    with rows.frozen("mongod"):
        # A session that was looked up just now is believed for two seconds.
        code, seconds = await until(ask, lambda seen: seen[0], seconds=HTTP)
    assert code == "UNAVAILABLE"
    assert seconds < HTTP
    await until(ask, lambda seen: not seen[0], seconds=HEALED)


async def test_whoever_is_not_known_yet_while_the_directory_stands_still(rows: Rows) -> None:
    """Refused in time: who one is, and what one may read, is never guessed."""
    asker = await rows.asker(ENGINEER)
    with rows.frozen("directory"):
        traffic = Traffic(rows)
        assert await traffic.read(asker) == "UNAVAILABLE"
        assert await traffic.write(asker) == "UNAVAILABLE"
    traffic.report.check()
    assert await asyncio.to_thread(rows.stored, traffic.word) == {}
