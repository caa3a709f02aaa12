"""Spaces and channels for groups, over real gRPC: their walls, and the feed of who is in one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chassis.actors import MODERATOR, Actor
from chassis.errors import DomainError, FieldInvalidError, RoleRequiredError, UnavailableError
from chassis.rpc_status import reason_of
from chassis.testing import person_actor
from guildhall.forum.v1 import exports_pb2, feed_pb2
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.exports_pb2_grpc import ExportServiceStub
from services.forum.repository import ForumRepository
from services.forum.tests.announcing import CHIEF, Town
from services.forum.tests.conftest import ASKER, MANAGING, SEARCH, STRANGER, World
from services.forum.tests.test_forum_feed_items_servicer import items, keys, keys_of
from services.forum.tests.test_forum_feed_list_servicer import page, reason, walk
from services.forum.tests.test_forum_feed_servicer import follow, read, state
from services.forum.tests.test_forum_servicer import refused

C1: dict[str, Any] = {"community_id": "c1"}
BOTH_GROUPS: dict[str, Any] = {"audience": pb.AUDIENCE_GROUPS, "audience_names": ["g1", "g2"]}
MUTED, NORMAL = feed_pb2.FOLLOW_LEVEL_MUTED, feed_pb2.FOLLOW_LEVEL_NORMAL
TRACKING, WATCHING = feed_pb2.FOLLOW_LEVEL_TRACKING, feed_pb2.FOLLOW_LEVEL_WATCHING


def grouped(person_id: str, *group_ids: str) -> Actor:
    """A member with the keys the directory would give who is in these groups."""
    keyring = ["community:c1", "company:co1@c1", f"person:{person_id}"]
    return person_actor(person_id, keyring=[*keyring, *(f"group:{id_}" for id_ in group_ids)])


FIRST, SECOND = grouped("first", "g1"), grouped("second", "g2")
NEITHER = grouped("neither", "g9")


async def opened(world: World, actor: Actor, **more: Any) -> list[pb.Space]:
    """The spaces on the actor's first page."""
    request = pb.ListSpacesRequest(**C1, **more)
    return list((await world.of(actor).ListSpaces(request)).spaces)


async def change(world: World, space: pb.Space, **more: Any) -> pb.Space:
    request = pb.UpdateSpaceRequest(**world.ids(), space_id=space.id, **more)
    changed: pb.Space = (await world.of(MANAGING).UpdateSpace(request)).space
    return changed


# -- walls


async def test_a_space_for_groups_is_open_to_their_members_and_moderators(world: World) -> None:
    space = await world.space("tiger", **BOTH_GROUPS)
    topic = await world.topic(space, FIRST)
    moderator = person_actor("moderating", roles=[MODERATOR])
    for actor in (FIRST, SECOND, moderator, MANAGING):
        assert [one.id for one in await opened(world, actor)] == [space.id]
        assert await world.topics(actor) == [topic.id]
        assert (await world.see(actor, topic)).id == topic.id
    for actor in (NEITHER, ASKER):
        assert await opened(world, actor) == []
        assert await world.topics(actor) == []
        for id_ in (space.id, "nothing"):
            call = world.of(actor).GetSpace(pb.GetSpaceRequest(**C1, space_id=id_))
            await refused(world, call, "SPACE_NOT_FOUND", "space_id")
        await refused(world, world.see(actor, topic), "TOPIC_NOT_FOUND", "topic_id")
        await refused(world, world.topic(space, actor), "SPACE_NOT_FOUND", "space_id")
    gone = await change(world, space, audience=pb.AUDIENCE_GROUPS, audience_names=["g2"])
    assert list(gone.audience_names) == ["g2"]
    assert (await opened(world, FIRST), await world.topics(FIRST)) == ([], [])
    assert await world.topics(SECOND) == [topic.id]


