"""Clocks that jump by an hour while their process runs: nothing that decides looks at them."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
import pytest
import pytest_asyncio

from devstack.parts import MONGOD
from tests.faults.rows import Rows, Traffic
from tests.system import MANAGER, Asker, until

_LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not _LIBRARY, reason="libfaketime is not installed: apt install libfaketime"
    ),
]
HEALED = 20.0
VIEWER = "{ viewer { isOperator } }"


@pytest_asyncio.fixture
async def rows(staged: Rows) -> AsyncIterator[Rows]:
    """The stage; a test's connections are closed after it."""
    yield staged
    await staged.system.close_clients()


class Clock:
    """One process' clock, as far from the right one as its file says."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """From the next look on; what counts seconds without a date is not touched."""
        self._file.write_text(f"{seconds:+d}")

    @property
    def environment(self) -> dict[str, str]:
        """For the process."""
        return {
            "LD_PRELOAD": _LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


def leases(rows: Rows, service: str) -> dict[Any, tuple[str, int]]:
    """Who holds each of a relay's, and how often it was renewed."""
    address = f"mongodb://{rows.stack.place.address(MONGOD)}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](address) as client:
        found = client[service]["relay_leases"].find()
        return {row["_id"]: (row["owner"], row["n"]) for row in found}


async def ours(rows: Rows, service: str) -> dict[Any, tuple[str, int]]:
    """All, once the process that runs holds them; it waits until its predecessor has let go."""
    held = await asyncio.to_thread(leases, rows, service)
    mine = f"-{rows.pid(service)}-"
    return held if all(mine in owner for owner, _ in held.values()) else {}


async def leases_kept(rows: Rows, service: str, before: dict[Any, tuple[str, int]]) -> None:
    """Every lease is renewed by who had it."""

    def renewed(now: dict[Any, tuple[str, int]]) -> bool:
        return bool(now) and all(now[id_][1] > count for id_, (_, count) in before.items())

    await until(partial(ours, rows, service), renewed, seconds=HEALED)


async def code_of(asker: Asker) -> str:
    errors = (await asker.raw(VIEWER)).get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else ""


JUMPS = (3600, -3600)  # seconds


async def test_forums_clock_jumps(rows: Rows, tmp_path: Path) -> None:
    """Its callers' tokens are dead or not born yet until the clock is right; nothing else stops."""
    clock = Clock(tmp_path / "clock")
    asker = await rows.asker()
    async with rows.told("forum", **clock.environment):
        traffic = Traffic(rows)
        await traffic.settled(asker, within=HEALED)
        held = await until(partial(ours, rows, "forum"), bool, seconds=HEALED)
        for jump in JUMPS:
            clock.set(jump)
            assert await traffic.read(asker) == "UNAVAILABLE"
            assert await traffic.write(asker) == "UNAVAILABLE"
            await leases_kept(rows, "forum", held)
            clock.set(0)
            healed = await traffic.settled(asker, within=HEALED)  # with the same request ids
            found = await traffic.found(asker, within=HEALED)
            rows.check_metrics()
            print(f"forum {jump:+d} s: healed {healed:.1f} s, found {found:.1f} s")
    traffic.report.check()


async def test_gateways_clock_jumps(rows: Rows, tmp_path: Path) -> None:
    """Bearers and whoever it signs for are not believed until the clock is right, and then at once.

    Sessions live for hours and are not ended by it.
    """
    clock = Clock(tmp_path / "clock")
    asker = await rows.asker()
    async with rows.told("gateway", **clock.environment):
        browser = await rows.system.browser(MANAGER)
        assert [await code_of(browser), await code_of(asker)] == ["", ""]
        traffic = Traffic(rows)
        for jump in JUMPS:
            clock.set(jump)
            # Its token, or the gateway's own at the directory: whichever is looked at first.
            assert await code_of(asker) in {"UNAUTHENTICATED", "UNAVAILABLE"}
            assert await traffic.write(browser) == "UNAVAILABLE"
            clock.set(0)
            healed = await traffic.settled(browser, within=HEALED)
            await traffic.settled(asker, within=HEALED)
            rows.check_metrics()
            print(f"gateway {jump:+d} s: healed {healed:.1f} s")
    traffic.report.check()
