"""Spaces' settings over real gRPC: what they are, and what topics and replies they refuse."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chassis.errors import DomainError, FieldInvalidError, TextInvalidError
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.tests.conftest import (
    ASKER,
    BODY,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    REGULAR_PERSON,
    World,
)
from services.forum.tests.test_forum_servicer import refused

VENDORS = person_actor("vendors", company_id="vendor", keyring=["community:c1", "vendor:c1"])
ALL_KINDS: list[Any] = [
    pb.TOPIC_KIND_QUESTION,
    pb.TOPIC_KIND_DISCUSSION,
    pb.TOPIC_KIND_ARTICLE,
    pb.TOPIC_KIND_IDEA,
]


async def change(world: World, space: pb.Space, **settings: Any) -> pb.Space:
    """By a manager."""
    request = pb.UpdateSpaceRequest(
        **world.ids(), space_id=space.id, settings=pb.SpaceSettingsChange(**settings)
    )
    changed: pb.Space = (await world.of(MANAGING).UpdateSpace(request)).space
    return changed


async def age(world: World, collection: str, by: timedelta) -> None:
    """All there is of it was made so much earlier."""
    async for row in world.database[collection].find():
        earlier = {name: row[name] - by for name in ("create_time", "time") if name in row}
        await world.database[collection].update_one({"_id": row["_id"]}, {"$set": earlier})


async def test_a_new_space_has_the_defaults(world: World) -> None:
    settings = (await world.space()).settings
    assert settings == pb.SpaceSettings(
        kinds=[pb.TOPIC_KIND_QUESTION, pb.TOPIC_KIND_DISCUSSION],
        tag_rules=pb.TagRules(most=5, max_length=35),
        may_post=pb.POSTING_RIGHT_ALL,
        may_reply=pb.POSTING_RIGHT_ALL,
        accepted_answers=pb.ACCEPTED_ANSWERS_SINGLE,
        newcomer_edit_window_minutes=60,
        article_review_days=365,
    )


async def test_settings_change_one_by_one(world: World) -> None:
    space = await world.space(settings=pb.SpaceSettingsChange(slow_mode_seconds=60))
    assert space.settings.slow_mode_seconds == 60
    rules = pb.TagRules(allowed_tags=["Grace", "grace", "patience"], most=2, required=True)
    changed = await change(
        world,
        space,
        kinds=[pb.TOPIC_KIND_IDEA, pb.TOPIC_KIND_IDEA],
        update_kinds=True,
        templates=[pb.TopicTemplate(kind=pb.TOPIC_KIND_IDEA, body="## What\n")],
        update_templates=True,
        tag_rules=rules,
        may_post=pb.POSTING_RIGHT_REGULAR,
        may_reply=pb.POSTING_RIGHT_VENDOR,
        accepted_answers=pb.ACCEPTED_ANSWERS_SEVERAL,
        edit_window_minutes=30,
        newcomer_edit_window_minutes=0,
        own_close_reasons=["Sold out", "Sold out"],
        update_own_close_reasons=True,
        down_votes=True,
        article_review_days=30,
    )
    expected = pb.SpaceSettings(
        kinds=[pb.TOPIC_KIND_IDEA],
        templates=[pb.TopicTemplate(kind=pb.TOPIC_KIND_IDEA, body="## What")],
        tag_rules=pb.TagRules(
            allowed_tags=["grace", "patience"], most=2, max_length=35, required=True
        ),
        may_post=pb.POSTING_RIGHT_REGULAR,
        may_reply=pb.POSTING_RIGHT_VENDOR,
        slow_mode_seconds=60,
        accepted_answers=pb.ACCEPTED_ANSWERS_SEVERAL,
        edit_window_minutes=30,
        own_close_reasons=["Sold out"],
        down_votes=True,
        article_review_days=30,
    )
    assert changed.settings == expected
    assert (await outbox(world.database))[-1] == said.SpaceUpdated(space_id=space.id)
    # Nothing given is nothing changed, and nothing said.
    before = await world.said()
    assert (await change(world, space)).settings == expected
    assert await world.said() == before
    got = await world.of(ASKER).GetSpace(pb.GetSpaceRequest(community_id="c1", space_id=space.id))
    assert got.space.settings == expected
    emptied = await change(world, space, update_templates=True, update_own_close_reasons=True)
    assert not emptied.settings.templates
    assert not emptied.settings.own_close_reasons


async def test_settings_refuse(world: World) -> None:
    space = await world.space()
    template = pb.TopicTemplate(kind=pb.TOPIC_KIND_IDEA, body="x")
    wrong: list[tuple[dict[str, Any], Any, str]] = [
        ({"update_kinds": True}, FieldInvalidError, "settings.kinds"),
        ({"article_review_days": 1099}, FieldInvalidError, "settings.article_review_days"),
        ({"article_review_days": -1}, FieldInvalidError, "settings.article_review_days"),
        ({"update_kinds": True, "kinds": [9]}, FieldInvalidError, "settings.kinds"),
        (
            {"update_templates": True, "templates": [template, template]},
            FieldInvalidError,
            "settings.templates.1.kind",
        ),
        (
            {
                "update_templates": True,
                "templates": [pb.TopicTemplate(kind=pb.TOPIC_KIND_QUESTION, body="x" * 8001)],
            },
            TextInvalidError,
            "settings.templates.0.body",
        ),
        ({"tag_rules": pb.TagRules(most=6)}, FieldInvalidError, "settings.tag_rules.most"),
        (
            {"tag_rules": pb.TagRules(max_length=36)},
            FieldInvalidError,
            "settings.tag_rules.max_length",
        ),
        (
            {"tag_rules": pb.TagRules(allowed_tags=["a b"])},
            "TAGS_INVALID",
            "settings.tag_rules.allowed_tags",
        ),
        (
            {"tag_rules": pb.TagRules(allowed_tags=[f"t{n}" for n in range(101)])},
            FieldInvalidError,
            "settings.tag_rules.allowed_tags",
        ),
        ({"may_post": 9}, FieldInvalidError, "settings.may_post"),
        ({"may_reply": 9}, FieldInvalidError, "settings.may_reply"),
        ({"accepted_answers": 9}, FieldInvalidError, "settings.accepted_answers"),
        ({"slow_mode_seconds": 86401}, FieldInvalidError, "settings.slow_mode_seconds"),
        ({"slow_mode_seconds": -1}, FieldInvalidError, "settings.slow_mode_seconds"),
        ({"edit_window_minutes": -1}, FieldInvalidError, "settings.edit_window_minutes"),
        (
            {"newcomer_edit_window_minutes": 525601},
            FieldInvalidError,
            "settings.newcomer_edit_window_minutes",
        ),
        (
            {"update_own_close_reasons": True, "own_close_reasons": ["x" * 81]},
            TextInvalidError,
            "settings.own_close_reasons",
        ),
        (
            {"update_own_close_reasons": True, "own_close_reasons": [f"n{n}" for n in range(21)]},
            FieldInvalidError,
            "settings.own_close_reasons",
        ),
    ]
    for settings, reason, field in wrong:
        await refused(world, change(world, space, **settings), reason, field)
        fields = {**world.ids(), "slug": "other", "name": "Other"}
        made = pb.CreateSpaceRequest(**fields, settings=pb.SpaceSettingsChange(**settings))
        await refused(world, world.of(MANAGING).CreateSpace(made), reason, field)


async def test_kinds_of_topics(world: World) -> None:
    space = await world.space()
    for kind in (pb.TOPIC_KIND_ARTICLE, pb.TOPIC_KIND_IDEA):
        await refused(world, world.topic(space, kind=kind), "KIND_NOT_ALLOWED", "kind")
        await refused(world, world.topic(space, kind=kind, draft=True), "KIND_NOT_ALLOWED", "kind")
    draft = await world.topic(space, draft=True)
    await change(world, space, kinds=[pb.TOPIC_KIND_IDEA], update_kinds=True)
    await refused(world, world.act("PublishTopic", ASKER, draft), "KIND_NOT_ALLOWED", "kind")
    idea = await world.topic(space, kind=pb.TOPIC_KIND_IDEA)
    assert (idea.kind, idea.idea_status) == (pb.TOPIC_KIND_IDEA, pb.IDEA_STATUS_NEW)
    reply = await world.reply(idea)
    await refused(world, world.act("AcceptReply", ASKER, reply), "NOT_A_QUESTION")


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        (pb.POSTING_RIGHT_ALL, {"asker", "regular", "vendors", "moderator", "manager"}),
        (pb.POSTING_RIGHT_REGULAR, {"regular", "moderator", "manager"}),
        (pb.POSTING_RIGHT_VENDOR, {"vendors", "moderator", "manager"}),
        (pb.POSTING_RIGHT_MODERATORS, {"moderator", "manager"}),
    ],
)
async def test_who_may_post_and_reply(world: World, right: Any, allowed: set[str]) -> None:
    space = await world.space()
    topic, draft = await world.topic(space), await world.topic(space, draft=True)
    await change(world, space, may_post=right, may_reply=right)
    for actor in (ASKER, REGULAR_PERSON, VENDORS, MODERATING, MANAGING):
        if actor.person_id in allowed:
            await world.topic(space, actor)
            await world.reply(topic, actor)
        else:
            await refused(world, world.topic(space, actor), "POSTING_NOT_ALLOWED")
            await refused(world, world.topic(space, actor, draft=True), "POSTING_NOT_ALLOWED")
            await refused(world, world.reply(topic, actor), "POSTING_NOT_ALLOWED")
    if "asker" not in allowed:
        await refused(world, world.act("PublishTopic", ASKER, draft), "POSTING_NOT_ALLOWED")


async def test_tag_rules(world: World) -> None:
    space = await world.space()
    old = await world.topic(space, tags=["free"])
    rules = pb.TagRules(allowed_tags=["grace", "hope", "joy"], most=2, required=True)
    await change(world, space, tag_rules=rules)
    for tags in ([], ["other"], ["grace", "hope", "joy"]):
        await refused(world, world.topic(space, tags=tags), "TAGS_INVALID", "tags")
    draft = await world.topic(space, tags=["other"], draft=True)  # not yet out
    await refused(world, world.act("PublishTopic", ASKER, draft), "TAGS_INVALID", "tags")
    topic = await world.topic(space, tags=["Hope"])
    assert list(topic.tags) == ["hope"]
    edit = world.act("UpdateTopic", ASKER, topic, tags=["other"], update_tags=True)
    await refused(world, edit, "TAGS_INVALID", "tags")
    # What was there before may be edited without touching its tags.
    edited = (await world.act("UpdateTopic", ASKER, old, body="Another text of it.")).topic
    assert list(edited.tags) == ["free"]
    await change(world, space, tag_rules=pb.TagRules(max_length=3))
    await refused(world, world.topic(space, tags=["four"]), "TAGS_INVALID", "tags")
    assert list((await world.topic(space, tags=["one"])).tags) == ["one"]


async def test_slow_mode(world: World) -> None:
    space = await world.space(settings=pb.SpaceSettingsChange(slow_mode_seconds=600))
    topic, other = await world.topic(space), await world.topic(space)
    await world.reply(topic)
    with pytest.raises(DomainError) as fast:
        await world.reply(topic)
    assert reason_of(fast.value) == "POSTING_TOO_FAST"
    assert 590 < fast.value.retry_after <= 600
    await refused(world, world.reply(topic), "POSTING_TOO_FAST")
    await world.reply(other)  # in each topic for itself
    await world.reply(topic, ASKER)  # and for each person
    for _ in range(2):
        await world.reply(topic, MODERATING)
    await age(world, "reply_paces", timedelta(seconds=601))
    await world.reply(topic)
    await change(world, space, slow_mode_seconds=0)
    await world.reply(topic)


async def test_slow_mode_of_two_replies_at_once(world: World) -> None:
    space = await world.space(settings=pb.SpaceSettingsChange(slow_mode_seconds=600))
    topic = await world.topic(space)
    made = await asyncio.gather(
        *(world.reply(topic, body=f"Reply {n}") for n in range(8)), return_exceptions=True
    )
    assert [type(one) for one in made].count(pb.Reply) == 1
    assert len(await world.replies(ASKER, topic)) == 1


async def test_edit_window(world: World) -> None:
    space = await world.space(settings=pb.SpaceSettingsChange(edit_window_minutes=30))
    topic = await world.topic(space)
    reply = await world.reply(topic)
    await world.act("UpdateTopic", ASKER, topic, title="In time")
    await world.act("UpdateReply", HELPER, reply, body="In time")
    await age(world, "topics", timedelta(minutes=31))
    await age(world, "replies", timedelta(minutes=31))
    late = world.act("UpdateTopic", ASKER, topic, title="Late")
    await refused(world, late, "EDIT_WINDOW_OVER")
    late = world.act("UpdateReply", HELPER, reply, body="Too late")
    await refused(world, late, "EDIT_WINDOW_OVER")
    await world.act("UpdateTopic", MODERATING, topic, title="By a moderator")
    await world.act("UpdateReply", MODERATING, reply, body="By a moderator")
    await change(world, space, edit_window_minutes=0)
    await world.act("UpdateTopic", ASKER, topic, title="Again")


async def test_newcomers_have_an_hour_to_edit(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space, NEWCOMER)
    assert topic.state == pb.TOPIC_STATE_PENDING_REVIEW
    await world.database.topics.update_one(
        {"_id": topic.id}, {"$set": {"state": "PUBLISHED", "read_keys": [f"space:{space.id}"]}}
    )
    await world.act("UpdateTopic", NEWCOMER, topic, title="In time")
    await age(world, "topics", timedelta(minutes=61))
    late = world.act("UpdateTopic", NEWCOMER, topic, title="Late")
    await refused(world, late, "EDIT_WINDOW_OVER")
    await change(world, space, newcomer_edit_window_minutes=0)
    await world.act("UpdateTopic", NEWCOMER, topic, title="Again")


async def test_articles_are_edited_at_any_time(world: World) -> None:
    change_ = pb.SpaceSettingsChange(kinds=ALL_KINDS, update_kinds=True, edit_window_minutes=30)
    space = await world.space(settings=change_)
    article = await world.topic(space, kind=pb.TOPIC_KIND_ARTICLE)
    await age(world, "topics", timedelta(days=400))
    edited = (await world.act("UpdateTopic", ASKER, article, body="The second edition.")).topic
    assert (article.edition, edited.edition) == (1, 2)
    request = pb.ListRevisionsRequest(community_id="c1", topic_id=article.id)
    revisions = (await world.of(HELPER).ListRevisions(request)).revisions
    assert [(one.edition, one.body) for one in revisions] == [(1, BODY)]


async def test_a_draft_is_the_first_edition_however_often_it_was_written(world: World) -> None:
    draft = await world.topic(await world.space(), draft=True)
    await world.act("UpdateTopic", ASKER, draft, title="Another")
    published = (await world.act("PublishTopic", ASKER, draft)).topic
    assert published.edition == 1


async def test_own_close_reasons(world: World) -> None:
    space = await world.space()
    await change(world, space, own_close_reasons=["Sold out"], update_own_close_reasons=True)
    topic = await world.topic(space)
    wrong = world.act("CloseTopic", ASKER, topic, own_close_reason="Nobody's")
    await refused(world, wrong, FieldInvalidError, "own_close_reason")
    await refused(world, world.act("CloseTopic", ASKER, topic), FieldInvalidError, "close_reason")
    closed = (await world.act("CloseTopic", ASKER, topic, own_close_reason="Sold out")).topic
    assert (closed.close_reason, closed.own_close_reason) == (pb.CLOSE_REASON_OTHER, "Sold out")
    assert (await world.see(HELPER, topic)).own_close_reason == "Sold out"
    opened = (await world.act("ReopenTopic", MODERATING, topic)).topic
    assert (opened.close_reason, opened.own_close_reason) == (0, "")
    why = {"close_reason": pb.CLOSE_REASON_RESOLVED, "own_close_reason": "Sold out"}
    closed = (await world.act("CloseTopic", MODERATING, topic, **why)).topic
    assert (closed.close_reason, closed.own_close_reason) == (pb.CLOSE_REASON_RESOLVED, "Sold out")


async def test_a_space_from_before_there_were_settings(world: World) -> None:
    space = await world.space()
    await world.database.spaces.update_one({"_id": space.id}, {"$unset": {"settings": 1}})
    topic = await world.topic(space)
    fields = dict.fromkeys(("edition", "own_close_reason", "owner_id"), 1)
    await world.database.topics.update_one({"_id": topic.id}, {"$unset": fields})
    got = await world.of(ASKER).GetSpace(pb.GetSpaceRequest(community_id="c1", space_id=space.id))
    assert got.space.settings == space.settings
    assert (await world.see(ASKER, topic)) == topic