async def test_of_the_groups_a_reader_is_shown_their_own(world: World) -> None:
    space = await world.space("tiger", **BOTH_GROUPS)
    await world.topic(space, FIRST)
    moderator = person_actor("moderating", roles=[MODERATOR])
    for actor, names in (
        (FIRST, ["g1"]),
        (grouped("both", "g1", "g2"), ["g1", "g2"]),
        (moderator, []),
        (MANAGING, ["g1", "g2"]),
    ):
        await follow(world, actor, space_id=space.id)
        tagged = await follow(world, actor, tag="k8s", space_id=space.id)
        forum, feed = world.of(actor), world.feed_of(actor)
        got = await forum.GetSpace(pb.GetSpaceRequest(**C1, slug="tiger"))
        batch = await forum.BatchGetSpaces(pb.BatchGetSpacesRequest(**C1, space_ids=[space.id]))
        followed = await feed.ListFollows(feed_pb2.ListFollowsRequest())
        listed = await feed.ListFeed(feed_pb2.ListFeedRequest(with_spaces=True))
        shown = [
            got.space,
            *batch.spaces,
            *await opened(world, actor),
            tagged.space,
            *(one.space for one in followed.follows),
            *listed.spaces,
        ]
        assert len(shown) == 7
        assert [list(one.audience_names) for one in shown] == [names] * 7
    request = exports_pb2.ListExportRecordsRequest(**C1)
    exported = await world.of(MANAGING, ExportServiceStub).ListExportRecords(request)
    (record,) = [one.space for one in exported.records if one.HasField("space")]
    assert list(record.audience_names) == ["g1", "g2"]
    request_of_search = pb.BatchGetSpacesRequest(**C1, space_ids=[space.id])
    (told,) = (await world.of(SEARCH).BatchGetSpaces(request_of_search)).spaces
    assert list(told.read_keys) == ["group:g1", "group:g2", "moderators:c1"]
    assert list(told.audience_names) == ["g1", "g2"]


async def test_only_active_groups_of_the_community_are_named(world: World) -> None:
    space = await world.space()
    named = (["nothing"], ["g1", "g3"], ["ended"])
    for names in (*named, ["g1", "x:y"], []):
        label: dict[str, Any] = {"audience": pb.AUDIENCE_GROUPS, "audience_names": names}
        create = pb.CreateSpaceRequest(**world.ids(), slug="tiger", name="Tiger", **label)
        update = pb.UpdateSpaceRequest(**world.ids(), space_id=space.id, **label)
        manager = world.of(MANAGING)
        await refused(world, manager.CreateSpace(create), FieldInvalidError, "audience_names")
        await refused(world, manager.UpdateSpace(update), FieldInvalidError, "audience_names")
    assert world.groups.asked == [tuple(names) for names in named for _ in range(2)]
    foreign = pb.CreateSpaceRequest(**world.ids(), slug="tiger", name="Tiger", **BOTH_GROUPS)
    await refused(world, world.of(ASKER).CreateSpace(foreign), RoleRequiredError)
    foreign.community_id = "c2"
    await refused(world, world.of(STRANGER).CreateSpace(foreign), RoleRequiredError)
    assert len(world.groups.asked) == 6


async def test_without_the_directory_a_space_gets_no_groups_and_keeps_those_it_has(
    world: World,
) -> None:
    create = pb.CreateSpaceRequest(**world.ids(), slug="tiger", name="Tiger", **BOTH_GROUPS)
    made = (await world.of(MANAGING).CreateSpace(create)).space
    update = pb.UpdateSpaceRequest(
        **world.ids(), space_id=made.id, audience=pb.AUDIENCE_GROUPS, audience_names=["g1"]
    )
    changed = (await world.of(MANAGING).UpdateSpace(update)).space
    world.groups.away = True
    assert (await world.of(MANAGING).CreateSpace(create)).space == made
    assert (await world.of(MANAGING).UpdateSpace(update)).space == changed
    for request in (create, update):
        request.request_id = world.request_id()
    again = (await world.of(MANAGING).UpdateSpace(update)).space  # nothing is to be asked
    assert again.audience_names == ["g1"]
    update.request_id = world.request_id()
    update.audience_names.append("g2")
    create.slug = "lion"
    await refused(world, world.of(MANAGING).CreateSpace(create), UnavailableError)
    await refused(world, world.of(MANAGING).UpdateSpace(update), UnavailableError)
    assert (await change(world, changed, name="Lion")).audience == pb.AUDIENCE_GROUPS
    assert [one.name for one in await opened(world, FIRST)] == ["Lion"]


