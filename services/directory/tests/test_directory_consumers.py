"""What the directory makes of trust that was earned, heard twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.batch import Batch
from chassis.domain_events import DomainEvent, Effect
from chassis.errors import DomainError
from chassis.testing import stored
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from guildhall.forum.v1.domain_events_pb2 import TrustLevelReached
from services.directory.consumers.trust import DirectoryConsumers
from services.directory.tests.conftest import World

LEVEL = pb.TrustLevel


async def hear(world: World, community_id: str, person_id: str, level: int, former: int) -> None:
    """Twice; the second time nothing more happens."""
    message = TrustLevelReached(person_id=person_id, level=level, former_level=former)  # type: ignore[arg-type]
    event: DomainEvent[Any] = DomainEvent(
        "e1", community_id, "standing", "s1", 1, datetime.now(UTC), "service:forum", message
    )
    for time in range(2):
        effects = list(await DirectoryConsumers(world.repository).on_trust_level_reached(event))
        batch = Batch(world.database)
        await batch.load(one.ref for one in effects if isinstance(one, Effect))
        for one in effects:
            assert isinstance(one, Effect)
            batch.decide(one.ref, one.decide, actor="service:directory", cause="test")
        before = await stored(world.database)
        await batch.commit(asyncio.get_running_loop().time() + 60)
        if time:
            assert await stored(world.database) == before


async def member(world: World, community_id: str, person_id: str) -> pb.Member:
    request = pb.GetMemberRequest(community_id=community_id, person_id=person_id)
    return (await world.stub().GetMember(request)).member


async def update(world: World, community_id: str, person_id: str, **more: Any) -> pb.Member:
    request = pb.UpdateMemberRequest(
        request_id=world.request_id(), community_id=community_id, person_id=person_id, **more
    )
    return (await world.stub().UpdateMember(request)).member


@pytest.fixture
async def place(world: World) -> tuple[str, str]:
    """A community and a member of it."""
    community, company = await world.community("aurora"), await world.company("Kestrel")
    await world.enrol(community.id, company.id, auto_join=True)
    person = await world.sign_in("Kestrel", "Ann")
    return community.id, person.person_id


async def test_earned_trust_is_the_members(world: World, place: tuple[str, str]) -> None:
    await hear(world, *place, LEVEL.TRUST_LEVEL_BASIC, LEVEL.TRUST_LEVEL_NEW)
    assert (await member(world, *place)).trust_level == LEVEL.TRUST_LEVEL_BASIC
    await hear(world, *place, LEVEL.TRUST_LEVEL_REGULAR, LEVEL.TRUST_LEVEL_BASIC)
    seen = await member(world, *place)
    assert (seen.trust_level, seen.trust_level_fixed) == (LEVEL.TRUST_LEVEL_REGULAR, False)
    actor = await world.actor("Kestrel", "Ann")
    assert actor.memberships[place[0]].trust_level == LEVEL.TRUST_LEVEL_REGULAR
    said = [row["type"] for row in (await stored(world.database))["outbox"]]
    assert said.count(events.MemberUpdated.DESCRIPTOR.full_name) == 1
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_REGULAR)
    assert (await member(world, *place)).trust_level == LEVEL.TRUST_LEVEL_MEMBER


async def test_what_a_hand_has_fixed_stays(world: World, place: tuple[str, str]) -> None:
    fixed = await update(world, *place, trust_level=LEVEL.TRUST_LEVEL_NEW)
    assert fixed.trust_level_fixed
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_NEW)
    assert (await member(world, *place)) == fixed
    other = await update(world, *place, roles=[], update_roles=True)
    assert (other.trust_level, other.trust_level_fixed) == (LEVEL.TRUST_LEVEL_NEW, True)
    free = await update(world, *place, trust_level_fixed=False)
    assert (free.trust_level, free.trust_level_fixed) == (LEVEL.TRUST_LEVEL_MEMBER, False)
    await hear(world, *place, LEVEL.TRUST_LEVEL_REGULAR, LEVEL.TRUST_LEVEL_MEMBER)
    assert (await member(world, *place)).trust_level == LEVEL.TRUST_LEVEL_REGULAR
    leader = await update(
        world, *place, trust_level=LEVEL.TRUST_LEVEL_LEADER, trust_level_fixed=False
    )
    assert not leader.trust_level_fixed
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_REGULAR)
    assert (await member(world, *place)).trust_level == LEVEL.TRUST_LEVEL_LEADER


async def test_who_was_fixed_without_earning_anything_begins_as_all_do(
    world: World, place: tuple[str, str]
) -> None:
    await update(world, *place, trust_level=LEVEL.TRUST_LEVEL_NEW)
    new = await update(world, *place, trust_level=LEVEL.TRUST_LEVEL_NEW, trust_level_fixed=False)
    assert (new.trust_level, new.trust_level_fixed) == (LEVEL.TRUST_LEVEL_NEW, False)
    await update(world, *place, trust_level=LEVEL.TRUST_LEVEL_NEW)
    free = await update(world, *place, trust_level_fixed=False)
    assert (free.trust_level, free.trust_level_fixed) == (LEVEL.TRUST_LEVEL_BASIC, False)


async def test_who_comes_back_has_what_was_earned(world: World, place: tuple[str, str]) -> None:
    await hear(world, *place, LEVEL.TRUST_LEVEL_REGULAR, LEVEL.TRUST_LEVEL_BASIC)
    await leave(world, *place)
    assert (await join(world, *place)).trust_level == LEVEL.TRUST_LEVEL_REGULAR
    await leave(world, *place)
    before = await member(world, *place)
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_REGULAR)
    assert await member(world, *place) == before  # it is lost meanwhile, and nothing shows
    assert (await join(world, *place)).trust_level == LEVEL.TRUST_LEVEL_MEMBER
    await leave(world, *place)
    given = await join(world, *place, trust_level=LEVEL.TRUST_LEVEL_BASIC)
    assert (given.trust_level, given.trust_level_fixed) == (LEVEL.TRUST_LEVEL_BASIC, False)


async def test_who_moves_to_another_company_has_what_was_earned(
    world: World, place: tuple[str, str]
) -> None:
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_BASIC)
    company = await world.company("Osprey")
    await world.enrol(place[0], company.id, auto_join=True)
    await world.stub().MovePerson(
        pb.MovePersonRequest(
            request_id=world.request_id(), person_id=place[1], company_id=company.id
        )
    )
    seen = await member(world, *place)
    assert (seen.company_id, seen.trust_level) == (company.id, LEVEL.TRUST_LEVEL_MEMBER)


async def test_members_stored_before_it_was_kept_come_back_as_they_left(
    world: World, place: tuple[str, str]
) -> None:
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_BASIC)
    await world.database.persons.update_many({}, {"$unset": {"memberships.$[].earned_level": ""}})
    await leave(world, *place)
    assert (await join(world, *place)).trust_level == LEVEL.TRUST_LEVEL_MEMBER
    await leave(world, *place)
    await join(world, *place, trust_level=LEVEL.TRUST_LEVEL_NEW)
    await update(world, *place, trust_level=LEVEL.TRUST_LEVEL_LEADER)
    await world.database.persons.update_many({}, {"$unset": {"memberships.$[].earned_level": ""}})
    await leave(world, *place)
    assert (await join(world, *place)).trust_level == LEVEL.TRUST_LEVEL_BASIC


async def leave(world: World, community_id: str, person_id: str) -> None:
    await world.stub().RemoveMember(
        pb.RemoveMemberRequest(
            request_id=world.request_id(),
            community_id=community_id,
            person_id=person_id,
            reason="left",
        )
    )


async def join(world: World, community_id: str, person_id: str, **more: Any) -> pb.Member:
    request = pb.CreateMemberRequest(
        request_id=world.request_id(), community_id=community_id, person_id=person_id, **more
    )
    return (await world.stub().CreateMember(request)).member


async def test_strangers_earn_nothing(world: World, place: tuple[str, str]) -> None:
    community_id, person_id = place
    other = await world.community("borealis")
    before = await stored(world.database)
    await hear(world, other.id, person_id, LEVEL.TRUST_LEVEL_REGULAR, LEVEL.TRUST_LEVEL_NEW)
    assert await stored(world.database) == before
    with pytest.raises(DomainError):
        await hear(world, community_id, "nobody", LEVEL.TRUST_LEVEL_REGULAR, 1)
    assert await stored(world.database) == before
