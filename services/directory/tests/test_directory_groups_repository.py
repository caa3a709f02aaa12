"""Queries of groups on a real MongoDB: pages of every size, and that each is as quick as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.decisions import Document
from chassis.pagination import Paging
from chassis.testing import mirrored
from services.directory.domain.group import group_key
from services.directory.domain.group_member import (
    GroupMember,
    GroupMemberSource,
    GroupMemberState,
    GroupRole,
    group_member_id,
)
from services.directory.domain.person import IdentityLink
from services.directory.repository.group_documents import dump_group_member
from services.directory.tests.conftest import Town, issuer_of
from services.directory.tests.grouping import ACTIVE, OPEN, SECRET, make


async def put(town: Town, group_id: str, state: GroupMemberState, people: Sequence[str]) -> None:
    """Rows of people, each a second younger than the one before, four at a time."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = []
    for number, person_id in enumerate(people):
        member = GroupMember(
            group_id,
            town.aurora.id,
            person_id,
            town.kestrel.id,
            start,
            state,
            GroupMemberSource.SELF,
            start,
            start + timedelta(seconds=number // 4),
            GroupRole.OWNER if number % 10 == 0 else GroupRole.MEMBER,
        )
        rows.append(
            {
                **dump_group_member(member),
                "_id": group_member_id(group_id, person_id),
                "community_id": town.aurora.id,
                "seq": 1,
            }
        )
    await town.world.database.group_members.insert_many(rows)


@asynccontextmanager
async def profiled(town: Town, ns: str) -> AsyncIterator[list[Document]]:
    """What the store did on one collection meanwhile."""
    database = town.world.database
    done: list[Document] = []
    await database.command("profile", 2)
    try:
        yield done
    finally:
        await database.command("profile", 0)
        query = {"ns": f"{database.name}.{ns}", "op": {"$in": ["query", "command"]}}
        done += await database["system.profile"].find(query).to_list()


async def test_groups_are_the_same_in_pages_of_every_size_both_ways(town: Town) -> None:
    for name in ("Delta", "alpha", "Charlie", "Bravo", "Echo"):
        await make(town, town.max, name, **(SECRET if name == "Bravo" else {}))
    keys = [f"community:{town.aurora.id}"]
    found = await mirrored(
        lambda paging: town.world.repository.list_groups(town.aurora.id, paging, keys), str, str
    )
    assert [group.name for group, _, _ in found] == ["alpha", "Charlie", "Delta", "Echo"]


async def test_a_group_s_people_are_the_same_in_pages_of_every_size_both_ways(town: Town) -> None:
    made = await make(town, town.max)
    people = [f"p{number:02}" for number in range(9)]
    await put(town, made.id, GroupMemberState.LEFT, people)
    found = await mirrored(
        lambda paging: town.world.repository.list_group_members(
            town.aurora.id, made.id, paging, datetime.now(UTC), state=GroupMemberState.LEFT
        ),
        datetime,
        str,
    )
    assert [member.person_id for member, _ in found] == people


async def test_a_page_of_a_crowd_reads_little_more_than_it_shows(town: Town) -> None:
    made = await make(town, town.max)
    people = [f"p{number:04}" for number in range(2000)]
    await put(town, made.id, GroupMemberState.LEFT, people)
    place = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=250), "p1001")
    repository, at = town.world.repository, datetime.now(UTC)
    async with profiled(town, "group_members") as done:
        page, _ = await repository.list_group_members(
            town.aurora.id, made.id, Paging(10, place), at, state=GroupMemberState.LEFT
        )
        owners, _ = await repository.list_group_members(
            town.aurora.id,
            made.id,
            Paging(10),
            at,
            state=GroupMemberState.LEFT,
            role=GroupRole.OWNER,
        )
    assert [member.person_id for member, _ in page] == people[1002:1012]
    assert [member.person_id for member, _ in owners] == people[:100:10]
    assert [one["docsExamined"] <= 20 for one in done] == [True, True]
    assert not any(one.get("hasSortStage") for one in done)


async def test_keys_of_groups_are_one_query_by_index_however_many_are_in_them(town: Town) -> None:
    groups = [(await make(town, town.max, f"Group{n}", **OPEN)).id for n in range(5)]
    for n in range(5):
        await town.call(town.ann, "JoinGroup", community_id="aurora", group_id=f"group{n}")
        await put(town, groups[n], GroupMemberState.ACTIVE, [f"p{m:03}" for m in range(200)])
    async with profiled(town, "group_members") as done:
        link = IdentityLink(issuer_of("Kestrel"), "Ann")
        actor, _ = await town.world.repository.resolve_actor(link, datetime.now(UTC))
    (membership,) = actor.memberships
    assert {group_key(group_id) for group_id in groups} <= set(membership.keyring)
    (query,) = done
    assert query["docsExamined"] <= 10  # the seats, and their groups


async def test_an_audience_asks_for_the_seats_of_its_page_alone(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await put(town, made.id, GroupMemberState.ACTIVE, [f"z{m:03}" for m in range(500)])
    repository, at = town.world.repository, datetime.now(UTC)
    clause = frozenset({group_key(made.id)})
    async with profiled(town, "group_members") as done:
        found, _ = await repository.list_audience(town.aurora.id, [clause], Paging(100), at)
        everybody = [frozenset({f"community:{town.aurora.id}"})]
        await repository.list_audience(town.aurora.id, everybody, Paging(100), at)  # asks for none
    assert [one.person_id for one in found] == [town.max.person_id]
    (query,) = done
    assert query["docsExamined"] <= 2


async def test_who_joins_at_once_is_counted(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    place: dict[str, Any] = {"community_id": "aurora", "group_id": made.id}
    people = [await town.world.sign_in("Kestrel", f"Cal{number}") for number in range(6)]
    actors = [await town.world.actor("Kestrel", person.display_name) for person in people]
    await asyncio.gather(*(town.call(actor, "JoinGroup", **place) for actor in actors))
    await asyncio.gather(*(town.call(actor, "LeaveGroup", **place) for actor in actors[:3]))
    found = await town.call(town.max, "GetGroup", **place)
    assert found.group.member_count == 4
    listed = await town.call(town.max, "ListGroupMembers", **place, state=ACTIVE)
    assert len(listed.group_members) == 4