async def test_a_group_that_is_archived_by_now_may_stay_named(town: Town) -> None:
    world = town.world
    space, channel = await world.space("tiger", **BOTH_GROUPS), await town.channel(**BOTH_GROUPS)
    world.groups.archived.add("g1")
    same = await change(world, space, name="Lion", **BOTH_GROUPS)
    assert (same.name, list(same.audience_names)) == ("Lion", ["g1", "g2"])
    fields = {"channel_id": channel.id, "name": "Lions", **BOTH_GROUPS}
    told = (await town.call(CHIEF, "UpdateChannel", **fields)).channel
    assert (told.name, list(told.audience_names)) == ("Lions", ["g1", "g2"])
    only = await change(world, space, audience=pb.AUDIENCE_GROUPS, audience_names=["g2"])
    assert list(only.audience_names) == ["g2"]
    back = pb.UpdateSpaceRequest(**world.ids(), space_id=space.id, **BOTH_GROUPS)
    await refused(world, world.of(MANAGING).UpdateSpace(back), FieldInvalidError, "audience_names")


async def test_a_channel_for_groups_is_read_by_their_members(town: Town) -> None:
    label: dict[str, Any] = {"audience": pb.AUDIENCE_GROUPS, "audience_names": ["g1", "g2"]}
    channel = await town.channel("tiger", **label)
    assert list(channel.audience_names) == ["g1", "g2"]
    town.directory.add(FIRST, NEITHER)
    one = await town.published(channel)
    assert (await town.ids(FIRST), await town.ids(NEITHER)) == ([one.id], [])
    assert (await town.get(one)).audience_count == 2  # the chief moderates
    about = {"channel_id": channel.id}
    shown = [
        (await town.call(FIRST, "GetChannel", **about)).channel,
        *(await town.call(FIRST, "ListChannels")).channels,
        *(await town.call(FIRST, "BatchGetChannels", channel_ids=[channel.id])).channels,
        (await town.call(FIRST, "FollowChannel", **about)).channel,
        (await town.call(FIRST, "UnfollowChannel", **about)).channel,
    ]
    assert [list(one.audience_names) for one in shown] == [["g1"]] * 5
    before = await town.world.stored()
    for names in (["nothing"], ["ended"], ["g3"]):
        fields: dict[str, Any] = {**label, "audience_names": names}
        for rpc, more in (
            ("UpdateChannel", about),
            ("CreateChannel", {"slug": "lion", "name": "Lion", "theme": 1}),
        ):
            with pytest.raises(DomainError) as refusal:
                await town.call(CHIEF, rpc, **fields, **more)
            assert (reason_of(refusal.value), refusal.value.field) == (
                "FIELD_INVALID",
                "audience_names",
            )
    assert await town.world.stored() == before
    only = {**about, "audience": pb.AUDIENCE_GROUPS, "audience_names": ["g2"]}
    changed = (await town.call(CHIEF, "UpdateChannel", **only)).channel
    assert list(changed.audience_names) == ["g2"]
    assert (await town.ids(FIRST), await town.ids(SECOND)) == ([], [one.id])


# -- the feed


async def test_spaces_of_one_s_groups_are_in_the_feed_by_themselves(world: World) -> None:
    space, other = await world.space("tiger", **BOTH_GROUPS), await world.space()
    topic = await world.topic(space, MANAGING, title="in the group")
    await world.topic(other, MANAGING, title="elsewhere")
    before = await world.stored()
    for order in (feed_pb2.FEED_ORDER_LATEST, feed_pb2.FEED_ORDER_RANKED):
        for actor in (FIRST, SECOND):
            (item,) = (await page(world, actor, order=order, with_viewer_states=True)).items
            assert (item.topic.title, reason(item)) == ("in the group", "GROUP")
            assert item.viewer_state.level == TRACKING
        for outsider in (NEITHER, ASKER, STRANGER, person_actor("m", roles=[MODERATOR])):
            assert not (await page(world, outsider, order=order)).items
    assert [reason(item) for item in await items(world, FIRST, topic)] == ["GROUP"]
    assert await items(world, NEITHER, topic) == []
    assert [one.level for one in await state(world, FIRST, topic)] == [TRACKING]
    assert [one.level for one in await state(world, MANAGING, topic)] == [WATCHING]  # their own
    assert await world.stored() == before  # and not a row of it
    assert (await read(world, FIRST, topic)).viewer_state.level == TRACKING
    own = await world.topic(space, FIRST, title="own")
    assert {one.topic.id: reason(one) for one in (await page(world, FIRST)).items} == {
        topic.id: "GROUP",
        own.id: "OWN_TOPIC",
    }


