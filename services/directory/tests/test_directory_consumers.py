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
    free = await update(world, *place, trust_level_fixed=False)
    assert (free.trust_level, free.trust_level_fixed) == (LEVEL.TRUST_LEVEL_NEW, False)
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_NEW)
    assert (await member(world, *place)).trust_level == LEVEL.TRUST_LEVEL_MEMBER
    leader = await update(
        world, *place, trust_level=LEVEL.TRUST_LEVEL_LEADER, trust_level_fixed=False
    )
    assert not leader.trust_level_fixed
    await hear(world, *place, LEVEL.TRUST_LEVEL_MEMBER, LEVEL.TRUST_LEVEL_REGULAR)
    assert (await member(world, *place)).trust_level == LEVEL.TRUST_LEVEL_LEADER


async def test_former_members_and_strangers_earn_nothing(
    world: World, place: tuple[str, str]
) -> None:
    community_id, person_id = place
    other = await world.community("borealis")
    before = await stored(world.database)
    await hear(world, other.id, person_id, LEVEL.TRUST_LEVEL_REGULAR, LEVEL.TRUST_LEVEL_NEW)
    assert await stored(world.database) == before
    with pytest.raises(DomainError):
        await hear(world, community_id, "nobody", LEVEL.TRUST_LEVEL_REGULAR, 1)
    await world.stub().RemoveMember(
        pb.RemoveMemberRequest(
            request_id=world.request_id(),
            community_id=community_id,
            person_id=person_id,
            reason="left",
        )
    )
    before = await stored(world.database)
    await hear(world, community_id, person_id, LEVEL.TRUST_LEVEL_REGULAR, LEVEL.TRUST_LEVEL_NEW)
    assert await stored(world.database) == before
