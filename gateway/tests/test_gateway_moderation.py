"""Moderation over real gRPC: the queue with its posts, the rules, and what refuses."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import (
    AlreadyExistsError,
    CommunityNotFoundError,
    FieldInvalidError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    RoleRequiredError,
    UnavailableError,
)
from chassis.testing import Loopback
from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.conftest import House
from gateway.tests.moderation_standin import (
    CaseDecidedError,
    ModerationStandIn,
    add_moderation,
    case,
    flag,
)
from gateway.tests.staff_standins import WalledForum
from gateway.tests.standins import time
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import moderation_pb2 as pb


class PostFlaggedError(AlreadyExistsError):
    """As moderation's."""


class PostFlaggedLatelyError(ResourceExhaustedError):
    """As moderation's."""


class OwnPostError(PermissionDeniedError):
    """As moderation's."""


class TopicNotFoundError(NotFoundError):
    """As moderation's."""


class ReplyNotFoundError(NotFoundError):
    """As moderation's."""


C1 = encode_id("Community", "c1", "c1")
K1 = encode_id("Case", "c1", "k1")

QUEUE = """query Queue($c: ID!, $state: CaseState) {
  moderationCases(communityId: $c, first: 20, state: $state) {
    edges { cursor node { id state cause reason openTime decideTime version
      post { __typename ... on Topic { id title author { company { name } } }
        ... on Reply { id body } }
      author { displayName } decider { displayName } rules { id pattern } community { slug } } }
  }
}"""
RULES = """query Rules($c: ID!, $first: Int!, $after: String) {
  moderationRules(communityId: $c, first: $first, after: $after) {
    edges { cursor node { id pattern } } pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
def forum() -> WalledForum:
    return WalledForum()  # type: ignore[abstract]


@pytest_asyncio.fixture
async def moderation(loopback: Loopback) -> ModerationStandIn:
    standin = ModerationStandIn()  # type: ignore[abstract]
    await loopback.serve("moderation", add_moderation(standin))
    return standin


def rule_id(number: int) -> str:
    return encode_id("Rule", "c1", f"r{number}")


async def test_queue_shows_posts_people_and_rules_by_one_rpc_each(
    moderation: ModerationStandIn, house: House
) -> None:
    answer = await house.ask(QUEUE, {"c": C1})
    assert "errors" not in answer
    first, second = [edge["node"] for edge in answer["data"]["moderationCases"]["edges"]]
    assert first == {
        "id": K1,
        "state": "OPEN",
        "cause": "RULE",
        "reason": None,
        "openTime": "2026-01-01T00:01:00.000Z",
        "decideTime": None,
        "version": 1,
        "post": {
            "__typename": "Topic",
            "id": encode_id("Topic", "c1", "t1"),
            "title": "Topic 1",
            "author": {"company": {"name": "Company co2"}},
        },
        "author": {"displayName": "Person p2"},
        "decider": None,
        "rules": [{"id": rule_id(1), "pattern": "word1"}, {"id": rule_id(3), "pattern": "word3"}],
        "community": {"slug": "aurora"},
    }
    assert second["post"] == {
        "__typename": "Reply",
        "id": encode_reply_id("c1", "t4", "r4"),
        "body": "answer",
    }
    assert second["author"] is None
    assert moderation.calls == {"ListCases": 1, "ListRules": 2}  # five rules, three a page
    assert house.rpcs() == {
        "BatchGetPosts": 1,
        "BatchGetMembers": 1,
        "BatchGetCompanies": 1,
        "BatchGetCommunities": 1,
    }
    request: Any = moderation.requests[0]
    assert request == pb.ListCasesRequest(community_id="c1", state=pb.CASE_STATE_OPEN, page_size=20)


async def test_decided_cases_tell_who_decided_and_why(
    moderation: ModerationStandIn, house: House
) -> None:
    moderation.cases = [
        case(
            "k3",
            state=pb.CASE_STATE_REJECTED,
            decide_time=time(9),
            decider_id="p1",
            reason="an advertisement",
        ),
        case("k4", state=pb.CASE_STATE_REJECTED, decide_time=time(8), decider_id="service:forum"),
    ]
    answer = await house.ask(QUEUE, {"c": C1, "state": "REJECTED"})
    assert "errors" not in answer
    first, second = [edge["node"] for edge in answer["data"]["moderationCases"]["edges"]]
    assert (first["state"], first["reason"]) == ("REJECTED", "an advertisement")
    assert first["decider"] == {"displayName": "Person p1"}
    assert second["decider"] is None
    request: Any = moderation.requests[0]
    assert request.state == pb.CASE_STATE_REJECTED


async def test_a_post_that_its_owner_does_not_show_is_null(
    moderation: ModerationStandIn, house: House, forum: WalledForum
) -> None:
    forum.hidden = {"t1"}
    house.directory.failures["BatchGetMembers"] = UnavailableError("down")
    answer = await house.ask(QUEUE, {"c": C1})
    first, second = [edge["node"] for edge in answer["data"]["moderationCases"]["edges"]]
    assert (first["post"], first["author"]) == (None, None)
    assert second["post"]["body"] == "answer"
    assert [error["path"][-1] for error in answer["errors"]] == ["author"]


async def test_cases_are_found_below_a_community_too(
    moderation: ModerationStandIn, house: House
) -> None:
    query = """query q { community(slug: "aurora") { name
      moderationCases(first: 5) { edges { node { id post { ... on Topic { title } } } } }
      moderationRules(first: 2) { edges { node { pattern } } } } }"""
    answer = await house.ask(query)
    assert "errors" not in answer
    community = answer["data"]["community"]
    assert [edge["node"]["id"] for edge in community["moderationCases"]["edges"]] == [
        K1,
        encode_id("Case", "c1", "k2"),
    ]
    assert community["moderationCases"]["edges"][0]["node"]["post"] == {"title": "Topic 1"}
    assert len(community["moderationRules"]["edges"]) == 2
    moderation.failures["ListCases"] = RoleRequiredError("this needs the role MODERATOR")
    answer = await house.ask(query)
    assert answer["data"]["community"]["name"] == "Aurora"
    assert answer["data"]["community"]["moderationCases"] is None
    assert answer["errors"][0]["extensions"] == {"code": "ROLE_REQUIRED"}


async def test_one_case_is_found_or_null(moderation: ModerationStandIn, house: House) -> None:
    query = """query q($id: ID!) { moderationCase(id: $id) { id post { __typename } }
      communityNode(id: $id) { id ... on Case { state } } }"""
    answer = await house.ask(query, {"id": K1})
    assert answer["data"] == {
        "moderationCase": {"id": K1, "post": {"__typename": "Topic"}},
        "communityNode": {"id": K1, "state": "OPEN"},
    }
    for missing in (encode_id("Case", "c1", "k99"), encode_id("Case", "c9", "k1")):
        answer = await house.ask(query, {"id": missing})
        assert answer["data"] == {"moderationCase": None, "communityNode": None}
        assert "errors" not in answer
    answer = await house.ask(query, {"id": C1})
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "id"}


async def test_a_foreign_community_is_answered_as_none(
    moderation: ModerationStandIn, house: House
) -> None:
    moderation.failures["ListCases"] = CommunityNotFoundError(field="community_id")
    answer = await house.ask(QUEUE, {"c": encode_id("Community", "c9", "c9")})
    assert answer["data"] == {"moderationCases": None}
    assert answer["errors"][0]["extensions"] == {
        "code": "COMMUNITY_NOT_FOUND",
        "field": "communityId",
    }


@pytest.mark.parametrize("size", [1, 2, 3, 10])
async def test_every_rule_is_seen_once_whatever_the_page(
    moderation: ModerationStandIn, house: House, size: int
) -> None:
    seen = []
    after = None
    while True:
        answer = await house.ask(RULES, {"c": C1, "first": size, "after": after})
        page = answer["data"]["moderationRules"]
        seen += [edge["node"]["pattern"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [f"word{number}" for number in range(1, 6)]


async def test_a_cursor_within_a_page_of_rules_continues_there(
    moderation: ModerationStandIn, house: House
) -> None:
    page = (await house.ask(RULES, {"c": C1, "first": 3}))["data"]["moderationRules"]
    for index, edge in enumerate(page["edges"]):
        answer = await house.ask(RULES, {"c": C1, "first": 1, "after": edge["cursor"]})
        [following] = answer["data"]["moderationRules"]["edges"]
        assert following["node"]["pattern"] == f"word{index + 2}"


async def test_rules_are_created_changed_and_deleted(
    moderation: ModerationStandIn, house: House
) -> None:
    create = """mutation m($input: CreateRuleInput!) { createRule(input: $input) {
      rule { id kind patternKind pattern replacement message enabled version } } }"""
    given = {
        "requestId": "request-1",
        "communityId": C1,
        "kind": "BLOCK",
        "patternKind": "REGEX",
        "pattern": "[0-9]{16}",
        "message": "This looks like a card number.",
    }
    answer = await house.ask(create, {"input": given})
    assert answer["data"]["createRule"]["rule"] == {
        "id": rule_id(9),
        "kind": "HOLD",
        "patternKind": "WORD",
        "pattern": "word9",
        "replacement": None,
        "message": "This looks like a card number.",
        "enabled": True,
        "version": 9,
    }
    assert moderation.requests[-1] == pb.CreateRuleRequest(
        request_id="request-1",
        community_id="c1",
        kind=pb.RULE_KIND_BLOCK,
        pattern_kind=pb.PATTERN_KIND_REGEX,
        pattern="[0-9]{16}",
        message="This looks like a card number.",
    )
    update = """mutation m($input: UpdateRuleInput!) { updateRule(input: $input) {
      rule { id } } }"""
    change = {"requestId": "request-2", "ruleId": rule_id(2), "enabled": False}
    answer = await house.ask(update, {"input": change})
    assert answer["data"] == {"updateRule": {"rule": {"id": rule_id(2)}}}
    assert moderation.requests[-1] == pb.UpdateRuleRequest(
        request_id="request-2", community_id="c1", rule_id="r2", enabled=False
    )
    delete = "mutation m($input: DeleteRuleInput!) { deleteRule(input: $input) { ruleId } }"
    given = {"requestId": "request-3", "ruleId": rule_id(2)}
    answer = await house.ask(delete, {"input": given})
    assert answer["data"] == {"deleteRule": {"ruleId": rule_id(2)}}
    assert moderation.requests[-1] == pb.DeleteRuleRequest(
        request_id="request-3", community_id="c1", rule_id="r2"
    )


async def test_a_case_is_decided_and_shown_with_its_post(
    moderation: ModerationStandIn, house: House
) -> None:
    decide = """mutation m($input: DecideCaseInput!) { decideCase(input: $input) {
      case { id state reason reasonCode decider { displayName }
        post { ... on Topic { title } } } } }"""
    given = {"requestId": "request-1", "caseId": K1, "outcome": "REJECT", "reason": "spam"}
    answer = await house.ask(decide, {"input": given})
    assert answer["data"]["decideCase"]["case"] == {
        "id": K1,
        "state": "REJECTED",
        "reason": "spam",
        "reasonCode": None,
        "decider": {"displayName": "Person p1"},
        "post": {"title": "Topic 1"},
    }
    assert moderation.requests[-1] == pb.DecideCaseRequest(
        request_id="request-1",
        community_id="c1",
        case_id="k1",
        outcome=pb.OUTCOME_REJECT,
        reason="spam",
    )
    assert moderation.actors[-1].person_id == "p1"  # type: ignore[union-attr]
    coded = {**given, "requestId": "request-2", "reasonCode": "RULE_BREAKING"}
    answer = await house.ask(decide, {"input": coded})
    assert answer["data"]["decideCase"]["case"]["reasonCode"] == "RULE_BREAKING"
    request: Any = moderation.requests[-1]
    assert request.reason_code == forum_pb2.REASON_CODE_RULE_BREAKING
    moderation.failures["DecideCase"] = CaseDecidedError("the case is REJECTED", field="case_id")
    answer = await house.ask(decide, {"input": given})
    assert answer["errors"][0]["extensions"] == {"code": "CASE_DECIDED", "field": "caseId"}
    for change, field in (({"caseId": C1}, "caseId"), ({"caseId": "x"}, "caseId")):
        answer = await house.ask(decide, {"input": given | change})
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": field}
    assert moderation.calls["DecideCase"] == 3


async def test_the_queue_says_which_automations_ask(
    moderation: ModerationStandIn, house: House
) -> None:
    asked = [
        pb.Escalation(automation_id="a1", automation_name="Wake up", reason="Quiet", time=time(1)),
        pb.Escalation(automation_id="a2", automation_name="Reported", time=time(2)),
    ]
    moderation.cases = [case("k1", cause=pb.CASE_CAUSE_ESCALATED, escalations=asked)]
    text = """query($community: ID!) { moderationCases(communityId: $community, first: 9) { edges {
      node { cause escalations { automationName reason time } } } } }"""
    answer = await house.ask(text, {"community": encode_id("Community", "c1", "c1")})
    assert "errors" not in answer
    (edge,) = answer["data"]["moderationCases"]["edges"]
    assert edge["node"] == {
        "cause": "ESCALATED",
        "escalations": [
            {"automationName": "Wake up", "reason": "Quiet", "time": "2026-01-01T00:01:00.000Z"},
            {"automationName": "Reported", "reason": None, "time": "2026-01-01T00:02:00.000Z"},
        ],
    }


FLAGGED = """query Flagged($id: ID!, $after: String) { moderationCase(id: $id) {
  cause flagCount flagReasons { reason count }
  flags(first: 2, after: $after) { edges { cursor node {
    id reasons text state createTime settleTime member { displayName } } }
    pageInfo { hasNextPage endCursor } } } }"""


async def test_moderators_see_who_flagged_a_post_and_why(
    moderation: ModerationStandIn, house: House
) -> None:
    reasons = [pb.FlagReasonCount(reason=pb.FLAG_REASON_SPAM, count=3)]
    moderation.cases = [case("k1", cause=pb.CASE_CAUSE_FLAG, flag_count=3, flag_reasons=reasons)]
    settled: dict[str, Any] = {"state": pb.FLAG_STATE_AGREED, "settle_time": time(9)}
    moderation.flags[1] = flag(2, text="Look at it", **settled)
    answer = await house.ask(FLAGGED, {"id": K1})
    assert "errors" not in answer
    found = answer["data"]["moderationCase"]
    assert (found["cause"], found["flagCount"]) == ("FLAG", 3)
    assert found["flagReasons"] == [{"reason": "SPAM", "count": 3}]
    assert [edge["node"] for edge in found["flags"]["edges"]] == [
        {
            "id": encode_id("Flag", "c1", "f1"),
            "reasons": ["SPAM", "MISLEADING"],
            "text": None,
            "state": "OPEN",
            "createTime": "2026-01-01T00:01:00.000Z",
            "settleTime": None,
            "member": {"displayName": "Person p1"},
        },
        {
            "id": encode_id("Flag", "c1", "f2"),
            "reasons": ["SPAM", "MISLEADING"],
            "text": "Look at it",
            "state": "AGREED",
            "createTime": "2026-01-01T00:02:00.000Z",
            "settleTime": "2026-01-01T00:09:00.000Z",
            "member": {"displayName": "Person p2"},
        },
    ]
    after = found["flags"]["pageInfo"]["endCursor"]
    answer = await house.ask(FLAGGED, {"id": K1, "after": after})
    page = answer["data"]["moderationCase"]["flags"]
    assert [edge["node"]["id"] for edge in page["edges"]] == [encode_id("Flag", "c1", "f3")]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_who_wrote_the_post_is_not_told_who_flagged_it(
    moderation: ModerationStandIn, house: House
) -> None:
    moderation.failures["ListFlags"] = OwnPostError()
    answer = await house.ask(FLAGGED, {"id": K1})
    assert answer["data"]["moderationCase"]["flags"] is None
    assert [one["extensions"] for one in answer["errors"]] == [{"code": "OWN_POST"}]


FLAG = """mutation Flag($input: FlagPostInput!) { flagPost(input: $input) {
  flag { id reasons text state member { displayName } } } }"""


@pytest.mark.parametrize(
    ("post_id", "reply_id"),
    [(encode_id("Topic", "c1", "t4"), ""), (encode_reply_id("c1", "t4", "r4"), "r4")],
)
async def test_a_post_is_flagged(
    moderation: ModerationStandIn, house: House, post_id: str, reply_id: str
) -> None:
    given = {"requestId": "request-1", "postId": post_id, "reasons": ["SPAM", "ABUSE"]}
    answer = await house.ask(FLAG, {"input": {**given, "text": "See above"}})
    assert "errors" not in answer
    assert answer["data"]["flagPost"]["flag"] == {
        "id": encode_id("Flag", "c1", "f1"),
        "reasons": ["SPAM", "MISLEADING"],
        "text": "See above",
        "state": "OPEN",
        "member": {"displayName": "Person p1"},
    }
    assert moderation.requests == [
        pb.FlagPostRequest(
            request_id="request-1",
            community_id="c1",
            topic_id="t4",
            reply_id=reply_id,
            reasons=[pb.FLAG_REASON_SPAM, pb.FLAG_REASON_ABUSE],
            text="See above",
        )
    ]
    for refusal, extensions in (
        (PostFlaggedError(), {"code": "POST_FLAGGED"}),
        (
            PostFlaggedLatelyError(retry_after=60),
            {"code": "POST_FLAGGED_LATELY", "retryAfter": 60},
        ),
        (TopicNotFoundError(field="topic_id"), {"code": "POST_NOT_FOUND", "field": "postId"}),
        (ReplyNotFoundError(field="reply_id"), {"code": "POST_NOT_FOUND", "field": "postId"}),
        (FieldInvalidError(field="reasons"), {"code": "FIELD_INVALID", "field": "reasons"}),
    ):
        moderation.failures["FlagPost"] = refusal
        answer = await house.ask(FLAG, {"input": given})
        assert answer["errors"][0]["extensions"] == extensions
    for change in ({"postId": K1}, {"postId": "x"}):
        answer = await house.ask(FLAG, {"input": given | change})
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "postId"}


async def test_what_one_has_flagged_is_one_rpc_a_level(
    moderation: ModerationStandIn, house: House
) -> None:
    moderation.flags = [flag(1, "t43")]
    query = """query List($c: ID!) { topics(communityId: $c, first: 20) { edges { node {
      title viewerHasFlagged acceptedReply { viewerHasFlagged } } } } }"""
    answer = await house.ask(query, {"c": C1})
    assert "errors" not in answer
    nodes = [edge["node"] for edge in answer["data"]["topics"]["edges"]]
    flagged = [node["title"] for node in nodes if node["viewerHasFlagged"]]
    assert flagged == ["Topic 43"]
    assert {node["viewerHasFlagged"] for node in nodes} == {True, False}
    replies = [node["acceptedReply"] for node in nodes if node["acceptedReply"]]
    assert replies
    assert not any(one["viewerHasFlagged"] for one in replies)
    assert moderation.calls == {"BatchGetOpenFlags": 2}
    moderation.calls.clear()
    await house.ask(
        "query q($c: ID!) { topics(communityId: $c, first: 2) { totalCount } }", {"c": C1}
    )
    assert moderation.calls == {}
    moderation.failures["BatchGetOpenFlags"] = UnavailableError("down")
    answer = await house.ask(query, {"c": C1})
    nodes = [edge["node"] for edge in answer["data"]["topics"]["edges"]]
    assert {(bool(node["title"]), node["viewerHasFlagged"]) for node in nodes} == {(True, None)}