async def test_what_was_chosen_wins_over_the_group(world: World) -> None:
    space = await world.space("tiger", **BOTH_GROUPS)
    topic = await world.topic(space, MANAGING, tags=["noise"])
    for level, reasons in (
        (MUTED, []),
        (NORMAL, []),
        (WATCHING, ["FOLLOWED_SPACE"]),
        (feed_pb2.FOLLOW_LEVEL_UNSPECIFIED, ["GROUP"]),
    ):
        await follow(world, FIRST, level, space_id=space.id)
        assert [reason(item) for item in (await page(world, FIRST)).items] == reasons
        assert [reason(item) for item in await items(world, FIRST, topic)] == reasons
        (stands,) = await state(world, FIRST, topic)
        assert stands.level == (level or TRACKING)
    await follow(world, FIRST, MUTED, tag="noise")
    assert not (await page(world, FIRST)).items
    await follow(world, FIRST, TRACKING, tag="noise")
    assert [reason(item) for item in (await page(world, FIRST)).items] == ["FOLLOWED_TAG"]


async def test_a_group_that_is_lost_takes_its_spaces_along_at_once(world: World) -> None:
    space = await world.space("tiger", **BOTH_GROUPS)
    topic = await world.topic(space, MANAGING)
    for number in range(3):
        await world.topic(space, MANAGING, title=f"more {number}")
    assert len(await walk(world, FIRST, 1)) == 4
    token = (await page(world, FIRST, page_size=2)).next_page_token
    lost = replace(FIRST, memberships=grouped("first").memberships)
    for more in ({}, {"page_token": token}):
        assert not (await page(world, lost, **more)).items
    assert await items(world, lost, topic) == []
    assert len((await page(world, FIRST, page_token=token)).items) == 2
    await change(world, space, audience=pb.AUDIENCE_COMMUNITY)
    assert not (await page(world, FIRST)).items  # readable still, and nobody's group's
    await change(world, space, audience=pb.AUDIENCE_GROUPS, audience_names=["g1"])
    assert len((await page(world, FIRST)).items) == 4


async def test_a_group_is_a_key_of_feeds_whatever_its_spaces_are(world: World) -> None:
    space, other = await world.space("tiger", **BOTH_GROUPS), await world.space()
    topic, none = await world.topic(space, MANAGING), await world.topic(other, MANAGING)
    own = await keys(world, FIRST)
    assert own == {"person:first@c1", "group:g1"}
    assert await keys(world, FIRST, "c2") == set()
    of = await keys_of(world, topic, none)
    assert {"group:g1", "group:g2", f"space:{space.id}"} <= of[topic.id]
    assert not own & of[none.id]
    await change(world, other, audience=pb.AUDIENCE_GROUPS, audience_names=["g1"])
    assert own & (await keys_of(world, none))[none.id]
    await change(world, space, audience=pb.AUDIENCE_GROUPS, audience_names=["g2"])
    assert not own & (await keys_of(world, topic))[topic.id]


async def test_groups_cost_the_feed_no_query(world: World) -> None:
    space, open_ = await world.space("tiger", **BOTH_GROUPS), await world.space()
    await world.topic(space, MANAGING)
    await world.topic(open_, MANAGING)
    follower = grouped("follower")
    await follow(world, follower, space_id=open_.id)
    world.repository.walls._doors._lifetime = 600.0
    asked = []
    for actor in (follower, FIRST):
        await page(world, actor)
        await world.database.command("profile", 2)
        assert len((await page(world, actor, with_viewer_states=True)).items) == 1
        await world.database.command("profile", 0)
        profile = world.database["system.profile"]
        asked.append([(row["ns"], row["op"]) async for row in profile.find().sort("ts", 1)])
        await profile.drop()
    assert sorted(asked[0]) == sorted(asked[1]) != []


async def test_walls_of_groups_are_asked_for_together(world: World) -> None:
    space, open_ = await world.space("tiger", **BOTH_GROUPS), await world.space()
    walls = ForumRepository(world.database).walls
    whole = {"c1": ["community:c1", "group:g1"], "c2": []}
    both = await walls.opened_anywhere_by([whole, {"c1": ["group:g1"], "c2": []}, {}])
    assert both == [
        {"c1": sorted([space.id, open_.id]), "c2": []},
        {"c1": [space.id], "c2": []},
        {},
    ]
    groups = await walls.groups_of("c1")
    assert (sorted(groups), sorted(groups[space.id])) == ([space.id], ["group:g1", "group:g2"])
    assert await walls.groups_of("c2") == {}
