"""VitalityService over real gRPC, and the job that counts days: walls, caches, repetition."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    RoleRequiredError,
    UnavailableError,
    VersionStaleError,
)
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import vitality_pb2 as pb
from guildhall.forum.v1.vitality_pb2_grpc import VitalityServiceStub
from services.forum.domain.spaces import SpaceNotFoundError
from services.forum.domain.vitality import DAY, day_of
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused


def now() -> datetime:
    return datetime.now(UTC)


async def health(world: World, *spaces: forum_pb2.Space, actor: Any = MODERATING) -> Any:
    request = pb.BatchGetSpaceHealthRequest(
        community_id="c1", space_ids=[space.id for space in spaces]
    )
    return list((await world.of(actor, VitalityServiceStub).BatchGetSpaceHealth(request)).spaces)


async def days(world: World, space: forum_pb2.Space, **more: Any) -> pb.ListSpaceDaysResponse:
    request = pb.ListSpaceDaysRequest(community_id="c1", space_id=space.id, **more)
    answer: pb.ListSpaceDaysResponse = await world.of(
        MODERATING, VitalityServiceStub
    ).ListSpaceDays(request)
    return answer


async def grown_old(world: World, space: forum_pb2.Space, age: timedelta) -> None:
    """The space, and all in it, was made so long before."""
    for collection, key in (("spaces", "_id"), ("topics", "space_id"), ("replies", "space_id")):
        rows = world.database[collection].find({key: space.id})
        async for row in rows:
            time = row["create_time"] - age
            change = {"$set": {"create_time": time}}
            await world.database[collection].update_one({"_id": row["_id"]}, change)


async def test_health_counts_what_readers_see(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    await world.topic(space, MANAGING, title="By the vendor")
    hidden = await world.topic(space, title="Hidden")
    await world.act("HideTopic", MODERATING, hidden, reason="Off topic")
    await world.reply(topic, HELPER)
    removed = await world.reply(topic, HELPER, "Nothing")
    await world.act("RemoveReply", MODERATING, removed, reason="Nothing")
    (found,) = await health(world, space)
    assert (found.post_count, found.active_count, found.question_count) == (3, 3, 2)
    assert found.non_vendor_share == pytest.approx(2 / 3)
    assert found.answered_share == 1.0  # the other question is not a day old
    assert (found.seeded_count, found.unanswered_count) == (0, 2)
    assert found.HasField("first_reply_seconds")
    assert not found.HasField("latest_day")


async def test_replies_of_what_readers_see_no_more_do_not_count(world: World) -> None:
    space = await world.space()
    old, hidden, removed = [await world.topic(space) for _ in range(3)]
    await grown_old(world, space, timedelta(days=40))
    fresh = await world.topic(space)
    for topic in (old, hidden, removed, fresh):
        await world.reply(topic, HELPER)
    await world.act("HideTopic", MODERATING, hidden, reason="Off topic")
    await world.act("RemoveTopic", MODERATING, removed, reason="Off topic")
    (found,) = await health(world, space)
    assert (found.post_count, found.active_count) == (3, 2)  # a topic, and its reply and another's


async def test_a_space_that_cannot_be_counted_holds_up_no_other(world: World) -> None:
    spaces = [await world.space(slug) for slug in ("one", "two", "three")]
    for space in spaces:
        await grown_old(world, space, DAY)
    first = min(spaces, key=lambda space: space.id)
    broken = {
        "_id": "broken", "community_id": "c1", "space_id": first.id,
        "day": day_of(now()) - 9 * DAY,
    }  # fmt: skip
    await world.database.space_days.insert_one(broken)  # what such a row should have is missing
    for _ in range(2):
        with pytest.raises(KeyError):
            await world.vitality.count_days(now())
        counted = {row["space_id"] for row in (await world.stored())["space_days"]}
        assert counted == {space.id for space in spaces}
        assert len((await world.stored())["space_days"]) == 3


async def test_health_is_remembered_for_ten_minutes(world: World) -> None:
    space = await world.space()
    (first,) = await health(world, space)
    assert not first.HasField("non_vendor_share")
    await world.topic(space)
    assert await health(world, space) == [first]
    known = (await world.repository.find_spaces("c1", [space.id], None))[0]
    later = await world.vitality.space_health([known], now() + timedelta(minutes=10))
    assert later[space.id].measures.post_count == 1


async def test_who_waits_while_a_space_is_counted_counts_it_not_again(world: World) -> None:
    space = await world.space()
    known = (await world.repository.find_spaces("c1", [space.id], None))[0]
    told = await asyncio.gather(*(world.vitality.space_health([known], now()) for _ in range(40)))
    assert len({id(one[space.id]) for one in told}) <= 4  # as many count at once


async def test_health_behind_walls(world: World) -> None:
    inner = await world.space("inner", audience=forum_pb2.AUDIENCE_VENDOR)
    assert await health(world, inner) == []  # a moderator who is not the vendor's
    assert len(await health(world, inner, actor=MANAGING)) == 1
    request = pb.ListSpaceDaysRequest(community_id="c1", space_id=inner.id)
    call = world.of(MODERATING, VitalityServiceStub).ListSpaceDays(request)
    await refused(world, call, SpaceNotFoundError, "space_id")


@pytest.mark.parametrize("rpc", ["BatchGetSpaceHealth", "ListSpaceDays", "KeepSpaceOpen"])
async def test_who_may(world: World, rpc: str) -> None:
    space = await world.space()
    request: Any = getattr(pb, f"{rpc}Request")(community_id="c1")
    fields = request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        request.request_id = world.request_id()
    if "space_id" in fields:
        request.space_id = space.id
    unwanted: list[tuple[Any, type[DomainError], str]] = [
        (ASKER, RoleRequiredError, ""),
        (SEARCH, RoleRequiredError, ""),
        (STRANGER, CommunityNotFoundError, "community_id"),
    ]
    if rpc == "KeepSpaceOpen":
        unwanted.append((MODERATING, RoleRequiredError, ""))
    for actor, refusal, field in unwanted:
        call = getattr(world.of(actor, VitalityServiceStub), rpc)(request)
        await refused(world, call, refusal, field)


async def test_the_directory_is_away(world: World) -> None:
    space = await world.space()
    await grown_old(world, space, 2 * DAY)
    world.members.away = True
    request = pb.BatchGetSpaceHealthRequest(community_id="c1", space_ids=[space.id])
    call = world.of(MODERATING, VitalityServiceStub).BatchGetSpaceHealth(request)
    await refused(world, call, UnavailableError)
    before = await world.stored()
    with pytest.raises(UnavailableError):
        await world.vitality.count_days(now())
    assert await world.stored() == before


async def test_days_are_counted_once_and_behind_each_other(world: World) -> None:
    world.members.audience = [("p1", "co1"), ("p2", "co2"), ("p3", "co2"), ("p4", "vendor")]
    space = await world.space()
    topic = await world.topic(space)
    await world.reply(topic, HELPER)
    await grown_old(world, space, 3 * DAY)
    await world.vitality.count_days(now())
    page = await days(world, space)
    today = day_of(now())
    assert [one.day_time.ToDatetime(UTC) for one in page.days] == [
        today - DAY,
        today - 2 * DAY,
        today - 3 * DAY,
    ]
    latest = page.days[0]
    assert (latest.post_count, latest.active_count, latest.company_count) == (2, 2, 2)
    assert latest.index == pytest.approx(2 / (300 * 0.05))  # two posts where fifteen are needed
    assert latest.vitality == forum_pb2.SPACE_VITALITY_DORMANT
    assert [one.dormant_days for one in page.days] == [3, 2, 1]
    assert set(world.members.readers_asked) == {("community:c1",)}
    (found,) = await health(world, space)
    assert found.latest_day == latest
    # Pages both ways.
    first = await days(world, space, page_size=2)
    assert list(first.days) == list(page.days[:2])
    second = await days(world, space, page_size=2, page_token=first.next_page_token)
    assert (list(second.days), second.next_page_token) == ([page.days[2]], "")
    back = await days(world, space, page_size=2, backward=True)
    assert list(back.days) == list(page.days[1:])
    # The space says what its latest day does; again nothing happens, tomorrow one day more.
    request = forum_pb2.GetSpaceRequest(community_id="c1", space_id=space.id)
    seen = (await world.of(ASKER).GetSpace(request)).space
    assert seen.vitality == forum_pb2.SPACE_VITALITY_DORMANT
    assert (await world.said()).count("SpaceVitalityChanged") == 1
    before = await world.stored()
    await world.vitality.count_days(now())
    assert await world.stored() == before
    await world.vitality.count_days(now() + DAY)
    assert len((await days(world, space)).days) == 4
    assert (await world.said()).count("SpaceVitalityChanged") == 1


async def test_a_killed_count_goes_on(world: World) -> None:
    world.members.audience = [("p1", "co1")]
    space = await world.space()
    await grown_old(world, space, 3 * DAY)
    await world.vitality.count_days(now())
    whole = (await world.stored())["space_days"]
    # Killed after the space had taken over the day and before the day itself was stored.
    await world.database.space_days.delete_one({"_id": whole[-1]["_id"]})
    await world.vitality.count_days(now())
    assert (await world.stored())["space_days"] == whole
    assert (await world.said()).count("SpaceVitalityChanged") == 1


async def test_a_space_nobody_writes_in_is_folded_until_a_manager_keeps_it_open(
    world: World,
) -> None:
    world.members.audience = [("p1", "co1")]
    space = await world.space()
    await grown_old(world, space, 28 * DAY)
    await world.vitality.count_days(now())

    async def seen() -> forum_pb2.Space:
        request = forum_pb2.ListSpacesRequest(community_id="c1")
        (one,) = (await world.of(ASKER).ListSpaces(request)).spaces
        return one  # type: ignore[no-any-return]

    folded = await seen()
    assert (folded.folded, folded.kept_open) == (True, False)
    assert await world.topics(ASKER, space_id=space.id) == []  # it can be read as before
    keep = pb.KeepSpaceOpenRequest(
        **world.ids(), space_id=space.id, keep_open=True, expected_version=folded.version
    )
    kept = (await world.of(MANAGING, VitalityServiceStub).KeepSpaceOpen(keep)).space
    assert (kept.folded, kept.kept_open, kept.version) == (False, True, folded.version + 1)
    assert await seen() == kept
    assert (await world.of(MANAGING, VitalityServiceStub).KeepSpaceOpen(keep)).space == kept
    again = pb.KeepSpaceOpenRequest(**world.ids(), space_id=space.id, keep_open=True)
    said = await world.said()
    assert (await world.of(MANAGING, VitalityServiceStub).KeepSpaceOpen(again)).space == kept
    assert await world.said() == said
    fold = pb.KeepSpaceOpenRequest(**world.ids(), space_id=space.id)
    assert (await world.of(MANAGING, VitalityServiceStub).KeepSpaceOpen(fold)).space.folded


async def test_keep_space_open_refuses(world: World) -> None:
    space = await world.space()
    for wrong, refusal, field in (
        ({"space_id": "nowhere"}, SpaceNotFoundError, "space_id"),
        ({"expected_version": 9}, VersionStaleError, "expected_version"),
    ):
        given: dict[str, Any] = {"space_id": space.id, "keep_open": True, **wrong}
        request = pb.KeepSpaceOpenRequest(**world.ids(), **given)
        call = world.of(MANAGING, VitalityServiceStub).KeepSpaceOpen(request)
        await refused(world, call, refusal, field)


async def test_counting_reads_the_indexes_alone(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    for number in range(5):
        await world.reply(topic, HELPER, f"Reply {number}")
    known = (await world.repository.find_spaces("c1", [space.id], None))[0]
    await world.database.command("profile", 2)
    topics, replies = await world.repository.read_facts(known, now())
    await world.database.command("profile", 0)
    assert (len(topics), [one.count for one in replies]) == (1, [5])
    rows = (
        await world.database["system.profile"].find({"op": {"$in": ["query", "command"]}}).to_list()
    )
    read = {row["ns"].rpartition(".")[2]: row for row in rows if "planSummary" in row}
    assert read["topics"]["docsExamined"] == read["replies"]["docsExamined"] == 0
    assert read["replies"]["keysExamined"] <= 7
