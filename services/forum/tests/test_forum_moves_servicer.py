"""Moving, merging and splitting over real gRPC: what becomes of replies, walls and links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from chassis.actors import MODERATOR, Actor
from chassis.batch import Batch
from chassis.commands import Commands
from chassis.errors import DomainError
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2 as fpb
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import moves_pb2 as mpb
from guildhall.forum.v1.moves_pb2_grpc import MoveServiceStub
from guildhall.forum.v1.participation_pb2 import (
    VOTE_VALUE_DOWN,
    VOTE_VALUE_UP,
    CastVoteRequest,
    RetractVoteRequest,
)
from guildhall.moderation.v1 import moderation_pb2
from services.forum.domain import moves
from services.forum.repository import ForumRepository
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_feed_servicer import bookmarks, follow, follows, keep, state
from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.carrying import Carrying

C1: dict[str, Any] = {"community_id": "c1"}
VENDORS: dict[str, Any] = {"audience": pb.AUDIENCE_VENDOR}
GOLD: dict[str, Any] = {"audience": pb.AUDIENCE_TIER, "audience_names": ["gold"]}
STAYING = person_actor("staying")
_KEYS = ["community:c1", "tier:gold@c1", "tier:silver@c1", "vendor:c1", "moderators:c1"]
SEEING_ALL = person_actor("seer", roles=[MODERATOR], keyring=[*_KEYS, "person:seer"])


async def move(world: World, rpc: str, actor: Actor, **fields: Any) -> Any:
    """An RPC of MoveService."""
    stub = world.loopback.client(MoveServiceStub, "forum", actor)
    request = getattr(mpb, f"{rpc}Request")(**{**world.ids(), **fields})
    return await getattr(stub, rpc)(request)


async def linked(
    world: World, actor: Actor, topic: pb.Topic, *links: mpb.TopicLink.ValueType, **more: Any
) -> list[pb.Topic]:
    """Topics that name this one, as the actor sees them."""
    stub = world.loopback.client(MoveServiceStub, "forum", actor)
    request = mpb.ListLinkedTopicsRequest(**C1, topic_id=topic.id, links=links, **more)
    return list((await stub.ListLinkedTopics(request)).topics)


async def refused(world: World, call: Any, reason: str, field: str = "") -> None:
    """The call is refused like this, and all is as before."""
    before = await world.stored()
    with pytest.raises(DomainError) as refusal:
        await call
    assert (reason_of(refusal.value), refusal.value.field) == (reason, field)
    assert await world.stored() == before


async def told(call: Any) -> str:
    """The reason it was refused with; empty: it was not."""
    try:
        await call
    except DomainError as error:
        return reason_of(error)
    return ""


async def missing(world: World, actor: Actor, topic: pb.Topic) -> bool:
    """Whether the actor is told that there is no such topic."""
    return await told(world.see(actor, topic)) == "TOPIC_NOT_FOUND"


async def by_id(world: World, actor: Actor, *replies: pb.Reply) -> list[str]:
    """Which of these replies the actor gets by their ids."""
    request = pb.BatchGetRepliesRequest(**C1, reply_ids=[reply.id for reply in replies])
    return [reply.id for reply in (await world.of(actor).BatchGetReplies(request)).replies]


async def trail(world: World, topic: pb.Topic) -> list[tuple[str, str, str]]:
    request = pb.ListModerationEntriesRequest(**C1, topic_id=topic.id)
    answer = await world.of(MANAGING).ListModerationEntries(request)
    return [(e.action, e.reason, e.reply_id) for e in answer.moderation_entries]


async def former_texts(world: World, actor: Actor, reply: pb.Reply) -> list[str]:
    request = pb.ListRevisionsRequest(**C1, topic_id=reply.topic_id, reply_id=reply.id)
    return [one.body for one in (await world.of(actor).ListRevisions(request)).revisions]


def carrying(world: World, page: int) -> Carrying:
    return Carrying(world.commands, world.repository, page=page)


# -- duplicates


async def test_closed_duplicate_names_its_original(world: World) -> None:
    space = await world.space()
    original, twin = await world.topic(space), await world.topic(space)
    closing = {"close_reason": pb.CLOSE_REASON_DUPLICATE, "duplicate_of_id": original.id}
    closed = (await world.act("CloseTopic", ASKER, twin, **closing)).topic
    assert (closed.close_reason, closed.duplicate_of_id) == (
        pb.CLOSE_REASON_DUPLICATE,
        original.id,
    )
    assert await world.see(HELPER, twin) == closed
    request = pb.BatchGetTopicsRequest(**C1, topic_ids=[twin.id])
    assert list((await world.of(HELPER).BatchGetTopics(request)).topics) == [closed]
    assert await linked(world, HELPER, original) == [closed]
    assert await linked(world, HELPER, original, mpb.TOPIC_LINK_DUPLICATE) == [closed]
    assert await linked(world, HELPER, original, mpb.TOPIC_LINK_MERGED) == []
    edited = (await world.act("UpdateTopic", ASKER, twin, title="Again")).topic
    assert edited.duplicate_of_id == original.id
    reopened = (await world.act("ReopenTopic", MODERATING, twin)).topic
    assert reopened.duplicate_of_id == ""
    assert await linked(world, HELPER, original) == []


async def test_original_is_shown_to_who_can_see_it(world: World) -> None:
    twin = await world.topic(await world.space())
    original = await world.topic(await world.space("secret", **VENDORS), MANAGING)
    closing = {"close_reason": pb.CLOSE_REASON_DUPLICATE, "duplicate_of_id": original.id}
    await refused(
        world, world.act("CloseTopic", ASKER, twin, **closing), "TOPIC_NOT_FOUND", "duplicate_of_id"
    )
    closed = (await world.act("CloseTopic", MANAGING, twin, **closing)).topic
    assert closed.duplicate_of_id == original.id
    for topic in (
        await world.see(ASKER, twin),
        (await world.act("UpdateTopic", ASKER, twin, title="Mine")).topic,
        (
            await world.of(ASKER).BatchGetTopics(
                pb.BatchGetTopicsRequest(**C1, topic_ids=[twin.id])
            )
        ).topics[0],
        (await world.of(ASKER).ListTopics(pb.ListTopicsRequest(**C1))).topics[0],
    ):
        assert (topic.id, topic.duplicate_of_id) == (twin.id, "")
        assert original.id.encode() not in topic.SerializeToString()
    assert [one.id for one in await linked(world, MANAGING, original)] == [twin.id]
    with pytest.raises(DomainError) as hidden:
        await linked(world, ASKER, original)
    assert reason_of(hidden.value) == "TOPIC_NOT_FOUND"


async def test_close_refuses_what_is_no_original(world: World) -> None:
    space = await world.space()
    twin, other = await world.topic(space), await world.topic(space)
    why = pb.CLOSE_REASON_DUPLICATE

    def close(**more: Any) -> Any:
        return world.act("CloseTopic", MODERATING, twin, **{"close_reason": why, **more})

    field = "duplicate_of_id"
    await refused(world, close(duplicate_of_id=twin.id), "FIELD_INVALID", field)
    await refused(world, close(duplicate_of_id="none"), "TOPIC_NOT_FOUND", field)
    wrong = {"close_reason": pb.CLOSE_REASON_OTHER, "duplicate_of_id": other.id}
    await refused(world, close(**wrong), "FIELD_INVALID", field)
    merged = {"close_reason": pb.CLOSE_REASON_MERGED}
    await refused(world, close(**merged), "FIELD_INVALID", "close_reason")


async def test_linked_topics_are_paged_and_walled(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    original = await world.topic(space)
    closing = {"close_reason": pb.CLOSE_REASON_DUPLICATE, "duplicate_of_id": original.id}
    twins = []
    for where in (space, secret, space):
        twin = await world.topic(where, MANAGING)
        await world.act("CloseTopic", MANAGING, twin, **closing)
        twins.append(twin.id)
    assert [one.id for one in await linked(world, MANAGING, original)] == twins[::-1]
    assert [one.id for one in await linked(world, ASKER, original)] == [twins[2], twins[0]]
    stub = world.loopback.client(MoveServiceStub, "forum", ASKER)
    request = mpb.ListLinkedTopicsRequest(**C1, topic_id=original.id, page_size=1)
    first = await stub.ListLinkedTopics(request)
    request.page_token = first.next_page_token
    second = await stub.ListLinkedTopics(request)
    assert [one.id for one in (*first.topics, *second.topics)] == [twins[2], twins[0]]
    assert second.next_page_token == ""
    with pytest.raises(DomainError) as hidden:
        await linked(world, STRANGER, original)
    assert reason_of(hidden.value) == "COMMUNITY_NOT_FOUND"
    with pytest.raises(DomainError):
        await linked(world, ASKER, original, 9)  # type: ignore[arg-type]


# -- to another space


async def test_move_topic_takes_replies_texts_and_wall_along(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    topic = await world.topic(space, MANAGING)
    reply = await world.reply(topic)
    await world.act("UpdateReply", HELPER, reply, body="Better so.")
    await world.act("UpdateTopic", MANAGING, topic, title="Better")
    hidden = await world.reply(topic, body="Buy cheap.")
    await world.act("HideReply", MODERATING, hidden, reason="ad")
    before = await world.see(ASKER, topic)
    moved = (
        await move(
            world, "MoveTopic", MANAGING, topic_id=topic.id, space_id=secret.id, reason="quiet"
        )
    ).topic
    assert (moved.id, moved.space_id, moved.version) == (topic.id, secret.id, before.version + 1)
    assert (moved.reply_count, moved.activity_time) == (1, before.activity_time)
    assert (await outbox(world.database))[-2:] == [
        said.TopicMoved(topic_id=topic.id, space_id=secret.id, from_space_id=space.id),
        said.RepliesMoved(
            topic_id=topic.id,
            from_topic_id=topic.id,
            reply_ids=[reply.id, hidden.id],
            finished=True,
        ),
    ]
    for outsider in (ASKER, HELPER, MODERATING):
        assert await missing(world, outsider, topic)
        assert await by_id(world, outsider, reply, hidden) == []
        assert await world.topics(outsider) == []
    assert await world.see(MANAGING, topic) == moved
    assert [one.id for one in await world.replies(MANAGING, topic)] == [reply.id, hidden.id]
    assert await by_id(world, MANAGING, reply, hidden) == [reply.id, hidden.id]
    assert await former_texts(world, MANAGING, reply) == ["Turn it off and on."]
    request = pb.ListRevisionsRequest(**C1, topic_id=topic.id)
    texts = (await world.of(MANAGING).ListRevisions(request)).revisions
    assert [one.title for one in texts] == ["Frobnicator?"]
    assert (await trail(world, topic))[0] == ("MoveTopic", "quiet", "")
    everything = await world.stored()
    for name in ("topics", "replies", "revisions"):
        assert f"space:{space.id}" not in str(everything[name])
    assert not any("carrying" in row for row in everything["topics"])


async def test_move_topic_repeated_changes_nothing(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    topic = await world.topic(space)
    fields = {**world.ids(), "topic_id": topic.id, "space_id": other.id}
    first = await move(world, "MoveTopic", MODERATING, **fields)
    after = await world.stored()
    assert await move(world, "MoveTopic", MODERATING, **fields) == first
    assert await world.stored() == after
    again = await move(world, "MoveTopic", MODERATING, topic_id=topic.id, space_id=other.id)
    assert again == first
    assert (await world.said()).count("TopicMoved") == 1


async def test_move_topic_refuses(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    secret = await world.space("secret", **VENDORS)
    topic = await world.topic(space)
    draft = await world.topic(space, MODERATING, draft=True)
    removed = await world.topic(space)
    await world.act("RemoveTopic", MODERATING, removed, reason="spam")

    def moving(actor: Actor = MODERATING, **change: Any) -> Any:
        fields = {"topic_id": topic.id, "space_id": other.id, **change}
        return move(world, "MoveTopic", actor, **fields)

    await refused(world, moving(ASKER), "ROLE_REQUIRED")
    await refused(world, moving(SEARCH), "ROLE_REQUIRED")
    await refused(world, moving(STRANGER), "COMMUNITY_NOT_FOUND", "community_id")
    await refused(world, moving(topic_id="none"), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, moving(space_id="none"), "SPACE_NOT_FOUND", "space_id")
    await refused(world, moving(space_id=secret.id), "SPACE_NOT_FOUND", "space_id")
    blind = person_actor("blind", roles=[MODERATOR], keyring=["person:blind"])
    await refused(world, moving(blind), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, moving(expected_version=9), "VERSION_STALE", "expected_version")
    await refused(world, moving(reason="x\x00"), "TEXT_INVALID", "reason")
    await refused(world, moving(topic_id=draft.id), "TOPIC_STATE_INVALID")
    await refused(world, moving(topic_id=removed.id), "TOPIC_STATE_INVALID")
    talking = pb.SpaceSettingsChange(kinds=[pb.TOPIC_KIND_DISCUSSION], update_kinds=True)
    talks = await world.space("talks", settings=talking)
    await refused(world, moving(space_id=talks.id), "KIND_NOT_ALLOWED", "kind")
    strict = pb.SpaceSettingsChange(tag_rules=pb.TagRules(required=True))
    tagged = await world.space("tagged", settings=strict)
    await refused(world, moving(space_id=tagged.id), "TAGS_INVALID", "tags")
    world.members.away = True
    await refused(world, moving(MANAGING, space_id=secret.id), "UNAVAILABLE")


async def test_author_who_could_not_read_it_is_asked_for(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    topic = await world.topic(space)
    world.members.memberships = {
        person.person_id: person.keys("c1") for person in (ASKER, HELPER, MANAGING)
    }
    fields = {"topic_id": topic.id, "space_id": secret.id}
    await refused(world, move(world, "MoveTopic", MANAGING, **fields), "AUTHOR_CANNOT_READ")
    assert world.members.asked[-1] == ("asker",)
    await move(world, "MoveTopic", MANAGING, **fields, even_if_author_cannot_read=True)
    assert len(world.members.asked) == 1
    assert await missing(world, ASKER, topic)  # one's own is no exception: the wall is the space's
    assert await world.topics(ASKER, author_id="asker") == []
    # Whoever cannot read it anyway loses nothing by its moving back; but others gain.
    back = {"topic_id": topic.id, "space_id": space.id}
    await refused(world, move(world, "MoveTopic", MANAGING, **back), "OTHERS_COULD_READ")
    assert await missing(world, ASKER, topic)
    await move(world, "MoveTopic", MANAGING, **back, even_if_others_could_read=True)
    assert not await missing(world, ASKER, topic)


async def test_authors_of_replies_are_asked_for_as_well(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    topic, target = await world.topic(space, MANAGING), await world.topic(secret, MANAGING)
    await world.act("RemoveReply", MODERATING, await world.reply(topic, STAYING), reason="spam")
    insiders: dict[str, Sequence[str]] = {
        person.person_id: person.keys("c1") for person in (MANAGING, STAYING)
    }
    world.members.memberships = insiders
    moving = {"topic_id": topic.id, "space_id": secret.id}
    merging = {"topic_id": topic.id, "target_topic_id": target.id}
    reply = await world.reply(topic)
    world.members.memberships = {**insiders, "helper": HELPER.keys("c1")}
    for rpc, fields in (("MoveTopic", moving), ("MergeTopics", merging)):
        await refused(world, move(world, rpc, MANAGING, **fields), "AUTHOR_CANNOT_READ")
        assert world.members.asked[-1] == ("helper", "manager")
    assert await by_id(world, HELPER, reply) == [reply.id]
    await move(world, "MergeTopics", MANAGING, **merging, even_if_author_cannot_read=True)
    assert await by_id(world, HELPER, reply) == []


async def test_of_very_many_replies_no_authors_are_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "MOST_LOOKED_AT", 3)
    space, secret, other = [
        await world.space(slug, **more)
        for slug, more in (("general", {}), ("secret", VENDORS), ("other", {}))
    ]
    topic = await world.topic(space, MANAGING)
    replies = [await world.reply(topic) for _ in range(4)]
    fields = {"topic_id": topic.id, "space_id": secret.id}
    await refused(world, move(world, "MoveTopic", MANAGING, **fields), "AUTHOR_CANNOT_READ")
    assert world.members.asked == []
    await world.act("RemoveReply", MODERATING, replies[0], reason="spam")
    await move(world, "MoveTopic", MANAGING, topic_id=topic.id, space_id=other.id)
    assert world.members.asked == []  # whoever reads it reads that space as well
    await move(world, "MoveTopic", MANAGING, **fields)
    assert world.members.asked == [("helper", "manager")]


async def test_many_authors_are_asked_for_by_hundreds(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    topic = await world.topic(space, MANAGING)
    reply = await world.reply(topic)
    (row,) = await world.database.replies.find({"_id": reply.id}).to_list()
    rows = [
        {**row, "_id": f"r{n:03}", "author": {**row["author"], "person_id": f"p{n:03}"}}
        for n in range(150)
    ]
    await world.database.replies.insert_many(rows)
    world.members.memberships = {"p149": HELPER.keys("c1")}
    fields = {"topic_id": topic.id, "space_id": secret.id}
    await refused(world, move(world, "MoveTopic", MANAGING, **fields), "AUTHOR_CANNOT_READ")
    assert [len(one) for one in world.members.asked] == [100, 52]


@pytest.mark.parametrize(
    ("whence", "where", "wider"),
    [
        ("vendors", "general", True),
        ("gold", "general", True),
        ("gold", "metals", True),
        ("metals", "gold", False),
        ("gold", "vendors", False),
        ("general", "vendors", False),
        ("general", "general", False),
    ],
)
async def test_nothing_goes_before_others_unless_it_is_said(
    world: World, whence: str, where: str, *, wider: bool
) -> None:
    audiences: dict[str, dict[str, Any]] = {
        "vendors": VENDORS,
        "general": {},
        "gold": GOLD,
        "metals": {**GOLD, "audience_names": ["gold", "silver"]},
    }
    here, there = [
        await world.space(f"{name}-{n}", **audiences[name])
        for n, name in enumerate((whence, where))
    ]
    talk: dict[str, Any] = {"kind": pb.TOPIC_KIND_DISCUSSION}
    topic, target = [await world.topic(one, SEEING_ALL, **talk) for one in (here, there)]
    reply, other = [await world.reply(topic, SEEING_ALL) for _ in range(2)]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("SplitTopic", parting(topic, other, space_id=there.id)),
        ("MergeTopics", {"topic_id": topic.id, "target_topic_id": target.id}),
        ("MoveTopic", {"topic_id": topic.id, "space_id": there.id}),
    ]
    for rpc, fields in calls:
        if wider:
            await refused(world, move(world, rpc, SEEING_ALL, **fields), "OTHERS_COULD_READ")
            assert await by_id(world, ASKER, reply) == []
        if rpc != "MergeTopics":  # of which nothing would be left to move
            even = {"even_if_others_could_read": True} if wider else {}
            await move(world, rpc, SEEING_ALL, **fields, **even)
    await carrying(world, page=100).finish()
    seen = await by_id(world, ASKER, reply, other)
    assert sorted(seen) == (sorted([reply.id, other.id]) if where == "general" else [])


async def test_no_more_answers_go_than_the_space_takes(world: World) -> None:
    several = pb.SpaceSettingsChange(accepted_answers=pb.ACCEPTED_ANSWERS_SEVERAL)
    space, other = [await world.space(slug, settings=several) for slug in ("here", "there")]
    single = await world.space("single")
    topic = await world.topic(space)
    replies = [await world.reply(topic) for _ in range(2)]
    for reply in replies:
        await world.act("AcceptReply", ASKER, reply)

    def moving(where: pb.Space) -> Any:
        return move(world, "MoveTopic", MODERATING, topic_id=topic.id, space_id=where.id)

    await refused(world, moving(single), "TOO_MANY_ACCEPTED")
    moved = (await moving(other)).topic
    assert list(moved.accepted_reply_ids) == [reply.id for reply in replies]
    await refused(world, moving(single), "TOO_MANY_ACCEPTED")
    await world.act("UnacceptReply", ASKER, replies[0])
    moved = (await moving(single)).topic
    assert list(moved.accepted_reply_ids) == [replies[1].id]


async def test_outsiders_of_either_space_see_nothing_in_the_middle_of_a_move(world: World) -> None:
    """Replies are stored under the former space for a while: nobody may look over the wall."""
    gold = {"audience": pb.AUDIENCE_TIER, "audience_names": ["gold"]}
    silver = {**gold, "audience_names": ["silver"]}
    space, there = await world.space("here", **gold), await world.space("there", **silver)
    keys = ["tier:gold@c1", "tier:silver@c1", "moderators:c1"]
    both = person_actor("both", roles=[MODERATOR], keyring=keys)
    golden = person_actor("golden", keyring=["tier:gold@c1", "person:golden"])
    silvern = person_actor("silvern", keyring=["tier:silver@c1", "person:silvern"])
    topic = await world.topic(space, both)
    replies = [await world.reply(topic, golden, f"Reply {number}.") for number in range(5)]
    for reply in replies:
        await world.act("UpdateReply", golden, reply, body=f"{reply.body} Indeed.")
    stepwise = carrying(world, page=2)
    request = mpb.MoveTopicRequest(
        **world.ids(), topic_id=topic.id, space_id=there.id, even_if_author_cannot_read=True
    )
    request.even_if_others_could_read = True
    await cut_off(world, both, request)
    seen = []
    more = True
    while True:
        assert await missing(world, golden, topic)
        assert await by_id(world, golden, *replies) == []
        with pytest.raises(DomainError):
            await world.replies(golden, topic)
        with pytest.raises(DomainError):
            await former_texts(world, golden, replies[0])
        listed = await world.replies(silvern, topic)
        assert [reply.id for reply in listed] == [reply.id for reply in replies]
        assert await former_texts(world, silvern, replies[4]) == ["Reply 4."]
        seen.append(len(await by_id(world, silvern, *replies)))
        with pytest.raises(DomainError) as gone:
            await world.act("UpdateReply", golden, replies[0], body="Still mine?")
        assert reason_of(gone.value) == "TOPIC_NOT_FOUND"
        if not more:
            break
        more = await stepwise.next_page("c1", topic.id)
    assert seen == [0, 2, 4, 5]
    assert (await world.said())[-3:] == ["RepliesMoved"] * 3


async def cut_off(
    world: World, actor: Actor, request: mpb.MoveTopicRequest | mpb.MergeTopicsRequest
) -> None:
    """As the RPC does it when the process is killed right after its command."""
    use_cases = world.move_use_cases(Carrying(world.commands, world.repository, at_once=0.0))
    if isinstance(request, mpb.MoveTopicRequest):
        await use_cases.move_topic(actor, request)
    else:
        await use_cases.merge_topics(actor, request)


async def test_job_finishes_what_was_cut_off(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    topics = [await world.topic(space) for _ in range(2)]
    target = await world.topic(other)
    for topic in topics:
        for _ in range(5):
            await world.reply(topic)
    for topic in topics:
        move_there = mpb.MoveTopicRequest(**world.ids(), topic_id=topic.id, space_id=other.id)
        await cut_off(world, MODERATING, move_there)
    # Moved on before the replies have followed; then merged as well.
    back = mpb.MoveTopicRequest(**world.ids(), topic_id=topics[0].id, space_id=space.id)
    await cut_off(world, MODERATING, back)
    merging = mpb.MergeTopicsRequest(
        **world.ids(), topic_id=topics[1].id, target_topic_id=target.id
    )
    await cut_off(world, MODERATING, merging)
    jobs = carrying(world, page=2), carrying(world, page=3)
    await asyncio.gather(*(job.finish() for job in jobs))
    assert await world.repository.find_carrying_topics(10) == []
    await jobs[0].finish()
    for topic, place in ((topics[0], space), (target, other)):
        seen = await world.see(ASKER, topic)
        assert (seen.space_id, seen.reply_count) == (place.id, 5)
        replies = await world.replies(ASKER, topic)
        assert [reply.space_id for reply in replies] == [place.id] * 5
        assert await by_id(world, ASKER, *replies) == [reply.id for reply in replies]
    assert (await world.see(ASKER, topics[1])).reply_count == 0


async def test_write_that_meets_a_move_is_refused_and_nothing_crosses_the_wall(
    world: World,
) -> None:
    """Decided after the topic went: whether the writer can read it there, nobody has asked."""
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    topic = await world.topic(space)
    world.screen.meanwhile = lambda: move(
        world, "MoveTopic", MANAGING, topic_id=topic.id, space_id=secret.id
    )
    with pytest.raises(DomainError) as refusal:
        await world.reply(topic)
    assert reason_of(refusal.value) == "VERSION_STALE"
    assert await world.replies(MANAGING, topic) == []
    assert "ReplyPublished" not in await world.said()


# -- into another topic


async def test_merge_topics(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    source, target = await world.topic(space), await world.topic(other)
    mixed = [
        await world.reply(post, body=f"Number {number}.")
        for number, post in enumerate((source, target, source, target, source))
    ]
    await world.act("UpdateReply", HELPER, mixed[0], body="Number 0, better.")
    await world.act("HideReply", MODERATING, mixed[2], reason="rude")
    await world.act("AcceptReply", ASKER, mixed[4])
    fields = {**world.ids(), "topic_id": source.id, "target_topic_id": target.id, "reason": "twin"}
    answer = await move(world, "MergeTopics", MODERATING, **fields)
    merged, into = answer.topic, answer.target_topic
    assert (merged.state, merged.close_reason, merged.state_reason) == (
        pb.TOPIC_STATE_CLOSED,
        pb.CLOSE_REASON_MERGED,
        "twin",
    )
    assert (merged.moved_to_id, merged.reply_count, merged.accepted_reply_id) == (target.id, 0, "")
    assert not merged.HasField("last_reply_author")
    assert (into.reply_count, into.accepted_reply_id) == (4, mixed[4].id)
    assert into.activity_time == mixed[4].create_time
    assert await world.see(HELPER, source) == merged
    assert await world.see(HELPER, target) == into
    assert [reply.id for reply in await world.replies(MODERATING, target)] == [
        reply.id for reply in mixed
    ]
    shown = await world.replies(HELPER, target)
    assert [(one.topic_id, one.space_id) for one in shown] == [(target.id, other.id)] * 5
    assert [one.create_time for one in shown] == [one.create_time for one in mixed]
    assert await world.replies(HELPER, source) == []
    assert await former_texts(world, ASKER, shown[0]) == ["Number 0."]
    assert ("HideReply", "rude", mixed[2].id) in await trail(world, target)
    assert await trail(world, source) == [("MergeTopics", "twin", "")]
    assert [one.id for one in await linked(world, HELPER, target)] == [source.id]
    rows = await outbox(world.database)
    assert said.TopicMerged(topic_id=source.id, into_topic_id=target.id) in rows
    moved = [event for event in rows if isinstance(event, said.RepliesMoved)]
    assert [(event.topic_id, event.from_topic_id) for event in moved] == [
        (target.id, source.id)
    ] * len(moved)
    assert [id_ for event in moved for id_ in event.reply_ids] == [
        mixed[0].id, mixed[4].id, mixed[2].id
    ]  # fmt: skip
    assert "ReplyUnaccepted" not in await world.said()
    after = await world.stored()
    assert await move(world, "MergeTopics", MODERATING, **fields) == answer
    assert await world.stored() == after
    # What came along is the target's in every way.
    await world.act("UnacceptReply", ASKER, target)
    await world.act("UpdateReply", HELPER, shown[0], body="Still mine.")
    with pytest.raises(DomainError):
        await world.act("UpdateReply", HELPER, mixed[0], body="By the old link.")


async def test_merge_into_an_answered_question_leaves_its_answer(world: World) -> None:
    space = await world.space()
    source, target = await world.topic(space), await world.topic(space)
    replies = [await world.reply(topic) for topic in (source, target)]
    for reply in replies:
        await world.act("AcceptReply", ASKER, reply)
    answer = await move(
        world, "MergeTopics", MODERATING, topic_id=source.id, target_topic_id=target.id
    )
    assert answer.target_topic.accepted_reply_id == replies[1].id
    assert [one.accepted for one in await world.replies(ASKER, target)] == [False, True]
    unaccepted = said.ReplyUnaccepted(
        reply_id=replies[0].id, topic_id=target.id, author_id="helper"
    )
    assert unaccepted in await outbox(world.database)
    # A discussion has no answer at all.
    talk = await world.topic(space, kind=pb.TOPIC_KIND_DISCUSSION)
    answer = await move(
        world, "MergeTopics", MODERATING, topic_id=target.id, target_topic_id=talk.id
    )
    assert answer.target_topic.accepted_reply_id == ""
    assert [one.accepted for one in await world.replies(ASKER, talk)] == [False, False]


IDEAS = pb.SpaceSettingsChange(
    kinds=[pb.TOPIC_KIND_IDEA, pb.TOPIC_KIND_DISCUSSION], update_kinds=True, down_votes=True
)


async def vote(world: World, who: str, topic: pb.Topic, *, down: bool = False) -> None:
    value = VOTE_VALUE_DOWN if down else VOTE_VALUE_UP
    request = CastVoteRequest(**world.ids(), topic_id=topic.id, value=value)
    await world.taking_part(person_actor(who)).CastVote(request)


async def standing(world: World, topic: pb.Topic) -> dict[str, str]:
    """Who says what of it."""
    rows = await world.database.votes.find({"topic_id": topic.id}).to_list()
    return {row["person_id"]: row["value"] for row in rows if row["value"]}


async def test_merge_takes_votes_along_one_a_person(world: World) -> None:
    space = await world.space(settings=IDEAS)
    idea: dict[str, Any] = {"kind": pb.TOPIC_KIND_IDEA}
    source, target = await world.topic(space, **idea), await world.topic(space, HELPER, **idea)
    for who in ("a", "b", "c", "d", "e", "helper"):
        await vote(world, who, source)
    await vote(world, "f", source, down=True)
    await vote(world, "b", target)
    await vote(world, "c", target, down=True)
    await vote(world, "d", target)
    request = RetractVoteRequest(**world.ids(), topic_id=target.id)
    await world.taking_part(person_actor("d")).RetractVote(request)
    assert (await world.see(ASKER, source)).score == 5
    assert (await world.see(ASKER, target)).score == 0
    reply = await world.reply(source)
    merging = mpb.MergeTopicsRequest(**world.ids(), topic_id=source.id, target_topic_id=target.id)
    await cut_off(world, MODERATING, merging)
    assert (await world.see(ASKER, source)).score == 5
    stepwise, scores = carrying(world, page=2), []
    more = True
    while more:
        more = await stepwise.next_page("c1", source.id)
        seen = [await world.see(ASKER, one) for one in (source, target)]
        scores.append(tuple(one.score for one in seen))
        for one in seen:  # each score is what stands, after every page
            values = (await standing(world, one)).values()
            assert one.score == sum(1 if value == "UP" else -1 for value in values)
    assert scores[-1] == (0, 2)
    assert await standing(world, source) == {}
    assert await standing(world, target) == {
        "a": "UP", "b": "UP", "c": "DOWN", "d": "UP", "e": "UP", "f": "DOWN",
    }  # fmt: skip
    assert [one.id for one in await world.replies(ASKER, target)] == [reply.id]
    names = await world.said()
    assert names.count("VotesMoved") == names.count("VotesLeft") == 4
    after = await world.stored()
    await stepwise.finish()
    assert await stepwise.next_page("c1", source.id) is False
    assert await world.stored() == after
    # They can be taken back there, and cast by others; here no more.
    await refused(world, vote(world, "g", source), "TOPIC_STATE_INVALID")
    await vote(world, "g", target)
    request = RetractVoteRequest(**world.ids(), topic_id=target.id)
    await world.taking_part(person_actor("a")).RetractVote(request)
    assert (await world.see(ASKER, target)).score == 2


async def test_votes_go_back_with_a_merge_back(world: World) -> None:
    space = await world.space(settings=IDEAS)
    idea: dict[str, Any] = {"kind": pb.TOPIC_KIND_IDEA}
    first, second = await world.topic(space, **idea), await world.topic(space, **idea)
    await vote(world, "a", first)
    await vote(world, "b", second)
    both = {"topic_id": first.id, "target_topic_id": second.id}
    await move(world, "MergeTopics", MODERATING, **both)
    assert (await world.see(ASKER, second)).score == 2
    await world.act("ReopenTopic", MODERATING, first)
    await vote(world, "a", first)  # which takes votes again
    back = {"topic_id": second.id, "target_topic_id": first.id}
    await move(world, "MergeTopics", MODERATING, **back)
    assert [(await world.see(ASKER, one)).score for one in (first, second)] == [2, 0]
    assert await standing(world, first) == {"a": "UP", "b": "UP"}


async def test_votes_stay_where_the_other_topic_takes_none(world: World) -> None:
    space = await world.space(settings=IDEAS)
    idea = await world.topic(space, kind=pb.TOPIC_KIND_IDEA)
    talk = await world.topic(space, kind=pb.TOPIC_KIND_DISCUSSION)
    await vote(world, "a", idea)
    await move(world, "MergeTopics", MODERATING, topic_id=idea.id, target_topic_id=talk.id)
    assert [(await world.see(ASKER, one)).score for one in (idea, talk)] == [1, 0]
    assert "carrying" not in str((await world.stored())["topics"])


async def test_a_vote_cast_elsewhere_at_once_is_no_loss(world: World) -> None:
    """The voter's next number is taken meanwhile: the page is decided again, by the job."""
    space = await world.space(settings=IDEAS)
    idea: dict[str, Any] = {"kind": pb.TOPIC_KIND_IDEA}
    source, target, other = [await world.topic(space, **idea) for _ in range(3)]
    for who in ("a", "b"):
        await vote(world, who, source)
    merging = mpb.MergeTopicsRequest(**world.ids(), topic_id=source.id, target_topic_id=target.id)
    await cut_off(world, MODERATING, merging)
    one = carrying(world, page=10)
    results = await asyncio.gather(
        one.finish(), vote(world, "a", other), vote(world, "b", other), return_exceptions=True
    )
    assert {reason_of(one) for one in results if isinstance(one, DomainError)} <= {"VOTED_AT_ONCE"}
    await one.finish()
    assert [(await world.see(ASKER, topic)).score for topic in (source, target, other)] == [0, 2, 2]


