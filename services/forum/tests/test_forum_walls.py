"""Which spaces are open: remembered for a second, and never against what this replica has done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from chassis.pagination import Paging
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.domain.members import Member
from services.forum.domain.spaces import SpaceNotFoundError
from services.forum.domain.topics import TopicNotFoundError
from services.forum.repository import ForumRepository, TopicFilter
from services.forum.repository.topics.reads import Asked
from services.forum.repository.walls import LIFETIME
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, STRANGER, World

KEYRING = Member.of(ASKER, "c1").keyring


async def narrow(world: World, space: pb.Space) -> None:
    """For the vendor's people only from now on."""
    request = pb.UpdateSpaceRequest(
        request_id=world.request_id(),
        community_id="c1",
        space_id=space.id,
        audience=pb.AUDIENCE_VENDOR,
    )
    await world.of(MANAGING).UpdateSpace(request)


async def listed(replica: ForumRepository, space: pb.Space) -> list[str]:
    found = await replica.list_topics("c1", KEYRING, TopicFilter(space.id), Paging(9))
    return [one.id for one in found]


async def test_a_wall_is_asked_for_once_a_second(world: World) -> None:
    space = await world.space()
    walls = ForumRepository(world.database).walls
    assert await walls.opened("c1", KEYRING) == [space.id]
    await world.database.command("profile", 2)
    for _ in range(20):
        assert await walls.opened("c1", KEYRING) == [space.id]
    await world.database.command("profile", 0)
    assert await world.database["system.profile"].count_documents({"command.find": "spaces"}) == 0


