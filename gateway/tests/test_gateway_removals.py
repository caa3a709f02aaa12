"""Why posts are out of sight in GraphQL, beside stand-ins."""

from __future__ import annotations

import pytest

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.standins import ForumStandIn
from guildhall.forum.v1 import forum_pb2

ROOT = "query($id: ID!) { removal(postId: $id) { reasonCode reason time } }"
TOPIC = "query($id: ID!) { topic(id: $id) { state removal { reasonCode reason } } }"


@pytest.mark.parametrize(
    ("kind", "id_", "asked"),
    [
        ("Topic", "t4", forum_pb2.BatchGetRemovalsRequest(community_id="c1", topic_ids=["t4"])),
        ("Reply", "t4.r4", forum_pb2.BatchGetRemovalsRequest(community_id="c1", reply_ids=["r4"])),
    ],
)
async def test_of_a_post_that_one_cannot_read_any_more(
    house: House,
    forum: ForumStandIn,
    kind: str,
    id_: str,
    asked: forum_pb2.BatchGetRemovalsRequest,
) -> None:
    answer = await house.ask(ROOT, {"id": encode_id(kind, "c1", id_)})
    assert "errors" not in answer
    removal = answer["data"]["removal"]
    assert (removal["reasonCode"], removal["reason"]) == ("SPAM", None)
    assert removal["time"]
    assert forum.requests[-1] == asked


async def test_of_a_post_in_sight_there_is_none_and_nobody_is_asked(
    house: House, forum: ForumStandIn
) -> None:
    answer = await house.ask(ROOT, {"id": encode_id("Topic", "c1", "t3")})
    assert answer["data"] == {"removal": None}
    answer = await house.ask(TOPIC, {"id": encode_id("Topic", "c1", "t4")})
    assert answer["data"]["topic"]["removal"] is None
    assert forum.calls["BatchGetRemovals"] == 1


async def test_of_what_is_no_post_nobody_is_asked(house: House, forum: ForumStandIn) -> None:
    (error,) = (await house.ask(ROOT, {"id": encode_id("Space", "c1", "s1")}))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == (
        "BAD_USER_INPUT",
        "postId",
    )
    assert forum.calls["BatchGetRemovals"] == 0
