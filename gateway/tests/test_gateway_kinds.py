"""What kinds of topics take, and how spaces say so, in GraphQL beside stand-ins."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import FailedPreconditionError, FieldInvalidError, RoleRequiredError
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.curation_standin import CurationStandIn
from gateway.tests.standins import ForumStandIn, reply
from gateway.tests.test_gateway_quality import mutate
from guildhall.forum.v1 import curation_pb2, forum_pb2

T3, SPACE = encode_id("Topic", "c1", "t3"), encode_id("Space", "c1", "sp2")
WRITE: dict[str, Any] = {"request_id": "request-1", "community_id": "c1", "topic_id": "t3"}
DUE = "2027-03-01T12:00:00.000Z"


class NotAnIdeaError(FailedPreconditionError):
    """As the forum's."""


class NotAnArticleError(FailedPreconditionError):
    """As the forum's."""


async def test_what_becomes_of_an_idea_is_said(curation: CurationStandIn, house: House) -> None:
    given = {"topicId": T3, "ideaStatus": "PLANNED", "note": "In spring.", "expectedVersion": 3}
    fields = "topic { id kind ideaStatus ideaNote ideaStatusTime reviewDueTime }"
    answer = await mutate(house, "updateIdeaStatus", given, fields)
    assert answer["data"]["updateIdeaStatus"]["topic"] == {
        "id": T3,
        "kind": "IDEA",
        "ideaStatus": "PLANNED",
        "ideaNote": "In spring.",
        "ideaStatusTime": "2026-01-01T00:09:00.000Z",
        "reviewDueTime": None,
    }
    assert curation.requests == [
        curation_pb2.UpdateIdeaStatusRequest(
            **WRITE,
            idea_status=forum_pb2.IDEA_STATUS_PLANNED,
            note="In spring.",
            expected_version=3,
        )
    ]


async def test_an_article_is_reviewed(curation: CurationStandIn, house: House) -> None:
    given = {"topicId": T3, "reviewDueTime": DUE}
    fields = "topic { kind reviewTime reviewDueTime reviewExpired ideaStatus }"
    answer = await mutate(house, "reviewArticle", given, fields)
    assert answer["data"]["reviewArticle"]["topic"] == {
        "kind": "ARTICLE",
        "reviewTime": "2026-01-01T00:09:00.000Z",
        "reviewDueTime": DUE,
        "reviewExpired": False,
        "ideaStatus": None,
    }
    request = curation_pb2.ReviewArticleRequest(**WRITE)
    request.review_due_time.FromJsonString(DUE)
    assert curation.requests == [request]


@pytest.mark.parametrize("until", [None, DUE])
async def test_a_topic_is_pinned(
    curation: CurationStandIn, house: House, until: str | None
) -> None:
    given = {"topicId": T3, "reason": "new", "reasonCode": "OTHER"}
    if until:
        given["pinExpireTime"] = until
    answer = await mutate(house, "pinTopic", given, "topic { id pinTime pinExpireTime }")
    assert answer["data"]["pinTopic"]["topic"] == {
        "id": T3,
        "pinTime": "2026-01-01T00:09:00.000Z",
        "pinExpireTime": until,
    }
    request = curation_pb2.PinTopicRequest(
        **WRITE, reason="new", reason_code=forum_pb2.REASON_CODE_OTHER
    )
    if until:
        request.pin_expire_time.FromJsonString(until)
    assert curation.requests == [request]


@pytest.mark.parametrize(
    ("name", "given", "refusal", "told"),
    [
        (
            "updateIdeaStatus",
            {"ideaStatus": "NEW"},
            NotAnIdeaError(),
            {"code": "NOT_AN_IDEA"},
        ),
        ("pinTopic", {}, RoleRequiredError(), {"code": "ROLE_REQUIRED"}),
        (
            "reviewArticle",
            {"reviewDueTime": DUE},
            FieldInvalidError("review_due_time must lie ahead", field="review_due_time"),
            {"code": "FIELD_INVALID", "field": "reviewDueTime"},
        ),
        (
            "reviewArticle",
            {"reviewDueTime": DUE},
            NotAnArticleError(),
            {"code": "NOT_AN_ARTICLE"},
        ),
    ],
)
async def test_refusals_are_told(
    curation: CurationStandIn,
    house: House,
    name: str,
    given: dict[str, Any],
    refusal: Exception,
    told: dict[str, str],
) -> None:
    curation.failures[name[0].upper() + name[1:]] = refusal
    answer = await mutate(house, name, {"topicId": T3, **given}, "topic { id }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"] == told
    wrong = {"topicId": SPACE, **given}
    answer = await mutate(house, name, wrong, "topic { id }")
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "topicId"}
    assert len(curation.requests) == 1


