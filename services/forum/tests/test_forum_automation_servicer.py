"""AutomationService over real gRPC: what it does and says, whom it refuses, what previews show."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.actors import MANAGER, Actor
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.automation_pb2_grpc import AutomationServiceStub
from services.forum.domain.automation import (
    AutomationNotFoundError,
    Automations,
    TooManyAutomationsError,
)
from services.forum.domain.spaces import SpaceNotFoundError
from services.forum.domain.tags import TagsInvalidError
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

UNANSWERED: dict[str, Any] = {
    "name": "Wake up",
    "trigger": pb.AUTOMATION_TRIGGER_UNANSWERED,
    "threshold": 48,
    "action": pb.AUTOMATION_ACTION_BUMP,
}
CLOSE: dict[str, Any] = {
    "action": pb.AUTOMATION_ACTION_CLOSE,
    "close_reason": forum_pb2.CLOSE_REASON_RESOLVED,
}

MOVE: dict[str, Any] = {"action": pb.AUTOMATION_ACTION_MOVE}
PIN: dict[str, Any] = {"action": pb.AUTOMATION_ACTION_PIN, "pin_days": 7}
GOLD: dict[str, Any] = {"audience": forum_pb2.AUDIENCE_TIER, "audience_names": ["gold"]}
VENDORS: dict[str, Any] = {"audience": forum_pb2.AUDIENCE_VENDOR}
OUTER = person_actor(  # manages, and is not of the vendor
    "outer", roles=[MANAGER], keyring=["community:c1", "person:outer", "moderators:c1"]
)


def of(world: World, actor: Actor) -> Any:
    return world.loopback.client(AutomationServiceStub, "forum", actor)


async def create(world: World, **more: Any) -> pb.Automation:
    request = pb.CreateAutomationRequest(**world.ids(), **(UNANSWERED | more))
    made: pb.Automation = (await of(world, MANAGING).CreateAutomation(request)).automation
    return made


async def listed(world: World) -> list[pb.Automation]:
    request = pb.ListAutomationsRequest(community_id="c1", page_size=100)
    return list((await of(world, MANAGING).ListAutomations(request)).automations)


async def test_create_automation(world: World) -> None:
    space = await world.space()
    request = pb.CreateAutomationRequest(
        **world.ids(),
        **(UNANSWERED | CLOSE),
        enabled=True,
        space_id=space.id,
        without_replies=True,
        reason="Ask anew",
    )
    made = (await of(world, MANAGING).CreateAutomation(request)).automation
    assert made == pb.Automation(
        id=made.id,
        community_id="c1",
        name="Wake up",
        enabled=True,
        space_id=space.id,
        trigger=pb.AUTOMATION_TRIGGER_UNANSWERED,
        threshold=48,
        without_replies=True,
        action=pb.AUTOMATION_ACTION_CLOSE,
        close_reason=forum_pb2.CLOSE_REASON_RESOLVED,
        reason="Ask anew",
        version=1,
        create_time=made.create_time,
    )
    changed = said.AutomationsChanged(automation_id=made.id)
    assert changed in await outbox(world.database)
    before = await world.stored()
    assert (await of(world, MANAGING).CreateAutomation(request)).automation == made
    assert await world.stored() == before
    assert await listed(world) == [made]


@pytest.mark.parametrize(
    ("wrong", "refusal", "field"),
    [
        ({"name": ""}, TextInvalidError, "name"),
        ({"trigger": 0}, FieldInvalidError, "trigger"),
        ({"trigger": 99}, FieldInvalidError, "trigger"),
        ({"action": 0}, FieldInvalidError, "action"),
        ({"threshold": 0}, FieldInvalidError, "threshold"),
        ({"action": pb.AUTOMATION_ACTION_TAG}, TagsInvalidError, "tag"),
        ({"action": pb.AUTOMATION_ACTION_CLOSE}, FieldInvalidError, "close_reason"),
        ({"close_reason": 99}, FieldInvalidError, "close_reason"),
        ({"space_id": "nowhere"}, SpaceNotFoundError, "space_id"),
        ({"target_space_id": "s1"}, FieldInvalidError, "target_space_id"),
        ({"action": pb.AUTOMATION_ACTION_MOVE}, FieldInvalidError, "target_space_id"),
        (MOVE | {"target_space_id": "nowhere"}, SpaceNotFoundError, "target_space_id"),
        ({"pin_days": 7}, FieldInvalidError, "pin_days"),
        ({"action": pb.AUTOMATION_ACTION_PIN}, FieldInvalidError, "pin_days"),
        (PIN | {"pin_days": 366}, FieldInvalidError, "pin_days"),
    ],
)
async def test_create_automation_refuses(
    world: World, wrong: dict[str, Any], refusal: type[DomainError], field: str
) -> None:
    request = pb.CreateAutomationRequest(**world.ids(), **(UNANSWERED | wrong))
    await refused(world, of(world, MANAGING).CreateAutomation(request), refusal, field)


@pytest.mark.parametrize(
    "rpc",
    [
        "CreateAutomation",
        "UpdateAutomation",
        "DeleteAutomation",
        "ListAutomations",
        "PreviewAutomation",
    ],
)
async def test_only_managers(world: World, rpc: str) -> None:
    made = await create(world)
    request: Any = getattr(pb, f"{rpc}Request")(community_id="c1")
    fields = request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        request.request_id = world.request_id()
    if "automation_id" in fields:
        request.automation_id = made.id
    if rpc == "CreateAutomation":
        request.MergeFrom(pb.CreateAutomationRequest(**UNANSWERED))
    for actor, refusal, field in (
        (ASKER, RoleRequiredError, ""),
        (MODERATING, RoleRequiredError, ""),
        (SEARCH, RoleRequiredError, ""),
        (STRANGER, CommunityNotFoundError, "community_id"),
    ):
        await refused(world, getattr(of(world, actor), rpc)(request), refusal, field)


async def test_at_most_thirty_even_where_two_come_at_once(world: World) -> None:
    for number in range(29):
        await create(world, name=f"Number {number}")
    both = await asyncio.gather(
        create(world, name="One"), create(world, name="Other"), return_exceptions=True
    )
    (refusal,) = [one for one in both if isinstance(one, DomainError)]
    assert reason_of(refusal) == TooManyAutomationsError.reason()
    assert len(await listed(world)) == 30
    request = pb.CreateAutomationRequest(**world.ids(), **UNANSWERED)
    await refused(world, of(world, MANAGING).CreateAutomation(request), TooManyAutomationsError)


async def test_update_automation(world: World) -> None:
    made = await create(world, **CLOSE)
    request = pb.UpdateAutomationRequest(
        **world.ids(),
        automation_id=made.id,
        name="Close old ones",
        enabled=True,
        threshold=72,
        close_reason=forum_pb2.CLOSE_REASON_OTHER,
        reason="Old",
        expected_version=1,
    )
    changed = (await of(world, MANAGING).UpdateAutomation(request)).automation
    assert (changed.name, changed.enabled, changed.threshold, changed.reason, changed.version) == (
        "Close old ones",
        True,
        72,
        "Old",
        2,
    )
    assert changed.close_reason == forum_pb2.CLOSE_REASON_OTHER
    assert await listed(world) == [changed]
    # What is the same is no change.
    same = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, threshold=72)
    before = await outbox(world.database)
    assert (await of(world, MANAGING).UpdateAutomation(same)).automation == changed
    assert await outbox(world.database) == before


async def test_update_automation_refuses(world: World) -> None:
    made = await create(world)
    for wrong, refusal, field in (
        ({"automation_id": "nothing"}, AutomationNotFoundError, "automation_id"),
        ({"expected_version": 7}, VersionStaleError, "expected_version"),
        ({"threshold": 0}, FieldInvalidError, "threshold"),
        ({"tag": "a"}, FieldInvalidError, "tag"),
        ({"close_reason": forum_pb2.CLOSE_REASON_OTHER}, FieldInvalidError, "close_reason"),
    ):
        given: dict[str, Any] = {"automation_id": made.id, **wrong}
        request = pb.UpdateAutomationRequest(**world.ids(), **given)
        await refused(world, of(world, MANAGING).UpdateAutomation(request), refusal, field)


async def test_move_and_pin_are_made_and_changed(world: World) -> None:
    here, there = await world.space("here"), await world.space("there")
    move = await create(world, **MOVE, space_id=here.id, target_space_id=there.id)
    pin = await create(world, **PIN)
    assert (move.space_id, move.target_space_id, move.pin_days) == (here.id, there.id, 0)
    assert (pin.target_space_id, pin.pin_days) == ("", 7)
    assert await listed(world) == [move, pin]
    third = await world.space("third")
    for made, more in ((move, {"target_space_id": third.id}), (pin, {"pin_days": 365})):
        request = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, **more)
        changed = (await of(world, MANAGING).UpdateAutomation(request)).automation
        for name, value in more.items():
            assert getattr(changed, name) == value
        before = await world.stored()
        assert (await of(world, MANAGING).UpdateAutomation(request)).automation == changed
        assert await world.stored() == before
    for made, more, refusal, field in (
        (move, {"target_space_id": "nowhere"}, SpaceNotFoundError, "target_space_id"),
        (move, {"target_space_id": ""}, FieldInvalidError, "target_space_id"),
        (move, {"target_space_id": here.id}, FieldInvalidError, "target_space_id"),
        (move, {"pin_days": 7}, FieldInvalidError, "pin_days"),
        (pin, {"pin_days": 0}, FieldInvalidError, "pin_days"),
        (pin, {"target_space_id": here.id}, FieldInvalidError, "target_space_id"),
    ):
        request = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, **more)
        await refused(world, of(world, MANAGING).UpdateAutomation(request), refusal, field)


async def test_only_who_can_read_both_spaces_moves_between_them(world: World) -> None:
    members, vendors = await world.space("members"), await world.space("vendors", **VENDORS)
    out = {"space_id": vendors.id, "target_space_id": members.id}
    into = {"target_space_id": vendors.id}
    for given, field in ((out, "space_id"), (into, "target_space_id")):
        request = pb.CreateAutomationRequest(**world.ids(), **(UNANSWERED | MOVE | given))
        create_ = of(world, OUTER).CreateAutomation(request)
        await refused(world, create_, SpaceNotFoundError, field)
    request = pb.CreateAutomationRequest(**world.ids(), **(UNANSWERED | MOVE | out))
    made = (await of(world, MANAGING).CreateAutomation(request)).automation
    other = await world.space("other")
    for more in ({"enabled": True}, {"target_space_id": other.id}):
        update = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, **more)
        await refused(
            world, of(world, OUTER).UpdateAutomation(update), SpaceNotFoundError, "space_id"
        )
    enable = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, enabled=True)
    await of(world, MANAGING).UpdateAutomation(enable)
    sooner = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, threshold=1)
    await refused(world, of(world, OUTER).UpdateAutomation(sooner), SpaceNotFoundError, "space_id")
    off = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, enabled=False)
    assert not (await of(world, OUTER).UpdateAutomation(off)).automation.enabled


async def test_a_move_that_is_switched_on_meanwhile_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, vendors = await world.space("members"), await world.space("vendors", **VENDORS)
    made = await create(world, **MOVE, space_id=vendors.id, target_space_id=members.id)
    read = world.repository.get_automations

    async def read_and_wait(community_id: str) -> Automations:
        found = await read(community_id)
        monkeypatch.undo()
        enable = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, enabled=True)
        await of(world, MANAGING).UpdateAutomation(enable)
        return found

    monkeypatch.setattr(world.repository, "get_automations", read_and_wait)
    sooner = pb.UpdateAutomationRequest(**world.ids(), automation_id=made.id, threshold=1)
    with pytest.raises(DomainError) as refusal:
        await of(world, OUTER).UpdateAutomation(sooner)
    assert reason_of(refusal.value) == VersionStaleError.reason()
    (now,) = await listed(world)
    assert (now.enabled, now.threshold, now.version) == (True, made.threshold, 2)


async def test_delete_automation(world: World) -> None:
    made, other = await create(world), await create(world, name="Other")
    stale = pb.DeleteAutomationRequest(**world.ids(), automation_id=made.id, expected_version=9)
    await refused(
        world, of(world, MANAGING).DeleteAutomation(stale), VersionStaleError, "expected_version"
    )
    request = pb.DeleteAutomationRequest(**world.ids(), automation_id=made.id)
    await of(world, MANAGING).DeleteAutomation(request)
    assert await listed(world) == [other]
    again = pb.DeleteAutomationRequest(**world.ids(), automation_id=made.id)
    await refused(
        world, of(world, MANAGING).DeleteAutomation(again), AutomationNotFoundError, "automation_id"
    )


async def test_list_automations_in_pages_both_ways(world: World) -> None:
    made = [await create(world, name=f"Number {number}") for number in range(5)]
    for backward in (False, True):
        found: list[pb.Automation] = []
        token = ""
        while True:
            request = pb.ListAutomationsRequest(
                community_id="c1", page_size=2, page_token=token, backward=backward
            )
            page = await of(world, MANAGING).ListAutomations(request)
            rows = list(page.automations)
            found = [*rows, *found] if backward else [*found, *rows]
            token = page.next_page_token
            if not token:
                break
        assert found == made


async def test_preview_automation_shows_what_matches_and_what_was_done(world: World) -> None:
    space = await world.space()
    vendors = await world.space("vendors", audience=forum_pb2.AUDIENCE_VENDOR)
    topics = [await world.topic(space, title=f"Question {number}") for number in range(3)]
    inner = await world.topic(vendors, MANAGING)
    answered = await world.topic(space, title="Answered")
    reply = await world.reply(answered, HELPER)
    await world.act("AcceptReply", ASKER, reply)
    everywhere = await create(world, threshold=1)
    request = pb.PreviewAutomationRequest(community_id="c1", automation_id=everywhere.id)
    # Everything was asked a moment ago.
    assert not (await of(world, MANAGING).PreviewAutomation(request)).matches
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    ids = [one.id for one in (*topics, inner, answered)]
    for minutes, id_ in enumerate(ids):
        time = hours_ago + timedelta(minutes=minutes)
        await world.database.topics.update_one({"_id": id_}, {"$set": {"create_time": time}})
    before = await world.stored()
    first = await of(world, MANAGING).PreviewAutomation(
        pb.PreviewAutomationRequest(community_id="c1", automation_id=everywhere.id, page_size=3)
    )
    assert [one.topic_id for one in first.matches] == [one.id for one in topics]
    assert not any(one.HasField("act_time") for one in first.matches)
    assert first.next_page_token == first.matches[-1].page_token
    second = await of(world, MANAGING).PreviewAutomation(
        pb.PreviewAutomationRequest(
            community_id="c1", automation_id=everywhere.id, page_token=first.next_page_token
        )
    )
    assert [one.topic_id for one in second.matches] == [inner.id]
    assert await world.stored() == before
    enable = pb.UpdateAutomationRequest(
        **world.ids(), automation_id=everywhere.id, enabled=True, name="Up"
    )
    await of(world, MANAGING).UpdateAutomation(enable)
    await world.use_cases.run_automation(datetime.now(UTC))
    done = await of(world, MANAGING).PreviewAutomation(request)
    assert [one.HasField("act_time") for one in done.matches] == [True] * 4


async def test_preview_automation_tells_what_a_move_leaves(world: World) -> None:
    here, there = await world.space("here"), await world.space("there")
    vendors = await world.space("vendors", **VENDORS)
    goes, there_already = await world.topic(here), await world.topic(there)
    stays = await world.topic(vendors, MANAGING)
    made = await create(world, **MOVE, threshold=1, target_space_id=there.id)
    ago = datetime.now(UTC) - timedelta(hours=2)
    for minutes, topic in enumerate((goes, there_already, stays)):
        time = ago + timedelta(minutes=minutes)
        await world.database.topics.update_one({"_id": topic.id}, {"$set": {"create_time": time}})
    before = await world.stored()
    request = pb.PreviewAutomationRequest(community_id="c1", automation_id=made.id)
    for actor, expected in (
        (MANAGING, [(goes.id, False), (stays.id, True)]),
        (OUTER, [(goes.id, False)]),
    ):
        shown = (await of(world, actor).PreviewAutomation(request)).matches
        assert [(one.topic_id, one.skipped) for one in shown] == expected
        assert not any(one.HasField("act_time") for one in shown)
    assert await world.stored() == before


async def test_preview_automation_shows_what_is_to_be_pinned(world: World) -> None:
    space = await world.space()
    topic, pinned = await world.topic(space), await world.topic(space, title="Pinned")
    made = await create(world, **PIN, threshold=1, enabled=True)
    ago = datetime.now(UTC) - timedelta(hours=2)
    await world.database.topics.update_many({}, {"$set": {"create_time": ago}})
    await world.database.topics.update_one(
        {"_id": pinned.id}, {"$set": {"pin_time": ago, "pin_end": ago + timedelta(days=1)}}
    )
    request = pb.PreviewAutomationRequest(community_id="c1", automation_id=made.id)
    shown = (await of(world, MANAGING).PreviewAutomation(request)).matches
    assert [(one.topic_id, one.skipped) for one in shown] == [(topic.id, False)]
    await world.use_cases.run_automation(datetime.now(UTC))
    assert not (await of(world, MANAGING).PreviewAutomation(request)).matches


async def test_preview_automation_refuses(world: World) -> None:
    request = pb.PreviewAutomationRequest(community_id="c1", automation_id="nothing")
    await refused(
        world,
        of(world, MANAGING).PreviewAutomation(request),
        AutomationNotFoundError,
        "automation_id",
    )
