"""Context refs over real gRPC: on topics of every state, as lists find them, behind their walls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chassis.actors import Actor
from chassis.errors import CommunityNotFoundError, FieldInvalidError, RoleRequiredError
from chassis.testing import outbox
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_exports_servicer import Exports
from services.forum.tests.test_forum_held_edits_servicer import decide, edits, held_again
from services.forum.tests.test_forum_lifecycle_servicer import fall_due, jobs, scheduled
from services.forum.tests.test_forum_moves_servicer import move
from services.forum.tests.test_forum_servicer import refused

C1: dict[str, Any] = {"community_id": "c1"}
DEAL = pb.ContextRef(system="crm", type="deal", external_id="D-1")
COURSE = pb.ContextRef(system="lms", type="course", external_id="Kurs 7/a")
MANY = [pb.ContextRef(system="crm", type="deal", external_id=f"D-{n}") for n in range(6)]
# A list of refs that is refused, and the field that the refusal names.
BAD: Sequence[tuple[list[pb.ContextRef], str]] = [
    (MANY, "context_refs"),
    ([DEAL, COURSE, DEAL], "context_refs.2"),
    ([DEAL, pb.ContextRef(system="CRM", type="deal", external_id="D")], "context_refs.1.system"),
    ([pb.ContextRef(system="crm", external_id="D-1")], "context_refs.0.type"),
    ([pb.ContextRef(system="crm", type="deal")], "context_refs.0.external_id"),
    ([pb.ContextRef(system="crm", type="deal", external_id=" D")], "context_refs.0.external_id"),
]


async def of_deal(world: World, actor: Actor, **more: Any) -> list[str]:
    return await world.topics(actor, context=DEAL, **more)


async def test_a_topic_is_found_by_what_it_is_about(world: World) -> None:
    space = await world.space()
    one = await world.topic(space, context_refs=[COURSE, DEAL])
    assert list(one.context_refs) == [COURSE, DEAL]
    assert list((await world.see(HELPER, one)).context_refs) == [COURSE, DEAL]
    two = await world.topic(space, HELPER, context_refs=[DEAL], tags=["a"])
    await world.topic(space)
    await world.topic(space, context_refs=[COURSE])
    assert await of_deal(world, HELPER) == [two.id, one.id]
    assert await of_deal(world, ASKER, space_id=space.id, tag="a") == [two.id]
    await world.reply(one)  # the newest activity comes first, as in every list
    assert await of_deal(world, HELPER) == [one.id, two.id]
    ids: list[str] = []
    token = ""
    while not ids or token:
        page = await world.of(ASKER).ListTopics(
            pb.ListTopicsRequest(**C1, context=DEAL, page_size=1, page_token=token)
        )
        ids += [topic.id for topic in page.topics]
        token = page.next_page_token
    assert ids == [one.id, two.id]


async def test_what_one_cannot_read_is_not_counted_either(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", audience=pb.AUDIENCE_VENDOR)
    shown = await world.topic(space, context_refs=[DEAL])
    hidden = await world.topic(secret, MANAGING, context_refs=[DEAL])
    held_back = await world.topic(space, context_refs=[DEAL])
    await world.act("HideTopic", MODERATING, held_back, reason="rude")
    request = pb.ListTopicsRequest(**C1, context=DEAL, page_size=1)
    page = await world.of(HELPER).ListTopics(request)
    assert ([topic.id for topic in page.topics], page.next_page_token) == ([shown.id], "")
    assert await of_deal(world, MANAGING) == [hidden.id, shown.id]
    in_secret = of_deal(world, HELPER, space_id=secret.id)
    await refused(world, in_secret, "SPACE_NOT_FOUND", "space_id")
    await refused(world, of_deal(world, STRANGER), CommunityNotFoundError, "community_id")
    await refused(world, of_deal(world, SEARCH), RoleRequiredError)
    assert await of_deal(world, MODERATING, states=[pb.TOPIC_STATE_HIDDEN]) == [held_back.id]
    assert await of_deal(world, HELPER, states=[pb.TOPIC_STATE_HIDDEN]) == []


async def test_a_draft_keeps_them_until_it_is_out(world: World) -> None:
    space = await world.space()
    draft = await world.topic(space, draft=True, context_refs=[DEAL])
    late = await scheduled(world, space, context_refs=[DEAL])
    assert await of_deal(world, ASKER) == []
    assert await of_deal(world, HELPER, states=[pb.TOPIC_STATE_DRAFT]) == []
    assert await of_deal(world, ASKER, states=[pb.TOPIC_STATE_DRAFT]) == [draft.id]
    published = (await world.act("PublishTopic", ASKER, draft)).topic
    assert list(published.context_refs) == [DEAL]
    assert await of_deal(world, HELPER) == [draft.id]
    await fall_due(world)
    await jobs(world).publish_due_topics()
    assert await of_deal(world, HELPER) == [late.id, draft.id]


async def test_an_edit_replaces_them_all_or_leaves_them(world: World) -> None:
    topic = await world.topic(await world.space(), context_refs=[DEAL])
    kept = (await world.act("UpdateTopic", ASKER, topic, title="Frobnicators?")).topic
    assert (list(kept.context_refs), kept.edition) == ([DEAL], 2)
    other: dict[str, Any] = {"context_refs": [COURSE], "update_context_refs": True}
    edited = (await world.act("UpdateTopic", ASKER, topic, **other)).topic
    assert (list(edited.context_refs), edited.edition) == ([COURSE], 3)
    assert edited.title == "Frobnicators?"
    assert isinstance((await outbox(world.database))[-1], said.TopicEdited)
    assert await of_deal(world, HELPER) == []
    assert await world.topics(HELPER, context=COURSE) == [topic.id]
    before = len(await world.said())
    same = (await world.act("UpdateTopic", ASKER, topic, **other)).topic
    assert (same.version, len(await world.said())) == (edited.version, before)
    await refused(world, world.act("UpdateTopic", HELPER, topic, **other), RoleRequiredError)
    await refused(
        world, world.act("UpdateTopic", STRANGER, topic, **other), CommunityNotFoundError,
        "community_id",
    )  # fmt: skip
    none = (await world.act("UpdateTopic", MODERATING, topic, update_context_refs=True)).topic
    assert list(none.context_refs) == []
    assert await world.topics(HELPER, context=COURSE) == []


@pytest.mark.parametrize(("refs", "field"), BAD)
async def test_what_is_no_context_ref_is_refused(
    world: World, refs: list[pb.ContextRef], field: str
) -> None:
    space = await world.space()
    topic = await world.topic(space, context_refs=[DEAL])
    for draft in (True, False):
        call = world.topic(space, draft=draft, context_refs=refs)
        await refused(world, call, FieldInvalidError, field)
    edit = world.act("UpdateTopic", ASKER, topic, context_refs=refs, update_context_refs=True)
    await refused(world, edit, FieldInvalidError, field)


@pytest.mark.parametrize(
    ("context", "more", "field"),
    [
        (pb.ContextRef(), {}, "context.system"),
        (pb.ContextRef(system="crm", type="Deal", external_id="D-1"), {}, "context.type"),
        (pb.ContextRef(system="crm", type="deal"), {}, "context.external_id"),
        (DEAL, {"order": pb.TOPIC_ORDER_NEWEST}, "order"),
        (DEAL, {"order": pb.TOPIC_ORDER_SCORE}, "order"),
    ],
)
async def test_lists_of_no_context_are_refused(
    world: World, context: pb.ContextRef, more: dict[str, Any], field: str
) -> None:
    call = world.topics(ASKER, context=context, **more)
    await refused(world, call, FieldInvalidError, field)


@pytest.mark.parametrize("approved", [True, False])
async def test_an_edit_that_waits_changes_them_when_it_is_approved(
    world: World, *, approved: bool
) -> None:
    topic = await world.topic(await world.space(), context_refs=[DEAL])
    given: dict[str, Any] = {"context_refs": [COURSE], "update_context_refs": True}
    answer = await held_again(world, topic, ASKER, body=topic.body, **given)
    assert list(answer.held_edit.context_refs) == [COURSE]
    assert list(answer.topic.context_refs) == [DEAL]
    for actor in (ASKER, MODERATING):
        (edit,) = await edits(world, actor, topic)
        assert list(edit.context_refs) == [COURSE]
    assert await edits(world, HELPER, topic) == []
    assert await world.topics(ASKER, context=COURSE) == []
    assert await of_deal(world, HELPER) == [topic.id]
    await decide(world, topic, approved=approved)
    assert list((await world.see(HELPER, topic)).context_refs) == [COURSE if approved else DEAL]
    assert await world.topics(HELPER, context=COURSE) == [topic.id] * approved
    assert await of_deal(world, HELPER) == [topic.id] * (not approved)


async def test_a_topic_takes_them_along_and_others_do_not_get_them(world: World) -> None:
    space, secret = await world.space(), await world.space("secret", audience=pb.AUDIENCE_VENDOR)
    going = await world.topic(space, MANAGING, context_refs=[DEAL])
    await move(world, "MoveTopic", MANAGING, topic_id=going.id, space_id=secret.id)
    assert (await of_deal(world, HELPER), await of_deal(world, MANAGING)) == ([], [going.id])
    source = await world.topic(space, context_refs=[DEAL])
    target = await world.topic(space, context_refs=[COURSE])
    reply = await world.reply(source)
    split = await move(
        world, "SplitTopic", MODERATING, topic_id=source.id, reply_ids=[reply.id], title="A part",
        body="Of what was said", kind=pb.TOPIC_KIND_DISCUSSION,
    )  # fmt: skip
    assert list(split.new_topic.context_refs) == []
    await move(world, "MergeTopics", MODERATING, topic_id=source.id, target_topic_id=target.id)
    assert await of_deal(world, HELPER) == [source.id]
    assert await world.topics(HELPER, context=COURSE) == [target.id]


async def test_whoever_takes_content_away_takes_them_along(world: World) -> None:
    topic = await world.topic(await world.space(), context_refs=[COURSE, DEAL])
    await held_again(world, topic, ASKER, context_refs=[DEAL], update_context_refs=True)
    for actor, person_id in ((MANAGING, ""), (ASKER, "asker")):
        records = (await Exports(world, actor, person_id).page(page_size=50)).records
        (taken,) = [one.topic for one in records if one.HasField("topic")]
        (edit,) = [one.held_edit.held_edit for one in records if one.HasField("held_edit")]
        assert list(taken.context_refs) == [COURSE, DEAL]
        assert list(edit.context_refs) == [DEAL]


async def test_of_what_was_removed_services_get_none(world: World) -> None:
    topic = await world.topic(await world.space(), context_refs=[DEAL])
    request = pb.BatchGetTopicsRequest(**C1, topic_ids=[topic.id])
    (found,) = (await world.of(SEARCH).BatchGetTopics(request)).topics
    assert list(found.context_refs) == [DEAL]
    await world.act("RemoveTopic", MODERATING, topic, reason="spam")
    (found,) = (await world.of(SEARCH).BatchGetTopics(request)).topics
    assert list(found.context_refs) == []
    assert await of_deal(world, ASKER) == []
