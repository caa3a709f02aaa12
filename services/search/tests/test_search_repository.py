"""Search's own MongoDB documents, on a real one."""

from __future__ import annotations

import asyncio

from chassis.mongo import Database
from services.search.domain.entries import Wall
from services.search.repository import SearchRepository


async def test_ticks_grow_over_all_replicas(
    repository: SearchRepository, database: Database
) -> None:
    other = SearchRepository(database)
    first = await repository.next_tick()
    ticks = await asyncio.gather(*(r.next_tick() for r in (repository, other) * 20))
    assert len(set(ticks)) == 40
    assert min(ticks) > first > 1_700_000_000_000_000
    await database.clocks.update_one({"_id": "index"}, {"$set": {"tick": first * 2}})
    assert await repository.next_tick() == first * 2 + 1


async def test_wall_of_a_later_tick_stays(repository: SearchRepository) -> None:
    await repository.spaces.put(5, [Wall("s1", "c1", ("vendor:c1",))])
    await repository.spaces.put(4, [Wall("s1", "c1", ("community:c1",))])
    await repository.spaces.put(5, [Wall("s1", "c1", ("vendor:c1",))])
    assert await repository.spaces.find_readable({"c1": ["community:c1"]}) == {"c1": []}
    assert await repository.spaces.find_readable({"c1": ["vendor:c1"]}) == {"c1": ["s1"]}
    await repository.spaces.put(6, [Wall("s1", "c1", ())])
    assert await repository.spaces.find_readable({"c1": ["vendor:c1"]}) == {"c1": []}


async def test_walls_of_channels_are_kept_beside_those_of_spaces(
    repository: SearchRepository,
) -> None:
    await repository.channels.put(1, [Wall("n1", "c1", ("k",))])
    assert await repository.channels.find_readable({"c1": ["k"]}) == {"c1": ["n1"]}
    assert await repository.spaces.find_readable({"c1": ["k"]}) == {"c1": []}


async def test_walls_may_hold_what_looks_like_an_expression(repository: SearchRepository) -> None:
    await repository.spaces.put(1, [Wall("s1", "c1", ("$gold", "tier:$x@c1"))])
    assert await repository.spaces.find_readable({"c1": ["$gold"]}) == {"c1": ["s1"]}


async def test_keys_open_spaces_of_their_community_only(repository: SearchRepository) -> None:
    walls = [Wall("s1", "c1", ("k",)), Wall("s2", "c2", ("k",))]
    await repository.spaces.put(1, walls)
    assert await repository.spaces.find_readable({"c1": ["k"], "c2": ["l"], "c3": []}) == {
        "c1": ["s1"],
        "c2": [],
        "c3": [],
    }


async def test_people_of_a_company_are_remembered_once(repository: SearchRepository) -> None:
    rows = {("c1", "co1", "p1"), ("c1", "co1", "p2"), ("c2", "co1", "p3")}
    await repository.put_memberships(rows)
    await repository.put_memberships(rows)
    assert sorted(await repository.find_people("c1", "co1")) == ["p1", "p2"]
    assert await repository.find_people("c1", "co2") == []


async def test_marks_of_generations(repository: SearchRepository) -> None:
    assert await repository.find_mark(2) == ""
    await repository.mark(2, "prepared")
    await repository.mark(2, "live")
    assert await repository.find_mark(2) == "live"
    await repository.forget(2)
    assert await repository.find_mark(2) == ""
