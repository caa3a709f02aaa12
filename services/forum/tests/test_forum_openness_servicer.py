"""What all of a community may know of: behind its common wall alone, and once it was out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.errors import FieldInvalidError, RoleRequiredError
from chassis.testing import service_actor
from guildhall.directory.v1.directory_pb2 import ROLE_MEMBER
from guildhall.forum.v1 import announcements_pb2 as apb
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import moves_pb2 as mpb
from guildhall.forum.v1 import openness_pb2 as opb
from guildhall.forum.v1.moves_pb2_grpc import MoveServiceStub
from guildhall.forum.v1.openness_pb2_grpc import OpennessServiceStub
from services.forum.domain.openness import Openness
from services.forum.tests.announcing import Town, ahead
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)

NOTIFICATIONS = service_actor("notifications")
IN_SIGHT, GONE = opb.OPENNESS_IN_SIGHT, opb.OPENNESS_GONE
NARROW: list[dict[str, Any]] = [
    {"audience": pb.AUDIENCE_VENDOR},
    {"audience": pb.AUDIENCE_TIER, "audience_names": ["gold"]},
    {"audience": pb.AUDIENCE_COMPANIES, "audience_names": ["co1"]},
]


async def openness(
    world: World, *posts: pb.Topic | pb.Reply, community_id: str = "c1"
) -> list[opb.Openness.ValueType | None]:
    """Of each of these; None: nothing is told of it."""
    request = opb.BatchGetOpennessRequest(
        community_id=community_id,
        topic_ids=[one.id for one in posts if isinstance(one, pb.Topic)],
        reply_ids=[one.id for one in posts if isinstance(one, pb.Reply)],
    )
    answer = await world.of(NOTIFICATIONS, OpennessServiceStub).BatchGetOpenness(request)
    found = {**answer.topics, **answer.replies}
    assert set(found) <= {one.id for one in posts}
    return [found.get(one.id) for one in posts]


async def test_what_all_members_can_read_is_open(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    assert await openness(world, topic, reply) == [IN_SIGHT, IN_SIGHT]
    assert await openness(world, reply) == [IN_SIGHT]
    await world.act("CloseTopic", MODERATING, topic, close_reason=pb.CLOSE_REASON_RESOLVED)
    assert await openness(world, topic) == [IN_SIGHT]
    assert await openness(world, topic, reply, community_id="c2") == [None, None]
    assert await openness(world, pb.Topic(id="none"), pb.Reply(id="none")) == [None, None]


async def test_what_went_out_of_sight_is_gone_and_what_was_in_it(world: World) -> None:
    space = await world.space()
    hidden, removed = await world.topic(space), await world.topic(space)
    replies = [await world.reply(hidden) for _ in range(3)]
    await world.act("HideReply", MODERATING, replies[0], reason="spam")
    await world.act("RemoveReply", MODERATING, replies[1], reason="spam")
    assert await openness(world, *replies) == [GONE, GONE, IN_SIGHT]
    await world.act("HideTopic", MODERATING, hidden, reason="spam")
    await world.act("RemoveTopic", MODERATING, removed, reason="spam")
    assert await openness(world, hidden, removed, *replies) == [GONE] * 5
    await world.act("RemoveTopic", MODERATING, hidden, reason="spam")
    assert await openness(world, hidden, replies[2]) == [GONE, GONE]


@pytest.mark.parametrize("audience", NARROW)
async def test_behind_a_narrower_wall_nothing_is_told(
    world: World, audience: dict[str, Any]
) -> None:
    """Nor when it goes out of sight, nor of what was public before the wall was narrowed."""
    narrow = await world.space("narrow", **audience)
    topic = await world.topic(narrow, MANAGING)
    reply = await world.reply(topic, MANAGING)
    assert await openness(world, topic, reply) == [None, None]
    await world.act("HideReply", MANAGING, reply, reason="spam")
    await world.act("HideTopic", MANAGING, topic, reason="spam")
    assert await openness(world, topic, reply) == [None, None]
    await world.act("RemoveTopic", MANAGING, topic, reason="spam")
    assert await openness(world, topic, reply) == [None, None]

    space = await world.space()
    public = await world.topic(space)
    answer = await world.reply(public)
    assert await openness(world, public, answer) == [IN_SIGHT, IN_SIGHT]
    change = pb.UpdateSpaceRequest(
        **world.ids(),
        space_id=space.id,
        audience=audience["audience"],
        audience_names=audience.get("audience_names", ()),
    )
    await world.of(MANAGING).UpdateSpace(change)
    assert await openness(world, public, answer) == [None, None]


async def test_a_move_changes_the_wall_of_a_topic_and_its_replies(world: World) -> None:
    narrow = await world.space("vendor", audience=pb.AUDIENCE_VENDOR)
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    request = mpb.MoveTopicRequest(**world.ids(), topic_id=topic.id, space_id=narrow.id)
    await world.of(MANAGING, MoveServiceStub).MoveTopic(request)
    assert await openness(world, topic, reply) == [None, None]


async def test_what_was_never_out_is_not_told(world: World) -> None:
    """A draft, what waits for review or was rejected; nor that it was removed."""
    space = await world.space("reviewed", mode=pb.SPACE_MODE_REQUIRED)
    draft = await world.topic(space, draft=True)
    held = await world.topic(space)
    assert await openness(world, draft, held) == [None, None]
    await world.act("RemoveTopic", ASKER, draft)
    await world.act("RemoveTopic", MODERATING, held, reason="spam")
    assert await openness(world, draft, held) == [None, None]
    topic = await world.topic(space, MANAGING)
    reply = await world.reply(topic)
    assert reply.state == pb.REPLY_STATE_PENDING_REVIEW
    assert await openness(world, reply) == [None]
    await world.act("RemoveReply", HELPER, reply)
    assert await openness(world, reply) == [None]


async def test_openness_is_for_notifications_alone(world: World) -> None:
    topic = await world.topic(await world.space())
    before = await world.stored()
    request = opb.BatchGetOpennessRequest(community_id="c1", topic_ids=[topic.id])
    for actor in (ASKER, MANAGING, STRANGER, SEARCH, service_actor("gateway")):
        with pytest.raises(RoleRequiredError):
            await world.of(actor, OpennessServiceStub).BatchGetOpenness(request)
    for field in ("topic_ids", "reply_ids", "announcement_ids"):
        many = opb.BatchGetOpennessRequest(
            community_id="c1", **{field: [f"x{number}" for number in range(101)]}
        )
        with pytest.raises(FieldInvalidError) as refusal:
            await world.of(NOTIFICATIONS, OpennessServiceStub).BatchGetOpenness(many)
        assert refusal.value.field == field
    assert await world.stored() == before


async def of_announcements(
    town: Town, *some: apb.Announcement, later: timedelta = timedelta()
) -> list[Openness | None]:
    ids = [one.id for one in some]
    found = await town.world.repository.find_openness_of_announcements("c1", ids, ahead() + later)
    return [found.get(id_) for id_ in ids]


async def test_announcements_are_open_where_everybody_is_told(town: Town) -> None:
    news = await town.channel()
    gold = {"audience": pb.AUDIENCE_TIER, "audience_names": ["gold"]}
    narrow = await town.channel("narrow", **gold)
    out = await town.published(news)
    behind_wall = await town.published(narrow)
    by_rule = await town.published(news, audience_rule=apb.AudienceRule(tiers=["gold"]))
    of_members = await town.published(news, audience_rule=apb.AudienceRule(roles=[ROLE_MEMBER]))
    draft = await town.draft(news)
    asked = (out, behind_wall, by_rule, of_members, draft)
    told = Openness.IN_SIGHT
    assert await of_announcements(town, *asked) == [told, None, None, told, None]
    for one in (out, behind_wall, by_rule):
        await town.act("WithdrawAnnouncement", one, reason="wrong")
    await town.act("ScheduleAnnouncement", draft, publish_time=ahead(days=1))
    assert await of_announcements(town, *asked) == [Openness.GONE, None, None, told, None]
    await town.act("WithdrawAnnouncement", draft, reason="wrong")
    assert await of_announcements(town, draft) == [None]
    other = await town.world.repository.find_openness_of_announcements("c2", [out.id], ahead())
    assert other == {}


async def test_an_announcement_is_open_once_its_hour_has_come_everywhere(town: Town) -> None:
    news = await town.channel()
    one, other = await town.draft(news), await town.draft(news)
    clock = (ahead() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    for draft in (one, other):
        await town.act("ScheduleAnnouncement", draft, wall_clock=clock)
    await town.wake(ahead())
    assert await of_announcements(town, one, other) == [Openness.UPCOMING] * 2
    assert await of_announcements(town, one, later=timedelta(hours=15)) == [Openness.IN_SIGHT]
    await town.act("WithdrawAnnouncement", other, reason="wrong")
    assert await of_announcements(town, other, later=timedelta(hours=15)) == [None]
