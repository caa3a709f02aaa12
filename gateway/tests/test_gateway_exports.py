"""Exports in GraphQL: lines of JSON, paged both ways, refused as the forum refuses."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest

from chassis.errors import RoleRequiredError
from gateway.cursors import decode_id, decode_reply_id, encode_id
from gateway.schema.exports import ExportRecordKind
from gateway.tests.conftest import House
from gateway.tests.exports_standin import RECORDS, ExportStandIn
from guildhall.forum.v1 import exports_pb2

COMMUNITY = encode_id("Community", "platform", "c1")
PERSON = encode_id("Person", "platform", "p1")
EXPORT = """query Export(
  $community: ID!, $person: ID, $first: Int, $after: String, $last: Int, $before: String
) {
  exportRecords(
    communityId: $community, personId: $person,
    first: $first, after: $after, last: $last, before: $before
  ) { edges { cursor node { kind line } } pageInfo { hasNextPage endCursor startCursor } }
}"""


async def lines(house: House, **variables: Any) -> list[dict[str, Any]]:
    answer = await house.ask(EXPORT, {"community": COMMUNITY, **variables})
    assert "errors" not in answer
    return [
        {"kind": edge["node"]["kind"], **orjson.loads(edge["node"]["line"])}
        for edge in answer["data"]["exportRecords"]["edges"]
    ]


async def test_records_are_lines_of_json(house: House) -> None:
    space, topic, reply, revision = (await lines(house, first=10))[:4]
    assert (space["kind"], space["record"], space["slug"]) == ("SPACE", "space", "general")
    assert space["createTime"] == "2026-01-01T00:01:00Z"
    assert {"version", "readKeys"} & space.keys() == set()
    assert (topic["title"], topic["body"]) == ("Zoë's \u2028 radio", 'One\n"two"')
    assert topic["author"] == {"personId": "p1", "companyId": "co1"}
    assert topic["state"] == "TOPIC_STATE_HIDDEN"
    assert decode_id(topic["globalId"], "id", "Topic").id == topic["id"] == "t1"
    assert decode_reply_id(reply["globalId"], "id").topic_id == "t1"
    assert topic["quotes"] == [
        {
            "source": {"topicId": "t0", "replyId": "r0"},
            "text": "Well?",
            "author": {"personId": "p2"},
        }
    ]
    assert "quotes" not in reply
    assert reply["author"]["persona"]["displayName"] == "Jo"
    assert (revision["record"], revision["postId"], revision["authorId"]) == (
        "revision",
        "t1",
        "p1",
    )


async def test_what_is_beside_posts_is_lines_as_well(house: House) -> None:
    poll, attachment, announcement, vote, draft, edit = (await lines(house, first=10))[4:]
    assert (poll["kind"], poll["record"], poll["topicId"]) == ("POLL", "poll", "t1")
    assert poll["options"] == [{"text": "Yes", "count": 0}, {"text": "No"}]  # 0 is a result
    assert attachment["posts"] == [{"topicId": "t1", "replyId": "r1"}]
    assert (attachment["size"], attachment["globalId"]) == (
        70,
        encode_id("Attachment", "c1", "a1"),
    )
    assert announcement["globalId"] == encode_id("Announcement", "c1", "n1")
    assert announcement["audienceRule"] == {"tiers": ["gold"]}
    assert (vote["post"], vote["value"]) == ({"topicId": "t1"}, "VOTE_VALUE_UP")
    assert (draft["body"], "version" in draft, "globalId" in draft) == ("Dear all", False, False)
    assert edit == {
        "kind": "HELD_EDIT", "record": "held_edit", "topicId": "t1", "communityId": "c1",
        "state": "HELD_EDIT_STATE_PENDING_REVIEW", "body": "Three", "tags": ["a"],
        "editorId": "p1",
    }  # fmt: skip


def test_the_schema_has_every_kind_of_record() -> None:
    kinds = exports_pb2.ExportRecord.DESCRIPTOR.oneofs_by_name["record"].fields
    assert [one.value for one in ExportRecordKind] == [field.name for field in kinds]


async def test_a_line_has_no_line_in_it(house: House) -> None:
    answer = await house.ask(EXPORT, {"community": COMMUNITY, "first": 10})
    for edge in answer["data"]["exportRecords"]["edges"]:
        assert "\n" not in edge["node"]["line"]


async def test_pages_go_on_both_ways(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    whole = await lines(house, first=100)
    assert len(whole) == len(RECORDS)
    for way, place, end in (("first", "after", "endCursor"), ("last", "before", "startCursor")):
        found: list[dict[str, Any]] = []
        cursor = None
        for _ in RECORDS:
            variables = {"community": COMMUNITY, way: 1, place: cursor}
            answer = await house.ask(EXPORT, variables)
            page = answer["data"]["exportRecords"]
            (edge,) = page["edges"]
            row = {"kind": edge["node"]["kind"], **orjson.loads(edge["node"]["line"])}
            found = [*found, row] if way == "first" else [row, *found]
            cursor = page["pageInfo"][end]
        assert found == whole
    assert caplog.records == []


async def test_the_forum_is_asked_for_whom_one_asked(house: House, exports: ExportStandIn) -> None:
    await lines(house, first=2, person=PERSON)
    request: Any = exports.requests[-1]
    assert (request.community_id, request.person_id, request.page_size) == ("c1", "p1", 2)


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "first"),
        ({"first": 101}, "first"),
        ({"first": 1, "person": "x"}, "personId"),
        ({"first": 1, "person": encode_id("Member", "c2", "p1")}, "personId"),
        ({"first": 1, "community": "x"}, "communityId"),
        ({"first": 1, "after": "x"}, "after"),
    ],
)
async def test_what_is_wrong_is_named(
    house: House, exports: ExportStandIn, variables: dict[str, Any], field: str
) -> None:
    answer = await house.ask(EXPORT, {"community": COMMUNITY, **variables})
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", field)
    assert exports.requests == []


async def test_a_refusal_is_told(house: House, exports: ExportStandIn) -> None:
    exports.failure = RoleRequiredError("this needs the role MANAGER")
    answer = await house.ask(EXPORT, {"community": COMMUNITY, "first": 1})
    assert answer["data"] == {"exportRecords": None}
    assert answer["errors"][0]["extensions"]["code"] == "ROLE_REQUIRED"


async def test_nobody_gets_nothing(house: House, exports: ExportStandIn) -> None:
    answer = await house.ask(EXPORT, {"community": COMMUNITY, "first": 1}, token=None)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert exports.requests == []