async def test_who_asked_tracks_the_topic_that_is_answered(world: World) -> None:
    space = await world.space()
    source, target = await world.topic(space), await world.topic(space, HELPER)
    merging = {"topic_id": source.id, "target_topic_id": target.id}
    await move(world, "MergeTopics", MODERATING, **merging)
    rows = await world.database.participations.find({"topic_id": target.id}).to_list()
    assert [row["person_id"] for row in rows] == ["asker"]


async def test_merge_refuses(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    source, target = await world.topic(space), await world.topic(space)
    far = await world.topic(secret, MANAGING)
    draft = await world.topic(space, MODERATING, draft=True)
    hidden = await world.topic(space)
    await world.act("HideTopic", MODERATING, hidden, reason="x")
    gone, place = await world.topic(space), await world.topic(space)
    await move(world, "MergeTopics", MODERATING, topic_id=gone.id, target_topic_id=place.id)

    def merging(actor: Actor = MODERATING, **change: Any) -> Any:
        fields = {"topic_id": source.id, "target_topic_id": target.id, **change}
        return move(world, "MergeTopics", actor, **fields)

    state = "TOPIC_STATE_INVALID"
    await refused(world, merging(ASKER), "ROLE_REQUIRED")
    await refused(world, merging(SEARCH), "ROLE_REQUIRED")
    await refused(world, merging(STRANGER), "COMMUNITY_NOT_FOUND", "community_id")
    await refused(world, merging(topic_id="none"), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, merging(target_topic_id="none"), "TOPIC_NOT_FOUND", "target_topic_id")
    await refused(world, merging(target_topic_id=far.id), "TOPIC_NOT_FOUND", "target_topic_id")
    await refused(world, merging(topic_id=far.id), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, merging(target_topic_id=source.id), "FIELD_INVALID", "target_topic_id")
    for wrong in (draft, hidden, gone):
        await refused(world, merging(topic_id=wrong.id), state)
        await refused(world, merging(target_topic_id=wrong.id), state)
    await refused(world, merging(expected_version=9), "VERSION_STALE", "expected_version")
    world.members.memberships = {"asker": ASKER.keys("c1")}
    into = {"target_topic_id": far.id}
    await refused(world, merging(MANAGING, **into), "AUTHOR_CANNOT_READ")
    await merging(MANAGING, **into, even_if_author_cannot_read=True)
    # Where its replies went is told to who can go there.
    assert (await world.see(MANAGING, source)).moved_to_id == far.id
    assert (await world.see(ASKER, source)).moved_to_id == ""
    reopened = (await world.act("ReopenTopic", MODERATING, gone)).topic
    assert (reopened.state, reopened.moved_to_id) == (pb.TOPIC_STATE_PUBLISHED, "")


async def test_merge_while_replying_loses_nothing(world: World) -> None:
    """Whatever is answered with success is in exactly one topic, and counted there."""
    space = await world.space()
    source, target = await world.topic(space), await world.topic(space)
    for _ in range(3):
        await world.reply(source)
    merging = mpb.MergeTopicsRequest(**world.ids(), topic_id=source.id, target_topic_id=target.id)

    reasons: set[str] = set()

    async def reply(number: int) -> str:
        try:
            return (await world.reply(source, body=f"Late {number}.")).id
        except DomainError as error:
            reasons.add(reason_of(error))
            return ""

    answers = await asyncio.gather(
        *(reply(number) for number in range(6)),
        cut_off(world, MODERATING, merging),
        *(reply(number) for number in range(6, 12)),
        *(world.reply(target, body=f"Own {number}.") for number in range(3)),
    )
    await asyncio.gather(carrying(world, page=2).finish(), carrying(world, page=3).finish())
    assert reasons <= {"TOPIC_STATE_INVALID"}
    kept = {answer for answer in answers[:6] + answers[7:13] if answer}
    listed = await world.replies(HELPER, target)
    ids = [one.id for one in listed]
    assert len(set(ids)) == len(ids)
    assert kept <= set(ids)
    assert len(ids) == 3 + len(kept) + 3
    assert [one.create_time.ToNanoseconds() for one in listed] == sorted(
        one.create_time.ToNanoseconds() for one in listed
    )
    assert await world.replies(HELPER, source) == []
    assert (await world.see(HELPER, source)).reply_count == 0
    seen = await world.see(HELPER, target)
    assert seen.reply_count == len(ids)
    assert seen.activity_time == listed[-1].create_time


async def test_changes_that_meet_a_merge_end_in_the_target(world: World) -> None:
    """Edits and hidings of replies that are just being carried are stored once, or refused."""
    space = await world.space()
    source, target = await world.topic(space), await world.topic(space)
    replies = [await world.reply(source, body=f"Number {number}.") for number in range(6)]
    merging = mpb.MergeTopicsRequest(**world.ids(), topic_id=source.id, target_topic_id=target.id)

    async def change(rpc: str, actor: Actor, reply: pb.Reply, **more: Any) -> bool:
        reason = await told(world.act(rpc, actor, reply, **more))
        reasons.add(reason)
        return not reason

    reasons: set[str] = set()
    done = await asyncio.gather(
        *(change("UpdateReply", HELPER, one, body="Edited.") for one in replies[:3]),
        cut_off(world, MODERATING, merging),
        *(change("HideReply", MODERATING, one, reason="x") for one in replies[3:]),
    )
    assert reasons <= {"", "REPLY_NOT_FOUND"}
    await carrying(world, page=2).finish()
    listed = await world.replies(MODERATING, target)
    assert [one.id for one in listed] == [one.id for one in replies]
    assert [one.body == "Edited." for one in listed[:3]] == list(done[:3])
    hidden = [one.state == pb.REPLY_STATE_HIDDEN for one in listed[3:]]
    assert hidden == list(done[4:])
    assert (await world.see(HELPER, target)).reply_count == 6 - sum(hidden)


async def test_chains_of_merges_end_in_the_last(world: World) -> None:
    space = await world.space()
    first, second, third = [await world.topic(space) for _ in range(3)]
    for topic in (first, second):
        for _ in range(3):
            await world.reply(topic)
    slow = world.move_use_cases(Carrying(world.commands, world.repository, at_once=0.0))
    for source, target in ((first, second), (second, third)):
        request = mpb.MergeTopicsRequest(
            **world.ids(), topic_id=source.id, target_topic_id=target.id
        )
        await slow.merge_topics(MODERATING, request)
    await carrying(world, page=2).finish()
    await carrying(world, page=2).finish()
    assert (await world.see(HELPER, third)).reply_count == 6
    assert len(await world.replies(HELPER, third)) == 6
    for topic in (first, second):
        assert await world.replies(HELPER, topic) == []
    await refused(
        world,
        move(world, "MergeTopics", MODERATING, topic_id=third.id, target_topic_id=first.id),
        "TOPIC_STATE_INVALID",
    )


# -- into a new topic


def parting(topic: pb.Topic, *replies: pb.Reply, **more: Any) -> dict[str, Any]:
    return {
        "topic_id": topic.id,
        "reply_ids": [reply.id for reply in replies],
        "title": "Another matter",
        "body": "These replies are about something else.",
        **more,
    }


async def test_split_topic(world: World) -> None:
    space, other = await world.space(), await world.space("other")
    topic = await world.topic(space)
    replies = [await world.reply(topic, body=f"Number {number}.") for number in range(8)]
    await world.act("AcceptReply", ASKER, replies[6])
    ids = {**world.ids(), **parting(topic, *replies[2:8], space_id=other.id, tags=["b"])}
    answer = await move(world, "SplitTopic", MODERATING, **ids)
    rest, new = answer.topic, answer.new_topic
    assert (rest.reply_count, rest.accepted_reply_id) == (2, "")
    assert rest.activity_time == replies[1].create_time
    assert rest.last_reply_author.person_id == "helper"
    assert (new.space_id, new.split_from_id, new.kind, new.title, list(new.tags)) == (
        other.id,
        topic.id,
        pb.TOPIC_KIND_DISCUSSION,
        "Another matter",
        ["b"],
    )
    assert (new.author.person_id, new.reply_count) == ("moderator", 6)
    assert await world.see(HELPER, topic) == rest
    assert await world.see(HELPER, new) == new
    assert [one.id for one in await world.replies(HELPER, topic)] == [r.id for r in replies[:2]]
    moved = await world.replies(HELPER, new)
    assert [one.id for one in moved] == [one.id for one in replies[2:]]
    assert [one.create_time for one in moved] == [one.create_time for one in replies[2:]]
    assert not any(one.accepted for one in moved)
    assert [one.id for one in await linked(world, HELPER, topic)] == [new.id]
    names = await world.said()
    assert {"TopicSplit", "RepliesLeft", "RepliesMoved"} <= set(names)
    unaccepted = [e for e in await outbox(world.database) if isinstance(e, said.ReplyUnaccepted)]
    assert [event.reply_id for event in unaccepted] == [replies[6].id]
    assert (await trail(world, topic))[0][0] == "SplitTopic"
    after = await world.stored()
    assert await move(world, "SplitTopic", MODERATING, **ids) == answer
    assert await world.stored() == after


async def test_split_takes_threads_along_and_frees_who_replied_to_one_that_stays(
    world: World,
) -> None:
    topic = await world.topic(await world.space())
    stays, goes = await world.reply(topic), await world.reply(topic)

    async def under(parent: pb.Reply) -> pb.Reply:
        request = pb.CreateReplyRequest(
            **world.ids(), topic_id=topic.id, body="To you.", parent_reply_id=parent.id
        )
        made: pb.Reply = (await world.of(HELPER).CreateReply(request)).reply
        return made

    freed, child = await under(stays), await under(goes)
    answer = await move(world, "SplitTopic", MODERATING, **parting(topic, goes, freed))
    moved = {one.id: one for one in await world.replies(HELPER, answer.new_topic)}
    assert set(moved) == {goes.id, freed.id, child.id}
    assert moved[child.id].parent_reply_id == goes.id
    assert moved[freed.id].parent_reply_id == ""
    assert moved[goes.id].child_count == 1
    (left,) = await world.replies(HELPER, topic)
    assert (left.id, left.child_count) == (stays.id, 0)


async def test_split_refuses(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    topic, other = await world.topic(space), await world.topic(space)
    reply, strange = await world.reply(topic), await world.reply(other)
    archived = await world.topic(space)
    its = await world.reply(archived)
    await world.act("ArchiveTopic", MODERATING, archived)

    def splitting(actor: Actor = MODERATING, **change: Any) -> Any:
        return move(world, "SplitTopic", actor, **{**parting(topic, reply), **change})

    await refused(world, splitting(ASKER), "ROLE_REQUIRED")
    await refused(world, splitting(SEARCH), "ROLE_REQUIRED")
    await refused(world, splitting(STRANGER), "COMMUNITY_NOT_FOUND", "community_id")
    await refused(world, splitting(topic_id="none"), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, splitting(reply_ids=[]), "FIELD_INVALID", "reply_ids")
    many = [str(number) for number in range(101)]
    await refused(world, splitting(reply_ids=many), "FIELD_INVALID", "reply_ids")
    for ids in (["none"], [reply.id, strange.id]):
        await refused(world, splitting(reply_ids=ids), "REPLY_NOT_FOUND", "reply_ids")
    await refused(world, splitting(space_id="none"), "SPACE_NOT_FOUND", "space_id")
    await refused(world, splitting(space_id=secret.id), "SPACE_NOT_FOUND", "space_id")
    await refused(world, splitting(title=""), "TEXT_INVALID", "title")
    await refused(world, splitting(body="short"), "TEXT_INVALID", "body")
    await refused(world, splitting(tags=["no tag"] * 2), "TAGS_INVALID", "tags")
    await refused(world, splitting(kind=99), "FIELD_INVALID", "kind")
    await refused(world, splitting(expected_version=9), "VERSION_STALE", "expected_version")
    closed: dict[str, Any] = {"topic_id": archived.id, "reply_ids": [its.id]}
    await refused(world, splitting(**closed), "TOPIC_STATE_INVALID")
    world.members.memberships = {"helper": HELPER.keys("c1")}
    there = {"space_id": secret.id}
    await refused(world, splitting(MANAGING, **there), "AUTHOR_CANNOT_READ")
    for verdict in (moderation_pb2.VERDICT_BLOCK, moderation_pb2.VERDICT_HOLD):
        world.screen.verdict = verdict
        await refused(world, splitting(), "CONTENT_BLOCKED", "body")
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    made = await splitting(MANAGING, **there, even_if_author_cannot_read=True)
    assert await missing(world, HELPER, made.new_topic)
    assert await by_id(world, HELPER, reply) == []
    assert await world.replies(HELPER, topic) == []


# -- walls that move meanwhile

OPEN: dict[str, Any] = {"audience": pb.AUDIENCE_COMMUNITY}
ONLY_QUESTIONS = {
    "settings": pb.SpaceSettingsChange(kinds=[pb.TOPIC_KIND_QUESTION], update_kinds=True)
}
GOLDEN_MODERATOR = person_actor(
    "moderator",
    roles=[MODERATOR],
    keyring=["community:c1", "tier:gold@c1", "moderators:c1", "person:moderator"],
)
TO_SPACE, TO_TOPIC = ("SPACE_NOT_FOUND", "space_id"), ("TOPIC_NOT_FOUND", "target_topic_id")
CANNOT_READ = ("AUTHOR_CANNOT_READ", "")


@pytest.fixture
def just_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[ForumUseCases], Awaitable[Any]]], None]:
    """Something that another replica does between the next decision and its commit."""
    commit = Batch.commit

    def set_up(change: Callable[[ForumUseCases], Awaitable[Any]]) -> None:
        async def first_the_change(batch: Batch, deadline: float) -> None:
            monkeypatch.setattr(Batch, "commit", commit)
            elsewhere = Commands(world.database)
            repository = ForumRepository(world.database)
            try:
                await change(ForumUseCases(elsewhere, repository, world.use_cases._moderation))
            finally:
                await elsewhere.close()
            await commit(batch, deadline)

        monkeypatch.setattr(Batch, "commit", first_the_change)

    return set_up