async def test_what_this_replica_moves_is_moved_at_once(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    assert await world.topics(ASKER) == [topic.id]
    await narrow(world, space)
    assert await world.topics(ASKER) == []
    assert await listed_is_refused(world.repository, space)


async def listed_is_refused(replica: ForumRepository, space: pb.Space) -> bool:
    with pytest.raises(SpaceNotFoundError):
        await listed(replica, space)
    return True


async def test_what_another_replica_shuts_is_shut_within_the_second(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    other = ForumRepository(world.database)
    assert (await other.get_topic("c1", topic.id, KEYRING)).id == topic.id
    await narrow(world, space)
    shut = time.monotonic()
    while True:
        try:
            await other.get_topic("c1", topic.id, KEYRING)
        except TopicNotFoundError:
            break
        assert time.monotonic() < shut + LIFETIME + 1
    assert await listed_is_refused(other, space)


async def test_what_another_replica_opens_is_found_at_once(world: World) -> None:
    await world.space()
    other = ForumRepository(world.database)
    await other.walls.opened("c1", KEYRING)
    space = await world.space("new")
    topic = await world.topic(space)
    assert (await other.get_topic("c1", topic.id, KEYRING)).id == topic.id
    other = ForumRepository(world.database)
    await other.walls.opened("c1", KEYRING)
    space = await world.space("newer")
    topic = await world.topic(space)
    assert await listed(other, space) == [topic.id]


async def test_spaces_are_shown_from_memory_and_never_refused_for_it(world: World) -> None:
    space = await world.space()
    other, theirs = ForumRepository(world.database), Member.of(STRANGER, "c2").keyring

    async def shown(*ids: str, keyring: Sequence[str] = KEYRING) -> list[str]:
        return [one.id for one in await other.find_spaces_shown("c1", ids, keyring)]

    assert await shown(space.id, "none") == [space.id]
    await world.database.command("profile", 2)
    assert await shown(space.id) == [space.id]
    await world.database.command("profile", 0)
    queries = world.database["system.profile"]
    assert await queries.count_documents({"command.find": "spaces"}) == 0
    new = await world.space("new")  # of which the other replica has not heard
    assert await shown(space.id, new.id) == [space.id, new.id]
    assert await shown(space.id, new.id, keyring=theirs) == []
    assert [one.id for one in await other.find_spaces_shown("c2", [space.id], theirs)] == []
    await narrow(world, space)
    until = time.monotonic() + LIFETIME + 1
    while await shown(space.id):
        assert time.monotonic() < until


async def test_what_was_asked_before_a_change_is_not_remembered(world: World) -> None:
    space = await world.space()
    walls = ForumRepository(world.database).walls
    asking = asyncio.create_task(walls.opened("c1", KEYRING))
    await asyncio.sleep(0)
    walls.forget("c1")
    assert await asking == [space.id]
    assert walls._doors._found == {}


async def test_keys_open_in_their_own_community_only(world: World) -> None:
    space = await world.space()
    walls = ForumRepository(world.database).walls
    theirs = Member.of(STRANGER, "c2").keyring
    opened = await walls.opened_anywhere({"c1": KEYRING, "c2": theirs, "c3": KEYRING})
    assert opened == {"c1": [space.id], "c2": [], "c3": []}
    assert await walls.opened("c1", theirs) == []
    assert await walls.opened("c1", ()) == []
    assert await walls.opened("c1", None) == [space.id]


async def test_spaces_are_kept_with_their_walls_and_never_against_a_change(world: World) -> None:
    space = await world.space()
    other, keyrings = ForumRepository(world.database), {"c2": STRANGER.keys("c2"), "c1": KEYRING}

    async def names(replica: ForumRepository) -> list[str]:
        found = await replica.find_spaces_anywhere(keyrings, {space.id, "none"})
        return [one.name for one in found.values()]

    assert await names(world.repository) == await names(other) == [space.name]
    await world.database.command("profile", 2)
    assert await names(other) == [space.name]
    await world.database.command("profile", 0)
    queries = world.database["system.profile"]
    # For what is not there the store is asked again.
    assert await queries.count_documents({"command.filter._id.$in": space.id}) == 0
    request = pb.UpdateSpaceRequest(
        request_id=world.request_id(), community_id="c1", space_id=space.id, name="Renamed"
    )
    await world.of(MANAGING).UpdateSpace(request)
    assert await names(world.repository) == ["Renamed"]
    until = time.monotonic() + LIFETIME + 1
    while await names(other) != ["Renamed"]:
        assert time.monotonic() < until
    await narrow(world, space)
    assert await names(world.repository) == []
    keyrings["c1"] = Member.of(MANAGING, "c1").keyring
    assert await names(world.repository) == ["Renamed"]


async def test_writers_that_wait_at_once_share_queries_and_no_keys(world: World) -> None:
    open_, shut = await world.space(), await world.space("inner")
    await narrow(world, shut)
    topics = [await world.topic(open_), await world.topic(shut, MANAGING)]
    hidden = await world.topic(open_)
    await world.act("HideTopic", MANAGING, hidden, reason="off")
    topics.append(hidden)
    people = [ASKER, HELPER, MANAGING, STRANGER]
    keyrings = [*(Member.of(one, "c1").keyring for one in people[:3]), STRANGER.keys("c2")]
    asked = [
        Asked(community, topic_id, frozenset(keyring))
        for community in ("c1", "c2")
        for topic_id in [*(one.id for one in topics), "none"]
        for keyring in keyrings
    ]
    alone = [(await world.repository.targets_for([one]))[0] for one in asked]
    await world.database.command("profile", 2)
    together = await world.repository.targets_for(asked)
    await world.database.command("profile", 0)
    assert together == alone
    seen = [
        (one.topic_id, target[1].id) for one, target in zip(asked, alone, strict=True) if target
    ]
    spaces = (open_, shut, open_)
    for topic, space, readers in zip(topics, spaces, (3, 1, 2), strict=True):
        assert seen.count((topic.id, space.id)) == readers
    queries = world.database["system.profile"]
    assert await queries.count_documents({"command.find": "topics"}) <= 4  # each tried once more
    for one, found in zip(asked, alone, strict=True):
        try:
            target = await world.repository.get_topic_space(
                one.community_id, one.topic_id, one.keyring
            )
        except TopicNotFoundError:
            assert found is None
        else:
            assert target == found
