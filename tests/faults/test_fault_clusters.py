"""Real clusters: what callers see when members step down, die, or are too few; nothing is lost."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.commands import BUDGET
from chassis.messaging import stream_name
from chassis.outbox import COLLECTION, PENDING
from devstack.engines import Engine
from tests.chaos.clients import CLIENTS
from tests.chaos.counters import PRODUCER
from tests.faults import clusters
from tests.faults.cluster_case import Case, House, Seen, house
from tests.system import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

RETRYABLE = {"UNAVAILABLE", "TOO_BUSY", "OUTCOME_UNKNOWN"}
SCHEDULING = 3.0  # seconds a busy machine may add to an answer
ERRORS = 15.0  # seconds of refusals, row 6 of the fault table
HEALED = 30.0  # seconds until a set that was a minority answers: an election, and a lost vote
# Seconds without a word from the primary until another is elected: MongoDB has 10.
ELECTION = float(os.environ.get("ELECTION") or 5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One for all cases: what an earlier one lost would be counted in the later ones too."""
    seed = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
    print(f"SEED={seed}")
    async with house(tmp_path_factory.mktemp("clusters"), seed, ELECTION) as there:
        yield there


def hold(seen: Seen) -> None:
    """What is so in every case."""
    assert seen.figures.clean, seen.figures.notes
    assert set(seen.refusals) <= RETRYABLE
    assert seen.longest <= BUDGET + SCHEDULING


async def primary(there: House, *, but: Engine | None = None) -> Engine:
    async def who() -> Engine | None:
        return await asyncio.to_thread(clusters.primary, there.engines)

    found = await until(who, lambda found: found not in (None, but), seconds=30)
    assert found is not None
    return found


async def stream_leader(there: House, *, but: Engine | None = None) -> Engine:
    found = await until(there.stream_leader, lambda found: found not in (None, but), seconds=30)
    assert found is not None
    return found


async def ready(there: House) -> bool:
    """Whether every replica of the producing part says so."""
    answers = []
    for address in there.stage.addresses:
        async with aio.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answers.append(await stub.Check(health_pb2.HealthCheckRequest()))
    return all(a.status == health_pb2.HealthCheckResponse.SERVING for a in answers)


async def test_primary_steps_down(cluster_house: House) -> None:
    async with Case("step-down", cluster_house) as case:
        old = await primary(cluster_house)
        case.strike()
        await asyncio.to_thread(clusters.step_down, old)
        await primary(cluster_house, but=old)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert seen.errors <= ERRORS


async def test_primary_is_killed(cluster_house: House) -> None:
    async with Case("primary-killed", cluster_house) as case:
        old = await primary(cluster_house)
        case.strike()
        cluster_house.stage.kill(old)
        await primary(cluster_house, but=old)
        await case.goes_on()
        await cluster_house.stage.revive(old)
        seen = await case.conclude()
    hold(seen)
    assert seen.refusals
    assert seen.errors <= ERRORS


@pytest.mark.parametrize("survivor", ["secondary", "primary"])
async def test_minority_of_mongods_refuses(cluster_house: House, survivor: str) -> None:
    """Whether or not the one that is left still believes that it leads."""
    async with Case(f"mongod-minority-{survivor}", cluster_house) as case:
        leader = await primary(cluster_house)
        others = [each for each in cluster_house.engines.databases if each is not leader]
        killed = others if survivor == "primary" else [leader, others[0]]
        case.strike()
        for engine in killed:
            cluster_house.stage.kill(engine)
        cut = time.monotonic()
        await case.refuses(CLIENTS)
        assert case.answered_since(cut) == 0
        case.mend()
        await cluster_house.stage.revive(*killed)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert seen.afterwards <= HEALED


async def test_stream_leader_steps_down(cluster_house: House) -> None:
    async with Case("stream-step-down", cluster_house) as case:
        old = await stream_leader(cluster_house)
        case.strike()
        await cluster_house.raw.request(
            f"$JS.API.STREAM.LEADER.STEPDOWN.{stream_name(PRODUCER)}", b"", timeout=5
        )
        await stream_leader(cluster_house, but=old)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert not seen.refusals


async def test_stream_leader_is_killed(cluster_house: House) -> None:
    async with Case("stream-leader-killed", cluster_house) as case:
        old = await stream_leader(cluster_house)
        case.strike()
        cluster_house.stage.kill(old)
        await stream_leader(cluster_house, but=old)
        await case.goes_on()
        await cluster_house.stage.revive(old)
        seen = await case.conclude()
    hold(seen)
    assert not seen.refusals


async def test_minority_of_nats_servers_only_delays_events(cluster_house: House) -> None:
    async with Case("nats-minority", cluster_house) as case:
        leader = await stream_leader(cluster_house)
        other = next(each for each in cluster_house.engines.buses if each is not leader)
        case.strike()
        for engine in (leader, other):
            cluster_house.stage.kill(engine)
        await case.goes_on(100)
        assert await cluster_house.theirs[COLLECTION].count_documents({"st": PENDING}) >= 80
        assert await ready(cluster_house)
        case.mend()
        await cluster_house.stage.revive(leader, other)
        await case.goes_on()
        seen = await case.conclude()
    hold(seen)
    assert not seen.refusals
