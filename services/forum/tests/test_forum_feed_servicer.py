"""Follows, bookmarks and read marks over real gRPC: one's own, behind walls."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.actors import Actor, Membership
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    PageTokenInvalidError,
    RequestIdInvalidError,
    RoleRequiredError,
    TextInvalidError,
)
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from services.forum.domain.feed.bookmarks import MOST_BOOKMARKS
from services.forum.domain.feed.follows import MOST_FOLLOWS
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused

C1: dict[str, Any] = {"community_id": "c1"}
VENDOR = {"audience": forum_pb2.AUDIENCE_VENDOR}
TRACKING = pb.FOLLOW_LEVEL_TRACKING
# A member of two communities.
BOTH = Actor(
    person_id="both",
    memberships={
        community: Membership("co1", keyring=(f"community:{community}", "person:both"))
        for community in ("c1", "c2")
    },
)


KINDS = {
    "space_id": pb.FOLLOW_KIND_SPACE,
    "topic_id": pb.FOLLOW_KIND_TOPIC,
    "person_id": pb.FOLLOW_KIND_PERSON,
    "company_id": pb.FOLLOW_KIND_COMPANY,
}


async def follow(world: World, actor: Actor, level: Any = TRACKING, **target: str) -> pb.Follow:
    """By what it is."""
    if "tag" in target:
        tagged = pb.SetTagFollowRequest(**world.ids(), level=level, **target)
        return (await world.feed_of(actor).SetTagFollow(tagged)).follow  # type: ignore[no-any-return]
    ((name, id_),) = target.items()
    request = pb.SetFollowRequest(**world.ids(), level=level, kind=KINDS[name], target_id=id_)
    return (await world.feed_of(actor).SetFollow(request)).follow  # type: ignore[no-any-return]


async def follows(world: World, actor: Actor, **more: Any) -> list[pb.Follow]:
    response = await world.feed_of(actor).ListFollows(pb.ListFollowsRequest(**more))
    return list(response.follows)


async def bookmarks(world: World, actor: Actor, **more: Any) -> list[pb.Bookmark]:
    response = await world.feed_of(actor).ListBookmarks(pb.ListBookmarksRequest(**more))
    return list(response.bookmarks)


async def keep(world: World, actor: Actor, **post: Any) -> pb.Bookmark:
    request = pb.AddBookmarkRequest(**world.ids(), **post)
    made: pb.Bookmark = (await world.feed_of(actor).AddBookmark(request)).bookmark
    return made


async def state(world: World, actor: Actor, *topics: forum_pb2.Topic) -> list[pb.ViewerState]:
    request = pb.BatchGetViewerStatesRequest(**C1, topic_ids=[one.id for one in topics])
    response = await world.feed_of(actor).BatchGetViewerStates(request)
    return list(response.viewer_states)


async def read(world: World, actor: Actor, topic: forum_pb2.Topic, reply_id: str = "") -> Any:
    request = pb.MarkTopicReadRequest(**world.ids(), topic_id=topic.id, reply_id=reply_id)
    return await world.feed_of(actor).MarkTopicRead(request)


async def wall(world: World, space: forum_pb2.Space, audience: Any) -> None:
    """The space is for these from now on."""
    request = forum_pb2.UpdateSpaceRequest(**world.ids(), space_id=space.id, audience=audience)
    await world.of(MANAGING).UpdateSpace(request)


# -- follows


async def test_set_follow_of_everything_there_is(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    before = len(await outbox(world.database))
    await follow(world, HELPER, space_id=space.id)
    await follow(world, HELPER, pb.FOLLOW_LEVEL_WATCHING, topic_id=topic.id)
    await follow(world, HELPER, tag="K8S")
    await follow(world, HELPER, tag="k8s", space_id=space.id)
    await follow(world, HELPER, person_id="asker")
    await follow(world, HELPER, pb.FOLLOW_LEVEL_MUTED, company_id="co1")
    events = (await outbox(world.database))[before:]
    mine: dict[str, Any] = {"person_id": "helper", "level": TRACKING}
    assert events == [
        said.FollowChanged(**mine, space_id=space.id),
        said.FollowChanged(person_id="helper", level=pb.FOLLOW_LEVEL_WATCHING, topic_id=topic.id),
        said.FollowChanged(**mine),
        said.FollowChanged(**mine, space_id=space.id),
        said.FollowChanged(**mine, followed_person_id="asker"),
        said.FollowChanged(person_id="helper", level=pb.FOLLOW_LEVEL_MUTED, company_id="co1"),
    ]
    listed = await follows(world, HELPER)
    assert [
        (one.kind, one.space_id, one.topic_id, one.tag, one.person_id, one.company_id)
        for one in listed
    ] == [
        (pb.FOLLOW_KIND_COMPANY, "", "", "", "", "co1"),
        (pb.FOLLOW_KIND_PERSON, "", "", "", "asker", ""),
        (pb.FOLLOW_KIND_TAG, space.id, "", "k8s", "", ""),
        (pb.FOLLOW_KIND_TAG, "", "", "k8s", "", ""),
        (pb.FOLLOW_KIND_TOPIC, "", topic.id, "", "", ""),
        (pb.FOLLOW_KIND_SPACE, space.id, "", "", "", ""),
    ]
    assert [one.topic.title for one in listed if one.topic_id] == [topic.title]
    assert [one.space.name for one in listed if one.space_id] == [space.name] * 2
    assert await follows(world, ASKER) == []
    assert await follows(world, MANAGING) == []


async def test_a_follow_is_changed_repeated_and_given_up(world: World) -> None:
    space = await world.space()
    request = pb.SetFollowRequest(
        **world.ids(), kind=pb.FOLLOW_KIND_SPACE, target_id=space.id, level=TRACKING
    )
    made = (await world.feed_of(HELPER).SetFollow(request)).follow
    assert (made.level, made.space.name) == (TRACKING, space.name)
    before = await world.stored()
    assert (await world.feed_of(HELPER).SetFollow(request)).follow == made
    assert (await follow(world, HELPER, space_id=space.id)).set_time == made.set_time
    kept = {name: rows for name, rows in (await world.stored()).items() if name != "commands"}
    assert kept == {name: rows for name, rows in before.items() if name != "commands"}
    await follow(world, HELPER, pb.FOLLOW_LEVEL_WATCHING, space_id=space.id)
    assert [one.level for one in await follows(world, HELPER)] == [pb.FOLLOW_LEVEL_WATCHING]
    gone = await follow(world, HELPER, pb.FOLLOW_LEVEL_UNSPECIFIED, space_id=space.id)
    assert (gone.kind, gone.space_id, gone.level) == (pb.FOLLOW_KIND_SPACE, space.id, 0)
    assert await follows(world, HELPER) == []
    assert (await follow(world, ASKER, pb.FOLLOW_LEVEL_UNSPECIFIED, space_id=space.id)).level == 0
    assert (await world.stored())["readers"][0]["person_id"] == "helper"


async def test_set_follow_refuses(world: World) -> None:
    space = await world.space()
    hidden = await world.space("vendor", **VENDOR)
    secret = await world.topic(hidden, MANAGING)
    topic = await world.topic(space)
    a_topic, a_space = pb.FOLLOW_KIND_TOPIC, pb.FOLLOW_KIND_SPACE
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (HELPER, {"target_id": hidden.id}, "SPACE_NOT_FOUND", "target_id"),
        (HELPER, {"target_id": "none"}, "SPACE_NOT_FOUND", "target_id"),
        (HELPER, {"kind": a_topic, "target_id": secret.id}, "TOPIC_NOT_FOUND", "target_id"),
        (HELPER, {"kind": a_topic, "target_id": "none"}, "TOPIC_NOT_FOUND", "target_id"),
        (HELPER, {"kind": 4, "target_id": "nobody"}, "MEMBER_NOT_FOUND", "target_id"),
        (HELPER, {"kind": 5, "target_id": "nobody"}, "COMPANY_NOT_FOUND", "target_id"),
        (HELPER, {"kind": 3}, FieldInvalidError, "kind"),
        (HELPER, {"kind": 0}, FieldInvalidError, "kind"),
        (HELPER, {"kind": 9}, FieldInvalidError, "kind"),
        (HELPER, {"level": 9}, "FOLLOW_LEVEL_INVALID", "level"),
        (HELPER, {"kind": a_topic, "level": 5}, "FOLLOW_LEVEL_INVALID", "level"),
        (HELPER, {"request_id": "x"}, RequestIdInvalidError, "request_id"),
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
    ]
    good: dict[str, Any] = {"kind": a_space, "target_id": space.id, "level": TRACKING}
    for actor, change, reason, field in wrong:
        if change.get("kind") == a_topic and "target_id" not in change:
            change = {**change, "target_id": topic.id}
        request = pb.SetFollowRequest(**{**world.ids(), **good, **change})
        await refused(world, world.feed_of(actor).SetFollow(request), reason, field)


async def test_set_tag_follow_refuses(world: World) -> None:
    hidden = await world.space("vendor", **VENDOR)
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (HELPER, {"space_id": hidden.id}, "SPACE_NOT_FOUND", "space_id"),
        (HELPER, {"space_id": "none"}, "SPACE_NOT_FOUND", "space_id"),
        (HELPER, {"tag": "no tag"}, "TAGS_INVALID", "tag"),
        (HELPER, {"tag": ""}, "TAGS_INVALID", "tag"),
        (HELPER, {"level": 9}, "FOLLOW_LEVEL_INVALID", "level"),
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
    ]
    for actor, change, reason, field in wrong:
        request = pb.SetTagFollowRequest(
            **{**world.ids(), "tag": "k8s", "level": TRACKING, **change}
        )
        await refused(world, world.feed_of(actor).SetTagFollow(request), reason, field)


async def test_nobody_follows_without_end(world: World) -> None:
    space = await world.space()
    await follow(world, HELPER, space_id=space.id)
    one = (await world.database.readers.find_one({}))["follows"][0]  # type: ignore[index]
    many = [{**one, "kind": "TAG", "id": f"t{number}"} for number in range(MOST_FOLLOWS)]
    await world.database.readers.update_one({}, {"$set": {"follows": many}})
    request = pb.SetFollowRequest(
        **world.ids(), kind=pb.FOLLOW_KIND_SPACE, target_id=space.id, level=TRACKING
    )
    await refused(world, world.feed_of(HELPER).SetFollow(request), "TOO_MANY_FOLLOWS")
    await follow(world, HELPER, pb.FOLLOW_LEVEL_WATCHING, tag="t7")  # one that is there already


async def test_follows_set_at_once_are_all_kept(world: World) -> None:
    spaces = [await world.space(f"space-{number}") for number in range(6)]
    await asyncio.gather(*(follow(world, HELPER, space_id=one.id) for one in spaces))
    assert {one.space_id for one in await follows(world, HELPER)} == {one.id for one in spaces}


async def test_list_follows_shows_what_can_be_seen(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    topic = await world.topic(other, MANAGING)
    await follow(world, HELPER, space_id=other.id)
    await follow(world, HELPER, topic_id=topic.id)
    await follow(world, HELPER, tag="k8s", space_id=other.id)
    await follow(world, HELPER, space_id=space.id)
    await wall(world, other, forum_pb2.AUDIENCE_VENDOR)
    assert [one.space_id for one in await follows(world, HELPER)] == [space.id]
    await wall(world, other, forum_pb2.AUDIENCE_COMMUNITY)
    assert len(await follows(world, HELPER)) == 4


async def test_list_follows_in_pages_over_communities(world: World) -> None:
    for number in range(5):
        await follow(world, BOTH, tag=f"tag-{number}")
        request = pb.SetTagFollowRequest(
            request_id=world.request_id(), community_id="c2", tag=f"tag-{number}", level=TRACKING
        )
        await world.feed_of(BOTH).SetTagFollow(request)
    whole = [(one.community_id, one.tag) for one in await follows(world, BOTH)]
    assert len(whole) == 10
    for backward in (False, True):
        found: list[tuple[str, str]] = []
        token = ""
        while True:
            page = await world.feed_of(BOTH).ListFollows(
                pb.ListFollowsRequest(page_size=3, page_token=token, backward=backward)
            )
            rows = [(one.community_id, one.tag) for one in page.follows]
            found = rows + found if backward else found + rows
            if not (token := page.next_page_token):
                break
            end = page.follows[0] if backward else page.follows[-1]
            assert token == end.page_token
        assert found == whole
    assert {one.community_id for one in await follows(world, BOTH, community_ids=["c2"])} == {"c2"}
    assert await follows(world, BOTH, community_ids=["c3"]) == []
    many = pb.ListFollowsRequest(community_ids=[f"c{number}" for number in range(101)])
    call = world.feed_of(BOTH).ListFollows(many)
    await refused(world, call, FieldInvalidError, "community_ids")
    call = world.feed_of(BOTH).ListFollows(pb.ListFollowsRequest(page_token="no"))
    await refused(world, call, PageTokenInvalidError, "page_token")


# -- bookmarks


async def test_bookmarks_are_for_ones_own_eyes(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    later = timestamp_of(datetime(2035, 1, 1, tzinfo=UTC))
    made = await keep(
        world, ASKER, topic_id=topic.id, reply_id=reply.id, note="Try", remind_time=later
    )
    assert (made.note, made.remind_time, made.topic.id, made.reply.id) == (
        "Try",
        later,
        topic.id,
        reply.id,
    )
    await keep(world, ASKER, topic_id=topic.id)
    listed = await bookmarks(world, ASKER)
    assert [(one.reply_id, one.note, one.topic.id) for one in listed] == [
        ("", "", topic.id),
        (reply.id, "Try", topic.id),
    ]
    assert await bookmarks(world, HELPER) == []
    assert await bookmarks(world, MANAGING) == []
    assert (await outbox(world.database))[-2:] == [
        said.BookmarkAdded(person_id="asker", topic_id=topic.id, reply_id=reply.id),
        said.BookmarkAdded(person_id="asker", topic_id=topic.id),
    ]


async def test_a_bookmark_is_changed_removed_and_made_anew(world: World) -> None:
    topic = await world.topic(await world.space())
    request = pb.AddBookmarkRequest(**world.ids(), topic_id=topic.id, note="first")
    made = (await world.feed_of(HELPER).AddBookmark(request)).bookmark
    assert (await world.feed_of(HELPER).AddBookmark(request)).bookmark == made
    changed = await keep(world, HELPER, topic_id=topic.id, note="second")
    assert (changed.note, changed.create_time) == ("second", made.create_time)
    assert [one.note for one in await bookmarks(world, HELPER)] == ["second"]
    remove = pb.RemoveBookmarkRequest(**world.ids(), topic_id=topic.id)
    await world.feed_of(HELPER).RemoveBookmark(remove)
    await world.feed_of(HELPER).RemoveBookmark(remove)  # the same request
    assert await bookmarks(world, HELPER) == []
    assert "second" not in str((await world.stored())["bookmarks"])
    again = pb.RemoveBookmarkRequest(**world.ids(), topic_id=topic.id)
    before = await world.said()
    await world.feed_of(HELPER).RemoveBookmark(again)  # nothing happens
    assert await world.said() == before
    await keep(world, HELPER, topic_id=topic.id)
    assert [one.note for one in await bookmarks(world, HELPER)] == [""]
    assert (await world.said())[-2:] == ["BookmarkRemoved", "BookmarkAdded"]


async def test_add_bookmark_refuses(world: World) -> None:
    topic = await world.topic(await world.space())
    other = await world.topic(await world.space("vendor", **VENDOR), MANAGING)
    reply = await world.reply(other, MANAGING)
    past = timestamp_of(datetime.now(UTC) - timedelta(seconds=1))
    far = timestamp_of(datetime.now(UTC) + timedelta(days=3700))
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (HELPER, {"topic_id": other.id}, "TOPIC_NOT_FOUND", "topic_id"),
        (HELPER, {"topic_id": "none"}, "TOPIC_NOT_FOUND", "topic_id"),
        (HELPER, {"reply_id": reply.id}, "REPLY_NOT_FOUND", "reply_id"),
        (HELPER, {"note": "x" * 501}, TextInvalidError, "note"),
        (HELPER, {"note": "\x00"}, TextInvalidError, "note"),
        (HELPER, {"remind_time": past}, FieldInvalidError, "remind_time"),
        (HELPER, {"remind_time": far}, FieldInvalidError, "remind_time"),
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
    ]
    for actor, change, reason, field in wrong:
        request = pb.AddBookmarkRequest(**{**world.ids(), "topic_id": topic.id, **change})
        await refused(world, world.feed_of(actor).AddBookmark(request), reason, field)
    await keep(world, HELPER, topic_id=topic.id)
    one = await world.database.bookmarks.find_one({})
    assert one is not None
    del one["number"]  # as of before there were places
    many = [{**one, "_id": f"b{number}"} for number in range(MOST_BOOKMARKS)]
    await world.database.bookmarks.insert_many(many)
    another = await world.topic(await world.space("more"))
    request = pb.AddBookmarkRequest(**world.ids(), topic_id=another.id)
    await refused(world, world.feed_of(HELPER).AddBookmark(request), "TOO_MANY_BOOKMARKS")


async def test_bookmarks_kept_at_once_are_no_more_than_there_may_be(world: World) -> None:
    space = await world.space()
    first, *topics = [await world.topic(space) for _ in range(11)]
    await keep(world, HELPER, topic_id=first.id)
    one = await world.database.bookmarks.find_one({})
    assert one is not None
    number = one.pop("number")
    free = [place for place in range(MOST_BOOKMARKS) if place != number]
    many = [{**one, "_id": f"b{place}", "number": place} for place in free[:495]]
    many += [{**one, "_id": f"o{place}"} for place in range(500)]  # of before
    await world.database.bookmarks.insert_many(many)

    async def told(topic: forum_pb2.Topic) -> str:
        try:
            await keep(world, HELPER, topic_id=topic.id)
        except DomainError as refusal:
            return reason_of(refusal)
        return ""

    found = await asyncio.gather(*map(told, topics))
    assert sorted(found) == [""] * 4 + ["TOO_MANY_BOOKMARKS"] * 6
    kept = {"person_id": "helper", "kept": True}
    assert await world.database.bookmarks.count_documents(kept) == MOST_BOOKMARKS
    assert (await world.said()).count("BookmarkAdded") == 5
    # Whoever gives one up has room for one, and keeps what they keep as often as they like.
    request = pb.RemoveBookmarkRequest(**world.ids(), topic_id=first.id)
    await world.feed_of(HELPER).RemoveBookmark(request)
    refused_ones = [topic for topic, reason in zip(topics, found, strict=True) if reason]
    assert [await told(topic) for topic in refused_ones[:2]] == ["", "TOO_MANY_BOOKMARKS"]
    await keep(world, HELPER, topic_id=refused_ones[0].id, note="Again.")


async def test_remove_bookmark_is_of_ones_own(world: World) -> None:
    topic = await world.topic(await world.space())
    await keep(world, HELPER, topic_id=topic.id)
    request = pb.RemoveBookmarkRequest(**world.ids(), topic_id=topic.id)
    await world.feed_of(ASKER).RemoveBookmark(request)  # one's own, of which there is none
    assert len(await bookmarks(world, HELPER)) == 1
    secret = await world.topic(await world.space("vendor", **VENDOR), MANAGING)
    for topic_id in (secret.id, "none"):
        none = pb.RemoveBookmarkRequest(**world.ids(), topic_id=topic_id)
        call = world.feed_of(ASKER).RemoveBookmark(none)
        await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")
    none = pb.RemoveBookmarkRequest(**world.ids(), topic_id=topic.id, reply_id="none")
    await refused(world, world.feed_of(ASKER).RemoveBookmark(none), "REPLY_NOT_FOUND", "reply_id")
    call = world.feed_of(STRANGER).RemoveBookmark(request)
    await refused(world, call, CommunityNotFoundError, "community_id")


async def test_a_bookmark_behind_a_wall_comes_back_with_it(world: World) -> None:
    open_, other = await world.space(), await world.space("other")
    behind = [await world.topic(other, MANAGING) for _ in range(4)]
    reply = await world.reply(behind[0], MANAGING)
    first = await world.topic(open_)
    await keep(world, HELPER, topic_id=first.id)
    for topic in behind:
        await keep(world, HELPER, topic_id=topic.id)
    await keep(world, HELPER, topic_id=behind[0].id, reply_id=reply.id)
    assert len(await bookmarks(world, HELPER)) == 6
    await wall(world, other, forum_pb2.AUDIENCE_VENDOR)
    page = await world.feed_of(HELPER).ListBookmarks(pb.ListBookmarksRequest(page_size=2))
    assert [one.topic_id for one in page.bookmarks] == [first.id]
    assert page.next_page_token == ""
    # Removing needs no sight of it.
    request = pb.RemoveBookmarkRequest(**world.ids(), topic_id=behind[1].id)
    await world.feed_of(HELPER).RemoveBookmark(request)
    await wall(world, other, forum_pb2.AUDIENCE_COMMUNITY)
    assert len(await bookmarks(world, HELPER)) == 5
    await world.act("HideReply", MANAGING, reply, reason="off")
    assert [one.reply_id for one in await bookmarks(world, HELPER) if one.reply_id] == []
    await world.act("RestoreReply", MANAGING, reply)
    assert [one.reply_id for one in await bookmarks(world, HELPER) if one.reply_id] == [reply.id]


async def test_list_bookmarks_pages_both_ways(world: World) -> None:
    topic = await world.topic(await world.space())
    hidden = await world.topic(await world.space("vendor", **VENDOR), MANAGING)
    for number in range(5):
        reply = await world.reply(topic)
        await keep(world, MANAGING, topic_id=topic.id, reply_id=reply.id, note=str(number))
        behind = await world.reply(hidden, MANAGING)
        await keep(world, MANAGING, topic_id=hidden.id, reply_id=behind.id)
    await world.database.bookmarks.update_many({}, {"$set": {"person_id": "helper"}})
    for backward in (False, True):
        found: list[str] = []
        token = ""
        while True:
            page = await world.feed_of(HELPER).ListBookmarks(
                pb.ListBookmarksRequest(page_size=2, page_token=token, backward=backward)
            )
            rows = [one.note for one in page.bookmarks]
            found = rows + found if backward else found + rows
            if not (token := page.next_page_token):
                break
        assert found == ["4", "3", "2", "1", "0"]


async def test_reminders_that_are_due(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    soon = timestamp_of(datetime.now(UTC) + timedelta(hours=1))
    await keep(world, HELPER, topic_id=topic.id, remind_time=soon)
    await keep(world, HELPER, topic_id=topic.id, reply_id=reply.id)
    assert await bookmarks(world, HELPER, due=True) == []
    past = {"$set": {"remind_time": datetime.now(UTC) - timedelta(hours=1)}}
    await world.database.bookmarks.update_many({"remind_time": {"$exists": True}}, past)
    assert [one.topic_id for one in await bookmarks(world, HELPER, due=True)] == [topic.id]


# -- read marks and states


async def test_levels_by_default_and_by_choice(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space, tags=["k8s"])
    await world.reply(topic, HELPER)
    other = person_actor("other")

    async def level(actor: Actor) -> int:
        return (await state(world, actor, topic))[0].level

    assert await level(ASKER) == pb.FOLLOW_LEVEL_WATCHING
    assert await level(HELPER) == pb.FOLLOW_LEVEL_TRACKING
    assert await level(other) == pb.FOLLOW_LEVEL_NORMAL
    await follow(world, other, TRACKING, space_id=space.id)
    assert await level(other) == TRACKING
    await follow(world, other, pb.FOLLOW_LEVEL_WATCHING, tag="k8s", space_id=space.id)
    assert await level(other) == pb.FOLLOW_LEVEL_WATCHING
    await follow(world, other, pb.FOLLOW_LEVEL_MUTED, person_id="asker")
    assert await level(other) == pb.FOLLOW_LEVEL_MUTED
    await follow(world, other, TRACKING, topic_id=topic.id)
    assert await level(other) == TRACKING
    await follow(world, ASKER, pb.FOLLOW_LEVEL_MUTED, topic_id=topic.id)
    assert await level(ASKER) == pb.FOLLOW_LEVEL_MUTED


async def test_mark_topic_read_goes_on_and_never_back(world: World) -> None:
    topic = await world.topic(await world.space())
    replies = [await world.reply(topic, ASKER) for _ in range(8)]
    (fresh,) = await state(world, HELPER, topic)
    assert (fresh.unopened, fresh.unread_count, fresh.HasField("read_time")) == (True, 8, False)
    for number, left in ((2, 5), (6, 1), (4, 1), (7, 0)):
        now = (await read(world, HELPER, topic, replies[number].id)).viewer_state
        assert (now.unread_count, now.unopened) == (left, False)
    assert now.last_read_reply_id == replies[7].id
    assert (await world.said()).count("TopicRead") == 3
    assert (await outbox(world.database))[-1] == said.TopicRead(
        person_id="helper", topic_id=topic.id, reply_id=replies[7].id
    )
    assert (await state(world, MANAGING, topic))[0].unread_count == 8
    assert (await state(world, ASKER, topic))[0].unread_count == 0  # one's own
    await world.reply(topic, ASKER)
    answer = await read(world, HELPER, topic)
    assert (answer.viewer_state.unread_count, answer.topic.id) == (0, topic.id)


async def test_whoever_replies_has_read_what_was_there(world: World) -> None:
    topic = await world.topic(await world.space())
    for _ in range(3):
        await world.reply(topic, ASKER)
    await world.reply(topic, HELPER)
    (now,) = await state(world, HELPER, topic)
    assert (now.unread_count, now.unopened) == (0, False)
    await world.reply(topic, ASKER)
    assert (await state(world, HELPER, topic))[0].unread_count == 1
    await world.reply(topic, HELPER)
    assert (await state(world, HELPER, topic))[0].unread_count == 0
    row = await world.database.participations.find_one({"person_id": "helper"})
    assert row is not None
    assert row["former"] < row["time"]
    assert (await state(world, ASKER, topic))[0].unread_count == 1
    assert (await state(world, MANAGING, topic))[0].unread_count == 6


async def test_marks_set_at_once_stay_at_the_last(world: World) -> None:
    topic = await world.topic(await world.space())
    replies = [await world.reply(topic, ASKER) for _ in range(6)]
    await asyncio.gather(*(read(world, HELPER, topic, one.id) for one in reversed(replies)))
    assert (await state(world, HELPER, topic))[0].last_read_reply_id == replies[-1].id


async def test_unread_is_counted_exactly_up_to_a_hundred(world: World) -> None:
    topic = await world.topic(await world.space())
    first = await world.reply(topic, ASKER)
    await read(world, HELPER, topic, first.id)
    document = await world.database.replies.find_one({})
    assert document is not None
    start = document["create_time"]

    async def add(numbers: range) -> None:
        rows = [
            {
                **document,
                "_id": f"r{number:04}",
                "create_time": start + timedelta(seconds=number),
                "author": {"person_id": "x", "company_id": "y"},
            }
            for number in numbers
        ]
        await world.database.replies.insert_many(rows)
        change: dict[str, Any] = {"$inc": {"reply_count": len(rows)}, "$set": {"latest": []}}
        await world.database.topics.update_one({}, change)

    await add(range(1, 41))
    assert (await state(world, HELPER, topic))[0].unread_count == 40
    await read(world, HELPER, topic, "r0020")
    assert (await state(world, HELPER, topic))[0].unread_count == 20
    await world.database.replies.update_one({"_id": "r0030"}, {"$set": {"read_keys": ["no"]}})
    await world.database.replies.update_one({"_id": "r0031"}, {"$set": {"read_keys": ["no"]}})
    assert (await state(world, HELPER, topic))[0].unread_count == 18
    await add(range(41, 300))
    assert (await state(world, HELPER, topic))[0].unread_count == 100
    assert (await state(world, MANAGING, topic))[0].unread_count == 100


async def test_mark_all_read_of_a_space_and_of_the_community(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    topics = [await world.topic(one) for one in (space, other)]
    for topic in topics:
        await world.reply(topic, ASKER)
    request = pb.MarkAllReadRequest(**world.ids(), space_id=space.id)
    answer = await world.feed_of(HELPER).MarkAllRead(request)
    assert (await world.feed_of(HELPER).MarkAllRead(request)) == answer
    assert [one.unread_count for one in await state(world, HELPER, *topics)] == [0, 1]
    assert [one.unopened for one in await state(world, HELPER, *topics)] == [False, True]
    await world.feed_of(HELPER).MarkAllRead(pb.MarkAllReadRequest(**world.ids()))
    assert [one.unread_count for one in await state(world, HELPER, *topics)] == [0, 0]
    await world.reply(topics[0], ASKER)
    assert [one.unread_count for one in await state(world, HELPER, *topics)] == [1, 0]
    # Never back.
    back = pb.MarkAllReadRequest(**world.ids(), space_id=space.id)
    back.until_time.CopyFrom(timestamp_of(datetime(2020, 1, 1, tzinfo=UTC)))
    before = await outbox(world.database)
    assert (await world.feed_of(HELPER).MarkAllRead(back)) == answer
    assert await outbox(world.database) == before
    assert [one.unread_count for one in await state(world, HELPER, *topics)] == [1, 0]
    assert said.AllRead(person_id="helper") in before
    assert (await state(world, MANAGING, topics[0]))[0].unread_count == 2


async def test_mark_read_refuses(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    reply = await world.reply(topic, ASKER)
    hidden = await world.space("vendor", **VENDOR)
    secret = await world.topic(hidden, MANAGING)
    await world.act("HideReply", MANAGING, reply, reason="off")
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (HELPER, {"topic_id": secret.id}, "TOPIC_NOT_FOUND", "topic_id"),
        (HELPER, {"topic_id": "none"}, "TOPIC_NOT_FOUND", "topic_id"),
        (HELPER, {"reply_id": reply.id}, "REPLY_NOT_FOUND", "reply_id"),
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
    ]
    for actor, change, reason, field in wrong:
        request = pb.MarkTopicReadRequest(**{**world.ids(), "topic_id": topic.id, **change})
        await refused(world, world.feed_of(actor).MarkTopicRead(request), reason, field)
    to_come = timestamp_of(datetime.now(UTC) + timedelta(hours=1))
    wrong = [
        (HELPER, {"space_id": hidden.id}, "SPACE_NOT_FOUND", "space_id"),
        (HELPER, {"until_time": to_come}, FieldInvalidError, "until_time"),
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
    ]
    for actor, change, reason, field in wrong:
        request_all = pb.MarkAllReadRequest(**{**world.ids(), **change})
        await refused(world, world.feed_of(actor).MarkAllRead(request_all), reason, field)


async def test_batch_get_viewer_states_shows_what_can_be_seen(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(3)]
    secret = await world.topic(await world.space("vendor", **VENDOR), MANAGING)
    reply = await world.reply(topics[1])
    await keep(world, ASKER, topic_id=topics[1].id, reply_id=reply.id)
    states = await state(world, ASKER, topics[2], secret, topics[1])
    assert [(one.topic_id, one.bookmarked) for one in states] == [
        (topics[2].id, False),
        (topics[1].id, True),
    ]
    call = world.feed_of(STRANGER).BatchGetViewerStates(pb.BatchGetViewerStatesRequest(**C1))
    await refused(world, call, CommunityNotFoundError, "community_id")