@pytest.mark.parametrize(
    ("rpc", "actor", "which", "to", "refusal"),
    [
        ("MoveTopic", MODERATING, "there", VENDORS, TO_SPACE),
        ("MoveTopic", MANAGING, "there", VENDORS, CANNOT_READ),
        ("MoveTopic", MODERATING, "here", VENDORS, ("TOPIC_NOT_FOUND", "topic_id")),
        ("MoveTopic", MODERATING, "there", ONLY_QUESTIONS, ("KIND_NOT_ALLOWED", "kind")),
        ("MoveTopic", MODERATING, "there", {"name": "Another"}, None),
        ("MergeTopics", MODERATING, "there", VENDORS, TO_TOPIC),
        ("MergeTopics", MANAGING, "there", VENDORS, CANNOT_READ),
        ("MergeTopics", MODERATING, "here", VENDORS, ("TOPIC_NOT_FOUND", "topic_id")),
        ("MergeTopics", MODERATING, "here", {"name": "Another"}, None),
        ("SplitTopic", MODERATING, "there", VENDORS, TO_SPACE),
        ("SplitTopic", MANAGING, "there", VENDORS, CANNOT_READ),
        ("SplitTopic", MODERATING, "here", VENDORS, ("TOPIC_NOT_FOUND", "topic_id")),
        ("SplitTopic", MODERATING, "there", ONLY_QUESTIONS, ("KIND_NOT_ALLOWED", "kind")),
        ("SplitTopic", MODERATING, "there", {"name": "Another"}, None),
    ],
)
async def test_a_wall_that_moves_before_it_is_stored_is_decided_on(
    world: World,
    just_before: Callable[..., None],
    rpc: str,
    actor: Actor,
    which: str,
    to: dict[str, Any],
    refusal: tuple[str, str] | None,
) -> None:
    spaces = {"here": await world.space("here"), "there": await world.space("there")}
    talk: dict[str, Any] = {"kind": pb.TOPIC_KIND_DISCUSSION}
    topic, target = [await world.topic(one, **talk) for one in spaces.values()]
    reply = await world.reply(topic, ASKER)
    world.members.memberships = {"asker": ASKER.keys("c1")}
    fields: dict[str, Any] = {
        "MoveTopic": {"topic_id": topic.id, "space_id": spaces["there"].id},
        "MergeTopics": {"topic_id": topic.id, "target_topic_id": target.id},
        "SplitTopic": parting(topic, reply, space_id=spaces["there"].id),
    }[rpc]
    before = await world.stored()

    async def change(other: ForumUseCases) -> None:
        request = pb.UpdateSpaceRequest(**world.ids(), space_id=spaces[which].id, **to)
        await other.update_space(MANAGING, request)

    just_before(change)
    if refusal is not None:
        with pytest.raises(DomainError) as refused_with:
            await move(world, rpc, actor, **fields)
        assert (reason_of(refused_with.value), refused_with.value.field) == refusal
        after = await world.stored()
        assert (await world.said())[len(before["outbox"]) :] == ["SpaceUpdated"]
        for name in ("topics", "replies", "moderation_entries"):
            assert after.get(name) == before.get(name)
    else:
        await move(world, rpc, actor, **fields)
        names = (await world.said())[len(before["outbox"]) :]
        assert names[0] == "SpaceUpdated"
        told_of = {"MoveTopic": "TopicMoved", "MergeTopics": "TopicMerged"}.get(rpc, "TopicSplit")
        assert names.count(told_of) == 1