async def test_a_topic_is_closed_for_the_spaces_own_reason(
    forum: ForumStandIn, house: House
) -> None:
    given = {"topicId": T3, "closeReason": "OTHER", "ownCloseReason": "Sold out", "reason": "all"}
    fields = "topic { state closeReason ownCloseReason stateReason }"
    answer = await mutate(house, "closeTopic", given, fields)
    assert answer["data"]["closeTopic"]["topic"] == {
        "state": "CLOSED",
        "closeReason": "OTHER",
        "ownCloseReason": "Sold out",
        "stateReason": "all",
    }
    assert forum.requests[0] == forum_pb2.CloseTopicRequest(
        **WRITE,
        close_reason=forum_pb2.CLOSE_REASON_OTHER,
        own_close_reason="Sold out",
        reason="all",
    )


SETTINGS = {
    "kinds": ["IDEA", "ARTICLE"],
    "templates": [{"kind": "IDEA", "body": "## What\n"}, {"kind": "ARTICLE", "body": "## How"}],
    "ownCloseReasons": ["Sold out"],
    "articleReviewDays": 30,
}
SHOWN = "space { id settings { kinds templates { kind body } ownCloseReasons articleReviewDays } }"


@pytest.mark.parametrize("name", ["createSpace", "updateSpace"])
async def test_a_space_has_templates_by_kind(forum: ForumStandIn, house: House, name: str) -> None:
    given: dict[str, Any] = {"spaceId": SPACE}
    if name == "createSpace":
        given = {"communityId": encode_id("Community", "c1", "c1"), "slug": "new", "name": "New"}
    answer = await mutate(house, name, {**given, "settings": SETTINGS}, SHOWN)
    told = answer["data"][name]["space"]
    assert told.pop("id")
    assert told == {"settings": SETTINGS}
    asked: Any = forum.requests[0]
    change = asked.settings
    assert [(one.kind, one.body) for one in change.templates] == [
        (forum_pb2.TOPIC_KIND_IDEA, "## What\n"),
        (forum_pb2.TOPIC_KIND_ARTICLE, "## How"),
    ]
    assert (change.update_templates, change.update_kinds, change.update_own_close_reasons) == (
        True,
        True,
        True,
    )
    answer = await mutate(house, name, {**given, "settings": {"templates": []}}, SHOWN)
    assert answer["data"][name]["space"]["settings"]["templates"] == []
    asked = forum.requests[-1]
    assert (asked.settings.update_templates, asked.settings.update_kinds) == (True, False)
    assert not asked.settings.HasField("article_review_days")


async def test_what_is_withheld_has_neither_text_nor_author(
    forum: ForumStandIn, house: House
) -> None:
    gone = forum_pb2.Reply(
        id="r1",
        community_id="c1",
        topic_id="t3",
        state=forum_pb2.REPLY_STATE_HIDDEN,
        child_count=1,
        withheld=True,
    )
    forum.listed_replies = {"": [gone, reply("r2", "t3")], "r1": [reply("r3", "t3")], "r2": []}
    query = """query($id: ID!) { topic(id: $id) { threads(first: 5) { edges { node {
      withheld state body bodyHtml childCount author { member { displayName } } parent { id }
      attachments { id } viewerVote children(first: 1) { edges { node { withheld } } } } } } } }"""
    answer = await house.ask(query, {"id": T3})
    assert "errors" not in answer
    first, second = [edge["node"] for edge in answer["data"]["topic"]["threads"]["edges"]]
    assert first == {
        "withheld": True,
        "state": "HIDDEN",
        "body": "",
        "bodyHtml": "",
        "childCount": 1,
        "author": None,
        "parent": None,
        "attachments": [],
        "viewerVote": None,
        "children": {"edges": [{"node": {"withheld": False}}]},
    }
    assert (second["withheld"], second["body"]) == (False, "answer")
