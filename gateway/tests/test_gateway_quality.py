"""Automations over real gRPC: lists, previews, writes, and what refuses."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import CommunityNotFoundError, RoleRequiredError
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.quality_standins import AutomationStandIn, VitalityStandIn
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import forum_pb2, vitality_pb2

C1 = encode_id("Community", "c1", "c1")
A1 = encode_id("Automation", "c1", "a1")
LIST = """query Automations($c: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  automations(communityId: $c, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id name enabled trigger threshold withoutReplies action tag closeReason
      reason version createTime space { name } targetSpace { name } pinDays } }
    pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } }"""
PREVIEW = """query Preview($c: ID!) { automations(communityId: $c, first: 1) { edges { node {
  name matches(first: 2) { edges { cursor node { actTime skipped topic { title } } }
    pageInfo { hasNextPage } } } } } }"""


async def test_automations_are_listed(automation: AutomationStandIn, house: House) -> None:
    answer = await house.ask(LIST, {"c": C1, "first": 2})
    assert "errors" not in answer
    page = answer["data"]["automations"]
    first, second = [edge["node"] for edge in page["edges"]]
    assert first == {
        "id": A1,
        "name": "Automation 1",
        "enabled": False,
        "trigger": "STALE",
        "threshold": 30,
        "withoutReplies": False,
        "action": "CLOSE",
        "tag": None,
        "closeReason": "OTHER",
        "reason": None,
        "version": 2,
        "createTime": "2026-01-01T00:01:00.000Z",
        "space": None,
        "targetSpace": None,
        "pinDays": None,
    }
    assert (second["action"], second["tag"], second["closeReason"]) == ("TAG", "old", None)
    assert second["space"] == {"name": "General"}
    assert automation.requests == [pb.ListAutomationsRequest(community_id="c1", page_size=2)]
    assert page["pageInfo"]["hasNextPage"]


async def test_moves_and_pins_are_listed(house: House) -> None:
    answer = await house.ask(LIST, {"c": C1, "first": 4})
    assert "errors" not in answer
    move, pin = [edge["node"] for edge in answer["data"]["automations"]["edges"]][2:]
    assert (move["action"], move["targetSpace"], move["pinDays"]) == (
        "MOVE",
        {"name": "General"},
        None,
    )
    assert (pin["action"], pin["targetSpace"], pin["pinDays"]) == ("PIN", None, 7)


@pytest.mark.parametrize("backward", [False, True])
async def test_every_automation_is_seen_once(
    automation: AutomationStandIn, house: House, backward: bool
) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        arguments = {"last": 2, "before": cursor} if backward else {"first": 2, "after": cursor}
        page = (await house.ask(LIST, {"c": C1, **arguments}))["data"]["automations"]
        names = [edge["node"]["name"] for edge in page["edges"]]
        seen = [*names, *seen] if backward else [*seen, *names]
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            break
        cursor = info["startCursor" if backward else "endCursor"]
    assert seen == [one.name for one in automation.automations]


async def test_a_preview_shows_topics_and_what_was_done(
    automation: AutomationStandIn, house: House
) -> None:
    answer = await house.ask(PREVIEW, {"c": C1})
    assert "errors" not in answer
    matches = answer["data"]["automations"]["edges"][0]["node"]["matches"]
    assert [edge["node"] for edge in matches["edges"]] == [
        {"actTime": None, "skipped": True, "topic": {"title": "Topic 1"}},
        {"actTime": "2026-01-01T00:02:00.000Z", "skipped": False, "topic": {"title": "Topic 2"}},
    ]
    assert matches["pageInfo"]["hasNextPage"]
    assert automation.calls == {"ListAutomations": 1, "PreviewAutomation": 1}
    assert house.rpcs() == {"BatchGetTopics": 1}


async def mutate(house: House, name: str, given: dict[str, Any], fields: str) -> Any:
    title = name[0].upper() + name[1:]
    query = f"mutation M($input: {title}Input!) {{ {name}(input: $input) {{ {fields} }} }}"
    return await house.ask(query, {"input": {"requestId": "request-1", **given}})


async def test_writes_say_what_was_given(automation: AutomationStandIn, house: House) -> None:
    answer = await mutate(
        house,
        "createAutomation",
        {
            "communityId": C1,
            "name": "Close old ones",
            "enabled": True,
            "spaceId": encode_id("Space", "c1", "sp1"),
            "trigger": "UNANSWERED",
            "threshold": 48,
            "withoutReplies": True,
            "action": "CLOSE",
            "closeReason": "RESOLVED",
            "reason": "Old",
        },
        "automation { name }",
    )
    assert answer["data"] == {"createAutomation": {"automation": {"name": "Close old ones"}}}
    answer = await mutate(
        house,
        "updateAutomation",
        {"automationId": A1, "enabled": False, "threshold": 9, "expectedVersion": 2},
        "automation { id enabled }",
    )
    assert answer["data"]["updateAutomation"]["automation"] == {"id": A1, "enabled": False}
    answer = await mutate(house, "deleteAutomation", {"automationId": A1}, "automationId")
    assert answer["data"] == {"deleteAutomation": {"automationId": A1}}
    assert automation.requests == [
        pb.CreateAutomationRequest(
            request_id="request-1",
            community_id="c1",
            name="Close old ones",
            enabled=True,
            space_id="sp1",
            trigger=pb.AUTOMATION_TRIGGER_UNANSWERED,
            threshold=48,
            without_replies=True,
            action=pb.AUTOMATION_ACTION_CLOSE,
            close_reason=forum_pb2.CLOSE_REASON_RESOLVED,
            reason="Old",
        ),
        pb.UpdateAutomationRequest(
            request_id="request-1",
            community_id="c1",
            automation_id="a1",
            enabled=False,
            threshold=9,
            expected_version=2,
        ),
        pb.DeleteAutomationRequest(request_id="request-1", community_id="c1", automation_id="a1"),
    ]


async def test_writes_say_where_to_and_for_how_long(
    automation: AutomationStandIn, house: House
) -> None:
    common: dict[str, Any] = {"communityId": C1, "name": "x", "trigger": "STALE", "threshold": 1}
    said: dict[str, Any] = {
        "request_id": "request-1",
        "community_id": "c1",
        "name": "x",
        "trigger": pb.AUTOMATION_TRIGGER_STALE,
        "threshold": 1,
    }
    there = encode_id("Space", "c1", "sp2")
    given: dict[str, Any]
    for given in ({"action": "MOVE", "targetSpaceId": there}, {"action": "PIN", "pinDays": 7}):
        answer = await mutate(house, "createAutomation", common | given, "automation { name }")
        assert "errors" not in answer
    for given in ({"targetSpaceId": there}, {"pinDays": 9}):
        changed = {"automationId": A1, **given}
        answer = await mutate(house, "updateAutomation", changed, "automation { id }")
        assert "errors" not in answer
    base: dict[str, Any] = {"request_id": "request-1", "community_id": "c1", "automation_id": "a1"}
    assert automation.requests == [
        pb.CreateAutomationRequest(**said, action=pb.AUTOMATION_ACTION_MOVE, target_space_id="sp2"),
        pb.CreateAutomationRequest(**said, action=pb.AUTOMATION_ACTION_PIN, pin_days=7),
        pb.UpdateAutomationRequest(**base, target_space_id="sp2"),
        pb.UpdateAutomationRequest(**base, pin_days=9),
    ]
    elsewhere: dict[str, Any] = {"targetSpaceId": encode_id("Space", "c2", "sp1")}
    for name, given in (
        ("createAutomation", {**common, "action": "MOVE", **elsewhere}),
        ("updateAutomation", {"automationId": A1, **elsewhere}),
    ):
        answer = await mutate(house, name, given, "automation { id }")
        assert answer["errors"][0]["extensions"] == {
            "code": "BAD_USER_INPUT",
            "field": "targetSpaceId",
        }
    assert automation.calls == {"CreateAutomation": 2, "UpdateAutomation": 2}


async def test_what_refuses(automation: AutomationStandIn, house: House) -> None:
    gone = {"automationId": encode_id("Automation", "c1", "gone")}
    answer = await mutate(house, "updateAutomation", gone, "automation { id }")
    assert answer["errors"][0]["extensions"] == {
        "code": "AUTOMATION_NOT_FOUND",
        "field": "automationId",
    }
    elsewhere = {
        "communityId": C1,
        "name": "x",
        "trigger": "STALE",
        "threshold": 1,
        "action": "BUMP",
        "spaceId": encode_id("Space", "c2", "sp1"),
    }
    answer = await mutate(house, "createAutomation", elsewhere, "automation { id }")
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "spaceId"}
    assert automation.calls == {"UpdateAutomation": 1}
    automation.failures["ListAutomations"] = RoleRequiredError("this needs the role MANAGER")
    answer = await house.ask(LIST, {"c": C1, "first": 2})
    assert answer["data"] == {"automations": None}
    assert answer["errors"][0]["extensions"] == {"code": "ROLE_REQUIRED"}
    automation.failures["ListAutomations"] = CommunityNotFoundError(field="community_id")
    answer = await house.ask(LIST, {"c": C1, "first": 2})
    assert answer["errors"][0]["extensions"] == {
        "code": "COMMUNITY_NOT_FOUND",
        "field": "communityId",
    }


SPACE = encode_id("Space", "c1", "sp1")
VITALITY = """query Vitality($id: ID!) { communityNode(id: $id) { ... on Space {
  name folded keptOpen vitality vitalityTime
  health { postCount answeredShare nonVendorShare firstReplySeconds computeTime
    latestDay { dayTime index vitality } }
  days(first: 2) { edges { cursor node { postCount index } } pageInfo { hasNextPage } } } } }"""


async def test_how_a_space_does(vitality: VitalityStandIn, house: House) -> None:
    answer = await house.ask(VITALITY, {"id": SPACE})
    assert "errors" not in answer
    found = answer["data"]["communityNode"]
    assert found == {
        "name": "General",
        "folded": False,
        "keptOpen": False,
        "vitality": None,
        "vitalityTime": None,
        "health": {
            "postCount": 7,
            "answeredShare": 0.0,
            "nonVendorShare": None,
            "firstReplySeconds": None,
            "computeTime": "2026-01-01T00:09:00.000Z",
            "latestDay": {
                "dayTime": "2026-01-04T00:00:00.000Z",
                "index": 0.75,
                "vitality": "WARMING",
            },
        },
        "days": found["days"],
    }
    assert [edge["node"]["postCount"] for edge in found["days"]["edges"]] == [3, 2]
    assert found["days"]["pageInfo"]["hasNextPage"]
    assert vitality.calls == {"BatchGetSpaceHealth": 1, "ListSpaceDays": 1}


async def test_how_spaces_do_is_one_call_and_not_for_everybody(
    vitality: VitalityStandIn, house: House
) -> None:
    vitality.failures["BatchGetSpaceHealth"] = RoleRequiredError("this needs the role MODERATOR")
    answer = await house.ask(VITALITY, {"id": SPACE})
    assert answer["data"]["communityNode"]["health"] is None
    assert answer["data"]["communityNode"]["name"] == "General"
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["ROLE_REQUIRED"]


async def test_a_space_is_kept_open(vitality: VitalityStandIn, house: House) -> None:
    given = {"spaceId": SPACE, "keepOpen": True, "expectedVersion": 3}
    answer = await mutate(house, "keepSpaceOpen", given, "space { id keptOpen }")
    assert answer["data"] == {"keepSpaceOpen": {"space": {"id": SPACE, "keptOpen": True}}}
    assert vitality.requests == [
        vitality_pb2.KeepSpaceOpenRequest(
            request_id="request-1",
            community_id="c1",
            space_id="sp1",
            keep_open=True,
            expected_version=3,
        )
    ]