@pytest.mark.parametrize("rpc", ["MoveTopic", "MergeTopics", "SplitTopic"])
async def test_an_author_who_may_read_it_meanwhile_does_not_lose_it(
    world: World, just_before: Callable[..., None], rpc: str
) -> None:
    here, there = await world.space("here"), await world.space("there", **GOLD)
    talk: dict[str, Any] = {"kind": pb.TOPIC_KIND_DISCUSSION}
    topic, target = await world.topic(here, **talk), await world.topic(there, GOLDEN_MODERATOR)
    reply = await world.reply(topic, ASKER)

    async def set_audience(other: ForumUseCases, audience: dict[str, Any]) -> None:
        request = pb.UpdateSpaceRequest(**world.ids(), space_id=here.id, **audience)
        await other.update_space(MANAGING, request)

    await set_audience(world.use_cases, GOLD)
    world.members.memberships = {"asker": ASKER.keys("c1")}
    just_before(lambda other: set_audience(other, OPEN))
    fields: dict[str, Any] = {
        "MoveTopic": {"topic_id": topic.id, "space_id": there.id},
        "MergeTopics": {"topic_id": topic.id, "target_topic_id": target.id},
        "SplitTopic": parting(topic, reply, space_id=there.id),
    }[rpc]
    assert await told(move(world, rpc, GOLDEN_MODERATOR, **fields)) == "AUTHOR_CANNOT_READ"
    assert (await world.said())[-1] == "SpaceUpdated"
    assert (await world.see(ASKER, topic)).space_id == here.id
    assert await by_id(world, ASKER, reply) == [reply.id]
    await move(world, rpc, GOLDEN_MODERATOR, **fields, even_if_author_cannot_read=True)


