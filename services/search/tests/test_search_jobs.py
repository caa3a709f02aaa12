"""Jobs: an index that is not there is rebuilt, old tombstones go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.domain_events import Projection
from chassis.generations import Generations
from chassis.leases import Leases
from chassis.mongo import Database
from chassis.rebuild import Rebuild
from guildhall.directory.v1 import directory_pb2
from services.search.domain.entries import Kind, Place, Tombstone
from services.search.domain.questions import Question
from services.search.jobs import SearchJobs
from services.search.repository.index import SearchIndex, connect
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.use_cases.projecting import Change, membership


def jobs(world: World, database: Database, index: SearchIndex) -> SearchJobs:
    def no_log(producer: str) -> object:
        raise AssertionError(producer)

    leases = Leases(database, observation=1.0)
    rebuild = Rebuild(database, world.projector, [], event_log=no_log, leases=leases)  # type: ignore[arg-type]
    return SearchJobs(index, world.projector, rebuild)


async def test_index_that_is_there_is_left_alone(world: World, database: Database) -> None:
    await jobs(world, database, world.index).ensure_index()
    assert (await Generations(database).get()).building == 0


async def test_missing_index_is_rebuilt_once(world: World, database: Database) -> None:
    await world.index.drop(1)
    for _ in range(2):
        await jobs(world, database, world.index).ensure_index()
        assert (await Generations(database).get()).building == 2


async def test_purge_of_a_missing_index_finds_nothing(world: World, database: Database) -> None:
    await world.index.drop(1)
    await jobs(world, database, world.index).purge_tombstones()
    assert await world.index.purge(datetime.now(UTC)) == 0


async def test_engine_that_is_away_is_no_reason_to_fail(world: World, database: Database) -> None:
    away = SearchIndex(connect("http://127.0.0.1:9"))
    try:
        made = jobs(world, database, away)
        await made.ensure_index()
        await made.purge_tombstones()
    finally:
        await away.close()
    assert (await Generations(database).get()).building == 0


async def test_enrolment_that_ended_by_its_date_is_noticed(
    world: World, database: Database
) -> None:
    world.directory.members["c1", "p1"] = factories.member()
    world.directory.companies["c1", "co1"] = factories.company()
    joined = Projection(Change.MEMBERSHIP, "c1", membership("p1", "co1"))
    await world.projector.project(1, [joined, Projection(Change.COMPANY, "c1", "co1")])

    async def total() -> int:
        await world.index.refresh()
        question = Question(newest=True, with_total=True)
        page = await world.index.search(question, {"c1": ["community:c1"]}, {}, "p1")
        return page.total

    assert await total() == 2
    former = directory_pb2.MEMBER_STATE_FORMER
    world.directory.members["c1", "p1"] = factories.member(state=former)
    del world.directory.companies["c1", "co1"]
    for _ in range(2):
        await jobs(world, database, world.index).refresh_workforces()
        assert await total() == 0
    await world.index.drop(1)
    await jobs(world, database, world.index).refresh_workforces()


async def test_fresh_tombstones_are_kept(world: World, database: Database) -> None:
    await world.index.put(1, 5, [Tombstone(Place(Kind.TOPIC, "c1", "t1"))])
    await world.index.refresh()
    await jobs(world, database, world.index).purge_tombstones()
    await world.index.refresh()
    assert await world.index.purge(datetime.now(UTC) + timedelta(days=1)) == 1
