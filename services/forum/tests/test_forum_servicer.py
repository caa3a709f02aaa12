"""Every RPC over real gRPC: what it does and says, whom it refuses, and that nothing is left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    PageTokenInvalidError,
    ReasonRequiredError,
    RequestIdInvalidError,
    RequestIdReusedError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.pagination import encode_page_token
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.curation_pb2 import UpdateIdeaStatusRequest
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from guildhall.forum.v1.participation_pb2 import VOTE_VALUE_UP, CastVoteRequest
from services.forum.tests.conftest import (
    ASKER,
    BODY,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)

C1: dict[str, Any] = {"community_id": "c1"}
TIERED: dict[str, Any] = {"audience": pb.AUDIENCE_TIER, "audience_names": ["gold"]}


async def refused(
    world: World, call: Any, reason: str | type[DomainError], field: str = ""
) -> None:
    """The call is refused like this, and all is as before."""
    before = await world.stored()
    with pytest.raises(DomainError) as refusal:
        await call
    wanted = reason if isinstance(reason, str) else reason.reason()
    assert (reason_of(refusal.value), refusal.value.field) == (wanted, field)
    assert await world.stored() == before


# -- spaces


async def test_create_space(world: World) -> None:
    request = pb.CreateSpaceRequest(
        **world.ids(), slug="gold", name=" Gold  room ", description="For gold", **TIERED
    )
    made = (await world.of(MANAGING).CreateSpace(request)).space
    assert (made.slug, made.name, made.description, made.mode, made.audience, made.version) == (
        "gold",
        "Gold room",
        "For gold",
        pb.SPACE_MODE_AUTO,
        pb.AUDIENCE_TIER,
        1,
    )
    assert list(made.audience_names) == ["gold"]
    assert await outbox(world.database) == [said.SpaceCreated(space_id=made.id)]
    assert (await world.of(MANAGING).CreateSpace(request)).space == made
    got = await world.of(MANAGING).GetSpace(pb.GetSpaceRequest(**C1, space_id=made.id))
    assert got.space == made


async def test_create_space_refuses(world: World) -> None:
    await world.space("general")
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (ASKER, {}, RoleRequiredError, ""),
        (MODERATING, {}, RoleRequiredError, ""),
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
        (MANAGING, {"slug": "general"}, "SPACE_SLUG_TAKEN", "slug"),
        (MANAGING, {"slug": "No Slug"}, FieldInvalidError, "slug"),
        (MANAGING, {"name": ""}, TextInvalidError, "name"),
        (MANAGING, {"name": "x" * 81}, TextInvalidError, "name"),
        (MANAGING, {"description": "x\x00"}, TextInvalidError, "description"),
        (MANAGING, {"mode": 9}, FieldInvalidError, "mode"),
        (MANAGING, {"audience": 9}, FieldInvalidError, "audience"),
        (MANAGING, {"audience": 2}, FieldInvalidError, "audience_names"),
        (MANAGING, {"request_id": "short"}, RequestIdInvalidError, "request_id"),
        (MANAGING, {"community_id": "c2"}, CommunityNotFoundError, "community_id"),
    ]
    for actor, change, reason, field in wrong:
        fields = {**world.ids(), "slug": "other", "name": "Other", **change}
        call = world.of(actor).CreateSpace(pb.CreateSpaceRequest(**fields))
        await refused(world, call, reason, field)


async def test_update_space_moves_the_wall(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    request = pb.UpdateSpaceRequest(
        **world.ids(),
        space_id=space.id,
        name="Vendor",
        mode=pb.SPACE_MODE_REQUIRED,
        audience=pb.AUDIENCE_VENDOR,
        expected_version=1,
    )
    changed = (await world.of(MANAGING).UpdateSpace(request)).space
    assert (changed.name, changed.mode, changed.audience, changed.version) == (
        "Vendor",
        pb.SPACE_MODE_REQUIRED,
        pb.AUDIENCE_VENDOR,
        2,
    )
    assert await world.said() == ["SpaceCreated", "TopicPublished", "SpaceUpdated"]
    assert await world.topics(HELPER) == []
    assert await world.topics(MANAGING) == [topic.id]
    with pytest.raises(DomainError) as gone:
        await world.see(ASKER, topic)
    assert reason_of(gone.value) == "TOPIC_NOT_FOUND"


async def test_update_space_refuses(world: World) -> None:
    space = await world.space()

    def update(actor: Actor, **change: Any) -> Any:
        fields = {**world.ids(), "space_id": space.id, "name": "New", **change}
        return world.of(actor).UpdateSpace(pb.UpdateSpaceRequest(**fields))

    blind = person_actor("blind", roles=["MANAGER"], keyring=["person:blind"])
    await refused(world, update(ASKER), RoleRequiredError)
    await refused(world, update(STRANGER), CommunityNotFoundError, "community_id")
    await refused(world, update(MANAGING, space_id="none"), "SPACE_NOT_FOUND", "space_id")
    await refused(world, update(blind), "SPACE_NOT_FOUND", "space_id")
    await refused(
        world, update(MANAGING, expected_version=7), VersionStaleError, "expected_version"
    )
    await refused(world, update(MANAGING, name=" "), TextInvalidError, "name")
    alone = update(MANAGING, audience_names=["gold"])  # never silently left out
    await refused(world, alone, FieldInvalidError, "audience_names")
    same = await update(MANAGING, name="General")
    assert same.space == space
    assert await world.said() == ["SpaceCreated"]


async def test_get_space_and_its_wall(world: World) -> None:
    space = await world.space("gold", **TIERED)
    golden = person_actor("golden", keyring=["community:c1", "tier:gold@c1"])

    def get(actor: Actor, **by: str) -> Any:
        return world.of(actor).GetSpace(pb.GetSpaceRequest(**{**C1, **by}))

    assert (await get(golden, space_id=space.id)).space == space
    assert (await get(golden, slug="gold")).space == space
    await refused(world, get(ASKER, space_id=space.id), "SPACE_NOT_FOUND", "space_id")
    await refused(world, get(ASKER, space_id="none"), "SPACE_NOT_FOUND", "space_id")
    await refused(world, get(ASKER, slug="gold"), "SPACE_NOT_FOUND", "slug")
    await refused(world, get(ASKER, slug="none"), "SPACE_NOT_FOUND", "slug")
    await refused(world, get(STRANGER, space_id=space.id), CommunityNotFoundError, "community_id")
    await refused(world, get(STRANGER, community_id="c2", slug="gold"), "SPACE_NOT_FOUND", "slug")


async def test_batch_get_and_list_spaces(world: World) -> None:
    open_ = await world.space("open")
    gold = await world.space("gold", **TIERED)
    ids = [gold.id, "none", open_.id, gold.id]

    async def batch(actor: Actor) -> list[pb.Space]:
        request = pb.BatchGetSpacesRequest(**C1, space_ids=ids)
        return list((await world.of(actor).BatchGetSpaces(request)).spaces)

    assert await batch(ASKER) == [open_]
    assert await batch(MANAGING) == [gold, open_]
    told = await batch(SEARCH)  # services learn what opens a space, nobody else does
    assert [list(space.read_keys) for space in told] == [
        ["tier:gold@c1", "vendor:c1"],
        ["community:c1"],
    ]
    for space in told:
        del space.read_keys[:]
    assert told == [gold, open_]
    await refused(world, batch(STRANGER), CommunityNotFoundError, "community_id")
    many = pb.BatchGetSpacesRequest(**C1, space_ids=["x"] * 101)
    await refused(world, world.of(ASKER).BatchGetSpaces(many), FieldInvalidError, "space_ids")

    async def listed(actor: Actor, **more: Any) -> pb.ListSpacesResponse:
        answer = await world.of(actor).ListSpaces(pb.ListSpacesRequest(**C1, **more))
        assert isinstance(answer, pb.ListSpacesResponse)
        return answer

    assert await listed(ASKER) == pb.ListSpacesResponse(spaces=[open_])
    first = await listed(MANAGING, page_size=1)
    assert list(first.spaces) == [gold]
    rest = await listed(MANAGING, page_size=1, page_token=first.next_page_token)
    assert rest == pb.ListSpacesResponse(spaces=[open_])
    await refused(world, listed(ASKER, page_token="?"), PageTokenInvalidError, "page_token")
    await refused(world, listed(ASKER, page_size=-1), FieldInvalidError, "page_size")
    await refused(world, listed(STRANGER), CommunityNotFoundError, "community_id")


# -- topics


async def test_create_topic(world: World) -> None:
    space = await world.space()
    request = pb.CreateTopicRequest(
        **world.ids(),
        space_id=space.id,
        kind=pb.TOPIC_KIND_QUESTION,
        title="  How to  reset? ",
        body=BODY + "\r\n<script>alert(1)</script>\n",
        tags=["Frob", "c++"],
    )
    topic = (await world.of(ASKER).CreateTopic(request)).topic
    assert world.screen.asked == [
        ("How to reset?", BODY + "\n<script>alert(1)</script>", "frob", "c++")
    ]
    assert (topic.state, topic.kind, topic.title, topic.slug, topic.version) == (
        pb.TOPIC_STATE_PUBLISHED,
        pb.TOPIC_KIND_QUESTION,
        "How to reset?",
        "how-to-reset",
        1,
    )
    assert topic.author == pb.Author(person_id="asker", company_id="co1", community_id="c1")
    assert topic.body_html == (
        '<p dir="auto">How do I <em>reset</em> the frobnicator?</p>\n'
        "&lt;script&gt;alert(1)&lt;/script&gt;\n"
    )
    assert await outbox(world.database) == [
        said.SpaceCreated(space_id=space.id),
        said.TopicPublished(
            topic_id=topic.id,
            space_id=space.id,
            author_id="asker",
            submission=said.Submission(screened=True, policy_version="7", number=1),
        ),
    ]
    assert await world.see(HELPER, topic) == topic
    again = (await world.of(ASKER).CreateTopic(request)).topic
    assert again == topic
    request.title = "Another"
    call = world.of(ASKER).CreateTopic(request)
    await refused(world, call, RequestIdReusedError, "request_id")
    assert len(world.screen.asked) == 1


async def test_create_topic_refuses(world: World) -> None:
    space = await world.space()
    good = {
        "space_id": space.id,
        "kind": pb.TOPIC_KIND_DISCUSSION,
        "title": "Title",
        "body": BODY,
    }
    wrong: list[tuple[Actor, dict[str, Any], Any, str]] = [
        (STRANGER, {}, CommunityNotFoundError, "community_id"),
        (SEARCH, {}, RoleRequiredError, ""),
        (ASKER, {"space_id": "none"}, "SPACE_NOT_FOUND", "space_id"),
        (ASKER, {"space_id": ""}, "SPACE_NOT_FOUND", "space_id"),
        (ASKER, {"kind": 0}, FieldInvalidError, "kind"),
        (ASKER, {"kind": 9}, FieldInvalidError, "kind"),
        (ASKER, {"title": ""}, TextInvalidError, "title"),
        (ASKER, {"title": "x" * 151}, TextInvalidError, "title"),
        (ASKER, {"title": "a\u202eb"}, TextInvalidError, "title"),
        (ASKER, {"body": "short"}, TextInvalidError, "body"),
        (ASKER, {"body": "x" * 32768}, TextInvalidError, "body"),
        (ASKER, {"body": "null \x00 byte"}, TextInvalidError, "body"),
        (ASKER, {"tags": ["a b"]}, "TAGS_INVALID", "tags"),
        (ASKER, {"tags": list("abcdef")}, "TAGS_INVALID", "tags"),
        (ASKER, {"request_id": ""}, RequestIdInvalidError, "request_id"),
    ]
    for actor, change, reason, field in wrong:
        request = pb.CreateTopicRequest(**{**world.ids(), **good, **change})
        await refused(world, world.of(actor).CreateTopic(request), reason, field)
    assert world.screen.asked == []


async def test_create_topic_in_an_unreadable_space(world: World) -> None:
    space = await world.space("gold", **TIERED)
    await refused(world, world.topic(space), "SPACE_NOT_FOUND", "space_id")


async def test_draft_is_its_authors_alone_until_it_is_published(world: World) -> None:
    space = await world.space()
    draft = await world.topic(space, draft=True, tags=["a"])
    assert (draft.state, world.screen.asked) == (pb.TOPIC_STATE_DRAFT, [])
    for other in (HELPER, MODERATING):
        await refused(world, world.see(other, draft), "TOPIC_NOT_FOUND", "topic_id")
        call = world.act("PublishTopic", other, draft)
        await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")
    assert await world.topics(ASKER) == []
    assert await world.topics(ASKER, states=[pb.TOPIC_STATE_DRAFT]) == [draft.id]
    assert await world.topics(MODERATING, states=[pb.TOPIC_STATE_DRAFT]) == []
    edited = (await world.act("UpdateTopic", ASKER, draft, title="Better title")).topic
    assert (edited.title, edited.state, edited.version) == ("Better title", 1, 2)
    assert not edited.HasField("edit_time")
    call = world.act("PublishTopic", ASKER, draft, expected_version=1)
    await refused(world, call, VersionStaleError, "expected_version")
    topic = (await world.act("PublishTopic", ASKER, draft, expected_version=2)).topic
    assert (topic.state, topic.title, topic.version) == (3, "Better title", 3)
    assert await world.see(HELPER, draft) == topic
    assert world.screen.asked[-1] == ("Better title", BODY, "a")
    await refused(world, world.act("PublishTopic", ASKER, draft), "TOPIC_STATE_INVALID")
    await refused(world, world.act("PublishTopic", HELPER, draft), "ROLE_REQUIRED")
    assert await world.said() == ["SpaceCreated", "TopicDrafted", "TopicDrafted", "TopicPublished"]
    assert (await revisions(world, HELPER, topic)) == []


async def test_drafts_have_an_end(world: World) -> None:
    space = await world.space()
    first = await world.topic(space, draft=True)
    mine = await world.topic(space)
    (row,) = await world.database.topics.find({"_id": first.id}).to_list()
    del row["draft_number"]  # as of before there were places
    rows = [{**row, "_id": f"d{n}"} for n in range(98)]
    others = [
        {**row, "_id": "o1", "author_id": "helper", "read_keys": ["person:helper"]},
        {**row, "_id": "o2", "community_id": "c2"},
        {**row, "_id": "o3", "state": "REJECTED"},
    ]
    await world.database.topics.insert_many([*rows, *others])
    ids = world.ids()
    last = await world.topic(space, draft=True, **ids)
    await refused(world, world.topic(space, draft=True), "TOO_MANY_DRAFTS")
    assert await world.topic(space, draft=True, **ids) == last  # asked again
    assert (await world.topic(space)).state == mine.state
    assert (await world.topic(space, HELPER, draft=True)).state == pb.TOPIC_STATE_DRAFT
    tomorrow = Timestamp()
    tomorrow.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    await world.act("ScheduleTopic", ASKER, first, publish_time=tomorrow)
    await refused(world, world.topic(space, draft=True), "TOO_MANY_DRAFTS")
    await world.act("UnscheduleTopic", ASKER, first)
    await world.act("PublishTopic", ASKER, first)
    await world.topic(space, draft=True)
    await refused(world, world.topic(space, draft=True), "TOO_MANY_DRAFTS")


async def test_drafts_made_at_once_are_no_more_than_one_may_have(world: World) -> None:
    space = await world.space()
    first = await world.topic(space, draft=True)
    (row,) = await world.database.topics.find({"_id": first.id}).to_list()
    number = row.pop("draft_number")
    free = [place for place in range(100) if place != number]
    rows = [{**row, "_id": f"n{place}", "draft_number": place} for place in free[:46]]
    rows += [{**row, "_id": f"o{place}"} for place in range(50)]  # of before
    await world.database.topics.insert_many(rows)

    async def told() -> str:
        try:
            await world.topic(space, draft=True)
        except DomainError as refusal:
            return reason_of(refusal)
        return ""

    found = await asyncio.gather(*(told() for _ in range(9)))
    assert sorted(found) == [""] * 3 + ["TOO_MANY_DRAFTS"] * 6
    assert await world.database.topics.count_documents({"state": "DRAFT"}) == 100
    assert (await world.said()).count("TopicDrafted") == 4
    # What goes out gives its place up, and does not take it along.
    await world.act("PublishTopic", ASKER, first)
    out = await world.database.topics.find_one({"_id": first.id})
    assert out is not None
    assert "draft_number" not in out
    assert [await told() for _ in range(2)] == ["", "TOO_MANY_DRAFTS"]


async def test_update_topic_keeps_the_former_text(world: World) -> None:
    topic = await world.topic(await world.space(), tags=["a"])
    changed = (
        await world.act(
            "UpdateTopic", ASKER, topic, body="A *clearer* text", update_tags=True, tags=["b"]
        )
    ).topic
    assert (changed.title, changed.body, list(changed.tags), changed.version) == (
        "Frobnicator?",
        "A *clearer* text",
        ["b"],
        2,
    )
    assert changed.body_html == '<p dir="auto">A <em>clearer</em> text</p>\n'
    assert changed.HasField("edit_time")
    events = await outbox(world.database)
    assert events[-1] == said.TopicEdited(
        topic_id=topic.id,
        submission=said.Submission(screened=True, policy_version="7", number=2),
    )
    (former,) = await revisions(world, HELPER, topic)
    assert (former.title, former.body, list(former.tags), former.editor_id) == (
        "Frobnicator?",
        BODY,
        ["a"],
        "asker",
    )
    same = (await world.act("UpdateTopic", ASKER, topic, title="Frobnicator?")).topic
    assert same == changed


async def test_moderators_edit_takes_the_former_text_out_of_sight(world: World) -> None:
    topic = await world.topic(await world.space())
    await world.act("UpdateTopic", MODERATING, topic, body="Without the password")
    assert await revisions(world, HELPER, topic) == []
    for reader in (ASKER, MODERATING):
        assert [one.body for one in await revisions(world, reader, topic)] == [BODY]
    assert [(e.action, e.actor) for e in await entries(world, topic)] == [
        ("UpdateTopic", "moderator")
    ]


async def test_update_topic_refuses(world: World) -> None:
    topic = await world.topic(await world.space())
    act = world.act
    await refused(world, act("UpdateTopic", HELPER, topic, title="Mine"), RoleRequiredError)
    await refused(world, act("UpdateTopic", ASKER, topic, title=""), TextInvalidError, "title")
    await refused(world, act("UpdateTopic", ASKER, topic, body="x"), TextInvalidError, "body")
    call = act("UpdateTopic", ASKER, topic, update_tags=True, tags=["a b"])
    await refused(world, call, "TAGS_INVALID", "tags")
    call = act("UpdateTopic", ASKER, topic, title="New", expected_version=9)
    await refused(world, call, VersionStaleError, "expected_version")
    call = act("UpdateTopic", STRANGER, topic, title="New")
    await refused(world, call, CommunityNotFoundError, "community_id")
    call = act("UpdateTopic", ASKER, pb.Topic(id="none"), title="New")
    await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")
    await act("ArchiveTopic", MODERATING, topic)
    await refused(world, act("UpdateTopic", ASKER, topic, title="New"), "TOPIC_STATE_INVALID")


STEPS = [
    # rpc, state it needs, state after, event, with reason
    ("CloseTopic", "PUBLISHED", pb.TOPIC_STATE_CLOSED, "TopicClosed"),
    ("ReopenTopic", "CLOSED", pb.TOPIC_STATE_PUBLISHED, "TopicReopened"),
    ("HideTopic", "PUBLISHED", pb.TOPIC_STATE_HIDDEN, "TopicHidden"),
    ("RestoreTopic", "HIDDEN", pb.TOPIC_STATE_PUBLISHED, "TopicRestored"),
    ("RemoveTopic", "PUBLISHED", pb.TOPIC_STATE_REMOVED, "TopicRemoved"),
    ("ArchiveTopic", "PUBLISHED", pb.TOPIC_STATE_ARCHIVED, "TopicArchived"),
]


def more_of(rpc: str) -> dict[str, Any]:
    """What this RPC needs beside the post."""
    if rpc == "CloseTopic":
        return {"close_reason": pb.CLOSE_REASON_RESOLVED, "reason": "why"}
    return {} if rpc in ("ReopenTopic", "ArchiveTopic") else {"reason": "why"}


async def brought_to(world: World, space: pb.Space, state: str) -> pb.Topic:
    topic = await world.topic(space)
    if state == "CLOSED":
        await world.act("CloseTopic", MODERATING, topic, **more_of("CloseTopic"))
    if state == "HIDDEN":
        await world.act("HideTopic", MODERATING, topic, reason="why")
    return topic


async def test_moderator_moves_a_topic_on(world: World) -> None:
    space = await world.space()
    for step in STEPS:
        await moves_a_topic_on(world, space, *step)


async def moves_a_topic_on(
    world: World, space: pb.Space, rpc: str, state: str, after: int, event: str
) -> None:
    topic = await brought_to(world, space, state)
    before = len(await world.said())
    count = len(await entries(world, topic))
    request = getattr(pb, f"{rpc}Request")(**world.ids(), topic_id=topic.id, **more_of(rpc))
    changed = (await getattr(world.of(MODERATING), rpc)(request)).topic
    assert changed.state == after
    assert (await world.said())[before:] == [event]
    trail = await entries(world, topic)
    assert (trail[0].action, trail[0].reason, trail[0].actor, trail[0].reply_id) == (
        rpc,
        request.reason if hasattr(request, "reason") else "",
        "moderator",
        "",
    )
    assert len(trail) == count + 1
    assert (await getattr(world.of(MODERATING), rpc)(request)).topic == changed  # asked again
    assert len(await world.said()) == before + 1
    request.topic_id = "another"
    call = getattr(world.of(MODERATING), rpc)(request)
    await refused(world, call, RequestIdReusedError, "request_id")


async def test_moving_a_topic_is_refused(world: World) -> None:
    space = await world.space()
    for rpc, state, _, _ in STEPS:
        await refuses_to_move(world, space, rpc, state)


async def refuses_to_move(world: World, space: pb.Space, rpc: str, state: str) -> None:
    topic = await brought_to(world, space, state)
    more = more_of(rpc)
    # HELPER does not see a hidden topic, but lacks the role in any case.
    await refused(world, world.act(rpc, HELPER, topic, **more), RoleRequiredError)
    await refused(
        world, world.act(rpc, STRANGER, topic, **more), CommunityNotFoundError, "community_id"
    )
    await refused(world, world.act(rpc, SEARCH, topic, **more), RoleRequiredError)
    await refused(
        world,
        world.act(rpc, MODERATING, topic, **more, expected_version=99),
        VersionStaleError,
        "expected_version",
    )
    nowhere = pb.Topic(id="none")
    await refused(world, world.act(rpc, MODERATING, nowhere, **more), "TOPIC_NOT_FOUND", "topic_id")
    if rpc in ("HideTopic", "RemoveTopic"):
        await refused(world, world.act(rpc, MODERATING, topic), ReasonRequiredError, "reason")
    await world.act(rpc, MODERATING, topic, **more)
    await refused(world, world.act(rpc, MODERATING, topic, **more), "TOPIC_STATE_INVALID")


async def test_closing_and_what_follows(world: World) -> None:
    topic = await world.topic(await world.space())
    call = world.act("CloseTopic", ASKER, topic)
    await refused(world, call, FieldInvalidError, "close_reason")
    closed = (await world.act("CloseTopic", ASKER, topic, **more_of("CloseTopic"))).topic
    assert (closed.close_reason, closed.state_reason) == (pb.CLOSE_REASON_RESOLVED, "why")
    assert await entries(world, topic) == []
    await refused(world, world.reply(topic), "TOPIC_STATE_INVALID")
    await refused(world, world.act("ReopenTopic", ASKER, topic), RoleRequiredError)
    reopened = (await world.act("ReopenTopic", MODERATING, topic)).topic
    assert (reopened.close_reason, reopened.state_reason) == (0, "")
    await world.reply(topic)


async def test_hidden_topic_is_seen_by_author_and_moderators_only(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("HideTopic", MODERATING, topic, reason="off topic")
    assert (await world.see(ASKER, topic)).state_reason == "off topic"
    for call in (
        world.see(HELPER, topic),
        world.replies(HELPER, topic),
        world.reply(topic),
        revisions(world, HELPER, topic),
    ):
        await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")
    assert await batch_replies(world, HELPER, reply.id) == []
    assert await batch_replies(world, ASKER, reply.id) == [reply]
    assert await world.topics(MODERATING, states=[pb.TOPIC_STATE_HIDDEN]) == [topic.id]


async def test_author_removes_a_topic_without_replies(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    request = pb.RemoveTopicRequest(**world.ids(), topic_id=topic.id)
    removed = (await world.of(ASKER).RemoveTopic(request)).topic
    assert removed.state == pb.TOPIC_STATE_REMOVED
    # It is out of the author's sight now, but the answer is still theirs.
    assert (await world.of(ASKER).RemoveTopic(request)).topic == removed
    await refused(world, world.see(ASKER, topic), "TOPIC_NOT_FOUND", "topic_id")
    assert (await world.see(MODERATING, topic)).body == BODY
    answered = await world.topic(space)
    await world.reply(answered)
    await refused(world, world.act("RemoveTopic", ASKER, answered), "TOPIC_STATE_INVALID")
    await refused(world, world.act("RemoveTopic", HELPER, answered), RoleRequiredError)


async def test_get_topic_refuses_alike(world: World) -> None:
    secret = await world.topic(await world.space("gold", **TIERED), MANAGING)
    refusals = []
    for topic in (secret, pb.Topic(id="none")):
        with pytest.raises(DomainError) as refusal:
            await world.see(ASKER, topic)
        error = refusal.value
        refusals.append((reason_of(error), error.status, str(error), error.field))
    assert (
        refusals[0]
        == refusals[1]
        == (
            "TOPIC_NOT_FOUND",
            "NOT_FOUND",
            "Topic not found",
            "topic_id",
        )
    )
    got = await world.of(MANAGING).GetTopic(pb.GetTopicRequest(**C1, topic_id=secret.id))
    assert got.topic == secret
    await refused(world, world.see(STRANGER, secret), CommunityNotFoundError, "community_id")
    await refused(world, world.see(SEARCH, secret), RoleRequiredError)


async def test_batch_get_topics(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(3)]
    secret = await world.topic(await world.space("gold", **TIERED), MANAGING)
    await world.act("RemoveTopic", MODERATING, topics[2], reason="spam")
    ids = [secret.id, topics[1].id, "none", topics[0].id, topics[2].id]

    async def batch(actor: Actor) -> list[pb.Topic]:
        request = pb.BatchGetTopicsRequest(**C1, topic_ids=ids)
        return list((await world.of(actor).BatchGetTopics(request)).topics)

    assert await batch(ASKER) == [topics[1], topics[0]]
    seen = await batch(SEARCH)
    assert [one.id for one in seen] == [secret.id, topics[1].id, topics[0].id, topics[2].id]
    assert (seen[3].state, seen[3].body, seen[3].title, seen[3].version) == (7, "", "", 2)
    await refused(world, batch(STRANGER), CommunityNotFoundError, "community_id")
    many = pb.BatchGetTopicsRequest(**C1, topic_ids=[str(n) for n in range(101)])
    await refused(world, world.of(ASKER).BatchGetTopics(many), FieldInvalidError, "topic_ids")
    other = pb.BatchGetTopicsRequest(community_id="c2", topic_ids=ids)
    assert list((await world.of(SEARCH).BatchGetTopics(other)).topics) == []


async def test_batch_get_posts_is_both_batches_at_once(world: World) -> None:
    space, gold = await world.space(), await world.space("gold", **TIERED)
    one, two, hidden = [await world.topic(space) for _ in range(3)]
    secret = await world.topic(gold, MANAGING)
    replies = [await world.reply(topic) for topic in (one, two, hidden)]
    replies.append(await world.reply(secret, MANAGING))
    await world.act("RemoveTopic", MODERATING, hidden, reason="spam")
    removed = await world.reply(one)
    await world.act("RemoveReply", MODERATING, removed, reason="spam")
    every = [one.id, secret.id, "none", hidden.id, two.id]
    reply_ids = ["none", *(reply.id for reply in reversed(replies)), removed.id]
    # With the topics of all replies, of some, and of none.
    for actor in (ASKER, MANAGING, MODERATING, SEARCH):
        for topic_ids in (every, every[:1], []):
            for without_texts in (False, True):
                asked = {**C1, "without_texts": without_texts}
                forum = world.of(actor)
                both = await forum.BatchGetPosts(
                    pb.BatchGetPostsRequest(**asked, topic_ids=topic_ids, reply_ids=reply_ids)
                )
                topics = pb.BatchGetTopicsRequest(**asked, topic_ids=topic_ids)
                alone = pb.BatchGetRepliesRequest(**asked, reply_ids=reply_ids)
                assert both.topics == (await forum.BatchGetTopics(topics)).topics
                assert both.replies == (await forum.BatchGetReplies(alone)).replies
    seen = await world.of(ASKER).BatchGetPosts(
        pb.BatchGetPostsRequest(**C1, topic_ids=every, reply_ids=reply_ids)
    )
    assert [topic.id for topic in seen.topics] == [one.id, two.id]
    assert [reply.id for reply in seen.replies] == [replies[1].id, replies[0].id]
    outside = world.of(STRANGER).BatchGetPosts(
        pb.BatchGetPostsRequest(**C1, topic_ids=every, reply_ids=reply_ids)
    )
    await refused(world, outside, CommunityNotFoundError, "community_id")
    many = [str(n) for n in range(101)]
    for field, request in (
        ("topic_ids", pb.BatchGetPostsRequest(**C1, topic_ids=many)),
        ("reply_ids", pb.BatchGetPostsRequest(**C1, reply_ids=many)),
    ):
        await refused(world, world.of(ASKER).BatchGetPosts(request), FieldInvalidError, field)


async def test_services_are_told_which_submission_a_text_is(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("UpdateReply", HELPER, reply, body="Another body")
    request = pb.BatchGetPostsRequest(**C1, topic_ids=[topic.id], reply_ids=[reply.id])
    for actor, numbers in ((SEARCH, [1, 2]), (ASKER, [0, 0]), (MODERATING, [0, 0])):
        found = await world.of(actor).BatchGetPosts(request)
        told = [post.submission_number for post in (*found.topics, *found.replies)]
        assert told == numbers


async def test_list_topics(world: World) -> None:
    space = await world.space()
    one, two, three = [await world.topic(space, tags=["a"]) for _ in range(3)]
    await world.reply(one)
    first = await world.of(ASKER).ListTopics(pb.ListTopicsRequest(**C1, page_size=2))
    assert [topic.id for topic in first.topics] == [one.id, three.id]
    rest = await world.of(ASKER).ListTopics(
        pb.ListTopicsRequest(**C1, page_size=2, page_token=first.next_page_token)
    )
    assert ([topic.id for topic in rest.topics], rest.next_page_token) == ([two.id], "")
    assert first.topics[0].last_reply_author.person_id == "helper"
    assert await world.topics(ASKER, tag=" A ", author_id="asker", page_size=1) == [one.id]
    assert await world.topics(ASKER, author_id="helper") == []
    for call, reason, field in (
        (world.topics(STRANGER), CommunityNotFoundError, "community_id"),
        (world.topics(SEARCH), RoleRequiredError, ""),
        (world.topics(ASKER, space_id="none"), "SPACE_NOT_FOUND", "space_id"),
        (world.topics(ASKER, states=[99]), FieldInvalidError, "states"),
        (world.topics(ASKER, page_size=-1), FieldInvalidError, "page_size"),
        (world.topics(ASKER, page_token="abc"), PageTokenInvalidError, "page_token"),
    ):
        await refused(world, call, reason, field)


async def test_an_idea_board_a_roadmap_and_a_knowledge_base(world: World) -> None:
    kinds = [pb.TOPIC_KIND_QUESTION, pb.TOPIC_KIND_IDEA, pb.TOPIC_KIND_ARTICLE]
    settings = pb.SpaceSettingsChange(kinds=kinds, update_kinds=True)
    space = await world.space(settings=settings)
    first, second = [await world.topic(space, kind=pb.TOPIC_KIND_IDEA) for _ in range(2)]
    article = await world.topic(space, MANAGING, kind=pb.TOPIC_KIND_ARTICLE)
    question = await world.topic(space)
    await world.taking_part(HELPER).CastVote(
        CastVoteRequest(**world.ids(), topic_id=first.id, value=VOTE_VALUE_UP)
    )
    await world.reply(second)
    ideas: dict[str, Any] = {"kinds": [pb.TOPIC_KIND_IDEA]}
    assert await world.topics(ASKER, **ideas) == [second.id, first.id]
    assert await world.topics(ASKER, **ideas, order=pb.TOPIC_ORDER_SCORE) == [first.id, second.id]
    newest = [question.id, article.id, second.id, first.id]
    assert await world.topics(ASKER, order=pb.TOPIC_ORDER_NEWEST) == newest
    assert await world.topics(ASKER, kinds=[pb.TOPIC_KIND_ARTICLE]) == [article.id]
    await world.of(MANAGING, CurationServiceStub).UpdateIdeaStatus(
        UpdateIdeaStatusRequest(
            **world.ids(), topic_id=second.id, idea_status=pb.IDEA_STATUS_PLANNED
        )
    )
    planned: dict[str, Any] = {"idea_statuses": [pb.IDEA_STATUS_PLANNED]}
    new: dict[str, Any] = {"idea_statuses": [pb.IDEA_STATUS_NEW], "space_id": space.id}
    for order in pb.TopicOrder.values():
        assert await world.topics(ASKER, **planned, order=order) == [second.id]
        assert await world.topics(ASKER, **new, **ideas, order=order) == [first.id]
    token = ""
    for id_ in (first.id, second.id):
        page = await world.of(ASKER).ListTopics(
            pb.ListTopicsRequest(
                **C1, **ideas, order=pb.TOPIC_ORDER_SCORE, page_size=1, page_token=token
            )
        )
        assert [one.id for one in page.topics] == [id_]
        token = page.next_page_token
    assert not token
    by_time = encode_page_token(datetime(2026, 1, 1, tzinfo=UTC), "t")
    score: dict[str, Any] = {"order": pb.TOPIC_ORDER_SCORE}
    for call, reason, field in (
        (world.topics(STRANGER, **planned, **score), CommunityNotFoundError, "community_id"),
        (world.topics(ASKER, **score, page_token=by_time), PageTokenInvalidError, "page_token"),
        (world.topics(ASKER, **score, tag="a"), FieldInvalidError, "order"),
        (world.topics(ASKER, **score, unanswered=True), FieldInvalidError, "order"),
        (world.topics(ASKER, **score, author_id="asker"), FieldInvalidError, "order"),
        (world.topics(ASKER, order=99), FieldInvalidError, "order"),
        (world.topics(ASKER, kinds=[99]), FieldInvalidError, "kinds"),
        (
            world.topics(ASKER, **planned, kinds=[pb.TOPIC_KIND_QUESTION]),
            FieldInvalidError,
            "kinds",
        ),
        (world.topics(ASKER, idea_statuses=[99]), FieldInvalidError, "idea_statuses"),
    ):
        await refused(world, call, reason, field)


async def test_page_of_long_topics_fits_into_a_message(world: World) -> None:
    space = await world.space()
    for _ in range(10):
        await world.topic(space, body="&" * 32767)
    walks: list[list[str]] = []
    for backward in (False, True):
        seen: list[str] = []
        token, pages = "", 0
        while pages == 0 or token:
            page = await world.of(ASKER).ListTopics(
                pb.ListTopicsRequest(**C1, page_size=100, page_token=token, backward=backward)
            )
            ids = [topic.id for topic in page.topics]
            seen = [*ids, *seen] if backward else [*seen, *ids]
            token, pages = page.next_page_token, pages + 1
        assert (len(set(seen)), len(seen), pages) == (10, 10, 3)
        walks.append(seen)
    assert walks[0] == walks[1]


async def test_without_texts_pages_are_whole_and_all_else_is_there(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space, body="&" * 32767) for _ in range(10)]
    forum = world.of(ASKER)
    page = await forum.ListTopics(pb.ListTopicsRequest(**C1, page_size=100, without_texts=True))
    assert len(page.topics) == 10
    ids = [topic.id for topic in topics]
    found = (await forum.BatchGetTopics(pb.BatchGetTopicsRequest(**C1, topic_ids=ids[:2]))).topics
    for one in (*page.topics, *topics, *found):
        assert bool(one.body) == bool(one.body_html) == (one not in page.topics)
    batch = pb.BatchGetTopicsRequest(**C1, topic_ids=ids, without_texts=True)
    for one in (await forum.BatchGetTopics(batch)).topics:
        assert one == next(other for other in page.topics if other.id == one.id)
    for one in found:
        one.ClearField("body")
        one.ClearField("body_html")
        assert one in page.topics
    reply = await world.reply(topics[0])
    replies = pb.BatchGetRepliesRequest(**C1, reply_ids=[reply.id], without_texts=True)
    (bare,) = (await forum.BatchGetReplies(replies)).replies
    (for_search,) = (await world.of(SEARCH).BatchGetReplies(replies)).replies
    whole = pb.BatchGetRepliesRequest(**C1, reply_ids=[reply.id])
    (full,) = (await forum.BatchGetReplies(whole)).replies
    assert full.body
    assert full.body_html
    full.ClearField("body")
    full.ClearField("body_html")
    assert bare == full
    assert (for_search.body, for_search.id) == ("", reply.id)


# -- replies


async def test_create_reply(world: World) -> None:
    topic = await world.topic(await world.space())
    request = pb.CreateReplyRequest(**world.ids(), topic_id=topic.id, body="Turn it *off*")
    reply = (await world.of(HELPER).CreateReply(request)).reply
    assert (reply.state, reply.body_html, reply.version, reply.space_id, reply.accepted) == (
        pb.REPLY_STATE_PUBLISHED,
        '<p dir="auto">Turn it <em>off</em></p>\n',
        1,
        topic.space_id,
        False,
    )
    assert reply.author == pb.Author(person_id="helper", company_id="co2", community_id="c1")
    events = await outbox(world.database)
    assert events[-1] == said.ReplyPublished(
        reply_id=reply.id,
        topic_id=topic.id,
        author_id="helper",
        submission=said.Submission(screened=True, policy_version="7", number=1),
    )
    seen = await world.see(ASKER, topic)
    assert (seen.reply_count, seen.version, seen.activity_time) == (1, 2, reply.create_time)
    assert seen.last_reply_author == reply.author
    assert (await world.of(HELPER).CreateReply(request)).reply == reply
    request.body = "Something else"
    await refused(world, world.of(HELPER).CreateReply(request), RequestIdReusedError, "request_id")


async def test_create_reply_refuses(world: World) -> None:
    topic = await world.topic(await world.space())
    secret = await world.topic(await world.space("gold", **TIERED), MANAGING)
    await refused(world, world.reply(topic, body="x"), TextInvalidError, "body")
    await refused(world, world.reply(topic, body="x" * 32768), TextInvalidError, "body")
    await refused(world, world.reply(secret), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, world.reply(pb.Topic(id="none")), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, world.reply(topic, STRANGER), CommunityNotFoundError, "community_id")
    await refused(world, world.reply(topic, SEARCH), RoleRequiredError)
    await world.act("ArchiveTopic", MODERATING, topic)
    await refused(world, world.reply(topic), "TOPIC_STATE_INVALID")


async def test_update_reply(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    changed = (
        await world.act("UpdateReply", HELPER, reply, body="Better so", expected_version=1)
    ).reply
    assert (changed.body, changed.version, changed.HasField("edit_time")) == ("Better so", 2, True)
    assert (await outbox(world.database))[-1] == said.ReplyEdited(
        reply_id=reply.id,
        topic_id=topic.id,
        submission=said.Submission(screened=True, policy_version="7", number=2),
    )
    assert [one.body for one in await revisions(world, ASKER, reply)] == ["Turn it off and on."]
    same = (await world.act("UpdateReply", HELPER, reply, body="Better so")).reply
    assert same == changed
    for call, reason, field in (
        (
            world.act("UpdateReply", HELPER, reply, body="No", expected_version=1),
            VersionStaleError,
            "expected_version",
        ),
        (world.act("UpdateReply", ASKER, reply, body="Mine"), RoleRequiredError, ""),
        (world.act("UpdateReply", HELPER, reply, body="x"), TextInvalidError, "body"),
        (
            world.act("UpdateReply", STRANGER, reply, body="No"),
            CommunityNotFoundError,
            "community_id",
        ),
        (
            world.act("UpdateReply", HELPER, pb.Reply(id="none", topic_id=topic.id), body="No"),
            "REPLY_NOT_FOUND",
            "reply_id",
        ),
    ):
        await refused(world, call, reason, field)
    await world.act("HideReply", MODERATING, reply, reason="rude")
    await refused(world, world.act("UpdateReply", HELPER, reply, body="New"), "REPLY_STATE_INVALID")


async def test_hide_restore_and_remove_reply(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await refused(world, world.act("HideReply", HELPER, reply, reason="x"), RoleRequiredError)
    await refused(world, world.act("HideReply", MODERATING, reply), ReasonRequiredError, "reason")
    await refused(
        world, world.act("RestoreReply", MODERATING, reply, reason="x"), "REPLY_STATE_INVALID"
    )
    for rpc in ("HideReply", "RestoreReply", "RemoveReply"):
        call = world.act(rpc, MODERATING, reply, reason="rude", expected_version=2)
        await refused(world, call, VersionStaleError, "expected_version")
    hidden = (
        await world.act("HideReply", MODERATING, reply, reason="rude", expected_version=1)
    ).reply
    assert (hidden.state, hidden.state_reason, hidden.version) == (4, "rude", 2)
    seen = await world.see(ASKER, topic)
    assert (seen.reply_count, seen.activity_time, seen.HasField("last_reply_author")) == (
        0,
        topic.create_time,
        False,
    )
    assert await world.replies(ASKER, topic) == []
    assert await world.replies(HELPER, topic) == [hidden]
    assert [one.state for one in await world.replies(SEARCH, topic)] == [hidden.state]
    assert await batch_replies(world, ASKER, reply.id) == []
    call = revisions(world, ASKER, reply)
    await refused(world, call, "REPLY_NOT_FOUND", "reply_id")
    restored = (await world.act("RestoreReply", MODERATING, reply)).reply
    assert (restored.state, restored.state_reason, restored.version) == (2, "", 3)
    assert (await world.see(ASKER, topic)).reply_count == 1
    await refused(world, world.act("RemoveReply", ASKER, reply), RoleRequiredError)
    await refused(world, world.act("RemoveReply", MODERATING, reply), ReasonRequiredError, "reason")
    request = pb.RemoveReplyRequest(**world.ids(), topic_id=topic.id, reply_id=reply.id)
    removed = (await world.of(HELPER).RemoveReply(request)).reply
    assert (await world.of(HELPER).RemoveReply(request)).reply == removed
    assert (removed.state, (await world.see(ASKER, topic)).reply_count) == (5, 0)
    assert await world.replies(HELPER, topic) == []
    gone = (await world.replies(SEARCH, topic))[0]
    assert (gone.state, gone.body, gone.body_html) == (5, "", "")
    await refused(
        world, world.act("RemoveReply", MODERATING, reply, reason="x"), "REPLY_STATE_INVALID"
    )
    assert (await world.said())[2:] == [
        "ReplyPublished",
        "ReplyHidden",
        "ReplyRestored",
        "ReplyRemoved",
    ]
    assert [(e.action, e.reason, e.reply_id) for e in await entries(world, topic)] == [
        ("RestoreReply", "", reply.id),
        ("HideReply", "rude", reply.id),
    ]


async def test_accept_replace_and_unaccept(world: World) -> None:
    topic = await world.topic(await world.space())
    one, two = await world.reply(topic), await world.reply(topic, body="Another way")
    await refused(world, world.act("AcceptReply", HELPER, one), RoleRequiredError)
    call = world.act("AcceptReply", ASKER, pb.Reply(id="none", topic_id=topic.id))
    await refused(world, call, "REPLY_NOT_FOUND", "reply_id")
    await refused(world, world.act("UnacceptReply", ASKER, topic), "NOTHING_ACCEPTED")
    stale = (VersionStaleError, "expected_version")
    await refused(world, world.act("AcceptReply", ASKER, one, expected_version=2), *stale)
    answer = await world.act("AcceptReply", ASKER, one, expected_version=1)
    assert (answer.topic.accepted_reply_id, answer.reply.accepted, answer.reply.version) == (
        one.id,
        True,
        2,
    )
    assert await world.topics(ASKER, unanswered=True) == []
    same = await world.act("AcceptReply", ASKER, one)
    assert same.topic == answer.topic
    await world.act("AcceptReply", MODERATING, two)
    listed = await world.replies(ASKER, topic)
    assert [(r.id, r.accepted, r.version) for r in listed] == [
        (one.id, False, 3),
        (two.id, True, 2),
    ]
    call = world.act("UnacceptReply", HELPER, topic)
    await refused(world, call, RoleRequiredError)
    version = (await world.see(ASKER, topic)).version
    call = world.act("UnacceptReply", ASKER, topic, expected_version=version - 1)
    await refused(world, call, *stale)
    after = (await world.act("UnacceptReply", ASKER, topic, expected_version=version)).topic
    assert after.accepted_reply_id == ""
    assert [r.accepted for r in await world.replies(ASKER, topic)] == [False, False]
    assert await world.topics(ASKER, unanswered=True) == [topic.id]
    events = await outbox(world.database)
    assert events[-3:] == [
        said.ReplyAccepted(reply_id=one.id, topic_id=topic.id, author_id="helper"),
        said.ReplyAccepted(
            reply_id=two.id, topic_id=topic.id, author_id="helper", replaced_reply_id=one.id
        ),
        said.ReplyUnaccepted(reply_id=two.id, topic_id=topic.id, author_id="helper"),
    ]
    assert [e.action for e in await entries(world, topic)] == ["AcceptReply"]


async def test_accept_reply_refuses(world: World) -> None:
    space = await world.space()
    topic, other = await world.topic(space), await world.topic(space)
    discussion = await world.topic(space, kind=pb.TOPIC_KIND_DISCUSSION)
    reply, foreign = await world.reply(topic), await world.reply(other)
    talk = await world.reply(discussion)
    await refused(world, world.act("AcceptReply", ASKER, talk), "NOT_A_QUESTION")
    await refused(world, world.act("UnacceptReply", ASKER, discussion), "NOT_A_QUESTION")
    foreign.topic_id = topic.id
    await refused(world, world.act("AcceptReply", ASKER, foreign), "REPLY_NOT_FOUND", "reply_id")
    call = world.act("AcceptReply", STRANGER, reply)
    await refused(world, call, CommunityNotFoundError, "community_id")
    await world.act("HideReply", MODERATING, reply, reason="wrong")
    await refused(world, world.act("AcceptReply", MODERATING, reply), "REPLY_STATE_INVALID")
    await refused(world, world.act("AcceptReply", ASKER, reply), "REPLY_NOT_FOUND", "reply_id")
    await world.act("ArchiveTopic", MODERATING, topic)
    await refused(world, world.act("UnacceptReply", ASKER, topic), "TOPIC_STATE_INVALID")


@pytest.mark.parametrize(("rpc", "event"), [("HideReply", "Hidden"), ("RemoveReply", "Removed")])
async def test_accepted_reply_out_of_sight_is_no_answer(world: World, rpc: str, event: str) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("AcceptReply", ASKER, reply)
    gone = (await world.act(rpc, MODERATING, reply, reason="wrong")).reply
    assert (gone.accepted, gone.version) == (False, 3)
    seen = await world.see(ASKER, topic)
    assert (seen.accepted_reply_id, seen.reply_count, seen.version) == ("", 0, 4)
    assert (await world.said())[-2:] == ["ReplyUnaccepted", f"Reply{event}"]


async def test_list_replies(world: World) -> None:
    topic = await world.topic(await world.space())
    sent = [await world.reply(topic, body=f"Reply number {n}") for n in range(5)]
    request = pb.ListRepliesRequest(**C1, topic_id=topic.id, page_size=3)
    first = await world.of(ASKER).ListReplies(request)
    request.page_token = first.next_page_token
    rest = await world.of(ASKER).ListReplies(request)
    assert [*first.replies, *rest.replies] == sent
    assert (len(first.replies), rest.next_page_token) == (3, "")
    secret = await world.topic(await world.space("gold", **TIERED), MANAGING)
    await refused(world, world.replies(ASKER, secret), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, world.replies(STRANGER, topic), CommunityNotFoundError, "community_id")
    assert await world.replies(SEARCH, secret) == []
    call = world.replies(ASKER, topic, page_token="!")
    await refused(world, call, PageTokenInvalidError, "page_token")


async def test_batch_get_replies(world: World) -> None:
    topic = await world.topic(await world.space())
    secret = await world.topic(await world.space("gold", **TIERED), MANAGING)
    one, hidden = await world.reply(topic), await world.reply(secret, MANAGING)
    assert await batch_replies(world, ASKER, hidden.id, "none", one.id) == [one]
    assert [seen.id for seen in await batch_replies(world, SEARCH, hidden.id, one.id)] == [
        hidden.id,
        one.id,
    ]
    await refused(
        world, batch_replies(world, STRANGER, one.id), CommunityNotFoundError, "community_id"
    )
    call = batch_replies(world, ASKER, *(str(n) for n in range(101)))
    await refused(world, call, FieldInvalidError, "reply_ids")


# -- records


async def test_list_revisions(world: World) -> None:
    topic = await world.topic(await world.space())
    for n in range(3):
        await world.act("UpdateTopic", ASKER, topic, title=f"Title {n}")
    request = pb.ListRevisionsRequest(**C1, topic_id=topic.id, page_size=2)
    first = await world.of(HELPER).ListRevisions(request)
    assert [one.title for one in first.revisions] == ["Title 1", "Title 0"]
    request.page_token = first.next_page_token
    rest = await world.of(HELPER).ListRevisions(request)
    assert ([one.title for one in rest.revisions], rest.next_page_token) == (["Frobnicator?"], "")
    await refused(world, revisions(world, STRANGER, topic), CommunityNotFoundError, "community_id")
    call = revisions(world, HELPER, pb.Topic(id="none"))
    await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, revisions(world, SEARCH, topic), RoleRequiredError)


async def test_list_moderation_entries(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    await world.act("HideReply", MODERATING, reply, reason="rude")
    await world.act("CloseTopic", MANAGING, topic, **more_of("CloseTopic"))
    request = pb.ListModerationEntriesRequest(**C1, topic_id=topic.id, page_size=1)
    first = await world.of(MODERATING).ListModerationEntries(request)
    request.page_token = first.next_page_token
    rest = await world.of(MODERATING).ListModerationEntries(request)
    trail = [*first.moderation_entries, *rest.moderation_entries]
    assert [(e.action, e.reason, e.actor, e.reply_id, e.topic_id) for e in trail] == [
        ("CloseTopic", "why", "manager", "", topic.id),
        ("HideReply", "rude", "moderator", reply.id, topic.id),
    ]
    assert rest.next_page_token == ""
    await refused(world, world.of(ASKER).ListModerationEntries(request), RoleRequiredError)
    call = world.of(STRANGER).ListModerationEntries(request)
    await refused(world, call, CommunityNotFoundError, "community_id")
    request.topic_id = "none"
    call = world.of(MODERATING).ListModerationEntries(request)
    await refused(world, call, "TOPIC_NOT_FOUND", "topic_id")


async def test_moderators_give_a_reason_code(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    spam, outdated = pb.REASON_CODE_SPAM, pb.REASON_CODE_OUTDATED
    why: dict[str, Any] = {"reason": "for sale", "reason_code": spam}
    done: list[tuple[str, pb.Topic | pb.Reply, dict[str, Any]]] = [
        ("HideReply", reply, why),
        ("RestoreReply", reply, {"reason_code": pb.REASON_CODE_OTHER}),
        ("RemoveReply", reply, why),
        ("CloseTopic", topic, {"close_reason": pb.CLOSE_REASON_NOT_CLEAR}),
        ("ReopenTopic", topic, {"reason": "now it is", "reason_code": pb.REASON_CODE_RESOLVED}),
        ("HideTopic", topic, why),
        ("RestoreTopic", topic, {}),
        ("ArchiveTopic", topic, {"reason": "of 2014", "reason_code": outdated}),
        ("RemoveTopic", topic, {"reason": "no", "reason_code": pb.REASON_CODE_RULE_BREAKING}),
    ]
    for rpc, post, more in done:
        await world.act(rpc, MODERATING, post, **more)
    trail = [(one.action, one.reason, one.reason_code) for one in await entries(world, topic)]
    unspecified, not_clear = pb.REASON_CODE_UNSPECIFIED, pb.REASON_CODE_NOT_CLEAR
    assert list(reversed(trail)) == [
        ("HideReply", "for sale", spam),
        ("RestoreReply", "", pb.REASON_CODE_OTHER),
        ("RemoveReply", "for sale", spam),
        ("CloseTopic", "", not_clear),
        ("ReopenTopic", "now it is", pb.REASON_CODE_RESOLVED),
        ("HideTopic", "for sale", spam),
        ("RestoreTopic", "", unspecified),
        ("ArchiveTopic", "of 2014", outdated),
        ("RemoveTopic", "no", pb.REASON_CODE_RULE_BREAKING),
    ]


async def test_a_reason_code_is_of_the_list_and_no_reason(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    for post, rpcs in (
        (topic, ("HideTopic", "RemoveTopic", "RestoreTopic", "ReopenTopic", "ArchiveTopic")),
        (reply, ("HideReply", "RemoveReply", "RestoreReply")),
    ):
        for rpc in rpcs:
            call = world.act(rpc, MODERATING, post, reason="no", reason_code=99)
            await refused(world, call, FieldInvalidError, "reason_code")
    for post, rpc in ((topic, "HideTopic"), (reply, "RemoveReply")):
        call = world.act(rpc, MODERATING, post, reason_code=pb.REASON_CODE_SPAM)
        await refused(world, call, "REASON_REQUIRED", "reason")


async def test_import_posts(world: World) -> None:
    space = await world.space()
    post = pb.ImportedPost(
        external_id="1", kind=pb.IMPORTED_POST_KIND_QUESTION, title="Old?", body="An old question"
    )
    post.create_time.FromJsonString("2014-01-21T20:26:05.383Z")
    request = pb.ImportPostsRequest(**world.ids(), space_id=space.id, source="se", posts=[post])
    answer = await world.of(MANAGING).ImportPosts(request)
    assert answer == pb.ImportPostsResponse(created=1, already_there=0)
    request.request_id = world.request_id()
    await refused(world, world.of(MODERATING).ImportPosts(request), RoleRequiredError)
    call = world.of(STRANGER).ImportPosts(request)
    await refused(world, call, CommunityNotFoundError, "community_id")
    again = await world.of(MANAGING).ImportPosts(request)
    assert again == pb.ImportPostsResponse(created=0, already_there=1)


async def revisions(world: World, actor: Actor, post: pb.Topic | pb.Reply) -> list[pb.Revision]:
    """The first page of a post's former texts."""
    request = pb.ListRevisionsRequest(**C1)
    if isinstance(post, pb.Reply):
        request.topic_id, request.reply_id = post.topic_id, post.id
    else:
        request.topic_id = post.id
    return list((await world.of(actor).ListRevisions(request)).revisions)


async def entries(world: World, topic: pb.Topic) -> list[pb.ModerationEntry]:
    """The first page of a topic's audit trail."""
    request = pb.ListModerationEntriesRequest(**C1, topic_id=topic.id)
    return list((await world.of(MODERATING).ListModerationEntries(request)).moderation_entries)


async def batch_replies(world: World, actor: Actor, *ids: str) -> list[pb.Reply]:
    """Those that the actor gets."""
    request = pb.BatchGetRepliesRequest(**C1, reply_ids=ids)
    return list((await world.of(actor).BatchGetReplies(request)).replies)