async def test_within_one_space_nothing_stands_on_its_wall(world: World) -> None:
    space = await world.space()
    topic, target = await world.topic(space), await world.topic(space)
    reply, _ = await world.reply(topic), await world.reply(topic)
    await move(world, "SplitTopic", MODERATING, **parting(topic, reply))
    fields = {"topic_id": topic.id, "target_topic_id": target.id}
    await move(world, "MergeTopics", MODERATING, **fields)
    (row,) = (await world.stored())["spaces"]
    assert "stood_on" not in row
    assert world.members.asked == []


async def test_a_bookmark_goes_along_with_its_reply(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", audience=pb.AUDIENCE_VENDOR)
    topic, target = await world.topic(space), await world.topic(space)
    replies = [await world.reply(topic, body=f"Number {number}.") for number in range(3)]
    for reply in replies:
        await keep(world, HELPER, topic_id=topic.id, reply_id=reply.id)
    ids = {**world.ids(), **parting(topic, replies[1], space_id=space.id)}
    new = (await move(world, "SplitTopic", MODERATING, **ids)).new_topic
    ids = {**world.ids(), **parting(topic, replies[2], space_id=secret.id)}
    await move(world, "SplitTopic", MANAGING, **ids)  # out of the helper's sight
    merging = {**world.ids(), "topic_id": topic.id, "target_topic_id": target.id}
    await move(world, "MergeTopics", MODERATING, **merging)
    await carrying(world, page=100).finish()
    found = await bookmarks(world, HELPER)
    assert [(one.reply.id, one.topic.id) for one in found] == [
        (replies[1].id, new.id),
        (replies[0].id, target.id),
    ]


MUTED, TRACKING, WATCHING = (
    fpb.FOLLOW_LEVEL_MUTED,
    fpb.FOLLOW_LEVEL_TRACKING,
    fpb.FOLLOW_LEVEL_WATCHING,
)


async def levels(world: World, actor: Actor) -> dict[str, fpb.FollowLevel.ValueType]:
    """What the actor chose, by topic."""
    return {one.topic.id: one.level for one in await follows(world, actor)}


async def test_merge_takes_follows_along_where_nothing_else_was_chosen(world: World) -> None:
    space = await world.space()
    source, target = await world.topic(space), await world.topic(space, HELPER)
    chosen: dict[str, tuple[Any, Any]] = {
        "a": (WATCHING, None),
        "b": (TRACKING, None),
        "c": (WATCHING, MUTED),
        "d": (TRACKING, WATCHING),
        "e": (MUTED, None),
        "f": (MUTED, WATCHING),
        "helper": (TRACKING, None),  # who watches their own topic anyway
    }
    people = {name: person_actor(name) for name in chosen}
    for name, (here, there) in chosen.items():
        await follow(world, people[name], here, topic_id=source.id)
        if there is not None:
            await follow(world, people[name], there, topic_id=target.id)
    reply = await world.reply(source)
    merging = mpb.MergeTopicsRequest(**world.ids(), topic_id=source.id, target_topic_id=target.id)
    await cut_off(world, MODERATING, merging)
    assert await levels(world, people["a"]) == {source.id: WATCHING}
    events = len(await world.said())
    # Two replicas at once, of which neither does anything twice.
    await asyncio.gather(*(carrying(world, page=page).finish() for page in (1, 2)))
    assert {name: await levels(world, actor) for name, actor in people.items()} == {
        "a": {target.id: WATCHING},
        "b": {target.id: TRACKING},
        "c": {target.id: MUTED},
        "d": {target.id: WATCHING},
        "e": {source.id: MUTED},
        "f": {source.id: MUTED, target.id: WATCHING},
        "helper": {},
    }
    (there,) = await state(world, people["helper"], target)
    assert there.level == WATCHING
    told = (await outbox(world.database))[events:]
    followed = [
        (one.person_id, one.topic_id, one.level)
        for one in told
        if isinstance(one, said.FollowChanged)
    ]
    gone = [(name, source.id, 0) for name in ("a", "b", "c", "d", "helper")]
    assert sorted(followed) == sorted(
        [*gone, ("a", target.id, WATCHING), ("b", target.id, TRACKING)]
    )
    assert said.FollowsLeft(topic_id=source.id, into_topic_id=target.id) in told
    assert [one.id for one in await world.replies(ASKER, target)] == [reply.id]
    after = await world.stored()
    await carrying(world, page=2).finish()
    assert await world.stored() == after


async def test_merge_takes_bookmarks_along_unless_both_are_kept(world: World) -> None:
    space = await world.space()
    source, target = await world.topic(space), await world.topic(space, HELPER)
    people = {name: person_actor(name) for name in ("a", "b", "c", "d", "e")}
    for name, actor in people.items():
        await keep(world, actor, topic_id=source.id, note=f"Of {name}.")
    await keep(world, people["b"], topic_id=target.id, note="The other.")
    await keep(world, people["c"], topic_id=target.id)
    ids = {**world.ids(), "topic_id": target.id}
    await world.feed_of(people["c"]).RemoveBookmark(fpb.RemoveBookmarkRequest(**ids))
    before = await bookmarks(world, people["a"])
    merging = mpb.MergeTopicsRequest(**world.ids(), topic_id=source.id, target_topic_id=target.id)
    await cut_off(world, MODERATING, merging)
    await asyncio.gather(*(carrying(world, page=page).finish() for page in (1, 3)))
    for name, actor in people.items():
        kept = {one.topic.id: one.note for one in await bookmarks(world, actor)}
        if name == "b":  # whose note of the one would be lost
            assert kept == {source.id: "Of b.", target.id: "The other."}
        else:
            assert kept == {target.id: f"Of {name}."}
    (one,) = await bookmarks(world, people["a"])
    assert one.create_time == before[0].create_time
    names = await world.said()
    assert (names.count("BookmarkAdded"), names.count("BookmarkRemoved")) == (7 + 4, 1 + 4)
    after = await world.stored()
    await carrying(world, page=2).finish()
    assert await world.stored() == after


async def test_follow_and_bookmark_tell_nobody_of_a_topic_they_cannot_read(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", **VENDORS)
    source, target = await world.topic(space), await world.topic(secret, MANAGING, title="Secret")
    await follow(world, STAYING, WATCHING, topic_id=source.id)
    await keep(world, STAYING, topic_id=source.id, note="Mine.")
    merging = {"topic_id": source.id, "target_topic_id": target.id}
    await move(world, "MergeTopics", MANAGING, **merging, even_if_author_cannot_read=True)
    await carrying(world, page=2).finish()
    assert await follows(world, STAYING) == []
    assert await bookmarks(world, STAYING) == []
    assert await state(world, STAYING, target) == []
    feed = await world.feed_of(STAYING).ListFeed(fpb.ListFeedRequest())
    assert target.id not in [one.topic.id for one in feed.items]
    nothing = fpb.SetFollowRequest(
        **world.ids(), level=MUTED, kind=fpb.FOLLOW_KIND_TOPIC, target_id=target.id
    )
    await refused(world, world.feed_of(STAYING).SetFollow(nothing), "TOPIC_NOT_FOUND", "target_id")
    # Whoever is let in later finds it there.
    let_in = person_actor("staying", keyring=["community:c1", "vendor:c1", "person:staying"])
    assert await levels(world, let_in) == {target.id: WATCHING}
    assert [(b.topic.id, b.note) for b in await bookmarks(world, let_in)] == [(target.id, "Mine.")]


async def test_follows_go_on_to_where_the_other_topic_went_and_not_out_of_sight(
    world: World,
) -> None:
    space = await world.space()
    first, second, third, gone = [await world.topic(space) for _ in range(4)]
    await follow(world, STAYING, topic_id=first.id)
    await keep(world, STAYING, topic_id=first.id)
    for one, other in ((first, second), (second, third)):
        request = mpb.MergeTopicsRequest(**world.ids(), topic_id=one.id, target_topic_id=other.id)
        await cut_off(world, MODERATING, request)
    for _ in range(2):  # the topic in between may have been looked at first
        await carrying(world, page=2).finish()
    assert await levels(world, STAYING) == {third.id: TRACKING}
    assert [one.topic.id for one in await bookmarks(world, STAYING)] == [third.id]
    request = mpb.MergeTopicsRequest(**world.ids(), topic_id=third.id, target_topic_id=gone.id)
    await cut_off(world, MODERATING, request)
    await world.act("RemoveTopic", MODERATING, gone, reason="x")
    await carrying(world, page=2).finish()
    assert await levels(world, STAYING) == {third.id: TRACKING}
    assert [one.topic.id for one in await bookmarks(world, STAYING)] == [third.id]
