"""CurationService over real gRPC: ideas' status, articles' review."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import MODERATOR, Actor
from chassis.errors import (
    CommunityNotFoundError,
    FieldInvalidError,
    ReasonRequiredError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import curation_pb2, forum_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused

ALL_KINDS: list[Any] = [1, 2, 3, 4]
VENDORS_MODERATOR = person_actor(
    "vendors-moderator",
    roles=[MODERATOR],
    company_id="vendor",
    keyring=["community:c1", "vendor:c1", "moderators:c1", "person:vendors-moderator"],
)


def time_in(days: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return stamp


async def curate(world: World, rpc: str, actor: Actor, topic: forum_pb2.Topic, **more: Any) -> Any:
    """One RPC of CurationService on a topic."""
    request = getattr(curation_pb2, f"{rpc}Request")(**world.ids(), topic_id=topic.id, **more)
    return await getattr(world.of(actor, CurationServiceStub), rpc)(request)


async def wide(world: World, slug: str = "wide", **more: Any) -> forum_pb2.Space:
    """A space that takes all kinds."""
    change = forum_pb2.SpaceSettingsChange(kinds=ALL_KINDS, update_kinds=True)
    return await world.space(slug, settings=change, **more)


async def idea(world: World, **more: Any) -> forum_pb2.Topic:
    return await world.topic(await wide(world), kind=forum_pb2.TOPIC_KIND_IDEA, **more)


async def article(world: World, **more: Any) -> forum_pb2.Topic:
    return await world.topic(await wide(world), kind=forum_pb2.TOPIC_KIND_ARTICLE, **more)


@pytest.mark.parametrize("actor", [MANAGING, VENDORS_MODERATOR])
async def test_update_idea_status(world: World, actor: Actor) -> None:
    topic = await idea(world)
    change: dict[str, Any] = {
        "idea_status": forum_pb2.IDEA_STATUS_PLANNED,
        "note": "In spring.\n",
    }
    request = curation_pb2.UpdateIdeaStatusRequest(
        **world.ids(), topic_id=topic.id, expected_version=topic.version, **change
    )
    stub = world.of(actor, CurationServiceStub)
    changed = (await stub.UpdateIdeaStatus(request)).topic
    assert (changed.idea_status, changed.idea_note) == (
        forum_pb2.IDEA_STATUS_PLANNED,
        "In spring.",
    )
    assert changed.HasField("idea_status_time")
    assert changed.version == topic.version + 1
    assert (await outbox(world.database))[-1] == said.IdeaStatusChanged(topic_id=topic.id)
    assert (await stub.UpdateIdeaStatus(request)).topic == changed
    assert await world.see(HELPER, topic) == changed
    # Said once more it is no news.
    before = await world.said()
    again = (await curate(world, "UpdateIdeaStatus", actor, topic, **change)).topic
    assert again == changed
    assert await world.said() == before
    entries = await world.of(MODERATING).ListModerationEntries(
        forum_pb2.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    )
    assert [(one.action, one.actor) for one in entries.moderation_entries] == [
        ("UpdateIdeaStatus", actor.person_id)
    ]


async def test_update_idea_status_refuses(world: World) -> None:
    topic = await idea(world)
    question = await world.topic(await world.space())
    draft = await world.topic(await wide(world, "more"), MANAGING, kind=4, draft=True)
    hidden = await world.topic(
        await wide(world, "vendors", audience=forum_pb2.AUDIENCE_VENDOR), MANAGING, kind=4
    )
    planned: dict[str, Any] = {"idea_status": forum_pb2.IDEA_STATUS_PLANNED}

    def update(actor: Actor, on: forum_pb2.Topic = topic, **more: Any) -> Any:
        return curate(world, "UpdateIdeaStatus", actor, on, **{**planned, **more})

    await refused(world, update(ASKER), RoleRequiredError)
    await refused(world, update(MODERATING), RoleRequiredError)  # a partner's moderator
    await refused(world, update(STRANGER), CommunityNotFoundError, "community_id")
    await refused(world, update(MANAGING, question), "NOT_AN_IDEA")
    await refused(world, update(ASKER, hidden), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, update(MODERATING, draft), "TOPIC_NOT_FOUND", "topic_id")
    await refused(world, update(MANAGING, draft), "TOPIC_STATE_INVALID")
    await refused(world, update(MANAGING, idea_status=0), FieldInvalidError, "idea_status")
    await refused(world, update(MANAGING, note="x" * 1001), TextInvalidError, "note")
    await refused(
        world, update(MANAGING, idea_status=forum_pb2.IDEA_STATUS_DECLINED),
        ReasonRequiredError, "note",
    )  # fmt: skip
    stale = update(MANAGING, expected_version=7)
    await refused(world, stale, VersionStaleError, "expected_version")


async def test_review_article(world: World) -> None:
    topic = await article(world)
    assert (topic.owner_id, topic.HasField("review_time")) == ("asker", False)
    due = time_in(90)
    reviewed = (await curate(world, "ReviewArticle", ASKER, topic, review_due_time=due)).topic
    assert reviewed.review_due_time.ToMilliseconds() == due.ToMilliseconds()
    assert reviewed.HasField("review_time")
    assert (await outbox(world.database))[-1] == said.ArticleReviewed(topic_id=topic.id)
    again = (
        await curate(world, "ReviewArticle", MODERATING, topic, review_due_time=time_in(1))
    ).topic
    assert again.review_due_time.ToMilliseconds() < due.ToMilliseconds()
    assert await world.see(HELPER, topic) == again


async def test_review_article_refuses(world: World) -> None:
    topic = await article(world)
    question = await world.topic(await world.space())

    def review(actor: Actor, on: forum_pb2.Topic = topic, **more: Any) -> Any:
        return curate(world, "ReviewArticle", actor, on, **{"review_due_time": time_in(9), **more})

    await refused(world, review(HELPER), RoleRequiredError)
    await refused(world, review(STRANGER), CommunityNotFoundError, "community_id")
    await refused(world, review(ASKER, question), "NOT_AN_ARTICLE")
    for when in (time_in(-1), time_in(1100), Timestamp(), Timestamp(seconds=10**12)):
        wrong = review(ASKER, review_due_time=when)
        await refused(world, wrong, FieldInvalidError, "review_due_time")
    stale = review(ASKER, expected_version=9)
    await refused(world, stale, VersionStaleError, "expected_version")
    await world.act("HideTopic", MODERATING, topic, reason="wrong")
    await refused(world, review(ASKER), "TOPIC_STATE_INVALID")


async def test_a_pin_has_a_reason_and_its_code(world: World) -> None:
    topic = await world.topic(await world.space())
    outdated = forum_pb2.REASON_CODE_OUTDATED
    why: dict[str, Any] = {"reason": "It is over.", "reason_code": outdated}
    await curate(world, "PinTopic", MODERATING, topic)
    await curate(world, "UnpinTopic", MODERATING, topic, **why)
    request = forum_pb2.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    entries = (await world.of(MODERATING).ListModerationEntries(request)).moderation_entries
    assert [(one.action, one.reason, one.reason_code) for one in entries] == [
        ("UnpinTopic", "It is over.", outdated),
        ("PinTopic", "", forum_pb2.REASON_CODE_UNSPECIFIED),
    ]
    for rpc in ("PinTopic", "UnpinTopic"):
        call = curate(world, rpc, MODERATING, topic, reason_code=99)
        await refused(world, call, FieldInvalidError, "reason_code")
        call = curate(world, rpc, MODERATING, topic, reason="x" * 1001)
        await refused(world, call, TextInvalidError, "reason")


def due_in(topic: forum_pb2.Topic) -> float | None:
    """Days from when it went out."""
    if not topic.HasField("review_due_time"):
        return None
    return (topic.review_due_time.seconds - topic.create_time.seconds) / 86400


async def test_an_article_is_to_be_looked_at_a_year_after_it_went_out(world: World) -> None:
    space = await wide(world)
    kinds: dict[str, Any] = {"kind": forum_pb2.TOPIC_KIND_ARTICLE}
    topic = await world.topic(space, **kinds)
    assert due_in(topic) == 365
    draft = await world.topic(space, **kinds, draft=True)
    assert due_in(draft) is None
    assert due_in((await world.act("PublishTopic", ASKER, draft)).topic) == 365
    for kind in (1, 2, 4):
        assert due_in(await world.topic(space, kind=kind)) is None
    given = time_in(5)
    await curate(world, "ReviewArticle", ASKER, topic, review_due_time=given)
    seen = (await world.see(HELPER, topic)).review_due_time
    assert seen.ToMilliseconds() == given.ToMilliseconds()
    # What was not looked at in time is found, by its owner and moderators.
    past = datetime.now(UTC) - timedelta(days=1)
    row = {"$set": {"review_due_time": past, "recheck_time": past}}
    await world.database.topics.update_one({"_id": draft.id}, row)
    request = curation_pb2.ListRechecksRequest(community_id="c1")
    for actor, found in ((ASKER, [draft.id]), (MODERATING, [draft.id]), (HELPER, [])):
        rechecks = await world.of(actor, CurationServiceStub).ListRechecks(request)
        assert [one.topic_id for one in rechecks.rechecks] == found


@pytest.mark.parametrize(("days", "due"), [(30, 30), (0, None)])
async def test_a_space_says_when_its_articles_are_looked_at(
    world: World, days: int, due: float | None
) -> None:
    change = forum_pb2.SpaceSettingsChange(
        kinds=ALL_KINDS, update_kinds=True, article_review_days=days
    )
    space = await world.space(settings=change, mode=forum_pb2.SPACE_MODE_REQUIRED)
    held = await world.topic(space, kind=forum_pb2.TOPIC_KIND_ARTICLE)
    assert held.state == forum_pb2.TOPIC_STATE_PENDING_REVIEW
    assert due_in(held) == due
    out = await world.topic(space, MODERATING, kind=forum_pb2.TOPIC_KIND_ARTICLE)
    assert due_in(out) == due


async def test_a_space_from_before_has_the_default(world: World) -> None:
    space = await wide(world)
    await world.database.spaces.update_one(
        {"_id": space.id}, {"$unset": {"settings.article_review": 1}}
    )
    topic = await world.topic(space, kind=forum_pb2.TOPIC_KIND_ARTICLE)
    assert due_in(topic) == 365
