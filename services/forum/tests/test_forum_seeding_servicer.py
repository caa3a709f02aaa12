"""SeedingService over real gRPC: plans, posts through them, targets, the end and the report."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    RoleRequiredError,
    TextInvalidError,
    UnavailableError,
    VersionStaleError,
)
from chassis.rpc_status import reason_of
from chassis.testing import person_actor
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import seeding_pb2 as pb
from guildhall.forum.v1.seeding_pb2_grpc import SeedingServiceStub
from services.forum.domain.seeding import (
    SeedingAlreadyActiveError,
    SeedingEndedError,
    SeedingItemNotFoundError,
    SeedingItemPostedError,
    SeedingNotFoundError,
    SeedingOwnerInvalidError,
)
from services.forum.domain.spaces import SpaceNotFoundError
from services.forum.repository.topics import MIGRATIONS
from services.forum.tests.conftest import (
    ASKER,
    BODY,
    HELPER,
    MANAGING,
    MODERATING,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused

OWNER = person_actor("owner", company_id="vendor")
QUESTION: dict[str, Any] = {
    "kind": forum_pb2.TOPIC_KIND_QUESTION,
    "title": "Seeded?",
    "body": BODY,
}


def of(world: World, actor: Any = MANAGING) -> Any:
    return world.of(actor, SeedingServiceStub)


async def plan(world: World, space: forum_pb2.Space, **more: Any) -> pb.Seeding:
    """Owned by the owner, with a target of a day."""
    world.members.actors = (OWNER, ASKER, HELPER, MANAGING)
    given: dict[str, Any] = {
        "name": "First month",
        "owner_ids": ["owner"],
        "first_reply_hours": 24,
        **more,
    }
    request = pb.CreateSeedingRequest(**world.ids(), space_id=space.id, **given)
    made: pb.Seeding = (await of(world).CreateSeeding(request)).seeding
    return made


async def add(world: World, seeding: pb.Seeding, **more: Any) -> pb.Seeding:
    given: dict[str, Any] = {
        "title": "How to begin",
        "kind": forum_pb2.TOPIC_KIND_QUESTION,
        "owner_id": "helper",
        **more,
    }
    request = pb.AddSeedingItemRequest(**world.ids(), seeding_id=seeding.id, **given)
    changed: pb.Seeding = (await of(world).AddSeedingItem(request)).seeding
    return changed


async def seen(world: World, seeding: pb.Seeding, actor: Any = OWNER) -> list[pb.Seeding]:
    request = pb.BatchGetSeedingsRequest(community_id="c1", seeding_ids=[seeding.id, "nothing"])
    return list((await of(world, actor).BatchGetSeedings(request)).seedings)


async def test_create_seeding(world: World) -> None:
    space = await world.space()
    world.members.actors = (OWNER,)
    request = pb.CreateSeedingRequest(
        **world.ids(), space_id=space.id, name="Plan", owner_ids=["owner"], first_reply_hours=4
    )
    made = (await of(world).CreateSeeding(request)).seeding
    assert (made.name, made.state, list(made.owner_ids), made.first_reply_hours, made.version) == (
        "Plan",
        pb.SEEDING_STATE_ACTIVE,
        ["owner"],
        4,
        1,
    )
    assert (await world.said())[-1] == "SeedingCreated"
    before = await world.stored()
    assert (await of(world).CreateSeeding(request)).seeding == made
    assert await world.stored() == before
    assert await seen(world, made) == [made]


@pytest.mark.parametrize(
    ("wrong", "refusal", "field"),
    [
        ({"name": ""}, TextInvalidError, "name"),
        ({"owner_ids": []}, FieldInvalidError, "owner_ids"),
        ({"owner_ids": ["owner", "nobody"]}, SeedingOwnerInvalidError, "owner_ids"),
        ({"first_reply_hours": 721}, FieldInvalidError, "first_reply_hours"),
        ({"space_id": "nowhere"}, SpaceNotFoundError, "space_id"),
    ],
)
async def test_create_seeding_refuses(
    world: World, wrong: dict[str, Any], refusal: type[DomainError], field: str
) -> None:
    space = await world.space()
    world.members.actors = (OWNER,)
    given: dict[str, Any] = {"space_id": space.id, "name": "Plan", "owner_ids": ["owner"]}
    request = pb.CreateSeedingRequest(**world.ids(), **(given | wrong))
    await refused(world, of(world).CreateSeeding(request), refusal, field)


async def test_an_owner_must_read_the_space(world: World) -> None:
    space = await world.space("inner", audience=forum_pb2.AUDIENCE_VENDOR)
    world.members.actors = (OWNER, MANAGING)
    request = pb.CreateSeedingRequest(
        **world.ids(), space_id=space.id, name="Plan", owner_ids=["owner"]
    )
    await refused(world, of(world).CreateSeeding(request), SeedingOwnerInvalidError, "owner_ids")
    await plan(world, space, owner_ids=["manager"])
    world.members.away = True
    again = pb.CreateSeedingRequest(
        **world.ids(), space_id=space.id, name="Plan", owner_ids=["manager"]
    )
    await refused(world, of(world).CreateSeeding(again), UnavailableError)


async def test_one_at_a_time_even_where_two_come_at_once(world: World) -> None:
    space = await world.space()
    both = await asyncio.gather(plan(world, space), plan(world, space), return_exceptions=True)
    (refusal,) = [one for one in both if isinstance(one, DomainError)]
    assert reason_of(refusal) == SeedingAlreadyActiveError.reason()
    (made,) = [one for one in both if isinstance(one, pb.Seeding)]
    end = pb.EndSeedingRequest(**world.ids(), seeding_id=made.id)
    await of(world).EndSeeding(end)
    assert (await plan(world, space)).id != made.id


@pytest.mark.parametrize("rpc", ["CreateSeeding", "UpdateSeeding", "EndSeeding", "AddSeedingItem"])
async def test_only_managers_plan(world: World, rpc: str) -> None:
    made = await plan(world, await world.space())
    request: Any = getattr(pb, f"{rpc}Request")(**world.ids())
    if rpc != "CreateSeeding":
        request.seeding_id = made.id
    for actor, refusal, field in (
        (OWNER, RoleRequiredError, ""),
        (MODERATING, RoleRequiredError, ""),
        (STRANGER, CommunityNotFoundError, "community_id"),
    ):
        await refused(world, getattr(of(world, actor), rpc)(request), refusal, field)


async def test_others_are_told_that_there_is_none(world: World) -> None:
    space = await world.space()
    made = await plan(world, space)
    for actor in (ASKER, MODERATING):
        assert await seen(world, made, actor) == []
        listing = pb.ListSeedingsRequest(community_id="c1")
        assert not (await of(world, actor).ListSeedings(listing)).seedings
        for rpc in ("ListDueFirstReplies", "GetSeedingReport"):
            request = getattr(pb, f"{rpc}Request")(community_id="c1", seeding_id=made.id)
            call = getattr(of(world, actor), rpc)(request)
            await refused(world, call, SeedingNotFoundError, "seeding_id")
    made = await add(world, made)
    update = pb.UpdateSeedingItemRequest(
        **world.ids(), seeding_item_id=made.items[0].id, skipped=True
    )
    call = of(world, ASKER).UpdateSeedingItem(update)
    await refused(world, call, SeedingItemNotFoundError, "seeding_item_id")
    assert await seen(world, made, HELPER) == [made]  # who owns an item


async def test_an_owner_who_lost_the_space_gets_no_report(world: World) -> None:
    space = await world.space()
    made = await plan(world, space)
    audience = forum_pb2.AUDIENCE_VENDOR
    change = forum_pb2.UpdateSpaceRequest(**world.ids(), space_id=space.id, audience=audience)
    await world.of(MANAGING).UpdateSpace(change)
    assert await seen(world, made, OWNER) == [made]
    for rpc in ("ListDueFirstReplies", "GetSeedingReport"):
        request = getattr(pb, f"{rpc}Request")(community_id="c1", seeding_id=made.id)
        call = getattr(of(world, OWNER), rpc)(request)
        await refused(world, call, SeedingNotFoundError, "seeding_id")
        await getattr(of(world), rpc)(request)


async def test_update_and_end_seeding(world: World) -> None:
    made = await plan(world, await world.space())
    request = pb.UpdateSeedingRequest(
        **world.ids(),
        seeding_id=made.id,
        name="Second month",
        owner_ids=["helper"],
        update_owner_ids=True,
        first_reply_hours=0,
        expected_version=1,
    )
    changed = (await of(world).UpdateSeeding(request)).seeding
    assert (changed.name, list(changed.owner_ids), changed.first_reply_hours, changed.version) == (
        "Second month",
        ["helper"],
        0,
        2,
    )
    assert await seen(world, made, OWNER) == []
    for wrong, refusal, field in (
        ({"seeding_id": "nothing"}, SeedingNotFoundError, "seeding_id"),
        ({"expected_version": 9}, VersionStaleError, "expected_version"),
        (
            {"owner_ids": ["nobody"], "update_owner_ids": True},
            SeedingOwnerInvalidError,
            "owner_ids",
        ),
    ):
        given: dict[str, Any] = {"seeding_id": made.id, **wrong}
        bad = pb.UpdateSeedingRequest(**world.ids(), **given)
        await refused(world, of(world).UpdateSeeding(bad), refusal, field)
    end = pb.EndSeedingRequest(**world.ids(), seeding_id=made.id, expected_version=2)
    ended = (await of(world).EndSeeding(end)).seeding
    assert (ended.state, ended.HasField("end_time")) == (pb.SEEDING_STATE_ENDED, True)
    assert (await world.said())[-1] == "SeedingEnded"
    again = pb.EndSeedingRequest(**world.ids(), seeding_id=made.id)
    await refused(world, of(world).EndSeeding(again), SeedingEndedError)


async def test_items_are_added_and_changed(world: World) -> None:
    made = await add(world, await plan(world, await world.space()))
    (item,) = made.items
    assert (item.title, item.owner_id, item.state) == (
        "How to begin",
        "helper",
        pb.SEEDING_ITEM_STATE_PLANNED,
    )
    request = pb.UpdateSeedingItemRequest(
        **world.ids(),
        seeding_item_id=item.id,
        title="How to go on",
        owner_id="asker",
        skipped=True,
        expected_version=2,
    )
    request.due_time.FromDatetime(datetime(2027, 1, 1, tzinfo=UTC))
    (changed,) = (await of(world, OWNER).UpdateSeedingItem(request)).seeding.items
    assert (changed.title, changed.owner_id, changed.state) == (
        "How to go on",
        "asker",
        pb.SEEDING_ITEM_STATE_SKIPPED,
    )
    assert changed.due_time.ToDatetime(UTC) == datetime(2027, 1, 1, tzinfo=UTC)
    for wrong, refusal, field in (
        ({"title": ""}, TextInvalidError, "title"),
        ({"kind": 0}, FieldInvalidError, "kind"),
        ({"owner_id": "nobody"}, SeedingOwnerInvalidError, "owner_id"),
        ({"owner_id": ""}, SeedingOwnerInvalidError, "owner_id"),
        ({"seeding_id": "nothing"}, SeedingNotFoundError, "seeding_id"),
        ({"expected_version": 99}, VersionStaleError, "expected_version"),
    ):
        given: dict[str, Any] = {
            "seeding_id": made.id,
            "title": "x",
            "kind": forum_pb2.TOPIC_KIND_QUESTION,
            "owner_id": "owner",
            **wrong,
        }
        bad = pb.AddSeedingItemRequest(**world.ids(), **given)
        await refused(world, of(world).AddSeedingItem(bad), refusal, field)
    bad_time = pb.AddSeedingItemRequest(
        **world.ids(),
        seeding_id=made.id,
        title="x",
        kind=forum_pb2.TOPIC_KIND_QUESTION,
        owner_id="owner",
    )
    bad_time.due_time.seconds = 10**12
    await refused(world, of(world).AddSeedingItem(bad_time), FieldInvalidError, "due_time")


async def test_a_topic_posted_through_an_item_is_marked_and_does_not_count(world: World) -> None:
    space = await world.space()
    made = await add(world, await plan(world, space))
    item = made.items[0].id
    topic = await world.topic(space, HELPER, seeding_item_id=item)
    assert topic.seeded
    assert (await world.see(ASKER, topic)).seeded  # all readers are told
    assert not (await world.topic(space, title="Of its own")).seeded
    ((posted,),) = [one.items for one in await seen(world, made)]
    assert (posted.state, posted.topic_id) == (pb.SEEDING_ITEM_STATE_POSTED, topic.id)
    assert (await world.said()).count("SeedingUpdated") == 2
    reply = await world.reply(topic, OWNER, "Begin here.", seeding_id=made.id)
    own = await world.reply(topic, ASKER, "Thank you.")
    assert (reply.seeded, own.seeded) == (True, False)
    known = (await world.repository.find_spaces("c1", [space.id], None))[0]
    healths = await world.vitality.space_health([known], datetime.now(UTC))
    measures = healths[space.id].measures
    assert (measures.post_count, measures.seeded_count, measures.active_count) == (2, 2, 1)


async def test_an_item_is_posted_once_even_where_two_post_it_at_once(world: World) -> None:
    space = await world.space()
    made = await add(world, await plan(world, space))
    item = made.items[0].id
    both = await asyncio.gather(
        world.topic(space, HELPER, seeding_item_id=item, title="One"),
        world.topic(space, OWNER, seeding_item_id=item, title="Other"),
        return_exceptions=True,
    )
    (refusal,) = [one for one in both if isinstance(one, DomainError)]
    assert reason_of(refusal) == SeedingItemPostedError.reason()
    assert len((await world.stored())["topics"]) == 1


async def test_who_may_not_post_through_a_seeding(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    made = await add(world, await plan(world, space))
    item = made.items[0].id
    topic = await world.topic(other)

    async def post(actor: Any, where: forum_pb2.Space, item_id: str) -> Any:
        request = forum_pb2.CreateTopicRequest(
            **world.ids(), space_id=where.id, seeding_item_id=item_id, **QUESTION
        )
        return await world.of(actor).CreateTopic(request)

    for call, field in (
        (post(ASKER, space, item), "seeding_item_id"),
        (post(MODERATING, space, item), "seeding_item_id"),
        (post(HELPER, other, item), "seeding_item_id"),
        (post(HELPER, space, "nothing"), "seeding_item_id"),
    ):
        await refused(world, call, SeedingItemNotFoundError, field)
    for actor in (ASKER, OWNER):  # not of the seeding; not in its space
        request = forum_pb2.CreateReplyRequest(
            **world.ids(), topic_id=topic.id, body="A reply.", seeding_id=made.id
        )
        call = world.of(actor).CreateReply(request)
        await refused(world, call, SeedingNotFoundError, "seeding_id")
    await of(world).EndSeeding(pb.EndSeedingRequest(**world.ids(), seeding_id=made.id))
    await refused(world, post(HELPER, space, item), SeedingEndedError)


async def test_first_replies_that_are_due(world: World) -> None:
    space = await world.space()
    made = await plan(world, space)
    topics = [await world.topic(space, title=f"Question {number}") for number in range(4)]
    await world.reply(topics[1])
    await world.reply(topics[0], ASKER, body="I forgot to say that it blinks.")  # helps nobody
    await world.topic(space, kind=forum_pb2.TOPIC_KIND_DISCUSSION, title="No question")
    asked = datetime.now(UTC) - timedelta(hours=30)
    for minutes, topic in enumerate(topics[:3]):
        time = (asked + timedelta(minutes=minutes)).replace(microsecond=0)
        await world.database.topics.update_one({"_id": topic.id}, {"$set": {"create_time": time}})

    async def due(**more: Any) -> pb.ListDueFirstRepliesResponse:
        request = pb.ListDueFirstRepliesRequest(community_id="c1", seeding_id=made.id, **more)
        answer: pb.ListDueFirstRepliesResponse = await of(world, OWNER).ListDueFirstReplies(request)
        return answer

    found = await due()
    assert [one.topic_id for one in found.due_first_replies] == [topics[0].id, topics[2].id]
    first = found.due_first_replies[0]
    expected = asked.replace(microsecond=0) + timedelta(hours=24)
    assert first.due_time.ToDatetime(UTC) == expected
    page = await due(page_size=1)
    assert page.next_page_token == page.due_first_replies[0].page_token
    rest = await due(page_token=page.next_page_token)
    assert [one.topic_id for one in rest.due_first_replies] == [topics[2].id]
    no_target = pb.UpdateSeedingRequest(**world.ids(), seeding_id=made.id, first_reply_hours=0)
    await of(world).UpdateSeeding(no_target)
    assert not (await due()).due_first_replies


async def test_questions_stored_before_own_replies_were_counted_apart(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(3)]
    await world.reply(topics[1], ASKER)
    for number in range(7):  # a topic remembers but some of its replies
        await world.reply(topics[2], HELPER if number == 0 else ASKER)

    async def rows() -> list[dict[str, Any]]:
        found = {row["_id"]: row for row in (await world.stored())["topics"]}
        return [found[topic.id] for topic in topics]

    before = await rows()
    assert [row.get("unreplied", False) for row in before] == [True, True, False]
    fields = {"$unset": {"unreplied": 1, "own_reply_count": 1}}
    await world.database.topics.update_many({}, fields)
    (migration,) = (one for one in MIGRATIONS if one.name == "2026-11-unreplied")
    for _ in range(2):
        await migration.run(world.database)
        after = await rows()
        assert after[:2] == before[:2]
        assert after[2] == {**before[2], "own_reply_count": 0}
    await world.database.topics.update_many({}, fields)
    await world.reply(topics[1], ASKER)
    assert (await rows())[1]["own_reply_count"] == 2
    await world.reply(topics[1], HELPER)
    assert "unreplied" not in (await rows())[1]


async def test_list_seedings(world: World) -> None:
    spaces = [await world.space(f"space-{number}") for number in range(3)]
    made = [await plan(world, space, name=space.name) for space in spaces]

    async def listed(**more: Any) -> list[str]:
        request = pb.ListSeedingsRequest(community_id="c1", **more)
        return [one.id for one in (await of(world, OWNER).ListSeedings(request)).seedings]

    newest = [one.id for one in reversed(made)]
    assert await listed() == newest
    assert await listed(space_id=spaces[1].id) == [made[1].id]
    request = pb.ListSeedingsRequest(community_id="c1", page_size=2)
    page = await of(world).ListSeedings(request)
    assert [one.id for one in page.seedings] == newest[:2]
    assert await listed(page_token=page.next_page_token) == newest[2:]


async def test_a_seeding_ends_when_its_space_lives_by_itself(world: World) -> None:
    space = await world.space()
    made = await plan(world, space)
    await world.seeding.end_fulfilled()
    assert (await seen(world, made))[0].state == pb.SEEDING_STATE_ACTIVE
    await world.database.spaces.update_one(
        {"_id": space.id}, {"$set": {"vitality": "SELF_SUSTAINING"}}
    )
    for _ in range(2):
        await world.seeding.end_fulfilled()
    (ended,) = await seen(world, made)
    assert (ended.state, ended.HasField("end_time")) == (pb.SEEDING_STATE_FULFILLED, True)
    assert (await world.said()).count("SeedingEnded") == 1


async def test_get_seeding_report(world: World) -> None:
    space = await world.space()
    made = await add(world, await plan(world, space))
    topic = await world.topic(space, HELPER, seeding_item_id=made.items[0].id)
    await world.reply(topic, OWNER, "Begin here.", seeding_id=made.id)
    await world.reply(topic, ASKER, "Thank you.")
    hidden = await world.reply(topic, ASKER, "No thanks.")
    await world.act("HideReply", MODERATING, hidden, reason="Off topic")
    await world.topic(space, title="Of its own")
    gone = await world.topic(space, title="Gone")
    await world.reply(gone, ASKER)
    await world.act("RemoveTopic", MODERATING, gone, reason="Off topic")
    request = pb.GetSeedingReportRequest(community_id="c1", seeding_id=made.id)
    report = (await of(world, OWNER).GetSeedingReport(request)).report
    assert [(week.seeded_count, week.organic_count) for week in report.weeks] == [(2, 2)]
    assert (report.answer_count, report.HasField("start_day")) == (1, False)
    # Ten days later, with days that were counted before it began and since.
    begin = datetime.now(UTC) - timedelta(days=10)
    await world.database.seedings.update_one({"_id": made.id}, {"$set": {"create_time": begin}})
    await world.database.spaces.update_one(
        {"_id": space.id}, {"$set": {"create_time": begin - timedelta(days=3)}}
    )
    world.members.audience = [("p1", "co1")]
    await world.vitality.count_days(datetime.now(UTC))
    report = (await of(world, OWNER).GetSeedingReport(request)).report
    assert [(week.seeded_count, week.organic_count) for week in report.weeks] == [(0, 0), (2, 2)]
    assert report.start_day.day_time.ToDatetime(UTC).date() == (begin - timedelta(days=1)).date()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert report.end_day.day_time.ToDatetime(UTC).date() == yesterday.date()
