"""Real clusters: what callers see when members step down, die, or are too few; nothing is lost."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chassis.commands import BUDGET
from chassis.messaging import stream_name
from chassis.outbox import COLLECTION, PENDING
from devstack.engines import Engine
from tests.chaos.counters import PRODUCER
from tests.faults import clusters
from tests.faults.cluster_case import Case, House, Seen, house
from tests.system import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

RETRYABLE = {"UNAVAILABLE", "TOO_BUSY", "OUTCOME_UNKNOWN"}
SCHEDULING = 2.0  # seconds a busy machine may add to an answer
ELECTION = 15.0  # seconds of refusals, row 6 of the fault table


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One for all cases: what an earlier one left would be counted in the later ones too."""
    seed = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
    print(f"SEED={seed}")
    async with house(tmp_path_factory.mktemp("clusters"), seed) as there:
        yield there


def hold(seen: Seen) -> None:
    """What is so in every case."""
    assert seen.figures.clean, seen.figures.notes
    assert set(seen.refusals) <= RETRYABLE
    assert seen.longest <= BUDGET + SCHEDULING


async def another_primary(there: House, than: Engine) -> Engine:
    async def who() -> Engine | None:
        return await asyncio.to_thread(clusters.primary, there.engines)

    found = await until(who, lambda found: found not in (None, than), seconds=30)
    assert found is not None
    return found


async def primary(there: House) -> Engine:
    return await another_primary(there, None)  # type: ignore[arg-type]


async def test_primary_steps_down(cluster_house: House) -> None:
    there = cluster_house
    async with Case("step-down", there) as case:
        old = await primary(there)
        case.strike()
        await asyncio.to_thread(clusters.step_down, old)
        await another_primary(there, old)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert seen.errors <= ELECTION


async def test_primary_is_killed(cluster_house: House) -> None:
    there = cluster_house
    async with Case("primary-killed", there) as case:
        old = await primary(there)
        case.strike()
        there.stage.kill(old)
        await another_primary(there, old)
        await case.goes_on()
        await there.stage.revive(old)
        seen = await case.conclude()
    hold(seen)
    assert seen.refusals
    assert seen.errors <= ELECTION


@pytest.mark.parametrize("survivor", ["secondary", "primary"])
async def test_minority_of_mongods_refuses(cluster_house: House, survivor: str) -> None:
    there = cluster_house
    async with Case(f"mongod-minority-{survivor}", there) as case:
        leader = await primary(there)
        others = [engine for engine in there.engines.databases if engine is not leader]
        killed = others if survivor == "primary" else [leader, others[0]]
        case.strike()
        for engine in killed:
            there.stage.kill(engine)
        cut = time.monotonic()
        await case.refuses(24)
        assert case.answered_since(cut) == 0
        revived = time.monotonic()
        await there.stage.revive(*killed)
        await case.goes_on()
        healed = time.monotonic() - revived
        seen = await case.conclude()
    print(f"healed {healed:.1f} s after they were back")
    hold(seen)
    assert healed <= ELECTION + 10


async def leader_of_stream(there: House, than: Engine | None = None) -> Engine:
    found = await until(there.stream_leader, lambda found: found not in (None, than), seconds=30)
    assert found is not None
    return found


async def test_stream_leader_steps_down(cluster_house: House) -> None:
    there = cluster_house
    async with Case("stream-step-down", there) as case:
        old = await leader_of_stream(there)
        case.strike()
        await there.raw.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{stream_name(PRODUCER)}", b"")
        await leader_of_stream(there, old)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert not seen.refusals


async def test_stream_leader_is_killed(cluster_house: House) -> None:
    there = cluster_house
    async with Case("stream-leader-killed", there) as case:
        old = await leader_of_stream(there)
        case.strike()
        there.stage.kill(old)
        await leader_of_stream(there, old)
        await case.goes_on()
        await there.stage.revive(old)
        seen = await case.conclude()
    hold(seen)
    assert not seen.refusals


async def test_minority_of_nats_servers_delays_events_only(cluster_house: House) -> None:
    there = cluster_house
    async with Case("nats-minority", there) as case:
        killed = [await leader_of_stream(there)]
        killed.append(next(engine for engine in there.engines.buses if engine not in killed))
        case.strike()
        for engine in killed:
            there.stage.kill(engine)
        await case.goes_on(100)
        waiting = await there.theirs[COLLECTION].count_documents({"st": PENDING})
        assert waiting >= 80
        await there.stage.revive(*killed)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert not seen.refusals
