"""Jobs: an index that is not there is rebuilt, old tombstones go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.generations import Generations
from chassis.leases import Leases
from chassis.mongo import Database
from chassis.rebuild import Rebuild
from services.search.domain.entries import Kind, Place, Tombstone
from services.search.jobs import SearchJobs
from services.search.repository.index import SearchIndex, connect
from services.search.tests.conftest import World


def jobs(world: World, database: Database, index: SearchIndex) -> SearchJobs:
    def no_log(producer: str) -> object:
        raise AssertionError(producer)

    leases = Leases(database, observation=1.0)
    rebuild = Rebuild(database, world.projector, [], event_log=no_log, leases=leases)  # type: ignore[arg-type]
    return SearchJobs(index, rebuild)


async def test_index_that_is_there_is_left_alone(world: World, database: Database) -> None:
    await jobs(world, database, world.index).ensure_index()
    assert (await Generations(database).get()).building == 0


async def test_missing_index_is_rebuilt_once(world: World, database: Database) -> None:
    await world.index.drop(1)
    for _ in range(2):
        await jobs(world, database, world.index).ensure_index()
        assert (await Generations(database).get()).building == 2


async def test_engine_that_is_away_is_no_reason_to_fail(world: World, database: Database) -> None:
    away = SearchIndex(connect("http://127.0.0.1:9"))
    try:
        made = jobs(world, database, away)
        await made.ensure_index()
        await made.purge_tombstones()
    finally:
        await away.close()
    assert (await Generations(database).get()).building == 0


async def test_fresh_tombstones_are_kept(world: World, database: Database) -> None:
    await world.index.put(1, 5, [Tombstone(Place(Kind.TOPIC, "c1", "t1"))])
    await world.index.refresh()
    await jobs(world, database, world.index).purge_tombstones()
    await world.index.refresh()
    assert await world.index.purge(datetime.now(UTC) + timedelta(days=1)) == 1
